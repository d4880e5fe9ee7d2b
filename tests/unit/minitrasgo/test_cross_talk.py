"""C13: the peak of small charges."""

import numpy as np
import pytest

from skyledger.minitrasgo.cross_talk import cross_talk
from skyledger.minitrasgo.detector import CHANNELS
from skyledger.minitrasgo.reduction import CrossTalk

SETTINGS = CrossTalk(enabled=True, q_sum_window_ns=(-3, 4), bins=80, limit_sigmas=3, pedestal_sigmas=2)


def test_limit_and_pedestal_lie_around_the_peak_within_their_errors():
    rng = np.random.default_rng(7)
    mu, sigma = 0.8, 0.5
    charges = [
        np.concatenate([rng.normal(mu, sigma, 3000), rng.uniform(-3, 4, 1500), rng.exponential(30, 5000)])
        for _ in range(CHANNELS)
    ]
    peak = cross_talk(charges, SETTINGS)
    np.testing.assert_allclose(peak.limit.value, mu + 3 * sigma, atol=0.3)
    np.testing.assert_allclose(peak.pedestal.value, mu - 2 * sigma, atol=0.2)
    assert np.std((peak.limit.value - mu - 3 * sigma) / peak.limit.error) == pytest.approx(1, abs=0.5)


def test_a_strip_without_peak_or_without_hits_has_no_limit():
    rng = np.random.default_rng(8)
    charges = [rng.uniform(-3, 4, 4000), np.empty(0), *(rng.exponential(30, 3000) for _ in range(14))]
    peak = cross_talk(charges, SETTINGS)
    assert np.isnan(peak.limit.value[:2]).all()
    assert np.isnan(peak.pedestal.value).sum() == np.isnan(peak.limit.error).sum() >= 2
