"""Which data days a run works on: the one place that knows.

A data day is a UTC calendar day. Airflow starts runs in six ways, and each says the day differently:

| run | where the days come from |
|---|---|
| started with the form (or `conf`) | `first_day`, `last_day`; a missing end is the run's own day |
| scheduled by a partition timetable, backfilled, or started for a partition key | the key, `YYYY-MM-DD` |
| partitioned consumer of an asset | the key, `MEMBER|YYYY-MM-DD` |
| started by asset events | the keys of the events, or `days` in their extra |
| scheduled by a data-interval timetable | the interval, one day per 24 hours |
| anything else | the last day that was complete when the run was due |

A run that names no day never gets the day that is still going on: its data would be half a day.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from skyledger.errors import PermanentError

ONE_DAY = timedelta(days=1)
KEY_SEPARATOR = "|"


class DayError(PermanentError, ValueError):
    """A run names its days in a form that cannot be understood. Waiting does not heal it."""


def data_days(context: Mapping[str, Any], lookback_days: int = 0) -> list[date]:
    """All data days of the run, ascending and without gaps unless asset events leave some.

    `lookback_days` adds that many days before the first one (late data). An explicit range is taken as it
    is: who asks for three days gets three.

    Raises DayError for a malformed key or day, and for a range that ends before it begins.
    """
    if lookback_days < 0:
        raise DayError(f"lookback_days is {lookback_days}; expected 0 or more")
    params = context.get("params") or {}
    first, last = params.get("first_day"), params.get("last_day")
    if first or last:
        first_day = parse_day(first, "first_day") if first else own_days(context)[0]
        last_day = parse_day(last, "last_day") if last else own_days(context)[-1]
        return day_range(first_day, last_day)
    days = own_days(context)
    earlier = [days[0] - n * ONE_DAY for n in range(lookback_days, 0, -1)]
    return earlier + days


def own_days(context: Mapping[str, Any]) -> list[date]:
    """The days the run was made for, whatever the form says. Never empty."""
    run_after = _utc(context["dag_run"].run_after)
    last_complete = run_after.date() - ONE_DAY
    if key := context.get("partition_key"):
        return [split_key(key)[1]]
    if days := sorted(set(_event_days(context))):
        return days
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start and end and start < end:
        count = math.ceil((_utc(end) - _utc(start)) / ONE_DAY)
        return [_utc(start).date() + n * ONE_DAY for n in range(count)]
    if logical := context.get("logical_date"):
        return [min(_utc(logical).date(), last_complete)]
    return [last_complete]


def split_key(key: str) -> tuple[str | None, date]:
    """`MEMBER|YYYY-MM-DD` -> (member, day); `YYYY-MM-DD` -> (None, day)."""
    member, separator, day = key.rpartition(KEY_SEPARATOR)
    if separator and (not member or KEY_SEPARATOR in member):
        raise DayError(f"partition key {key!r}: expected YYYY-MM-DD or MEMBER|YYYY-MM-DD")
    return member or None, parse_day(day, f"partition key {key!r}")


def day_key(day: date, member: str | None = None) -> str:
    """The partition key of a day, or of one member's day: the reverse of `split_key`."""
    return f"{member}{KEY_SEPARATOR}{day.isoformat()}" if member else day.isoformat()


def day_range(first_day: date, last_day: date) -> list[date]:
    """Every day from `first_day` to `last_day`, both included."""
    if last_day < first_day:
        raise DayError(f"the range ends before it begins: first_day {first_day}, last_day {last_day}")
    return [first_day + n * ONE_DAY for n in range((last_day - first_day).days + 1)]


def parse_day(value: object, what: str = "day") -> date:
    """`YYYY-MM-DD` (or a date) -> date; `what` names the value in the error."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        day = None
    # fromisoformat also takes 20260301 and 2026-W09-7: one spelling keeps keys comparable
    if day is None or day.isoformat() != str(value):
        raise DayError(f"{what}: {value!r} is not a day; expected YYYY-MM-DD, such as 2026-03-01")
    return day


def _event_days(context: Mapping[str, Any]) -> Iterator[date]:
    for events in (context.get("triggering_asset_events") or {}).values():
        for event in events:
            if event.partition_key:
                yield split_key(event.partition_key)[1]
            else:
                for day in (event.extra or {}).get("days", ()):
                    yield parse_day(day, "days of an asset event")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise DayError(f"{moment} has no time zone; expected an aware date-time")
    return moment.astimezone(UTC)
