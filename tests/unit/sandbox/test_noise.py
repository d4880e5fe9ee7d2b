"""Numbers that depend on their index only."""

import numpy as np

from sandbox import noise


def test_a_number_does_not_depend_on_the_numbers_around_it() -> None:
    series, index = noise.key(1, "a"), np.arange(-1000, 1000)
    assert np.array_equal(noise.normal(series, index)[500:600], noise.normal(series, index[500:600]))
    time_s = np.arange(1_600_000_000, 1_600_500_000, 60)
    whole = noise.smooth(series, time_s, 7200.0)
    assert np.array_equal(whole[1234:1300], noise.smooth(series, time_s[1234:1300], 7200.0))


def test_numbers_have_the_stated_distribution_and_series_are_independent() -> None:
    index = np.arange(200_000)
    one, other = noise.normal(noise.key(1, "a"), index), noise.normal(noise.key(1, "b"), index)
    error = 4 / np.sqrt(len(index))  # four standard errors
    assert abs(one.mean()) < error
    assert abs(one.std() - 1) < error
    assert abs(np.corrcoef(one, other)[0, 1]) < error
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < error
    uniform = noise.uniform(noise.key(1, "a"), index)
    assert abs(np.histogram(uniform, 10, (0, 1))[0] / 20_000 - 1).max() < 0.04


def test_a_smooth_curve_is_smooth_and_has_unit_variance() -> None:
    time_s = np.arange(0, 20_000 * 3600, 600)
    curve = noise.smooth(noise.key(3), time_s, 3600.0)
    assert abs(curve.std() - 1) < 0.05  # 20 000 knots, neighbours correlated
    assert abs(np.diff(curve)).max() < 1.2  # six steps from knot to knot


def test_another_seed_is_another_world() -> None:
    assert noise.key(1, "a") != noise.key(2, "a")
    assert not np.isclose(noise.normal(noise.key(1), 0), noise.normal(noise.key(2), 0))
