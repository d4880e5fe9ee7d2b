"""What the PI reads about a flight: the decision first, then the evidence.

`build` makes the report from data and verdict, `keep` puts it on disk. `content.py` is what it says, `advice.py` what
it suggests and warns of, `figures/` what it shows, `page.py` how it is laid out. Building one loads matplotlib.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from skyledger.errors import PermanentError
from skyledger.files import atomic
from skyledger.iagos.assess import Assessment
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.names import Level
from skyledger.iagos.report.advice import Suggestion
from skyledger.iagos.report.context import ReportContext, SourceFile

__all__ = ["Report", "ReportContext", "ReportPaths", "SourceFile", "Suggestion", "build", "keep"]


@dataclass(frozen=True, slots=True)
class Report:
    """What the PI decides by."""

    key: Key
    level: Level  # that the decision is about
    content: dict[str, Any]  # plain values for JSON
    html: str  # a page of its own: nothing is loaded from elsewhere
    digest: str  # of the data: a decision names it
    suggestion: Suggestion


class ReportPaths(NamedTuple):
    """Where a report is kept."""

    html: Path
    json: Path


def build(data: FlightData, assessment: Assessment, context: ReportContext) -> Report:
    """Make the report on flagged data. Equal arguments give an equal report.

    Raises PermanentError when data, verdict and context do not speak of the same.
    """
    from skyledger.iagos.report.comparison import compare
    from skyledger.iagos.report.content import describe
    from skyledger.iagos.report.page import lay_out

    if data.key != context.key or data.digest() != assessment.data.digest():
        raise PermanentError(
            f"report on {context.key}: data {data.key}, verdict on {assessment.data.key}; expected one flight file with"
            " its own verdict"
        )
    comparison = compare(data, context.previous) if context.previous else None
    content = describe(assessment, context, comparison)
    said = content["report"]
    return Report(
        key=data.key,
        level=context.level,
        content=content,
        html=lay_out(
            content, assessment, comparison, f"{_name(data.key, context.level, said['data_digest'])}.json"
        ),
        digest=said["data_digest"],
        suggestion=Suggestion(said["suggestion"]),
    )


def keep(report: Report, data_root: Path) -> ReportPaths:
    """Put page and JSON below the data root; what is there of the same data is replaced."""
    key = report.key
    folder = data_root / "iagos" / "reports" / key.instrument_type / key.flight_id
    name = _name(key, report.level, report.digest)
    paths = ReportPaths(folder / f"{name}.html", folder / f"{name}.json")
    text = json.dumps(report.content, ensure_ascii=False, allow_nan=False, indent=1)
    for path, content in zip(paths, (report.html, text), strict=True):
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return paths


def _name(key: Key, level: Level, digest: str) -> str:
    return f"r{key.revision}_{level}_{digest[:8]}"
