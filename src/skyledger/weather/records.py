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

    time_us = _joined(piece.time_us for piece in pieces)
    record = _joined(piece.block.record[piece.rows] for piece in pieces)
    line = _joined(piece.block.line[piece.rows] for piece in pieces)
    number = np.repeat(np.arange(len(pieces)), [piece.size for piece in pieces])  # which piece a row is of
    file_of = np.array([piece.file for piece in pieces], np.int64)
    values = {
        name: _column(pieces, name) for name in dict.fromkeys(n for p in pieces for n in p.block.values)
    }

    step = np.diff(time_us)
    kept: IntArray | slice = slice(None)
    changed = np.empty(0, np.int64)
    duplicates = out_of_order = 0
    if not np.all(step > 0):
        late = (step < 0) & (np.diff(number) == 0) & (_record_steps(record) <= 0)
        out_of_order = int(np.count_nonzero(late))
        order = np.lexsort((line, file_of[number], record, time_us))
        same = (np.diff(time_us[order]) == 0) & (np.diff(record[order]) == 0)
        before, after = order[:-1][same], order[1:][same]
        equal = _equal_payload(values, before, after) & _equal_texts(pieces, number, line, before, after)
        units = [(header.names, header.units) for header in headers]
        meaning = (
            np.array([units.index(unit) for unit in units], np.int64)[segment_of] if pieces else segment_of
        )
        equal &= meaning[number[before]] == meaning[number[after]]
        duplicates = int(np.count_nonzero(equal))
        last = np.append(~same, True)
        kept = order[last]
        row_of = np.cumsum(np.append(0, last[:-1]))  # where the row that is kept for each row will be
        changed = row_of[:-1][same][~equal]

    time_us, record, line, number = time_us[kept], record[kept], line[kept], number[kept]
    suspect = np.zeros(len(time_us), np.bool_)
    suspect[changed] = True
    epoch, gaps, events = _classify(time_us, record, round(interval_s * 1e6), suspect)
    events[:0] = [
        ("conflict", int(time_us[row]), f"record {record[row]}: another payload was delivered later")
        for row in np.unique(changed).tolist()
    ]
    used = np.unique(segment_of[np.bincount(number, minlength=len(pieces)) > 0])
    segment = np.searchsorted(used, segment_of)[number]
    return Records(
        time_us=time_us,
        record=record,
        epoch=epoch,
        suspect=suspect,
        file=file_of[number],
        line=line,
        segment=segment,
        segments=tuple(_segment(headers[j], time_us[segment == i]) for i, j in enumerate(used.tolist())),
        values={name: column[kept] for name, column in values.items()},
        duplicates=duplicates,
        conflicts=len(changed),
        out_of_order=out_of_order,
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


def _joined(arrays: Iterable[IntArray]) -> IntArray:
    parts = list(arrays)
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _column(pieces: Sequence[_Piece], name: str) -> FloatArray:
    parts = [
        p.block.values[name][p.rows] if name in p.block.values else np.full(p.size, np.nan) for p in pieces
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _record_steps(record: IntArray) -> IntArray:
    """Steps modulo 2^32, as signed numbers: 1 from 4294967295 to 0, -1 back."""
    half = RECORD_MODULUS // 2
    return (np.diff(record) + half) % RECORD_MODULUS - half


def _equal_payload(values: dict[str, FloatArray], before: IntArray, after: IntArray) -> BoolArray:
    equal = np.ones(len(before), np.bool_)
    for column in values.values():
        old, new = column[before], column[after]
        equal &= (old == new) | (np.isnan(old) & np.isnan(new))
    return equal


def _equal_texts(
    pieces: Sequence[_Piece], number: IntArray, line: IntArray, before: IntArray, after: IntArray
) -> BoolArray:
    equal = np.ones(len(before), np.bool_)
    if not any(piece.block.texts for piece in pieces):
        return equal

    def texts(row: int) -> dict[str, str | None]:
        block = pieces[number[row]].block
        at = int(np.searchsorted(block.line, line[row]))
        return {name: column[at] for name, column in block.texts.items()}

    for i, (old, new) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        equal[i] = texts(old) == texts(new)
    return equal


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
