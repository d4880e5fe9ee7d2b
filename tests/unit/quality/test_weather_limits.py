"""The shipped limits of the weather stations: each line of the table and each cross-check, hit by a small series.

Weakness 16 of the original: no quality flags at all.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from skyledger.config import load
from skyledger.quality import FAIL, GOOD, MISSING, SUSPECT, Frame, QualityConfig, Verdict, evaluate
from skyledger.weather.stations import ColumnMap, column_map, quality_path, stations
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    BATTERY,
    GUST,
    IRRIGATION,
    LOGGER_TEMPERATURE,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    VARIABLES,
    WIND_DIRECTION,
    WIND_SPEED,
)

NAN = np.nan
NOON_S = datetime(2016, 8, 30, 19, 30, tzinfo=UTC).timestamp()  # at Maricopa, UTC-7
MIDNIGHT_S = NOON_S - 12 * 3600


@cache
def limits(name: str) -> QualityConfig:
    return load(QualityConfig, quality_path(name))


def verdicts(
    quality: str = "azmet-secdata", *, start_s: float = NOON_S, step_s: float = 1.0, **fields: Any
) -> dict[str, Verdict]:
    """Verdicts on `series`; a single number stands for all rows."""
    series: dict[str, ArrayLike] = fields.pop("series")
    n = max(np.size(values) for values in series.values())
    return evaluate(
        Frame(
            time_s=start_s + step_s * np.arange(n),
            series={name: np.full(n, values, dtype=np.float64) for name, values in series.items()},
            interval_s=step_s,
            latitude_deg=33.075576,
            longitude_deg=-111.974304,
            settings={"rain_resolution_mm": 0.254} | fields.pop("settings", {}),
            **fields,
        ),
        limits(quality),
    )


def flags(name: str, values: ArrayLike, **series: Any) -> list[int]:
    """Flags of one variable of the AZMET station, at noon."""
    fields = {k: series.pop(k) for k in ("start_s", "step_s", "settings") if k in series}
    return verdicts(series={name: values, **series}, **fields)[name].flag.tolist()


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fail", "suspect", "least"),
    [
        (AIR_TEMPERATURE, (-40, 60), (-10, 50), 0.01),
        (RELATIVE_HUMIDITY, (-1, 103), (3, 100), 0.01),
        (SHORTWAVE, (-15, 1600), (-5, 1400), 0.1),
        (PHOTONS, (-15, 3000), (-5, 2500), 0.1),
        (WIND_DIRECTION, (0, 360), (0, 360), 0.1),
        (WIND_SPEED, (0, 60), (0, 35), 0.01),
        (BATTERY, (9.6, 16), (11.5, 15), 0.01),
        (LOGGER_TEMPERATURE, (-40, 85), (-20, 70), 0.01),
    ],
)
def test_limits_are_those_of_the_table(
    name: str, fail: tuple[float, float], suspect: tuple[float, float], least: float
) -> None:
    for value, expected in (
        (fail[0] - least, FAIL),
        (fail[0], GOOD if suspect[0] == fail[0] else SUSPECT),
        (suspect[0], GOOD),
        (suspect[1], GOOD),
        (suspect[1] + least, FAIL if suspect[1] == fail[1] else SUSPECT),
        (fail[1] + least, FAIL),
    ):
        assert flags(name, [value]) == [expected], value


def test_limits_of_rain_are_for_one_second() -> None:
    tip = 0.254
    assert flags(RAIN, [-tip, 0, 2 * tip, 3 * tip, 7 * tip, 8 * tip]) == [
        FAIL,
        GOOD,
        GOOD,
        SUSPECT,
        SUSPECT,
        FAIL,
    ]


def test_humidity_a_little_above_100_is_the_sensors_tolerance_and_is_clipped_where_it_is_used() -> None:
    humidity = np.array([99.0, 100.5, 103.0, 103.01, -1.01])
    flag = verdicts(series={RELATIVE_HUMIDITY: humidity})[RELATIVE_HUMIDITY].flag
    assert flag.tolist()[1:] == [SUSPECT, SUSPECT, FAIL, FAIL]
    clipped = limits("azmet-secdata").series[RELATIVE_HUMIDITY].clipped(humidity, flag)
    assert clipped.tolist() == [99.0, 100.0, 100.0, 103.01, -1.01]


@pytest.mark.parametrize(
    ("name", "base", "step"),
    [
        (AIR_TEMPERATURE, 20, 1.0),
        (RELATIVE_HUMIDITY, 40, 5),
        (SHORTWAVE, 300, 800),
        (PHOTONS, 400, 1700),
        (WIND_SPEED, 2, 20),
    ],
)
def test_steps_are_those_of_the_table(name: str, base: float, step: float) -> None:
    assert flags(name, [base, base + step, base + step])[1:] == [GOOD, GOOD]
    assert flags(name, [base, base + 1.01 * step, base + 1.01 * step])[1:] == [SUSPECT, GOOD]
    # a step that took ten seconds is none
    assert flags(name, [base, *[NAN] * 9, base + 1.01 * step])[-1] == GOOD


def test_the_way_back_from_a_value_that_fails_is_no_step() -> None:
    assert flags(AIR_TEMPERATURE, [20, 20, 85, 20])[1:] == [GOOD, FAIL, GOOD]


@pytest.mark.parametrize(
    ("name", "value", "suspect_s", "fail_s", "series"),
    [
        (AIR_TEMPERATURE, 20, 1800, 7200, {}),
        (RELATIVE_HUMIDITY, 98, 7200, 21600, {}),
        (SHORTWAVE, 600, 3600, 7200, {}),
        (PHOTONS, 1200, 3600, 7200, {}),
        (WIND_DIRECTION, 0, 3600, 14400, {WIND_SPEED: 0.51}),
        (WIND_SPEED, 2, 3600, 14400, {}),
    ],
)
def test_plateaus_are_those_of_the_table_and_marked_from_their_start(
    name: str, value: float, suspect_s: int, fail_s: int, series: dict[str, float]
) -> None:
    morning = NOON_S - 4 * 3600

    def stuck(seconds: int) -> list[int]:
        values = np.append(value + 2.0 + 0.01 * (np.arange(60) % 7), np.full(seconds + 1, value))
        if name == WIND_SPEED:
            return flags(name, values, start_s=morning)[60:]
        # the wind itself is alive
        living = {other: speed + 0.01 * (np.arange(len(values)) % 7) for other, speed in series.items()}
        return flags(name, values, start_s=morning, **living)[60:]

    # the step into the plateau may count as one
    assert set(stuck(suspect_s - 1)[1:]) == {GOOD}
    assert set(stuck(suspect_s)) == {SUSPECT}
    assert set(stuck(fail_s - 1)) == {SUSPECT}
    assert set(stuck(fail_s)) == {FAIL}


def test_temperature_within_its_tolerance_stands_still() -> None:
    flutter = 20 + 0.001 * (np.arange(2000) % 2)
    assert set(flags(AIR_TEMPERATURE, flutter)) == {SUSPECT}
    assert set(flags(AIR_TEMPERATURE, 20 + 0.01 * (np.arange(2000) % 2))[1:]) == {GOOD}


def test_plateaus_are_excused_in_fog_at_night_and_in_calm() -> None:
    n = 8 * 3600
    assert set(flags(RELATIVE_HUMIDITY, np.full(n, 98.01))) == {GOOD}
    for name in (SHORTWAVE, PHOTONS):
        assert set(flags(name, np.full(n, 0.0), start_s=MIDNIGHT_S - 4 * 3600)[1:]) == {GOOD}
    calm = {WIND_SPEED: 0.5}
    assert set(flags(WIND_DIRECTION, np.full(n, 70.0), **calm)) == {GOOD}


# --- cross-checks ----------------------------------------------------------------------------------------------------


def test_vector_29_par_and_radiation_of_the_example_agree() -> None:
    par, pyro = 1523.7, 748.2
    assert par / pyro == pytest.approx(2.03649, rel=5e-6)
    seen = verdicts(series={PHOTONS: [par], SHORTWAVE: [pyro]})
    assert seen[PHOTONS].flag.tolist() == seen[SHORTWAVE].flag.tolist() == [GOOD]
    assert seen[PHOTONS].probability.tolist() == [1]


@pytest.mark.parametrize(
    ("par", "pyro", "expected"),
    [
        (1.59 * 500, 500, SUSPECT),
        (1.61 * 500, 500, GOOD),
        (2.59 * 500, 500, GOOD),
        (2.61 * 500, 500, SUSPECT),
        (2.61 * 50, 50, GOOD),  # not in daylight
        (0.0, 51, SUSPECT),
    ],
)
def test_par_and_radiation_share_the_doubt_when_their_ratio_is_odd(
    par: float, pyro: float, expected: int
) -> None:
    seen = verdicts(series={PHOTONS: [par], SHORTWAVE: [pyro]})
    assert seen[PHOTONS].flag.tolist() == seen[SHORTWAVE].flag.tolist() == [expected]
    assert (seen[PHOTONS].counts["ratio"]["suspect"] == 1) == (expected == SUSPECT)


def test_rain_in_dry_air_is_suspect() -> None:
    rain, humidity = [0.254, 0.254, 0.0, 0.254], [29.9, 30.0, 20.0, NAN]
    seen = verdicts(series={RAIN: rain, RELATIVE_HUMIDITY: humidity})[RAIN]
    assert seen.flag.tolist() == [SUSPECT, GOOD, GOOD, GOOD]
    assert seen.counts["rain_in_dry_air"] == {"suspect": 1, "fail": 0}


def test_rain_is_not_doubted_for_a_humidity_that_fails_itself() -> None:
    assert flags(RAIN, [0.254], **{RELATIVE_HUMIDITY: [-5.0]}) == [GOOD]


@pytest.mark.parametrize("name", [SHORTWAVE, PHOTONS])
def test_light_in_the_night_is_suspect(name: str) -> None:
    values = [0.0, 20.0, 20.1, 300.0]
    assert flags(name, values, start_s=MIDNIGHT_S) == [GOOD, GOOD, SUSPECT, SUSPECT]
    assert flags(name, values) == [GOOD] * 4  # at noon


def test_light_is_expected_from_6_degrees_below_the_horizon_up() -> None:
    hour = MIDNIGHT_S + 5 * 3600  # the sun rises about 05:55
    seen = verdicts(series={SHORTWAVE: 21 + np.arange(60) % 2}, start_s=hour, step_s=60.0)[SHORTWAVE]
    last = int(np.flatnonzero(seen.flag == SUSPECT)[-1])
    sun = Frame(
        time_s=hour + 60.0 * np.arange(60),
        series={},
        interval_s=60,
        latitude_deg=33.075576,
        longitude_deg=-111.974304,
    ).sun_elevation_deg
    assert sun[last] < -6 <= sun[last + 1]


def test_rain_that_is_no_whole_number_of_tips_is_suspect() -> None:
    assert flags(RAIN, [0.254, 0.508, 0.3]) == [GOOD, GOOD, SUSPECT]
    assert flags(RAIN, [0.3], settings={"rain_resolution_mm": 0.1}) == [GOOD]


def test_when_the_battery_fails_everything_else_is_suspect() -> None:
    whole = {
        AIR_TEMPERATURE: 20,
        RELATIVE_HUMIDITY: 40,
        SHORTWAVE: 0,
        PHOTONS: 0,
        WIND_DIRECTION: 70,
        WIND_SPEED: 2,
        RAIN: 0,
        LOGGER_TEMPERATURE: 25,
    }
    seen = verdicts(series={BATTERY: [12.6, 11.0, 9.5, 16.1], **whole})
    assert seen[BATTERY].flag.tolist() == [GOOD, SUSPECT, FAIL, FAIL]
    for name in whole:
        assert seen[name].flag.tolist() == [GOOD, GOOD, SUSPECT, SUSPECT], name
        assert seen[name].counts["battery"] == {"suspect": 2, "fail": 0}


def test_a_row_that_the_reader_doubts_makes_all_its_values_suspect() -> None:
    series = {AIR_TEMPERATURE: [20, 20, NAN], BATTERY: 12.6}
    seen = verdicts(series=series, suspect=np.array([False, True, True]))
    assert seen[AIR_TEMPERATURE].flag.tolist() == [GOOD, SUSPECT, MISSING]
    assert seen[BATTERY].flag.tolist() == [GOOD, SUSPECT, SUSPECT]


def test_weakness_16_every_value_of_every_column_gets_a_flag() -> None:
    n = 600
    rng = np.random.default_rng(16)
    series = {column.variable: np.abs(rng.normal(12, 1, n)) for column in column_map("azmet-secdata").columns}
    for values in series.values():
        values[rng.random(n) < 0.1] = NAN
    seen = verdicts(series=series)
    assert set(seen) == set(series)
    for name, verdict in seen.items():
        np.testing.assert_array_equal(verdict.flag == MISSING, np.isnan(series[name]))
        assert set(verdict.flag.tolist()) <= {GOOD, SUSPECT, FAIL, MISSING}


# --- other stations --------------------------------------------------------------------------------------------------


def farm(series: dict[str, ArrayLike], **fields: Any) -> dict[str, list[int]]:
    seen = verdicts("energy-farm-avg15", step_s=900.0, series=series, **fields)
    return {name: verdict.flag.tolist() for name, verdict in seen.items()}


def test_quarter_hours_have_steps_of_their_own() -> None:
    seen = farm({AIR_TEMPERATURE: [30, 20.5, 10], AIR_PRESSURE: [990, 981, 970], WIND_SPEED: [2, 16, 32]})
    assert seen[AIR_TEMPERATURE][1:] == [GOOD, SUSPECT]
    assert seen[AIR_PRESSURE][1:] == [GOOD, SUSPECT]
    assert seen[WIND_SPEED][1:] == [GOOD, SUSPECT]


def test_quarter_hours_hold_more_rain_and_have_gusts_and_pressure() -> None:
    assert farm({RAIN: np.array([0, 100, 200, 800]) * 0.254})[RAIN] == [GOOD, GOOD, SUSPECT, FAIL]
    assert farm({GUST: [-0.1, 44, 46, 76]})[GUST] == [FAIL, GOOD, SUSPECT, FAIL]
    seen = [farm({AIR_PRESSURE: [hpa]})[AIR_PRESSURE] for hpa in (99.0, 849, 929, 988, 1061)]
    assert seen == [[FAIL], [FAIL], [SUSPECT], [GOOD], [SUSPECT]]  # the first is in kPa


def test_a_sensor_that_stands_still_for_two_hours_of_quarter_hours_is_suspect() -> None:
    stuck = [20.1, 20.2, *[21.0] * 9, 21.3]
    assert farm({AIR_TEMPERATURE: stuck})[AIR_TEMPERATURE][1:] == [GOOD, *[SUSPECT] * 9, GOOD]
    assert set(farm({AIR_TEMPERATURE: stuck[:10]})[AIR_TEMPERATURE][1:]) == {GOOD}


def test_a_logger_that_averages_degrees_has_only_suspect_directions() -> None:
    series: dict[str, ArrayLike] = {WIND_DIRECTION: [10, 350, NAN]}
    averaged = {"direction_is_averaged": 1.0}
    assert farm(series, settings=averaged)[WIND_DIRECTION] == [SUSPECT, SUSPECT, MISSING]
    assert farm(series)[WIND_DIRECTION] == [GOOD, GOOD, MISSING]


def test_irrigation_is_never_negative() -> None:
    seen = verdicts("irrigation-flowmeter", step_s=86_400.0, series={IRRIGATION: [-0.1, 0, 4.7, NAN]})
    assert seen[IRRIGATION].flag.tolist() == [FAIL, GOOD, GOOD, MISSING]


def test_every_column_of_every_station_has_limits_and_every_limit_a_variable() -> None:
    used: set[str] = set()
    for station in stations().values():
        for period in station.periods:
            columns: ColumnMap = column_map(period.columns)
            series = limits(period.quality).series
            used.add(period.quality)
            assert {column.variable for column in columns.columns} == set(series), period.quality
            assert set(series) <= set(VARIABLES)
    assert used == {path.stem for path in quality_path("x").parent.glob("*.yaml")}
    assert len(used) == 3
