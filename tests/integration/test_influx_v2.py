"""A source that has moved to InfluxDB 2: the same rows, and the same care with bad answers.

The real client library talks to a local server that plays InfluxDB 2 over the points of the real InfluxDB 1.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import urllib3

from sandbox import processes
from skyledger.connections import Connection
from skyledger.errors import PermanentError, SourceUnavailable, TransientError
from skyledger.influx import InfluxV2, open_source
from tests.support.flux_server import FluxServer, Point, refuse, reply
from tests.support.loads import LP8, Load, load_on
from tests.support.telegrams import FIRST_DAY, midnight_s, write_points

pytestmark = pytest.mark.integration

UNITS = (1010, 1011, 1012)
VICTIM = '"1011"'
TOKEN = "v2-S3cretT0ken=="
READ = 'keep(columns: ["_time"'
QUERIES = {"inventory": "aggregateWindow", "names": "tagValues", "count": "|> count()", "read": READ}


@pytest.fixture(scope="module")
def network(mariadb, influxdb) -> Iterator[Load]:
    """Three units, two days, in InfluxDB 1."""
    with load_on(mariadb, influxdb, UNITS, 2) as load:
        start = midnight_s(FIRST_DAY)
        write_points(load.influx, [(1010, "battery", start + 5, 50.0)], {"channel": "link-rssi"})
        write_points(load.influx, [(1010, "battery", start + 6, 60.0)], {"channel": "uplink-1"})
        edges = [start - 1, start + 86_399, start + 2 * 86_400]
        write_points(load.influx, [(1010, "senseair-lp8-ir", t, 1.0) for t in edges])
        yield load


@pytest.fixture(scope="module")
def points(network: Load) -> list[Point]:
    """All points of the real InfluxDB with all their tags."""
    influx = network.influx
    fields = {"db": influx.schema, "epoch": "s", "q": 'SELECT value FROM "measurements" GROUP BY *'}
    answer = urllib3.request(
        "GET",
        f"http://{influx.host}:{influx.port}/query?{urlencode(fields)}",
        headers=urllib3.make_headers(basic_auth=f"{influx.login}:{influx.password}"),
    ).json()
    found = [
        Point({tag: value for tag, value in series["tags"].items() if value}, time_s, value)
        for series in answer["results"][0]["series"]
        for time_s, value in series["values"]
    ]
    assert len(found) > 10_000
    return found


@pytest.fixture
def server(points: list[Point]) -> Iterator[FluxServer]:
    """InfluxDB 2 with these points in a bucket."""
    server = FluxServer(points, "carbosense", "lab", TOKEN)
    with server.running() as server.port:
        yield server


def connect(server: FluxServer, token: str = TOKEN, **extra: object) -> InfluxV2:
    return open_source(
        Connection(
            "carbosense_influx",
            "influxdb",
            "127.0.0.1",
            server.port,
            extra={
                "api": "v2", "scheme": "http", "token": token, "org": "lab", "bucket": "carbosense",
                "timeout_s": 5, **extra,
            },
        )
    )  # fmt: skip


def test_same_rows_as_from_influxdb_1(load, whole, server):
    source = connect(server)
    load.ingest(source).raise_for_failures()
    assert load.contents() == whole
    assert load.ingest(source).planned == 0
    assert load.ingest(open_source(load.influx)).planned == 0, "nor does the move itself make anything stale"


def test_inventory_names_and_points_are_those_of_influxdb_1(network, server):
    one, two = open_source(network.influx), connect(server)
    window = FIRST_DAY - timedelta(days=1), FIRST_DAY + timedelta(days=3)
    members = [str(unit) for unit in UNITS]

    def rows(source):
        return sorted(source.inventory(LP8.source, LP8.quantities, members, *window).to_pylist(), key=str)

    def values(source):
        points = source.read(LP8.source, LP8.quantities, "1010", *window)
        names = [points.quantities[code] for code in points.quantity]
        return sorted(zip(names, points.time_s, points.value, strict=True))

    assert rows(one) == rows(two)
    assert len(rows(two)) == 8
    assert values(one) == values(two)
    assert {m: q - {""} for m, q in one.quantities(LP8.source, members).items()} == two.quantities(
        LP8.source, members
    )


def test_ping_says_what_it_found(server):
    assert "bucket 'carbosense' has 1 measurement(s)" in connect(server).ping()


def cut(handler, csv):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/csv")
    handler.send_header("Content-Length", str(len(csv)))
    handler.end_headers()
    handler.wfile.write(csv[: len(csv) * 2 // 3])
    handler.close_connection = True


def cut_chunked(handler, csv):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/csv")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    half = csv[: csv.rindex(b"\n", 0, len(csv) - 4) + 1]
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
    handler.close_connection = True


def dies_halfway(handler, csv):
    """InfluxDB has said 200 already when a query fails: the error is a table of its own."""
    error = (
        b"\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n"
        b",panic: runtime error in the storage engine,897\r\n"
    )
    reply(handler, 200, csv.rstrip() + b"\r\n" + error)


def shortened(handler, csv):
    lines = csv.splitlines(keepends=True)
    assert len(lines) > 6
    del lines[5]
    reply(handler, 200, b"".join(lines))


FAULTS = {
    "401": (lambda h, _: refuse(h, 401, "unauthorized", "unauthorized access"), PermanentError, "HTTP 401"),
    "403": (lambda h, _: refuse(h, 403, "forbidden", "insufficient permissions"), PermanentError, "HTTP 403"),
    "404": (lambda h, _: refuse(h, 404, "not found", "bucket not found"), PermanentError, "HTTP 404"),
    "429": (lambda h, _: refuse(h, 429, "too many requests", "quota"), TransientError, "HTTP 429"),
    "500": (lambda h, _: refuse(h, 500, "internal error", "engine"), TransientError, "HTTP 500"),
    "503": (lambda h, _: refuse(h, 503, "unavailable", "starting"), TransientError, "HTTP 503"),
    "cut": (cut, TransientError, "carbosense_influx"),
    "cut chunked": (cut_chunked, TransientError, "carbosense_influx"),
    "dies halfway": (dies_halfway, TransientError, "panic: runtime error"),
    "login page": (
        lambda h, _: reply(h, 200, b"<!DOCTYPE html>\n<html>Log in, please</html>\n", "text/html"),
        PermanentError,
        "not InfluxDB's answer",
    ),
    "other JSON": (
        lambda h, _: reply(h, 200, b'{"message": "Unauthorized"}\n', "application/json"),
        PermanentError,
        "not InfluxDB's answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((query, name) for query in ("inventory", "read") for name in FAULTS),
        *((query, name) for query in ("names", "count") for name in ("503", "dies halfway", "other JSON")),
    ],
)
def test_bad_answer_is_the_right_error_and_the_next_run_heals(load, whole, server, query, name):
    server.fault, expected, text = FAULTS[name]
    server.only = QUERIES[query]
    error = load.failure(connect(server))
    assert isinstance(error, expected), repr(error)
    assert text in str(error)
    assert load.stored_partitions() == {}
    server.fault = None
    load.ingest(connect(server)).raise_for_failures()
    assert load.contents() == whole


def test_shortened_answer_of_one_unit_is_found_and_the_others_are_loaded(load, whole, server):
    server.fault = lambda h, csv: shortened(h, csv) if VICTIM in h.flux else reply(h, 200, csv)
    server.only = READ
    error = load.failure(connect(server))
    assert isinstance(error, TransientError)
    assert "unit 1011: the answer holds" in str(error)
    load.check_invariant(whole)
    assert {member for member, _ in load.stored_partitions()} == {"1010", "1012"}
    server.fault = None
    load.ingest(connect(server)).raise_for_failures()
    assert load.contents() == whole


def test_slow_server_ends_after_the_timeout(load, server):
    given_up, waited_for = threading.Event(), threading.Event()

    def silent(handler, csv):
        if not given_up.wait(20):
            waited_for.set()
            reply(handler, 200, csv)

    server.fault = silent
    error = load.failure(connect(server, timeout_s=0.4))
    given_up.set()
    assert isinstance(error, SourceUnavailable)
    assert not waited_for.is_set(), "the client waited for the slow server"


def test_nobody_listening(load, server):
    server.port = processes.free_port()
    assert isinstance(load.failure(connect(server)), SourceUnavailable)


def test_wrong_token_and_wrong_bucket_are_permanent(load, server):
    for wrong in ({"token": "wrong"}, {"bucket": "nowhere"}, {"org": "nobody"}):
        assert isinstance(load.failure(connect(server, **wrong)), PermanentError), wrong


def test_token_is_shown_nowhere_even_if_the_server_sends_it_back(load, server, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    echoes = [
        lambda h, _: refuse(h, 500, "internal", f"cannot handle {h.headers['Authorization']}"),
        lambda h, _: refuse(h, 401, "unauthorized", f"cannot handle {h.headers['Authorization']}"),
        lambda h, _: reply(h, 200, f"<html>{h.headers['Authorization']}</html>".encode()),
        lambda h, _: reply(
            h, 200, f"#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n"
                    f",no access for {h.headers['Authorization']},1\n".encode()
        ),
    ]  # fmt: skip
    for server.fault in echoes:
        source = connect(server)
        error: BaseException | None = load.failure(source)
        assert error is not None
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__
        said += [repr(source), str(vars(source)["_conn_id"])]
    said += [record.getMessage() for record in caplog.records]
    assert any("cannot handle" in text for text in said)
    assert [text for text in said if TOKEN in text] == []
