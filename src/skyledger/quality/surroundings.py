"""Tests of the state in which an instrument measured: phase of the flight, mode, status, warm-up, zero checks.

Such states are channels of the frame: tests look at them, nobody judges them.
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from skyledger.quality.base import (
    DOUBTFUL,
    Limits,
    QualityTest,
    Seen,
    ascending,
    check_nested,
    ones,
    outside,
    unknown,
)
from skyledger.quality.frame import FloatArray, Probability
from skyledger.quality.runs import runs

Channel = Annotated[str, Field(description="channel or series that tells the state")]
Codes = Annotated[tuple[float, ...], Field(min_length=1)]


class PhaseWindow(QualityTest):
    """The value was measured in one of the accepted phases, such as those of a flight in the air."""

    test: Literal["phase_window"] = "phase_window"
    other: Channel
    accepted: Annotated[Codes, Field(description="codes of accepted phases")] = (4, 5, 6, 7)
    category: ClassVar[str] = "state"

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

    It was switched on at the first row, and wherever the phase becomes one of `on`.
    """

    test: Literal["warm_up"] = "warm_up"
    other: Channel
    seconds: Annotated[float, Field(gt=0, description="until it measures well")] = 1800.0
    ramp_s: Annotated[float, Field(gt=0, description="the last part of it")] = 300.0
    on: Annotated[Codes, Field(description="phases that mean that it was switched on")] = (1,)
    category: ClassVar[str] = "state"

    def judge(self, seen: Seen) -> Probability:
        if not len(seen.values):
            return ones(seen.values)
        time_s = seen.frame.time_s
        switching = np.isin(seen.frame.partner(self.other), self.on)
        switched = switching & ~np.append(False, switching[:-1])
        switched[0] = True
        on_s = time_s - np.maximum.accumulate(np.where(switched, time_s, -np.inf))
        p = np.clip((on_s - self.seconds + self.ramp_s) / self.ramp_s, 0.0, 1.0)
        return np.asarray(p[seen.rows], dtype=np.float32)


class OtherRange(QualityTest):
    """Another quantity, on which this one depends, lies within limits, such as the temperature of a sensor."""

    test: Literal["other_range"] = "other_range"
    other: Channel
    fail: Annotated[Limits, Field(description="lowest and highest with which a value is possible")] = (
        None,
        None,
    )
    suspect: Annotated[Limits, Field(description="lowest and highest with which it is reliable")] = (
        None,
        None,
    )
    category: ClassVar[str] = "state"

    @field_validator("fail", "suspect")
    @classmethod
    def _in_order(cls, limits: Limits) -> Limits:
        return ascending(limits)

    @model_validator(mode="after")
    def _nested(self) -> Self:
        check_nested(self.fail, self.suspect)
        return self

    def judge(self, seen: Seen) -> Probability:
        others = seen.frame.partner(self.other)[seen.rows]
        p = ones(others)
        p[outside(others, self.suspect)] = DOUBTFUL
        p[outside(others, self.fail)] = 0.0
        p[np.isnan(others)] = np.nan
        return p


class CalibrationStep(QualityTest):
    """From one zero check to the next the zero has not jumped: all values between two such checks are suspect.

    The zero of a check is the median of its readings. A jump is larger than k standard deviations, which are those of
    readings around the zero of their check.
    """

    test: Literal["calibration_step"] = "calibration_step"
    other: Channel
    zero: Annotated[Codes, Field(description="codes of a zero check")] = (1,)
    readings: Annotated[
        str | None, Field(description="channel with the readings; none: the series itself")
    ] = None
    k: Annotated[float, Field(gt=0, description="standard deviations that are usual")] = 3.0
    min_sigma: Annotated[float, Field(ge=0, description="smallest standard deviation of readings")] = 0.0
    settle_s: Annotated[float, Field(ge=0, description="seconds of a check before its readings count")] = 0.0
    category: ClassVar[str] = "state"

    def looks_at(self) -> set[str]:
        return {self.other} if self.readings is None else {self.other, self.readings}

    def judge(self, seen: Seen) -> Probability:
        frame = seen.frame
        readings = _whole(seen) if self.readings is None else frame.partner(self.readings)
        p = np.full(len(frame.time_s), np.nan, dtype=np.float32)
        checks, residuals = [], []
        for first, end in zip(*runs(np.isin(frame.partner(self.other), self.zero)), strict=True):
            settled = frame.time_s[first:end] - frame.time_s[first] >= self.settle_s
            read = readings[first:end][settled & np.isfinite(readings[first:end])]
            if len(read):
                checks.append((first, end, float(np.median(read))))
                residuals.append(read - checks[-1][2])
        sigma = max(float(np.concatenate(residuals).std()), self.min_sigma) if checks else self.min_sigma
        for (_, after, zero), (before, _, next_zero) in pairwise(checks):
            p[after:before] = DOUBTFUL if abs(next_zero - zero) > self.k * sigma else 1.0
        return p[seen.rows]


def _whole(seen: Seen) -> FloatArray:
    """The judged values in all rows of the frame; NaN elsewhere."""
    whole = np.full(len(seen.frame.time_s), np.nan)
    whole[seen.rows] = seen.values
    return whole
