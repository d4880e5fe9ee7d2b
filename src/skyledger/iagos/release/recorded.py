"""Decisions as the database has them: each stays as it was taken."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from skyledger.iagos.flight import Key
from skyledger.iagos.metadata.calibrations import Choice
from skyledger.iagos.names import Level
from skyledger.iagos.release.sql import statement
from skyledger.warehouse import Session

Action = Literal["release", "rerun", "edit_flags", "reject", "defer", "withdraw"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class Recorded(NamedTuple):
    """A decision as the database has it."""

    decision_id: int
    level: Level
    action: Action
    person: str
    role: str
    at: datetime  # UTC
    comment: str
    digest: str | None
    variables: tuple[str, ...] | None
    quality: str | None  # file of include/config/iagos/quality, chosen for the flight file
    calibrations: Choice | None  # the same
    agrees_with: int | None
    complete: bool  # False: the first of two people
    current: bool  # nothing has happened to the file since


def decisions(session: Session, key: Key, level: Level | None = None) -> list[Recorded]:
    """What was decided about a file, in that order."""
    rows = session.query(statement("decisions"), {**key._asdict(), "level_name": level and str(level)})
    return [
        Recorded(
            int(number),
            Level(found),
            action,
            person,
            role,
            at.replace(tzinfo=UTC),
            comment,
            digest,
            tuple(variables.split(",")) if variables else None,
            quality,
            calibrations,
            agrees_with,
            bool(complete),
            bool(current),
        )
        for number, found, action, person, role, at, comment, digest, *rest in rows
        for variables, quality, calibrations, agrees_with, complete, current in [rest]
    ]
