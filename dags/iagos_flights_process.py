"""### IAGOS: from a raw flight file to Level 0 with flags, a report, and a question to the PI

**Produces** per flight and instrument: the series of Level 0 as Parquet with their index in the database `iagos`, flags
and probabilities of quality control, a report (HTML and JSON) below the data root, the NRT product where the gate lets
it through. One asset partition per flight (`iagos_reports`, `FLIGHT|TYPE|LEVEL`), which starts `iagos_flights_release`.

**From** the raw files that `iagos_flights_transfer` brought, and the calibrations in the instrument database.

**When** a flight has a new file: one run per flight and instrument, with the key `FLIGHT|TYPE`.

**Needs** the connections `iagos_db` and `iagos_data_centre` (for NRT), the pool `iagos_process`, the folder named by
`SKYLEDGER_DATA`, and the flight's aircraft, deployment and calibrations in the instrument database
(`skyledger iagos import`).

**Run again**: clear the run, or start it with the form for some flights; what is done is not done twice. `again` judges
flights anew that wait for a decision, for instance after a new version of the quality configuration.

**A failure costs** the flight named in the error; others go on. A file that cannot be read is kept with its reason
(state `PARSE_FAILED`), one whose aircraft or calibration is not in the database yet as `IMPORT_FAILED`.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    Asset,
    Param,
    PartitionedAssetTimetable,
    TriggerRule,
    dag,
    get_current_context,
    task,
    task_group,
)

from flows import iagos
from flows.assets import IAGOS_RAW_FLIGHTS, IAGOS_REPORTS
from flows.defaults import IAGOS_PROCESS_POOL, alerts
from operators.check_flight import CheckFlightOperator

FORM = {
    "flights": iagos.flights_field("everything that is not done"),
    "again": Param(
        False,
        type="boolean",
        title="Again",
        description_md="Judge flights again that wait for a decision or were rejected.",
    ),
}


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset.ref(name=IAGOS_RAW_FLIGHTS.name)),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,  # flights at once
    doc_md=__doc__,
    tags=["iagos", "process"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=2),
        consequence="this flight is not in front of its PI, and not in the NRT products",
        first_look="the error in the log of the failed task: it names the file, or the row to import",
    ),
)
def iagos_flights_process():
    @task
    def find_flights():
        return iagos.flights_to_process(get_current_context())

    @task_group
    def flight(flight: str):
        @task(pool=IAGOS_PROCESS_POOL, map_index_template="{{ flight }}")
        def import_flight(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.import_one(flight, context)

        check_flight = CheckFlightOperator(
            task_id="check_flight",
            flight=flight,
            pool=IAGOS_PROCESS_POOL,
            map_index_template="{{ task.flight }}",
        )

        @task(map_index_template="{{ flight }}")
        def export_nrt(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.export_nrt(flight, context)

        # a failed export does not keep the flight from its PI
        @task(outlets=[IAGOS_REPORTS], map_index_template="{{ flight }}", trigger_rule=TriggerRule.ALL_DONE)
        def ask_pi(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.ask_pi(flight, context)

        exported = export_nrt(flight)
        complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
        import_flight(flight) >> check_flight >> exported >> [ask_pi(flight), complete]

    flight.expand(flight=find_flights())


iagos_flights_process()
