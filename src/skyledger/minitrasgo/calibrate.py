"""Calibrate the strips of a file (C8-C13) with its own hits, or the last good calibration where these are few.

Order: charge pedestals and time-difference offsets, windows, front-back balance, time offsets, coincidence of strips,
cross-talk. Where each value came from is in `Calibration.origin`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.clean import Cleaned, Hits, Sieve, far_from_median, inside
from skyledger.minitrasgo.cross_talk import CrossTalkPeak, cross_talk
from skyledger.minitrasgo.detector import CHANNELS, LIGHT_MM_PER_NS, STRIPS, BoolArray, FloatArray, IntArray
from skyledger.minitrasgo.pedestals import (
    Estimate,
    balance,
    by_channel,
    front_back,
    pedestals,
    time_boxes,
    unknown,
)
from skyledger.minitrasgo.reduction import CrossTalk, FrontBack, Reduction
from skyledger.minitrasgo.timing import time_offsets
from skyledger.threads import together

# A strip without one of these cannot be used ...
NEEDED = ("pedestal_front", "pedestal_back", "t_dif_offset", "t_sum_offset")
# ... and without one of these it is used as it is: neighbours say nothing about them
REFINING = ("front_back", "cross_talk_pedestal", "cross_talk_limit")


class Origin(StrEnum):
    """Where the value of a strip came from."""

    OWN = "own"
    LAST_GOOD = "last good"
    NEIGHBOURS = "neighbours"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of the sixteen strips in ns, NaN where unknown; errors are statistical, NaN for neighbours' values.

    What is stored is what was applied: pedestals and the offset of time differences are subtracted, the offset of time
    sums is added (0 for P1s1), the front-back polynomial and the cross-talk pedestal are subtracted.
    """

    hits: IntArray  # (16,) with all four values in this file
    pedestal_front: FloatArray
    pedestal_front_error: FloatArray
    pedestal_back: FloatArray
    pedestal_back_error: FloatArray
    t_dif_offset: FloatArray
    t_dif_offset_error: FloatArray
    t_dif_width: FloatArray  # of the box of time differences, of this file only
    t_sum_offset: FloatArray
    t_sum_offset_error: FloatArray
    front_back: FloatArray  # (16, degree + 1) coefficients of Q_dif against Q_sum, constant first
    front_back_error: FloatArray
    cross_talk_pedestal: FloatArray
    cross_talk_pedestal_error: FloatArray
    cross_talk_limit: FloatArray
    cross_talk_limit_error: FloatArray
    origin: dict[str, tuple[Origin, ...]]  # sixteen for each quantity of NEEDED and REFINING
    crt_ps: float  # time resolution of one plane, of this file; NaN without pairs
    crt_std_ps: float
    strip_pairs: int

    @property
    def own(self) -> bool:
        """Every strip that has hits has pedestals and offsets of this file."""
        return self._all_from(Origin.OWN)

    @property
    def complete(self) -> bool:
        """Every strip that has hits has pedestals and offsets, of this file or the last good ones."""
        return self._all_from(Origin.OWN, Origin.LAST_GOOD)

    def _all_from(self, *origins: Origin) -> bool:
        alive = np.flatnonzero(self.hits)  # a dead strip has nothing to be calibrated
        return len(alive) > 0 and all(
            self.origin[name][strip] in origins for name in NEEDED for strip in alive
        )


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Strips after C13.

    `removed` counts the strips that each filter took: uncalibrated (a constant is not known), q_sum, t_dif, q_dif,
    front_back, coincidence_before, coincidence_after.
    """

    hits: Hits
    strip_charge: FloatArray  # (h,) what is written out: without cross-talk pedestal, NaN for cross-talk
    calibration: Calibration
    cal_topology: NDArray[np.int16]  # (n,) planes with a strip
    removed: dict[str, int]


def calibrate(
    cleaned: Cleaned, settings: Reduction, z_mm: Sequence[float], last_good: Calibration | None
) -> Calibrated:
    """C8-C13 for a file whose planes stand at `z_mm` (four heights, any origin)."""
    constants = _Constants(last_good)
    hits = cleaned.hits
    two_ended = np.bincount(hits.channel, minlength=CHANNELS)
    q_front, q_back, t_dif = by_channel(
        hits.channel, hits.q_sum + hits.q_dif, hits.q_sum - hits.q_dif, hits.t_dif
    )
    of_front, of_back, box = together(
        lambda: pedestals(q_front, settings.pedestal),
        lambda: pedestals(q_back, settings.pedestal),
        lambda: time_boxes(t_dif, settings.time_difference),
    )
    front = constants.settle("pedestal_front", of_front)
    back = constants.settle("pedestal_back", of_back)
    middle = constants.settle("t_dif_offset", box.middle)
    hits = replace(
        hits,
        t_dif=hits.t_dif - middle[hits.channel],
        q_sum=hits.q_sum - ((front + back) / 2)[hits.channel],
        q_dif=hits.q_dif - ((front - back) / 2)[hits.channel],
    )
    sieve = Sieve(len(hits))
    sieve.drop("uncalibrated", np.isnan(hits.q_sum) | np.isnan(hits.t_dif))
    sieve.drop("q_sum", ~inside(hits.q_sum, settings.strip.calibrated_q_sum_window_ns))
    sieve.drop("t_dif", np.abs(hits.t_dif) > settings.strip.calibrated_t_dif_max_ns)
    sieve.drop("q_dif", np.abs(hits.q_dif) > settings.strip.calibrated_q_dif_max_ns)
    hits, removed = hits.where(sieve.kept), sieve.removed

    hits = _balance(hits, settings.front_back, constants)
    unbalanced = constants.origins["front_back"] == Origin.NONE
    limit = np.where(unbalanced, settings.front_back.kept_without_fit_ns, settings.front_back.kept_ns)
    sieve = Sieve(len(hits))
    sieve.drop("front_back", np.abs(hits.q_dif) >= limit[hits.channel])
    hits, removed = hits.where(sieve.kept), removed | sieve.removed

    # Before the test of uncorrected times, which cuts the tails of strips with long cables and would move their offsets
    before_ns = settings.time_sum.coincidence_before_ns
    times, far = together(
        lambda: time_offsets(hits, z_mm, settings.time_sum),
        lambda: None if before_ns is None else far_from_median(hits.event, hits.t_sum, before_ns),
    )
    offset = constants.settle("t_sum_offset", _in_frame_of(last_good, times.offset))[hits.channel]
    sieve = Sieve(len(hits))
    if far is not None:
        sieve.drop("coincidence_before", far)
    sieve.drop("uncalibrated", np.isnan(offset))
    removed["uncalibrated"] += sieve.removed.pop("uncalibrated")
    hits = replace(hits, t_sum=hits.t_sum + offset).where(sieve.kept)
    removed |= sieve.removed

    if settings.time_sum.coincidence_after_ns is not None:
        # Of an upright track: an inclined one through 435 mm is late by half a nanosecond at most
        flight = np.repeat((np.asarray(z_mm) - z_mm[0]) / LIGHT_MM_PER_NS, STRIPS)[hits.channel]
        far = far_from_median(hits.event, hits.t_sum - flight, settings.time_sum.coincidence_after_ns)
        sieve = Sieve(len(hits))
        sieve.drop("coincidence_after", far)
        hits, removed = hits.where(sieve.kept), removed | sieve.removed

    hits, strip_charge = _without_cross_talk(hits, settings.cross_talk, constants)
    return Calibrated(
        hits=hits,
        strip_charge=strip_charge,
        calibration=constants.calibration(
            hits=two_ended,
            t_dif_width=box.width,
            crt_ps=times.crt_ps,
            crt_std_ps=times.crt_std_ps,
            strip_pairs=times.strip_pairs,
        ),
        cal_topology=hits.topology(cleaned.n),
        removed=removed,
    )


def drift(calibration: Calibration, earlier: Sequence[Calibration]) -> dict[str, FloatArray]:
    """How far what was measured lies from the median of what was measured earlier, by quantity of NEEDED, (16,) [ns].

    NaN where either is unknown. `earlier` are files of the same configuration.
    """

    def measured(of: Calibration, name: str) -> FloatArray:
        own = np.array([origin == Origin.OWN for origin in of.origin[name]])
        return np.where(own, getattr(of, name), np.nan)

    def median(values: FloatArray) -> float:
        known = values[~np.isnan(values)]
        return float(np.median(known)) if len(known) else np.nan

    found = {}
    for name in NEEDED:
        before = np.array([measured(other, name) for other in earlier]).reshape(-1, CHANNELS)
        found[name] = measured(calibration, name) - np.array([median(values) for values in before.T])
    return found


class _Constants:
    """The constants of a file while they are collected: own ones, else the last good ones, else those of neighbours."""

    def __init__(self, last_good: Calibration | None) -> None:
        self.last_good = last_good
        self.values: dict[str, FloatArray] = {}
        self.origins: dict[str, NDArray[np.object_]] = {}

    def settle(self, name: str, own: Estimate) -> FloatArray:
        """What is used for each strip (copies of `own`, filled where it is NaN)."""
        value, error = own.value.copy(), own.error.copy()
        origin = np.full(CHANNELS, Origin.OWN, dtype=np.object_)
        missing = _missing(value)
        origin[missing] = Origin.NONE
        if self.last_good is not None:
            # Not what that file had from its neighbours: nothing was measured there
            measured = np.array([o in {Origin.OWN, Origin.LAST_GOOD} for o in self.last_good.origin[name]])
            taken = missing & measured
            value[taken] = getattr(self.last_good, name)[taken]
            error[taken] = getattr(self.last_good, f"{name}_error")[taken]
            origin[taken] = Origin.LAST_GOOD
            missing &= ~taken
        if name in NEEDED:
            for strip in np.flatnonzero(missing):
                plane = slice(strip // STRIPS * STRIPS, strip // STRIPS * STRIPS + STRIPS)
                neighbours = value[plane][~missing[plane]]
                if len(neighbours):
                    value[strip], origin[strip] = np.median(neighbours), Origin.NEIGHBOURS
        self.values |= {name: value, f"{name}_error": error}
        self.origins[name] = origin
        return value

    def calibration(self, **of_this_file: Any) -> Calibration:
        """All of them, with what was found besides."""
        origin = {name: tuple(origins) for name, origins in self.origins.items()}
        found: dict[str, Any] = self.values | of_this_file
        return Calibration(**found, origin=origin)


def _missing(value: FloatArray) -> BoolArray:
    return np.asarray(np.isnan(value).reshape(CHANNELS, -1).any(axis=1), dtype=np.bool_)


def _in_frame_of(last_good: Calibration | None, offset: Estimate) -> Estimate:
    """Offsets that do not reach P1s1, moved to where the last good ones lie: only so can the two be mixed."""
    if last_good is None or not np.isnan(offset.value[0]):
        return offset
    both = ~np.isnan(offset.value) & ~np.isnan(last_good.t_sum_offset)
    if not both.any():
        return offset
    shift = np.median(last_good.t_sum_offset[both] - offset.value[both])
    return Estimate(offset.value + shift, offset.error)


def _balance(hits: Hits, settings: FrontBack, constants: _Constants) -> Hits:
    """C10: take off the polynomial of the charge difference, where there is one."""
    own = unknown(settings.degree + 1)
    if settings.enabled:
        q_sum, q_dif = by_channel(hits.channel, hits.q_sum, hits.q_dif)
        own = front_back(q_sum, q_dif, settings)
    coefficients = np.nan_to_num(constants.settle("front_back", own))
    expected = balance(hits.q_sum, hits.channel, coefficients, settings.q_sum_window_ns)
    return replace(hits, q_dif=hits.q_dif - expected)


def _without_cross_talk(hits: Hits, settings: CrossTalk, constants: _Constants) -> tuple[Hits, FloatArray]:
    """C13: hits without the cross-talk pedestal, and the charges to be written out."""
    own = CrossTalkPeak(unknown(), unknown())
    if settings.enabled:
        own = cross_talk(by_channel(hits.channel, hits.q_sum)[0], settings)
    pedestal = np.nan_to_num(constants.settle("cross_talk_pedestal", own.pedestal))
    limit = constants.settle("cross_talk_limit", own.limit)
    if np.isnan(limit).all():  # not looked for
        return hits, hits.q_sum
    strip_charge = np.where(hits.q_sum < limit[hits.channel], np.nan, hits.q_sum)
    return replace(hits, q_sum=hits.q_sum - pedestal[hits.channel]), strip_charge
