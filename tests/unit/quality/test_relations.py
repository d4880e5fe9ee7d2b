"""Tests of a series beside others: agreement, dependence, laws of the atmosphere, movement, climatology."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skyledger.meteorology import pressure_altitude_m
from skyledger.quality import QualityConfig, evaluate
from skyledger.quality.relations import (
    AltitudePressure,
    Cell,
    Climatology,
    Consistency,
    Inherits,
    Speed,
    ThetaRises,
)
from tests.support.quality import NAN, START_S, frame, probabilities

FloatArray = NDArray[np.float64]
PLACE: dict[str, Any] = {"latitude": "x", "longitude": "lon"}


# --- agreement and dependence ----------------------------------------------------------------------------------------


def test_two_measurements_may_differ_by_3_k() -> None:
    aircraft = [220.0, 220, 220, 220, NAN, 220]
    values = [220.0, 223, 224.5, 226, 220, NAN]
    ramp = Consistency(other="y", max_difference=3, fail_difference=6)
    assert probabilities(ramp, values, others={"y": aircraft}) == [1, 1, 0.5, 0, None, None]
    soft = Consistency(other="y", max_difference=3)
    assert probabilities(soft, values, others={"y": aircraft}) == [1, 1, 0.5, 0.5, None, None]


def test_two_cells_of_one_instrument_may_be_compared_in_place_of_the_series() -> None:
    cells = {"a": np.array([60.0, 60, 90]), "b": np.array([61.0, NAN, 60])}
    test = Consistency(of="a", other="b", max_difference=10, fail_difference=20)
    assert probabilities(test, [1.0, 1.0, 1.0], channels=cells) == [1, None, 0]


def dependent(**others: Any) -> QualityConfig:
    limits = {"test": "range", "fail": [0, 20], "suspect": [5, 15], "critical": True}
    items = [{"test": "inherits", "others": list(others), "critical": True}]
    series = {"x": {"items": items}, **{name: {"items": [limits]} for name in others}}
    return QualityConfig.model_validate({"name": "t", "version": 1, "series": series})


def test_what_is_computed_from_a_dead_sensor_is_as_dead() -> None:
    others = {"y": [10.0, 10, 10, 30, NAN], "z": [10.0, 16, 30, 16, 10]}
    verdicts = evaluate(frame([1.0] * 5, others=others), dependent(**others))
    assert verdicts["x"].flag.tolist() == [1, 3, 4, 4, 1]
    assert verdicts["y"].flag.tolist() == [1, 1, 1, 4, 9]


def test_a_source_that_was_not_judged_tells_nothing() -> None:
    assert probabilities(Inherits(others=("y",)), [1.0, 2.0], others={"y": [1.0, 2.0]}) == [None, None]


# --- laws of the atmosphere ------------------------------------------------------------------------------------------


def climb(temperature_k: FloatArray, height_m: FloatArray) -> list[float | None]:
    pressure = 101_325 * (1 - np.minimum(height_m, 11_000) / 44_330.77) ** (1 / 0.190263)
    test = ThetaRises(pressure="p", height="z", tolerance_k=2, fail_k=10)
    time_s = np.arange(len(height_m)) * 20
    return probabilities(test, temperature_k, others={"p": pressure, "z": height_m}, time_s=time_s)


def test_potential_temperature_rises_with_height_above_8_km() -> None:
    height = np.linspace(7_000, 11_000, 21)  # 200 m per 20 s
    usual = 288 - 0.0065 * height
    assert set(climb(usual, height)) == {None, 1}
    assert climb(usual, height)[7] is None  # compared with what is below 8 km
    assert set(climb(usual[::-1], height[::-1])) == {None, 1}  # on the way down
    turned = 288 - 0.0065 * height
    turned[14:] -= 20  # colder than air can be there
    p = climb(turned, height)
    assert (p[13], p[14], p[16], p[17]) == (1, 0, 0, 1)


def test_level_flight_tells_nothing_of_theta() -> None:
    height = np.full(21, 10_000.0)
    assert set(climb(np.random.default_rng(1).normal(220, 5, 21), height)) == {None}


def test_altitude_and_pressure_belong_together() -> None:
    pressure = np.array([25_000.0, 25_000, 25_000, 25_000, NAN])
    height = pressure_altitude_m(25_000.0) + np.array([0, -150, 275, 400, 0])
    p = probabilities(AltitudePressure(other="p"), height, others={"p": pressure})
    assert p == [1, 1, pytest.approx(0.5), 0, None]


# --- movement --------------------------------------------------------------------------------------------------------


def test_vector_27_a_speed_of_801_m_s_fails_and_229_does_not() -> None:
    latitude, longitude = [50.0264, 50.0310], [8.5431, 8.5874]
    for seconds, expected in ((14, 1), (4, 0)):
        p = probabilities(Speed(**PLACE), latitude, others={"lon": longitude}, time_s=[0, seconds])
        assert p[1] == expected
    at_limit = Speed(**PLACE, suspect_m_s=228.9, fail_m_s=228.97)
    assert probabilities(at_limit, latitude, others={"lon": longitude}, time_s=[0, 14])[1] == 0.5
    over = Speed(**PLACE, suspect_m_s=228.9, fail_m_s=228.96)
    assert probabilities(over, latitude, others={"lon": longitude}, time_s=[0, 14])[1] == 0


def along_equator(n: int = 60, start_deg: float = 0.0) -> FloatArray:
    """Longitudes of 240 m/s to the east in steps of 4 s."""
    return (start_deg + np.arange(n) * 240 * 4 / 111_195 + 180) % 360 - 180


def speed_of(longitude: FloatArray, latitude: FloatArray | None = None) -> FloatArray:
    latitude = np.zeros(len(longitude)) if latitude is None else latitude
    seen = frame(latitude, others={"lon": longitude}, time_s=np.arange(len(longitude)) * 4)
    return Speed(**PLACE).probability(seen, "x")


def test_weakness_11_the_date_line_and_the_pole_are_no_jumps() -> None:
    assert (speed_of(along_equator(start_deg=179.8)) == 1).all()
    latitude = 89.9 - np.abs(np.arange(60) - 20) * 240 * 4 / 111_195
    over_the_pole = np.where(np.arange(60) < 20, 10.0, -170.0)
    turn = np.array(latitude)
    turn[:20], turn[20:] = 90 - np.arange(20, 0, -1) * 0.0086, 90 - np.arange(40) * 0.0086
    assert (speed_of(over_the_pole, turn) == 1).all()


@pytest.mark.parametrize("rows", [slice(30, 31), slice(20, 32), slice(0, 3), slice(58, 60), slice(0, 20)])
def test_only_the_outlying_rows_fail_and_not_those_after_them(rows: slice) -> None:
    longitude = along_equator()
    longitude[rows] += 2
    expected = np.ones(60)
    expected[rows] = 0
    np.testing.assert_array_equal(speed_of(longitude), expected)


def test_a_row_that_is_off_by_little_does_not_take_the_rest_of_the_flight_with_it() -> None:
    longitude = along_equator()
    longitude[25] -= 2_300 / 111_195  # backwards: 335 m/s from the row before
    longitude[26] += 1
    p = speed_of(longitude)
    assert p[26] == 0
    assert (np.delete(p, [25, 26]) == 1).all()


def test_missing_positions_are_jumped_over_and_one_alone_is_not_judged() -> None:
    longitude = along_equator()
    longitude[10:20] = NAN
    p = speed_of(longitude)
    assert np.isnan(p[10:20]).all()
    assert (np.delete(p, slice(10, 20)) == 1).all()
    assert np.isnan(speed_of(np.array([1.0, NAN]))).all()


def test_both_coordinates_of_an_impossible_position_fail() -> None:
    test = {"test": "speed", "latitude": "x", "longitude": "lon", "critical": True}
    group = {"items": [test]}
    both = QualityConfig.model_validate({"name": "t", "version": 1, "series": {"x": group, "lon": group}})
    longitude = along_equator()
    longitude[30] += 2
    seen = frame(np.zeros(60), others={"lon": longitude}, time_s=np.arange(60) * 4)
    for verdict in evaluate(seen, both).values():
        assert np.flatnonzero(verdict.flag != 1).tolist() == [30]


# --- climatology -----------------------------------------------------------------------------------------------------


def test_a_climatology_knows_months_latitudes_and_heights() -> None:
    august = datetime(2016, 8, 30, tzinfo=UTC)
    assert august.timestamp() // 86_400 == START_S // 86_400
    cells = (
        Cell(months=(8,), latitude=(40, 60), height_m=(8_000, 12_000), usual=(40, 400)),
        Cell(months=(1, 2), usual=(0, 1)),
    )
    seen = {"lat": [50.0, 50, 50, 30, 50, NAN], "z": [9_000.0, 9_000, 9_000, 9_000, 5_000, 9_000]}
    test = Climatology(latitude="lat", height="z", cells=cells)
    p = probabilities(test, [100.0, 30, 401, 30, 30, 30], others=seen)
    assert p == [1, pytest.approx(0.6), pytest.approx(0.6), None, None, None]


def test_a_climatology_may_count_heights_from_the_tropopause() -> None:
    above = (Cell(height_m=(0, None), usual=(100, None)),)
    test = Climatology(latitude="lat", height="z", tropopause=((0, 16_000), (90, 8_000)), cells=above)
    seen = {"lat": [0.0, -90, 45], "z": [11_000.0, 11_000, 11_000]}
    assert probabilities(test, [50.0, 50, 50], others=seen) == [None, pytest.approx(0.6), None]


def test_the_next_month_begins_at_midnight() -> None:
    cells = (Cell(months=(9,), usual=(0, 1)),)
    test = Climatology(latitude="lat", height="z", cells=cells)
    midnight = datetime(2016, 9, 1, tzinfo=UTC).timestamp() - START_S
    seen = {"lat": [0.0, 0.0], "z": [0.0, 0.0]}
    p = probabilities(test, [5.0, 5.0], others=seen, time_s=[midnight - 1, midnight])
    assert p == [None, pytest.approx(0.6)]
