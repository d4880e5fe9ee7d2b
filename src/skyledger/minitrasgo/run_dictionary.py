"""The operators' run dictionary: their sheet, exported as CSV, checked and turned into rows for a station's file.

Two header rows: the first groups columns and is skipped, the second has the names (reference 3.1). A sheet with any
problem gives no rows: all problems are told at once, with line and column.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from skyledger.errors import ConfigError
from skyledger.minitrasgo.stations import Run, SwappedStrips

Z_MM = (0.0, 150.0, 300.0, 450.0)  # of a row that has none, as in the group's programs
PLANE_COLUMNS = ("P1", "P2", "P3", "P4")
LEAD_COLUMNS = ("over_P1", "P1-P2", "P2-P3", "P3-P4")
TRIGGER_COLUMNS = ("C1", "C2", "C3", "C4")
NEEDED = ("station", "conf", "start", "end", *LEAD_COLUMNS, *PLANE_COLUMNS, *TRIGGER_COLUMNS, "phi_north")
FIELDS = {"z_mm": "P1 to P4", "triggers": "C1 to C4", "valid_to": "end", "phi_north_deg": "phi_north"}
# Station 2: cables of two strips were exchanged while conf was below 2 (reference 2.2)
SWAPPED_STATION, SWAPPED_BELOW_CONF = 2, 2.0
SWAPPED = (SwappedStrips(plane=4, strips=(3, 4)),)
HEADER_LINES = 2


@dataclass(frozen=True, slots=True)
class RunTable:
    """The rows of one station, by first day. `notes` say what was filled in."""

    station_number: int
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def read_csv(path: Path) -> RunTable:
    """Read a sheet. Raises ConfigError that lists all its problems, one per line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: {error}; expected the sheet exported as CSV in UTF-8") from error
    columns = lines[HEADER_LINES - 1][1] if len(lines) >= HEADER_LINES else []
    if missing := [name for name in NEEDED if name not in columns]:
        raise ConfigError(
            f"{path}: line {HEADER_LINES}: columns {', '.join(missing)} are missing; expected the names in the second"
            f" line: {', '.join(NEEDED)}"
        )
    rows = [
        _Row(line, dict(zip(columns, cells, strict=False)))
        for line, cells in lines[HEADER_LINES:]
        if any(cells)
    ]
    if not rows:
        raise ConfigError(f"{path}: no rows below the two header lines")
    read = [(row.line, row.station(), row.run()) for row in rows]
    problems = [f"line {row.line}: {problem}" for row in rows for problem in row.problems]
    problems += _order_problems([(line, station, run) for line, station, run in read if run])
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    runs = sorted((run for _, _, run in read if run), key=lambda run: run.valid_from)
    notes = tuple(f"line {row.line}: {note}" for row in rows for note in row.notes)
    return RunTable(read[0][1], tuple(runs), notes)


def to_yaml(runs: tuple[Run, ...]) -> str:
    """Rows to be pasted into `runs` of a station's file."""
    lines = []
    for run in runs:
        row = run.model_dump(mode="json", exclude_defaults=True) | {"valid_from": run.valid_from}
        if run.valid_to:
            row["valid_to"] = run.valid_to
        row = {key: _plain(value) for key, value in row.items()}
        text = yaml.safe_dump(row, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
        lines.append(f"  - {text.strip()}")
    return "runs:\n" + "\n".join(lines) + "\n"


class _Row:
    """One line of the sheet; its problems are collected while it is read."""

    def __init__(self, line: int, cells: Mapping[str, str]) -> None:
        self.line = line
        self.cells = cells
        self.problems: list[str] = []
        self.notes: list[str] = []

    def station(self) -> int:
        value = self._number("station")
        if value is None or value not in range(1, 10):
            self._refuse("station", "the station's number, 1 to 9")
            return 0
        return int(value)

    def run(self) -> Run | None:
        values: dict[str, Any] = {
            "conf": self._number("conf"),
            "valid_from": self._day("start"),
            "valid_to": self._day("end"),
            "z_mm": self._z_mm(),
            "lead_mm": tuple(self._number(name) or 0.0 for name in LEAD_COLUMNS),
            "triggers": tuple(filter(None, map(self._planes, TRIGGER_COLUMNS))),
            "phi_north_deg": self._number("phi_north"),
            "comment": self.cells.get("comment", ""),
        }
        for column, field in (("conf", "conf"), ("start", "valid_from")):
            if not self._text(column):
                self._refuse(column, "a number" if field == "conf" else "YYYY-MM-DD")
        if values["phi_north_deg"] is None:
            self.notes.append("phi_north is missing: 0 is used")
            values["phi_north_deg"] = 0.0
        if self.problems:
            return None
        if self._number("station") == SWAPPED_STATION and values["conf"] < SWAPPED_BELOW_CONF:
            self.notes.append("station 2 with conf below 2: strips 3 and 4 of plane 4 are exchanged")
            values["swapped_strips"] = SWAPPED
        try:
            return Run(**values)
        except ValidationError as error:
            for one in error.errors():
                field = str(one["loc"][0]) if one["loc"] else "valid_to"
                told = str(one["msg"]).removeprefix("Value error, ")
                self.problems.append(f"{FIELDS.get(field, field)}: {told}")
            return None

    def _text(self, column: str) -> str:
        text = self.cells.get(column, "")
        return "" if text.lower() in ("nan", "none", "-") else text

    def _number(self, column: str) -> float | None:
        text = self._text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            self._refuse(column, "a number with a decimal point")
            return None
        return value

    def _day(self, column: str) -> date | None:
        text = self._text(column)
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._refuse(column, "YYYY-MM-DD")
            return None

    def _planes(self, column: str) -> str:
        """Digits of planes; a sheet's program may have made the number 12.0 of them."""
        return self._text(column).removesuffix(".0")

    def _z_mm(self) -> tuple[float | None, ...]:
        missing = [name for name in PLANE_COLUMNS if not self._text(name)]
        if len(missing) == len(PLANE_COLUMNS):
            self.notes.append(f"P1 to P4 are missing: {', '.join(f'{z:g}' for z in Z_MM)} mm is used")
            return Z_MM
        for name in missing:
            self._refuse(name, "a height in mm (or none of P1 to P4)")
        return tuple(map(self._number, PLANE_COLUMNS))

    def _refuse(self, column: str, expected: str) -> None:
        problem = f"{column} is {self.cells.get(column, '')!r}; expected {expected}"
        if problem not in self.problems:
            self.problems.append(problem)


def _order_problems(read: list[tuple[int, int, Run]]) -> list[str]:
    """What is wrong with rows against each other."""
    problems = []
    for (_, station, _), (line, other, _) in pairwise(read):
        if other != station:
            problems.append(f"line {line}: station is {other}; expected {station} as in the rows above")
    for (before_line, _, before), (line, _, run) in pairwise(sorted(read, key=lambda r: r[2].valid_from)):
        if run.valid_from == before.valid_from:
            problems.append(
                f"line {line}: start is {run.valid_from}, as in line {before_line}; expected each once"
            )
        elif run.conf <= before.conf:
            problems.append(
                f"line {line}: conf is {run.conf:g}; expected more than {before.conf:g} of line {before_line}, which"
                " starts earlier"
            )
    return problems


def _plain(value: Any) -> Any:
    """Whole numbers without their .0."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
