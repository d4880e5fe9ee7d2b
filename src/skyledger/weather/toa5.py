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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from skyledger.errors import FormatError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

TIMESTAMP = "TIMESTAMP"
RECORD = "RECORD"
MISSING_CODES = (7999.0, -7999.0, -6999.0)  # overflow and no value, in tables of low resolution
MAX_BAD_SHARE = 0.01  # of a file's lines; above, the file is not to be trusted
NO_TIME = int(np.iinfo(np.int64).min)  # time of a row whose table has no TIMESTAMP
NO_RECORD = -1
RECORD_MODULUS = 2**32
DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND  # Python knows no earlier day
_HEADER_LINES = 4
_STATION_LINE_FIELDS = 8
_TEXT_PROCESSING = {"", "Smp", "TMx", "TMn"}  # what can be text; every other code is arithmetic
_RAW_LENGTH = 1000  # characters of a rejected line that are kept
_HEADER_START = re.compile(rb'TO(?:A5|B1|B2|B3|ACI1)"?,')
_TIME = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?$"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_NO_VALUE = r"(?i)^[+-]?(?:nan(?:\(\w*\))?|inf|infinity)$"
_CUT = "the last line was cut while it was written: it is dropped, the file is still growing"
_LF, _CR, _QUOTE, _COMMA, _DOT = b'\n\r",.'


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
class RejectedLine:
    """A line that is no row, and why."""

    line: int
    reason: str
    raw: str


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
    lines = _Lines(data)
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
        raise FormatError(f"{name}: line {first + 1}: {_wrong_type(data, lines.text(first))}")
    blocks: list[Block] = []
    rejected: list[RejectedLine] = []
    truncated = False
    for start, end in zip(lines.headers, [*lines.headers[1:], len(lines)], strict=True):
        body = min(start + _HEADER_LINES, end)
        try:
            header = _header(lines, start, body)
        except FormatError as error:
            if body == len(lines) and (body - start < _HEADER_LINES or not lines.is_terminated):
                truncated = True  # the header is still being written
            elif start == first:
                raise FormatError(f"{name}: {error}") from error
            else:
                reason = f"below a broken header: {error}"
                rejected += [lines.reject(i, reason) for i in range(start, end) if not lines.blank[i]]
            continue
        if body < end == len(lines) and data.endswith(b","):  # an empty last value may be; a cut is likelier
            truncated, end = True, end - 1
        block, bad = _block(lines, header, range(start, body), end, missing_codes)
        blocks.append(block)
        rejected += bad
    notes = []
    if not lines.is_terminated and not truncated:
        if rejected and rejected[-1].line == lines.number[-1]:
            rejected.pop()
            truncated = True
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
    edges = np.concatenate(([0], np.flatnonzero(np.frombuffer(data, np.uint8) == _LF) + 1, [len(data)]))
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


class _Lines:
    """Where the lines of a file are. Arrays have shape (n,)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.raw: Bytes = np.frombuffer(data, np.uint8)
        begin = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        edges = np.concatenate(([begin], np.flatnonzero(self.raw == _LF) + 1))
        if edges[-1] < len(data):
            edges = np.append(edges, len(data))
        self.number = np.arange(1, len(edges))
        headers = list(self._headers(begin))
        for position in headers:
            at = int(np.searchsorted(edges, position))
            if edges[at] != position:  # appended to a row without line end
                edges = np.insert(edges, at, position)
                self.number = np.insert(self.number, at, self.number[at - 1])
        self.starts, self.ends = edges[:-1], edges[1:]  # line ends included
        self.headers: list[int] = np.searchsorted(self.starts, headers).tolist()
        last = self.raw[self.ends - 1]
        lengths = np.diff(edges)
        self.blank = (last == _LF) & ((lengths == 1) | ((lengths == 2) & (self.raw[self.starts] == _CR)))
        self.is_terminated = data.endswith((b"\n", b"\r"))
        ends_in_crlf = (last == _LF) & (lengths > 1) & (self.raw[self.ends - 2] == _CR)
        self.has_stray_cr = np.count_nonzero(self.raw == _CR) != np.count_nonzero(ends_in_crlf)

    def __len__(self) -> int:
        return len(self.starts)

    def _headers(self, begin: int) -> Iterator[int]:
        """Where headers begin: first thing in a line, or behind a row whose line end is missing."""
        for match in _HEADER_START.finditer(self.data):
            position = match.start()
            quoted = position > begin and self.data[position - 1] == _QUOTE
            position -= quoted
            if position == begin or self.data[position - 1] == _LF:
                yield position
            elif quoted and match[0] == b'TOA5",':
                rest = _decode(self.data[position:].split(b"\n", 1)[0].rstrip(b"\r"))
                if len(next(csv.reader([rest]), [])) == _STATION_LINE_FIELDS:
                    yield position

    def text(self, index: int) -> str:
        """A line without its end."""
        return _decode(self.data[self.starts[index] : self.ends[index]].rstrip(b"\r\n"))

    def reject(self, index: int, reason: str) -> RejectedLine:
        """A line that is no row."""
        return RejectedLine(int(self.number[index]), reason, self.text(index)[:_RAW_LENGTH])


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _wrong_type(data: bytes, line: str) -> str:
    if b"<csixml" in data[:1000].lower():
        kind = "CSIXML"
    elif match := re.match(r'"?(TO\w{2,4})"?,', line):
        kind = match[1]
    else:
        return f'not a TOA5 file: begins with {line[:60]!r}; expected "TOA5" and the station'
    return f"file type {kind} is not read; expected TOA5 (convert it with LoggerNet's CardConvert)"


def _header(lines: _Lines, start: int, end: int) -> Header:
    """The header in lines `start` to `end`. Raises FormatError naming line and values."""
    rows: list[tuple[str, ...]] = []
    first = int(lines.number[start])
    for index in range(start, end):
        try:
            rows.append(tuple(next(csv.reader([lines.text(index)], strict=True), ())))
        except csv.Error as error:
            raise FormatError(f"line {first + len(rows)}: {error}: {lines.text(index)[:200]!r}") from error
    if rows[0][0] != "TOA5":
        raise FormatError(f"line {first}: file type {rows[0][0]!r} is not read; expected 'TOA5'")
    if len(rows) < _HEADER_LINES:
        raise FormatError(f"line {first}: header of {len(rows)} lines; expected {_HEADER_LINES}")
    if len(rows[0]) != _STATION_LINE_FIELDS:
        raise FormatError(
            f"line {first}: {len(rows[0])} fields, expected 8 (TOA5, station, model, serial, OS, program, "
            f"signature, table): {', '.join(rows[0])!r}"
        )
    names, units, processing = rows[1:]
    for number, row in enumerate(rows[1:], first + 1):
        if row and re.match(_TIME, row[0]):
            raise FormatError(f"line {number}: a row in place of a header line: {', '.join(row)[:200]!r}")
    if not names or len({len(names), len(units), len(processing)}) > 1:
        raise FormatError(
            f"lines {first + 1} to {first + 3}: {len(names)} names, {len(units)} units and {len(processing)} "
            f"processing codes; expected equally many: {names} {units} {processing}"
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise FormatError(f"line {first + 1}: names stated twice: {', '.join(map(repr, doubled))}")
    return Header(*rows[0][1:], names=names, units=units, processing=processing)


def _block(
    lines: _Lines, header: Header, header_lines: range, end: int, missing_codes: tuple[float, ...]
) -> tuple[Block, list[RejectedLine]]:
    """The rows between a header and the line `end`, and the lines there that are none."""
    rows = np.arange(header_lines.stop, end)
    rows = rows[~lines.blank[rows]]
    columns = _read_at_once(lines, header, rows)
    rejected: list[RejectedLine] = []
    if columns is None:
        columns, good, reasons = _read_by_column(lines, header, rows)
        rejected = [lines.reject(int(i), reason) for i, reason in zip(rows[~good], reasons, strict=True)]
        rows = rows[good]
    first = int(lines.number[header_lines.start])
    return Block(
        header=header,
        time_us=columns.time_us,
        record=columns.record,
        line=lines.number[rows],
        values={name: _without_codes(v, missing_codes) for name, v in columns.values.items()},
        texts=columns.texts,
        header_lines=range(first, first + _HEADER_LINES),
    ), rejected


def _without_codes(values: FloatArray, missing_codes: tuple[float, ...]) -> FloatArray:
    """NaN in place of infinity and of codes. Without a copy where there are none."""
    smallest = min((abs(code) for code in missing_codes), default=np.inf)
    if not np.any(np.abs(values) >= smallest):
        return values
    return np.where(np.isinf(values) | np.isin(values, missing_codes), np.nan, values)


@dataclass(frozen=True, slots=True)
class _Columns:
    time_us: IntArray
    record: IntArray
    values: dict[str, FloatArray]
    texts: dict[str, list[str | None]]


def _read_at_once(lines: _Lines, header: Header, rows: IntArray) -> _Columns | None:
    """Read lines of which every one is good and every column but TIMESTAMP numeric; None when they are not."""
    names = header.names
    if not len(rows):
        return _Columns(
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            {name: np.empty(0) for name in names if name not in (TIMESTAMP, RECORD)},
            {},
        )
    if lines.has_stray_cr or TIMESTAMP in names[1:]:
        return None
    types = [pa.timestamp("us") if name == TIMESTAMP else pa.float64() for name in names]
    body = lines.raw[lines.starts[rows[0]] : lines.ends[rows[-1]]]
    try:
        table = _read_csv(body, types)
    except pa.ArrowInvalid:
        return None
    if len(table) != len(rows):  # a quote that is not closed takes the next line in
        return None
    columns = dict(zip(names, map(_array, table.columns), strict=True))
    time_us = np.full(len(rows), NO_TIME)
    record = np.full(len(rows), NO_RECORD)
    if TIMESTAMP in columns:
        stamps = columns.pop(TIMESTAMP)
        time_us = np.from_dlpack(stamps.view(pa.int64()).fill_null(NO_TIME))
        if stamps.null_count or time_us.min() < _FIRST_US or not _are_full_timestamps(lines, rows):
            return None
    values = {name: np.from_dlpack(column.fill_null(np.nan)) for name, column in columns.items()}
    if RECORD in values:
        numbers = values.pop(RECORD)
        if not np.all(_are_records(numbers)):
            return None
        record = numbers.astype(np.int64)
    return _Columns(time_us, record, values, {})


def _read_csv(body: Bytes, types: Sequence[pa.DataType]) -> pa.Table:
    names = [str(i) for i in range(len(types))]
    return pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(body)),
        # One block, so that a column is one array; one thread, as the work is shared out by station and day.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(body) + 1, column_names=names),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            timestamp_parsers=[pyarrow.csv.ISO8601],
        ),
    )


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _are_full_timestamps(lines: _Lines, rows: IntArray) -> bool:
    """Whether all rows begin with 19 characters of time; pyarrow takes `2016-08-30 00:06`, cut or not."""
    starts = lines.starts[rows]
    quoted = lines.raw[starts] == _QUOTE
    following = lines.raw.take(starts + 19 + quoted, mode="clip")
    return bool(np.all((following == np.where(quoted, _QUOTE, _COMMA)) | (following == _DOT)))


def _are_records(numbers: FloatArray) -> BoolArray:
    return (numbers >= 0) & (numbers < RECORD_MODULUS) & (numbers == np.floor(numbers))


def _read_by_column(lines: _Lines, header: Header, rows: IntArray) -> tuple[_Columns, BoolArray, list[str]]:
    """Read what can be read: columns of good rows, which rows those are, and reasons for the others in order."""
    expected = len(header.names)
    reasons: dict[int, str] = {}  # by index into rows
    for index, found in _unequal(lines, rows, expected):
        reasons[index] = (
            f"{found} fields, expected {expected}" if found else "a quote or a line end out of place"
        )
    good = np.ones(len(rows), np.bool_)
    good[list(reasons)] = False
    table = _text_table(lines, rows[good], expected)
    line_of = np.flatnonzero(good)
    time_us, record = np.full(len(line_of), NO_TIME), np.full(len(line_of), NO_RECORD)
    values: dict[str, FloatArray] = {}
    texts: dict[str, list[str | None]] = {}
    for name, processing, column in zip(header.names, header.processing, table, strict=True):
        if name == TIMESTAMP:
            time_us, valid = _times(column)
            wanted = "YYYY-MM-DD hh:mm:ss"
        else:
            numbers, valid = _numbers(column)
            wanted = "a number"
            if name == RECORD:
                valid &= _are_records(numbers)
                record = np.where(valid, numbers, NO_RECORD).astype(np.int64)
                wanted = "a whole number below 2^32"
            elif (
                2 * np.count_nonzero(~valid) > len(column) - column.null_count
                and processing in _TEXT_PROCESSING
            ):
                texts[name] = column.to_pylist()
                continue
            else:
                values[name] = numbers
        for i in np.flatnonzero(~valid).tolist():
            lexeme = column[i].as_py() or ""
            reasons.setdefault(int(line_of[i]), f"column {name}: {lexeme[:100]!r}, expected {wanted}")
    good[list(reasons)] = False
    keep = good[line_of]
    columns = _Columns(
        time_us[keep],
        record[keep],
        {name: column[keep] for name, column in values.items()},
        {
            name: [text for text, kept in zip(column, keep, strict=True) if kept]
            for name, column in texts.items()
        },
    )
    return columns, good, [reasons[i] for i in sorted(reasons)]


def _unequal(lines: _Lines, rows: IntArray, expected: int) -> Iterator[tuple[int, int]]:
    """Rows that have not `expected` fields, as (index into rows, fields); 0 fields where they cannot be told."""
    starts = lines.starts[rows]
    ends = lines.ends[rows]
    for end in (_LF, _CR):
        ends = ends - (lines.raw[ends - 1] == end)
    low, high = int(starts[0]), int(ends[-1])
    raw = lines.raw[:high]
    quotes = np.flatnonzero(raw[low:] == _QUOTE) + low
    commas = np.flatnonzero(raw[low:] == _COMMA) + low
    row_of_quote = np.searchsorted(starts, quotes, "right") - 1
    row_of_comma = np.searchsorted(starts, commas, "right") - 1
    before = np.searchsorted(quotes, starts)  # quotes before each row
    opens = (np.arange(len(quotes)) - before[row_of_quote]) % 2 == 0
    neighbour = np.where(opens, quotes - 1, quotes + 1)
    at_edge = np.where(opens, quotes == starts[row_of_quote], quotes + 1 == ends[row_of_quote])
    in_place = at_edge | (raw.take(neighbour, mode="clip") == _COMMA)
    odd = np.bincount(row_of_quote, minlength=len(rows)) % 2 == 1
    unusual = odd | (np.bincount(row_of_quote[~in_place], minlength=len(rows)) > 0)
    if lines.has_stray_cr:
        returns = np.flatnonzero(raw[low:] == _CR) + low
        row_of_return = np.searchsorted(starts, returns, "right") - 1
        unusual[row_of_return[returns < ends[row_of_return]]] = True
    outside = (np.searchsorted(quotes, commas) - before[row_of_comma]) % 2 == 0
    fields = np.bincount(row_of_comma[outside], minlength=len(rows)) + 1
    for index in np.flatnonzero(unusual | (fields != expected)).tolist():
        found = _fields(lines.text(int(rows[index]))) if unusual[index] else int(fields[index])
        if found != expected:
            yield index, found


def _fields(line: str) -> int:
    """Fields of one line; 0 when a quote stays open or a line end is inside."""
    try:
        parsed = list(csv.reader([line, "next"]))
    except csv.Error:
        return 0
    return len(parsed[0]) if len(parsed) == 2 and "\r" not in line else 0


def _text_table(lines: _Lines, rows: IntArray, columns: int) -> list[pa.Array]:
    """Lines of equally many fields as columns of text; null is empty."""
    if not len(rows):
        return [pa.nulls(0, pa.string())] * columns
    body = b"\n".join(
        lines.data[s:e].rstrip(b"\r\n") for s, e in zip(lines.starts[rows], lines.ends[rows], strict=True)
    )
    text = _decode(body).encode()
    table = _read_csv(np.frombuffer(text, np.uint8), [pa.string()] * columns)
    return [_array(column) for column in table.columns]


def _times(column: pa.Array) -> tuple[IntArray, BoolArray]:
    """Microseconds since 1970, and where they are known."""
    valid = _mask(pc.match_substring_regex(column, _TIME))
    stamps = pc.replace_substring_regex(column, r"(\.\d{6})\d+$", r"\1")
    times = np.full(len(column), NO_TIME)
    for i in np.flatnonzero(valid).tolist():
        try:
            stamp = datetime.fromisoformat(stamps[i].as_py())
        except ValueError:
            valid[i] = False
        else:
            times[i] = (stamp.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
    return times, valid


def _numbers(column: pa.Array) -> tuple[FloatArray, BoolArray]:
    """Numbers, NaN where missing, and where they are numbers or missing."""
    trimmed = pc.ascii_trim(column, " \t")
    lower = pc.ascii_lower(trimmed)
    for word, number in (("true", "1"), ("false", "0")):
        trimmed = pc.if_else(pc.equal(lower, word), number, trimmed)
    missing = pc.or_(pc.match_substring_regex(trimmed, _NO_VALUE), pc.equal(trimmed, ""))
    numeric = pc.match_substring_regex(trimmed, _NUMBER)
    numbers = pc.if_else(numeric, trimmed, None).cast(pa.float64()).fill_null(np.nan)
    return np.from_dlpack(numbers), _mask(pc.or_(missing, numeric)) | ~_mask(column.is_valid())


def _mask(column: pa.Array) -> BoolArray:
    return np.from_dlpack(column.fill_null(False).cast(pa.uint8())).astype(np.bool_)
