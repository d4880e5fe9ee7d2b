"""Raw rows come at uneven times; a flight has one grid of time.

Values of the instrument are those measured nearest to a point of the grid, within half a step: they are never
interpolated. What the aircraft tells changes smoothly and is linear in time, but not over a gap.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.iagos.flight import FloatArray


class Grid(NamedTuple):
    """Points of time, and how rows of a raw file come to lie on them."""

    time_s: FloatArray  # (n,) multiples of step_s, every one from first to last
    step_s: float
    rows_s: FloatArray  # (m,) times of the raw rows, strictly ascending
    nearest: NDArray[np.intp]  # (n,) row nearest to each point
    near: NDArray[np.bool_]  # (n,) whether it is within half a step

    @classmethod
    def over(cls, rows_s: FloatArray, step_s: float) -> "Grid":
        """The grid from the first row to the last; times in Unix seconds, strictly ascending, at least one."""
        first, last = np.floor(rows_s[[0, -1]] / step_s + 0.5).astype(np.int64)
        time_s = np.arange(first, last + 1) * float(step_s)
        right = np.searchsorted(rows_s, time_s).clip(1, max(len(rows_s) - 1, 1))
        left = right - 1
        right = np.minimum(right, len(rows_s) - 1)
        nearest = np.where(rows_s[right] - time_s < time_s - rows_s[left], right, left)
        off_s = rows_s[nearest] - time_s
        # half open, so that a row half-way between two points counts once
        return cls(time_s, step_s, rows_s, nearest, (off_s >= -step_s / 2) & (off_s < step_s / 2))

    def measured(self, values: FloatArray) -> FloatArray:
        """Values (m,) of rows as measured nearest to each point; NaN where no row is near."""
        return np.where(self.near, values[self.nearest], np.nan)

    def linear(self, values: FloatArray, longest_gap: int) -> FloatArray:
        """Values (m,) of rows, linear in time; NaN between rows more than `longest_gap` steps apart."""
        known = ~np.isnan(values)
        rows_s = self.rows_s[known]
        if not len(rows_s):
            return np.full(len(self.time_s), np.nan)
        right = np.searchsorted(rows_s, self.time_s)
        ends_s = np.concatenate([[-np.inf], rows_s, [np.inf]])
        before_s, after_s = ends_s[right], ends_s[right + 1]
        close = after_s - before_s <= (longest_gap + 0.5) * self.step_s  # rows are not exactly on the grid
        # a point beside a row, also before the first and after the last one: rounding to the grid is no gap
        close |= np.minimum(self.time_s - before_s, after_s - self.time_s) <= self.step_s / 2
        return np.where(close, np.interp(self.time_s, rows_s, values[known]), np.nan)

    def position(
        self, latitude_deg: FloatArray, longitude_deg: FloatArray, longest_gap: int
    ) -> tuple[FloatArray, FloatArray]:
        """Latitude and longitude (-180 to 180) at each point, by way of unit vectors: right over date line and pole."""
        latitude, longitude = np.deg2rad(latitude_deg), np.deg2rad(longitude_deg)
        x = self.linear(np.cos(latitude) * np.cos(longitude), longest_gap)
        y = self.linear(np.cos(latitude) * np.sin(longitude), longest_gap)
        z = self.linear(np.where(np.isnan(longitude), np.nan, np.sin(latitude)), longest_gap)
        return np.rad2deg(np.arctan2(z, np.hypot(x, y))), np.rad2deg(np.arctan2(y, x))
