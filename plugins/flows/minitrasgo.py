"""The steps of the miniTRASGO flows: announce days with new files, reduce files, join days, draw, report."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TriggerRule, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from flows.assets import MINITRASGO_RATES, MINITRASGO_RAW_FILES
from flows.days import ONE_DAY, day_key, day_range, parse_day, split_key
from flows.defaults import MINITRASGO_REDUCE_POOL
from hooks.warehouse import WarehouseHook
from operators.rsync_station import MINITRASGO_DB
from skyledger.errors import PermanentError
from skyledger.minitrasgo.stations import load_station, stations

if TYPE_CHECKING:
    from skyledger.ledger import Mode
    from skyledger.minitrasgo.stations import MingoStation
    from skyledger.warehouse import Session

log = logging.getLogger(__name__)

STATIONS = sorted(stations())
FILES_PER_RUN = 500  # mapped tasks of one run; Airflow allows 1024
FIRST_DAY = date(2000, 1, 1)  # before all files: simulated ones begin here


def reduce_and_join(plan: Callable[[Any], list[dict[str, str]]]) -> Any:
    """The tasks from planned files to rates and pictures; `plan` gives the files of a run. Returns the first one."""

    @task
    def plan_files():
        return plan(get_current_context())

    @task(pool=MINITRASGO_REDUCE_POOL, map_index_template="{{ file }}")
    def reduce_file(station: str, basename: str):
        context = get_current_context()
        context["file"] = basename
        return reduce_one(station, basename, context)

    @task(trigger_rule=TriggerRule.ALL_DONE)  # the day is made of the files that could be reduced
    def plan_days(files: list[dict[str, str]]):
        return days_to_join(files, get_current_context())

    @task_group
    def station_day(station: str, day: str):
        @task(outlets=[MINITRASGO_RATES], map_index_template="{{ station_day }}")
        def join_day(station: str, day: str):
            context = get_current_context()
            context["station_day"] = f"{station} {day}"
            return join_one(station, day, context)

        # a day that was joined before may still have to be drawn: `join_day` is skipped then
        @task(map_index_template="{{ station_day }}", trigger_rule=TriggerRule.NONE_FAILED)
        def draw_quick_look(station: str, day: str):
            get_current_context()["station_day"] = f"{station} {day}"
            return draw_one(station, day)

        join_day(station, day) >> draw_quick_look(station, day)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report_run():
        return report(get_current_context())

    files = plan_files()
    reduced = reduce_file.expand_kwargs(files)
    planned = plan_days(files)
    joined = station_day.expand_kwargs(planned)
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    reduced >> planned
    joined >> report_run()
    [reduced, joined] >> complete  # the run's state: days are joined after a failure, it stays one
    return files


def announce_days(station: str, context: Any) -> list[str]:
    """Tell who waits for raw files of every day with something to do: brought now, or left by a crash."""
    from skyledger.ledger import Mode

    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        days = _unfinished(session, load_station(station), FIRST_DAY, datetime.now(UTC).date(), Mode.MISSING)
    if context["params"]["dry_run"] or not days:
        raise AirflowSkipException(f"{station}: nothing to announce ({len(days)} days to reduce)")
    keys = [day_key(parse_day(day), station) for day in sorted(days)]
    context["outlet_events"][MINITRASGO_RAW_FILES].add_partitions(keys)
    return keys


def files_of_run(context: Any) -> list[dict[str, str]]:
    """Files of the run's key, or of the stations and days of the form, that are missing or have changed."""
    from skyledger.ledger import Mode
    from skyledger.minitrasgo.plan import plan_files

    params = context["params"]
    chosen, first, last = _asked(context)
    todo = []
    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        for station in chosen:
            plan = plan_files(session, station, first, last, Mode(params["mode"]))
            log.info("%s: %s%s", station.station, "dry run: " if params["dry_run"] else "", plan.describe())
            todo += [{"station": item.member, "basename": item.partition_key} for item in plan.items]
    return [] if params["dry_run"] else _at_most(todo, FILES_PER_RUN)


def files_of_history(context: Any) -> list[dict[str, str]]:
    """Files of the form's station and days, in its order and within its budget."""
    from skyledger.ledger import Mode
    from skyledger.minitrasgo.plan import plan_files

    params = context["params"]
    station, mode = load_station(params["station"]), Mode.ALL if params["force"] else Mode.MISSING
    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        plan = plan_files(session, station, *_form_days(params), mode)
    log.info("%s: %s%s", station.station, "dry run: " if params["dry_run"] else "", plan.describe())
    todo = [{"station": item.member, "basename": item.partition_key} for item in plan.items]
    if params["order"] == "newest":
        todo.reverse()
    return [] if params["dry_run"] else _at_most(todo, params["max_files"])


def days_of_form(context: Any) -> list[str]:
    """First and last day of the form; raises PermanentError when one is missing."""
    first, last = (context["params"][name] for name in ("first_day", "last_day"))
    if not first or not last:
        raise PermanentError(
            "first_day and last_day are needed: which days of the past are to be made again?"
        )
    days = day_range(parse_day(first, "first_day"), parse_day(last, "last_day"))
    return [days[0].isoformat(), days[-1].isoformat()]


def reduce_one(station: str, basename: str, context: Any) -> dict[str, Any]:
    """Reduce one file, if the ledger says that there is something to do."""
    from skyledger.config import DATA_ROOT
    from skyledger.minitrasgo.reduce_file import reduce_file

    summary = reduce_file(
        WarehouseHook(MINITRASGO_DB).get_conn(),
        load_station(station),
        basename,
        _mode(context),
        data_root=DATA_ROOT,
        run_id=context["run_id"],
    )
    return summary.as_dict()


def days_to_join(files: Iterable[dict[str, str]], context: Any) -> list[dict[str, str]]:
    """Days of the run whose files have changed, and the days after: a file may end after midnight. And days to draw."""
    from skyledger.minitrasgo.pictures import undrawn_days
    from skyledger.minitrasgo.plan import plan_days

    if context["params"]["dry_run"]:
        return []
    chosen, first, last = _asked(context)
    todo = []
    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        for station in chosen:
            plan = plan_days(session, station, first, last + ONE_DAY, _mode(context))
            log.info("%s: %s", station.station, plan.describe())
            days = {item.partition_key for item in plan.items}
            days |= set(undrawn_days(session, station.station, first, last + ONE_DAY))
            todo += [{"station": station.station, "day": day} for day in sorted(days)]
    return todo


def join_one(station: str, day: str, context: Any) -> dict[str, Any]:
    """Add up a day out of its files, and tell whoever waits for its rates; skip when nothing has changed."""
    from skyledger.config import DATA_ROOT
    from skyledger.minitrasgo.join import join_day

    summary = join_day(
        WarehouseHook(MINITRASGO_DB).get_conn(),
        load_station(station),
        parse_day(day),
        _mode(context),
        data_root=DATA_ROOT,
        run_id=context["run_id"],
    )
    if not summary.minutes:
        raise AirflowSkipException(f"{station} {day}: {summary.state}, so nobody needs to be told")
    context["outlet_events"][MINITRASGO_RATES].add_partitions(day_key(parse_day(day), station))
    return summary.as_dict()


def draw_one(station: str, day: str) -> str:
    """Draw the picture of a joined day; skip when nothing is stored."""
    from skyledger.config import DATA_ROOT
    from skyledger.minitrasgo.pictures import draw_day

    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        path = draw_day(session, load_station(station), parse_day(day), DATA_ROOT)
    if path is None:
        raise AirflowSkipException(f"nothing is stored of {station} {day}")
    log.info("picture: %s", path)
    return str(path)


def report(context: Any) -> list[dict[str, Any]]:
    """What the run did file by file: logged as a table, returned for whoever asks Airflow."""
    from skyledger.minitrasgo.run_files import run_files

    with WarehouseHook(MINITRASGO_DB).get_conn().session() as session:
        rows = run_files(session, context["run_id"])
    log.info("%-8s %-18s %-8s %8s %8s %18s", "station", "file", "state", "events", "rejected", "rate [Hz]")
    for row in rows:
        rate = "" if row["rate_hz"] is None else f"{row['rate_hz']:.4f} ± {row['rate_error_hz']:.4f}"
        counts = ("" if row[name] is None else row[name] for name in ("events", "rejected"))
        log.info("%-8s %-18s %-8s %8s %8s %18s", row["station"], row["file"], row["state"], *counts, rate)
    return rows


def _unfinished(
    session: "Session", station: "MingoStation", first: date, last: date, mode: "Mode"
) -> set[str]:
    """Days with files to reduce, or with reduced files that are not in the day yet."""
    from skyledger.minitrasgo.plan import plan_days, plan_files
    from skyledger.minitrasgo.registry import files_between

    files = {item.partition_key for item in plan_files(session, station, first, last, mode).items}
    days = {
        file.begin.date().isoformat()
        for file in files_between(session, station.station, first, last)
        if file.basename in files
    }
    days |= {item.partition_key for item in plan_days(session, station, first, last, mode).items}
    return days


def _asked(context: Any) -> "tuple[list[MingoStation], date, date]":
    """Stations and days of a run: those of its form, or of its key, else everything."""
    params = context["params"]
    if key := context.get("partition_key"):
        name, day = split_key(key)
        return [load_station(str(name))], day, day
    names = params["stations"] if "stations" in params else [params["station"]]
    return [load_station(name) for name in names], *_form_days(params)


def _form_days(params: Any) -> tuple[date, date]:
    first, last = params["first_day"], params["last_day"]
    return (
        parse_day(first, "first_day") if first else FIRST_DAY,
        parse_day(last, "last_day") if last else datetime.now(UTC).date(),
    )


def _mode(context: Any) -> "Mode":
    from skyledger.ledger import Mode

    params = context["params"]
    if "force" in params:
        return Mode.ALL if params["force"] else Mode.MISSING
    return Mode(params["mode"])


def _at_most(todo: list[dict[str, str]], limit: int) -> list[dict[str, str]]:
    if len(todo) > limit:
        log.warning("%d of %d files in this run; the next one goes on", limit, len(todo))
    return todo[:limit]
