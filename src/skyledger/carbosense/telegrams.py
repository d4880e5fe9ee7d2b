"""Telegrams from InfluxDB into the raw tables (`lp8_data`, `hpp_data`, `vaisala_data`, `licor_data`).

A partition is one sensor unit and one UTC day, whole: from 00:00:00 to before the next midnight. Many
consecutive days of a unit are read in one query (a *slice*, bounded in length so that memory is too)
while the slice before is being stored. A slice and the ledger rows of its days are one transaction.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from skyledger import ledger
from skyledger.carbosense.deployments import deployed_units
from skyledger.config import CONFIG_DIR, digest, load
from skyledger.errors import FormatError, PermanentError, SkyledgerError, SourceUnavailable
from skyledger.influx import INVENTORY_SCHEMA, Points, TelegramSource, midnight_s
from skyledger.ledger import Item, Mode, Outcome, Plan, Reason, State
from skyledger.mapping import TelegramMapping
from skyledger.summary import Failure, Summary
from skyledger.transform import Mapped, Transformer
from skyledger.warehouse import Session, UpsertCounts, Warehouse, quote
from skyledger.wire import ConnectionLost

log = logging.getLogger(__name__)

SLICE_TELEGRAMS = 30_000  # about 20 days of an HPP unit; some 100 MB while it is in memory twice
INVENTORY_QUERIES = 2  # at once: the source is not ours to press
INVENTORY_UNITS = 50  # in one query: keeps its URL short and its answer small
SOURCE_TRIES = 5  # units in a row that the source fails on before the rest is left to the next run

Progress = Callable[[str, int, int, int], None]  # unit, partitions done, partitions in all, records read


def mapping_paths() -> dict[str, Path]:
    """The shipped telegram mappings, by sensor type in lower case."""
    return {path.stem: path for path in sorted((CONFIG_DIR / "carbosense" / "telegrams").glob("*.yaml"))}


def load_mapping(sensor_type: str) -> TelegramMapping:
    """Read the mapping of a sensor type. Raises PermanentError naming the known types."""
    paths = mapping_paths()
    if sensor_type.lower() not in paths:
        raise PermanentError(f"unknown sensor type {sensor_type!r}: expected one of {', '.join(paths)}")
    return load(TelegramMapping, paths[sensor_type.lower()])


def plan_telegrams(
    session: Session,
    source: TelegramSource,
    mapping: TelegramMapping,
    first_day: date,
    last_day: date,
    members: Sequence[int] | None = None,
    mode: Mode = Mode.MISSING,
    backfill_days: int = 10,
    *,
    now: datetime | None = None,
) -> Plan:
    """Find the unit-days to load between two days (included), from the deployments, the source and the ledger.

    Reads only. Days before the mapping's `date_from` and after today are left out.
    """
    now = now or datetime.now(UTC)
    first_day, last_day = max(first_day, mapping.source.date_from), min(last_day, now.date())
    deployed = deployed_units(
        session, mapping.sensor_type, first_day, last_day, first_unit=mapping.first_unit, units=members
    )
    units = [str(unit) for unit in deployed]
    if not units:
        return Plan(mapping.dataset, (), (), 0)
    with ThreadPoolExecutor(1, "inventory") as background:
        found = background.submit(_inventory, source, mapping, mapping.watched, units, first_day, last_day)
        planned = ledger.plan(
            session,
            mapping.dataset,
            expected=ledger.partitions(
                (str(u), day.isoformat()) for u, days in deployed.items() for day in days
            ),
            find=found.result,
            present_sql=_present_sql(mapping),
            present_parameters=_where_parameters(units, first_day, last_day),
            config_digest=digest(mapping),
            mode=mode,
            backfill_from=_backfill_from(now, backfill_days),
        )
    return _with_useless_days(planned, source, mapping)


def _backfill_from(now: datetime, backfill_days: int) -> date:
    """First day that began no longer than `backfill_days` ago: at noon, 3 days back, today and the two before."""
    start = now - timedelta(days=backfill_days)
    return start.date() + timedelta(days=start != datetime.combine(start, datetime.min.time(), UTC))


def _with_useless_days(planned: Plan, source: TelegramSource, mapping: TelegramMapping) -> Plan:
    """Days without any watched quantity are empty, unless other quantities came: those must be looked at."""
    if not planned.empty or mapping.watched == mapping.quantities:
        return planned
    members = list(dict.fromkeys(member for member, _ in planned.empty))
    keys = [date.fromisoformat(key) for _, key in planned.empty]
    found = _inventory(source, mapping, mapping.quantities, members, min(keys), max(keys)).to_pylist()
    empty = set(planned.empty)
    useless = [
        Item(row["member"], row["partition_key"], Reason.NEW, row["source_rows"], row["source_digest"])
        for row in found
        if (row["member"], row["partition_key"]) in empty
    ]
    return replace(
        planned,
        items=tuple(sorted((*planned.items, *useless))),
        empty=tuple(sorted(empty - {(item.member, item.partition_key) for item in useless})),
    )


def _inventory(
    source: TelegramSource,
    mapping: TelegramMapping,
    quantities: Sequence[str],
    units: Sequence[str],
    first_day: date,
    last_day: date,
) -> pa.Table:
    def ask(batch: Sequence[str]) -> pa.Table:
        return source.inventory(mapping.source, quantities, batch, first_day, last_day)

    batches = (units[i : i + INVENTORY_UNITS] for i in range(0, len(units), INVENTORY_UNITS))
    with ThreadPoolExecutor(INVENTORY_QUERIES, "inventory") as readers:
        return pa.concat_tables([INVENTORY_SCHEMA.empty_table(), *readers.map(ask, batches)])


def _present_sql(mapping: TelegramMapping) -> str:
    unit, seconds = quote(mapping.destination.member_column), quote(mapping.destination.time_column)
    return (
        "SELECT CAST(unit AS CHAR), CAST('1970-01-01' + INTERVAL day DAY AS CHAR), n FROM "  # noqa: S608
        f"(SELECT {unit} AS unit, {seconds} DIV 86400 AS day, COUNT(*) AS n "
        f"FROM {quote(mapping.destination.table)} WHERE {_where(mapping)} GROUP BY 1, 2) AS counted"
    )


def _where(mapping: TelegramMapping) -> str:
    unit, seconds = quote(mapping.destination.member_column), quote(mapping.destination.time_column)
    return f"{unit} IN %s AND {seconds} >= %s AND {seconds} < %s"


def _where_parameters(units: Sequence[str], first_day: date, last_day: date) -> tuple[list[int], int, int]:
    return [int(unit) for unit in units], midnight_s(first_day), midnight_s(last_day + timedelta(days=1))


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
    with warehouse.session() as session, ThreadPoolExecutor(1, "influx") as reader:
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
            loader = _Loader(
                session, source, mapping, transformer, summary, run_id, now, progress,
                config_digest=digest(mapping),
                source_quantities=_source_quantities(source, mapping, work),
            )  # fmt: skip
            pending: Future[Points] | None = None
            for index, items in enumerate(slices):
                reading = pending or loader.start(reader, items)
                pending = loader.start(reader, slices[index + 1]) if index + 1 < len(slices) else None
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


def _source_quantities(source: TelegramSource, mapping: TelegramMapping, work: Plan) -> dict[str, set[str]]:
    members = list(dict.fromkeys(item.member for item in work.items))
    found: dict[str, set[str]] = {}
    for i in range(0, len(members), INVENTORY_UNITS):
        found |= source.quantities(mapping.source, members[i : i + INVENTORY_UNITS])
    return found


def slice_plan(work: Plan, slice_telegrams: int = SLICE_TELEGRAMS) -> Iterator[list[Item]]:
    """Cut a plan into runs of consecutive days of one unit with at most `slice_telegrams` (one day at least)."""
    current: list[Item] = []
    telegrams = 0
    for item in work.items:
        follows = (
            current
            and item.member == current[-1].member
            and date.fromisoformat(item.partition_key) - date.fromisoformat(current[-1].partition_key)
            == timedelta(days=1)
        )
        if current and (not follows or telegrams + item.source_rows > slice_telegrams):
            yield current
            current, telegrams = [], 0
        current.append(item)
        telegrams += item.source_rows
    if current:
        yield current


@dataclass(slots=True)
class _Loader:
    """Loads slice after slice over one session, and keeps the summary."""

    session: Session
    source: TelegramSource
    mapping: TelegramMapping
    transformer: Transformer
    summary: Summary
    run_id: str
    now: datetime
    progress: Progress | None
    config_digest: str
    source_quantities: dict[str, set[str]]
    done: int = 0
    failed_in_a_row: int = 0
    unmapped_told: set[str] = field(default_factory=set)

    def start(self, reader: ThreadPoolExecutor, items: list[Item]) -> Future[Points]:
        """Open the attempts of a slice and begin to read it."""
        ledger.open_attempts(
            self.session,
            self.mapping.dataset,
            ((item.member, item.partition_key, item.reason) for item in items),
            run_id=self.run_id,
        )
        first, last = (date.fromisoformat(items[n].partition_key) for n in (0, -1))
        return reader.submit(
            self.source.read, self.mapping.source, self.mapping.quantities, items[0].member, first, last
        )

    def finish(self, items: list[Item], reading: "Future[Points]") -> None:
        """Map and store a slice once it is read; record what fails."""
        try:
            points = reading.result()
            mapped = self.transformer.apply(int(items[0].member), points)
            self._store(items, mapped)
            self.failed_in_a_row = 0
        except ConnectionLost:
            raise  # nothing can be recorded any more; the next run finds the attempts interrupted
        except SkyledgerError as error:
            try:
                self._record_failure(items, error)
            except ConnectionLost:
                raise error from None  # the session died of it
            self.failed_in_a_row += 1
            if self.failed_in_a_row == SOURCE_TRIES and isinstance(error, SourceUnavailable):
                raise SourceUnavailable(
                    f"the source failed {SOURCE_TRIES} times in a row: {self.summary.planned - self.done} "
                    f"partitions are left for the next run. Last error: {error}"
                ) from error
        self.done += len(items)
        if self.progress:
            self.progress(items[0].member, self.done, self.summary.planned, self.summary.rows_read)

    def _store(self, items: list[Item], mapped: Mapped) -> None:
        outcomes, lacking = self._outcomes(items, mapped)
        rows = mapped.rows
        if lacking:
            keep = [str(day) not in lacking for day in mapped.days]
            rows = rows.filter(pa.array(keep, pa.bool_()))
        destination = self.mapping.destination
        first, last = (date.fromisoformat(items[n].partition_key) for n in (0, -1))
        rejected = self._rejected(items[0].member, mapped, lacking)
        # a telegram that was stored and is now rejected, or gone from a day that still has others, must not stay
        read = [midnight_s(date.fromisoformat(o.partition_key)) // 86_400 for o in outcomes if o.rows_read]

        def store() -> UpsertCounts:
            counts = self.session.upsert(
                destination.table,
                rows,
                keys=(destination.member_column, destination.time_column),
                where=_where(self.mapping),
                parameters=_where_parameters([items[0].member], first, last),
                whole=(f"{quote(destination.time_column)} DIV 86400 IN %s", (read,)) if read else None,
            )
            ledger.close(
                self.session, self.mapping.dataset, outcomes, items, config_digest=self.config_digest
            )
            ledger.replace_rejected(self.session, self.mapping.dataset, rejected)
            return counts

        counts = self.session.commit(store)
        self._count(outcomes, mapped, counts, lacking)

    def _outcomes(self, items: list[Item], mapped: Mapped) -> tuple[list[Outcome], dict[str, FormatError]]:
        rejected = pc.value_counts(pa.array([r.day for r in mapped.rejected], pa.string())).to_pylist()
        rejected_on = {entry["values"]: entry["counts"] for entry in rejected}
        stored = pc.value_counts(pa.array(mapped.days.astype(str))).to_pylist()
        stored_on = {entry["values"]: entry["counts"] for entry in stored}
        unmapped = self._unmapped(items[0].member)
        outcomes, lacking = [], {}
        for item in items:
            day = item.partition_key
            missing = mapped.missing.get(day, self.transformer.all_columns)
            if required := sorted(missing & self.transformer.required):
                error = FormatError(
                    f"unit {item.member}, {day}: the source holds no value for required column(s) "
                    f"{', '.join(required)}: check the sensor, or set required: false in the mapping"
                )
                lacking[day] = error
                outcomes.append(Outcome(item.member, day, State.FAILED, message=str(error)))
                continue
            n_stored, n_rejected = stored_on.get(day, 0), rejected_on.get(day, 0)
            over = self.now >= datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
            notes = [
                f"records rejected: {n_rejected}" if n_rejected else "",
                "" if over else "the day was not over",
                f"no source for {', '.join(sorted(missing))}" if missing else "",
                f"not mapped: {', '.join(unmapped)}" if unmapped else "",
            ]
            outcomes.append(
                Outcome(
                    item.member,
                    day,
                    State.STORED if over and not n_rejected else State.PARTIAL,
                    rows_read=n_stored + n_rejected,
                    rows_stored=n_stored,
                    rows_rejected=n_rejected,
                    message="; ".join(filter(None, notes)) or None,
                )
            )
        return outcomes, lacking

    def _unmapped(self, member: str) -> list[str]:
        known = {*self.mapping.quantities, *self.mapping.ignore}
        unmapped = sorted(self.source_quantities.get(member, set()) - known)
        if unmapped and member not in self.unmapped_told:
            self.unmapped_told.add(member)
            log.warning("unit %s sends quantities the mapping does not know: %s", member, ", ".join(unmapped))
        return unmapped

    def _rejected(self, member: str, mapped: Mapped, lacking: dict[str, FormatError]) -> pa.Table:
        kept = [record for record in mapped.rejected if record.day not in lacking]
        return pa.table(
            {
                "member": pa.array([member] * len(kept), pa.string()),
                "partition_key": pa.array([record.day for record in kept], pa.string()),
                "record_key": pa.array([record.record_key for record in kept], pa.string()),
                "source": pa.array([self.mapping.source.measurement] * len(kept), pa.string()),
                "reason": pa.array([record.reason for record in kept], pa.string()),
                "raw": pa.array([record.raw for record in kept], pa.string()),
            }
        )

    def _count(
        self, outcomes: list[Outcome], mapped: Mapped, counts: UpsertCounts, lacking: dict[str, FormatError]
    ) -> None:
        summary = self.summary
        for outcome in outcomes:
            summary.states[outcome.state] = summary.states.get(outcome.state, 0) + 1
            if outcome.state is not State.FAILED:
                day = outcome.partition_key
                summary.stored_days[day] = summary.stored_days.get(day, 0) + (outcome.rows_stored or 0)
                summary.rows_read += outcome.rows_read or 0
                summary.rows_stored += outcome.rows_stored or 0
                summary.rows_rejected += outcome.rows_rejected or 0
        summary.units.add(outcomes[0].member)
        summary.upserts += counts
        summary.duplicate_points += mapped.duplicates
        summary.failures += [Failure(outcomes[0].member, day, day, error) for day, error in lacking.items()]

    def _record_failure(self, items: list[Item], error: SkyledgerError) -> None:
        member = items[0].member
        log.error("unit %s, %s to %s: %s", member, items[0].partition_key, items[-1].partition_key, error)
        failed = [Outcome(member, i.partition_key, State.FAILED, message=str(error)) for i in items]
        self.session.commit(
            lambda: ledger.close(
                self.session, self.mapping.dataset, failed, items, config_digest=self.config_digest
            )
        )
        self.summary.units.add(member)
        self.summary.states[State.FAILED] = self.summary.states.get(State.FAILED, 0) + len(items)
        self.summary.failures.append(Failure(member, items[0].partition_key, items[-1].partition_key, error))
