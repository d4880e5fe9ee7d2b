"""### miniTRASGO: from raw files to events and per-minute rates

**Produces** per file: the event table in Parquet, the calibration, counts per minute, efficiencies; per station and
day: the tables `minute`, `minute_region` and `station_day` in the database `minitrasgo`, and a picture below the data
root. One asset partition per station and day (`minitrasgo_rates`, `STATION|DAY`).

**From** the raw files that `minitrasgo_files_acquire` brought.

**When** a station-day has new files: one run per station and day, with the key `STATION|DAY`.

**Needs** the connection `minitrasgo_db`, the pool `minitrasgo_reduce`, the folder named by `SKYLEDGER_DATA`, and the
tables made by `skyledger db upgrade minitrasgo`.

**Run again**: clear the run or one of its tasks in the grid; or start it with the form below for stations and days.
Both give the same rows: a file that is reduced again replaces its own counts, and the day is added up anew.

**A failure costs** the minutes of the file named in the error; other files of the day go on, and the day is made of
them. A file that cannot be used is put aside with its reason (state `corrupt`) and not tried again before it changes,
or before mode `all` asks for it.

**Example** of a configuration for the form, which makes three days of one station again whatever the ledger says:

    {"stations": ["MINGO01"], "first_day": "2026-03-01", "last_day": "2026-03-03", "mode": "all", "dry_run": false}
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, PartitionedAssetTimetable, dag

from flows import minitrasgo
from flows.assets import MINITRASGO_RAW_FILES
from flows.defaults import alerts
from flows.forms import day_fields, mode_fields, station_field

FORM = {
    **day_fields(empty="the day of the run's key; without a key every day that is missing or has changed"),
    "stations": station_field(minitrasgo.STATIONS),
    **mode_fields("Only print the plan into the log of plan_files; reduce nothing.", backfill=False),
}


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset.ref(name=MINITRASGO_RAW_FILES.name)),
    start_date=datetime(2023, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,  # station-days at once
    max_active_tasks=8,
    doc_md=__doc__,
    tags=["minitrasgo", "reduce"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=2),
        consequence="rates of this station and day are missing or incomplete",
        first_look="the error in the log of the failed task: it names the file and what is wrong with it",
    ),
)
def minitrasgo_events_reduce():
    minitrasgo.reduce_and_join(minitrasgo.files_of_run)


minitrasgo_events_reduce()
