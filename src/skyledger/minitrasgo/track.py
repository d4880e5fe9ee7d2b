"""C16: straight tracks through the planes of an event, all events at once. Source: 4.1.9 and 4.6 of the reference.

The least-squares line is the one that rates, efficiencies and quality use. Two other fits can be switched on beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detached import Detached, fit_detached
from skyledger.minitrasgo.detector import (
    HALF_WIDTH_MM,
    PLANES,
    SIGNAL_MM_PER_NS,
    STRIP_LENGTH_MM,
    FloatArray,
    topology,
)
from skyledger.minitrasgo.planes import Planes
from skyledger.minitrasgo.timtrack import Combined, TimTrack, combine, fit_timtrack


class Lines(NamedTuple):
    """Least-squares lines as weights of the four planes: value = sum over planes of weight * measured."""

    slope: FloatArray  # (16, 4) by bits of the planes; NaN for fewer than two planes, 0 for absent ones
    at_zero: FloatArray  # (16, 4) value at z = 0


def lines(z_mm: Sequence[float]) -> Lines:
    """Weights for every set of planes."""
    z = np.asarray(z_mm, dtype=float)
    slope, at_zero = np.full((2, 1 << PLANES, PLANES), np.nan)
    for bits in range(1 << PLANES):
        used = (bits >> np.arange(PLANES) & 1).astype(float)
        if used.sum() >= 2:
            mean = (used @ z) / used.sum()
            slope[bits] = used * (z - mean) / (used @ (z - mean) ** 2)
            at_zero[bits] = used / used.sum() - mean * slope[bits]
    return Lines(slope, at_zero)


@dataclass(frozen=True, slots=True)
class Tracks:
    """Tracks of n events; NaN for fewer than two planes. Positions at plane 1 (z = 0); residuals are data - fit."""

    x0: FloatArray  # (n,) mm
    y0: FloatArray  # (n,) mm
    x_slope: FloatArray  # (n,)
    y_slope: FloatArray  # (n,)
    theta_rad: FloatArray  # (n,) from the vertical
    phi_rad: FloatArray  # (n,) from the x axis towards the y axis, in (-pi, pi]
    slowness: FloatArray  # (n,) ns/mm along the track; 1/c = 0.00333564
    t0: FloatArray  # (n,) ns at z = 0, on the scale of t_rel
    chi2: FloatArray  # (n,)
    ndf: NDArray[np.int8]  # (n,) 3 per plane - 6; -1 without a track
    crossed: NDArray[np.int16]  # (n,) topology of the planes whose area the line crosses (tracking_tt)
    residual_t_dif: FloatArray  # (n, 4) ns
    residual_y: FloatArray  # (n, 4) mm
    residual_t_sum: FloatArray  # (n, 4) ns
    detached: Detached | None
    timtrack: TimTrack | None
    combined: Combined | None  # of these two, when both are switched on

    def __len__(self) -> int:
        return len(self.x0)


def fit(planes: Planes, z_mm: Sequence[float], settings: reduction.Track) -> Tracks:
    """Fit x, y and time against z by least squares. `z_mm`: heights of the planes relative to plane 1."""
    z = np.asarray(z_mm, dtype=float)
    weights = lines(z_mm)
    bits = planes.present @ (1 << np.arange(PLANES))
    slope_weight, zero_weight = weights.slope[bits], weights.at_zero[bits]

    def line(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        filled = np.where(planes.present, values, 0)
        at_zero = np.einsum("ij,ij->i", zero_weight, filled)
        slope = np.einsum("ij,ij->i", slope_weight, filled) + 0.0  # no -0, for which phi would be -pi
        return at_zero, slope, values - at_zero[:, None] - slope[:, None] * z

    x0, x_slope, residual_x = line(planes.x)
    y0, y_slope, residual_y = line(planes.y)
    t0, t_slope, residual_t_sum = line(planes.t_rel)
    residual_t_dif = residual_x / SIGNAL_MM_PER_NS
    tracked = ~np.isnan(x0)
    chi2 = np.where(
        tracked,
        np.nansum((residual_t_dif / settings.sigma_t_dif_ns) ** 2, axis=1)
        + np.nansum((residual_y / settings.sigma_y_mm) ** 2, axis=1)
        + np.nansum((residual_t_sum / settings.sigma_t_sum_ns) ** 2, axis=1),
        np.nan,
    )
    inside = (np.abs(x0[:, None] + x_slope[:, None] * z) <= STRIP_LENGTH_MM / 2) & (
        np.abs(y0[:, None] + y_slope[:, None] * z) <= HALF_WIDTH_MM
    )
    apart = fit_detached(planes, z, t0, t_slope, settings) if settings.detached else None
    six = fit_timtrack(planes, z, settings) if settings.timtrack else None
    return Tracks(
        x0=x0,
        y0=y0,
        x_slope=x_slope,
        y_slope=y_slope,
        theta_rad=np.arctan(np.hypot(x_slope, y_slope)),
        phi_rad=np.arctan2(y_slope, x_slope),
        slowness=t_slope / np.sqrt(1 + x_slope**2 + y_slope**2),
        t0=t0,
        chi2=chi2,
        ndf=np.where(tracked, 3 * planes.present.sum(axis=1) - 6, -1).astype(np.int8),
        crossed=topology(inside),
        residual_t_dif=residual_t_dif,
        residual_y=residual_y,
        residual_t_sum=residual_t_sum,
        detached=apart,
        timtrack=six,
        combined=combine(apart, six) if apart and six else None,
    )
