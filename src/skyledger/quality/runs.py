"""Changes, runs and plateaus of series, without loops over rows."""

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]


def changes(values: FloatArray, period: float | None) -> FloatArray:
    """From each value to the next; the short way round where values repeat after a period."""
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

    Within such a span each value is close to the one before, which few rows of a living signal are for long: only runs
    of such rows are looked at.
    """
    result = np.zeros(len(values), dtype=bool)
    if len(values) < 2:
        return result
    tolerance *= 1 + 1e-6  # 25.01 - 25.00 is a little more than 0.01
    first, last = runs((np.abs(changes(values, period)) <= tolerance) & (np.diff(time_s) <= pause_s))
    long = time_s[last] - time_s[first] >= duration_s
    for run in map(slice, first[long], last[long] + 1):
        unwrapped = values[run] if period is None else np.unwrap(values[run], period=period)
        result[run] = np.ptp(unwrapped) <= tolerance or _in_flat_window(
            time_s[run], unwrapped, duration_s, tolerance
        )
    return result


def _in_flat_window(time_s: FloatArray, values: FloatArray, duration_s: float, tolerance: float) -> BoolArray:
    """Rows of all flat spans, by way of the shortest: those from each row on, and those up to each row."""
    rows = np.arange(len(values))
    end = np.searchsorted(time_s, time_s + duration_s)
    start = np.searchsorted(time_s, time_s - duration_s, side="right") - 1
    from_row, to_row = rows[end < len(rows)], rows[start >= 0]
    first, last = np.append(from_row, start[to_row]), np.append(end[from_row], to_row)
    flat = _spread(values, first, last) <= tolerance
    return covered(first[flat], last[flat] + 1, len(rows))


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
