"""Make a station's day: from registered files to rows in the database and the day's product file.

The product file is written first (temporary name, rename), then one transaction holds the bins, the day's record,
the rejected lines and the ledger row. A crash in between leaves a newer file beside older rows; the next run finds the
day interrupted and makes both again.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skyledger import ledger
from skyledger.errors import StorageError
from skyledger.ledger import Item, Mode, Outcome, State
from skyledger.warehouse import Session, UpsertCounts, Warehouse
from skyledger.weather import netcdf
from skyledger.weather.bins import Bins
from skyledger.weather.clock import microseconds
from skyledger.weather.plan import DATASET, DayState, assess, logger_days, note_plan, plan_days
from skyledger.weather.process import Day, Recipe, logger_bounds, process_day, recipe
from skyledger.weather.readers import read_file
from skyledger.weather.register import RawFile, files_of_day
from skyledger.weather.stations import ColumnMap, Station
from skyledger.weather.store import DayRecord, content_digest, read_day, store_bins
from skyledger.weather.toa5 import LoggerFile, RejectedLine

log = logging.getLogger(__name__)


@dataclass(slots=True)
class DaySummary:
    """What making one day did."""

    station: str
    day: str
    state: str = "nothing to do"
    files: int = 0
    rows: int = 0
    rejected: int = 0
    duplicates: int = 0
    coverage: float = 0.0
    bins: int = 0
    upserts: UpsertCounts = field(default_factory=UpsertCounts)
    netcdf_path: str | None = None
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "station": self.station,
            "day": self.day,
            "state": self.state,
            "files": self.files,
            "rows": self.rows,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "coverage": round(self.coverage, 6),
            "bins": self.bins,
            "bins_inserted": self.upserts.inserted,
            "bins_changed": self.upserts.changed,
            "bins_unchanged": self.upserts.unchanged,
            "bins_removed": self.upserts.removed,
            "netcdf_path": self.netcdf_path,
            "seconds": round(self.seconds, 3),
        }


def make_day(
    warehouse: Warehouse,
    station: Station,
    day: date,
    mode: Mode = Mode.MISSING,
    *,
    data_root: Path,
    run_id: str = "cli",
    now: datetime | None = None,
) -> DaySummary:
    """Make one day if the ledger says that there is something to do.

    Raises the error of the failed step, after it was written into the ledger; what was stored before stays.
    """
    started = time.monotonic()
    now = now or datetime.now(UTC)
    summary = DaySummary(station.station, day.isoformat())
    with warehouse.session() as session, session.lock([f"{DATASET}:{station.station}:{day}"]):
        plan = plan_days(session, station, day, day, mode, backfill_days=(now.date() - day).days + 2, now=now)
        log.info("%s", plan.describe(station.station))
        note_plan(session, station, plan, run_id=run_id)
        if plan.work.items:
            (item,) = plan.work.items
            _make(session, recipe(station, day), day, item, summary, data_root, run_id, now)
        elif plan.waiting:
            summary.state = "waiting"
        elif plan.work.empty:
            summary.state = State.EMPTY
    summary.seconds = time.monotonic() - started
    return summary


def _make(
    session: Session,
    made_by: Recipe,
    day: date,
    item: Item,
    summary: DaySummary,
    data_root: Path,
    run_id: str,
    now: datetime,
) -> None:
    with ledger.attempt(session, DATASET, item, run_id=run_id, config_digest=made_by.digest):
        raw = files_of_day(session, made_by.station.station, logger_days(made_by, day))
        files = [_read(data_root, file, made_by.columns) for file in raw]
        made = process_day(made_by, day, files)
        _store(session, made_by, made, raw, files, item, summary, data_root, now)


def _read(data_root: Path, file: RawFile, columns: ColumnMap) -> LoggerFile:
    """Read a file from the raw store as it was registered; it may have grown since."""
    path = data_root / file.raw_path
    try:
        data = path.read_bytes()[: file.bytes]
    except OSError as error:
        raise StorageError(
            f"{path}: {error.strerror}: restore the raw store from its backup, then rerun"
        ) from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise StorageError(
            f"{path}: its bytes are not those that were registered: restore the raw store from its backup, then rerun"
        )
    return read_file(columns, data, file.name)


def _store(
    session: Session,
    made_by: Recipe,
    made: Day,
    raw: Sequence[RawFile],
    files: Sequence[LoggerFile],
    item: Item,
    summary: DaySummary,
    data_root: Path,
    now: datetime,
) -> None:
    station, key = made.station, item.partition_key
    first_us, last_us = logger_bounds(made_by, made.day)
    rejected = list(_rejected_of(files, first_us, last_us))
    report = {
        **made.report,
        "rejected": len(rejected),
        "config_digest": made_by.digest,
        "input_digest": (input_digest := _input_digest(raw)),
        "seconds": {step: round(seconds, 4) for step, seconds in made.seconds.items()},
    }
    begun = len({file.name for file in files if first_us <= _first_us(file) < last_us})
    outcome = _outcome(made, item, begun, len(rejected), now)
    main = made.products[station.main_product]
    record = DayRecord(made.coverage, input_digest, content_digest(main), made_by.digest, None, None, report)
    if len(main):
        record = _product_file(session, made_by, made, main, record, data_root, now)
    span = station.bounds(made.day)

    def store() -> UpsertCounts:
        counts = UpsertCounts()
        for name, bins in made.products.items():
            entry = (
                record
                if name == station.main_product
                else DayRecord(
                    made.coverage, input_digest, content_digest(bins), made_by.digest, None, None, report
                )
            )
            counts += store_bins(session, station.station, made.day, span, bins, entry)
        ledger.close(session, DATASET, [outcome], [item], config_digest=made_by.digest)
        ledger.replace_rejected(session, DATASET, _rejected_table(item, rejected))
        return counts

    summary.upserts = session.commit(store)
    summary.state = outcome.state
    summary.files, summary.rows, summary.rejected = len(files), made.rows, len(rejected)
    summary.duplicates, summary.coverage, summary.bins = made.records.duplicates, made.coverage, len(main)
    summary.netcdf_path = record.netcdf_path
    log.info("%s %s: %s", station.station, key, outcome.message or "complete")
    _warn(made)


def _outcome(made: Day, item: Item, begun: int, rejected: int, now: datetime) -> Outcome:
    """What the ledger says of the day. `begun`: names of files that begin on it."""
    records = made.records
    state = assess(
        made.station.completeness,
        rows=made.rows,
        n_expected=made.n_expected,
        files=begun,
        later_row_seen=True,  # nothing more is waited for
        over=True,
    )
    lost = sum(gap.rows_lost for gap in records.gaps)
    notes = [
        f"coverage {made.coverage:.6f}" if made.coverage < 1 else "",
        f"{len(records.gaps)} gaps of {lost} rows" if records.gaps else "",
        f"{rejected} lines rejected" if rejected else "",
        f"{records.duplicates} duplicates" if records.duplicates else "",
        f"{records.conflicts} rows came with two contents" if records.conflicts else "",
        *(f"{name}: {reason}" for name, reason in made.report["missing"].items()),
    ]
    over = made.end_us <= microseconds(now)
    if not over:
        notes.append("the day was not over")
    ledger_state = (
        State.EMPTY
        if not made.rows
        else State(State.STORED if state is DayState.COMPLETE and over else State.PARTIAL)
    )
    return Outcome(
        item.member,
        item.partition_key,
        ledger_state,
        rows_read=made.rows + rejected,
        rows_stored=made.rows,
        rows_rejected=rejected,
        message="; ".join(filter(None, notes)) or None,
    )


def _product_file(
    session: Session,
    made_by: Recipe,
    made: Day,
    bins: Bins,
    record: DayRecord,
    data_root: Path,
    now: datetime,
) -> DayRecord:
    """Write the day's NetCDF file, unless the one that is there says the same."""
    station = made.station
    relative = Path(
        "weather",
        "netcdf",
        station.station,
        f"{made.day.year}",
        f"{station.station}_{bins.product}_{made.day}.nc",
    )
    path = data_root / relative
    before = read_day(session, station.station, made.day, bins.product)
    same = (
        before is not None
        and before.content_digest == record.content_digest
        and before.config_digest == record.config_digest
        and before.coverage == record.coverage
        and path.is_file()
        and hashlib.sha256(path.read_bytes()).hexdigest() == before.netcdf_sha256
    )
    attributes = {
        **station.product_attributes,
        "input_digest": record.input_digest,
        "config_digest": record.config_digest,
    }
    if before is not None and before.netcdf_sha256 and same:
        digest = before.netcdf_sha256
    else:
        digest = netcdf.write_netcdf(
            path, bins, station, made.period, made.day, created=now, attributes=attributes
        )
    return replace(record, netcdf_path=str(relative), netcdf_sha256=digest)


def _input_digest(raw: Sequence[RawFile]) -> str:
    """SHA-256 over the sorted names and digests of the files that contributed."""
    return hashlib.sha256("\n".join(sorted(f"{f.name} {f.sha256}" for f in raw)).encode()).hexdigest()


def _first_us(file: LoggerFile) -> int:
    """Logger time of a file's first row; -1 without rows."""
    return min((int(block.time_us.min()) for block in file.blocks if len(block.time_us)), default=-1)


def _rejected_of(
    files: Sequence[LoggerFile], first_us: int, last_us: int
) -> Iterator[tuple[LoggerFile, RejectedLine]]:
    """Rejected lines of a day: each counts to the day of the row before it in its file, else of the first row."""
    for file in files:
        if not file.rejected or not file.blocks:
            continue
        line = np.concatenate([block.line for block in file.blocks])
        time_us = np.concatenate([block.time_us for block in file.blocks])
        if not len(line):
            continue
        for bad in file.rejected:
            at = int(time_us[max(0, int(np.searchsorted(line, bad.line)) - 1)])
            if first_us <= at < last_us:
                yield file, bad


def _rejected_table(item: Item, rejected: Sequence[tuple[LoggerFile, RejectedLine]]) -> pa.Table:
    n = len(rejected)
    return pa.table(
        {
            "member": pa.array([item.member] * n, pa.string()),
            "partition_key": pa.array([item.partition_key] * n, pa.string()),
            # names of files can be longer than the key: their digest keeps lines of two files apart
            "record_key": pa.array(
                [f"{hashlib.sha256(f.name.encode()).hexdigest()[:16]}:{bad.line}" for f, bad in rejected],
                pa.string(),
            ),
            "source": pa.array([f"{f.name}:{bad.line}"[:250] for f, bad in rejected], pa.string()),
            "reason": pa.array([bad.reason[:500] for _, bad in rejected], pa.string()),
            "raw": pa.array([bad.raw for _, bad in rejected], pa.string()),
        }
    )


def _warn(made: Day) -> None:
    """Say in the log what a person should look at."""
    for event in made.records.events[:20]:
        log.warning("%s: %s", event.kind, event.text)
    for note in made.records.notes:
        log.warning("%s", note)
