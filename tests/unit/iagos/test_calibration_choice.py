"""Which calibrations count: pre and post of a service, and what is told about the others."""

from datetime import UTC, datetime

import pytest

from skyledger.errors import FormatError
from skyledger.iagos.metadata.calibrations import (
    CalibrationRecord,
    CalibrationSet,
    Part,
    check_parameters,
    choose,
)
from skyledger.iagos.metadata.deployments import Service

AS_OF = datetime(2030, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def record(number: int, when: str, recorded: str = "2025-01-01") -> CalibrationRecord:
    return CalibrationRecord(
        number, "O1", at(when), "linear", {"slope": 1.0, "offset": 0.0}, recorded_at=at(recorded)
    )


D1 = Service("D1", at("2020-01-01"), at("2021-01-01"))
FLIGHT = at("2020-06-01")


def pair(*records: CalibrationRecord, services=(D1,), time=FLIGHT):
    return choose(records, time, services)


def test_pre_is_the_latest_before_the_start_and_post_the_earliest_after_the_end():
    found = pair(*(record(n, f"{year}-07-01") for n, year in enumerate((2018, 2019, 2021, 2022), 1)))
    assert (found.pre.id, found.post.id, found.during, found.warnings) == (2, 3, (), ())
    assert found.ids == (2, 3)


def test_either_may_be_missing():
    assert pair(record(1, "2019-07-01")).ids == (1,)
    assert pair(record(1, "2019-07-01")).post is None
    only_post = pair(record(1, "2021-07-01"))
    assert (only_post.pre, only_post.post.id) == (None, 1)
    assert pair().ids == ()


def test_calibrations_inside_the_deployment_are_neither_and_are_told():
    found = pair(
        record(1, "2019-07-01"), record(2, "2020-08-01"), record(3, "2020-02-01"), record(4, "2021-07-01")
    )
    assert found.ids == (1, 4)
    assert [one.id for one in found.during] == [3, 2]
    assert len(found.warnings) == 2
    assert (
        "calibration 2 of O1 (2020-08-01 00:00) lies inside deployment D1: neither pre nor post"
        in found.warnings
    )


def test_the_moments_of_start_and_end_are_outside_the_deployment():
    assert pair(record(1, "2020-01-01"), record(2, "2021-01-01")).ids == (1, 2)


def test_an_open_deployment_has_no_post_whatever_comes_later():
    found = pair(record(1, "2019-07-01"), record(2, "2022-07-01"), services=(Service("D1", D1.begin, None),))
    assert (found.pre.id, found.post, [one.id for one in found.during]) == (1, None, [2])


def test_of_two_on_one_day_the_latest_recorded_counts_with_a_warning():
    """Weakness 5: a conflict is told, not settled in silence."""
    found = pair(
        record(1, "2019-07-01 15:00", "2025-01-01"),
        record(2, "2019-07-01 09:00", "2025-02-01"),
        record(3, "2021-07-01 09:00", "2025-02-01"),
        record(4, "2021-07-01 15:00", "2025-01-01"),
    )
    assert found.ids == (2, 3)
    assert found.warnings[0] == (
        "2 calibrations of O1 on 2019-07-01 could be pre: calibration 1 of O1 (2019-07-01 15:00),"
        " calibration 2 of O1 (2019-07-01 09:00); the latest recorded counts, 2"
    )
    assert "could be post" in found.warnings[1]


def test_outside_a_deployment_the_last_up_to_then_and_the_first_after_it_count():
    records = [record(n, f"{year}-07-01") for n, year in enumerate((2018, 2019, 2021, 2022), 1)]
    assert choose(records, at("2021-08-01"), [D1]).ids == (3, 4)
    assert choose(records, at("2021-07-01"), [D1]).ids == (3, 4)
    assert choose(records, FLIGHT).ids == (2, 3)


def test_a_calibration_that_stands_for_two_deployments_is_told():
    """Weakness 5: its drift is not that of one deployment alone."""
    d2 = Service("D2", at("2021-02-01"), at("2021-06-01"))
    records = (record(1, "2019-07-01"), record(2, "2021-07-01"))
    first, second = (
        pair(*records, services=(D1, d2)),
        pair(*records, services=(D1, d2), time=at("2021-03-01")),
    )
    assert first.ids == second.ids == (1, 2)
    assert first.warnings == (
        "post calibration 2 of O1 (2021-07-01 00:00) was made only after service in D2 had begun",
    )
    assert second.warnings == (
        "pre calibration 1 of O1 (2019-07-01 00:00) is older than the end of service in D1",
    )


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("linear", {"slope": 1, "offset": 0}),
        ("polynomial", {"c0": 1}),
        ("polynomial", {"c1": 2, "c0": 1, "c2": 0}),
        ("table", {"x0": 0, "y0": 0, "x1": 1, "y1": 2}),
    ],
)
def test_complete_parameters_are_taken(function, parameters):
    check_parameters(function, parameters)


@pytest.mark.parametrize(
    ("function", "parameters", "expected"),
    [
        ("linear", {"slope": 1}, "slope, offset"),
        ("linear", {"slope": 1, "offset": float("nan")}, "finite"),
        ("linear", {"slope": 1, "offset": 0, "c2": 1}, "slope, offset"),
        ("polynomial", {}, "without a gap"),
        ("polynomial", {"c0": 1, "c2": 1}, "without a gap"),
        ("polynomial", {"c0": 1, "c00": 1}, "without a gap"),
        ("table", {"x0": 0, "y0": 0}, "x rising"),
        ("table", {"x0": 0, "y0": 0, "x1": 0, "y1": 1}, "x rising"),
        ("table", {"x0": 0, "y0": 0, "x2": 1, "y2": 1}, "x rising"),
        ("spline", {"c0": 1}, "one of linear, polynomial, table"),
    ],
)
def test_parameters_that_do_not_make_the_function_are_refused(function, parameters, expected):
    with pytest.raises(FormatError, match=expected):
        check_parameters(function, parameters)


def test_a_set_can_be_made_without_a_database_and_says_whether_level_2_can_be_made():
    before, after = record(1, "2019-07-01"), record(2, "2021-07-01")
    open_set = CalibrationSet(
        "D1", "U1", {"O3 analyser": Part("O1", pair(before, after)), "PT100": Part("T1", pair(before))}, AS_OF
    )
    assert not open_set.has_post
    assert open_set.ids == (1, 2)
    whole = CalibrationSet("D1", "U1", {"O3 analyser": Part("O1", pair(before, after))}, AS_OF, ("no PT100",))
    assert whole.has_post
    assert whole.warnings == ("no PT100",)
    assert whole.as_dict()["parts"]["O3 analyser"]["post"]["timestamp"] == "2021-07-01T00:00:00+00:00"
