"""`make demo`: the whole deployment on this machine, with simulated networks whose truth is known.

Starts the private servers, fills them with three days, runs the flows in a real Airflow, compares what
arrived with the truth, and stays up until Ctrl-C. With ONCE=1 in the environment it ends by itself, and
its status says whether everything was right.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import numpy as np
from rich.console import Console
from rich.table import Table

from sandbox import processes
from sandbox.airflow import USER, PrivateAirflow
from sandbox.carbosense import CarboSenseWorld
from sandbox.servers import LOCAL, InfluxDB, MariaDB, write_private
from skyledger import migrations
from skyledger.carbosense.telegrams import load_mapping, mapping_paths
from skyledger.connections import Connection, to_environment
from skyledger.influx import midnight_s
from skyledger.mapping import TelegramMapping
from skyledger.run_report import run_report
from skyledger.warehouse import Session, Warehouse

DAG_ID = "carbosense_telegrams_ingest"
DAYS = 3
CORRUPT_UNITS = (1012, 1027)  # some of their telegrams cannot be stored, and must be kept aside
RUN_TIMEOUT_S = 900
ENVIRONMENT_FILE = LOCAL / "demo.env"  # connections, for `skyledger` at the terminal

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def main() -> int:
    """Run the demo; 0 when everything was right."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through the context managers
    once = os.environ.get("ONCE", "") not in ("", "0")
    last_day = datetime.now(UTC).date() - timedelta(days=1)
    first_day = last_day - timedelta(days=DAYS - 1)
    LOCAL.mkdir(exist_ok=True)
    processes.record(LOCAL / "demo.pid", os.getpid())  # for `make stop`
    with ExitStack() as stack:
        with step("MariaDB and InfluxDB"):
            mariadb, influxdb = stack.enter_context(MariaDB()), stack.enter_context(InfluxDB())
            database = mariadb.create_database("carbosense", "skyledger", conn_id="carbosense_db")
            writer = influxdb.create_database("main", "sensors", privilege="WRITE")
            source = influxdb.create_database("main", "reader", conn_id="carbosense_influx", privilege="READ")
        world = CarboSenseWorld(corrupt_units=CORRUPT_UNITS)
        with step(f"a CO2 network, {first_day} to {last_day}"):
            migrations.upgrade("carbosense", Warehouse(database).url)
            write_metadata(world, database)
            written = world.write_telegrams(writer, first_day, last_day)
        out.print(f"    {written.points:,} points of {len(world.units())} units in {written.seconds:.1f} s")
        environment = dict(map(to_environment, (database, source)))
        exports = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        write_private(ENVIRONMENT_FILE, "".join(exports))
        with step("Airflow (half a minute)"):
            airflow = stack.enter_context(PrivateAirflow(environment=environment))
        seconds, state = run_flow(airflow, first_day, last_day)
        right = report(world, Warehouse(database), first_day, last_day, seconds) and state == "success"
        where(airflow, mariadb, influxdb)
        if once:
            out.print(
                "everything arrived as it should" if right else "[bold red]something went wrong, see above"
            )
            return 0 if right else 1
        out.print("Running until Ctrl-C.")
        wait_for_interrupt()
    return 0


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what takes time, and how long it took."""
    started = time.monotonic()
    out.print(f"[bold]>[/] {what} ...")
    yield
    out.print(f"  [green]done[/] in {time.monotonic() - started:.1f} s")


def write_metadata(world: CarboSenseWorld, database: Connection) -> None:
    """Units, deployments and cylinders, unless an earlier demo has written them: telegrams refer to them."""
    with Warehouse(database).session() as session:
        if session.query("SELECT COUNT(*) FROM Deployment") == [(0,)]:
            world.write_metadata(session.wire)


def run_flow(airflow: PrivateAirflow, first_day: date, last_day: date) -> tuple[float, str]:
    """Start the flow as an operator would with its form; return seconds and the state of the run."""
    started = time.monotonic()
    conf = {"first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    out.print(f"[bold]>[/] {DAG_ID} ...")
    airflow.api.wait_for_dag(DAG_ID)
    ours = airflow.api.trigger(DAG_ID, conf)

    def tell(state: str, tasks: dict[str, int]) -> None:
        counts = ", ".join(f"{n} {name}" for name, n in sorted(tasks.items()))
        out.print(f"    {time.monotonic() - started:5.1f} s  {state}: {counts or 'no tasks yet'}")

    time.sleep(2)  # the scheduler makes the run that is due by the clock as well, and one waits for the other
    runs = airflow.api.get(f"/dags/{DAG_ID}/dagRuns?order_by=run_after&limit=100")["dag_runs"]
    for run in runs:
        if run["dag_run_id"] != ours and run["state"] in ("queued", "running"):
            out.print(f"  the {run['run_type']} run of {run['partition_key']} goes first")
            airflow.api.wait(DAG_ID, run["dag_run_id"], RUN_TIMEOUT_S, tell)
    out.print(f"  the run for {first_day} to {last_day}, started with the form")
    state = airflow.api.wait(DAG_ID, ours, RUN_TIMEOUT_S, tell)
    for run in runs:
        show_failures(airflow, run["dag_run_id"])
    return time.monotonic() - started, state


def show_failures(airflow: PrivateAirflow, run_id: str) -> None:
    """Print the end of the log of each failed task."""
    for task in airflow.api.tasks(DAG_ID, run_id):
        if task["state"] == "failed":
            out.print(f"[red]{task['task_id']} {task['rendered_map_index'] or ''} failed:")
            log = airflow.api.log(DAG_ID, run_id, task["task_id"], task["try_number"], task["map_index"])
            out.print(log[-2000:], markup=False)


def report(
    world: CarboSenseWorld, warehouse: Warehouse, first_day: date, last_day: date, seconds: float
) -> bool:
    """Print what arrived beside the truth; True if every telegram is there with its values."""
    table = Table(
        "sensor type", "units", "days", "rows read", "stored", "rejected", "seconds", "against the truth"
    )
    everything = True
    with warehouse.session() as session:
        runs = [run_id for (run_id,) in session.query("SELECT DISTINCT run_id FROM run_record")]
        for name in mapping_paths():
            mapping = load_mapping(name)
            loaded = [row for run in runs for row in run_report(session, run, [mapping.dataset])]
            spent = sum(row["seconds"] for row in loaded)
            ((units, days, read, stored, rejected),) = session.query(
                "SELECT COUNT(DISTINCT IF(rows_read > 0, member, NULL)), COUNT(DISTINCT partition_key), "
                "COALESCE(SUM(rows_read), 0), COALESCE(SUM(rows_stored), 0), COALESCE(SUM(rows_rejected), 0) "
                "FROM ledger WHERE dataset = %s AND partition_key BETWEEN %s AND %s",
                (mapping.dataset, first_day.isoformat(), last_day.isoformat()),
            )
            right, wrong = compare(world, session, mapping, first_day, last_day)
            everything &= wrong == 0 and right == stored > 0
            verdict = f"{right:,} rows equal" + (f", [red]{wrong:,} wrong or missing[/]" if wrong else "")
            counts = (f"{n:,}" for n in (units, days, read, stored, rejected))
            table.add_row(mapping.sensor_type, *counts, f"{spent:.1f}", verdict)
    out.print(table)
    out.print(f"run in Airflow: {seconds:.1f} s")
    return everything


def compare(
    world: CarboSenseWorld, session: Session, mapping: TelegramMapping, first_day: date, last_day: date
) -> tuple[int, int]:
    """Rows that are exactly as they must be, and rows that differ, are missing or too many."""
    columns = ["time", *(column.name for column in mapping.columns)]
    sql = (
        f"SELECT {', '.join(columns)} FROM {mapping.destination.table} "
        "WHERE SensorUnit_ID = %s AND time >= %s AND time < %s ORDER BY time"
    )
    right = wrong = 0
    for unit in world.units(mapping.sensor_type):
        for offset in range((last_day - first_day).days + 1):
            day = first_day + timedelta(days=offset)
            found = session.query(sql, (unit.unit_id, midnight_s(day), midnight_s(day + timedelta(days=1))))
            truth = (
                world.expected_rows(unit.unit_id, day) if world.deployed(unit.unit_id, day) else {"time": []}
            )
            nothing = np.full(len(truth["time"]), np.nan)
            expected = np.array([truth.get(column, nothing) for column in columns], dtype=float).T
            equal = 0
            if len(found) == len(expected):
                stored = np.array(found, dtype=float).reshape(expected.shape)
                equal = int(
                    np.isclose(stored, expected, rtol=1e-12, atol=0, equal_nan=True).all(axis=1).sum()
                )
            right += equal
            wrong += max(len(found), len(expected)) - equal
    return right, wrong


def where(airflow: PrivateAirflow, mariadb: MariaDB, influxdb: InfluxDB) -> None:
    """Print the addresses."""
    out.print(
        f"Airflow    {airflow.url}/dags/{DAG_ID}   user {USER}, password {airflow.password} "
        f"(also in {airflow.password_file})\n"
        f"MariaDB    {mariadb.host}:{mariadb.port}, database carbosense\n"
        f"InfluxDB   http://{influxdb.host}:{influxdb.port}, database main\n"
        f"Terminal   . {ENVIRONMENT_FILE.relative_to(LOCAL.parent)}; .venv/bin/skyledger ledger status carbosense",
        soft_wrap=True,
    )


def wait_for_interrupt() -> None:
    """Return at Ctrl-C; a SIGTERM leaves through SystemExit."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("stopping")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
