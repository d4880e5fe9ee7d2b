"""Which days a run works on, for every way Airflow can start one."""

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from flows.days import DayError, data_days, day_key, own_days, parse_day, split_key

RUN_AFTER = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


def run(run_after=RUN_AFTER, **context):
    return {"dag_run": SimpleNamespace(run_after=run_after), "params": {}, **context}


def event(partition_key=None, extra=None):
    return SimpleNamespace(partition_key=partition_key, extra=extra)


def iso(days):
    return [day.isoformat() for day in days]


def test_partition_run_has_the_day_of_its_key():
    assert data_days(run(partition_key="2026-03-09")) == [date(2026, 3, 9)]


def test_backfilled_partition_of_the_past_is_not_moved_to_yesterday():
    assert data_days(run(partition_key="2019-01-31")) == [date(2019, 1, 31)]


def test_lookback_adds_the_days_before():
    assert iso(data_days(run(partition_key="2026-03-01"), lookback_days=2)) == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
    ]


def test_partitioned_consumer_takes_the_day_out_of_the_member_key():
    assert data_days(run(partition_key="HPP 445|2026-03-08")) == [date(2026, 3, 8)]


def test_form_range_wins_over_the_key_and_gets_no_lookback():
    context = run(partition_key="2026-03-09", params={"first_day": "2026-02-27", "last_day": "2026-03-01"})
    assert iso(data_days(context, lookback_days=5)) == ["2026-02-27", "2026-02-28", "2026-03-01"]


def test_form_with_one_end_fills_the_other_with_the_runs_own_day():
    first_only = run(partition_key="2026-03-09", params={"first_day": "2026-03-07", "last_day": None})
    assert iso(data_days(first_only)) == ["2026-03-07", "2026-03-08", "2026-03-09"]
    last_only = run(partition_key="2026-03-09", params={"first_day": None, "last_day": "2026-03-09"})
    assert iso(data_days(last_only)) == ["2026-03-09"]


def test_own_days_ignore_the_form():
    context = run(partition_key="2026-03-09", params={"first_day": "2020-01-01", "last_day": "2020-01-02"})
    assert own_days(context) == [date(2026, 3, 9)]


def test_reversed_range_is_refused_and_both_ends_are_named():
    with pytest.raises(DayError, match="ends before it begins: first_day 2026-03-05, last_day 2026-03-01"):
        data_days(run(params={"first_day": "2026-03-05", "last_day": "2026-03-01"}))


@pytest.mark.parametrize(
    "key", ["2026-3-9", "yesterday", "2026-02-30", "LP8|", "|2026-03-09", "a|b|2026-03-09", "20260309", "LP8"]
)
def test_malformed_key_is_refused_and_the_expected_form_is_named(key):
    with pytest.raises(DayError, match="YYYY-MM-DD"):
        data_days(run(partition_key=key))


def test_malformed_form_day_names_the_field():
    with pytest.raises(DayError, match=r"first_day: '9\.3\.2026'"):
        data_days(run(params={"first_day": "9.3.2026", "last_day": "2026-03-09"}))


def test_asset_run_takes_the_keys_of_its_events_once_and_in_order():
    events = {"lp8": [event("2026-03-09"), event("2026-03-07")], "hpp": [event("HPP|2026-03-09")]}
    assert iso(data_days(run(triggering_asset_events=events))) == ["2026-03-07", "2026-03-09"]


def test_asset_run_takes_days_from_the_extra_of_events_without_key():
    events = {"files": [event(extra={"days": ["2026-03-05", "2026-03-04"]})]}
    assert iso(data_days(run(triggering_asset_events=events))) == ["2026-03-04", "2026-03-05"]


def test_asset_run_whose_events_name_no_day_works_on_the_last_complete_day():
    assert data_days(run(triggering_asset_events={"files": [event(extra={})]})) == [date(2026, 3, 9)]


def test_data_interval_run_has_the_day_the_interval_starts_on():
    context = run(
        data_interval_start=datetime(2026, 3, 8, 2, tzinfo=UTC),
        data_interval_end=datetime(2026, 3, 9, 2, tzinfo=UTC),
    )
    assert data_days(context) == [date(2026, 3, 8)]


def test_weekly_interval_has_seven_days():
    start = datetime(2026, 3, 1, tzinfo=UTC)
    days = data_days(run(data_interval_start=start, data_interval_end=start + timedelta(days=7)))
    assert iso(days) == [f"2026-03-0{n}" for n in range(1, 8)]


def test_empty_interval_of_a_plain_cron_run_is_not_taken_for_a_day():
    tick = datetime(2026, 3, 10, 2, tzinfo=UTC)
    context = run(data_interval_start=tick, data_interval_end=tick, logical_date=tick)
    assert data_days(context) == [date(2026, 3, 9)]


def test_manual_run_for_a_past_logical_date_has_that_day():
    assert data_days(run(logical_date=datetime(2026, 1, 5, 7, tzinfo=UTC))) == [date(2026, 1, 5)]


def test_manual_run_of_now_works_on_yesterday_not_on_half_of_today():
    assert data_days(run(logical_date=RUN_AFTER)) == [date(2026, 3, 9)]


def test_run_that_says_nothing_works_on_the_last_complete_day():
    assert data_days(run()) == [date(2026, 3, 9)]


def test_the_day_is_counted_in_utc_whatever_the_zone_of_the_moment():
    zurich_summer = timezone(timedelta(hours=2))
    # 01:00 local on 10 July is still 9 July in UTC, whose last complete day is 8 July
    assert data_days(run(run_after=datetime(2026, 7, 10, 1, tzinfo=zurich_summer))) == [date(2026, 7, 8)]


def test_moment_without_zone_is_refused():
    with pytest.raises(DayError, match="no time zone"):
        data_days(run(run_after=datetime(2026, 7, 10, 1)))  # noqa: DTZ001 - the naive value is the point


def test_negative_lookback_is_refused():
    with pytest.raises(DayError, match="expected 0 or more"):
        data_days(run(), lookback_days=-1)


@pytest.mark.parametrize(("member", "key"), [(None, "2026-03-09"), ("HPP 445", "HPP 445|2026-03-09")])
def test_key_and_its_parts_are_the_same_thing(member, key):
    assert day_key(date(2026, 3, 9), member) == key
    assert split_key(key) == (member, date(2026, 3, 9))


def test_a_date_passes_and_a_date_time_does_not():
    assert parse_day(date(2026, 3, 9)) == date(2026, 3, 9)
    with pytest.raises(DayError):
        parse_day(datetime(2026, 3, 9, tzinfo=UTC))
