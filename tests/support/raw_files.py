"""Raw files of a station made for a test, a folder that plays the station, and what acquiring made of them."""

import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from skyledger import migrations
from skyledger.connections import Connection
from skyledger.inbox import Listing, LocalInbox
from skyledger.minitrasgo import registry
from skyledger.minitrasgo.acquire import AcquireSummary, acquire_station
from skyledger.minitrasgo.names import file_name
from skyledger.minitrasgo.stations import MingoStation, load_station
from skyledger.warehouse import Warehouse

NOW = datetime(2025, 3, 11, 12, tzinfo=UTC)
START = datetime(2025, 3, 10, 0, 5, 17, tzinfo=UTC)
SETTLE_S = 120.0
REVISION = "minitrasgo_0002_raw_files"
# columns that say when and in which order things happened, not what is known
HISTORY = {"file_id", "delivery_id", "duplicate_of", "run_id", "arrived_at", "updated_at"}
_VALUES = "  ".join(["0000.0000 0000.0000 -124.1007 0000.0000"] * 16)


def line(moment: datetime, trigger: int = 1) -> bytes:
    """One event in the detector's layout as far as the parser looks at it."""
    return f"{moment:%Y %m %d %H %M %S}  {trigger}   {_VALUES}\n".encode()


def raw(first: datetime = START, events: int = 5, step_s: int = 10) -> bytes:
    """A .dat with so many events."""
    return b"".join(line(first + timedelta(seconds=n * step_s)) for n in range(events))


def name_of(start: datetime = START, kind: str = "dat", number: int = 1) -> str:
    return file_name(number, start, kind)


def packed(**members: bytes) -> bytes:
    """A .tar.gz with these files (underscores of the keyword are dots)."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    return buffer.getvalue()


class PlayedStation:
    """A folder that plays a station, with a raw store and a database of their own."""

    def __init__(self, database: Connection, folder: Path, name: str = "MINGO01") -> None:
        self.warehouse = Warehouse(database)
        migrations.upgrade("minitrasgo", self.warehouse.url, REVISION)
        self.folder = folder / "station"
        self.folder.mkdir(exist_ok=True)
        self.data_root = folder / "data"
        self.now = NOW
        self.brought: list[str] = []
        station = load_station(name)
        source = station.source.model_copy(update={"settle_s": SETTLE_S})
        self.station: MingoStation = station.model_copy(update={"source": source})

    def put(self, name: str, content: bytes, age_s: float = 3600) -> Path:
        """Have a file at the station that has stood still for `age_s`."""
        path = self.folder / name
        path.write_bytes(content)
        at_s = self.now.timestamp() - age_s
        os.utime(path, (at_s, at_s))
        return path

    def listing(self) -> Listing:
        return LocalInbox(self.folder).listing("mi*")

    def bring(self, names: Sequence[str], target: Path) -> None:
        """Copy files as a transfer does: under another name first, with their times, those that are gone left out."""
        for name in names:
            if (self.folder / name).exists():
                self.brought.append(name)
                shutil.copy2(self.folder / name, target / f".{name}.part")
                (target / f".{name}.part").replace(target / name)

    def acquire(self, **options: Any) -> AcquireSummary:
        """Bring what is new. `list_files` and `bring` may be replaced."""
        return acquire_station(
            self.warehouse,
            options.pop("station", self.station),
            options.pop("source", "station"),
            options.pop("list_files", self.listing),
            options.pop("bring", self.bring),
            data_root=self.data_root,
            now=self.now,
            **options,
        )

    def prepare(self) -> Callable[[], dict[str, Any]]:
        """Acquiring as a child process does it."""
        return lambda: self.acquire().as_dict()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def files(self, columns: str = "basename, state") -> list[tuple[Any, ...]]:
        """Columns of all registered files, in the order in which they came."""
        return self.query(f"SELECT {columns} FROM raw_file ORDER BY file_id")

    def deliveries(self, columns: str = "source_name, delivery, state") -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM raw_delivery ORDER BY delivery_id")

    def row(self, basename: str) -> registry.RawFileRow:
        with self.warehouse.session() as session:
            found = registry.file_row(session, self.station.station, basename)
        assert found
        return found

    def ledger(self) -> list[tuple[Any, ...]]:
        return self.query(
            "SELECT member, partition_key, state, rows_read, rows_stored, message FROM ledger ORDER BY 1, 2"
        )

    def kept(self) -> dict[str, bytes]:
        """Everything below the data root, also what ought not to be there."""
        found = (path for path in self.data_root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.data_root)): path.read_bytes() for path in found}

    def known(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is known of the files, whenever and in whichever order it was written down."""
        columns = {
            table: ", ".join(
                f"t.{name}"
                for (name,) in self.query(
                    "SELECT COLUMN_NAME FROM information_schema.COLUMNS"
                    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                    table,
                )
                if name not in HISTORY
            )
            for table in ("raw_file", "raw_delivery")
        }
        return {
            "files": self.query(
                f"SELECT {columns['raw_file']}, o.basename FROM raw_file t LEFT JOIN raw_file o"
                " ON o.file_id = t.duplicate_of ORDER BY t.station, t.basename"
            ),
            "deliveries": self.query(
                f"SELECT {columns['raw_delivery']}, f.station, f.basename FROM raw_delivery t"
                " JOIN raw_file f USING (file_id) ORDER BY f.station, f.basename, t.delivery, t.source_name"
            ),
            "ledger": self.ledger(),
        }
