"""SQL of releases, and times as the database holds them: UTC without zone."""

from datetime import UTC, datetime
from functools import cache

from skyledger.config import SQL_DIR
from skyledger.iagos.names import Level

# Which series a decision about a level is about
DATA_LEVEL = {Level.NRT: Level.L0, Level.L1: Level.L0, Level.L2: Level.L2}


@cache
def statement(name: str) -> str:
    """A statement by name."""
    return (SQL_DIR / "iagos" / "release" / f"{name}.sql").read_text(encoding="utf-8")


def naive_now() -> datetime:
    """UTC now, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
