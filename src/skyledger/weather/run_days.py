"""What a run did, station by station and day by day, read from the ledger."""

from typing import Any

from skyledger.config import SQL_DIR
from skyledger.warehouse import Session
from skyledger.weather.plan import DATASET
from skyledger.weather.publish import DATASET as PUBLISHED

COLUMNS = (
    "station", "day", "state", "rows", "rejected", "coverage", "bins", "publish_state", "published", "message",
)  # fmt: skip


def run_days(session: Session, run_id: str) -> list[dict[str, Any]]:
    """One entry per station-day that the run made or published; `published` are points verified on the server."""
    sql = (SQL_DIR / "weather" / "reports" / "run_days.sql").read_text(encoding="utf-8")
    rows = session.query(sql, {"run_id": run_id, "observations": DATASET, "geostreams": PUBLISHED})
    counts = ("rows", "rejected", "bins", "published")
    return [
        {name: int(value) if name in counts else value for name, value in zip(COLUMNS, row, strict=True)}
        for row in rows
    ]
