"""Small histograms of a file: enough to draw a day without reading its events again. They add up over files."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.clean import Hits
from skyledger.minitrasgo.detector import CHANNELS, FloatArray, IntArray

CHARGE_EDGES_NS = np.linspace(-20, 220, 61)
T_DIF_EDGES_NS = np.linspace(-1.2, 1.2, 61)
THETA_EDGES_DEG = np.linspace(0, 60, 21)
PHI_EDGES_DEG = np.linspace(-180, 180, 37)


@dataclass(frozen=True, slots=True)
class Histograms:
    """Counts; what lies outside the edges is in no bin."""

    charge: IntArray  # (16, 60) calibrated strip charges by CHARGE_EDGES_NS
    t_dif: IntArray  # (16, 60) calibrated strip time differences by T_DIF_EDGES_NS
    directions: IntArray  # (20, 36) tracks by THETA_EDGES_DEG and PHI_EDGES_DEG, in detector coordinates

    def __add__(self, other: Self) -> "Histograms":
        return Histograms(
            self.charge + other.charge, self.t_dif + other.t_dif, self.directions + other.directions
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, for JSON."""
        return {name: counts.tolist() for name, counts in asdict(self).items()}

    @classmethod
    def from_dict(cls, lists: dict[str, Any]) -> Self:
        """Reverse of as_dict."""
        return cls(**{name: np.array(counts, dtype=np.int64) for name, counts in lists.items()})


def histograms(hits: Hits, theta_rad: FloatArray, phi_rad: FloatArray) -> Histograms:
    """Histograms of calibrated hits, and of the (n,) directions of tracks (NaN: none)."""
    row = hits.channel.astype(np.int64)
    tracked = ~np.isnan(theta_rad)
    theta_deg, phi_deg = np.degrees(theta_rad[tracked]), np.degrees(phi_rad[tracked])
    return Histograms(
        charge=_by_row(row, hits.q_sum, CHARGE_EDGES_NS, CHANNELS),
        t_dif=_by_row(row, hits.t_dif, T_DIF_EDGES_NS, CHANNELS),
        directions=_by_row(
            _bins(theta_deg, THETA_EDGES_DEG), phi_deg, PHI_EDGES_DEG, len(THETA_EDGES_DEG) - 1
        ),
    )


def _bins(values: FloatArray, edges: FloatArray) -> IntArray:
    """Index of the bin of equal width, -1 outside; the last edge belongs to the last bin."""
    count = len(edges) - 1
    index = np.floor((values - edges[0]) * (count / (edges[-1] - edges[0]))).astype(np.int64)
    index[values == edges[-1]] = count - 1
    return np.where((index >= 0) & (index < count), index, -1)


def _by_row(row: NDArray[np.int64], values: FloatArray, edges: FloatArray, rows: int) -> IntArray:
    count = len(edges) - 1
    column = _bins(values, edges)
    inside = (column >= 0) & (row >= 0)
    cells = np.bincount(row[inside] * count + column[inside], minlength=rows * count)
    return cells.reshape(rows, count).astype(np.int64)
