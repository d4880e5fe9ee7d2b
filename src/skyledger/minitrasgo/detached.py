"""The fit of position and time apart: direction of largest extent of the points, then times along it. Source: 4.6."""

from dataclasses import dataclass

import numpy as np

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detector import SIGNAL_MM_PER_NS, FloatArray
from skyledger.minitrasgo.planes import Planes


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


def fit_detached(
    planes: Planes, z_mm: FloatArray, t0: FloatArray, t_slope: FloatArray, settings: reduction.Track
) -> Detached:
    """Line through the centroid along the first singular vector of the points.

    Distance along the line is z / cos(theta), so the straight-line fit of times along it is that of times against z
    (`t0`, `t_slope` of the least-squares line, ns and ns/mm).
    """
    present = planes.present
    number = present.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        offsets = []  # of the points from their centroid: x, y, z
        centre = []
        for values in (planes.x, planes.y, np.broadcast_to(z_mm, present.shape)):
            filled = np.where(present, values, 0)
            mean = np.where(number >= 2, filled.sum(axis=1) / number, np.nan)
            centre.append(mean)
            offsets.append(np.where(present, values - mean[:, None], 0))
        dx, dy, dz = _first_axis(*offsets)
        along = sum(offset * d[:, None] for offset, d in zip(offsets, (dx, dy, dz), strict=True))
        residuals = [offset - along * d[:, None] for offset, d in zip(offsets, (dx, dy, dz), strict=True)]
        variance = (
            (SIGNAL_MM_PER_NS * settings.sigma_t_dif_ns) ** 2
            + settings.sigma_y_mm**2
            + settings.sigma_z_mm**2
        )
        t_residual = planes.t_rel - t0[:, None] - t_slope[:, None] * z_mm
        absent = np.where(present, 0, np.nan)
        return Detached(
            x0=centre[0] - centre[2] / dz * dx,
            y0=centre[1] - centre[2] / dz * dy,
            theta_rad=np.arctan2(np.hypot(dx, dy), dz),
            phi_rad=np.arctan2(dy, dx),
            slowness=t_slope * dz,
            t0=t0,
            chi2_position=sum((r**2).sum(axis=1) for r in residuals) / variance,
            chi2_time=np.nansum((t_residual / settings.sigma_t_sum_ns) ** 2, axis=1) + 0 * t0,
            residual_t_dif=residuals[0] / SIGNAL_MM_PER_NS + absent,
            residual_y=residuals[1] + absent,
            residual_t_sum=t_residual,
        )


def _first_axis(x: FloatArray, y: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vector (n,) x 3 of the largest extent of centred points (n, 4) x 3, downwards.

    Eigenvector of the largest eigenvalue of the symmetric 3 x 3 scatter matrix A, in closed form: the root of the
    characteristic polynomial by cosine, then the longest cross product of two rows of A - root.
    """
    xx, yy, zz, xy, xz, yz = (
        np.einsum("ij,ij->i", a, b) for a, b in ((x, x), (y, y), (z, z), (x, y), (x, z), (y, z))
    )
    mean = (xx + yy + zz) / 3
    a, b, c = xx - mean, yy - mean, zz - mean
    size = np.sqrt((a**2 + b**2 + c**2 + 2 * (xy**2 + xz**2 + yz**2)) / 6)
    half_det = (a * (b * c - yz**2) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)) / (2 * size**3)
    root = 2 * size * np.cos(np.arccos(np.clip(half_det, -1, 1)) / 3)
    a, b, c = a - root, b - root, c - root
    candidates = np.array(
        [
            (xy * yz - xz * b, xz * xy - a * yz, a * b - xy**2),  # rows 1 and 2
            (xy * c - xz * yz, xz**2 - a * c, a * yz - xy * xz),  # rows 1 and 3
            (b * c - yz**2, yz * xz - xy * c, xy * yz - b * xz),  # rows 2 and 3
        ]
    )
    longest = np.nan_to_num((candidates**2).sum(axis=1)).argmax(axis=0)
    vector = np.take_along_axis(candidates, longest[None, None, :], axis=0)[0]
    vector = vector / np.sqrt((vector**2).sum(axis=0)) * np.where(vector[2] < 0, -1, 1)
    return vector[0], vector[1], vector[2]
