"""What the pictures of all networks have in common. Loads no drawing library."""

import numpy as np
from numpy.typing import NDArray

Span = tuple[float, float]

INK, QUIET, FAINT, GAP = (
    "#222222",
    "#666666",
    "#dddddd",
    "#b5b5b5",
)  # text, notes, grids, hatching where nothing is


def spans(mask: NDArray[np.bool_], step: float) -> list[Span]:
    """Begin and end of each run in a mask whose entries lie `step` apart."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).tolist()
    return [(first * step, last * step) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def bars(found: list[Span]) -> list[Span]:
    """Begin and length of spans, as `broken_barh` wants them."""
    return [(first, last - first) for first, last in found]


def thousands(number: float) -> str:
    """A whole number in groups of three."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
