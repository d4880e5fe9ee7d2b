"""Our tests beside those of ioos_qc, on random series. Where we differ on purpose, a test says how.

ioos_qc answers with flags 1, 3, 4, 2 (cannot tell) and 9 (missing); ours answer with probabilities.
"""

from typing import Any

import numpy as np
import pytest
from ioos_qc import qartod
from numpy.typing import NDArray

from skyledger.quality.catalogue import FlatLine, Range, RateOfChange, Spike
from skyledger.quality.runs import in_plateau
from tests.support.quality import START_S, frame, judged, probabilities

SEEDS = range(5)
N = 2_000
FloatArray = NDArray[np.float64]
Flags = NDArray[np.int64]


def walk(seed: int, missing: float = 0.05) -> FloatArray:
    """A series with steps, spikes and missing values, in steps of 0.01."""
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(0, 0.3, N)) + 20 + (rng.random(N) < 0.03) * rng.normal(0, 15, N)
    values[rng.random(N) < missing] = np.nan
    return np.round(values, 2)


def sticky(seed: int) -> FloatArray:
    """A series that often stands still or creeps, in steps of 0.01; nothing is missing."""
    rng = np.random.default_rng(seed)
    change = rng.normal(0, 1, N) * (rng.random(N) < 0.1)
    change[600:900] = 0.01  # creeps
    change[1200:1500] = 0.0  # stands
    return np.round(np.cumsum(np.round(change, 2)), 2)


def as_flags(p: NDArray[np.float32], values: FloatArray) -> Flags:
    """Suspect where less than certain, fail where impossible: in which way ioos_qc reads its two thresholds."""
    flags = np.select([np.isnan(values), np.isnan(p), p == 0, p < 1], [9, 2, 4, 3], 1)
    return flags.astype(np.int64)


@pytest.mark.parametrize("seed", SEEDS)
def test_range_agrees_everywhere(seed: int) -> None:
    values = walk(seed)
    ours = Range(fail=(0, 40), suspect=(10, 30)).probability(frame(values), "x")
    theirs = np.asarray(qartod.gross_range_test(values, (0, 40), (10, 30)))
    assert set(theirs) == {1, 3, 4, 9}
    np.testing.assert_array_equal(as_flags(ours, values), theirs)


@pytest.mark.parametrize("method", ["average", "differential"])
@pytest.mark.parametrize("seed", SEEDS)
def test_spike_agrees_except_beside_missing_values(seed: int, method: str) -> None:
    values = walk(seed)
    ours = as_flags(Spike(t1=2, t2=8, method=method).probability(frame(values), "x"), values)
    theirs = np.asarray(qartod.spike_test(values, 2, 8, method))
    missing = np.isnan(values)
    beside = np.zeros(N, dtype=bool)
    beside[1:-1] = (missing[:-2] | missing[2:]) & ~missing[1:-1]
    assert {1, 3, 4} <= set(theirs)
    np.testing.assert_array_equal(ours[~beside], theirs[~beside])
    # ioos_qc cannot tell; we compare with the nearest values that are there
    assert set(theirs[beside]) == {2}
    assert 2 not in ours[1:-1][beside[1:-1]]


def test_average_marks_the_neighbours_of_a_spike_in_both_so_differential_is_our_default() -> None:
    values = np.array([0.0, 0, 0, 9, 0, 0, 0])
    theirs = qartod.spike_test(values, 2, 100, "average").tolist()
    assert theirs == [2, 1, 3, 3, 3, 1, 2]
    assert probabilities(Spike(t1=2, method="average"), values) == [None, 1, 0.5, 0.5, 0.5, 1, None]
    assert probabilities(Spike(t1=2), values) == [None, 1, 1, 0.5, 1, 1, None]


def test_between_both_thresholds_we_have_a_ramp_where_theirs_is_one_step() -> None:
    values = [0.0, 0.0, 4.0, 0.0, 0.0, 7.4, 0.0]
    assert qartod.spike_test(values, 2, 8, "differential").tolist() == [2, 1, 3, 1, 1, 3, 2]
    assert probabilities(Spike(t1=2, t2=8), values) == [None, 1, pytest.approx(4 / 6), 1, 1, 0.1, None]


@pytest.mark.parametrize("seed", SEEDS)
def test_rate_of_change_agrees_where_the_value_before_is_there(seed: int) -> None:
    values = walk(seed)
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(rng.integers(1, 9, N))
    test = RateOfChange(limit_per_s=0.5003, limit_fail_per_s=2.0003)  # between possible rates
    ours = as_flags(test.probability(frame(values, time_s=time_s), "x"), values)
    theirs = np.asarray(qartod.rate_of_change_test(values, START_S + time_s, 0.5003, 2.0003))
    behind = np.append(False, np.isnan(values[:-1])) & ~np.isnan(values)
    behind[0] = True
    assert set(theirs) == {1, 3, 4, 9}
    np.testing.assert_array_equal(ours[~behind], theirs[~behind])
    assert set(theirs[behind]) == {1}


def test_after_a_missing_value_we_look_back_further_where_theirs_says_good_unseen() -> None:
    values = [0.0, np.nan, 9.0, np.nan, 10.0]
    assert qartod.rate_of_change_test(values, START_S + np.arange(5.0), 1).tolist() == [1, 9, 1, 9, 1]
    # and the first value, with nothing to compare with, is not good
    assert probabilities(RateOfChange(limit_per_s=1), values) == [None, None, 0.5, None, 1]


def test_rate_of_change_marks_both_edges_of_a_spike_in_both() -> None:
    values = [0.0, 0.0, 9.0, 0.0]
    assert qartod.rate_of_change_test(values, START_S + np.arange(4.0), 1).tolist() == [1, 1, 3, 3]
    assert probabilities(RateOfChange(limit_per_s=1), values) == [None, 1, 0.5, 0.5]


@pytest.mark.parametrize("tolerance", [0.005, 0.055, 0.305])
@pytest.mark.parametrize("seed", SEEDS)
def test_flat_line_agrees_and_goes_back_to_the_start_of_the_plateau(seed: int, tolerance: float) -> None:
    values = sticky(seed)
    suspect_s, fail_s = 20, 60
    test = FlatLine(suspect_s=suspect_s, window_s=fail_s, tolerance=tolerance)
    ours = as_flags(test.probability(frame(values), "x"), values)
    theirs = np.asarray(qartod.flat_line_test(values, START_S + np.arange(N), suspect_s, fail_s, tolerance))
    assert {1, 3, 4} == set(theirs)
    # ioos_qc marks a row when the window that ends there is flat; all rows of that window are ours
    expected = np.ones(N, dtype=np.int64)
    for flag, seconds, found in ((3, suspect_s, theirs >= 3), (4, fail_s, theirs == 4)):
        for row in np.flatnonzero(found):
            expected[row - seconds : row + 1] = flag
    np.testing.assert_array_equal(ours, expected)
    assert (ours > theirs).any()


def test_flat_line_of_tolerance_0_finds_equal_values_where_theirs_finds_none() -> None:
    values = [5.0] * 9
    assert set(qartod.flat_line_test(values, START_S + np.arange(9), 3, 6, 0).tolist()) == {1}
    assert set(probabilities(FlatLine(window_s=6), values)) == {0}


def test_flat_line_counts_seconds_where_theirs_counts_rows_of_the_median_step() -> None:
    time_s = np.concatenate([np.arange(20), 20 + 10 * np.arange(10)])
    values = np.concatenate([np.arange(20.0), np.full(10, 3.0)])
    theirs = qartod.flat_line_test(values, START_S + time_s, 30, 60, 0.1)
    assert set(theirs.tolist()) == {1}  # ten rows are too few
    ours = probabilities(
        FlatLine(suspect_s=30, window_s=60, tolerance=0.1, min_points=4), values, time_s=time_s
    )
    assert ours == [1] * 20 + [0] * 10


@pytest.mark.parametrize("seed", SEEDS)
def test_plateaus_are_those_of_the_definition(seed: int) -> None:
    """Every span, looked at one by one."""
    rng = np.random.default_rng(seed)
    n, duration_s, tolerance, pause_s = 250, 12.0, 0.02, 4.0
    time_s = np.cumsum(rng.choice([1, 2, 3, 5], n, p=[0.5, 0.25, 0.24, 0.01])).astype(np.float64)
    values = np.round(np.cumsum(rng.choice([0, 0, 0.01, -0.01, 0.3], n, p=[0.5, 0.2, 0.13, 0.13, 0.04])), 2)
    expected = np.zeros(n, dtype=bool)
    for first in range(n):
        for last in range(first + 1, n):
            if time_s[last] - time_s[last - 1] > pause_s:
                break
            if np.ptp(values[first : last + 1]) > tolerance + 1e-9:
                break
            if time_s[last] - time_s[first] >= duration_s:
                expected[first : last + 1] = True
    assert 0 < expected.sum() < n
    np.testing.assert_array_equal(in_plateau(time_s, values, duration_s, tolerance, pause_s), expected)


# --- the oracle series of the network of aircraft --------------------------------------------------------------------

MINUTES = [40.0, 41, 42, 41, 40, 95, 41, 42, 42, 42, 42, 42, 42, np.nan, 41, 40, -3, 41, 300, 41]
ORACLE = {
    "range": [1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 9, 1, 1, 4, 1, 4, 1],
    "average": [2, 1, 1, 1, 3, 4, 3, 1, 1, 1, 1, 1, 2, 9, 2, 3, 4, 4, 4, 2],
    "differential": [2, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1, 1, 2, 9, 2, 1, 4, 1, 4, 2],
    "rate": [1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 9, 1, 1, 3, 3, 3, 3],
    "flat": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 4, 9, 1, 1, 1, 1, 1, 1],
    "aggregate": [1, 1, 1, 1, 3, 4, 3, 1, 1, 1, 1, 1, 1, 9, 1, 3, 4, 4, 4, 1],
}
# row: what we say there and why it differs
OURS_DIFFERS = {
    "range": {},
    "average": {12: 1, 14: 1},  # beside the missing value we compare with the next one that is there
    "differential": {12: 1, 14: 1},
    "rate": {0: 2},  # nothing to compare with: theirs is good unseen
    "flat": dict.fromkeys(range(7, 13), 4),  # the plateau from its start, as a whole
}


def _theirs(name: str) -> Flags:
    values, time_s = np.array(MINUTES), START_S + 60 * np.arange(len(MINUTES))
    match name:
        case "range":
            found = qartod.gross_range_test(values, (0, 200), (5, 90))
        case "rate":
            found = qartod.rate_of_change_test(values, time_s, 0.5)
        case "flat":
            found = qartod.flat_line_test(values, time_s, 180, 300, 0.01)
        case method:
            found = qartod.spike_test(values, 20, 40, method)
    return np.asarray(found)


def _ours(name: str) -> list[int]:
    test: Any = {
        "range": Range(fail=(0, 200), suspect=(5, 90)),
        "rate": RateOfChange(limit_per_s=0.5),
        "flat": FlatLine(suspect_s=180, window_s=300, tolerance=0.01, min_points=4),
        "average": Spike(t1=20, t2=40, method="average"),
        "differential": Spike(t1=20, t2=40),
    }[name]
    values = np.array(MINUTES)
    p = test.probability(frame(values, time_s=60 * np.arange(len(values)), interval_s=60.0), "x")
    return as_flags(p, values).tolist()


@pytest.mark.parametrize("name", OURS_DIFFERS)
def test_the_oracle_series_is_judged_as_by_ioos_qc_but_for_what_is_told_here(name: str) -> None:
    assert _theirs(name).tolist() == ORACLE[name]
    expected = list(ORACLE[name])
    for row, flag in OURS_DIFFERS[name].items():
        expected[row] = flag
    assert _ours(name) == expected


def test_aggregate_is_our_minimum_where_both_judge() -> None:
    theirs = qartod.qartod_compare([_theirs("range"), _theirs("average")])
    assert np.asarray(theirs).tolist() == ORACLE["aggregate"]
    items = [
        {"test": "range", "fail": [0, 200], "suspect": [5, 90]},
        {"test": "spike", "t1": 20, "t2": 40, "method": "average"},
    ]
    strict = {"type": "three_band", "good": 1.0, "limited": 1e-9}  # suspect below 1, fail at 0: as theirs
    verdict = judged(frame(MINUTES, time_s=60 * np.arange(len(MINUTES))), *items, mapper=strict)
    assert verdict.flag.tolist() == ORACLE["aggregate"]
