"""The network databases: connections, transactions, bulk upserts.

Rows travel as pyarrow tables. `Session.stage` streams one into a temporary table with LOAD DATA
LOCAL, straight from memory (no temporary file to fill a disk or to outlive a crash); `Session.upsert`
does the same and moves it to its final table with one statement. Where the server forbids LOCAL,
`executemany` takes its place. Every session runs in UTC and in strict mode.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pymysql
from sqlalchemy import URL

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SkyledgerError, StorageError, StorageUnavailable
from skyledger.wire import (
    PACKET_BYTES,
    SMALLEST_MAX_PACKET,
    ContentionError,
    LocalForbiddenError,
    WireConnection,
    encode_tsv,
    null_for_nan,
    translated,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_TIMEOUT_S = 15
STATEMENT_TIMEOUT_S = 600  # longer than the slowest sane statement: a dead server is noticed in the end
LOCK_WAIT_S = 30  # how long a row or table lock is waited for
CONTENTION_TRIES = 5
EXECUTEMANY_ROWS = 1_000

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


# All databases of a server share its named locks, and a name has 64 characters at most
_LOCK_NAME = "SHA1(CONCAT(DATABASE(), '/', %s))"


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """What an upsert did to the destination, in rows."""

    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0

    def __add__(self, other: "UpsertCounts") -> "UpsertCounts":
        return UpsertCounts(
            self.inserted + other.inserted,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
        )


def quote(identifier: str) -> str:
    """Return a validated identifier in backticks. Raises ConfigError for anything but a plain name."""
    if not IDENTIFIER.fullmatch(identifier):
        raise ConfigError(
            f"{identifier!r} is not a table or column name: expected letters, digits, underscores"
        )
    return f"`{identifier}`"


def _quote_all(identifiers: Sequence[str]) -> str:
    return ", ".join(map(quote, identifiers))


class Warehouse:
    """One network's database.

    Holds no open connection; `session()` opens one and closes it.
    """

    def __init__(self, connection: Connection) -> None:
        if not connection.schema:
            raise ConfigError(f"connection {connection.conn_id!r} names no database: fill in its schema")
        self.connection = connection

    @property
    def url(self) -> URL:
        """SQLAlchemy URL, for alembic."""
        c = self.connection
        query = {k: str(c.extra[k]) for k in ("unix_socket", "ssl_ca") if c.extra.get(k)}
        return URL.create(
            "mysql+pymysql", c.login, c.password, c.host, c.port, c.schema, {**query, "charset": "utf8mb4"}
        )

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """Open a session (UTC, strict mode, autocommit off); it is closed at the end, uncommitted work lost."""
        c = self.connection
        with translated(f"connecting to {c.conn_id}"):
            wire = WireConnection(
                host=c.host,
                port=c.port or 3306,
                user=c.login,
                password=c.password or "",
                database=c.schema,
                unix_socket=c.extra.get("unix_socket"),
                ssl={"ca": c.extra["ssl_ca"]} if c.extra.get("ssl_ca") else None,
                charset="utf8mb4",
                local_infile=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=STATEMENT_TIMEOUT_S,
                write_timeout=STATEMENT_TIMEOUT_S,
                init_command=(
                    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,"
                    "ERROR_FOR_DIVISION_BY_ZERO', innodb_lock_wait_timeout = "
                    f"{LOCK_WAIT_S}, lock_wait_timeout = {LOCK_WAIT_S}, "
                    # no gap locks: tasks that write neighbouring members must not lock each other out
                    "tx_isolation = 'READ-COMMITTED'"
                ),
                autocommit=False,
            )
        try:
            session = Session(wire, c.conn_id)
            ((max_packet,),) = session.query("SELECT @@max_allowed_packet")
            if max_packet < SMALLEST_MAX_PACKET:
                raise StorageError(
                    f"{c.conn_id}: the server takes packets of {max_packet} bytes only: "
                    f"raise max_allowed_packet on the database server to {SMALLEST_MAX_PACKET} at least"
                )
            yield session
        finally:
            wire.close() if wire.open else None


class Session:
    """One open connection. Not for use by two threads at once."""

    def __init__(self, wire: WireConnection, conn_id: str) -> None:
        self._wire = wire
        self._conn_id = conn_id
        self._local_allowed = True

    @property
    def wire(self) -> WireConnection:
        """The driver's DB-API connection, for code that brings its own statements."""
        return self._wire

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> int:
        """Run one statement with bound values; return the affected rows."""
        with translated(self._conn_id), self._wire.cursor() as cursor:
            return int(cursor.execute(sql, parameters))

    def query(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one SELECT with bound values; return all rows."""
        with translated(self._conn_id), self._wire.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back on any error."""
        with translated(self._conn_id):
            self._wire.begin()
        try:
            yield
            with translated(self._conn_id):
                self._wire.commit()
        except BaseException:
            self.rollback()
            raise

    def commit(self, work: Callable[[], T]) -> T:
        """Run `work` in a transaction; a deadlock or lock timeout rolls it back and tries it again."""
        for attempt in range(1, CONTENTION_TRIES + 1):
            try:
                with self.transaction():
                    return work()
            except ContentionError as error:
                if attempt == CONTENTION_TRIES:
                    raise
                log.warning("%s; trying again (%d of %d)", error, attempt + 1, CONTENTION_TRIES)
                time.sleep(random.uniform(0.1, 0.2) * 2**attempt)  # noqa: S311 - apart from the other side
        raise AssertionError

    def rollback(self) -> None:
        """Undo what is not committed. A lost connection has already undone it."""
        if self._wire.open:
            try:
                self._wire.rollback()
            except (pymysql.Error, OSError):
                self._wire.close()

    @contextmanager
    def lock(self, names: Sequence[str], wait_s: int | None = None) -> Iterator[None]:
        """Hold named locks that end with the session at the latest, whatever kills it.

        Raises StorageUnavailable when another session keeps one of them for longer than `wait_s`
        (default LOCK_WAIT_S).
        """
        wait_s = LOCK_WAIT_S if wait_s is None else wait_s
        taken: list[str] = []
        try:
            for name in sorted(set(names)):  # everybody takes them in one order: no deadlock
                if self.query(f"SELECT GET_LOCK({_LOCK_NAME}, %s)", (name, wait_s)) != [(1,)]:
                    raise StorageUnavailable(
                        f"another run holds {name!r} for more than {wait_s} s: wait for it to end, then rerun"
                    )
                taken.append(name)
            yield
        finally:
            if taken and self._wire.open:
                try:
                    self.execute("DO " + ", ".join([f"RELEASE_LOCK({_LOCK_NAME})"] * len(taken)), taken)
                except SkyledgerError:
                    self._wire.close()  # closing releases them as well

    def stage(self, name: str, columns: Sequence[str], rows: pa.Table) -> None:
        """Make temporary table `name` from SQL column definitions and fill it with `rows`.

        `rows` is an (n,) table whose columns are among those defined; NaN and null become NULL.
        """
        self._make_temporary(name, f"({', '.join(columns)}) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin")
        self._write(name, rows)

    def _make_temporary(self, name: str, shape: str) -> None:
        self.execute(f"DROP TEMPORARY TABLE IF EXISTS {quote(name)}")
        self.execute(f"CREATE TEMPORARY TABLE {quote(name)} {shape}")

    def upsert(
        self,
        table: str,
        rows: pa.Table,
        keys: Sequence[str],
        where: str,
        parameters: Sequence[Any],
        *,
        whole: tuple[str, Sequence[Any]] | None = None,
    ) -> UpsertCounts:
        """Upsert `rows` into `table`, inside the caller's transaction.

        Parameters
        ----------
        rows: (n,) table in the table's column names; columns it does not name keep their value
        keys: the table's primary key; no two rows share it
        where: condition with `parameters` that holds for every row that could be met. If the table has
            no such row, `rows` go straight in, at half the cost of an upsert
        whole: further condition with its values: of the rows that meet it too, `rows` has all there are,
            and the table's others are removed
        """
        if rows.num_rows == 0 and not whole:
            return UpsertCounts()
        exists = f"SELECT 1 FROM {quote(table)} WHERE {where} LIMIT 1"  # noqa: S608 - `where` is ours
        if not self.query(exists, parameters):
            self._write(table, rows)
            return UpsertCounts(inserted=rows.num_rows)
        self._make_temporary("upserted", f"LIKE {quote(table)}")
        self._write("upserted", rows)
        counts = self._merge("upserted", table, rows.column_names, keys)
        if not whole:
            return counts
        return counts + UpsertCounts(removed=self._remove_others(table, keys, where, parameters, whole))

    def _remove_others(
        self,
        table: str,
        keys: Sequence[str],
        where: str,
        parameters: Sequence[Any],
        whole: tuple[str, Sequence[Any]],
    ) -> int:
        same = " AND ".join(f"s.{quote(k)} = {quote(table)}.{quote(k)}" for k in keys)
        self.execute("DROP TEMPORARY TABLE IF EXISTS gone")
        gone = self.execute(  # found without locks: a DELETE by range would wait for the neighbour's rows
            f"CREATE TEMPORARY TABLE gone AS SELECT {_quote_all(keys)} FROM {quote(table)} "  # noqa: S608 - ours
            f"WHERE {where} AND {whole[0]} AND NOT EXISTS (SELECT 1 FROM upserted AS s WHERE {same})",
            (*parameters, *whole[1]),
        )
        if not gone:
            return 0
        same = " AND ".join(f"gone.{quote(k)} = t.{quote(k)}" for k in keys)
        return self.execute(f"DELETE t FROM gone STRAIGHT_JOIN {quote(table)} AS t ON {same}")

    def _merge(self, staged: str, table: str, columns: Sequence[str], keys: Sequence[str]) -> UpsertCounts:
        join = " AND ".join(f"s.{quote(k)} = t.{quote(k)}" for k in keys)
        staged_rows, existing = self.query(
            f"SELECT COUNT(*), COUNT(t.{quote(keys[0])}) FROM {quote(staged)} AS s "  # noqa: S608 - validated
            f"LEFT JOIN {quote(table)} AS t ON {join}"
        )[0]
        values = [c for c in columns if c not in keys]
        updates = ", ".join(f"{quote(c)} = VALUES({quote(c)})" for c in values or keys[:1])
        affected = self.execute(
            f"INSERT INTO {quote(table)} ({_quote_all(columns)}) "  # noqa: S608 - validated
            f"SELECT {_quote_all(columns)} FROM {quote(staged)} ON DUPLICATE KEY UPDATE {updates}"
        )
        inserted = staged_rows - existing  # MariaDB counts an insert once and a changed row twice
        changed = (affected - inserted) // 2
        return UpsertCounts(inserted, changed, existing - changed)

    def _write(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            return
        if self._local_allowed:
            try:
                self._load_local(table, rows)
                return
            except LocalForbiddenError:
                self._local_allowed = False
                log.warning("%s forbids LOAD DATA LOCAL: falling back to executemany (slower)", self._conn_id)
        self._insert_many(table, rows)

    def _load_local(self, table: str, rows: pa.Table) -> None:
        self._wire.local_data = encode_tsv(rows)
        sql = (
            f"LOAD DATA LOCAL INFILE 'memory' INTO TABLE {quote(table)} CHARACTER SET utf8mb4 "
            f"FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' "
            f"({_quote_all(rows.column_names)})"
        )
        with translated(self._conn_id), self._wire.cursor() as cursor:
            loaded = cursor.execute(sql)
            # LOCAL turns bad values, double keys and missing parents into warnings: for us they are errors
            if cursor.warning_count or loaded != rows.num_rows:
                cursor.execute("SHOW WARNINGS LIMIT 3")
                raise StorageError(
                    f"{self._conn_id}: {table} took {loaded} of {rows.num_rows} rows: "
                    f"{'; '.join(str(w[2]) for w in cursor.fetchall()) or 'no reason given'}"
                )

    def _insert_many(self, table: str, rows: pa.Table) -> None:
        sql = (
            f"INSERT INTO {quote(table)} ({_quote_all(rows.column_names)}) "  # noqa: S608 - validated
            f"VALUES ({', '.join(['%s'] * rows.num_columns)})"
        )
        with translated(self._conn_id), self._wire.cursor() as cursor:
            cursor.max_stmt_length = PACKET_BYTES
            for batch in null_for_nan(rows).to_batches(max_chunksize=EXECUTEMANY_ROWS):
                cursor.executemany(sql, list(zip(*(c.to_pylist() for c in batch.columns), strict=True)))
