"""Formulas of the importer, one function each. Arrays in, arrays out, shapes broadcast; NaN where an input is NaN.

Formulas that other networks use as well (potential temperature, pressure altitude, distances, wind components) are in
`skyledger.meteorology`.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skyledger.iagos.flight import FloatArray

STRATOSPHERIC_WATER = 5e-6  # mole fraction: what the lower stratosphere holds, nearly everywhere
# A flight is well above the tropopause where air of this potential temperature is met with this much ozone. 380 K,
# where the stratosphere begins in the tropics, is above most flights, so ozone tells it apart there.
STRATOSPHERE_THETA_K = 340.0
STRATOSPHERE_OZONE_PPB = 300.0
SURELY_STRATOSPHERE_THETA_K = 380.0
_GAS_CONSTANT = 8.314462618  # J mol-1 K-1
_CP_EXPONENT = 3.5  # heat capacity by gas constant of dry air, as the reference rounds it


def static_temperature_k(total_temperature_k: ArrayLike, mach: ArrayLike, recovery: float) -> FloatArray:
    """Temperature of the air at rest, in K, from that of air stopped by the aircraft: T_t / (1 + 0.2 r M^2).

    recovery : part of the heating that the probe sees, 0 to 1; 1 is ideal.
    """
    total, number = np.asarray(total_temperature_k, np.float64), np.asarray(mach, np.float64)
    return np.asarray(total / (1.0 + 0.2 * recovery * number**2))


def saturation_pressure_liquid_pa(temperature_k: ArrayLike) -> FloatArray:
    """Saturation pressure of water vapour over liquid water, also supercooled, in Pa.

    ln e_w = -6096.9385/T + 21.2409642 - 2.711193e-2 T + 1.673952e-5 T^2 + 2.433502 ln T, 173 to 373 K.
    Source: D. Sonntag, 1994, Meteorol. Z. 3, 51-66, equation 7.
    """
    t = np.asarray(temperature_k, dtype=np.float64)
    return np.asarray(
        np.exp(-6096.9385 / t + 21.2409642 - 2.711193e-2 * t + 1.673952e-5 * t**2 + 2.433502 * np.log(t))
    )


def saturation_pressure_ice_pa(temperature_k: ArrayLike) -> FloatArray:
    """Saturation pressure of water vapour over ice, in Pa.

    ln e_i = -6024.5282/T + 29.32707 + 1.0613868e-2 T - 1.3198825e-5 T^2 - 0.49382577 ln T, 173 to 273 K.
    Source: D. Sonntag, 1994, Meteorol. Z. 3, 51-66, equation 8.
    """
    t = np.asarray(temperature_k, dtype=np.float64)
    return np.asarray(
        np.exp(-6024.5282 / t + 29.32707 + 1.0613868e-2 * t - 1.3198825e-5 * t**2 - 0.49382577 * np.log(t))
    )


def ambient_humidity(
    humidity_at_sensor: ArrayLike, static_temperature: ArrayLike, sensor_temperature: ArrayLike
) -> FloatArray:
    """Relative humidity over liquid water of the air outside, from that at the sensor, both as parts of 1.

    RHL_s = RHL_d (T_s/T_d)^3.5 e_w(T_d)/e_w(T_s); T_s of the air, T_d of the sensor, which is warmer: [K].
    """
    outside, inside = np.asarray(static_temperature, np.float64), np.asarray(sensor_temperature, np.float64)
    cooled = saturation_pressure_liquid_pa(inside) / saturation_pressure_liquid_pa(outside)
    return np.asarray(np.multiply(humidity_at_sensor, (outside / inside) ** _CP_EXPONENT * cooled))


def humidity_over_ice(humidity_over_liquid: ArrayLike, temperature_k: ArrayLike) -> FloatArray:
    """Relative humidity over ice from that over liquid water, both as parts of 1: RHL e_w/e_i. Above 0 C as well."""
    ratio = saturation_pressure_liquid_pa(temperature_k) / saturation_pressure_ice_pa(temperature_k)
    return np.asarray(np.multiply(humidity_over_liquid, ratio))


def water_mole_fraction(
    humidity_over_liquid: ArrayLike, temperature_k: ArrayLike, pressure_pa: ArrayLike
) -> FloatArray:
    """Mole fraction of water vapour, part of 1: RHL e_w(T) / p."""
    saturation_pa = saturation_pressure_liquid_pa(temperature_k)
    return np.asarray(np.multiply(humidity_over_liquid, saturation_pa) / np.asarray(pressure_pa, np.float64))


def stratospheric_humidity(temperature_k: ArrayLike, pressure_pa: ArrayLike) -> FloatArray:
    """Relative humidity over liquid water of air with 5 ppm of water, as a part of 1: 5e-6 p / e_w(T)."""
    return np.asarray(
        STRATOSPHERIC_WATER
        * np.asarray(pressure_pa, np.float64)
        / saturation_pressure_liquid_pa(temperature_k)
    )


def in_stratosphere(theta_k: FloatArray, ozone_ppb: FloatArray) -> NDArray[np.bool_]:
    """Which points are surely above the tropopause, (n,): theta above 380 K, or above 340 K with 300 ppb of ozone."""
    with np.errstate(invalid="ignore"):
        return (theta_k > SURELY_STRATOSPHERE_THETA_K) | (
            (theta_k > STRATOSPHERE_THETA_K) & (ozone_ppb > STRATOSPHERE_OZONE_PPB)
        )


def uncertainty(
    value: FloatArray, absolute: float, relative: float, combine: Literal["sum", "quadrature"] = "sum"
) -> FloatArray:
    """Uncertainty of values, in their unit: absolute + relative |value|, or the root of the sum of both squares."""
    proportional = relative * np.abs(value)
    return absolute + proportional if combine == "sum" else np.hypot(absolute, proportional)


def mass_concentration_ug_m3(
    mole_fraction_ppb: ArrayLike, molar_mass_g: float, temperature_k: ArrayLike, pressure_pa: ArrayLike
) -> FloatArray:
    """Mass of a gas in a volume of air, in microgram m-3: x M p / (R T)."""
    moles_of_air = np.asarray(pressure_pa, np.float64) / (
        _GAS_CONSTANT * np.asarray(temperature_k, np.float64)
    )
    return np.asarray(np.asarray(mole_fraction_ppb, np.float64) * 1e-9 * molar_mass_g * 1e6 * moles_of_air)
