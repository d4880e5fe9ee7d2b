"""A handful of telegrams with values a test chooses, in a real InfluxDB, and the units that sent them.

For whole networks with physics in them see `sandbox/carbosense`.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
import urllib3

from skyledger import migrations
from skyledger.carbosense.telegrams import load_mapping
from skyledger.connections import Connection
from skyledger.influx import midnight_s
from skyledger.warehouse import Session, Warehouse

FIRST_DAY = date(2022, 4, 20)
OPEN_END = datetime(2100, 1, 1)  # noqa: DTZ001 - DATETIME columns hold naive UTC


def write_points(
    influx: Connection, points: Iterable[tuple[int, str, int, float]], tags: Mapping[str, str] | None = None
) -> None:
    """Write (node, quantity, Unix seconds, value) points; `tags` are added to each."""
    extra = "".join(f",{tag}={_escaped(value)}" for tag, value in (tags or {}).items())
    lines = [
        f"measurements,node={_escaped(str(node))},sensor={_escaped(name)}{extra} value={float(value)!r} {t}"
        for node, name, t, value in points
    ]
    for start in range(0, len(lines), 20_000):
        response = urllib3.request(
            "POST",
            f"http://{influx.host}:{influx.port}/write?db={influx.schema}&precision=s",
            body="\n".join(lines[start : start + 20_000]).encode(),
            headers=urllib3.make_headers(basic_auth=f"{influx.login}:{influx.password}"),
        )
        assert response.status == 204, response.data


def run_influxql(influx: Connection, statement: str) -> None:
    """Run a statement that changes the database, as its user."""
    response = urllib3.request(
        "POST",
        f"http://{influx.host}:{influx.port}/query?{urlencode({'db': influx.schema, 'q': statement})}",
        headers=urllib3.make_headers(basic_auth=f"{influx.login}:{influx.password}"),
    )
    assert response.status == 200, response.data
    assert "error" not in response.json()["results"][0], response.data


def _escaped(tag_value: str) -> str:
    return tag_value.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def day_of_telegrams(
    unit: int, day: date, sensor_type: str = "LP8", step_s: int = 600, seed: int = 0
) -> list[tuple[int, str, int, float]]:
    """One day of telegrams of a unit, all quantities of the mapping, from 00:00:00 on."""
    mapping = load_mapping(sensor_type)
    kinds = {q: column.type for column in mapping.columns for q in column.quantities}
    rng = np.random.default_rng([seed, unit, day.toordinal()])
    times = midnight_s(day) + np.arange(0, 86_400, step_s)
    points = []
    for name, kind in kinds.items():
        values = rng.integers(0, 2, len(times)) if "int" in kind else rng.normal(400, 20, len(times)).round(3)
        points += [(unit, name, int(t), float(v)) for t, v in zip(times, values, strict=True)]
    return points


def deploy(
    session: Session,
    units: Iterable[int],
    sensor_type: str = "LP8",
    start: datetime = datetime(2022, 1, 1),  # noqa: DTZ001
    end: datetime = OPEN_END,
) -> None:
    """Set up units of one type at one site from `start` to `end` (UTC)."""
    with session.transaction():
        session.execute(
            "INSERT IGNORE INTO Location (LocationName, Date_UTC_from, Date_UTC_to, Network) "
            "VALUES ('TEST', '2017-01-01', '2100-01-01', 'EMPA')"
        )
        for unit in units:
            session.execute("INSERT IGNORE INTO SensorUnits (SensorUnit_ID) VALUES (%s)", (unit,))
            session.execute(
                "INSERT IGNORE INTO Sensors (Type, Serialnumber, SensorUnit_ID, Date_UTC_from, Date_UTC_to) "
                "VALUES (%s, %s, %s, '2017-01-01', '2100-01-01')",
                (sensor_type, f"sn{unit}", unit),
            )
            session.execute(
                "INSERT INTO Deployment (SensorUnit_ID, LocationName, Date_UTC_from, Date_UTC_to) "
                "VALUES (%s, 'TEST', %s, %s)",
                (unit, start, end),
            )


def prepare(database: Connection, units: Iterable[int], sensor_type: str = "LP8") -> Warehouse:
    """Make the tables and deploy the units."""
    warehouse = Warehouse(database)
    migrations.upgrade("carbosense", warehouse.url)
    with warehouse.session() as session:
        deploy(session, units, sensor_type)
    return warehouse


def days(n: int) -> list[date]:
    """The first n days of the test period."""
    return [FIRST_DAY + timedelta(days=k) for k in range(n)]


def content(warehouse: Warehouse, table: str) -> list[tuple[Any, ...]]:
    """All rows of a raw table without the audit columns, in order of the key."""
    with warehouse.session() as session:
        columns = [
            name
            for (name,) in session.query(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() "
                "AND table_name = %s AND column_name NOT IN ('created_at', 'updated_at', 'rejected_at', "
                "'stored_at', 'attempt', 'run_id', 'started_at', 'ended_at') ORDER BY ordinal_position",
                (table,),
            )
        ]
        return session.query(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2, 3, 4")


def states(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """State of every partition, by member and day."""
    with warehouse.session() as session:
        rows = session.query("SELECT member, partition_key, state FROM ledger")
    return {(member, key): state for member, key, state in rows}
