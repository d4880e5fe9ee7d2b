"""### CarboSense telegrams, from InfluxDB into the raw tables

**Produces** the rows of `lp8_data`, `hpp_data`, `vaisala_data` and `licor_data` (one row is one telegram of one
sensor unit), their ledger rows, and one asset partition per sensor type and day
(`carbosense_telegrams_lp8`, ...), on which calibration waits.

**From** the network's InfluxDB, measurement `measurements`, for the units that the tables `Deployment` and
`Sensors` show at work on the day.

**When** daily at 02:00 UTC for the UTC day before (the partition key). A scheduled run also takes up every
earlier day that is missing or has changed since it was stored, at the source or at the destination.

**Needs** the connections `carbosense_influx` and `carbosense_db`, the pool `carbosense_influx`, the mappings in
`include/config/carbosense/telegrams/`, and the tables made by `skyledger db upgrade`.

**Run again**: clear the run or one of its tasks in the grid; or start it with the form below for any days and
units; or `airflow backfill create --dag-id carbosense_telegrams_ingest --from-date 2026-03-01 --to-date 2026-03-08`
for 1 to 7 March (a partition's time is 02:00 of its day, so the day that begins at `--to-date` is left out). All
give the same rows; what is already stored and unchanged is left alone. Nothing has to be cleaned up before.

**A failure costs** that day's calibrated CO2 of the units named in the error; the other units of the batch are
stored. Nothing is lost as long as the source keeps its data: the next run fills the gap.

**Example** of a configuration for the form, which reads two units again whatever the ledger says:

    {"first_day": "2026-03-01", "last_day": "2026-03-07", "sensor_types": ["HPP"], "units": ["426", "445"],
     "mode": "all", "dry_run": false}
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import CronPartitionTimetable, Param, TaskGroup, TriggerRule, dag, get_current_context, task

from flows import telegrams
from flows.assets import CARBOSENSE_TELEGRAMS
from flows.defaults import CARBOSENSE_INFLUX_POOL, alerts
from flows.forms import day_fields, mode_fields
from operators.influx_to_mysql import InfluxToMySQLOperator

# About 20 tasks for the whole network: small enough to retry, large enough to share one inventory query
UNITS_PER_TASK = {"LP8": 20, "HPP": 5, "Vaisala": 5, "Licor": 5}
# A day takes seconds; the limit leaves room for a first import of all years
LOAD_TIMEOUT = timedelta(hours=3)

FORM = {
    **day_fields(),
    "sensor_types": Param(
        list(UNITS_PER_TASK),
        type="array",
        items={"type": "string", "enum": list(UNITS_PER_TASK)},
        examples=list(UNITS_PER_TASK),
        minItems=1,
        title="Sensor types",
        section="Which units",
    ),
    "units": Param(
        [],
        type="array",
        items={"type": "string", "pattern": "^[0-9]{1,5}$"},
        title="Units",
        description_md="Unit numbers, one per line. Empty: all units that were deployed.",
        section="Which units",
    ),
    **mode_fields("Only print the plan into the task logs; store nothing."),
}


@dag(
    schedule=CronPartitionTimetable(
        "0 2 * * *",  # the day is over everywhere, and units that were out of radio contact have caught up
        timezone="UTC",
        run_offset=-1,
        key_format="%Y-%m-%d",
    ),
    start_date=datetime(2017, 1, 1, tzinfo=UTC),
    catchup=False,  # a scheduled run fills gaps by itself
    max_active_runs=1,  # two runs would plan the same work; the second would wait for the locks of the first
    max_active_tasks=8,
    doc_md=__doc__,
    tags=["carbosense", "co2", "ingest"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=3),
        consequence="raw CarboSense telegrams are missing, so calibrated CO2 of these days is late",
        first_look="the error below the unit's name in the task log; if all units fail, whether InfluxDB and "
        "MariaDB answer (Admin > Connections > carbosense_influx, carbosense_db)",
    ),
)
def carbosense_telegrams_ingest():
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report_run():
        return telegrams.report_run(list(UNITS_PER_TASK), get_current_context())

    report = report_run()
    for sensor_type, units_per_task in UNITS_PER_TASK.items():
        with TaskGroup(sensor_type.lower()):

            @task(pool=CARBOSENSE_INFLUX_POOL)
            def plan_batches(sensor_type: str, units_per_task: int):
                return telegrams.plan_batches(sensor_type, units_per_task, get_current_context())

            @task(trigger_rule=TriggerRule.ALL_DONE, outlets=[CARBOSENSE_TELEGRAMS[sensor_type]])
            def announce_days(sensor_type: str):
                return telegrams.announce_days(sensor_type, get_current_context())

            load = InfluxToMySQLOperator.partial(
                task_id="load_telegrams",
                mapping=sensor_type,
                pool=CARBOSENSE_INFLUX_POOL,
                execution_timeout=LOAD_TIMEOUT,
                map_index_template="{{ task.label }}",
            ).expand_kwargs(plan_batches(sensor_type, units_per_task))
            # The run's state is that of `complete`: announce and report go on after a failure, it does not
            load >> announce_days(sensor_type) >> [report, complete]
            load >> complete


carbosense_telegrams_ingest()
