"""Short flights from the data centre to their PI: both ends, the instrument database, and steps on the way.

A flight is cut out of one of the made-up fleet, 17 minutes long, so that everything about it is quick.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.metadata import write_post_calibrations, write_tables
from sandbox.iagos.offered import Offered
from sandbox.iagos.raw import raw_flight
from sandbox.iagos.world import IagosWorld
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.iagos import states
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.formats import raw
from skyledger.iagos.jobs import jobs
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.names import Level
from skyledger.iagos.process import check_flight, import_flight, let_wait, unfinished
from skyledger.iagos.release.decide import Decision, decide
from skyledger.iagos.release.deliver import push_products
from skyledger.iagos.release.nrt import export_nrt
from skyledger.iagos.release.products import make_products
from skyledger.iagos.release.reports import newest_report
from skyledger.iagos.release.reprocess import plan_reprocess, queue_reprocess
from skyledger.iagos.states import FlightState, State
from skyledger.iagos.transfer import rest
from skyledger.iagos.transfer.client import IagosClient
from skyledger.iagos.transfer.offered import pending
from skyledger.warehouse import Warehouse

WORLD = IagosWorld()
PI = "pi_p1"
ROWS = slice(1000, 1256)  # of the whole flight: high up, everything warm
LENGTH = timedelta(seconds=1030)
# What is known of flights, apart from the instrument database
TABLES = (
    "product",
    "release_decision",
    "report",
    "flag_event",
    "qc_result",
    "qc_variable",
    "qc_run",
    "qc_config",
    "data_series",
    "series_file",
    "acknowledgement",
    "source_file",
    "listing_cursor",
    "flight_state_history",
    "flight_state",
    "flight",
    "rejected_record",
    "run_record",
    "ledger",
)
# Numbers of rows, times when something was done, and who did it: the only things that may differ from run to run
PASSING = re.compile(
    r"(source_file|series_file|acknowledgement|step|qc_run|report|decision|product|l1_product)_id|attempt|run_id|body"
    r"|(created|stored|updated|kept|listed|received)_at|(since|at|listed|received|sent|due|first_used)_utc"
    r"|(made|set|released|written|pushed)_at_utc"
)


class Flown(NamedTuple):
    """When and where a short flight was, as the data centre says."""

    flight_id: str
    departure: Stop
    arrival: Stop


def flown(n: int) -> Flown:
    """Flight n of the fleet, cut short."""
    one = WORLD.flights(n + 1)[n]
    return Flown(one.flight_id, one.departure, Stop(one.arrival.airport, one.departure.time + LENGTH))


def key_of(n: int, revision: int = 1) -> Key:
    """Its delivery."""
    return Key(flown(n).flight_id, "P1", revision)


def short_raw(n: int, revision: int = 1, *, aircraft: str | None = None, bad_lines: int = 0) -> bytes:
    """Raw file of the short flight n; with an aircraft of other digits, or with lines that are none."""
    whole = raw_flight(WORLD, WORLD.flights(n + 1)[n], revision)
    time_s = whole.time_s[ROWS] - whole.time_s[ROWS.start] + flown(n).departure.time.timestamp() + 2
    found = replace(
        whole,
        time_s=time_s.round(3),
        columns={name: values[ROWS] for name, values in whole.columns.items()},
    )
    if aircraft:
        found = replace(found, flight_id=found.flight_id[:-2] + aircraft, aircraft=aircraft)
    lines = raw.render(found).split(b"\n")
    for line in range(bad_lines):
        lines[50 + 10 * line] = b"not a row"
    return raw.pack(b"\n".join(lines))


class Network:
    """A data centre, a database and a data root, with short flights on their way."""

    def __init__(self, database: Connection, data_root: Path, centre: DataCentre | Connection) -> None:
        self.warehouse, self.data_root = Warehouse(database), data_root
        self.centre = centre if isinstance(centre, DataCentre) else None
        connection = centre.connection if isinstance(centre, DataCentre) else centre
        self.client = IagosClient(connection, sleep=lambda seconds: None)

    def prepare(self, folder: Path, without: tuple[str, ...] = ()) -> "Network":
        """Make tables and fill the instrument database, but for some tables."""
        migrations.upgrade("iagos", self.warehouse.url)
        paths = write_tables(WORLD, folder / "tables")
        self.take_in(path for path in paths if path.stem not in without)
        return self

    def take_in(self, paths: Iterable[Path]) -> None:
        """Import tables of the instrument database."""
        with self.warehouse.session() as session:
            report = import_tables(session, list(paths), dry_run=False, actor="test")
        assert report.errors == []

    def calibrate(self, n: int, folder: Path) -> None:
        """The calibrations after the deployment of flight n come."""
        self.take_in([write_post_calibrations(WORLD, folder / "post", [flown(n).flight_id[-2:]])])

    def wipe(self) -> None:
        """Forget all flights, here and at the data centre."""
        with self.warehouse.session() as session, session.transaction():
            session.execute("SET FOREIGN_KEY_CHECKS = 0")
            for table in TABLES:
                session.execute(f"DELETE FROM {table}")
            session.execute("SET FOREIGN_KEY_CHECKS = 1")

    def offer(self, n: int, data: bytes | None = None, revision: int = 1) -> Offered:
        """The data centre has flight n."""
        assert self.centre
        one = WORLD.flights(n + 1)[n]
        return self.centre.offer(one.raw_name(revision), data or short_raw(n, revision), flown(n))

    def bring(self) -> None:
        """List and fetch, as the DAG does."""
        job = jobs()["p1_flights"]
        rest.list_new(self.warehouse, self.client, job, run_id="r")
        with self.warehouse.session() as session:
            keys = pending(session, "P1", self.client.source)
        for key in keys:
            rest.fetch(self.warehouse, self.client, key, data_root=self.data_root, run_id="r")

    def process(self, key: Key) -> None:
        """From RECEIVED, or wherever it is, to where the PI is asked."""
        where: dict[str, Any] = {"data_root": self.data_root, "run_id": "r"}
        import_flight(self.warehouse, key, **where)
        check_flight(self.warehouse, key, **where)
        export_nrt(self.warehouse, self.client, key, **where)
        let_wait(self.warehouse, key, run_id="r")

    def run(self) -> None:
        """Everything there is to do up to the question about Level 1."""
        self.bring()
        for key in self.unfinished():
            self.process(key)

    def recompute(self) -> None:
        """Everything there is to do after calibrations have come, up to the question."""
        with self.warehouse.session() as session:
            plan = plan_reprocess(session)
            todo = queue_reprocess(session, plan, at_most=10, actor="automatic", run_id="r")
        for key in todo:
            check_flight(self.warehouse, key, data_root=self.data_root, run_id="r")
            let_wait(self.warehouse, key, run_id="r")

    def decide(self, key: Key, action: str, level: Level = Level.L1, **options: Any) -> None:
        """The PI decides about what the newest report says."""
        with self.warehouse.session() as session:
            report = newest_report(session, key, level)
            assert report
            comment = options.pop("comment", None)
            decide(session, Decision(key, level, action, PI, comment, report.data_digest, **options), "r")

    def release(self, key: Key, level: Level = Level.L1) -> None:
        """The PI releases what waits; it is written and delivered."""
        self.decide(key, "release", level)
        make_products(self.warehouse, key, level, data_root=self.data_root, run_id="r")
        push_products(self.warehouse, self.client, key, level, data_root=self.data_root, run_id="r")

    def unfinished(self, **named: Any) -> list[Key]:
        """What has something to do."""
        with self.warehouse.session() as session:
            return unfinished(session, **named)

    def state(self, key: Key) -> FlightState:
        """What a flight file is."""
        with self.warehouse.session() as session:
            found = states.state_of(session, key)
        assert found
        return found

    def steps(self, key: Key) -> list[str]:
        """All states of a flight file, in order; each step begins where the one before ended."""
        with self.warehouse.session() as session:
            found = states.history(session, key)
        assert all(earlier.after == later.before for earlier, later in pairwise(found))
        return [step.after for step in found]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def execute(self, sql: str, *values: Any) -> None:
        """Run one statement in a transaction."""
        with self.warehouse.session() as session, session.transaction():
            session.execute(sql, values)

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """Columns of a table, sorted."""
        return sorted(self.query(f"SELECT {columns} FROM {table}"), key=repr)

    def lasting(self) -> dict[str, Any]:
        """Everything that must not depend on how often a run was ended: tables, files, what the data centre has."""
        found: dict[str, Any] = {}
        for table in TABLES:
            if table == "run_record":  # one row per attempt
                continue
            columns = [
                name
                for (name,) in self.query(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
                    " AND table_name = %s ORDER BY ordinal_position",
                    table,
                )
                if not PASSING.fullmatch(name)
            ]
            found[table] = self.rows(table, ", ".join(columns))
        order = "flight_id, from_state, to_state, actor, reason"
        found["flight_state_history"] = self.query(
            f"SELECT {order} FROM flight_state_history ORDER BY step_id"
        )
        found |= self.files()
        if self.centre:
            found["acknowledged"] = {
                key: (body["status"], body.get("sha256")) for key, body in self.centre.acknowledged.items()
            }
            found["products"] = {key: one.sha256 for key, one in self.centre.products.items()}
        return found

    def files(self) -> dict[str, str]:
        """Files below the data root with their SHA-256; when the raw file was received is left out."""
        return {
            str(path.relative_to(self.data_root)): hashlib.sha256(_without_time(path)).hexdigest()
            for path in sorted(self.data_root.rglob("*"))
            if path.is_file()
        }


def received(network: Network, n: int = 0, **options: Any) -> Key:
    """Flight n is here, and not looked into yet."""
    network.offer(n, short_raw(n, **options))
    network.bring()
    return key_of(n)


def waiting(network: Network, n: int = 0) -> Key:
    """Flight n waits for its PI."""
    key = received(network, n)
    network.process(key)
    assert network.state(key).state is State.AWAITING_L1
    return key


def _without_time(path: Path) -> bytes:
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        content["file"].pop("received")
        return json.dumps(content, sort_keys=True).encode()
    return path.read_bytes()
