"""C16: straight tracks through the planes of an event, all events at once. Source: 4.1.9 and 4.6 of the reference.

The least-squares line is the one that rates, efficiencies and quality use. Two other fits can be switched on beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detached import Detached, fit_detached
from skyledger.minitrasgo.detector import (
    HALF_WIDTH_MM,
    SIGNAL_MM_PER_NS,
    STRIP_LENGTH_MM,
    FloatArray,
    topology,
)
from skyledger.minitrasgo.lines import Fitter, squares
from skyledger.minitrasgo.planes import Planes
from skyledger.minitrasgo.timtrack import Combined, TimTrack, combine, fit_timtrack


@dataclass(frozen=True, slots=True)
class Tracks:
    """Tracks of n events; NaN for fewer than two planes. Positions at plane 1 (z = 0); residuals are data - fit."""

    x0: FloatArray  # (n,) mm
    y0: FloatArray  # (n,) mm
    x_slope: FloatArray  # (n,)
    y_slope: FloatArray  # (n,)
    theta_rad: FloatArray  # (n,) from the vertical
    phi_rad: FloatArray  # (n,) from the x axis towards the y axis, -pi to pi
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
    fitter = Fitter(planes.present, z_mm)
    x, y, t = fitter.line(planes.x), fitter.line(planes.y), fitter.line(planes.t_rel)
    chi2 = (
        squares(x.residual) / (SIGNAL_MM_PER_NS * settings.sigma_t_dif_ns) ** 2
        + squares(y.residual) / settings.sigma_y_mm**2
        + squares(t.residual) / settings.sigma_t_sum_ns**2
    )
    tracked = ~np.isnan(x.slope)
    inside = np.stack(
        [(np.abs(x.at(z)) <= STRIP_LENGTH_MM / 2) & (np.abs(y.at(z)) <= HALF_WIDTH_MM) for z in z_mm], axis=1
    )
    apart = fit_detached(fitter, x, y, t, settings) if settings.detached else None
    six = fit_timtrack(planes, fitter.z_mm, settings) if settings.timtrack else None
    return Tracks(
        x0=x.at_zero,
        y0=y.at_zero,
        x_slope=x.slope,
        y_slope=y.slope,
        theta_rad=np.arctan(np.hypot(x.slope, y.slope)),
        phi_rad=np.arctan2(y.slope, x.slope),
        slowness=t.slope / np.sqrt(1 + x.slope**2 + y.slope**2),
        t0=t.at_zero,
        chi2=np.where(tracked, chi2, np.nan),
        ndf=np.where(tracked, 3 * planes.present.sum(axis=1) - 6, -1).astype(np.int8),
        crossed=topology(inside),
        residual_t_dif=fitter.or_nan(x.residual / SIGNAL_MM_PER_NS),
        residual_y=fitter.or_nan(y.residual),
        residual_t_sum=fitter.or_nan(t.residual),
        detached=apart,
        timtrack=six,
        combined=combine(apart, six) if apart and six else None,
    )
