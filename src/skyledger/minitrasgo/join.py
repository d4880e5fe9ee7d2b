"""Join a station's day: from the minutes of its reduced files to the minutes of the station, and the day's figures.

Each file has its minutes stored once: reducing it again replaces them, so the newest execution wins for the same
source. A day is the sum over its files as they are now. Files that are not to be used any more (a duplicate, a foreign
one) contribute nothing, and what was stored of them is removed. All rows and the ledger change in one transaction.
"""

import hashlib
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skyledger import ledger
from skyledger.ledger import Item, Mode, Outcome, State
from skyledger.minitrasgo.continuity import jumps
from skyledger.minitrasgo.events import remove
from skyledger.minitrasgo.plan import JOIN_DIGEST, RATES, plan_days, statement
from skyledger.minitrasgo.registry import files_between
from skyledger.minitrasgo.stations import MingoStation
from skyledger.minitrasgo.store import (
    MINUTE_COLUMNS,
    SHORTEST_LIVE_S,
    FileRecord,
    PlaneCounts,
    files_of_day,
    forget_files,
    plane_columns,
    put,
)
from skyledger.warehouse import Session, UpsertCounts, Warehouse

log = logging.getLogger(__name__)

MINUTE_S = 60.0
_FORGET_REGIONS = (
    "DELETE t FROM gone_region AS g STRAIGHT_JOIN minute_region AS t ON g.station = t.station "
    "AND g.minute_utc = t.minute_utc AND g.topology = t.topology AND g.region = t.region"
)
_TYPES = {"minute_utc": pa.timestamp("s"), "live_s": pa.float64()}
_JOINED = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in MINUTE_COLUMNS])


@dataclass(slots=True)
class DaySummary:
    """What joining one day did. Counts of rows are those of table minute."""

    station: str
    day: str
    state: str = "nothing to do"
    files: int = 0
    minutes: int = 0
    triggers: int = 0
    live_s: float = 0.0
    overlapping_minutes: int = 0
    withdrawn: list[str] = field(default_factory=list)  # files that are not to be used any more
    upserts: UpsertCounts = field(default_factory=UpsertCounts)
    regions_changed: int = 0  # rows of minute_region that were written or removed
    message: str | None = None
    seconds: float = 0.0

    @property
    def rate_hz(self) -> float | None:
        """Coincidences by live seconds."""
        return self.triggers / self.live_s if self.live_s >= SHORTEST_LIVE_S else None

    @property
    def rate_error_hz(self) -> float | None:
        """Statistical error of the rate."""
        return math.sqrt(self.triggers) / self.live_s if self.live_s >= SHORTEST_LIVE_S else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "station": self.station,
            "day": self.day,
            "state": str(self.state),
            "files": self.files,
            "minutes": self.minutes,
            "triggers": self.triggers,
            "live_s": self.live_s,
            "rate_hz": self.rate_hz,
            "rate_error_hz": self.rate_error_hz,
            "overlapping_minutes": self.overlapping_minutes,
            "withdrawn": self.withdrawn,
            "minutes_inserted": self.upserts.inserted,
            "minutes_changed": self.upserts.changed,
            "minutes_unchanged": self.upserts.unchanged,
            "minutes_removed": self.upserts.removed,
            "regions_changed": self.regions_changed,
            "message": self.message,
            "seconds": round(self.seconds, 3),
        }


def join_day(
    warehouse: Warehouse,
    station: MingoStation,
    day: date,
    mode: Mode = Mode.MISSING,
    *,
    data_root: Path,
    run_id: str = "cli",
    now: datetime | None = None,
) -> DaySummary:
    """Join one UTC day if the ledger says that there is something to do.

    Raises the error of the failed step, after it was written into the ledger; what was stored before stays.
    """
    started = time.monotonic()
    summary = DaySummary(station.station, day.isoformat())
    with warehouse.session() as session, session.lock([f"{RATES}:{station.station}:{day}"]):
        plan = plan_days(session, station, day, day, mode)
        log.info("%s: %s", station.station, plan.describe())
        ledger.mark(session, plan, run_id=run_id, config_digest=JOIN_DIGEST)
        for item in plan.items:
            _Joiner(session, station, day, item, data_root, now or datetime.now(UTC), summary).run(run_id)
    summary.seconds = time.monotonic() - started
    return summary


@dataclass(slots=True)
class _Joiner:
    """Joins one day."""

    session: Session
    station: MingoStation
    day: date
    item: Item
    data_root: Path
    now: datetime
    summary: DaySummary

    def run(self, run_id: str) -> None:
        with ledger.attempt(self.session, RATES, self.item, run_id=run_id, config_digest=JOIN_DIGEST):
            self._withdraw_events()
            self.session.commit(self._store)
        summary = self.summary
        log.info(
            "%s %s: %s",
            self.item.member,
            self.item.partition_key,
            summary.message or f"complete, {summary.minutes} minutes",
        )

    def _withdraw_events(self) -> None:
        """Remove the event tables of files that are not to be used any more: before their rows, which name them."""
        for _, basename, path in self._withdrawn():
            log.warning(
                "%s %s is not to be used any more: its minutes and events are removed",
                self.station.station,
                basename,
            )
            remove(self.data_root / path)

    def _withdrawn(self) -> list[tuple[Any, ...]]:
        return self.session.query(
            "SELECT e.file_id, e.basename, e.events_path FROM file_day AS d "
            "INNER JOIN event_file AS e ON d.file_id = e.file_id "
            "INNER JOIN raw_file AS r ON d.file_id = r.file_id "
            "WHERE d.station = %s AND d.`day` = %s AND r.state <> 'arrived' ORDER BY e.basename",
            (self.station.station, self.day.isoformat()),
        )

    def _store(self) -> None:
        session, summary, name = self.session, self.summary, self.station.station
        withdrawn = self._withdrawn()
        files = files_of_day(session, name, self.day)
        session.stage(
            "day_file",
            ("file_id INT UNSIGNED NOT NULL PRIMARY KEY",),
            pa.table({"file_id": pa.array([file.file_id for file in files], pa.int64())}),
        )
        span = {
            "station": name,
            "first": self.day.isoformat(),
            "last": (self.day + timedelta(days=1)).isoformat(),
        }
        minutes = _minutes(session, span)
        summary.upserts = session.upsert(
            "minute",
            minutes.append_column("station", pa.array([name] * minutes.num_rows, pa.string())),
            ("station", "minute_utc"),
            "station = %s AND minute_utc >= %s AND minute_utc < %s",
            tuple(span.values()),
            whole=("TRUE", ()),
        )
        summary.regions_changed = _join_regions(session, span)
        overlapping = int(pc.sum(pc.greater(minutes["live_s"], MINUTE_S + 1e-6)).as_py() or 0)
        summary.files, summary.minutes = len(files), minutes.num_rows
        summary.overlapping_minutes = overlapping
        summary.triggers = _sum(minutes["triggers"])
        summary.live_s = math.fsum(minutes["live_s"].to_pylist())
        summary.withdrawn = [basename for _, basename, _ in withdrawn]
        outcome = self._day(files, minutes)
        forget_files(session, [number for number, *_ in withdrawn])
        ledger.close(session, RATES, [outcome], [self.item], config_digest=JOIN_DIGEST)
        summary.state, summary.message = outcome.state, outcome.message

    def _day(self, files: Sequence[FileRecord], minutes: pa.Table) -> Outcome:
        """Store the day's figures; return what the ledger says of it."""
        session, name, n = self.session, self.station.station, minutes.num_rows
        key = (self.item.member, self.item.partition_key)
        if not n:
            for table in ("station_day", "station_day_plane"):
                session.execute(f"DELETE FROM {table} WHERE station = %s AND `day` = %s", key)  # noqa: S608 - ours
            return Outcome(*key, State.EMPTY, 0, 0, 0, "no file has minutes of this day any more")
        unused, waiting = self._unused()
        notes = list(self._notes(unused, waiting))
        begun = [file for file in files if file.begin_utc.date() == self.day]
        pairs = sum(file.strip_pairs for file in files if file.crt_ps is not None)
        row = {
            "station": name,
            "day": self.day.isoformat(),
            "files": len(files),
            "rejected": sum(file.rejected for file in begun),
            "minutes": n,
            "overlapping_minutes": self.summary.overlapping_minutes,
            "live_s": self.summary.live_s,
            **{what: _sum(minutes[what]) for what in ("triggers", "tracks", "good")},
            "events": sum(file.events for file in files),
            "kept": sum(file.kept for file in files),
            "crt_ps": math.fsum(f.crt_ps * f.strip_pairs for f in files if f.crt_ps is not None) / pairs
            if pairs
            else None,
            "strip_pairs": pairs,
            "input_digest": input_digest(files),
            "report": json.dumps(
                {
                    "notes": notes,
                    "files": [_told(file) for file in files],
                    "unused": unused,
                    "waiting": waiting,
                    "jumps": jumps(session, self.station, self.day),
                    "rejected": _added(file.report["rejected"] for file in begun),
                    "topologies": {
                        step: _added(file.report["topologies"][step] for file in files)
                        for step in files[0].report["topologies"]
                    },
                }
            ),
            "histograms": json.dumps(reduce(add, (file.histograms for file in files)).as_dict()),
        }
        put(session, "station_day", row)
        for planes in zip(*(file.planes for file in files), strict=True):
            total: PlaneCounts = reduce(add, planes)
            put(session, "station_day_plane", {"station": name, "day": row["day"], **plane_columns(total)})
        return Outcome(*key, State.PARTIAL if notes else State.STORED, n, n, 0, "; ".join(notes) or None)

    def _unused(self) -> tuple[list[dict[str, str | None]], list[str]]:
        """Files that begin on the day and are not used, with the reason; and those that are still to be reduced."""
        reduced = dict(
            self.session.query(
                "SELECT basename, sha256 FROM event_file WHERE station = %s AND begin_utc >= %s "
                "AND begin_utc < %s + INTERVAL 1 DAY",
                (self.station.station, self.day.isoformat(), self.day.isoformat()),
            )
        )
        files = files_between(self.session, self.station.station, self.day, self.day)
        unused = [
            {"file": file.basename, "state": file.state, "message": file.message}
            for file in files
            if file.state != "arrived"
        ]
        waiting = [
            file.basename
            for file in files
            if file.state == "arrived" and reduced.get(file.basename) != file.sha256
        ]
        return unused, waiting

    def _notes(self, unused: Sequence[Mapping[str, Any]], waiting: Sequence[str]) -> Iterable[str]:
        """Why the day is not simply stored."""
        over = datetime.combine(self.day + timedelta(days=1), datetime.min.time(), UTC) <= self.now
        if not over:
            yield "the day was not over"
        if waiting:
            yield f"{len(waiting)} files are still to be reduced: {', '.join(waiting)}"
        if corrupt := [file["file"] for file in unused if file["state"] == "corrupt"]:
            yield f"{len(corrupt)} files cannot be used: {', '.join(corrupt)}"
        if overlapping := self.summary.overlapping_minutes:
            yield f"files overlap: {overlapping} minutes have more than 60 live seconds"


def input_digest(files: Iterable[FileRecord]) -> str:
    """SHA-256 over names and contents of files, as the plan makes it."""
    lines = sorted(f"{file.basename} {file.content_digest}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _minutes(session: Session, span: Mapping[str, str]) -> pa.Table:
    rows = session.query(statement("join/minutes"), dict(span))
    values = zip(*rows, strict=True) if rows else ([] for _ in _JOINED.names)
    return pa.table(dict(zip(_JOINED.names, map(list, values), strict=True)), schema=_JOINED)


def _join_regions(session: Session, span: Mapping[str, str]) -> int:
    """Bring minute_region up to date; return the rows that were inserted, changed (twice) or removed."""
    for table in ("joined_region", "gone_region"):
        session.execute(f"DROP TEMPORARY TABLE IF EXISTS {table}")
    session.execute("CREATE TEMPORARY TABLE joined_region LIKE minute_region")
    session.execute(statement("join/regions"), dict(span))
    session.execute(statement("join/gone_regions"), dict(span))
    return session.execute(_FORGET_REGIONS) + session.execute(statement("join/merge_regions"))


def _told(file: FileRecord) -> dict[str, Any]:
    return {
        "file": file.basename,
        "sha256": file.sha256,
        "run_hash": file.run_hash,
        "run_in_force": bool(file.run_in_force),
        "calibration": file.calibration,
        "borrowed_from": file.borrowed_from,
        "rejected": file.rejected,
        "triggers": file.triggers,
        "live_s": file.live_s,
        "rate_hz": file.trigger_rate_hz,
        "rate_error_hz": file.trigger_rate_error_hz,
    }


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
