"""Telegrams from InfluxDB into the raw tables (`lp8_data`, `hpp_data`, `vaisala_data`, `licor_data`).

A partition is one sensor unit and one UTC day, whole: from 00:00:00 to before the next midnight. Many
consecutive days of a unit are read in one query (a *slice*, bounded in length so that memory is too)
while the slices before are being stored. A slice and the ledger rows of its days are one transaction.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

from skyledger import ledger
from skyledger.carbosense.deployments import deployed_units
from skyledger.carbosense.telegram_load import Loader, Progress
from skyledger.carbosense.telegram_plan import SOURCE_QUERIES, known_quantities, plan_telegrams, slice_plan
from skyledger.config import CONFIG_DIR, digest, load
from skyledger.errors import PermanentError
from skyledger.influx import TelegramSource
from skyledger.ledger import Mode, State
from skyledger.mapping import TelegramMapping
from skyledger.summary import Summary
from skyledger.transform import Transformer
from skyledger.warehouse import Warehouse

log = logging.getLogger(__name__)


def mapping_paths() -> dict[str, Path]:
    """The shipped telegram mappings, by sensor type in lower case."""
    return {path.stem: path for path in sorted((CONFIG_DIR / "carbosense" / "telegrams").glob("*.yaml"))}


def load_mapping(sensor_type: str) -> TelegramMapping:
    """Read the mapping of a sensor type. Raises PermanentError naming the known types."""
    paths = mapping_paths()
    if sensor_type.lower() not in paths:
        raise PermanentError(f"unknown sensor type {sensor_type!r}: expected one of {', '.join(paths)}")
    return load(TelegramMapping, paths[sensor_type.lower()])


def ingest_telegrams(
    warehouse: Warehouse,
    source: TelegramSource,
    mapping: TelegramMapping,
    first_day: date,
    last_day: date,
    members: Sequence[int] | None = None,
    mode: Mode = Mode.MISSING,
    backfill_days: int = 10,
    *,
    run_id: str = "cli",
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Summary:
    """Plan and load the telegrams of one sensor type; see `plan_telegrams` for the arguments.

    A unit that fails is recorded in the ledger and in the summary, and the others go on. Raises
    StorageUnavailable when the database goes away or another run is loading one of the units.
    """
    started = time.monotonic()
    now = now or datetime.now(UTC)
    transformer = Transformer(mapping)
    summary = Summary(mapping.sensor_type)
    with warehouse.session() as session, ThreadPoolExecutor(SOURCE_QUERIES, "influx") as reader:
        deployed = deployed_units(
            session, mapping.sensor_type, first_day, last_day, first_unit=mapping.first_unit, units=members
        )
        with session.lock([f"{mapping.dataset}:{unit}" for unit in deployed]):
            work = plan_telegrams(
                session, source, mapping, first_day, last_day, members, mode, backfill_days, now=now
            )
            log.info("%s", work.describe())
            ledger.mark(session, work, run_id=run_id, config_digest=digest(mapping))
            summary.planned = len(work)
            summary.states[State.EMPTY] = len(work.empty)
            slices = list(slice_plan(work))
            loader = Loader(
                session, source, mapping, transformer, summary, run_id, now, progress,
                config_digest=digest(mapping),
                source_quantities=known_quantities(source, mapping, work),
            )  # fmt: skip
            upcoming = iter(slices)
            ahead = deque((items, loader.start(reader, items)) for items in islice(upcoming, SOURCE_QUERIES))
            while ahead:
                items, reading = ahead.popleft()
                ahead.extend(
                    (following, loader.start(reader, following)) for following in islice(upcoming, 1)
                )
                loader.finish(items, reading)
    summary.seconds = time.monotonic() - started
    log.info(
        "%s: %d partitions in %.1f s: %d telegrams read, %d stored (%d new, %d changed, %d removed), "
        "%d rejected, %d failed",
        mapping.dataset, summary.planned, summary.seconds, summary.rows_read, summary.rows_stored,
        summary.upserts.inserted, summary.upserts.changed, summary.upserts.removed, summary.rows_rejected,
        len(summary.failures),
    )  # fmt: skip
    return summary
