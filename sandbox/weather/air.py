"""The true weather of a place at any UTC second: a continuous, physically consistent air.

Everything is a function of (seed, place, time); see `noise.py`. Sun and clouds make radiation, day and night; air
masses bring warmth and vapour; showers cool and moisten; the wind turns with the day and through it, and rests.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.noise import FloatArray, IntArray, key, smooth
from sandbox.weather.showers import TIP_MM, Shower, showers
from skyledger.meteorology import solar_elevation_deg, wind_direction_deg

HOUR_S, DAY_S, YEAR_S = 3600.0, 86_400.0, 365.2425 * 86_400.0


@dataclass(frozen=True, slots=True)
class Climate:
    """Where a place is and what its years are like."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    mean_c: float = 22.0  # of the year
    season_c: float = 10.5  # July above and January below it
    day_c: float = 7.5  # afternoon above and night below the mean of a clear day
    dew_point_c: float = 3.0
    dew_point_season_c: float = 7.0
    cloudiness: float = -1.2  # logit of the usual cover


@dataclass(frozen=True, slots=True)
class Air:
    """The truth at (n,) moments."""

    time_s: IntArray
    temperature_c: FloatArray
    humidity_percent: FloatArray
    shortwave_w_m2: FloatArray
    photons_umol_m2_s: FloatArray
    eastward_m_s: FloatArray
    northward_m_s: FloatArray
    rain_mm: FloatArray  # tips of a perfect bucket in the second that ends at each moment
    pressure_hpa: FloatArray
    battery_v: FloatArray
    panel_c: FloatArray
    sun_deg: FloatArray  # height of the sun
    wetness: FloatArray  # 0 far from a shower, 1 in it

    @property
    def speed_m_s(self) -> FloatArray:
        """Wind speed."""
        return np.hypot(self.eastward_m_s, self.northward_m_s)

    @property
    def direction_deg(self) -> FloatArray:
        """Where the wind comes from, clockwise from north."""
        return wind_direction_deg(self.eastward_m_s, self.northward_m_s)


def saturation_hpa(temperature_c: FloatArray) -> FloatArray:
    """Saturation vapour pressure over water: Magnus form of Sonntag 1990, -45 to 60 °C. [hPa]"""
    return np.asarray(6.112 * np.exp(17.62 * temperature_c / (243.12 + temperature_c)))


class Weather:
    """The weather of one place in the world with one seed."""

    def __init__(self, seed: int, climate: Climate) -> None:
        self.seed = seed
        self.climate = climate

    def air(self, time_s: IntArray) -> Air:
        """The air at `time_s`, (n,) Unix seconds."""
        time_s = np.asarray(time_s, dtype=np.int64)
        t, c = time_s.astype(np.float64), self.climate
        sun_deg = solar_elevation_deg(t, c.latitude_deg, c.longitude_deg)
        sun = np.clip(np.sin(np.deg2rad(sun_deg)), 0, None)
        solar_hour = (t / HOUR_S + c.longitude_deg / 15) % 24
        summer = -np.cos(2 * np.pi * ((t % YEAR_S) / YEAR_S - 0.055))  # +1 in mid-July

        nearby = self._showers(time_s, time_s)
        wetness = 1 - np.prod([1 - shower.wetness(t) for shower in nearby], axis=0) * np.ones(len(t))
        cover = 1 - (1 - _sigmoid(c.cloudiness + 1.7 * self._curve("cover", t, 0.9 * DAY_S))) * (1 - wetness)
        opacity = self._clouds(t, cover)

        day_c = c.day_c * (1 - 0.45 * cover) * np.cos(2 * np.pi * (solar_hour - 15) / 24)
        air_mass_c = c.mean_c + c.season_c * summer + 2.0 * self._curve("air mass", t, 2.2 * DAY_S)
        slow_c = air_mass_c + day_c - 4.5 * wetness
        stirred = 0.2 + 0.8 * np.sqrt(sun)  # turbulence feeds on the sun
        temperature_c = slow_c + stirred * (
            0.18 * self._curve("eddies", t, 15) + 0.25 * self._curve("plumes", t, 200)
        )
        shortwave = _clear_sky_w_m2(sun) * (1 - 0.72 * opacity + 0.22 * opacity * (1 - opacity))
        per_joule = 2.03 + 0.06 * opacity + 0.015 * self._curve("colour of light", t, 3 * HOUR_S)
        eastward, northward = self._wind(t, solar_hour, stirred, nearby)
        return Air(
            time_s,
            temperature_c,
            self._humidity_percent(t, temperature_c, summer, wetness),
            shortwave,
            shortwave * per_joule,
            eastward,
            northward,
            self.rain_mm(time_s - 1, time_s),
            1013.25 * np.exp(-c.altitude_m / 8434) + 4 * self._curve("pressure", t, 2 * DAY_S),
            12.55 + 0.7 * np.sqrt(sun) + 0.03 * self._curve("battery", t, 5 * HOUR_S),
            slow_c + 0.6 + 4 * sun + 0.3 * self._curve("panel", t, HOUR_S),
            sun_deg,
            wetness,
        )

    def _curve(self, name: str, t: FloatArray, spacing_s: float) -> FloatArray:
        """Random curve of unit variance; spacing_s: about its correlation time."""
        return smooth(key(self.seed, self.climate.name, name), t, spacing_s)

    def rain_mm(self, since_s: IntArray, time_s: IntArray) -> FloatArray:
        """Rain that a perfect bucket counts after one moment and until another. (n,) Unix seconds. [mm]"""
        tips = np.zeros(len(time_s), np.int64)
        for shower in self._showers(since_s, time_s):
            tips += shower.tips(time_s.astype(np.float64)) - shower.tips(since_s.astype(np.float64))
        return tips * TIP_MM

    def _showers(self, since_s: IntArray, time_s: IntArray) -> list[Shower]:
        if not len(time_s):
            return []
        return showers((self.seed, self.climate.name), float(since_s.min()), float(time_s.max()))

    def _clouds(self, t: FloatArray, cover: FloatArray) -> FloatArray:
        """How much a cloud hides the sun, 0 to 1; edges take some ten seconds to pass."""
        field = (
            0.9 * self._curve("clouds", t, 700)
            + 0.4 * self._curve("cloudlets", t, 120)
            + 0.1 * self._curve("cloud edges", t, 25)
        )
        return _sigmoid(5 * (field - 2.4 * (1 - 2 * cover)))

    def _humidity_percent(
        self, t: FloatArray, temperature_c: FloatArray, summer: FloatArray, wetness: FloatArray
    ) -> FloatArray:
        """Vapour of the air mass by what the air can hold; between 4 and 99 %."""
        c = self.climate
        dew_point_c = (
            c.dew_point_c + c.dew_point_season_c * summer + 3.5 * self._curve("vapour", t, 1.8 * DAY_S)
        )
        share = saturation_hpa(dew_point_c) / saturation_hpa(temperature_c)
        share = share + wetness * np.maximum(0.92 - share, 0) + 0.004 * self._curve("vapour eddies", t, 20)
        share = 0.05 + 0.01 * np.logaddexp(0, (share - 0.05) / 0.01)  # bends before the limits
        return np.asarray(100 * (0.985 - 0.02 * np.logaddexp(0, (0.985 - share) / 0.02)))

    def _wind(
        self,
        t: FloatArray,
        solar_hour: FloatArray,
        stirred: FloatArray,
        nearby: list[Shower],
    ) -> tuple[FloatArray, FloatArray]:
        """Eastward and northward wind [m/s]: the day's, which turns clockwise (from north in the evening), the
        weather's, turbulence, gust fronts; now and then a calm."""
        towards = np.deg2rad(70 + 15 * solar_hour + 180)
        strength = 2.6 + 1.0 * np.cos(2 * np.pi * (solar_hour - 16) / 24)
        wind = []
        for name, part in (("eastward", np.sin(towards)), ("northward", np.cos(towards))):
            wind.append(strength * part + 1.1 * self._curve(name, t, 9 * HOUR_S))
        deviation = 0.13 * np.hypot(*wind) + 0.3 * stirred
        for i, name in enumerate(("eastward", "northward")):
            wind[i] = wind[i] + deviation * (
                0.5 * self._curve(f"{name} gusts", t, 2)
                + 0.6 * self._curve(f"{name} eddies", t, 12)
                + 0.6 * self._curve(f"{name} rolls", t, 90)
            )
        for shower in nearby:
            gust = 5 * shower.outflow(t)
            wind[0] = wind[0] + gust * np.sin(shower.gust_towards)
            wind[1] = wind[1] + gust * np.cos(shower.gust_towards)
        blows = 0.07 + 0.93 * _sigmoid(6 * (self._curve("calm", t, 2.5 * HOUR_S) + 1.5))
        return wind[0] * blows, wind[1] * blows


def _clear_sky_w_m2(sun: FloatArray) -> FloatArray:
    """Global radiation of a clear sky by the sine of the sun's height (Haurwitz 1945). [W m-2]"""
    return np.asarray(1098 * sun * np.exp(-0.059 / np.maximum(sun, 1e-3)))


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-x)))
