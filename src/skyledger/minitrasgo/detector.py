"""The detector: four planes of four strips, each strip read at both ends. Same for all stations.

Axes: x along the strips (positive towards the front end), y across them, z down from plane 1; right-handed; mm and ns.
Arrays have planes (top first) and strips in the order of their numbers; a *channel* is `4 (plane - 1) + strip - 1`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PLANES = 4
STRIPS = 4
CHANNELS = PLANES * STRIPS

LIGHT_MM_PER_NS = 299.792458
SIGNAL_MM_PER_NS = LIGHT_MM_PER_NS * 0.666666667  # on a strip
STRIP_LENGTH_MM = 300.0
STRIP_TRANSIT_NS = STRIP_LENGTH_MM / (2 * SIGNAL_MM_PER_NS)  # from the middle to an end

# Planes 1 and 3 have their wide strip last, planes 2 and 4 first
STRIP_WIDTH_MM = np.array([[63, 63, 63, 98], [98, 63, 63, 63]] * 2, dtype=float)
HALF_WIDTH_MM = float(STRIP_WIDTH_MM[0].sum()) / 2
STRIP_CENTRE_MM = np.cumsum(STRIP_WIDTH_MM, axis=1) - STRIP_WIDTH_MM / 2 - HALF_WIDTH_MM

# Sets of planes as bits (plane 1 is bit 0) and as topology codes: the digits of the planes, 0 for none
_PLANES_OF = [[plane + 1 for plane in range(PLANES) if bits >> plane & 1] for bits in range(1 << PLANES)]
TOPOLOGY_OF_BITS = np.array([int("".join(map(str, planes)) or 0) for planes in _PLANES_OF], dtype=np.int16)
TOPOLOGIES = tuple(sorted(int(code) for code in TOPOLOGY_OF_BITS))
TRACK_TOPOLOGIES = tuple(code for code in TOPOLOGIES if code >= 10)  # two planes or more
PLANE_BITS = np.array([1, 2, 4, 8], dtype=np.uint8)


def topology(present: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Topology code of each event from (n, 4) planes present."""
    codes: NDArray[np.int16] = TOPOLOGY_OF_BITS[present @ PLANE_BITS]
    return codes


def topology_counts(codes: NDArray[np.int16]) -> dict[str, int]:
    """Events per topology code, without those that do not occur."""
    found, counts = np.unique(codes, return_counts=True)
    return {str(code): int(n) for code, n in zip(found, counts, strict=True)}


def channel(plane: int, strip: int) -> int:
    """Index of a strip (numbers from 1) in arrays of 16."""
    return STRIPS * (plane - 1) + strip - 1


def by_plane(values: Sequence[Any] | NDArray[Any]) -> list[list[Any]]:
    """Sixteen values as plain lists [plane][strip]; NaN becomes None."""
    plain = [None if value != value else value for value in np.asarray(values).tolist()]
    return [plain[STRIPS * plane : STRIPS * (plane + 1)] for plane in range(PLANES)]
