"""What a load did, in numbers that add up; and the error that names what it could not do."""

from dataclasses import dataclass, field
from typing import Any

from skyledger.errors import PermanentError, SkyledgerError, TransientError
from skyledger.ledger import State
from skyledger.warehouse import UpsertCounts


@dataclass(frozen=True, slots=True)
class Failure:
    """Days of one unit that could not be loaded."""

    member: str
    first_day: str
    last_day: str
    error: SkyledgerError


@dataclass(slots=True)
class Summary:
    """What an ingest did. Counts of rows are records: read = stored + rejected."""

    sensor_type: str
    planned: int = 0
    units: set[str] = field(default_factory=set)
    states: dict[State, int] = field(default_factory=dict)
    stored_days: dict[str, int] = field(default_factory=dict)
    rows_read: int = 0
    rows_stored: int = 0
    rows_rejected: int = 0
    duplicate_points: int = 0
    upserts: UpsertCounts = field(default_factory=UpsertCounts)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "sensor_type": self.sensor_type,
            "units": len(self.units),
            "days": len(self.stored_days),
            "partitions": {str(state): n for state, n in sorted(self.states.items())},
            "rows_read": self.rows_read,
            "rows_stored": self.rows_stored,
            "rows_rejected": self.rows_rejected,
            "rows_inserted": self.upserts.inserted,
            "rows_changed": self.upserts.changed,
            "rows_unchanged": self.upserts.unchanged,
            "rows_removed": self.upserts.removed,
            "duplicate_points": self.duplicate_points,
            "seconds": round(self.seconds, 3),
            "stored_days": dict(sorted(self.stored_days.items())),
            "failures": [
                {"member": f.member, "first_day": f.first_day, "last_day": f.last_day, "error": str(f.error)}
                for f in self.failures
            ],
        }

    def raise_for_failures(self) -> None:
        """Raise one error that names the failed units: transient only if waiting may heal all of them."""
        if not self.failures:
            return
        lines = [
            f"{self.sensor_type} {f.member}, {f.first_day} to {f.last_day}: {f.error}" for f in self.failures
        ]
        healing = all(isinstance(f.error, TransientError) for f in self.failures)
        members = ", ".join(sorted({f.member for f in self.failures}))
        raise (TransientError if healing else PermanentError)(
            f"{self.sensor_type}: unit(s) {members} failed, all others are stored. Rerun to try them again.\n"
            + "\n".join(lines)
        )
