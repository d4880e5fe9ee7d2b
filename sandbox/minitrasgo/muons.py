"""Muons through four planes, without borders and without rejected ones that matter.

The intensity goes as cos^n of the angle from the vertical, so the flux through a horizontal plane as cos^(n+1): a
point even on a plane and cos(theta) = u^(1/(n+2)). Tracks are drawn through each of the four planes in turn; one that
crosses k of them is kept with probability 1/k. What remains is the true density of all tracks that cross any plane:
no plane of generation, no margins beyond which inclined tracks would be lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sandbox.noise import BoolArray, FloatArray, IntArray, key, uniform
from skyledger.minitrasgo.detector import HALF_WIDTH_MM, PLANES

ACTIVE_HALF_LENGTH_MM = 116.0  # of a strip, along x
FLUX_PER_M2_S = 150.0  # through a horizontal area, about 0.9 per cm2 and minute
COS_EXPONENT = 2.0
AREA_M2 = 4 * ACTIVE_HALF_LENGTH_MM * HALF_WIDTH_MM * 1e-6
LARGEST_MODULATION = 1.25
SLOTS_PER_S = 512  # numbers of candidates within a second; the mean stays far below


@dataclass(frozen=True, slots=True)
class Tracks:
    """(n,) tracks in the order of time; planes top first."""

    number: IntArray  # of the candidate: every random number of an event hangs on it
    time_s: FloatArray  # Unix seconds
    theta_rad: FloatArray
    phi_rad: FloatArray  # direction in which the track leans downwards, from x towards y
    x_mm: FloatArray  # (n, 4) at each plane
    y_mm: FloatArray
    crossed: BoolArray  # (n, 4)

    def __len__(self) -> int:
        return len(self.number)

    def take(self, chosen: BoolArray | IntArray) -> "Tracks":
        """Some of the tracks."""
        return Tracks(*(getattr(self, name)[chosen] for name in self.__slots__))


def tracks(
    seed: tuple[object, ...], start_s: int, end_s: int, modulation_at: object, z_mm: Sequence[float]
) -> Tracks:
    """Tracks through two planes or more, from one Unix second to another (excluded).

    seed: names of the series; modulation_at: function of (n,) Unix seconds, flux relative to FLUX_PER_M2_S
    """
    second = np.arange(start_s, end_s)
    mean = PLANES * AREA_M2 * FLUX_PER_M2_S * LARGEST_MODULATION
    count = np.searchsorted(_poisson(mean), uniform(key(*seed, "count"), second))
    first = np.cumsum(count) - count
    number = np.repeat(second * SLOTS_PER_S - first, count) + np.arange(int(count.sum()))
    time_s = np.repeat(second, count) + uniform(key(*seed, "moment"), number)
    relative = modulation_at(time_s) / LARGEST_MODULATION  # type: ignore[operator]
    if relative.size and relative.max() > 1:
        raise ValueError(
            f"flux is {relative.max() * LARGEST_MODULATION:.2f} of the usual one: too much for the draw"
        )
    there = uniform(key(*seed, "thinning"), number) < relative
    number, time_s = number[there], time_s[there]
    draws = [uniform(key(*seed, what), number) for what in ("plane", "x", "y", "theta", "phi")]
    found = Tracks(number, time_s, *_geometry(draws, z_mm))
    planes = found.crossed.sum(axis=1)
    chosen = (planes >= 2) & (uniform(key(*seed, "once"), number) * planes < 1)
    order = np.argsort(found.time_s[chosen], kind="stable")
    return found.take(np.flatnonzero(chosen)[order])


def _geometry(draws: Sequence[FloatArray], z_mm: Sequence[float]) -> tuple[FloatArray, ...]:
    """theta, phi, x, y, crossed of tracks through a random point of a random plane. draws : 5 times (n,) in (0, 1)"""
    plane = (draws[0] * PLANES).astype(np.int64)
    theta = np.arccos(draws[3] ** (1 / (COS_EXPONENT + 2)))
    phi = np.pi * (2 * draws[4] - 1)
    z = np.asarray(z_mm, dtype=np.float64)
    down = (z[None, :] - z[plane, None]) * np.tan(theta)[:, None]
    x = ACTIVE_HALF_LENGTH_MM * (2 * draws[1] - 1)[:, None] + down * np.cos(phi)[:, None]
    y = HALF_WIDTH_MM * (2 * draws[2] - 1)[:, None] + down * np.sin(phi)[:, None]
    crossed = (np.abs(x) <= ACTIVE_HALF_LENGTH_MM) & (np.abs(y) <= HALF_WIDTH_MM)
    return theta, phi, x, y, crossed


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How often each set of planes is crossed, at the usual flux."""

    rate_hz: (
        FloatArray  # (repeats, 16) by bits of the planes (plane 1 is bit 0), from independent integrations
    )

    def trigger_hz(self, efficiencies: Sequence[float], triggers: Sequence[str]) -> tuple[float, float]:
        """Rate of triggers, with the error of the integration."""
        rates = self.rate_hz @ _trigger_probability(efficiencies, triggers)
        return float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(len(rates)))


@cache
def acceptance(z_mm: tuple[float, ...]) -> Acceptance:
    """Integrate over all tracks, with points that fill space evenly (Kronecker sequence)."""
    points, repeats = 1 << 15, 8
    # generalised golden ratio in 4 dimensions: root of g^5 = g + 1
    steps = 1.1673039782614187 ** -np.arange(1, 5)
    index = np.arange(1, points + 1)[:, None]
    shifts = uniform(key("acceptance"), np.arange(4 * repeats)).reshape(repeats, 4)
    rates = np.zeros((repeats, 1 << PLANES))
    for repeat, plane in np.ndindex(repeats, PLANES):
        u = (index * steps + shifts[repeat]) % 1
        crossed = _geometry([np.full(points, (plane + 0.5) / PLANES), *u.T], z_mm)[-1]
        bits = crossed @ (1 << np.arange(PLANES))
        once = np.maximum(crossed.sum(axis=1), 1)
        rates[repeat] += np.bincount(bits, 1 / once, 1 << PLANES) / points
    return Acceptance(rates * AREA_M2 * FLUX_PER_M2_S)


def triggered(fired: BoolArray, triggers: Sequence[str]) -> BoolArray:
    """Whether the planes of any combination fired. fired : (n, 4)"""
    return np.asarray(
        np.any([fired[:, [int(p) - 1 for p in planes]].all(axis=1) for planes in triggers], axis=0)
    )


def _trigger_probability(efficiencies: Sequence[float], triggers: Sequence[str]) -> FloatArray:
    """By bits of the planes that were crossed."""
    bits = np.arange(1 << PLANES)
    sets = (bits[:, None] >> np.arange(PLANES) & 1).astype(bool)
    triggering = triggered(sets, triggers)
    probability = np.zeros(1 << PLANES)
    for crossed in bits:
        for fired in bits[triggering & (bits & ~crossed == 0)]:
            missed = crossed & ~fired
            terms = [
                e if fired >> p & 1 else 1 - e if missed >> p & 1 else 1 for p, e in enumerate(efficiencies)
            ]
            probability[crossed] += np.prod(terms)
    return probability


@cache
def _poisson(mean: float) -> FloatArray:
    """Cumulative distribution; searchsorted of an even number gives the count."""
    count = np.arange(SLOTS_PER_S)
    logs = np.concatenate(([0.0], np.cumsum(np.log(count[1:]))))
    return np.asarray(np.cumsum(np.exp(count * np.log(mean) - mean - logs))[:-1])
