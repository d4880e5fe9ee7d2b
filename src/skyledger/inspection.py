"""What a reader makes of files, in one form for every format: `skyledger inspect`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from skyledger.errors import FormatError
from skyledger.weather import toa5
from skyledger.weather.records import Records, assemble
from skyledger.weather.toa5 import EPOCH, NO_TIME, RECORD, TIMESTAMP, Block, Header, LoggerFile

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MAX_TOLD = 20  # rejected lines of a file, gaps and events that are told one by one
_ANY_TIME_US = 2**62


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column over all rows that were kept."""

    unit: str
    count: int  # values that are not missing
    sum: float | None  # exact, rounded once; None where there are no numbers, as in text
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was read."""

    format: str
    rows: int  # distinct ones
    rejected: int  # lines
    duplicates: int  # exact copies that were dropped
    first: str | None  # ISO 8601 on the file's own clock
    last: str | None
    columns: dict[str, ColumnSummary]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: no NaN, no infinity."""
        return {
            "format": self.format,
            "rows": self.rows,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "first": self.first,
            "last": self.last,
            "columns": {
                name: {"unit": c.unit, "count": c.count, "sum": c.sum, "min": c.min, "max": c.max}
                for name, c in self.columns.items()
            },
            "notes": list(self.notes),
        }


def inspect_toa5(paths: Sequence[Path]) -> Inspection:
    """Read TOA5 files of one table, in order of delivery: that of the first block that is found.

    A file that cannot be read is told in the notes. Raises its FormatError when no file can.
    """
    files: list[LoggerFile] = []
    notes: list[str] = []
    errors: list[FormatError] = []
    for path in paths:
        try:
            file = toa5.read(path.read_bytes(), path.name)
        except FormatError as error:
            errors.append(error)
            notes.append(f"not read: {error}")
            continue
        files.append(file)
        notes += [f"{file.name}: {note}" for note in file.notes]
        notes += _some([f"{file.name}: line {bad.line} rejected: {bad.reason}" for bad in file.rejected])
    if errors and not files:
        raise errors[0]

    every = [(index, block) for index, file in enumerate(files) for block in file.blocks]
    chosen = [(index, block) for index, block in every if _series(block) == _series(every[0][1])]
    rejected = sum(len(file.rejected) for file in files)
    blocks = [block for _, block in chosen]
    if any(len(block.line) and block.time_us[0] == NO_TIME for block in blocks):
        notes.append("no TIMESTAMP: copies of rows are not looked for")
        columns = _columns([(block, np.ones(len(block.line), np.bool_)) for block in blocks], notes)
        return Inspection(
            "toa5", sum(len(block.line) for block in blocks), rejected, 0, None, None, columns, tuple(notes)
        )
    records = assemble(
        files,
        table=blocks[0].header.table if blocks else "",
        header_station=blocks[0].header.station if blocks else None,
        interval_s=_interval_s(blocks),
        first_us=-_ANY_TIME_US,
        last_us=_ANY_TIME_US,
    )
    kept = [(block, np.isin(block.line, records.line[records.file == index])) for index, block in chosen]
    columns = _columns(kept, notes)
    notes += [*records.notes, *_history(records)]
    return Inspection(
        format="toa5",
        rows=len(records.time_us),
        rejected=rejected,
        duplicates=records.duplicates,
        first=_iso(int(records.time_us[0])) if len(records.time_us) else None,
        last=_iso(int(records.time_us[-1])) if len(records.time_us) else None,
        columns=columns,
        notes=tuple(notes),
    )


def table_for_people(inspection: Inspection) -> Table:
    """The same as a table: what was read above, notes below."""
    title = f"{inspection.format}: {inspection.rows} rows, {inspection.rejected} rejected lines, "
    title += f"{inspection.duplicates} duplicates"
    if inspection.first:
        title += f"\n{inspection.first} to {inspection.last}"
    table = Table(
        title=Text(title),
        caption=Text("\n".join(inspection.notes)),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    for heading in ("column", "unit"):
        table.add_column(heading)
    for heading in ("count", "mean", "min", "max", "sum"):
        table.add_column(heading, justify="right")
    for name, column in inspection.columns.items():
        mean = column.sum / column.count if column.sum is not None and column.count else None
        numbers = [
            "" if number is None else f"{number:.10g}"
            for number in (mean, column.min, column.max, column.sum)
        ]
        table.add_row(Text(name), Text(column.unit), str(column.count), *numbers)
    return table


def _series(block: Block) -> tuple[str, str]:
    return block.header.station, block.header.table


def _interval_s(blocks: Sequence[Block]) -> float:
    """The most frequent time step."""
    steps = np.diff(np.sort(np.concatenate([np.empty(0, np.int64), *(block.time_us for block in blocks)])))
    found, counts = np.unique(steps[steps > 0], return_counts=True)
    return float(found[np.argmax(counts)]) / 1e6 if len(found) else 1.0


def _columns(blocks: Sequence[tuple[Block, BoolArray]], notes: list[str]) -> dict[str, ColumnSummary]:
    """Summaries of the rows that are kept, in the order of the headers."""
    names = dict.fromkeys(name for block, _ in blocks for name in block.header.names)
    summaries = {}
    for name in names:
        if name in {TIMESTAMP, RECORD}:
            continue
        units = list(dict.fromkeys(b.header.unit(name) for b, _ in blocks if name in b.header.names))
        if len(units) > 1:
            notes.append(f"column {name}: the unit changes: {', '.join(map(repr, units))}")
        numbers = [block.values[name][kept] for block, kept in blocks if name in block.values]
        present = np.concatenate([np.empty(0), *numbers])
        present = present[~np.isnan(present)]
        words = sum(
            kept and word is not None
            for block, mask in blocks
            for kept, word in zip(mask, block.texts.get(name, ()), strict=False)
        )
        summaries[name] = ColumnSummary(
            unit=units[0],
            count=len(present) + int(words),
            sum=_exact_sum(present) if numbers else None,
            min=float(present.min()) if len(present) else None,
            max=float(present.max()) if len(present) else None,
        )
    return summaries


def _exact_sum(values: FloatArray) -> float | None:
    try:
        return math.fsum(values)
    except OverflowError:
        return None


def _history(records: Records) -> Iterator[str]:
    """What happened between the rows, in sentences."""
    if records.out_of_order:
        yield f"rows out of order: {records.out_of_order}"
    if records.conflicts:
        yield f"rows replaced by a later delivery with other values: {records.conflicts}"
    for before, after in pairwise(records.segments):
        yield f"the header changes at {_iso(after.first_us)}: {_changes(before.header, after.header)}"
    yield from _some([f"{_iso(event.time_us)}: {event.kind}: {event.text}" for event in records.events])
    yield from _some(
        [
            f"{_iso(gap.first_missing_us)} to {_iso(gap.last_missing_us)}: {gap.rows_lost} rows missing, "
            + ("which the logger stored" if gap.recoverable else "never stored")
            for gap in records.gaps
        ]
    )


def _changes(before: Header, after: Header) -> str:
    parts = ("names", "units", "processing", "signature")
    return ", ".join(part for part in parts if getattr(before, part) != getattr(after, part))


def _some(sentences: list[str]) -> list[str]:
    more = len(sentences) - MAX_TOLD
    return sentences if more <= 0 else [*sentences[:MAX_TOLD], f"... and {more} more like the last"]


def _iso(time_us: int) -> str:
    return (EPOCH + timedelta(microseconds=time_us)).replace(tzinfo=None).isoformat()
