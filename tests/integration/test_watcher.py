"""The watcher of an inbox on a real SFTP server: what it announces, and what it survives."""

import logging
import os
import time
from dataclasses import replace

import pytest

from hooks.inbox import open_inbox
from sandbox import processes
from sandbox.sftp import SftpServer
from skyledger.connections import to_environment
from skyledger.errors import ConfigError
from skyledger.weather.stations import Inbox
from tests.support.asset_state import StateStore
from tests.support.remote import Machine
from tests.support.watching import Watched, watch
from triggers.new_files import NewFilesTrigger

pytestmark = pytest.mark.integration


class Station:
    """A station's SFTP server, and the watch over its inbox."""

    def __init__(self, server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.monkeypatch = monkeypatch
        self.store = StateStore(monkeypatch)
        monkeypatch.setenv(*to_environment(server.connection))

    def put(self, name: str, age_s: float = 1000) -> None:
        file = self.server.root / "weather" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        os.utime(file, (time.time() - age_s, time.time() - age_s))

    def watch(self, *between) -> Watched:
        trigger = NewFilesTrigger(conn_id="weather_sftp", path="weather", pattern="*.dat", settle=100)
        trigger.asset_state_store = self.store.of("weather_inbox_ua_mac")
        return watch(self.monkeypatch, trigger, *between)


@pytest.fixture
def station(sftp_server, monkeypatch) -> Station:
    (sftp_server.root / "weather").mkdir()
    return Station(sftp_server, monkeypatch)


def test_new_files_of_a_station_are_announced_once_also_over_a_restart(station):
    station.put("2016-08-30/a.dat", 3000)
    station.put("2016-08-30/b.dat.part")
    station.put("2016-08-30/c.dat", 5)
    watched = station.watch(lambda: station.put("2016-08-31/d.dat"), lambda: None)
    assert watched.names == [["2016-08-30/a.dat"], ["2016-08-31/d.dat"], []]
    assert watched.looks[0][0]["inbox"] == "weather_sftp:weather"
    station.put("2016-08-31/e.dat", 500)
    assert station.watch().names == [["2016-08-31/e.dat"]]
    assert station.watch().names == [[]]


def test_the_watch_survives_a_station_that_is_down_and_goes_on_when_it_is_back(station, caplog):
    caplog.set_level(logging.INFO, "watch")
    station.put("a.dat", 3000)

    def back_with_a_new_file() -> None:
        station.server.start()
        station.put("b.dat", 2000)

    watched = station.watch(station.server.stop, lambda: None, back_with_a_new_file, lambda: None)
    assert watched.names == [["a.dat"], [], [], ["b.dat"], []]
    assert watched.waits_s == [60.0, 120.0, 240.0, 60.0, 60.0]
    assert caplog.text.count("weather_sftp:weather has not been readable since 20") == 2
    assert "answers again" in caplog.text


def test_a_stranger_at_the_stations_address_gets_no_listing_out_of_us_and_does_not_stop_the_watch(
    station, caplog
):
    station.put("a.dat")
    station.server.change_host_key()

    def new_key_is_noted() -> None:
        station.monkeypatch.setenv(*to_environment(station.server.connection))

    watched = station.watch(new_key_is_noted)
    assert watched.names == [[], ["a.dat"]]
    assert "another host key than the connection says" in caplog.text


def test_no_connection_is_held_between_two_looks(station):
    sessions = []

    def count() -> None:
        deadline = time.monotonic() + 10
        while processes.descendants(station.server.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        sessions.append(len(processes.descendants(station.server.pid)))

    station.watch(count, count)
    assert sessions == [0, 0]


def test_a_task_opens_the_inbox_of_the_same_connection(station):
    station.put("a.dat")
    with open_inbox(Inbox(connection="weather_sftp", path="weather")) as inbox:
        assert [entry.path for entry in inbox.listing("*").entries] == ["a.dat"]
    unpinned = replace(station.server.connection, extra={})
    station.monkeypatch.setenv(*to_environment(unpinned))
    with (
        pytest.raises(ConfigError, match="'weather_sftp': its extra lacks host_key"),
        open_inbox(Inbox(connection="weather_sftp", path="weather")),
    ):
        pass


def test_a_station_behind_a_gateway_is_watched_below_its_root_without_sub_folders(
    station, servers_directory, monkeypatch
):
    station.put("a.dat")
    station.put("2016-08-30/b.dat")
    with Machine(servers_directory, "gateway_ssh", gateway=True) as gateway:
        monkeypatch.setenv(*to_environment(gateway.connection))
        behind = replace(
            station.server.connection,
            conn_id="mingo01_ssh",
            conn_type="ssh",
            extra={
                **station.server.connection.extra,
                "root": str(station.server.root),
                "jump": "gateway_ssh",
            },
        )
        monkeypatch.setenv(*to_environment(behind))
        trigger = NewFilesTrigger(
            conn_id="mingo01_ssh", path="/weather", pattern="*.dat", subfolders=False, settle=100
        )
        watched = watch(monkeypatch, trigger, gateway.stop, gateway.start)
    assert watched.names == [["a.dat"], [], []]
    assert watched.waits_s == [60.0, 120.0, 60.0]
