"""Time offsets of the strips (C12): what makes the flight times between planes come out at the speed of light."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.clean import Hits
from skyledger.minitrasgo.detector import (
    CHANNELS,
    LIGHT_MM_PER_NS,
    PLANES,
    SIGNAL_MM_PER_NS,
    STRIP_CENTRE_MM,
    STRIPS,
    BoolArray,
    FloatArray,
    IntArray,
)
from skyledger.minitrasgo.pedestals import Estimate, unknown
from skyledger.minitrasgo.reduction import TimeSum
from skyledger.threads import each

PLANE_PAIRS = tuple((a, b) for a in range(PLANES) for b in range(a + 1, PLANES))
MIN_PLANES = 3


class StripPairs(NamedTuple):
    """Pairs of strips in two planes, (k,) each."""

    upper: IntArray  # channel
    lower: IntArray
    entries: IntArray
    shift_ns: FloatArray  # mean of (t_lower - t_upper) - flight time
    sigma_ns: FloatArray  # of the trimmed entries
    sigma_untrimmed_ns: FloatArray


class TimeOffsets(NamedTuple):
    """What is added to the times of each strip, and how well one plane measures time."""

    offset: Estimate  # 0 for the first strip that is connected: P1s1 where it lives
    crt_ps: float  # mean resolution of one plane; NaN without pairs
    crt_std_ps: float
    strip_pairs: int


def time_offsets(hits: Hits, z_mm: Sequence[float], settings: TimeSum) -> TimeOffsets:
    """C12 from hits whose charges and time differences are calibrated."""
    leading = leading_strips(hits)
    pairs = strip_pairs(leading, np.asarray(z_mm, dtype=np.float64), settings)
    planes = float(np.mean(np.sum(leading.channel >= 0, axis=1))) if len(leading.channel) else np.nan
    crt_ps, crt_std_ps = resolution(pairs, settings.crt_max_ps)
    return TimeOffsets(solve(pairs, planes), crt_ps, crt_std_ps, len(pairs.entries))


class Leading(NamedTuple):
    """Strip with the most charge of each plane, for events of three planes or more, (n, 4) each; -1 and NaN: none."""

    channel: NDArray[np.int8]
    t_sum: FloatArray
    t_dif: FloatArray


def leading_strips(hits: Hits) -> Leading:
    """The strips that enter the time calibration."""
    plane_of_event = hits.event * np.int32(PLANES) + hits.channel // STRIPS
    if not len(plane_of_event):
        none = np.empty((0, PLANES))
        return Leading(none.astype(np.int8), none, none)
    first = np.flatnonzero(np.concatenate([[True], plane_of_event[1:] != plane_of_event[:-1]]))
    event = hits.event[first]
    planes = np.bincount(event)
    enters = planes[event] >= MIN_PLANES
    rows = np.diff(np.append(first, len(hits)))
    # Of equal charges the first strip leads
    highest = np.flatnonzero(hits.q_sum == np.repeat(np.maximum.reduceat(hits.q_sum, first), rows))
    group = np.repeat(np.arange(len(first)), rows)[highest]
    leader = highest[np.concatenate([[True], group[1:] != group[:-1]])][enters]

    number = np.cumsum(planes >= MIN_PLANES) - 1  # of the event among those that enter
    row, column = number[event[enters]], hits.channel[leader] // STRIPS
    channel = np.full((np.count_nonzero(planes >= MIN_PLANES), PLANES), -1, dtype=np.int8)
    t_sum, t_dif = np.full(channel.shape, np.nan), np.full(channel.shape, np.nan)
    channel[row, column] = hits.channel[leader]
    t_sum[row, column] = hits.t_sum[leader]
    t_dif[row, column] = hits.t_dif[leader]
    return Leading(channel, t_sum, t_dif)


def flight_time_ns(dx_mm: FloatArray, dy_mm: FloatArray, dz_mm: float) -> FloatArray:
    """Time that light takes between two points."""
    time: FloatArray = np.sqrt(dx_mm**2 + dy_mm**2 + dz_mm**2) / LIGHT_MM_PER_NS
    return time


def strip_pairs(leading: Leading, z_mm: FloatArray, settings: TimeSum) -> StripPairs:
    """Time differences of all pairs of strips that have enough entries around their median."""
    of_planes = each(lambda planes: _pairs_of(leading, *planes, z_mm, settings), PLANE_PAIRS)
    found = [pair for pairs in of_planes for pair in pairs]
    table = np.array(found, dtype=np.float64).reshape(-1, len(StripPairs._fields)).T
    return StripPairs(*(column.astype(np.int64) for column in table[:3]), *table[3:])


def _pairs_of(
    leading: Leading, a: int, b: int, z_mm: FloatArray, settings: TimeSum
) -> list[tuple[int, int, int, float, float, float]]:
    """Rows of StripPairs for two planes (from 0)."""
    y_mm = STRIP_CENTRE_MM.ravel()
    both = (leading.channel[:, a] >= 0) & (leading.channel[:, b] >= 0)
    upper, lower = leading.channel[both, a].astype(np.int64), leading.channel[both, b].astype(np.int64)
    flight = flight_time_ns(
        SIGNAL_MM_PER_NS * (leading.t_dif[both, b] - leading.t_dif[both, a]),
        y_mm[lower] - y_mm[upper],
        z_mm[b] - z_mm[a],
    )
    delta = leading.t_sum[both, b] - leading.t_sum[both, a] - flight
    pair = (upper * CHANNELS + lower).astype(np.uint8)  # 0 to 255, which sorts in one pass
    order = np.argsort(pair, kind="stable")
    codes, starts = np.unique(pair[order], return_index=True)
    found = []
    for code, values in zip(codes.tolist(), np.split(delta[order], starts)[1:], strict=True):
        ordered = np.sort(values)
        core = ordered[np.abs(ordered - np.median(ordered)) <= settings.pair_window_ns]
        cut = int(settings.trimmed_share * len(core))
        if len(core) < settings.min_pair_entries:
            continue
        kept = core[cut : len(core) - cut]
        found.append((
            *divmod(code, CHANNELS), len(kept), float(kept.mean()), float(kept.std()), float(core.std())
        ))  # fmt: skip
    return found


def solve(pairs: StripPairs, planes_per_event: float = 2.0) -> Estimate:
    """Offsets [ns] that bring the shifts of all pairs to zero, by least squares weighted with entries.

    Only the largest connected set of strips can be solved, its first strip is 0; the others are NaN. Errors allow for
    the hits that pairs of one event share: with k planes an event, k/2 times the variance of independent pairs.
    """
    normal, right = np.zeros((CHANNELS, CHANNELS)), np.zeros(CHANNELS)
    for a, b, n, shift in zip(pairs.upper, pairs.lower, pairs.entries, pairs.shift_ns, strict=True):
        normal[a, a] += n
        normal[b, b] += n
        normal[a, b] -= n
        normal[b, a] -= n
        right[a] += n * shift
        right[b] -= n * shift
    offset = unknown()
    connected = _largest_connected(normal)
    if len(connected) < 2:
        return offset
    anchor, free = connected[0], connected[1:]
    inverse = np.linalg.inv(normal[np.ix_(free, free)])
    variance = np.average(pairs.sigma_untrimmed_ns**2, weights=pairs.entries) * planes_per_event / 2
    offset.value[anchor], offset.error[anchor] = 0.0, 0.0
    offset.value[free] = inverse @ right[free]
    offset.error[free] = np.sqrt(np.diagonal(inverse) * variance)
    return offset


def _largest_connected(normal: FloatArray) -> IntArray:
    """Channels, ascending, of the connected set with most entries."""
    reach: BoolArray = (normal != 0) | np.eye(CHANNELS, dtype=np.bool_)
    for _ in range(4):  # paths of up to 16 steps
        reach = reach @ reach
    sets = sorted({tuple(np.flatnonzero(row).tolist()) for row in reach})
    entries = [normal[members, members].sum() for members in map(list, sets)]
    return np.array(sets[int(np.argmax(entries))], dtype=np.int64)


def resolution(pairs: StripPairs, crt_max_ps: float) -> tuple[float, float]:
    """Mean and standard deviation over pairs of sigma / sqrt 2 [ps], without those that are far off."""
    crt = 1e3 * pairs.sigma_ns / np.sqrt(2)
    crt = crt[crt <= crt_max_ps]
    if not len(crt):
        return np.nan, np.nan
    low, high = np.quantile(crt, [0.25, 0.75])
    fence = 1.5 * (high - low)
    crt = crt[(crt >= low - fence) & (crt <= high + fence)]
    return float(crt.mean()), float(crt.std())
