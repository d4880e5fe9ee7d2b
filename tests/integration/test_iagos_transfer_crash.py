"""A transfer that is ended anywhere: in the end each file is here once and acknowledged once."""

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger import migrations
from skyledger.iagos.flight import Key
from skyledger.iagos.states import State
from skyledger.iagos.transfer.client import IagosClient
from skyledger.warehouse import Session, Warehouse
from tests.support.iagos_transfer import Transfer, data_of, flight_id, run_at, transfer
from tests.support.runs import Child, until_enough

pytestmark = pytest.mark.integration

KILLS = 5
FLIGHTS = 3
TABLES = (
    "acknowledgement",
    "source_file",
    "listing_cursor",
    "flight_state_history",
    "flight_state",
    "ledger",
    "run_record",
)


class Crash(BaseException):
    """What ends a run where it stands."""


@pytest.fixture
def at(iagos_db, tmp_path) -> Transfer:
    """A data centre and a migrated database."""
    migrations.upgrade("iagos", Warehouse(iagos_db).url)
    with DataCentre() as centre:
        yield transfer(centre, iagos_db, tmp_path / "data")


def start_from_nothing(at: Transfer, flights: int) -> None:
    """Nothing known here or acknowledged there; the first flight is offered under two ids."""
    with at.warehouse.session() as session, session.transaction():
        session.execute("UPDATE source_file SET duplicate_of = NULL")
        for table in TABLES:
            session.execute(f"DELETE FROM {table}")
    shutil.rmtree(at.data_root, ignore_errors=True)
    at.centre.acknowledged.clear()
    at.centre.ack_calls.clear()
    for n in range(flights):
        at.offer(n, file_id=f"f-{n}")
    at.offer(0, file_id="f-twice")


def check_the_end(at: Transfer, flights: int) -> None:
    """None lost, none twice: here, in the ledger, and at the data centre."""
    received = {Key(flight_id(n), "P1", 1): State.RECEIVED for n in range(flights)}
    assert at.states() == received | {Key(flight_id(0), "P1", 2): State.DUPLICATE}
    assert at.kept() == {f"IAGOS_P1_{flight_id(n)}_L0A_r1.csv.gz": data_of(n) for n in range(flights)}
    assert at.accepted() == {f"f-{n} r1": "received" for n in range(flights)} | {"f-twice r1": "received"}
    steps = "SELECT COUNT(*) FROM flight_state_history WHERE to_state = 'RECEIVED'"
    assert at.query(steps) == [(flights,)]
    assert sorted(at.query("SELECT state FROM ledger")) == [("empty",)] + [("stored",)] * flights
    assert at.query("SELECT COUNT(*) FROM acknowledgement WHERE sent_utc IS NULL") == [(0,)]
    assert at.pending() == []


def check_that_rows_tell_the_truth(at: Transfer) -> None:
    """What is said to be received is here, and acknowledged or noted to be; what is acknowledged is here."""
    rows = at.query(
        "SELECT raw_path, file_id, source_revision, "
        "(SELECT COUNT(*) FROM acknowledgement a WHERE a.source_file_id = f.source_file_id), "
        "(SELECT s.state FROM flight_state s WHERE s.flight_id = f.flight_id AND s.revision = f.revision) "
        "FROM source_file f WHERE state = 'received'"
    )
    for raw_path, _, _, noted, state in rows:
        assert (at.data_root / raw_path).is_file()
        assert (noted, state) == (1, "RECEIVED")
    received = {f"{file_id} r{revision}" for _, file_id, revision, _, _ in rows}
    assert at.accepted().keys() - {"f-twice r1"} <= received


@pytest.mark.slow
def test_a_run_that_ends_before_any_step_is_made_up_for_by_the_next(at, monkeypatch):
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
        (Session, "execute"),
        (Session, "query"),
        (IagosClient, "_send"),
        (Path, "replace"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    start_from_nothing(at, flights=1)
    steps = 0
    at.run()
    whole = steps
    check_the_end(at, flights=1)
    assert whole > 40
    for n in range(1, whole + 1):
        start_from_nothing(at, flights=1)
        left = n
        with pytest.raises(Crash):
            at.run()
        left = 0
        check_that_rows_tell_the_truth(at)
        at.run()
        check_the_end(at, flights=1)


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_is_made_up_for_by_the_next(at):
    at.centre.pause_s = 0.01  # so that a kill can meet a file half transferred
    arguments = at.centre.connection, at.warehouse.connection, at.data_root
    start_from_nothing(at, FLIGHTS)
    child = Child(run_at, *arguments)
    started = time.monotonic()
    child.begin()
    assert child.result() == FLIGHTS + 1
    whole_s = time.monotonic() - started
    check_the_end(at, FLIGHTS)
    rng = random.Random(5)
    seen: Counter[str] = Counter()
    for n, pace in until_enough(seen, KILLS, running=KILLS // 2, halfway=2):
        start_from_nothing(at, FLIGHTS)
        child = Child(run_at, *arguments)
        child.begin()
        seen["running"] += child.kill((n % KILLS + rng.random()) / KILLS * whole_s * pace)
        seen["halfway"] += 0 < sum(state is State.RECEIVED for state in at.states().values()) < FLIGHTS
        check_that_rows_tell_the_truth(at)
        at.run()
        check_the_end(at, FLIGHTS)


def test_of_two_runs_at_once_each_file_is_brought_by_one(at):
    start_from_nothing(at, FLIGHTS)
    children = [Child(run_at, at.centre.connection, at.warehouse.connection, at.data_root) for _ in range(2)]
    for child in children:
        child.begin()
    assert all(isinstance(child.result(), int) for child in children)
    check_the_end(at, FLIGHTS)
    assert at.centre.requests["GET content"] == FLIGHTS
