"""### IAGOS: derive kept series again and compare

**Produces** nothing but the proof that what is kept can still be derived, bit for bit: Level 0 and everything that was
released, with the product files. A sample a night, 200 flights at most; every flight comes within as many nights as
that takes. A difference fails the run, and the message names flight, level and what differs. What another version of
the software made may rightly differ, and is a warning in the log.

**From** the raw files, the calibrations as they were known then, the stored configuration of quality control and the
flags that people had set.

**When** at 03:00 UTC.

**Needs** the connection `iagos_db` and the folder `SKYLEDGER_DATA`.

**Run again**: clear the run. It only reads. Named flights: `skyledger iagos verify FLIGHT` at the terminal.

**A failure costs** nothing that is kept; until it is cleared up, nobody knows whether the archive is sound.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from flows import iagos
from flows.defaults import IAGOS_PROCESS_POOL, alerts


@dag(
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["iagos", "archive"],
    **alerts(
        late_after=timedelta(hours=2),
        consequence="nobody knows whether the series of this night's sample are still what was released",
        first_look="the log of verify_series: it names flight, level and what differs",
    ),
)
def iagos_series_verify():
    @task(pool=IAGOS_PROCESS_POOL)
    def verify_series():
        return iagos.verify_series(get_current_context())

    verify_series()


iagos_series_verify()
