"""Reduced files and days in the database: what goes in, and what others read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from skyledger.errors import StorageError
from skyledger.minitrasgo.detector import TRACK_TOPOLOGIES
from skyledger.minitrasgo.histograms import Histograms
from skyledger.minitrasgo.plan import statement
from skyledger.warehouse import Session, UpsertCounts, quote
from skyledger.wire import encode_tsv

MINUTES = pa.schema([("minute_utc", pa.timestamp("s")), ("live_s", pa.float64()), ("triggers", pa.int64())])
COUNTS = pa.schema(
    [
        ("minute_utc", pa.timestamp("s")),
        ("topology", pa.int16()),
        ("region", pa.string()),
        ("events", pa.int64()),
        ("good", pa.int64()),
    ]
)
MINUTE_COLUMNS = (
    "minute_utc", "live_s", "sources", "triggers", "tracks", "good", *(f"n_{t}" for t in TRACK_TOPOLOGIES),
)  # fmt: skip
_RATES = tuple(f"{of}_rate_{what}" for of in ("trigger", "track", "good") for what in ("hz", "error_hz"))
SHORTEST_LIVE_S = 1.0  # with less there is no rate
_THE_FILE = "file_id = %s"
_EVERYTHING = ("TRUE", ())


@dataclass(frozen=True, slots=True)
class PlaneCounts:
    """What a plane did, in counts that add up."""

    plane: int
    hits: int
    streamers: int
    ratio_accepted: int
    ratio_fired: int
    ratio_usable: bool
    telescope_accepted: int
    telescope_fired: int

    def __add__(self, other: "PlaneCounts") -> "PlaneCounts":
        return PlaneCounts(
            self.plane,
            self.hits + other.hits,
            self.streamers + other.streamers,
            self.ratio_accepted + other.ratio_accepted,
            self.ratio_fired + other.ratio_fired,
            self.ratio_usable and other.ratio_usable,
            self.telescope_accepted + other.telescope_accepted,
            self.telescope_fired + other.telescope_fired,
        )

    @property
    def ratio(self) -> tuple[float, float] | None:
        """Efficiency and its binomial error; None where there is no estimate."""
        return _share(self.ratio_fired, self.ratio_accepted) if self.ratio_usable else None

    @property
    def telescope(self) -> tuple[float, float] | None:
        """Efficiency and its binomial error; None where there is no estimate."""
        return _share(self.telescope_fired, self.telescope_accepted)


@dataclass(frozen=True, slots=True)
class FileProduct:
    """What is stored of a reduced file. `figures` are columns of table event_file."""

    figures: Mapping[str, Any]
    planes: Sequence[PlaneCounts]
    minutes: pa.Table  # MINUTES
    counts: pa.Table  # COUNTS

    @property
    def content_digest(self) -> str:
        """SHA-256 of everything."""
        told = json.dumps(
            [dict(self.figures), [plane_columns(plane) for plane in self.planes]], sort_keys=True, default=str
        )
        content = hashlib.sha256(told.encode())
        for table in (self.minutes, self.counts):
            content.update(encode_tsv(table))
        return content.hexdigest()


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A reduced file as it is stored. Times are UTC without zone."""

    file_id: int
    basename: str
    begin_utc: datetime
    sha256: str
    run_hash: str
    run_in_force: bool
    config_digest: str
    accepted: int
    rejected: int
    events: int
    kept: int
    self_triggers: int
    first_event_utc: datetime
    last_event_utc: datetime
    live_s: float
    triggers: int
    tracks: int
    good: int
    trigger_rate_hz: float | None
    trigger_rate_error_hz: float | None
    crt_ps: float | None
    strip_pairs: int
    events_path: str
    content_digest: str
    calibration: str
    borrowed_from: str | None
    report: dict[str, Any]
    histograms: Histograms
    planes: tuple[PlaneCounts, ...]


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What table station_day says of a day. Rates in Hz; None: not known."""

    files: int
    rejected: int
    minutes: int
    overlapping_minutes: int
    live_s: float
    triggers: int
    tracks: int
    good: int
    trigger_rate_hz: float | None
    trigger_rate_error_hz: float | None
    track_rate_hz: float | None
    track_rate_error_hz: float | None
    good_rate_hz: float | None
    good_rate_error_hz: float | None
    events: int
    kept: int
    purity_pct: float | None
    crt_ps: float | None
    strip_pairs: int
    input_digest: str
    picture_path: str | None
    picture_digest: str | None
    report: dict[str, Any]
    histograms: Histograms
    planes: tuple[PlaneCounts, ...]


def file_id(session: Session, station: str, basename: str) -> int:
    """Number of a registered file."""
    rows = session.query(
        "SELECT file_id FROM raw_file WHERE station = %s AND basename = %s", (station, basename)
    )
    if not rows:
        raise StorageError(f"{station}: {basename} is not registered any more")
    return int(rows[0][0])


def store_file(
    session: Session, number: int, product: FileProduct, kept_as: Mapping[str, Any]
) -> UpsertCounts:
    """Replace what is stored of a file, inside the caller's transaction. Counts are those of its minutes.

    `kept_as`: columns of event_file that say where and by whom (`station`, `basename`, `events_path`, ...).
    """
    digest = {"content_digest": product.content_digest, "minutes": product.minutes.num_rows}
    put(session, "event_file", {"file_id": number, **kept_as, **product.figures, **digest})
    for plane in product.planes:
        put(session, "event_file_plane", {"file_id": number, **plane_columns(plane)})
    days = np.datetime_as_string(product.minutes["minute_utc"].to_numpy().astype("datetime64[D]"))
    found, minutes = np.unique(days, return_counts=True)
    per_day = pa.table(
        {"day": found.tolist(), "station": [kept_as["station"]] * len(found), "minutes": minutes},
        schema=pa.schema([("day", pa.string()), ("station", pa.string()), ("minutes", pa.int64())]),
    )
    _replace(session, "file_day", number, per_day, ("day",))
    _replace(session, "file_minute_count", number, product.counts, ("minute_utc", "topology", "region"))
    return _replace(session, "file_minute", number, product.minutes, ("minute_utc",))


def forget_files(session: Session, numbers: Sequence[int]) -> None:
    """Remove all that is stored of some files but their calibrations, inside the caller's transaction."""
    if numbers:
        session.execute("DELETE FROM event_file WHERE file_id IN %s", (tuple(numbers),))


def days_of(session: Session, station: str, basename: str) -> list[str]:
    """UTC days that a reduced file has minutes of, ascending."""
    rows = session.query(
        "SELECT CAST(d.`day` AS CHAR) FROM file_day AS d INNER JOIN event_file AS e ON d.file_id = e.file_id "
        "WHERE e.station = %s AND e.basename = %s ORDER BY d.`day`",
        (station, basename),
    )
    return [day for (day,) in rows]


def files_of_day(session: Session, station: str, day: date) -> list[FileRecord]:
    """Reduced files that have minutes of a UTC day, by their begin; without those that are not to be used any more."""
    rows = session.query(statement("reports/files_of_day"), {"station": station, "day": day.isoformat()})
    if not rows:
        return []
    planes: dict[int, list[PlaneCounts]] = {}
    numbers = tuple(row[0] for row in rows)
    for number, *counts in session.query(_PLANES_OF_FILES, (numbers,)):
        planes.setdefault(number, []).append(_plane_counts(counts))
    names = [field.name for field in fields(FileRecord)][:-1]
    return [FileRecord(**_unpacked(names, row), planes=tuple(planes[row[0]])) for row in rows]


def read_minutes(session: Session, station: str, first: datetime, last: datetime) -> pa.Table:
    """Stored minutes from `first` (included) to `last` (excluded), UTC, ascending: columns of table minute."""
    columns = (*MINUTE_COLUMNS, *_RATES)
    rows = session.query(
        f"SELECT {', '.join(map(quote, columns))} FROM minute "  # noqa: S608 - names above
        "WHERE station = %s AND minute_utc >= %s AND minute_utc < %s ORDER BY minute_utc",
        (station, first.strftime("%Y-%m-%d %H:%M:%S"), last.strftime("%Y-%m-%d %H:%M:%S")),
    )
    types = {"minute_utc": pa.timestamp("s"), "live_s": pa.float64(), **dict.fromkeys(_RATES, pa.float64())}
    schema = pa.schema([(name, types.get(name, pa.int64())) for name in columns])
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pa.table(dict(zip(columns, map(list, values), strict=True)), schema=schema)


def read_day(session: Session, station: str, day: date) -> DayRecord | None:
    """What is known of a day; None when nothing is stored."""
    names = [field.name for field in fields(DayRecord)][:-1]
    key = (station, day.isoformat())
    rows = session.query(
        f"SELECT {', '.join(map(quote, names))} FROM station_day "  # noqa: S608 - names above
        "WHERE station = %s AND `day` = %s",
        key,
    )
    if not rows:
        return None
    planes = session.query(
        f"SELECT {', '.join(map(quote, _PLANE_COLUMNS))} FROM station_day_plane "  # noqa: S608 - names above
        "WHERE station = %s AND `day` = %s ORDER BY plane",
        key,
    )
    return DayRecord(**_unpacked(names, rows[0]), planes=tuple(map(_plane_counts, planes)))


def note_picture(session: Session, station: str, day: date, path: str, input_digest: str) -> None:
    """Keep where the quick look of a day is, and of which input it was drawn."""
    session.commit(
        lambda: session.execute(
            "UPDATE station_day SET picture_path = %s, picture_digest = %s WHERE station = %s AND `day` = %s",
            (path, input_digest, station, day.isoformat()),
        )
    )


def put(session: Session, table: str, row: Mapping[str, Any], *, replace: bool = True) -> None:
    """Insert one row, or bring the one with its key up to date (or leave that as it is)."""
    names = ", ".join(map(quote, row))
    changes = (f"{quote(name)} = VALUES({quote(name)})" for name in (row if replace else list(row)[:1]))
    session.execute(
        f"INSERT INTO {quote(table)} ({names}) VALUES ({', '.join(['%s'] * len(row))}) "  # noqa: S608 - ours
        f"ON DUPLICATE KEY UPDATE {', '.join(changes)}",
        tuple(row.values()),
    )


def _replace(
    session: Session, table: str, number: int, rows: pa.Table, keys: tuple[str, ...]
) -> UpsertCounts:
    numbered = rows.append_column("file_id", pa.array(np.full(rows.num_rows, number)))
    return session.upsert(table, numbered, ("file_id", *keys), _THE_FILE, (number,), whole=_EVERYTHING)


def _unpacked(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Columns by name, with the two that are JSON read."""
    found = dict(zip(names, values, strict=True))
    found["report"] = json.loads(found["report"])
    found["histograms"] = Histograms.from_dict(json.loads(found["histograms"]))
    return found


def plane_columns(plane: PlaneCounts) -> dict[str, int]:
    """Columns of event_file_plane and station_day_plane."""
    return {name: int(getattr(plane, name)) for name in _PLANE_COLUMNS}


def _plane_counts(values: Sequence[Any]) -> PlaneCounts:
    found = dict(zip(_PLANE_COLUMNS, values, strict=True))
    return PlaneCounts(**found | {"ratio_usable": bool(found["ratio_usable"])})


def _share(fired: int, accepted: int) -> tuple[float, float] | None:
    if not accepted:
        return None
    value = fired / accepted
    return value, float(np.sqrt(value * (1 - value) / accepted))


_PLANE_COLUMNS = tuple(field.name for field in fields(PlaneCounts))
_PLANES_OF_FILES = (
    f"SELECT file_id, {', '.join(map(quote, _PLANE_COLUMNS))} FROM event_file_plane "  # noqa: S608 - names above
    "WHERE file_id IN %s ORDER BY file_id, plane"
)
