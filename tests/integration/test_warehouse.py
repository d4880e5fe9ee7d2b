"""Bulk upserts on a real MariaDB: counts, missing values, constraints, locks."""

import threading

import numpy as np
import pyarrow as pa
import pytest

from skyledger.connections import Connection
from skyledger.errors import StorageError, StorageUnavailable
from skyledger.warehouse import Session, UpsertCounts, Warehouse

pytestmark = pytest.mark.integration


@pytest.fixture
def session(carbosense_db: Connection):
    with Warehouse(carbosense_db).session() as session:
        session.execute("CREATE TABLE parent (unit INT PRIMARY KEY) ENGINE = InnoDB")
        session.execute(
            "CREATE TABLE child (unit INT, time INT, value DOUBLE NULL, note VARCHAR(20) NULL, "
            "updated_at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), "
            "PRIMARY KEY (unit, time), FOREIGN KEY (unit) REFERENCES parent (unit)) ENGINE = InnoDB"
        )
        with session.transaction():
            session.execute("INSERT INTO parent VALUES (1), (2)")
        yield session


def upsert(session: Session, rows: pa.Table) -> UpsertCounts:
    with session.transaction():
        return session.upsert("child", rows, ("unit", "time"), "unit IN %s", ([1, 2],))


def rows(times: range, value: float = 1.0, unit: int = 1) -> pa.Table:
    n = len(times)
    return pa.table({"unit": [unit] * n, "time": list(times), "value": [value] * n})


def test_upsert_counts_what_it_inserts_changes_and_leaves(session):
    assert upsert(session, rows(range(10))) == UpsertCounts(10, 0, 0)
    assert upsert(session, rows(range(10))) == UpsertCounts(0, 0, 10)
    changed = pa.concat_tables([rows(range(5, 10), 2.0), rows(range(10, 12))])
    assert upsert(session, changed) == UpsertCounts(2, 5, 0)
    assert session.query("SELECT COUNT(*), SUM(value) FROM child") == [(12, 17.0)]


@pytest.mark.parametrize("server_allows_local", [True, False])
def test_missing_values_are_null_on_both_ways_in(session, server_allows_local):
    session._local_allowed = server_allows_local
    table = pa.table(
        {"unit": [1, 1, 1], "time": [1, 2, 3], "value": [np.nan, 0.0, None], "note": ["a\tb\\", None, "\\N"]}
    )
    for _ in range(2):  # straight in, then through the temporary table
        upsert(session, table)
        assert session.query("SELECT value, note FROM child ORDER BY time") == [
            (None, "a\tb\\"),
            (0.0, None),
            (None, "\\N"),
        ]


def test_executemany_gives_the_same_counts(session):
    session._local_allowed = False
    assert upsert(session, rows(range(2_500))) == UpsertCounts(2_500, 0, 0)
    assert upsert(session, rows(range(2_400, 2_600), 1.0)) == UpsertCounts(100, 0, 100)


def test_columns_that_are_not_named_keep_their_value(session):
    upsert(session, pa.table({"unit": [1], "time": [1], "note": ["kept"]}))
    upsert(session, rows(range(1, 2), 5.0))
    assert session.query("SELECT value, note FROM child") == [(5.0, "kept")]


def test_unchanged_rows_are_not_touched(session):
    upsert(session, rows(range(3)))
    before = session.query("SELECT time, updated_at FROM child ORDER BY time")
    session.rollback()
    upsert(session, pa.concat_tables([rows(range(2)), rows(range(2, 3), 9.0)]))
    after = session.query("SELECT time, updated_at FROM child ORDER BY time")
    assert before[:2] == after[:2]
    assert before[2] != after[2]


@pytest.mark.parametrize("existing", [0, 5])
def test_row_without_parent_is_an_error_and_nothing_is_stored(session, existing):
    upsert(session, rows(range(existing)))
    orphans = pa.concat_tables([rows(range(100, 103)), rows(range(3), unit=99)])
    with pytest.raises(StorageError, match=r"(?i)foreign key"):
        upsert(session, orphans)
    assert session.query("SELECT COUNT(*) FROM child") == [(existing,)]


def test_value_the_column_cannot_hold_is_an_error_and_not_a_clipped_number(session):
    table = pa.table({"unit": [1], "time": [2**40], "value": [1.0]})
    with pytest.raises(StorageError, match="Out of range"):
        upsert(session, table)
    assert session.query("SELECT COUNT(*) FROM child") == [(0,)]


def test_session_is_utc_and_strict(session):
    assert session.query("SELECT @@session.time_zone, NOW() = UTC_TIMESTAMP()") == [("+00:00", 1)]
    with pytest.raises(StorageError, match=r"Data truncated|Incorrect|too long"):
        session.execute("INSERT INTO child (unit, time, note) VALUES (1, 1, REPEAT('x', 30))")


def test_named_lock_is_held_until_the_end_and_refused_meanwhile(carbosense_db):
    warehouse = Warehouse(carbosense_db)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with warehouse.session() as session, session.lock(["b", "a"]):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    with warehouse.session() as session:
        with (
            pytest.raises(StorageUnavailable, match="another run holds 'a'"),
            session.lock(["a"], wait_s=0),
        ):
            pass
        leave.set()
        with session.lock(["a"], wait_s=10):
            pass
    thread.join()


def test_a_server_cannot_ask_for_a_file(session, tmp_path):
    """LOAD DATA LOCAL names a file in the statement, and a rogue server could name any: none is opened."""
    secret = tmp_path / "secret"
    secret.write_text("1\t1\n")
    session._wire.local_data = b"2\t2\n"
    session.execute(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE child (unit, time)")
    assert session.query("SELECT unit, time FROM child") == [(2, 2)]
