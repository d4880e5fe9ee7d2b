"""Weather stations in the demo: files over SFTP and in folders, a late one, observations, GeoStreams, the truth."""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from sandbox.airflow import PrivateAirflow
from sandbox.console import follow, out, runs, step
from sandbox.geostreams import GeostreamsReceiver
from sandbox.servers import LOCAL, MariaDB
from sandbox.sftp import SftpServer
from sandbox.weather.delivery import Defect
from sandbox.weather.energy_farm import STATIONS as FARM_STATIONS
from sandbox.weather.energy_farm import EnergyFarm
from sandbox.weather.irrigation import Irrigation
from sandbox.weather.world import WeatherWorld
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.warehouse import Session, Warehouse
from skyledger.weather import variables as v
from skyledger.weather.bins import Bins
from skyledger.weather.stations import load_station
from skyledger.weather.store import read_bins, read_day

DAG_ID = "weather_station_publish"
STATION = "UA-MAC"
DAYS = 2
LATE_HOUR = 9  # of the first day: this file comes when the day has been published
WATCHER_TIMEOUT_S = 180
# How far a day may be from the truth
TEMPERATURE_BIAS_K = 0.01
WIND_M_S = 0.02


class WeatherDemo:
    """Five stations, from the files of their loggers to GeoStreams."""

    def __init__(self, stack: ExitStack, mariadb: MariaDB, data_root: Path) -> None:
        self.data_root = data_root
        self.started_at = datetime.now(UTC)
        self.last_day = _last_complete_day()
        self.days = [self.last_day - timedelta(days=n) for n in reversed(range(DAYS))]
        usual = WeatherWorld(defects="demo")
        defects = [defect for day in self.days for defect in usual.defects(day)]
        self.world = WeatherWorld(defects=[*defects, Defect("late file", self.days[0], LATE_HOUR)])
        self.farm = EnergyFarm(first_day=self.days[0])
        self.irrigation = Irrigation(first_day=self.days[0])
        with step("SFTP server and GeoStreams receiver"):
            self.sftp = stack.enter_context(SftpServer(LOCAL / "demo" / "stations"))
            self.geostreams = stack.enter_context(GeostreamsReceiver())
            # Afresh each time: the receiver remembers nothing either
            mariadb.drop_database("weather", "skyledger_weather")
            shutil.rmtree(data_root / "weather", ignore_errors=True)
            shutil.rmtree(self.sftp.root, ignore_errors=True)
            database = mariadb.create_database("weather", "skyledger_weather", conn_id="weather_db")
            self.warehouse = Warehouse(database)
            migrations.upgrade("weather", self.warehouse.url)
        self.connections: tuple[Connection, ...] = (
            database,
            self.sftp.connection,
            self.geostreams.connection,
        )
        with step(f"weather stations, {self.days[0]} to {self.last_day}"):
            inbox = self.sftp.root / load_station(STATION).inbox.path
            written = self.world.write_files(inbox, self.days[0], self.last_day, lead_in=True)
            for path in written:
                _age(path)
            self._write_growing_files()
        out.print(f"    {len(written)} hourly files over SFTP, one withheld; 4 growing files in folders")

    def run(self, airflow: PrivateAirflow) -> bool:
        """Let the watchers start the flow, deliver a late file, and compare; True when everything is right."""
        started = time.monotonic()
        out.print(f"[bold]>[/] {DAG_ID} ...")
        airflow.api.wait_for_dag(DAG_ID)
        out.print("  new files wait in the inboxes: the watchers start a run")
        seen: set[str] = set()
        right = self._follow_new_runs(airflow, seen)
        with self.warehouse.session() as session:
            before = _coverage(session, self.days[0])
        (late,) = self.world.write_files(
            self.sftp.root / load_station(STATION).inbox.path, self.days[0], self.last_day, late=True
        )
        out.print(f"  {late.name} arrives late: {STATION} {self.days[0]} had coverage {before:.4f}")
        right &= self._follow_new_runs(airflow, seen)
        return self._report(time.monotonic() - started) and right

    def where(self, airflow: PrivateAirflow) -> str:
        """Addresses of what can be looked at."""
        pictures = self.data_root / "weather" / "quicklook" / STATION
        return (
            f"Weather    {airflow.url}/dags/{DAG_ID}\n"
            f"           pictures below {pictures}, NetCDF files beside them"
        )

    def _write_growing_files(self) -> None:
        midnight = datetime.combine(self.last_day + timedelta(days=1), datetime.min.time(), UTC)
        for name, grow in (("energy-farm", self.farm.append), ("irrigation", self.irrigation.append)):
            folder = self.data_root / "weather" / "inbox" / name
            folder.mkdir(parents=True, exist_ok=True)
            grow(folder, midnight + timedelta(hours=12))
            for path in folder.iterdir():
                _age(path)

    def _follow_new_runs(self, airflow: PrivateAirflow, seen: set[str]) -> bool:
        """Follow runs that are not in `seen`, until one that files have started has ended and none is left."""
        deadline = time.monotonic() + WATCHER_TIMEOUT_S
        right, started_by_files = True, False
        while not started_by_files or self._new_runs(airflow, seen):
            for run in self._new_runs(airflow, seen):
                seen.add(run["dag_run_id"])
                out.print(f"  the {run['run_type'].replace('_', ' ')} run")
                right &= follow(airflow, DAG_ID, run["dag_run_id"]) == "success"
                started_by_files |= run["run_type"] == "asset_triggered"
            if not started_by_files and time.monotonic() > deadline:
                out.print(f"[red]no watcher has started a run within {WATCHER_TIMEOUT_S} s")
                return False
            time.sleep(1)
        return right

    def _new_runs(self, airflow: PrivateAirflow, seen: set[str]) -> list[dict[str, str]]:
        """Runs of this demo that are not in `seen`; Airflow remembers those of earlier ones."""
        return [
            run
            for run in runs(airflow, DAG_ID)
            if run["dag_run_id"] not in seen and datetime.fromisoformat(run["queued_at"]) > self.started_at
        ]

    def _report(self, seconds: float) -> bool:
        """Print what was made beside the truth; True if it is within what is stated."""
        table = Table("station", "day", "rows", "coverage", "bins", "points published", "against the truth")
        everything = True
        with self.warehouse.session() as session:
            for station in (STATION, *FARM_STATIONS, "UA-MAC-IRRIGATION"):
                for day in self.days:
                    everything &= self._compare(session, station, day, table)
        out.print(table)
        out.print(f"in Airflow: {seconds:.1f} s; {sum(self.geostreams.posts):,} points were sent in all")
        return everything

    def _compare(self, session: Session, name: str, day: date, table: Table) -> bool:
        station = load_station(name)
        record = read_day(session, name, day, station.main_product)
        bins = read_bins(session, name, day, station.main_product)
        if record is None or bins is None or station.geostreams is None:
            table.add_row(name, str(day), "", "", "", "", "[red]nothing stored")
            return False
        start, end = (int(moment.timestamp()) for moment in station.bounds(day))
        points = sum(
            start <= datetime.fromisoformat(point["start_time"]).timestamp() < end
            for point in self.geostreams.points(station.geostreams.streams[station.main_product])
        )
        if name == STATION:
            right, verdict = self._compare_mac(day, bins, record.report)
        elif name in FARM_STATIONS:
            truth = self.farm.truth(name, bins.start_s + bins.width_s)
            right, verdict = _within(bins, truth[v.AIR_TEMPERATURE] + 273.15, TEMPERATURE_BIAS_K)
        else:
            right, verdict = self._compare_irrigation(day, bins)
        right &= points == len(bins)
        table.add_row(
            name, str(day), f"{record.report['rows']:,}", f"{record.coverage:.4f}", f"{len(bins)}", f"{points}",
            verdict if right else f"[red]{verdict}",
        )  # fmt: skip
        return right

    def _compare_mac(self, day: date, bins: Bins, report: Mapping[str, Any]) -> tuple[bool, str]:
        truth = self.world.truth_bins(day)
        here = np.isin(truth["start_s"], bins.start_s)

        def errors(name: str) -> np.ndarray:
            return bins.variables[name].value - truth[name][here]

        bias_k = float(np.nanmean(errors(v.AIR_TEMPERATURE)))
        wind = np.hypot(errors(v.EASTWARD_WIND), errors(v.NORTHWARD_WIND))
        # a bin that lost rows to a broken sensor is the mean of the others
        wind_m_s = float(np.max(wind[bins.variables[v.EASTWARD_WIND].coverage == 1]))
        rain_mm = 1000 * float(np.nansum(bins.variables[v.RAIN].value))
        true_rain_mm = 1000 * float(truth[v.RAIN].sum())
        expected = self.world.expected(day, include_late=True)
        counts = {name: report[name] for name in ("rows", "rejected")}
        complete = counts == {"rows": expected.rows, "rejected": expected.rejected}
        right = (
            abs(bias_k) < TEMPERATURE_BIAS_K
            and wind_m_s < WIND_M_S
            and abs(rain_mm - true_rain_mm) < 0.3
            and complete
        )
        return right, (
            f"T {bias_k:+.4f} K, wind ±{wind_m_s:.3f} m/s, rain {rain_mm:.1f} of {true_rain_mm:.1f} mm"
            + ("" if complete else f", counts {counts} instead of {expected}")
        )

    def _compare_irrigation(self, day: date, bins: Bins) -> tuple[bool, str]:
        gallons = self.irrigation.gallons(day)
        litres = 1000 * bins.variables[v.IRRIGATION].value[0]
        if gallons is None:
            return bool(np.isnan(litres)), "the meter had no value"
        return bool(
            np.isclose(litres, gallons * 3.785411784)
        ), f"{litres:.1f} of {gallons * 3.785411784:.1f} l"


def _last_complete_day() -> date:
    """Last day that is over at every station."""
    local = datetime.now(UTC) - timedelta(hours=7)
    return local.date() - timedelta(days=1)


def _coverage(session: Session, day: date) -> float:
    record = read_day(session, STATION, day, load_station(STATION).main_product)
    return record.coverage if record else 0.0


def _within(bins: Bins, true_k: np.ndarray, limit_k: float) -> tuple[bool, str]:
    bias_k = float(np.nanmean(bins.variables[v.AIR_TEMPERATURE].value - true_k))
    return abs(bias_k) < limit_k, f"T {bias_k:+.4f} K"


def _age(path: Path) -> None:
    """Let a file look as if its logger had written it some time ago: a fresh one may still be growing."""
    past = time.time() - 600
    os.utime(path, (past, past))
