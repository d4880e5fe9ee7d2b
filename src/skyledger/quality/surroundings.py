"""Tests of the state in which an instrument measured: phase of the flight, mode, status, warm-up, zero checks.

Such states are channels of the frame: tests look at them, nobody judges them.
"""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from skyledger.quality.base import DOUBTFUL, QualityTest, Seen, ones, unknown
from skyledger.quality.frame import Probability
from skyledger.quality.runs import runs

Channel = Annotated[str, Field(description="channel or series that tells the state")]
_FEWEST_CHECKS = 2
Codes = Annotated[tuple[float, ...], Field(min_length=1)]


class PhaseWindow(QualityTest):
    """The value was measured in one of the accepted phases, such as those of a flight in the air."""

    test: Literal["phase_window"] = "phase_window"
    other: Channel
    accepted: Annotated[Codes, Field(description="codes of accepted phases")] = (4, 5, 6, 7)
    category: ClassVar[str] = "state"
    planned: ClassVar[bool] = True

    def judge(self, seen: Seen) -> Probability:
        phase = seen.frame.partner(self.other)[seen.rows]
        p = np.isin(phase, self.accepted).astype(np.float32)
        p[np.isnan(phase)] = np.nan
        return p


class Mode(QualityTest):
    """The instrument measured, and has done so for a while: it was not in a check of zero or of calibration."""

    test: Literal["mode"] = "mode"
    other: Channel
    accepted: Annotated[Codes, Field(description="codes of modes that measure")] = (0,)
    after_s: Annotated[float, Field(ge=0, description="seconds after another mode that do not count")] = 30.0
    category: ClassVar[str] = "state"
    planned: ClassVar[bool] = True

    def judge(self, seen: Seen) -> Probability:
        time_s, mode = seen.frame.time_s, seen.frame.partner(self.other)
        known = ~np.isnan(mode)
        away = known & ~np.isin(mode, self.accepted)
        last_away = np.maximum.accumulate(np.where(away, time_s, -np.inf))
        p = known.astype(np.float32)
        p[~known] = np.nan
        p[time_s - last_away <= self.after_s] = 0.0
        return p[seen.rows]


class StatusWord(QualityTest):
    """The instrument reports no failure: none of the bad bits of its status word is set."""

    test: Literal["status_word"] = "status_word"
    other: Channel
    bad_bits: Annotated[int, Field(ge=1, lt=2**53, description="sum of the bits that mean failure")]
    category: ClassVar[str] = "state"

    def judge(self, seen: Seen) -> Probability:
        word = seen.frame.partner(self.other)[seen.rows]
        p = unknown(seen.values)
        known = np.isfinite(word)
        p[known] = (word[known].astype(np.int64) & self.bad_bits) == 0
        return p


class WarmUp(QualityTest):
    """The instrument has been on for long enough: 0 at first, 1 after `seconds`, linear over the last `ramp_s`.

    It was switched on wherever the phase becomes one of `on`; before the first such row nothing is judged.
    """

    test: Literal["warm_up"] = "warm_up"
    other: Channel
    seconds: Annotated[float, Field(gt=0, description="until it measures well")] = 1800.0
    ramp_s: Annotated[float, Field(gt=0, description="the last part of it")] = 300.0
    on: Annotated[Codes, Field(description="phases that mean that it was switched on")] = (1,)
    category: ClassVar[str] = "state"

    def judge(self, seen: Seen) -> Probability:
        time_s = seen.frame.time_s
        switching = np.isin(seen.frame.partner(self.other), self.on)
        switched = switching & ~np.append(False, switching[:-1])[: len(time_s)]
        on_s = time_s - np.maximum.accumulate(np.where(switched, time_s, -np.inf))
        p = np.clip((on_s - self.seconds + self.ramp_s) / self.ramp_s, 0.0, 1.0)
        return np.asarray(np.where(np.isinf(on_s), np.nan, p)[seen.rows], dtype=np.float32)


class CalibrationStep(QualityTest):
    """The zero of the instrument stays: values beside a check whose zero is off, or before it jumps, are suspect.

    The zero of a check is the median of its readings. Off means farther than k standard deviations from the median of
    all checks, or from the check before. The deviation is that of readings from the zero of their check. One check by
    itself tells nothing.
    """

    test: Literal["calibration_step"] = "calibration_step"
    other: Channel
    zero: Annotated[Codes, Field(description="codes of a zero check")] = (1,)
    k: Annotated[float, Field(gt=0, description="standard deviations that are usual")] = 3.0
    min_sigma: Annotated[float, Field(ge=0, description="smallest standard deviation of readings")] = 0.0
    settle_s: Annotated[float, Field(ge=0, description="seconds of a check before its readings count")] = 0.0
    category: ClassVar[str] = "state"

    def judge(self, seen: Seen) -> Probability:
        time_s = seen.frame.time_s
        readings = np.full(len(time_s), np.nan)
        readings[seen.rows] = seen.values
        spans, zeros, residuals = [], [], []
        for first, end in zip(*runs(np.isin(seen.frame.partner(self.other), self.zero)), strict=True):
            settled = time_s[first:end] - time_s[first] >= self.settle_s
            read = readings[first:end][settled & np.isfinite(readings[first:end])]
            if len(read):
                spans.append((first, end))
                zeros.append(float(np.median(read)))
                residuals.append(read - zeros[-1])
        if len(spans) < _FEWEST_CHECKS:
            return unknown(seen.values)
        sigma = max(float(np.concatenate(residuals).std()), self.min_sigma)
        off = np.abs(np.subtract(zeros, np.median(zeros))) > self.k * sigma
        jumps = np.abs(np.diff(zeros)) > self.k * sigma
        doubted = np.concatenate([off[:1], off[:-1] | off[1:] | jumps, off[-1:]])
        p = ones(time_s)
        begins = [0, *(end for _, end in spans)]
        ends = [*(first for first, _ in spans), len(time_s)]
        for begin, end in zip(np.array(begins)[doubted], np.array(ends)[doubted], strict=True):
            p[begin:end] = DOUBTFUL
        return p[seen.rows]
