"""What a run of a job brought."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from skyledger.errors import PermanentError, SkyledgerError, SourceUnavailable, TransientError
from skyledger.iagos.flight import Key


@dataclass(slots=True)
class BringSummary:
    """What a run of a job brought. `refused` and `notes` are for people; `failures` names files with their error."""

    job: str
    source: str
    new: list[Key] = field(default_factory=list)  # deliveries that were not known before
    states: Counter[str] = field(default_factory=Counter)  # what became of the files that were to be brought
    bytes: int = 0  # that came over the net
    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[tuple[str, SkyledgerError]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "job": self.job,
            "source": self.source,
            "new": [str(key) for key in self.new],
            "states": dict(sorted(self.states.items())),
            "bytes": self.bytes,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "notes": self.notes,
            "failures": [f"{name}: {error}" for name, error in self.failures],
        }

    def told(self) -> str:
        """Say it in a sentence."""
        states = ", ".join(f"{n} {state}" for state, n in sorted(self.states.items())) or "nothing to bring"
        parts = [f"{len(self.new)} new", states, f"{self.bytes} bytes"]
        parts += [
            f"{len(told)} {what}"
            for what, told in (("refused", self.refused), ("notes", self.notes), ("failed", self.failures))
            if told
        ]
        return "; ".join(parts)

    def raise_for_failures(self) -> None:
        """Raise one error that names the files that did not come: transient only if waiting may heal all of them."""
        if not self.failures:
            return
        healing = all(isinstance(error, TransientError) for _, error in self.failures)
        lines = "\n".join(f"{name}: {error}" for name, error in self.failures)
        raise (SourceUnavailable if healing else PermanentError)(
            f"{self.job}: {len(self.failures)} files did not come, all others did. Rerun to try them again.\n{lines}"
        )
