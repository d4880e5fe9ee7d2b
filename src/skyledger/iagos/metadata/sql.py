"""SQL of the instrument database, and times as it holds them: UTC without zone; an open end is a day far ahead."""

from datetime import UTC, datetime
from functools import cache

from skyledger.config import SQL_DIR

OPEN = datetime(9999, 12, 31)  # noqa: DTZ001 - as the database holds it: a period without an end yet


@cache
def statement(name: str) -> str:
    """A statement by name."""
    return (SQL_DIR / "iagos" / "metadata" / f"{name}.sql").read_text(encoding="utf-8")


def naive(moment: datetime) -> datetime:
    """UTC without zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    """A time of the database as what it is."""
    return moment.replace(tzinfo=UTC)


def known(as_of: datetime | None) -> datetime:
    """Parameter `as_of` of statements: None means now."""
    return naive(as_of or datetime.now(UTC))
