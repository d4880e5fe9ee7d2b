"""InfluxDB 2's query interface, played over a set of points.

No Debian package of InfluxDB 2 exists. This server knows just the Flux that our reader writes, and answers in
annotated CSV as https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/ describes; what it does
not know is a 400, as it would be there.
"""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from typing import NamedTuple


class Point(NamedTuple):
    """One field value; `tags` hold node, sensor and whatever else its series has."""

    tags: dict[str, str]
    time_s: int
    value: float


class UnknownFluxError(Exception):
    """A query that this server does not understand."""


class FluxServer:
    """Answers queries about `points` in `bucket` to whoever brings `token`; `fault` may spoil an answer."""

    def __init__(self, points: Iterable[Point], bucket: str, org: str, token: str) -> None:
        self.points = list(points)
        self.bucket, self.org, self.token = bucket, org, token
        self.fault: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None
        self.only = ""
        self.queries: list[str] = []

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve on a free port of the loopback interface."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                server.answer(self, body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield httpd.server_port
        finally:
            httpd.shutdown()
            thread.join()
            httpd.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request."""
        if handler.headers.get("Authorization") != f"Token {self.token}":
            return refuse(handler, 401, "unauthorized", "unauthorized access")
        path, _, query = handler.path.partition("?")
        if path != "/api/v2/query" or f"org={self.org}" not in query.split("&"):
            return refuse(handler, 404, "not found", f"organization not found: {query}")
        flux = json.loads(body)["query"]
        self.queries.append(flux)
        handler.flux = flux  # for faults of single queries: several are answered at once
        try:
            csv = self._run(flux).encode()
        except UnknownFluxError as error:
            return refuse(handler, 400, "invalid", f"compilation failed: {error}")
        if self.fault and self.only in flux:
            return self.fault(handler, csv)
        return reply(handler, 200, csv)

    def _run(self, flux: str) -> str:
        bucket = _one(r'bucket: ("(?:[^"\\]|\\.)*")', flux)
        if json.loads(bucket) != self.bucket:
            raise UnknownFluxError(f"could not find bucket {bucket}")
        if "schema.measurements(" in flux:
            return table([("_value", "string")], [["measurements"]])
        if "schema.tagValues(" in flux:
            tag, of, node = re.search(
                r'tag: ("[^"]+"), predicate: \(r\) => r\[("[^"]+")\] == ("(?:[^"\\]|\\.)*")', flux
            ).groups()
            values = {
                p.tags[json.loads(tag)] for p in self.points if p.tags[json.loads(of)] == json.loads(node)
            }
            return table([("_value", "string")], [[value] for value in sorted(values)])
        chosen = list(self._filtered(flux))
        if match := re.search(r"aggregateWindow\(every: 1d, fn: (count|sum),", flux):
            return self._per_day(chosen, match[1])
        if flux.endswith("|> group() |> count()"):
            return table([("_value", "long")], [[len(chosen)]] if chosen else [])
        if re.search(r'\|> group\(\) \|> keep\(columns: \["_time", "_value", "sensor"\]\)$', flux):
            columns = [("_time", "dateTime:RFC3339"), ("_value", "double"), ("sensor", "string")]
            return table(columns, [[rfc3339(p.time_s), repr(p.value), p.tags["sensor"]] for p in chosen])
        raise UnknownFluxError(flux)

    def _filtered(self, flux: str) -> Iterator[Point]:
        start, stop = (
            int(datetime.fromisoformat(_one(rf"{name}: ([-0-9T:]+)Z", flux)).replace(tzinfo=UTC).timestamp())
            for name in ("start", "stop")
        )
        wanted = {
            tag: set(json.loads(values))
            for tag, values in re.findall(r'contains\(value: r\["([^"]+)"\], set: (\[.*?\])\)', flux)
        }
        excluded = re.findall(r'\(not exists r\["([^"]+)"\] or r\["[^"]+"\] !~ /(.*?)/\)', flux)
        if '_measurement == "measurements" and r._field == "value"' not in flux or set(wanted) != {
            "node",
            "sensor",
        }:
            raise UnknownFluxError(flux)
        for point in self.points:
            if (
                start <= point.time_s < stop
                and all(point.tags.get(tag) in values for tag, values in wanted.items())
                and not any(tag in point.tags and re.search(text, point.tags[tag]) for tag, text in excluded)
            ):
                yield point

    def _per_day(self, chosen: list[Point], function: str) -> str:
        columns = [
            ("_time", "dateTime:RFC3339"),
            ("_value", "long" if function == "count" else "double"),
            ("node", "string"),
        ]

        def key(point: Point) -> tuple[str, int]:
            return point.tags["node"], point.time_s // 86_400 * 86_400

        rows = []
        for (node, day), group in groupby(sorted(chosen, key=key), key):
            values = [point.value for point in group]
            rows.append([rfc3339(day), len(values) if function == "count" else repr(sum(values)), node])
        return table(columns, rows)


def table(columns: list[tuple[str, str]], rows: list[list[object]]) -> str:
    """One annotated CSV table; nothing at all for no rows."""
    if not rows:
        return "\r\n"
    lines = [
        "#datatype,string,long," + ",".join(kind for _, kind in columns),
        "#group,false,false," + ",".join("false" for _ in columns),
        "#default,_result,," + "," * (len(columns) - 1),
        ",result,table," + ",".join(name for name, _ in columns),
        *(",,0," + ",".join(map(str, row)) for row in rows),
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def rfc3339(time_s: int) -> str:
    """As InfluxDB writes times."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


def refuse(handler: BaseHTTPRequestHandler, status: int, code: str, message: str) -> None:
    """Answer with InfluxDB's error document."""
    reply(handler, status, json.dumps({"code": code, "message": message}).encode(), "application/json")


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "text/csv") -> None:
    """Answer in one piece."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _one(expression: str, flux: str) -> str:
    match = re.search(expression, flux)
    if not match:
        raise UnknownFluxError(f"no {expression} in {flux}")
    return match[1]
