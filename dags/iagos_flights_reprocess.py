"""### IAGOS: compute flights again after a new or corrected calibration, relation or deployment

**Produces** Level 2 candidates: series computed with the calibrations before and after the deployment, judged again,
with a report; then the PI is asked (`iagos_reports`, `FLIGHT|TYPE|L2`). Of flights whose Level 2 is released already, a
new version that waits for the PI. When the calibrations that Level 1 was made with have changed, Level 1 comes first
(`FLIGHT|TYPE|L1`), as a new version if it was released.

**From** the stored Level 0 and the calibrations in the instrument database.

**When** it is started by hand. As it stands the form is a dry run: the log of `find_flights` tells how many
deployments, flights and released levels a calibration touches, and nothing is computed.

**Needs** the connection `iagos_db`, the pool `iagos_process`, the folder named by `SKYLEDGER_DATA`.

**Run again**: start it again, or clear what failed. Flights that are done are not touched twice; a run that was stopped
is resumed by the next one.

**A failure costs** the flight named in the error; others go on.

**Example** of a configuration for the form, which computes everything that calibration 17 and row 4 of
`component_relation` change:

    {"calibrations": [17], "relations": [4], "dry_run": false}
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, TriggerRule, dag, get_current_context, task, task_group

from flows import iagos
from flows.assets import IAGOS_REPORTS
from flows.defaults import IAGOS_PROCESS_POOL, alerts
from operators.check_flight import CheckFlightOperator

FORM = {
    "calibrations": Param(
        [],
        type="array",
        items={"type": "integer"},
        title="Calibrations",
        description_md="Numbers as `skyledger iagos calibrations` shows them. Nothing here and below: every flight "
        "that waits for a calibration and has one now.",
    ),
    "relations": Param(
        [],
        type="array",
        items={"type": "integer"},
        title="Relations of components",
        description_md="Numbers of changed rows of `component_relation`.",
    ),
    "deployments": Param(
        [],
        type="array",
        items={"type": "integer"},
        title="Deployments",
        description_md="Numbers of changed rows of `deployment`.",
    ),
    "dry_run": Param(
        True, type="boolean", title="Dry run", description_md="Only count, in the log of find_flights."
    ),
    "max_flights": Param(200, type="integer", minimum=1, maximum=1000, title="Flights of this run, at most"),
}


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=2,  # new flights go first
    doc_md=__doc__,
    tags=["iagos", "reprocess"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=12),
        consequence="these flights keep the state they had; their PI is not asked",
        first_look="the error in the log of the failed task",
    ),
)
def iagos_flights_reprocess():
    @task
    def find_flights():
        return iagos.flights_to_recompute(get_current_context())

    @task_group
    def flight(flight: str):
        check_flight = CheckFlightOperator(
            task_id="check_flight",
            flight=flight,
            pool=IAGOS_PROCESS_POOL,
            priority_weight=1,
            weight_rule="absolute",
            map_index_template="{{ task.flight }}",
        )

        @task(outlets=[IAGOS_REPORTS], map_index_template="{{ flight }}")
        def ask_pi(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.ask_pi(flight, context)

        check_flight >> ask_pi(flight)

    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    flight.expand(flight=find_flights()) >> complete


iagos_flights_reprocess()
