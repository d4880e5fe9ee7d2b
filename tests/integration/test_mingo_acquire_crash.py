"""Acquiring that is killed at any moment, or meets another: the same raw store and the same rows in the end."""

import hashlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from multiprocessing.connection import wait
from typing import Any

import pytest

from sandbox.servers import MariaDB
from skyledger.errors import StorageUnavailable
from skyledger.minitrasgo.stations import stations
from tests.support.raw_files import START, PlayedStation, name_of, packed, raw
from tests.support.runs import CONTEXT, Child, until_enough

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = 8
SEED = 4
TABLES = ("raw_delivery", "raw_file", "source_file", "station_contact", "ledger", "run_record")


@pytest.fixture(scope="module")
def world(mariadb: MariaDB, tmp_path_factory) -> Iterator[PlayedStation]:
    """Where `deliver` puts files."""
    database = mariadb.create_database("mingo_crash", "mingo_crash", conn_id="minitrasgo_db")
    yield PlayedStation(database, tmp_path_factory.mktemp("world"))
    mariadb.drop_database("mingo_crash", "mingo_crash")


def deliver(world: PlayedStation, *, later: bool) -> None:
    """Hourly files, plain and packed, copies, and files of no use; later: some have grown or changed."""
    for n in range(6):
        start = START + timedelta(hours=n)
        events = 400 + n + (100 if later and n < 2 else 0)
        world.put(name_of(start), raw(start, events), 9000 - n - (events > 450) * 1000)
    copied = raw(START + timedelta(hours=3), 403)
    world.put(name_of(START + timedelta(hours=3, seconds=1)), copied, 8000)
    original = START + timedelta(hours=4)
    world.put(name_of(original), raw(original, 404 + 50 * later), 7990 - 100 * later)
    world.put(name_of(original + timedelta(seconds=1)), raw(original, 404), 7980)
    packed_start = START + timedelta(hours=8)
    world.put(
        name_of(packed_start, "dat.tar.gz"), packed(x_dat=raw(packed_start, 408 + later)), 7900 - 100 * later
    )
    world.put(name_of(START + timedelta(hours=9)), b"" if not later else raw(START, 409), 7800 - 100 * later)
    world.put(name_of(START + timedelta(hours=10)), b"garbage\n" * 100, 7700)
    world.put(name_of(START + timedelta(hours=11), number=2), raw(START, 411), 7600)


def start_from(world: PlayedStation, *, changed: bool) -> None:
    """Nothing registered, or the files as they were before they changed."""
    with world.warehouse.session() as session, session.transaction():
        session.execute(
            "UPDATE raw_file SET state = 'arrived', duplicate_of = NULL WHERE duplicate_of IS NOT NULL"
        )
        for table in TABLES:
            session.execute(f"DELETE FROM {table}")
    shutil.rmtree(world.data_root, ignore_errors=True)
    for path in world.folder.iterdir():
        path.unlink()
    deliver(world, later=False)
    if changed:
        world.acquire()
        deliver(world, later=True)


def slowly(world: PlayedStation) -> Callable[[], dict[str, Any]]:
    """Acquiring with a transfer that can be met halfway through a file."""

    def bring(names, folder):
        for name in names:
            with suppress(FileNotFoundError):
                source = world.folder / name
                part = folder / f".{name}.part"
                content = source.read_bytes()
                part.write_bytes(content[: len(content) // 2])
                time.sleep(0.003)
                shutil.copy2(source, part)
                part.replace(folder / name)

    return lambda: world.acquire(bring=bring).as_dict()


def raw_store(world: PlayedStation) -> dict[str, bytes]:
    return {path: content for path, content in world.kept().items() if "/raw/" in path}


@pytest.mark.parametrize("changed", [False, True], ids=["first run", "changed files"])
def test_acquiring_killed_at_random_points_ends_as_if_nothing_had_happened(world, changed):
    start_from(world, changed=changed)
    before = world.known(), raw_store(world)
    child = Child(slowly, world)
    started = time.monotonic()
    child.begin()
    child.result()
    whole_s = time.monotonic() - started
    expected = world.known(), raw_store(world)
    assert {state for _, state in world.files()} >= {"arrived", "corrupt", "foreign", "duplicate"}
    assert expected != before
    rng = random.Random(SEED + changed)
    seen: Counter[str] = Counter()
    # most kills must meet a run that was still at work
    for n, pace in until_enough(seen, KILLS, cut_short=KILLS // 2, halfway=3):
        start_from(world, changed=changed)
        child = Child(slowly, world)
        child.begin()
        seen["cut_short"] += child.kill((n % KILLS + rng.random()) / KILLS * whole_s * pace)
        seen["halfway"] += (world.known(), raw_store(world)) not in (before, expected)
        check_that_rows_tell_the_truth(world)
        world.brought.clear()
        world.acquire()
        assert (world.known(), raw_store(world)) == expected
        assert not [path for path in world.kept() if "/incoming/" in path and not path.endswith(".part")]
        assert len(world.brought) == len(set(world.brought))
        world.brought.clear()
        world.acquire()
        assert (world.brought, world.known(), raw_store(world)) == ([], *expected)


def check_that_rows_tell_the_truth(world: PlayedStation) -> None:
    """Every row speaks of bytes that are there, and of every file there is a delivery."""
    kept = world.kept()
    for path, size, sha256 in world.deliveries("raw_path, bytes, sha256"):
        assert (len(kept[path]), hashlib.sha256(kept[path]).hexdigest()) == (size, sha256)
    assert not world.query("SELECT 1 FROM raw_file WHERE file_id NOT IN (SELECT file_id FROM raw_delivery)")


def held_up(world: PlayedStation, go_on: Any) -> Callable[[], dict[str, Any]]:
    """Acquiring with a transfer that waits until it may go on."""

    def bring(names, folder):
        go_on.wait(60)
        world.bring(names, folder)

    return lambda: world.acquire(bring=bring).as_dict()


def test_of_two_runs_of_a_station_one_works_and_the_other_says_so(world):
    start_from(world, changed=False)
    go_on = CONTEXT.Event()
    children = [Child(held_up, world, go_on) for _ in range(2)]
    for child in children:
        child.begin()
    assert wait([child.pipe for child in children], 30), "neither was refused"
    go_on.set()
    results = [child.result() for child in children]
    assert sum(isinstance(result, StorageUnavailable) for result in results) == 1
    assert [r["new"] for r in results if isinstance(r, dict)] == [12]
    assert len(world.files()) == 12


def as_station(world: PlayedStation, name: str) -> Callable[[], dict[str, Any]]:
    station = stations()[name].model_copy(update={"source": world.station.source})
    return lambda: world.acquire(station=station).as_dict()


def test_four_stations_at_once_get_each_their_own(world):
    start_from(world, changed=False)
    names = sorted(stations())
    children = [Child(as_station, world, name) for name in names]
    for child in children:
        child.begin()
    results = {name: child.result() for name, child in zip(names, children, strict=True)}
    assert {name: result["new"] for name, result in results.items()} == dict.fromkeys(names, 12)
    assert {name: result["foreign"] for name, result in results.items()} == {
        "MINGO01": 1,
        "MINGO02": 11,
        "MINGO03": 12,
        "MINGO04": 12,
    }
    assert world.query("SELECT COUNT(*), COUNT(DISTINCT raw_path) FROM raw_file") == [(48, 48)]
