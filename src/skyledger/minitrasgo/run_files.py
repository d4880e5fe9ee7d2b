"""What a run did, file by file, read from the ledger and the stored figures."""

from itertools import groupby
from typing import Any

from skyledger.minitrasgo.plan import EVENTS, statement
from skyledger.warehouse import Session

COLUMNS = (
    "station", "file", "state", "events", "rejected", "rate_hz", "rate_error_hz", "calibration", "message",
)  # fmt: skip


def run_files(session: Session, run_id: str) -> list[dict[str, Any]]:
    """One entry per file that the run tried to reduce: COLUMNS, and `efficiencies` by plane: value and error, or None.

    Figures of a failed attempt are those of what is stored from before, if there is something.
    """
    rows = session.query(statement("reports/run_files"), {"run_id": run_id, "dataset": EVENTS})
    found = []
    for _, planes in groupby(rows, key=lambda row: row[:2]):
        of_file = list(planes)
        entry = dict(zip(COLUMNS, of_file[0], strict=False))
        entry |= {name: None if entry[name] is None else int(entry[name]) for name in ("events", "rejected")}
        entry["efficiencies"] = {
            str(plane): None if value is None else [value, error]
            for *_, plane, value, error in of_file
            if plane is not None
        }
        found.append(entry)
    return found
