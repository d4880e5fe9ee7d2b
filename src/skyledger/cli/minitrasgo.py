"""miniTRASGO at the terminal."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from skyledger import config, connections
from skyledger.cli import common
from skyledger.cli.common import day_range, err, out, shown, table_of, warehouse
from skyledger.errors import SkyledgerError, SourceError, SourceUnavailable

minitrasgo_app = typer.Typer(help="miniTRASGO stations.", no_args_is_help=True)

StationName = Annotated[
    str, typer.Option("--station", help="name of its file in include/config/minitrasgo/stations")
]
StationNames = Annotated[list[str] | None, typer.Option("--station", help="station; repeat; default all")]
Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="UTC day on which files begin")]
LastDay = Annotated[
    datetime | None,
    typer.Option("--last-day", formats=["%Y-%m-%d"], help="with it: all days from --day to this one"),
]


@minitrasgo_app.command("acquire")
def minitrasgo_acquire(
    station: StationNames = None,
    source: Annotated[
        Literal["station", "archive"], typer.Option("--from", help="where the files are brought from")
    ] = "station",
    names: Annotated[
        list[str] | None, typer.Option("--names", help="only this file, whatever its size and gap; repeat")
    ] = None,
    first_day: common.FirstDay = None,
    last_day: common.LastDay = None,
    order: Annotated[Literal["newest", "oldest"], typer.Option(help="which files come first")] = "newest",
    max_files: Annotated[int | None, typer.Option(min=1, help="files of a station, at most")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
) -> None:
    """Bring new files from the stations, or from their archive, into the raw store."""
    from skyledger.minitrasgo.acquire import acquire_station, source_of
    from skyledger.minitrasgo.choose import Wanted
    from skyledger.minitrasgo.stations import load_station, stations
    from skyledger.rsync import RemoteFolder
    from skyledger.ssh import gateway_id

    days = day_range(first_day, last_day or datetime.now(UTC)) if first_day or last_day else None
    wanted = Wanted(names, days, order, max_files)
    failed: list[SkyledgerError] = []
    for name in station or stations():
        known = load_station(name)
        where = source_of(known, source)
        connection = connections.from_environment(where.connection)
        gateway = gateway_id(connection)
        folder = RemoteFolder(
            connection,
            connections.from_environment(gateway) if gateway else None,
            where.path,
            where.pattern,
            where.timeout_s,
            where.bandwidth_kib_s,
        )
        try:
            with err.status(name) as status:
                summary = acquire_station(
                    warehouse("minitrasgo"),
                    known,
                    source,
                    folder.listing,
                    partial(folder.bring, progress=status.update),
                    data_root=config.DATA_ROOT,
                    now=datetime.now(UTC),
                    wanted=wanted,
                    dry_run=dry_run,
                    progress=status.update,
                )
        except (SourceUnavailable, SourceError) as error:  # a silent station stops no other
            failed.append(error)
            continue
        _print(name, summary.as_dict())
    if failed:
        raise type(failed[0])("\n".join(map(str, failed)))


@minitrasgo_app.command("files")
def minitrasgo_files(station: StationName, day: Day, last_day: LastDay = None) -> None:
    """List the registered files of a station: what they are, and why some are not reduced."""
    from skyledger.minitrasgo.registry import files_between
    from skyledger.minitrasgo.stations import load_station

    known = load_station(station)
    with warehouse("minitrasgo").session() as session:
        files = files_between(session, known.station, day.date(), (last_day or day).date())
    table = table_of("file", "state", "begin", "bytes", "delivery", "first event", "last event", "message")
    for file in files:
        first, last = file.first_event, file.last_event
        table.add_row(
            file.basename,
            file.state,
            f"{file.begin:%Y-%m-%d %H:%M:%S}",
            str(file.bytes),
            str(file.delivery),
            f"{first:%H:%M:%S}" if first else "",
            f"{last:%H:%M:%S}" if last else "",
            "; ".join(
                filter(None, (file.canonical_name and f"should be {file.canonical_name}", file.message))
            ),
        )
    out.print(table)


@minitrasgo_app.command("register")
def minitrasgo_register(
    files: Annotated[list[Path], typer.Argument(help="raw files, with their names of the station")],
) -> None:
    """Register files handed over by a person, each at the station of its name. The files stay where they are."""
    from skyledger.minitrasgo.acquire import register_local

    for summary in register_local(warehouse("minitrasgo"), files, data_root=config.DATA_ROOT):
        _print(summary.station, summary.as_dict())


@minitrasgo_app.command("runs")
def minitrasgo_runs(
    sheet: Annotated[Path, typer.Argument(help="run dictionary of a station, exported as CSV")],
) -> None:
    """Check the operators' run dictionary and print it as rows for the station's file."""
    from skyledger.minitrasgo.run_dictionary import read_csv, to_yaml

    found = read_csv(sheet)
    print(f"# station {found.station_number}")
    for note in found.notes:
        print(f"# {note}")
    print(to_yaml(found.runs), end="")


@minitrasgo_app.command("stations")
def minitrasgo_stations() -> None:
    """List the stations: when each last answered, since when it is silent, what waits there."""
    from skyledger.minitrasgo.contact import contacts
    from skyledger.minitrasgo.stations import stations

    with warehouse("minitrasgo").session() as session:
        met = contacts(session)
    table = table_of("station", "source", "last answer", "silent since", "waiting", "oldest since", "message")
    for name in stations():
        theirs = [one for one in met if one.station == name]
        if not theirs:
            table.add_row(name, "", "never asked")
        for one in theirs:
            times = (one.last_ok, one.failing_since, one.waiting_since)
            last_ok, failing, waiting = (f"{t:%Y-%m-%d %H:%M}" if t else "" for t in times)
            table.add_row(
                name, one.source, last_ok or "never", failing, str(one.waiting), waiting, one.message or ""
            )
    out.print(table)


def _print(title: str, values: dict[str, Any]) -> None:
    table = table_of("", title)
    for key, value in values.items():
        text = "\n".join(map(str, value)) if isinstance(value, list) else shown(value)
        table.add_row(key.replace("_", " "), text)
    out.print(table)
