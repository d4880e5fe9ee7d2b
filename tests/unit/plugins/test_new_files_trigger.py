"""The watcher of an inbox, on a local folder: what it announces, when, and what it remembers."""

import json
import logging
import os
import time
from functools import partial
from pathlib import Path

import pytest
from airflow.sdk import Asset, AssetWatcher

from skyledger import config
from skyledger.errors import SourceUnavailable
from tests.support.asset_state import StateStore
from tests.support.watching import Watched, watch
from triggers import new_files
from triggers.new_files import FILES_NAMED, LONGEST_WAIT_S, NewFilesTrigger

SETTLE_S = 100


class Folder:
    """A watched folder."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.monkeypatch = monkeypatch
        self.store = StateStore(monkeypatch)

    def put(self, name: str, size: int = 10, age_s: float = 1000) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(size))
        os.utime(file, (time.time() - age_s, time.time() - age_s))

    def delete(self, name: str) -> None:
        (self.path / name).unlink()

    def watch(self, *between, asset: str | None = "inbox", **changes) -> Watched:
        """A triggerer that starts, looks, and looks again after each of `between`."""
        arguments = {"path": str(self.path), "pattern": "*.dat", "settle": SETTLE_S}
        trigger = NewFilesTrigger(**arguments | changes)
        if asset:
            trigger.asset_state_store = self.store.of(asset)
        return watch(self.monkeypatch, trigger, *between)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    (tmp_path / "inbox").mkdir()
    return Folder(tmp_path / "inbox", monkeypatch)


def nothing() -> None:
    """A wait in which nothing happens."""


def test_what_is_there_is_announced_once_and_then_only_what_is_new(folder):
    folder.put("a.dat", age_s=3000)
    folder.put("2016-08-30/b.dat", age_s=2000)
    watched = folder.watch(nothing, partial(folder.put, "c.dat"), nothing)
    assert watched.names == [["a.dat", "2016-08-30/b.dat"], [], ["c.dat"], []]
    assert watched.waits_s == [60.0] * 4


def test_an_event_names_files_with_size_and_time(folder):
    folder.put("a.dat", 7)
    moment = 1_472_540_784
    os.utime(folder.path / "a.dat", (moment, moment))
    ((payload,),) = folder.watch().looks
    assert payload == {
        "inbox": str(folder.path),
        "pattern": "*.dat",
        "count": 1,
        "bytes": 7,
        "files": [{"name": "a.dat", "size": 7, "modified": "2016-08-30T07:06:24+00:00"}],
    }


def test_an_event_stays_small_however_many_files_there_are(folder):
    for n in range(FILES_NAMED + 30):
        folder.put(f"{n}.dat")
    ((payload,),) = folder.watch().looks
    assert (payload["count"], payload["bytes"]) == (FILES_NAMED + 30, 10 * (FILES_NAMED + 30))
    assert len(payload["files"]) == FILES_NAMED
    (state,) = folder.store.values.values()
    assert len(json.dumps(state)) < 200


def test_a_file_that_is_being_written_waits_until_it_stands_still(folder):
    folder.put("a.dat", age_s=SETTLE_S - 5)
    folder.put("b.dat.part")
    watched = folder.watch(nothing, partial(folder.put, "a.dat", age_s=SETTLE_S + 5))
    assert watched.names == [[], [], ["a.dat"]]


def test_a_growing_file_is_announced_each_time_it_has_settled(folder):
    folder.put("a.dat", 10, age_s=5000)
    grow = [partial(folder.put, "a.dat", 20, 5), partial(folder.put, "a.dat", 20, 500)]
    assert folder.watch(*grow, nothing).counts == [1, 0, 1, 0]


def test_a_file_that_arrives_with_an_old_time_is_announced(folder):
    folder.put("a.dat", age_s=1000)
    assert folder.watch(partial(folder.put, "old.dat", age_s=1e8)).names == [["a.dat"], ["old.dat"]]


def test_a_file_that_vanishes_is_no_event(folder):
    folder.put("a.dat")
    folder.put("b.dat")
    watched = folder.watch(partial(folder.delete, "a.dat"), partial(folder.put, "c.dat"))
    assert watched.names == [["a.dat", "b.dat"], [], ["c.dat"]]


def test_after_a_restart_only_what_came_meanwhile_is_announced(folder):
    folder.put("a.dat", age_s=2000)
    folder.watch()
    assert folder.watch(nothing).counts == [0, 0]
    folder.put("b.dat", age_s=1000)
    assert folder.watch(nothing).names == [["b.dat"], []]
    assert folder.watch().counts == [0]


def test_after_a_restart_a_file_with_an_old_time_is_noticed_though_its_name_is_not_known(folder):
    folder.put("a.dat", age_s=1000)
    folder.put("b.dat", age_s=2000)
    folder.watch()
    folder.put("old.dat", age_s=5000)
    watched = folder.watch(nothing)
    assert (watched.counts, watched.names) == ([1, 0], [[], []])
    folder.put("b.dat", 11, age_s=2500)  # changed, and no newer
    assert folder.watch().counts == [1]
    assert folder.watch().counts == [0]


def test_after_a_restart_a_file_that_vanished_is_no_event(folder):
    for name in ("a.dat", "b.dat", "c.dat"):
        folder.put(name)
    folder.watch()
    folder.delete("b.dat")
    assert folder.watch(nothing).counts == [0, 0]
    folder.put("b.dat")
    assert folder.watch().counts == [1]


def test_each_watch_of_an_asset_remembers_its_own_files(folder):
    folder.put("a.dat")
    folder.put("b.csv")
    assert folder.watch().names == [["a.dat"]]
    assert folder.watch(pattern="*.csv").names == [["b.csv"]]
    assert folder.watch(poll_interval=5.0).counts == [0], "how often it looks makes no other watch"
    assert folder.watch(asset="another").counts == [1]
    assert len(folder.store.values) == 3


def test_without_a_store_everything_is_announced_at_each_start(folder):
    folder.put("a.dat")
    assert folder.watch(nothing, asset=None).counts == [1, 0]
    assert folder.watch(asset=None).counts == [1]


def test_an_inbox_that_does_not_answer_is_looked_at_less_often_and_says_since_when(folder, caplog):
    caplog.set_level(logging.INFO)
    folder.put("a.dat")
    away = folder.path.with_name("away")
    folder.path.rename(away)

    def back() -> None:
        away.rename(folder.path)

    watched = folder.watch(nothing, nothing, back, nothing)
    assert watched.names == [[], [], [], ["a.dat"], []]
    assert watched.waits_s == [120.0, 240.0, 480.0, 60.0, 60.0]
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 3
    since = {text.partition("readable since ")[2].partition(" ")[0] for text in warnings}
    assert len(since) == 1, "each warning says since when"
    assert "(look 3)" in warnings[2]
    assert "does not exist" in warnings[2]
    assert "Next look in 480 s" in warnings[2]
    assert any(f"answers again, after it did not since {next(iter(since))}" in m for m in caplog.messages)


def test_the_longest_wait_has_an_end(folder):
    folder.path.rmdir()
    assert max(folder.watch(*[nothing] * 2000).waits_s) == LONGEST_WAIT_S
    assert set(folder.watch(nothing, poll_interval=7200.0).waits_s) == {7200.0}


@pytest.mark.parametrize("error", [SourceUnavailable("cut"), RuntimeError("a bug"), OSError(5, "I/O error")])
def test_whatever_fails_the_watch_goes_on_and_waits(folder, monkeypatch, error):
    async def fail(*args: object) -> None:
        raise error

    folder.put("a.dat")
    with monkeypatch.context() as patched:
        patched.setattr(new_files, "list_inbox", fail)
        watched = folder.watch(nothing, patched.undo)
    assert watched.counts == [0, 0, 1]
    assert all(wait > 0 for wait in watched.waits_s)


def test_a_store_that_is_away_costs_no_event(folder):
    folder.put("a.dat")
    folder.watch()
    folder.store.away = True
    folder.put("b.dat", age_s=500)

    def store_is_back() -> None:
        folder.store.away = False

    assert folder.watch(nothing, store_is_back).names == [[], [], ["b.dat"]]


def test_a_store_that_fails_after_the_event_makes_it_fire_again_at_the_next_start_only(folder):
    folder.put("a.dat")
    folder.watch()

    def event_then_no_store() -> None:
        folder.put("b.dat", age_s=500)
        folder.store.away = True

    assert folder.watch(event_then_no_store, nothing).names == [[], ["b.dat"], []]
    folder.store.away = False
    assert folder.watch().names == [["b.dat"]]


def test_a_relative_path_is_below_the_data_root(folder, monkeypatch):
    monkeypatch.setattr(config, "DATA_ROOT", folder.path.parent)
    folder.put("a.dat")
    assert folder.watch(path="inbox").names == [["a.dat"]]


def test_the_triggerer_makes_the_same_trigger_from_what_is_serialized():
    arguments = {
        "path": "weather",
        "pattern": "*.dat",
        "conn_id": "sftp",
        "subfolders": False,
        "poll_interval": 5.0,
        "settle": 9.0,
    }
    trigger = NewFilesTrigger(**arguments)
    classpath, kwargs = trigger.serialize()
    assert classpath == f"{NewFilesTrigger.__module__}.{NewFilesTrigger.__qualname__}"
    assert kwargs == arguments
    assert NewFilesTrigger(**kwargs).serialize() == trigger.serialize()
    Asset("inbox", watchers=[AssetWatcher(name="new files", trigger=trigger)])
