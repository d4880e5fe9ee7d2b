"""C20: how often a plane sees a particle that crossed it. Source: 4.1.10 of the reference; weakness 14 mended.

All estimates of plane p use events in which the three other planes have a hit, and ask whether p has one too. Two
things bias them. The trigger: if the three others do not make a trigger by themselves, p helped to record the event;
the telescope then accepts nothing. Acceptance: the track must cross p. Between the others (planes 2 and 3) it nearly
always does; for planes 1 and 4 only the telescope, with its narrow window around the predicted point, is usable.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detector import PLANES, TOPOLOGY_OF_BITS, BoolArray
from skyledger.minitrasgo.lines import weights
from skyledger.minitrasgo.planes import Planes

ALL = int(TOPOLOGY_OF_BITS[-1])
OUTER = (1, PLANES)


class Estimate(NamedTuple):
    """An efficiency with its statistical error; NaN without events."""

    value: float
    error: float
    fired: int  # of `accepted`, those where the plane has a hit
    accepted: int
    usable: bool  # False: biased by acceptance or by the trigger


class Efficiencies(NamedTuple):
    """Estimates by plane 1 to 4."""

    ratio: dict[int, Estimate]
    naive: dict[int, Estimate]
    telescope: dict[int, Estimate]


def efficiencies(
    planes: Planes, z_mm: Sequence[float], triggers: Sequence[str], settings: reduction.Efficiency
) -> Efficiencies:
    """All estimates of a file. `z_mm` relative to plane 1; `triggers` of the run, such as '12'."""
    return Efficiencies(
        ratio=ratio_efficiencies(planes.list_topology, triggers),
        naive=naive_efficiencies(planes.list_topology, triggers),
        telescope=telescope_efficiencies(planes, z_mm, triggers, settings),
    )


def unbiased_by_trigger(plane: int, triggers: Sequence[str]) -> bool:
    """Whether the three other planes make a trigger without this one."""
    return any(str(plane) not in trigger for trigger in triggers)


def ratio_efficiencies(topology: NDArray[np.int16], triggers: Sequence[str]) -> dict[int, Estimate]:
    """N(all) / (N(all) + N(all but p)), binomial error."""
    found = {}
    for plane in range(1, PLANES + 1):
        fired, missed = _fired_and_missed(topology, plane)
        found[plane] = _share(fired, fired + missed, _usable_without_cuts(plane, triggers))
    return found


def naive_efficiencies(topology: NDArray[np.int16], triggers: Sequence[str]) -> dict[int, Estimate]:
    """1 - N(all but p) / N(all), the original's; unbounded and a little low."""
    found = {}
    for plane in range(1, PLANES + 1):
        fired, missed = _fired_and_missed(topology, plane)
        ratio = missed / fired if fired else np.nan
        error = float(np.sqrt((ratio + ratio**2) / fired)) if fired else np.nan
        found[plane] = Estimate(
            1 - ratio, error, fired, fired + missed, _usable_without_cuts(plane, triggers)
        )
    return found


def telescope_efficiencies(
    planes: Planes, z_mm: Sequence[float], triggers: Sequence[str], settings: reduction.Efficiency
) -> dict[int, Estimate]:
    """Share of the tracks of the three other planes through the middle of plane p that fired it, binomial error.

    The window is narrower for the outer planes, where the prediction is less certain. The charge that an event must
    have is that of the three other planes, or else p would help to accept it.
    """
    table = weights(z_mm)
    found = {}
    for plane in range(1, PLANES + 1):
        column = plane - 1
        others = [other for other in range(PLANES) if other != column]
        usable = unbiased_by_trigger(plane, triggers)
        pool = planes.present[:, others].all(axis=1) & usable
        bits = sum(1 << other for other in others)
        slope, at_zero = table.slope[bits, others], table.at_zero[bits, others]
        x, y = planes.x[pool][:, others], planes.y[pool][:, others]
        at_plane = at_zero + slope * z_mm[column]
        x_max, y_max = (
            (settings.outer_x_max_mm, settings.outer_y_max_mm)
            if plane in OUTER
            else (settings.x_max_mm, settings.y_max_mm)
        )
        accepted: BoolArray = (
            (np.abs(x @ at_plane) <= x_max)
            & (np.abs(y @ at_plane) <= y_max)
            & (np.degrees(np.arctan(np.hypot(x @ slope, y @ slope))) <= settings.theta_max_deg)
            & (planes.q_sum[pool][:, others].sum(axis=1) >= settings.event_charge_min_ns)
        )
        fired = planes.present[pool, column] & accepted
        found[plane] = _share(int(fired.sum()), int(accepted.sum()), usable)
    return found


def _fired_and_missed(topology: NDArray[np.int16], plane: int) -> tuple[int, int]:
    without = TOPOLOGY_OF_BITS[(1 << PLANES) - 1 - (1 << plane - 1)]
    return int((topology == ALL).sum()), int((topology == without).sum())


def _usable_without_cuts(plane: int, triggers: Sequence[str]) -> bool:
    return plane not in OUTER and unbiased_by_trigger(plane, triggers)


def _share(fired: int, accepted: int, usable: bool) -> Estimate:
    if not accepted:
        return Estimate(np.nan, np.nan, fired, accepted, usable)
    value = fired / accepted
    return Estimate(value, float(np.sqrt(value * (1 - value) / accepted)), fired, accepted, usable)
