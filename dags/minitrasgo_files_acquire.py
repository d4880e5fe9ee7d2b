"""### miniTRASGO: bring new detector files from the stations

**Produces** raw files below the data root (`minitrasgo/raw/STATION/DAY/`), byte for byte, and a row of `raw_file` for
each: station, start, size, SHA-256, state. One asset partition per station and day with something to reduce
(`minitrasgo_raw_files`, `STATION|DAY`), which starts `minitrasgo_events_reduce`.

**From** the stations, over SSH: a listing by SFTP, then rsync of what is new (SFTP where there is no rsync). Nothing is
changed or deleted there. Stations are described in `include/config/minitrasgo/stations/`.

**When** a station has new files (an asset watcher looks every 15 s), and every 15 minutes anyway: at 02:30 UTC a
station packs its files, and what is not here by then comes as `.dat.tar.gz`.

**Needs** the connections `minitrasgo_db` and one of type `ssh` per station (`mingo01_ssh` ...), the pool
`minitrasgo_ssh`, the folder named by `SKYLEDGER_DATA`, and the tables made by `skyledger db upgrade minitrasgo`.

**Run again**: clear the run or the task of a station in the grid. What is here already is not brought again; a
transfer that broke off goes on where it stopped.

**A failure costs** nothing but time: the files stay at the station, other stations go on, and the next run brings what
is missing. Since when a station is silent: `skyledger minitrasgo stations`.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Param,
    TriggerRule,
    dag,
    get_current_context,
    task,
    task_group,
)

from flows import minitrasgo
from flows.assets import MINITRASGO_INBOXES, MINITRASGO_RAW_FILES
from flows.defaults import MINITRASGO_SSH_POOL, alerts
from operators.rsync_station import RsyncStationOperator

FORM = {
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Only count what would be brought, in the log of bring_files.",
    ),
}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
        assets=AssetAny(*MINITRASGO_INBOXES),
    ),
    start_date=datetime(2023, 1, 1, tzinfo=UTC),
    catchup=False,  # a run brings whatever is there
    max_active_runs=1,  # a second run would find the same files
    doc_md=__doc__,
    tags=["minitrasgo", "acquire"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=2),
        consequence="new files stay at these stations; a station removes its plain files at 02:30 UTC, the packed "
        "ones stay",
        first_look="whether the station answers: Admin > Connections > mingo0N_ssh > Test, and "
        "`skyledger minitrasgo stations`",
    ),
)
def minitrasgo_files_acquire():
    @task_group
    def station(station: str):
        bring = RsyncStationOperator(
            task_id="bring_files",
            station=station,
            plan_only="{{ params.dry_run }}",
            pool=MINITRASGO_SSH_POOL,
            retries=1,  # a silent station must not hold up the others: the next run is at most 15 minutes away
            retry_delay=timedelta(seconds=20),
            execution_timeout=timedelta(minutes=60),
            map_index_template="{{ task.station }}",
        )

        @task(
            outlets=[MINITRASGO_RAW_FILES],
            trigger_rule=TriggerRule.ALL_DONE,
            map_index_template="{{ station }}",
        )
        def announce_days(station: str):
            context = get_current_context()
            context["station"] = station
            return minitrasgo.announce_days(station, context)

        # the run's state: days are announced after a failure, it stays one
        complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
        bring >> [announce_days(station), complete]

    station.expand(station=minitrasgo.STATIONS)


minitrasgo_files_acquire()
