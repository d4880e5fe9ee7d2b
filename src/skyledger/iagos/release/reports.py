"""Reports that a PI can decide by: which is the newest of a file, and whether it still tells the truth."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skyledger.errors import PermanentError
from skyledger.iagos import series
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level
from skyledger.iagos.release.sql import DATA_LEVEL, naive_now, statement
from skyledger.iagos.report import Report, ReportPaths
from skyledger.warehouse import Session


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as the database knows it."""

    key: Key
    level: Level  # that the decision is about
    report_id: int
    qc_run_id: int
    data_digest: str
    page: str  # <TYPE>/<flight_id>/<name>.html
    title: str
    summary: str  # Markdown
    suggestion: str  # RELEASE, REVIEW, REJECT
    least_available: str  # variable of the instrument
    availability: float  # of that variable: usable share of what was to be measured, 0 to 1
    critical: str  # what speaks against any export; empty: nothing
    made_at: datetime  # UTC
    quality: str  # name and version of the configuration of quality control
    waits: bool  # for a decision
    up_to_date: bool  # neither series nor flags set by people have changed since


def note_report(
    session: Session, key: Key, level: Level, qc_run_id: int, report: Report, paths: ReportPaths, run_id: str
) -> int:
    """Make a report that is on disk known, in the caller's transaction, and return its number.

    The caller holds the flight. When it says what the newest one says already, nothing is added.
    """
    newest = newest_report(session, key, level)
    if newest and newest.up_to_date and (newest.qc_run_id, newest.data_digest) == (qc_run_id, report.digest):
        return newest.report_id
    judged = series.kept(session, key, DATA_LEVEL[level])
    if judged is None:
        raise PermanentError(f"{key}: a report on series of level {DATA_LEVEL[level]} that are not kept")
    content = report.content
    own = _own(content)
    least = min(own, key=lambda name: own[name]["availability_measuring"], default="")
    session.execute(
        statement("add_report"),
        {
            **key._asdict(),
            "level_name": str(level),
            "qc_run_id": qc_run_id,
            "data_digest": report.digest,
            "series_digest": judged.digest,
            "flags_by_hand": len(content["flags_by_hand"]),
            "page": "/".join(paths.html.parts[-3:]),
            "title": _title(content),
            "summary": _summary(content, own),
            "suggestion": str(report.suggestion),
            "least_available": least,
            "availability": own[least]["availability_measuring"] if own else 0.0,
            "critical": "; ".join(
                f"{one['subject']}: {one['text']}" for one in content["warnings"] if one["critical"]
            ),
            "now": naive_now(),
            "run_id": run_id,
        },
    )
    ((number,),) = session.query("SELECT LAST_INSERT_ID()")
    return int(number)


def newest_report(session: Session, key: Key, level: Level) -> StoredReport | None:
    """The report that counts; None when there is none."""
    found = _reports(session, key, level)
    return found[0] if found else None


def report_of(session: Session, key: Key, level: Level, report_id: int) -> StoredReport:
    """A report by its number."""
    return _reports(session, key, level, report_id)[0]


def mixed_configurations(
    session: Session, wanted: Iterable[tuple[Key, Level]]
) -> dict[tuple[str, Level], str]:
    """Where not all of these were judged with one configuration: by instrument and level, which were with which."""
    found: defaultdict[tuple[str, Level], defaultdict[str, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for key, level in wanted:
        if report := newest_report(session, key, level):
            found[key.instrument_type, level][report.quality].append(key.flight_id)
    return {
        what: "; ".join(f"{config}: {', '.join(flights)}" for config, flights in by_config.items())
        for what, by_config in found.items()
        if len(by_config) > 1
    }


def _reports(session: Session, key: Key, level: Level, report_id: int | None = None) -> list[StoredReport]:
    rows = session.query(
        statement("reports"),
        {
            **key._asdict(),
            "level_name": str(level),
            "data_level": str(DATA_LEVEL.get(level, level)),
            "report_id": report_id,
        },
    )
    return [_stored(key, level, row) for row in rows]


def _stored(key: Key, level: Level, row: tuple[Any, ...]) -> StoredReport:
    report_id, qc_run_id, digest, page, title, summary, suggestion, *rest = row
    least_available, availability, critical, made_at, quality, waits, up_to_date = rest
    return StoredReport(
        key=key,
        level=level,
        report_id=int(report_id),
        qc_run_id=int(qc_run_id),
        data_digest=digest,
        page=page,
        title=title,
        summary=summary,
        suggestion=suggestion,
        least_available=least_available,
        availability=float(availability),
        critical=critical,
        made_at=made_at.replace(tzinfo=UTC),
        quality=quality,
        waits=bool(waits),
        up_to_date=bool(up_to_date),
    )


def _own(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the report says of the instrument's variables."""
    return {name: one for name, one in content["variables"].items() if one["kind"] == "instrument"}


def _title(content: dict[str, Any]) -> str:
    flight = content["flight"]
    route = f"{flight['departure']['airport']}-{flight['arrival']['airport']}"
    again = f", delivery {flight['revision']}" if flight["revision"] > 1 else ""
    return f"{route} {flight['flight_id']} ({flight['instrument_type']}{again})"


def _summary(content: dict[str, Any], own: dict[str, dict[str, Any]]) -> str:
    """What a PI wants to know before reading on."""
    said = content["report"]
    lines = [f"Suggested: **{said['suggestion']}**"]
    lines += [f"- {reason}" for reason in said["reasons"]]
    lines += ["", "| variable | usable | erroneous |", "|---|---|---|"]
    lines += [
        f"| {name} | {one['availability_measuring']:.1%} | {one['erroneous_measuring']:.1%} |"
        for name, one in own.items()
    ]
    others = sum(not one["critical"] for one in content["warnings"])
    if others:
        lines += ["", f"{others} more warning{'s' if others > 1 else ''} in the report."]
    return "\n".join(lines)
