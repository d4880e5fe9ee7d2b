"""### IAGOS: bring new flight files from the data centre and from drop folders

**Produces** raw files below the data root (`iagos/raw/TYPE/FLIGHT/`), byte for byte, with a row of `source_file` and a
state of the flight file (`RECEIVED`, or why not). One asset partition per flight and instrument with something to do
(`iagos_raw_flights`, `FLIGHT|TYPE`), which starts `iagos_flights_process`. The sender gets an acknowledgement.

**From** what the jobs in `include/config/iagos/jobs/` name: the data centre's REST service, or a folder over SFTP.

**When** a job is due: every 10 minutes this DAG looks. Frequency and interval of a job count from its start, in UTC;
times that were missed are made up for by one run.

**Needs** the connections `iagos_db`, `iagos_data_centre` (type `iagos`) and `iagos_drop` (type `sftp`), the pool
`iagos_transfer`, the folder named by `SKYLEDGER_DATA`, and the tables made by `skyledger db upgrade iagos`.

**Run again**: clear the run, or start it with the form: jobs that are chosen run at once. What is here already is not
brought again; a download that broke off goes on where it stopped.

**A failure costs** time only: the files stay where they are, the job is due again in 10 minutes, other jobs go on.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import CronTriggerTimetable, Param, TriggerRule, dag, get_current_context, task

from flows import iagos
from flows.assets import IAGOS_RAW_FLIGHTS
from flows.defaults import IAGOS_TRANSFER_POOL, alerts

FORM = {
    "jobs": Param(
        [],
        type="array",
        items={"type": "string", "enum": iagos.JOBS},
        examples=iagos.JOBS,
        title="Jobs to run now",
        description_md="Empty: those that are due.",
    ),
}


@dag(
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,  # a run brings whatever is there
    max_active_runs=1,  # a second run would find the same files
    doc_md=__doc__,
    tags=["iagos", "transfer"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=2),
        consequence="new flights stay with their sender; nothing is lost",
        first_look="whether the sender answers: Admin > Connections > iagos_data_centre > Test",
    ),
)
def iagos_flights_transfer():
    @task
    def find_due_jobs():
        return iagos.due_jobs(get_current_context())

    @task(
        pool=IAGOS_TRANSFER_POOL,
        map_index_template="{{ job }}",
        max_active_tis_per_dagrun=1,  # one after the other, in their order
        retries=1,  # a silent sender must not hold up other jobs: the next run is 10 minutes away
        retry_delay=timedelta(seconds=20),
        execution_timeout=timedelta(minutes=60),
    )
    def bring_flights(job: str):
        context = get_current_context()
        context["job"] = job
        return iagos.bring_flights(job, context)

    @task(outlets=[IAGOS_RAW_FLIGHTS], trigger_rule=TriggerRule.ALL_DONE)
    def announce_flights():
        return iagos.announce_flights(get_current_context())

    brought = bring_flights.expand(job=find_due_jobs())
    # the run's state: flights are announced after a failure, it stays one
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    brought >> [announce_flights(), complete]


iagos_flights_transfer()
