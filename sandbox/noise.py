"""Random numbers that are functions of (key, index): no state, so any range of days gives the same values.

A generator that is advanced step by step makes the value of a minute depend on where the series was
started. Here every index is hashed on its own (SplitMix64, Steele et al. 2014, doi:10.1145/2714064.2660195),
whole arrays at a time.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
# mean over a knot interval of the sum of squared B-spline weights: makes `smooth` unit variance
_SPLINE_SCALE = float(1 / np.sqrt(151 / 315))


def key(*names: object) -> np.uint64:
    """Return the key of one independent series, for example `key(seed, "DUE1", "temperature")`."""
    digest = blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _hash(series: np.uint64, index: ArrayLike) -> NDArray[np.uint64]:
    mixed = series + (np.asarray(index, dtype=np.int64).view(np.uint64) + np.uint64(1)) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def uniform(series: np.uint64, index: ArrayLike) -> FloatArray:
    """Return numbers in (0, 1), one per index."""
    with np.errstate(over="ignore"):  # the arithmetic of the hash is modulo 2**64
        bits = _hash(series, np.atleast_1d(index)) >> np.uint64(11)
    return (bits.astype(np.float64) + 0.5) * 2.0**-53


def normal(series: np.uint64, index: ArrayLike) -> FloatArray:
    """Return standard normal numbers, one per index (Box-Muller)."""
    twice = 2 * np.atleast_1d(np.asarray(index, dtype=np.int64))
    radius = np.sqrt(-2 * np.log(uniform(series, twice)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(series, twice + 1)))


def smooth(series: np.uint64, time_s: ArrayLike, spacing_s: float) -> FloatArray:
    """Return a smooth random curve with unit variance: a cubic B-spline over normal numbers at knots.

    time_s : (n,) Unix seconds;  spacing_s : distance of the knots, about the correlation time.  [s]
    """
    position = np.asarray(time_s, dtype=np.float64) / spacing_s
    if not position.size:
        return np.empty(0)
    knot = np.floor(position).astype(np.int64)
    x = position - knot
    first = int(knot.min()) - 1
    values = normal(series, np.arange(first, int(knot.max()) + 3)) * (_SPLINE_SCALE / 6)
    before, here, next_, after = values[:-3], values[1:-2], values[2:-1], values[3:]
    # one cubic per knot interval
    constant, linear = before + 4 * here + next_, 3 * (next_ - before)
    square, cube = 3 * (before + next_) - 6 * here, after - before + 3 * (here - next_)
    i = knot - 1 - first
    return np.asarray(((cube[i] * x + square[i]) * x + linear[i]) * x + constant[i])
