"""A load that is killed at any moment: whole days or none, and the next run completes it to the same content."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from skyledger.influx import midnight_s
from tests.support.loads import TABLES, Contents, Load, load_on, undisturbed
from tests.support.runs import Run, until_enough
from tests.support.telegrams import day_of_telegrams, write_points

pytestmark = [pytest.mark.integration, pytest.mark.slow]

UNITS = range(1010, 1022)
ROUNDS = 5  # of two kills each: one of a first run, one of the run that would have mended it
SEED = 20
SAVED = (*TABLES, "run_record")


@pytest.fixture(scope="module")
def load(mariadb, influxdb) -> Iterator[Load]:
    """Twelve units, two days each: twelve slices."""
    with load_on(mariadb, influxdb, UNITS, 2) as load:
        yield load


@pytest.fixture(scope="module")
def old(load: Load) -> Contents:
    """A finished load, kept aside in tables of its own; afterwards the source changes every unit's first day."""
    load.ingest(run_id="old").raise_for_failures()
    with load.warehouse.session() as session:
        for table in SAVED:
            session.execute(f"CREATE TABLE saved_{table} AS SELECT * FROM {table}")
    contents = load.contents()
    first, second = load.days
    for unit in UNITS:
        points = day_of_telegrams(unit, first, seed=99)
        late = [(*point[:2], point[2] + 61, point[3]) for point in points if point[2] % 86_400 < 7_200]
        write_points(
            load.influx, [*points, *late]
        )  # corrected, and more: also the rejected record is now good
        bad = midnight_s(first) + int(timedelta(hours=20).total_seconds())
        write_points(load.influx, [(unit, "senseair-lp8-status", bad, -1.0)])
        if unit % 2:
            write_points(load.influx, [(unit, "senseair-lp8-ir", midnight_s(second) + 77, 1.0)])
    return contents


@pytest.fixture(scope="module")
def new(mariadb, old: Contents, load: Load) -> Contents:
    """What must be there in the end, from whichever state."""
    return undisturbed(mariadb, load)


def restore(load: Load, *, stored: bool) -> None:
    """Begin from empty tables, or from the finished load of what the source held before."""
    load.wipe()
    if stored:
        with load.warehouse.session() as session, session.transaction():
            for table in SAVED:
                session.execute(f"INSERT INTO {table} SELECT * FROM saved_{table}")


def run(load: Load, run_id: str) -> Run:
    return Run(load.database, load.influx, load.days, run_id=run_id, lock_wait_s=10)


def duration_s(load: Load, *, stored: bool) -> float:
    """How long an undisturbed run takes here and now, in a child like those that will be killed."""
    restore(load, stored=stored)
    child = run(load, "measured")
    started = time.monotonic()
    child.begin()
    assert isinstance(child.result(), dict)
    return time.monotonic() - started


@pytest.mark.parametrize("stored", [False, True], ids=["first load", "changed source"])
def test_load_killed_at_random_points_loses_and_doubles_nothing(load, old, new, stored):
    """Two runs in a row are killed, at moments spread over the whole length of a run; then one may finish."""
    changed = sum(row not in set(old["lp8_data"]) for row in new["lp8_data"])
    assert changed > len(UNITS) * 100, "the changed source must matter"
    length_s = duration_s(load, stored=stored)
    assert load.contents() == new
    rng = random.Random(SEED + stored)
    tenths = rng.sample(range(2 * ROUNDS), 2 * ROUNDS)
    seen: Counter[str] = Counter()
    # most kills must meet a run that was still at work
    for n, pace in until_enough(seen, ROUNDS, cut_short=7, halfway=1, interrupted=1):
        restore(load, stored=stored)
        first, second = ((tenths[(2 * n + k) % len(tenths)] + rng.random()) / len(tenths) for k in (0, 1))
        for k, place in enumerate((first, (1 - first) * second)):  # the first has left less to do
            child = run(load, f"killed {k}")
            child.begin()
            seen["cut_short"] += child.kill(place * length_s * pace)
            load.check_invariant(new, old if stored else {"lp8_data": []})
        found = load.contents()["lp8_data"]
        seen["halfway"] += found not in ([], old["lp8_data"], new["lp8_data"])
        open_before = load.query(
            "SELECT member, partition_key, attempt FROM run_record WHERE state = 'running' ORDER BY 1, 2, 3"
        )
        load.ingest(run_id="last").raise_for_failures()
        assert load.contents() == new
        assert load.query("SELECT COUNT(*) FROM run_record WHERE state = 'running'") == [(0,)]
        closed = load.query(
            "SELECT member, partition_key, attempt FROM run_record WHERE state = 'interrupted' "
            "AND ended_at IS NOT NULL AND message LIKE '%%killed%%' ORDER BY 1, 2, 3"
        )
        assert set(open_before) <= set(closed)
        seen["interrupted"] += len(closed)


def test_run_killed_while_it_holds_the_locks_does_not_keep_them(load, old, new):
    seen: Counter[str] = Counter()
    for _ in until_enough(seen, 1, at_work=1):
        restore(load, stored=False)
        child = run(load, "killed")
        child.begin()
        deadline = time.monotonic() + 60
        while not load.query("SELECT 1 FROM run_record LIMIT 1"):
            assert time.monotonic() < deadline
        at_work = load.query("SELECT 1 FROM run_record WHERE state = 'running' LIMIT 1")
        seen["at_work"] += child.kill(0) and bool(at_work)
        load.ingest().raise_for_failures()
        assert load.contents() == new
