"""Which tests a series gets, how their probabilities are combined and become flags: the configuration."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from skyledger.config import Model
from skyledger.quality.base import Limits, QualityTest, ascending
from skyledger.quality.catalogue import (
    Doubtful,
    FlatLine,
    Gap,
    GlobalMax,
    GlobalMin,
    Missing,
    MultipleOf,
    Partner,
    Range,
    RateOfChange,
    Ratio,
    Record,
    Spike,
    catalogue,
)
from skyledger.quality.course import DetectionLimit, LocalOutlier, Noise, TimeOrder
from skyledger.quality.frame import FAIL, GOOD, MISSING, SUSPECT, FlagArray, FloatArray
from skyledger.quality.relations import (
    AltitudePressure,
    Climatology,
    Consistency,
    Inherits,
    Speed,
    ThetaRises,
)
from skyledger.quality.runs import covered, runs
from skyledger.quality.surroundings import (
    CalibrationStep,
    Mode,
    PhaseWindow,
    StatusWord,
    WarmUp,
)

MAX_BITS = 63  # of a signed 64-bit mask


class ThreeBand(Model):
    """Good, suspect or failed."""

    type: Literal["three_band"] = "three_band"
    good: Annotated[float, Field(gt=0, le=1, description="good from this probability up")] = 0.9
    limited: Annotated[float, Field(gt=0, le=1, description="suspect from here up, failed below")] = 0.5

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.limited > self.good:
            raise ValueError(f"limited {self.limited:g} is above good {self.good:g}; expected it not to be")
        return self


class Binary(Model):
    """Good or failed."""

    type: Literal["binary"] = "binary"
    good: Annotated[float, Field(gt=0, le=1, description="good from this probability up, failed below")] = 0.5

    @property
    def limited(self) -> float:
        """Nothing is suspect."""
        return self.good


class MaxInvalidShare(Model):
    """When more than a share of the values has failed, all of them fail."""

    rule: Literal["max_invalid_share"] = "max_invalid_share"
    limit: Annotated[float, Field(ge=0, le=1, description="largest tolerable share")] = 0.2

    def apply(self, flag: FlagArray) -> FlagArray:
        """New flags."""
        present = flag != MISSING
        if np.count_nonzero(flag == FAIL) <= self.limit * np.count_nonzero(present):
            return flag
        return np.where(present, np.int8(FAIL), flag)


class Grow(Model):
    """Good values near a failed one are suspect."""

    rule: Literal["grow"] = "grow"
    n: Annotated[int, Field(ge=1, description="rows before and after")] = 1

    def apply(self, flag: FlagArray) -> FlagArray:
        """New flags."""
        failed = np.flatnonzero(flag == FAIL)
        first, end = np.maximum(failed - self.n, 0), np.minimum(failed + self.n + 1, len(flag))
        return np.where(covered(first, end, len(flag)) & (flag == GOOD), np.int8(SUSPECT), flag)


class MinSegment(Model):
    """Good values are suspect where only few stand between failed ones."""

    rule: Literal["min_segment"] = "min_segment"
    n: Annotated[int, Field(ge=1, description="so many are enough")] = 5

    def apply(self, flag: FlagArray) -> FlagArray:
        """New flags. Missing values neither count nor separate."""
        rows = np.flatnonzero(flag != MISSING)
        first, end = runs(flag[rows] != FAIL)
        few = (first > 0) & (end < len(rows)) & (end - first < self.n)
        few_rows = rows[covered(first[few], end[few], len(rows))]
        result = flag.copy()
        result[few_rows[flag[few_rows] == GOOD]] = SUSPECT
        return result


class Completeness(Model):
    """When too few of all rows are good, those are suspect."""

    rule: Literal["completeness"] = "completeness"
    min_share: Annotated[float, Field(gt=0, le=1, description="smallest sufficient share of good rows")] = 0.5

    def apply(self, flag: FlagArray) -> FlagArray:
        """New flags."""
        if np.count_nonzero(flag == GOOD) >= self.min_share * len(flag):
            return flag
        return np.where(flag == GOOD, np.int8(SUSPECT), flag)


def _kind(item: Any) -> str | None:
    """What a mapping of the file is: `sequence`, `group`, or the name of a test, rule or mapper."""
    for key in ("sequence", "group", "test", "rule", "type"):
        value = item.get(key) if isinstance(item, dict) else getattr(item, key, None)
        if value is not None:
            return key if key in {"sequence", "group"} else str(value)
    return None


def _one_of(expected: str) -> Discriminator:
    return Discriminator(_kind, custom_error_type="unknown_kind", custom_error_message=expected)


Mapper = Annotated[
    Annotated[ThreeBand, Tag("three_band")] | Annotated[Binary, Tag("binary")],
    _one_of("`type` three_band or binary"),
]
Rule = Annotated[
    Annotated[MaxInvalidShare, Tag("max_invalid_share")]
    | Annotated[Grow, Tag("grow")]
    | Annotated[MinSegment, Tag("min_segment")]
    | Annotated[Completeness, Tag("completeness")],
    _one_of("`rule` max_invalid_share, grow, min_segment or completeness"),
]
Measure = Annotated[
    Literal["minimum", "weighted_mean", "product", "worst_k"],
    Field(description="how probabilities become one; those that are missing are left out"),
]
WorstK = Annotated[int, Field(ge=1, description="for worst_k: mean of so many smallest probabilities")]


# The catalogue: a new test is one more line here
Item = Annotated[
    Annotated[Missing, Tag("missing")]
    | Annotated[Record, Tag("record")]
    | Annotated[Gap, Tag("gap")]
    | Annotated[Range, Tag("range")]
    | Annotated[GlobalMin, Tag("global_min")]
    | Annotated[GlobalMax, Tag("global_max")]
    | Annotated[MultipleOf, Tag("multiple_of")]
    | Annotated[Doubtful, Tag("doubtful")]
    | Annotated[RateOfChange, Tag("rate_of_change")]
    | Annotated[Spike, Tag("spike")]
    | Annotated[FlatLine, Tag("flat_line")]
    | Annotated[Ratio, Tag("ratio")]
    | Annotated[Partner, Tag("partner")]
    | Annotated[TimeOrder, Tag("time_order")]
    | Annotated[DetectionLimit, Tag("detection_limit")]
    | Annotated[LocalOutlier, Tag("local_outlier")]
    | Annotated[Noise, Tag("noise")]
    | Annotated[PhaseWindow, Tag("phase_window")]
    | Annotated[Mode, Tag("mode")]
    | Annotated[StatusWord, Tag("status_word")]
    | Annotated[WarmUp, Tag("warm_up")]
    | Annotated[CalibrationStep, Tag("calibration_step")]
    | Annotated[Consistency, Tag("consistency")]
    | Annotated[Inherits, Tag("inherits")]
    | Annotated[ThetaRises, Tag("theta_rises")]
    | Annotated[Speed, Tag("speed")]
    | Annotated[AltitudePressure, Tag("altitude_pressure")]
    | Annotated[Climatology, Tag("climatology")]
    | Annotated["Sequence", Tag("sequence")]
    | Annotated["SubGroup", Tag("group")],
    _one_of(f"`sequence`, `group` or `test`, one of {', '.join(catalogue())}"),
]


class Sequence(Model):
    """Tests in order: values that fail one are hidden from those after it. The smallest probability counts."""

    sequence: Annotated[tuple[Item, ...], Field(min_length=1)]
    weight: Annotated[int, Field(ge=1, description="in weighted_mean")] = 1


class SubGroup(Model):
    """Independent tests that count as one."""

    group: Annotated[tuple[Item, ...], Field(min_length=1)]
    measure: Measure = "minimum"
    worst: WorstK = 3
    weight: Annotated[int, Field(ge=1, description="in weighted_mean")] = 1


class Group(Model):
    """How one series is judged."""

    items: Annotated[tuple[Item, ...], Field(description="tests, sequences and groups")]
    measure: Measure = "minimum"
    worst: WorstK = 3
    mapper: Mapper = ThreeBand()
    rules: Annotated[tuple[Rule, ...], Field(description="applied to all flags, in order")] = ()
    clip: Annotated[
        Limits, Field(description="bounds for values that are used although they are beyond: see `clipped`")
    ] = (None, None)

    @field_validator("clip")
    @classmethod
    def _in_order(cls, limits: Limits) -> Limits:
        return ascending(limits)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of tests, then of rules: bit i of a mask is label i."""
        return (
            *(test.label for item in self.items for test in tests_of(item)),
            *(r.rule for r in self.rules),
        )

    def clipped(self, values: FloatArray, flag: FlagArray) -> FloatArray:
        """Values for statistics: what did not fail is moved into the bounds of `clip`. Flags are made before."""
        if self.clip == (None, None):
            return values
        return np.where(flag == FAIL, values, np.clip(values, *self.clip))


class Selection(Model):
    """Items that join those of all series with such a name."""

    name: Annotated[str, Field(description="part of the name; empty: any")] = ""
    not_contains: Annotated[str | None, Field(min_length=1, description="no part of the name")] = None
    items: Annotated[tuple[Item, ...], Field(min_length=1)]

    def selects(self, name: str) -> bool:
        """Whether a series is meant."""
        return self.name in name and (self.not_contains is None or self.not_contains not in name)


def _is_empty(value: tuple[Any, ...]) -> bool:
    """Left out where nothing is said: the digest of a configuration that is older than the key stays."""
    return not value


class QualityConfig(Model):
    """Which values of a network's series are believable."""

    name: Annotated[str, Field(min_length=1, description="of this set of tests")]
    version: Annotated[int, Field(ge=1, description="raised with every change of meaning")]
    description: Annotated[str, Field(description="for people")] = ""
    every_series: Annotated[tuple[Item, ...], Field(description="items that join those of each series")] = ()
    some_series: Annotated[
        tuple[Selection, ...],
        Field(description="items that join those of series chosen by name", exclude_if=_is_empty),
    ] = ()
    channels: Annotated[
        tuple[str, ...],
        Field(
            description="what tests may look at besides series, such as phase and mode", exclude_if=_is_empty
        ),
    ] = ()
    series: Annotated[dict[str, Group], Field(min_length=1, description="by name of the variable")]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name in self.series:
            group = self.group(name)
            doubled = {label for label in group.labels if group.labels.count(label) > 1}
            if doubled:
                raise ValueError(
                    f"series.{name}: several are called {', '.join(sorted(doubled))}; expected a `name` for each"
                )
            if len(group.labels) > MAX_BITS:
                raise ValueError(
                    f"series.{name}: {len(group.labels)} tests and rules; expected at most {MAX_BITS}"
                )
            known = (*self.series, *self.channels)
            unknown = {other for item in group.items for other in partners(item, name)} - set(known)
            if unknown:
                raise ValueError(
                    f"series.{name}: looks at {', '.join(sorted(unknown))}; expected one of {', '.join(known)}"
                )
        return self

    def group(self, name: str) -> Group:
        """How a series is judged, with the items that it shares (but none that compares a series with itself)."""
        group = self.series[name]
        chosen = (item for one in self.some_series if one.selects(name) for item in one.items)
        added = tuple(item for item in (*chosen, *self.every_series) if getattr(item, "other", None) != name)
        return group.model_copy(update={"items": (*group.items, *added)})


for _model in (Sequence, SubGroup, Group, Selection, QualityConfig):
    _model.model_rebuild()


def tests_of(item: Item) -> tuple[QualityTest, ...]:
    """The tests of an item, in order."""
    if isinstance(item, QualityTest):
        return (item,)
    members = item.sequence if isinstance(item, Sequence) else item.group
    return tuple(test for member in members for test in tests_of(member))


def partners(item: Item, name: str) -> set[str]:
    """Other series that an item looks at when it judges series `name`."""
    return {other for test in tests_of(item) for other in test.partners(name)}
