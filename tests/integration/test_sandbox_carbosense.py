"""The simulated CO2 network in real servers: what is written is there, and comes through the ingest unchanged."""

import dataclasses
from datetime import date, datetime
from typing import Any

import numpy as np
import pymysql
import pytest
import urllib3

from sandbox.carbosense import CarboSenseWorld
from skyledger import migrations
from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
from skyledger.connections import Connection
from skyledger.influx import open_source
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

FIRST, LAST = date(2022, 6, 13), date(2022, 6, 14)  # 434 moves, 1017 gets another sensor
NOW = datetime(2022, 6, 30)  # noqa: DTZ001 - the metadata hold naive UTC
UNITS = (1010, 1015, 1017, 1023, 1026, 426, 431, 434, 445, 1445, 4056, 4057)
WORLD = CarboSenseWorld(seed=1)


def ask(influx: Connection, statement: str) -> list[dict[str, Any]]:
    """Series of an answer."""
    answer = urllib3.request(
        "GET",
        f"http://{influx.host}:{influx.port}/query",
        fields={"db": influx.schema, "q": statement, "epoch": "s"},
        headers=urllib3.make_headers(basic_auth=f"{influx.login}:{influx.password}"),
    ).json()
    assert "error" not in answer["results"][0], answer
    return answer["results"][0].get("series", [])


def counts_per_quantity(influx: Connection) -> dict[tuple[str, str], int]:
    """Points per node and quantity, without radio statistics."""
    found = ask(
        influx, 'SELECT count(value) FROM "measurements" WHERE channel !~ /^link-/ GROUP BY node, sensor'
    )
    return {(series["tags"]["node"], series["tags"]["sensor"]): series["values"][0][1] for series in found}


def expected_points(*, late: bool | None) -> dict[tuple[str, str], int]:
    """Points per node and quantity: each telegram once, a doubled one twice."""
    points = {}
    for unit_id in UNITS:
        telegrams = WORLD.telegrams(unit_id, FIRST, LAST)
        chosen = telegrams.late == late if late is not None else np.ones(len(telegrams.late), dtype=bool)
        for quantity, values in telegrams.values.items():
            present = chosen & ~np.isnan(values)
            if n := int(present.sum() + (present & telegrams.doubled).sum()):
                points[str(unit_id), quantity] = n
    return points


@pytest.fixture
def filled(influx_db: Connection) -> Connection:
    """InfluxDB with the telegrams of two days that were not late."""
    written = WORLD.write_telegrams(influx_db, FIRST, LAST, units=UNITS)
    assert written.points > 100_000
    return influx_db


def test_every_point_arrives_once_and_late_ones_later(filled: Connection) -> None:
    assert counts_per_quantity(filled) == expected_points(late=False)
    progress = []
    WORLD.write_telegrams(filled, FIRST, LAST, units=UNITS, late=True, progress=lambda *p: progress.append(p))
    everything = counts_per_quantity(filled)
    assert everything == expected_points(late=None)
    assert everything != expected_points(late=False)
    assert progress[-1][0] == progress[-1][1] == len(UNITS) - 1  # 1023 is dead
    WORLD.write_telegrams(filled, FIRST, LAST, units=UNITS)  # again: the same points
    assert counts_per_quantity(filled) == everything


def test_series_have_the_tags_of_the_source(filled: Connection) -> None:
    keys = {row[0] for row in ask(filled, 'SHOW TAG KEYS FROM "measurements"')[0]["values"]}
    assert keys == {"channel", "location", "node", "sensor", "title", "unit", "uqk"}
    fields = ask(filled, 'SHOW FIELD KEYS FROM "measurements"')[0]["values"]
    assert fields == [["value", "float"]]
    (series,) = ask(
        filled, "SELECT last(value) FROM \"measurements\" WHERE uqk = '1010.senseair-lp8-ir' GROUP BY *"
    )
    assert series["tags"] == {
        "channel": "",
        "location": "DUE1",
        "node": "1010",
        "sensor": "senseair-lp8-ir",
        "title": "senseair-lp8-ir",
        "unit": "",
        "uqk": "1010.senseair-lp8-ir",
    }
    radio = ask(filled, 'SELECT count(value) FROM "measurements" WHERE channel =~ /^link-/ GROUP BY uqk')
    names = {series["tags"]["uqk"] for series in radio}
    assert "1010.battery.link-gw03" in names  # the gateway's own, under the name of a quantity
    assert "1010.lora-rssi.link-gw03" in names
    locations = ask(filled, "SHOW TAG VALUES FROM \"measurements\" WITH KEY = location WHERE node = '434'")
    assert {row[1] for row in locations[0]["values"]} == {"ZUE", "DUE1", "DUE5"}
    titles = ask(filled, "SHOW TAG VALUES FROM \"measurements\" WITH KEY = title WHERE sensor = 'battery'")
    assert "battery [V]" in {row[1] for row in titles[0]["values"]}


def test_a_refused_write_is_an_error(influx_db: Connection) -> None:
    elsewhere = dataclasses.replace(influx_db, schema="nowhere")
    with pytest.raises(OSError, match=r"HTTP (403|404)"):
        WORLD.write_telegrams(elsewhere, FIRST, FIRST, units=(1010,))


@pytest.fixture
def database(carbosense_db: Connection) -> Warehouse:
    """MariaDB with tables and the metadata of June 2022."""
    warehouse = Warehouse(carbosense_db)
    migrations.upgrade("carbosense", warehouse.url)
    to = carbosense_db
    with pymysql.connect(
        host=to.host, port=to.port, user=to.login, password=to.password, database=to.schema
    ) as connection:
        first = WORLD.write_metadata(connection, as_of=NOW)
        assert WORLD.write_metadata(connection, as_of=NOW) == first  # again: replaced, not added
        with connection.cursor() as cursor:
            for table, rows in first.items():
                cursor.execute(f"SELECT count(*) FROM `{table}`")
                assert cursor.fetchone() == (rows,), table
    return warehouse


@pytest.mark.parametrize(
    ("sensor_type", "units"),
    [
        ("LP8", (1010, 1015, 1017, 1023, 1026)),
        ("HPP", (426, 431, 434, 445)),
        ("Vaisala", (4056,)),
        ("Licor", (4057,)),
    ],
)
def test_the_ingest_stores_exactly_the_rows_that_were_sent(
    filled: Connection, database: Warehouse, sensor_type: str, units: tuple[int, ...]
) -> None:
    mapping = load_mapping(sensor_type)
    source = open_source(filled)
    for late in (False, True):
        if late:
            WORLD.write_telegrams(filled, FIRST, LAST, units=UNITS, late=True)
        summary = ingest_telegrams(database, source, mapping, FIRST, LAST, units)
        assert summary.failures == []
        with database.session() as session:
            for unit_id in units:
                for day in (FIRST, LAST):
                    expected = WORLD.expected_rows(unit_id, day, include_late=late)
                    columns = ", ".join(f"`{name}`" for name in expected)
                    stored = session.query(
                        f"SELECT {columns} FROM {mapping.destination.table} "
                        "WHERE SensorUnit_ID = %s AND time DIV 86400 = %s ORDER BY time",
                        (unit_id, (day - date(1970, 1, 1)).days),
                    )
                    got = np.array(stored, dtype=float).reshape(-1, len(expected))
                    want = np.column_stack(list(expected.values()))
                    assert np.array_equal(got, want, equal_nan=True), (unit_id, day, late)
