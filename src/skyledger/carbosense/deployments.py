"""Which sensor units are at work on which days.

A unit counts on a day when, at some moment of that UTC day, it was deployed and a sensor of the type
sat in it. Units that were taken down are not asked for again.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache

from skyledger.config import SQL_DIR
from skyledger.warehouse import Session


@cache
def _statement() -> str:
    return (SQL_DIR / "carbosense" / "load" / "deployed_units.sql").read_text(encoding="utf-8")


def deployed_units(
    session: Session,
    sensor_type: str,
    first_day: date,
    last_day: date,
    *,
    first_unit: int = 0,
    units: Sequence[int] | None = None,
) -> dict[int, list[date]]:
    """Days on which each unit was deployed, both bounds included, ascending.

    `units` restricts the answer; units that were not deployed in the range are absent from it.
    """
    rows = session.query(
        _statement(),
        {
            "sensor_type": sensor_type,
            "first_unit": first_unit,
            "starts_before": datetime.combine(last_day + timedelta(days=1), time.min),  # DATETIME in UTC
            "ends_after": datetime.combine(first_day, time.min),  # DATETIME in UTC
        },
    )
    wanted = None if units is None else set(units)
    days: dict[int, set[date]] = {}
    for unit, start, end in rows:
        if wanted is None or unit in wanted:
            first = max(start.date(), first_day)
            # a period that ends at midnight does not touch the day that begins there
            last = min((end - timedelta(microseconds=1)).date(), last_day)
            days.setdefault(unit, set()).update(
                first + timedelta(days=n) for n in range((last - first).days + 1)
            )
    return {unit: sorted(found) for unit, found in sorted(days.items()) if found}
