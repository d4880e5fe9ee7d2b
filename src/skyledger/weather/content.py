"""What arrived: whether its rows count for a station, why not, and to which day it belongs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from skyledger.errors import FormatError
from skyledger.inbox import Entry
from skyledger.weather import toa5
from skyledger.weather.clock import IntArray, moment
from skyledger.weather.readers import read_file
from skyledger.weather.stations import ColumnMap, Station
from skyledger.weather.toa5 import DayPart, LoggerFile

SHOW_REJECTED = 3

_DATE = re.compile(r"(?<!\d)(\d{4})[-_](\d{2})[-_](\d{2})(?!\d)")


@dataclass(frozen=True)
class Content:
    """What bytes turned out to be: `state` and `message` as in table logger_file."""

    state: str
    message: str | None = None
    file: LoggerFile | None = None  # with the blocks of our table and station only
    parts: Sequence[DayPart] = ()


def judge(station: Station, columns: Sequence[ColumnMap], data: bytes, name: str) -> Content:
    """Read a file and say whether its rows count for the station, by any of the column maps it ever had."""
    reasons = []
    for column_map in {c.format: c for c in columns}.values():
        try:
            file = read_file(column_map, data, name)
            break
        except FormatError as error:
            reasons.append(str(error))
    else:
        return Content("quarantined", "; ".join(reasons))
    tables = {c.table for c in columns if c.format == column_map.format}
    ours = tuple(
        block
        for block in file.blocks
        if block.header.table in tables and station.header_station in (None, block.header.station)
    )
    if file.blocks and not ours:
        found = file.blocks[0].header
        return Content(
            "other",
            f"table {found.table!r} of station {found.station!r}; expected table {' or '.join(sorted(tables))}"
            f" of station {station.header_station or 'any'}. If it belongs here, correct header_station or columns"
            " in the station's file, then register again",
            replace(file, rejected=()),
        )
    if any(len(block.line) and block.time_us[0] == toa5.NO_TIME for block in ours):
        return Content("quarantined", "no TIMESTAMP column: its rows belong to no day")
    notes = [*file.notes]
    if left_out := len(file.blocks) - len(ours):
        notes.append(f"{left_out} header blocks of another table or station are left out")
    file = replace(file, blocks=ours)
    parts = toa5.day_parts(data, file)
    if file.has_too_many_bad_lines:
        lines = len(file.rejected) + file.rows
        shown = "; ".join(f"line {bad.line}: {bad.reason}" for bad in file.rejected[:SHOW_REJECTED])
        return Content(
            "failed",
            f"{len(file.rejected)} of {lines} lines are bad, more than {toa5.MAX_BAD_SHARE:.0%}: none of its rows"
            f" is used. Correct the file at the source, it is then taken again. First: {shown}",
            file,
            parts,
        )
    return Content("registered", "; ".join(notes) or None, file, parts)


def first_day(entry: Entry, content: Content) -> date:
    """Day of the first row on the logger's clock, else of the name, else of the folder, else of the file's time."""
    in_file = (moment(times[0]).date() for times in times_of(content.file))
    return next(chain(in_file, _dates(entry.name), _dates(entry.folder), (moment(entry.modified_us).date(),)))


def times_of(file: LoggerFile | None) -> Iterator[IntArray]:
    """Times of the rows of each block that has any."""
    for block in file.blocks if file else ():
        if len(block.time_us) and block.time_us[0] != toa5.NO_TIME:
            yield block.time_us


def _dates(text: str) -> Iterator[date]:
    for year, month, day in _DATE.findall(text):
        try:
            yield date(int(year), int(month), int(day))
        except ValueError:
            continue
