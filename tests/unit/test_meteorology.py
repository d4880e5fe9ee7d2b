"""Vectors are those of the reference for weather stations; the sun's are published ones, named where used."""

from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.meteorology import (
    great_circle_m,
    potential_temperature_k,
    pressure_altitude_m,
    solar_elevation_deg,
    wind_components,
    wind_direction_deg,
    yamartino_sigma_deg,
)


def unix(*fields: int) -> float:
    return datetime(*fields, tzinfo=UTC).timestamp()


def mean_vector(speed: list[float], direction: list[float]) -> tuple[float, float]:
    u, v = wind_components(np.array(speed), np.array(direction))
    return float(u.mean()), float(v.mean())


# --- the sun ---------------------------------------------------------------------------------------------------------


def test_the_sun_at_the_pole_stands_as_high_as_its_declination() -> None:
    # Meeus, example 25.a: 1992 October 13, 0 h dynamical time, declination -7.78507
    assert solar_elevation_deg(unix(1992, 10, 13), 90.0, 0.0) == pytest.approx(-7.78507, abs=0.001)


def test_the_sun_of_the_worked_example_of_nrel() -> None:
    # Reda and Andreas 2003, SPA, appendix A.5: zenith 50.11162 with refraction 0.01633 at 12:30:30, UTC-7
    elevation = solar_elevation_deg(unix(2003, 10, 17, 19, 30, 30), 39.742476, -105.1786)
    assert elevation == pytest.approx(90.0 - 50.11162 - 0.01633, abs=0.02)


@pytest.mark.parametrize(
    ("moment", "declination_deg"),
    [
        (unix(2016, 9, 22, 14, 21), 0.0),  # equinox
        (unix(2016, 6, 20, 22, 34), 23.435),  # solstice: the obliquity
        (unix(2016, 12, 21, 10, 44), -23.435),
    ],
)
def test_the_sun_keeps_the_almanac(moment: float, declination_deg: float) -> None:
    assert solar_elevation_deg(moment, 90.0, 0.0) == pytest.approx(declination_deg, abs=0.01)
    assert solar_elevation_deg(moment, -90.0, 0.0) == pytest.approx(-declination_deg, abs=0.01)


def test_the_sun_is_highest_at_noon_and_east_is_earlier() -> None:
    time_s = unix(2016, 8, 30) + np.arange(0.0, 86_400.0, 60.0)
    greenwich, east = (solar_elevation_deg(time_s, 33.0, longitude) for longitude in (0.0, 15.0))
    assert greenwich.shape == time_s.shape
    # the equation of time on 30 August is -0.6 minutes
    assert greenwich.argmax() == pytest.approx(12 * 60 + 0.6, abs=1.5)
    assert greenwich.argmax() - east.argmax() == pytest.approx(60, abs=1)


def test_a_missing_time_has_no_sun() -> None:
    assert np.isnan(solar_elevation_deg([np.nan, 0.0], 10.0, 10.0)).tolist() == [True, False]
    assert solar_elevation_deg([], 10.0, 10.0).shape == (0,)


# --- wind ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "direction", "u", "v"),
    [(2.45, 65.0, -2.22045, -1.03541), (3.2, 225.0, 2.26274, 2.26274)],  # vectors 5 and 6
)
def test_wind_components_have_the_sign_of_where_the_wind_goes_weakness_5(
    speed: float, direction: float, u: float, v: float
) -> None:
    assert wind_components(speed, direction) == pytest.approx((u, v), rel=5e-6)
    assert wind_components(speed, direction, "to") == pytest.approx((-u, -v), rel=5e-6)


def test_vector_7_the_cardinal_directions() -> None:
    u, v = wind_components(5.0, [0.0, 90.0, 270.0])
    assert u == pytest.approx([0.0, -5.0, 5.0], abs=1e-12)
    assert v == pytest.approx([-5.0, 0.0, 0.0], abs=1e-12)


def test_vector_8_the_mean_of_three_rows() -> None:
    speed = [2.45, 2.83, 2.36]
    u, v = mean_vector(speed, [65.0, 65.0, 74.0])
    assert (u, v, np.hypot(u, v)) == pytest.approx((-2.35129, -0.960643, 2.53996), rel=5e-6)
    assert wind_direction_deg(u, v) == pytest.approx(67.7771, rel=5e-6)
    assert np.mean(speed) == pytest.approx(2.54667, rel=5e-6)
    assert np.hypot(u, v) / np.mean(speed) == pytest.approx(0.997368, rel=5e-6)


def test_vector_9_unit_vectors_and_the_sigma_of_yamartino() -> None:
    radians = np.deg2rad([65.0, 65.0, 74.0])
    sine, cosine = np.sin(radians).mean(), np.cos(radians).mean()
    assert wind_direction_deg(-sine, -cosine) == pytest.approx(67.9973, rel=5e-6)
    assert yamartino_sigma_deg(sine, cosine) == pytest.approx(4.24242, rel=5e-6)


def test_vector_10_the_mean_around_north_is_north() -> None:
    u, v = mean_vector([3.0, 1.0], [350.0, 10.0])
    assert (u, v, np.hypot(u, v)) == pytest.approx((0.173648, -1.96962, 1.97726), rel=5e-6)
    assert wind_direction_deg(u, v) == pytest.approx(354.962, rel=5e-6)


def test_vector_11_north_is_0_and_never_360() -> None:
    u, v = mean_vector([2.0, 2.0], [350.0, 10.0])
    assert np.hypot(u, v) == pytest.approx(1.96962, rel=5e-6)
    assert wind_direction_deg(u, v) == pytest.approx(0.0, abs=1e-9)
    assert wind_direction_deg([1e-17, -1e-17], -1.0) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_vector_12_opposite_winds_cancel() -> None:
    u, v = mean_vector([3.0, 3.0], [0.0, 180.0])
    assert np.hypot(u, v) == pytest.approx(0.0, abs=1e-12)


def test_the_zero_vector_has_no_direction() -> None:
    assert np.isnan(wind_direction_deg(0.0, 0.0))
    assert np.isnan(wind_direction_deg([np.nan, 1.0], [1.0, np.nan])).all()


def test_calm_is_the_zero_vector_whatever_the_vane_says() -> None:
    u, v = wind_components([0.0, 0.0, 1.0, np.nan], [90.0, np.nan, np.nan, 90.0])
    assert u[:2].tolist() == v[:2].tolist() == [0.0, 0.0]
    assert np.isnan([u[2:], v[2:]]).all()


def test_direction_and_components_are_inverse() -> None:
    direction = np.linspace(0.0, 359.0, 360)
    assert wind_direction_deg(*wind_components(2.0, direction)) == pytest.approx(direction, abs=1e-9)


def test_sigma_is_0_for_one_direction_and_largest_for_all() -> None:
    radians = np.deg2rad(37.0)
    assert yamartino_sigma_deg(np.sin(radians), np.cos(radians)) == pytest.approx(0.0, abs=1e-5)
    assert yamartino_sigma_deg(0.0, 0.0) == pytest.approx(90.0 * 2.0 / np.sqrt(3.0))
    assert yamartino_sigma_deg(1.0 + 1e-12, 0.0) == 0.0
    assert np.isnan(yamartino_sigma_deg(np.nan, 0.0))


# --- flight levels and positions: vectors 15, 16, 27 of the reference for IAGOS -----------------------------------

EXACT = 5e-6


def test_potential_temperature_of_a_cruise_level() -> None:
    assert potential_temperature_k(220.0, 25_000.0) == pytest.approx(326.917, rel=EXACT)


def test_pressure_altitude_on_both_sides_of_the_standard_tropopause() -> None:
    found = pressure_altitude_m([85_000.0, 25_000.0, 20_000.0, 18_750.0])
    assert found == pytest.approx([1457.30, 10362.9, 11784.0, 12193.3], rel=EXACT)


def test_pressure_altitude_of_a_dead_sensor_is_missing_or_infinite() -> None:
    assert np.isnan(pressure_altitude_m([np.nan, -1.0])).all()
    assert np.isinf(pressure_altitude_m(0.0))


def test_distance_of_two_positions_and_the_speed_between_them() -> None:
    metres = great_circle_m(50.0264, 8.5431, 50.0310, 8.5874)
    assert metres == pytest.approx(3205.52, rel=EXACT)
    assert metres / 14 == pytest.approx(228.965, rel=EXACT)
    assert metres / 4 == pytest.approx(801.379, rel=EXACT)


def test_distance_over_the_date_line_is_the_short_way() -> None:
    assert great_circle_m(0.0, 179.9, 0.0, -179.9) == pytest.approx(great_circle_m(0.0, 0.0, 0.0, 0.2))
