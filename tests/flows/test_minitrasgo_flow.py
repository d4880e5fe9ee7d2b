"""The miniTRASGO DAGs, from files on real stations (sshd, rsync) to rates, pictures and announced partitions."""

import os
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operators.rsync_station import RsyncStationOperator
from sandbox.minitrasgo import MuonStation
from sandbox.minitrasgo.server import MingoServer
from skyledger import config, migrations
from skyledger.connections import to_environment
from skyledger.minitrasgo import stations as configured
from skyledger.minitrasgo.reduce_file import reduce_file
from skyledger.minitrasgo.stations import load_station, stations
from skyledger.warehouse import Warehouse
from tests.flows.conftest import announced, runnable, task_states

pytestmark = pytest.mark.integration

START = datetime(2025, 3, 10, 5, tzinfo=UTC)
DAY = "2025-03-10"
FILE_S = 120


class Network:
    """Everything around the DAGs: four stations and the archive of one, a database, a data root."""

    def __init__(
        self, database, servers: dict[str, MingoServer], archive: MingoServer, data_root: Path
    ) -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("minitrasgo", self.warehouse.url)
        self.servers, self.archive, self.data_root = servers, archive, data_root
        self.worlds = {name: MuonStation(load_station(name), cadence_s=FILE_S) for name in servers}

    def deliver(self, name: str, count: int, *, first: int = 0):
        world, folder = self.worlds[name], self.servers[name].folder(load_station(name).source.path)
        starts = list(world.starts(START, datetime(2025, 3, 10, 6, tzinfo=UTC)))[first : first + count]
        return [world.write_file(folder, start) for start in starts]

    def query(self, sql: str, *parameters):
        with self.warehouse.session() as session:
            return session.query(sql, parameters)

    def day(self, name: str):
        return self.query(
            "SELECT files, triggers, rejected, live_s FROM station_day WHERE station = %s AND `day` = %s",
            name,
            DAY,
        )

    def everything(self):
        return [
            self.query(f"SELECT * FROM {table}")
            for table in ("minute_region", "file_minute_count", "calibration_strip")
        ] + [self.query("SELECT station, minute_utc, live_s, triggers, tracks, good, n_1234 FROM minute")]


@pytest.fixture
def network(minitrasgo_db, tmp_path, monkeypatch):
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(MingoServer(station.source.connection, tmp_path / "stations"))
            for name, station in stations().items()
        }
        archive = stack.enter_context(MingoServer("mingo_archive_ssh", tmp_path / "stations"))
        for name, server in servers.items():
            server.folder(load_station(name).source.path).mkdir(parents=True)
        for connection in (minitrasgo_db, archive.connection, *(s.connection for s in servers.values())):
            monkeypatch.setenv(*to_environment(connection))
        monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
        yield Network(minitrasgo_db, servers, archive, tmp_path / "data")


@pytest.fixture
def acquire(dagbag, monkeypatch):
    return runnable(dagbag.dags["minitrasgo_files_acquire"], monkeypatch)


@pytest.fixture
def reduce(dagbag, monkeypatch):
    return runnable(dagbag.dags["minitrasgo_events_reduce"], monkeypatch)


@pytest.fixture
def replay(dagbag, monkeypatch):
    return runnable(dagbag.dags["minitrasgo_history_reprocess"], monkeypatch)


def report(run):
    task = next(ti for ti in run.get_task_instances() if ti.task_id == "report_run")
    return {row["file"]: row for row in task.xcom_pull(task_ids="report_run")}


def test_files_of_two_stations_become_rates_once_and_a_second_run_changes_nothing(network, acquire, reduce):
    written = {name: network.deliver(name, 2) for name in ("MINGO01", "MINGO02")}
    brought = acquire()
    assert brought.state == "success"
    assert announced(brought) == [("minitrasgo_raw_files", f"{name}|{DAY}") for name in written]
    reduced = reduce()
    assert reduced.state == "success"
    assert announced(reduced) == [("minitrasgo_rates", f"{name}|{DAY}") for name in written]
    figures = report(reduced)
    for name, files in written.items():
        ((count, triggers, rejected, live_s),) = network.day(name)
        assert count == 2
        assert triggers == sum(file.events for file in files)
        assert rejected == sum(sum(file.rejected.values()) for file in files)
        assert live_s == pytest.approx(2 * (FILE_S - 5), abs=6)
        for file in files:
            assert figures[file.path.stem]["events"] == file.events
        picture = network.data_root / "minitrasgo" / "quicklook" / name / "2025" / f"{DAY}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    before = network.everything()

    again = acquire()
    assert again.state == "success"
    assert announced(again) == []
    nothing = reduce()
    assert (nothing.state, report(nothing), announced(nothing)) == ("success", {}, [])
    assert report(reduce(mode="all")).keys() == figures.keys()
    assert network.everything() == before


def test_a_station_that_is_down_costs_its_own_files_only_and_is_healed_by_the_next_run(
    network, acquire, reduce
):
    network.deliver("MINGO01", 1)
    network.deliver("MINGO02", 1)
    network.servers["MINGO02"].stop()
    ended = acquire()
    assert ended.state == "failed"
    states = [state for (task, _), state in task_states(ended).items() if task.endswith("bring_files")]
    assert sorted(states) == ["failed", "success", "success", "success"]
    assert announced(ended) == [("minitrasgo_raw_files", f"MINGO01|{DAY}")]
    ((since, message),) = network.query(
        "SELECT failing_since_utc, message FROM station_contact WHERE station = 'MINGO02'"
    )
    assert since is not None
    assert message
    network.servers["MINGO02"].start()
    healed = acquire()
    assert healed.state == "success"
    assert ("minitrasgo_raw_files", f"MINGO02|{DAY}") in announced(healed)
    reduce()
    assert network.day("MINGO02")[0][0] == 1


def test_a_corrupt_file_is_told_once_and_costs_only_its_own_minutes(network, acquire, reduce):
    good, bad = network.deliver("MINGO01", 2)
    lines = bad.path.read_bytes().splitlines(keepends=True)
    bad.path.write_bytes(
        b"".join(line[:200] + b"\n" if n % 10 == 0 else line for n, line in enumerate(lines))
    )
    os.utime(bad.path, (bad.end.timestamp(), bad.end.timestamp()))
    acquire()
    ended = reduce()
    assert ended.state == "failed"
    assert network.day("MINGO01")[0][:2] == (1, good.events)
    (state, message) = network.query(
        "SELECT state, message FROM raw_file WHERE basename = %s", bad.path.stem
    )[0]
    assert state == "corrupt"
    assert "%" in message or "share" in message or "rejected" in message
    assert reduce().state == "success"
    assert announced(acquire()) == []


def test_a_replayed_day_gives_equal_tables_from_the_raw_store_and_from_the_archive(
    network, acquire, reduce, replay, monkeypatch, tmp_path
):
    network.deliver("MINGO01", 2)
    acquire()
    reduce()
    before = network.everything()
    form = {"station": "MINGO01", "first_day": DAY, "last_day": DAY}
    assert report(replay(**form, source="raw", force=True, dry_run=True)) == {}
    replayed = replay(**form, source="raw", force=True, dry_run=False)
    assert replayed.state == "success"
    assert len(report(replayed)) == 2
    assert network.everything() == before

    # a third file is only in the archive, packed; it is smaller than what is taken from there otherwise
    folder = tmp_path / "config" / "minitrasgo"
    shutil.copytree(configured.MINITRASGO_DIR, folder)
    mine = folder / "stations" / "mingo01.yaml"
    mine.write_text("".join(line for line in mine.open() if "size_mib" not in line))
    monkeypatch.setattr(configured, "MINITRASGO_DIR", folder)
    world = network.worlds["MINGO01"]
    start = list(world.starts(START, datetime(2025, 3, 10, 6, tzinfo=UTC)))[2]
    archived = world.write_archive(
        network.archive.folder(load_station("MINGO01").archive.path), start, kind="dat"
    )
    assert replay(**form, source="archive", dry_run=True).state == "success"
    assert network.day("MINGO01")[0][0] == 2
    brought = replay(**form, source="archive", dry_run=False)
    assert brought.state == "success"
    assert [row["events"] for row in report(brought).values()] == [archived.events]
    assert network.day("MINGO01")[0][0] == 3


def test_the_budget_of_a_replay_is_kept_and_the_newest_files_come_first(network, acquire, replay):
    files = network.deliver("MINGO01", 3)
    acquire()
    ended = replay(station="MINGO01", first_day=DAY, last_day=DAY, source="raw", dry_run=False, max_files=1)
    assert list(report(ended)) == [files[-1].path.stem]


def test_a_replay_without_days_fails_before_anything_is_brought(network, replay):
    ended = replay(station="MINGO01", source="station", dry_run=False)
    assert ended.state == "failed"
    assert task_states(ended)["bring_files", -1] == "upstream_failed"


def test_a_new_station_needs_a_file_and_a_connection_and_nothing_else(network, monkeypatch, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
    block = page.split("# include/config/minitrasgo/stations/mingo05.yaml")[1].split("```")[0]
    folder = tmp_path / "config" / "minitrasgo"
    shutil.copytree(configured.MINITRASGO_DIR, folder)
    (folder / "stations" / "mingo05.yaml").write_text(block)
    monkeypatch.setattr(configured, "MINITRASGO_DIR", folder)
    fifth = load_station("MINGO05")
    with MingoServer(fifth.source.connection, tmp_path / "stations") as server:
        monkeypatch.setenv(*to_environment(server.connection))
        written = MuonStation(fifth, cadence_s=FILE_S).write_file(server.folder(fifth.source.path), START)
        RsyncStationOperator(task_id="bring", station="MINGO05").execute({"run_id": "test", "params": {}})
    made = reduce_file(network.warehouse, fifth, written.path.stem, data_root=network.data_root)
    assert made.events == written.events
