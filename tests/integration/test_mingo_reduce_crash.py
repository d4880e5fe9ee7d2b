"""Work on files and days that is killed, or meets other work: in the end everything is as if it had run alone."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from sandbox.minitrasgo import MuonStation
from skyledger.ledger import Mode
from skyledger.wire import WireConnection
from tests.support.mingo_store import DAY, MingoStore, joining, own_database, reducing
from tests.support.runs import Child, until_enough

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = {"reduce": 5, "join": 3}  # of each kind
SEED = 8
TEN = datetime(2025, 3, 10, 10, tzinfo=UTC)
SECONDS = (400, 45)  # the second file borrows the calibration of the first


def mortal(die_at: int, prepare: Callable[..., Callable[[], Any]], *arguments: Any) -> Callable[[], int]:
    """Work that is killed at that moment: moments are commands to the database and files brought to disk.

    Its result is how many there were (one that ends well, or never dies).
    """
    work, moments = prepare(*arguments), count(1)
    passed = 0

    def mortally(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            nonlocal passed
            passed = next(moments)
            if passed == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args)

        return called

    WireConnection._execute_command = mortally(WireConnection._execute_command)
    os.fsync = mortally(os.fsync)

    def until_death() -> int:
        work()
        return passed

    return until_death


@pytest.fixture(scope="module")
def database(mariadb):
    yield from own_database(mariadb)


@pytest.fixture
def store(database, tmp_path):
    store = MingoStore(database, tmp_path)
    yield store
    store.wipe(files=True)


def fill(store) -> list[str]:
    """Let two files arrive."""
    world = MuonStation(store.station, seed=3)
    return [
        store.deliver(world, TEN + timedelta(seconds=420 * n), seconds).path.stem
        for n, seconds in enumerate(SECONDS)
    ]


@pytest.mark.parametrize("kind", ["first", "redo"])
def test_work_killed_at_any_moment_is_whole_after_the_next_run(store, database, tmp_path, kind):
    """Weaknesses 21 and 22. A redo replaces what was stored under another configuration."""
    names = fill(store)
    mode = Mode.STALE if kind == "redo" else Mode.MISSING

    def begin_anew() -> None:
        store.wipe()
        if kind == "redo":
            present = store.station
            run = present.runs[-1].model_copy(update={"phi_north_deg": 40.0, "z_mm": (0, 150, 300, 450)})
            store.station = present.model_copy(update={"runs": (*present.runs[:-1], run)})
            store.make()
            store.station = present

    def child(step: str, die_at: int = 0) -> Child:
        begin_anew()
        if step == "reduce":
            store.reduce(names[0], mode)
            return Child(mortal, die_at, reducing, database, str(tmp_path), store.name, names[1], mode)
        for name in names:
            store.reduce(name, mode)
        return Child(mortal, die_at, joining, database, str(tmp_path), store.name, DAY)

    begin_anew()
    store.make(mode)
    undisturbed = store.contents()
    assert undisturbed["minute"]
    deaths = random.Random(SEED)
    for step, kills in KILLS.items():
        whole = child(step)
        whole.begin()
        moments = whole.result()
        # it begins with finding out what there is to do, and ends with closing the session
        begin, end = moments // 3, moments - 3
        order = deaths.sample(range(begin, end), end - begin)
        seen: Counter[str] = Counter()
        for n, _ in until_enough(seen, kills, interrupted=(kills + 1) // 2):
            die_at = order[n % len(order)]
            victim = child(step, die_at)
            victim.begin()
            victim.process.join(60)
            assert victim.process.exitcode == -signal.SIGKILL
            ((running,),) = store.query("SELECT COUNT(*) FROM run_record WHERE state = 'running'")
            seen["interrupted"] += running
            store.make()  # what was interrupted
            store.make(mode)
            assert store.contents() == undisturbed, f"{step} killed at moment {die_at} of {moments}"
            assert (store.plan_files().items, store.plan_days().items) == ((), ())


def test_four_stations_at_once_give_what_each_gives_alone(database, tmp_path):
    stores = [
        MingoStore(database, tmp_path / name, name) for name in ("MINGO01", "MINGO02", "MINGO03", "MINGO04")
    ]
    work = [(store, name) for store in stores for name in fill(store)]
    for store, _ in work:
        store.make()
    alone = [store.contents() for store in stores]
    stores[0].wipe()
    for store in stores[1:]:
        store.wipe()
    children = [
        Child(reducing, database, str(tmp_path / store.name), store.name, name) for store, name in work
    ]
    for child in children:
        child.begin()
    results = [child.result() for child in children]
    assert all(result["events"] > 0 for result in results), results
    children = [Child(joining, database, str(tmp_path / store.name), store.name, DAY) for store in stores]
    for child in children:
        child.begin()
    assert all(child.result()["triggers"] > 0 for child in children)
    assert [store.contents() for store in stores] == alone
    stores[0].wipe(files=True)


def test_one_file_and_one_day_are_made_once_by_two_at_once(store, database, tmp_path):
    first, _ = fill(store)
    for make in (
        lambda: Child(reducing, database, str(tmp_path), store.name, first),
        lambda: Child(joining, database, str(tmp_path), store.name, DAY),
    ):
        pair = [make(), make()]
        for child in pair:
            child.begin()
        states = sorted(child.result()["state"] for child in pair)
        assert states == ["nothing to do", "partial"]
    assert store.query("SELECT MAX(attempt) FROM ledger") == [(1,)]
