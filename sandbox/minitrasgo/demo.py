"""miniTRASGO in the demo: files over rsync, a station that goes down and comes back, rates and the truth."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

from sandbox.airflow import PrivateAirflow
from sandbox.console import out, runs, step
from sandbox.minitrasgo.server import MingoServer
from sandbox.minitrasgo.world import MuonStation, Written
from sandbox.servers import LOCAL, MariaDB
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.minitrasgo.detector import PLANES
from skyledger.minitrasgo.stations import load_station, stations
from skyledger.warehouse import Session, Warehouse

ACQUIRE, REDUCE = "minitrasgo_files_acquire", "minitrasgo_events_reduce"
UP, GOES_DOWN = "MINGO01", "MINGO02"  # the other stations answer and have no files
FILE_S = 900
FILES_BEFORE, FILES_AFTER = 3, 1  # before and while one station is down
TIMEOUT_S = 420
LARGEST_PULL = 4.0  # difference from the truth by its error


class Expected(NamedTuple):
    """The truth about all files of a station."""

    events: int
    rejected: int
    rate_hz: float


class MiniTrasgoDemo:
    """Two stations with files, one of which is away for a while."""

    def __init__(self, stack: ExitStack, mariadb: MariaDB, data_root: Path) -> None:
        self.data_root = data_root
        self.started_at = datetime.now(UTC)
        self.worlds = {name: MuonStation(load_station(name), cadence_s=FILE_S) for name in (UP, GOES_DOWN)}
        midnight = self.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
        self.day = (midnight - timedelta(days=1)).date()
        with step("four miniTRASGO stations (sshd with rsync)"):
            folder = LOCAL / "demo" / "minitrasgo"
            # Afresh each time, as the files are
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(data_root / "minitrasgo", ignore_errors=True)
            self.servers = {
                station.station: stack.enter_context(MingoServer(station.source.connection, folder))
                for station in stations().values()
            }
            for name, server in self.servers.items():
                server.folder(load_station(name).source.path).mkdir(parents=True)
            mariadb.drop_database("minitrasgo", "skyledger_minitrasgo")
            database = mariadb.create_database("minitrasgo", "skyledger_minitrasgo", conn_id="minitrasgo_db")
            self.warehouse = Warehouse(database)
            migrations.upgrade("minitrasgo", self.warehouse.url)
        self.connections: tuple[Connection, ...] = (
            database,
            *(server.connection for server in self.servers.values()),
        )
        begin = midnight - timedelta(hours=12)
        self.starts = {
            name: list(world.starts(begin, begin + timedelta(seconds=FILE_S * (FILES_BEFORE + FILES_AFTER))))
            for name, world in self.worlds.items()
        }
        self.written: dict[str, list[Written]] = {name: [] for name in self.worlds}
        with step(f"{UP} and {GOES_DOWN}: {FILES_BEFORE} files each of {self.day}"):
            self._deliver(0, FILES_BEFORE)

    def run(self, airflow: PrivateAirflow) -> bool:
        """Let the watchers start the flow, take one station away and bring it back; True when everything is right."""
        started = time.monotonic()
        out.print(f"[bold]>[/] {ACQUIRE} and {REDUCE} ...")
        for dag_id in (REDUCE, ACQUIRE):
            airflow.api.wait_for_dag(dag_id)
        out.print("  new files wait at two stations: the watchers start a run")
        right = self._until(started, {UP: FILES_BEFORE, GOES_DOWN: FILES_BEFORE})
        self.servers[GOES_DOWN].stop()
        self._deliver(FILES_BEFORE, FILES_BEFORE + FILES_AFTER)
        out.print(f"  {GOES_DOWN} is down; both stations have {FILES_AFTER} file more")
        right &= self._until(started, {UP: FILES_BEFORE + FILES_AFTER, GOES_DOWN: FILES_BEFORE})
        right &= self._until_told(started)
        self.servers[GOES_DOWN].start()
        out.print(f"  {GOES_DOWN} is back")
        right &= self._until(started, dict.fromkeys(self.worlds, FILES_BEFORE + FILES_AFTER))
        return self._report(airflow, time.monotonic() - started) and right

    def where(self, airflow: PrivateAirflow) -> str:
        """Addresses of what can be looked at."""
        pictures = self.data_root / "minitrasgo" / "quicklook"
        return (
            f"miniTRASGO {airflow.url}/dags/{REDUCE}\n"
            f"           pictures below {pictures}, events as Parquet beside them"
        )

    def _deliver(self, first: int, last: int) -> None:
        for name, world in self.worlds.items():
            folder = self.servers[name].folder(load_station(name).source.path)
            self.written[name] += [world.write_file(folder, start) for start in self.starts[name][first:last]]

    def _until(self, started: float, wanted: dict[str, int]) -> bool:
        """Wait until so many files of each station are in the rates of the day."""

        def look(session: Session) -> tuple[bool, str]:
            found = {name: self._files_joined(session, name) for name in wanted}
            told = ", ".join(f"{name} {n} of {wanted[name]} files" for name, n in found.items())
            return all(found[name] >= n for name, n in wanted.items()), told

        return self._wait(started, look)

    def _until_told(self, started: float) -> bool:
        """Wait until the database says that the station is silent."""

        def look(session: Session) -> tuple[bool, str]:
            ((since,),) = session.query(
                "SELECT failing_since_utc FROM station_contact WHERE station = %s AND source = 'station'",
                (GOES_DOWN,),
            )
            return since is not None, f"{GOES_DOWN} silent since {since:%H:%M:%S} UTC" if since else ""

        return self._wait(started, look)

    def _wait(self, started: float, look: Callable[[Session], tuple[bool, str]]) -> bool:
        deadline, told = time.monotonic() + TIMEOUT_S, ""
        while True:
            with self.warehouse.session() as session:
                done, now = look(session)
            if now != told:
                out.print(f"    {time.monotonic() - started:5.1f} s  {now}")
                told = now
            if done:
                return True
            if time.monotonic() > deadline:
                out.print(f"[red]not within {TIMEOUT_S} s: look at the runs of {ACQUIRE} and {REDUCE}")
                return False
            time.sleep(1)

    def _files_joined(self, session: Session, name: str) -> int:
        rows = session.query(
            "SELECT files FROM station_day WHERE station = %s AND `day` = %s", (name, self.day)
        )
        return int(rows[0][0]) if rows else 0

    def _report(self, airflow: PrivateAirflow, seconds: float) -> bool:
        """Print what was made beside the truth; True if it is within its errors."""
        table = Table(
            "station", "files", "events", "rejected", "rate [Hz]", "truth", "efficiencies against the truth"
        )
        everything = True
        with self.warehouse.session() as session:
            for name in self.worlds:
                everything &= self._compare(session, name, table)
        out.print(table)
        for dag_id in (ACQUIRE, REDUCE):
            states = self._run_states(airflow, dag_id)
            out.print(f"{dag_id}: " + ", ".join(f"{n} runs {state}" for state, n in sorted(states.items())))
            everything &= dag_id == ACQUIRE or states.keys() == {"success"}
        out.print(
            f"in Airflow: {seconds:.1f} s (a run that meets a silent station fails; the next one brings its files)"
        )
        return everything

    def _run_states(self, airflow: PrivateAirflow, dag_id: str) -> Counter[str]:
        """States of this demo's runs, once they have ended: pictures come after the rates."""
        mine = [
            run["dag_run_id"]
            for run in runs(airflow, dag_id)
            if datetime.fromisoformat(run["queued_at"]) > self.started_at
        ]
        return Counter(airflow.api.wait(dag_id, run_id, TIMEOUT_S) for run_id in mine)

    def _compare(self, session: Session, name: str, table: Table) -> bool:
        rows = session.query(
            "SELECT files, triggers, rejected, trigger_rate_hz, trigger_rate_error_hz FROM station_day "
            "WHERE station = %s AND `day` = %s",
            (name, self.day),
        )
        if not rows:
            table.add_row(name, "", "", "", "", "", "[red]nothing stored")
            return False
        files, events, rejected, rate_hz, error_hz = rows[0]
        truth = self._truth(name)
        pull = (rate_hz - truth.rate_hz) / error_hz
        told, efficient = self._efficiencies(session, name)
        checks = {
            f"files {files}": files == len(self.written[name]),
            f"events {events} of {truth.events}": events == truth.events,
            f"rejected {rejected} of {truth.rejected}": rejected == truth.rejected,
            f"rate {pull:+.1f} sigma": abs(pull) < LARGEST_PULL,
            "efficiencies": efficient,
        }
        wrong = [what for what, right in checks.items() if not right]
        table.add_row(
            name,
            f"{files}",
            f"{events:,}",
            f"{rejected}",
            f"{rate_hz:.3f} ± {error_hz:.3f}",
            f"{truth.rate_hz:.3f} ({pull:+.1f} σ)",
            f"[red]{told}; wrong: {', '.join(wrong)}" if wrong else told,
        )
        return not wrong

    def _truth(self, name: str) -> Expected:
        written, world = self.written[name], self.worlds[name]
        seconds = np.concatenate(
            [np.arange(file.start.timestamp(), file.end.timestamp()) + 0.5 for file in written]
        )
        return Expected(
            events=sum(file.events for file in written),
            rejected=sum(sum(file.rejected.values()) for file in written),
            rate_hz=float(world.expected_rate_hz(seconds).mean()),
        )

    def _efficiencies(self, session: Session, name: str) -> tuple[str, bool]:
        """Per plane: found, error, difference from the truth by its error. A plane with a dead strip is not judged."""
        world, told, right = self.worlds[name], [], True
        found = session.query(
            "SELECT plane, telescope_efficiency, telescope_efficiency_error FROM station_day_plane "
            "WHERE station = %s AND `day` = %s ORDER BY plane",
            (name, self.day),
        )
        dead = {plane for plane, _ in world.dead}
        for plane, value, error in found:
            pull = (value - world.efficiencies[plane - 1]) / error
            told.append(f"{value:.3f} ± {error:.3f} ({'dead strip' if plane in dead else f'{pull:+.1f} σ'})")
            right &= plane in dead or abs(pull) < LARGEST_PULL
        return ", ".join(told), right and len(found) == PLANES
