"""Reads, maps and stores slices of telegrams, each with its ledger rows in one transaction."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from skyledger import ledger
from skyledger.carbosense.telegram_plan import rows_of, rows_of_parameters
from skyledger.errors import FormatError, SkyledgerError, SourceUnavailable
from skyledger.influx import SECONDS_PER_DAY, Points, TelegramSource, midnight_s
from skyledger.ledger import Item, Outcome, State
from skyledger.mapping import TelegramMapping
from skyledger.summary import Failure, Summary
from skyledger.transform import Mapped, Transformer
from skyledger.warehouse import Session, UpsertCounts, quote
from skyledger.wire import ConnectionLost

log = logging.getLogger(__name__)

SOURCE_TRIES = 5  # units in a row that the source fails on before the rest is left to the next run

Progress = Callable[[str, int, int, int], None]  # unit, partitions done, partitions in all, records read


@dataclass(slots=True)
class Loader:
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
        read = [
            midnight_s(date.fromisoformat(o.partition_key)) // SECONDS_PER_DAY
            for o in outcomes
            if o.rows_read
        ]

        def store() -> UpsertCounts:
            counts = self.session.upsert(
                destination.table,
                rows,
                keys=(destination.member_column, destination.time_column),
                where=rows_of(self.mapping),
                parameters=rows_of_parameters([items[0].member], first, last),
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
