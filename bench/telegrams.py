"""How fast telegrams travel from InfluxDB to MariaDB, against what the two servers need by themselves.

    .venv/bin/python -m bench.telegrams

Prints, all measured in the same run on private servers:

* the ratio of the load to its physical limit: curl of the same queries as chunked CSV to /dev/null, plus
  LOAD DATA of the finished file into the final table (limit 1.8, aim 1.3);
* the peak memory of loading one HPP unit for a year (limit 400 MB);
* the time to find that there is nothing to do for 300 units and 365 days (limit 2 s).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa

from sandbox.carbosense.world import CarboSenseWorld
from sandbox.servers import InfluxDB, MariaDB
from skyledger import migrations
from skyledger.carbosense.telegram_plan import SLICE_TELEGRAMS, plan_telegrams, slice_plan
from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
from skyledger.connections import Connection, to_environment
from skyledger.influx import midnight_s, open_source
from skyledger.influx.v1 import select_points
from skyledger.ledger import Mode
from skyledger.mapping import TelegramMapping
from skyledger.warehouse import Warehouse
from skyledger.wire import encode_tsv
from tests.support.telegrams import prepare, write_points

LIMIT_RATIO, AIM_RATIO = 1.8, 1.3
LIMIT_PEAK_MB = 400
LIMIT_PLAN_S = 2.0
FIRST_DAY = date(2022, 9, 1)
YEAR_START = date(2021, 9, 1)
LOADS = {"lp8": (20, 60), "hpp": (2, 20)}  # units, days
YEAR = 365
QUIET_UNITS = range(2001, 2301)


@contextmanager
def seconds(times: list[float]) -> Iterator[None]:
    """Append how long the block took."""
    started = time.perf_counter()
    yield
    times.append(time.perf_counter() - started)


def curl(connection: Connection, mapping: TelegramMapping, work: list[list]) -> None:
    """Fetch what the slices of a plan fetch, as chunked CSV, and throw it away."""
    for items in work:
        first, last = (date.fromisoformat(items[n].partition_key) for n in (0, -1))
        query = select_points("value", mapping.source, mapping.quantities, items[0].member, first, last)
        fields = {"db": connection.schema, "epoch": "s", "chunked": "true", "q": query}
        url = f"http://{connection.host}:{connection.port}/query?{urlencode(fields)}"
        user = f"{connection.login}:{connection.password}"
        command = [
            "curl",
            "-sS",
            "--fail",
            "-u",
            user,
            "-H",
            "Accept: application/csv",
            "-o",
            "/dev/null",
            url,
        ]
        subprocess.run(command, check=True)


def finished_file(warehouse: Warehouse, mapping: TelegramMapping, path: Path) -> list[str]:
    """Write the loaded rows as LOAD DATA reads them; return the columns."""
    table = mapping.destination.table
    columns = [mapping.destination.member_column, mapping.destination.time_column]
    columns += [column.name for column in mapping.columns]
    with warehouse.session() as session:
        rows = session.query(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2")
    arrays = [pa.array(values) for values in zip(*rows, strict=True)]
    path.write_bytes(encode_tsv(pa.table(arrays, names=columns)))
    return columns


def load_file(warehouse: Warehouse, table: str, columns: list[str], path: Path) -> None:
    """LOAD DATA LOCAL of a finished file, by MariaDB's own client."""
    c = warehouse.connection
    statement = f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} ({', '.join(columns)})"
    address = ["-h", c.host, "-P", str(c.port), "-u", str(c.login)]
    command = ["mariadb", "--no-defaults", "--local-infile=1", *address, "-e", statement, str(c.schema)]
    subprocess.run(command, check=True, env={"MYSQL_PWD": str(c.password)})


def measure_ratio(database: Connection, source: Connection, rounds: int) -> float:
    """Load the standard month and compare with the servers' own time; medians of several rounds."""
    world = CarboSenseWorld(seed=1)
    warehouse = Warehouse(database)
    limits, ours = [], []
    for round_number in range(rounds):
        curl_s, load_s, our_s = [], [], []
        for sensor_type, (n_units, n_days) in LOADS.items():
            mapping, reader = load_mapping(sensor_type), open_source(source)
            last_day = FIRST_DAY + timedelta(days=n_days - 1)
            units = tuple(
                unit.unit_id
                for unit in world.units(mapping.sensor_type)
                if world.deployed(unit.unit_id, FIRST_DAY) and world.deployed(unit.unit_id, last_day)
            )[:n_units]
            if round_number == 0:
                written = world.write_telegrams(source, FIRST_DAY, last_day, units=units)
                print(f"  {len(units)} {mapping.sensor_type} units, {n_days} days: {written.points:,} points")
            prepare_empty(warehouse, mapping)
            with warehouse.session() as session:
                plan = plan_telegrams(session, reader, mapping, FIRST_DAY, last_day, units, Mode.ALL)
            with seconds(our_s):
                summary = ingest_telegrams(warehouse, reader, mapping, FIRST_DAY, last_day, units)
            summary.raise_for_failures()
            with seconds(curl_s):
                curl(source, mapping, list(slice_plan(plan, SLICE_TELEGRAMS)))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows.tsv"
                columns = finished_file(warehouse, mapping, path)
                prepare_empty(warehouse, mapping)
                with seconds(load_s):
                    load_file(warehouse, mapping.destination.table, columns, path)
            print(
                f"  round {round_number + 1} {mapping.sensor_type}: {summary.rows_stored:,} rows; ours "
                f"{our_s[-1]:.2f} s, curl {curl_s[-1]:.2f} s, LOAD DATA {load_s[-1]:.2f} s"
            )
        limits.append(sum(curl_s) + sum(load_s))
        ours.append(sum(our_s))
    return statistics.median(o / limit for o, limit in zip(ours, limits, strict=True))


def prepare_empty(warehouse: Warehouse, mapping: TelegramMapping) -> None:
    """Forget everything loaded."""
    with warehouse.session() as session:
        for table in (mapping.destination.table, "ledger", "run_record", "rejected_record"):
            session.execute(f"TRUNCATE TABLE {table}")


def measure_peak_mb(database: Connection, source: Connection) -> float:
    """Peak memory of the command line loading one HPP unit for a year."""
    world, mapping = CarboSenseWorld(seed=1), load_mapping("hpp")
    last_day = YEAR_START + timedelta(days=YEAR - 1)
    unit = next(u.unit_id for u in world.units("HPP") if world.deployed(u.unit_id, YEAR_START))
    written = world.write_telegrams(source, YEAR_START, last_day, units=(unit,))
    prepare_empty(Warehouse(database), mapping)
    command = [sys.executable, "-m", "skyledger", "carbosense", "ingest", "hpp", "--unit", str(unit)]
    process = subprocess.Popen(
        [*command, "--first-day", YEAR_START.isoformat(), "--last-day", last_day.isoformat()],
        env=os.environ | dict(map(to_environment, (database, source))),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"loading a year failed with status {os.waitstatus_to_exitcode(status)}")
    print(f"  unit {unit}, {YEAR} days: {written.points:,} points in {usage.ru_utime:.0f} s of own time")
    return usage.ru_maxrss / 1024


def measure_plan_s(database: Connection, source: Connection) -> float:
    """Seconds to find nothing to do for 300 units and a year, one telegram a day each, all stored."""
    mapping, reader = load_mapping("lp8"), open_source(source)
    warehouse = prepare(database, QUIET_UNITS)
    last_day = FIRST_DAY + timedelta(days=YEAR - 1)
    noon = midnight_s(FIRST_DAY) + 43_200
    for unit in QUIET_UNITS:
        write_points(
            source,
            ((unit, q, noon + n * 86_400, 1.0) for n in range(YEAR) for q in mapping.quantities),
        )
    ingest_telegrams(warehouse, reader, mapping, FIRST_DAY, last_day, list(QUIET_UNITS)).raise_for_failures()
    times: list[float] = []
    for _ in range(3):
        with seconds(times), warehouse.session() as session:
            plan = plan_telegrams(session, reader, mapping, FIRST_DAY, last_day, list(QUIET_UNITS))
        if len(plan) or plan.expected != len(QUIET_UNITS) * YEAR:
            raise SystemExit(f"expected nothing to do: {plan.describe()}")
    return statistics.median(times)


def main() -> int:
    """Print the figures; return 1 when a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("ratio", "memory", "plan"))
    arguments = parser.parse_args()
    missed = False

    def tell(what: str, value: float, unit: str, limit: float) -> None:
        nonlocal missed
        missed |= value > limit
        print(f"{what}: {value:.2f} {unit} (limit {limit:g} {unit}, {value / limit:.0%} of it)", flush=True)

    with (
        tempfile.TemporaryDirectory() as folder,
        MariaDB(Path(folder)) as mariadb,
        InfluxDB(Path(folder)) as influx,
    ):

        def databases(name: str) -> tuple[Connection, Connection]:
            database = mariadb.create_database(name, name, conn_id="carbosense_db")
            source = influx.create_database(name, name, conn_id="carbosense_influx")
            migrations.upgrade("carbosense", Warehouse(database).url)
            return database, source

        def world_databases(name: str) -> tuple[Connection, Connection]:
            database, source = databases(name)
            with Warehouse(database).session() as session:
                CarboSenseWorld(seed=1).write_metadata(session.wire, as_of=datetime(2023, 1, 1, tzinfo=UTC))
            return database, source

        if arguments.only in (None, "ratio"):
            ratio = measure_ratio(*world_databases("bench_ratio"), arguments.rounds)
            tell("load / (curl + LOAD DATA)", ratio, "times", LIMIT_RATIO)
            print(f"aim {AIM_RATIO:g} times: {'reached' if ratio <= AIM_RATIO else 'not reached'}")
        if arguments.only in (None, "memory"):
            tell("peak memory", measure_peak_mb(*world_databases("bench_memory")), "MB", LIMIT_PEAK_MB)
        if arguments.only in (None, "plan"):
            tell("plan with nothing to do", measure_plan_s(*databases("bench_plan")), "s", LIMIT_PLAN_S)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
