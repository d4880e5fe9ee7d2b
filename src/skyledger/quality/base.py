"""What all tests have in common: parameters, conditions, and which rows they judge.

A test is a pydantic model: its fields are its declared parameters, validation is its check of itself. It judges only
rows that have a value and in which its conditions (`when`) hold; a probability is NaN where a test cannot tell.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from skyledger.config import Model
from skyledger.quality.frame import SUN, BoolArray, FloatArray, Frame, Probability, Rows

DOUBTFUL = 0.5  # suspect by any usual mapper
Limits = tuple[FiniteFloat | None, FiniteFloat | None]


class Seen(NamedTuple):
    """What a test judges: rows with a value, in which its conditions hold. Arrays have shape (k,)."""

    frame: Frame
    rows: Rows  # places of these rows in the frame
    time_s: FloatArray
    values: FloatArray


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
    of: Annotated[
        str | None,
        Field(
            description="channel or series whose values are looked at instead: the raw reading, or what disturbs it",
            exclude_if=lambda value: value is None,  # digests of configurations that are older than it stay
        ),
    ] = None

    category: ClassVar[str]
    planned: ClassVar[bool] = False  # it objects where the instrument was not to measure: that is no failure

    @property
    def label(self) -> str:
        """Name in masks and reports."""
        return self.name or self.test

    def partners(self, name: str) -> set[str]:
        """Other series and channels that the test looks at when it judges series `name`."""
        others = {condition.of for condition in self.when} | self.looks_at()
        return (others if self.of is None else others | {self.of}) - {name, SUN}

    def looks_at(self) -> set[str]:
        """Series and channels that the test itself looks at, which may include the tested one."""
        other = getattr(self, "other", None)
        return set() if other is None else {other}

    def probability(self, frame: Frame, name: str) -> Probability:
        """Probability of each value of a series to be valid, (n,). NaN where missing or not judged."""
        rows, values = frame.present(name), frame.series[name]
        if self.of is not None:
            values = frame.partner(self.of)
        if self.when or self.of is not None:
            judged = np.zeros(len(frame.time_s), dtype=bool)
            judged[rows] = True
            judged &= ~np.isnan(values)
            for condition in self.when:
                judged &= condition.holds(frame, name)
            rows = np.flatnonzero(judged)
        probability = np.full(len(frame.time_s), np.nan, dtype=np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):  # steps of no time, infinite values
            probability[rows] = self.judge(Seen(frame, rows, frame.time_s[rows], values[rows]))
        return probability

    @abstractmethod
    def judge(self, seen: Seen) -> Probability:
        """Probability of each of the values, (k,)."""


def ones(values: FloatArray) -> Probability:
    """All are valid."""
    return np.ones(len(values), dtype=np.float32)


def unknown(values: FloatArray) -> Probability:
    """Nothing can be said."""
    return np.full(len(values), np.nan, dtype=np.float32)


def doubt(suspect: BoolArray) -> Probability:
    """Valid where not suspect."""
    return np.where(suspect, np.float32(DOUBTFUL), np.float32(1.0))


def falling(values: FloatArray, whole: float, none: float | None, beyond: float) -> Probability:
    """1 up to `whole`, 0 from `none` up, linear between; without `none` it is `beyond` above `whole`."""
    if none is None:
        p = ones(values)
        p[values > whole] = beyond
        return p
    return np.asarray(np.clip((none - values) / (none - whole), 0.0, 1.0), dtype=np.float32)


def outside(values: FloatArray, limits: Limits) -> BoolArray:
    """Which values lie beyond the limits; NaN does not."""
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
