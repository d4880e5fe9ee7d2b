"""The DAGs as Airflow reads them, and a small network for them to work on."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from skyledger.connections import Connection, to_environment
from skyledger.warehouse import Warehouse
from tests.support.telegrams import day_of_telegrams, days, deploy, prepare, write_points

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
UNITS = {"LP8": (1010, 1011, 1012), "HPP": (426,), "Vaisala": (4056,), "Licor": (4057,)}
STEP_S = {"LP8": 600, "HPP": 1800, "Vaisala": 1800, "Licor": 1800}


@pytest.fixture(scope="session")
def dagbag(airflow_db):
    """All DAG files of the project, read once."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")


@dataclass(frozen=True)
class Network:
    """Six units of four types with three days of telegrams, and what their tables hold."""

    database: Connection
    influx: Connection
    warehouse: Warehouse

    def query(self, sql: str, *parameters):
        """Rows of a SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, parameters)

    def execute(self, sql: str, *parameters) -> int:
        """Run one statement and commit."""
        with self.warehouse.session() as session, session.transaction():
            return session.execute(sql, parameters)


def fill(database: Connection, influx: Connection) -> Network:
    """Write the telegrams, make the tables, deploy the units."""
    warehouse = prepare(database, UNITS["LP8"])
    for sensor_type, units in UNITS.items():
        if sensor_type != "LP8":
            with warehouse.session() as session:
                deploy(session, units, sensor_type)
        for unit in units:
            for day in days(3):
                write_points(influx, day_of_telegrams(unit, day, sensor_type, STEP_S[sensor_type]))
    return Network(database, influx, warehouse)


@pytest.fixture
def network(carbosense_db, influx_db, monkeypatch) -> Network:
    """A filled InfluxDB, an empty MariaDB with tables and deployments, and Airflow's connections to both."""
    monkeypatch.setenv(*to_environment(carbosense_db))
    monkeypatch.setenv(*to_environment(influx_db))
    return fill(carbosense_db, influx_db)


def runnable(dag, monkeypatch):
    """A function that starts the DAG through its form by `dag.test()` and returns the finished run.

    Alerts and retries are tested in test_deployment.py.
    """
    # dag.test() looks for the deadline's database row by its definition, and gives callbacks a DAG without templates
    for alert in ("deadline", "on_failure_callback", "on_success_callback"):
        monkeypatch.setattr(dag, alert, None)
    # and it sleeps through the delays of retries
    for task in dag.tasks:
        if task.is_mapped:
            monkeypatch.setitem(task.partial_kwargs, "retries", 0)
        else:
            monkeypatch.setattr(task, "retries", 0)
    # the whole form each time: in one process, dag.test() leaves the values of a run in the DAG
    empty_form = {name: dag.params[name] for name in dag.params}

    def start(**form):
        return dag.test(logical_date=None, run_conf=empty_form | form)

    return start


def task_states(run):
    """State of each task instance, by (task, map index)."""
    return {(ti.task_id, ti.map_index): ti.state for ti in run.get_task_instances()}


def announced(run):
    """Asset partitions that the run has told: (asset, partition key), sorted."""
    with create_session() as session:
        rows = session.execute(
            select(AssetModel.name, AssetEvent.partition_key)
            .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
            .where(AssetEvent.source_run_id == run.run_id)
        )
        return sorted(tuple(row) for row in rows)
