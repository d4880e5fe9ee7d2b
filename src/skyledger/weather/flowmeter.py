"""Reader of irrigation totals, `flowmetertotals*.csv`: one row per day, stamped with its beginning.

    file   = *preamble header *row       the header is the first line with a field `Date Time`
    row    = fields as the header names them; `Date Time` is MM/DD/YYYY hh:mm, `Actual` the volume of the day
    Actual = digits with thousands separators and decimals, quoted or not; blank is missing, 0 is no water

Other columns are left out. A line whose date or volume cannot be read is rejected with the reason.
"""

import csv
import re
from datetime import UTC, datetime, timedelta

import numpy as np

from skyledger.errors import FormatError
from skyledger.weather.toa5 import EPOCH, NO_RECORD, Block, Header, LoggerFile, RejectedLine, logger_file
from skyledger.weather.toa5_rows import Lines

TABLE = "flowmetertotals"
DATE_TIME = "Date Time"
ACTUAL = "Actual"

_VOLUME = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[+-]?\.\d+")
_HEADER = Header("", "", "", "", "", "", TABLE, (DATE_TIME, ACTUAL), ("TS", ""), ("", "Tot"))


def read(data: bytes, name: str) -> LoggerFile:
    """Read a file of totals: one block of columns `Date Time` and `Actual`. An empty file has no blocks.

    Raises FormatError when no line names these columns.
    """
    lines = Lines(data)
    if lines.blank.all():
        return LoggerFile(name, (), (), truncated=False, notes=())
    header = next((i for i in range(len(lines)) if DATE_TIME in _fields(lines.text(i))), None)
    names = [] if header is None else _fields(lines.text(header))
    if header is None or ACTUAL not in names:
        found = (
            f"line {lines.number[header]} has {', '.join(map(repr, names))}"
            if header is not None
            else "none has"
        )
        raise FormatError(f"{name}: no line names the columns {DATE_TIME!r} and {ACTUAL!r}: {found}")
    rows: list[tuple[int, int, float]] = []
    rejected: list[RejectedLine] = []
    for index in (np.flatnonzero(~lines.blank[header + 1 :]) + header + 1).tolist():
        try:
            time_us, volume = _row(lines.text(index), names)
            if np.isnan(volume) and index == len(lines) - 1 and not lines.is_terminated:
                raise ValueError("no volume, and no line end")
        except (ValueError, csv.Error) as error:
            rejected.append(lines.reject(index, str(error)))
        else:
            rows.append((int(lines.number[index]), time_us, volume))
    block = Block(
        header=_HEADER,
        time_us=np.array([time_us for _, time_us, _ in rows], np.int64),
        record=np.full(len(rows), NO_RECORD),
        line=np.array([line for line, _, _ in rows], np.int64),
        values={ACTUAL: np.array([volume for _, _, volume in rows], np.float64)},
        texts={},
        header_lines=range(int(lines.number[header]), int(lines.number[header]) + 1),
    )
    return logger_file(name, lines, [block], rejected)


def _fields(line: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], skipinitialspace=True), [])]
    except csv.Error:
        return []


def _row(line: str, names: list[str]) -> tuple[int, float]:
    """Time [us since 1970] and volume, NaN where blank. Raises ValueError saying what is wrong."""
    fields = next(csv.reader([line], skipinitialspace=True, strict=True), [])
    at = names.index(ACTUAL)
    if len(fields) > at and not any(names[at + 1 :]):
        fields[at:] = [
            ",".join(fields[at:]).rstrip(", ")
        ]  # thousands separators may stand there without quotes
        names = names[: at + 1]
    if len(fields) != len(names):
        raise ValueError(f"{len(fields)} fields; expected {len(names)}")
    stamp, volume = fields[names.index(DATE_TIME)].strip(), fields[at].strip()
    try:
        time = datetime.strptime(stamp, "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"column {DATE_TIME}: {stamp[:100]!r}; expected MM/DD/YYYY hh:mm") from None
    if volume and not _VOLUME.fullmatch(volume):
        raise ValueError(f"column {ACTUAL}: {volume[:100]!r}; expected a volume")
    return (time - EPOCH) // timedelta(microseconds=1), float(volume.replace(",", "") or "nan")
