"""Planes and hits of a few events, written as one would on paper."""

from collections.abc import Sequence

import numpy as np

from skyledger.minitrasgo.clean import Hits
from skyledger.minitrasgo.detector import SIGNAL_MM_PER_NS, FloatArray, channel, topology
from skyledger.minitrasgo.planes import Planes
from skyledger.minitrasgo.stations import reduction

Z_MM = (0.0, 145.0, 290.0, 435.0)
STANDARD = reduction("standard")


def hits(*rows: tuple[int, int, int, dict[str, float]]) -> Hits:
    """Rows of (event, plane, strip, values that differ from the usual ones)."""
    usual = {"t_sum": -124.0, "t_dif": 0.1, "q_sum": 20.0, "q_dif": 0.0}
    values = [usual | row[3] for row in rows]
    return Hits(
        event=np.array([row[0] for row in rows], dtype=np.int32),
        channel=np.array([channel(row[1], row[2]) for row in rows], dtype=np.int8),
        **{name: np.array([value[name] for value in values], dtype=float) for name in usual},
    )


def planes(
    x: Sequence[Sequence[float]] | FloatArray,
    y: Sequence[Sequence[float]] | FloatArray,
    t_rel: Sequence[Sequence[float]] | FloatArray | None = None,
    q_sum: float = 20.0,
) -> Planes:
    """Events out of positions [event][plane] in mm and times in ns; a plane without x (NaN) is not present."""
    x = np.array(x, dtype=float)
    present = ~np.isnan(x)
    mask = np.where(present, 0, np.nan)
    return Planes(
        present=present,
        t_rel=np.zeros_like(x) + mask if t_rel is None else np.array(t_rel, dtype=float) + mask,
        t_dif=x / SIGNAL_MM_PER_NS,
        q_sum=q_sum + mask,
        q_dif=mask,
        x=x,
        y=np.array(y, dtype=float) + mask,
        pattern=present.astype(np.uint8),
        list_topology=topology(present),
    )
