"""This version of a flight's data against the one before."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from skyledger.iagos.flight import FlightData, FloatArray
from skyledger.iagos.report.view import usable


@dataclass(frozen=True, slots=True)
class Change:
    """Of one variable, over the times that both versions have. Differences are this version less the one before."""

    changed_values: int  # that differ, also by being missing in one
    changed_flags: int
    gained: int  # usable now, not before
    lost: int  # usable before, not now
    mean: float | None  # difference over values usable in both; None: there are none
    largest: float | None  # the difference that is farthest from zero


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of two versions."""

    label: str  # of the version before
    common: int  # times that both have
    only_here: int
    only_before: int
    variables: Mapping[str, Change]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    time_s: FloatArray = field(repr=False)  # (c,) common times
    differences: Mapping[str, FloatArray] = field(repr=False)  # (c,) of variables whose values changed

    @property
    def identical(self) -> bool:
        """Whether nothing changed."""
        changed = any(one.changed_values or one.changed_flags for one in self.variables.values())
        return not (changed or self.only_here or self.only_before or self.added or self.removed)


def compare(data: FlightData, before: FlightData) -> Comparison:
    """What changed since `before`, matched by time."""
    common, here, there = np.intersect1d(data.time_s, before.time_s, assume_unique=True, return_indices=True)
    changes, differences = {}, {}
    for name in data.series:
        if name not in before.series:
            continue
        now, then = data.series[name], before.series[name]
        value, old = now.value[here], then.value[there]
        changed = ~((value == old) | (np.isnan(value) & np.isnan(old)))
        is_usable, was_usable = np.isfinite(usable(now)[here]), np.isfinite(usable(then)[there])
        both = np.flatnonzero(is_usable & was_usable)
        difference = np.full(len(common), np.nan)
        difference[both] = value[both] - old[both]
        known = difference[both]
        changes[name] = Change(
            changed_values=int(np.count_nonzero(changed)),
            changed_flags=int(np.count_nonzero(now.validity[here] != then.validity[there])),
            gained=int(np.count_nonzero(is_usable & ~was_usable)),
            lost=int(np.count_nonzero(was_usable & ~is_usable)),
            mean=float(known.mean()) if known.size else None,
            largest=float(known[np.abs(known).argmax()]) if known.size else None,
        )
        if known.any():
            differences[name] = difference
    version = f" {before.version}" if before.version else ""
    return Comparison(
        label=f"{before.level}{version}, delivery {before.key.revision}",
        common=len(common),
        only_here=len(data) - len(common),
        only_before=len(before) - len(common),
        variables=changes,
        added=tuple(name for name in data.series if name not in before.series),
        removed=tuple(name for name in before.series if name not in data.series),
        time_s=common,
        differences=differences,
    )
