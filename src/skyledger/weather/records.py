"""Rows of many files as one time series: sorted, each record once, with gaps, counter resets and clock changes told.

The natural key of a row is (station, table, time, record). The record counter is unsigned 32-bit and rises by 1 with
every stored row, so a pair of neighbours in time says what happened between them (dt: time step, T: interval of the
table, k = dt / T, dr: record step modulo 2^32):

    dt       dr                      meaning                        what is done
    T        1                       normal
    k > 1    more than 1             rows lost in transfer          gap that may be collected again
    k > 1    1, or not known         logger off, or scans skipped   gap for good
    0        0, same payload         delivered twice                dropped, counted
    0        0, other payload        changed                        the later delivered is kept, suspect
    any      falls to less than k    table reset, or new program    a new record epoch begins
    any      falls, or exceeds k     the clock was set back         rows that overlap in time are suspect
    not k*T  fits                    the clock was adjusted         the row behind the step is suspect

Sorting by time first puts rows that come late into place, and lays what was recorded before a clock change beside what
was recorded after it. Both are kept: nobody can tell which is right.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skyledger.weather.toa5 import EPOCH, NO_RECORD, NO_TIME, RECORD_MODULUS, Block, Header, LoggerFile

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

EventKind = Literal["clock change", "clock adjustment", "counter reset", "record wrap", "conflict"]
MAX_EVENTS = 100  # of a kind; a note says how many more there are


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows of equal station, table, names, units, processing and signature."""

    header: Header  # of the first of its blocks
    first_us: int
    last_us: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that are missing between two rows."""

    first_missing_us: int
    last_missing_us: int
    rows_lost: int
    recoverable: bool  # by the record counter the logger has stored some of them


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to counter, clock or payload."""

    time_us: int
    kind: EventKind
    text: str


@dataclass(frozen=True, slots=True)
class Records:
    """One time series, sorted by (time, record epoch, record), each record once. Arrays have shape (n,)."""

    time_us: IntArray  # on the logger's own clock
    record: IntArray  # NO_RECORD where the table has none
    epoch: IntArray  # counts resets of the record counter
    suspect: BoolArray  # beside a clock change, or two payloads for one key
    file: IntArray  # index into files
    line: IntArray  # 1-based line in that file
    segment: IntArray  # index into segments
    segments: tuple[Segment, ...]
    values: dict[
        str, FloatArray
    ]  # by column of all segments; NaN where a segment lacks it. Units differ by segment!
    duplicates: int
    conflicts: int
    out_of_order: int  # rows that come, within a block, after a later one
    gaps: tuple[Gap, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...]

    def unit_of(self, name: str) -> tuple[str | None, ...]:
        """Unit text of a column in each segment; None where it is not in the header."""
        headers = (segment.header for segment in self.segments)
        return tuple(header.unit(name) if name in header.names else None for header in headers)


@dataclass(frozen=True, slots=True)
class _Piece:
    """The wanted rows of one block."""

    file: int
    block: Block
    rows: slice | IntArray

    @property
    def time_us(self) -> IntArray:
        return self.block.time_us[self.rows]

    @property
    def size(self) -> int:
        return len(self.time_us)


def assemble(
    files: Sequence[LoggerFile],
    *,
    table: str,
    interval_s: float,
    header_station: str | None = None,
    first_us: int,
    last_us: int,
) -> Records:
    """The rows of a table with first_us <= time <= last_us, out of files in order of delivery."""
    notes: list[str] = []
    blocks = list(_wanted(files, table, header_station, notes))
    pieces = [
        p for file, block in blocks if (p := _Piece(file, block, _within(block, first_us, last_us))).size
    ]
    pieces.sort(key=lambda piece: int(piece.time_us[0]))  # files are seldom delivered in any other order
    headers, segment_of = _segments(pieces, notes)

    rows = _stack(pieces, segment_of)
    distinct = _distinct(rows, headers)
    kept = distinct.kept
    time_us, record, segment = rows.time_us[kept], rows.record[kept], rows.segment[kept]
    # A later delivery with another header may have replaced all rows of a segment.
    has_rows = np.bincount(segment, minlength=len(headers)) > 0
    segment = (np.cumsum(has_rows) - 1)[segment]
    headers = [header for header, used in zip(headers, has_rows, strict=True) if used]
    suspect = np.zeros(len(time_us), np.bool_)
    suspect[distinct.conflicts] = True
    epoch, gaps, events = _classify(time_us, record, round(interval_s * 1e6), suspect)
    events += [
        ("conflict", int(time_us[row]), f"record {record[row]}: another payload was delivered before")
        for row in np.unique(distinct.conflicts).tolist()
    ]
    return Records(
        time_us=time_us,
        record=record,
        epoch=epoch,
        suspect=suspect,
        file=rows.file[kept],
        line=rows.line[kept],
        segment=segment,
        segments=tuple(_segment(header, time_us[segment == i]) for i, header in enumerate(headers)),
        values={name: column[kept] for name, column in rows.values.items()},
        duplicates=distinct.duplicates,
        conflicts=len(distinct.conflicts),
        out_of_order=distinct.out_of_order,
        gaps=tuple(gaps),
        events=_first_of_each_kind(events, notes),
        notes=tuple(notes),
    )


def _wanted(
    files: Sequence[LoggerFile], table: str, station: str | None, notes: list[str]
) -> Iterable[tuple[int, Block]]:
    for index, file in enumerate(files):
        for block in file.blocks:
            header = block.header
            if header.table != table or station not in {None, header.station}:
                wanted = f"table {table!r}" + (f" of station {station!r}" if station is not None else "")
                note = f"{file.name}: table {header.table!r} of station {header.station!r} left out; expected {wanted}"
            elif len(block.time_us) and block.time_us[0] == NO_TIME:
                note = f"{file.name}: left out, as its rows have no TIMESTAMP"
            else:
                yield index, block
                continue
            if note not in notes:
                notes.append(note)


def _within(block: Block, first_us: int, last_us: int) -> slice | IntArray:
    times = block.time_us
    if np.all(times[:-1] <= times[1:]):
        return slice(*np.searchsorted(times, (first_us, last_us + 1)).tolist())
    return np.flatnonzero((times >= first_us) & (times <= last_us))


def _segments(pieces: Sequence[_Piece], notes: list[str]) -> tuple[list[Header], IntArray]:
    """Headers of the segments, and the segment of each piece."""
    headers: dict[tuple[object, ...], Header] = {}
    segment_of = []
    for before, piece in zip([None, *pieces], pieces, strict=False):
        header = piece.block.header
        key = (header.station, header.table, header.names, header.units, header.processing, header.signature)
        segment_of.append(list(headers).index(key) if key in headers else len(headers))
        headers.setdefault(key, header)
        if before and (old := before.block.header.serial) != header.serial:
            notes.append(f"logger {header.serial!r} in place of {old!r} from {_shown(int(piece.time_us[0]))}")
    return list(headers.values()), np.array(segment_of, np.int64)


def _segment(header: Header, times: IntArray) -> Segment:
    return Segment(header, int(times[0]), int(times[-1]), len(times))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of all pieces, one piece after the other."""

    pieces: Sequence[_Piece]
    piece: IntArray
    time_us: IntArray
    record: IntArray
    file: IntArray
    line: IntArray
    segment: IntArray
    values: dict[str, FloatArray]


def _stack(pieces: Sequence[_Piece], segment_of: IntArray) -> _Rows:
    sizes = [piece.size for piece in pieces]
    names = dict.fromkeys(name for piece in pieces for name in piece.block.values)
    return _Rows(
        pieces,
        piece=np.repeat(np.arange(len(pieces)), sizes),
        time_us=_joined([piece.time_us for piece in pieces]),
        record=_joined([piece.block.record[piece.rows] for piece in pieces]),
        file=np.repeat(np.array([piece.file for piece in pieces], np.int64), sizes),
        line=_joined([piece.block.line[piece.rows] for piece in pieces]),
        segment=np.repeat(segment_of, sizes),
        values={name: _column(pieces, name) for name in names},
    )


def _joined(parts: Sequence[IntArray]) -> IntArray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _column(pieces: Sequence[_Piece], name: str) -> FloatArray:
    parts = [
        p.block.values[name][p.rows] if name in p.block.values else np.full(p.size, np.nan) for p in pieces
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class _Distinct:
    """Which rows stay."""

    kept: IntArray | slice  # sorted by (time, record)
    conflicts: IntArray  # index into the rows kept, once for every other payload
    duplicates: int
    out_of_order: int


def _distinct(rows: _Rows, headers: Sequence[Header]) -> _Distinct:
    """Of each key the row delivered last."""
    if np.all(np.diff(rows.time_us) > 0):
        return _Distinct(slice(None), np.empty(0, np.int64), 0, 0)
    order = np.lexsort((rows.line, rows.file, rows.record, rows.time_us))
    is_same = (np.diff(rows.time_us[order]) == 0) & (np.diff(rows.record[order]) == 0)
    is_equal = _have_equal_payload(rows, headers, order[:-1][is_same], order[1:][is_same])
    kept = order[np.append(~is_same, True)]
    kept_for = np.cumsum(np.append(0, ~is_same[:-1]))  # which of those kept stands for a row and its next
    delivered = np.sort(kept)
    is_late = (np.diff(rows.time_us[delivered]) < 0) & (np.diff(rows.piece[delivered]) == 0)
    return _Distinct(
        kept,
        conflicts=kept_for[is_same][~is_equal],
        duplicates=int(np.count_nonzero(is_equal)),
        out_of_order=int(np.count_nonzero(is_late & (_record_steps(rows.record[delivered]) <= 0))),
    )


def _have_equal_payload(
    rows: _Rows, headers: Sequence[Header], before: IntArray, after: IntArray
) -> BoolArray:
    """Whether pairs of rows say the same, in the same units."""
    schemas = [(header.names, header.units) for header in headers]
    schema = np.array([schemas.index(found) for found in schemas], np.int64)
    equal: BoolArray = schema[rows.segment[before]] == schema[rows.segment[after]]
    for column in rows.values.values():
        old, new = column[before], column[after]
        equal &= (old == new) | (np.isnan(old) & np.isnan(new))
    if any(piece.block.texts for piece in rows.pieces):
        pairs = zip(before.tolist(), after.tolist(), strict=True)
        equal &= np.array([_texts(rows, old) == _texts(rows, new) for old, new in pairs], np.bool_)
    return equal


def _texts(rows: _Rows, row: int) -> dict[str, str | None]:
    block = rows.pieces[rows.piece[row]].block
    index = int(np.searchsorted(block.line, rows.line[row]))
    return {name: column[index] for name, column in block.texts.items()}


def _record_steps(record: IntArray) -> IntArray:
    """Steps modulo 2^32, as signed numbers: 1 from 4294967295 to 0, -1 back."""
    half = RECORD_MODULUS // 2
    return (np.diff(record) + half) % RECORD_MODULUS - half


def _classify(
    time_us: IntArray, record: IntArray, interval_us: int, suspect: BoolArray
) -> tuple[IntArray, list[Gap], list[tuple[EventKind, int, str]]]:
    """Judge neighbours by the table above. Marks rows in `suspect`; returns epochs, gaps and events."""
    epoch = np.zeros(len(time_us), np.int64)
    step, rise = np.diff(time_us), np.diff(record)
    known = (record[1:] != NO_RECORD) & (record[:-1] != NO_RECORD)
    if np.all(step == interval_us) and np.all((rise == 1) | ~known):
        return epoch, [], []
    record_step = _record_steps(record)
    events: list[tuple[EventKind, int, str]] = []

    misfit = known & ((record_step <= 0) | (record_step > -(-step // interval_us)))
    pairs = np.flatnonzero(misfit)
    runs = np.split(pairs, np.flatnonzero(np.diff(pairs) > 1) + 1) if len(pairs) else []
    for run in runs:  # a run is one event: rows of before and after a clock change alternate
        first, last = int(run[0]), int(run[-1]) + 1
        others = last - first - 1
        elapsed = int(time_us[last] - time_us[first]) // interval_us
        old, new = int(record[first]), int(record[last])
        if new <= old and new < max(elapsed, 1) + others:
            epoch[last:] += 1
            events.append(("counter reset", int(time_us[last]), f"record {old} is followed by record {new}"))
        else:
            until = f" to {_shown(int(time_us[last]))}" if others else ""
            text = f"records {old} and {new} do not fit their times{until}: {others + 2} rows are suspect"
            events.append(("clock change", int(time_us[first]), text))
            others = max(others, 1)
        if others:
            suspect[first : last + 1] = True

    adjusted = np.flatnonzero(~misfit & (step % interval_us != 0))
    suspect[adjusted + 1] = True
    for i in adjusted.tolist():
        text = f"{step[i] / 1e6:g} s after the row before, no multiple of {interval_us / 1e6:g} s"
        events.append(("clock adjustment", int(time_us[i + 1]), text))

    for i in np.flatnonzero(known & ~misfit & (rise < 0)).tolist():
        events.append(
            ("record wrap", int(time_us[i + 1]), f"record {record[i]} is followed by record {record[i + 1]}")
        )

    intervals = (2 * step + interval_us) // (2 * interval_us)
    recoverable = known & ~misfit & (record_step > 1)
    gaps = [
        Gap(
            first_missing_us=int(time_us[i]) + interval_us,
            last_missing_us=int(time_us[i] + (intervals[i] - 1) * interval_us),
            rows_lost=int(intervals[i]) - 1,
            recoverable=bool(recoverable[i]),
        )
        for i in np.flatnonzero(intervals > 1).tolist()
    ]
    return epoch, gaps, events


def _first_of_each_kind(events: list[tuple[EventKind, int, str]], notes: list[str]) -> tuple[Event, ...]:
    """Events in order of time; a broken clock makes one per row, which nobody reads."""
    told: Counter[str] = Counter()
    shown = []
    for kind, time_us, text in sorted(events, key=lambda event: event[1]):
        told[kind] += 1
        if told[kind] <= MAX_EVENTS:
            shown.append(Event(time_us, kind, text))
    notes += [
        f"{n} times {kind}; the first {MAX_EVENTS} are told" for kind, n in told.items() if n > MAX_EVENTS
    ]
    return tuple(shown)


def _shown(time_us: int) -> str:
    return (EPOCH + timedelta(microseconds=time_us)).replace(tzinfo=None).isoformat(" ")
