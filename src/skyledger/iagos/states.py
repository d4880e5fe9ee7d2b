"""The state machine of a flight file. Which steps are legal is a table of the database, to which the states refer.

A step is made in the caller's transaction, together with the data it speaks of, while the caller holds the lock of the
flight: so a crash leaves a file before a step or after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from skyledger.config import SQL_DIR
from skyledger.errors import PermanentError
from skyledger.iagos.flight import Key
from skyledger.warehouse import Session

AUTOMATIC = "automatic"  # the actor where no person acts
LONGEST_REASON = 500  # characters


class State(StrEnum):
    """What a flight file is."""

    AVAILABLE = "AVAILABLE"  # listed by its source
    QUEUED = "QUEUED"  # to be brought
    TRANSFERRING = "TRANSFERRING"
    RECEIVED = "RECEIVED"  # here, whole, acknowledged or an acknowledgement is noted to be sent
    PARSED = "PARSED"  # the reader understood it
    STORED_L0 = "STORED_L0"  # series are kept
    QC_RUNNING = "QC_RUNNING"
    QC_DONE = "QC_DONE"  # flags and report are kept
    NRT_EXPORTED = "NRT_EXPORTED"
    AWAITING_L1 = "AWAITING_L1"  # the PI has been asked
    L1_RELEASED = "L1_RELEASED"  # decided; products are being made
    AWAITING_CAL = "AWAITING_CAL"  # waits for the calibration after the deployment
    L2_CANDIDATE = "L2_CANDIDATE"  # to be computed with both calibrations
    AWAITING_L2 = "AWAITING_L2"  # the PI has been asked
    L2_RELEASED = "L2_RELEASED"
    DUPLICATE = "DUPLICATE"  # the same bytes are here already
    REPROCESS = "REPROCESS"  # the PI changed something: quality control again
    REJECTED = "REJECTED"  # by the PI
    SUPERSEDED = "SUPERSEDED"  # a newer delivery of the flight was released
    WITHDRAWN = "WITHDRAWN"
    TRANSFER_FAILED = "TRANSFER_FAILED"
    QUARANTINED = "QUARANTINED"  # other bytes than announced, twice
    PARSE_FAILED = "PARSE_FAILED"
    IMPORT_FAILED = "IMPORT_FAILED"
    QC_FAILED = "QC_FAILED"
    EXPORT_FAILED = "EXPORT_FAILED"


class StateConflict(PermanentError):  # noqa: N818 - the name says it
    """The file is not in the state that the step begins with: somebody else has moved it."""


class FlightState(NamedTuple):
    """What a file is now, and since when (UTC)."""

    key: Key
    state: State
    since: datetime
    actor: str
    reason: str
    run_id: str  # that made it so


class Step(NamedTuple):
    """One step of a file's history."""

    before: str
    after: str
    at: datetime  # UTC
    actor: str
    reason: str
    run_id: str


@contextmanager
def held(session: Session, flight_id: str, instrument_type: str) -> Iterator[None]:
    """Hold a flight of an instrument: one run works on it at a time. Raises StorageUnavailable when it is taken."""
    with session.lock([f"iagos.flight:{flight_id}:{instrument_type}"]):
        yield


def move(
    session: Session,
    key: Key,
    after: State,
    *,
    before: State | tuple[State, ...],
    reason: str,
    run_id: str,
    actor: str = AUTOMATIC,
) -> None:
    """Make a step, in the caller's transaction. `before` is the state, or the states, that it may begin with.

    Raises StateConflict when the file is in another state (or not known), StorageError when no such step is legal.
    """
    expected = (before,) if isinstance(before, State) else before
    found = session.query(_statement("lock_state"), _names(key))
    state = found[0][0] if found else None
    if state not in expected:
        raise StateConflict(
            f"{key} is {state or 'not known'}, so it cannot become {after}; expected {' or '.join(expected)}"
        )
    _write(session, "move_state", key, str(state), after, actor, reason, run_id)


def begin(session: Session, key: Key, *, reason: str, run_id: str) -> None:
    """Make a file known, as AVAILABLE, in the caller's transaction."""
    _write(session, "begin_state", key, "", State.AVAILABLE, AUTOMATIC, reason, run_id)


def state_of(session: Session, key: Key) -> FlightState | None:
    """What a file is; None when it is not known."""
    found = states(session, flight_id=key.flight_id, instrument_type=key.instrument_type)
    return next((one for one in found if one.key == key), None)


def states(
    session: Session,
    *,
    flight_id: str | None = None,
    instrument_type: str | None = None,
    among: tuple[State, ...] = (),
) -> list[FlightState]:
    """Files and their states, by flight and revision; all of them unless restricted."""
    rows = session.query(
        _statement("states"),
        {
            "flight_id": flight_id,
            "instrument_type": instrument_type,
            "among": ",".join(among) or None,
        },
    )
    return [
        FlightState(Key(flight, instrument, int(revision)), State(state), since.replace(tzinfo=UTC), *told)
        for flight, instrument, revision, state, since, *told in rows
    ]


def newest(session: Session, flight_id: str, instrument_type: str) -> Key:
    """The newest delivery of a flight that is of use: no duplicate, not taken back. Raises PermanentError."""
    found = [
        one.key
        for one in states(session, flight_id=flight_id, instrument_type=instrument_type)
        if one.state not in (State.DUPLICATE, State.WITHDRAWN)
    ]
    if not found:
        raise PermanentError(f"flight {flight_id} of {instrument_type} is not known")
    return found[-1]


def history(session: Session, key: Key) -> list[Step]:
    """All steps of a file, in order."""
    rows = session.query(_statement("state_history"), _names(key))
    return [Step(before, after, at.replace(tzinfo=UTC), *rest) for before, after, at, *rest in rows]


def _write(
    session: Session,
    statement: str,
    key: Key,
    before: str,
    after: State,
    actor: str,
    reason: str,
    run_id: str,
) -> None:
    values = {
        **_names(key),
        "from_state": before,
        "to_state": str(after),
        "now": datetime.now(UTC).replace(tzinfo=None),
        "actor": actor,
        "reason": reason[:LONGEST_REASON],
        "run_id": run_id,
    }
    session.execute(_statement(statement), values)
    session.execute(_statement("add_step"), values)


def _names(key: Key) -> dict[str, object]:
    return {"flight_id": key.flight_id, "instrument_type": key.instrument_type, "revision": key.revision}


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "states" / f"{name}.sql").read_text(encoding="utf-8")
