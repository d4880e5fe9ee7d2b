"""Times of the sandbox: Unix seconds inside, UTC dates and text at its edges."""

from datetime import UTC, date, datetime

HOUR_S = 3_600
DAY_S = 86_400
YEAR_S = 365.2425 * DAY_S
OPEN_END_S = 4_102_444_800  # 2100-01-01, the network's sign for "open end"


def unix(text: str) -> int:
    """Unix seconds of `YYYY-MM-DD` or `YYYY-MM-DD HH:MM`, read as UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def midnight_s(day: date) -> int:
    """Unix seconds of the first moment of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def naive_utc(time_s: int) -> datetime:
    """A DATETIME as the metadata tables hold it: UTC without a zone."""
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)
