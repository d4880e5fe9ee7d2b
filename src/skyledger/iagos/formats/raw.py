"""Raw files of the aircraft computer (level L0A): gzip, CSV in UTF-8, LF.

Lines `# key: value` (KEYS), one line of column names, the rows, and at the end `# rows: n` and `# end`. A file
without its end was cut off. A row that cannot be read is kept aside with the reason; the others go on. An empty value
is missing.
"""

import bisect
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from skyledger.errors import FormatError
from skyledger.iagos.flight import FloatArray
from skyledger.iagos.formats.raw_columns import DECIMALS
from skyledger.iagos.names import FlightId, parse_flight_id, parse_raw_name

FORMAT_VERSION = "1"
KEYS = (
    "format_version",
    "flight_id",
    "instrument_type",
    "instrument_serial",
    "aircraft",
    "sampling_s",
    "clock_source",
)
TIME = "utc"
CO_MODES = ("M", "Z", "C")  # measure, zero, calibration: a mode's code is its place here
LAST_PHASE = 10  # 0 none, 1 power on, ... 4 take-off, 5 climb, 6 cruise, 7 approach, ... 10 engine stop
# The instrument runs on the ground before and after; a time far from the flight is that of a clock not yet set
EARLIEST, LATEST = timedelta(hours=-12), timedelta(hours=36)  # of a row, after departure
LARGEST_BYTES = 256 * 2**20  # unpacked; a flight has 1 MB
LONGEST_QUOTE = 200  # characters of a rejected line

_NUMBER = re.compile(r"\s*(?:-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|NaN|-?inf)?\s*")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_STATUS = re.compile(r"(?:0x)?[0-9A-Fa-f]{1,8}")
_COMMENT = re.compile(rb"# *(\w+) *: *(.*?) *")
_END = b"# end"


class RejectedLine(NamedTuple):
    """A row that could not be read."""

    line: int  # of the unpacked file, from 1
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class RawFlight:
    """What a raw file holds. Arrays have shape (n,), one value per row."""

    flight_id: str
    instrument_type: str
    serial: str  # of the deployed unit
    aircraft: str  # two digits
    sampling_s: float
    clock_source: str
    time_s: FloatArray  # Unix seconds UTC, strictly ascending
    columns: Mapping[
        str, FloatArray
    ]  # as written; co_mode 0 measure, 1 zero, 2 calibration; status_word as a number
    rejected: tuple[RejectedLine, ...] = ()
    notes: tuple[str, ...] = ()


class _Rows(NamedTuple):
    names: list[str]
    lines: list[bytes]
    first_line: int


def read(data: bytes, name: str) -> RawFlight:
    """Read a raw file.

    Raises FormatError when it is damaged or cut off, does not belong to its name, or has no row that can be read.
    """
    told = parse_raw_name(name)
    notes: list[str] = []
    keys, rows = _parts(data, name, notes)
    flight = parse_flight_id(keys["flight_id"])
    for key, expected in (
        ("format_version", FORMAT_VERSION),
        ("flight_id", told.flight.text),
        ("instrument_type", told.instrument_type),
        ("aircraft", flight.aircraft),
    ):
        if keys[key] != expected:
            raise FormatError(f"{name}: {key} is {keys[key]!r}; expected {expected!r}")
    decimals = DECIMALS.get(told.instrument_type)
    if decimals is None:
        raise FormatError(f"{name}: no raw format is known for instrument type {told.instrument_type!r}")
    missing = [column for column in (TIME, *decimals) if rows.names.count(column) != 1]
    if missing:
        raise FormatError(
            f"{name}: line {rows.first_line - 1}: expected once each column: {', '.join(missing)}"
        )
    unknown = [column for column in rows.names if column != TIME and column not in decimals]
    if unknown:
        notes.append(f"columns not known and left out: {', '.join(unknown)}")
    time_s, columns, rejected = _values(rows, decimals, flight, name)
    return RawFlight(
        flight_id=flight.text,
        instrument_type=told.instrument_type,
        serial=keys["instrument_serial"],
        aircraft=flight.aircraft,
        sampling_s=_positive(keys["sampling_s"], "sampling_s", name),
        clock_source=keys["clock_source"],
        time_s=time_s,
        columns=columns,
        rejected=rejected,
        notes=tuple(notes),
    )


def check_whole(data: bytes, name: str) -> None:
    """Raise FormatError unless a raw file has its end, and as many rows as that says."""
    _parts(data, name, [])


def write(raw: RawFlight) -> bytes:
    """A raw file; equal input gives equal bytes."""
    return pack(render(raw))


def pack(text: bytes) -> bytes:
    """Compress; equal input gives equal bytes."""
    return gzip.compress(text, compresslevel=6, mtime=0)


def render(raw: RawFlight) -> bytes:
    """The file before it is compressed."""
    keys = (
        FORMAT_VERSION,
        raw.flight_id,
        raw.instrument_type,
        raw.serial,
        raw.aircraft,
        f"{raw.sampling_s:g}",
        raw.clock_source,
    )
    head = "".join(f"# {key}: {value}\n" for key, value in zip(KEYS, keys, strict=True))
    table = {TIME: _time_text(raw.time_s)}
    for column, decimals in DECIMALS[raw.instrument_type].items():
        table[column] = _column_text(column, raw.columns[column], decimals)
    sink = io.BytesIO()
    csv.write_csv(pa.table(table), sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return (
        f"{head}{','.join(table)}\n".encode()
        + sink.getvalue()
        + f"# rows: {len(raw.time_s)}\n# end\n".encode()
    )


def _time_text(time_s: FloatArray) -> pa.Array:
    whole = bool(np.all(time_s == np.round(time_s)))
    times = np.round(time_s * 1e3).astype("datetime64[ms]")
    text = np.datetime_as_string(times, unit="s" if whole else "ms")
    return pc.binary_join_element_wise(pa.array(text), pa.scalar("Z"), "")


def _column_text(column: str, values: FloatArray, decimals: int | None) -> pa.Array:
    missing = np.isnan(values)
    codes = np.where(missing, 0, values)
    if decimals is not None:
        rounded = np.round(codes, decimals)
        return pa.array(rounded.astype(np.int64) if decimals == 0 else rounded, mask=missing)
    distinct, places = np.unique(codes.astype(np.int64), return_inverse=True)
    words = np.array([CO_MODES[code] if column == "co_mode" else f"{code:04X}" for code in distinct])
    return pa.array(words[places].astype(object), pa.string(), mask=missing)


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{name}: not a whole gzip file ({error}); ask for it again") from error
    if len(text) > LARGEST_BYTES:
        raise FormatError(f"{name}: larger than {LARGEST_BYTES} bytes when unpacked")
    return text


def _parts(data: bytes, name: str, notes: list[str]) -> tuple[dict[str, str], _Rows]:
    """The comments above the rows, and the rows. Raises FormatError when a part is not there."""
    text = _unpacked(data, name)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
        notes.append("lines end with CR LF")
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if len(lines) < 3 or lines[-1] or lines[-2] != _END:
        raise FormatError(f"{name}: the last line is not '# end': the file was cut off")
    keys: dict[str, str] = {}
    head = next((i for i, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    for number, line in enumerate(lines[:head], start=1):
        found = _COMMENT.fullmatch(line)
        if found:
            key = found[1].decode()
            if key in keys:
                raise FormatError(f"{name}: line {number}: {key} is given twice")
            keys[key] = found[2].decode("utf-8", "replace")
    absent = [key for key in KEYS if not keys.get(key)]
    if absent:
        raise FormatError(f"{name}: no line '# key: value' above the rows for {', '.join(absent)}")
    trailer = _COMMENT.fullmatch(lines[-3])
    if not trailer or trailer[1] != b"rows" or not trailer[2].isdigit():
        raise FormatError(f"{name}: line {len(lines) - 2}: expected '# rows: n' before '# end'")
    rows = lines[head + 1 : -3]
    if int(trailer[2]) != len(rows):
        raise FormatError(f"{name}: {len(rows)} rows; the end of the file says {int(trailer[2])}")
    names = lines[head].decode("utf-8", "replace").split(",")
    return keys, _Rows(names, rows, head + 2)


def _values(
    rows: _Rows, decimals: Mapping[str, int | None], flight: FlightId, name: str
) -> tuple[FloatArray, dict[str, FloatArray], tuple[RejectedLine, ...]]:
    reasons: dict[int, str] = {}  # by place in rows.lines
    kept = np.arange(len(rows.lines))
    table = None
    with suppress(pa.ArrowInvalid):  # some row is bad: look at each
        table = _table(rows.names, rows.lines, decimals)
    if table is None:
        reasons = dict(_bad_lines(rows, decimals))
        kept = np.array([i for i in kept if i not in reasons], dtype=np.intp)
        try:
            table = _table(rows.names, [rows.lines[i] for i in kept], decimals)
        except pa.ArrowInvalid as error:
            raise FormatError(f"{name}: no row can be read ({error})") from error
    time_s = pc.cast(table[TIME], pa.int64()).to_numpy() / 1e6
    columns = {column: _numbers(table[column].combine_chunks(), column) for column in decimals}
    bad = np.zeros(len(kept), dtype=bool)
    for wrong, reason in _wrong(time_s, columns, flight):
        reasons |= dict.fromkeys(kept[wrong & ~bad].tolist(), reason)
        bad |= wrong
    unordered = np.flatnonzero(~bad)[~_rising(time_s[~bad])]
    reasons |= dict.fromkeys(kept[unordered].tolist(), f"{TIME}: does not rise")
    bad[unordered] = True
    if bad.all():
        raise FormatError(f"{name}: none of {len(rows.lines)} rows can be read; first: {reasons.get(0)}")
    rejected = tuple(
        RejectedLine(
            rows.first_line + i, reasons[i], rows.lines[i].decode("utf-8", "replace")[:LONGEST_QUOTE]
        )
        for i in sorted(reasons)
    )
    return time_s[~bad], {column: values[~bad] for column, values in columns.items()}, rejected


def _table(names: list[str], lines: list[bytes], decimals: Mapping[str, int | None]) -> pa.Table:
    """The rows as columns; raises ArrowInvalid when one of them cannot be read."""
    if not all(lines):
        raise pa.ArrowInvalid("an empty line")  # which the library would pass over
    types = {TIME: pa.timestamp("us", "UTC")} | {
        column: pa.float64() if places is not None else pa.dictionary(pa.int32(), pa.string())
        for column, places in decimals.items()
    }
    return csv.read_csv(
        io.BytesIO(b"\n".join(lines)),
        csv.ReadOptions(column_names=names, use_threads=False),
        csv.ParseOptions(quote_char=False),
        csv.ConvertOptions(
            include_columns=list(types),
            column_types=types,
            null_values=["", "nan", "NaN"],
            strings_can_be_null=True,
        ),
    )


def _numbers(values: pa.Array, column: str) -> FloatArray:
    """A column as floats: NaN where missing, infinite where a code is not known."""
    if not pa.types.is_dictionary(values.type):
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    codes = np.array([*map(_mode if column == "co_mode" else _status, values.dictionary.to_pylist()), np.nan])
    places = values.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(codes[places])


def _mode(text: str) -> float:
    return CO_MODES.index(text) if text in CO_MODES else np.inf


def _status(text: str) -> float:
    return int(text, 16) if _STATUS.fullmatch(text) else np.inf


def _bad_lines(rows: _Rows, decimals: Mapping[str, int | None]) -> Iterator[tuple[int, str]]:
    """Rows with another number of values, or values that are neither numbers nor times, and why."""
    expected = [
        (place, column) for place, column in enumerate(rows.names) if decimals.get(column) is not None
    ]
    time_place = rows.names.index(TIME)
    for i, line in enumerate(rows.lines):
        try:
            values = line.decode().split(",")
        except UnicodeDecodeError:
            yield i, "not UTF-8 text"
            continue
        if len(values) != len(rows.names):
            yield i, f"{len(values)} values; expected {len(rows.names)}"
        elif values[time_place] and not _is_time(values[time_place]):
            yield i, f"{TIME}: {values[time_place][:30]!r}; expected YYYY-MM-DDThh:mm:ssZ"
        else:
            wrong = [
                (column, values[place]) for place, column in expected if not _NUMBER.fullmatch(values[place])
            ]
            if wrong:
                yield i, f"{wrong[0][0]}: {wrong[0][1][:30]!r}; expected a number"


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _wrong(
    time_s: FloatArray, columns: Mapping[str, FloatArray], flight: FlightId
) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Rows whose values mean nothing, with the reason; (n,) each."""
    after_s = time_s - flight.departure.timestamp()
    near = (after_s >= EARLIEST.total_seconds()) & (after_s <= LATEST.total_seconds())
    yield np.isnan(time_s), f"{TIME}: missing"
    yield ~near, f"{TIME}: far from the flight, which departed {flight.departure:%Y-%m-%dT%H:%M:%SZ}"
    for column, values in columns.items():
        form = {"co_mode": "M, Z or C", "status_word": "up to 8 hex digits"}.get(column, "a finite number")
        yield np.isinf(values), f"{column}: expected {form}"
    phase = columns.get("phase", np.empty(0))
    whole = np.isnan(phase) | ((phase == np.floor(phase)) & (phase >= 0) & (phase <= LAST_PHASE))
    if not whole.all():
        yield ~whole, f"phase: expected a whole number from 0 to {LAST_PHASE}"


def _rising(time_s: FloatArray) -> NDArray[np.bool_]:
    """The longest choice of rows whose times rise strictly, (n,): one wrong time must not cost those after it."""
    if bool(np.all(np.diff(time_s) > 0)):
        return np.ones(len(time_s), dtype=bool)
    ends: list[float] = []  # ends[k]: smallest last time of a rising choice of k + 1 rows
    places: list[int] = []
    before = np.full(len(time_s), -1)
    for i, time in enumerate(time_s.tolist()):
        k = bisect.bisect_left(ends, time)
        before[i] = places[k - 1] if k else -1
        ends[k : k + 1] = [time]
        places[k : k + 1] = [i]
    chosen = np.zeros(len(time_s), dtype=bool)
    place = places[-1]
    while place >= 0:
        chosen[place] = True
        place = before[place]
    return chosen


def _positive(text: str, key: str, name: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < np.inf:
            return float(text)
    raise FormatError(f"{name}: {key} is {text!r}; expected a positive number [s]")
