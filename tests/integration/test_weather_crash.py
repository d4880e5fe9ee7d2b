"""A day that is killed while it is made: the next run heals it, and everything is as if nothing had happened."""

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import netCDF4
import pytest

from sandbox.weather import Defect, WeatherWorld
from skyledger.connections import Connection
from skyledger.warehouse import Warehouse
from skyledger.weather.observe import make_day
from skyledger.weather.stations import load_station
from tests.support.runs import Child, until_enough
from tests.support.weather_days import DAY, NOON_AFTER, WeatherStation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = 6  # of each kind
LATE = Defect("late file", DAY, 20)
SEED = 5


def prepare(database: Connection, data_root: str, now: datetime) -> Callable[[], dict[str, Any]]:
    """Work for a child: make the day."""
    warehouse, station = Warehouse(database), load_station("UA-MAC")
    return lambda: make_day(warehouse, station, DAY, data_root=Path(data_root), now=now).as_dict()


def contents(station: WeatherStation) -> dict[str, Any]:
    """All that a run leaves, but for what times it and counts its attempts."""
    files = [path for path in (station.data_root / "weather" / "netcdf").rglob("*") if path.is_file()]
    recorded = station.query("SELECT netcdf_sha256, content_digest FROM station_day")
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in files] == [row[0] for row in recorded]
    for path in files:
        with netCDF4.Dataset(path) as product:
            assert len(product.dimensions["time"]) == 288
    return {
        "rows": station.rows(),
        "digests": [row[1] for row in recorded],
        "statistics": station.query("SELECT COUNT(*), SUM(n_valid), SUM(tests) FROM observation_statistic"),
        "ledger": station.query(
            "SELECT partition_key, state, rows_read, rows_stored, rows_rejected FROM ledger"
        ),
        "rejected": station.query(
            "SELECT record_key, source, reason, raw FROM rejected_record ORDER BY record_key"
        ),
        "files": [path.name for path in files],
    }


def kill_while_making(station: WeatherStation, database: Connection, after_s: float) -> bool:
    child = Child(prepare, database, str(station.data_root), NOON_AFTER)
    child.begin()
    return child.kill(after_s)


@pytest.mark.parametrize("kind", ["first", "late file"])
def test_a_day_killed_at_any_moment_is_whole_after_the_next_run(weather_db, tmp_path, kind):
    station = WeatherStation(weather_db, tmp_path)
    world = WeatherWorld(defects=[*WeatherWorld(defects="demo").defects(DAY), LATE])
    station.deliver(world, lead_in=True)
    station.register()

    def begin_anew() -> None:
        for table in (
            "observation",
            "observation_statistic",
            "station_day",
            "ledger",
            "run_record",
            "rejected_record",
        ):
            station.execute(f"DELETE FROM {table}")
        shutil.rmtree(station.data_root / "weather" / "netcdf", ignore_errors=True)
        if kind == "late file":
            station.execute(
                "UPDATE logger_file SET state = 'other', message = 'late' WHERE name LIKE %s", "%_2006.dat"
            )
            station.make()
            station.execute("UPDATE logger_file SET state = 'registered' WHERE name LIKE %s", "%_2006.dat")

    station.deliver(world, late=True)
    station.register()
    begin_anew()
    lasts_s = station.make().seconds
    undisturbed = contents(station)
    seen: Counter[str] = Counter()
    delays = random.Random(SEED)
    for _, pace in until_enough(seen, KILLS, killed=KILLS // 2):
        begin_anew()
        after_s = delays.uniform(0.05, 1) * lasts_s * pace
        seen["killed"] += kill_while_making(station, weather_db, after_s)
        station.make()
        assert contents(station) == undisturbed
        assert station.make().state == "nothing to do"
