"""The whole DAG weather_station_publish, from files on a real SFTP server to rows, pictures and published points."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.geostreams import GeostreamsReceiver, refuse
from sandbox.sftp import SftpServer
from sandbox.weather import Defect, WeatherWorld
from sandbox.weather.energy_farm import EnergyFarm
from skyledger import config, migrations
from skyledger.connections import to_environment
from skyledger.warehouse import Warehouse
from tests.flows.conftest import announced, runnable, task_states
from tests.support.weather_days import DAY, WeatherStation

pytestmark = pytest.mark.integration

STREAM = "UA-MAC Weather (5 min bins)"
ONE_DAY = {"first_day": DAY.isoformat(), "last_day": DAY.isoformat()}


class Stations:
    """Everything around the DAG: inboxes, database, GeoStreams."""

    def __init__(self, database, sftp: SftpServer, receiver: GeostreamsReceiver, data_root: Path) -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("weather", self.warehouse.url)
        self.sftp, self.receiver, self.data_root = sftp, receiver, data_root
        self.inbox = sftp.root / "weather"

    def deliver(self, world: WeatherWorld, **options) -> None:
        world.write_files(self.inbox, DAY, DAY, **options)

    def query(self, sql: str, *parameters):
        with self.warehouse.session() as session:
            return session.query(sql, parameters)


@pytest.fixture
def stations(weather_db, tmp_path, monkeypatch):
    with SftpServer(tmp_path / "station", tmp_path / "sshd") as sftp, GeostreamsReceiver() as receiver:
        for connection in (weather_db, sftp.connection, receiver.connection):
            monkeypatch.setenv(*to_environment(connection))
        monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
        for name in ("energy-farm", "irrigation"):
            (tmp_path / "data" / "weather" / "inbox" / name).mkdir(parents=True)
        found = Stations(weather_db, sftp, receiver, tmp_path / "data")
        found.inbox.mkdir(parents=True)
        yield found


@pytest.fixture
def run(dagbag, monkeypatch):
    """Start the DAG through its form; returns the finished run."""
    return runnable(dagbag.dags["weather_station_publish"], monkeypatch)


def report(run):
    task = next(ti for ti in run.get_task_instances() if ti.task_id == "report_run")
    return {(row["station"], row["day"]): row for row in task.xcom_pull(task_ids="report_run")}


def test_a_day_goes_from_files_to_geostreams_once_and_a_second_run_sends_nothing(stations, run):
    world = WeatherWorld(defects="demo")
    stations.deliver(world, lead_in=True)
    expected = world.expected(DAY)
    first = run(**ONE_DAY)
    assert first.state == "success"
    row = report(first)["UA-MAC", str(DAY)]
    assert (row["rows"], row["rejected"]) == (expected.rows, expected.rejected)
    assert (row["bins"], row["published"]) == (288, 288)
    assert len(stations.receiver.points(STREAM)) == 288
    assert announced(first) == [("weather_observations", f"UA-MAC|{DAY}")]
    picture = stations.data_root / "weather" / "quicklook" / "UA-MAC" / str(DAY.year) / f"{DAY}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    sent, rows = sum(stations.receiver.posts), stations.query("SELECT * FROM observation")

    second = run(**ONE_DAY)
    assert second.state == "success"
    assert report(second) == {}
    again = run(**ONE_DAY, mode="all")
    assert report(again)["UA-MAC", str(DAY)]["bins"] == 288
    assert sum(stations.receiver.posts) == sent
    assert stations.query("SELECT * FROM observation") == rows


def test_a_late_file_replaces_just_its_bins_there_as_here(stations, run):
    world = WeatherWorld(faults=False, defects=[Defect("late file", DAY, 20)])
    stations.deliver(world, lead_in=True)
    run(**ONE_DAY)
    assert len(stations.receiver.points(STREAM)) == 277
    before = {p["properties"]["point_key"]: p["id"] for p in stations.receiver.points(STREAM)}
    stations.deliver(world, late=True)
    row = report(run(**ONE_DAY))["UA-MAC", str(DAY)]
    assert (row["state"], row["published"]) == ("stored", 288)
    after = {p["properties"]["point_key"]: p["id"] for p in stations.receiver.points(STREAM)}
    assert sum(after[key] != number for key, number in before.items()) == 2


def test_a_station_that_is_down_costs_its_own_files_only(stations, run):
    folder = stations.data_root / "weather" / "inbox" / "energy-farm"
    EnergyFarm(first_day=DAY).append(folder, WeatherStation.after(DAY, 0))
    past = time.time() - 3600
    for path in folder.iterdir():
        os.utime(path, (past, past))
    stations.sftp.stop()
    try:
        ended = run(**ONE_DAY)
    finally:
        stations.sftp.start()
    assert ended.state == "failed"
    states = task_states(ended)
    assert [state for (task, _), state in states.items() if task == "register_files"].count("failed") == 1
    assert {name for name, _ in report(ended)} == {"UIUC-CEN", "UIUC-NE", "UIUC-SE"}
    assert all(row["published"] == 96 for row in report(ended).values())


def test_a_server_that_refuses_costs_publishing_only_and_the_next_run_sends_it(stations, run):
    stations.deliver(WeatherWorld(faults=False), lead_in=True)
    stations.receiver.spoil(refuse(403))
    refused = run(**ONE_DAY)
    assert refused.state == "failed"
    assert report(refused)["UA-MAC", str(DAY)]["publish_state"] == "failed"
    assert stations.query("SELECT COUNT(*) FROM observation") == [(288,)]
    healed = run(**ONE_DAY)
    assert healed.state == "success"
    assert announced(healed) == []  # the observations are those of the first run
    assert task_states(healed)["station_day.process_day", 0] == "skipped"
    assert len(stations.receiver.points(STREAM)) == 288


def test_dry_run_makes_and_publishes_nothing(stations, run):
    stations.deliver(WeatherWorld(faults=False), lead_in=True)
    assert run(**ONE_DAY, dry_run=True).state == "success"
    assert stations.query("SELECT COUNT(*) FROM observation") == [(0,)]
    assert stations.receiver.requests.total() == 0


def test_the_form_restricts_days_and_stations(stations, run):
    world = WeatherWorld(faults=False)
    world.write_files(stations.inbox, DAY, DAY + timedelta(days=1), lead_in=True)
    ended = run(
        first_day=str(DAY + timedelta(days=1)), last_day=str(DAY + timedelta(days=1)), stations=["UA-MAC"]
    )
    assert set(report(ended)) == {("UA-MAC", str(DAY + timedelta(days=1)))}


def test_days_without_files_are_noted_as_empty_at_once_and_cost_no_task(stations, run):
    """One old file among new ones must not start a task for every day in between."""
    world = WeatherWorld(faults=False)
    stations.deliver(world, lead_in=True)
    world.write_files(stations.inbox, DAY + timedelta(days=30), DAY + timedelta(days=30))
    ended = run(first_day=str(DAY), last_day=str(DAY + timedelta(days=40)))
    assert ended.state == "success"
    assert set(report(ended)) >= {("UA-MAC", str(DAY)), ("UA-MAC", str(DAY + timedelta(days=30)))}
    assert sum(task == "station_day.process_day" for task, _ in task_states(ended)) <= 4
    states = dict(
        stations.query(
            "SELECT state, COUNT(*) FROM ledger WHERE dataset = %s GROUP BY state", "weather.observations"
        )
    )
    assert states["empty"] >= 37
