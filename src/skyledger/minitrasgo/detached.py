"""The fit of position and time apart: direction of largest extent of the points, then times along it. Source: 4.6."""

from dataclasses import dataclass

import numpy as np

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detector import SIGNAL_MM_PER_NS, FloatArray
from skyledger.minitrasgo.lines import Fitter, Line, squares


@dataclass(frozen=True, slots=True)
class Detached:
    """NaN for fewer than two planes. Units and signs as in `track.Tracks`."""

    x0: FloatArray  # (n,) mm at z = 0
    y0: FloatArray  # (n,) mm
    theta_rad: FloatArray  # (n,)
    phi_rad: FloatArray  # (n,)
    slowness: FloatArray  # (n,) ns/mm
    t0: FloatArray  # (n,) ns at z = 0
    chi2_position: FloatArray  # (n,)
    chi2_time: FloatArray  # (n,)
    residual_t_dif: FloatArray  # (n, 4) ns, of the shortest way from the line to the point
    residual_y: FloatArray  # (n, 4) mm, likewise
    residual_t_sum: FloatArray  # (n, 4) ns


def fit_detached(fitter: Fitter, x: Line, y: Line, t: Line, settings: reduction.Track) -> Detached:
    """Line through the centroid along the first singular vector of the points.

    It starts from the least-squares lines: they hold the centroid and the scatter of the points. Distance along the
    new line is z / cos(theta), so the straight-line fit of times along it is that of times against z.
    """
    mean_z, spread_z = fitter.mean_z, fitter.spread_z
    scatter = (
        squares(x.residual) + x.slope**2 * spread_z,
        squares(y.residual) + y.slope**2 * spread_z,
        spread_z,
        np.einsum("ij,ij->i", x.residual, y.residual) + x.slope * y.slope * spread_z,
        x.slope * spread_z,
        y.slope * spread_z,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        dx, dy, dz = _first_axis(*scatter)
        x0 = x.at(mean_z) - mean_z / dz * dx
        y0 = y.at(mean_z) - mean_z / dz * dy
    from_mean_z = np.where(fitter.present, fitter.z_mm - mean_z[:, None], 0)
    x_offset = x.residual + x.slope[:, None] * from_mean_z
    y_offset = y.residual + y.slope[:, None] * from_mean_z
    along = x_offset * dx[:, None] + y_offset * dy[:, None] + from_mean_z * dz[:, None]
    across = [
        offset - along * d[:, None] for offset, d in ((x_offset, dx), (y_offset, dy), (from_mean_z, dz))
    ]
    variance = (
        (SIGNAL_MM_PER_NS * settings.sigma_t_dif_ns) ** 2 + settings.sigma_y_mm**2 + settings.sigma_z_mm**2
    )
    return Detached(
        x0=x0,
        y0=y0,
        theta_rad=np.arctan2(np.hypot(dx, dy), dz),
        phi_rad=np.arctan2(dy, dx),
        slowness=t.slope * dz,
        t0=t.at_zero,
        chi2_position=(squares(across[0]) + squares(across[1]) + squares(across[2])) / variance,
        chi2_time=squares(t.residual) / settings.sigma_t_sum_ns**2 + 0 * t.slope,
        residual_t_dif=fitter.or_nan(across[0] / SIGNAL_MM_PER_NS),
        residual_y=fitter.or_nan(across[1]),
        residual_t_sum=fitter.or_nan(t.residual),
    )


def _first_axis(
    xx: FloatArray, yy: FloatArray, zz: FloatArray, xy: FloatArray, xz: FloatArray, yz: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vector, downwards, of the largest extent of points with this scatter matrix; all (n,).

    Eigenvector of the largest eigenvalue of a symmetric 3 x 3 matrix in closed form: the root of the characteristic
    polynomial by cosine, then the cross product of the first two rows of matrix - root. It vanishes for a horizontal
    axis, which crosses no plane: NaN.
    """
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    size = np.sqrt((a**2 + b**2 + c**2 + 2 * (xy**2 + xz**2 + yz**2)) / 6)
    half_det = (a * (b * c - yz**2) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)) / (2 * size**3)
    root = 2 * size * np.cos(np.arccos(np.clip(half_det, -1, 1)) / 3)
    a, b, c = a - root, b - root, c - root
    vector = np.array([xy * yz - xz * b, xz * xy - a * yz, a * b - xy**2])
    length = np.sqrt((vector**2).sum(axis=0))
    return vector[0] / length, vector[1] / length, vector[2] / length
