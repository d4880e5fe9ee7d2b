"""How many flights an hour are taken in, with everything that is kept in the database.

    .venv/bin/python -m bench.iagos_import

Flights of the sandbox's fleet lie in the raw store of a private MariaDB's deployment. Prints the rate of importing
them (raw file to Level 0: states, series, statistics, ledger) and of judging them (tests, report), and what 1 000
flights would take, by one process that does one after the other.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.iagos.metadata import write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import Flight, IagosWorld
from sandbox.servers import LOCAL, MariaDB
from skyledger import migrations
from skyledger.iagos.flight import Key
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.names import raw_name
from skyledger.iagos.process import Processed, check_flight, import_flight
from skyledger.iagos.states import held
from skyledger.iagos.transfer.files import listing, queue, receive, transferring
from skyledger.iagos.transfer.offered import FileEntry, source_file
from skyledger.warehouse import Warehouse

RUN = "bench"


def deliver(warehouse: Warehouse, world: IagosWorld, flight: Flight, data_root: Path) -> Key:
    """A flight's file as the transfer leaves it: here and whole."""
    content = write_raw(world, flight)
    sha256 = hashlib.sha256(content).hexdigest()
    arrived = data_root / f"{flight.flight_id}.part"
    arrived.write_bytes(content)
    entry = FileEntry(
        f"f-{flight.flight_id}",
        1,
        "P1",
        flight.flight_id,
        raw_name("P1", flight.flight_id, 1),
        len(content),
        sha256,
        flight.departure,
        flight.arrival,
    )
    with warehouse.session() as session:
        with listing(session, "P1"), session.transaction():
            (key,) = queue(session, "bench", [entry], run_id=RUN).keys
        with held(session, *key[:2]):
            file = source_file(session, key)
            assert file
            with transferring(session, file, run_id=RUN):
                receive(
                    session, file, arrived, sha256, "sha256", data_root=data_root, receiver=None, run_id=RUN
                )
    return key


def rate(what: str, done: Iterator[Processed]) -> None:
    """Print how fast a step goes, whose first flight pays for imports and caches."""
    first = next(done)
    assert "rows kept" in first.message or "suggested" in first.message, first.told()
    started = time.perf_counter()
    count = sum(1 for _ in done)
    seconds = (time.perf_counter() - started) / count
    print(
        f"{what}: {seconds * 1e3:.0f} ms a flight, {3600 / seconds:.0f} an hour; 1 000 in {1000 * seconds:.0f} s"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flights", type=int, default=40)
    count = parser.parse_args().flights
    world = IagosWorld()
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="bench-") as folder, MariaDB(Path(folder)) as server:
        data_root = Path(folder, "data")
        data_root.mkdir()
        warehouse = Warehouse(server.create_database("iagos", "iagos"))
        migrations.upgrade("iagos", warehouse.url)
        with warehouse.session() as session:
            imported = import_tables(
                session, write_tables(world, data_root / "tables"), dry_run=False, actor=RUN
            )
            assert not imported.errors, imported.errors
        keys = [deliver(warehouse, world, flight, data_root) for flight in world.flights(count)]
        rate("import", (import_flight(warehouse, key, data_root=data_root, run_id=RUN) for key in keys))
        rate(
            "tests and report",
            (check_flight(warehouse, key, data_root=data_root, run_id=RUN) for key in keys),
        )
        kept = sum(path.stat().st_size for path in (data_root / "iagos" / "series").rglob("*.parquet"))
        print(f"series of {count} flights: {kept / 1e6 / count:.2f} MB a flight")


if __name__ == "__main__":
    main()
