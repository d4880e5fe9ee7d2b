"""Weather stations at the terminal: what the tasks do, done by hand."""

import json
import os
import re
import time

import pytest

from sandbox.geostreams import GeostreamsReceiver
from sandbox.weather.energy_farm import EnergyFarm
from tests.integration.test_cli import Terminal
from tests.support.toa5 import file, rows
from tests.support.weather_days import DAY, WeatherStation

pytestmark = pytest.mark.integration

STATION = ("--station", "UIUC-CEN")
CONTENT = file(rows(5))
ONE_DAY = (*STATION, "--day", str(DAY))


@pytest.fixture
def receiver():
    with GeostreamsReceiver() as server:
        yield server


@pytest.fixture
def terminal(weather_db, receiver, tmp_path) -> Terminal:
    terminal = Terminal(weather_db, receiver.connection)
    terminal.environment["SKYLEDGER_DATA"] = str(tmp_path)
    inbox = tmp_path / "weather" / "inbox" / "energy-farm"
    inbox.mkdir(parents=True)
    EnergyFarm(first_day=DAY).append(inbox, WeatherStation.after(DAY, 0))
    past = time.time() - 3600
    for path in inbox.iterdir():
        os.utime(path, (past, past))
    return terminal


def test_from_files_to_published_points_and_a_picture(terminal, receiver, tmp_path):
    terminal("db", "upgrade", "weather")
    assert re.search(r"new\s+1\b", terminal("weather", "register", *STATION))
    plan = terminal("ledger", "plan", "weather", *STATION)
    assert f"{DAY}  new  96 rows" in plan
    made = terminal("weather", "process", *ONE_DAY)
    assert re.search(r"state\s+stored", made)
    assert re.search(r"bins\s+96", made)
    assert re.search(r"posted\s+96", terminal("weather", "publish", *ONE_DAY))
    assert re.search(r"posted\s+0", terminal("weather", "publish", *ONE_DAY, "--force"))
    assert len(receiver.points("Energy Farm Observations CEN")) == 96
    picture = tmp_path / "day.png"
    assert str(picture) in terminal("weather", "quicklook", *ONE_DAY, "--output", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "96 of 96 rows (coverage 1.0000)" in terminal("weather", "report", *ONE_DAY)
    assert json.loads(terminal("weather", "report", *ONE_DAY, "--json"))["rows"] == 96
    assert re.search(r"state\s+nothing to do", terminal("weather", "process", *ONE_DAY))


def test_a_day_that_is_not_there_and_a_station_nobody_knows_are_told(terminal):
    terminal("db", "upgrade", "weather")
    assert "UIUC-CEN has no stored day" in terminal("weather", "report", *ONE_DAY, status=1)
    assert "unknown station 'MARS'" in terminal(
        "weather", "process", "--station", "MARS", "--day", str(DAY), status=1
    )


def test_inspect_says_what_the_reader_makes_of_files(terminal, tmp_path):
    first, second = tmp_path / "a.dat", tmp_path / "b.dat"
    first.write_bytes(CONTENT)
    second.write_bytes(CONTENT)
    found = json.loads(terminal("inspect", "toa5", str(first), str(second), "--json"))
    assert found["format"] == "toa5"
    assert found["rows"] == found["duplicates"] > 0
    assert set(found) == {"format", "rows", "rejected", "duplicates", "first", "last", "columns", "notes"}
    assert str(found["rows"]) in terminal("inspect", "toa5", str(first))
    first.write_bytes(b'"TOB1","a"\r\n')
    assert "file type TOB1 is not read" in terminal("inspect", "toa5", str(first), status=1)
