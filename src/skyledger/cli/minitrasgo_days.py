"""miniTRASGO at the terminal: files and days reduced by hand, and what is known of them."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skyledger import config
from skyledger.cli.common import LoadMode, err, out, shown, table_of, warehouse
from skyledger.cli.minitrasgo import Day, LastDay, StationName, minitrasgo_app
from skyledger.errors import FormatError, PermanentError
from skyledger.ledger import Mode

if TYPE_CHECKING:
    from skyledger.minitrasgo.store import DayRecord

PLANES = 4


@minitrasgo_app.command("reduce")
def minitrasgo_reduce(
    files: Annotated[
        list[Path], typer.Argument(help="raw files, named as at the station", exists=True, dir_okay=False)
    ],
    z: Annotated[
        str | None,
        typer.Option(
            help="heights of planes 1 to 4 in mm, such as 0,145,290,435; default: the run dictionary"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Reduce files, in order of time, and show what comes of each: calibration, efficiencies, rate. Stores nothing."""
    from skyledger.minitrasgo.figures import figures, reduce_paths, tables

    shown, errors = [], []
    for one in reduce_paths(files, _heights(z) if z else None):
        if isinstance(one, FormatError):
            errors.append(str(one))
        elif as_json:
            shown.append(figures(one))
        else:
            for table in tables(one):
                out.print(table)
    if as_json:
        print(json.dumps({"files": shown}, allow_nan=False))
    if errors:
        raise FormatError("\n".join(errors))


@minitrasgo_app.command("reduce-days")
def minitrasgo_reduce_days(
    station: StationName, day: Day, last_day: LastDay = None, mode: LoadMode = Mode.MISSING
) -> None:
    """Reduce the registered files of days, join the days, and draw them: what the DAG minitrasgo_events_reduce does."""
    from skyledger.minitrasgo.join import join_day
    from skyledger.minitrasgo.pictures import draw_day
    from skyledger.minitrasgo.plan import plan_days, plan_files
    from skyledger.minitrasgo.reduce_file import reduce_file
    from skyledger.minitrasgo.stations import load_station

    known, store = load_station(station), warehouse("minitrasgo")
    first, last = _span(day, last_day)
    failed = []
    with store.session() as session:
        files = [item.partition_key for item in plan_files(session, known, first, last, mode).items]
    table = table_of("file", "state", "events", "rejected", "rate [Hz]")
    for file in files:
        with err.status(file):
            try:
                made = reduce_file(store, known, file, mode, data_root=config.DATA_ROOT).as_dict()
            except PermanentError as error:
                failed.append(f"{file}: {error}")
                continue
        rate = f"{made['rate_hz']:.4f} ± {made['rate_error_hz']:.4f}" if made["rate_hz"] else ""
        table.add_row(file, made["state"], str(made["events"]), str(made["rejected"]), rate)
    out.print(table)
    with store.session() as session:
        # a file that begins on the last day may end on the next one
        days = [
            item.partition_key
            for item in plan_days(session, known, first, last + timedelta(days=1), mode).items
        ]
    for one in days:
        with err.status(f"{station} {one}"):
            summary = join_day(store, known, date.fromisoformat(one), mode, data_root=config.DATA_ROOT)
            with store.session() as session:
                draw_day(session, known, date.fromisoformat(one), config.DATA_ROOT)
        rows = table_of("", f"{station} {one}")
        for key, value in summary.as_dict().items():
            rows.add_row(key.replace("_", " "), shown(value))
        out.print(rows)
    if failed:
        raise PermanentError("\n".join(failed))


@minitrasgo_app.command("quicklook")
def minitrasgo_quicklook(
    station: StationName,
    day: Day,
    output: Annotated[Path | None, typer.Option(help="PNG file; default: below the data root")] = None,
) -> None:
    """Draw the picture of a joined day."""
    from skyledger.minitrasgo.pictures import draw_day
    from skyledger.minitrasgo.stations import load_station

    with warehouse("minitrasgo").session() as session:
        path = draw_day(session, load_station(station), day.date(), config.DATA_ROOT, output)
    out.print(
        str(path) if path else f"{station} has no joined day {day.date()}", highlight=False, soft_wrap=True
    )


@minitrasgo_app.command("report")
def minitrasgo_report(
    station: StationName,
    day: Day,
    as_json: Annotated[bool, typer.Option("--json", help="the whole report")] = False,
) -> None:
    """Print what is known of a joined day: rates, efficiencies, files with their calibrations, notes."""
    from skyledger.minitrasgo.stations import load_station
    from skyledger.minitrasgo.store import read_day

    with warehouse("minitrasgo").session() as session:
        found = read_day(session, load_station(station).station, day.date())
    if found is None:
        raise PermanentError(
            f"{station} has no joined day {day.date()}: see `skyledger minitrasgo files` and `skyledger ledger gaps"
            " minitrasgo`"
        )
    if as_json:
        print(json.dumps(found.report, ensure_ascii=False))
        return
    for line in _lines(found):
        out.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(day: "DayRecord") -> Iterator[str]:
    """A day's record for a terminal."""
    yield f"{day.files} files, {day.events} events in {day.live_s:.0f} live seconds, {day.rejected} lines rejected"
    for what in ("trigger", "track", "good"):
        rate, error = getattr(day, f"{what}_rate_hz"), getattr(day, f"{what}_rate_error_hz")
        if rate is not None:
            yield f"{what} rate {rate:.4f} ± {error:.4f} Hz"
    for plane in day.planes:
        estimates = {"telescope": plane.telescope, "ratio": plane.ratio}
        told = ", ".join(f"{method} {e[0]:.4f} ± {e[1]:.4f}" for method, e in estimates.items() if e)
        streamers = f"{100 * plane.streamers / plane.hits:.1f} % streamers" if plane.hits else "no hit"
        yield f"plane {plane.plane}: efficiency {told or 'not known'}; {streamers}"
    for file in day.report["files"]:
        rate = f"{file['rate_hz']:.4f} ± {file['rate_error_hz']:.4f} Hz" if file["rate_hz"] else "no rate"
        borrowed = f" from {file['borrowed_from']}" if file["borrowed_from"] else ""
        run = "" if file["run_in_force"] else "; no row of the run dictionary was in force"
        yield (
            f"{file['file']}: {rate}, {file['rejected']} lines rejected, "
            f"calibration {file['calibration']}{borrowed}{run}"
        )
    for file in day.report["unused"]:
        yield f"{file['file']}: {file['state']}, not used: {file['message'] or 'no reason given'}"
    yield from day.report["jumps"]
    yield from day.report["notes"]


def _span(day: datetime, last_day: datetime | None) -> tuple[date, date]:
    first, last = day.date(), (last_day or day).date()
    if last < first:
        raise typer.BadParameter(f"--day {first} is after --last-day {last}")
    return first, last


def _heights(text: str) -> tuple[float, ...]:
    try:
        heights = tuple(map(float, text.split(",")))
    except ValueError:
        heights = ()
    if len(heights) != PLANES:
        raise typer.BadParameter(f"--z {text!r}: expected four heights in mm, such as 0,145,290,435")
    return heights
