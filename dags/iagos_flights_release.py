"""### IAGOS: the PI decides about a flight; what is released goes to the data centre

**Produces** the PI's decision with name, time, reason and the digest of the data it is about (`release_decision`); for
a release the products of Level 1 or Level 2 in NetCDF and NASA Ames, with a version, delivered to the data centre.
One asset partition per released flight (`iagos_releases`, `FLIGHT|TYPE|LEVEL`), and per flight that is to be judged
again (`iagos_raw_flights`, `FLIGHT|TYPE`), which starts `iagos_flights_process`.

**From** the report of the flight. The link to it is in the question and on the task `check_flight` of
`iagos_flights_process`.

**When** a flight has been checked: one run per flight with the key `FLIGHT|TYPE|LEVEL`, which asks the PI (*Required
Actions* in the UI) and waits without holding a worker, for 3 days at most; `iagos_decisions_remind` asks again. Or by
hand with the form, for one flight or many, or with `skyledger iagos decide`. The name under a decision is that of
whoever is logged in; it must be a PI of the instrument in the instrument database.

**Needs** the connections `iagos_db` and `iagos_data_centre`, the pool `iagos_transfer`, the folder named by
`SKYLEDGER_DATA`.

**Run again**: clear the failed task. A decision is taken once; products that are written or delivered stay as they are.
If the data have changed since the report (409), process the flight and decide about the new report.

**A failure costs** the delivery of the flight named in the error; the decision itself is kept.

**Examples** of a configuration for the form: release two flights; compute one again with the calibrations after the
deployment only, which from then on holds for it:

    {"flights": ["2024030512345602", "2024030620100507"], "level": "L1", "action": "release"}
    {"flights": ["2024030512345602"], "action": "rerun", "calibrations": "post", "comment": "cell was dirty before"}
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import HITLOperator
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
from flows.assets import IAGOS_RAW_FLIGHTS, IAGOS_RELEASES, IAGOS_REPORTS
from flows.defaults import IAGOS_PROCESS_POOL, IAGOS_TRANSFER_POOL, alerts

FORM = {
    "flights": iagos.flights_field("none"),
    "instrument_type": Param(
        "P1", type="string", enum=iagos.INSTRUMENTS, title="Instrument", section="Which flights"
    ),
    "level": Param("L1", type="string", enum=["L1", "L2"], title="Level", section="Which flights"),
    "action": Param(
        "release", type="string", enum=list(iagos.ACTIONS.values()), title="Decision", section="Decision"
    ),
    "comment": Param(
        None,
        type=["null", "string"],
        title="Comment",
        description_md="Needed for everything but a release.",
        section="Decision",
    ),
    "variables": Param(
        [],
        type="array",
        items={"type": "string", "enum": iagos.VARIABLES},
        examples=iagos.VARIABLES,
        title="Variables",
        description_md="Of a release: only these. Empty: all of the instrument.",
        section="Decision",
    ),
    "quality": Param(
        None,
        type=["null", "string"],
        enum=[None, *iagos.QUALITY],
        title="Tests",
        description_md="Of `rerun`: judge these flights with this file of `include/config/iagos/quality` from now on. "
        "Empty: as before.",
        section="Decision",
    ),
    "calibrations": Param(
        None,
        type=["null", "string"],
        enum=[None, *iagos.CALIBRATIONS],
        title="Calibrations",
        description_md="Of `rerun`: compute these flights with the calibrations before (`pre`) or after (`post`) the "
        "deployment, or both, from now on; `default`: as other flights. Empty: as before.",
        section="Decision",
    ),
    "digest": Param(
        None,
        type=["null", "string"],
        title="Digest",
        description_md="Of the report that was read, for a single flight. Empty: the newest report of each flight.",
        section="Decision",
    ),
}


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset.ref(name=IAGOS_REPORTS.name)),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1000,  # a run that waits for its PI costs nothing
    doc_md=__doc__,
    tags=["iagos", "release"],
    params=FORM,
    **alerts(
        late_after=iagos.ASKED_FOR + timedelta(days=1),
        consequence="this flight is decided, but not with the data centre; or something holds the question open",
        first_look="the error in the log of the failed task; `skyledger iagos flights` tells what waits",
    ),
)
def iagos_flights_release():
    @task.branch
    def find_question():
        return iagos.question_or_form(get_current_context())

    @task
    def prepare_question():
        return iagos.question(get_current_context())

    ask_pi = HITLOperator(
        task_id="ask_pi",
        subject="{{ ti.xcom_pull(task_ids='prepare_question')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='prepare_question')['body'] }}",
        options=list(iagos.ACTIONS),
        defaults=iagos.LATER,
        params={
            "comment": Param(
                None,
                type=["null", "string"],
                title="Comment",
                description_md="Needed for everything but a release.",
            )
        },
        response_timeout=iagos.ASKED_FOR,
        # who answers without being a PI of the instrument is refused by the next task; clear this one to ask again
    )

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def record_decision():
        return iagos.decide(get_current_context())

    @task_group
    def release(flight: str):
        @task(pool=IAGOS_PROCESS_POOL, map_index_template="{{ flight }}")
        def write_products(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.write_products(flight, context)

        @task(pool=IAGOS_TRANSFER_POOL, outlets=[IAGOS_RELEASES], map_index_template="{{ flight }}")
        def deliver_products(flight: str):
            context = get_current_context()
            context["flight"] = flight
            return iagos.deliver_products(flight, context)

        write_products(flight) >> deliver_products(flight)

    @task(outlets=[IAGOS_RAW_FLIGHTS])
    def announce_again():
        return iagos.announce_again(get_current_context())

    # the run's state: what was released goes on when another decision is refused
    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def tell_refusals():
        iagos.tell_refusals(get_current_context())

    found, prepared, decided = find_question(), prepare_question(), record_decision()
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    found >> [prepared, decided]
    prepared >> ask_pi >> decided
    released = release.expand(flight=decided)
    decided >> [announce_again(), tell_refusals()] >> complete
    released >> complete


iagos_flights_release()
