"""One line of a raw file, read with care: what the fast path of `rawfile` does not take.

A line is `YYYY MM DD hh mm ss`, the trigger type, and 64 values, split by white space. Two faults of the writer are
repaired: a missing blank before a minus, and a missing line end between two complete events.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

COLUMNS = 71
DATE_COLUMNS = 6
FIRST_YEAR, LAST_YEAR = 1999, 2200
LARGEST_VALUE = 1e5  # excluded
LONGEST_LINE = 1 << 14  # bytes; some ten events, so what is longer is no event

WRONG_COLUMNS = "wrong column count"
INVALID_DATE = "invalid date"
MALFORMED = "malformed number"

_GLUED_MINUS = re.compile(rb"(?<=[0-9])-")
_EVENT_START = re.compile(rb"(?:19|2[0-9])[0-9]{2}(?: [0-9]{2}){5} +[0-9] ")
_OF_NUMBERS = b"0123456789.+-eE \t\r"


class Event(NamedTuple):
    """One event of a line; values in the order of the file."""

    time_s: int  # Unix seconds
    trigger: int
    values: list[float]


def read_line(line: bytes) -> list[Event] | str:
    """The events of a line that is neither blank nor a comment (one, seldom more), or why there are none."""
    if len(line) > LONGEST_LINE:
        return WRONG_COLUMNS if _date(line[:64].split()) is not None else INVALID_DATE
    whole = _read_event(line)
    if isinstance(whole, Event):
        return [whole]
    starts = [match.start() for match in _EVENT_START.finditer(line)]
    if len(starts) < 2 or line[: starts[0]].strip():
        return whole
    parts = [_read_event(line[a:b]) for a, b in zip(starts, [*starts[1:], len(line)], strict=True)]
    events = [part for part in parts if isinstance(part, Event)]
    return events if len(events) == len(parts) else whole


def _read_event(line: bytes) -> Event | str:
    if line.count(b"-") != line.count(b" -"):
        line = _GLUED_MINUS.sub(b" -", line)
    columns = line.split()
    time_s = _date(columns)
    if time_s is None:
        return INVALID_DATE
    if len(columns) != COLUMNS:
        return WRONG_COLUMNS
    trigger, *numbers = columns[DATE_COLUMNS:]
    # float() also reads nan, infinity and digits grouped by underscores
    if not trigger.isdigit() or line.translate(None, _OF_NUMBERS):
        return MALFORMED
    try:
        values = list(map(float, numbers))
    except ValueError:
        return MALFORMED
    if max(values) >= LARGEST_VALUE or min(values) <= -LARGEST_VALUE:
        return MALFORMED
    return Event(time_s, int(trigger), values)


def _date(columns: list[bytes]) -> int | None:
    date = columns[:DATE_COLUMNS]
    if len(date) < DATE_COLUMNS or not all(column.isdigit() and len(column) <= 4 for column in date):
        return None
    year, month, day, hour, minute, second = map(int, date)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None
