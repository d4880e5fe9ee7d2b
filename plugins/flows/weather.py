"""The steps of the weather-station flow: take files in, find the days to make, make them, report."""

import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from flows.assets import WEATHER_OBSERVATIONS
from flows.days import data_days, day_key, parse_day
from hooks.inbox import open_inbox
from hooks.warehouse import WarehouseHook
from operators.publish_to_geostreams import WEATHER_DB
from skyledger.weather.stations import stations

if TYPE_CHECKING:
    from skyledger.weather.stations import Station

log = logging.getLogger(__name__)

STATIONS = sorted(stations())
DAYS_PER_RUN = 200  # mapped tasks of one run; Airflow allows 1024


def register_files(station: str, context: Any) -> dict[str, Any]:
    """Take the new and changed files of a station's inbox into the raw store."""
    from skyledger.config import DATA_ROOT
    from skyledger.weather.register import register_files
    from skyledger.weather.stations import load_station

    known = load_station(station)
    with open_inbox(known.inbox) as inbox:
        summary = register_files(
            WarehouseHook(WEATHER_DB).get_conn(),
            known,
            inbox,
            data_root=DATA_ROOT,
            now=datetime.now(UTC),
            run_id=context["run_id"],
        )
    return summary.as_dict()


def plan_days(context: Any) -> list[dict[str, str]]:
    """Station-days to make or to publish, oldest first.

    Without days in the form these are all that are missing or have changed, since the first file of a station;
    a backfill asks for its own day.
    """
    from skyledger.ledger import Mode
    from skyledger.weather.plan import note_plan, plan_days
    from skyledger.weather.publish import unpublished_days

    params, now = context["params"], datetime.now(UTC)
    first, last = _asked_days(context)
    mode = Mode(params["mode"])
    todo: set[tuple[str, str]] = set()
    with WarehouseHook(WEATHER_DB).get_conn().session() as session:
        for station in _chosen_stations(params):
            plan = plan_days(session, station, first, last, mode, params["backfill_days"], now=now)
            log.info("%s%s", "dry run: " if params["dry_run"] else "", plan.describe(station.station))
            for waiting in plan.waiting:
                log.info("%s", waiting)
            made = {(item.partition_key, station.station) for item in plan.work.items}
            unpublished = unpublished_days(session, station, first, last)
            log.info("%s: %d days to publish", station.station, len(unpublished))
            made |= {(day.isoformat(), station.station) for day in unpublished}
            todo |= made
            if not params["dry_run"]:
                note_plan(session, station, plan, run_id=context["run_id"])
    if params["dry_run"]:
        return []
    chosen = sorted(todo)
    if len(chosen) > DAYS_PER_RUN:
        log.warning(
            "%d of %d days in this run, oldest first; the next run goes on", DAYS_PER_RUN, len(chosen)
        )
    return [{"station": station, "day": day} for day, station in chosen[:DAYS_PER_RUN]]


def process_day(station: str, day: str, context: Any) -> dict[str, Any]:
    """Make one day, and tell whoever waits for it; skip when it has no new observations."""
    from skyledger.config import DATA_ROOT
    from skyledger.ledger import Mode
    from skyledger.weather.observe import make_day
    from skyledger.weather.stations import load_station

    summary = make_day(
        WarehouseHook(WEATHER_DB).get_conn(),
        load_station(station),
        parse_day(day),
        Mode(context["params"]["mode"]),
        data_root=DATA_ROOT,
        run_id=context["run_id"],
    )
    if not summary.bins:
        raise AirflowSkipException(f"{station} {day}: {summary.state}, so nobody needs to be told")
    context["outlet_events"][WEATHER_OBSERVATIONS].add_partitions(day_key(parse_day(day), station))
    return summary.as_dict()


def draw_quick_look(station: str, day: str) -> str:
    """Draw the picture of a stored day; skip when nothing is stored."""
    from skyledger.config import DATA_ROOT
    from skyledger.weather.pictures import draw_day
    from skyledger.weather.stations import load_station

    with WarehouseHook(WEATHER_DB).get_conn().session() as session:
        path = draw_day(session, load_station(station), parse_day(day), DATA_ROOT)
    if path is None:
        raise AirflowSkipException(f"nothing is stored of {station} {day}")
    log.info("picture: %s", path)
    return str(path)


def report_run(context: Any) -> list[dict[str, Any]]:
    """What the run did per station and day: logged as a table, returned for whoever asks Airflow."""
    from skyledger.weather.run_days import run_days

    with WarehouseHook(WEATHER_DB).get_conn().session() as session:
        rows = run_days(session, context["run_id"])
    log.info("%-20s %-10s %-10s %8s %8s %9s %6s %9s", *_HEADINGS)
    for row in rows:
        log.info("%-20s %-10s %-10s %8d %8d %9.4f %6d %9d", *(row[heading] for heading in _HEADINGS))
    return rows


_HEADINGS = ("station", "day", "state", "rows", "rejected", "coverage", "bins", "published")


def _asked_days(context: Any) -> tuple[date, date]:
    """First and last day that the run looks at."""
    params = context["params"]
    if context["dag_run"].run_type == "backfill" and not (params.get("first_day") or params.get("last_day")):
        days = data_days(context)
        return days[0], days[-1]
    first, last = params.get("first_day"), params.get("last_day")
    return (
        parse_day(first, "first_day") if first else date(1970, 1, 1),
        parse_day(last, "last_day") if last else datetime.now(UTC).date(),
    )


def _chosen_stations(params: Any) -> "list[Station]":
    return [station for name, station in stations().items() if name in params["stations"]]
