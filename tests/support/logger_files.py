"""Logger files made for a test, an inbox to put them in, and what registering made of them."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from skyledger import migrations
from skyledger.connections import Connection
from skyledger.inbox import Inbox, LocalInbox
from skyledger.warehouse import Warehouse
from skyledger.weather.register import RegisterSummary, register_files
from skyledger.weather.stations import Station, load_station

NOW = datetime(2016, 9, 1, 12, tzinfo=UTC)
SETTLE_S = 120
TABLES = ("logger_file_day", "logger_file")  # children first
# columns of logger_file that say when and in which order things happened, not what is known
HISTORY = ("file_id", "duplicate_of", "run_id", "registered_at", "updated_at")


def at(text: str) -> datetime:
    """A moment on the logger's clock, which has no zone."""
    return datetime.fromisoformat(text)


def toa5(
    first: datetime,
    rows: int,
    *,
    record: int = 0,
    step_s: int = 1,
    station: str = "WeatherStation",
    table: str = "SecData",
    value: float = 25.0,
) -> bytes:
    """A TOA5 file of `rows` rows from `first` on the logger's clock."""
    header = (
        f'"TOA5","{station}","CR1000","39656","CR1000.Std.28.02","CPU:t.CR1","24921","{table}"\r\n'
        '"TIMESTAMP","RECORD","AirTC","RH"\r\n"TS","RN","Deg C","%"\r\n"","","Smp","Smp"\r\n'
    )
    return header.encode() + body(first, rows, record=record, step_s=step_s, value=value)


def body(first: datetime, rows: int, *, record: int = 0, step_s: int = 1, value: float = 25.0) -> bytes:
    """Rows without header."""
    times = (first + timedelta(seconds=n * step_s) for n in range(rows))
    return "".join(
        f'"{t:%Y-%m-%d %H:%M:%S}",{record + n},{value},40.5\r\n' for n, t in enumerate(times)
    ).encode()


def name_of(first: datetime, table: str = "SecData") -> str:
    """As the logger calls the file that begins then."""
    return f"WeatherStation_{table}_{first:%Y_%m_%d_%H%M}.dat"


def station_with(pattern: str = "*.dat", name: str = "UA-MAC", **changes: Any) -> Station:
    """A configured station whose inbox takes these names."""
    station = load_station(name)
    inbox = station.inbox.model_copy(update={"pattern": pattern, "settle_s": float(SETTLE_S)})
    return station.model_copy(update={"inbox": inbox, **changes})


class Registry:
    """An inbox, a raw store and a database of their own."""

    def __init__(self, database: Connection, folder: Path, station: Station | None = None) -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("weather", self.warehouse.url)
        self.inbox_folder = folder / "inbox"
        self.data_root = folder / "data"
        self.station = station or station_with()
        self.now = NOW

    def put(self, path: str, content: bytes, age_s: float = 3600) -> Path:
        """Deliver a file that has stood still for `age_s`; what is there already is overwritten in place."""
        file = self.inbox_folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        at_s = self.now.timestamp() - age_s
        os.utime(file, (at_s, at_s))
        return file

    def register(self, inbox: Inbox | None = None, **options: Any) -> RegisterSummary:
        """Register what is complete in the inbox."""
        self.inbox_folder.mkdir(exist_ok=True)
        return register_files(
            self.warehouse,
            options.pop("station", self.station),
            inbox or LocalInbox(self.inbox_folder),
            data_root=self.data_root,
            now=self.now,
            **options,
        )

    def prepare(self) -> Callable[[], dict[str, Any]]:
        """Registering as a child process does it."""
        return lambda: self.register().as_dict()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def files(self, columns: str = "name, rotation, state") -> list[tuple[Any, ...]]:
        """Columns of all registered files, in the order in which they came."""
        return self.query(f"SELECT {columns} FROM logger_file ORDER BY file_id")

    def raw(self) -> dict[str, bytes]:
        """Everything in the raw store, also what ought not to be there, by path below the data root."""
        found = (path for path in self.data_root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.data_root)): path.read_bytes() for path in found}

    def known(self) -> tuple[Sequence[tuple[Any, ...]], ...]:
        """All that is known of the files, whenever and in whichever order it was written down."""
        columns = [
            name
            for (name,) in self.query(
                "SELECT COLUMN_NAME FROM information_schema.COLUMNS "
                "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'logger_file'"
            )
            if name not in HISTORY
        ]
        key = "f.folder, f.name, f.rotation"
        files = self.query(
            f"SELECT {', '.join('f.' + c for c in columns)}, o.folder, o.name FROM logger_file AS f "
            f"LEFT JOIN logger_file AS o ON o.file_id = f.duplicate_of ORDER BY {key}"
        )
        days = self.query(
            f"SELECT {key}, d.day, d.rows_read, d.rows_rejected, d.first_logger_time, d.last_logger_time, d.sha256 "
            f"FROM logger_file_day AS d JOIN logger_file AS f USING (file_id) ORDER BY {key}, d.day"
        )
        return files, days

    def wipe(self) -> None:
        """Forget everything, empty raw store and inbox."""
        with self.warehouse.session() as session, session.transaction():
            session.execute("UPDATE logger_file SET duplicate_of = NULL")
            for table in TABLES:
                session.execute(f"DELETE FROM {table}")
