"""A release that is ended anywhere between decision, writing and delivery: done once, and true at any moment."""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger.connections import Connection
from skyledger.iagos.names import Level
from skyledger.iagos.states import State
from skyledger.iagos.transfer.client import IagosClient
from skyledger.warehouse import Session
from skyledger.wire import WireConnection
from tests.support.iagos_flights import KEY
from tests.support.iagos_release import Releases, release_whole
from tests.support.runs import Child

pytestmark = pytest.mark.integration

CALLS = ((Session, "execute"), (WireConnection, "commit"), (Path, "replace"), (IagosClient, "_send"))
KILLS = 6  # spread over the steps of a release
AFTER = {Level.L1: State.AWAITING_CAL, Level.L2: State.L2_RELEASED}


class Crash(BaseException):
    """What ends a run where it stands."""


@pytest.fixture(scope="module")
def database(mariadb) -> Iterator[Connection]:
    """Tables and people."""
    found = mariadb.create_database("iagos_crash", "iagos_crash", conn_id="iagos_db")
    Releases(found, Path()).prepare()
    yield found
    mariadb.drop_database("iagos_crash", "iagos_crash")


@pytest.fixture
def centre() -> Iterator[DataCentre]:
    with DataCentre() as centre:
        yield centre


@pytest.fixture
def network(database, tmp_path, centre) -> Releases:
    network = Releases(database, tmp_path, centre.connection)
    network.wipe()
    return network


def counted(end: Callable[[], Any], at: int) -> tuple[Callable[[Any], Any], list[str]]:
    """Wraps calls; `end` is called before call number `at`. Statistics of series are one step."""
    seen: list[str] = []

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if not any(isinstance(one, str) and "data_series" in one for one in args):
                seen.append(function.__name__)
                if len(seen) == at:
                    end()
            return function(*args, **kwargs)

        return step

    return wrap, seen


def step_back(network: Releases, centre: DataCentre, level: Level) -> None:
    """The flight waits for its decision about the level again; what is kept of it stays."""
    centre.products.clear()
    network.execute("UPDATE product SET superseded_by = NULL")
    network.execute("DELETE FROM product WHERE level = %s", str(level))
    network.execute("DELETE FROM release_decision WHERE level = %s", str(level))
    network.execute(
        "DELETE d FROM data_series d JOIN series_file USING (series_file_id) WHERE level = %s AND version != ''",
        str(level),
    )
    network.execute("DELETE FROM series_file WHERE level = %s AND version != ''", str(level))
    ((last,),) = network.query(
        "SELECT MAX(step_id) FROM flight_state_history WHERE to_state = %s", f"AWAITING_{level}"
    )
    network.execute("DELETE FROM flight_state_history WHERE step_id > %s", last)
    network.execute(
        "UPDATE flight_state s JOIN flight_state_history h USING (flight_id, instrument_type, revision) "
        "SET s.state = h.to_state, s.previous_state = h.from_state WHERE h.step_id = %s",
        last,
    )
    for path in (network.data_root / "iagos").rglob(f"*_{level}_1.0.0.*"):
        path.unlink()
    assert network.report(level=level).waits


def check_that_rows_tell_the_truth(network: Releases, centre: DataCentre, level: Level) -> None:
    """No release without its decision on the reported data; written means written, delivered means delivered."""
    released = network.state() not in (State.AWAITING_L1, State.AWAITING_L2)
    decisions = network.query("SELECT data_digest FROM release_decision WHERE level = %s", str(level))
    products = network.products(level=level)
    assert len(decisions) == len(products) == released
    there = {one.sha256 for one in centre.products.values() if one.level == level}
    for product in products:
        assert decisions == [(product.data_digest,)] == [(network.report(level=level).data_digest,)]
        if product.state != "pending":
            files = [product.netcdf_path, product.nasa_ames_path]
            found = [
                hashlib.sha256((network.data_root / str(path)).read_bytes()).hexdigest() for path in files
            ]
            assert found == [product.netcdf_sha256, product.nasa_ames_sha256]
            assert network.load(product).digest()
        if product.state == "pushed":
            assert there == {product.netcdf_sha256, product.nasa_ames_sha256}
            assert network.state() in (AFTER[level], State.L1_RELEASED)
        elif product.state == "pending":
            assert not there


def check_the_end(network: Releases, centre: DataCentre, level: Level) -> None:
    """The next run makes it good, and the one after that changes nothing."""
    release_whole(network, level)
    assert network.state() is AFTER[level]
    (product,) = network.products(level=level)
    assert (str(product.version), product.state, product.tries) == ("1.0.0", "pushed", 0)
    check_that_rows_tell_the_truth(network, centre, level)
    assert {path.suffix for path in network.data_root.rglob("*_1.0.0.*") if f"_{level}_" in path.name} == {
        ".nc4",
        ".txt",
        ".parquet",
    }
    before = contents(network)
    release_whole(network, level)
    assert contents(network) == before


def contents(network: Releases) -> list[Any]:
    tables = ("product", "release_decision", "flight_state_history", "series_file", "data_series")
    return [network.query(f"SELECT * FROM {table}") for table in tables] + [network.files("products")]


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_a_release_that_ends_before_any_step_is_made_good_by_the_next(network, centre, level, monkeypatch):
    network.waiting() if level is Level.L1 else network.waiting_for_l2()

    def end() -> None:
        raise Crash

    for at in count(1):
        step_back(network, centre, level)
        wrap, seen = counted(end, at)
        with monkeypatch.context() as patch:
            for owner, name in CALLS:
                patch.setattr(owner, name, wrap(getattr(owner, name)))
            try:
                release_whole(network, level)
            except Crash:
                pass
            else:
                break
        check_that_rows_tell_the_truth(network, centre, level)
        check_the_end(network, centre, level)
    assert set(seen) == {name for _, name in CALLS}
    assert at > 20


def killed_at(
    database: Connection, data_root: Path, connection: Connection, level: Level, at: int
) -> Callable[[], int]:
    """A release to be made in a child, which kills itself before step `at`; returns how many steps there are."""
    network = Releases(database, data_root, connection)
    wrap, seen = counted(lambda: os.kill(os.getpid(), signal.SIGKILL), at)

    def release() -> int:
        for owner, name in CALLS:
            setattr(owner, name, wrap(getattr(owner, name)))
        release_whole(network, level)
        return len(seen)

    return release


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_a_release_that_is_killed_is_made_good_by_the_next(network, centre, level):
    network.waiting() if level is Level.L1 else network.waiting_for_l2()

    def child(at: int) -> Child:
        found = Child(killed_at, network.database, network.data_root, centre.connection, level, at)
        found.begin()
        return found

    steps = child(0).result()
    for n in range(1, KILLS + 1):
        step_back(network, centre, level)
        killed = child(n * steps // (KILLS + 1))
        killed.process.join(60)
        assert killed.process.exitcode == -signal.SIGKILL
        check_that_rows_tell_the_truth(network, centre, level)
        check_the_end(network, centre, level)


def test_two_releases_at_once_are_one(network, centre):
    network.waiting()
    children = [
        Child(killed_at, network.database, network.data_root, centre.connection, Level.L1, 0)
        for _ in range(2)
    ]
    for child in children:
        child.begin()
    for child in children:
        assert isinstance(child.result(), int)
    assert network.query("SELECT COUNT(*) FROM release_decision") == [(1,)]
    assert [(one.key, one.state) for one in network.products()] == [(KEY, "pushed")]
    check_the_end(network, centre, Level.L1)
