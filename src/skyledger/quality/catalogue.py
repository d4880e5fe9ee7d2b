"""The tests. A test gives each value a probability of being valid, and changes nothing.

A test is a pydantic model: its fields are its declared parameters, validation is its check of itself. It judges only
rows that have a value and in which its conditions (`when`) hold; a probability is NaN where a test cannot tell. To
add a test: write a class with `judge`, and name it in `Item` (groups.py).
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from skyledger.config import Model
from skyledger.quality.frame import SUN, BoolArray, FloatArray, Frame, Probability, Rows
from skyledger.quality.runs import changes, in_plateau

DOUBTFUL = 0.5  # suspect by any usual mapper
Limits = tuple[float | None, float | None]
Period = Annotated[
    float | None, Field(gt=0, description="values repeat after this: 360 for a direction in degrees")
]


class Condition(Model):
    """Holds in rows where another quantity lies within bounds; never where it is missing."""

    of: Annotated[str, Field(description=f"a series, which may be the tested one, or {SUN}")]
    above: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.above is self.below is self.at_most is None:
            raise ValueError("a condition without bounds; expected above, below or at_most")
        return self

    def holds(self, frame: Frame, name: str) -> BoolArray:
        """In which rows of the frame."""
        if self.of == SUN:
            values = frame.sun_elevation_deg
        else:
            values = frame.series[name] if self.of == name else frame.partner(self.of)
        holds = ~np.isnan(values)
        if self.above is not None:
            holds &= values > self.above
        if self.below is not None:
            holds &= values < self.below
        if self.at_most is not None:
            holds &= values <= self.at_most
        return holds


class QualityTest(Model):
    """What all tests have in common."""

    test: str
    name: Annotated[str | None, Field(description="in reports, when `test` alone does not tell")] = None
    critical: Annotated[bool, Field(description="a failure decides, whatever other tests say")] = False
    weight: Annotated[int, Field(ge=1, description="in weighted_mean")] = 1
    when: Annotated[tuple[Condition, ...], Field(description="rows to judge: where all of these hold")] = ()

    category: ClassVar[str]

    @property
    def label(self) -> str:
        """Name in masks and reports."""
        return self.name or self.test

    def partners(self, name: str) -> set[str]:
        """Other series that the test looks at when it judges series `name`."""
        others = {condition.of for condition in self.when} | {getattr(self, "other", name)}
        return others - {name, SUN}

    def probability(self, frame: Frame, name: str) -> Probability:
        """Probability of each value of a series to be valid, (n,). NaN where missing or not judged."""
        rows = frame.present(name)
        if self.when:
            judged = np.zeros(len(frame.time_s), dtype=bool)
            judged[rows] = True
            for condition in self.when:
                judged &= condition.holds(frame, name)
            rows = np.flatnonzero(judged)
        probability = np.full(len(frame.time_s), np.nan, dtype=np.float32)
        probability[rows] = self.judge(frame, rows, frame.time_s[rows], frame.series[name][rows])
        return probability

    @abstractmethod
    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        """Probability of each of `values`, none of which is missing; `rows` are their places in the frame."""


class Missing(QualityTest):
    """A value is there. Fill values count as missing, for all tests."""

    test: Literal["missing"] = "missing"
    fill_values: Annotated[tuple[float, ...], Field(description="numbers that mean no value")] = ()
    category: ClassVar[str] = "presence"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _ones(values)
        p[np.isin(values, self.fill_values)] = np.nan
        return p


class Record(QualityTest):
    """The reader does not doubt the row: suspect after a clock change, or when two rows claimed one key."""

    test: Literal["record"] = "record"
    category: ClassVar[str] = "presence"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        return _unknown(values) if frame.suspect is None else _doubt(frame.suspect[rows])


class Gap(QualityTest):
    """The value does not follow a gap: suspect is the first one after it."""

    test: Literal["gap"] = "gap"
    max_gap_s: Annotated[float | None, Field(gt=0, description="none: ten times the usual interval")] = None
    category: ClassVar[str] = "presence"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _unknown(values)
        p[1:] = _doubt(np.diff(time_s) > (self.max_gap_s or 10 * frame.interval_s))
        return p


class Range(QualityTest):
    """The value lies within limits, which are themselves allowed."""

    test: Literal["range"] = "range"
    fail: Annotated[Limits, Field(description="lowest and highest possible value")] = (None, None)
    suspect: Annotated[Limits, Field(description="lowest and highest usual value")] = (None, None)
    category: ClassVar[str] = "value"

    @field_validator("fail", "suspect")
    @classmethod
    def _in_order(cls, limits: Limits) -> Limits:
        return ascending(limits)

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if self.fail == self.suspect == (None, None):
            raise ValueError("a range without limits; expected fail, suspect or both")
        for bad, unusual, sign in zip(self.fail, self.suspect, (1, -1), strict=True):
            if bad is not None and unusual is not None and sign * unusual < sign * bad:
                raise ValueError(f"suspect limit {unusual} lies outside the fail limit {bad}")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _ones(values)
        p[_outside(values, self.suspect)] = DOUBTFUL
        p[_outside(values, self.fail)] = 0.0
        return p


class GlobalMin(QualityTest):
    """The value is not too small: 1 down to min_val, 0 from min_lim down, linear between."""

    test: Literal["global_min"] = "global_min"
    min_val: float
    min_lim: Annotated[float | None, Field(description="none: 0 at once below min_val")] = None
    category: ClassVar[str] = "value"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.min_lim, self.min_val), "min_lim, min_val")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        return _falling(-values, -self.min_val, None if self.min_lim is None else -self.min_lim, 0.0)


class GlobalMax(QualityTest):
    """The value is not too large: 1 up to max_val, 0 from max_lim up, linear between."""

    test: Literal["global_max"] = "global_max"
    max_val: float
    max_lim: Annotated[float | None, Field(description="none: 0 at once above max_val")] = None
    category: ClassVar[str] = "value"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.max_val, self.max_lim), "max_val, max_lim")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        return _falling(values, self.max_val, self.max_lim, 0.0)


class MultipleOf(QualityTest):
    """The value is a whole number of steps, such as tips of a rain gauge; suspect otherwise."""

    test: Literal["multiple_of"] = "multiple_of"
    setting: Annotated[
        str, Field(description="setting of the member that holds the step; without it not judged")
    ]
    tolerance: Annotated[float, Field(ge=0, lt=0.5, description="as a part of the step")] = 0.01
    category: ClassVar[str] = "value"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        step = frame.settings.get(self.setting)
        if not step:
            return _unknown(values)
        count = values / step
        return _doubt(np.abs(count - np.rint(count)) > self.tolerance)


class Doubtful(QualityTest):
    """The way of measuring is sound: all values are suspect where a setting of the member says that it is not."""

    test: Literal["doubtful"] = "doubtful"
    setting: Annotated[
        str, Field(description="setting of the member: 0 sound, else doubtful; without it not judged")
    ]
    category: ClassVar[str] = "value"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        doubtful = frame.settings.get(self.setting)
        return _unknown(values) if doubtful is None else _doubt(np.full(len(values), doubtful != 0))


class RateOfChange(QualityTest):
    """The value has not changed too fast since the last judged one, however long ago that was.

    Without a fail limit a faster change is suspect; with one it is 1 up to the limit, 0 from the fail limit, linear
    between.
    """

    test: Literal["rate_of_change"] = "rate_of_change"
    limit_per_s: Annotated[float, Field(gt=0, description="fastest usual change")]
    limit_fail_per_s: Annotated[float | None, Field(gt=0, description="change that cannot be")] = None
    period: Period = None
    category: ClassVar[str] = "course"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.limit_per_s, self.limit_fail_per_s), "limit_per_s, limit_fail_per_s")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _unknown(values)
        if len(values) > 1:
            seconds = np.diff(time_s)
            with np.errstate(divide="ignore", invalid="ignore"):
                rate = np.abs(changes(values, self.period)) / seconds
            p[1:] = _falling(rate, self.limit_per_s, self.limit_fail_per_s, DOUBTFUL)
            p[1:][seconds <= 0] = np.nan
        return p


class Spike(QualityTest):
    """The value does not stand out from the one before and the one after: 1 up to t1, 0 from t2, linear between.

    `differential` takes the smaller of both differences when they have opposite directions; `average` takes the
    distance to the mean of both neighbours, and so objects to the neighbours of a spike as well.
    """

    test: Literal["spike"] = "spike"
    t1: Annotated[float, Field(gt=0, description="largest usual distance")]
    t2: Annotated[
        float | None, Field(gt=0, description="distance that cannot be; none: suspect above t1")
    ] = None
    method: Literal["differential", "average"] = "differential"
    period: Period = None
    category: ClassVar[str] = "course"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.t1, self.t2), "t1, t2")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _unknown(values)
        if len(values) > 2:
            change = changes(values, self.period)
            here, after = change[:-1], change[1:]
            if self.method == "average":
                distance = np.abs(here - after) / 2
            else:
                distance = np.where(here * after < 0, np.minimum(np.abs(here), np.abs(after)), 0.0)
            p[1:-1] = _falling(distance, self.t1, self.t2, DOUBTFUL)
        return p


class FlatLine(QualityTest):
    """The value moves. Objects to a plateau as a whole, from its first row.

    A plateau is every span of rows that lasts long enough and in which largest and smallest value differ by `tolerance`
    at most; slow drift is none. Rows that are missing or not judged (`when`) neither end it nor prolong it, unless a
    pause is longer than the shortest duration divided by `min_points` - 1.
    """

    test: Literal["flat_line"] = "flat_line"
    suspect_s: Annotated[float | None, Field(gt=0, description="a plateau of so many seconds is suspect")] = (
        None
    )
    window_s: Annotated[float, Field(gt=0, description="a plateau of so many seconds fails")] = 60.0
    tolerance: Annotated[float, Field(ge=0, description="values this close are equal")] = 0.0
    min_points: Annotated[
        int, Field(ge=2, description="values that a plateau needs, about evenly spread")
    ] = 5
    period: Period = None
    category: ClassVar[str] = "course"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.suspect_s, self.window_s), "suspect_s, window_s")
        return self

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        p = _ones(values)
        pause_s = (self.suspect_s or self.window_s) / (self.min_points - 1)
        for duration_s, probability in ((self.suspect_s, DOUBTFUL), (self.window_s, 0.0)):
            if duration_s is not None:
                plateau = in_plateau(time_s, values, duration_s, self.tolerance, pause_s, self.period)
                if not plateau.any():
                    break
                p[plateau] = probability
        return p


class Ratio(QualityTest):
    """The value divided by another series lies within limits; suspect otherwise."""

    test: Literal["ratio"] = "ratio"
    other: Annotated[str, Field(description="series to divide by")]
    limits: Annotated[Limits, Field(description="lowest and highest usual ratio")]
    category: ClassVar[str] = "relation"

    @field_validator("limits")
    @classmethod
    def _in_order(cls, limits: Limits) -> Limits:
        return ascending(limits)

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = values / frame.partner(self.other)[rows]
        p = _doubt(_outside(ratio, self.limits))
        p[np.isnan(ratio)] = np.nan
        return p


class Partner(QualityTest):
    """Another series, on which this one depends, has not failed its own tests; suspect otherwise."""

    test: Literal["partner"] = "partner"
    other: Annotated[str, Field(description="series that must not have failed")]
    category: ClassVar[str] = "relation"

    def judge(self, frame: Frame, rows: Rows, time_s: FloatArray, values: FloatArray) -> Probability:
        return _doubt(frame.failed[self.other][rows]) if self.other in frame.failed else _unknown(values)


def _ones(values: FloatArray) -> Probability:
    return np.ones(len(values), dtype=np.float32)


def _unknown(values: FloatArray) -> Probability:
    return np.full(len(values), np.nan, dtype=np.float32)


def _doubt(suspect: BoolArray) -> Probability:
    return np.where(suspect, np.float32(DOUBTFUL), np.float32(1.0))


def _falling(values: FloatArray, whole: float, none: float | None, beyond: float) -> Probability:
    """1 up to `whole`, 0 from `none` up, linear between; without `none` it is `beyond` above `whole`."""
    if none is None:
        p = _ones(values)
        p[values > whole] = beyond
        return p
    return np.asarray(np.clip((none - values) / (none - whole), 0.0, 1.0), dtype=np.float32)


def _outside(values: FloatArray, limits: Limits) -> BoolArray:
    low, high = limits
    outside = np.zeros(len(values), dtype=bool)
    if low is not None:
        outside |= values < low
    if high is not None:
        outside |= values > high
    return outside


def ascending(limits: Limits, what: str = "limits") -> Limits:
    """The limits, in which the lower one comes first. Raises ValueError otherwise."""
    low, high = limits
    if low is not None and high is not None and low >= high:
        raise ValueError(f"{what} are reversed or equal: {low:g}, {high:g}; expected the lower one first")
    return limits
