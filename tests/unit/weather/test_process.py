"""A day from files to flagged bins, against the truth of the simulated world."""

from datetime import date

import numpy as np
import pytest

from sandbox.weather import Defect, WeatherWorld
from skyledger.weather import variables as v
from skyledger.weather.clock import US, to_utc
from skyledger.weather.process import Day, process_day, recipe
from skyledger.weather.stations import load_station
from skyledger.weather.toa5 import read

RAINY = date(2022, 6, 14)
BATTERY_FAILS = date(2022, 6, 20)
TIP_M = 0.254e-3


def made(world: WeatherWorld, day: date = RAINY, **changes) -> Day:
    station = load_station("UA-MAC").model_copy(update=changes)
    files = [read(file.data, file.name) for file in world.files(day, day, lead_in=True)]
    return process_day(recipe(station, day), day, files)


def error(day: Day, world: WeatherWorld, name: str) -> np.ndarray:
    return day.products["bins_300s"].variables[name].value - world.truth_bins(day.day)[name]


@pytest.fixture(scope="module")
def world() -> WeatherWorld:
    return WeatherWorld()


@pytest.fixture(scope="module")
def rainy(world) -> Day:
    return made(world)


def test_a_day_with_broken_sensors_is_near_the_truth(world, rainy):
    bins = rainy.products["bins_300s"]
    assert len(bins) == 288
    assert abs(np.nanmean(error(rainy, world, v.AIR_TEMPERATURE))) < 0.01
    wind = np.hypot(error(rainy, world, v.EASTWARD_WIND), error(rainy, world, v.NORTHWARD_WIND))
    whole = bins.variables[v.EASTWARD_WIND].coverage == 1
    assert whole.sum() > 150
    assert wind[whole].max() < 0.02  # a bin that lost rows is the mean of the others
    assert np.isnan(wind).mean() < 0.4


def test_rain_is_right_to_the_tip(world, rainy):
    total = np.nansum(rainy.products["bins_300s"].variables[v.RAIN].value)
    assert total == pytest.approx(world.truth_bins(RAINY)[v.RAIN].sum(), abs=1e-9)
    assert total / TIP_M == pytest.approx(37, abs=1e-6)


def test_tests_find_the_injected_faults_and_leave_good_values_alone(world, rainy):
    """Row by row: at least 95 % of the faulty values flagged, less than 0.5 % of the good ones."""
    print(f"\n{'variable':<55}{'found':>8}{'missed':>8}{'false alarms':>14}{'good':>8}")
    total = np.zeros(4, dtype=int)
    for day in (rainy, made(world, BATTERY_FAILS)):
        time_s = to_utc(day.records.time_us, day.period.zone) // US
        for name, flags in day.flags.items():
            faulty, flagged = world.fault_mask(name, time_s), (flags != 1) & (flags != 2)
            cells = [(faulty & flagged), (faulty & ~flagged), (~faulty & flagged), (~faulty & ~flagged)]
            counts = np.array([cell.sum() for cell in cells])
            print(f"{day.day} {name:<44}{counts[0]:>8}{counts[1]:>8}{counts[2]:>14}{counts[3]:>8}")
            total += counts
    found, missed, false, good = total
    print(f"{'all':<55}{found:>8}{missed:>8}{false:>14}{good:>8}")
    assert found > 20_000
    assert found / (found + missed) >= 0.95
    assert false / (false + good) < 0.005


def test_every_kind_of_fault_is_found_as_what_it_is(world, rainy):
    time_s = to_utc(rainy.records.time_us, rainy.period.zone) // US
    word = {"suspect": (3, 4), "fail": (4,), "missing": (9,)}
    for fault in world.faults(RAINY):
        rows = (time_s >= fault.first_utc_s) & (time_s <= fault.last_utc_s)
        flags = rainy.flags[fault.variable][rows]
        assert np.isin(flags, (*word[fault.expected], 9)).mean() >= 0.95, fault


def test_a_bin_is_missing_when_its_rows_failed_and_says_which_test_objected(rainy):
    for name, binned in rainy.products["bins_300s"].variables.items():
        missing = np.isnan(binned.value)
        assert (binned.flag[missing] == 9).all(), name
        assert (binned.flag[~missing] != 9).all(), name
    temperature = rainy.products["bins_300s"].variables[v.AIR_TEMPERATURE]
    withheld = np.isnan(temperature.value)
    assert withheld.any()
    assert (temperature.tests[withheld] != 0).all()


def test_weakness_11_files_in_any_order_give_the_same_day(world, rainy):
    files = [read(file.data, file.name) for file in world.files(RAINY, RAINY, lead_in=True)]
    shuffled = process_day(recipe(load_station("UA-MAC"), RAINY), RAINY, files[::-1])
    for name, binned in rainy.products["bins_300s"].variables.items():
        assert shuffled.products["bins_300s"].variables[name].value == pytest.approx(
            binned.value, nan_ok=True, rel=1e-12
        )


def test_weakness_12_a_comma_in_the_stations_name_does_no_harm(world, rainy):
    odd = WeatherWorld(defects=[Defect("quoted comma", RAINY, 5)])
    day = made(odd, header_station=None)
    assert day.rows == rainy.rows == 86_400


def test_a_clock_that_jumps_is_reported_and_its_rows_are_suspect():
    world = WeatherWorld(faults=False, defects=[Defect("clock jump", RAINY, 10, seconds=-60, count=300)])
    day = made(world)
    assert any(event["kind"] == "clock change" for event in day.report["events"])
    assert day.records.suspect.sum() >= 60
    suspect = (day.flags[v.AIR_TEMPERATURE] == 3) | (day.flags[v.AIR_TEMPERATURE] == 4)
    assert suspect[day.records.suspect].all()


def test_a_row_that_came_with_two_contents_is_suspect():
    world = WeatherWorld(faults=False, defects=[Defect("conflicting row", RAINY, 10)])
    day = made(world)
    assert day.report["conflicts"] == world.expected(RAINY).conflicts > 0
    assert (day.flags[v.AIR_TEMPERATURE] == 3).sum() >= day.report["conflicts"]


def test_a_column_that_is_gone_costs_its_variable_only_and_is_told_with_the_reason(rainy):
    recipe_ = recipe(load_station("UA-MAC"), RAINY)
    columns = recipe_.columns.columns
    renamed = recipe_.columns.model_copy(
        update={"columns": (columns[0].model_copy(update={"name": "AirTemp"}), *columns[1:])}
    )
    files = [
        read(file.data, file.name) for file in WeatherWorld(faults=False).files(RAINY, RAINY, lead_in=True)
    ]
    day = process_day(type(recipe_)(recipe_.station, recipe_.period, renamed, recipe_.quality), RAINY, files)
    assert day.report["missing"] == {v.AIR_TEMPERATURE: "column 'AirTemp' is not in the files"}
    assert set(day.products["bins_300s"].variables[v.AIR_TEMPERATURE].flag) == {9}
    assert (day.products["bins_300s"].variables[v.RELATIVE_HUMIDITY].flag == 1).all()


def test_an_unknown_unit_costs_its_variable_only():
    world = WeatherWorld(faults=False)
    files = []
    for file in world.files(RAINY, RAINY, lead_in=True):
        files.append(read(file.data.replace(b'"W/m^2"', b'"furlongs"'), file.name))
    day = process_day(recipe(load_station("UA-MAC"), RAINY), RAINY, files)
    assert "unit 'furlongs' is unknown" in day.report["missing"][v.SHORTWAVE]
    assert set(day.products["bins_300s"].variables[v.SHORTWAVE].flag) == {9}


def test_rain_stamped_on_an_edge_belongs_to_the_bin_before_and_temperature_to_the_bin_after():
    header = next(WeatherWorld(faults=False).files_of_hours(RAINY, 0, 1)).data.splitlines(keepends=True)[:4]
    stamps = ("00:04:59", "00:05:00", "00:05:01")
    lines = [
        f'"{RAINY} {stamp}",{n},12.6,20,{n},50,0,0,90,2,0.254\r\n'.encode()
        for n, stamp in enumerate(stamps, 1)
    ]
    day = process_day(
        recipe(load_station("UA-MAC"), RAINY), RAINY, [read(b"".join([*header, *lines]), "a.dat")]
    )
    bins = day.products["bins_300s"].variables
    assert list(bins[v.RAIN].n_valid) == [2, 1]
    assert list(bins[v.AIR_TEMPERATURE].n_valid) == [1, 2]


def test_no_files_make_no_bins():
    day = process_day(recipe(load_station("UA-MAC"), RAINY), RAINY, [])
    assert (day.rows, len(day.products["bins_300s"]), day.coverage) == (0, 0, 0.0)


def test_weakness_16_every_published_value_has_a_flag_and_a_coverage(rainy):
    for binned in rainy.products["bins_300s"].variables.values():
        assert set(np.unique(binned.flag)) <= {1, 2, 3, 4, 9}
        assert ((binned.coverage >= 0) & (binned.coverage <= 1)).all()
