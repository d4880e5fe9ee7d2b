"""Sensor faults: what they do, that all else stays sound, and that a quality check can find them."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from sandbox.weather import Fault, WeatherWorld
from sandbox.weather.faults import BATTERY_FAILURE, LEXEMES, MEASURED, SHADED, SPIKE, STEP, STUCK, plan
from sandbox.weather.instruments import Values
from skyledger.weather import variables as v

WORLD, SOUND = WeatherWorld(seed=1), WeatherWorld(seed=1, faults=False)
DAYS = [date(2016, 8, 28) + timedelta(days=n) for n in range(6)]


@cache
def of_day(day: date) -> tuple[np.ndarray, Values, Values]:
    time_s = np.arange(*WORLD._bounds(day))
    return time_s, WORLD.measured(time_s), SOUND.measured(time_s)


def all_faults() -> list[tuple[Fault, np.ndarray, Values, Values]]:
    """Each fault of all days with its times, and what is shown in it with and without faults."""
    found = []
    for day in DAYS:
        time_s, shown, sound = of_day(day)
        for fault in WORLD.faults(day):
            at = slice(*np.searchsorted(time_s, (fault.first_utc_s, fault.last_utc_s + 1)))
            both = ({name: x[at] for name, x in values.items()} for values in (shown, sound))
            found.append((fault, time_s[at], *both))
    return found


def test_a_day_has_several_kinds_of_faults_and_a_week_has_all() -> None:
    kinds = [{fault.kind for fault in WORLD.faults(day)} for day in DAYS]
    assert min(map(len, kinds)) >= 8
    assert set.union(*kinds) >= {
        STUCK, SPIKE, STEP, SHADED, BATTERY_FAILURE, "out of range", "humidity above 100", "humidity above 103",
        "radiation at night", "rain in dry air", "rain is no multiple of a tip", *LEXEMES,
    }  # fmt: skip
    assert {f.variable for day in DAYS for f in WORLD.faults(day) if f.kind == STUCK} == {
        v.AIR_TEMPERATURE, v.RELATIVE_HUMIDITY, v.WIND_DIRECTION, v.WIND_SPEED,
    }  # fmt: skip


def test_most_of_a_day_is_sound() -> None:
    hit = [WORLD.fault_mask(name, of_day(day)[0]).mean() for day in DAYS for name in MEASURED]
    assert np.mean(hit) < 0.05
    assert max(hit) < 0.25


@pytest.mark.parametrize("day", DAYS)
def test_only_values_under_the_mask_are_changed(day: date) -> None:
    time_s, shown, sound = of_day(day)
    for name in MEASURED:
        mask = WORLD.fault_mask(name, time_s)
        assert np.array_equal(shown[name][~mask], sound[name][~mask]), name
    doubted_only = [f for f in WORLD.faults(day) if f.sound]
    for fault in doubted_only:
        at = slice(*np.searchsorted(time_s, (fault.first_utc_s, fault.last_utc_s + 1)))
        assert np.array_equal(shown[fault.variable][at], sound[fault.variable][at])


def test_a_direction_gets_stuck_only_while_the_wind_blows() -> None:
    """In a calm it stands still by nature, and no check objects."""
    air = WORLD.air(np.arange(*WORLD._bounds(DAYS[0])))
    blows = np.repeat([0.1, 1.0], 43_200)  # a calm morning
    air = replace(air, eastward_m_s=air.eastward_m_s * blows, northward_m_s=air.northward_m_s * blows)
    stuck = [
        fault
        for n in range(15)
        for fault in plan(n, "day", air)
        if (fault.kind, fault.variable) == (STUCK, v.WIND_DIRECTION)
    ]
    assert len(stuck) > 3
    assert min(fault.first_utc_s for fault in stuck) >= air.time_s[43_200]


def test_every_row_of_a_fault_is_changed() -> None:
    for fault, _, shown, sound in all_faults():
        if not fault.sound:
            changed = shown[fault.variable] != sound[fault.variable]
            # a stuck sensor begins with a true value, and the truth passes by now and then
            assert changed.mean() > (0.8 if fault.kind == STUCK else 0.999), fault


def test_every_fault_is_where_a_check_can_find_it() -> None:
    """The limits of the weather stations' quality checks, written out."""
    seen = Counter()
    for fault, time_s, shown, sound in all_faults():
        x, low, high = shown[fault.variable], *limits(fault)
        air = WORLD.air(time_s)
        seen[fault.kind] += 1
        if fault.sound:
            continue
        elif fault.kind in LEXEMES:
            assert np.isnan(x).all(), fault
            assert fault.expected == "missing"
        elif fault.kind == STUCK:
            suspect_s, fail_s = {v.AIR_TEMPERATURE: (1800, 7200), v.RELATIVE_HUMIDITY: (7200, 21_600)}.get(
                fault.variable, (3600, 14_400)
            )
            assert np.ptp(x) == 0
            assert suspect_s < len(x) - 1
            assert (len(x) - 1 >= fail_s) == (fault.expected == "fail"), fault
            if fault.variable == v.WIND_DIRECTION:
                assert shown[v.WIND_SPEED].min() > 0.5
            if fault.variable == v.RELATIVE_HUMIDITY:
                assert x.max() < 98
        elif fault.kind == SPIKE:
            largest = {v.AIR_TEMPERATURE: 1.0, v.WIND_SPEED: 20}[fault.variable]
            assert len(x) == 1
            assert abs(x - sound[fault.variable])[0] > largest + 0.3
        elif fault.kind == SHADED:
            assert shown[v.SHORTWAVE].min() > 50
            assert (x / shown[v.SHORTWAVE]).max() < 1.6
        elif fault.kind == "radiation at night":
            assert air.sun_deg.max() < -6
            assert x.min() > 20
        elif fault.kind == "rain in dry air":
            assert shown[v.RELATIVE_HUMIDITY].max() < 30
            assert x.min() > 0
        elif fault.kind == "rain is no multiple of a tip":
            assert 0.2 < (x / 0.254)[0] % 1 < 0.8
        else:
            assert ((x < low) | (x > high)).all(), fault
    assert min(seen.values()) > 0


def limits(fault: Fault) -> tuple[float, float]:
    """Suspect or fail limits of a variable."""
    suspect = {
        v.AIR_TEMPERATURE: (-10, 50), v.RELATIVE_HUMIDITY: (3, 100), v.SHORTWAVE: (-5, 1400),
        v.PHOTONS: (-5, 2500), v.WIND_SPEED: (0, 35), v.RAIN: (0, 0.6), v.BATTERY: (11.5, 15),
        v.LOGGER_TEMPERATURE: (-20, 70), v.WIND_DIRECTION: (0, 360),
    }  # fmt: skip
    fail = {
        v.AIR_TEMPERATURE: (-40, 60), v.RELATIVE_HUMIDITY: (-1, 103), v.SHORTWAVE: (-15, 1600),
        v.PHOTONS: (-15, 3000), v.WIND_SPEED: (0, 60), v.RAIN: (0, 2.0), v.BATTERY: (9.6, 16),
        v.LOGGER_TEMPERATURE: (-40, 85), v.WIND_DIRECTION: (0, 360),
    }  # fmt: skip
    return (fail if fault.expected == "fail" else suspect)[fault.variable]


def test_humidity_just_above_100_is_within_the_tolerance_of_the_sensor() -> None:
    shown = [x[v.RELATIVE_HUMIDITY] for f, _, x, _ in all_faults() if f.kind == "humidity above 100"]
    assert shown
    assert max(x.max() for x in shown) <= 103


def test_when_the_battery_fails_all_columns_are_in_doubt() -> None:
    failures = [f for day in DAYS for f in WORLD.faults(day) if f.kind == BATTERY_FAILURE]
    assert {f.variable for f in failures} == set(MEASURED)
    assert {f.expected for f in failures if f.variable == v.BATTERY} == {"fail"}
    assert {(f.expected, f.sound) for f in failures if f.variable != v.BATTERY} == {("suspect", True)}


def test_no_true_rain_is_hidden_or_doubted() -> None:
    """Else the day's total could not be right."""
    for day in DAYS:
        time_s, shown, sound = of_day(day)
        rains = sound[v.RAIN] > 0
        assert np.array_equal(shown[v.RAIN][rains], sound[v.RAIN][rains])
        assert not WORLD.fault_mask(v.RAIN, time_s)[rains].any()
        assert not WORLD.fault_mask(v.RELATIVE_HUMIDITY, time_s)[rains].any()
    assert sum((of_day(day)[2][v.RAIN] > 0).sum() for day in DAYS) > 0


def test_any_range_of_seconds_has_the_same_faults() -> None:
    time_s, shown, _ = of_day(DAYS[0])
    fault = next(f for f in WORLD.faults(DAYS[0]) if f.kind == STUCK)
    middle = (fault.first_utc_s + fault.last_utc_s) // 2 - int(time_s[0])
    part = slice(middle, middle + 7)
    alone = WeatherWorld(seed=1)
    for name, values in alone.measured(time_s[part]).items():
        assert np.array_equal(values, shown[name][part]), name
    assert alone.fault_mask(fault.variable, time_s[part]).all()
    two_days = alone.measured(np.arange(time_s[-10], time_s[-1] + 11))
    assert np.array_equal(two_days[v.AIR_TEMPERATURE][:10], shown[v.AIR_TEMPERATURE][-10:])


def test_faults_can_be_switched_off() -> None:
    assert SOUND.faults(DAYS[0]) == ()
    assert not SOUND.fault_mask(v.AIR_TEMPERATURE, of_day(DAYS[0])[0]).any()
