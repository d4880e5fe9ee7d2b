"""A weather station with its database, raw store and inbox, and the calls that tests make."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.weather import WeatherWorld
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.inbox import LocalInbox
from skyledger.ledger import Mode
from skyledger.warehouse import Warehouse
from skyledger.weather.observe import DaySummary, make_day
from skyledger.weather.plan import DayPlan, plan_days
from skyledger.weather.register import RegisterSummary, register_files
from skyledger.weather.stations import Station, load_station

DAY = date(2022, 6, 14)
NOON_AFTER = datetime(2022, 6, 15, 19, tzinfo=UTC)  # at the station; the grace of DAY is over


class WeatherStation:
    """One station below a folder; files go into its inbox, days come out."""

    def __init__(self, database: Connection, folder: Path, station: str = "UA-MAC", **changes: Any) -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("weather", self.warehouse.url)
        self.data_root = folder / "data"
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.station: Station = load_station(station).model_copy(update=changes)

    def deliver(self, world: WeatherWorld, first: date = DAY, last: date = DAY, **kwargs: Any) -> list[Path]:
        """Let the files of some days arrive."""
        return world.write_files(self.inbox, first, last, **kwargs)

    def register(self, now: datetime = NOON_AFTER) -> RegisterSummary:
        """Take what has arrived."""
        return register_files(
            self.warehouse, self.station, LocalInbox(self.inbox), data_root=self.data_root, now=now
        )

    def plan(
        self, first: date = DAY, last: date = DAY, mode: Mode = Mode.MISSING, now: datetime = NOON_AFTER
    ) -> DayPlan:
        """What would be done."""
        with self.warehouse.session() as session:
            return plan_days(session, self.station, first, last, mode, now=now)

    def make(self, day: date = DAY, mode: Mode = Mode.MISSING, now: datetime = NOON_AFTER) -> DaySummary:
        """Make a day."""
        return make_day(self.warehouse, self.station, day, mode, data_root=self.data_root, now=now)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with self.warehouse.session() as session:
            return session.query(sql, parameters)

    def execute(self, sql: str, *parameters: Any) -> int:
        """Change the database behind everybody's back."""
        with self.warehouse.session() as session, session.transaction():
            return session.execute(sql, parameters)

    def ledger(self, day: date = DAY) -> tuple[str, str | None]:
        """State and message of a day."""
        ((state, message),) = self.query(
            "SELECT state, message FROM ledger WHERE dataset = 'weather.observations' AND partition_key = %s",
            day.isoformat(),
        )
        return state, message

    def rows(self) -> list[tuple[Any, ...]]:
        """All observations, without the times of storing."""
        columns = self.query(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND "
            "table_name = 'observation' AND column_name NOT IN ('created_at', 'updated_at') ORDER BY ordinal_position"
        )
        names = ", ".join(f"`{name}`" for (name,) in columns)
        return self.query(f"SELECT {names} FROM observation ORDER BY station, product, time_start_utc")

    @staticmethod
    def after(day: date, hours: float) -> datetime:
        """A time so long after the day's local midnight at Maricopa."""
        midnight = datetime(day.year, day.month, day.day, 7, tzinfo=UTC) + timedelta(days=1)
        return midnight + timedelta(hours=hours)
