"""When components were on board."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from skyledger.iagos.metadata.sql import OPEN, aware, known, naive, statement
from skyledger.warehouse import Session


@dataclass(frozen=True, slots=True)
class Service:
    """A time during which a component was on board (or in place): half open, from included."""

    deployment: str  # internal number
    begin: datetime  # UTC
    end: datetime | None  # UTC; None: goes on


@dataclass(frozen=True, slots=True)
class BoardService(Service):
    """A service with what was deployed, and where."""

    deployment_id: int
    unit_type: str  # of the deployed component
    aircraft_id: int | None  # None: on the ground


class Unit(NamedTuple):
    """A deployed component."""

    deployment: str  # internal number
    component_id: int
    serial: str


def services(session: Session, component_id: int, as_of: datetime | None = None) -> list[BoardService]:
    """When a component served, by itself or inside others, as it was known at `as_of`; by time."""
    rows = session.query(statement("services"), {"component_id": component_id, "as_of": known(as_of)})
    return [
        BoardService(name, aware(begin), None if end >= OPEN else aware(end), number, unit_type, aircraft)
        for number, name, unit_type, aircraft, begin, end in rows
    ]


def units_on_board(
    session: Session, aircraft_id: int, unit_type: str, at: datetime, as_of: datetime | None = None
) -> list[Unit]:
    """Components of a type that were deployed on an aircraft at a time, as it was known at `as_of`."""
    rows = session.query(
        statement("units_on_board"),
        {"aircraft_id": aircraft_id, "unit_type": unit_type, "at": naive(at), "as_of": known(as_of)},
    )
    return [Unit(*row) for row in rows]
