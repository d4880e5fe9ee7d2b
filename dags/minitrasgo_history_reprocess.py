"""### miniTRASGO: bring and replay history

**Produces** the same as `minitrasgo_files_acquire` and `minitrasgo_events_reduce`, for days of the past.

**From** the raw files that are here, from the station, or from the archive (`archive` in the station's configuration).
The archive's `.hld` files need the external unpacker named there; without one they are registered and wait.

**When** a person starts it with the form: station, days, source, order and budget. A dry run prints how many files
there are, how many are here, and how many would be brought and reduced. What the budget leaves is told; start it again
for the rest.

**Needs** what the two other DAGs need, and the connection of the archive (`mingo_archive_ssh`).

**Run again**: start it again with the same form. What has been brought and reduced is left alone unless `force` is on.

**A failure costs** nothing: what was stored stays until its replacement is stored.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, get_current_context, task

from flows import minitrasgo
from flows.defaults import MINITRASGO_SSH_POOL, alerts
from flows.forms import day_fields
from operators.rsync_station import RsyncStationOperator

FORM = {
    **day_fields(empty="not allowed: history is brought on purpose"),
    "station": Param(
        minitrasgo.STATIONS[0], type="string", enum=minitrasgo.STATIONS, title="Station", section="What"
    ),
    "source": Param(
        "raw",
        type="string",
        enum=["raw", "station", "archive"],
        values_display={
            "raw": "raw: only what is here",
            "station": "station: bring what is still there first",
            "archive": "archive: bring what is there first",
        },
        title="From",
        section="What",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Force",
        description_md="Reduce files again that are stored and unchanged.",
        section="How",
    ),
    "order": Param("newest", type="string", enum=["newest", "oldest"], title="First", section="How"),
    "max_files": Param(
        200, type="integer", minimum=1, maximum=1000, title="Files of one run, at most", section="How"
    ),
    "dry_run": Param(
        True,
        type="boolean",
        title="Dry run",
        description_md="Only count what would be brought and reduced.",
        section="How",
    ),
}


@dag(
    schedule=None,
    start_date=datetime(2023, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,
    max_active_tasks=4,
    doc_md=__doc__,
    tags=["minitrasgo", "reprocess"],
    params=FORM,
    **alerts(
        late_after=timedelta(hours=12),
        consequence="history of this station is not made again; what was stored stays",
        first_look="the error in the log of the failed task",
    ),
)
def minitrasgo_history_reprocess():
    @task
    def check_form():
        # not by a form field without default: Airflow then fails to end such a run
        return minitrasgo.days_of_form(get_current_context())

    bring = RsyncStationOperator(
        task_id="bring_files",
        station="{{ params.station }}",
        source="{{ params.source }}",
        first_day="{{ params.first_day }}",
        last_day="{{ params.last_day }}",
        order="{{ params.order }}",
        max_files="{{ params.max_files }}",
        plan_only="{{ params.dry_run }}",
        pool=MINITRASGO_SSH_POOL,
        execution_timeout=timedelta(hours=6),
    )
    check_form() >> bring >> minitrasgo.reduce_and_join(minitrasgo.files_of_history)


minitrasgo_history_reprocess()
