"""miniTRASGO stations with a database and a raw store: files of a muon world go in, days come out."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from sandbox.minitrasgo import MuonStation, Written
from sandbox.servers import MariaDB
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.ledger import Mode, Plan
from skyledger.minitrasgo import registry
from skyledger.minitrasgo.calibrations import calibration_as_dict
from skyledger.minitrasgo.join import DaySummary, join_day
from skyledger.minitrasgo.plan import plan_days, plan_files
from skyledger.minitrasgo.reduce_file import FileSummary, reduce_file
from skyledger.minitrasgo.stations import MingoStation, load_station
from skyledger.minitrasgo.store import COUNTS, MINUTES, FileProduct, PlaneCounts, store_file
from skyledger.warehouse import Session, Warehouse
from tests.support.minitrasgo import made_calibration

DAY = date(2025, 3, 10)
LATER = datetime(2025, 3, 12, tzinfo=UTC)  # both days are over
PRODUCTS = (
    "calibration", "calibration_strip", "event_file", "event_file_plane", "file_day", "file_minute",
    "file_minute_count", "minute", "minute_region", "station_day", "station_day_plane",
)  # fmt: skip
# columns that say when and by whom things were done, not what is known
HISTORY = {"created_at", "updated_at", "stored_at", "run_id", "attempt", "rejected_at"}


def own_database(mariadb: MariaDB) -> Iterator[Connection]:
    """A database for the tests of a module."""
    name = f"minitrasgo_{secrets.token_hex(4)}"
    yield mariadb.create_database(name, name, conn_id="minitrasgo_db")
    mariadb.drop_database(name, name)


class MingoStore:
    """One station below a folder."""

    def __init__(self, database: Connection, folder: Path, name: str = "MINGO01", **changes: Any) -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("minitrasgo", self.warehouse.url)
        self.data_root = folder / "data"
        self.inbox = self.data_root / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.station: MingoStation = load_station(name).model_copy(update=changes)
        self.name = name

    # files of a muon world

    def deliver(self, world: MuonStation, start: datetime, seconds: int) -> Written:
        """Let a file of the world arrive."""
        written = world.write_file(self.inbox, start, seconds)
        self.register(written.path)
        return written

    def register(self, path: Path) -> str:
        """Register a file; return its basename."""
        with self.warehouse.session() as session:
            (found,) = registry.register(
                session, self.station, path, "local", data_root=self.data_root, run_id="test"
            )
        return found.basename

    def plan_files(self, mode: Mode = Mode.MISSING, first: date = DAY, last: date = DAY) -> Plan:
        with self.warehouse.session() as session:
            return plan_files(session, self.station, first, last, mode)

    def plan_days(self, mode: Mode = Mode.MISSING, first: date = DAY, last: date = DAY) -> Plan:
        with self.warehouse.session() as session:
            return plan_days(session, self.station, first, last, mode)

    def reduce(self, basename: str, mode: Mode = Mode.MISSING) -> FileSummary:
        return reduce_file(self.warehouse, self.station, basename, mode, data_root=self.data_root)

    def join(self, day: date = DAY, mode: Mode = Mode.MISSING, now: datetime = LATER) -> DaySummary:
        return join_day(self.warehouse, self.station, day, mode, data_root=self.data_root, now=now)

    def make(self, mode: Mode = Mode.MISSING, first: date = DAY, last: date = DAY) -> None:
        """Reduce and join whatever there is to do."""
        for item in self.plan_files(mode, first, last).items:
            self.reduce(item.partition_key, mode)
        for item in self.plan_days(mode, first, last).items:
            self.join(date.fromisoformat(item.partition_key), mode)

    # made-up files

    def put(
        self,
        basename: str,
        minutes: dict[str, tuple[float, int]],
        counts: Iterable[tuple[str, int, str, int, int]] = (),
        planes: Iterable[PlaneCounts] | None = None,
        **figures: Any,
    ) -> None:
        """Store a reduced file: minutes are HH:MM (or a whole time) with live seconds and triggers; counts are minute,
        topology, region, tracks, good tracks. A file that is stored already is replaced."""
        sha256 = hashlib.sha256(repr((basename, minutes, list(counts))).encode()).hexdigest()
        begin = min(map(_moment, minutes), default=_moment("00:00"))
        rows = [(_moment(at), *values) for at, values in sorted(minutes.items(), key=lambda m: _moment(m[0]))]
        tracks = [(_moment(at), *values) for at, *values in counts]
        product = FileProduct(
            figures={**_figures(rows, tracks, sha256, begin), **figures},
            planes=tuple(planes or (PlaneCounts(plane, 0, 0, 0, 0, True, 0, 0) for plane in range(1, 5))),
            minutes=_table(rows, MINUTES),
            counts=_table(tracks, COUNTS),
        )
        with self.warehouse.session() as session, session.transaction():
            number = _registered(session, self.name, basename, sha256, begin)
            store_file(
                session,
                number,
                product,
                {
                    "station": self.name,
                    "basename": basename,
                    "code_version": "0",
                    "events_path": f"events/{basename}.parquet",
                    "events_sha256": "0" * 64,
                },
            )

    # what is there

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def execute(self, sql: str, *values: Any) -> int:
        """Change the database behind everybody's back."""
        with self.warehouse.session() as session, session.transaction():
            return session.execute(sql, values)

    def ledger(self, dataset: str, key: str) -> tuple[str, str | None]:
        """State and message of a partition."""
        ((state, message),) = self.query(
            "SELECT state, message FROM ledger WHERE dataset = %s AND member = %s AND partition_key = %s",
            f"minitrasgo.{dataset}",
            self.name,
            key,
        )
        return state, message

    def minutes(
        self, columns: str = "TIME_FORMAT(minute_utc, '%%H:%%i'), live_s, triggers"
    ) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM minute WHERE station = %s ORDER BY minute_utc", self.name)

    def contents(self) -> dict[str, Any]:
        """Everything that was made of the files, but for the history; and the event tables by their SHA-256."""
        found: dict[str, Any] = {table: self._rows(table) for table in PRODUCTS}
        found["ledger"] = self._rows("ledger")
        found["rejected_record"] = self._rows("rejected_record")
        files = {
            str(path.relative_to(self.data_root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (self.data_root / "minitrasgo" / "events").rglob("*")
            if path.is_file()
        }
        recorded = self.query(
            "SELECT events_path, events_sha256 FROM event_file WHERE station = %s", self.name
        )
        assert files == {path: sha256 for path, sha256 in recorded if not path.startswith("events/")}
        return found | {"files": files}

    def wipe(self, *, files: bool = False) -> None:
        """Forget all that was made of the files (or the files as well)."""
        registered = ("raw_delivery", "raw_file") if files else ()
        with self.warehouse.session() as session, session.transaction():
            session.execute("SET foreign_key_checks = 0")
            for table in (*PRODUCTS, "ledger", "run_record", "rejected_record", *registered):
                session.execute(f"DELETE FROM {table}")
        shutil.rmtree(self.data_root / "minitrasgo" / "events", ignore_errors=True)

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        columns = [
            f"`{name}`"
            for (name,) in self.query(
                "SELECT COLUMN_NAME FROM information_schema.COLUMNS "
                "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
                table,
            )
            if name not in HISTORY
        ]
        return sorted(self.query(f"SELECT {', '.join(columns)} FROM `{table}`"), key=repr)


def reducing(
    database: Connection, folder: str, name: str, basename: str, mode: Mode = Mode.MISSING
) -> Callable[[], dict[str, Any]]:
    """Work for a child: reduce one file."""
    warehouse, station, data_root = Warehouse(database), load_station(name), Path(folder) / "data"
    return lambda: reduce_file(warehouse, station, basename, mode, data_root=data_root).as_dict()


def joining(database: Connection, folder: str, name: str, day: date) -> Callable[[], dict[str, Any]]:
    """Work for a child: join one day."""
    warehouse, station, data_root = Warehouse(database), load_station(name), Path(folder) / "data"
    return lambda: join_day(warehouse, station, day, data_root=data_root, now=LATER).as_dict()


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at if "-" in at else f"{DAY}T{at}")


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [() for _ in schema]
    return pa.table(list(map(list, columns)), schema=schema)


def _registered(session: Session, station: str, basename: str, sha256: str, begin: datetime) -> int:
    session.execute(
        "INSERT INTO raw_file (station, basename, named_station, start_utc, begin_utc, state, delivery, bytes, sha256, "
        "raw_path, first_event_utc, last_event_utc, run_id) "
        "VALUES (%s, %s, 1, %s, %s, 'arrived', 1, 1, %s, 'none', %s, %s, 'test') "
        "ON DUPLICATE KEY UPDATE sha256 = VALUES(sha256)",
        (station, basename, begin, begin, sha256, begin, begin),
    )
    ((number,),) = session.query(
        "SELECT file_id FROM raw_file WHERE station = %s AND basename = %s", (station, basename)
    )
    session.execute(
        "INSERT INTO calibration (file_id, station, basename, sha256, config_digest, run_hash, hits, status, "
        "strip_pairs, own) VALUES (%s, %s, %s, %s, '0', '0', 0, 'own', 0, %s) "
        "ON DUPLICATE KEY UPDATE sha256 = VALUES(sha256)",
        (number, station, basename, sha256, json.dumps(calibration_as_dict(made_calibration()))),
    )
    return int(number)


def _figures(
    rows: list[tuple[Any, ...]], tracks: list[tuple[Any, ...]], sha256: str, begin: datetime
) -> dict[str, Any]:
    triggers = sum(row[2] for row in rows)
    return {
        "begin_utc": begin,
        "sha256": sha256,
        "run_hash": "0",
        "run_in_force": True,
        "config_digest": "0",
        "calibration_digest": "0",
        "accepted": triggers,
        "rejected": 0,
        "events": triggers,
        "kept": triggers,
        "self_triggers": 0,
        "first_event_utc": begin,
        "last_event_utc": begin,
        "live_s": sum(row[1] for row in rows),
        "dead_s": 0.0,
        "dropped_s": 0,
        "triggers": triggers,
        "tracks": sum(row[3] for row in tracks),
        "good": sum(row[4] for row in tracks),
        "crt_ps": None,
        "strip_pairs": 0,
        "report": '{"rejected": {}, "topologies": {"list": {}}, "notes": []}',
        "histograms": '{"charge": [[0]], "t_dif": [[0]], "directions": [[0]]}',
    }
