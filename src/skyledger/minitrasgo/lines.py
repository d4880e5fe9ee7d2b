"""Least-squares lines of a quantity against the height of the planes, for any set of planes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skyledger.minitrasgo.detector import PLANE_BITS, PLANES, BoolArray, FloatArray


class Weights(NamedTuple):
    """What a line is out of the measured values: sum over the planes of weight * value.

    By bits of the planes used (plane 1 is bit 0); 0 for planes that are not, NaN for fewer than two.
    """

    slope: FloatArray  # (16, 4)
    at_zero: FloatArray  # (16, 4) value at z = 0
    mean_z: FloatArray  # (16,)
    spread_z: FloatArray  # (16,) sum of squares around the mean


def weights(z_mm: Sequence[float]) -> Weights:
    """Weights for planes at these heights."""
    z = np.asarray(z_mm, dtype=float)
    slope, at_zero = np.full((2, 1 << PLANES, PLANES), np.nan)
    mean_z, spread_z = np.full((2, 1 << PLANES), np.nan)
    for bits in range(1 << PLANES):
        used = (bits >> np.arange(PLANES) & 1).astype(float)
        if used.sum() >= 2:
            mean = mean_z[bits] = (used @ z) / used.sum()
            spread = spread_z[bits] = used @ (z - mean) ** 2
            slope[bits] = used * (z - mean) / spread
            at_zero[bits] = used / used.sum() - mean * slope[bits]
    return Weights(slope, at_zero, mean_z, spread_z)


class Line(NamedTuple):
    """A quantity of n events against z; NaN for fewer than two planes."""

    at_zero: FloatArray  # (n,)
    slope: FloatArray  # (n,)
    residual: FloatArray  # (n, 4) data - line, 0 where the plane is not present

    def at(self, z_mm: float | FloatArray) -> FloatArray:
        """Value at a height, (n,)."""
        return self.at_zero + self.slope * z_mm


class Fitter:
    """Fits lines to the same planes of n events."""

    def __init__(self, present: BoolArray, z_mm: Sequence[float]) -> None:
        self.present = present
        self.z_mm = np.asarray(z_mm, dtype=float)
        table, bits = weights(z_mm), present @ PLANE_BITS
        self._slope, self._at_zero = table.slope[bits], table.at_zero[bits]
        self.mean_z, self.spread_z = table.mean_z[bits], table.spread_z[bits]

    def line(self, values: FloatArray) -> Line:
        """Line through (n, 4) values."""
        filled = np.where(self.present, values, 0)
        at_zero = np.einsum("ij,ij->i", self._at_zero, filled)
        slope = np.einsum("ij,ij->i", self._slope, filled)
        residual = np.where(self.present, filled - at_zero[:, None] - slope[:, None] * self.z_mm, 0)
        return Line(at_zero, slope, residual)

    def or_nan(self, values: FloatArray) -> FloatArray:
        """(n, 4) values, NaN where the plane is not present."""
        return np.where(self.present, values, np.nan)


def squares(residual: FloatArray) -> FloatArray:
    """Sum over the planes of the squares of (n, 4) residuals, 0 for absent planes: squared before they are summed."""
    total: FloatArray = np.einsum("ij,ij->i", residual, residual)
    return total
