"""Rows onto the grid of time: nearest for the instrument, linear for the aircraft, and no bridge over gaps."""

import numpy as np
import pytest

from skyledger.iagos.science.synchronise import Grid

NAN = np.nan


def grid(*rows_s):
    return Grid.over(np.array(rows_s, dtype=float), 4.0)


def test_the_grid_has_every_multiple_of_the_step_from_first_to_last_row():
    assert grid(1.9, 21.0).time_s.tolist() == [0, 4, 8, 12, 16, 20]
    assert grid(2.0).time_s.tolist() == [4]
    start = 1_709_642_096.0
    assert grid(start - 1, start + 9).time_s.tolist() == [start, start + 4, start + 8]


def test_each_point_takes_the_row_nearest_to_it_within_half_a_step():
    one = grid(0.0, 3.1, 5.2, 11.9, 17.0)
    assert one.measured(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx([1, 2, NAN, 4, 5], nan_ok=True)


def test_a_row_half_way_between_two_points_counts_once():
    assert grid(0.0, 6.0, 12.0).measured(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        [1, NAN, 2, 3], nan_ok=True
    )


def test_a_missing_value_of_the_instrument_is_not_filled():
    assert grid(0, 4, 8).measured(np.array([1.0, NAN, 3.0])) == pytest.approx([1, NAN, 3], nan_ok=True)


def test_jitter_around_the_grid_loses_no_point():
    rng = np.random.default_rng(1)
    rows_s = 4.0 * np.arange(2000) + rng.uniform(-1.9, 1.9, 2000)
    one = grid(*rows_s)
    assert len(one.time_s) == 2000
    assert np.array_equal(one.measured(np.arange(2000.0)), np.arange(2000.0))


def test_what_the_aircraft_tells_is_linear_in_time():
    found = grid(0.0, 5.0, 9.0).linear(np.array([0.0, 50.0, 90.0]), 3)
    assert found == pytest.approx([0, 40, 80])


def test_three_steps_are_bridged_and_more_are_not():
    assert grid(0, 12).linear(np.array([0.0, 12.0]), 3) == pytest.approx([0, 4, 8, 12])
    assert grid(0, 16).linear(np.array([0.0, 16.0]), 3) == pytest.approx([0, NAN, NAN, NAN, 16], nan_ok=True)
    missing = grid(0, 4, 8, 12, 16).linear(np.array([0.0, NAN, NAN, NAN, 16.0]), 3)
    assert missing == pytest.approx([0, NAN, NAN, NAN, 16], nan_ok=True)


def test_ends_are_not_extrapolated_beyond_the_rounding_to_the_grid():
    found = grid(-2, 0, 4, 8, 13).linear(np.array([NAN, 0.0, 4.0, 8.0, NAN]), 3)
    assert found == pytest.approx([0, 4, 8, NAN], nan_ok=True)
    assert grid(1.0, 5.0).linear(np.array([1.0, 5.0]), 3) == pytest.approx([1.0, 4.0])


def test_a_column_without_values_stays_missing():
    assert np.isnan(grid(0, 4).linear(np.array([NAN, NAN]), 3)).all()


def test_positions_cross_the_date_line_the_short_way():  # weakness 11
    latitude, longitude = grid(0, 8).position(np.array([10.0, 10.0]), np.array([179.9, -179.9]), 3)
    assert abs(longitude[1]) == pytest.approx(180.0)
    assert longitude[[0, 2]] == pytest.approx([179.9, -179.9])
    assert latitude == pytest.approx([10, 10, 10], abs=1e-4)


def test_positions_pass_over_the_pole():
    latitude, _ = grid(0, 8).position(np.array([89.9, 89.9]), np.array([0.0, 180.0]), 3)
    assert latitude[1] == pytest.approx(90.0)


def test_a_position_with_one_half_missing_is_missing():
    latitude, longitude = grid(0, 40, 80).position(np.array([1.0, 2.0, 3.0]), np.array([5.0, NAN, 7.0]), 3)
    assert np.isnan(latitude[10])
    assert np.isnan(longitude[10])
