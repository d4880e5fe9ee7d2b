"""The air above a station as muons feel it: pressure, effective temperature, and what they do to the flux.

    flux = flux0 exp(beta (p - p0) + alpha (T - T0))

Everything is a function of (seed, station, time); see `noise.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sandbox.noise import FloatArray, key, smooth

DAY_S = 86_400.0
YEAR_S = 365.2425 * DAY_S
ALTITUDE_M = {"MINGO01": 657.0, "MINGO02": 113.0, "MINGO03": 2135.0, "MINGO04": 540.0}
REFERENCE_K = 220.0


@dataclass(frozen=True, slots=True)
class Atmosphere:
    """The air above one station in the world with one seed."""

    seed: int
    station: str
    beta_per_hpa: float = -0.0018  # barometric coefficient
    alpha_per_k: float = -0.0021  # temperature coefficient: a warm atmosphere is tall, more muons decay

    @property
    def reference_hpa(self) -> float:
        """p0: the standard atmosphere at the station's altitude."""
        return float(1013.25 * np.exp(-ALTITUDE_M.get(self.station, 0.0) / 8434))

    @property
    def reference_k(self) -> float:
        """T0."""
        return REFERENCE_K

    def pressure_hpa(self, time_s: ArrayLike) -> FloatArray:
        """Pressure at the ground: weather of some days and the tides of the air. time_s : (n,) Unix seconds."""
        t = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        tide = 0.8 * np.cos(4 * np.pi * (t / DAY_S - 10 / 24))
        weather = 6 * self._curve("pressure", t, 2.5 * DAY_S) + self._curve("fronts", t, 0.4 * DAY_S)
        return np.asarray(self.reference_hpa + weather + tide)

    def temperature_k(self, time_s: ArrayLike) -> FloatArray:
        """Effective temperature of the atmosphere: the season, and weather of a week. time_s : (n,) Unix seconds."""
        t = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        season = -7 * np.cos(2 * np.pi * ((t % YEAR_S) / YEAR_S - 0.055))
        return np.asarray(REFERENCE_K + season + 2 * self._curve("temperature", t, 6 * DAY_S))

    def modulation(self, time_s: ArrayLike) -> FloatArray:
        """Flux relative to that at p0 and T0. time_s : (n,) Unix seconds."""
        pressure = self.beta_per_hpa * (self.pressure_hpa(time_s) - self.reference_hpa)
        return np.asarray(np.exp(pressure + self.alpha_per_k * (self.temperature_k(time_s) - REFERENCE_K)))

    def _curve(self, name: str, t: FloatArray, spacing_s: float) -> FloatArray:
        return smooth(key(self.seed, self.station, "air", name), t, spacing_s)
