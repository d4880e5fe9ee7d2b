"""Which unit-days of telegrams to load: deployments, source and ledger compared; then cut into slices."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from skyledger import ledger
from skyledger.carbosense.deployments import deployed_units
from skyledger.config import digest
from skyledger.influx import INVENTORY_SCHEMA, TelegramSource, midnight_s
from skyledger.ledger import Item, Mode, Plan, Reason
from skyledger.mapping import TelegramMapping
from skyledger.warehouse import Session, quote

SLICE_TELEGRAMS = 15_000  # about 10 days of an HPP unit; some 40 MB, three of them in memory at a time
SOURCE_QUERIES = 2  # at once: the source is not ours to press
INVENTORY_UNITS = 50  # in one query: keeps its URL short and its answer small


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
            present_parameters=rows_of_parameters(units, first_day, last_day),
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
    with ThreadPoolExecutor(SOURCE_QUERIES, "inventory") as readers:
        return pa.concat_tables([INVENTORY_SCHEMA.empty_table(), *readers.map(ask, batches)])


def _present_sql(mapping: TelegramMapping) -> str:
    unit, seconds = quote(mapping.destination.member_column), quote(mapping.destination.time_column)
    return (
        "SELECT CAST(unit AS CHAR), CAST('1970-01-01' + INTERVAL day DAY AS CHAR), n FROM "  # noqa: S608
        f"(SELECT {unit} AS unit, {seconds} DIV 86400 AS day, COUNT(*) AS n "
        f"FROM {quote(mapping.destination.table)} WHERE {rows_of(mapping)} GROUP BY 1, 2) AS counted"
    )


def rows_of(mapping: TelegramMapping) -> str:
    """Condition on the destination for the rows of some units and days; see `rows_of_parameters`."""
    unit, seconds = quote(mapping.destination.member_column), quote(mapping.destination.time_column)
    return f"{unit} IN %s AND {seconds} >= %s AND {seconds} < %s"


def rows_of_parameters(units: Sequence[str], first_day: date, last_day: date) -> tuple[list[int], int, int]:
    """Values of `rows_of`: units, and the first and last day, both included."""
    return [int(unit) for unit in units], midnight_s(first_day), midnight_s(last_day + timedelta(days=1))


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


def known_quantities(source: TelegramSource, mapping: TelegramMapping, work: Plan) -> dict[str, set[str]]:
    """All quantities that the source has ever held of the planned units: the mapping may not know some."""
    members = list(dict.fromkeys(item.member for item in work.items))
    found: dict[str, set[str]] = {}
    for i in range(0, len(members), INVENTORY_UNITS):
        found |= source.quantities(mapping.source, members[i : i + INVENTORY_UNITS])
    return found
