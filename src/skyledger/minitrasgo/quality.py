"""C17: marks on tracks that look badly measured. Nothing is removed: rates are made with and without them."""

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo import reduction
from skyledger.minitrasgo.planes import Planes
from skyledger.minitrasgo.track import Tracks


class Flag(IntFlag):
    """Bits of the mask; 0 is a good track. Limits are in `quality` of the configuration."""

    NO_TRACK = 1  # fewer than two planes with a hit; no other bit is set
    NOT_CROSSING = 2  # the line crosses the area of fewer than two planes
    POSITION = 4  # |x0| or |y0| above position_max_mm
    SLOPE = 8  # |x_slope| or |y_slope| above slope_max
    THETA = 16  # above theta_max_deg
    SLOWNESS = 32  # outside slowness_window_ns_mm
    RESIDUAL_Y = 64  # |data - fit| of a plane above residual_y_max_mm
    RESIDUAL_T_SUM = 128  # likewise residual_t_sum_max_ns
    RESIDUAL_T_DIF = 256  # likewise residual_t_dif_max_ns
    SLOWNESS_DISAGREEMENT = 512  # of detached fit and TimTrack, where both are made
    NOT_CONVERGED = 1024  # TimTrack, where it is made


def quality(planes: Planes, tracks: Tracks, settings: reduction.Quality) -> NDArray[np.uint16]:
    """(n,) mask of `Flag` bits, from the least-squares fit."""
    s = settings
    tracked = ~np.isnan(tracks.x0)
    low, high = s.slowness_window_ns_mm
    failed = {
        Flag.NOT_CROSSING: tracks.crossed < 10,
        Flag.POSITION: np.maximum(np.abs(tracks.x0), np.abs(tracks.y0)) > s.position_max_mm,
        Flag.SLOPE: np.maximum(np.abs(tracks.x_slope), np.abs(tracks.y_slope)) > s.slope_max,
        Flag.THETA: np.degrees(tracks.theta_rad) > s.theta_max_deg,
        Flag.SLOWNESS: ~((tracks.slowness >= low) & (tracks.slowness <= high)),
        Flag.RESIDUAL_Y: (np.abs(tracks.residual_y) > s.residual_y_max_mm).any(axis=1),
        Flag.RESIDUAL_T_SUM: (np.abs(tracks.residual_t_sum) > s.residual_t_sum_max_ns).any(axis=1),
        Flag.RESIDUAL_T_DIF: (np.abs(tracks.residual_t_dif) > s.residual_t_dif_max_ns).any(axis=1),
    }
    if tracks.combined is not None:
        failed[Flag.SLOWNESS_DISAGREEMENT] = ~(
            np.abs(tracks.combined.slowness.error) <= s.slowness_disagreement_ns_mm
        )
    if tracks.timtrack is not None:
        failed[Flag.NOT_CONVERGED] = ~tracks.timtrack.converged
    mask = np.zeros(len(tracks), dtype=np.uint16)
    for flag, events in failed.items():
        mask |= events * np.uint16(flag)
    return np.where(tracked, mask, np.uint16(Flag.NO_TRACK))
