"""C20: vectors of the reference's sections 8.1 and 8.2, and efficiencies that were put in."""

import numpy as np
import pytest

from skyledger.minitrasgo.detector import FloatArray
from skyledger.minitrasgo.efficiency import (
    efficiencies,
    naive_efficiencies,
    ratio_efficiencies,
    telescope_efficiencies,
    unbiased_by_trigger,
)
from skyledger.minitrasgo.lines import weights
from skyledger.minitrasgo.planes import Planes
from tests.support.mingo_planes import STANDARD, Z_MM, planes

NAN = np.nan
TRIGGERS = ("12", "23", "34", "13")
LIMITS = STANDARD.efficiency
TOPOLOGY = np.repeat(
    np.array([1234, 234, 134, 124, 123, 12], dtype=np.int16), [8000, 900, 700, 800, 1000, 500]
)


def test_ratio_gives_the_vectors() -> None:
    """Vector 13."""
    found = ratio_efficiencies(TOPOLOGY, TRIGGERS)
    expected = {
        1: (0.898876, 0.00319581),
        2: (0.919540, 0.00291619),
        3: (0.909091, 0.00306454),
        4: (0.888889, 0.00331269),
    }
    for plane, (value, error) in expected.items():
        assert found[plane][:2] == (pytest.approx(value, rel=6e-6), pytest.approx(error, rel=6e-6))
    assert (found[1].fired, found[1].accepted) == (8000, 8900)


def test_naive_estimate_gives_the_vectors() -> None:
    """Vector 12."""
    found = naive_efficiencies(TOPOLOGY, TRIGGERS)
    expected = {
        1: (0.8875, 0.00395532),
        2: (0.9125, 0.00344884),
        3: (0.9, 0.00370810),
        4: (0.875, 0.00419263),
    }
    for plane, (value, error) in expected.items():
        assert found[plane][:2] == (pytest.approx(value, rel=6e-6), pytest.approx(error, rel=6e-6))


def test_a_line_through_three_planes_predicts_the_fourth() -> None:
    """Vector of 8.2: without plane 3."""
    table, bits = weights(Z_MM), 0b1011
    predict = table.at_zero[bits] + table.slope[bits] * 290
    x, y = np.array([20, 48, 73, 102]), np.array([-49, -14, 14, 49])
    assert (x @ predict, y @ predict) == (pytest.approx(74.8571, rel=6e-6), pytest.approx(17.0))
    slope = np.array([x @ table.slope[bits], y @ table.slope[bits]])
    assert np.degrees(np.arctan(np.hypot(*slope))) == pytest.approx(16.3125, rel=6e-6)
    assert np.degrees(np.arctan2(slope[1], slope[0])) == pytest.approx(49.9845, rel=6e-6)


def test_telescope_accepts_by_predicted_point_angle_and_charge_of_the_other_planes() -> None:
    def accepted(x: list[float], y: list[float], q_sum: float = 20) -> dict[int, tuple[int, int]]:
        found = telescope_efficiencies(planes([x], [y], q_sum=q_sum), Z_MM, TRIGGERS, LIMITS)
        return {plane: (one.fired, one.accepted) for plane, one in found.items()}

    nothing = (0, 0)
    middle = [0.0, 0, 0, 0]
    assert accepted(middle, middle) == dict.fromkeys((1, 2, 3, 4), (1, 1))
    assert accepted([0, 0, NAN, 0], middle) == {1: nothing, 2: nothing, 3: (0, 1), 4: nothing}
    assert accepted([60] * 4, middle) == {
        1: nothing,
        2: (1, 1),
        3: (1, 1),
        4: nothing,
    }  # beyond 50: outer planes
    assert accepted([76] * 4, middle) == dict.fromkeys((1, 2, 3, 4), nothing)
    assert accepted(middle, [70] * 4) == {
        1: nothing,
        2: (1, 1),
        3: (1, 1),
        4: nothing,
    }  # beyond 60: outer planes
    assert accepted(middle, [101] * 4) == dict.fromkeys((1, 2, 3, 4), nothing)
    assert accepted([-60, -20, 20, 60], middle)[2] == nothing  # 15.4 degrees
    assert accepted([-54, -18, 18, 54], middle)[2] == (1, 1)  # 13.9 degrees
    assert accepted(middle, middle, q_sum=3) == dict.fromkeys((1, 2, 3, 4), nothing)  # 9 in the three others
    assert accepted(middle, middle, q_sum=4) == dict.fromkeys((1, 2, 3, 4), (1, 1))
    assert accepted([0, 0, NAN, 0], middle, q_sum=3)[3] == nothing


def test_a_plane_that_the_trigger_needs_has_no_telescope() -> None:
    assert [unbiased_by_trigger(plane, TRIGGERS) for plane in (1, 2, 3, 4)] == [True] * 4
    assert [unbiased_by_trigger(plane, ["12", "23"]) for plane in (1, 2, 3, 4)] == [True, False, True, True]
    assert [unbiased_by_trigger(plane, ["1234"]) for plane in (1, 2, 3, 4)] == [False] * 4
    found = telescope_efficiencies(planes([[0.0] * 4], [[0.0] * 4]), Z_MM, ["12", "23"], LIMITS)
    assert (found[2].accepted, found[2].usable) == (0, False)
    assert np.isnan(found[2].value)
    assert np.isnan(found[2].error)
    assert (found[1].accepted, found[1].usable) == (1, True)


def test_estimates_without_cuts_are_usable_for_inner_planes_only() -> None:
    """Weakness 14."""
    for estimates in (ratio_efficiencies, naive_efficiencies):
        assert [estimates(TOPOLOGY, TRIGGERS)[plane].usable for plane in (1, 2, 3, 4)] == [
            False,
            True,
            True,
            False,
        ]
        assert [estimates(TOPOLOGY, ["12", "23"])[plane].usable for plane in (2, 3)] == [False, True]


def test_no_events_give_no_efficiency() -> None:
    found = efficiencies(planes(np.empty((0, 4)), np.empty((0, 4))), Z_MM, TRIGGERS, LIMITS)
    for estimates in found:
        assert sorted(estimates) == [1, 2, 3, 4]
        assert all(np.isnan(one.value) and np.isnan(one.error) for one in estimates.values())


def test_the_telescope_finds_the_efficiencies_that_were_put_in() -> None:
    """Weakness 14: also in the outer planes, where the ratio without cuts is far off."""
    truth = np.array([0.95, 0.85, 0.90, 0.80])
    made = _muons(150_000, truth)
    found = efficiencies(made, Z_MM, TRIGGERS, LIMITS)
    for plane in (1, 2, 3, 4):
        one = found.telescope[plane]
        assert one.accepted > 900
        assert abs(one.value - truth[plane - 1]) < 3 * one.error
    assert found.ratio[1].value < truth[0] - 0.1
    for plane in (2, 3):
        assert abs(found.ratio[plane].value - truth[plane - 1]) < 3 * found.ratio[plane].error


def _muons(n: int, truth: FloatArray) -> Planes:
    rng = np.random.default_rng(5)
    theta, phi = np.arccos(rng.random(n) ** (1 / 3)), rng.uniform(-np.pi, np.pi, n)
    slopes = np.tan(theta) * np.array([np.cos(phi), np.sin(phi)])
    x, y = rng.uniform(-160, 160, (2, n))[:, :, None] + slopes[:, :, None] * (np.array(Z_MM) - 217)
    fired = (np.abs(x) <= 116) & (np.abs(y) <= 143) & (rng.random((n, 4)) < truth)
    a, b, c, d = fired.T
    triggered = a & b | b & c | c & d | a & c
    x = np.where(fired, x + rng.normal(0, 8, (n, 4)), NAN)
    return planes(x[triggered], y[triggered] + rng.normal(0, 8, (triggered.sum(), 4)))
