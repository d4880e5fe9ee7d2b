"""Bins: what a product says of each span of time on the UTC grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BinnedVariable:
    """One variable in every bin, in its canonical unit. All arrays have shape (b,)."""

    value: FloatArray  # NaN: not published, `flag` 9
    minimum: FloatArray  # NaN where the statistic has none, as for derived variables
    maximum: FloatArray
    standard_deviation: FloatArray  # of the sample (n - 1)
    n_valid: IntArray  # rows that entered the value
    coverage: FloatArray  # n_valid by expected rows, 0 to 1
    flag: NDArray[np.int8]  # 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing
    tests: NDArray[
        np.int64
    ]  # bit mask of the tests that objected to rows of the bin: see quality `test_names`


@dataclass(frozen=True, slots=True)
class Bins:
    """A product of one station and day. Only bins with rows exist; they are ascending and do not overlap."""

    product: str  # bins_300s
    width_s: int
    start_s: IntArray  # (b,) Unix seconds, on the grid
    n_expected: int  # rows in a full bin
    n_rows: IntArray  # (b,) rows found, good or bad
    coverage: FloatArray  # (b,) n_rows by n_expected
    variables: dict[str, BinnedVariable]  # by names of skyledger.weather.variables

    def __len__(self) -> int:
        return len(self.start_s)
