"""The true air: CO2, pressure, temperature and humidity at any site and time.

Everything is a function of (seed, site, time); see `noise.py`. Regional weather (north and south of the
Alps) is common to all sites, so that sites agree when it is windy and differ in calm nights: what a
correction by wind events needs.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from sandbox.carbosense.clock import DAY_S, HOUR_S, YEAR_S, unix
from sandbox.carbosense.sites import Site
from sandbox.noise import FloatArray, IntArray, key, smooth

T0_K = 273.15
STANDARD_PRESSURE_HPA = 1013.25
GRAVITY_M_S2 = 9.80665
MOLAR_MASS_AIR_KG_MOL = 0.0289644
GAS_CONSTANT_J_MOL_K = 8.3144598
_CRITICAL_K, _CRITICAL_PA = 647.096, 22.064e6
_WAGNER_PRUSS = (-7.85951783, 1.84408259, -11.7866497, 22.6807411, -15.9618719, 1.80122502)

GROWTH_PPM_PER_YEAR = 2.45
_GROWTH_ORIGIN_S = unix("2017-07-01")
_MONDAY_S = unix("1970-01-05")


def saturation_vapour_pressure_pa(temperature_c: FloatArray) -> FloatArray:
    """Saturation vapour pressure over water. [Pa]

    Wagner and Pruss 2002, doi:10.1063/1.1461829, eq. 2.5; 0 to 373 °C, used below 0 °C for supercooled water.
    """
    kelvin = np.asarray(temperature_c) + T0_K
    theta = 1 - kelvin / _CRITICAL_K
    half = np.sqrt(theta)
    cube = theta * theta * theta
    # powers 1, 1.5, 3, 3.5, 4, 7.5 by products: three times faster than `**`
    powers = (theta, theta * half, cube, cube * half, cube * theta, cube * cube * theta * half)
    total = sum(a * power for a, power in zip(_WAGNER_PRUSS, powers, strict=True))
    return np.asarray(_CRITICAL_PA * np.exp(_CRITICAL_K / kelvin * total))


def h2o_percent(
    humidity_percent: FloatArray, temperature_c: FloatArray, pressure_hpa: FloatArray
) -> FloatArray:
    """Water vapour in percent by volume. [%]"""
    return np.asarray(humidity_percent * saturation_vapour_pressure_pa(temperature_c) / (pressure_hpa * 100))


@dataclass(frozen=True, slots=True)
class Air:
    """Air at (n,) moments: dry-air CO2 [ppm], pressure [hPa], temperature [°C], relative humidity [%]."""

    co2_dry_ppm: FloatArray
    pressure_hpa: FloatArray
    temperature_c: FloatArray
    humidity_percent: FloatArray

    @property
    def h2o_percent(self) -> FloatArray:
        """Water vapour. [Vol-%]"""
        return h2o_percent(self.humidity_percent, self.temperature_c, self.pressure_hpa)

    @property
    def co2_wet_ppm(self) -> FloatArray:
        """CO2 in moist air. [ppm]"""
        return np.asarray(self.co2_dry_ppm * (1 - self.h2o_percent / 100))

    @staticmethod
    def empty(n: int) -> "Air":
        """Arrays to be filled by `put`."""
        return Air(*(np.full(n, np.nan) for _ in fields(Air)))

    def put(self, place: IntArray, other: "Air") -> None:
        """Overwrite the moments at `place` by those of `other`."""
        for field in fields(Air):
            getattr(self, field.name)[place] = getattr(other, field.name)


@cache
def _relaxation(steps: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    levels = np.array(steps)
    return levels, np.roll(levels, 1)


def _programme(time_s: FloatArray, steps: tuple[float, ...], step_s: float, settle_s: float) -> FloatArray:
    """A chamber's set points, one after the other and over again, reached exponentially."""
    levels, before = _relaxation(steps)
    step = np.floor(time_s / step_s).astype(np.int64)
    place = step % len(steps)
    elapsed_s = time_s - step * step_s
    return np.asarray(levels[place] + (before[place] - levels[place]) * np.exp(-elapsed_s / settle_s))


class Field:
    """The air of the world with one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def air(self, site: Site, time_s: IntArray | FloatArray, height_above_ground_m: float = 0.0) -> Air:
        """The air at a site. time_s : (n,) Unix seconds."""
        moments = np.asarray(time_s, dtype=np.float64)
        if site.kind == "climate chamber":
            return self._climate_chamber(site, moments)
        if site.kind == "pressure chamber":
            return self._pressure_chamber(moments)
        if site.kind == "indoor":
            return self._indoor(site, moments)
        return self._outdoor(site, moments, height_above_ground_m)

    def wind_mixing(self, region: str, time_s: FloatArray) -> FloatArray:
        """How well the wind mixes a region's air: 0 calm to 1, when all low sites see the same CO2."""
        return np.asarray(
            1 / (1 + np.exp(1.6 - 2.6 * smooth(key(self.seed, region, "wind"), time_s, 1.3 * DAY_S)))
        )

    def _cloudiness(self, region: str, time_s: FloatArray) -> FloatArray:
        return np.asarray(
            1 / (1 + np.exp(-1.8 * smooth(key(self.seed, region, "cloud"), time_s, 0.9 * DAY_S)))
        )

    def _outdoor(self, site: Site, time_s: FloatArray, height_above_ground_m: float) -> Air:
        seed, region, name = self.seed, site.region, site.name
        year = (time_s % YEAR_S) / YEAR_S  # 0 at new year, within a day
        summer = -np.cos(2 * np.pi * (year - 0.055))  # -1 in mid-January, +1 in mid-July
        solar_hour = (time_s / HOUR_S + 0.55) % 24
        clear = 1 - self._cloudiness(region, time_s)
        calm = 1 - self.wind_mixing(region, time_s)

        # temperature: season, weather, day; cold nights and hot days when clear
        level_c = 10.5 - 0.0055 * (site.height_m - 430) + (1.5 if region == "south" else 0.0)
        weather_c = 3.3 * smooth(key(seed, region, "temperature"), time_s, 2.2 * DAY_S)
        day_c = (1.2 + (2.9 + 1.5 * summer) * clear) * np.cos(2 * np.pi * (solar_hour - 15) / 24)
        local_c = 0.5 * smooth(key(seed, name, "temperature"), time_s, 5 * HOUR_S)
        season_c = level_c + 9.3 * summer + weather_c
        temperature_c = season_c + day_c + local_c

        # humidity: the vapour of the air mass, never above saturation at the local temperature
        dryness = np.abs(smooth(key(seed, region, "humidity"), time_s, 1.7 * DAY_S))
        depression_c = 1.6 + 1.0 * summer + (2.5 + 0.7 * summer) * dryness + 1.2 * clear
        saturation_pa = saturation_vapour_pressure_pa(temperature_c)
        vapour_pa = np.minimum(saturation_vapour_pressure_pa(season_c - depression_c), saturation_pa)
        humidity_percent = 100 * vapour_pa / saturation_pa

        height_m = site.height_m + height_above_ground_m
        return Air(
            self._co2_ppm(site, time_s, summer, solar_hour, clear, calm),
            self._pressure_hpa(site, time_s, height_m, summer, solar_hour),
            temperature_c,
            humidity_percent,
        )

    def _pressure_hpa(
        self, site: Site, time_s: FloatArray, height_m: float, summer: FloatArray, solar_hour: FloatArray
    ) -> FloatArray:
        position = site.positions[-1]
        gradients = [
            1.2 * smooth(key(self.seed, direction, "pressure gradient"), time_s, 2 * DAY_S)  # hPa per 100 km
            for direction in ("east", "north")
        ]
        sea_level_hpa = (
            1017.0
            + 7.5 * smooth(key(self.seed, "pressure"), time_s, 2.4 * DAY_S)
            + gradients[0] * (position.easting_m - 640_000) / 1e5
            + gradients[1] * (position.northing_m - 220_000) / 1e5
            + 0.5 * np.cos(4 * np.pi * (solar_hour - 10) / 24)
        )
        mean_k = 282.0 + 7.5 * summer  # of the air column below
        scale_height_m = GAS_CONSTANT_J_MOL_K * mean_k / (GRAVITY_M_S2 * MOLAR_MASS_AIR_KG_MOL)
        return np.asarray(sea_level_hpa * np.exp(-height_m / scale_height_m))

    def _co2_ppm(
        self,
        site: Site,
        time_s: FloatArray,
        summer: FloatArray,
        solar_hour: FloatArray,
        clear: FloatArray,
        calm: FloatArray,
    ) -> FloatArray:
        seed, region, name = self.seed, site.region, site.name
        background = (
            406.0
            + GROWTH_PPM_PER_YEAR * (time_s - _GROWTH_ORIGIN_S) / YEAR_S
            - 6.0 * summer
            + 2.5 * smooth(key(seed, region, "air mass"), time_s, 2.8 * DAY_S)
        )
        stagnation = np.maximum(smooth(key(seed, region, "stagnation"), time_s, 3.5 * DAY_S) + 0.2, 0)
        inversion = site.inversion * 22 * stagnation * (0.55 - 0.45 * summer)
        # CO2 gathers below a nocturnal inversion, most before sunrise, and is mixed away in the morning
        night = np.exp(1.8 * (np.cos(2 * np.pi * (solar_hour - 4.8) / 24) - 1))
        strength = np.exp(0.35 * smooth(key(seed, name, "night"), time_s, DAY_S) - 0.06)
        build_up = site.night_ppm * night * strength * (0.35 + 0.85 * clear) * (0.75 + 0.3 * summer)
        rush = np.exp(-(((solar_hour - 6.6) / 1.1) ** 2)) + 0.8 * np.exp(-(((solar_hour - 17.2) / 1.6) ** 2))
        work_day = ((time_s - _MONDAY_S) // DAY_S) % 7 < 5
        traffic = site.traffic_ppm * rush * np.where(work_day, 1.0, 0.35)
        uptake = 3.5 * np.maximum(summer, 0) * np.exp(-(((solar_hour - 14) / 3.5) ** 2))
        local = calm * (inversion + build_up + traffic) - uptake
        turbulence = smooth(key(seed, name, "turbulence"), time_s, 1500) * (0.5 + 0.06 * np.abs(local))
        return np.asarray(background + local + turbulence)

    def _climate_chamber(self, site: Site, time_s: FloatArray) -> Air:
        temperature_c = _programme(time_s, (-5, 5, 15, 25, 35, 20), 8 * HOUR_S, 1500)
        return Air(
            _programme(time_s, (400, 440, 480, 520, 560, 600, 500, 420), 2 * HOUR_S, 500),
            self._ambient_hpa(site, time_s),
            temperature_c,
            np.full(len(time_s), 40.0),
        )

    def _pressure_chamber(self, time_s: FloatArray) -> Air:
        return Air(
            430 + 3 * smooth(key(self.seed, "pressure chamber"), time_s, DAY_S),
            _programme(time_s, (960, 900, 850, 800, 750, 850, 950, 1000), 3 * HOUR_S, 300),
            22 + 0.3 * smooth(key(self.seed, "pressure chamber", "temperature"), time_s, 6 * HOUR_S),
            np.full(len(time_s), 30.0),
        )

    def _indoor(self, site: Site, time_s: FloatArray) -> Air:
        solar_hour = (time_s / HOUR_S + 0.55) % 24
        people_ppm = 180 * np.exp(-(((solar_hour - 14) / 3.5) ** 2))
        growth_ppm = GROWTH_PPM_PER_YEAR * (time_s - _GROWTH_ORIGIN_S) / YEAR_S
        return Air(
            430 + growth_ppm + people_ppm,
            self._ambient_hpa(site, time_s),
            21.5 + 0.8 * smooth(key(self.seed, "store"), time_s, 6 * HOUR_S),
            42 + 6 * smooth(key(self.seed, "store", "humidity"), time_s, DAY_S),
        )

    def _ambient_hpa(self, site: Site, time_s: FloatArray) -> FloatArray:
        summer = -np.cos(2 * np.pi * ((time_s % YEAR_S) / YEAR_S - 0.055))
        return self._pressure_hpa(site, time_s, site.height_m, summer, (time_s / HOUR_S + 0.55) % 24)
