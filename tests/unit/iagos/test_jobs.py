"""When jobs are due: the vector, days of the clock change, missed times."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from skyledger.iagos.jobs import Due, Job, due, jobs

SOURCE = {"kind": "rest", "connection": "iagos_data_centre"}


def job(start: str, frequency: str, interval: int = 1, **more) -> Job:
    return Job.model_validate(
        {
            "job": "j",
            "responsible": "pi",
            "instrument_type": "P1",
            "source": SOURCE,
            "start": start,
            "frequency": frequency,
            "interval": interval,
            **more,
        }
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(one: Job, begin: datetime, count: int) -> list[str]:
    """The next times it is due."""
    found, now = [], begin
    for _ in range(count):
        now = one.next_due(now)
        found.append(f"{now:%m-%d %H:%M}")
    return found


def test_every_second_hour_begins_with_the_start():
    """Vector 25."""
    one = job("2024-03-05T01:30:00Z", "hourly", 2)
    assert times(one, at("2024-03-05 00:00"), 4) == [
        "03-05 01:30",
        "03-05 03:30",
        "03-05 05:30",
        "03-05 07:30",
    ]


@pytest.mark.parametrize(
    ("frequency", "interval", "step"),
    [("hourly", 2, timedelta(hours=2)), ("daily", 1, timedelta(days=1)), ("weekly", 2, timedelta(weeks=2))],
)
def test_a_change_to_summer_time_moves_nothing(frequency, interval, step):
    one = job(
        "2024-03-17T01:30:00+01:00", frequency, interval
    )  # the clocks change on 31 March and 27 October
    now = at("2024-03-17 00:00")
    seen = []
    while now < at("2024-11-15 00:00"):
        now = one.next_due(now)
        seen.append(now)
    assert {b - a for a, b in pairwise(seen)} == {step}
    assert (
        len({t.astimezone(ZoneInfo("Europe/Berlin")).utcoffset() for t in seen}) == 2
    )  # both clocks were met


def test_missed_times_are_made_up_for_by_one_run_that_tells_their_number():
    one = job("2024-03-05T01:30:00Z", "hourly", 2)
    assert due(one, None, at("2024-03-05 01:29")) is None
    assert due(one, None, at("2024-03-05 01:30")) == Due(one, at("2024-03-05 01:30"), 0)
    assert due(one, None, at("2024-03-05 06:00")) == Due(one, at("2024-03-05 05:30"), 2)
    assert due(one, at("2024-03-05 01:30"), at("2024-03-05 03:29")) is None
    assert due(one, at("2024-03-05 01:30"), at("2024-03-05 03:30")) == Due(one, at("2024-03-05 03:30"), 0)
    assert due(one, at("2024-03-05 01:30"), at("2024-03-06 02:00")) == Due(one, at("2024-03-06 01:30"), 11)


def test_a_job_that_runs_once_runs_once_and_one_that_is_off_never():
    once = job("2024-03-05T01:30:00Z", "once")
    assert due(once, None, at("2024-04-01 00:00")) == Due(once, at("2024-03-05 01:30"), 0)
    assert due(once, at("2024-03-05 01:30"), at("2024-04-01 00:00")) is None
    assert once.next_due(at("2024-03-05 01:30")) is None
    assert due(job("2024-03-05T01:30:00Z", "daily", active=False), None, at("2024-04-01 00:00")) is None


@pytest.mark.parametrize(
    "change", [{"interval": 0}, {"start": "2024-03-05T01:35:00Z"}, {"start": "2024-03-05T01:30:00"}]
)
def test_a_job_that_cannot_be_is_refused(change):
    with pytest.raises(ValidationError):
        job(**{"start": "2024-03-05T01:30:00Z", "frequency": "hourly", **change})


def test_the_projects_own_jobs_are_valid_and_in_order():
    assert [one.order for one in jobs().values()] == sorted(one.order for one in jobs().values())
