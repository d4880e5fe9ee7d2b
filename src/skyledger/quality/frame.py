"""What tests see: all series of one member on one time axis, and what is known of the place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skyledger.meteorology import solar_elevation_deg

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
FlagArray = NDArray[np.int8]
Probability = NDArray[np.float32]  # 1 valid, 0 invalid, NaN not judged
Rows = NDArray[np.intp] | slice

GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
SUN = "sun_elevation_deg"  # a name that conditions may use besides those of series

_SUN_STEP_S = 60.0


@dataclass(frozen=True)
class Frame:
    """The series of one member and span of time. All arrays have shape (n,); tests read them and change nothing."""

    time_s: FloatArray  # Unix seconds UTC, ascending
    series: Mapping[str, FloatArray]  # by variable, in working units; NaN is missing
    interval_s: float  # from row to row, as the source means to deliver
    channels: Mapping[str, FloatArray] = field(
        default_factory=dict
    )  # what tests look at but do not judge: phase of a flight, status word, mode, raw readings
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    settings: Mapping[str, float] = field(default_factory=dict)  # of the member: rain_resolution_mm, ...
    suspect: BoolArray | None = None  # rows that the reader doubts as a whole
    manual: Mapping[str, FlagArray] = field(default_factory=dict)  # flags set by people, 0 where none is
    # Filled by `evaluate` once every series has been judged on its own
    believed: Mapping[str, FloatArray] = field(default_factory=dict)  # NaN where own tests object
    failed: Mapping[str, BoolArray] = field(default_factory=dict)
    own: Mapping[str, Probability] = field(default_factory=dict)  # by their own tests alone
    _present: dict[str, Rows] = field(default_factory=dict, init=False, repr=False, compare=False)

    def present(self, name: str) -> Rows:
        """Rows in which the series has a value."""
        if name not in self._present:
            missing = np.isnan(self.series[name])
            self._present[name] = np.flatnonzero(~missing) if missing.any() else slice(None)
        return self._present[name]

    def partner(self, name: str) -> FloatArray:
        """Another series or channel; NaN where a series' own tests object, or when there is none of this name."""
        values = self.believed.get(name, self.series.get(name, self.channels.get(name)))
        return np.full(len(self.time_s), np.nan) if values is None else values

    @cached_property
    def sun_elevation_deg(self) -> FloatArray:
        """Height of the sun in every row; NaN where the position is not known.

        Linear between whole minutes where rows are denser: that adds an error of 0.002 degrees at most while the sun
        is less than 85 degrees high.
        """
        time_s = self.time_s
        if self.latitude_deg is None or self.longitude_deg is None or not len(time_s):
            return np.full(len(time_s), np.nan)
        nodes = time_s
        if (time_s[-1] - time_s[0]) / _SUN_STEP_S < len(time_s) / 2:
            nodes = np.arange(time_s[0], time_s[-1] + _SUN_STEP_S, _SUN_STEP_S)
        elevation = solar_elevation_deg(nodes, self.latitude_deg, self.longitude_deg)
        return elevation if nodes is time_s else np.interp(time_s, nodes, elevation)
