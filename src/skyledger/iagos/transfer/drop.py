"""From a drop folder to files in the raw store: what lies there, whether it is whole, and each of them brought.

A file with a side file is whole; without one it is when it has looked the same for a minute and has the end of a raw
file. What is done with is moved out of the way there: after the transaction that says so, so whatever kills a run in
between, the next one finds the file still there, knows it by its look, and moves it.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger.connections import Connection
from skyledger.errors import ConfigError, FormatError, SkyledgerError, SourceUnavailable
from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.formats.raw import check_whole
from skyledger.iagos.jobs import DropSource, Job
from skyledger.iagos.names import parse_flight_id, parse_raw_name
from skyledger.iagos.states import State, held
from skyledger.iagos.transfer import files
from skyledger.iagos.transfer.drop_folder import SIDE, ChangedMeanwhile, DropFolder, Found
from skyledger.iagos.transfer.files import raw_path, raw_store_errors
from skyledger.iagos.transfer.offered import (
    FileEntry,
    SourceFile,
    checked,
    known_files,
    pending,
    source_file,
    statement,
)
from skyledger.iagos.transfer.summary import BringSummary
from skyledger.inbox import open_sftp
from skyledger.ssh import VanishedError
from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

STILL_S = 60  # for which a file without a side file must look the same
TOLD_AFTER_S = 3600  # of something in the folder that nobody can use
LONGEST_SOURCE = LONGEST_FILE_ID = 100  # characters
OPEN = ("listed", "failed", "vanished")  # a file of that name is still the same delivery
PROCESSED = ("received", "duplicate")
REJECTED = ("quarantined", "rejected")
TO_BE_BROUGHT = (State.QUEUED, State.TRANSFERRING, State.TRANSFER_FAILED)

_LOOK_COLUMNS = (
    "name VARCHAR(200) NOT NULL PRIMARY KEY",
    "bytes BIGINT UNSIGNED NOT NULL",
    "modified_s BIGINT UNSIGNED NOT NULL",
    "side_sha256 CHAR(64) NULL",
)


class Look(NamedTuple):
    """A file in the folder, for how long it has looked like this, and the delivery that it is."""

    found: Found
    still_s: int
    key: Key | None  # of the delivery; None also for what was refused
    state: str | None  # of the delivery, as in source_file; None: not known to be whole

    @property
    def is_still(self) -> bool:
        return self.still_s >= STILL_S


def bring_from_drop(
    warehouse: Warehouse,
    job: Job,
    source: tuple[Connection, Connection | None],
    *,
    data_root: Path,
    run_id: str,
    progress: Callable[[str], None],
) -> BringSummary:
    """Bring what is whole in the drop folder of a job, and move it out of the way there.

    source: the connection and that of its gateway, if any
    A file that does not come is named in the summary; the others go on. Raises StorageUnavailable while another run is
    connected to the same host, SourceError or SourceUnavailable when the folder cannot be listed.
    """
    connection, jump = source
    if not isinstance(job.source, DropSource):
        raise ConfigError(f"job {job.job}: source is of kind {job.source.kind!r}; expected 'sftp'")
    home = f"{job.source.root}/{job.instrument_type}"
    name = f"{connection.conn_id}:{home}"
    if len(name) > LONGEST_SOURCE:
        raise ConfigError(
            f"job {job.job}: {name} has {len(name)} characters; expected at most {LONGEST_SOURCE}"
        )
    done = BringSummary(job.job, name)
    with (
        warehouse.session() as session,
        session.lock([f"iagos.drop:{connection.host.lower()}"]),
        open_sftp(connection, f"{home}/incoming", jump) as inbox,
    ):
        _Run(session, DropFolder(inbox), job, done, data_root, run_id, progress).go()
    for told in (*done.refused, *done.notes):
        log.warning("%s: %s", name, told)
    return done


class _Run:
    """One run through a folder. The host is held."""

    def __init__(
        self,
        session: Session,
        folder: DropFolder,
        job: Job,
        done: BringSummary,
        data_root: Path,
        run_id: str,
        progress: Callable[[str], None],
    ) -> None:
        self.session, self.folder, self.done = session, folder, done
        self.instrument_type = job.instrument_type
        self.data_root, self.run_id, self.progress = data_root, run_id, progress

    def go(self) -> None:
        """Look, queue what is whole, bring it, and move what is done with."""
        found, notes = self.folder.listing()
        self.done.notes += notes
        self.session.commit(lambda: self._note(found))
        self._queue([look for look in self._looks() if look.state is None])
        looks = self._looks()
        for look in looks:
            if look.state == "vanished" and look.key:
                told = {"actor": states.AUTOMATIC, "reason": "there again", "run_id": self.run_id}
                files.requeue(self.session, look.key, **told)
            elif look.state in (*PROCESSED, *REJECTED) and not self._each(look.found.name, self._move, look):
                return
        whole = {look.key: look for look in looks}
        there = {look.found.name for look in looks}
        todo = pending(self.session, self.instrument_type, self.done.source)
        for number, key in enumerate(todo, 1):
            self.progress(f"{number} of {len(todo)}: {key}")
            if not self._each(str(key), self._bring, key, whole.get(key), there):
                return

    def _each(self, name: str, work: Callable[..., None], *arguments: Any) -> bool:
        """Do something to one file. False when the session is dead, so that nothing can be done to others."""
        try:
            work(*arguments)
        except ChangedMeanwhile as error:
            self.done.notes.append(str(error))
        except SkyledgerError as error:
            self.done.failures.append((name, error))
            if isinstance(error, SourceUnavailable):
                return self.folder.answers()
        return True

    # what lies there

    def _note(self, found: list[Found]) -> None:
        """Note what the folder looks like, in the caller's transaction."""
        columns = list(zip(*found, strict=True)) or [(), (), (), ()]
        types = (pa.string(), pa.uint64(), pa.uint64(), pa.string())
        names = [column.split()[0] for column in _LOOK_COLUMNS]
        self.session.stage("found", _LOOK_COLUMNS, pa.table([*map(pa.array, columns, types)], names))
        for name in ("forget_gone", "note_look"):
            self.session.execute(statement(name), {"origin": self.done.source})

    def _looks(self) -> list[Look]:
        rows = self.session.query(statement("looks"), {"origin": self.done.source})
        return [Look(Found(*row[:4]), row[4], Key(*row[5:8]) if row[5] else None, row[8]) for row in rows]

    def _queue(self, looks: list[Look]) -> None:
        """Make deliveries of what is whole. Names that are none of ours, and sizes that cannot be, are refused."""
        whole: list[tuple[Look, FileEntry]] = []
        refused: list[tuple[Look, str]] = []
        for look in looks:
            name = look.found.name
            if not look.found.bytes or name.endswith(SIDE):
                if look.still_s >= TOLD_AFTER_S:
                    what = "a side file without its file" if look.found.bytes else "empty"
                    self.done.notes.append(f"{name}: {what} for more than {TOLD_AFTER_S // 60} minutes")
                continue
            try:
                entry = self._entry(look.found)
            except FormatError as error:
                if look.is_still:  # else it may be an upload under a temporary name that we do not know
                    refused.append((look, str(error)))
            else:
                if look.found.sha256 or look.is_still:
                    whole.append((look, entry))
        if not whole and not refused:
            return
        with files.listing(self.session, self.instrument_type):
            queued = self.session.commit(lambda: self._take(whole, refused))
        self.done.new += queued.keys
        self.done.notes += queued.notes
        self.done.refused += [why for _, why in refused]

    def _entry(self, found: Found) -> FileEntry:
        name = parse_raw_name(found.name)
        if name.instrument_type != self.instrument_type:
            raise FormatError(
                f"{found.name}: is of {name.instrument_type}; expected files of {self.instrument_type} here"
            )
        return checked(
            FileEntry(
                file_id=found.name,
                source_revision=1,
                instrument_type=name.instrument_type,
                flight_id=name.flight.text,
                name=found.name,
                bytes=found.bytes,
                sha256=found.sha256,
            )
        )

    def _take(self, whole: list[tuple[Look, FileEntry]], refused: list[tuple[Look, str]]) -> files.Queued:
        """Make deliveries, in the caller's transaction: a name that was done with before is delivered again."""
        ids = {look.found.name: look.found.name[:LONGEST_FILE_ID] for look, _ in (*whole, *refused)}
        last = {one.file_id: one for one in known_files(self.session, self.done.source, list(ids.values()))}

        def revision(look: Look) -> int:
            before = last.get(ids[look.found.name])
            return before.source_revision + (before.state not in OPEN) if before else 1

        entries = [entry._replace(source_revision=revision(look)) for look, entry in whole]
        queued = files.queue(self.session, self.done.source, entries, run_id=self.run_id)
        for look, why in refused:
            file_id, said = ids[look.found.name], look.found._asdict()
            files.refuse(
                self.session, self.done.source, file_id, revision(look), why, said, run_id=self.run_id
            )
        for look, _ in (*whole, *refused):
            names = {"name": look.found.name, "file_id": ids[look.found.name]}
            values = {"origin": self.done.source, **names, "source_revision": revision(look)}
            self.session.execute(statement("link_look"), values)
        return queued

    # bringing

    def _bring(self, key: Key, look: Look | None, there: set[str]) -> None:
        """Bring a file that waits, if it is whole; note that it has vanished, if it has."""
        with held(self.session, key.flight_id, key.instrument_type):
            file, found = source_file(self.session, key), states.state_of(self.session, key)
            if file is None or found is None or found.state not in TO_BE_BROUGHT:
                return  # another run was here before us
            if look is None and (file.name in there or file.state == "vanished"):
                return  # to be looked at again, or to be put there again
            with files.transferring(self.session, file, run_id=self.run_id):
                if look:
                    self._bring_and_end(file, look.found, look.is_still)
                else:
                    self._vanished(
                        file, f"{file.name}: does not lie in the folder any more; expected it there again"
                    )
            file, found = source_file(self.session, key), states.state_of(self.session, key)
        assert file is not None  # noqa: S101 - its row stays
        assert found is not None  # noqa: S101
        self.done.states[str(found.state)] += 1
        if look:
            self._move(look._replace(state=file.state))

    def _bring_and_end(self, file: SourceFile, found: Found, is_still: bool) -> None:
        """Bring a file and say what became of it. Raises what a later attempt may heal."""
        part = self._part(file.key)
        try:
            self.done.bytes += self.folder.pull(found, part)
        except VanishedError as error:
            self._vanished(file, str(error))
            return
        with raw_store_errors(part.name):
            data = part.read_bytes()
        got = hashlib.sha256(data).hexdigest()
        if found.sha256 is None:
            check_whole(data, found.name)  # when it is not, the part stays: the file may grow
        elif got != found.sha256:
            said = f"{found.name}: its SHA-256 is {got}, and its side file says {found.sha256}"
            if not is_still:  # the one or the other may be about to be replaced
                raise ChangedMeanwhile(f"{said}; it is looked at again")
            files.end(self.session, file, "quarantined", said, run_id=self.run_id)
            self.done.notes.append(f"{said}; rejected")
        if found.sha256 in (None, got):
            files.receive(
                self.session,
                file,
                part,
                got,
                "side_file" if found.sha256 else "stable_size",
                data_root=self.data_root,
                receiver=None,
                run_id=self.run_id,
            )

    def _vanished(self, file: SourceFile, said: str) -> None:
        self._part(file.key).unlink(missing_ok=True)
        files.end(self.session, file, "vanished", said, run_id=self.run_id)
        self.done.notes.append(said)

    def _part(self, key: Key) -> Path:
        return self.data_root / f"{raw_path(key)}.part"

    def _move(self, look: Look) -> None:
        """Move a file out of the way that is done with."""
        if look.state in REJECTED:
            folder = "rejected"
        elif look.state in PROCESSED and look.key:
            folder = f"processed/{parse_flight_id(look.key.flight_id).departure:%Y/%m}"
        else:
            return
        if look.key:
            self._part(look.key).unlink(missing_ok=True)
        if not self.folder.move(look.found, folder):
            self.done.notes.append(f"{look.found.name}: another file took its place; it is looked at again")
            return
        names = {"origin": self.done.source, "name": look.found.name}
        self.session.commit(lambda: self.session.execute(statement("forget_look"), names))
