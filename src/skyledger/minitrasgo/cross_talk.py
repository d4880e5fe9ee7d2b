"""Cross-talk (C13): the peak of small charges that a strip gets from its neighbour."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skyledger.minitrasgo.detector import FloatArray
from skyledger.minitrasgo.pedestals import Estimate, unknown
from skyledger.minitrasgo.reduction import CrossTalk

# What is accepted as a cross-talk peak [ns] and where the fit begins, as in the original programs
PEAK_MAX_NS = 3.0
SIGMA_WINDOW_NS = (0.25, 1.0)
START_NS = (1.0, 0.75)  # position, sigma
SIGNIFICANCE = 5  # height over its error: less is chance


class CrossTalkPeak(NamedTuple):
    """Per strip [ns]; NaN where no peak was found."""

    pedestal: Estimate
    limit: Estimate  # smaller charges are cross-talk


def cross_talk(q_sums: Sequence[FloatArray], settings: CrossTalk) -> CrossTalkPeak:
    """Fit a Gaussian on a straight line to the small charges of each strip."""
    peak = CrossTalkPeak(unknown(), unknown())
    for strip, q_sum in enumerate(q_sums):
        counts, edges = np.histogram(q_sum, settings.bins, settings.q_sum_window_ns)
        fit = _fit((edges[:-1] + edges[1:]) / 2, counts.astype(np.float64))
        if fit is None:
            continue
        (mu, sigma), covariance = fit
        for estimate, sigmas in (
            (peak.limit, settings.limit_sigmas),
            (peak.pedestal, -settings.pedestal_sigmas),
        ):
            weights = np.array([1.0, sigmas])
            estimate.value[strip] = mu + sigmas * sigma
            estimate.error[strip] = np.sqrt(weights @ covariance @ weights)
    return peak


def _fit(q: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """(position, sigma) of the peak and their covariance; None where the fit finds none."""
    from scipy.optimize import curve_fit

    def model(q: FloatArray, height: float, mu: float, sigma: float, slope: float, base: float) -> FloatArray:
        peak: FloatArray = height * np.exp(-(((q - mu) / sigma) ** 2) / 2) + slope * q + base
        return peak

    if not counts.any():
        return None
    low = [0.0, q[0], SIGMA_WINDOW_NS[0], -np.inf, -np.inf]
    high = [np.inf, PEAK_MAX_NS, SIGMA_WINDOW_NS[1], np.inf, np.inf]
    try:
        values, covariance = curve_fit(
            model, q, counts, (counts.max(), *START_NS, 0.0, 0.0),
            sigma=np.sqrt(np.maximum(counts, 1)), absolute_sigma=True, bounds=(low, high),
        )  # fmt: skip
    except RuntimeError:  # does not converge
        return None
    at_bound = bool(np.any(np.isclose(values[1:3], low[1:3])) or np.any(np.isclose(values[1:3], high[1:3])))
    if at_bound or values[0] < SIGNIFICANCE * np.sqrt(covariance[0, 0]) or not np.isfinite(covariance).all():
        return None
    return values[1:3], covariance[1:3, 1:3]
