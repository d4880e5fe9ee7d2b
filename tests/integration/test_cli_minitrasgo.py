"""miniTRASGO stations at the terminal, over a real sshd: what the tasks do, done by hand."""

import os
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.minitrasgo.server import MingoServer
from skyledger.minitrasgo.stations import load_station
from tests.integration.test_cli import Terminal
from tests.support.raw_files import REVISION, START, name_of, raw

pytestmark = pytest.mark.integration

STATION = load_station("MINGO01")
ONE = ("--station", "MINGO01")


@pytest.fixture(scope="module")
def computer(servers_directory):
    with MingoServer(STATION.source.connection, servers_directory / "mingo_cli") as server:
        yield server
    shutil.rmtree(server.directory)


@pytest.fixture
def station(computer) -> Path:
    """The folder of raw files at the station, empty."""
    if not computer.pid:
        computer.start()
    folder = computer.folder(STATION.source.path)
    shutil.rmtree(computer.root)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def terminal(minitrasgo_db, computer, station, tmp_path) -> Terminal:
    terminal = Terminal(minitrasgo_db, computer.connection)
    terminal.secrets = [secret for secret in terminal.secrets if secret]
    terminal.environment["SKYLEDGER_DATA"] = str(tmp_path / "data")
    terminal("db", "upgrade", "minitrasgo", "--revision", REVISION)
    return terminal


def put(folder: Path, start: datetime, content: bytes | None = None) -> str:
    path = folder / name_of(start)
    path.write_bytes(raw(start) if content is None else content)
    os.utime(path, (time.time() - 3600,) * 2)
    return path.name


def test_files_come_from_the_station_once_and_are_listed_with_their_state(terminal, station):
    for hour in range(3):
        put(station, START + timedelta(hours=hour))
    put(station, START + timedelta(hours=3), b"")
    said = terminal("minitrasgo", "acquire", *ONE, "--dry-run")
    assert re.search(r"chosen +4\b", said)
    assert re.search(r"new +0\b", said)
    said = terminal("minitrasgo", "acquire", *ONE, "--names", name_of())
    assert re.search(r"new +1\b", said)
    said = terminal("minitrasgo", "acquire", *ONE)
    assert re.search(r"new +3\b", said)
    assert re.search(r"known +4\b", terminal("minitrasgo", "acquire", *ONE))
    listed = terminal("minitrasgo", "files", *ONE, "--day", "2025-03-10")
    assert len(re.findall("arrived", listed)) == 3
    assert re.search(r"mi0125069030517 +empty .* it has no bytes", listed)


def test_a_silent_station_is_named_with_the_time_since_when(terminal, computer, station):
    put(station, START)
    assert "never asked" in terminal("minitrasgo", "stations")
    terminal("minitrasgo", "acquire", *ONE)
    computer.stop()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert f"MINGO01: no files from its station since {today}" in terminal(
        "minitrasgo", "acquire", *ONE, status=1
    )
    said = terminal("minitrasgo", "stations")
    assert re.search(rf"MINGO01 +station +{today} \d\d:\d\d +{today} \d\d:\d\d +0 ", said)
    assert re.search("MINGO02 +never asked", said)


def test_a_file_handed_over_is_registered(terminal, tmp_path):
    put(tmp_path, START)
    assert re.search(r"new +1\b", terminal("minitrasgo", "register", str(tmp_path / name_of())))
    assert (tmp_path / name_of()).exists()
    assert "no file of a station" in terminal("minitrasgo", "register", str(tmp_path), status=1)


def test_the_run_dictionary_is_printed_as_configuration(terminal, tmp_path):
    sheet = tmp_path / "input_file_mingo01.csv"
    columns = (
        "station,conf,start,end,over_P1,P1-P2,P2-P3,P3-P4,P1,P2,P3,P4,C1,C2,C3,C4,phi_north,city,comment"
    )
    sheet.write_text(f",\n{columns}\n1,14,2024-11-01,,0,0,0,0,0,145,290,435,12,23,34,13,,Madrid,\n")
    said = terminal("minitrasgo", "runs", str(sheet))
    assert "# line 3: phi_north is missing: 0 is used" in said
    assert "- {conf: 14, valid_from: 2024-11-01, z_mm: [0, 145, 290, 435]" in said
    sheet.write_text(sheet.read_text().replace("145", "1450"))
    assert "line 3: P1 to P4: distances between planes" in terminal(
        "minitrasgo", "runs", str(sheet), status=1
    )
