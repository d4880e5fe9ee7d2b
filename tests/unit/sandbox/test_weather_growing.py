"""Files that grow: the energy farm's 15-minute averages and the irrigation totals."""

import csv
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from sandbox.weather.energy_farm import STATIONS, EnergyFarm
from sandbox.weather.irrigation import FILE_NAME, Irrigation
from skyledger.weather import variables as v
from skyledger.weather.stations import column_map, load_station

FIRST = date(2016, 8, 29)
ILLINOIS = timezone(timedelta(hours=-6))
NOON = datetime(2016, 8, 30, 12, 7, tzinfo=ILLINOIS)


def table(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_bytes().decode().split("\r\n")[:-1]))


@pytest.mark.parametrize("station", STATIONS)
def test_a_farm_file_holds_the_averages_of_the_quarter_hours_before_its_stamps(
    tmp_path: Path, station: str
) -> None:
    """Weakness 19: the clock is that of Illinois."""
    farm = EnergyFarm(first_day=FIRST)
    path = farm.append(tmp_path, NOON)[station]
    assert path.name == load_station(station).inbox.pattern
    header, rows = table(path)[:4], table(path)[4:]
    assert header[0][1] == load_station(station).header_station
    assert header[1][2:] == [column.name for column in column_map("energy-farm-avg15").columns]
    assert header[3][2:] == ["Avg"] * 5 + ["Max", "Tot", "Avg"]
    assert rows[0][0] == "2016-08-29 00:15:00"
    assert rows[-1][0] == "2016-08-30 12:00:00"
    end_s = np.array(
        [datetime.fromisoformat(row[0]).replace(tzinfo=ILLINOIS).timestamp() for row in rows]
    ).astype(int)
    assert set(np.diff(end_s)) == {900}
    assert set(np.diff([int(row[1]) for row in rows])) == {1}
    truth = farm.truth(station, end_s)
    columns = {name: np.array(x) for name, x in zip(header[1], zip(*rows, strict=True), strict=True)}
    assert abs(columns["AirTC_Avg"].astype(float) - truth[v.AIR_TEMPERATURE]).max() <= 0.00501
    assert abs(columns["WindSpd_Max"].astype(float) - truth[v.GUST]).max() <= 0.00501
    assert columns["RAIN_Tot"].astype(float) == pytest.approx(truth[v.RAIN])
    unit = header[2][-1]
    hpa = columns["PRESSURE_Avg"].astype(float) * {"mbar": 1, "hPa": 1, "kPa": 10}[unit]
    assert abs(hpa - truth[v.AIR_PRESSURE]).max() <= 0.0501
    missing = farm.humidity_missing(station, end_s)
    assert np.array_equal(columns["RH1_Avg"] == "NAN", missing)
    assert (
        abs(columns["RH1_Avg"][~missing].astype(float) - truth[v.RELATIVE_HUMIDITY][~missing]).max()
        <= 0.00501
    )


def test_stations_differ_in_weather_and_unit() -> None:
    farm = EnergyFarm(first_day=FIRST)
    end_s = np.array([1_472_540_400])
    assert len({farm.truth(station, end_s)[v.AIR_TEMPERATURE][0] for station in STATIONS}) == 3
    assert {farm.content(s, 0, 0).split(b"\r\n")[2].split(b",")[-1] for s in STATIONS} == {
        b'"mbar"',
        b'"hPa"',
        b'"kPa"',
    }


def test_a_farm_file_grows_without_changing_what_is_there(tmp_path: Path) -> None:
    farm, whole = EnergyFarm(first_day=FIRST), EnergyFarm(first_day=FIRST)
    (tmp_path / "whole").mkdir()
    for hours in (0, 0, 1, 7):
        torn = hours == 1  # the last line is half there, and completed next time
        path = farm.append(tmp_path, NOON + timedelta(hours=hours), torn=torn)["UIUC-NE"]
        assert path.read_bytes().endswith(b"\r\n") != torn
    expected = whole.append(tmp_path / "whole", NOON + timedelta(hours=7))["UIUC-NE"]
    assert path.read_bytes() == expected.read_bytes()


def test_a_file_that_was_put_aside_is_begun_anew_with_later_rows(tmp_path: Path) -> None:
    """Weakness 14: the last processed line is gone."""
    farm = EnergyFarm(first_day=FIRST)
    path = farm.append(tmp_path, NOON)["UIUC-SE"]
    backup = farm.rotate(tmp_path, "UIUC-SE")
    assert not path.exists()
    farm.append(tmp_path, NOON + timedelta(hours=1))
    farm.append(tmp_path, NOON + timedelta(hours=2))
    old, new = table(backup), table(path)
    assert new[:4] == old[:4]
    assert [row[0][11:16] for row in new[4:6]] == ["12:15", "12:30"]
    assert int(new[4][1]) == int(old[-1][1]) + 1
    assert new[-1][0] == "2016-08-30 14:00:00"
    assert len(table(tmp_path / "Weather CEN_Avg15.dat")) - 4 == 96 + 56  # the others go on


def test_long_term_rain_of_the_farm_is_whole_tips() -> None:
    farm = EnergyFarm(first_day=FIRST)
    end_s = 1_472_540_400 + 900 * np.arange(1, 96 * 10)
    tips = farm.truth("UIUC-CEN", end_s)[v.RAIN] / 0.254
    assert tips.sum() > 0
    assert np.allclose(tips, np.round(tips))


def irrigation_rows(path: Path) -> list[list[str]]:
    found = table(path)
    start = next(i for i, row in enumerate(found) if "Date Time" in row)
    return found[start + 1 :]


def test_the_irrigation_file_grows_by_a_day_below_its_preamble(tmp_path: Path) -> None:
    meter = Irrigation(first_day=FIRST)
    morning = datetime(2016, 8, 30, 6, 0, tzinfo=UTC)
    assert meter.append(tmp_path, morning).name == FILE_NAME
    assert [row[0] for row in irrigation_rows(tmp_path / FILE_NAME)] == ["08/29/2016 00:00"]
    meter.append(tmp_path, morning + timedelta(days=400))
    rows = irrigation_rows(tmp_path / FILE_NAME)
    assert len(rows) == 401
    assert (tmp_path / FILE_NAME).read_bytes() == meter.content(date(2017, 10, 4))
    for row in rows:
        gallons = meter.gallons(datetime.strptime(row[0], "%m/%d/%Y %H:%M").replace(tzinfo=UTC).date())
        assert (float(row[1].replace(",", "")) if row[1] else None) == gallons


def test_irrigation_totals_come_as_numbers_zeros_blanks_decimals_and_with_separators() -> None:
    text = Irrigation(first_day=FIRST).content(FIRST + timedelta(days=400)).decode()
    for ending in (":00,0\r\n", ":00,\r\n", ".0\r\n", '"\r\n'):
        assert ending in text


@pytest.mark.parametrize("lines", [0, 2, 5])
def test_the_preamble_may_be_short(lines: int) -> None:
    text = Irrigation(first_day=FIRST, preamble_lines=lines).content(FIRST + timedelta(days=1))
    assert text.split(b"\r\n")[lines] == b"Date Time,Actual"
