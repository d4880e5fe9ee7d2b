"""CSV files and workbooks as rows of cells."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from skyledger.iagos.metadata.cells import Table, text
from skyledger.iagos.metadata.tables import TABLES


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row, or a whole sheet (line 0), was left out."""

    file: str
    sheet: str
    line: int
    column: str  # empty: the row as a whole
    value: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}, {self.sheet}" + (f", line {self.line}" if self.line else "")
        return (
            where
            + (f", {self.column}: {self.value!r}" if self.column else "")
            + f": expected {self.expected}"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it is written: cells by heading, text or what a workbook gives."""

    file: str
    sheet: str
    number: int
    cells: dict[str, object]

    def problem(self, column: str, value: str, expected: str) -> Problem:
        """Something wrong with it."""
        return Problem(self.file, self.sheet, self.number, column, value, expected)


def read_files(paths: Iterable[Path]) -> tuple[dict[str, list[Line]], list[Problem]]:
    """All rows by table, and what could not be read. A folder stands for the CSV files and workbooks in it."""
    lines: dict[str, list[Line]] = {}
    problems: list[Problem] = []
    for path in _files(paths):
        try:
            written = list(_workbook(path) if path.suffix.lower() == ".xlsx" else _csv_file(path))
        except (OSError, UnicodeDecodeError, csv.Error, BadZipFile, KeyError, ValueError) as error:
            expected = "a workbook" if path.suffix.lower() == ".xlsx" else "a CSV file in UTF-8"
            problems.append(Problem(path.name, path.stem, 0, "", "", f"{expected} ({error})"))
            continue
        for sheet, rows in written:
            _take(path.name, sheet, rows, lines, problems)
    return lines, problems


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.suffix.lower() in (".csv", ".xlsx"))
        else:
            yield path


Rows = Iterable[tuple[int, Sequence[object]]]  # number of the line, cells; empty lines are left out


def _csv_file(path: Path) -> Iterator[tuple[str, Rows]]:
    """Separated by commas, or by semicolons as spreadsheets of some countries do."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=";" if ";" in first and "," not in first else ",", strict=True)
        yield path.stem, [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]


def _workbook(path: Path) -> Iterator[tuple[str, Rows]]:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            rows = enumerate(sheet.iter_rows(values_only=True), 1)
            yield sheet.title, [(number, row) for number, row in rows if any(map(text, row))]
    finally:
        book.close()


def _take(file: str, sheet: str, rows: Rows, lines: dict[str, list[Line]], problems: list[Problem]) -> None:
    if sheet not in TABLES:
        problems.append(Problem(file, sheet, 0, "", "", f"a table: one of {', '.join(TABLES)}"))
        return
    (first, heading), *below = list(rows) or [(1, ())]
    headings = [text(cell) for cell in heading]
    if wrong := _wrong_headings(TABLES[sheet], headings):
        problems += [Problem(file, sheet, first, column, column, expected) for column, expected in wrong]
        return
    kept = lines.setdefault(sheet, [])
    for number, cells in below:
        surplus = [text(cell) for cell in cells[len(headings) :] if text(cell)]
        if surplus:
            problems.append(
                Problem(file, sheet, number, "", surplus[0], f"{len(headings)} cells, as there are headings")
            )
        else:
            named = zip(headings, cells, strict=False)
            kept.append(Line(file, sheet, number, {name: cell for name, cell in named if name}))


def _wrong_headings(table: Table, headings: list[str]) -> list[tuple[str, str]]:
    known = table.headings
    named = [heading for heading in headings if heading]
    wrong = [(one, f"one of {', '.join(known)}") for one in named if one not in known]
    wrong += [(one, "this heading once") for one in sorted(set(named)) if named.count(one) > 1]
    wrong += [("", f"a heading {one} ({known[one]})") for one in table.required if one not in named]
    return wrong
