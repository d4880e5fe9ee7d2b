"""Reader of Campbell Scientific TOA5 files (`.dat`): comma-separated text below four header lines.

    file      = 1*( line1 line2 line3 line4 *row )             a header may come again anywhere in the file
    line1     = "TOA5",station,model,serial,os,program,signature,table
    line2     = field names                                    TIMESTAMP and RECORD are usual, and optional
    line3     = units                                          TS for TIMESTAMP, RN for RECORD, may be empty
    line4     = processing codes                               Smp, Avg, Max, Min, Tot, Std, TMx, ... or empty
    row       = [timestamp,] [record,] value *(,value)         one line each, CRLF or LF
    timestamp = "YYYY-MM-DD hh:mm:ss[.1-9 digits]"             the logger's clock, without zone; quotes optional
    value     = number | NAN | INF | TRUE | FALSE | text       quoted or bare, in any case; empty is missing

A row is a bad line, rejected as a whole with the reason, when it has another number of fields than line 2, when its
TIMESTAMP or RECORD is missing or malformed, or when a numeric column holds something else: a line with one broken
value was damaged, and its other values cannot be trusted. A column is text when most of its values in a block are no
numbers and its processing code allows it. An unterminated last line that is bad, or ends in a comma, was cut while it
was written: it is dropped, and the file is still growing. Empty lines are skipped.

Good lines go through pyarrow in one call per block. Only a block that pyarrow refuses is looked at column by column,
and only lines with unusual quotes one by one.
"""

import csv
import hashlib
import re
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.weather.toa5_rows import (
    EPOCH,
    NO_RECORD,
    NO_TIME,
    RECORD,
    RECORD_MODULUS,
    STATION_LINE_FIELDS,
    TIME_PATTERN,
    TIMESTAMP,
    Lines,
    RejectedLine,
    read_rows,
)

__all__ = [
    "DAY_US",
    "EPOCH",
    "MAX_BAD_SHARE",
    "MISSING_CODES",
    "NO_RECORD",
    "NO_TIME",
    "RECORD",
    "RECORD_MODULUS",
    "TIMESTAMP",
    "Block",
    "DayPart",
    "Header",
    "LoggerFile",
    "RejectedLine",
    "day_parts",
    "logger_file",
    "read",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MISSING_CODES = (7999.0, -7999.0, -6999.0)  # overflow and no value, in tables of low resolution
MAX_BAD_SHARE = 0.01  # of a file's lines; above, the file is not to be trusted
DAY_US = 86_400_000_000

_HEADER_LINES = 4
_CUT = "the last line was cut while it was written: it is dropped, the file is still growing"


@dataclass(frozen=True, slots=True)
class Header:
    """The four header lines."""

    station: str
    model: str
    serial: str
    os_version: str
    program: str
    signature: str
    table: str
    names: tuple[str, ...]  # all fields, TIMESTAMP and RECORD included
    units: tuple[str, ...]
    processing: tuple[str, ...]

    def unit(self, name: str) -> str:
        """Unit text of a column."""
        return self.units[self.names.index(name)]

    def processing_of(self, name: str) -> str:
        """Processing code of a column."""
        return self.processing[self.names.index(name)]


@dataclass(frozen=True, slots=True)
class Block:
    """The rows below one header. All arrays have shape (n,) and may be read-only."""

    header: Header
    time_us: IntArray  # microseconds since 1970 on the logger's own clock; NO_TIME without TIMESTAMP
    record: IntArray  # NO_RECORD without RECORD
    line: IntArray  # 1-based line in the file
    values: dict[str, FloatArray]  # numeric columns by name; NaN is missing, TRUE 1, FALSE 0
    texts: dict[str, list[str | None]]  # columns of text and of second timestamps
    header_lines: range = range(0)  # 1-based lines of the header


@dataclass(frozen=True, slots=True)
class LoggerFile:
    """What a file says."""

    name: str  # without folder
    blocks: tuple[Block, ...]
    rejected: tuple[RejectedLine, ...]
    truncated: bool  # the last line was cut: dropped, the file is still growing
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Good rows."""
        return sum(len(block.line) for block in self.blocks)

    @property
    def has_too_many_bad_lines(self) -> bool:
        """Whether more lines are bad than a file that can be trusted has."""
        return len(self.rejected) > MAX_BAD_SHARE * (self.rows + len(self.rejected))


@dataclass(frozen=True, slots=True)
class DayPart:
    """What a file holds of one calendar day of the logger's clock."""

    day: date
    rows: int
    first_us: int
    last_us: int
    rejected: int
    sha256: str


def read(data: bytes, name: str, *, missing_codes: tuple[float, ...] = MISSING_CODES) -> LoggerFile:
    """Read a TOA5 file. An empty file has no blocks, one without rows a block of no rows.

    Raises FormatError when the file is of another type, or its first header is broken.
    """
    lines = Lines(data)
    filled = np.flatnonzero(~lines.blank)
    if not len(filled):
        return LoggerFile(name, (), (), truncated=False, notes=())
    first = int(filled[0])
    if (
        not lines.headers
        and not lines.is_terminated
        and b'"TOA5",'.startswith(lines.data[lines.starts[first] :])
    ):
        return LoggerFile(name, (), (), truncated=True, notes=(_CUT,))
    if not lines.headers or lines.headers[0] != first:
        raise FormatError(f"{name}: line {first + 1}: {_wrong_type(lines.text(first))}")
    blocks: list[Block] = []
    rejected: list[RejectedLine] = []
    truncated = False
    for start, end in zip(lines.headers, [*lines.headers[1:], len(lines)], strict=True):
        is_last = end == len(lines)
        if is_last and data.endswith(b","):  # an empty last value is possible, a cut is likelier
            truncated, end = True, end - 1
        body = min(start + _HEADER_LINES, end)
        try:
            header = _header(lines, start, body)
        except FormatError as error:
            is_unfinished = body - start < _HEADER_LINES or (body == len(lines) and not lines.is_terminated)
            if is_last and is_unfinished and "TOA5" in lines.text(start)[:5]:
                truncated = True  # the header is still being written
            elif start == first:
                raise FormatError(f"{name}: {error}") from error
            else:
                reason = f"below a broken header: {error}"
                rejected += [lines.reject(i, reason) for i in range(start, end) if not lines.blank[i]]
            continue
        columns, bad = read_rows(lines, body, end, header.names, header.processing)
        number = int(lines.number[start])
        blocks.append(
            Block(
                header=header,
                time_us=columns.time_us,
                record=columns.record,
                line=columns.line,
                values={name: _without_codes(v, missing_codes) for name, v in columns.values.items()},
                texts=columns.texts,
                header_lines=range(number, number + _HEADER_LINES),
            )
        )
        rejected += bad
    return logger_file(name, lines, blocks, rejected, truncated=truncated)


def logger_file(
    name: str, lines: Lines, blocks: list[Block], rejected: list[RejectedLine], *, truncated: bool = False
) -> LoggerFile:
    """What was read. A bad last line without line end is no bad line, but one that is still being written."""
    notes = []
    if not lines.is_terminated and not truncated:
        truncated = bool(rejected) and rejected[-1].line == int(lines.number[-1])
        if truncated:
            rejected = rejected[:-1]
        else:
            notes.append("the last line has no line end; it was taken as it is")
    if truncated:
        notes.append(_CUT)
    return LoggerFile(name, tuple(blocks), tuple(rejected), truncated, tuple(notes))


def day_parts(data: bytes, file: LoggerFile) -> list[DayPart]:
    """What the file holds of each calendar day of the logger's clock, ascending.

    Rows of day D are those with D 00:00 <= time <= D+1 00:00. Both midnights are included, because a total stamped
    midnight belongs to the day before: the row of midnight is in both parts. The digest is that of the bytes of the
    rows' lines and of the headers above them. A rejected line counts to the day of the row before it.
    """
    blocks = [block for block in file.blocks if len(block.line) and block.time_us[0] != NO_TIME]
    if not blocks:
        return []
    lines = np.concatenate([block.line for block in blocks])
    times = np.concatenate([block.time_us for block in blocks])
    edges = np.concatenate(([0], np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1, [len(data)]))
    order = np.argsort(times, kind="stable")
    ascending = times[order]
    days = ascending // DAY_US
    days = np.union1d(days, days[ascending % DAY_US == 0] - 1)
    first = np.searchsorted(ascending, days * DAY_US, "left")
    last = np.searchsorted(ascending, (days + 1) * DAY_US, "right")
    before = np.searchsorted(lines, [bad.line for bad in file.rejected]) - 1
    rejected_days = times[np.maximum(before, 0)] // DAY_US
    parts = []
    for day, lo, hi in zip(days.tolist(), first.tolist(), last.tolist(), strict=True):
        of_day = np.sort(lines[order[lo:hi]])
        digest = hashlib.sha256()
        for block in blocks:
            rows = of_day[
                np.searchsorted(of_day, block.line[0]) : np.searchsorted(of_day, block.line[-1], "right")
            ]
            if len(rows):
                for run in _runs(np.concatenate((np.asarray(block.header_lines, np.int64), rows))):
                    digest.update(memoryview(data)[edges[run[0] - 1] : edges[run[-1]]])
        parts.append(
            DayPart(
                day=(EPOCH + timedelta(days=day)).date(),
                rows=hi - lo,
                first_us=int(ascending[lo]),
                last_us=int(ascending[hi - 1]),
                rejected=int(np.count_nonzero(rejected_days == day)),
                sha256=digest.hexdigest(),
            )
        )
    return parts


def _runs(lines: IntArray) -> list[IntArray]:
    return np.split(lines, np.flatnonzero(np.diff(lines) != 1) + 1)


def _wrong_type(line: str) -> str:
    if match := re.match(r'"?(TO\w{2,4})"?,', line):
        return f"file type {match[1]} is not read; expected TOA5 (LoggerNet's CardConvert makes it)"
    if "<?xml" in line:
        return "file type CSIXML is not read; expected TOA5"
    return f'not a TOA5 file: begins with {line[:60]!r}; expected "TOA5" and the station'


def _header(lines: Lines, start: int, end: int) -> Header:
    """The header in lines `start` to `end`. Raises FormatError naming line and values."""
    rows: list[tuple[str, ...]] = []
    first = int(lines.number[start])
    for index in range(start, end):
        try:
            rows.append(tuple(next(csv.reader([lines.text(index)], strict=True), ())))
        except csv.Error as error:
            raise FormatError(f"line {first + len(rows)}: {error}: {lines.text(index)[:200]!r}") from error
    if rows and rows[0][0] != "TOA5":
        raise FormatError(f"line {first}: {_wrong_type(lines.text(start))}")
    if len(rows) < _HEADER_LINES:
        raise FormatError(f"line {first}: header of {len(rows)} lines; expected {_HEADER_LINES}")
    if len(rows[0]) != STATION_LINE_FIELDS:
        raise FormatError(
            f"line {first}: {len(rows[0])} fields, expected 8 (TOA5, station, model, serial, OS, program, "
            f"signature, table): {', '.join(rows[0])!r}"
        )
    names, units, processing = rows[1:]
    for number, row in enumerate(rows[1:], first + 1):
        if row and re.match(TIME_PATTERN, row[0]):
            raise FormatError(f"line {number}: a row in place of a header line: {', '.join(row)[:200]!r}")
    if not names or len({len(names), len(units), len(processing)}) > 1:
        raise FormatError(
            f"lines {first + 1} to {first + 3}: {len(names)} names, {len(units)} units and {len(processing)} "
            f"processing codes; expected equally many: {names} {units} {processing}"
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise FormatError(f"line {first + 1}: names stated twice: {', '.join(map(repr, doubled))}")
    _, station, model, serial, os_version, program, signature, table = rows[0]
    return Header(station, model, serial, os_version, program, signature, table, names, units, processing)


def _without_codes(values: FloatArray, missing_codes: tuple[float, ...]) -> FloatArray:
    """NaN in place of infinity and of codes. Without a copy where there are none."""
    smallest = min((abs(code) for code in missing_codes), default=np.inf)
    if not np.any(np.abs(values) >= smallest):
        return values
    return np.where(np.isinf(values) | np.isin(values, missing_codes), np.nan, values)
