"""Reads NASA Ames files, FFI 1001: the plain form, the tab-separated one of CARIBIC, the text export of the portal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.iagos.formats.nasa_ames.header import Header, HeaderLines, seconds_per_x, split_name

FloatArray = NDArray[np.float64]
Dialect = Literal["iagos", "caribic", "portal"]

PORTAL_MISSING = -9999.0


class RejectedRow(NamedTuple):
    """A data row that was left out."""

    line: int  # of the file, from 1
    reason: str


@dataclass(frozen=True, slots=True)
class NasaAmesFile:
    """One file. n rows, nv dependent variables."""

    name: str
    dialect: Dialect
    header: Header
    names: tuple[str, ...]  # (nv,) short names, unique
    units: tuple[str, ...]  # (nv,)
    x: FloatArray  # (n,) independent variable as stored, strictly ascending
    time_s: FloatArray  # (n,) Unix seconds UTC; NaN where the independent variable is no time
    values: FloatArray  # (n, nv) scaled; NaN is missing
    attributes: Mapping[str, str]  # special comments of the form `key: value`, without remarks
    rejected: tuple[RejectedRow, ...]
    duplicates: int  # exact copies of a row, left out
    notes: tuple[str, ...]

    def column(self, name: str) -> FloatArray:
        """Values of one variable, (n,)."""
        return self.values[:, self.names.index(name)]


def read(data: bytes, name: str, strict: bool = False) -> NasaAmesFile:
    """Read a file. `strict`: a wrong header length, and rows that cannot be used, are errors too.

    Otherwise such rows are left out and told. Raises FormatError, which names the line and what was expected.
    """
    notes: list[str] = []
    lines = _text(data, notes).replace("\r\n", "\n").split("\n")
    header, begin, portal_names = _header(lines, name, strict, notes)
    table, at, rejected = _rows(lines, begin, len(header.variables) + 1, name)
    if not len(table):
        reason = f": {rejected[0].reason} (line {rejected[0].line})" if rejected else ""
        raise FormatError(
            f"{name}: no data rows after line {begin}{reason}; expected X and {len(header.variables)} values"
        )
    table, duplicates = _rising(table, at, rejected)
    rejected.sort()
    if strict and (rejected or duplicates):
        where = (
            f"line {rejected[0].line}: {rejected[0].reason}" if rejected else f"{duplicates} rows are copies"
        )
        raise FormatError(f"{name}: {where}")

    stored = table[:, 1:]
    absent = stored == np.array(header.missing)
    if not np.isfinite(stored).all():
        absent |= ~np.isfinite(stored)
        notes.append("values that are no finite numbers are read as missing")
    values = np.where(absent, np.nan, stored * np.array(header.scales))
    per_x = seconds_per_x(header.x_name)
    if per_x is None:
        notes.append(f"{header.x_name!r} names no unit of time: rows have no time")
    midnight_s = datetime(header.begin.year, header.begin.month, header.begin.day, tzinfo=UTC).timestamp()
    caribic = "\t" in lines[begin]
    return NasaAmesFile(
        name=name,
        dialect="portal" if portal_names else "caribic" if caribic else "iagos",
        header=header,
        names=_names(header, portal_names, notes),
        units=tuple(split_name(line)[2] for line in header.variables),
        x=table[:, 0],
        time_s=midnight_s + table[:, 0] * (np.nan if per_x is None else per_x),
        values=values,
        attributes=_attributes(header.special),
        rejected=tuple(rejected),
        duplicates=duplicates,
        notes=tuple(notes),
    )


def _text(data: bytes, notes: list[str]) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        notes.append("begins with a byte order mark")
    for encoding in ("ascii", "utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        encoding, text = "latin-1", data.decode("latin-1")
    if encoding != "ascii":
        notes.append(f"is not ASCII: read as {encoding}")
    return text


def _header(
    lines: Sequence[str], name: str, strict: bool, notes: list[str]
) -> tuple[Header, int, tuple[str, ...]]:
    """Header, index of the first data line, and the names of a name line below the header (none: empty)."""
    cursor = HeaderLines(lines, name)
    try:
        header, stated, n_comments = cursor.parse()
    except FormatError:
        found = None if strict else _portal_header(lines)
        if found is None:
            raise
        notes.append("the header does not follow the grammar: names are those of the line above the data")
        return found
    counted = cursor.taken + n_comments
    width = len(header.variables) + 1
    begin = stated
    if counted != stated:
        problem = f"line 1: NLHEAD is {stated}, and the header has {counted} lines by its own counts"
        fitting = [at for at in (stated, counted) if _first_row(lines, at, width)] or [
            at for at in (stated, counted) if _name_line(lines, at, width)
        ]
        if strict or not fitting:
            raise FormatError(f"{name}: {problem}" + ("" if fitting else "; data begin after neither"))
        begin = fitting[0]
        notes.append(f"{problem}; data begin after line {begin}")
    names = _name_line(lines, begin, width)
    header = replace(header, comments=tuple(line.strip() for line in lines[cursor.taken : begin]))
    return header, begin + bool(names), names


def _portal_header(lines: Sequence[str]) -> tuple[Header, int, tuple[str, ...]] | None:
    """What can be known of an export of the portal whose header is NASA Ames in its first lines only."""
    first = lines[0].split()
    if len(first) != 2 or first[1] != "1001" or not first[0].isdigit():
        return None
    begin = int(first[0])
    names = _name_line(lines, begin, None)
    try:
        year, month, day = (int(part) for part in lines[6].split()[:3])
        start = date(year, month, day)
    except (ValueError, IndexError):
        return None
    if not names:
        return None
    spoken = {split_name(line)[0]: line for line in lines[8:begin] if ";" in line}
    variables = tuple(spoken.get(one, one) for one in names[1:])
    x_name = spoken.get(names[0], f"{names[0]}; seconds since midnight of the first day; [s]")
    ones, missing = (1.0,) * len(variables), (PORTAL_MISSING,) * len(variables)
    originator, organisation, source, mission = (line.strip() for line in lines[1:5])
    header = Header(
        originator, organisation, source, mission, start, start, x_name, variables, ones, missing,
        comments=tuple(line.strip() for line in lines[9:begin]),
    )  # fmt: skip
    return header, begin + 1, names


def _numeric(line: str) -> int:
    """How many numbers a line holds; 0 if it holds anything else."""
    parts = line.split()
    try:
        return len([float(part) for part in parts])
    except ValueError:
        return 0


def _name_line(lines: Sequence[str], at: int, width: int | None) -> tuple[str, ...]:
    """The names in a line that stands above the first row without being part of the header."""
    if at + 1 >= len(lines):
        return ()
    parts = tuple(lines[at].split())
    fits = len(parts) > 1 and len(parts) == (width or len(parts)) == _numeric(lines[at + 1])
    return parts if fits and not any(_numeric(part) for part in parts) else ()


def _first_row(lines: Sequence[str], at: int, width: int) -> bool:
    """Whether the line with this index is a row, and the one before is none."""
    return 0 < at < len(lines) and _numeric(lines[at]) == width != _numeric(lines[at - 1])


def _rows(
    lines: Sequence[str], begin: int, width: int, name: str
) -> tuple[FloatArray, NDArray[np.intp], list[RejectedRow]]:
    """All rows that hold as many numbers as they must, their line numbers, and the others."""
    body = lines[begin:]
    at = np.flatnonzero([not line.isspace() and line != "" for line in body]) + begin + 1
    if not len(at):
        raise FormatError(f"{name}: no data rows after line {begin}; expected X and {width - 1} values")
    try:
        table = np.loadtxt(body, comments=None, ndmin=2)
    except ValueError:
        table = np.empty((0, 0))
    if table.shape == (len(at), width):
        return table, at, []
    return _rows_one_by_one(lines, at, width)


def _rows_one_by_one(
    lines: Sequence[str], at: NDArray[np.intp], width: int
) -> tuple[FloatArray, NDArray[np.intp], list[RejectedRow]]:
    """The same for a file with bad rows, to know which."""
    rows, good, rejected = [], [], []
    for line in at.tolist():
        parts = lines[line - 1].split()
        if len(parts) == 1:
            reason = f"only X; expected X and {width - 1} values"
        elif len(parts) != width:
            reason = f"{'more' if len(parts) > width else 'fewer'} columns, {len(parts)}; expected NV + 1 = {width}"
        else:
            try:
                rows.append([float(part) for part in parts])
            except ValueError as error:
                reason = str(error)
            else:
                good.append(line)
                continue
        rejected.append(RejectedRow(line, reason))
    return np.array(rows).reshape(-1, width), np.array(good, dtype=np.intp), rejected


def _rising(table: FloatArray, at: NDArray[np.intp], rejected: list[RejectedRow]) -> tuple[FloatArray, int]:
    """Rows whose X is above all before, and how many of the others are copies; the rest is rejected."""
    x = table[:, 0]
    keep = np.isfinite(x)
    highest = np.maximum.accumulate(np.where(keep, x, -np.inf))
    keep[1:] &= x[1:] > highest[:-1]
    if keep.all():
        return table, 0
    kept = table[keep]
    duplicates = 0
    for row in np.flatnonzero(~keep).tolist():
        same = min(np.searchsorted(kept[:, 0], x[row]), len(kept) - 1)
        if np.array_equal(kept[same], table[row], equal_nan=True):
            duplicates += 1
        else:
            rejected.append(RejectedRow(int(at[row]), f"X {x[row]:g} does not rise above {highest[row]:g}"))
    return kept, duplicates


def _names(header: Header, portal_names: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    """Short names, made unique."""
    names = list(portal_names[1:]) or [split_name(line)[0] for line in header.variables]
    last = header.comments[-1].split() if header.comments else []
    if not portal_names and len(last) == len(names) + 1 and last[1:] != names:
        notes.append("the last comment line does not repeat the names of the variables")
    seen: dict[str, int] = {}
    for index, one in enumerate(names):
        seen[one] = seen.get(one, 0) + 1
        if seen[one] > 1:
            names[index] = f"{one}_{seen[one]}"
            notes.append(f"two variables are named {one}: the later one is {names[index]} here")
    return tuple(names)


def _attributes(special: Sequence[str]) -> dict[str, str]:
    """`key: value # remark`, without remarks; a line without a key goes on with the one before."""
    found: dict[str, str] = {}
    key = ""
    for line in special:
        before, colon, after = line.partition(":")
        if colon and before.strip() and " " not in before.strip():
            key, text = before.strip(), after
        else:
            text = line
        value = text.partition("#")[0].strip()
        if key and value:
            found[key] = f"{found[key]}; {value}" if found.get(key) else value
        elif key:
            found.setdefault(key, "")
    return found
