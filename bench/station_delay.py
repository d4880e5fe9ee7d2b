"""How long a finished detector file takes to become rates in the database, through a real Airflow.

Four stations behind sshd; files of one of them appear one after the other, as if they had just been closed. The delay
is the time from a file's appearance until the day in the database holds it. No limit is stated: most of it is waiting
on purpose (30 s in which a file has to stand still, a look every 15 s).
"""

import argparse
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.airflow import PrivateAirflow
from sandbox.minitrasgo import MuonStation
from sandbox.minitrasgo.server import MingoServer
from sandbox.servers import MariaDB
from skyledger import migrations
from skyledger.connections import to_environment
from skyledger.minitrasgo.stations import load_station, stations
from skyledger.warehouse import Warehouse

STATION = "MINGO01"
EVERY_S = 23  # not in step with the watcher
DATA_S = 300
DAY = datetime(2026, 3, 10, tzinfo=UTC)
TIMEOUT_S = 300


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        mariadb = stack.enter_context(MariaDB(folder))
        database = mariadb.create_database("minitrasgo", "bench", conn_id="minitrasgo_db")
        warehouse = Warehouse(database)
        migrations.upgrade("minitrasgo", warehouse.url)
        servers = {
            station.station: stack.enter_context(MingoServer(station.source.connection, folder / "stations"))
            for station in stations().values()
        }
        for station, server in servers.items():
            server.folder(load_station(station).source.path).mkdir(parents=True)
        connections = (database, *(server.connection for server in servers.values()))
        environment = {"SKYLEDGER_DATA": str(folder / "data"), **dict(map(to_environment, connections))}
        airflow = stack.enter_context(PrivateAirflow(folder / "airflow", environment))
        for dag_id in ("minitrasgo_events_reduce", "minitrasgo_files_acquire"):
            airflow.api.wait_for_dag(dag_id)
        time.sleep(30)  # the first runs find nothing
        _print(_delays(warehouse, servers[STATION], files))


def _delays(warehouse: Warehouse, server: MingoServer, files: int) -> list[float]:
    station = load_station(STATION)
    world, target = MuonStation(station, cadence_s=DATA_S), server.folder(station.source.path)
    appeared: dict[str, float] = {}
    joined: dict[str, float] = {}
    deadline = time.monotonic() + files * EVERY_S + TIMEOUT_S
    while len(joined) < files and time.monotonic() < deadline:
        if len(appeared) < files and time.monotonic() > max(appeared.values(), default=0) + EVERY_S:
            start = DAY + timedelta(seconds=DATA_S * len(appeared))
            written = world.write_file(target, start, DATA_S - 5, modified=datetime.now(UTC))
            appeared[written.path.stem] = time.monotonic()
        with warehouse.session() as session:
            rows = session.query("SELECT report FROM station_day WHERE station = %s", (STATION,))
        in_day = {file["file"] for (report,) in rows for file in json.loads(report)["files"]}
        for basename in in_day - joined.keys():
            joined[basename] = time.monotonic()
        time.sleep(0.5)
    return [joined[basename] - appeared[basename] for basename in appeared if basename in joined]


def _print(delays: list[float]) -> None:
    print(f"{len(delays)} files, from a finished file on the station to rates in the database")
    print(
        f"median {statistics.median(delays):.0f} s, maximum {max(delays):.0f} s, minimum {min(delays):.0f} s"
    )
    print("each: " + ", ".join(f"{delay:.0f}" for delay in delays))


if __name__ == "__main__":
    main()
