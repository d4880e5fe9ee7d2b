"""Cells, headings and rows of metadata tables: what is expected, and how it is read."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from skyledger.errors import FormatError
from skyledger.iagos.metadata.calibrations import check_parameters
from skyledger.iagos.metadata.sql import OPEN

Reader = Callable[[object], Any]


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """A cell that is not what its column expects."""


@dataclass(frozen=True, slots=True)
class Column:
    """One heading. `read` turns a cell (text, or what a workbook gives) into what the database holds."""

    name: str
    expected: str
    read: Reader
    empty: Any = None  # what an empty cell means; `...`: it must not be empty


@dataclass(frozen=True, slots=True)
class Link:
    """Headings that together name a row of another table, in the order of that table's `key` as people write it."""

    stored: str  # column of the database
    table: str
    headings: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what people write, and what makes a row the same row."""

    name: str
    about: str
    columns: tuple[Column | Link, ...]
    key: tuple[str, ...]  # columns of the database
    period: tuple[str, str] | None = None  # begin and end; the end comes after the begin
    fixed: tuple[str, ...] = ()  # never changes once written
    history: bool = False  # a change is a new row that corrects the old one

    @property
    def headings(self) -> dict[str, str]:
        """All headings with what is expected below them."""
        found: dict[str, str] = {}
        for column in self.columns:
            if isinstance(column, Column):
                found[column.name] = column.expected + ("" if column.empty is ... else "; may be empty")
            else:
                expected = f"as in table {column.table}" + ("" if column.required else "; may be empty")
                found |= dict.fromkeys(column.headings, expected)
        if self.history:
            found[WITHDRAWN] = "yes: the row with this key no longer counts; may be empty"
        return found

    @property
    def required(self) -> tuple[str, ...]:
        """Headings without which no row can be read."""
        found: list[str] = []
        for column in self.columns:
            if isinstance(column, Link):
                found += column.headings if column.required else ()
            elif column.empty is ...:
                found.append(column.name)
        return tuple(found)

    @property
    def stored(self) -> tuple[str, ...]:
        """Columns of the database."""
        return tuple(c.stored if isinstance(c, Link) else c.name for c in self.columns)


WITHDRAWN = "withdrawn"  # heading of tables with a history


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is wrong with one cell."""

    heading: str
    value: str
    expected: str


def read_row(table: Table, cells: Mapping[str, object]) -> tuple[dict[str, Any], list[Unreadable]]:
    """A row as the database holds it, links still as tuples of what people wrote; and what is wrong with it."""
    values: dict[str, Any] = {}
    wrong: list[Unreadable] = []
    for column in table.columns:
        if isinstance(column, Link):
            written = tuple(text(cells.get(heading)) for heading in column.headings)
            values[column.stored] = written if any(written) else None
            if not all(written) and (column.required or any(written)):
                empty = next(
                    heading for heading, one in zip(column.headings, written, strict=True) if not one
                )
                wrong.append(Unreadable(empty, "", table.headings[empty]))
            continue
        cell = cells.get(column.name)
        if text(cell):
            try:
                values[column.name] = column.read(cell)
            except _Unreadable:
                wrong.append(Unreadable(column.name, text(cell), column.expected))
        elif column.empty is ...:
            wrong.append(Unreadable(column.name, "", column.expected))
        else:
            values[column.name] = column.empty
    if not wrong:
        wrong = _wrong_together(table, values, cells)
    return values, wrong


def _wrong_together(table: Table, values: Mapping[str, Any], cells: Mapping[str, object]) -> list[Unreadable]:
    """What is wrong with cells that are right one by one."""
    if table.period:
        begin, end = (values[name] for name in table.period)
        if begin and end and begin >= end:
            name = table.period[1]
            return [Unreadable(name, text(cells.get(name)), f"a time after {table.period[0]} ({begin})")]
    if table.name == "calibration":
        parameters, uncertainties = values["parameters"], values["uncertainties"]
        try:
            check_parameters(values["function"], parameters)
        except FormatError as error:
            return [Unreadable("parameters", text(cells.get("parameters")), str(error))]
        if not set(uncertainties) <= set(parameters) or any(one < 0 for one in uncertainties.values()):
            expected = f"numbers from 0 up for some of {', '.join(parameters)}"
            return [Unreadable("uncertainties", text(cells.get("uncertainties")), expected)]
    return []


def text(cell: object) -> str:
    """What a person sees in a cell: a workbook gives 17.0 where 17 was typed."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime):
        return cell.isoformat()
    return str(cell).strip()


def words(longest: int) -> Reader:
    """Reader of text without control characters."""

    def read(cell: object) -> str:
        said = text(cell)
        if len(said) > longest or not said.isprintable():
            raise _Unreadable
        return said

    return read


def pattern(expression: str) -> Reader:
    """Reader of text of a form."""

    def read(cell: object) -> str:
        if not re.fullmatch(expression, text(cell)):
            raise _Unreadable
        return text(cell)

    return read


def number(low: float = -math.inf, high: float = math.inf) -> Reader:
    """Reader of finite numbers between two limits."""

    def read(cell: object) -> float:
        try:
            value = float(text(cell))
        except ValueError:
            raise _Unreadable from None
        if not (math.isfinite(value) and low <= value <= high):
            raise _Unreadable
        return value

    return read


def moment(cell: object) -> datetime:
    """Time in UTC without zone, to the second (workbooks keep times as fractions of a day)."""
    if isinstance(cell, datetime):
        moment = cell
    else:
        try:
            moment = datetime.fromisoformat(text(cell))
        except ValueError:
            raise _Unreadable from None
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    if not 1900 <= moment.year < OPEN.year:
        raise _Unreadable
    return moment


def yes(cell: object) -> int:
    """1 or 0."""
    said = text(cell).lower()
    if said in ("yes", "true", "1"):
        return 1
    if said in ("no", "false", "0"):
        return 0
    raise _Unreadable


def withdrawn(cells: Mapping[str, object]) -> bool:
    """Whether a row says that it no longer counts. Raises FormatError."""
    cell = cells.get(WITHDRAWN)
    try:
        return bool(text(cell) and yes(cell))
    except _Unreadable:
        raise FormatError("yes or no; may be empty") from None


def pairs(cell: object) -> dict[str, float]:
    """Numbers by name: a=1; b=2."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text(cell).split(";"))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name in found:
            raise _Unreadable
        found[name] = number()(value)
    return found
