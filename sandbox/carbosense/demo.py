"""The CO2 network in the demo: three days of telegrams, loaded and compared with the truth."""

import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import numpy as np
from rich.table import Table

from sandbox.airflow import PrivateAirflow
from sandbox.carbosense.world import CarboSenseWorld
from sandbox.console import follow, out, runs, step
from sandbox.servers import InfluxDB, MariaDB
from skyledger import migrations
from skyledger.carbosense.telegrams import load_mapping, mapping_paths
from skyledger.connections import Connection
from skyledger.influx import midnight_s
from skyledger.mapping import TelegramMapping
from skyledger.run_report import run_report
from skyledger.warehouse import Session, Warehouse

DAG_ID = "carbosense_telegrams_ingest"
DAYS = 3
CORRUPT_UNITS = (1012, 1027)  # some of their telegrams cannot be stored, and must be kept aside


class CarboSenseDemo:
    """A CO2 network, from its telegrams in InfluxDB to rows in MariaDB."""

    def __init__(self, stack: ExitStack, mariadb: MariaDB) -> None:
        self.last_day = datetime.now(UTC).date() - timedelta(days=1)
        self.first_day = self.last_day - timedelta(days=DAYS - 1)
        self.world = CarboSenseWorld(corrupt_units=CORRUPT_UNITS)
        with step("InfluxDB"):
            self.influxdb = stack.enter_context(InfluxDB())
            self.database = mariadb.create_database("carbosense", "skyledger", conn_id="carbosense_db")
            writer = self.influxdb.create_database("main", "sensors", privilege="WRITE")
            source = self.influxdb.create_database(
                "main", "reader", conn_id="carbosense_influx", privilege="READ"
            )
        self.connections: tuple[Connection, ...] = (self.database, source)
        with step(f"a CO2 network, {self.first_day} to {self.last_day}"):
            migrations.upgrade("carbosense", Warehouse(self.database).url)
            self._write_metadata()
            written = self.world.write_telegrams(writer, self.first_day, self.last_day)
        out.print(
            f"    {written.points:,} points of {len(self.world.units())} units in {written.seconds:.1f} s"
        )

    def run(self, airflow: PrivateAirflow) -> bool:
        """Start the flow as an operator would with its form; True when it succeeded and everything is right."""
        started = time.monotonic()
        conf = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        out.print(f"[bold]>[/] {DAG_ID} ...")
        airflow.api.wait_for_dag(DAG_ID)
        ours = airflow.api.trigger(DAG_ID, conf)
        time.sleep(
            2
        )  # the scheduler makes the run that is due by the clock as well, and one waits for the other
        for run in runs(airflow, DAG_ID):
            if run["dag_run_id"] != ours and run["state"] in ("queued", "running"):
                out.print(f"  the {run['run_type']} run of {run['partition_key']} goes first")
                follow(airflow, DAG_ID, run["dag_run_id"])
        out.print(f"  the run for {self.first_day} to {self.last_day}, started with the form")
        succeeded = follow(airflow, DAG_ID, ours) == "success"
        return self._report(time.monotonic() - started) and succeeded

    def where(self, airflow: PrivateAirflow) -> str:
        """Addresses of what can be looked at."""
        return (
            f"CO2        {airflow.url}/dags/{DAG_ID}\n"
            f"           InfluxDB http://{self.influxdb.host}:{self.influxdb.port}, database main"
        )

    def _write_metadata(self) -> None:
        """Units, deployments and cylinders, unless an earlier demo has written them: telegrams refer to them."""
        with Warehouse(self.database).session() as session:
            if session.query("SELECT COUNT(*) FROM Deployment") == [(0,)]:
                self.world.write_metadata(session.wire)

    def _report(self, seconds: float) -> bool:
        """Print what arrived beside the truth; True if every telegram is there with its values."""
        table = Table(
            "sensor type", "units", "days", "rows read", "stored", "rejected", "seconds", "against the truth"
        )
        everything = True
        first_day, last_day = self.first_day, self.last_day
        with Warehouse(self.database).session() as session:
            run_ids = [run_id for (run_id,) in session.query("SELECT DISTINCT run_id FROM run_record")]
            for name in mapping_paths():
                mapping = load_mapping(name)
                loaded = [row for run in run_ids for row in run_report(session, run, [mapping.dataset])]
                spent = sum(row["seconds"] for row in loaded)
                ((units, days, read, stored, rejected),) = session.query(
                    "SELECT COUNT(DISTINCT IF(rows_read > 0, member, NULL)), COUNT(DISTINCT partition_key), "
                    "COALESCE(SUM(rows_read), 0), COALESCE(SUM(rows_stored), 0), COALESCE(SUM(rows_rejected), 0) "
                    "FROM ledger WHERE dataset = %s AND partition_key BETWEEN %s AND %s",
                    (mapping.dataset, first_day.isoformat(), last_day.isoformat()),
                )
                right, wrong = compare(self.world, session, mapping, first_day, last_day)
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
