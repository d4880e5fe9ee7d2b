"""Showers: when it rains and how much, and what a tipping bucket makes of it."""

from dataclasses import dataclass

import numpy as np

from sandbox.noise import FloatArray, IntArray, key, uniform

TIP_MM = 0.254  # Texas Electronics TE525
WET_DAYS = 0.3  # share of days that have showers
_DAY_S = 86_400
_ONSET_S, _LEAD_S, _DRYING_S = (
    2400.0,
    300.0,
    4 * 3600.0,
)  # air grows humid, is so when rain begins, dries after it


@dataclass(frozen=True, slots=True)
class Shower:
    """One shower; its rate rises and falls like the square of a sine."""

    start_s: float
    length_s: float
    peak_mm_s: float
    left_in_bucket: float  # share of a tip that lies in the bucket when the shower begins
    gust_towards: float  # direction into which cold air flows out.  [rad]

    def depth_mm(self, time_s: FloatArray) -> FloatArray:
        """Rain fallen until each moment."""
        x = np.clip((time_s - self.start_s) / self.length_s, 0, 1)
        return np.asarray(self.peak_mm_s * self.length_s * (x / 2 - np.sin(2 * np.pi * x) / (4 * np.pi)))

    def tips(self, time_s: FloatArray) -> IntArray:
        """Tips of the bucket until each moment."""
        return np.floor(self.left_in_bucket + self.depth_mm(time_s) / TIP_MM).astype(np.int64)

    def wetness(self, time_s: FloatArray) -> FloatArray:
        """How much the air is that of the shower: 0 far from it, 1 from before the first drop to the last."""
        before = _step((time_s - (self.start_s - _LEAD_S - _ONSET_S)) / _ONSET_S)
        after = _step((time_s - (self.start_s + self.length_s)) / _DRYING_S)
        return np.asarray(before * (1 - after))

    def outflow(self, time_s: FloatArray) -> FloatArray:
        """Strength of the gust front, 0 to 1."""
        return np.asarray(np.exp(-(((time_s - self.start_s) / 420) ** 2)))


def showers(series: tuple[object, ...], first_s: float, last_s: float) -> list[Shower]:
    """Showers that can be felt between two moments. series: names of the place, for its keys."""
    days = np.arange(int(first_s // _DAY_S) - 1, int(last_s // _DAY_S) + 2)
    wet = days[uniform(key(*series, "wet day"), days) < WET_DAYS]
    found = []
    for day in wet.tolist():
        draws = uniform(key(*series, "showers", day), np.arange(16)).tolist()
        for n in range(1 + int(3 * draws[0])):
            start, length, peak, left, towards = draws[1 + 5 * n : 6 + 5 * n]
            found.append(
                Shower(
                    (day + start) * _DAY_S,
                    900 + 2400 * length,
                    (4 + 22 * peak) / 3600,
                    left,
                    2 * np.pi * towards,
                )
            )
    reach_s = _ONSET_S + _LEAD_S
    return [s for s in found if s.start_s - reach_s < last_s and s.start_s + s.length_s + _DRYING_S > first_s]


def _step(x: FloatArray) -> FloatArray:
    """From 0 at 0 to 1 at 1, without a kink."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
