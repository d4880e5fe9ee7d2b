"""A database that fails before, during and after a load: the right error, no half day, and the next run heals."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pymysql
import pytest

from sandbox import processes
from sandbox.servers import MariaDB
from skyledger.errors import PermanentError, StorageError, StorageUnavailable, TransientError
from skyledger.warehouse import Warehouse
from skyledger.wire import SMALLEST_MAX_PACKET, ConnectionLost
from tests.support.loads import Contents, Load, load_on, undisturbed
from tests.support.runs import Run
from tests.support.tcp_proxy import TcpProxy
from tests.support.telegrams import midnight_s, write_points

pytestmark = pytest.mark.integration

UNITS = (1010, 1011, 1012)
DATA = b"INTO TABLE `lp8_data`"  # LOAD DATA of one slice
OUTCOME = b"INTO TABLE `outcome`"
RECORD = b"UPDATE run_record\nINNER JOIN outcome"
LEDGER = b"UPDATE ledger\nINNER JOIN outcome"
REJECTS = b"INSERT INTO rejected_record"
COMMIT = b"\x03COMMIT"


@pytest.fixture(scope="module")
def network(mariadb, influxdb) -> Iterator[Load]:
    """Three units, two days: loaded again and again."""
    with load_on(mariadb, influxdb, UNITS, 2) as load:
        yield load


@pytest.fixture
def proxy(load: Load) -> Iterator[TcpProxy]:
    """A line to the database that can be cut."""
    proxy = TcpProxy(load.database.host, load.database.port)
    with proxy.running() as proxy.port:
        yield proxy


@pytest.fixture
def options(mariadb: MariaDB) -> Iterator[Callable[[str, object], None]]:
    """Set global options of the server; they are put back at the end."""
    before: dict[str, object] = {}

    def set_option(name: str, value: object) -> None:
        if name not in before:
            ((before[name],),) = mariadb.execute(f"SELECT @@GLOBAL.{name}")
        mariadb.execute(f"SET GLOBAL {name} = %s", (value,))

    yield set_option
    for name, value in before.items():
        mariadb.execute(f"SET GLOBAL {name} = %s", (value,))


def through(proxy: TcpProxy, load: Load) -> Warehouse:
    return Warehouse(replace(load.database, host="127.0.0.1", port=proxy.port))


def in_second_slice(proxy: TcpProxy, statement: bytes, action: Callable[[], object]) -> None:
    """Act when the statement passes that stores the second unit."""

    def second() -> None:
        if statement == DATA:
            action()
        else:
            proxy.at(statement, action)

    proxy.at(DATA, lambda: proxy.at(DATA, second))


def check_heals(load: Load, whole: Contents) -> None:
    """Check that only whole days are there, of the first unit at least, and that a normal run adds the rest."""
    load.check_invariant(whole)
    done = {member for member, _ in load.stored_partitions()}
    assert "1010" in done, "the fault came before anything was stored"
    assert "1012" not in done, "the fault came too late"
    load.ingest().raise_for_failures()
    assert load.contents() == whole
    assert load.query("SELECT COUNT(*) FROM run_record WHERE state = 'running'") == [(0,)]
    assert load.query("SELECT COUNT(*) FROM run_record WHERE state = 'interrupted'") > [(0,)]


# The connection.


@pytest.mark.parametrize("statement", [DATA, OUTCOME, RECORD, LEDGER, REJECTS, COMMIT])
def test_line_cut_before_a_statement(load, whole, proxy, statement):
    in_second_slice(proxy, statement, proxy.cut)
    error = load.failure(warehouse=through(proxy, load))
    assert isinstance(error, ConnectionLost), repr(error)
    assert "1011" not in {member for member, _ in load.stored_partitions()}
    check_heals(load, whole)


@pytest.mark.parametrize("statement", [DATA, LEDGER, COMMIT])
def test_answer_to_a_statement_lost_on_the_way(load, whole, proxy, statement):
    """After COMMIT the day may be stored although the run does not know it: the ledger does."""
    in_second_slice(proxy, statement, lambda: proxy.lose_answer(statement))
    error = load.failure(warehouse=through(proxy, load))
    assert isinstance(error, ConnectionLost), repr(error)
    assert ("1011" in {member for member, _ in load.stored_partitions()}) == (statement == COMMIT)
    check_heals(load, whole)


@pytest.mark.parametrize("statement", [DATA, COMMIT])
def test_server_killed_while_it_stores(load, whole, proxy, mariadb, statement):
    in_second_slice(proxy, statement, mariadb.kill)
    error = load.failure(warehouse=through(proxy, load))
    away = load.failure()
    mariadb.start()
    assert isinstance(error, ConnectionLost), repr(error)
    assert isinstance(away, StorageUnavailable), repr(away)
    assert "Can't connect" in str(away)
    check_heals(load, whole)


@pytest.mark.parametrize("statement", [DATA, LEDGER, COMMIT])
def test_connection_killed_by_the_administrator(load, whole, proxy, mariadb, statement):
    def kill() -> None:
        found = mariadb.execute(
            "SELECT id FROM information_schema.processlist WHERE user = %s", (load.database.login,)
        )
        assert found
        for (connection,) in found:
            mariadb.execute(f"KILL CONNECTION {connection}")

    in_second_slice(proxy, statement, kill)
    error = load.failure(warehouse=through(proxy, load))
    assert isinstance(error, ConnectionLost), repr(error)
    check_heals(load, whole)


def test_server_that_hangs_is_noticed(load, whole, proxy, mariadb, monkeypatch):
    monkeypatch.setattr("skyledger.warehouse.STATEMENT_TIMEOUT_S", 1)
    stopped = mariadb.pid
    in_second_slice(proxy, LEDGER, lambda: os.kill(stopped, signal.SIGSTOP))
    try:
        error = load.failure(warehouse=through(proxy, load))
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert isinstance(error, ConnectionLost), repr(error)
    assert "timed out" in str(error)
    check_heals(load, whole)


def test_nobody_listening(load):
    away = Warehouse(replace(load.database, port=processes.free_port()))
    error = load.failure(warehouse=away)
    assert isinstance(error, StorageUnavailable)
    assert "connecting to carbosense_db" in str(error)


# Locks.


@contextmanager
def other_session(load: Load) -> Iterator[pymysql.cursors.Cursor]:
    """Somebody else at work in the same database."""
    c = load.database
    with (
        pymysql.connect(
            host=c.host, port=c.port, user=c.login, password=c.password, database=c.schema, autocommit=False
        ) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor
        connection.rollback()


def change_source(load: Load, value: float) -> None:
    """Correct a value of each unit and day, so that a stored load is out of date."""
    for unit in UNITS:
        write_points(load.influx, [(unit, "senseair-lp8-ir", midnight_s(day), value) for day in load.days])


def test_deadlock_is_tried_again_and_succeeds(load, whole, proxy, mariadb, caplog):
    """The other session has more to undo, so the server lets ours give way."""
    first_day = load.days[0].isoformat()
    mariadb.execute(f"CREATE TABLE {load.database.schema}.heavy (a INT PRIMARY KEY) ENGINE = InnoDB")
    released = threading.Event()
    with other_session(load) as other:

        def hold_ledger_row() -> None:
            other.execute("INSERT INTO heavy SELECT seq FROM seq_1_to_20000")
            other.execute(
                "SELECT * FROM ledger WHERE member = '1011' AND partition_key = %s FOR UPDATE", (first_day,)
            )

        def close_the_circle() -> None:
            def later() -> None:
                while not mariadb.execute("SELECT 1 FROM information_schema.innodb_lock_waits"):
                    time.sleep(0.2)  # the view is not renewed while it is asked more often
                other.execute(
                    "SELECT * FROM lp8_data WHERE SensorUnit_ID = 1011 AND time = %s FOR UPDATE",
                    (midnight_s(load.days[0]),),
                )
                other.connection.rollback()
                released.set()

            threading.Thread(target=later).start()

        in_second_slice(proxy, DATA, hold_ledger_row)
        in_second_slice(proxy, OUTCOME, close_the_circle)
        load.ingest(warehouse=through(proxy, load)).raise_for_failures()
        assert released.wait(10)
    mariadb.execute(f"DROP TABLE {load.database.schema}.heavy")
    assert "MariaDB error 1213" in caplog.text
    assert "trying again" in caplog.text
    assert load.contents() == whole
    assert load.query("SELECT DISTINCT attempt FROM ledger") == [(1,)]


def test_unit_whose_rows_are_locked_fails_alone(load, mariadb, monkeypatch):
    load.ingest().raise_for_failures()
    change_source(load, 1.0)
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 1)
    monkeypatch.setattr("skyledger.warehouse.CONTENTION_TRIES", 2)
    with other_session(load) as other:
        other.execute("SELECT * FROM lp8_data WHERE SensorUnit_ID = 1011 FOR UPDATE")
        error = load.failure()
    assert isinstance(error, TransientError)
    assert "unit(s) 1011 failed" in str(error)
    assert "MariaDB error 1205: Lock wait timeout" in str(error)
    states = dict(load.query("SELECT member, state FROM ledger"))
    assert states == {"1010": "partial", "1011": "failed", "1012": "partial"}
    changed = load.query("SELECT DISTINCT SensorUnit_ID FROM lp8_data WHERE senseair_lp8_ir = 1 ORDER BY 1")
    assert changed == [(1010,), (1012,)]
    load.ingest().raise_for_failures()
    assert load.contents() == undisturbed(mariadb, load)


def test_locked_ledger_ends_the_run_in_order(load, mariadb, monkeypatch):
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 1)
    monkeypatch.setattr("skyledger.warehouse.CONTENTION_TRIES", 2)
    load.ingest().raise_for_failures()
    change_source(load, 2.0)
    with other_session(load) as other:
        other.execute("SELECT * FROM ledger FOR UPDATE")
        error = load.failure()
    assert isinstance(error, StorageUnavailable)
    assert "MariaDB error 1205" in str(error)
    load.ingest().raise_for_failures()
    assert load.contents() == undisturbed(mariadb, load)


# What the server forbids.


def test_read_only_server(load, mariadb, options):
    options("read_only", 1)
    error = load.failure()
    assert isinstance(error, StorageError)
    assert "read-only" in str(error)
    assert "connect to the primary" in str(error)
    mariadb.execute("SET GLOBAL read_only = 0")
    load.ingest().raise_for_failures()


def test_server_that_forbids_local_files_gets_the_same_rows(load, mariadb, options, caplog):
    with_local = undisturbed(mariadb, load)
    options("local_infile", 0)
    load.ingest().raise_for_failures()
    assert load.contents() == with_local
    warnings = [record.getMessage() for record in caplog.records if "LOAD DATA LOCAL" in record.getMessage()]
    assert len(warnings) == 1, "said once, not for every table"
    change_source(load, 3.0)
    load.ingest().raise_for_failures()  # over what is there
    mariadb.execute("SET GLOBAL local_infile = 1")
    assert load.contents() == undisturbed(mariadb, load)


def test_packet_too_large_for_the_server_is_permanent_and_says_so(load, options):
    options("max_allowed_packet", 16 * 1024)
    error = load.failure()
    assert isinstance(error, PermanentError), repr(error)
    assert "raise max_allowed_packet" in str(error)
    options("max_allowed_packet", SMALLEST_MAX_PACKET)
    assert load.query("SELECT state FROM ledger") == []
    load.ingest().raise_for_failures()


@pytest.mark.parametrize("local", [1, 0])
def test_smallest_packet_we_ask_for_is_enough(load, mariadb, options, local):
    options("local_infile", local)
    options("max_allowed_packet", SMALLEST_MAX_PACKET)
    load.ingest().raise_for_failures()
    assert load.contents() == undisturbed(mariadb, load)


@pytest.mark.parametrize("local", [1, 0])
def test_single_value_larger_than_a_packet_ends_the_session_in_order(load, options, local):
    """No telegram is that large; should one be, waiting does not help."""
    options("local_infile", local)
    options("max_allowed_packet", SMALLEST_MAX_PACKET)
    table = pa.table({"a": [1], "text": ["x" * 2 * SMALLEST_MAX_PACKET]})
    with load.warehouse.session() as session:
        if local:  # LOAD DATA cuts it into packets
            session.stage("wide", ("a INT", "text MEDIUMTEXT"), table)
            assert session.query("SELECT LENGTH(text) FROM wide") == [(2 * SMALLEST_MAX_PACKET,)]
        else:
            with pytest.raises((StorageError, ConnectionLost), match=r"raise max_allowed_packet|2006|2013"):
                session.stage("wide", ("a INT", "text MEDIUMTEXT"), table)


def test_wrong_password_is_permanent_and_not_shown(load, caplog):
    caplog.set_level(logging.DEBUG)
    error = load.failure(warehouse=Warehouse(replace(load.database, password="hunter2hunter2")))
    assert isinstance(error, StorageError)
    assert "check login and password" in str(error)
    said = f"{error!r} {error.__cause__!r} {caplog.text}"
    assert "hunter2" not in said
    assert load.database.password not in said


def test_database_that_is_not_there_or_not_ours(load):
    error = load.failure(warehouse=Warehouse(replace(load.database, schema="nowhere")))
    assert isinstance(error, StorageError)
    assert "grant this user access" in str(error)


def test_missing_tables_name_the_remedy(carbosense_db, network):
    error = network.failure(warehouse=Warehouse(carbosense_db))
    assert isinstance(error, StorageError)
    assert "skyledger db upgrade" in str(error)


def test_missing_right_is_named(load, mariadb):
    user = "reader_only"
    reader = mariadb.create_database(load.database.schema, user)
    mariadb.execute(f"REVOKE INSERT ON `{load.database.schema.replace('_', chr(92) + '_')}`.* FROM {user}")
    error = load.failure(warehouse=Warehouse(reader))
    mariadb.execute(f"DROP USER {user}")
    assert isinstance(error, StorageError)
    assert "INSERT command denied" in str(error)
    assert "grant this user the missing right" in str(error)


# Space.


def test_load_writes_no_file_at_all(load, whole, mariadb):
    """Rows go to the server from memory: a full or unwritable temporary folder cannot stop a load."""
    child = Run(load.database, load.influx, load.days, no_files=True)
    child.begin()
    assert isinstance(child.result(), dict)
    assert load.contents() == undisturbed(mariadb, load)


class SmallMariaDB(MariaDB):
    """A server whose only tablespace cannot grow."""

    def _write_options(self) -> None:
        super()._write_options()
        with (self.directory / "my.cnf").open("a") as options:
            options.write("innodb_file_per_table = 0\ninnodb_data_file_path = ibdata1:24M\n")


def test_full_server_is_permanent_and_names_the_space(tmp_path: Path, network):
    with SmallMariaDB(tmp_path) as server:
        database = server.create_database("small", "small", conn_id="carbosense_db")
        small = Load(database, network.influx, UNITS, len(network.days))
        server.execute("CREATE DATABASE filler")
        with suppress(pymysql.err.Error):  # whole extents first, then the single pages that are left
            server.execute("CREATE TABLE filler.rest (b VARCHAR(4000)) ENGINE = InnoDB")
            while True:
                server.execute("INSERT INTO filler.rest SELECT REPEAT('x', 4000) FROM seq_1_to_50")
        with suppress(pymysql.err.Error):
            for n in range(1000):
                server.execute(f"CREATE TABLE filler.t{n} (b INT) ENGINE = InnoDB")
        error = small.failure()
        assert isinstance(error, PermanentError), repr(error)
        assert "is full (free disk space on the database server)" in str(error)
        assert small.stored_partitions() == {}
        server.execute("DROP DATABASE filler")
        deadline = time.monotonic() + 30
        while (summary := small.ingest()).failures and time.monotonic() < deadline:
            time.sleep(0.5)  # the server frees the dropped pages in the background
        summary.raise_for_failures()
        assert len(small.stored_partitions()) == len(UNITS) * len(network.days)
