"""Bring new files from a station or its archive: list, choose, transfer, look again, register.

Nothing at the source is changed or deleted. Files arrive in `minitrasgo/incoming/STATION/` below the data root and
leave it when they are registered, so whatever stops a run, the next one goes on with what is there.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from skyledger import ledger
from skyledger.errors import ConfigError, FormatError, PermanentError, SourceError, SourceUnavailable
from skyledger.files import atomic
from skyledger.inbox import Entry, Listing
from skyledger.ledger import Outcome, State
from skyledger.minitrasgo import contact
from skyledger.minitrasgo.choose import Choice, Left, Wanted, choose
from skyledger.minitrasgo.names import parse_name
from skyledger.minitrasgo.registry import (
    SCRATCH,
    Registered,
    known_names,
    raw_store_errors,
    register,
    statement,
)
from skyledger.minitrasgo.stations import MingoStation, Source, stations
from skyledger.rsync import TransferResult
from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

FILES = "minitrasgo.files"  # dataset of the ledger: station and UTC day on which files begin
NO_CONFIG = "0" * 64  # nothing configured decides what arrived
CONCAT_BYTES = 16 * 2**20  # of one day's names and digests
PROBLEMS_TOLD = 20

CHANGED = "changed while it was brought"
VANISHED = "vanished, or could not be brought"
STATES = ("arrived", "empty", "corrupt", "foreign", "duplicate", "packed")  # as day_inventory counts them

SourceName = Literal["station", "archive"]
ListFiles = Callable[[], Listing]
# names, and the folder for the files, which keep their times
Bring = Callable[[Sequence[str], Path], TransferResult | None]


@dataclass
class AcquireSummary:
    """What a run found at a source and did, in files."""

    station: str
    source: str
    listed: int = 0
    known: int = 0
    waiting: int = 0  # left at the source, for any reason
    not_understood: int = 0  # of those waiting: names that are none of raw files
    refused: int = 0  # of those waiting: beyond the source's limits of size and gap
    chosen: int = 0
    bytes: int = 0  # of those chosen
    new: int = 0  # names registered for the first time
    redelivered: int = 0  # known names with other bytes, which are in use now
    empty: int = 0  # of the deliveries: see raw_file for what the states mean
    corrupt: int = 0
    foreign: int = 0
    duplicate: int = 0
    packed: int = 0
    truncated: int = 0
    days: set[str] = field(default_factory=set)  # whose files changed
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, listing: Listing, choice: Choice) -> None:
        """Note what was listed and chosen."""
        self.listed, self.known = len(listing.entries), choice.known
        self.waiting, self.not_understood, self.refused = (
            len(choice.left),
            choice.not_understood,
            choice.refused,
        )
        self.chosen, self.bytes = len(choice.take), sum(entry.size for _, entry in choice.take)
        self.problems += listing.refused

    def add(self, one: Registered) -> None:
        """Note what was registered."""
        self.new += one.new
        self.redelivered += one.changed and not one.new
        if one.state != "arrived":
            setattr(self, one.state, getattr(self, one.state) + 1)
        if one.changed:
            self.days.add(one.day.isoformat())
        if one.message:
            self.problems.append(f"{one.basename}: {one.state}: {one.message}")

    def as_dict(self) -> dict[str, Any]:
        """Flat and small, for XCom and the terminal; only the first problems."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {
            "days": sorted(self.days),
            "problems": self.problems[:PROBLEMS_TOLD],
            "seconds": round(self.seconds, 3),
        }


def acquire_station(
    warehouse: Warehouse,
    station: MingoStation,
    source: SourceName,
    list_files: ListFiles,
    bring: Bring,
    *,
    data_root: Path,
    now: datetime,
    run_id: str = "cli",
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    dry_run: bool = False,
    progress: Callable[[str], None] = log.info,
) -> AcquireSummary:
    """Bring what is complete and not here yet; each file is registered or untouched, whatever stops the run.

    Parameters
    ----------
    list_files: lists the source's folder
    bring: transfers names of that folder into a folder; what it leaves out is tried by the next run
    wanted: which files, in which order, how many at most
    dry_run: only count; nothing is brought or written, but that the station answered

    Raises SourceUnavailable or SourceError, with the time since when the source fails, StorageUnavailable when another
    run is at work on this station or the database is away, StorageError when the raw store is full. A file that cannot
    be used is registered with the reason and told in the summary's problems; the others go on.
    """
    started = time.monotonic()
    summary = AcquireSummary(station.station, source)
    configured = source_of(station, source)
    broken_off = None
    with warehouse.session() as session, lock(session, station.station, wait_s=0):
        theirs = contact.Source(session, station.station, source, now)
        if dry_run:
            listing = list_files()
        else:
            with theirs.asked():
                listing = list_files()
            theirs.answered(len(listing.entries))
        known = known_names(session, station.station, source, _basenames(listing), data_root)
        choice = choose(listing, configured, known, theirs.seen(), now, wanted)
        summary.count(listing, choice)
        progress(
            f"{station.station}: {summary.listed} files listed, {summary.known} known, {summary.waiting} wait,"
            f" {summary.chosen} to bring ({summary.bytes} bytes)"
        )
        if not dry_run:
            incoming = data_root / "minitrasgo" / "incoming" / station.station / source
            registrar = _Registrar(session, station, source, data_root, run_id, summary, progress)
            with raw_store_errors(str(incoming)):
                incoming.mkdir(parents=True, exist_ok=True)
                registrar.take_up(incoming, listing, choice)
            complete, left, broken_off = _transfer(choice, list_files, bring, incoming, theirs.asked)
            registrar.register(incoming / entry.name for entry in complete)
            summary.waiting += len(left)
            if wanted.everything:
                theirs.note_waiting((*choice.left, *left))
            else:
                theirs.taken([entry.name for entry in complete])
            try:
                registrar.unpack_waiting(incoming)
            finally:
                close_days(session, station.station, run_id)
    _tell(summary)
    summary.seconds = time.monotonic() - started
    if broken_off:
        raise broken_off
    return summary


def register_local(
    warehouse: Warehouse, paths: Iterable[Path], *, data_root: Path, run_id: str = "cli"
) -> list[AcquireSummary]:
    """Register files handed over by a person, each at the station of its name; they stay where they are.

    Raises SourceError for a file that cannot be read, FormatError or PermanentError for a name that is none of a
    configured station. Otherwise as `acquire_station`.
    """
    by_number: dict[int, list[Path]] = {}
    known = {station.number: station for station in stations().values()}
    for path in paths:
        name = parse_name(path.name)
        if not name.kind:
            raise FormatError(f"{path}: its name has no ending; expected one such as .dat")
        if name.station_number not in known:
            raise PermanentError(
                f"{path}: no station has number {name.station_number}; expected one of "
                f"{', '.join(map(str, sorted(known)))}"
            )
        if not path.is_file() or not os.access(path, os.R_OK):
            raise SourceError(f"{path}: is no file that can be read")
        by_number.setdefault(name.station_number, []).append(path)
    summaries = []
    for number, files in by_number.items():
        station, summary = known[number], AcquireSummary(known[number].station, "local", listed=len(files))
        folder = data_root / "minitrasgo" / "incoming" / station.station / "local"
        with warehouse.session() as session, lock(session, station.station):
            registrar = _Registrar(session, station, "local", data_root, run_id, summary, log.info)
            with raw_store_errors(str(folder)):
                for path in files:
                    with atomic(folder / path.name) as temporary:
                        shutil.copy2(path, temporary)
            registrar.register(folder / path.name for path in files)
            close_days(session, station.station, run_id)
        _tell(summary)
        summaries.append(summary)
    return summaries


def lock(session: Session, station_name: str, wait_s: int | None = None) -> AbstractContextManager[None]:
    """Held by whoever registers files of a station. Raises StorageUnavailable when another run has it."""
    return session.lock([f"minitrasgo.raw_file:{station_name}"], wait_s)


def source_of(station: MingoStation, source: str) -> Source:
    """Configuration of a source of the station. Raises ConfigError when there is none."""
    if source == "station":
        return station.source
    if station.archive is None:
        raise ConfigError(f"{station.station} has no archive: state one in its file in stations/")
    return station.archive


def close_days(session: Session, station_name: str, run_id: str) -> None:
    """Bring the ledger to what is registered of each day. What a killed run left open is found again."""
    session.execute("SET SESSION group_concat_max_len = %s", (CONCAT_BYTES,))
    days = session.query(statement("day_inventory"), {"station": station_name})
    keys = [(member, key) for member, key, *_ in days]
    found = pa.table(
        {
            "member": pa.array([row[0] for row in days], pa.string()),
            "partition_key": pa.array([row[1] for row in days], pa.string()),
            "source_rows": pa.array([row[2] for row in days], pa.int64()),
            "source_digest": pa.array([row[3] for row in days], pa.string()),
        }
    )
    work = ledger.plan(
        session,
        FILES,
        expected=ledger.partitions(keys),
        find=lambda: found,
        present_sql=(
            "SELECT station, DATE(begin_utc), SUM(state = 'arrived') FROM raw_file"
            " WHERE station = %s GROUP BY station, DATE(begin_utc)"
        ),
        present_parameters=(station_name,),
        config_digest=NO_CONFIG,
    )
    if not work:
        return
    states = {row[1]: dict(zip(STATES, map(int, row[4:]), strict=True)) for row in days}
    outcomes = [_outcome(item.member, item.partition_key, states[item.partition_key]) for item in work.items]
    ledger.open_attempts(session, FILES, (item[:3] for item in work.items), run_id=run_id)
    session.commit(lambda: ledger.close(session, FILES, outcomes, work.items, config_digest=NO_CONFIG))


def _outcome(member: str, key: str, files: dict[str, int]) -> Outcome:
    """A day of files: `stored` are those to be reduced; the day is partial when some of its events may be missing."""
    others = {state: n for state, n in files.items() if n and state != "arrived"}
    missing = others.keys() & {"empty", "corrupt", "packed"}
    return Outcome(
        member,
        key,
        State.PARTIAL if missing else State.STORED,
        rows_read=sum(files.values()),
        rows_stored=files["arrived"],
        rows_rejected=sum(others.values()),
        message=", ".join(f"{n} {state}" for state, n in others.items()) or None,
    )


def _basenames(listing: Listing) -> set[str]:
    names = set()
    for entry in listing.entries:
        with suppress(FormatError):
            names.add(parse_name(entry.name).basename)
    return names


def _transfer(
    choice: Choice,
    list_files: ListFiles,
    bring: Bring,
    incoming: Path,
    asked: Callable[[], AbstractContextManager[None]],
) -> tuple[list[Entry], list[Left], Exception | None]:
    """Bring the chosen files; which are complete and unchanged since, which not, and what broke it off if anything.

    What is there from a killed run and is what was listed now is not brought again.
    """
    wanted = [entry for _, entry in choice.take]
    missing = [entry for entry in wanted if not _is_here(incoming, entry)]
    if not missing:
        return wanted, [], None
    broken_off = result = None
    try:
        with asked():
            result = bring([entry.name for entry in missing], incoming)
    except (SourceUnavailable, SourceError) as error:
        broken_off = error
    with asked():
        after = {entry.name: entry for entry in list_files().entries}
    left = []
    for entry in missing:
        now = after.get(entry.name, entry)  # gone by now: what came is all there is
        if (now.size, now.modified_us) != (entry.size, entry.modified_us):
            left.append(Left(entry, CHANGED))
        elif not _is_here(incoming, entry):
            left.append(Left(entry, f"{VANISHED}: {result.message}" if result else VANISHED))
    names = {entry.name for entry, _ in left}
    return [entry for entry in wanted if entry.name not in names], left, broken_off


def _is_here(incoming: Path, entry: Entry) -> bool:
    try:
        status = (incoming / entry.name).stat()
    except FileNotFoundError:
        return False
    return (status.st_size, int(status.st_mtime)) == (entry.size, entry.modified_us // 1_000_000)


@dataclass
class _Registrar:
    """Registers files of a station, whose lock the caller holds, and counts."""

    session: Session
    station: MingoStation
    source: str
    data_root: Path
    run_id: str
    summary: AcquireSummary
    progress: Callable[[str], None]

    def take_up(self, incoming: Path, listing: Listing, choice: Choice) -> None:
        """See to what a killed run left behind: what is chosen stays, what the source has no more is registered."""
        listed = {entry.name for entry in listing.entries}
        chosen = {entry.name for _, entry in choice.take}
        waiting = {entry.name for entry, _ in choice.left}
        again = {name.basename for name, _ in choice.take}
        gone = []
        shutil.rmtree(incoming / SCRATCH, ignore_errors=True)
        for path in incoming.iterdir():
            if path.name.startswith(".") or path.name in chosen | waiting:
                continue
            if path.name in listed or parse_name(path.name).basename in again:
                path.unlink()  # registered already, or about to come in another packing
            else:
                gone.append(path)
        self.register(gone)

    def register(self, paths: Iterable[Path], source: str | None = None) -> None:
        """Register files in the order of their names' times, and remove them from where they arrived."""
        for path in sorted(paths, key=lambda p: parse_name(p.name).start):
            self.progress(f"{self.station.station}: registering {path.name}")
            for one in register(
                self.session,
                self.station,
                path,
                source or self.source,
                data_root=self.data_root,
                run_id=self.run_id,
            ):
                self.summary.add(one)
            with raw_store_errors(path.name):
                path.unlink()

    def unpack_waiting(self, incoming: Path) -> None:
        """Unpack what waits for it, now that the station has an unpacker."""
        if self.station.unpacker is None:
            return
        for raw_path, source, name in self.session.query(statement("packed_files"), self._key()):
            with raw_store_errors(raw_path):
                (incoming / name).unlink(missing_ok=True)
                os.link(self.data_root / raw_path, incoming / name)
            self.register([incoming / name], source)

    def _key(self) -> dict[str, str]:
        return {"station": self.station.station}


def _tell(summary: AcquireSummary) -> None:
    for problem in summary.problems:
        log.warning("%s: %s", summary.station, problem)
