"""Tests of the course of a series: order in time, outliers among neighbours, noise. See catalogue.py for the others."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, model_validator

from skyledger.quality.base import (
    DOUBTFUL,
    QualityTest,
    Seen,
    ascending,
    falling,
    ones,
    unknown,
)
from skyledger.quality.frame import FloatArray, Probability

_BELOW_DETECTION = 0.7  # limited by any usual mapper, yet no failure
_NORMAL = 0.6745  # median absolute deviation of a normal distribution, in standard deviations
_FEWEST = 3  # values that have a standard deviation worth the name


class TimeOrder(QualityTest):
    """The row is later than all before it. A step longer than `max_step_s` is suspect."""

    test: Literal["time_order"] = "time_order"
    max_step_s: Annotated[float | None, Field(gt=0, description="longest usual step")] = None
    allow_equal: Annotated[bool, Field(description="whether two rows may have one time")] = False
    category: ClassVar[str] = "presence"

    def judge(self, seen: Seen) -> Probability:
        p = ones(seen.values)
        time_s = seen.time_s
        latest = np.maximum.accumulate(time_s)[:-1]
        if self.max_step_s is not None:
            p[1:][time_s[1:] - latest > self.max_step_s] = DOUBTFUL
        p[1:][(time_s[1:] < latest) if self.allow_equal else (time_s[1:] <= latest)] = 0.0
        return p


class DetectionLimit(QualityTest):
    """The value is large enough to be told from nothing: limited below, at a probability of 0.7."""

    test: Literal["detection_limit"] = "detection_limit"
    limit: float
    category: ClassVar[str] = "value"

    def judge(self, seen: Seen) -> Probability:
        return np.where(seen.values < self.limit, np.float32(_BELOW_DETECTION), np.float32(1.0))


class LocalOutlier(QualityTest):
    """The value is close to the median of its neighbours (Hampel): 1 up to k robust deviations, 0 from 2 k up.

    z = 0.6745 |x - median| / MAD over a window of rows that have a value. At the ends the first and the last window
    count for all rows that they hold.
    """

    test: Literal["local_outlier"] = "local_outlier"
    window: Annotated[int, Field(ge=3, description="rows, the middle one included")] = 11
    k: Annotated[float, Field(gt=0, description="deviations that are usual")] = 3.5
    min_mad: Annotated[float, Field(ge=0, description="smallest MAD: what noise there always is")] = 0.0
    category: ClassVar[str] = "course"

    def judge(self, seen: Seen) -> Probability:
        n = len(seen.values)
        if n < self.window:
            return unknown(seen.values)
        windows = sliding_window_view(seen.values, self.window)
        median = np.median(windows, axis=1)
        mad = np.median(np.abs(windows - median[:, None]), axis=1)
        of_row = np.clip(np.arange(n) - self.window // 2, 0, n - self.window)
        deviation = np.abs(seen.values - median[of_row])
        z = _NORMAL * deviation / np.maximum(mad[of_row], self.min_mad)
        z[deviation == 0] = 0.0
        p = 1.0 - np.clip((z - self.k) / self.k, 0.0, 1.0)
        p[~np.isfinite(seen.values)] = 0.0
        return np.asarray(p, dtype=np.float32)


class Noise(QualityTest):
    """The values scatter neither too much nor too little within some seconds around each.

    Of the standard deviation: 1 within the limits, 0 from the fail limits on, linear between; suspect beyond a limit
    that has no fail limit.
    """

    test: Literal["noise"] = "noise"
    window_s: Annotated[float, Field(gt=0, description="seconds, the value in the middle")] = 60.0
    max_std: Annotated[float | None, Field(gt=0, description="largest usual standard deviation")] = None
    max_std_fail: Annotated[float | None, Field(gt=0, description="one that cannot be")] = None
    min_std: Annotated[float | None, Field(gt=0, description="smallest usual standard deviation")] = None
    min_std_fail: Annotated[float | None, Field(ge=0, description="one that cannot be")] = None
    category: ClassVar[str] = "course"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_std is self.min_std is None:
            raise ValueError("noise without limits; expected max_std, min_std or both")
        ascending((self.min_std, self.max_std), "min_std, max_std")
        ascending((self.max_std, self.max_std_fail), "max_std, max_std_fail")
        ascending((self.min_std_fail, self.min_std), "min_std_fail, min_std")
        return self

    def judge(self, seen: Seen) -> Probability:
        std = _rolling_std(seen.time_s, seen.values, self.window_s / 2)
        p = ones(std)
        if self.max_std is not None:
            p = np.fmin(p, falling(std, self.max_std, self.max_std_fail, DOUBTFUL))
        if self.min_std is not None:
            least = None if self.min_std_fail is None else -self.min_std_fail
            p = np.fmin(p, falling(-std, -self.min_std, least, DOUBTFUL))
        p[np.isnan(std)] = np.nan
        return p


def _rolling_std(time_s: FloatArray, values: FloatArray, half_s: float) -> FloatArray:
    """Standard deviation of the finite values within `half_s` of each row; NaN where there are too few."""
    finite = np.isfinite(values)
    rows = np.flatnonzero(finite)
    kept = values[rows] - (
        values[rows].mean() if len(rows) else 0.0
    )  # else small differences of large squares
    sums, squares = (np.concatenate([[0.0], np.cumsum(x)]) for x in (kept, kept**2))
    first = np.searchsorted(time_s[rows], time_s - half_s)
    end = np.searchsorted(time_s[rows], time_s + half_s, side="right")
    count = (end - first).astype(np.float64)
    few = (count < _FEWEST) | ~finite
    count[few] = np.nan
    mean = (sums[end] - sums[first]) / count
    variance = (squares[end] - squares[first]) / count - mean**2
    return np.asarray(np.sqrt(np.maximum(variance, 0.0) * count / (count - 1)))
