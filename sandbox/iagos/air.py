"""The true air along a flight: a function of seed, flight, position and time (see `sandbox.noise`).

Temperature falls with height to a tropopause that is low at the poles and high in the tropics; above it ozone rises,
carbon monoxide and water vapour fall. Formulas are written down here once more, so that they check the project's own.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.noise import FloatArray, key, smooth

COLD_SENSOR_K = 233.15  # below it the humidity sensor is too slow
COLDEST_K = 190.0
ICE_K = 253.0  # clouds colder than this are of ice
DRY = 5e-6  # mole fraction of water in the stratosphere
BLEND_M = 250.0  # half the thickness of a tropopause


@dataclass(frozen=True, slots=True)
class Air:
    """The truth at (n,) moments of a flight."""

    temperature_k: FloatArray
    ozone_ppb: FloatArray
    carbon_monoxide_ppb: FloatArray
    humidity: FloatArray  # relative, over liquid water
    cloud_cm3: FloatArray

    def vapour_pa(self) -> FloatArray:
        """Pressure of the water vapour."""
        return self.humidity * over_liquid_pa(self.temperature_k)


def over_liquid_pa(temperature_k: FloatArray) -> FloatArray:
    """Saturation pressure over liquid water (Sonntag). [Pa]"""
    t = temperature_k
    return np.exp(-6096.9385 / t + 21.2409642 - 2.711193e-2 * t + 1.673952e-5 * t**2 + 2.433502 * np.log(t))


def over_ice_pa(temperature_k: FloatArray) -> FloatArray:
    """Saturation pressure over ice (Sonntag). [Pa]"""
    t = temperature_k
    return np.exp(-6024.5282 / t + 29.32707 + 1.0613868e-2 * t - 1.3198825e-5 * t**2 - 0.49382577 * np.log(t))


def isa_pressure_pa(altitude_m: FloatArray) -> FloatArray:
    """Pressure of the standard atmosphere."""
    below = 101325.0 * (1 - np.minimum(altitude_m, 11_000.0) / 44330.77) ** (1 / 0.190263)
    return np.where(altitude_m <= 11_000.0, below, 22632.06 * np.exp(-(altitude_m - 11_000.0) / 6341.62))


def air(
    series: tuple[object, ...],
    time_s: FloatArray,
    latitude_deg: FloatArray,
    altitude_m: FloatArray,
    pressure_pa: FloatArray,
    cooling_k: FloatArray,
) -> Air:
    """The air of a flight. series: names of its random numbers; cooling_k: how much colder than usual."""

    def curve(name: str, spacing_s: float) -> FloatArray:
        return smooth(key(*series, name), time_s, spacing_s)

    tropics = np.cos(np.deg2rad(latitude_deg)) ** 2
    tropopause_m = 8_600 + 7_500 * tropics**1.5 + 500 * curve("tropopause", 5_400) + 90 * curve("folds", 500)
    above_m = altitude_m - tropopause_m
    surface_k = 270 + 30 * tropics + 2.5 * curve("air mass", 14_400)
    temperature = surface_k - 6.3e-3 * np.minimum(altitude_m, tropopause_m) + 0.7 * curve("waves", 900)
    temperature = np.maximum(temperature - cooling_k, COLDEST_K)

    stratospheric_km = 1e-3 * BLEND_M * np.logaddexp(0, above_m / BLEND_M)
    ground = np.exp(-altitude_m / 1500)
    ozone = 32 + 2.2e-3 * altitude_m + 5 * curve("ozone", 2_000) - 8 * ground
    ozone = ozone + 75 * stratospheric_km * (1 + 0.08 * curve("laminae", 700))
    tropospheric = 88 + 14 * curve("pollution", 4_000) + 110 * ground * (1 + 0.3 * curve("city", 900))
    carbon_monoxide = 26 + (tropospheric - 26) * np.exp(-stratospheric_km / 1.1)

    ratio = over_ice_pa(temperature) / over_liquid_pa(temperature)
    moisture = _sigmoid(1.3 * curve("moisture", 2_500) + 0.35 * curve("layers", 400) - 0.3)
    icy = _sigmoid((ICE_K - temperature) / 4)
    tropospheric_humidity = (0.04 + 1.26 * moisture) * ratio * icy + (0.08 + 0.88 * moisture) * (1 - icy)
    tropospheric_humidity = np.minimum(tropospheric_humidity, 0.985)  # no supersaturation over liquid water
    dry = np.minimum(DRY * pressure_pa / over_liquid_pa(temperature), tropospheric_humidity)
    share = _sigmoid(-4 * above_m / BLEND_M)
    humidity = np.exp(share * np.log(tropospheric_humidity) + (1 - share) * np.log(dry))

    ice = np.maximum(humidity / ratio - 1.08, 0) * 60 * (temperature < ICE_K)
    liquid = np.maximum(humidity - 0.93, 0) * 2500 * (temperature >= ICE_K)
    return Air(temperature, ozone, carbon_monoxide, humidity, ice + liquid)


def _sigmoid(x: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-x))
