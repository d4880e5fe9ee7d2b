"""Changes, runs and plateaus of series, without loops over rows."""

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]


def changes(values: FloatArray, period: float | None) -> FloatArray:
    """From each value to the next; the short way round where values repeat after a period."""
    with np.errstate(invalid="ignore"):  # from infinity to infinity
        change = np.diff(values)
    return change if period is None else change - period * np.rint(change / period)


def runs(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """First row and row after the last of each run of True."""
    edges = np.flatnonzero(np.diff(mask.view(np.int8), prepend=np.int8(0), append=np.int8(0)))
    return edges[0::2], edges[1::2]


def covered(first: IntArray, end: IntArray, n: int) -> BoolArray:
    """Which of n rows lie in at least one of the spans from `first` to before `end`; spans may overlap."""
    depth = np.bincount(first, minlength=n + 1) - np.bincount(end, minlength=n + 1)
    return np.asarray(np.cumsum(depth[:n]) > 0)


def in_plateau(
    time_s: FloatArray,
    values: FloatArray,
    duration_s: float,
    tolerance: float,
    pause_s: float = np.inf,
    period: float | None = None,
) -> BoolArray:
    """Rows of all spans of at least `duration_s` whose values differ by `tolerance` at most, (n,).

    Within such a span each value is close to the one before, which few rows of a living signal are: only what passes
    that, for long enough, is looked at window by window.
    """
    result = np.zeros(len(values), dtype=bool)
    if len(values) < 2:
        return result
    tolerance *= 1 + 1e-6  # 25.01 - 25.00 is a little more than 0.01
    first, last = runs((np.abs(changes(values, period)) <= tolerance) & (np.diff(time_s) <= pause_s))
    long = time_s[last] - time_s[first] >= duration_s
    if not long.any():
        return result
    first, last = first[long], last[long]
    rows = np.flatnonzero(covered(first, last + 1, len(values)))
    run = np.repeat(np.arange(len(first)), last - first + 1)
    time_s, values = time_s[rows], values[rows]
    if period is not None:
        values = np.unwrap(values, period=period)
    end = np.searchsorted(time_s, time_s + duration_s)  # a window ends with the first row after the duration
    start = np.flatnonzero(end < len(rows))
    start = start[run[start] == run[end[start]]]
    start = start[_spread(values, start, end[start]) <= tolerance]
    result[rows[covered(start, end[start] + 1, len(rows))]] = True
    return result


def _spread(values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Largest less smallest value of each window; both ends belong to it.

    Two overlapping windows of 2^k rows cover any window, and those of 2^(k+1) are made from those of 2^k.
    """
    length = last - first + 1
    spread = np.zeros(len(first))
    low = high = values
    width = 1
    while len(first) and width <= length.max():
        of_this = (width <= length) & (length < 2 * width)
        left, right = first[of_this], last[of_this] - width + 1
        spread[of_this] = np.maximum(high[left], high[right]) - np.minimum(low[left], low[right])
        low, high = np.minimum(low[:-width], low[width:]), np.maximum(high[:-width], high[width:])
        width *= 2
    return spread
