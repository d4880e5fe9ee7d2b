"""Where an aircraft is at each moment: along the great circle, up, along in steps, and down."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.iagos.air import isa_pressure_pa
from sandbox.noise import FloatArray, IntArray

EARTH_M = 6_371_008.8
FIELD_M = 100.0  # height of airports
TAKE_OFF_M_S = 80.0
POWER_S, ENGINE_S, TAXI_S = 2_100.0, 1_300.0, 800.0  # before take-off
TAKE_OFF_S, ROLL_OUT_S, TAXI_IN_S, ENGINE_STOP_S = 60.0, 60.0, 360.0, 120.0
CLIMB_S, DESCENT_S = 1_560.0, 1_740.0
STEP_S = 360.0  # from one cruising level to the next


@dataclass(frozen=True, slots=True)
class Course:
    """One flight through space and time. draws: random numbers in (0, 1): speed and levels."""

    departure_s: float  # Unix seconds of take-off
    origin: tuple[float, float]  # latitude, longitude [degree]
    destination: tuple[float, float]
    draws: Sequence[float]

    @property
    def speed_m_s(self) -> float:
        """Over ground, at cruise."""
        return 238 + 14 * self.draws[0]

    @property
    def duration_s(self) -> float:
        """From take-off to touch-down."""
        ramps_m = (TAKE_OFF_M_S + self.speed_m_s) / 2 * (CLIMB_S + DESCENT_S)
        return (self._angle() * EARTH_M - ramps_m) / self.speed_m_s + CLIMB_S + DESCENT_S

    @property
    def power_s(self) -> tuple[float, float]:
        """When the instrument was switched on and off, Unix seconds."""
        end_s = self.departure_s + self.duration_s + ROLL_OUT_S + TAXI_IN_S + ENGINE_STOP_S
        return self.departure_s - POWER_S, end_s

    def position(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Latitude and longitude [degree] at (n,) Unix seconds; longitude in [-180, 180)."""
        first, last = _vector(self.origin), _vector(self.destination)
        angle = self._angle()
        done = np.clip(self._way_m(time_s) / EARTH_M / angle, 0, 1)[:, None]
        place = (np.sin((1 - done) * angle) * first + np.sin(done * angle) * last) / np.sin(angle)
        latitude = np.rad2deg(np.arcsin(np.clip(place[:, 2], -1, 1)))
        longitude = np.rad2deg(np.arctan2(place[:, 1], place[:, 0]))
        return latitude, (longitude + 180) % 360 - 180

    def altitude_m(self, time_s: FloatArray) -> FloatArray:
        """Barometric altitude: that of the standard atmosphere at the pressure outside."""
        t = np.clip(time_s - self.departure_s, 0, self.duration_s)
        left = self.duration_s - t
        levels = 9_750 + 610 * np.array([self.draws[1], 1 + self.draws[1], 2 + self.draws[1]])
        steps = CLIMB_S + (self.duration_s - CLIMB_S - DESCENT_S) * np.array(
            [0.25 + 0.15 * self.draws[2], 0.6 + 0.2 * self.draws[3]]
        )
        cruise = levels[0] + sum(
            (high - low) * eased((t - at) / STEP_S)
            for low, high, at in zip(levels[:-1], levels[1:], steps, strict=True)
        )
        up = 1 - (1 - np.clip(t / CLIMB_S, 0, 1)) ** 1.8
        down = np.clip(left / DESCENT_S, 0, 1) ** 1.1
        return FIELD_M + (cruise - FIELD_M) * np.minimum(up, down)

    def pressure_pa(self, time_s: FloatArray) -> FloatArray:
        """Air pressure outside."""
        return isa_pressure_pa(self.altitude_m(time_s))

    def mach(self, time_s: FloatArray) -> FloatArray:
        """Speed through the air by that of sound; 0 on the ground."""
        t = time_s - self.departure_s
        flying = (t >= 0) & (t <= self.duration_s)
        height = np.clip((self.altitude_m(time_s) - FIELD_M) / 9_600, 0, 1)
        return np.where(flying, 0.24 + 0.58 * height**0.75, 0.0)

    def phase(self, time_s: FloatArray) -> IntArray:
        """Code of the phase of flight: 1 power on to 10 engine stop."""
        landing = self.duration_s
        begins = [
            -POWER_S,
            -ENGINE_S,
            -TAXI_S,
            0.0,
            TAKE_OFF_S,
            CLIMB_S,
            landing - DESCENT_S,
            landing,
            landing + ROLL_OUT_S,
            landing + ROLL_OUT_S + TAXI_IN_S,
        ]
        return np.searchsorted(begins, time_s - self.departure_s, side="right").astype(np.int64)

    def _way_m(self, time_s: FloatArray) -> FloatArray:
        """Way over ground since take-off: speed rises evenly while climbing and falls while descending."""
        t = np.clip(time_s - self.departure_s, 0, self.duration_s)
        gain = self.speed_m_s - TAKE_OFF_M_S
        way = self.speed_m_s * t - gain * (
            t - np.minimum(t, CLIMB_S) ** 2 / (2 * CLIMB_S) - np.maximum(t - CLIMB_S, 0)
        )
        late = np.maximum(t - (self.duration_s - DESCENT_S), 0)
        return way - gain * late**2 / (2 * DESCENT_S)

    def _angle(self) -> float:
        return float(np.arccos(np.clip(_vector(self.origin) @ _vector(self.destination), -1, 1)))


def _vector(place: tuple[float, float]) -> FloatArray:
    latitude, longitude = np.deg2rad(place)
    return np.array(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )


def eased(x: FloatArray) -> FloatArray:
    """From 0 to 1 while x does, gently at both ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
