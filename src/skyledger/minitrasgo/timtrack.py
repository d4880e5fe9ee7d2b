"""TimTrack: position, direction, time and slowness fitted at once, by iteration; and its mean with the detached fit.

Source: 4.6 of the reference, without its mistakes (weakness 6): chi2 sums squares, residuals are data - fit, both fits
give the time at z = 0 on the scale of t_rel, and `converged` means converged.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.detached import Detached
from skyledger.minitrasgo.detector import (
    LIGHT_MM_PER_NS,
    SIGNAL_MM_PER_NS,
    STRIP_TRANSIT_NS,
    BoolArray,
    FloatArray,
)
from skyledger.minitrasgo.planes import Planes

BLOCK = 10_000  # events solved at a time: derivatives take half a kilobyte each
PARAMETERS = 6  # x0, x_slope, y0, y_slope, t0 before the transit along the strip, slowness


@dataclass(frozen=True, slots=True)
class TimTrack:
    """NaN for fewer than two planes. Units and signs as in `track.Tracks`."""

    x0: FloatArray  # (n,) mm at z = 0
    y0: FloatArray  # (n,) mm
    x_slope: FloatArray  # (n,)
    y_slope: FloatArray  # (n,)
    theta_rad: FloatArray  # (n,)
    phi_rad: FloatArray  # (n,)
    slowness: FloatArray  # (n,) ns/mm
    t0: FloatArray  # (n,) ns at z = 0, with the transit from the middle to the end of a strip (0.750519 ns)
    chi2: FloatArray  # (n,)
    iterations: NDArray[np.int8]  # (n,) 0 without a track
    distance: FloatArray  # (n,) of the last step, in standard deviations
    converged: BoolArray  # (n,)
    residual_t_dif: FloatArray  # (n, 4) ns
    residual_y: FloatArray  # (n, 4) mm
    residual_t_sum: FloatArray  # (n, 4) ns


class Pair(NamedTuple):
    """A quantity out of two fits."""

    value: FloatArray  # mean
    error: FloatArray  # half of detached - TimTrack


@dataclass(frozen=True, slots=True)
class Combined:
    """Detached fit and TimTrack together."""

    x0: Pair
    y0: Pair
    theta_rad: Pair
    phi_rad: Pair
    slowness: Pair
    t0: Pair
    residual_t_dif: Pair
    residual_y: Pair
    residual_t_sum: Pair


def fit_timtrack(planes: Planes, z_mm: FloatArray, settings: reduction.Track) -> TimTrack:
    """Gauss-Newton from a vertical track of light until a step is below `timtrack_cocut` standard deviations."""
    n = len(planes)
    rows = np.flatnonzero(planes.present.sum(axis=1) >= 2)
    parameters = np.full((n, PARAMETERS), np.nan)
    parameters[rows] = [0, 0, 0, 0, 0, 1 / LIGHT_MM_PER_NS]
    distance, iterations = np.full(n, np.nan), np.zeros(n, dtype=np.int8)
    data = np.stack([planes.y, planes.t_rel, planes.t_dif], axis=2)  # (n, 4, 3)
    sigma = np.array([settings.sigma_y_mm, settings.sigma_t_sum_ns, settings.sigma_t_dif_ns])
    for block in np.array_split(rows, len(rows) // BLOCK + 1):
        for _ in range(settings.timtrack_iterations):
            if not len(block):
                break
            used = planes.present[block][:, :, None]
            residual = np.where(used, data[block] - _model(parameters[block], z_mm), 0) / sigma
            slopes = np.where(used[..., None], _slopes(parameters[block], z_mm), 0) / sigma[:, None]
            matrix = slopes.reshape(len(block), -1, PARAMETERS)
            inverse = np.linalg.inv(matrix.transpose(0, 2, 1) @ matrix)
            step = np.einsum(
                "nij,nkj,nk->ni", inverse, matrix, residual.reshape(len(block), -1), optimize=True
            )
            parameters[block] += step
            distance[block] = np.sqrt((step**2 / np.einsum("nii->ni", inverse)).sum(axis=1))
            iterations[block] += 1
            block = block[~(distance[block] <= settings.timtrack_cocut)]
    residual = data - _model(parameters, z_mm)
    x0, x_slope, y0, y_slope, t0, slowness = parameters.T
    return TimTrack(
        x0=x0,
        y0=y0,
        x_slope=x_slope,
        y_slope=y_slope,
        theta_rad=np.arctan(np.hypot(x_slope, y_slope)),
        phi_rad=np.arctan2(y_slope, x_slope),
        slowness=slowness,
        t0=t0 + STRIP_TRANSIT_NS,
        chi2=np.nansum((residual / sigma) ** 2, axis=(1, 2)) + 0 * x0,
        iterations=iterations,
        distance=distance,
        converged=distance <= settings.timtrack_cocut,
        residual_t_dif=residual[..., 2],
        residual_y=residual[..., 0],
        residual_t_sum=residual[..., 1],
    )


def combine(detached: Detached, timtrack: TimTrack) -> Combined:
    """Mean and half difference of two fits; azimuths the short way round."""
    pairs = {}
    for name in (field.name for field in fields(Combined)):
        one, other = getattr(detached, name), getattr(timtrack, name)
        if name == "phi_rad":
            half = _wrap(one - other) / 2
            pairs[name] = Pair(_wrap(other + half), half)
        else:
            pairs[name] = Pair((one + other) / 2, (one - other) / 2)
    return Combined(**pairs)


def _columns(parameters: FloatArray) -> tuple[FloatArray, ...]:
    """The parameters as (n, 1), and the stretch of a way of 1 mm downwards."""
    x0, x_slope, y0, y_slope, t0, slowness = (column[:, None] for column in parameters.T)
    return x0, x_slope, y0, y_slope, t0, slowness, np.sqrt(1 + x_slope**2 + y_slope**2)


def _model(parameters: FloatArray, z_mm: FloatArray) -> FloatArray:
    """Expected (y, t_sum, t_dif) of the planes, (n, 4, 3)."""
    x0, x_slope, y0, y_slope, t0, slowness, kappa = _columns(parameters)
    return np.stack(
        [
            y0 + y_slope * z_mm,
            t0 + STRIP_TRANSIT_NS + kappa * slowness * z_mm,
            (x0 + x_slope * z_mm) / SIGNAL_MM_PER_NS,
        ],
        axis=2,
    )


def _slopes(parameters: FloatArray, z_mm: FloatArray) -> FloatArray:
    """Derivatives of the model by the parameters, (n, 4, 3, 6)."""
    _, x_slope, _, y_slope, _, slowness, kappa = _columns(parameters)
    slopes = np.zeros((len(parameters), len(z_mm), 3, PARAMETERS))
    slopes[:, :, 0, 2] = 1
    slopes[:, :, 0, 3] = z_mm
    slopes[:, :, 1, 1] = slowness * x_slope * z_mm / kappa
    slopes[:, :, 1, 3] = slowness * y_slope * z_mm / kappa
    slopes[:, :, 1, 4] = 1
    slopes[:, :, 1, 5] = kappa * z_mm
    slopes[:, :, 2, 0] = 1 / SIGNAL_MM_PER_NS
    slopes[:, :, 2, 1] = z_mm / SIGNAL_MM_PER_NS
    return slopes


def _wrap(angle_rad: FloatArray) -> FloatArray:
    """To (-pi, pi]."""
    return -(np.mod(-angle_rad + np.pi, 2 * np.pi) - np.pi)
