"""Coincidence events with a known truth, made in memory: muons through four planes with offsets and pedestals.

For whole raw files, rates that follow the weather and dirty lines see the sandbox's muon world.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.calibrate import NEEDED, REFINING, Calibration, Origin
from skyledger.minitrasgo.detector import (
    CHANNELS,
    HALF_WIDTH_MM,
    LIGHT_MM_PER_NS,
    PLANES,
    SIGNAL_MM_PER_NS,
    STRIP_WIDTH_MM,
    STRIPS,
    BoolArray,
    FloatArray,
)
from skyledger.minitrasgo.rawfile import Events

Z_MM = (0.0, 145.0, 290.0, 435.0)
EFFICIENCY = (0.95, 0.94, 0.95, 0.93)
START_S = 1741564800  # 2025-03-10
ACTIVE_X_MM = 116.0
GENERATED_MM = 450.0  # half side of the square over plane 1 in which tracks begin

# The constants of the group's simulator, channel by channel [ns]
T_FRONT = np.array(
    [-130, -128, -126, -124, -129, -127, -125, -123, -128, -126, -124, -122, -127, -125, -123, -121.0]
)
T_BACK = np.array(
    [-131, -129, -127, -127, -128, -128, -127, -126, -129, -127, -126, -125, -126, -126, -125, -124.0]
)
Q_FRONT = np.array([85, 87, 89, 91, 86, 88, 90, 92, 87, 89, 91, 93, 88, 90, 92, 94.0])
Q_BACK = Q_FRONT + 1

T_PLANE_SIGMA_NS = 0.5
T_END_SIGMA_NS = 0.03
X_SIGMA_MM = 10.0
Q_END_SIGMA_NS = 0.4
Q_MEAN_NS = 30.0


class Truth(NamedTuple):
    """What was put in: sixteen constants as a calibration should find them, n tracks as a fit should."""

    pedestal_front: FloatArray
    pedestal_back: FloatArray
    t_dif_offset: FloatArray
    t_sum_offset: FloatArray  # to be added; 0 for P1s1
    efficiency: FloatArray  # (4,)
    x0_mm: FloatArray  # at plane 1
    y0_mm: FloatArray
    theta_rad: FloatArray
    phi_rad: FloatArray
    crossed: BoolArray  # (n, 4) the track goes through the active area
    fired: BoolArray  # (n, 4)


def made_events(
    n: int,
    seed: int,
    z_mm: Sequence[float] = Z_MM,
    *,
    efficiency: Sequence[float] = EFFICIENCY,
    triggers: Sequence[str] = ("12", "23", "34", "13"),
    rate_hz: float = 9.5,
    start_s: int = START_S,
    shared: float = 0.15,
    one_ended: float = 0.05,
    noise: float = 0.0,
    dead_channels: Sequence[int] = (),
) -> tuple[Events, Truth]:
    """n triggered events; the same for the same arguments.

    `shared` hits also give charge to the next strip, `one_ended` strips lack their back end, each plane has a `noise`
    hit at any time with that probability. Dead channels never answer at their front end.
    """
    rng = np.random.default_rng(seed)
    z, eps = np.asarray(z_mm, dtype=np.float64), np.asarray(efficiency, dtype=np.float64)
    tracks = _triggered_tracks(n, rng, z - z[0], eps, triggers)
    x0, y0, theta, phi, _, fired = tracks
    depth = z - z[0]
    x = x0[:, None] + depth * (np.tan(theta) * np.cos(phi))[:, None] + rng.normal(0, X_SIGMA_MM, (n, PLANES))
    y = y0[:, None] + depth * (np.tan(theta) * np.sin(phi))[:, None]
    t = rng.uniform(-5, 5, n)[:, None] + depth / np.cos(theta)[:, None] / LIGHT_MM_PER_NS
    t += rng.normal(0, T_PLANE_SIGMA_NS, (n, PLANES))

    charge = np.zeros((n, PLANES, STRIPS))
    strip = np.stack([_strip_at(y[:, plane], plane) for plane in range(PLANES)], axis=1)
    event, plane = np.nonzero(fired)
    total = rng.exponential(Q_MEAN_NS, len(event))
    share = np.where(rng.random(len(event)) < shared, rng.uniform(0.1, 0.4, len(event)), 0.0)
    neighbour = np.where(strip[event, plane] == STRIPS - 1, STRIPS - 2, strip[event, plane] + 1)
    charge[event, plane, neighbour] = total * share
    charge[event, plane, strip[event, plane]] = total * (1 - share)
    charge = charge.reshape(n, CHANNELS)

    def per_strip(values: FloatArray) -> FloatArray:
        return np.repeat(values, STRIPS, axis=1)

    hit, shape = charge > 0, (n, CHANNELS)
    t_front = per_strip(t - x / SIGNAL_MM_PER_NS) + T_FRONT + rng.normal(0, T_END_SIGMA_NS, shape)
    t_back = per_strip(t + x / SIGNAL_MM_PER_NS) + T_BACK + rng.normal(0, T_END_SIGMA_NS, shape)
    q_front = charge + rng.normal(0, Q_END_SIGMA_NS, shape)
    q_back = charge + rng.normal(0, Q_END_SIGMA_NS, shape)
    with_noise = ~hit & (rng.random(shape) < noise / STRIPS)
    t_front[with_noise] = rng.uniform(-160, -105, np.count_nonzero(with_noise))
    t_back[with_noise] = t_front[with_noise] + rng.normal(0, 5, np.count_nonzero(with_noise))
    q_front[with_noise] = q_back[with_noise] = rng.exponential(5, np.count_nonzero(with_noise))
    hit |= with_noise
    front, back = hit & (q_front > 0), hit & (q_back > 0)
    back &= rng.random(shape) >= one_ended
    front[:, list(dead_channels)] = False

    events = Events(
        line=np.arange(1, n + 1, dtype=np.int32),
        time_s=start_s + np.floor(np.cumsum(rng.exponential(1 / rate_hz, n))).astype(np.int64),
        t_front=_written(t_front, front),
        t_back=_written(t_back, back),
        q_front=_written(q_front + Q_FRONT, front),
        q_back=_written(q_back + Q_BACK, back),
    )
    t_sum = (T_FRONT + T_BACK) / 2
    constants = (Q_FRONT, Q_BACK, (T_BACK - T_FRONT) / 2, t_sum[0] - t_sum)
    return events, Truth(*constants, eps, *tracks)


def _triggered_tracks(
    n: int, rng: np.random.Generator, depth: FloatArray, eps: FloatArray, triggers: Sequence[str]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, BoolArray, BoolArray]:
    """Tracks through a horizontal plane, intensity as cos^2 theta, that fire the planes of a trigger."""
    kept, found = [], 0
    while found < n:
        x0, y0 = rng.uniform(-GENERATED_MM, GENERATED_MM, (2, 4 * n))
        theta, phi = np.arccos(rng.random(4 * n) ** 0.25), rng.uniform(-np.pi, np.pi, 4 * n)
        x = x0[:, None] + depth * (np.tan(theta) * np.cos(phi))[:, None]
        y = y0[:, None] + depth * (np.tan(theta) * np.sin(phi))[:, None]
        crossed = (np.abs(x) <= ACTIVE_X_MM) & (np.abs(y) <= HALF_WIDTH_MM)
        fired = crossed & (rng.random(crossed.shape) < eps)
        triggered = np.any(
            [fired[:, [int(p) - 1 for p in planes]].all(axis=1) for planes in triggers], axis=0
        )
        kept.append([values[triggered] for values in (x0, y0, theta, phi, crossed, fired)])
        found += np.count_nonzero(triggered)
    x0, y0, theta, phi, crossed, fired = (np.concatenate(parts)[:n] for parts in zip(*kept, strict=True))
    return x0, y0, theta, phi, crossed, fired


def _strip_at(y: FloatArray, plane: int) -> NDArray[np.int64]:
    """Index of the strip (from 0) under a position; the outer strips also take what lies beyond them."""
    limits = np.cumsum(STRIP_WIDTH_MM[plane])[:-1] - HALF_WIDTH_MM
    return np.searchsorted(limits, y, side="right")


def _written(values: FloatArray, present: BoolArray) -> NDArray[np.float32]:
    """As a raw file gives them: four decimals, NaN for absent."""
    return np.where(present, np.round(values, 4), np.nan).astype(np.float32)


Values = tuple[float | None, float | None, float | None, float | None]


def written_events(*events: Mapping[int, Values]) -> Events:
    """Events hit by hit: (T_F, T_B, Q_F, Q_B) by channel, None for 0.0000."""
    table = np.full((len(events), CHANNELS, 4), np.nan, dtype=np.float32)
    for number, hits in enumerate(events):
        for channel, values in hits.items():
            table[number, channel] = [np.nan if value is None else value for value in values]
    columns = (np.ascontiguousarray(table[:, :, k]) for k in range(4))
    return Events(
        np.arange(1, len(events) + 1, dtype=np.int32), np.full(len(events), START_S, dtype=np.int64), *columns
    )


def made_calibration(
    pedestal_front: FloatArray | float = Q_FRONT,
    pedestal_back: FloatArray | float = Q_BACK,
    t_dif_offset: FloatArray | float = 0.0,
    t_sum_offset: FloatArray | float = 0.0,
) -> Calibration:
    """A file's own calibration with these values for all strips, without front-back polynomial and cross-talk."""
    values = {
        "pedestal_front": pedestal_front,
        "pedestal_back": pedestal_back,
        "t_dif_offset": t_dif_offset,
        "t_sum_offset": t_sum_offset,
    }
    arrays = {
        name: np.broadcast_to(np.asarray(value, dtype=float), CHANNELS) for name, value in values.items()
    }
    arrays |= {f"{name}_error": np.full(CHANNELS, 0.01) for name in values}
    unknown = {
        name: np.full((CHANNELS, 5) if name.startswith("front_back") else CHANNELS, np.nan)
        for refining in REFINING
        for name in (refining, f"{refining}_error")
    }
    return Calibration(
        **arrays,
        **unknown,
        hits=np.full(CHANNELS, 5000),
        t_dif_width=np.full(CHANNELS, 1.2),
        origin={
            name: (Origin.OWN if name in NEEDED else Origin.NONE,) * CHANNELS for name in (*NEEDED, *REFINING)
        },
        crt_ps=424.0,
        crt_std_ps=20.0,
        strip_pairs=81,
    )
