"""What tests share: an environment of their own, real private servers, and empty databases on them.

The environment is set before anything imports airflow, which reads it once. Connections and Airflow settings
of whoever runs the tests are taken out of it: a test must never reach a real deployment.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.servers import LOCAL, InfluxDB, MariaDB
from skyledger.connections import Connection

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="skyledger-airflow-"))

for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SKYLEDGER_"))]:
    del os.environ[name]
os.environ |= {
    "TZ": "UTC",
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",  # it would change how a cron schedule is read
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
}
time.tzset()


def pytest_unconfigure() -> None:
    """Remove Airflow's folder of this run."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    """Where this run's servers live: apart from the demo's, so that both can run at once."""
    LOCAL.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="tests-", dir=LOCAL))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb(servers_directory: Path) -> Iterator[MariaDB]:
    """The run's MariaDB. A test that kills it starts it again."""
    with MariaDB(servers_directory) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb(servers_directory: Path) -> Iterator[InfluxDB]:
    """The run's InfluxDB. A test that kills it starts it again."""
    with InfluxDB(servers_directory) as server:
        yield server


@pytest.fixture
def carbosense_db(mariadb: MariaDB) -> Iterator[Connection]:
    """A fresh and empty database for CarboSense (no tables yet)."""
    yield from _database(mariadb, "carbosense")


@pytest.fixture
def weather_db(mariadb: MariaDB) -> Iterator[Connection]:
    """A fresh and empty database for the weather stations (no tables yet)."""
    yield from _database(mariadb, "weather")


@pytest.fixture
def minitrasgo_db(mariadb: MariaDB) -> Iterator[Connection]:
    """A fresh and empty database for miniTRASGO (no tables yet)."""
    yield from _database(mariadb, "minitrasgo")


@pytest.fixture
def iagos_db(mariadb: MariaDB) -> Iterator[Connection]:
    """A fresh and empty database for IAGOS (no tables yet)."""
    yield from _database(mariadb, "iagos")


def _database(mariadb: MariaDB, network: str) -> Iterator[Connection]:
    name = f"{network}_{secrets.token_hex(4)}"
    yield mariadb.create_database(name, name, conn_id=f"{network}_db")
    mariadb.drop_database(name, name)


@pytest.fixture
def influx_db(influxdb: InfluxDB) -> Iterator[Connection]:
    """A fresh and empty InfluxDB database with a user that may read and write."""
    name = f"carbosense_{secrets.token_hex(4)}"
    yield influxdb.create_database(name, name, conn_id="carbosense_influx")
    influxdb.drop_database(name, name)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's metadata database, made once per run."""
    from airflow.utils.db import initdb

    initdb()
