"""From the data centre's list to files in the raw store: what is new, and each of them whole.

A list is read from the high-water mark less an hour to its end, so that files registered late are seen; what is known
falls out by its key. Each page is committed together with the mark. A download goes to
`<data>/iagos/incoming/<name>.part` and goes on there after a break or a crash; only bytes with the announced sum take
their place in the raw store.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from skyledger.errors import FormatError, PermanentError, SourceError, TransientError
from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.jobs import Job
from skyledger.iagos.states import State, held
from skyledger.iagos.transfer import files
from skyledger.iagos.transfer.client import IagosClient
from skyledger.iagos.transfer.entries import cursor_at, entry_of
from skyledger.iagos.transfer.errors import BadCursor, BadRange, NoSuchFile, RevisionChanged, Withdrawn
from skyledger.iagos.transfer.files import raw_path, raw_store_errors
from skyledger.iagos.transfer.offered import (
    TRIES,
    SourceFile,
    same_bytes,
    source_file,
    statement,
)
from skyledger.iagos.transfer.outbox import send_acknowledgements
from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
TO_BE_BROUGHT = (State.QUEUED, State.TRANSFERRING, State.TRANSFER_FAILED)


@dataclass(slots=True)
class Listed:
    """What reading a list brought. `refused` and `notes` are for people."""

    source: str
    instrument_type: str
    keys: list[Key] = field(default_factory=list)  # new ones
    pages: int = 0
    known: int = 0
    acknowledged: int = 0  # left over from earlier runs
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "source": self.source,
            "instrument_type": self.instrument_type,
            "keys": [str(key) for key in self.keys],
            "pages": self.pages,
            "known": self.known,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "notes": self.notes,
        }


@dataclass(slots=True)
class Fetched:
    """What fetching one file did."""

    key: Key
    state: State
    bytes: int = 0  # that came over the net
    message: str | None = None
    relisted: list[Key] = field(default_factory=list)  # a new revision of the file, to be fetched
    acknowledged: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "key": str(self.key),
            "state": str(self.state),
            "bytes": self.bytes,
            "message": self.message,
            "relisted": [str(key) for key in self.relisted],
            "acknowledged": self.acknowledged,
        }


def list_new(warehouse: Warehouse, client: IagosClient, job: Job, *, run_id: str) -> Listed:
    """Read the data centre's list of a job's instrument type to its end and queue what is new.

    What earlier runs could not acknowledge is sent first: it falls out of the list.
    An entry that cannot be used is kept with the reason and named in the summary; the others go on.
    """
    done = Listed(client.source, job.instrument_type)
    done.acknowledged = _acknowledge(warehouse, client)
    with warehouse.session() as session:
        starts = _starts(session, done)
        after, more = next(starts), True
        while more:
            try:
                page = client.files(job.instrument_type, after)
            except BadCursor as error:
                log.warning("%s; reading the list again from an earlier place", error)
                try:
                    after = next(starts)
                except StopIteration:
                    raise error from None
                continue
            done.pages += 1
            _take(session, done, page.items, run_id)
            after, more = page.next_cursor, page.has_more
    return done


def fetch(warehouse: Warehouse, client: IagosClient, key: Key, *, data_root: Path, run_id: str) -> Fetched:
    """Bring one file, unless it is here; acknowledge it.

    A file that has vanished, was taken back or replaced, or has other bytes than announced ends so and is told in the
    summary. Raises the error of an attempt that failed, after it was noted: SourceUnavailable to be tried again,
    PermanentError from the fifth in a row on. Raises StorageUnavailable while another run holds the flight.
    """
    with warehouse.session() as session, held(session, key.flight_id, key.instrument_type):
        file, found = source_file(session, key), states.state_of(session, key)
        if file is None or found is None or file.source != client.source:
            raise PermanentError(f"{key}: {client.source} has not offered it")
        if found.state not in TO_BE_BROUGHT:
            done = Fetched(key, found.state, message="nothing to do")
        else:
            done = _Fetch(session, client, file, data_root, run_id).run()
    log.info("%s: %s %s", key, done.state, done.message or "")
    done.acknowledged = _acknowledge(warehouse, client)
    return done


def _acknowledge(warehouse: Warehouse, client: IagosClient) -> int:
    """Send the acknowledgements that are due; return how many were taken."""
    try:
        return send_acknowledgements(warehouse, client).sent
    except (SourceError, TransientError) as error:
        log.warning("acknowledgements wait for the next run: %s", error)
        return 0


def _take(session: Session, done: Listed, items: list[dict[str, Any]], run_id: str) -> None:
    """Queue a page and advance the mark, in one transaction."""
    entries, refused = [], []
    for item in items:
        try:
            entry = entry_of(item)
            if entry.instrument_type != done.instrument_type:
                raise FormatError(f"{entry.file_id}: is of {entry.instrument_type}, which was not asked for")
            entries.append(entry)
        except FormatError as error:
            refused.append((item, str(error)))

    def take() -> files.Queued:
        queued = files.queue(session, done.source, entries, run_id=run_id)
        for item, why in refused:
            file_id, revision = item.get("file_id"), item.get("revision")
            if isinstance(file_id, str) and isinstance(revision, int) and 0 <= revision < 2**32:
                files.refuse(session, done.source, file_id, revision, why, item, run_id=run_id)
        now = datetime.now(UTC)
        # a time in the future is a mistake there: as a mark it would hide all that comes until then
        places = [(min(entry.available_since or now, now), entry.file_id) for entry in entries]
        mark = _high_water_mark(session, done)
        if places and (mark is None or max(places) > mark):
            since, file_id = max(places)
            session.execute(
                statement("advance"),
                {
                    "origin": done.source,
                    "instrument_type": done.instrument_type,
                    "available_since_utc": since.replace(tzinfo=None),
                    "file_id": file_id,
                    "run_id": run_id,
                },
            )
        return queued

    with files.listing(session, done.instrument_type):
        queued = session.commit(take)
    done.keys += queued.keys
    done.known += queued.known
    done.notes += queued.notes
    done.refused += [why for _, why in refused]
    for _, why in refused:
        log.warning("%s: refused: %s", done.source, why)


def _starts(session: Session, done: Listed) -> Iterator[str | None]:
    """Where to begin, and where to begin again when the server does not know a place: last, where the list begins."""
    for _ in range(2):
        mark = _high_water_mark(session, done)
        yield cursor_at(mark[0] - OVERLAP) if mark else None
    yield None


def _high_water_mark(session: Session, done: Listed) -> tuple[datetime, str] | None:
    names = {"origin": done.source, "instrument_type": done.instrument_type}
    rows = session.query(statement("high_water_mark"), names)
    return (rows[0][0].replace(tzinfo=UTC), rows[0][1]) if rows else None


class _Fetch:
    """Brings one file. The flight is held."""

    def __init__(
        self, session: Session, client: IagosClient, file: SourceFile, data_root: Path, run_id: str
    ) -> None:
        self.session, self.client, self.file, self.run_id = session, client, file, run_id
        self.data_root = data_root
        self.kept = data_root / raw_path(file.key)
        self.part = data_root / "iagos" / "incoming" / f"{self.kept.name}.part"
        self.etag = file.etag
        self.done = Fetched(file.key, State.TRANSFERRING)

    def run(self) -> Fetched:
        done, tries = self.done, self.file.tries + 1
        try:
            with files.transferring(self.session, self.file, run_id=self.run_id):
                self._bring_and_end()
        except TransientError as error:
            if tries < TRIES:
                raise
            raise SourceError(
                f"{error} (failed {tries} times in a row: it is asked for once a day from now on)"
            ) from error
        self.part.unlink(missing_ok=True)  # what is left of a file that will not come
        found = states.state_of(self.session, self.file.key)
        assert found is not None  # noqa: S101 - the flight is held
        done.state = found.state
        return done

    def _bring_and_end(self) -> None:
        """Bring the file and say what became of it. Raises what a later attempt may heal."""
        session, file, client, run_id = self.session, self.file, self.client, self.run_id
        announced = str(file.sha256)
        if same := same_bytes(session, file.key, announced):
            files.duplicate(session, file, same, announced, receiver=client.receiver, run_id=run_id)
            self.done.message = "the flight has these bytes already"
            return
        try:
            got, arrived = self._whole_file()
        except Withdrawn as error:
            self._end("withdrawn", str(error))
        except NoSuchFile as error:
            self._end("vanished", str(error))
        except RevisionChanged as error:
            self._list_again()
            self._end("withdrawn", f"replaced: {error}")
        else:
            if got == announced:
                files.receive(
                    session,
                    file,
                    arrived,
                    got,
                    "sha256",
                    data_root=self.data_root,
                    receiver=client.receiver,
                    run_id=run_id,
                )
                return
            self._end(
                "quarantined",
                f"its SHA-256 is twice another than announced: got {got}, expected {announced}",
                acknowledge={
                    "revision": file.source_revision,
                    "receiver": client.receiver,
                    "status": "rejected",
                    "reason": "checksum_mismatch",
                    "detail": f"got {got}",
                },
            )

    def _whole_file(self) -> tuple[str, Path]:
        """SHA-256 of what the server has, twice asked if it is not as announced, and where it is now."""
        if self.kept.is_file() and _sha256(self.kept) == self.file.sha256:
            return str(self.file.sha256), self.kept  # a run was killed right after it
        with raw_store_errors(self.part.name):
            self.part.parent.mkdir(parents=True, exist_ok=True)
        got = self._download()
        if got != self.file.sha256:
            log.warning("%s: other bytes than announced came; once more", self.file.key)
            if self.client.file(self.file.file_id).get("revision") != self.file.source_revision:
                raise RevisionChanged(f"{self.file.file_id} is not at revision {self.file.source_revision}")
            self._begin_anew()
            got = self._download()
        return got, self.part

    def _download(self) -> str:
        """Bring what is lacking; return the SHA-256 of the whole."""
        try:
            self.client.patiently(self._go_on)
        except BadRange as error:
            log.warning("%s; from the beginning", error)
            self._begin_anew()
            self.client.patiently(self._go_on)
        return _sha256(self.part)

    def _go_on(self) -> None:
        """One request for the bytes after those that are here."""
        announced = int(self.file.bytes or 0)
        offset = self.part.stat().st_size if self.part.exists() else 0
        if offset == announced:
            return
        file = self.file
        with self.client.content(file.file_id, file.source_revision, offset, self.etag) as content:
            if content.offset == 0 and content.etag != self.etag:
                self.etag = content.etag
                values = {"source_file_id": file.source_file_id, "etag": content.etag}
                self.session.commit(lambda: self.session.execute(statement("note_etag"), values))
            with raw_store_errors(self.part.name), self.part.open("ab" if content.offset else "wb") as part:
                for piece in content.pieces:
                    part.write(piece)
                    self.done.bytes += len(piece)
                    if part.tell() > announced:
                        return  # other bytes than announced, and perhaps without end

    def _begin_anew(self) -> None:
        with raw_store_errors(self.part.name):
            self.part.unlink(missing_ok=True)
        self.etag = None

    def _list_again(self) -> None:
        """Queue the revision that the file is at by now."""
        try:
            entry = entry_of(self.client.file(self.file.file_id))
        except (NoSuchFile, Withdrawn, FormatError) as error:
            log.warning("%s: %s", self.file.key, error)  # the next list tells what became of it
            return
        with files.listing(self.session, self.file.key.instrument_type):
            queued = self.session.commit(
                lambda: files.queue(self.session, self.file.source, [entry], run_id=self.run_id)
            )
        self.done.relisted = queued.keys

    def _end(self, how: files.NotReceived, message: str, acknowledge: dict[str, Any] | None = None) -> None:
        files.end(self.session, self.file, how, message, acknowledge=acknowledge, run_id=self.run_id)
        self.done.message = message


def _sha256(path: Path) -> str:
    with raw_store_errors(path.name), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
