"""A run through a drop folder that is ended anywhere: in the end each file is here once and moved once."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from skyledger.iagos.states import State
from skyledger.iagos.transfer.drop_folder import DropFolder
from skyledger.warehouse import Session
from tests.support.iagos_drop import Drop, both_ends, data_of, flight_of, key_of, name_of, run_at
from tests.support.iagos_transfer import flight_id
from tests.support.runs import Child, until_enough

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = 5
MONTH = "processed/2024/03"
GOOD, ENDED, WRONG, STRANGE = name_of(0), name_of(1), name_of(2), "report.pdf"


class Crash(BaseException):
    """What ends a run where it stands."""


@pytest.fixture(scope="module")
def drop(mariadb, tmp_path_factory) -> Drop:
    """A provider's server and a migrated database."""
    with both_ends(mariadb, tmp_path_factory.mktemp("drop")) as drop:
        yield drop


def put_all(drop: Drop) -> None:
    """A file with a side file, and files that were looked at before: one without, one with a wrong sum, a stranger."""
    drop.forget_all()
    drop.folder.put(ENDED, flight_of(1), side_file=False)
    drop.folder.put(WRONG, data_of(2), sha256="0" * 64)
    drop.folder.put(STRANGE, b"?", side_file=False)
    drop.run()
    drop.wait()
    drop.folder.put(GOOD, data_of(0))


def check_the_end(drop: Drop) -> None:
    """None lost, none twice, here and there; another run does nothing."""
    done = drop.run()
    assert (done.new, done.states, done.bytes, done.failures) == ([], {}, 0, [])
    assert drop.states() == {
        key_of(0): State.RECEIVED,
        key_of(1): State.RECEIVED,
        key_of(2): State.QUARANTINED,
    }
    assert drop.kept() == {
        f"IAGOS_P1_{flight_id(0)}_L0A_r1.csv.gz": data_of(0),
        f"IAGOS_P1_{flight_id(1)}_L0A_r1.csv.gz": flight_of(1),
    }
    assert drop.there() == [
        *(f"{MONTH}/{name}" for name in (GOOD, f"{GOOD}.sha256", ENDED)),
        *(f"rejected/{name}" for name in (WRONG, f"{WRONG}.sha256", STRANGE)),
    ]
    assert sorted(drop.query("SELECT file_id, source_revision, state FROM source_file")) == [
        (GOOD, 1, "received"),
        (ENDED, 1, "received"),
        (WRONG, 1, "quarantined"),
        (STRANGE, 1, "rejected"),
    ]
    steps = "SELECT COUNT(*) FROM flight_state_history WHERE to_state IN ('RECEIVED', 'QUARANTINED')"
    assert drop.query(steps) == [(3,)]
    assert drop.query("SELECT COUNT(*) FROM drop_look") == [(0,)]


def check_that_nothing_is_lost(drop: Drop) -> None:
    """What is said to be received is here; what was moved away is received; the provider has all its files."""
    rows = drop.query("SELECT name, raw_path FROM source_file WHERE state = 'received'")
    for _, raw_path in rows:
        assert (drop.data_root / raw_path).is_file()
    there = drop.there()
    assert {Path(path).name for path in there if path.startswith("processed") and path.endswith("gz")} <= {
        name for name, _ in rows
    }
    assert sorted(Path(path).name for path in there) == sorted(
        (GOOD, f"{GOOD}.sha256", ENDED, WRONG, f"{WRONG}.sha256", STRANGE)
    )


def test_a_run_that_ends_before_anything_lasting_is_made_up_for_by_the_next(drop, monkeypatch):
    steps = left = 0

    def counted(function):
        def step(*args, **kwargs):
            nonlocal steps, left
            steps += 1
            left -= 1
            if left == 0:
                raise Crash
            return function(*args, **kwargs)

        return step

    for owner, name in (
        (Session, "commit"),
        (DropFolder, "_rename"),
        (Path, "replace"),
        (Path, "unlink"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    put_all(drop)
    steps = 0
    drop.run()
    whole = steps
    check_the_end(drop)
    assert whole > 20
    for n in range(1, whole + 1):
        put_all(drop)
        left = n
        with pytest.raises(Crash):
            drop.run()
        left = 0
        check_that_nothing_is_lost(drop)
        drop.run()
        check_the_end(drop)


def test_a_run_that_is_killed_anywhere_is_made_up_for_by_the_next(drop):
    arguments = drop.server.connection, drop.warehouse.connection, drop.data_root
    put_all(drop)
    child = Child(run_at, *arguments)
    started = time.monotonic()
    child.begin()
    assert child.result() == 2
    whole_s = time.monotonic() - started
    check_the_end(drop)
    rng = random.Random(5)
    seen: Counter[str] = Counter()
    for n, pace in until_enough(seen, KILLS, running=KILLS // 2, halfway=2):
        put_all(drop)
        child = Child(run_at, *arguments)
        child.begin()
        seen["running"] += child.kill((n % KILLS + rng.random()) / KILLS * whole_s * pace)
        seen["halfway"] += 0 < sum(path.startswith("incoming") for path in drop.there()) < 6
        check_that_nothing_is_lost(drop)
        drop.run()
        check_the_end(drop)
