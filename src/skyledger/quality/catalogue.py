"""The tests of values by themselves, and the list of all tests. Others are in course, surroundings, relations.

To add one: write a class with `judge`, and name it in `Item` (groups.py).
"""

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from skyledger.quality.base import (
    DOUBTFUL,
    Limits,
    QualityTest,
    Seen,
    ascending,
    doubt,
    falling,
    ones,
    outside,
    unknown,
)
from skyledger.quality.frame import Probability
from skyledger.quality.runs import changes, in_plateau

Period = Annotated[
    float | None, Field(gt=0, description="values repeat after this: 360 for a direction in degrees")
]


class Missing(QualityTest):
    """A value is there. Fill values count as missing, for all tests."""

    test: Literal["missing"] = "missing"
    fill_values: Annotated[tuple[float, ...], Field(description="numbers that mean no value")] = ()
    category: ClassVar[str] = "presence"

    def judge(self, seen: Seen) -> Probability:
        p = ones(seen.values)
        p[np.isin(seen.values, self.fill_values)] = np.nan
        return p


class Record(QualityTest):
    """The reader does not doubt the row: suspect after a clock change, or when two rows claimed one key."""

    test: Literal["record"] = "record"
    category: ClassVar[str] = "presence"

    def judge(self, seen: Seen) -> Probability:
        return unknown(seen.values) if seen.frame.suspect is None else doubt(seen.frame.suspect[seen.rows])


class Gap(QualityTest):
    """The value does not follow a gap: suspect is the first one after it."""

    test: Literal["gap"] = "gap"
    max_gap_s: Annotated[float | None, Field(gt=0, description="none: ten times the usual interval")] = None
    category: ClassVar[str] = "presence"

    def judge(self, seen: Seen) -> Probability:
        p = unknown(seen.values)
        p[1:] = doubt(np.diff(seen.time_s) > (self.max_gap_s or 10 * seen.frame.interval_s))
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

    def judge(self, seen: Seen) -> Probability:
        p = ones(seen.values)
        p[outside(seen.values, self.suspect)] = DOUBTFUL
        p[outside(seen.values, self.fail)] = 0.0
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

    def judge(self, seen: Seen) -> Probability:
        return falling(-seen.values, -self.min_val, None if self.min_lim is None else -self.min_lim, 0.0)


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

    def judge(self, seen: Seen) -> Probability:
        return falling(seen.values, self.max_val, self.max_lim, 0.0)


class MultipleOf(QualityTest):
    """The value is a whole number of steps, such as tips of a rain gauge; suspect otherwise."""

    test: Literal["multiple_of"] = "multiple_of"
    setting: Annotated[
        str, Field(description="setting of the member that holds the step; without it not judged")
    ]
    tolerance: Annotated[float, Field(ge=0, lt=0.5, description="as a part of the step")] = 0.01
    category: ClassVar[str] = "value"

    def judge(self, seen: Seen) -> Probability:
        step = seen.frame.settings.get(self.setting)
        if not step:
            return unknown(seen.values)
        count = seen.values / step
        return doubt(np.abs(count - np.rint(count)) > self.tolerance)


class Doubtful(QualityTest):
    """The way of measuring is sound: all values are suspect where a setting of the member says that it is not."""

    test: Literal["doubtful"] = "doubtful"
    setting: Annotated[
        str, Field(description="setting of the member: 0 sound, else doubtful; without it not judged")
    ]
    category: ClassVar[str] = "value"

    def judge(self, seen: Seen) -> Probability:
        doubtful = seen.frame.settings.get(self.setting)
        return unknown(seen.values) if doubtful is None else doubt(np.full(len(seen.values), doubtful != 0))


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

    def judge(self, seen: Seen) -> Probability:
        p = unknown(seen.values)
        if len(seen.values) > 1:
            seconds = np.diff(seen.time_s)
            rate = np.abs(changes(seen.values, self.period)) / seconds
            p[1:] = falling(rate, self.limit_per_s, self.limit_fail_per_s, DOUBTFUL)
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

    def judge(self, seen: Seen) -> Probability:
        p = unknown(seen.values)
        if len(seen.values) > 2:
            change = changes(seen.values, self.period)
            here, after = change[:-1], change[1:]
            if self.method == "average":
                distance = np.abs(here - after) / 2
            else:
                distance = np.where(here * after < 0, np.minimum(np.abs(here), np.abs(after)), 0.0)
            p[1:-1] = falling(distance, self.t1, self.t2, DOUBTFUL)
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

    def judge(self, seen: Seen) -> Probability:
        p = ones(seen.values)
        pause_s = (self.suspect_s or self.window_s) / (self.min_points - 1)
        for duration_s, probability in ((self.suspect_s, DOUBTFUL), (self.window_s, 0.0)):
            if duration_s is not None:
                plateau = in_plateau(
                    seen.time_s, seen.values, duration_s, self.tolerance, pause_s, self.period
                )
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

    def judge(self, seen: Seen) -> Probability:
        ratio = seen.values / seen.frame.partner(self.other)[seen.rows]
        p = doubt(outside(ratio, self.limits))
        p[np.isnan(ratio)] = np.nan
        return p


class Partner(QualityTest):
    """Another series, on which this one depends, has not failed its own tests; suspect otherwise."""

    test: Literal["partner"] = "partner"
    other: Annotated[str, Field(description="series that must not have failed")]
    category: ClassVar[str] = "relation"

    def judge(self, seen: Seen) -> Probability:
        failed = seen.frame.failed.get(self.other)
        return unknown(seen.values) if failed is None else doubt(failed[seen.rows])


class Component(NamedTuple):
    """A test, as documentation shows it."""

    name: str
    description: str
    category: str
    parameters: dict[str, str]  # meaning and default of each


def catalogue() -> dict[str, Component]:
    """All tests and what they can be told, by name, read from their classes."""
    tests = (
        Component(
            name=test.model_fields["test"].default,
            description=(test.__doc__ or "").split("\n\n")[0],
            category=test.category,
            parameters={
                name: f"{field.description or name} "
                f"({'required' if field.is_required() else f'default {field.default}'})"
                for name, field in test.model_fields.items()
                if name not in QualityTest.model_fields
            },
        )
        for test in QualityTest.__subclasses__()
    )
    return {test.name: test for test in tests}
