"""People and what they may do."""

from datetime import datetime
from typing import Literal, NamedTuple, get_args

from skyledger.iagos.metadata.sql import naive, statement
from skyledger.warehouse import Session

Role = Literal["reader", "operator", "PI", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


class Person(NamedTuple):
    """Somebody who has a role."""

    login: str
    name: str
    email: str  # may be empty


def has_role(session: Session, login: str, role: Role, instrument_type: str, at: datetime) -> bool:
    """Whether a person had a role for an instrument type (or for all of them) at a time."""
    return any(person.login == login for person in people_with_role(session, role, instrument_type, at))


def people_with_role(session: Session, role: Role, instrument_type: str, at: datetime) -> list[Person]:
    """Who had a role for an instrument type (or for all of them) at a time, by login."""
    rows = session.query(
        statement("people_with_role"),
        {"role_name": role, "instrument_type": instrument_type, "at": naive(at)},
    )
    return [Person(*row) for row in rows]
