"""A small stream of points, for tests of whoever talks to GeoStreams."""

from datetime import UTC, datetime, timedelta

from skyledger.geostreams import Geostreams, Point

PLACE = [-111.974304, 33.075576, 361.0]
START = datetime(2016, 8, 30, 7, tzinfo=UTC)
SENSOR, STREAM = "UA-MAC AZMET Weather Station", "UA-MAC Weather (5 min bins)"


def sensor(client: Geostreams, name: str = SENSOR) -> str:
    """Id of the sensor, created if need be."""
    return client.ensure_sensor(name, coordinates=PLACE, properties={"name": name, "region": "Maricopa"})


def stream(client: Geostreams, name: str = STREAM) -> str:
    """Id of the stream, created if need be."""
    return client.ensure_stream(name, sensor_id=sensor(client), coordinates=PLACE)


def point(n: int, **properties: object) -> Point:
    """The n-th five minutes after START."""
    start = START + timedelta(minutes=5 * n)
    return {
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(minutes=5)).isoformat(),
        "type": "Point",
        "geometry": {"type": "Point", "coordinates": PLACE},
        "properties": {"point_key": f"key {n}", "wind_speed": 2.5, **properties},
    }


def points(n: int) -> list[Point]:
    """The first n."""
    return [point(i) for i in range(n)]
