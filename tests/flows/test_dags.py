"""What holds for every DAG file: the exact set, the manual, the defaults, and nothing heavy at parse time."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import AssetOrTimeSchedule, CronPartitionTimetable, PartitionedAssetTimetable
from airflow.serialization.serialized_objects import DagSerialization

from flows.assets import CARBOSENSE_TELEGRAMS, MINITRASGO_INBOXES, WEATHER_INBOXES
from flows.defaults import OWNER, RETRY_POLICY
from skyledger.carbosense.telegrams import mapping_paths
from skyledger.minitrasgo.stations import stations as minitrasgo_stations
from skyledger.weather.stations import stations as weather_stations

ROOT = Path(__file__).resolve().parents[2]
# How many runs at once: one where a second would find the same work, more where each has a key of its own
DAGS = {
    "carbosense_telegrams_ingest": 1,
    "weather_station_publish": 1,
    "minitrasgo_files_acquire": 1,
    "minitrasgo_events_reduce": 4,
    "minitrasgo_history_reprocess": 2,
    "iagos_flights_transfer": 1,
    "iagos_flights_process": 4,
    "iagos_flights_release": 1000,
    "iagos_flights_reprocess": 1,
    "iagos_decisions_remind": 1,
    "iagos_series_verify": 1,
}
# Each costs a second or more, at every parse and at every task start
HEAVY = (
    "duckdb",
    "pyarrow",
    "numpy",
    "pandas",
    "pymysql",
    "influxdb_client",
    "apprise",
    "aiosmtplib",
    "alembic",
    "asyncssh",
    "netCDF4",
    "matplotlib",
    "scipy",
)


def test_exactly_these_dags_and_no_file_without_one(dagbag):
    assert dagbag.import_errors == {}
    assert dagbag.dags.keys() == DAGS.keys()
    assert {path.stem for path in (ROOT / "dags").glob("*.py")} == DAGS.keys()


@pytest.fixture(params=sorted(DAGS))
def dag(request, dagbag):
    return dagbag.dags[request.param]


def test_dag_survives_the_way_into_the_metadata_database(dag):
    dag.validate()
    copy = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert copy.task_dict.keys() == dag.task_dict.keys()


def test_dag_has_a_manual_tags_and_a_limit_of_runs(dag):
    for word in ("**Produces**", "**From**", "**When**", "**Needs**", "**Run again**", "**A failure costs**"):
        assert word in dag.doc_md
    assert dag.tags
    assert dag.max_active_runs == DAGS[dag.dag_id]


def test_telegrams_are_loaded_by_day_and_a_run_names_the_day_before(dagbag):
    dag = dagbag.dags["carbosense_telegrams_ingest"]
    assert isinstance(dag.timetable, CronPartitionTimetable)
    assert (dag.timetable.run_offset, dag.timetable.key_format) == (-1, "%Y-%m-%d")
    assert not dag.catchup


@pytest.mark.parametrize(
    ("dag_id", "inboxes", "cron"),
    [
        ("weather_station_publish", WEATHER_INBOXES, "10 1,7,13,19 * * *"),
        ("minitrasgo_files_acquire", MINITRASGO_INBOXES, "*/15 * * * *"),
    ],
)
def test_runs_start_with_files_in_any_inbox_and_by_the_clock_anyway(dagbag, dag_id, inboxes, cron):
    dag = dagbag.dags[dag_id]
    assert isinstance(dag.timetable, AssetOrTimeSchedule)
    assert {asset.name for asset in dag.timetable.asset_condition.objects} == {
        asset.name for asset in inboxes
    }
    assert dag.timetable.timetable.expression == cron
    assert not dag.catchup


def test_reduction_has_a_run_per_station_and_day(dagbag):
    timetable = dagbag.dags["minitrasgo_events_reduce"].timetable
    assert isinstance(timetable, PartitionedAssetTimetable)


@pytest.mark.parametrize(
    ("inboxes", "places"),
    [
        (WEATHER_INBOXES, {name: s.inbox for name, s in weather_stations().items()}),
        (MINITRASGO_INBOXES, {name: s.source for name, s in minitrasgo_stations().items()}),
    ],
)
def test_every_station_has_an_inbox_with_a_watcher_of_its_own(inboxes, places):
    watched = {}
    for asset in inboxes:
        (watcher,) = asset.watchers
        trigger = watcher.trigger
        watched[asset.uri.rsplit("/", 1)[-1]] = (trigger.conn_id, trigger.path, trigger.pattern)
    assert watched == {name: (p.connection, p.path, p.pattern) for name, p in places.items()}


def test_dag_tells_people_when_it_fails_is_late_and_works_again(dag):
    def events(callbacks):
        return [callback.event for callback in callbacks]

    assert events(dag.on_failure_callback) == ["run_failed"]
    assert events(dag.on_success_callback) == ["run_succeeded"]
    (deadline,) = dag.deadline
    assert deadline.callback.kwargs["event"] == "deadline_missed"
    assert deadline.interval > timedelta(0)
    for notifier in (*dag.on_failure_callback, *dag.on_success_callback):
        assert notifier.consequence
        assert notifier.first_look


def test_every_task_has_our_defaults(dag):
    assert dag.tasks
    for task in dag.tasks:
        assert task.owner == OWNER
        assert task.retries >= 1
        assert task.retry_policy is RETRY_POLICY
        assert task.execution_timeout
        assert [callback.event for callback in task.on_failure_callback] == ["task_failed"]


def test_every_pool_that_a_task_names_is_made_at_set_up(dag):
    pools = json.loads((ROOT / "include" / "config" / "airflow" / "pools.json").read_text())
    used = {task.pool for task in dag.tasks} - {"default_pool"}
    assert used <= pools.keys()
    assert used


def test_no_dag_file_imports_anything_heavy():
    code = (
        "import sys; before = set(sys.modules)\n"
        "from airflow.dag_processing.dagbag import DagBag; from pathlib import Path\n"
        f"heavy = {HEAVY!r}\n"
        "already = [name for name in heavy if name in sys.modules]\n"
        f"bag = DagBag(dag_folder={str(ROOT / 'dags')!r}, bundle_path=Path({str(ROOT / 'dags')!r}), bundle_name='x')\n"
        "assert bag.dags and not bag.import_errors, bag.import_errors\n"
        "print('loaded:', *[name for name in heavy if name in sys.modules and name not in already])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_every_telegram_mapping_has_its_asset_and_its_tasks(dagbag):
    types = {sensor_type.lower() for sensor_type in CARBOSENSE_TELEGRAMS}
    assert types == set(mapping_paths())
    tasks = dagbag.dags["carbosense_telegrams_ingest"].task_dict
    assert {name.split(".")[0] for name in tasks if name.endswith(".load_telegrams")} == types


def test_the_page_of_dags_is_current():
    page = subprocess.run(
        [
            sys.executable,
            "-c",
            "import runpy; print(runpy.run_path('docs/generate_dags_page.py')['page'](), end='')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / "docs" / "DAGs.md").read_text() == page, "run: python docs/generate_dags_page.py"


def test_the_runbook_has_a_section_per_dag():
    headings = [
        line for line in (ROOT / "docs" / "runbook.md").read_text().splitlines() if line.startswith("## ")
    ]
    assert {f"## {dag_id}" for dag_id in DAGS} <= set(headings)


def test_airflow_loads_one_file_of_the_plugins_folder():
    from airflow.utils.file import find_path_from_directory

    found = find_path_from_directory(str(ROOT / "plugins"), ".airflowignore", "glob")
    assert list(found) == [str(ROOT / "plugins" / "network_page" / "skyledger_plugin.py")]
