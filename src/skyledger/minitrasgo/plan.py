"""Which files to reduce and which days to join: the registry, the stored rows and the ledger compared."""

import hashlib
from collections.abc import Collection
from datetime import date
from functools import cache
from itertools import groupby

import pyarrow as pa

from skyledger import ledger
from skyledger.config import SQL_DIR
from skyledger.ledger import Mode, Plan
from skyledger.minitrasgo.registry import RawFileRow, files_between
from skyledger.minitrasgo.stations import MingoStation, recipe
from skyledger.warehouse import Session

EVENTS = "minitrasgo.events"  # member: station; partition: basename of a file
RATES = "minitrasgo.rates"  # member: station; partition: UTC day

# A day is added up in one way only; another number makes all days look outdated
JOIN_DIGEST = hashlib.sha256(b"minitrasgo.rates 1").hexdigest()
# A file that lacks minutes counts as not stored
_FILES_PRESENT = (
    "SELECT e.station, e.basename, IF(COUNT(m.minute_utc) = e.minutes, e.accepted, 0) "
    "FROM event_file AS e LEFT JOIN file_minute AS m ON e.file_id = m.file_id "
    "WHERE e.station = %s AND e.begin_utc >= %s AND e.begin_utc < %s + INTERVAL 1 DAY "
    "GROUP BY e.file_id, e.station, e.basename, e.minutes, e.accepted"
)
_DAYS_PRESENT = (
    "SELECT station, CAST(DATE(minute_utc) AS CHAR), COUNT(*) FROM minute "
    "WHERE station = %s AND minute_utc >= %s AND minute_utc < %s + INTERVAL 1 DAY "
    "GROUP BY station, DATE(minute_utc)"
)
_INVENTORY = pa.schema([*ledger.PARTITIONS, ("source_rows", pa.int64()), ("source_digest", pa.string())])


def plan_files(
    session: Session,
    station: MingoStation,
    first_day: date,
    last_day: date,
    mode: Mode = Mode.MISSING,
    basenames: Collection[str] | None = None,
) -> Plan:
    """Find the files to reduce among those that begin between two UTC days (included). Reads only.

    `basenames`: only these. Files that were put aside as corrupt are tried again with mode `all` only; mode `backfill`
    takes every other file of the days. Items are in the order of their names, which is that of their age.
    """
    files = [
        file
        for file in files_between(session, station.station, first_day, last_day)
        if (basenames is None or file.basename in basenames) and _is_expected(file, mode)
    ]
    span = (station.station, first_day.isoformat(), last_day.isoformat())
    plans = []
    for digest, alike in groupby(files, key=lambda file: recipe(station, file.begin).digest):
        members = [(station.station, file.basename, max(file.bytes, 1), file.sha256) for file in alike]
        plans.append(_compare(session, EVENTS, _FILES_PRESENT, span, members, digest, mode))
    return Plan(
        EVENTS,
        tuple(sorted((item for plan in plans for item in plan.items), key=lambda item: item.partition_key)),
        (),
        sum(plan.expected for plan in plans),
        sum(plan.outdated for plan in plans),
    )


def plan_days(
    session: Session, station: MingoStation, first_day: date, last_day: date, mode: Mode = Mode.MISSING
) -> Plan:
    """Find the UTC days to join between two days (included). Reads only.

    A day is expected when reduced files have minutes of it, or when minutes are stored that no file has any more: that
    day is to be emptied. Mode `backfill` takes every day.
    """
    span = (station.station, first_day.isoformat(), last_day.isoformat())
    parameters = dict(zip(("station", "first_day", "last_day"), span, strict=True))
    members = [
        (station.station, day, int(files), digest)
        for day, files, digest in session.query(statement("plan/days"), parameters)
    ]
    if not members:
        return Plan(RATES, (), (), 0)
    return _compare(session, RATES, _DAYS_PRESENT, span, members, JOIN_DIGEST, mode)


@cache
def statement(name: str) -> str:
    """An SQL file of this network."""
    return (SQL_DIR / "minitrasgo" / f"{name}.sql").read_text(encoding="utf-8")


def _is_expected(file: RawFileRow, mode: Mode) -> bool:
    # an archive that could not be unpacked is kept as it came
    again = mode is Mode.ALL and file.state == "corrupt" and file.raw_path.endswith(".dat")
    return file.state == "arrived" or again


def _compare(
    session: Session,
    dataset: str,
    present_sql: str,
    span: tuple[str, str, str],
    members: list[tuple[str, str, int, str]],
    config_digest: str,
    mode: Mode,
) -> Plan:
    columns = zip(*members, strict=True)
    inventory = pa.table(dict(zip(_INVENTORY.names, columns, strict=True)), schema=_INVENTORY)
    return ledger.plan(
        session,
        dataset,
        expected=ledger.partitions(member[:2] for member in members),
        find=lambda: inventory,
        present_sql=present_sql,
        present_parameters=span,
        config_digest=config_digest,
        mode=mode,
        backfill_from=date.min,
    )
