"""Reduce one registered file: from its bytes in the raw store to its event table and its rows.

The event table is written first (temporary name, rename), then one transaction holds the calibration, the figures, the
minutes, the rejected lines and the ledger row. A crash in between leaves a newer table beside older rows; the next run
finds the file interrupted and makes both again. Equal results change nothing.
"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from skyledger import __version__, ledger
from skyledger.errors import FormatError, PermanentError, SkyledgerError
from skyledger.ledger import Item, Mode, Outcome, State
from skyledger.minitrasgo import events
from skyledger.minitrasgo.calibrate import Calibration
from skyledger.minitrasgo.calibrations import calibration_digest, calibration_status, store_calibration
from skyledger.minitrasgo.file_product import file_product, notes
from skyledger.minitrasgo.last_good import calibration_row, last_good
from skyledger.minitrasgo.plan import EVENTS, plan_files
from skyledger.minitrasgo.raw_store import read_registered
from skyledger.minitrasgo.rawfile import RawFile
from skyledger.minitrasgo.reduce import Reduced, reduce
from skyledger.minitrasgo.registry import RawFileRow, file_row, note_run
from skyledger.minitrasgo.stations import MingoStation, recipe
from skyledger.minitrasgo.store import SHORTEST_LIVE_S, days_of, file_id, forget_files, store_file
from skyledger.warehouse import Session, UpsertCounts, Warehouse

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 2000  # characters, of raw_file.message


@dataclass(slots=True)
class FileSummary:
    """What reducing one file did. `days` are the UTC days to be joined because of it."""

    station: str
    basename: str
    state: str = "nothing to do"
    days: list[str] = field(default_factory=list)
    events: int = 0
    self_triggers: int = 0
    rejected: int = 0
    live_s: float = 0.0
    rate_hz: float | None = None
    rate_error_hz: float | None = None
    calibration: str | None = None  # own, borrowed, incomplete
    borrowed_from: str | None = None
    efficiencies: dict[int, tuple[float, float] | None] = field(default_factory=dict)  # telescope, by plane
    events_path: str | None = None
    upserts: UpsertCounts = field(default_factory=UpsertCounts)  # of the file's minutes
    message: str | None = None
    steps: dict[str, float] = field(default_factory=dict)  # seconds of work
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "station": self.station,
            "file": self.basename,
            "state": str(self.state),
            "days": self.days,
            "events": self.events,
            "self_triggers": self.self_triggers,
            "rejected": self.rejected,
            "live_s": self.live_s,
            "rate_hz": self.rate_hz,
            "rate_error_hz": self.rate_error_hz,
            "calibration": self.calibration,
            "borrowed_from": self.borrowed_from,
            "efficiencies": {str(plane): found and list(found) for plane, found in self.efficiencies.items()},
            "events_path": self.events_path,
            "minutes_inserted": self.upserts.inserted,
            "minutes_changed": self.upserts.changed,
            "minutes_unchanged": self.upserts.unchanged,
            "minutes_removed": self.upserts.removed,
            "message": self.message,
            "steps": {step: round(seconds, 3) for step, seconds in self.steps.items()},
            "seconds": round(self.seconds, 3),
        }


def reduce_file(
    warehouse: Warehouse,
    station: MingoStation,
    basename: str,
    mode: Mode = Mode.MISSING,
    *,
    data_root: Path,
    run_id: str = "cli",
) -> FileSummary:
    """Reduce one file if the ledger says that there is something to do.

    Raises PermanentError when the file is not registered. Raises the error of the failed step, after it was written
    into the ledger: a FormatError puts the file aside (state corrupt, with the reason) and removes what was stored of
    it; after any other error what was stored before stays.
    """
    started = time.monotonic()
    summary = FileSummary(station.station, basename)
    with warehouse.session() as session, session.lock([f"{EVENTS}:{station.station}:{basename}"]):
        file = file_row(session, station.station, basename)
        if file is None:
            raise PermanentError(f"{station.station}: no file {basename!r} is registered")
        day = file.begin.date()
        plan = plan_files(session, station, day, day, mode, [basename])
        log.info("%s: %s", basename, plan.describe())
        before = days_of(session, station.station, basename)
        for item in plan.items:
            digest = recipe(station, file.begin).digest
            ledger.mark(session, plan, run_id=run_id, config_digest=digest)
            _Reducer(session, station, file, item, data_root, summary).run(run_id)
        summary.days = sorted({*before, *days_of(session, station.station, basename)})
    summary.seconds = time.monotonic() - started
    return summary


@dataclass(slots=True)
class _Reducer:
    """Reduces one file."""

    session: Session
    station: MingoStation
    file: RawFileRow
    item: Item
    data_root: Path
    summary: FileSummary

    def run(self, run_id: str) -> None:
        digest = recipe(self.station, self.file.begin).digest
        with ledger.attempt(
            self.session, EVENTS, self.item, run_id=run_id, config_digest=digest, failed=self._failed
        ):
            self._reduce()
        log.info("%s %s: %s", self.file.station, self.file.basename, self.summary.message or "complete")

    def _reduce(self) -> None:
        wanted = recipe(self.station, self.file.begin)
        started = time.monotonic()
        raw = read_registered(self.data_root, self.file)
        parsed_s = time.monotonic() - started
        reduced = reduce(raw, wanted)
        own = reduced.calibrated.calibration
        lent = last_good(self.session, self.station, self.file, own, self.data_root)
        if lent:
            reduced = reduce(raw, wanted, lent.calibration)
        self._store(raw, reduced, lent.basename if lent else None, own)
        self.summary.steps |= {"parse": parsed_s, **reduced.seconds}
        self.summary.steps["parquet and database"] = (
            time.monotonic() - started - sum(self.summary.steps.values())
        )

    def _store(self, raw: RawFile, reduced: Reduced, borrowed_from: str | None, own: Calibration) -> None:
        session, file, item, summary = self.session, self.file, self.item, self.summary
        used = reduced.calibrated.calibration
        path = events.relative_path(file.station, file.begin.date(), file.basename)
        sha256 = events.write(
            self.data_root / path, events.event_table(reduced, _provenance(reduced, file, borrowed_from))
        )
        self._remove_events(path)
        product = file_product(reduced, file, borrowed_from)
        number = file_id(session, file.station, file.basename)
        row = {**calibration_row(session, file, reduced.recipe, raw), "borrowed_from": borrowed_from}
        kept_as = {
            "station": file.station,
            "basename": file.basename,
            "code_version": __version__,
            "events_path": str(path),
            "events_sha256": sha256,
        }
        rejected = product.figures["rejected"]
        remarks = notes(reduced, file, borrowed_from)
        outcome = Outcome(
            item.member,
            item.partition_key,
            State.PARTIAL if remarks else State.STORED,
            rows_read=raw.accepted + rejected,
            rows_stored=raw.accepted,
            rows_rejected=rejected,
            message="; ".join(remarks) or None,
        )

        def store() -> UpsertCounts:
            note_run(session, file.station, reduced.recipe.run)
            store_calibration(session, row, own, used)
            counts = store_file(session, number, product, kept_as)
            session.execute(
                "UPDATE raw_file SET state = 'arrived', message = NULL, first_event_utc = %s, "
                "last_event_utc = %s WHERE file_id = %s AND state = 'corrupt'",
                (product.figures["first_event_utc"], product.figures["last_event_utc"], number),
            )
            ledger.close(session, EVENTS, [outcome], [item], config_digest=reduced.recipe.digest)
            ledger.replace_rejected(session, EVENTS, _rejected_table(item, raw))
            return counts

        summary.upserts = session.commit(store)
        summary.state, summary.message = outcome.state, outcome.message
        summary.events, summary.self_triggers = len(reduced), len(raw.self_triggers)
        summary.rejected, summary.live_s = rejected, reduced.minutes.live_seconds
        if summary.live_s >= SHORTEST_LIVE_S:
            summary.rate_hz, summary.rate_error_hz = reduced.rate_hz, reduced.rate_error_hz
        summary.calibration, summary.borrowed_from = calibration_status(used), borrowed_from
        summary.efficiencies = {plane.plane: plane.telescope for plane in product.planes}
        summary.events_path = str(path)

    def _failed(self, error: SkyledgerError) -> None:
        """Put a file aside whose content is to blame. Inside a transaction."""
        if isinstance(error, FormatError):
            self._remove_events(None)
            self._put_aside(str(error))

    def _put_aside(self, why: str) -> None:
        """Keep the file, use it no more. Inside a transaction."""
        number = file_id(self.session, self.file.station, self.file.basename)
        self.session.execute(
            "UPDATE raw_file SET state = 'corrupt', message = %s WHERE file_id = %s",
            (why[:LONGEST_MESSAGE], number),
        )
        forget_files(self.session, [number])

    def _remove_events(self, but: Path | None) -> None:
        """Remove the event table that was written before, unless it is this one: before the rows that name it."""
        rows = self.session.query(
            "SELECT events_path FROM event_file WHERE station = %s AND basename = %s",
            (self.file.station, self.file.basename),
        )
        for (path,) in rows:
            if path != str(but):
                events.remove(self.data_root / path)


def _provenance(reduced: Reduced, file: RawFileRow, borrowed_from: str | None) -> dict[str, str]:
    run, in_force = reduced.recipe.run, reduced.recipe.run_in_force
    return {
        "skyledger": __version__,
        "station": file.station,
        "file": file.basename,
        "file_sha256": file.sha256,
        "config_digest": reduced.recipe.digest,
        "run_hash": run.row_hash,
        "run_in_force": "yes" if in_force else "no: the nearest row of the run dictionary",
        "z_mm": ", ".join(f"{z:g}" for z in run.plane_z_mm),
        "phi_north_deg": f"{run.phi_north_deg:g}",
        "calibration": calibration_digest(reduced.calibrated.calibration),
        "calibration_borrowed_from": borrowed_from or "",
    }


def _rejected_table(item: Item, raw: RawFile) -> pa.Table:
    rows = raw.rejects
    return pa.table(
        {
            "member": pa.array([item.member] * len(rows), pa.string()),
            "partition_key": pa.array([item.partition_key] * len(rows), pa.string()),
            "record_key": pa.array([str(row.line) for row in rows], pa.string()),
            "source": pa.array([f"{raw.name}:{row.line}" for row in rows], pa.string()),
            "reason": pa.array([row.reason for row in rows], pa.string()),
            "raw": pa.array([row.text for row in rows], pa.string()),
        }
    )
