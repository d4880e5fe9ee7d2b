"""What people look at of a stored day: its picture and its report. Both come from the database alone."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from skyledger.errors import PermanentError
from skyledger.files import atomic
from skyledger.warehouse import Session
from skyledger.weather.stations import Station
from skyledger.weather.store import DayRecord, read_bins, read_day


def draw_day(
    session: Session, station: Station, day: date, data_root: Path, output: Path | None = None
) -> Path | None:
    """Draw a stored day into `output` or its place below the data root; None when nothing is stored."""
    from skyledger.weather.quicklook import draw_quicklook  # matplotlib

    record = read_day(session, station.station, day, station.main_product)
    bins = read_bins(session, station.station, day, station.main_product)
    period = station.on(day)
    if record is None or bins is None or period is None:
        return None
    picture = draw_quicklook(bins, station, period, day, facts=facts(record))
    path = output or data_root / "weather" / "quicklook" / station.station / f"{day.year}" / f"{day}.png"
    with atomic(path) as temporary:
        temporary.write_bytes(picture)
    return path


def facts(record: DayRecord) -> dict[str, object]:
    """The figures of a day's report that stand in the foot of its picture."""
    report = record.report
    return {
        "files": len(report["files"]),
        "rows": report["rows"],
        "rejected": report["rejected"],
        "duplicates": report["duplicates"],
        "gaps": len(report["gaps"]),
        "digest": record.content_digest[:12],
    }


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A day's report for a terminal."""
    yield (
        f"{report['rows']} of {report['n_expected']} rows (coverage {report['coverage']:.4f}), "
        f"{report['rejected']} lines rejected, {report['duplicates']} duplicates, {report['conflicts']} rows with two "
        f"contents, {report['out_of_order']} out of order"
    )
    yield f"files ({len(report['files'])}): {', '.join(report['files'])}"
    for segment in report["segments"]:
        yield (
            f"{segment['first']} to {segment['last']}: {segment['rows']} rows of table {segment['table']}, logger "
            f"{segment['logger']}, program {segment['program']}"
        )
    for gap in report["gaps"]:
        kind = "lost on the way: collect again" if gap["recoverable"] else "the logger was off"
        yield f"gap {gap['first']} to {gap['last']}: {gap['rows_lost']} rows, {kind}"
    for event in report["events"]:
        yield f"{event['time']} {event['kind']}: {event['text']}"
    for variable, reason in report["missing"].items():
        yield f"missing {variable}: {reason}"
    for variable, tests in report["tests"].items():
        found = ", ".join(f"{test} {n['suspect']} suspect {n['fail']} fail" for test, n in tests.items())
        if found:
            yield f"{variable}: {found}"
    for name, product in report["products"].items():
        yield (
            f"{name}: {product['bins']} bins, {product['values_published']} values published, "
            f"{product['values_withheld']} withheld"
        )
    yield from report["notes"]


def require_day(session: Session, station: Station, day: date) -> DayRecord:
    """What is known of a stored day. Raises PermanentError that says where to look when nothing is."""
    record = read_day(session, station.station, day, station.main_product)
    if record is None:
        raise PermanentError(
            f"{station.station} has no stored day {day}: see `skyledger ledger gaps weather`"
        )
    return record
