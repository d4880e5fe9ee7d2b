"""Lines and columns of TOA5 files: which lines are rows, and what their columns hold.

Clean rows are read by pyarrow in one call. Where it refuses, every column is read as text and looked at as a whole;
only lines with unusual quotes are looked at one by one. Both ways accept the same lines and find the same values.
"""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TIMESTAMP = "TIMESTAMP"
RECORD = "RECORD"
RECORD_MODULUS = 2**32
NO_TIME = int(np.iinfo(np.int64).min)  # time of a row whose table has no TIMESTAMP
NO_RECORD = -1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATION_LINE_FIELDS = 8
TIME_PATTERN = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?$"

_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND  # Python knows no earlier day
_HEADER_START = re.compile(rb'TO(?:A5|B1|B2|B3|ACI1)"?,')
_TEXT_PROCESSING = {"", "Smp", "TMx", "TMn"}  # what can be text; every other code is arithmetic
_RAW_LENGTH = 1000  # characters of a rejected line that are kept
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_NO_VALUE = r"(?i)^(?:[+-]?(?:nan(?:\(\w*\))?|inf|infinity))?$"
_LF, _CR, _QUOTE, _COMMA, _COLON = b'\n\r",:'


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that is no row, and why."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one block by column. All arrays have shape (n,) and may be read-only."""

    line: IntArray  # 1-based line in the file
    time_us: IntArray
    record: IntArray
    values: dict[str, FloatArray]
    texts: dict[str, list[str | None]]


class Lines:
    """Where the lines of a file are. Arrays have shape (n,); a header within a line begins a line of its own."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.raw: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
        begin = len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0
        edges = np.concatenate(([begin], np.flatnonzero(self.raw == _LF) + 1))
        if edges[-1] < len(data):
            edges = np.append(edges, len(data))
        self.number = np.arange(1, len(edges))  # 1-based, as an editor counts
        headers = list(self._headers(begin))
        for position in headers:
            at = int(np.searchsorted(edges, position))
            if edges[at] != position:
                edges = np.insert(edges, at, position)
                self.number = np.insert(self.number, at, self.number[at - 1])
        self.starts, self.ends = edges[:-1], edges[1:]  # line ends included
        self.headers: list[int] = np.searchsorted(self.starts, headers).tolist()  # first lines of headers
        lengths = np.diff(edges)
        ends_in_lf = self.raw[self.ends - 1] == _LF
        ends_in_crlf = ends_in_lf & (lengths > 1) & (self.raw[self.ends - 2] == _CR)
        self.blank = np.isin(self.raw[self.starts], (_LF, _CR, BOM_UTF8[0]))
        for i in np.flatnonzero(self.blank).tolist():
            self.blank[i] = not self.data[self.starts[i] : self.ends[i]].strip(b"\r\n" + BOM_UTF8)
        self.is_terminated = data.endswith((b"\n", b"\r"))
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
                line = self.data[position:].partition(b"\n")[0].rstrip(b"\r")
                if _fields(decode(line)) == STATION_LINE_FIELDS:
                    yield position

    def text(self, index: int) -> str:
        """A line without its end."""
        return decode(self.data[self.starts[index] : self.ends[index]].rstrip(b"\r\n"))

    def reject(self, index: int, reason: str) -> RejectedLine:
        """A line that is no row."""
        return RejectedLine(int(self.number[index]), reason, self.text(index)[:_RAW_LENGTH])


def decode(text: bytes) -> str:
    """UTF-8 (of which ASCII is a part), else latin-1, which takes everything."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def read_rows(
    lines: Lines, start: int, end: int, names: tuple[str, ...], processing: tuple[str, ...]
) -> tuple[Columns, list[RejectedLine]]:
    """The rows among the lines from `start` to `end` (excluded), and the lines there that are none."""
    rows = np.arange(start, end)
    rows = rows[~lines.blank[rows]]
    if not len(rows):
        nothing = {name: np.empty(0) for name in names if name not in {TIMESTAMP, RECORD}}
        return Columns(rows, rows, rows, nothing, {}), []
    columns = _read_at_once(lines, rows, names)
    if columns:
        return columns, []
    unequal = dict(_unequal(lines, rows, len(names)))
    rejected = {int(rows[index]): reason for index, reason in unequal.items()}
    rows = np.delete(rows, list(unequal))
    columns = _read_at_once(lines, rows, names) if rejected and len(rows) else None
    if not columns:
        columns, malformed = _read_by_column(lines, rows, names, processing)
        rejected |= malformed
    return columns, [lines.reject(index, rejected[index]) for index in sorted(rejected)]


def _read_at_once(lines: Lines, rows: IntArray, names: tuple[str, ...]) -> Columns | None:
    """Read lines of which every one is good and every column but TIMESTAMP numeric; None when they are not."""
    if lines.has_stray_cr or TIMESTAMP in names[1:]:
        return None
    types = [pa.timestamp("us") if name == TIMESTAMP else pa.float64() for name in names]
    try:
        table = _read_csv(_body(lines, rows), types)
    except pa.ArrowInvalid:
        return None
    if len(table) != len(rows) or lines.text(int(rows[-1])).count('"') % 2:
        return None  # a quote that is not closed takes the next line in, or ends with the file
    columns = dict(zip(names, map(_array, table.columns), strict=True))
    time_us, record = np.full(len(rows), NO_TIME), np.full(len(rows), NO_RECORD)
    if TIMESTAMP in columns:
        stamps = columns.pop(TIMESTAMP)
        time_us = _numpy(stamps.view(pa.int64()))
        if stamps.null_count or time_us.min() < _FIRST_US or not _have_seconds(lines, rows):
            return None
    values = {name: _with_nan(column) for name, column in columns.items()}
    if RECORD in values:
        numbers = values.pop(RECORD)
        if not np.all(_are_records(numbers)):
            return None
        record = numbers.astype(np.int64)
    return Columns(lines.number[rows], time_us, record, values, {})


def _body(lines: Lines, rows: IntArray) -> NDArray[np.uint8]:
    """The bytes of the rows, without those of lines between them."""
    low, high = rows[0], rows[-1] + 1
    body: NDArray[np.uint8] = lines.raw[lines.starts[low] : lines.ends[high - 1]]
    if high - low == len(rows):
        return body
    chosen = np.zeros(high - low, np.bool_)
    chosen[rows - low] = True
    wanted: NDArray[np.uint8] = body[np.repeat(chosen, (lines.ends - lines.starts)[low:high])]
    return wanted


def _read_csv(body: NDArray[np.uint8], types: Sequence[pa.DataType]) -> pa.Table:
    names = [str(i) for i in range(len(types))]
    return pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(body)),
        # One block, so that a column is one array; one thread, as the work is shared out by station and day.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(body) + 1, column_names=names),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            timestamp_parsers=[pyarrow.csv.ISO8601],
        ),
    )


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _numpy(column: pa.Array) -> NDArray[Any]:
    """Without nulls. Neither `to_numpy` nor a scalar of pyarrow: both import pandas where it is installed, 1 s."""
    return np.from_dlpack(
        pa.Array.from_buffers(column.type, len(column), [None, *column.buffers()[1:]], 0, column.offset)
    )


def _with_nan(column: pa.Array) -> FloatArray:
    values = _numpy(column)
    return np.where(_mask(column.is_valid()), values, np.nan) if column.null_count else values


def _mask(column: pa.Array) -> BoolArray:
    return _numpy(column.cast(pa.uint8())).view(np.bool_)


def _have_seconds(lines: Lines, rows: IntArray) -> bool:
    """Whether all rows begin with a time down to seconds; pyarrow takes `2016-08-30 00:06` as well, cut or not."""
    starts = lines.starts[rows]
    second_colon = starts + len("2016-08-30 00:06") + (lines.raw[starts] == _QUOTE)
    return bool(np.all(lines.raw.take(second_colon, mode="clip") == _COLON))


def _are_records(numbers: FloatArray) -> BoolArray:
    whole: BoolArray = (numbers >= 0) & (numbers < RECORD_MODULUS) & (numbers == np.floor(numbers))
    return whole


def _read_by_column(
    lines: Lines, rows: IntArray, names: tuple[str, ...], processing: tuple[str, ...]
) -> tuple[Columns, dict[int, str]]:
    """Read rows of the right number of fields, and say why not by index of the line."""
    reasons: dict[int, str] = {}
    time_us, record = np.full(len(rows), NO_TIME), np.full(len(rows), NO_RECORD)
    values: dict[str, FloatArray] = {}
    texts: dict[str, list[str]] = {}
    for name, code, column in zip(names, processing, _texts(lines, rows, len(names)), strict=True):
        if name == TIMESTAMP:
            time_us, valid = _times(column)
            wanted = "YYYY-MM-DD hh:mm:ss"
        else:
            numbers, valid = _numbers(column)
            wanted = "a number"
            if name == RECORD:
                valid = _are_records(numbers) & _mask(pc.match_substring_regex(column, r"\d"))  # TRUE is none
                record = np.where(valid, numbers, NO_RECORD).astype(np.int64)
                wanted = "a whole number below 2^32"
            elif code in _TEXT_PROCESSING and _is_text(column, valid):
                texts[name] = column.to_pylist()
                continue
            else:
                values[name] = numbers
        for i in np.flatnonzero(~valid).tolist():
            reason = f"column {name}: {column[i].as_py()[:100]!r}; expected {wanted}"
            reasons.setdefault(int(rows[i]), reason)
    good = ~np.isin(rows, list(reasons))
    return Columns(
        lines.number[rows[good]],
        time_us[good],
        record[good],
        {name: column[good] for name, column in values.items()},
        {
            name: [t or None for t, keep in zip(text, good, strict=True) if keep]
            for name, text in texts.items()
        },
    ), reasons


def _unequal(lines: Lines, rows: IntArray, expected: int) -> Iterator[tuple[int, str]]:
    """Rows that have not the expected number of fields, as (index into rows, reason)."""
    starts, ends = lines.starts[rows], lines.ends[rows]
    for end in (_LF, _CR):
        ends = ends - ((ends > starts) & (lines.raw[ends - 1] == end))
    low = int(starts[0])
    raw = lines.raw[: int(ends[-1])]
    quotes, commas, returns = (np.flatnonzero(raw[low:] == byte) + low for byte in (_QUOTE, _COMMA, _CR))
    row_of_quote, row_of_comma, row_of_return = (
        np.searchsorted(starts, positions, "right") - 1 for positions in (quotes, commas, returns)
    )
    before = np.searchsorted(quotes, starts)  # quotes before each row
    opens = (np.arange(len(quotes)) - before[row_of_quote]) % 2 == 0
    at_edge = np.where(opens, quotes == starts[row_of_quote], quotes + 1 == ends[row_of_quote])
    at_comma = raw.take(np.where(opens, quotes - 1, quotes + 1), mode="clip") == _COMMA
    unusual = np.bincount(row_of_quote, minlength=len(rows)) % 2 == 1
    unusual[row_of_quote[~(at_edge | at_comma)]] = True
    unusual[row_of_return[returns < ends[row_of_return]]] = True
    outside = (np.searchsorted(quotes, commas) - before[row_of_comma]) % 2 == 0
    fields = np.bincount(row_of_comma[outside], minlength=len(rows)) + 1
    for index in np.flatnonzero(unusual | (fields != expected)).tolist():
        found = _fields(lines.text(int(rows[index]))) if unusual[index] else int(fields[index])
        if found != expected:
            said = f"{found} fields" if found else "a quote or a line end out of place"
            yield index, f"{said}; expected {expected} fields"


def _fields(line: str) -> int:
    """Fields of one line; 0 when a quote stays open or a line end is inside."""
    try:
        parsed = list(csv.reader([line, "next"]))
    except csv.Error:
        return 0
    return len(parsed[0]) if len(parsed) == 2 and "\r" not in line else 0


def _texts(lines: Lines, rows: IntArray, columns: int) -> list[pa.Array]:
    """Lines of equally many fields as columns of text."""
    if not len(rows):
        return [pa.nulls(0, pa.string())] * columns
    parts = [decode(line).encode() for line in _body(lines, rows).tobytes().splitlines(keepends=True)]
    table = _read_csv(np.frombuffer(b"".join(parts), np.uint8), [pa.string()] * columns)
    return [_array(column) for column in table.columns]


def _times(column: pa.Array) -> tuple[IntArray, BoolArray]:
    """Microseconds since 1970, and where they are known."""
    matches = pc.match_substring_regex(column, TIME_PATTERN)
    stamps = column.filter(matches)
    try:
        found = _numpy(stamps.cast(pa.timestamp("us")).view(pa.int64()))
    except pa.ArrowInvalid:  # 30 February, or more than six digits of a second
        found = np.array([_microseconds(stamp) for stamp in stamps.to_pylist()], np.int64)
    times = np.full(len(column), NO_TIME)
    times[_mask(matches)] = found
    return times, times >= _FIRST_US


def _microseconds(stamp: str) -> int:
    try:
        return (datetime.fromisoformat(stamp).replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
    except ValueError:
        return NO_TIME


def _numbers(column: pa.Array) -> tuple[FloatArray, BoolArray]:
    """Numbers, NaN where missing, and where they are numbers or missing."""
    try:
        return _numpy(column.cast(pa.float64())), np.ones(len(column), np.bool_)
    except pa.ArrowInvalid:
        pass
    for pattern, plain in ((r"^[ \t]+|[ \t]+$", ""), ("(?i)^true$", "1"), ("(?i)^false$", "0")):
        column = pc.replace_substring_regex(column, pattern, plain)
    is_number = pc.match_substring_regex(column, _NUMBER)
    numbers = np.full(len(column), np.nan)
    numbers[_mask(is_number)] = _numpy(column.filter(is_number).cast(pa.float64()))
    return numbers, _mask(is_number) | _mask(pc.match_substring_regex(column, _NO_VALUE))


def _is_text(column: pa.Array, is_number: BoolArray) -> bool:
    """Whether most of what stands there are no numbers."""
    return bool(2 * np.count_nonzero(~is_number) > np.count_nonzero(_numpy(pc.binary_length(column))))
