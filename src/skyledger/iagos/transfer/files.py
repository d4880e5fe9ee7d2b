"""Files that sources offer, and what becomes of them: what the REST service and drop folders share.

`queue` makes offered files known, `transferring` is one attempt at bringing one, `receive` ends it well. Whatever kills
a run in between, the file is taken up again from its state. The bytes are kept as they came, under our own name:
`<data>/iagos/raw/<instrument type>/<flight_id>/IAGOS_<type>_<flight_id>_L0A_r<revision>.csv.gz`.

Our revision counts the deliveries of a flight, whatever its source calls them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import dumps
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from skyledger import ledger
from skyledger.errors import PermanentError, SkyledgerError, StorageError
from skyledger.files import atomic
from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.names import raw_name
from skyledger.iagos.states import State
from skyledger.iagos.transfer.offered import (
    TRIES,
    FileEntry,
    SourceFile,
    known_files,
    same_bytes,
    source_file,
    statement,
)
from skyledger.iagos.transfer.outbox import note_acknowledgement
from skyledger.warehouse import Session

DATASET = "iagos.files"
NO_CONFIGURATION = ""  # nothing of ours decides what a raw file holds
LONGEST_MESSAGE = 2000  # characters
TO_REQUEUE = (State.QUARANTINED, State.TRANSFER_FAILED)  # what a person may have brought once more


Completeness = Literal["sha256", "side_file", "stable_size"]
NotReceived = Literal["quarantined", "vanished", "withdrawn", "duplicate"]


@dataclass(slots=True)
class Queued:
    """What a list brought. `notes` are for people."""

    keys: list[Key] = field(default_factory=list)  # to be fetched, that were not before
    known: int = 0
    notes: list[str] = field(default_factory=list)


@contextmanager
def listing(session: Session, instrument_type: str) -> Iterator[None]:
    """Hold the numbering of deliveries of an instrument type, around the transactions that `queue`."""
    with session.lock([f"iagos.listing:{instrument_type}"]):
        yield


def queue(session: Session, source: str, entries: Sequence[FileEntry], *, run_id: str) -> Queued:
    """Make listed files known and queue them, in the caller's transaction; the caller holds `listing`.

    What is known changes only where the source announces other bytes, and ours are not here yet: then they are
    brought anew.
    """
    found = {
        (one.file_id, one.source_revision): one
        for one in known_files(session, source, [entry.file_id for entry in entries])
    }
    done = Queued()
    for entry in {(entry.file_id, entry.source_revision): entry for entry in entries}.values():
        old = found.get((entry.file_id, entry.source_revision))
        if old is None or old.state == "rejected":
            if old:
                session.execute(statement("forget_refused"), {"source_file_id": old.source_file_id})
            done.keys.append(_add(session, source, entry, run_id))
            continue
        done.known += 1
        if (entry.bytes, entry.sha256) == (old.bytes, old.sha256) or old.state in ("duplicate", "withdrawn"):
            continue
        said = f"{entry.file_id} revision {entry.source_revision} is announced with other bytes than before"
        if old.state == "received":
            done.notes.append(f"{said}, and was received: expected a new revision")
            continue
        _relist(session, old, said, run_id, name=entry.name, bytes=entry.bytes, sha256=entry.sha256)
        done.notes.append(said)
    return done


def refuse(
    session: Session,
    source: str,
    file_id: str,
    source_revision: int,
    why: str,
    entry: Mapping[str, Any],
    *,
    run_id: str,
) -> None:
    """Keep an entry that cannot be used, with the reason, in the caller's transaction."""
    session.execute(
        statement("refuse_file"),
        {
            "origin": source,
            "file_id": file_id[:100],
            "source_revision": source_revision,
            "message": why[:LONGEST_MESSAGE],
            "listing": dumps(entry)[:60_000],
            "run_id": run_id,
        },
    )


def raw_path(key: Key) -> str:
    """Where a delivery is kept, below the data root."""
    name = raw_name(key.instrument_type, key.flight_id, key.revision)
    return str(PurePosixPath("iagos", "raw", key.instrument_type, key.flight_id, name))


@contextmanager
def transferring(session: Session, file: SourceFile, *, run_id: str) -> Iterator[None]:
    """One attempt at bringing a file, which the block ends with `receive` or `end`; an error fails it and goes on.

    The caller holds the flight (`states.held`). Raises StateConflict when the file is not to be brought.
    """
    session.commit(lambda: _take_up(session, file.key, run_id))

    def failed(error: SkyledgerError) -> None:
        _note_end(session, file, "failed", file.tries + 1, str(error), run_id)
        _step(session, file.key, State.TRANSFER_FAILED, str(error), run_id)

    with ledger.attempt(
        session, DATASET, _item(file), run_id=run_id, config_digest=NO_CONFIGURATION, failed=failed
    ):
        yield


def receive(
    session: Session,
    file: SourceFile,
    arrived: Path,
    sha256: str,
    completeness: Completeness,
    *,
    data_root: Path,
    receiver: str | None,
    run_id: str,
) -> State:
    """Keep a file that is here and whole; its bytes move into the raw store. Inside `transferring`.

    arrived: on the file system of the data root; receiver: who acknowledges, None where nobody waits for it
    Returns RECEIVED, or DUPLICATE when the flight has these bytes already; then `arrived` is left to the caller.
    """
    if same := same_bytes(session, file.key, sha256):
        return duplicate(session, file, same, sha256, receiver=receiver, run_id=run_id)
    kept = data_root / raw_path(file.key)
    with raw_store_errors(kept.name):
        size = arrived.stat().st_size
        if arrived != kept:
            with atomic(kept) as temporary:
                arrived.replace(temporary)
    values = {
        "source_file_id": file.source_file_id,
        "bytes": size,
        "sha256": sha256,
        "completeness": completeness,
        "raw_path": raw_path(file.key),
        "run_id": run_id,
    }

    def note() -> None:
        session.execute(statement("receive_file"), values)
        _step(session, file.key, State.RECEIVED, f"here and whole ({completeness})", run_id)
        if receiver:
            note_acknowledgement(session, file.source_file_id, _received(file, receiver, sha256, size))
        _close(session, file, ledger.State.STORED, sha256=sha256)

    session.commit(note)
    return State.RECEIVED


def duplicate(
    session: Session, file: SourceFile, same: int, sha256: str, *, receiver: str | None, run_id: str
) -> State:
    """End a transfer of bytes that the flight has already, as file `same`. Inside `transferring`."""
    message = f"the same bytes as file number {same}"
    body = _received(file, receiver, sha256, file.bytes or 0) if receiver else None
    end(session, file, "duplicate", message, same=same, sha256=sha256, acknowledge=body, run_id=run_id)
    return State.DUPLICATE


def end(
    session: Session,
    file: SourceFile,
    how: NotReceived,
    message: str,
    *,
    run_id: str,
    same: int | None = None,
    sha256: str | None = None,
    acknowledge: Mapping[str, Any] | None = None,
) -> None:
    """End a transfer that brought nothing to be kept. Inside `transferring`.

    Quarantined: other bytes than announced; vanished: the source does not have it now, and is asked again once a day.
    """
    after = {
        "quarantined": State.QUARANTINED,
        "vanished": State.TRANSFER_FAILED,
        "withdrawn": State.WITHDRAWN,
        "duplicate": State.DUPLICATE,
    }[how]
    tries = TRIES if how == "vanished" else file.tries
    closed = ledger.State.FAILED if how == "quarantined" else ledger.State.EMPTY

    def note() -> None:
        _note_end(session, file, how, tries, message, run_id, sha256=sha256, duplicate_of=same)
        _step(session, file.key, after, message, run_id)
        if acknowledge:
            note_acknowledgement(session, file.source_file_id, acknowledge)
        _close(session, file, closed, message=message)

    session.commit(note)


def requeue(session: Session, key: Key, *, actor: str, reason: str, run_id: str) -> None:
    """Bring a file once more that was quarantined or failed: a person wants it. The caller holds the flight.

    Raises PermanentError when no source has offered it, StateConflict when it is something else: it is here already.
    """
    file = source_file(session, key)
    if file is None:
        raise PermanentError(f"{key}: no source has offered it")

    def step() -> None:
        states.move(session, key, State.QUEUED, before=TO_REQUEUE, reason=reason, run_id=run_id, actor=actor)
        _relist(session, file, reason, run_id, name=file.name, bytes=file.bytes, sha256=file.sha256)

    session.commit(step)


@contextmanager
def raw_store_errors(what: str) -> Iterator[None]:
    """A folder of ours that fails: full, or closed to us."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"raw store: {what}: {error.strerror}: see to space and rights below the data root, then rerun"
        ) from error


def _add(session: Session, source: str, entry: FileEntry, run_id: str) -> Key:
    flight = {"flight_id": entry.flight_id, "instrument_type": entry.instrument_type}
    key = Key(**flight, revision=int(session.query(statement("next_revision"), flight)[0][0]))
    again = "redelivery: " if key.revision > 1 else ""
    reason = f"{again}listed by {source} as {entry.file_id} revision {entry.source_revision}"
    states.begin(session, key, reason=reason, run_id=run_id)
    states.move(session, key, State.QUEUED, before=State.AVAILABLE, reason="to be brought", run_id=run_id)
    departure, arrival = entry.departure, entry.arrival
    values = {
        **key._asdict(),
        "origin": source,
        "file_id": entry.file_id,
        "source_revision": entry.source_revision,
        "name": entry.name,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "departure_airport": departure and departure.airport,
        "departure_utc": departure and _naive(departure.time),
        "arrival_airport": arrival and arrival.airport,
        "arrival_utc": arrival and _naive(arrival.time),
        "available_since_utc": entry.available_since and _naive(entry.available_since),
        "run_id": run_id,
    }
    session.execute(statement("add_file"), values)
    return key


def _relist(
    session: Session,
    file: SourceFile,
    reason: str,
    run_id: str,
    **announced: str | int | None,
) -> None:
    values = {"source_file_id": file.source_file_id, "run_id": run_id, **announced}
    session.execute(statement("relist_file"), values)
    found = states.state_of(session, file.key)
    if found and found.state in TO_REQUEUE:
        states.move(session, file.key, State.QUEUED, before=found.state, reason=reason, run_id=run_id)


def _take_up(session: Session, key: Key, run_id: str) -> None:
    found = states.state_of(session, key)
    if found and found.state is State.TRANSFERRING:
        return  # left so by a crash: the caller holds the flight
    before = (State.QUEUED, State.TRANSFER_FAILED)
    states.move(session, key, State.TRANSFERRING, before=before, reason="being brought", run_id=run_id)


def _step(session: Session, key: Key, after: State, reason: str, run_id: str) -> None:
    states.move(session, key, after, before=State.TRANSFERRING, reason=reason, run_id=run_id)


def _note_end(
    session: Session,
    file: SourceFile,
    state: str,
    tries: int,
    message: str,
    run_id: str,
    **values: str | int | None,
) -> None:
    session.execute(
        statement("end_transfer"),
        {
            "source_file_id": file.source_file_id,
            "state": state,
            "tries": tries,
            "message": message[:LONGEST_MESSAGE],
            "run_id": run_id,
            "sha256": None,
            "duplicate_of": None,
            **values,
        },
    )


def _item(file: SourceFile, sha256: str | None = None) -> ledger.Item:
    key = file.key
    partition = f"{key.flight_id}|r{key.revision}"
    reason = ledger.Reason.FAILED if file.tries else ledger.Reason.NEW
    return ledger.Item(key.instrument_type, partition, reason, 1, sha256 or file.sha256 or "")


def _close(
    session: Session,
    file: SourceFile,
    state: ledger.State,
    *,
    sha256: str | None = None,
    message: str | None = None,
) -> None:
    item, stored = _item(file, sha256), int(state is ledger.State.STORED)
    outcome = ledger.Outcome(item.member, item.partition_key, state, stored, stored, 0, message)
    ledger.close(session, DATASET, [outcome], [item], config_digest=NO_CONFIGURATION)


def _received(file: SourceFile, receiver: str, sha256: str, size: int) -> dict[str, Any]:
    return {
        "revision": file.source_revision,
        "receiver": receiver,
        "status": "received",
        "sha256": sha256,
        "size": size,
        "received_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
