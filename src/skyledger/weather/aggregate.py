"""Rows become bins: the statistics of section "aggregation", on a grid that begins with the station's day.

For every zone whose offset is a multiple of the width that grid is the UTC grid. Bins are half-open: [start, end).
A sampled value belongs to the bin of its instant, an interval total or mean to the bin in which the interval lies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyledger import meteorology
from skyledger.weather.bins import BinnedVariable, Bins, FloatArray, IntArray
from skyledger.weather.clock import US
from skyledger.weather.stations import Period, Product
from skyledger.weather.units import to_canonical
from skyledger.weather.variables import (
    DIRECTION_SIGMA,
    EASTWARD_WIND,
    GUST,
    IRRIGATION,
    IRRIGATION_FLUX,
    NORTHWARD_WIND,
    RAIN,
    RAIN_RATE,
    RESULTANT_SPEED,
    STEADINESS,
    VARIABLES,
    WIND_DIRECTION,
    WIND_SPEED,
)

BoolArray = NDArray[np.bool_]

CALM_RESULTANT_M_S = 0.05  # below it the mean wind has no direction
CALM_STEADINESS = 0.01
SUSPECT_SHARE = 0.1  # a bin is suspect when the tests objected to more of its rows than this
KG_PER_M3 = 1000.0  # of water


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked rows of one day. Arrays have shape (n,)."""

    time_us: IntArray  # UTC, ascending
    values: Mapping[str, FloatArray]  # by variable, working units, NaN missing
    flags: Mapping[str, NDArray[np.int8]]  # by variable
    tests: Mapping[str, NDArray[np.int64]]  # by variable, bit mask
    interval: frozenset[str]  # variables that state the interval ending at the row's time
    primary_is_interval: bool  # whether a row as such counts for the interval before its time
    interval_s: int  # from row to row


def aggregate(rows: Rows, product: str, rule: Product, period: Period, start_us: int, end_us: int) -> Bins:
    """Make the bins of one day [start, end) in UTC microseconds. Only bins that hold rows exist."""
    grid = _Grid(rows, rule, start_us, end_us)
    binned: dict[str, BinnedVariable] = {}
    for name, values in rows.values.items():
        if name != WIND_DIRECTION:
            binned[name] = grid.statistic(name, values, rule)
    if WIND_DIRECTION in rows.values and WIND_SPEED in rows.values:
        binned |= grid.wind(rule, period)
    if GUST not in binned and WIND_SPEED in binned:
        binned[GUST] = _gust(binned[WIND_SPEED])
    for source, target, factor in (
        (RAIN, RAIN_RATE, 1.0 / rule.width_s),
        (IRRIGATION, IRRIGATION_FLUX, _irrigation_factor(period, rule.width_s)),
    ):
        if source in binned and factor is not None:
            binned[target] = _scaled(binned[source], factor)
    ordered = {name: binned[name] for name in VARIABLES if name in binned}
    return Bins(
        product=product,
        width_s=rule.width_s,
        start_s=grid.start_s,
        n_expected=grid.n_expected,
        n_rows=grid.n_rows,
        coverage=grid.n_rows / grid.n_expected,
        variables=ordered,
    )


class _Grid:
    """Which rows are in which bin, for sampled and for interval variables."""

    def __init__(self, rows: Rows, rule: Product, start_us: int, end_us: int) -> None:
        self.rows = rows
        self.n_expected = max(1, rule.width_s // rows.interval_s)
        width_us = rule.width_s * US
        # An interval that ends on an edge lies before it; any shift below the resolution of the clock will do
        self._bins = {
            shifted: _Assignment(
                (rows.time_us - shifted - start_us) // width_us, (end_us - start_us) // width_us
            )
            for shifted in (False, True)
        }
        kinds = {rows.primary_is_interval, *(name in rows.interval for name in rows.values)}
        found = np.unique(np.concatenate([self._bins[kind].occupied for kind in kinds]))
        self.numbers = found
        self.start_s = np.asarray((start_us + found * width_us) // US, dtype=np.int64)
        self.n_rows = self._spread(self._bins[rows.primary_is_interval].counts, rows.primary_is_interval, 0)

    def statistic(self, name: str, values: FloatArray, rule: Product) -> BinnedVariable:
        """Mean, sum or maximum of a variable, by its kind, with its companions."""
        variable = VARIABLES[name]
        shifted = name in self.rows.interval
        part = self._bins[shifted]
        usable = self._usable(name, values, rule)[part.rows]
        chosen = values[part.rows]
        n = part.total(usable)
        sums = part.total(np.where(usable, chosen, 0.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums / n
            deviation = np.where(usable, chosen - mean[part.position], 0.0)
            spread = np.sqrt(part.total(deviation * deviation) / (n - 1))
        smallest = part.smallest(np.where(usable, chosen, np.inf))
        largest = part.largest(np.where(usable, chosen, -np.inf))
        value = {"mean": mean, "sum": sums, "maximum": largest}[variable.statistic]
        flag, tests, enough = self._verdict(shifted, (name,), usable, n, rule)
        change = to_canonical(variable.working_unit)
        none = n == 0
        return BinnedVariable(
            value=self._spread(change(np.where(enough, value, np.nan)), shifted, np.nan),
            minimum=self._spread(change(np.where(none, np.nan, smallest)), shifted, np.nan),
            maximum=self._spread(change(np.where(none, np.nan, largest)), shifted, np.nan),
            standard_deviation=self._spread(np.where(n > 1, spread, np.nan) * change.scale, shifted, np.nan),
            n_valid=self._spread(n.astype(np.int64), shifted, 0),
            coverage=self._spread(n / self.n_expected, shifted, 0.0),
            flag=self._spread(flag, shifted, 9),
            tests=self._spread(tests, shifted, 0),
        )

    def wind(self, rule: Product, period: Period) -> dict[str, BinnedVariable]:
        """Means of the wind vector and what follows from them."""
        rows = self.rows
        speed, direction = rows.values[WIND_SPEED], rows.values[WIND_DIRECTION]
        shifted = WIND_SPEED in rows.interval
        part = self._bins[shifted]
        # A calm row is a wind of zero, whatever the vane says
        usable = self._usable(WIND_SPEED, speed, rule) & (
            self._usable(WIND_DIRECTION, direction, rule) | (speed == 0)
        )
        usable = usable[part.rows]
        s, d = speed[part.rows], direction[part.rows]
        u_rows, v_rows = meteorology.wind_components(s, d, period.wind_direction_convention)
        u_rows, v_rows = (np.where(usable, rows_, 0.0) for rows_ in (u_rows, v_rows))
        turning = usable & (s != 0)
        n, n_turning = part.total(usable), part.total(turning)
        with np.errstate(invalid="ignore", divide="ignore"):
            u, v = part.total(u_rows) / n, part.total(v_rows) / n
            scalar = part.total(np.where(usable, s, 0.0)) / n
            resultant = np.hypot(u, v)
            steadiness = resultant / scalar
            unit_u, unit_v = (
                part.total(np.where(turning, rows_ / s, 0.0)) / n_turning for rows_ in (u_rows, v_rows)
            )
            sigma = meteorology.yamartino_sigma_deg(unit_u, unit_v)
        undirected = ~((resultant >= CALM_RESULTANT_M_S) & (steadiness >= CALM_STEADINESS))
        towards = np.where(undirected, np.nan, meteorology.wind_direction_deg(u, v))
        flag, tests, enough = self._verdict(shifted, (WIND_SPEED, WIND_DIRECTION), usable, n, rule)
        values = {
            EASTWARD_WIND: u,
            NORTHWARD_WIND: v,
            RESULTANT_SPEED: resultant,
            STEADINESS: steadiness,
            WIND_DIRECTION: towards,
            DIRECTION_SIGMA: sigma,
        }
        nothing = np.full(len(self.numbers), np.nan)
        shared = {
            "n_valid": self._spread(n.astype(np.int64), shifted, 0),
            "coverage": self._spread(n / self.n_expected, shifted, 0.0),
            "tests": self._spread(tests, shifted, 0),
        }
        result = {}
        for name, value in values.items():
            shown = np.where(enough, value, np.nan)
            result[name] = BinnedVariable(
                value=self._spread(shown, shifted, np.nan),
                minimum=nothing,
                maximum=nothing,
                standard_deviation=nothing,
                flag=self._spread(np.where(np.isnan(shown), 9, flag).astype(np.int8), shifted, 9),
                **shared,
            )
        return result

    def _usable(self, name: str, values: FloatArray, rule: Product) -> BoolArray:
        flags = self.rows.flags[name]
        accepted = (flags == 1) | (flags == 2)
        if rule.use_suspect:
            accepted |= flags == 3
        return np.asarray(accepted & ~np.isnan(values))

    def _verdict(
        self, shifted: bool, names: tuple[str, ...], usable: BoolArray, n: IntArray, rule: Product
    ) -> tuple[NDArray[np.int8], NDArray[np.int64], BoolArray]:
        """Flag, tests that objected, and whether there is enough for a value, per occupied bin."""
        part = self._bins[shifted]
        objected = np.zeros(len(usable), dtype=bool)
        judged = np.zeros(len(usable), dtype=bool)
        mask = np.zeros(len(usable), dtype=np.int64)
        for name in names:
            flags = self.rows.flags[name][part.rows]
            objected |= (flags == 3) | (flags == 4)
            judged |= flags != 2
            mask |= self.rows.tests[name][part.rows]
        enough = (n > 0) & (n / self.n_expected >= rule.min_coverage)
        suspect = part.total(objected & usable) > 0
        suspect |= part.total(objected) > SUSPECT_SHARE * part.counts
        flag = np.where(suspect, 3, np.where(part.total(judged) > 0, 1, 2))
        return np.where(enough, flag, 9).astype(np.int8), part.union(mask), enough

    def _spread(self, values: NDArray, shifted: bool, empty: float) -> NDArray:  # type: ignore[type-arg]
        """Values of the occupied bins of one kind, on all bins that exist."""
        occupied = self._bins[shifted].occupied
        if len(occupied) == len(self.numbers):
            return values
        result = np.full(len(self.numbers), empty, dtype=values.dtype)
        kept = np.isin(occupied, self.numbers, assume_unique=True)
        result[np.searchsorted(self.numbers, occupied[kept])] = values[kept]
        return result


class _Assignment:
    """Rows in ascending order cut into bins."""

    def __init__(self, number: IntArray, n_bins: int) -> None:
        first, last = np.searchsorted(number, (0, n_bins))
        self.rows = slice(int(first), int(last))
        inside = number[self.rows]
        starts = np.flatnonzero(np.diff(inside, prepend=-1))
        self._starts = starts
        self.occupied = inside[starts]
        self.counts = np.diff(starts, append=len(inside))
        self.position = np.repeat(np.arange(len(starts)), self.counts)

    def total(self, values: NDArray) -> NDArray:  # type: ignore[type-arg]
        """Sum per bin."""
        if values.dtype == bool:
            values = values.astype(np.int64)
        return np.asarray(np.add.reduceat(values, self._starts)) if len(self._starts) else values[:0]

    def smallest(self, values: FloatArray) -> FloatArray:
        """Minimum per bin."""
        return np.asarray(np.minimum.reduceat(values, self._starts)) if len(self._starts) else values[:0]

    def largest(self, values: FloatArray) -> FloatArray:
        """Maximum per bin."""
        return np.asarray(np.maximum.reduceat(values, self._starts)) if len(self._starts) else values[:0]

    def union(self, masks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bits that any row of the bin has."""
        return np.asarray(np.bitwise_or.reduceat(masks, self._starts)) if len(self._starts) else masks[:0]


def _gust(speed: BinnedVariable) -> BinnedVariable:
    """The largest speed of the rows, where the logger does not state a gust of its own."""
    nothing = np.full(len(speed.value), np.nan)
    return BinnedVariable(
        value=np.where(np.isnan(speed.value), np.nan, speed.maximum),
        minimum=nothing,
        maximum=nothing,
        standard_deviation=nothing,
        n_valid=speed.n_valid,
        coverage=speed.coverage,
        flag=speed.flag,
        tests=speed.tests,
    )


def _scaled(source: BinnedVariable, factor: float) -> BinnedVariable:
    nothing = np.full(len(source.value), np.nan)
    return BinnedVariable(
        value=source.value * factor,
        minimum=nothing,
        maximum=nothing,
        standard_deviation=nothing,
        n_valid=source.n_valid,
        coverage=source.coverage,
        flag=source.flag,
        tests=source.tests,
    )


def _irrigation_factor(period: Period, width_s: int) -> float | None:
    """Flux [kg m-2 s-1] of a volume [m3] in a bin; None where the watered area is not known."""
    return KG_PER_M3 / (period.irrigated_area_m2 * width_s) if period.irrigated_area_m2 else None
