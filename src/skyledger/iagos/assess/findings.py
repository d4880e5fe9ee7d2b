"""What quality control says of a flight."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skyledger.iagos.flags import Validity, to_engine
from skyledger.iagos.flight import FlagArray, FlightData, FloatArray, Series
from skyledger.quality import QualityConfig
from skyledger.quality.engine import Interval

MANUAL = "manual"  # among test names: flags set by people


class ManualFlag(NamedTuple):
    """A flag that a person set over an interval; both ends belong to it."""

    variable: str
    start: datetime  # UTC
    end: datetime
    validity: Validity  # good, limited, erroneous; not validated: back to what the tests say
    reason: str
    person: str  # login
    at: datetime  # when it was set (UTC)


@dataclass(frozen=True, slots=True)
class ManualFlags:
    """All flags that people set for a flight, in the order in which they were set: later ones replace earlier ones."""

    flags: tuple[ManualFlag, ...] = ()

    def of_variable(self, variable: str, time_s: FloatArray) -> FlagArray:
        """Flags of the quality engine, (n,); 0 where nobody said anything."""
        by_hand = np.zeros(len(time_s), dtype=np.int8)
        for flag in self.flags:
            if flag.variable == variable:
                inside = (time_s >= flag.start.timestamp()) & (time_s <= flag.end.timestamp())
                lifted = flag.validity is Validity.NOT_VALIDATED
                by_hand[inside] = 0 if lifted else to_engine(flag.validity)
        return by_hand

    def digest_parts(self) -> list[list[str]]:
        """What counts of them: not who and why."""
        return [
            [flag.variable, flag.start.isoformat(), flag.end.isoformat(), str(int(flag.validity))]
            for flag in self.flags
        ]


@dataclass(frozen=True, slots=True)
class Statistics:
    """One variable in numbers. Extremes and times are of good values, None when there are none."""

    n: int  # rows
    counts: Mapping[Validity, int]  # of each validity, also of those that do not occur
    minimum: float | None
    median: float | None
    maximum: float | None
    first_good_s: float | None  # Unix seconds UTC
    last_good_s: float | None

    @classmethod
    def of(cls, series: Series, time_s: FloatArray) -> Self:
        """Count one series."""
        found = np.bincount(series.validity, minlength=max(Validity) + 1)
        good = series.validity == Validity.GOOD
        values, times = series.value[good], time_s[good]
        known = len(values) > 0
        return cls(
            n=len(time_s),
            counts={validity: int(found[validity]) for validity in Validity},
            minimum=float(values.min()) if known else None,
            median=float(np.median(values)) if known else None,
            maximum=float(values.max()) if known else None,
            first_good_s=float(times[0]) if known else None,
            last_good_s=float(times[-1]) if known else None,
        )

    def share(self, *validities: Validity) -> float:
        """Part of all rows that has one of these validities, 0 to 1; 0 when there are no rows."""
        return sum(self.counts[validity] for validity in validities) / self.n if self.n else 0.0

    @property
    def availability(self) -> float:
        """Part of all rows that can be used: good or limited, 0 to 1."""
        return self.share(Validity.GOOD, Validity.LIMITED)


@dataclass(frozen=True, slots=True)
class TestFinding:
    """What one test, or one rule, says of one variable."""

    __test__ = False  # not for pytest

    test: str  # label; `manual` for flags set by people
    critical: bool
    suspect: int  # rows doubted
    fail: int  # rows refused
    intervals: tuple[
        Interval, ...
    ] = ()  # Unix seconds of first and last row, rows; ascending, the longest ones
    intervals_left_out: int = 0
    worst_value: float | None = (
        None  # the value it objects to most; None for rules, and when it objects to none
    )
    worst_at_s: float | None = None
    planned: bool = (
        False  # it objects where the instrument was not to measure: on the ground, while it checks itself
    )

    @property
    def objected(self) -> int:
        """Rows it objects to."""
        return self.suspect + self.fail


@dataclass(frozen=True, slots=True)
class VariableAssessment:
    """What is thought of one variable. Arrays have shape (n,)."""

    validity: FlagArray
    probability: NDArray[np.float32]  # combined, 0 invalid to 1 valid; NaN where missing or not judged
    tests: NDArray[np.int64]  # bit i: test or rule i of `test_names` objected
    test_names: tuple[str, ...]
    findings: tuple[TestFinding, ...]  # in the order of `test_names`, then `manual` when people set flags
    statistics: Statistics

    @property
    def critical_failures(self) -> tuple[TestFinding, ...]:
        """Critical tests that refused values which were to be measured."""
        return tuple(one for one in self.findings if one.critical and one.fail and not one.planned)


@dataclass(frozen=True)
class Assessment:
    """The verdict on a flight."""

    data: FlightData  # with validity, and `quality` in the provenance
    config: QualityConfig
    config_digest: str
    manual: ManualFlags
    input_digest: str  # of data without validity, configuration, and flags set by people
    variables: Mapping[str, VariableAssessment]  # in the order of the data

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that was found: equal for equal input."""
        sha = hashlib.sha256(self.input_digest.encode())
        for name, one in self.variables.items():
            told = [name, one.test_names, [asdict(finding) for finding in one.findings]]
            sha.update(json.dumps(told, sort_keys=True).encode())
            for array in (one.validity, one.probability, one.tests):
                sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()


def moment(time_s: float) -> datetime:
    """UTC time of Unix seconds."""
    return datetime.fromtimestamp(time_s, UTC)
