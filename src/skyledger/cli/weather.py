"""Weather stations at the terminal."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from skyledger import config, connections
from skyledger.cli.common import LoadMode, err, out, shown, table_of, warehouse
from skyledger.errors import PermanentError
from skyledger.ledger import Mode

weather_app = typer.Typer(help="Weather stations.", no_args_is_help=True)

StationName = Annotated[
    str, typer.Option("--station", help="name of its file in include/config/weather/stations")
]
StationNames = Annotated[list[str] | None, typer.Option("--station", help="station; repeat; default all")]
Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="the station's day")]
LastDay = Annotated[
    datetime | None,
    typer.Option("--last-day", formats=["%Y-%m-%d"], help="with it: all days from --day to this one"),
]


@weather_app.command("register")
def weather_register(
    station: StationNames = None,
    again: Annotated[
        bool,
        typer.Option(help="also files that were not accepted: after a correction of their configuration"),
    ] = False,
) -> None:
    """Take new files from the stations' inboxes into the raw store."""
    from skyledger.inbox import open_inbox
    from skyledger.weather.register import register_files
    from skyledger.weather.stations import load_station, stations

    for name in station or stations():
        known = load_station(name)
        connection = known.inbox.connection and connections.from_environment(known.inbox.connection)
        with open_inbox(connection or None, known.inbox.path, config.DATA_ROOT) as inbox:
            summary = register_files(
                warehouse("weather"),
                known,
                inbox,
                data_root=config.DATA_ROOT,
                now=datetime.now(UTC),
                run_id="cli",
                again=again,
            )
        _print(name, summary.as_dict())


@weather_app.command("process")
def weather_process(
    station: StationName, day: Day, last_day: LastDay = None, mode: LoadMode = Mode.MISSING
) -> None:
    """Make days from registered files: observations in the database and the NetCDF product."""
    from skyledger.weather.observe import make_day
    from skyledger.weather.stations import load_station

    known = load_station(station)
    failed = []
    for one in _days(day, last_day):
        with err.status(f"{station} {one}"):
            try:
                summary = make_day(warehouse("weather"), known, one, mode, data_root=config.DATA_ROOT)
            except PermanentError as error:
                failed.append(f"{one}: {error}")
                continue
        _print(f"{station} {one}", summary.as_dict())
    if failed:
        raise PermanentError("\n".join(failed))


@weather_app.command("publish")
def weather_publish(
    station: StationName,
    day: Day,
    last_day: LastDay = None,
    force: Annotated[
        bool, typer.Option(help="compare with the server even if nothing has changed here")
    ] = False,
) -> None:
    """Publish stored days to GeoStreams: only what is missing or different there."""
    from skyledger.geostreams import Geostreams
    from skyledger.weather.publish import publish_day
    from skyledger.weather.stations import load_station

    known = load_station(station)
    if known.geostreams is None:
        raise PermanentError(f"station {station} is not published: its configuration has no geostreams")
    client = Geostreams(connections.from_environment(known.geostreams.connection))
    for one in _days(day, last_day):
        with err.status(f"{station} {one}"):
            summary = publish_day(warehouse("weather"), client, known, one, run_id="cli", force=force)
        _print(f"{station} {one}", summary.as_dict())


@weather_app.command("quicklook")
def weather_quicklook(
    station: StationName,
    day: Day,
    output: Annotated[Path | None, typer.Option(help="PNG file; default: below the data root")] = None,
) -> None:
    """Draw the picture of a stored day."""
    from skyledger.weather.pictures import draw_day
    from skyledger.weather.stations import load_station

    with warehouse("weather").session() as session:
        path = draw_day(session, load_station(station), day.date(), config.DATA_ROOT, output)
    out.print(
        str(path) if path else f"{station} has no stored day {day.date()}", highlight=False, soft_wrap=True
    )


@weather_app.command("report")
def weather_report(
    station: StationName,
    day: Day,
    as_json: Annotated[bool, typer.Option("--json", help="the whole report")] = False,
) -> None:
    """Print what is known of a stored day: files, gaps, events, flags, tests."""
    import json

    from skyledger.weather.pictures import report_lines, require_day
    from skyledger.weather.stations import load_station

    with warehouse("weather").session() as session:
        found = require_day(session, load_station(station), day.date())
    if as_json:
        print(json.dumps(dict(found.report), ensure_ascii=False))
    else:
        for line in report_lines(found.report):
            out.print(line, highlight=False, markup=False, soft_wrap=True)


def _days(first: datetime, last: datetime | None) -> Iterator[date]:
    end = (last or first).date()
    if end < first.date():
        raise typer.BadParameter(f"--day {first.date()} is after --last-day {end}")
    return (first.date() + timedelta(days=n) for n in range((end - first.date()).days + 1))


def _print(title: str, values: dict[str, Any]) -> None:
    table = table_of("", title)
    for key, value in values.items():
        table.add_row(key.replace("_", " "), shown(value))
    out.print(table)
