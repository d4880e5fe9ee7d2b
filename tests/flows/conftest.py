"""The DAGs as Airflow reads them, and a small network for them to work on."""

from dataclasses import dataclass
from pathlib import Path

import pytest

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
