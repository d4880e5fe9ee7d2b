"""Charge pedestals (C8), offsets of time differences (C9) and front-back balance (C10), each strip for itself.

A value is NaN where there are too few hits. Errors are statistical.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from skyledger.minitrasgo.detector import CHANNELS, FloatArray, IntArray
from skyledger.minitrasgo.reduction import FrontBack, Pedestal, TimeDifference, Window
from skyledger.threads import each

PART = 100_000  # hits at a time: they fit the processor's cache
HITS_PER_BIN = 20  # so that the inside of a box has no hole by chance


class Estimate(NamedTuple):
    """One value per strip, (16,) or (16, k); NaN where unknown."""

    value: FloatArray
    error: FloatArray


class Box(NamedTuple):
    """Where the box of time differences lies, (16,) each [ns]."""

    middle: Estimate
    width: FloatArray


def by_channel(channel: NDArray[np.int8], *columns: FloatArray) -> list[list[FloatArray]]:
    """Each column as sixteen arrays, one per channel."""
    order = np.argsort(channel, kind="stable")
    ends = np.cumsum(np.bincount(channel, minlength=CHANNELS))[:-1]
    return [np.split(column[order], ends) for column in columns]


def pedestals(charges: Sequence[FloatArray], settings: Pedestal) -> Estimate:
    """C8: a low quantile of the widths of each strip's end [ns].

    The error is half the distance between the quantiles one standard deviation of the rank to either side.
    """
    found = unknown()
    for strip, charge in enumerate(charges):
        if len(charge) < settings.min_hits:
            continue
        p = settings.quantile
        step = np.sqrt(p * (1 - p) / len(charge))
        low, middle, high = np.quantile(charge, [max(p - step, 0), p, min(p + step, 1)])
        found.value[strip], found.error[strip] = middle, (high - low) / 2
    return found


def time_boxes(t_difs: Sequence[FloatArray], settings: TimeDifference) -> Box:
    """C9: middle and width of the longest run of bins that hits fill [ns].

    Bins are wider than configured where hits are few. An edge lies where the counts cross the level, between two bins;
    its error is how far it moves with the counting error of the level.
    """
    box = Box(unknown(), np.full(CHANNELS, np.nan))
    for strip, t_dif in enumerate(t_difs):
        if len(t_dif) < settings.min_hits:
            continue
        low, high = np.quantile(t_dif, [0.25, 0.75])
        box_ns = 2 * (high - low)  # hits fill it evenly: the inner half of them takes half of it
        bin_ns = max(settings.bin_ns, box_ns * HITS_PER_BIN / len(t_dif))
        margin_ns = box_ns + 2 * bin_ns
        counts, edges = np.histogram(t_dif, np.arange(low - margin_ns, high + margin_ns + bin_ns, bin_ns))
        level = max(settings.edge_share * counts.max(), 1.0)
        left, right = _edges(counts, level)
        shift = np.subtract(
            _edges(counts, min(level + np.sqrt(level), counts.max())),
            _edges(counts, max(level - np.sqrt(level), 0.5)),
        )
        box.middle.value[strip] = edges[0] + bin_ns * (left + right) / 2
        box.middle.error[strip] = bin_ns * np.hypot(*shift) / 4  # half of the shifts, half of two edges' sum
        box.width[strip] = bin_ns * (right - left)
    return box


def _edges(counts: IntArray, level: float) -> tuple[float, float]:
    """Where the longest run of bins at or above the level begins and ends, in bins."""
    above = np.concatenate([[False], counts >= level, [False]])
    change = np.flatnonzero(above[1:] != above[:-1])
    begins, ends = change[::2], change[1::2]
    longest = np.argmax(ends - begins)
    first, last = begins[longest], ends[longest] - 1
    before = counts[first - 1] if first else 0
    after = counts[last + 1] if last + 1 < len(counts) else 0
    left = first + 0.5 - (counts[first] - level) / (counts[first] - before)
    right = last + 0.5 + (counts[last] - level) / (counts[last] - after)
    return float(left), float(right)


def front_back(q_sums: Sequence[FloatArray], q_difs: Sequence[FloatArray], settings: FrontBack) -> Estimate:
    """C10: coefficients (16, degree + 1), constant first, of Q_dif as a polynomial of Q_sum [ns].

    Fitted twice, the second time without the hits that the first fit leaves far off.
    """
    from_unit = _unit_to_ns(settings)
    strips = each(lambda strip: _front_back(*strip, settings, from_unit), zip(q_sums, q_difs, strict=True))
    return Estimate(*(np.array(column) for column in zip(*strips, strict=True)))


def _front_back(
    q_sum: FloatArray, q_dif: FloatArray, settings: FrontBack, from_unit: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coefficients of one strip and their errors; NaN for too few hits."""
    nothing = np.full(settings.degree + 1, np.nan)
    low, high = settings.q_sum_window_ns
    enters = (q_sum >= low) & (q_sum <= high) & (np.abs(q_dif) <= settings.q_dif_max_ns)
    powers = np.empty((settings.degree + 1, np.count_nonzero(enters)))
    powers[0], unit = 1, (2 * q_sum[enters] - low - high) / (high - low)
    for k in range(settings.degree):
        np.multiply(powers[k], unit, out=powers[k + 1])
    y = q_dif[enters]
    if len(y) < settings.min_hits:
        return nothing, nothing
    fit, normal = _least_squares(powers, y)
    close = np.abs(y - fit @ powers) < settings.residual_max_ns
    if not close.all():
        powers, y = powers[:, close], y[close]
        if len(y) < settings.min_hits:
            return nothing, nothing
        fit, normal = _least_squares(powers, y)
    residual = y - fit @ powers
    covariance = np.linalg.pinv(normal) * (residual @ residual) / (len(y) - len(fit))
    return from_unit @ fit, np.sqrt(np.diagonal(from_unit @ covariance @ from_unit.T))


def _least_squares(powers: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficients and normal matrix."""
    normal = powers @ powers.T
    fit: FloatArray = np.asarray(np.linalg.lstsq(normal, powers @ y, rcond=None)[0], dtype=np.float64)
    return fit, normal


def balance(
    q_sum: FloatArray, channel: NDArray[np.int8], coefficients: FloatArray, fitted_window_ns: Window
) -> FloatArray:
    """Value (h,) of each channel's polynomial, (16, k); beyond the fitted window that of its end [ns]."""

    def part(rows: slice) -> FloatArray:
        q, of_strip = np.clip(q_sum[rows], *fitted_window_ns), channel[rows]
        value = np.zeros(len(q))
        for column in coefficients.T[::-1]:
            value *= q
            value += column[of_strip]
        return value

    starts = range(0, max(len(q_sum), 1), PART)
    return np.concatenate(each(lambda start: part(slice(start, start + PART)), starts))


def _unit_to_ns(settings: FrontBack) -> FloatArray:
    """Matrix from coefficients on [-1, 1], where the fit is stable, to those in ns."""
    columns = []
    for k in range(settings.degree + 1):
        basis = Polynomial.basis(k, domain=settings.q_sum_window_ns).convert(domain=[-1, 1])
        columns.append(np.pad(basis.coef, (0, settings.degree + 1 - len(basis.coef))))
    return np.stack(columns, axis=1)


def unknown(values: int = 0) -> Estimate:
    """Nothing known yet, of one value per strip or of several."""
    shape = (CHANNELS, values) if values else (CHANNELS,)
    return Estimate(np.full(shape, np.nan), np.full(shape, np.nan))
