"""What the instruments of a station show: the truth, small errors without bias, and the logger's rounding."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.noise import FloatArray, key, normal
from sandbox.weather.air import Air
from skyledger.meteorology import wind_direction_deg
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    BATTERY,
    LOGGER_TEMPERATURE,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)

STARTING_SPEED_M_S = 0.02  # below it the anemometer sees no wind: speed 0, direction 0
WIND_ERROR_M_S = 0.01  # of each component

Values = dict[str, FloatArray]  # by variable, in the units of the files


@dataclass(frozen=True, slots=True)
class _Instrument:
    """truth: of the air; error: standard deviation (constant part, share of the value); as logged: decimals."""

    truth: Callable[[Air], FloatArray]
    error: tuple[float, float]
    places: int = 2


_INSTRUMENTS = {
    BATTERY: _Instrument(lambda air: air.battery_v, (0.004, 0)),
    LOGGER_TEMPERATURE: _Instrument(lambda air: air.panel_c, (0.004, 0)),
    AIR_TEMPERATURE: _Instrument(lambda air: air.temperature_c, (0.02, 0)),
    RELATIVE_HUMIDITY: _Instrument(lambda air: air.humidity_percent, (0.08, 0)),
    SHORTWAVE: _Instrument(lambda air: air.shortwave_w_m2, (0.1, 0.001)),
    PHOTONS: _Instrument(lambda air: air.photons_umol_m2_s, (0.2, 0.001)),
    RAIN: _Instrument(lambda air: air.rain_mm, (0, 0), 3),
}


def measure(seed: int, air: Air) -> Values:
    """What sound instruments show: degC, %, W m-2, umol m-2 s-1, degrees (whole), m s-1, mm, V."""

    def error(name: str) -> FloatArray:
        return normal(key(seed, "instrument", name), air.time_s)

    values = {}
    for name, instrument in _INSTRUMENTS.items():
        truth, (constant, share) = instrument.truth(air), instrument.error
        exact = truth + (constant + share * truth) * error(name) if constant else truth
        values[name] = as_logged(name, exact)
    east = air.eastward_m_s + WIND_ERROR_M_S * error("eastward")
    north = air.northward_m_s + WIND_ERROR_M_S * error("northward")
    speed = np.hypot(east, north)
    blows = speed >= STARTING_SPEED_M_S
    values[WIND_DIRECTION] = np.where(blows, as_logged(WIND_DIRECTION, wind_direction_deg(east, north)), 0.0)
    values[WIND_SPEED] = np.where(blows, as_logged(WIND_SPEED, speed), 0.0)
    return values


def as_logged(variable: str, value: FloatArray) -> FloatArray:
    """Rounded as the logger writes it; a direction of 360 is 0."""
    if variable == WIND_DIRECTION:
        rounded = np.round(value)
        return np.asarray(np.where(rounded == 360, 0.0, rounded))
    places = _INSTRUMENTS[variable].places if variable in _INSTRUMENTS else 2
    return np.round(value, places) + 0.0  # without the sign of -0.0
