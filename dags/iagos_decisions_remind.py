"""### IAGOS: remind of flights that wait for a decision

**Produces** one message a day, when there is something to tell: flights that have waited for their PI for 3 days or
more, those that have waited for 10 (for the managers), flights that could become Level 2 because their calibration
has come. Flights that wait for 3, 6, 9 ... days are asked about again (`iagos_reports`).

**From** the states of the flights. The days stand in `include/config/iagos/release.yaml`.

**When** at 06:00 UTC.

**Needs** the connection `iagos_db` and an alert channel (`SKYLEDGER_ALERT_EMAIL` or `SKYLEDGER_ALERT_APPRISE`).

**Run again**: clear what failed. Clearing what did not fail sends the message, or asks, a second time.

**A failure costs** the reminder of this day.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from flows import iagos
from flows.assets import IAGOS_REPORTS
from flows.defaults import IAGOS_PROCESS_POOL, alerts


@dag(
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["iagos", "release"],
    **alerts(
        late_after=timedelta(hours=2),
        consequence="nobody is reminded of waiting flights today",
        first_look="the error in the log of the failed task",
    ),
)
def iagos_decisions_remind():
    @task(pool=IAGOS_PROCESS_POOL)
    def remind():
        return iagos.remind()

    @task(outlets=[IAGOS_REPORTS], pool=IAGOS_PROCESS_POOL)
    def ask_again():
        return iagos.ask_again(get_current_context())

    remind()
    ask_again()


iagos_decisions_remind()
