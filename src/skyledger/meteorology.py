"""Formulas of meteorology that more than one network uses. Arrays in, arrays out; NaN where an input is NaN."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_SECONDS_PER_DAY = 86_400.0
_J2000_DAYS = 10_957.5  # days from 1970-01-01 00:00 to 2000-01-01 12:00
_DAYS_PER_CENTURY = 36_525.0
_KAPPA = 287.05 / 1004.6857  # gas constant of dry air by its heat capacity at constant pressure
_TROPOPAUSE_PA = 22_632.06  # of the standard atmosphere, at 11 km
_EARTH_RADIUS_M = 6_371_008.8  # mean radius


def solar_elevation_deg(time_s: ArrayLike, latitude_deg: float, longitude_deg: float) -> FloatArray:
    """Height of the sun's centre above the horizon, without refraction, seen from the centre of the earth.

    time_s : Unix seconds UTC. latitude_deg north positive, longitude_deg east positive.
    Returns degrees, -90 to 90, in the shape of `time_s`. Error below 0.02 degrees from 1950 to 2050: 0.011 is the
    largest of 20 000 differences to an ephemeris (PyEphem), the parallax of the observer (0.0025) included.
    Source: J. Meeus, Astronomical Algorithms, 2nd edition, chapters 12 (12.4), 13 (13.6) and 25 (low accuracy), as in
    NOAA's solar calculator. The right ascension is not formed: with hour angle H, declination d, ecliptic longitude l,
    obliquity e and local sidereal time s, cos(d) cos(H) = cos(l) cos(s) + cos(e) sin(l) sin(s).
    """
    days = np.asarray(time_s, dtype=np.float64) / _SECONDS_PER_DAY - _J2000_DAYS
    century = days / _DAYS_PER_CENTURY
    mean_longitude = 280.46646 + century * (36000.76983 + century * 0.0003032)
    anomaly = np.deg2rad(357.52911 + century * (35999.05029 - century * 0.0001537))
    centre = (
        (1.914602 - 0.004817 * century) * np.sin(anomaly)
        + (0.019993 - 0.000101 * century) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    node = np.deg2rad(125.04 - 1934.136 * century)
    nutation = -0.00478 * np.sin(node)
    obliquity = np.deg2rad(23.439291 - 0.0130042 * century + 0.00256 * np.cos(node))
    longitude = np.deg2rad(
        mean_longitude + centre - 0.00569 + nutation
    )  # apparent: with aberration and nutation
    sidereal_deg = (
        280.46061837 + 360.98564736629 * days + 0.000387933 * century**2 + nutation * np.cos(obliquity)
    )
    sidereal = np.deg2rad(sidereal_deg + longitude_deg)
    latitude = np.deg2rad(latitude_deg)
    sin_longitude = np.sin(longitude)
    towards_meridian = np.cos(longitude) * np.cos(sidereal) + np.cos(obliquity) * sin_longitude * np.sin(
        sidereal
    )
    sine = np.sin(latitude) * np.sin(obliquity) * sin_longitude + np.cos(latitude) * towards_meridian
    return np.asarray(np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0))))


def wind_components(
    speed: ArrayLike, direction_deg: ArrayLike, convention: Literal["from", "to"] = "from"
) -> tuple[FloatArray, FloatArray]:
    """Eastward and northward wind, in the unit of `speed`.

    direction_deg : clockwise from north; `convention` says whether the wind comes from there or goes there.
    Calm (speed 0) is the zero vector whatever the vane says, NaN included.
    """
    speed = np.asarray(speed, dtype=np.float64)
    angle = np.deg2rad(np.asarray(direction_deg, dtype=np.float64))
    towards = -speed if convention == "from" else speed
    calm = speed == 0.0
    return np.where(calm, 0.0, towards * np.sin(angle)), np.where(calm, 0.0, towards * np.cos(angle))


def wind_direction_deg(eastward: ArrayLike, northward: ArrayLike) -> FloatArray:
    """Direction the wind comes from, degrees clockwise from north, 0 included to 360 excluded.

    NaN for the zero vector. Whether a short vector still has a direction is for the caller to decide.
    """
    u, v = np.asarray(eastward, dtype=np.float64), np.asarray(northward, dtype=np.float64)
    degrees = np.rad2deg(np.arctan2(-u, -v)) % 360.0
    degrees = np.where(degrees == 360.0, 0.0, degrees)  # the remainder of -1e-15
    return np.where((u == 0.0) & (v == 0.0), np.nan, degrees)


def yamartino_sigma_deg(mean_sin: ArrayLike, mean_cos: ArrayLike) -> FloatArray:
    """Standard deviation of a direction, in degrees, from the means of its sine and cosine.

    eps = sqrt(1 - (mean_sin^2 + mean_cos^2)); sigma = asin(eps) (1 + (2/sqrt(3) - 1) eps^3). At most 180/sqrt(3).
    Leave rows without wind out of the means: their direction means nothing.
    Source: R. J. Yamartino, 1984, J. Climate Appl. Meteor. 23, 1362-1366.
    """
    sine, cosine = np.asarray(mean_sin, dtype=np.float64), np.asarray(mean_cos, dtype=np.float64)
    # rounding may carry the length of the mean a little above 1
    eps = np.sqrt(np.clip(1.0 - (sine**2 + cosine**2), 0.0, 1.0))
    return np.asarray(np.rad2deg(np.arcsin(eps)) * (1.0 + (2.0 / np.sqrt(3.0) - 1.0) * eps**3))


def potential_temperature_k(temperature_k: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Temperature that air would have at 1000 hPa, in K: T (1e5 / p)^(R/cp) for dry air."""
    temperature = np.asarray(temperature_k, dtype=np.float64)
    return np.asarray(
        temperature * (1.0e5 / np.asarray(pressure_pa, dtype=np.float64)) ** _KAPPA, dtype=np.float64
    )


def pressure_altitude_m(pressure_pa: ArrayLike) -> FloatArray:
    """Height in m at which the standard atmosphere (ICAO, ISA) has a pressure, up to 20 km.

    Below 11 km z = 44330.77 (1 - (p/101325)^0.190263), above z = 11000 + 6341.62 ln(22632.06/p).
    """
    pressure = np.asarray(pressure_pa, dtype=np.float64)
    below = 44_330.77 * (1.0 - (np.maximum(pressure, 0.0) / 101_325.0) ** 0.190263)
    stratosphere = np.clip(pressure, None, _TROPOPAUSE_PA)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = 11_000.0 + 6_341.62 * np.log(_TROPOPAUSE_PA / stratosphere)
    return np.where(pressure > _TROPOPAUSE_PA, below, above)


def great_circle_m(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, to_latitude_deg: ArrayLike, to_longitude_deg: ArrayLike
) -> FloatArray:
    """Distance in m between positions on a sphere of 6371008.8 m (haversine); over the date line as well."""
    first, second = np.deg2rad(latitude_deg), np.deg2rad(to_latitude_deg)
    half_width = np.deg2rad(np.subtract(to_longitude_deg, longitude_deg)) / 2.0
    square = np.sin((second - first) / 2.0) ** 2 + np.cos(first) * np.cos(second) * np.sin(half_width) ** 2
    return np.asarray(2.0 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(square, 0.0, 1.0))))
