"""What came from the stations: each file in the raw store, and rows that say what it is and what is wrong with it.

The raw store (`minitrasgo/raw/STATION/DAY/` below the data root, by the day on which the file begins) keeps files
byte for byte, unpacked. Nothing in it is ever replaced or removed: other bytes under a known name are kept beside the
older ones as a new *delivery*. Table raw_file says which delivery is in use, raw_delivery knows them all.

The key of a file is its name without ending: the same file may come as .dat, as .dat.tar.gz, or out of an .hld. Names
are checked against the first event; a name that is off is kept, and the right one is noted (reference 1.14).
"""

import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from json import dumps
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger.config import SQL_DIR
from skyledger.errors import StorageError
from skyledger.files import atomic
from skyledger.minitrasgo.content import LONGEST_MESSAGE, Content, contents_of, sha256_of
from skyledger.minitrasgo.names import FileName, file_name, parse_name, twin
from skyledger.minitrasgo.stations import MingoStation, Run
from skyledger.warehouse import Session

SCRATCH = ".unpacked"  # folder beside arrived files, of the file that is being registered
NAME_TOLERANCE = timedelta(minutes=5)  # between a file's name and its first event
USABLE = ("arrived", "duplicate")  # files that have events of the station


class RawFileRow(NamedTuple):
    """A registered file. Times are UTC; `raw_path` is below the data root and holds exactly `bytes` bytes."""

    basename: str
    station: str
    named_station: int
    state: str
    message: str | None
    canonical_name: str | None
    begin: datetime  # by the canonical name if there is one
    first_event: datetime | None
    last_event: datetime | None
    bytes: int
    sha256: str
    raw_path: str
    delivery: int
    duplicate_of: str | None  # basename

    @property
    def name(self) -> str:
        """What it ought to be called."""
        return self.canonical_name or self.basename


class Registered(NamedTuple):
    """What a delivery turned out to be."""

    basename: str
    day: date  # on which it begins
    state: str  # as in raw_file, or 'truncated'
    message: str | None
    new: bool  # the name was not known
    changed: bool  # these bytes are in use from now on, and were not before


class Known(NamedTuple):
    """What a station's sources have delivered before."""

    delivered: dict[
        str, tuple[int, int]
    ]  # name at the source: size and time (Unix seconds) of the last delivery
    states: dict[str, str]  # basename: state


class _Old(NamedTuple):
    file_id: int
    state: str
    bytes: int
    sha256: str
    raw_path: str
    deliveries: int


def known_names(
    session: Session, station_name: str, source: str, basenames: Collection[str], data_root: Path
) -> Known:
    """What has been delivered of these names; what is gone from the raw store counts as not delivered."""
    delivered: dict[str, tuple[int, int]] = {}
    states: dict[str, str] = {}
    listed = pa.table({"basename": pa.array(sorted(basenames), pa.string())})
    session.stage("listed", ("basename VARCHAR(32) NOT NULL PRIMARY KEY",), listed)
    for row in session.query(statement("known_deliveries"), {"station": station_name}):
        from_source, name, size, modified_s, basename, state, raw_path = row
        if (data_root / raw_path).is_file():
            states[basename] = state
            if from_source == source:
                delivered[name] = (size, modified_s)
    return Known(delivered, states)


def files_between(
    session: Session, station_name: str, first_day: date, last_day: date, basename: str | None = None
) -> list[RawFileRow]:
    """All registered files that begin between two UTC days (included), in their order."""
    parameters = {
        "station": station_name,
        "basename": basename,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
    }
    return [RawFileRow(*with_zone(values)) for values in session.query(statement("files"), parameters)]


def file_row(session: Session, station_name: str, basename: str) -> RawFileRow | None:
    """A registered file, or None."""
    found = files_between(session, station_name, date(1970, 1, 1), date(9999, 1, 1), basename)
    return found[0] if found else None


def note_run(session: Session, station_name: str, run: Run) -> str:
    """Keep a row of the run dictionary, in the caller's transaction; return its hash, which products name."""
    content = run.model_dump(mode="json", exclude={"comment"})
    session.execute(
        statement("note_run"),
        {
            "station": station_name,
            "row_hash": run.row_hash,
            "conf": run.conf,
            "valid_from": run.valid_from,
            "valid_to": run.valid_to,
            **{f"plane_{plane}_z_mm": z for plane, z in enumerate(run.z_mm, 1)},
            "phi_north_deg": run.phi_north_deg,
            "triggers": " ".join(run.triggers),
            "content": dumps(content, sort_keys=True),
        },
    )
    return run.row_hash


def register(
    session: Session,
    station: MingoStation,
    arrived: Path,
    source: str,
    *,
    data_root: Path,
    run_id: str,
) -> list[Registered]:
    """Take one delivered file, whose time is that at its source; each file in it is registered or untouched.

    The caller holds the station's lock (`acquire.lock`). `arrived` stays where it is, for the caller to remove; it
    must lie on the file system of the data root. An archive may hold several files.

    Raises StorageError when the raw store fails, FormatError when the name is none of a raw file.
    """
    scratch = arrived.with_name(SCRATCH)
    with raw_store_errors(arrived.name):
        shutil.rmtree(scratch, ignore_errors=True)  # of a killed run
        status = arrived.stat()
        delivered = {
            "source": source,
            "source_name": arrived.name,
            "source_bytes": status.st_size,
            "source_modified_utc": datetime.fromtimestamp(int(status.st_mtime), UTC).replace(tzinfo=None),
            "run_id": run_id,
        }
        try:
            contents = contents_of(station, arrived, scratch)
            return [_Registrar(session, station, data_root, one).register(delivered) for one in contents]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


class _Registrar:
    """Registers one unpacked file."""

    def __init__(self, session: Session, station: MingoStation, data_root: Path, content: Content) -> None:
        self.session = session
        self.data_root = data_root
        self.content = content
        self.key = {"station": station.station, "basename": content.basename, "sha256": content.sha256}
        rows = session.query(statement("file_of_name"), self.key)
        self.old = _Old(*rows[0]) if rows else None
        self.same = self.old is not None and self.old.sha256 == content.sha256

    def register(self, delivered: dict[str, Any]) -> Registered:
        """Keep the bytes, then write one row for the delivery and bring the file's row to it."""
        content, old = self.content, self.old
        name = parse_name(content.basename)
        canonical = _canonical(name, content.first)
        begin = parse_name(canonical).start if canonical else name.start
        state, message, duplicate_of = self._judge(canonical)
        used = old is None or (
            (state in USABLE or (old.state not in USABLE and state != "truncated"))
            and not (self.same and state == old.state)
        )
        delivery, raw_path = self._keep(begin.date())
        values = {
            **self.key,
            **delivered,
            "named_station": name.station_number,
            "start_utc": naive(name.start),
            "begin_utc": naive(begin),
            "canonical_name": canonical,
            "state": state,
            "message": message,
            "duplicate_of": duplicate_of,
            "delivery": delivery,
            "bytes": content.bytes,
            "raw_path": raw_path,
            "first_event_utc": content.first and naive(content.first),
            "last_event_utc": content.last and naive(content.last),
        }
        told = "; ".join(filter(None, (message, self._against_old(state, used))))[:LONGEST_MESSAGE] or None
        self.session.commit(lambda: self._write(values, told, used))
        return Registered(content.basename, begin.date(), state, told, old is None, used)

    def _judge(self, canonical: str | None) -> tuple[str, str | None, int | None]:
        """State, message and the file that this one is a copy of."""
        content, old = self.content, self.old
        if content.state != "arrived":
            return content.state, content.message, None
        if (
            old
            and old.state in USABLE
            and content.bytes < old.bytes
            and (self.data_root / old.raw_path).is_file()
            and sha256_of(self.data_root / old.raw_path, content.bytes) == content.sha256
        ):
            return "truncated", f"the {old.bytes} bytes in use begin with these {content.bytes}", None
        notes = []
        for file_id, station, basename, elsewhere in self.session.query(statement("same_content"), self.key):
            if not elsewhere:
                is_copy = twin(basename) == content.basename or twin(content.basename) == basename
                copy = ", a copy made for the unpacker" if is_copy else ""
                return "duplicate", f"same bytes as {basename}{copy}", file_id
            notes.append(f"same bytes as {basename} of {station}: one of the two is not what its name says")
        if canonical:
            notes.append(
                f"its first event is of {content.first:%Y-%m-%d %H:%M:%S}, its name is of another time"
            )
        return "arrived", "; ".join(notes) or None, None

    def _keep(self, day: date) -> tuple[int, str]:
        """Put the bytes into the raw store unless they are there; number of the delivery and where they are kept."""
        delivery = self.old.deliveries + 1 if self.old else 1
        raw_path = None
        if self.old:
            known = {"file_id": self.old.file_id, **self.key}
            if rows := self.session.query(statement("delivery_of_content"), known):
                ((delivery, raw_path),) = rows
        raw_path = raw_path or self._free_path(day)
        if not (self.data_root / raw_path).is_file():
            with atomic(self.data_root / raw_path) as temporary:
                os.link(self.content.path, temporary)
        return delivery, raw_path

    def _free_path(self, day: date) -> str:
        """Where new bytes go. What a killed run put there already is these bytes; other bytes are left alone."""
        content = self.content
        folder = PurePosixPath("minitrasgo", "raw", self.key["station"], day.isoformat())
        for number in count(1):
            path = str(folder / f"{content.basename}{'' if number == 1 else f'.{number}'}.{content.ending}")
            kept = self.data_root / path
            if not kept.exists() or sha256_of(kept) == content.sha256:
                return path
        raise AssertionError

    def _against_old(self, state: str, used: bool) -> str | None:
        content, old = self.content, self.old
        if old is None or self.same or state == "truncated":
            return None
        if not used:
            return f"not used: the {old.bytes} bytes in use are {old.state}"
        if old.bytes < content.bytes and sha256_of(content.path, old.bytes) == old.sha256:
            return f"grew from {old.bytes} to {content.bytes} bytes"
        return f"other bytes than before: {content.bytes} instead of {old.bytes}"

    def _write(self, values: dict[str, Any], told: str | None, used: bool) -> None:
        if self.old is None:
            self.session.execute(statement("add_file"), values)
            ((file_id,),) = self.session.query("SELECT LAST_INSERT_ID()")
        else:
            file_id = self.old.file_id
        if self.old and used:
            self.session.execute(statement("change_file"), values | {"file_id": file_id})
            for heir, basename in self.session.query(statement("first_copy"), {"file_id": file_id}):
                self.session.execute(
                    statement("pass_on"),
                    {"file_id": file_id, "heir": heir, "message": f"same bytes as {basename}"},
                )
        self.session.execute(statement("add_delivery"), values | {"file_id": file_id, "message": told})


def _canonical(name: FileName, first: datetime | None) -> str | None:
    if first is None or abs(first - name.start) <= NAME_TOLERANCE:
        return None
    return parse_name(file_name(name.station_number, first)).basename


@contextmanager
def raw_store_errors(what: str) -> Iterator[None]:
    """A folder of ours that fails: full, or closed to us."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"raw store: {what}: {error.strerror}: see to space and rights below the data root, then rerun"
        ) from error


def with_zone(values: Sequence[Any]) -> list[Any]:
    """A row of the database with its times as what they are: UTC."""
    return [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in values]


def naive(moment: datetime) -> datetime:
    """UTC without zone, as the database holds times."""
    return moment.astimezone(UTC).replace(tzinfo=None)


@cache
def statement(name: str) -> str:
    """SQL of this network by name."""
    return (SQL_DIR / "minitrasgo" / "load" / f"{name}.sql").read_text(encoding="utf-8")
