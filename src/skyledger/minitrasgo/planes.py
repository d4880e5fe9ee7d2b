"""C14-C15: planes out of calibrated strips, and which planes an event has. Source: 4.1.8, 4.5 of the reference.

Missing is NaN; a value of 0 is a value (weakness 5).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.clean import Hits, inside
from skyledger.minitrasgo.detector import (
    PLANES,
    SIGNAL_MM_PER_NS,
    STRIP_CENTRE_MM,
    STRIPS,
    BoolArray,
    FloatArray,
    IntArray,
    topology,
)


@dataclass(frozen=True, slots=True)
class Planes:
    """Planes of n events, columns plane 1 to 4, NaN where the plane is not present."""

    present: BoolArray  # (n, 4)
    t_rel: FloatArray  # (n, 4) ns after the event's first present plane, for which it is 0
    t_dif: FloatArray  # (n, 4) ns
    q_sum: FloatArray  # (n, 4) ns of width
    q_dif: FloatArray  # (n, 4) ns of width
    x: FloatArray  # (n, 4) mm along the strips
    y: FloatArray  # (n, 4) mm across the strips
    pattern: NDArray[np.uint8]  # (n, 4) active strips before the windows of planes, strip 1 is bit 0
    list_topology: NDArray[np.int16]  # (n,)

    def __len__(self) -> int:
        return len(self.present)


def build_planes(hits: Hits, n: int, settings: reduction.Planes) -> Planes:
    """Combine the active strips of each plane and keep the planes inside all windows.

    Charges are summed, times averaged. y is the mean of the strips' centres weighted by charge, hence the centre itself
    for a single strip: the same in every run (weakness 4). Times count from the first plane that passes the other
    windows; the original adds 1 ns, to tell them from a missing 0.
    """
    active = hits.q_sum > settings.active_q_min_ns
    channel = hits.channel[active].astype(np.int64)
    cell = hits.event[active].astype(np.int64) * PLANES + channel // STRIPS
    charge = hits.q_sum[active]
    weight = charge if settings.charge_weighted else np.ones(len(charge))

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(cell, values, minlength=n * PLANES), dtype=float).reshape(n, PLANES)

    pattern = total((1 << channel % STRIPS).astype(float)).astype(np.uint8)
    with np.errstate(invalid="ignore"):  # 0/0 where a plane has no active strip
        q_sum = np.where(pattern > 0, total(charge), np.nan)
        q_dif = np.where(pattern > 0, total(hits.q_dif[active]), np.nan)
        weights = total(weight)
        t_sum = total(hits.t_sum[active] * weight) / weights
        t_dif = total(hits.t_dif[active] * weight) / weights
        y = total(STRIP_CENTRE_MM.ravel()[channel] * charge) / q_sum

    present = (
        inside(q_sum, settings.q_sum_window_ns)
        & (np.abs(q_dif) <= settings.q_dif_max_ns)
        & (np.abs(t_dif) <= settings.t_dif_max_ns)
        & (np.abs(y) <= settings.y_max_mm)
    )
    t_rel = t_sum - np.take_along_axis(t_sum, present.argmax(axis=1)[:, None], axis=1)
    present &= inside(t_rel, settings.t_rel_window_ns)
    absent = ~present
    for values in (t_rel, t_dif, q_sum, q_dif, y):
        values[absent] = np.nan

    return Planes(
        present=present,
        t_rel=t_rel,
        t_dif=t_dif,
        q_sum=q_sum,
        q_dif=q_dif,
        x=SIGNAL_MM_PER_NS * t_dif,
        y=y,
        pattern=pattern,
        list_topology=topology(present),
    )


def streamer_share(planes: Planes, streamer_q_min_ns: float) -> FloatArray:
    """(4,) share of each plane's events with more charge than the limit; NaN for a plane without events."""
    with np.errstate(invalid="ignore"):
        share: FloatArray = (planes.q_sum > streamer_q_min_ns).sum(axis=0) / planes.present.sum(axis=0)
    return share


def strip_patterns(planes: Planes) -> list[dict[str, int]]:
    """Per plane: events per pattern of active strips such as '0110' (strip 1 first); those that occur."""
    found = []
    for pattern in planes.pattern.T:
        counts = np.bincount(pattern, minlength=1 << STRIPS)
        found.append({f"{bits:04b}"[::-1]: int(counts[bits]) for bits in range(1, 16) if counts[bits]})
    return found


def charge_topology(planes: Planes, streamer_q_min_ns: float) -> NDArray[np.int16]:
    """(n,) four digits, plane 1 first: 0 no hit, 1 avalanche, 2 streamer; such as 1211."""
    digits: IntArray = planes.present.astype(np.int64) + (planes.q_sum > streamer_q_min_ns)
    codes: NDArray[np.int16] = (digits @ np.array([1000, 100, 10, 1])).astype(np.int16)
    return codes
