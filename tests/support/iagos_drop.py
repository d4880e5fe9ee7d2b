"""A drop folder, a database and a data root, and what tests of the drop folder do with them."""

import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.iagos.drop import DropFolder, DropServer
from sandbox.servers import MariaDB
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.iagos.flight import Key
from skyledger.iagos.formats import raw
from skyledger.iagos.jobs import Job, jobs
from skyledger.iagos.names import raw_name
from skyledger.iagos.states import State, states
from skyledger.iagos.transfer.drop import bring_from_drop
from skyledger.iagos.transfer.summary import BringSummary
from skyledger.warehouse import Warehouse
from tests.support.iagos_transfer import flight_id

JOB = jobs()["p1_drop"]
SOURCE = "iagos_drop:drop/P1"
TABLES = ("drop_look", "source_file", "flight_state_history", "flight_state", "ledger", "run_record")


def name_of(n: int = 0, revision: int = 1) -> str:
    """Name of flight n, as its provider gives it."""
    return raw_name("P1", flight_id(n), revision)


@cache
def data_of(n: int = 0, revision: int = 1, size: int = 300_000) -> bytes:
    """Bytes of a flight that say nothing, each flight and revision its own."""
    return random.Random(f"{n} {revision}").randbytes(size)


@cache
def flight_of(n: int = 0, rows: int = 50_000) -> bytes:
    """A file with the end of a raw file: 190 kB."""
    keys = dict.fromkeys(raw.KEYS, "1") | {"flight_id": flight_id(n)}
    head = "".join(f"# {key}: {value}\n" for key, value in keys.items())
    numbers = random.Random(n)
    lines = "".join(f"{numbers.random():.6f}\n" for _ in range(rows))
    return raw.pack(f"{head}utc\n{lines}# rows: {rows}\n# end\n".encode())


@dataclass
class Drop:
    """Both ends."""

    server: DropServer
    folder: DropFolder
    warehouse: Warehouse
    data_root: Path

    def run(self, connection: Connection | None = None, job: Job = JOB) -> BringSummary:
        """What a run of the job does."""
        return bring_from_drop(
            self.warehouse,
            job,
            (connection or self.server.connection, None),
            data_root=self.data_root,
            run_id="test",
            progress=lambda text: None,
        )

    def wait(self, seconds: int = 61) -> None:
        """Let what lies in the folder have looked the same for so much longer."""
        with self.warehouse.session() as session, session.transaction():
            session.execute("UPDATE drop_look SET since_utc = since_utc - INTERVAL %s SECOND", (seconds,))

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

    def there(self) -> list[str]:
        """Files on the provider's side."""
        return sorted(self.folder.files())

    def forget_all(self) -> None:
        """Begin again: nothing here, nothing there."""
        with self.warehouse.session() as session, session.transaction():
            session.execute("UPDATE source_file SET duplicate_of = NULL")
            for table in TABLES:
                session.execute(f"DELETE FROM {table}")
        shutil.rmtree(self.data_root, ignore_errors=True)
        shutil.rmtree(self.folder.home, ignore_errors=True)
        self.folder.incoming.mkdir(parents=True)


@contextmanager
def both_ends(mariadb: MariaDB, folder: Path) -> Iterator[Drop]:
    """A provider's server and a migrated database, for a whole module of tests."""
    name = f"iagos_{secrets.token_hex(4)}"
    database = mariadb.create_database(name, name, conn_id="iagos_db")
    migrations.upgrade("iagos", Warehouse(database).url)
    with DropServer(folder / "provider") as server:
        yield Drop(server, server.folder("P1"), Warehouse(database), folder / "data")
    mariadb.drop_database(name, name)


def key_of(n: int = 0, revision: int = 1) -> Key:
    """Delivery of flight n."""
    return Key(flight_id(n), "P1", revision)


def run_at(source: Connection, database: Connection, data_root: Path) -> Callable[[], int]:
    """A run, to be made in a child; returns how many files came."""
    warehouse = Warehouse(database)

    def run() -> int:
        done = bring_from_drop(
            warehouse, JOB, (source, None), data_root=data_root, run_id="child", progress=lambda text: None
        )
        done.raise_for_failures()
        return done.states["RECEIVED"]

    return run
