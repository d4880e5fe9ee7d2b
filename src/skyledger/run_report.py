"""What one run did, read from the ledger: the same answer during the run, after a retry, after a crash."""

from collections.abc import Collection
from typing import Any

from skyledger.config import SQL_DIR
from skyledger.warehouse import Session

_COUNTS = ("units", "days", "rows_read", "rows_stored", "rows_rejected", "stored", "empty", "failed")


def run_report(session: Session, run_id: str, datasets: Collection[str]) -> list[dict[str, Any]]:
    """Totals per dataset, in the order of `datasets`; a dataset that the run did not touch has zeros.

    `units` and `days` are those with data stored; `stored`, `empty` and `failed` count partitions, and an
    attempt that was cut off counts as failed.
    `seconds` go from the first attempt to the end of the last one.
    """
    sql = (SQL_DIR / "ledger" / "run_report.sql").read_text(encoding="utf-8")
    found = {
        dataset: {
            **{name: int(n) for name, n in zip(_COUNTS, counts, strict=True)},
            "seconds": float(seconds),
        }
        for dataset, *counts, seconds in session.query(sql, {"run_id": run_id, "datasets": tuple(datasets)})
    }
    nothing: dict[str, Any] = {**dict.fromkeys(_COUNTS, 0), "seconds": 0.0}
    return [{"dataset": dataset, **found.get(dataset, nothing)} for dataset in datasets]


def days_stored(session: Session, run_id: str, dataset: str) -> list[str]:
    """Partition keys of which the run has stored something, ascending."""
    sql = (SQL_DIR / "ledger" / "days_stored.sql").read_text(encoding="utf-8")
    return [key for (key,) in session.query(sql, {"run_id": run_id, "dataset": dataset})]
