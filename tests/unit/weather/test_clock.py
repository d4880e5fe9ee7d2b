"""Logger time and UTC."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from skyledger.weather import clock
from skyledger.weather.clock import US, AmbiguousTimeError, NonexistentTimeError, to_logger, to_utc

ARIZONA = timezone(timedelta(hours=-7))
CHICAGO = ZoneInfo("America/Chicago")


def logger_us(text: str) -> np.ndarray:
    return np.array([clock.microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))])


def test_vector_15_logger_time_at_maricopa_becomes_unix_time():
    assert to_utc(logger_us("2016-08-30T00:06:24"), ARIZONA)[0] == 1472540784 * US


@pytest.mark.parametrize(("offset", "expected"), [(-6, "06:15"), (-5, "05:15"), (-7, "07:15")])
def test_vector_16_weakness_19_illinois_is_not_stamped_with_arizona_time(offset, expected):
    utc = clock.moment(to_utc(logger_us("2016-08-30T00:15:00"), timezone(timedelta(hours=offset)))[0])
    assert f"{utc:%H:%M}" == expected


def test_a_zone_without_daylight_saving_equals_its_offset():
    times = logger_us("2016-08-30T00:06:24")
    assert to_utc(times, ZoneInfo("America/Phoenix")) == to_utc(times, ARIZONA)


def test_a_daylight_zone_is_right_away_from_its_changes():
    assert clock.moment(to_utc(logger_us("2016-07-01T12:00:00"), CHICAGO)[0]).hour == 17
    assert clock.moment(to_utc(logger_us("2016-12-01T12:00:00"), CHICAGO)[0]).hour == 18


def test_a_time_that_happens_twice_is_a_named_error():
    with pytest.raises(AmbiguousTimeError, match="2016-11-06 01:30:00 happens twice"):
        to_utc(logger_us("2016-11-06T01:30:00"), CHICAGO)


def test_a_time_that_does_not_exist_is_a_named_error():
    with pytest.raises(NonexistentTimeError, match="2016-03-13 02:15:00 does not exist"):
        to_utc(logger_us("2016-03-13T02:15:00"), CHICAGO)


def test_there_and_back():
    moment = datetime(2016, 8, 30, 7, 6, 24, 500_000, tzinfo=UTC)
    assert to_utc(np.array([to_logger(moment, ARIZONA)]), ARIZONA)[0] == clock.microseconds(moment)
