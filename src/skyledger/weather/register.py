"""Register what arrived: every file is copied into the raw store, and rows say what it holds and what is wrong.

The raw store (`weather/raw/STATION/DAY/NAME` below the data root, by the day of the first row on the logger's clock)
keeps the files byte for byte. A file of it is only ever replaced by one that begins with its bytes, so nothing that
arrived is lost, and whoever reads the registered number of bytes gets what was registered, whenever a run was killed.

A file that grew keeps its row and its place. One that starts anew under its name (a logger that rotates, a corrected
file) is registered beside the old one. Nothing at the source is changed or deleted.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger.config import SQL_DIR
from skyledger.errors import FormatError, SourceError, StorageError
from skyledger.files import atomic
from skyledger.inbox import Entry, Inbox
from skyledger.warehouse import Session, Warehouse
from skyledger.weather.clock import microseconds, moment
from skyledger.weather.content import Content, first_day, judge, times_of
from skyledger.weather.stations import Station, column_map
from skyledger.weather.toa5 import DayPart

log = logging.getLogger(__name__)

CONCAT_BYTES = 16 * 2**20  # of one day's file names and digests
PROBLEMS_TOLD = 20
LONGEST_HEADER_TEXT = 255  # characters; what the table keeps of a header's fields
LONGEST_MESSAGE = 2000  # characters


class DayInventory(NamedTuple):
    """What the registered files of a station hold of one day of the logger's clock."""

    day: date
    files: int
    rows: int  # of all files together; a row that two files hold counts twice
    last_logger_time: datetime | None  # naive
    digest: str  # of file names and of the bytes of the day


class RawFile(NamedTuple):
    """A registered file: its first `bytes` bytes in the raw store have this SHA-256."""

    name: str
    raw_path: str  # below the data root
    sha256: str
    bytes: int


@dataclass
class RegisterSummary:
    """What a run found in an inbox and did with it, in files."""

    station: str
    listed: int = 0
    unchanged: int = 0
    waiting: int = 0  # not settled yet, or changed while they were read
    new: int = 0
    grown: int = 0
    rotated: int = 0  # start anew under a known name
    touched: int = 0  # only their time has changed
    judged_again: int = 0
    other: int = 0  # of the files taken: another table or station
    failed: int = 0  # of the files taken: too many bad lines
    quarantined: int = 0  # of the files taken: not readable as what they should be
    rows: int = 0  # good rows in the files taken and registered
    bytes: int = 0  # read
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def taken(self) -> int:
        """Files whose rows in the database changed."""
        return self.new + self.grown + self.rotated + self.judged_again

    def as_dict(self) -> dict[str, Any]:
        """Flat and small, for XCom and the terminal; only the first problems."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"problems": self.problems[:PROBLEMS_TOLD], "seconds": round(self.seconds, 3)}


class _Known(NamedTuple):
    """The latest file registered under a name."""

    folder: str
    name: str
    rotation: int
    file_id: int
    bytes: int
    sha256: str
    modified_us: int
    state: str
    raw_path: str


def register_files(
    warehouse: Warehouse,
    station: Station,
    inbox: Inbox,
    *,
    data_root: Path,
    now: datetime,
    run_id: str = "cli",
    again: bool = False,
    progress: Callable[[str, int, int], None] = lambda path, done, of: None,
) -> RegisterSummary:
    """Take what is complete and new in a station's inbox; each file is done or untouched, whatever stops the run.

    Parameters
    ----------
    now: what the age of a file is counted to
    again: also judge files that were not accepted, after a correction of configuration or code
    progress: told of each file, with the number of those looked at and of all

    Raises SourceUnavailable, StorageUnavailable or StorageError when the run cannot go on. A single file that cannot
    be read or used is written down and told in the summary's problems; the others go on.
    """
    started = time.monotonic()
    summary = RegisterSummary(station.station)
    with warehouse.session() as session, session.lock([f"weather.logger_file:{station.station}"]):
        listing = inbox.listing(station.inbox.pattern)
        summary.listed = len(listing.entries)
        summary.problems += listing.refused
        registrar = _Registrar(session, station, data_root, run_id, summary)
        for done, entry in enumerate(listing.entries):
            progress(entry.path, done, summary.listed)
            if not entry.settled(microseconds(now), station.inbox.settle_s):
                summary.waiting += 1
            elif registrar.is_known(entry, again):
                summary.unchanged += 1
            else:
                try:
                    data = inbox.read(entry)
                except (SourceError, FormatError) as error:
                    summary.problems.append(str(error))
                    continue
                if data is None:
                    summary.waiting += 1
                else:
                    summary.bytes += len(data)
                    registrar.take(entry, data, again)
    for problem in summary.problems:
        log.warning("%s: %s", station.station, problem)
    summary.seconds = time.monotonic() - started
    return summary


def day_inventory(session: Session, station_name: str, first_day: date, last_day: date) -> list[DayInventory]:
    """What the registered files hold of each logger day between two (included), ascending; days without are left out.

    A second delivery of the same file changes nothing of it.
    """
    session.execute("SET SESSION group_concat_max_len = %s", (CONCAT_BYTES,))
    days = {"station": station_name, "first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    rows = session.query(_statement("day_inventory"), days)
    return [
        DayInventory(day, files, int(n_rows), last, str(digest)) for day, files, n_rows, last, digest in rows
    ]


def files_of_day(session: Session, station_name: str, naive_days: Sequence[date]) -> list[RawFile]:
    """Files that hold rows of these logger days, in the order in which they came, exact copies left out."""
    if not naive_days:
        return []
    days = {"station": station_name, "days": [day.isoformat() for day in naive_days]}
    return [RawFile(*row) for row in session.query(_statement("files_of_day"), days)]


class _Registrar:
    """Takes files of one station, whose lock the caller holds."""

    def __init__(
        self, session: Session, station: Station, data_root: Path, run_id: str, summary: RegisterSummary
    ) -> None:
        self.session = session
        self.station = station
        self.data_root = data_root
        self.run_id = run_id
        self.summary = summary
        rows = session.query(_statement("known_files"), {"station": station.station})
        known = [_Known(*row) for row in rows]
        self.raw_paths = {file.raw_path for file in known}
        self.latest = {(file.folder, file.name): file for file in known}  # a later rotation comes later
        self.columns = [column_map(name) for name in dict.fromkeys(p.columns for p in station.periods)]

    def is_known(self, entry: Entry, again: bool) -> bool:
        """Whether the file is what was registered, as far as the listing tells."""
        old = self.latest.get((entry.folder, entry.name))
        if old is None or (again and old.state != "registered"):
            return False
        return (old.bytes, old.modified_us) == (entry.size, entry.modified_us)

    def take(self, entry: Entry, data: bytes, again: bool) -> None:
        """Bring the raw store and the database to the bytes that a file has now."""
        old = self.latest.get((entry.folder, entry.name))
        sha256 = hashlib.sha256(data).hexdigest()
        if old and sha256 == old.sha256 and not (again and old.state != "registered"):
            self._note_time(old, entry)
            return
        content = self._judge(data, entry)
        grown = old is not None and self._is_continued(old, data)
        raw_path = old.raw_path if old and grown else self._free_path(entry, data, content)
        self._keep(raw_path, data)
        values = self._values(entry, sha256, content)
        if old and grown:
            self.summary.judged_again += sha256 == old.sha256
            self.summary.grown += sha256 != old.sha256
            self.session.commit(lambda: self._change(old, values, content.parts))
        else:
            rotation = old.rotation + 1 if old else 1
            self.summary.rotated += old is not None
            self.summary.new += old is None
            values |= {"rotation": rotation, "raw_path": raw_path}
            self.session.commit(lambda: self._add(values, content.parts))
            self.raw_paths.add(raw_path)
        self._count(entry, content)

    def _judge(self, data: bytes, entry: Entry) -> Content:
        try:
            return judge(self.station, self.columns, data, entry.name)
        except MemoryError:
            raise
        except Exception as error:  # one file must not keep all others from coming in
            log.exception("%s: %s: the reader failed", self.station.station, entry.path)
            why = f"the reader failed on it, a defect of ours: {type(error).__name__}: {error}"
            return Content("quarantined", f"{why}. Once it is mended, register again")

    def _note_time(self, old: _Known, entry: Entry) -> None:
        self.summary.touched += 1
        self.session.commit(
            lambda: self.session.execute(
                "UPDATE logger_file SET modified_utc = %s WHERE file_id = %s",
                (_naive(entry.modified_us), old.file_id),
            )
        )

    def _is_continued(self, old: _Known, data: bytes) -> bool:
        """Whether the bytes begin with those registered, and with those kept, which a killed run may have extended."""
        begins = hashlib.sha256(memoryview(data)[: old.bytes]).hexdigest() == old.sha256
        return len(data) >= old.bytes and begins and self._may_replace(old.raw_path, data)

    def _may_replace(self, raw_path: str, data: bytes) -> bool:
        with _raw_store_errors(raw_path):
            try:
                return data.startswith((self.data_root / raw_path).read_bytes())
            except FileNotFoundError:
                return True

    def _free_path(self, entry: Entry, data: bytes, content: Content) -> str:
        """Where a new file is kept: under its name, else with a number before the ending."""
        folder = PurePosixPath("weather", "raw", self.station.station, first_day(entry, content).isoformat())
        name = PurePosixPath(entry.name)
        for number in count(1):
            path = str(folder / (entry.name if number == 1 else f"{name.stem}.{number}{name.suffix}"))
            if path not in self.raw_paths and self._may_replace(path, data):
                return path
        raise AssertionError

    def _keep(self, raw_path: str, data: bytes) -> None:
        with _raw_store_errors(raw_path), atomic(self.data_root / raw_path) as temporary:
            temporary.write_bytes(data)

    def _values(self, entry: Entry, sha256: str, content: Content) -> dict[str, Any]:
        file = content.file
        header = file.blocks[0].header if file and file.blocks else None
        rejected = len(file.rejected) if file else 0
        return {
            "station": self.station.station,
            "folder": entry.folder,
            "name": entry.name,
            "state": content.state,
            "message": content.message and content.message[:LONGEST_MESSAGE],
            "bytes": entry.size,
            "sha256": sha256,
            "modified_utc": _naive(entry.modified_us),
            "logger_station": header and header.station[:LONGEST_HEADER_TEXT],
            "logger_table": header and header.table[:LONGEST_HEADER_TEXT],
            "logger_serial": header and header.serial[:LONGEST_HEADER_TEXT],
            "program_signature": header and header.signature[:LONGEST_HEADER_TEXT],
            "first_logger_time": min((_naive(times.min()) for times in times_of(file)), default=None),
            "last_logger_time": max((_naive(times.max()) for times in times_of(file)), default=None),
            "rows_read": (file.rows if file else 0) + rejected,
            "rows_rejected": rejected,
            "truncated": file.truncated if file else False,
            "run_id": self.run_id,
        }

    def _add(self, values: dict[str, Any], parts: Sequence[DayPart]) -> None:
        self.session.execute(_statement("add_file"), values)
        ((file_id,),) = self.session.query("SELECT LAST_INSERT_ID()")
        self._set_parts(file_id, parts)
        self._note_duplicates(values["sha256"], values["sha256"])

    def _change(self, old: _Known, values: dict[str, Any], parts: Sequence[DayPart]) -> None:
        self.session.execute(_statement("change_file"), values | {"file_id": old.file_id})
        self._set_parts(old.file_id, parts)
        self._note_duplicates(values["sha256"], old.sha256)

    def _set_parts(self, file_id: int, parts: Sequence[DayPart]) -> None:
        rows = pa.table(
            {
                "file_id": pa.array([file_id] * len(parts), pa.int64()),
                "day": pa.array([part.day.isoformat() for part in parts], pa.string()),
                "rows_read": pa.array([part.rows + part.rejected for part in parts], pa.int64()),
                "rows_rejected": pa.array([part.rejected for part in parts], pa.int64()),
                "first_logger_time": pa.array([str(_naive(p.first_us)) for p in parts], pa.string()),
                "last_logger_time": pa.array([str(_naive(p.last_us)) for p in parts], pa.string()),
                "sha256": pa.array([part.sha256 for part in parts], pa.string()),
            }
        )
        keys = ("file_id", "day")
        self.session.upsert(
            "logger_file_day", rows, keys, "file_id = %s", (file_id,), whole=("file_id = %s", (file_id,))
        )

    def _note_duplicates(self, sha256: str, before: str) -> None:
        same = {"station": self.station.station, "sha256": sha256, "sha256_before": before}
        self.session.execute(_statement("note_duplicates"), same)

    def _count(self, entry: Entry, content: Content) -> None:
        if content.state == "registered":
            self.summary.rows += content.file.rows if content.file else 0
            return
        setattr(self.summary, content.state, getattr(self.summary, content.state) + 1)
        if content.state != "other":  # that one is nobody's fault
            self.summary.problems.append(f"{entry.path}: {content.state}: {content.message}")


@contextmanager
def _raw_store_errors(raw_path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"raw store: {raw_path}: {error.strerror}: see to space and rights below the data root, then rerun"
        ) from error


def _naive(time_us: int) -> datetime:
    return moment(time_us).replace(tzinfo=None)


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "weather" / "load" / f"{name}.sql").read_text(encoding="utf-8")
