"""Each test of the catalogue on small series."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from skyledger.meteorology import solar_elevation_deg
from skyledger.quality import catalogue, evaluate
from skyledger.quality.base import Condition, QualityTest
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
)
from skyledger.quality.course import DetectionLimit, LocalOutlier, Noise, TimeOrder
from skyledger.quality.relations import (
    AltitudePressure,
    Cell,
    Climatology,
    Consistency,
    Inherits,
    Speed,
    ThetaRises,
)
from skyledger.quality.surroundings import (
    CalibrationStep,
    Mode,
    PhaseWindow,
    StatusWord,
    WarmUp,
)
from tests.support.quality import NAN, START_S, config, frame, probabilities

# One of each, with all that it can look at
PLACE: dict[str, Any] = {"latitude": "lat", "longitude": "lon"}
ALL = (
    TimeOrder(max_step_s=1),
    DetectionLimit(limit=2),
    LocalOutlier(window=3, min_mad=0.1),
    Noise(window_s=4, max_std=1, max_std_fail=3, min_std=0.5, min_std_fail=0.1),
    PhaseWindow(other="phase"),
    Mode(other="mode", after_s=1),
    StatusWord(other="word", bad_bits=6),
    WarmUp(other="phase", seconds=4, ramp_s=2),
    Range(of="y", fail=(0, 14), suspect=(2, 12)),
    FlatLine(of="phase", window_s=1),
    CalibrationStep(other="mode", k=1),
    CalibrationStep(other="mode", of="word", min_sigma=0.1, settle_s=1),
    Consistency(other="y", max_difference=1, fail_difference=3),
    Consistency(of="lat", other="lon", max_difference=1),
    Inherits(others=("y",)),
    ThetaRises(pressure="y", height="phase", above_m=0, over_s=1, span_m=0.5),
    Speed(**PLACE),
    AltitudePressure(other="y"),
    Climatology(latitude="lat", height="y", cells=(Cell(latitude=(0, 4), usual=(0, 3)), Cell(usual=(0, 9)))),
    Climatology(
        latitude="lat",
        height="y",
        tropopause=((0, 9), (90, 5)),
        cells=(Cell(months=(8,), height_m=(None, 0), usual=(0, 3)),),
    ),
    Missing(fill_values=(-999.0,)),
    Record(),
    Gap(max_gap_s=5),
    Range(fail=(0, 10), suspect=(1, 9)),
    GlobalMin(min_val=1, min_lim=0),
    GlobalMax(max_val=9, max_lim=10),
    MultipleOf(setting="tip"),
    Doubtful(setting="doubt"),
    RateOfChange(limit_per_s=1, limit_fail_per_s=2),
    Spike(t1=1, t2=2),
    Spike(t1=1, method="average", period=360),
    FlatLine(suspect_s=3, window_s=6, tolerance=0.1, period=360, min_points=2),
    Ratio(other="y", limits=(0, 2)),
    Partner(other="y"),
    Range(fail=(0, 10), when=(Condition(of="y", above=5), Condition(of="sun_elevation_deg", below=90))),
)
SERIES = {
    "ordinary": [1.0, 2.0, NAN, 2.0, 2.0, 2.0, 2.0, 50.0, 2.0, NAN],
    "no row": [],
    "one row": [5.0],
    "one missing row": [NAN],
    "all missing": [NAN] * 6,
    "all equal": [3.0] * 20,
    "not finite": [1.0, np.inf, np.inf, -np.inf, 1.0],
}


def id_of(test: QualityTest) -> str:
    return f"{test.label}{' when' if test.when else ''}"


def rich_frame(values: list[float]) -> Any:
    n = len(values)
    return frame(
        values,
        time_s=np.cumsum(np.arange(n) % 3),  # irregular, and two rows of one time
        others={"y": np.arange(n) * 2.0, "lat": np.arange(n) * 0.001, "lon": 179.999 + np.arange(n) * 0.001},
        channels={
            "phase": np.arange(n) % 9.0,
            "mode": np.where(np.arange(n) % 5 < 2, 1.0, 0.0),
            "word": np.where(np.arange(n) % 7 == 6, np.nan, np.arange(n) % 8),
        },
        own={"y": np.linspace(0, 1, n, dtype=np.float32)},
        settings={"tip": 0.5, "doubt": 1.0},
        suspect=np.arange(n) % 2 == 0,
        latitude_deg=33.0,
        longitude_deg=-112.0,
        failed={"y": np.arange(n) % 2 == 1},
    )


def test_every_test_of_the_catalogue_is_tried_here() -> None:
    assert {test.test for test in ALL} == set(catalogue())


@pytest.mark.parametrize("values", SERIES.values(), ids=SERIES.keys())
@pytest.mark.parametrize("test", ALL, ids=id_of)
@pytest.mark.filterwarnings("error")
def test_missing_in_missing_out_and_nothing_is_changed(test: QualityTest, values: list[float]) -> None:
    seen = rich_frame(values)
    arrays = [seen.time_s, *seen.series.values(), seen.suspect]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    p = test.probability(seen, "x")
    assert p.shape == (len(values),)
    assert np.isnan(p[np.isnan(values)]).all()
    told = p[~np.isnan(p)]
    assert ((told >= 0) & (told <= 1)).all()
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("test", ALL, ids=id_of)
def test_a_series_without_a_partner_or_settings_is_not_judged_but_accepted(test: QualityTest) -> None:
    p = test.probability(frame([1.0, 2.0, 3.0]), "x")
    if test.partners("x") or test.test in {"multiple_of", "doubtful", "record"}:
        assert np.isnan(p).all()
    else:
        assert not np.isnan(p).all()


@pytest.mark.parametrize("name", catalogue())
def test_the_catalogue_tells_what_a_test_does_without_making_one(name: str) -> None:
    component = catalogue()[name]
    assert component.description.endswith(".")
    assert component.category in {"presence", "value", "course", "relation", "state"}
    assert "critical" not in component.parameters


def test_the_catalogue_tells_parameters_with_their_defaults() -> None:
    assert (
        catalogue()["flat_line"].parameters["window_s"] == "a plateau of so many seconds fails (default 60.0)"
    )
    assert catalogue()["spike"].parameters["t1"] == "largest usual distance (required)"


# --- presence --------------------------------------------------------------------------------------------------------


def test_a_fill_value_is_missing() -> None:
    assert probabilities(Missing(fill_values=(7999.0,)), [1.0, 7999.0, NAN]) == [1, None, None]


def test_a_row_that_the_reader_doubts_is_suspect() -> None:
    assert probabilities(Record(), [1, 2, NAN], suspect=np.array([False, True, True])) == [1, 0.5, None]


def test_the_first_value_after_a_gap_is_suspect() -> None:
    values = [1, 1, NAN, NAN, 1, 1]
    assert probabilities(Gap(max_gap_s=2), values) == [None, 1, None, None, 0.5, 1]
    assert probabilities(Gap(), [1, 1, 1, 1], time_s=[0, 10, 21, 30]) == [None, 1, 0.5, 1]  # 10 x 1 s
    assert probabilities(Gap(), [1, 1, 1], time_s=[0, 900, 9901], interval_s=900.0) == [None, 1, 0.5]


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_range_steps_from_good_to_suspect_to_fail_and_allows_its_limits() -> None:
    test = Range(fail=(-40, 60), suspect=(-10, 50))
    values = [-40.1, -40, -10.1, -10, 20, 50, 50.1, 60, 60.1]
    assert probabilities(test, values) == [0, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 0]


def test_a_range_may_be_open_on_one_side() -> None:
    assert probabilities(Range(fail=(0, None)), [-1, 0, 1e9]) == [0, 1, 1]
    assert probabilities(Range(suspect=(None, 20)), [-1e9, 20, 21]) == [1, 1, 0.5]


def test_global_minimum_and_maximum_fall_linearly_between_value_and_limit() -> None:
    assert probabilities(GlobalMax(max_val=10, max_lim=20), [9, 10, 12.5, 20, 30]) == [1, 1, 0.75, 0, 0]
    assert probabilities(GlobalMin(min_val=0, min_lim=-4), [1, 0, -1, -4, -9]) == [1, 1, 0.75, 0, 0]
    assert probabilities(GlobalMax(max_val=10), [10, 10.1]) == [1, 0]
    assert probabilities(GlobalMin(min_val=10), [10, 9.9]) == [1, 0]


def test_rain_comes_in_whole_tips() -> None:
    test = MultipleOf(setting="rain_resolution_mm")
    values = [0.0, 0.254, 0.508, 0.3, 2.54, 0.127]
    assert probabilities(test, values, settings={"rain_resolution_mm": 0.254}) == [1, 1, 1, 0.5, 1, 0.5]
    assert probabilities(test, values) == [None] * 6  # the station does not say


def test_all_values_of_a_doubtful_way_of_measuring_are_suspect() -> None:
    test = Doubtful(setting="direction_is_averaged")
    assert probabilities(test, [1, NAN], settings={"direction_is_averaged": 1.0}) == [0.5, None]
    assert probabilities(test, [1, NAN], settings={"direction_is_averaged": 0.0}) == [1, None]


# --- course ----------------------------------------------------------------------------------------------------------


def test_a_rate_is_per_second_of_the_actual_time() -> None:
    test = RateOfChange(limit_per_s=1.0)
    assert probabilities(test, [0, 1, 2.5, 5.5], time_s=[0, 1, 2, 5]) == [None, 1, 0.5, 1]


def test_a_rate_is_measured_from_the_last_value_that_is_there() -> None:
    values = [0, NAN, NAN, 2.9, 9.0]
    assert probabilities(RateOfChange(limit_per_s=1.0), values) == [None, None, None, 1, 0.5]


def test_a_rate_has_a_ramp_where_a_fail_limit_is_set() -> None:
    test = RateOfChange(limit_per_s=10, limit_fail_per_s=20)
    assert probabilities(test, [0, 10, 25, 45, 75]) == [None, 1, 0.5, 0, 0]


def test_two_rows_of_one_time_have_no_rate() -> None:
    assert probabilities(RateOfChange(limit_per_s=1), [0, 9, 9], time_s=[0, 0, 1]) == [None, None, 1]


def test_a_rate_goes_the_short_way_round_the_circle() -> None:
    values = [350, 10, 355, 175]
    assert probabilities(RateOfChange(limit_per_s=30, period=360), values) == [None, 1, 1, 0.5]


def test_a_spike_stands_out_and_its_neighbours_do_not() -> None:
    values = [0, 0, 30, 0, 0, 10, 20, 30]
    assert probabilities(Spike(t1=10, t2=20), values) == [None, 1, 0, 1, 1, 1, 1, None]
    assert probabilities(Spike(t1=10, t2=50), values) == [None, 1, 0.5, 1, 1, 1, 1, None]
    assert probabilities(Spike(t1=10), values) == [None, 1, 0.5, 1, 1, 1, 1, None]


def test_the_average_method_objects_to_the_neighbours_as_well() -> None:
    assert probabilities(Spike(t1=10, method="average"), [0, 0, 30, 0, 0]) == [None, 0.5, 0.5, 0.5, None]


def test_a_spike_is_seen_across_a_missing_value() -> None:
    assert probabilities(Spike(t1=10), [0, NAN, 30, NAN, 0]) == [None, None, 0.5, None, None]


def test_a_step_and_the_first_value_after_a_gap_are_no_spikes() -> None:
    assert probabilities(Spike(t1=1), [0, 0, 9, 9], time_s=[0, 1, 9000, 9001]) == [None, 1, 1, None]


def test_a_direction_around_north_is_no_spike() -> None:
    values = [359, 1, 358, 90, 0]
    assert probabilities(Spike(t1=20, period=360), values) == [None, 1, 1, 0.5, None]


def test_a_plateau_is_marked_from_its_first_row_and_nothing_beyond() -> None:
    values = [0, 1, 5, 5, 5, 5, 5, 2, 3]
    assert probabilities(FlatLine(window_s=4), values) == [1, 1, 0, 0, 0, 0, 0, 1, 1]
    assert probabilities(FlatLine(window_s=5), values) == [1] * 9  # five rows span four seconds


def test_a_plateau_is_suspect_before_it_fails() -> None:
    test = FlatLine(suspect_s=4, window_s=8)
    assert probabilities(test, [1] * 6 + [2, 3] + [4] * 9) == [0.5] * 6 + [1, 1] + [0] * 9


def test_slow_drift_within_the_tolerance_is_a_plateau_only_as_far_as_it_stays_within() -> None:
    drift = 0.01 * np.arange(100)
    assert 0 not in probabilities(FlatLine(window_s=10, tolerance=0.05), drift)
    # eleven rows of 0.01 each differ by 0.10
    assert set(probabilities(FlatLine(window_s=10, tolerance=0.10), drift)) == {0}
    kinked = np.concatenate([np.zeros(20), drift])
    assert probabilities(FlatLine(window_s=10, tolerance=0.05), kinked) == [0] * 26 + [1] * 94


def test_a_plateau_goes_on_behind_missing_values_but_not_behind_a_long_pause() -> None:
    values = [5, 5, NAN, 5, 5, NAN, 5, 5, 5]
    expected = [None if np.isnan(v) else 0 for v in values]
    assert probabilities(FlatLine(window_s=8), values) == expected
    # 8 s and 5 points: no pause above 2 s
    assert probabilities(FlatLine(window_s=8), [5, 5, 5, 5], time_s=[0, 1, 7, 8]) == [1] * 4
    assert probabilities(FlatLine(window_s=8, min_points=2), [5, 5, 5, 5], time_s=[0, 1, 7, 8]) == [0] * 4


def test_a_plateau_is_measured_in_seconds_not_in_rows() -> None:
    time_s = [0, 1, 2, 3, 4, 100, 101, 110, 120, 130, 140]
    values = [1] * 5 + [2, 3] + [4] * 4
    assert probabilities(FlatLine(window_s=30, min_points=4), values, time_s=time_s) == [1] * 7 + [0] * 4


def test_a_vane_stuck_at_north_is_a_plateau_and_a_turning_one_is_not() -> None:
    assert set(probabilities(FlatLine(window_s=4, tolerance=2, period=360), [359, 0, 1, 0, 359, 0])) == {0}
    turning = np.arange(0, 720, 2) % 360
    assert set(probabilities(FlatLine(window_s=4, tolerance=2, period=360), turning)) == {1}
    assert set(probabilities(FlatLine(window_s=4, tolerance=2), [359, 0, 1, 0, 359, 0])) == {1}


def test_a_plateau_is_excused_where_its_condition_does_not_hold() -> None:
    humid = FlatLine(window_s=4, when=(Condition(of="x", at_most=98),))
    assert probabilities(humid, [100] * 8) == [None] * 8
    assert probabilities(humid, [98] * 6 + [98.1] * 6) == [0] * 6 + [None] * 6
    windy = FlatLine(window_s=4, min_points=3, when=(Condition(of="speed", above=0.5),))
    assert probabilities(windy, [70] * 6, others={"speed": [0.5] * 6}) == [None] * 6
    lull = {"speed": [2, 2, 0.1, 2, 2, 2, NAN]}  # a short lull does not excuse the rest
    assert probabilities(windy, [70] * 7, others=lull) == [0, 0, None, 0, 0, 0, None]


# --- relations -------------------------------------------------------------------------------------------------------


def test_a_ratio_is_judged_where_its_condition_holds_and_the_partner_is_there() -> None:
    test = Ratio(other="y", limits=(1.6, 2.6), when=(Condition(of="y", above=50),))
    others = {"y": [100, 100, 100, 50, NAN, 0]}
    assert probabilities(test, [159, 160, 261, 999, 999, 999], others=others) == [
        0.5,
        1,
        0.5,
        None,
        None,
        None,
    ]


def test_a_ratio_to_nothing_is_not_judged() -> None:
    assert probabilities(Ratio(other="y", limits=(0, 1)), [0, 1], others={"y": [0, 0]}) == [None, 0.5]


def test_conditions_look_at_the_sun() -> None:
    noon, midnight = (datetime(2016, 8, 30, hour, 30, tzinfo=UTC).timestamp() for hour in (19, 7))  # UTC-7
    test = Range(suspect=(None, 20), when=(Condition(of="sun_elevation_deg", below=-6),))
    times = np.array([midnight, midnight, noon]) - START_S
    assert probabilities(test, [21, 20, 900], time_s=times, latitude_deg=33.0, longitude_deg=-112.0) == [
        0.5,
        1,
        None,
    ]
    assert probabilities(test, [21, 20, 900], time_s=times) == [None] * 3  # no position, no sun


def test_the_sun_between_whole_minutes_is_that_of_the_second() -> None:
    seen = frame(np.zeros(3600), latitude_deg=33.0, longitude_deg=-112.0)
    exact = solar_elevation_deg(seen.time_s, 33.0, -112.0)
    assert seen.sun_elevation_deg == pytest.approx(exact, abs=0.002)
    sparse = frame(np.zeros(3), time_s=[0, 86_400, 2e8], latitude_deg=33.0, longitude_deg=-112.0)
    assert sparse.sun_elevation_deg == pytest.approx(solar_elevation_deg(sparse.time_s, 33.0, -112.0))


def test_a_condition_without_bounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected above, below or at_most"):
        Condition(of="x")


def test_the_partner_decides_by_its_own_tests() -> None:
    whole = config({"test": "partner", "other": "battery"}, others=("battery",))
    battery = whole.series["battery"].model_copy(
        update={"items": (Range(fail=(9.6, 16), suspect=(11.5, 15)),)}
    )
    whole = whole.model_copy(update={"series": {**whole.series, "battery": battery}})
    seen = frame([1, 1, 1, NAN], others={"battery": [12, 11, 9, 9]})
    assert evaluate(seen, whole)["x"].flag.tolist() == [1, 1, 3, 9]
