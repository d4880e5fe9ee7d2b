"""Plausible bins of one station and day, and days with something wrong, for tests of what is made of bins.

For rows with faults and a known truth see the sandbox's weather world.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from functools import cache

import numpy as np

from skyledger.meteorology import (
    FloatArray,
    solar_elevation_deg,
    wind_components,
    wind_direction_deg,
)
from skyledger.weather.bins import BinnedVariable, Bins
from skyledger.weather.stations import Station, column_map, load_station
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    BATTERY,
    DIRECTION_SIGMA,
    EASTWARD_WIND,
    GUST,
    IRRIGATION,
    IRRIGATION_FLUX,
    LOGGER_TEMPERATURE,
    NORTHWARD_WIND,
    PHOTONS,
    RAIN,
    RAIN_RATE,
    RELATIVE_HUMIDITY,
    RESULTANT_SPEED,
    SHORTWAVE,
    STEADINESS,
    VARIABLES,
    WIND_DIRECTION,
    WIND_OUTPUTS,
    WIND_SPEED,
)

DAY = date(2016, 8, 30)
MISSING = 9
GALLONS_M3 = 1250 * 0.003785411784
_SPREAD = {AIR_TEMPERATURE: 0.15, RELATIVE_HUMIDITY: 0.01, SHORTWAVE: 8.0, PHOTONS: 1.6e-5, WIND_SPEED: 0.4}
_WITHOUT_STATISTICS = {*WIND_OUTPUTS, RAIN_RATE, IRRIGATION_FLUX} - {WIND_SPEED}


@cache
def station(name: str = "UA-MAC") -> Station:
    """A configured station."""
    return load_station(name)


def day_of_bins(
    name: str = "UA-MAC",
    day: date = DAY,
    *,
    product: str | None = None,
    width_s: int | None = None,
    rain_mm_h: Mapping[float, float] | None = None,
    calm: bool = False,
    cloudy: bool = False,
    seed: int = 1,
) -> Bins:
    """A full day in which all is good, with the variables of the station's columns.

    `rain_mm_h`: rates of single hours by hours since the day's begin, in tips of 0.254 mm.
    """
    where = station(name)
    period = where.on(day)
    assert period is not None
    columns = column_map(period.columns)
    product = product or where.main_product
    width_s = width_s or where.products[product].width_s
    begin, end = (int(moment.timestamp()) for moment in where.bounds(day))
    start_s = np.arange(begin, end, width_s)
    n_expected = max(1, width_s // columns.interval_s)
    rng = np.random.default_rng([seed, day.toordinal()])
    hour = (start_s - begin + width_s / 2) / 3600
    place = period.position
    high_sun = np.sin(
        np.deg2rad(solar_elevation_deg(start_s + width_s / 2, place.latitude_deg, place.longitude_deg))
    )
    made = _weather(hour, high_sun, rng, cloudy=cloudy)
    made |= _wind(hour, rng, calm=calm)
    tips = np.zeros(len(hour))
    for at, rate in (rain_mm_h or {}).items():
        inside = (hour >= at) & (hour < at + 1)
        tips[inside] = rng.poisson(rate * width_s / 3600 / 0.254, np.count_nonzero(inside))
    made[RAIN] = tips * 0.254e-3
    made[RAIN_RATE] = made[RAIN] / width_s
    made[IRRIGATION] = np.full(len(hour), GALLONS_M3)
    made[IRRIGATION_FLUX] = made[IRRIGATION] * 1000 / (2000 * width_s)
    wanted = {column.variable for column in columns.columns}
    if WIND_DIRECTION in wanted:
        wanted |= set(WIND_OUTPUTS)
    wanted |= {RAIN_RATE} if RAIN in wanted else set()
    wanted |= {IRRIGATION_FLUX} if IRRIGATION in wanted else set()
    full = np.full(len(start_s), n_expected)
    return Bins(
        product=product,
        width_s=width_s,
        start_s=start_s,
        n_expected=n_expected,
        n_rows=full,
        coverage=np.ones(len(start_s)),
        variables={
            variable: _binned(variable, made[variable], n_expected)
            for variable in VARIABLES
            if variable in wanted
        },
    )


def only(bins: Bins, kept: np.ndarray) -> Bins:
    """The bins of a mask or slice; the others do not exist, as in a gap of the records."""
    return replace(
        bins,
        start_s=bins.start_s[kept],
        n_rows=bins.n_rows[kept],
        coverage=bins.coverage[kept],
        variables={
            name: BinnedVariable(**{f.name: getattr(v, f.name)[kept] for f in fields(v)})
            for name, v in bins.variables.items()
        },
    )


def hours(bins: Bins, first_h: float, last_h: float, day: date = DAY, name: str = "UA-MAC") -> np.ndarray:
    """Mask of the bins between two hours of the station's day."""
    since = (bins.start_s - int(station(name).bounds(day)[0].timestamp())) / 3600
    return np.asarray((since >= first_h) & (since < last_h))


def flagged(bins: Bins, name: str, where: np.ndarray, flag: int) -> Bins:
    """The bins with a flag on one variable; fail and missing ones have no value."""
    old = bins.variables[name]
    gone = where & (flag in {4, MISSING})
    new = replace(
        old,
        value=np.where(gone, np.nan, old.value),
        n_valid=np.where(gone, 0, old.n_valid),
        coverage=np.where(gone, 0.0, old.coverage),
        flag=np.where(where, flag, old.flag).astype(np.int8),
        tests=np.where(where, int(flag in {3, 4}), old.tests),
    )
    return replace(bins, variables=bins.variables | {name: new})


def _weather(
    hour: FloatArray, high_sun: FloatArray, rng: np.random.Generator, *, cloudy: bool
) -> dict[str, FloatArray]:
    n = len(hour)
    clear = np.clip(high_sun, 0, None)
    clouds = np.ones(n)
    if cloudy:
        walk = np.convolve(rng.normal(0, 1, n + 24), np.ones(25) / 25, "valid")
        clouds = np.clip(0.55 + 1.6 * walk, 0.12, 1.05)
    temperature = 301 + 7.5 * np.sin(2 * np.pi * (hour - 9.2) / 24) + rng.normal(0, 0.08, n)
    shortwave = 1060 * clear**1.15 * clouds + np.where(high_sun < 0, rng.normal(-1, 0.4, n), 0)
    return {
        AIR_TEMPERATURE: temperature,
        RELATIVE_HUMIDITY: np.clip(0.42 - 0.026 * (temperature - 301) + rng.normal(0, 0.004, n), 0.05, 1),
        SHORTWAVE: shortwave,
        PHOTONS: np.clip(shortwave * 2.04e-6, 0, None),
        AIR_PRESSURE: 97_000 + 120 * np.cos(2 * np.pi * (hour - 9.5) / 12) + rng.normal(0, 4, n),
        BATTERY: 12.6 + 0.9 * clear + rng.normal(0, 0.01, n),
        LOGGER_TEMPERATURE: temperature + 2 + 3 * clear,
    }


def _wind(hour: FloatArray, rng: np.random.Generator, *, calm: bool) -> dict[str, FloatArray]:
    n = len(hour)
    if calm:
        speed = np.abs(rng.normal(0.12, 0.08, n))
    else:
        speed = np.clip(2.6 + 2.0 * np.sin(2 * np.pi * (hour - 10.5) / 24) + rng.normal(0, 0.35, n), 0.05, 40)
    direction = (110 + 130 / (1 + np.exp(-(hour - 11.5))) + rng.normal(0, 14, n)) % 360
    steadiness = np.clip(0.97 - 0.03 * np.abs(rng.normal(0, 1, n)), 0.5, 1)
    u, v = wind_components(speed * steadiness, direction)
    return {
        WIND_SPEED: speed,
        WIND_DIRECTION: np.full(n, np.nan) if calm else wind_direction_deg(u, v),
        GUST: speed * (1.35 + 0.25 * rng.random(n)) + 0.1,
        EASTWARD_WIND: u,
        NORTHWARD_WIND: v,
        RESULTANT_SPEED: speed * steadiness,
        STEADINESS: steadiness,
        DIRECTION_SIGMA: np.abs(rng.normal(12, 4, n)),
    }


def _binned(name: str, value: FloatArray, n_expected: int) -> BinnedVariable:
    missing = np.isnan(value)
    spread = _SPREAD.get(name, 0.0)
    nothing = np.full(len(value), np.nan)
    bare = name in _WITHOUT_STATISTICS or n_expected == 1
    return BinnedVariable(
        value=value,
        minimum=nothing if bare else value - 2 * spread,
        maximum=nothing if bare else value + 2 * spread,
        standard_deviation=nothing if bare else np.where(missing, np.nan, spread),
        n_valid=np.where(missing, 0, n_expected),
        coverage=np.where(missing, 0.0, 1.0),
        flag=np.where(missing, MISSING, 1).astype(np.int8),
        tests=np.zeros(len(value), dtype=np.int64),
    )
