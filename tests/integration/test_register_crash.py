"""Registering that is killed at any moment, or meets another: the same raw store and the same rows in the end."""

import hashlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest

from sandbox.servers import MariaDB
from skyledger import warehouse as warehouse_module
from skyledger.errors import StorageUnavailable
from tests.support.logger_files import Registry, at, body, name_of, toa5
from tests.support.runs import Child, until_enough

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = 10
SEED = 14
BEGIN = at("2016-08-30 00:06:24")


@pytest.fixture(scope="module")
def world(mariadb: MariaDB, tmp_path_factory) -> Iterator[Registry]:
    """Where `deliver` puts files."""
    database = mariadb.create_database("weather_crash", "weather_crash", conn_id="weather_db")
    yield Registry(database, tmp_path_factory.mktemp("world"))
    mariadb.drop_database("weather_crash", "weather_crash")


def deliver(world: Registry, *, later: bool) -> None:
    """Four hourly files, a copy, a broken one, one that grows, one that rotates; later: changed as far as they do."""
    hours = [BEGIN + timedelta(hours=n) for n in range(4)]
    contents = {f"2016-08-30/{name_of(start)}": toa5(start, 60, step_s=60) for start in hours}
    contents["copy.dat"] = toa5(hours[0], 60, step_s=60)
    contents["broken.dat"] = toa5(hours[1], 0).replace(b"TOA5", b"TOB1") + b"\0\1"
    contents["grows.dat"] = toa5(BEGIN, 300, step_s=900, value=1.5)
    contents["rotates.dat"] = toa5(BEGIN, 200, step_s=900, value=2.5)
    if later:
        for name in contents:
            contents[name] += body(BEGIN + timedelta(seconds=300 * 900), 100, step_s=900, record=300)
        contents["copy.dat"] += b"\r\n"  # no copy any more
        contents["rotates.dat"] = toa5(BEGIN, 100, step_s=900, value=3.5)  # same day: needs another name
    for n, (name, content) in enumerate(contents.items()):
        world.put(name, content, 9000 - n - 1000 * later)


def start_from(world: Registry, *, changed: bool) -> None:
    """Nothing registered, or the files as they were before they changed."""
    world.wipe()
    for folder in (world.data_root, world.inbox_folder):
        shutil.rmtree(folder, ignore_errors=True)
    deliver(world, later=False)
    if changed:
        world.register()
        deliver(world, later=True)


@pytest.mark.parametrize("changed", [False, True], ids=["first run", "changed files"])
def test_registering_killed_at_random_points_ends_as_if_nothing_had_happened(world, changed):
    start_from(world, changed=changed)
    before = world.known(), world.raw()
    began = time.monotonic()
    assert world.register().problems  # the broken file
    whole_s = time.monotonic() - began
    expected = world.known(), world.raw()
    assert len(expected[1]) == 8 + changed
    rng = random.Random(SEED + changed)
    seen: Counter[str] = Counter()
    # most kills must meet a run that was still at work
    for n, pace in until_enough(seen, KILLS, cut_short=7, halfway=3):
        start_from(world, changed=changed)
        child = Child(world.prepare)
        written = stamps(world)
        child.begin()
        deadline = time.monotonic() + 60
        while len(stamps(world) - written) < n % KILLS * 8 // KILLS:  # so many files are in the raw store
            assert time.monotonic() < deadline
            time.sleep(0.002)
        seen["cut_short"] += child.kill(rng.uniform(0, whole_s / 8) * pace)
        seen["halfway"] += (world.known(), world.raw()) not in (before, expected)
        check_that_rows_tell_the_truth(world)
        world.register()
        assert (world.known(), world.raw()) == expected
        assert world.register().taken == 0


def stamps(world: Registry) -> set[tuple[str, int]]:
    """Files of the raw store with their inode: a new one for each writing."""
    found = set()
    for path in world.data_root.rglob("*.dat"):
        with suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_ino))
    return found


def check_that_rows_tell_the_truth(world: Registry) -> None:
    """What a row says of a raw file holds for its registered bytes, and a day has no part without its file."""
    raw = world.raw()
    for path, size, sha256 in world.files("raw_path, bytes, sha256"):
        assert hashlib.sha256(raw[path][:size]).hexdigest() == sha256
    assert not world.query(
        "SELECT file_id FROM logger_file_day WHERE file_id NOT IN (SELECT file_id FROM logger_file)"
    )


def test_two_registrations_at_once_run_one_after_the_other(world):
    start_from(world, changed=False)
    children = [Child(world.prepare) for _ in range(3)]
    for child in children:
        child.begin()
    taken = sorted(child.result()["new"] for child in children)
    assert taken == [0, 0, 8]
    assert [count for (count,) in world.query("SELECT COUNT(*) FROM logger_file")] == [8]
    assert len(world.raw()) == 8


def test_a_registration_that_cannot_get_its_turn_says_so_and_touches_nothing(world, monkeypatch):
    start_from(world, changed=False)
    monkeypatch.setattr(warehouse_module, "LOCK_WAIT_S", 0)
    with world.warehouse.session() as other, other.lock(["weather.logger_file:UA-MAC"]):
        with pytest.raises(StorageUnavailable, match="another run holds"):
            world.register()
        assert world.register(station=world.station.model_copy(update={"station": "UA-TWO"})).new == 8
    assert {path.split("/")[2] for path in world.raw()} == {"UA-TWO"}
