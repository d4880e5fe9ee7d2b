"""Flights of equipped aircraft."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from skyledger.errors import PermanentError
from skyledger.iagos.flight import Stop
from skyledger.iagos.metadata.sql import aware, naive, statement
from skyledger.iagos.names import parse_flight_id
from skyledger.warehouse import Session

Noted = Literal["new", "unchanged", "changed"]


@dataclass(frozen=True, slots=True)
class Flight:
    """One take-off to landing of one aircraft."""

    flight_id: str
    aircraft: str  # two digits, as in the flight identifier
    registration: str  # when the flight was noted: it may change later, the serial number does not
    departure: Stop
    arrival: Stop
    airline: str = ""
    aircraft_type: str = ""
    serial: str = ""  # of the aircraft
    flight_no: str = ""
    aircraft_id: int = 0  # 0: not from the database


def flight(session: Session, flight_id: str) -> Flight:
    """A flight that was noted. Raises PermanentError when it was not."""
    found = _find(session, flight_id)
    if not found:
        raise PermanentError(f"flight {flight_id} is not known: import its row of table flight")
    return found


def note_flight(
    session: Session,
    flight_id: str,
    *,
    departure: Stop,
    arrival: Stop,
    flight_no: str | None = None,
    actor: str,
) -> Noted:
    """Make a flight known, or bring it to what is said now, in the caller's transaction.

    Raises FormatError for a wrong identifier, PermanentError for an aircraft that is not known or did not take part at
    that time, for a landing before take-off and for a flight during another one of the same aircraft.
    """
    aircraft = parse_flight_id(flight_id).aircraft
    rows = session.query(statement("lock_aircraft"), {"internal_no": aircraft})
    if not rows:
        raise PermanentError(
            f"flight {flight_id}: aircraft {aircraft} is not known; import its row of table aircraft"
            f" (internal_no {aircraft})"
        )
    aircraft_id, registration, active_from, active_to = rows[0]
    before = _find(session, flight_id)
    values = {
        "flight_id": flight_id,
        "aircraft_id": aircraft_id,
        "registration_code": registration,
        **_stops(departure, arrival),
        "flight_no": (before.flight_no if before else "") if flight_no is None else flight_no,
        "now": naive(datetime.now(UTC)),
        "actor": actor,
    }
    if before:
        old = {**_stops(before.departure, before.arrival), "flight_no": before.flight_no}
        changed = [name for name, value in old.items() if values[name] != value]
        if not changed:
            return "unchanged"
    begin, end = values["departure_at"], values["arrival_at"]
    if not active_from <= begin < end <= active_to:
        raise PermanentError(
            f"flight {flight_id}: {begin} to {end}; expected a landing after take-off,"
            f" both while aircraft {aircraft} takes part ({active_from} to {active_to}, table aircraft)"
        )
    if others := session.query(statement("flights_at_once"), values):
        raise PermanentError(
            f"flight {flight_id}: {begin} to {end}; aircraft {aircraft} is on flight {others[0][0]}"
            f" from {others[0][1]} to {others[0][2]}: correct one of the two in table flight"
        )
    if not before:
        session.execute(statement("add_flight"), values)
        return "new"
    session.execute(statement("change_flight"), values)
    note_change(
        session,
        "flight",
        flight_id,
        {name: old[name] for name in changed},
        {name: values[name] for name in changed},
        actor,
    )
    return "changed"


def note_change(
    session: Session, table: str, row_key: str, old: dict[str, Any], new: dict[str, Any], actor: str
) -> None:
    """Keep who changed what in a table without a history of its own."""
    session.execute(
        statement("note_change"),
        {
            "table_name": table,
            "row_key": row_key,
            "old": json.dumps(old, default=str),
            "new": json.dumps(new, default=str),
            "now": naive(datetime.now(UTC)),
            "actor": actor,
        },
    )


def _stops(departure: Stop, arrival: Stop) -> dict[str, Any]:
    """As the database holds them, to the second."""
    return {
        "departure_airport": departure.airport,
        "departure_at": naive(departure.time).replace(microsecond=0),
        "arrival_airport": arrival.airport,
        "arrival_at": naive(arrival.time).replace(microsecond=0),
    }


def _find(session: Session, flight_id: str) -> Flight | None:
    rows = session.query(statement("flight"), {"flight_id": flight_id})
    if not rows:
        return None
    aircraft_id, aircraft, registration, origin, off, target, on, airline, kind, serial, flight_no = rows[0]
    return Flight(
        flight_id,
        aircraft,
        registration,
        Stop(origin, aware(off)),
        Stop(target, aware(on)),
        airline,
        kind,
        serial,
        flight_no,
        aircraft_id,
    )
