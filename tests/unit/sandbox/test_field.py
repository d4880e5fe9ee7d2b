"""The true air: plausible, and the same whatever range is asked for."""

import numpy as np
import pytest

from sandbox.carbosense.clock import DAY_S, unix
from sandbox.carbosense.field import Field, h2o_percent, saturation_vapour_pressure_pa
from sandbox.carbosense.sites import DUE1_MOVE_S, SITES, wgs84

FIELD = Field(seed=1)
JUNE_S = np.arange(unix("2022-06-01"), unix("2022-07-01"), 600)


@pytest.mark.parametrize(
    ("temperature_c", "expected_pa"),
    [(-10, 286.533), (0, 611.213), (20, 2339.19), (25, 3169.82), (35, 5629.06), (100, 101418)],
)
def test_saturation_vapour_pressure(temperature_c: float, expected_pa: float) -> None:
    assert saturation_vapour_pressure_pa(np.array([temperature_c]))[0] == pytest.approx(expected_pa, rel=1e-5)


def test_water_by_volume() -> None:
    humidity, temperature, pressure = np.array([[50, 25, 950], [80, 20, 1013.25], [90, -5, 920]], float).T
    assert h2o_percent(humidity, temperature, pressure) == pytest.approx(
        [1.66833, 1.84688, 0.412641], rel=1e-5
    )


def test_swiss_grid_to_geographic() -> None:
    assert wgs84(SITES["DUE1"].positions[-1]) == pytest.approx((47.4029623, 8.6134663, 479.280), rel=1e-6)


def test_the_station_that_moved_has_two_positions_that_meet() -> None:
    before, after = SITES["DUE1"].positions
    assert before.end_s == after.start_s == DUE1_MOVE_S == unix("2020-04-08 10:00")
    assert before.easting_m != after.easting_m


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_a_day_alone_equals_the_day_within_the_month(site: object) -> None:
    month, day = FIELD.air(site, JUNE_S, 3.0), FIELD.air(site, JUNE_S[1000:1144], 3.0)
    for name in ("co2_dry_ppm", "pressure_hpa", "temperature_c", "humidity_percent"):
        assert np.array_equal(getattr(month, name)[1000:1144], getattr(day, name)), name


def _daily_range(values: np.ndarray) -> np.ndarray:
    days = values.reshape(-1, 144)
    return days.max(axis=1) - days.min(axis=1)


def test_valleys_breathe_and_mountains_hardly_do() -> None:
    valley, mountain = (FIELD.air(SITES[name], JUNE_S).co2_dry_ppm for name in ("TAEN", "RIG"))
    assert 20 < np.median(_daily_range(valley)) < 80
    assert np.median(_daily_range(mountain)) < 12
    hour = (JUNE_S % DAY_S) // 3600
    by_hour = [np.median(valley[hour == h]) for h in range(24)]
    assert 3 <= int(np.argmax(by_hour)) <= 6
    assert 11 <= int(np.argmin(by_hour)) <= 17


def test_co2_is_higher_in_winter_and_grows_by_the_year() -> None:
    def mean(month: str) -> float:
        time_s = unix(month) + np.arange(0, 28 * DAY_S, 3600)
        return float(FIELD.air(SITES["BRM"], time_s).co2_dry_ppm.mean())

    assert 4 < mean("2022-01-01") - mean("2021-07-01") < 25
    assert (mean("2022-02-01") - mean("2018-02-01")) / 4 == pytest.approx(2.45, abs=1.0)  # weather remains


def test_sites_agree_when_the_wind_mixes_and_differ_in_calm_nights() -> None:
    year_s = np.arange(unix("2022-01-01"), unix("2023-01-01"), 600)
    mixing = FIELD.wind_mixing("north", year_s)
    apart = abs(FIELD.air(SITES["DUE1"], year_s).co2_dry_ppm - FIELD.air(SITES["TAEN"], year_s).co2_dry_ppm)
    assert np.quantile(apart[mixing > 0.85], 0.9) < 4
    assert np.quantile(apart[mixing < 0.3], 0.9) > 8
    assert 0.03 < np.mean(mixing > 0.85) < 0.3


def test_pressure_falls_with_height() -> None:
    low, tower = (FIELD.air(SITES["BNTG"], JUNE_S, height).pressure_hpa for height in (0.0, 100.0))
    scale_height_m = -100 / np.log(tower / low)
    assert (scale_height_m > 7800).all()
    assert (scale_height_m < 8700).all()
    assert FIELD.air(SITES["RIG"], JUNE_S).pressure_hpa.mean() == pytest.approx(902, abs=12)


def test_humidity_is_consistent_and_sometimes_saturated() -> None:
    air = FIELD.air(SITES["PAY"], np.arange(unix("2022-01-01"), unix("2023-01-01"), 600))
    assert air.humidity_percent.max() <= 100 + 1e-9
    assert 0.005 < np.mean(air.humidity_percent > 99.9) < 0.15
    assert air.humidity_percent.min() > 15
    assert -20 < air.temperature_c.min() < 0
    assert 22 < air.temperature_c.max() < 40
    assert air.co2_wet_ppm == pytest.approx(air.co2_dry_ppm * (1 - air.h2o_percent / 100))


def test_the_chambers_follow_their_programmes() -> None:
    climate, pressure = FIELD.air(SITES["DUE2"], JUNE_S), FIELD.air(SITES["DUE4"], JUNE_S)
    assert climate.temperature_c.max() - climate.temperature_c.min() > 35
    assert climate.co2_dry_ppm.max() - climate.co2_dry_ppm.min() > 150
    assert pressure.pressure_hpa.min() < 760
    assert pressure.pressure_hpa.max() > 990
    assert np.ptp(pressure.co2_dry_ppm) < 30
