"""Hook and operator against a station's sshd and a database: from Airflow connections to registered files."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hooks.rsync import RsyncHook
from operators.rsync_station import RsyncStationOperator
from sandbox.minitrasgo.server import MingoServer
from skyledger import config, migrations
from skyledger.connections import to_environment
from skyledger.errors import SourceError, SourceUnavailable, TransientError
from skyledger.minitrasgo.stations import load_station
from skyledger.warehouse import Warehouse
from tests.support.raw_files import REVISION, START, name_of, packed, raw

pytestmark = pytest.mark.integration

STATION = load_station("MINGO01")
LONG_AGO_S = 1_741_600_000


@pytest.fixture(scope="module")
def computer(servers_directory: Path) -> Iterator[MingoServer]:
    with MingoServer(STATION.source.connection, servers_directory / "operator") as server:
        yield server
    shutil.rmtree(server.directory)


class World:
    """The station's computer, and what Airflow knows."""

    def __init__(self, server: MingoServer, warehouse: Warehouse, data_root: Path) -> None:
        self.server, self.warehouse, self.data_root = server, warehouse, data_root
        self.folder = server.folder(STATION.source.path)
        self.folder.mkdir(parents=True)
        self.told: list[str] = []

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        os.utime(self.folder / name, (LONG_AGO_S, LONG_AGO_S))

    def bring(self, **arguments) -> dict[str, object]:
        task = RsyncStationOperator(task_id="bring", station="MINGO01", **arguments)
        return task.execute({"run_id": "manual__1"})

    def files(self) -> list[tuple[object, ...]]:
        with self.warehouse.session() as session:
            return session.query("SELECT basename, state, run_id FROM raw_file ORDER BY basename")


@pytest.fixture
def world(computer, minitrasgo_db, tmp_path, monkeypatch) -> Iterator[World]:
    warehouse = Warehouse(minitrasgo_db)
    migrations.upgrade("minitrasgo", warehouse.url, REVISION)
    monkeypatch.setenv(*to_environment(replace(minitrasgo_db, conn_id="minitrasgo_db")))
    monkeypatch.setenv(*to_environment(computer.connection))
    monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
    yield World(computer, warehouse, tmp_path / "data")
    if not computer.pid:
        computer.start()
    computer.has_rsync = True
    shutil.rmtree(computer.root)
    computer.root.mkdir()


def hours(n: int) -> dict[str, bytes]:
    starts = [START + timedelta(hours=hour) for hour in range(n)]
    return {name_of(start): raw(start, events=3 + i) for i, start in enumerate(starts)}


@pytest.mark.parametrize("has_rsync", [True, False])
def test_files_of_a_station_are_in_the_raw_store_after_the_task(world, has_rsync, caplog):
    world.server.has_rsync = has_rsync
    for name, content in hours(2).items():
        world.put(name, content)
    start = START + timedelta(hours=2)
    archived = raw(start, events=9)
    world.put(name_of(start, "dat.tar.gz"), packed(**{name_of(start).replace(".", "_"): archived}))
    summary = world.bring()
    assert (summary["new"], summary["days"]) == (3, ["2025-03-10"])
    names = [name_of(START + timedelta(hours=hour)).removesuffix(".dat") for hour in range(3)]
    assert world.files() == [(name, "arrived", "manual__1") for name in names]
    stored = world.data_root / "minitrasgo" / "raw" / "MINGO01" / "2025-03-10"
    assert (stored / f"{names[2]}.dat").read_bytes() == archived
    assert (stored / f"{names[0]}.dat").read_bytes() == raw(START, events=3)
    again = world.bring()
    assert (again["known"], again["chosen"]) == (3, 0)


def test_history_is_brought_by_name_by_day_and_within_a_budget(world):
    for name, content in hours(4).items():
        world.put(name, content)
    first, second, *_ = hours(4)
    assert world.bring(plan_only="True", max_files="2")["chosen"] == 2
    assert world.files() == []
    world.bring(names=[first])
    assert [row[0] for row in world.files()] == [first.removesuffix(".dat")]
    assert world.bring(first_day="2025-03-11", last_day="None")["chosen"] == 0
    world.bring(first_day="2025-03-10", last_day="2025-03-10", order="oldest", max_files="1")
    assert [row[0] for row in world.files()] == [name.removesuffix(".dat") for name in (first, second)]


def test_a_silent_station_is_named_with_the_time_since_when_and_may_be_tried_again(world):
    world.server.stop()
    with pytest.raises(
        SourceUnavailable, match=r"MINGO01: no files from its station since 20\d\d-.* UTC: mingo01_ssh"
    ):
        world.bring()
    world.server.start()
    for name, content in hours(1).items():
        world.put(name, content)
    assert world.bring()["new"] == 1


def test_a_stranger_at_the_stations_address_is_told_and_not_tried_again(world):
    world.server.change_host_key()
    with pytest.raises(SourceError, match=r"MINGO01: no files .*another host key"):
        world.bring()


def test_a_task_that_is_killed_ends_its_transfer_and_the_next_one_goes_on(world, monkeypatch):
    (name, content), *_ = hours(1).items()
    world.put(name, content)
    task = RsyncStationOperator(task_id="bring", station="MINGO01")
    task.on_kill()  # in reality while execute runs
    with pytest.raises(TransientError, match="the transfer was stopped"):
        task.execute({"run_id": "manual__1"})
    assert world.files() == []
    assert world.bring()["new"] == 1


def test_the_test_button_says_what_answers(world):
    works, answer = RsyncHook("mingo01_ssh").test_connection()
    assert works, answer
    assert answer.endswith("on 127.0.0.1: files come by rsync (protocol 32)")
    world.server.has_rsync = False
    assert "SFTP: there is no rsync" in RsyncHook("mingo01_ssh").test_connection()[1]
    world.server.stop()
    works, answer = RsyncHook("mingo01_ssh").test_connection()
    assert not works
    assert "PRIVATE" not in answer
