"""The true weather, what sound instruments make of it, and that neither trips a quality check."""

from dataclasses import fields
from datetime import date
from functools import cache

import numpy as np
import pytest

from sandbox.weather import WeatherWorld
from sandbox.weather.air import Air
from sandbox.weather.instruments import Values, measure
from sandbox.weather.showers import TIP_MM, showers
from skyledger.meteorology import wind_components
from skyledger.weather import variables as v

DAY_S = 86_400
SOUND = WeatherWorld(seed=1, faults=False)
START_S = 1_471_762_800  # 2016-08-21 00:00 on the logger's clock, UTC-07:00
END_S = START_S + 10 * DAY_S


@cache
def ten_days() -> tuple[Air, Values]:
    air = SOUND.air(np.arange(START_S, END_S))
    return air, measure(SOUND.seed, air)


def test_any_range_of_seconds_gives_the_same_weather_and_measurements() -> None:
    air, values = ten_days()
    part = slice(200_000, 203_333)
    alone = SOUND.air(air.time_s[part])
    for field in fields(Air):
        assert np.array_equal(getattr(alone, field.name), getattr(air, field.name)[part]), field.name
    for name, measured in SOUND.measured(air.time_s[part]).items():
        assert np.array_equal(measured, values[name][part]), name


def test_another_seed_is_another_weather() -> None:
    air = WeatherWorld(seed=2).air(np.arange(START_S, START_S + 100))
    assert not np.isclose(air.temperature_c, ten_days()[0].temperature_c[:100]).any()


def test_days_are_warm_nights_are_dark_and_dry_air_is_warm_air() -> None:
    air, _ = ten_days()
    hour = (air.time_s - 7 * 3600) % DAY_S // 3600
    assert air.temperature_c[hour == 15].mean() > air.temperature_c[hour == 5].mean() + 8
    assert air.shortwave_w_m2[air.sun_deg < 0].max() == 0
    assert 700 < air.shortwave_w_m2.max() < 1100
    assert air.humidity_percent[hour == 15].mean() < 0.7 * air.humidity_percent[hour == 5].mean()
    per_joule = air.photons_umol_m2_s[air.shortwave_w_m2 > 0] / air.shortwave_w_m2[air.shortwave_w_m2 > 0]
    assert 1.95 < per_joule.min() < per_joule.max() < 2.15


def test_wind_blows_from_everywhere_passes_through_north_and_rests() -> None:
    air, values = ten_days()
    sectors = np.histogram(air.direction_deg, 8, (0, 360))[0]
    assert sectors.min() > 0.02 * len(air.time_s)
    north = (air.direction_deg > 350) | (air.direction_deg < 10)
    crossing = np.abs(np.diff(air.direction_deg)) > 180
    assert np.count_nonzero(crossing & north[1:] & (air.speed_m_s[1:] > 1)) > 100
    assert np.count_nonzero(values[v.WIND_SPEED] < 0.3) > 3600
    assert np.count_nonzero(values[v.WIND_SPEED] == 0) > 0


def test_rain_falls_in_showers_of_whole_tips_into_humid_air_on_some_days() -> None:
    air, _ = ten_days()
    tips = air.rain_mm / TIP_MM
    assert np.array_equal(tips, np.round(tips))
    wet_days = np.count_nonzero(air.rain_mm.reshape(-1, DAY_S).any(axis=1))
    assert 1 <= wet_days <= 6
    assert air.humidity_percent[air.rain_mm > 0].min() > 80
    fallen_s = air.time_s[air.rain_mm > 0]
    assert np.median(np.diff(fallen_s)) < 300  # showers, not single tips


@pytest.mark.parametrize("seed", [1, 5])
def test_over_years_tips_count_the_rain_that_fell(seed: int) -> None:
    """A shower begins with a bucket that is partly full, so that tips are right on average."""
    weather = WeatherWorld(seed).weather
    ends = START_S + np.arange(1, 3 * 365) * DAY_S
    counted = weather.rain_mm(ends - DAY_S, ends).sum()
    found = showers((seed, "UA-MAC"), START_S, ends[-1])
    fell = sum(float(s.depth_mm(ends[-1:].astype(float))[0]) for s in found)
    assert len(found) > 300
    assert abs(counted - fell) < 4 * 0.4 * TIP_MM * np.sqrt(len(found))  # a tip's rounding per shower


def test_instruments_have_no_bias_in_a_bin() -> None:
    """Rounding and noise of 300 seconds leave less than 0.006 K and 0.008 m/s in any bin, and nothing on average."""
    values = {name: x[: 3 * DAY_S] for name, x in ten_days()[1].items()}
    truth = SOUND.truth_bins(START_S, START_S + 3 * DAY_S)
    eastward, northward = wind_components(values[v.WIND_SPEED], values[v.WIND_DIRECTION])
    shown = {
        v.AIR_TEMPERATURE: values[v.AIR_TEMPERATURE] + 273.15,
        v.WIND_SPEED: values[v.WIND_SPEED],
        v.EASTWARD_WIND: eastward,
        v.NORTHWARD_WIND: northward,
    }
    limits = {v.AIR_TEMPERATURE: 0.006, v.WIND_SPEED: 0.008, v.EASTWARD_WIND: 0.008, v.NORTHWARD_WIND: 0.008}
    for name, limit in limits.items():
        error = shown[name].reshape(-1, 300).mean(axis=1) - truth[name]
        assert abs(error).max() < limit, name
        assert abs(error.mean()) < 0.0002, name
    assert values[v.RAIN].sum() / 1000 == pytest.approx(truth[v.RAIN].sum(), abs=1e-12)


def test_true_bins_have_canonical_units_and_the_direction_of_the_mean_vector() -> None:
    truth = SOUND.truth_bins(date(2016, 8, 21))
    air, _ = ten_days()
    assert truth["start_s"].tolist() == list(range(START_S, START_S + DAY_S, 300))
    assert {len(values) for values in truth.values()} == {288}
    assert truth[v.AIR_TEMPERATURE][3] == pytest.approx(air.temperature_c[900:1200].mean() + 273.15)
    assert truth[v.RELATIVE_HUMIDITY][3] == pytest.approx(air.humidity_percent[900:1200].mean() / 100)
    assert truth[v.PHOTONS][150] == pytest.approx(air.photons_umol_m2_s[45_000:45_300].mean() * 1e-6)
    u, w = air.eastward_m_s[900:1200].mean(), air.northward_m_s[900:1200].mean()
    assert truth[v.WIND_DIRECTION][3] == pytest.approx(np.rad2deg(np.arctan2(-u, -w)) % 360)
    assert truth[v.RAIN].sum() == pytest.approx(air.rain_mm[:DAY_S].sum() / 1000)
    with pytest.raises(ValueError, match="expected whole bins of 300 s"):
        SOUND.truth_bins(START_S, START_S + 450)


# Limits of the weather stations' quality checks that good data must keep: range, largest change in a second
LIMITS = {
    v.AIR_TEMPERATURE: (-10, 50, 1.0),
    v.RELATIVE_HUMIDITY: (3, 100, 5),
    v.SHORTWAVE: (-5, 1400, 800),
    v.PHOTONS: (-5, 2500, 1700),
    v.WIND_DIRECTION: (0, 359, np.inf),
    v.WIND_SPEED: (0, 35, 20),
    v.RAIN: (0, 0.6, np.inf),
    v.BATTERY: (11.5, 15, np.inf),
    v.LOGGER_TEMPERATURE: (-20, 70, np.inf),
}


@pytest.mark.parametrize("name", LIMITS)
def test_sound_instruments_keep_the_limits_and_are_never_stuck(name: str) -> None:
    low, high, step = LIMITS[name]
    values = ten_days()[1][name]
    assert low <= values.min() <= values.max() <= high
    assert abs(np.diff(values)).max() < step
    if name != v.RAIN:
        changes = np.flatnonzero(np.diff(values))
        assert np.diff(changes).max() < 300  # the shortest limit for a flat line is 1800 s


def test_sound_instruments_agree_with_each_other() -> None:
    air, values = ten_days()
    bright = values[v.SHORTWAVE] > 50
    per_joule = values[v.PHOTONS][bright] / values[v.SHORTWAVE][bright]
    assert 1.6 < per_joule.min() < per_joule.max() < 2.6
    night = air.sun_deg < -6
    assert max(values[v.SHORTWAVE][night].max(), values[v.PHOTONS][night].max()) < 20
    assert values[v.RELATIVE_HUMIDITY][values[v.RAIN] > 0].min() > 30


@pytest.mark.parametrize("month", [1, 4, 7, 11])
def test_limits_are_kept_in_every_season(month: int) -> None:
    start_s = SOUND._bounds(date(2019, month, 5))[0]
    values = SOUND.measured(np.arange(start_s, start_s + 5 * DAY_S, 7))
    for name, (low, high, _) in LIMITS.items():
        assert low <= values[name].min() <= values[name].max() <= high, name
