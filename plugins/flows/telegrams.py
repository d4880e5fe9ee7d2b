"""The steps around the load of CarboSense telegrams: cut the work into tasks, tell who waits, report.

All three read the ledger and nothing else, so they say the same after a retry, a clear or a crash.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from flows.assets import CARBOSENSE_TELEGRAMS
from flows.days import data_days
from hooks.influx import InfluxHook
from hooks.warehouse import WarehouseHook

if TYPE_CHECKING:
    from skyledger.ledger import Plan

log = logging.getLogger(__name__)

HISTORY_MODES = ("missing", "stale")


def plan_batches(sensor_type: str, units_per_task: int, context: Any) -> list[dict[str, Any]]:
    """Arguments for one `InfluxToMySQLOperator` per batch of units that have something to do.

    A scheduled run looks at its own day and at everything before it that is missing or outdated; a
    backfill, a form or a partition key asks for its days only. Units that were never deployed on these
    days are not asked for, and units without work are in no batch.
    """
    from skyledger.carbosense.telegram_plan import plan_telegrams
    from skyledger.carbosense.telegrams import load_mapping
    from skyledger.ledger import Mode

    params = context["params"]
    if sensor_type not in params["sensor_types"]:
        log.info("%s is not among the sensor types of this run", sensor_type)
        return []
    mapping = load_mapping(sensor_type)
    days = data_days(context, lookback_days=params["backfill_days"] if params["mode"] == "backfill" else 0)
    named = params.get("first_day") or params.get("last_day")
    history = context["dag_run"].run_type == "scheduled" and not named and params["mode"] in HISTORY_MODES
    first_day = mapping.source.date_from if history else days[0]
    units = [int(unit) for unit in params["units"]] or None
    with WarehouseHook().get_conn().session() as session:
        plan = plan_telegrams(
            session, InfluxHook().get_conn(), mapping, first_day, days[-1], units, Mode(params["mode"]),
            params["backfill_days"],
        )  # fmt: skip
    log.info("%s%s", "dry run: " if params["dry_run"] else "", plan.describe())
    return [
        {
            **batch,
            "mode": params["mode"],
            "backfill_days": params["backfill_days"],
            "plan_only": params["dry_run"],
        }
        for batch in batches(plan, units_per_task)
    ]


def batches(plan: "Plan", units_per_task: int) -> Iterator[dict[str, Any]]:
    """Cut a plan into batches of neighbouring units, each with the span of days that its units need."""
    days: dict[int, list[str]] = {}
    for member, day in [*((i.member, i.partition_key) for i in plan.items), *plan.empty]:
        days.setdefault(int(member), []).append(day)
    units = sorted(days)
    for start in range(0, len(units), units_per_task):
        batch = units[start : start + units_per_task]
        needed = [day for unit in batch for day in days[unit]]
        yield {"members": batch, "first_day": min(needed), "last_day": max(needed)}


def announce_days(sensor_type: str, context: Any) -> list[str]:
    """Emit one asset partition per day of which this run has stored something; skip when there is none.

    Days count even if some of their units failed: the others' data are there, and the failed ones
    announce the day again when they arrive.
    """
    from skyledger.carbosense.telegrams import load_mapping
    from skyledger.run_report import days_stored

    with WarehouseHook().get_conn().session() as session:
        days = days_stored(session, context["run_id"], load_mapping(sensor_type).dataset)
    if not days:
        raise AirflowSkipException(f"this run has stored no {sensor_type} telegrams: nobody needs to be told")
    context["outlet_events"][CARBOSENSE_TELEGRAMS[sensor_type]].add_partitions(days)
    log.info("%s: told %d day(s), %s to %s", sensor_type, len(days), days[0], days[-1])
    return days


def report_run(sensor_types: Sequence[str], context: Any) -> list[dict[str, Any]]:
    """What the run did per sensor type: logged as a table, returned for whoever asks Airflow."""
    from skyledger.carbosense.telegrams import load_mapping
    from skyledger.run_report import run_report

    datasets = {load_mapping(sensor_type).dataset: sensor_type for sensor_type in sensor_types}
    with WarehouseHook().get_conn().session() as session:
        rows = run_report(session, context["run_id"], datasets)
    log.info("%-8s %5s %5s %10s %10s %9s %7s %8s", *_HEADINGS)
    for row in rows:
        row["sensor_type"] = datasets[row["dataset"]]
        log.info("%-8s %5d %5d %10d %10d %9d %7d %8.1f", *(row[column] for column in _COLUMNS))
    return rows


_HEADINGS = ("type", "units", "days", "read", "stored", "rejected", "failed", "seconds")
_COLUMNS = ("sensor_type", "units", "days", "rows_read", "rows_stored", "rows_rejected", "failed", "seconds")
