"""Which station-days to make: registered files and the ledger compared, and whether a day may be made yet."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby

import pyarrow as pa

from skyledger import ledger
from skyledger.ledger import Mode, Plan
from skyledger.warehouse import Session
from skyledger.weather.clock import microseconds, moment
from skyledger.weather.process import Recipe, logger_bounds, recipe
from skyledger.weather.register import DayInventory, day_inventory
from skyledger.weather.stations import Completeness, Station

DATASET = "weather.observations"
ONE_DAY = timedelta(days=1)
INVENTORY = pa.schema([*ledger.PARTITIONS, ("source_rows", pa.int64()), ("source_digest", pa.string())])


class DayState(StrEnum):
    """How far a day has come."""

    WAITING = "waiting"  # more may arrive
    COMPLETE = "complete"
    PARTIAL = "partial"  # made with what there is: nothing more is waited for
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A day that is not made yet."""

    station: str
    day: str
    rows: int
    n_expected: int
    until: datetime  # from then on it is made with what there is

    def __str__(self) -> str:
        return (
            f"{self.station} {self.day}: waiting, {self.rows} of {self.n_expected} rows are here; made at "
            f"{self.until:%Y-%m-%d %H:%M} UTC at the latest"
        )


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Days of one station to make, and days that wait for more files."""

    work: Plan
    waiting: tuple[Waiting, ...]

    def describe(self, station: str) -> str:
        """Say in a line what would be done and why."""
        waiting = f"; {len(self.waiting)} waiting for files" if self.waiting else ""
        return f"{station}: {self.work.describe()}{waiting}"


def assess(
    rule: Completeness, *, rows: int, n_expected: int, files: int, later_row_seen: bool, over: bool
) -> DayState:
    """State of a day.

    rows : distinct rows of the day; files : names that begin on it; later_row_seen : whether a row at or after
    its end has come; over : whether the time for late files is over.
    """
    if rule.rule == "file_count":
        complete = files >= rule.expected_files
    else:
        complete = later_row_seen and rows >= rule.coverage * n_expected
    if complete:
        return DayState.COMPLETE
    if not over:
        return DayState.WAITING
    return DayState.PARTIAL if rows else DayState.EMPTY


def plan_days(
    session: Session,
    station: Station,
    first_day: date,
    last_day: date,
    mode: Mode = Mode.MISSING,
    backfill_days: int = 10,
    *,
    now: datetime,
) -> DayPlan:
    """Find the days to make between two days (included), from the registered files and the ledger. Reads only.

    Days before the first file of the station are not expected. With mode `all` or `backfill` a day is made with
    what there is, also while more may arrive.
    """
    last_day = min(last_day, moment_day(station, now))
    known = {
        row.day: row for row in day_inventory(session, station.station, date.min, last_day + 2 * ONE_DAY)
    }
    if not known:
        return DayPlan(Plan(DATASET, (), (), 0), ())
    first_day = max(first_day, min(known) - (station.day == "utc") * ONE_DAY)
    begun = _files_begun(session, station) if station.completeness.rule == "file_count" else {}
    latest_us = max(_us(row) for row in known.values())
    items, empty, waiting, expected, outdated = [], [], [], 0, 0
    for _, days in groupby(_days(first_day, last_day), lambda day: station.on(day)):
        chosen = list(days)
        if station.on(chosen[0]) is None:
            continue
        made_by = recipe(station, chosen[0])
        found = {day: _content(made_by, day, known) for day in chosen}
        planned = _compare(session, made_by, chosen, found, mode, now - timedelta(days=backfill_days))
        expected += planned.expected
        outdated += planned.outdated
        for key in (*(item.partition_key for item in planned.items), *(key for _, key in planned.empty)):
            day = date.fromisoformat(key)
            _, end = station.bounds(day)
            n_expected = _n_expected(made_by, day)
            until = end + timedelta(hours=station.completeness.grace_h)
            state = assess(
                station.completeness,
                rows=found[day][0],
                n_expected=n_expected,
                files=begun.get(day, 0),
                # a row of a whole interval is written when that is over: no later one is needed
                later_row_seen=made_by.columns.time_stamp == "interval_start"
                or latest_us >= logger_bounds(made_by, day)[1],
                over=now >= until,
            )
            if state is DayState.WAITING and (mode in (Mode.MISSING, Mode.STALE) or not found[day][0]):
                waiting.append(Waiting(station.station, key, found[day][0], n_expected, until))
        late = {entry.day for entry in waiting}
        items += [item for item in planned.items if item.partition_key not in late]
        empty += [pair for pair in planned.empty if pair[1] not in late]
    return DayPlan(Plan(DATASET, tuple(items), tuple(empty), expected, outdated), tuple(waiting))


def note_plan(session: Session, station: Station, plan: DayPlan, *, run_id: str) -> None:
    """Write a plan into the ledger. Days without files are thereby done: they are empty."""
    if days := [
        key for _, key in (*plan.work.empty, *((i.member, i.partition_key) for i in plan.work.items))
    ]:
        made_by = recipe(station, date.fromisoformat(max(days)))
        ledger.mark(session, plan.work, run_id=run_id, config_digest=made_by.digest)


def moment_day(station: Station, moment: datetime) -> date:
    """The station's day at a moment."""
    if station.day == "utc":
        return moment.astimezone(UTC).date()
    period = station.on(moment.date()) or station.periods[-1]
    return moment.astimezone(period.zone).date()


def logger_days(made_by: Recipe, day: date) -> list[date]:
    """Calendar days of the logger's clock that a station's day touches."""
    first_us, last_us = logger_bounds(made_by, day)
    return list(_days(moment(first_us).date(), moment(last_us - 1).date()))


def _compare(
    session: Session,
    made_by: Recipe,
    days: list[date],
    found: Mapping[date, tuple[int, str]],
    mode: Mode,
    backfill_from: datetime,
) -> Plan:
    station = made_by.station
    members = {
        "member": [station.station] * len(days),
        "partition_key": [day.isoformat() for day in days],
        "source_rows": [found[day][0] for day in days],
        "source_digest": [found[day][1] for day in days],
    }
    return ledger.plan(
        session,
        DATASET,
        expected=ledger.partitions((station.station, day.isoformat()) for day in days),
        find=lambda: pa.table(members, schema=INVENTORY),
        present_sql=(
            "SELECT station, CAST(`day` AS CHAR), SUM(n_rows) FROM observation "
            "WHERE station = %s AND product = %s AND `day` BETWEEN %s AND %s GROUP BY station, `day`"
        ),
        present_parameters=(station.station, station.main_product, days[0].isoformat(), days[-1].isoformat()),
        config_digest=made_by.digest,
        mode=mode,
        backfill_from=backfill_from.date(),
    )


def _content(made_by: Recipe, day: date, known: Mapping[date, DayInventory]) -> tuple[int, str]:
    """Rows and digest of what the files hold of a day. Copies count twice: an upper bound of the rows."""
    parts = [known[d] for d in logger_days(made_by, day) if d in known]
    if len(parts) == 1:
        return parts[0].rows, parts[0].digest
    joined = hashlib.sha256("".join(part.digest for part in parts).encode()).hexdigest()
    return sum(part.rows for part in parts), joined if parts else ""


def _n_expected(made_by: Recipe, day: date) -> int:
    start, end = made_by.station.bounds(day)
    return int((end - start).total_seconds()) // made_by.columns.interval_s


def _files_begun(session: Session, station: Station) -> dict[date, int]:
    rows = session.query(
        "SELECT DATE(first_logger_time), COUNT(DISTINCT name) FROM logger_file "
        "WHERE station = %s AND state = 'registered' AND first_logger_time IS NOT NULL "
        "GROUP BY DATE(first_logger_time)",
        (station.station,),
    )
    return dict(rows)


def _us(row: DayInventory) -> int:
    last = row.last_logger_time
    return microseconds(last.replace(tzinfo=UTC)) if last else 0


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * ONE_DAY for n in range((last - first).days + 1))
