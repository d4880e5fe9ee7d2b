"""Calibrations around a flight: vector 8 of the reference, each function, and what happens for want of one."""

from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.errors import PermanentError
from skyledger.iagos.metadata.calibrations import CalibrationPair, CalibrationRecord
from skyledger.iagos.science.calibrate import apply, weight

PRE_AT, POST_AT = datetime(2023, 9, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
FLIGHT_S = np.array([datetime(2023, 12, 1, tzinfo=UTC).timestamp()])
RAW = np.array([52.40])
EXACT = 5e-6


def record(number, at, function="linear", **parameters):
    return CalibrationRecord(number, "O3-1", at, function, parameters)


PRE = record(1, PRE_AT, slope=0.985, offset=1.8)
POST = record(2, POST_AT, slope=0.972, offset=2.6)


def test_both_calibrations_are_weighted_in_time():
    assert weight(FLIGHT_S, PRE, POST) == pytest.approx(0.5, rel=EXACT)
    found = apply(RAW, FLIGHT_S, CalibrationPair(PRE, POST), final=True)
    assert found.value == pytest.approx(53.4734, rel=EXACT)
    assert found.value == pytest.approx(
        0.9785 * 52.40 + 2.2, rel=1e-12
    )  # the same as with parameters in between
    assert found.drift == pytest.approx((53.5328 - 53.4140) / 2, rel=1e-3)
    assert found.limited == ""


def test_level_0_takes_the_calibration_before_even_if_both_are_known():
    for pair in (CalibrationPair(PRE, None), CalibrationPair(PRE, POST)):
        found = apply(RAW, FLIGHT_S, pair, final=False)
        assert found.value == pytest.approx(53.4140, rel=EXACT)
        assert (found.drift.tolist(), found.limited) == ([0.0], "")


@pytest.mark.parametrize("final", [False, True])
def test_only_a_calibration_after_the_deployment_makes_values_limited(final):
    found = apply(RAW, FLIGHT_S, CalibrationPair(None, POST), final=final)
    assert found.value == pytest.approx(53.5328, rel=EXACT)
    assert found.limited == "calibrated after the deployment only"


def test_final_data_without_a_calibration_after_are_limited():
    found = apply(RAW, FLIGHT_S, CalibrationPair(PRE, None), final=True)
    assert found.value == pytest.approx(53.4140, rel=EXACT)
    assert found.limited == "not calibrated after the deployment"


@pytest.mark.parametrize(
    ("choice", "final", "value", "limited"),
    [
        ("pre", False, 53.4140, ""),
        ("pre", True, 53.4140, "calibrated before the deployment only"),
        ("post", False, 53.5328, "calibrated after the deployment only"),
        ("post", True, 53.5328, "calibrated after the deployment only"),
        ("both", False, 53.4734, ""),
        ("both", True, 53.4734, ""),
    ],
)
def test_a_person_may_choose_which_calibrations_count(choice, final, value, limited):
    found = apply(RAW, FLIGHT_S, CalibrationPair(PRE, POST), final=final, choice=choice)
    assert found.value == pytest.approx(value, rel=EXACT)
    assert found.limited == limited
    assert (found.drift > 0) == (choice == "both")


@pytest.mark.parametrize("choice", ["post", "both"])
def test_what_was_chosen_and_is_gone_makes_values_limited(choice):
    found = apply(RAW, FLIGHT_S, CalibrationPair(PRE, None), final=False, choice=choice)
    assert found.value == pytest.approx(53.4140, rel=EXACT)
    assert found.limited == "not calibrated after the deployment"


def test_time_outside_of_both_calibrations_is_not_extrapolated():
    time_s = np.array(
        [PRE_AT.timestamp() - 1e7, PRE_AT.timestamp(), POST_AT.timestamp(), POST_AT.timestamp() + 1e7]
    )
    assert weight(time_s, PRE, POST).tolist() == [0, 0, 1, 1]
    found = apply(np.full(4, 52.40), time_s, CalibrationPair(PRE, POST), final=True)
    assert found.value == pytest.approx([53.4140, 53.4140, 53.5328, 53.5328], rel=EXACT)


def test_without_any_calibration_nothing_is_made_up():
    with pytest.raises(PermanentError, match="no calibration is known; import one"):
        apply(RAW, FLIGHT_S, CalibrationPair(None, None), final=False)


def test_calibrations_in_the_wrong_order_are_refused():
    with pytest.raises(PermanentError, match=r"calibration 1 .* is not later than 2"):
        apply(RAW, FLIGHT_S, CalibrationPair(POST, PRE), final=True)


def test_a_polynomial():
    pair = CalibrationPair(
        record(
            1, PRE_AT, "polynomial", c0=1.0, c1=2.0, c2=0.5, c10=0.0, **{f"c{i}": 0.0 for i in range(3, 10)}
        ),
        None,
    )
    assert apply(np.array([2.0, np.nan]), FLIGHT_S, pair, final=False).value[0] == 7.0


def test_a_table_is_linear_between_its_nodes_and_missing_outside():
    pair = CalibrationPair(
        record(1, PRE_AT, "table", x0=0.0, y0=1.0, x1=10.0, y1=21.0, x2=20.0, y2=31.0), None
    )
    found = apply(np.array([-0.1, 0.0, 5.0, 15.0, 20.0, 20.1, np.nan]), FLIGHT_S, pair, final=False).value
    assert found == pytest.approx([np.nan, 1, 11, 26, 31, np.nan, np.nan], nan_ok=True)


def test_tables_with_other_nodes_and_other_functions_are_weighted_by_their_results():
    table = record(1, PRE_AT, "table", x0=0.0, y0=0.0, x1=100.0, y1=200.0)
    found = apply(
        np.array([50.0]),
        FLIGHT_S,
        CalibrationPair(table, record(2, POST_AT, "polynomial", c0=110.0)),
        final=True,
    )
    assert (found.value[0], found.drift[0]) == (105.0, 5.0)
