"""The wire to MariaDB: PyMySQL with LOAD DATA LOCAL from memory, rows as its text, errors of the right kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.connections import Connection as MySQLConnection
from pymysql.connections import MySQLResult

from skyledger.errors import StorageError, StorageUnavailable

SMALLEST_MAX_PACKET = 64 * 1024  # what the server must allow: below it, it hangs up instead of saying why
PACKET_BYTES = SMALLEST_MAX_PACKET // 2

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


class ContentionError(StorageUnavailable):
    """A deadlock or lock timeout: the transaction was rolled back and can be tried again at once."""


class ConnectionLost(StorageUnavailable):
    """The session is gone: nothing more can be done with it."""


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


class WireConnection(MySQLConnection):  # type: ignore[misc]
    """Connection whose LOAD DATA LOCAL reads `local_data`, whatever file the statement names."""

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


class LocalForbiddenError(Exception):
    """The server does not take LOAD DATA LOCAL."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn a driver error into one of ours; its text never holds the password."""
    try:
        yield
    except pymysql.Error as error:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        text = str(error.args[1]) if len(error.args) > 1 else str(error)
        if code in LOCAL_FORBIDDEN_CODES:
            raise LocalForbiddenError from error
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


def null_for_nan(rows: pa.Table) -> pa.Table:
    """Replace NaN by null: a missing value has one form in the database."""
    for index, column in enumerate(rows.columns):
        if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
            cleaned = pc.if_else(pc.is_nan(column), None, column)
            rows = rows.set_column(index, rows.column_names[index], cleaned)
    return rows


def encode_tsv(rows: pa.Table) -> bytes:
    r"""Encode a table for LOAD DATA: tabs, newlines, \N for null or NaN, backslash escapes in text."""
    fields = []
    for column in null_for_nan(rows).columns:
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
