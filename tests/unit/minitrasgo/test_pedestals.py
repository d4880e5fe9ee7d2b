"""C8-C10: constants that each strip gives for itself."""

import numpy as np
import pytest

from skyledger.minitrasgo.detector import CHANNELS
from skyledger.minitrasgo.pedestals import balance, front_back, pedestals, time_boxes
from skyledger.minitrasgo.stations import reduction

STANDARD = reduction("standard")


def strips(make):
    """Sixteen columns."""
    return [make() for _ in range(CHANNELS)]


def test_a_pedestal_is_the_low_quantile_and_its_error_its_scatter():
    rng = np.random.default_rng(2)
    pulls = []
    for _ in range(20):
        found = pedestals(strips(lambda: 88 + rng.exponential(30, 5000)), STANDARD.pedestal)
        pulls.append((found.value - (88 - 30 * np.log(1 - 0.004))) / found.error)
    assert 0.8 < np.std(pulls) < 1.3
    assert abs(np.mean(pulls)) < 0.3


def test_the_middle_of_a_box_is_found_among_noise_and_its_error_is_its_scatter():
    rng = np.random.default_rng(3)

    def column():
        hits = rng.uniform(-0.58, 0.58, 5000) + rng.normal(-1.5, 0.05, 5000)
        return np.concatenate([hits, rng.uniform(-15, 15, 500)])

    found = [time_boxes(strips(column), STANDARD.time_difference) for _ in range(6)]
    off = np.array([box.middle.value + 1.5 for box in found])
    assert np.abs(off).max() < 0.04
    assert 0.6 < np.std(off / [box.middle.error for box in found]) < 1.4
    assert np.mean([box.width for box in found]) == pytest.approx(1.28, abs=0.04)


def test_a_box_of_few_hits_has_no_holes_by_chance():
    rng = np.random.default_rng(4)
    box = time_boxes(strips(lambda: rng.uniform(0.2, 1.4, 300)), STANDARD.time_difference)
    np.testing.assert_allclose(box.middle.value, 0.8, atol=0.06)
    assert (box.width > 1.0).all()


def test_hits_in_one_place_are_a_box_of_one_bin():
    box = time_boxes(strips(lambda: np.full(400, 0.3)), STANDARD.time_difference)
    np.testing.assert_allclose(box.middle.value, 0.3, atol=0.02)


@pytest.mark.parametrize("hits", [0, 299])
def test_too_few_hits_give_no_constant(hits):
    columns = strips(lambda: np.linspace(-0.5, 0.5, hits))
    assert np.isnan(pedestals(columns, STANDARD.pedestal)).all()
    assert np.isnan(time_boxes(columns, STANDARD.time_difference).middle).all()
    assert np.isnan(front_back(columns, columns, STANDARD.front_back)).all()


def test_a_polynomial_has_its_constant_first():
    coefficients = np.zeros((CHANNELS, 5))
    coefficients[3] = 0.1, 0.02, -0.0001, 0, 0
    assert balance(np.array([34.4702]), np.array([3]), coefficients, (-5, 200)) == pytest.approx(
        0.670585, abs=1e-6
    )


def test_beyond_the_fitted_charges_the_polynomial_keeps_its_last_value():
    coefficients = np.tile([0, 0, 0, 0, 1e-6], (CHANNELS, 1))
    value = balance(np.array([200.0, 250, -20]), np.zeros(3, np.int8), coefficients, (-5, 200))
    assert value == pytest.approx([1600, 1600, 6.25e-4])


def test_front_back_finds_the_polynomial_in_spite_of_hits_far_off():
    rng = np.random.default_rng(6)
    truth = np.array([0.3, 0.02, -0.0001, 0, 0])
    q_sums = strips(lambda: rng.exponential(40, 8000))
    q_difs = [
        np.polynomial.polynomial.polyval(q, truth)
        + rng.normal(0, 0.4, len(q))
        + 6 * (rng.random(len(q)) < 0.02)
        for q in q_sums
    ]
    found = front_back(q_sums, q_difs, STANDARD.front_back)
    every = np.arange(CHANNELS)
    for charge in (5.0, 50, 120):
        fitted = balance(np.full(CHANNELS, charge), every, found.value, STANDARD.front_back.q_sum_window_ns)
        np.testing.assert_allclose(fitted, np.polynomial.polynomial.polyval(charge, truth), atol=0.12)
    pulls = (found.value - truth) / found.error
    assert 0.6 < pulls.std() < 1.5
