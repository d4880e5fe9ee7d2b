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
import pyarrow.compute as pc
import pymysql
from pymysql.connections import Connection as MySQLConnection
from pymysql.connections import MySQLResult
from sqlalchemy import URL

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SkyledgerError, StorageError, StorageUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_TIMEOUT_S = 15
STATEMENT_TIMEOUT_S = 600  # longer than the slowest sane statement: a dead server is noticed in the end
LOCK_WAIT_S = 30  # how long a row or table lock is waited for
CONTENTION_TRIES = 5
EXECUTEMANY_ROWS = 1_000
SMALLEST_MAX_PACKET = 64 * 1024  # what the server must allow: below it, it hangs up instead of saying why
PACKET_BYTES = SMALLEST_MAX_PACKET // 2

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# Server errors that waiting may heal: https://mariadb.com/kb/en/mariadb-error-codes/
TRANSIENT_CODES = {
    1040,  # too many connections
    1053,  # server shutdown in progress
    1158, 1159, 1160, 1161,  # network error while reading or writing
    1205,  # lock wait timeout
    1213,  # deadlock
    1317,  # statement interrupted
    1927, 4031,  # connection was killed, idle too long
    2002, 2003, 2006, 2013, 2055,  # cannot connect, gone away, lost connection
    3024, 1969,  # statement took too long
}  # fmt: skip
LOST_CODES = {0, 1053, 1158, 1159, 1160, 1161, 1927, 4031, 2002, 2003, 2006, 2013, 2055}
CONTENTION_CODES = {1205, 1213}
LOCAL_FORBIDDEN_CODES = {1148, 3948, 4166}
_FULL = "free disk space on the database server"
ADVICE = {
    1044: "grant this user access to the database",
    1045: "check login and password of the connection",
    1142: "grant this user the missing right",
    1049: "create the database, then run `skyledger db upgrade`",
    1146: "the tables are missing: run `skyledger db upgrade`",
    # a full disk shows as any of these, depending on which file was to grow
    3: _FULL, 14: _FULL, 20: _FULL, 1021: _FULL, 1026: _FULL, 1114: _FULL,
    1153: "raise max_allowed_packet on the database server",
    1290: "the server is read-only: connect to the primary, or end its maintenance",
    1792: "the transaction is read-only: connect to the primary",
    1836: "the server is read-only: connect to the primary, or end its maintenance",
}  # fmt: skip


# All databases of a server share its named locks, and a name has 64 characters at most
_LOCK_NAME = "SHA1(CONCAT(DATABASE(), '/', %s))"


class ContentionError(StorageUnavailable):
    """A deadlock or lock timeout: the transaction was rolled back and can be tried again at once."""


class ConnectionLost(StorageUnavailable):
    """The session is gone: nothing more can be done with it."""


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


class _LocalResult(MySQLResult):  # type: ignore[misc]
    """Answers LOAD DATA LOCAL with bytes we hold in memory.

    PyMySQL's own answer opens whatever file the *server* names, so a rogue server could read our
    disk; this one never opens a file.
    """

    def _read_load_local_packet(self, first_packet: Any) -> None:
        connection = self.connection
        data, connection.local_data = memoryview(connection.local_data), b""
        for start in range(0, len(data), PACKET_BYTES):
            connection.write_packet(bytes(data[start : start + PACKET_BYTES]))
        connection.write_packet(b"")  # an empty packet ends the file
        self._read_ok_packet(connection._read_packet())


class _WireConnection(MySQLConnection):  # type: ignore[misc]
    local_data: bytes = b""

    def _read_query_result(self, unbuffered: bool = False) -> int:
        self._result = None
        result = _LocalResult(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows)


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
        with _translated(f"connecting to {c.conn_id}"):
            wire = _WireConnection(
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

    def __init__(self, wire: _WireConnection, conn_id: str) -> None:
        self._wire = wire
        self._conn_id = conn_id
        self._local_allowed = True

    @property
    def wire(self) -> _WireConnection:
        """The driver's DB-API connection, for code that brings its own statements."""
        return self._wire

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> int:
        """Run one statement with bound values; return the affected rows."""
        with _translated(self._conn_id), self._wire.cursor() as cursor:
            return int(cursor.execute(sql, parameters))

    def query(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one SELECT with bound values; return all rows."""
        with _translated(self._conn_id), self._wire.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back on any error."""
        with _translated(self._conn_id):
            self._wire.begin()
        try:
            yield
            with _translated(self._conn_id):
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
            except _LocalForbiddenError:
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
        with _translated(self._conn_id), self._wire.cursor() as cursor:
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
        with _translated(self._conn_id), self._wire.cursor() as cursor:
            cursor.max_stmt_length = PACKET_BYTES
            for batch in _null_for_nan(rows).to_batches(max_chunksize=EXECUTEMANY_ROWS):
                cursor.executemany(sql, list(zip(*(c.to_pylist() for c in batch.columns), strict=True)))


class _LocalForbiddenError(Exception):
    pass


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn a driver error into one of ours; its text never holds the password."""
    try:
        yield
    except pymysql.Error as error:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        text = str(error.args[1]) if len(error.args) > 1 else str(error)
        if code in LOCAL_FORBIDDEN_CODES:
            raise _LocalForbiddenError from error
        advice = f" ({ADVICE[code]})" if code in ADVICE else ""
        message = f"{what}: MariaDB error {code}: {text or 'the connection is closed'}{advice}"
        if code in CONTENTION_CODES:
            raise ContentionError(message) from error
        if code in LOST_CODES or isinstance(error, pymysql.InterfaceError):
            raise ConnectionLost(message) from error
        if code in TRANSIENT_CODES:
            raise StorageUnavailable(message) from error
        raise StorageError(message) from error
    except OSError as error:  # a socket that died between two packets
        raise ConnectionLost(f"{what}: the connection broke off ({error})") from error


def _null_for_nan(rows: pa.Table) -> pa.Table:
    for index, column in enumerate(rows.columns):
        if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
            cleaned = pc.if_else(pc.is_nan(column), None, column)
            rows = rows.set_column(index, rows.column_names[index], cleaned)
    return rows


def encode_tsv(rows: pa.Table) -> bytes:
    r"""Encode a table for LOAD DATA: tabs, newlines, \N for null or NaN, backslash escapes in text."""
    fields = []
    for column in _null_for_nan(rows).columns:
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.uint8())
        text = pc.cast(column, pa.large_string())
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            for plain, escaped in (
                ("\\", "\\\\"),
                ("\t", "\\t"),
                ("\n", "\\n"),
                ("\r", "\\r"),
                ("\0", "\\0"),
            ):
                text = pc.replace_substring(text, plain, escaped)
        fields.append(pc.fill_null(text, "\\N"))
    fields[-1] = pc.binary_join_element_wise(
        fields[-1], pa.scalar("\n", pa.large_string()), pa.scalar("", pa.large_string())
    )
    lines = pc.binary_join_element_wise(*fields, pa.scalar("\t", pa.large_string())).combine_chunks()
    chunks = lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]
    return b"".join(_string_bytes(chunk) for chunk in chunks)


def _string_bytes(lines: pa.LargeStringArray) -> bytes:
    """The characters of all strings, one after the other: exactly what the array's buffer holds."""
    offsets = memoryview(lines.buffers()[1]).cast("q")
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return bytes(memoryview(lines.buffers()[2])[first:last])
