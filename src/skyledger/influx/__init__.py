"""Readers of InfluxDB 1.x (InfluxQL over HTTP) and 2.x (Flux): telegrams as arrays, days as an inventory.

Both readers (`v1.py`, `v2.py`) answer the same two questions. `inventory`: how many points of which
fingerprint does the source hold per member and UTC day? `read`: which points of one member lie in a
window? Version 1 has no maintained client library, so its reader is ours; version 2 uses influxdb-client.

An answer that stops early, or holds fewer points than a count() of the same window, is an error and
never a short day.
"""

from skyledger.connections import Connection
from skyledger.errors import ConfigError
from skyledger.influx.common import (
    INVENTORY_SCHEMA,
    SECONDS_PER_DAY,
    Points,
    TelegramSource,
    midnight_s,
)
from skyledger.influx.v1 import InfluxV1
from skyledger.influx.v2 import InfluxV2

__all__ = [
    "INVENTORY_SCHEMA",
    "SECONDS_PER_DAY",
    "InfluxV1",
    "InfluxV2",
    "Points",
    "TelegramSource",
    "midnight_s",
    "open_source",
]


def open_source(connection: Connection) -> InfluxV1 | InfluxV2:
    """Reader for a connection; its extra `api` says which (`v1`, the default, or `v2`)."""
    api = connection.extra.get("api") or "v1"
    if api == "v1":
        return InfluxV1(connection)
    if api == "v2":
        return InfluxV2(connection)
    raise ConfigError(f"connection {connection.conn_id!r}: api is {api!r}, expected 'v1' or 'v2'")
