"""Import of metadata tables from CSV files or workbooks.

An import is one transaction: a dry run does all of it and rolls back, so that it says what a real one would. A row is
new, unchanged, changed or refused; a refused row is told with file, line, column and what was expected, and left out.
Rows are never deleted. A change of a calibration, a relation or a deployment is a correction: the old row stays and
keeps the time until when it was held to be true.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skyledger.errors import FormatError
from skyledger.iagos.metadata.cells import WITHDRAWN, read_row, withdrawn
from skyledger.iagos.metadata.impact import Impact, impact_of
from skyledger.iagos.metadata.rows import Database, Refused
from skyledger.iagos.metadata.sheets import Line, Problem, read_files
from skyledger.iagos.metadata.sql import naive
from skyledger.iagos.metadata.tables import TABLES
from skyledger.warehouse import Session

LOCK = "iagos.metadata"


@dataclass(slots=True)
class Counts:
    """Rows of one table."""

    new: int = 0
    unchanged: int = 0
    changed: int = 0
    refused: int = 0


@dataclass(slots=True)
class ImportReport:
    """What an import did; what a dry run would have done."""

    written: bool  # not by a dry run, nor by a strict one that met an error
    tables: dict[str, Counts] = field(default_factory=dict)
    errors: list[Problem] = field(default_factory=list)
    impact: Impact = field(default_factory=Impact)  # of calibrations, relations, deployments
    touched: dict[str, list[int]] = field(default_factory=dict)  # numbers of these rows, by table

    def as_dict(self) -> dict[str, Any]:
        """Plain values, the same for a dry run: so without numbers of rows."""
        return {
            "written": self.written,
            "tables": {name: asdict(counts) for name, counts in self.tables.items()},
            "errors": [asdict(error) for error in self.errors],
            "impact": self.impact.as_dict(),
        }


class _Undone(Exception):  # noqa: N818 - never leaves this module
    """Rolls back."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report


def import_tables(
    session: Session, paths: Iterable[Path], *, dry_run: bool, actor: str, strict: bool = False
) -> ImportReport:
    """Import files `<table>.csv`, workbooks with a sheet per table, or folders of them.

    `strict` writes nothing unless every row can be taken. What stands in several files is taken together, table by
    table, in the order in which rows can refer to others.
    """
    lines, problems = read_files(paths)

    def work() -> ImportReport:
        report = ImportReport(True, errors=list(problems))
        database = Database(session, actor, naive(datetime.now(UTC)))
        for name in TABLES:
            if name in lines:
                report.tables[name] = _import_table(database, name, lines[name], report.errors)
        touched = report.touched = database.touched
        report.impact = impact_of(
            session,
            calibrations=touched.get("calibration", ()),
            relations=touched.get("component_relation", ()),
            deployments=touched.get("deployment", ()),
        )
        if dry_run or (strict and report.errors):
            report.written = False
            raise _Undone(report)
        return report

    with session.lock([LOCK]):
        try:
            return session.commit(work)
        except _Undone as undone:
            return undone.report


def _import_table(database: Database, name: str, lines: list[Line], errors: list[Problem]) -> Counts:
    counts = Counts()
    waiting = lines
    while waiting:
        refused: list[tuple[Line, list[Problem]]] = []
        for line in waiting:
            if problems := _import_line(database, name, line, counts):
                refused.append((line, problems))
        if len(refused) == len(waiting):
            errors += [problem for _, problems in refused for problem in problems]
            counts.refused = len(refused)
            break
        waiting = [line for line, _ in refused]  # perhaps another row stood in the way that is changed by now
    return counts


def _import_line(database: Database, name: str, line: Line, counts: Counts) -> list[Problem]:
    table = TABLES[name]
    try:
        values, wrong = read_row(table, line.cells)
        ended = table.history and withdrawn(line.cells)
    except FormatError as error:
        return [line.problem(WITHDRAWN, str(line.cells[WITHDRAWN]), str(error))]
    if wrong:
        return [line.problem(one.heading, one.value, one.expected) for one in wrong]
    try:
        effect = database.put(name, values, withdrawn=ended)
    except Refused as error:
        return [line.problem(error.heading, str(line.cells.get(error.heading) or ""), error.expected)]
    setattr(counts, effect, getattr(counts, effect) + 1)
    return []
