"""One small network, its undisturbed load, and what must hold after a disturbed one."""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

from sandbox.servers import InfluxDB, MariaDB
from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
from skyledger.connections import Connection
from skyledger.errors import SkyledgerError
from skyledger.influx import TelegramSource, midnight_s, open_source
from skyledger.summary import Summary
from skyledger.warehouse import Warehouse
from tests.support.telegrams import content, day_of_telegrams, days, prepare, write_points

LP8 = load_mapping("lp8")
TABLES = ("lp8_data", "rejected_record", "ledger")
Contents = dict[str, list[tuple[Any, ...]]]


class Load:
    """LP8 units whose telegrams go from one InfluxDB database into one MariaDB database."""

    def __init__(self, database: Connection, influx: Connection, units: Sequence[int], n_days: int) -> None:
        self.database = database
        self.influx = influx
        self.units = tuple(units)
        self.days: list[date] = days(n_days)
        self.warehouse: Warehouse = prepare(database, units)

    def fill_source(self) -> None:
        """Write every unit's telegrams: one in a hundred does not fit its column, one comes twice."""
        for unit in self.units:
            for n, day in enumerate(self.days):
                points = day_of_telegrams(unit, day, seed=7)
                write_points(self.influx, points)
                bad = midnight_s(day) + 600 * (unit % 100 + n)
                write_points(self.influx, [(unit, "senseair-lp8-status", bad, 70_000.5)])
                write_points(self.influx, points[:3], {"gateway": "second"})

    def ingest(self, source: TelegramSource | None = None, **options: Any) -> Summary:
        """Load all days, from the InfluxDB itself unless another way to it is given."""
        return ingest_telegrams(
            options.pop("warehouse", self.warehouse),
            source or open_source(self.influx),
            LP8,
            self.days[0],
            self.days[-1],
            **options,
        )

    def failure(self, source: TelegramSource | None = None, **options: Any) -> SkyledgerError | None:
        """Load; return the error that the task would fail with."""
        try:
            self.ingest(source, **options).raise_for_failures()
        except SkyledgerError as error:
            return error
        return None

    def contents(self) -> Contents:
        """Everything a load writes, without times of writing and numbers of attempts."""
        return {table: content(self.warehouse, table) for table in TABLES}

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def wipe(self) -> None:
        """Empty all tables that a load writes."""
        with self.warehouse.session() as session, session.transaction():
            for table in (*TABLES, "run_record"):
                session.execute(f"DELETE FROM {table}")

    def via(self, **changes: Any) -> Connection:
        """The way to the InfluxDB with other fields; `extra` is added to."""
        extra = {**self.influx.extra, **changes.pop("extra", {})}
        return replace(self.influx, extra=extra, **changes)

    def stored_partitions(self) -> dict[tuple[str, str], int]:
        """Rows that the ledger says are stored, of every partition that it calls complete."""
        rows = self.query(
            "SELECT member, partition_key, rows_stored FROM ledger WHERE state IN ('stored', 'partial')"
        )
        return {(member, day): n for member, day, n in rows}

    def check_invariant(self, whole: Contents, *earlier: Contents) -> None:
        """Check what must hold at any moment, whatever has just been killed.

        Each visible day is wholly that of the finished load (or of an earlier one), and has as many rows as the
        ledger says if the ledger calls it complete. Nothing is there that the ledger does not know.
        """
        seen = by_day(content(self.warehouse, "lp8_data"))
        versions = [by_day(contents["lp8_data"]) for contents in (whole, *earlier)]
        for key, rows in seen.items():
            assert rows in [version.get(key) for version in versions], f"{key} is neither old nor new"
        complete = self.stored_partitions()
        assert {key: len(seen.get(key, ())) for key in complete} == complete
        kept = self.query("SELECT member, partition_key, rows_stored FROM ledger WHERE rows_stored > 0")
        assert {(member, day): n for member, day, n in kept} == {key: len(rows) for key, rows in seen.items()}
        rejects = Counter(self.query("SELECT member, partition_key FROM rejected_record"))
        said = self.query("SELECT member, partition_key, rows_rejected FROM ledger WHERE rows_rejected > 0")
        assert {(member, day): n for member, day, n in said} == dict(rejects)


def by_day(rows: list[tuple[Any, ...]]) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """Rows of lp8_data by partition."""
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        day = date.fromordinal(date(1970, 1, 1).toordinal() + row[1] // 86_400)
        found.setdefault((str(row[0]), day.isoformat()), []).append(row)
    return found


@contextmanager
def load_on(mariadb: MariaDB, influxdb: InfluxDB, units: Sequence[int], n_days: int) -> Iterator[Load]:
    """A network with its telegrams in fresh databases, dropped at the end."""
    name = f"load_{secrets.token_hex(4)}"
    influx = influxdb.create_database(name, name, conn_id="carbosense_influx")
    with warehouse_on(mariadb) as database:
        load = Load(database, influx, units, n_days)
        load.fill_source()
        yield load
    influxdb.drop_database(name, name)


@contextmanager
def warehouse_on(mariadb: MariaDB) -> Iterator[Connection]:
    """A fresh MariaDB database, dropped at the end."""
    name = f"load_{secrets.token_hex(4)}"
    yield mariadb.create_database(name, name, conn_id="carbosense_db")
    mariadb.drop_database(name, name)


def undisturbed(mariadb: MariaDB, load: Load) -> Contents:
    """What a load into a database of its own leaves when nothing disturbs it."""
    with warehouse_on(mariadb) as database:
        other = Load(database, load.influx, load.units, len(load.days))
        other.ingest().raise_for_failures()
        contents = other.contents()
    assert len(contents["lp8_data"]) > 100 * len(load.units) * len(load.days)
    assert {row[3] for row in contents["ledger"]} <= {"stored", "partial"}
    return contents
