"""Order in time, neighbours, noise: each test alone on series with a known defect."""

import numpy as np
import pytest
from pydantic import ValidationError

from skyledger.quality.catalogue import GlobalMin, Spike
from skyledger.quality.course import DetectionLimit, LocalOutlier, Noise, TimeOrder
from tests.support.quality import NAN, frame, probabilities

VECTOR_21 = [40.2, 41.0, 58.7, 40.6, 40.9, 41.3, 40.8]


def test_vector_17_ramp_of_a_minimum() -> None:
    assert probabilities(GlobalMin(min_val=43, min_lim=42), [43.1, 42.4, 41.9]) == [1, 0.4, 0]


def test_vectors_19_and_20_a_spike_by_both_methods() -> None:
    values = VECTOR_21[:5]

    def distance(method: str, row: int) -> float:
        """From where the ramp of 0 to 100 stands."""
        test = Spike(t1=1e-9, t2=100, method=method)  # type: ignore[arg-type]
        return float(100 * (1 - test.probability(frame(values), "x")[row]))

    assert distance("average", 2) == pytest.approx(17.9, rel=5e-6)
    assert distance("differential", 2) == pytest.approx(17.7, rel=5e-6)
    assert distance("average", 1) == pytest.approx(8.45, rel=5e-6)
    assert abs(values[2] - values[1]) / 4 == pytest.approx(4.425, rel=5e-6)


def test_vector_21_robust_z_finds_what_a_plain_z_does_not() -> None:
    values = np.array(VECTOR_21)
    assert np.median(values) == pytest.approx(40.9, rel=5e-6)
    z = 40.0203
    k = z / 1.5  # so that the probability is 1/2 where z is that of the vector
    p = LocalOutlier(window=7, k=k).probability(frame(values), "x")
    assert p[2] == pytest.approx(0.5, abs=1e-5)
    assert np.abs(values - values.mean()).max() / values.std(ddof=1) == pytest.approx(2.26490, rel=5e-6)
    assert LocalOutlier(window=7).probability(frame(values), "x").tolist() == [1, 1, 0, 1, 1, 1, 1]


def test_a_step_is_no_local_outlier_and_a_lone_value_in_still_air_is() -> None:
    step = [0.0] * 20 + [50.0] * 20
    assert set(probabilities(LocalOutlier(), step)) == {1}
    lone = [5.0] * 10 + [5.1] + [5.0] * 10
    assert probabilities(LocalOutlier(), lone)[10] == 0
    assert set(probabilities(LocalOutlier(min_mad=0.1), lone)) == {1}  # less than the noise there always is


def test_outliers_at_the_ends_are_found_and_short_series_are_not_judged() -> None:
    values = np.random.default_rng(1).normal(0, 1, 60)
    values[[0, -1]] = 80
    p = probabilities(LocalOutlier(), values)
    assert (p[0], p[-1]) == (0, 0)
    last = values[-11:]
    z = 0.6745 * np.abs(last - np.median(last)) / np.median(np.abs(last - np.median(last)))
    expected = 1 - np.clip((z - 0.5) / 0.5, 0, 1)
    np.testing.assert_allclose(
        LocalOutlier(k=0.5).probability(frame(values), "x")[-6:], expected[-6:], atol=1e-6
    )
    assert probabilities(LocalOutlier(), [1.0] * 10) == [None] * 10


def test_time_must_rise_and_the_row_before_a_jump_back_is_no_worse() -> None:
    seconds = [0, 4, 8, 6, 8, 12, 12, 60]
    assert probabilities(TimeOrder(), [1.0] * 8, time_s=seconds) == [1, 1, 1, 0, 0, 1, 0, 1]
    equal = TimeOrder(allow_equal=True, max_step_s=10)
    assert probabilities(equal, [1.0] * 8, time_s=seconds) == [1, 1, 1, 0, 1, 1, 1, 0.5]


def test_below_the_detection_limit_a_value_is_limited_not_wrong() -> None:
    assert probabilities(DetectionLimit(limit=2), [-1.0, 1.9, 2.0, NAN]) == [0.7, 0.7, 1, None]


def test_noise_has_an_upper_and_a_lower_limit() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(50, 1, 100), rng.normal(50, 20, 100), np.full(100, 50.0)])
    time_s = np.arange(300) * 4
    p = np.array(
        probabilities(Noise(max_std=5, max_std_fail=10, min_std=0.3), values, time_s=time_s), dtype=float
    )
    assert (p[:80] == 1).all()
    assert (p[110:190] == 0).mean() > 0.9
    assert (p[220:] == 0.5).all()


def test_noise_is_that_of_numpy_whatever_the_level_and_the_gaps() -> None:
    rng = np.random.default_rng(3)
    time_s = np.sort(rng.uniform(0, 2_000, 300))
    values = 1e6 + rng.normal(0, 1, 300)
    values[rng.random(300) < 0.1] = NAN
    test = Noise(window_s=60, max_std=1e-9, max_std_fail=10)
    p = test.probability(frame(values, time_s=time_s), "x")
    for row in np.flatnonzero(~np.isnan(values)):
        near = values[(np.abs(time_s - time_s[row]) <= 30) & ~np.isnan(values)]
        if len(near) < 3:
            assert np.isnan(p[row])
        else:
            assert p[row] == pytest.approx(1 - near.std(ddof=1) / 10, abs=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "noise without limits"),
        ({"max_std": 5, "min_std": 6}, "min_std, max_std"),
        ({"max_std": 5, "max_std_fail": 4}, "max_std, max_std_fail"),
        ({"min_std": 5, "min_std_fail": 6}, "min_std_fail, min_std"),
    ],
)
def test_noise_without_limits_in_order_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Noise(**fields)  # type: ignore[arg-type]
