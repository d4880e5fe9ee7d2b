"""A data centre, a database and a data root, and what tests of the transfer do with them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.offered import Offered
from skyledger.connections import Connection
from skyledger.iagos.flight import Key
from skyledger.iagos.jobs import Job, jobs
from skyledger.iagos.names import raw_name
from skyledger.iagos.states import State, states
from skyledger.iagos.transfer import rest
from skyledger.iagos.transfer.client import IagosClient
from skyledger.iagos.transfer.offered import pending
from skyledger.warehouse import Warehouse

FIRST = datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC)


def flight_id(n: int) -> str:
    """Flight n of aircraft 02: one a day."""
    return f"{FIRST + timedelta(days=n):%Y%m%d%H%M%S}02"


def data_of(n: int, revision: int = 1) -> bytes:
    """Bytes of a flight, each flight and revision its own: 40 kB."""
    return f"flight {n} revision {revision} ".encode() * 2000


@dataclass
class Transfer:
    """Both ends of the transfer."""

    centre: DataCentre
    warehouse: Warehouse
    data_root: Path
    job: Job

    def client(self, sleep: Callable[[float], None] = lambda seconds: None) -> IagosClient:
        """A client that does not really wait."""
        return IagosClient(self.centre.connection, sleep=sleep)

    def offer(self, n: int, *, revision: int = 1, **options: Any) -> Offered:
        """Offer flight n."""
        data = options.pop("data", data_of(n, revision))
        return self.centre.offer(raw_name("P1", flight_id(n), revision), data, **options)

    def list_new(self) -> rest.Listed:
        """One reading of the list."""
        return rest.list_new(self.warehouse, self.client(), self.job, run_id="test")

    def fetch(self, n: int = 0, revision: int = 1) -> rest.Fetched:
        """Fetch one file."""
        key = Key(flight_id(n), "P1", revision)
        return rest.fetch(self.warehouse, self.client(), key, data_root=self.data_root, run_id="test")

    def pending(self) -> list[Key]:
        """What is to be fetched."""
        with self.warehouse.session() as session:
            return pending(session, "P1", self.centre.connection.conn_id)

    def run(self) -> list[rest.Fetched]:
        """What a run of the DAG does: list, and fetch all that is pending."""
        self.list_new()
        client = self.client()
        return [
            rest.fetch(self.warehouse, client, key, data_root=self.data_root, run_id="test")
            for key in self.pending()
        ]

    def states(self) -> dict[Key, State]:
        """What each file is."""
        with self.warehouse.session() as session:
            return {one.key: one.state for one in states(session)}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the database."""
        with self.warehouse.session() as session:
            return session.query(sql)

    def kept(self) -> dict[str, bytes]:
        """Files below the data root, by name."""
        return {path.name: path.read_bytes() for path in self.data_root.rglob("*") if path.is_file()}

    def accepted(self) -> dict[str, str]:
        """Acknowledgements at the data centre, by file."""
        return {
            f"{file} r{revision}": body["status"]
            for (file, revision, _), body in self.centre.acknowledged.items()
        }


def transfer(centre: DataCentre, database: Connection, data_root: Path) -> Transfer:
    """Put both ends together."""
    return Transfer(centre, Warehouse(database), data_root, jobs()["p1_flights"])


def run_at(connection: Connection, database: Connection, data_root: Path) -> Callable[[], int]:
    """A run of the transfer, to be made in a child; returns how many files it fetched."""
    client = IagosClient(connection, sleep=lambda seconds: None)
    warehouse, job = Warehouse(database), jobs()["p1_flights"]

    def run() -> int:
        rest.list_new(warehouse, client, job, run_id="child")
        with warehouse.session() as session:
            keys = pending(session, "P1", client.source)
        for key in keys:
            rest.fetch(warehouse, client, key, data_root=data_root, run_id="child")
        return len(keys)

    return run
