"""Tests of a series beside others: agreement, dependence, laws of the atmosphere, movement, climatology."""

from bisect import bisect
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from skyledger.config import Model
from skyledger.meteorology import great_circle_m, potential_temperature_k, pressure_altitude_m
from skyledger.quality.base import (
    DOUBTFUL,
    Limits,
    QualityTest,
    Seen,
    ascending,
    doubt,
    falling,
    outside,
    unknown,
)
from skyledger.quality.frame import FloatArray, Probability

_UNUSUAL = 0.6  # outside of a climatology: limited, for the unusual happens


class Consistency(QualityTest):
    """Two measurements of one quantity agree: 1 up to the largest usual difference, 0 from the fail limit up."""

    test: Literal["consistency"] = "consistency"
    other: Annotated[str, Field(description="second measurement")]
    max_difference: Annotated[float, Field(gt=0, description="largest usual difference")]
    fail_difference: Annotated[
        float | None, Field(gt=0, description="one that cannot be; none: suspect above max_difference")
    ] = None
    category: ClassVar[str] = "relation"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.max_difference, self.fail_difference), "max_difference, fail_difference")
        return self

    def judge(self, seen: Seen) -> Probability:
        difference = np.abs(seen.values - seen.frame.partner(self.other)[seen.rows])
        return _ramp(difference, self.max_difference, self.fail_difference)


class Inherits(QualityTest):
    """The series that this one was computed from are sound: it is no better than the worst of them is by itself."""

    test: Literal["inherits"] = "inherits"
    others: Annotated[tuple[str, ...], Field(min_length=1, description="series it was computed from")]
    category: ClassVar[str] = "relation"

    def looks_at(self) -> set[str]:
        return set(self.others)

    def judge(self, seen: Seen) -> Probability:
        p = unknown(seen.values)
        for other in self.others:
            if other in seen.frame.own:
                p = np.fmin(p, seen.frame.own[other][seen.rows])
        return p


class ThetaRises(QualityTest):
    """Potential temperature does not fall with height: a fall is suspect, unless `fail_k` says what cannot be.

    A row is compared with the one `over_s` seconds before, where their heights are `span_m` or more apart and both
    are above `above_m`.
    """

    test: Literal["theta_rises"] = "theta_rises"
    pressure: Annotated[str, Field(description="series in Pa")]
    height: Annotated[str, Field(description="series in m")]
    above_m: Annotated[float, Field(description="height below which air may be turned over")] = 8000.0
    over_s: Annotated[float, Field(gt=0, description="seconds between two rows that are compared")] = 60.0
    span_m: Annotated[float, Field(gt=0, description="smallest difference of heights that tells")] = 300.0
    tolerance_k: Annotated[float, Field(ge=0, description="fall that may be")] = 2.0
    fail_k: Annotated[float | None, Field(gt=0, description="fall that cannot be")] = None
    category: ClassVar[str] = "relation"

    def looks_at(self) -> set[str]:
        return {self.pressure, self.height}

    def judge(self, seen: Seen) -> Probability:
        height = seen.frame.partner(self.height)[seen.rows]
        theta = potential_temperature_k(seen.values, seen.frame.partner(self.pressure)[seen.rows])
        before = np.searchsorted(seen.time_s, seen.time_s - self.over_s, side="right") - 1
        earlier = np.maximum(before, 0)
        rise = height - height[earlier]
        fall = -(theta - theta[earlier]) * np.sign(rise)
        told = (before >= 0) & (np.abs(rise) >= self.span_m)
        told &= np.minimum(height, height[earlier]) >= self.above_m
        return _ramp(np.where(told, fall, np.nan), self.tolerance_k, self.fail_k)


class Speed(QualityTest):
    """The position can be reached from the others at a possible speed: 0 above `fail_m_s`, suspect above `suspect_m_s`.

    Of the spans between impossible steps the longest is believed, and then, by length, every span that can be reached
    from those before and after it that are believed. So it is the outlying rows that fail, and not those after them.
    Both coordinates are tested.
    """

    test: Literal["speed"] = "speed"
    latitude: Annotated[str, Field(description="series in degrees north")]
    longitude: Annotated[str, Field(description="series in degrees east")]
    suspect_m_s: Annotated[float, Field(gt=0, description="fastest usual speed")] = 300.0
    fail_m_s: Annotated[float, Field(gt=0, description="speed that cannot be")] = 350.0
    category: ClassVar[str] = "relation"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.suspect_m_s, self.fail_m_s), "suspect_m_s, fail_m_s")
        return self

    def looks_at(self) -> set[str]:
        return {self.latitude, self.longitude}

    def judge(self, seen: Seen) -> Probability:
        p = unknown(seen.values)
        latitude = seen.frame.partner(self.latitude)[seen.rows]
        longitude = seen.frame.partner(self.longitude)[seen.rows]
        rows = np.flatnonzero(np.isfinite(latitude) & np.isfinite(longitude))
        if len(rows) > 1:
            p[rows] = self._reachable(seen.time_s[rows], latitude[rows], longitude[rows])
        return p

    def _reachable(self, time_s: FloatArray, latitude: FloatArray, longitude: FloatArray) -> Probability:
        def speed(start: int, to: int) -> float:
            metres = great_circle_m(latitude[start], longitude[start], latitude[to], longitude[to])
            return float(metres / (time_s[to] - time_s[start])) if metres else 0.0

        steps = great_circle_m(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
        speeds = np.where(steps == 0, 0.0, steps / np.diff(time_s))
        broken = speeds > self.fail_m_s
        # a row that is off by little may still be in reach of one side: both ends of a broken step stand for themselves
        cut = np.flatnonzero(broken | np.append(broken[1:], False) | np.append(False, broken[:-1]))
        first, last = np.append(0, cut + 1), np.append(cut, len(time_s) - 1)
        p = np.zeros(len(time_s), dtype=np.float32)
        believed: list[int] = []  # spans, ascending
        for span in np.argsort(first - last, kind="stable").tolist():
            place = bisect(believed, span)
            before, after = believed[:place][-1:], believed[place:][:1]
            steps_to_believed = [(last[i], first[span]) for i in before] + [
                (last[span], first[i]) for i in after
            ]
            if all(speed(*step) <= self.fail_m_s for step in steps_to_believed):
                believed.insert(place, span)
                p[first[span] : last[span] + 1] = 1.0
        hurried = np.append(False, (speeds > self.suspect_m_s) & (speeds <= self.fail_m_s))
        return np.fmin(p, doubt(hurried))


class AltitudePressure(QualityTest):
    """The height is that of the standard atmosphere at this pressure: 1 up to a usual difference, 0 far from it."""

    test: Literal["altitude_pressure"] = "altitude_pressure"
    other: Annotated[str, Field(description="pressure in Pa")]
    max_difference_m: Annotated[float, Field(gt=0, description="largest usual difference")] = 150.0
    fail_difference_m: Annotated[float, Field(gt=0, description="difference that cannot be")] = 400.0
    category: ClassVar[str] = "relation"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ascending((self.max_difference_m, self.fail_difference_m), "max_difference_m, fail_difference_m")
        return self

    def judge(self, seen: Seen) -> Probability:
        expected = pressure_altitude_m(seen.frame.partner(self.other)[seen.rows])
        return _ramp(np.abs(seen.values - expected), self.max_difference_m, self.fail_difference_m)


class Cell(Model):
    """A part of the atmosphere and what is usual there."""

    months: Annotated[tuple[int, ...], Field(description="1 to 12; none: all")] = ()
    latitude: Annotated[Limits, Field(description="degrees north")] = (None, None)
    height_m: Annotated[Limits, Field(description="above the tropopause, if the test has one")] = (None, None)
    usual: Annotated[Limits, Field(description="smallest and largest usual value: quantiles 0.1 and 99.9 %")]

    @field_validator("latitude", "height_m", "usual")
    @classmethod
    def _in_order(cls, limits: Limits) -> Limits:
        return ascending(limits)


class Climatology(QualityTest):
    """The value is usual for the month, the latitude and the height: 0.6 outside. Not judged outside of all cells."""

    test: Literal["climatology"] = "climatology"
    latitude: Annotated[str, Field(description="series in degrees north")]
    height: Annotated[str, Field(description="series in m")]
    tropopause: Annotated[
        tuple[tuple[float, float], ...],
        Field(description="degrees from the equator and height in m, ascending; none: heights are absolute"),
    ] = ()
    cells: Annotated[tuple[Cell, ...], Field(min_length=1)]
    category: ClassVar[str] = "relation"

    def looks_at(self) -> set[str]:
        return {self.latitude, self.height}

    def judge(self, seen: Seen) -> Probability:
        latitude = seen.frame.partner(self.latitude)[seen.rows]
        height = seen.frame.partner(self.height)[seen.rows]
        if self.tropopause:
            height = height - np.interp(np.abs(latitude), *np.transpose(self.tropopause))
        month = seen.time_s.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1
        placed = ~np.isnan(latitude) & ~np.isnan(height)
        p = unknown(seen.values)
        for cell in self.cells:
            inside = placed & ~outside(latitude, cell.latitude) & ~outside(height, cell.height_m)
            if cell.months:
                inside &= np.isin(month, cell.months)
            unusual = outside(seen.values[inside], cell.usual)
            p[inside] = np.where(unusual, np.float32(_UNUSUAL), np.float32(1.0))
        return p


def _ramp(difference: FloatArray, usual: float, none: float | None) -> Probability:
    """Falling probability of differences; NaN where there is none."""
    p = falling(difference, usual, none, DOUBTFUL)
    p[np.isnan(difference)] = np.nan
    return p
