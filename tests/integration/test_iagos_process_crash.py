"""Processing that is ended anywhere between the listing and the question to the PI: none lost, none processed twice.

Whatever ended a run, the next one comes to the same states, rows and files as one that nobody disturbed.
"""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger.connections import Connection
from skyledger.iagos import process, series, states
from skyledger.iagos.assess.runs import load_run, newest_run
from skyledger.iagos.names import Level
from skyledger.iagos.release import versions
from skyledger.iagos.release.reports import newest_report
from skyledger.iagos.release.sql import DATA_LEVEL
from skyledger.iagos.report import page
from skyledger.iagos.states import State
from skyledger.iagos.transfer.client import IagosClient
from skyledger.warehouse import Session
from skyledger.wire import WireConnection
from tests.support.iagos_process import TABLES, Network, key_of
from tests.support.runs import Child

pytestmark = pytest.mark.integration

KEY = key_of(0)
# Between two of these nothing lasts: statements before a commit are undone with it
CALLS = ((WireConnection, "commit"), (Path, "replace"), (IagosClient, "_send"))
TO_L1 = (
    State.QUEUED,
    State.TRANSFERRING,
    State.RECEIVED,
    State.PARSED,
    State.STORED_L0,
    State.QC_RUNNING,
    State.QC_DONE,
    State.NRT_EXPORTED,
    State.AWAITING_L1,
)
TO_L2 = (State.L2_CANDIDATE, State.AWAITING_L2)
STEPS = [*((Level.L1, one) for one in TO_L1), *((Level.L2, one) for one in TO_L2)]


class Crash(BaseException):
    """What ends a run where it stands."""


class Start:
    """What there was before a run, to be there again."""

    def __init__(self, network: Network, copies: Path, name: str) -> None:
        self.network, self.copies, self.name = network, copies, name
        assert network.centre
        self.products, self.acknowledged = copy(network.centre.products), copy(network.centre.acknowledged)
        if network.data_root.exists():
            shutil.copytree(network.data_root, copies)
        for table in TABLES:
            network.execute(f"CREATE TABLE {name}_{table} AS SELECT * FROM {table}")

    def again(self) -> None:
        network = self.network
        network.wipe()
        with network.warehouse.session() as session, session.transaction():
            session.execute("SET FOREIGN_KEY_CHECKS = 0")
            for table in TABLES:
                session.execute(f"INSERT INTO {table} SELECT * FROM {self.name}_{table}")
            session.execute("SET FOREIGN_KEY_CHECKS = 1")
        shutil.rmtree(network.data_root, ignore_errors=True)
        if self.copies.exists():
            shutil.copytree(self.copies, network.data_root)
        assert network.centre
        network.centre.products.clear()
        network.centre.products.update(self.products)
        network.centre.acknowledged.clear()
        network.centre.acknowledged.update(self.acknowledged)
        network.centre.ack_calls.clear()


class Prepared(NamedTuple):
    """Where runs towards a level begin, and what an undisturbed one makes of it."""

    network: Network
    start: Start
    whole: dict[str, Any]
    now: datetime

    def child(self, level: Level, state: State, where: str) -> Child:
        """A run in a child, which has begun."""
        network = self.network
        found = Child(
            killed_in,
            *(network.warehouse.connection, self.now, network.data_root, network.centre.connection),
            *(level, state, where),
        )
        found.begin()
        return found


@pytest.fixture(scope="module")
def prepared(mariadb, tmp_path_factory) -> Iterator[dict[Level, Prepared]]:
    """By level. Clocks stand still since the instrument database was filled, so that runs are equal."""
    database = mariadb.create_database("iagos_process", "iagos_process", conn_id="iagos_db")
    folder = tmp_path_factory.mktemp("process")
    with DataCentre() as centre, pytest.MonkeyPatch.context() as patch:
        network = Network(database, folder / "data", centre).prepare(folder)
        network.calibrate(0, folder)
        now = datetime.now(UTC)
        stop_clocks(now, patch.setattr)
        found = {}
        network.offer(0)
        for level, end in ((Level.L1, State.AWAITING_L1), (Level.L2, State.AWAITING_L2)):
            start = Start(network, folder / str(level), str(level))
            work(network, level)()
            assert network.state(KEY).state is end
            found[level] = Prepared(network, start, network.lasting(), now)
            if level is Level.L1:
                network.release(KEY)
        yield found
    mariadb.drop_database("iagos_process", "iagos_process")


def stop_clocks(now: datetime, put: Callable[[Any, str, Any], None]) -> None:
    """Only what a time gets into lasting data by; and no page is drawn, which takes a second."""

    class Still(datetime):
        @classmethod
        def now(cls, tz=None):
            return now

    put(process, "datetime", Still)
    put(versions, "naive_now", lambda: now.replace(tzinfo=None))
    put(page, "lay_out", lambda content, *others: f"a page about {content['report']['data_digest']}\n")


def work(network: Network, level: Level) -> Callable[[], None]:
    return network.run if level is Level.L1 else network.recompute


def check_that_rows_tell_the_truth(network: Network) -> None:
    """What a state says is there is there, and what the data centre was told is true."""
    with network.warehouse.session() as session:
        found = states.state_of(session, KEY)
        taken = [step.after for step in states.history(session, KEY)] if found else []
        if State.RECEIVED in taken:
            ((path,),) = session.query("SELECT raw_path FROM source_file")
            assert (network.data_root / path).is_file()
            assert session.query("SELECT COUNT(*) FROM acknowledgement") == [(1,)]
        else:
            assert not network.centre.acknowledged
        for level, stored, judged in (
            (Level.L1, State.STORED_L0, State.QC_DONE),
            (Level.L2, State.AWAITING_L2, State.AWAITING_L2),
        ):
            kept = series.kept(session, KEY, DATA_LEVEL[level])
            assert (kept is not None) == (stored in taken)
            run, report = newest_run(session, KEY, DATA_LEVEL[level]), newest_report(session, KEY, level)
            assert (run is not None) == (report is not None) == (judged in taken)
            if report:
                data = series.load(session, network.data_root, KEY, DATA_LEVEL[level])
                judged_data = load_run(session, report.qc_run_id, network.data_root).applied_to(data)
                assert judged_data.digest() == report.data_digest
                assert report.data_digest in (
                    network.data_root / "iagos" / "reports" / report.page
                ).read_text(encoding="utf-8")


def check_the_end(network: Network, level: Level, whole: dict[str, Any]) -> None:
    """The next run makes it good, and the one after that changes nothing."""
    work(network, level)()
    found = network.lasting()
    for what in whole.keys() | found.keys():
        assert found.get(what) == whole.get(what), what
    assert network.query("SELECT COUNT(*) FROM acknowledgement WHERE sent_utc IS NULL") == [(0,)]
    before = everything(network)
    work(network, level)()
    assert everything(network) == before


def everything(network: Network) -> list[Any]:
    """Every row as it is, with its times and numbers."""
    rows = [network.query(f"SELECT * FROM {table}") for table in TABLES if table != "listing_cursor"]
    return [*rows, network.files(), dict(network.centre.ack_calls) if network.centre else None]


def ending(at: int) -> tuple[Callable[[Any], Any], list[str]]:
    """Wraps calls: number `at` of them ends the run instead."""
    seen: list[str] = []

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            seen.append(function.__name__)
            if len(seen) == at:
                raise Crash
            return function(*args, **kwargs)

        return step

    return wrap, seen


@pytest.mark.slow
@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_processing_that_ends_before_any_step_is_made_good_by_the_next(prepared, level, monkeypatch):
    network, start, whole, _ = prepared[level]
    for at in count(1):
        start.again()
        wrap, seen = ending(at)
        with monkeypatch.context() as patch:
            for owner, name in CALLS:
                patch.setattr(owner, name, wrap(getattr(owner, name)))
            try:
                work(network, level)()
            except Crash:
                pass
            else:
                break
        check_that_rows_tell_the_truth(network)
        check_the_end(network, level, whole)
    steps = Counter(seen)
    assert (steps["commit"], steps["replace"]) >= ((15, 8) if level is Level.L1 else (3, 4))


def killed_in(
    database: Connection,
    now: datetime,
    data_root: Path,
    centre: Connection,
    level: Level,
    state: State,
    where: str,
) -> Callable[[], None]:
    """A run, to be made in a child, that kills itself before or after the commit of the step to a state."""
    stop_clocks(now, setattr)
    network = Network(database, data_root, centre)
    commit, write, last = WireConnection.commit, states._write, []

    def written(session: Session, statement: str, key: Any, before: str, after: State, *rest: Any) -> None:
        write(session, statement, key, before, after, *rest)
        last.append(after)

    def killing(self: WireConnection) -> None:
        reached = last[-1:] == [state]
        if not reached or where == "after":
            commit(self)
        if reached:
            os.kill(os.getpid(), signal.SIGKILL)

    def run() -> None:
        states._write, WireConnection.commit = written, killing
        work(network, level)()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(("level", "state"), STEPS, ids=[str(state) for _, state in STEPS])
def test_processing_that_is_killed_at_the_step_to_a_state_is_made_good_by_the_next(
    prepared, level, state, where
):
    network, start, whole, _ = prepared[level]
    start.again()
    child = prepared[level].child(level, state, where)
    child.process.join(60)
    assert child.process.exitcode == -signal.SIGKILL
    with network.warehouse.session() as session:
        found = states.state_of(session, KEY)
    order = [None, *TO_L1, State.AWAITING_CAL, *TO_L2]
    expected = state if where == "after" else order[order.index(state) - 1]
    assert (found and found.state) == expected
    check_that_rows_tell_the_truth(network)
    check_the_end(network, level, whole)
    assert network.steps(KEY).count(state) == 1
    assert len(network.centre.acknowledged) == 1


def test_two_runs_at_once_process_a_flight_once(prepared):
    network, start, whole, _ = prepared[Level.L1]
    start.again()
    network.bring()
    children = [prepared[Level.L1].child(Level.L1, State.REJECTED, "after") for _ in range(2)]
    assert [child.result() for child in children] == [None, None]
    check_the_end(network, Level.L1, whole)
