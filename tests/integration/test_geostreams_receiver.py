"""The GeoStreams receiver itself, where tests and demo rely on it: strict, counting, each key once."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import urllib3

from sandbox import geostreams as receivers
from sandbox.geostreams import GeostreamsReceiver
from skyledger.geostreams import Geostreams
from tests.support.geostreams import PLACE, STREAM, point, points, stream

pytestmark = pytest.mark.integration


@pytest.fixture
def receiver() -> Iterator[GeostreamsReceiver]:
    with GeostreamsReceiver() as running:
        yield running


@pytest.fixture
def client(receiver) -> Geostreams:
    return Geostreams(receiver.connection)


def kept(receiver: GeostreamsReceiver) -> list[str]:
    return [entry["properties"]["point_key"] for entry in receiver.points(STREAM)]


def post(receiver: GeostreamsReceiver, path: str, body: str | dict) -> urllib3.BaseHTTPResponse:
    return urllib3.request(
        "POST",
        f"http://127.0.0.1:{receiver.connection.port}/api/geostreams/{path}",
        headers={"X-API-Key": receiver.key},
        body=body if isinstance(body, str) else json.dumps(body),
    )


def test_the_receiver_keeps_a_key_once_and_counts_what_came(receiver, client):
    stream_id = stream(client)
    for _ in range(2):
        client.post_points(stream_id, points(3))
    assert kept(receiver) == ["key 0", "key 1", "key 2"]
    assert receiver.posts == [3, 3]
    receiver.unique = False
    client.post_points(stream_id, points(3))
    assert len(kept(receiver)) == 6


GOOD = point(0)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"start_time": "2016-08-30T00:00:00"}, "no offset"),
        ({"start_time": "30.8.2016"}, "no ISO 8601 time"),
        ({"end_time": GOOD["start_time"]}, "before it starts"),
        ({"end_time": None}, "end_time is None, expected str"),
        ({"geometry": {"type": "Point", "coordinates": [33.075576, -111.974304, 361]}}, "no longitude"),
        ({"geometry": {"type": "Point", "coordinates": [33.07, -88.2, 361]}}, "longitude comes first"),
        ({"geometry": {"type": "Point", "coordinates": PLACE[:2]}}, "three coordinates"),
        ({"properties": {"wind_speed": "NaN"}}, "leave it out"),
        ({"properties": {"wind_speed": None}}, "leave it out"),
        ({"properties": {"wind_speed": float("nan")}}, "NaN is no JSON"),
        ({"properties": {"wind_speed": float("-inf")}}, "-Infinity is no JSON"),
        ({"properties": [1]}, "expected dict"),
    ],
)
def test_the_receiver_refuses_what_the_rules_forbid(receiver, client, spoilt, why):
    """Weaknesses 8 and 9 of the original would be refused here."""
    body = {"stream_id": stream(client), "datapoints": [{**GOOD, **spoilt}]}
    refused = post(receiver, "datapoints/bulk", body)
    assert refused.status == 400
    assert why in refused.json()["message"]
    assert kept(receiver) == []


def test_the_receiver_wants_ids_as_text(receiver, client):
    stream_id = stream(client)
    assert post(receiver, "datapoints/bulk", {"stream_id": int(stream_id), "datapoints": []}).status == 400
    numbered = {"name": "x", "type": "Feature", "properties": {}, "sensor_id": 1}
    assert post(receiver, "streams", {**numbered, "geometry": GOOD["geometry"]}).status == 400


def test_the_receiver_refuses_bodies_that_are_no_json_or_too_large(receiver, client, monkeypatch):
    stream_id = stream(client)
    assert post(receiver, "datapoints/bulk", "[}").status == 400
    assert post(receiver, "datapoints/bulk", "[]").status == 400
    monkeypatch.setattr(receivers, "BODY_LIMIT_BYTES", 2000)
    client.post_points(stream_id, points(20))
    assert len(kept(receiver)) == 20
    assert max(receiver.posts) < 20


def test_the_receiver_runs_by_itself_and_says_where():
    child = subprocess.Popen(
        [sys.executable, "-m", "sandbox.geostreams", "--port", "0", "--key", "demo"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout
        address, _, key = child.stdout.readline().split()
        found = urllib3.request("GET", f"{address}/sensors", headers={"X-API-Key": key})
        assert found.json() == {"status": "No data found"}
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
