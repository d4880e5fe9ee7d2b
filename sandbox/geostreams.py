"""A GeoStreams server on loopback: keeps what it gets, is strict about it, and fails when told to.

    with GeostreamsReceiver() as receiver:
        client = Geostreams(receiver.connection)
        receiver.spoil(silence(stored=True))  # the next bulk post is kept, and never answered
        ...
        receiver.points("UA-MAC Weather (5 min bins)")

It answers like Clowder 1 (see skyledger.geostreams): a search that finds nothing says "No data found", and times come
back in UTC. To test the client it is worse in that a search also lists names that only contain the one asked for. It is
better in that it holds each point_key of a stream once, so that a resend changes nothing (unless `unique=False`).
`python -m sandbox.geostreams` runs it until Ctrl-C.
"""

import argparse
import json
import math
import secrets
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from skyledger.connections import Connection

HOST = "127.0.0.1"
BASE = "/api/geostreams"
BODY_LIMIT_BYTES = 64 * 1024 * 1024
FAR_DEGREE = (
    1.0  # a point that far from its stream has its coordinates in the wrong order, or a wrong position
)
LONGEST_SILENCE_S = 30.0

Json = dict[str, Any]


class RefusedError(Exception):
    """A request that gets another answer than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What came, and the means to answer it."""

    receiver: "GeostreamsReceiver"
    handler: BaseHTTPRequestHandler
    method: str
    path: str  # below /api/geostreams
    query: dict[str, str]
    body: bytes

    def carry_out(self, *, first_points: int | None = None) -> tuple[int, Any]:
        """Do what is asked (with a bulk post only for its first points); return status and answer."""
        try:
            return 200, self.receiver.do(self, first_points)
        except RefusedError as error:
            return error.status, {"status": "KO", "message": str(error)}

    def answer(self, status: int, answer: Any, **headers: str) -> None:
        """Send an answer in JSON."""
        body = json.dumps(answer).encode()
        self.handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.handler.send_header(name, value)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def hang_up(self) -> None:
        """Let the connection die with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.handler.close_connection = True


Fault = Callable[[Request], None]


def refuse(status: int, text: str = "not now", **headers: str) -> Fault:
    """Answer with this status, and do nothing; header names with underscores, such as Retry_After."""
    return lambda request: request.answer(status, {"status": "KO", "message": text}, **headers)


def drop_after(points: int) -> Fault:
    """Keep the first points of a bulk post, then cut the connection."""

    def fault(request: Request) -> None:
        request.carry_out(first_points=points)
        request.hang_up()

    return fault


def silence(*, stored: bool) -> Fault:
    """Carry the request out or not, and never answer."""

    def fault(request: Request) -> None:
        if stored:
            request.carry_out()
        request.receiver.closing.wait(LONGEST_SILENCE_S)
        request.hang_up()

    return fault


def slow(seconds: float) -> Fault:
    """Answer late."""

    def fault(request: Request) -> None:
        request.receiver.closing.wait(seconds)
        request.answer(*request.carry_out())

    return fault


class GeostreamsReceiver:
    """Sensors, streams and datapoints in memory.

    `requests` counts what came, as "POST datapoints/bulk"; `posts` has the number of points of each bulk post that
    was carried out. With `largest_post`, a bulk post of more points is too large.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        key: str | None = None,
        unique: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.key = key or secrets.token_urlsafe(18)
        self.unique = unique
        self.largest_post: int | None = None
        self.requests: Counter[str] = Counter()
        self.posts: list[int] = []
        self.closing = threading.Event()
        self._sensors: dict[int, Json] = {}
        self._streams: dict[int, Json] = {}
        self._points: dict[int, Json] = {}
        self._by_key: dict[tuple[str, str], int] = {}
        self._next_id = 1
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self._server = _serve(self, port)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="geostreams", daemon=True
        ).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def connection(self) -> Connection:
        """The way to it, as Airflow keeps it."""
        return Connection(
            conn_id="weather_geostreams",
            conn_type="geostreams",
            host=HOST,
            port=self._server.server_port,
            password=self.key,
            extra={"scheme": "http"},
        )

    def via(self, **extra: Any) -> Connection:
        """The way to it with other options."""
        return replace(self.connection, extra={**self.connection.extra, **extra})

    def points(self, stream_name: str) -> list[Json]:
        """What is kept of a stream, by start time."""
        with self._lock:
            ids = {str(n) for n, stream in self._streams.items() if stream["name"] == stream_name}
            found = [point for point in self._points.values() if point["stream_id"] in ids]
        return sorted(found, key=lambda point: (point["start_time"], point["id"]))

    def forget_streams(self) -> None:
        """Lose all streams and their points, as a server does that is restored from an old backup."""
        with self._lock:
            self._points.clear()
            self._by_key.clear()
            self._streams.clear()

    def clear(self) -> None:
        """Begin anew: nothing is kept and nothing was counted."""
        self.forget_streams()
        self._sensors.clear()
        self.requests.clear()
        self.posts.clear()

    def spoil(self, *faults: Fault, on: str = "POST datapoints/bulk") -> None:
        """Spoil the next requests of a kind, one fault each."""
        self._faults += [(on, fault) for fault in faults]

    def receive(self, request: Request) -> None:
        """Answer one request."""
        what = request.path.split("?")[0]
        kind = f"{request.method} {what if what == 'datapoints/bulk' else what.split('/')[0]}"
        with self._lock:
            self.requests[kind] += 1
            fault = next((entry for entry in self._faults if entry[0] in (kind, "any")), None)
            if fault:
                self._faults.remove(fault)
        if fault:
            fault[1](request)
        else:
            request.answer(*request.carry_out())

    def do(self, request: Request, first_points: int | None) -> Any:
        """Carry a request out; return the answer. Raises RefusedError."""
        given = request.handler.headers.get("X-API-Key") or request.query.get("key")
        if given != self.key:
            raise RefusedError(403 if given else 401, f"no permission with key {given!r}")
        with self._lock:
            match request.method, request.path.split("/"):
                case "GET", ["sensors"]:
                    return _named(self._sensors, request.query.get("sensor_name", ""))
                case "GET", ["streams"]:
                    return _named(self._streams, request.query.get("stream_name", ""))
                case "GET", ["datapoints"]:
                    return self._window(request.query)
                case "POST", ["sensors"]:
                    return self._create(self._sensors, _read(request.body, _SENSOR))
                case "POST", ["streams"]:
                    stream = _read(request.body, _STREAM)
                    if not _has(self._sensors, stream["sensor_id"]):
                        raise RefusedError(404, f"sensor {stream['sensor_id']} does not exist")
                    return self._create(self._streams, stream)
                case "POST", ["datapoints", "bulk"]:
                    return self._add(_read(request.body, _BULK), first_points)
                case "DELETE", ["datapoints", point_id]:
                    return self._delete(point_id)
        raise RefusedError(404, f"no such address: {request.method} {request.path}")

    def _create(self, table: dict[int, Json], entry: Json) -> Json:
        _check_geometry(entry)
        entry["id"] = self._new_id()
        table[entry["id"]] = entry
        return {"status": "ok", "id": entry["id"]}

    def _window(self, query: dict[str, str]) -> list[Json]:
        stream_id = query.get("stream_id", "")
        if not _has(self._streams, stream_id):
            raise RefusedError(404, f"stream {stream_id} does not exist")
        since, until = (_utc(_moment(query[name])) for name in ("since", "until"))
        return [
            point
            for point in self._points.values()
            if point["stream_id"] == stream_id and since <= point["start_time"] and point["end_time"] <= until
        ]

    def _add(self, body: Json, first_points: int | None) -> Json:
        points = body["datapoints"]
        if self.largest_post is not None and len(points) > self.largest_post:
            raise RefusedError(413, f"{len(points)} points are too many")
        stream_id = body["stream_id"]
        if not _has(self._streams, stream_id):
            raise RefusedError(404, f"stream {stream_id} does not exist")
        place = self._streams[int(stream_id)]["geometry"]["coordinates"]
        kept = [_checked_point(point, place, stream_id) for point in points]
        self.posts.append(len(points))
        for point in kept[:first_points]:
            key = (stream_id, point["properties"].get("point_key", ""))
            if self.unique and key[1] and key in self._by_key:
                continue
            point["id"] = self._new_id()
            self._points[point["id"]] = point
            self._by_key[key] = point["id"]
        return {"status": "ok", "count": len(kept)}

    def _delete(self, point_id: str) -> Json:
        if not _has(self._points, point_id):
            raise RefusedError(404, f"datapoint {point_id} does not exist")
        gone = self._points.pop(int(point_id))
        self._by_key.pop((gone["stream_id"], gone["properties"].get("point_key", "")), None)
        return {"status": "ok"}

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


_SENSOR = {"name": str, "type": str, "geometry": dict, "properties": dict}
_STREAM = {**_SENSOR, "sensor_id": str}
_BULK = {"stream_id": str, "datapoints": list}
_POINT = {"start_time": str, "end_time": str, "type": str, "geometry": dict, "properties": dict}


def _read(body: bytes, fields: dict[str, type]) -> Json:
    if len(body) > BODY_LIMIT_BYTES:
        raise RefusedError(413, f"a body of {len(body)} bytes is too large")

    def no_number(word: str) -> None:
        raise RefusedError(400, f"{word} is no JSON")

    try:
        entry = json.loads(body, parse_constant=no_number)
    except ValueError as error:
        raise RefusedError(400, f"the body is no JSON: {error}") from error
    return _checked(entry, fields)


def _checked(entry: Any, fields: dict[str, type]) -> Json:
    if not isinstance(entry, dict):
        raise RefusedError(400, f"{entry!r} is no object")
    for name, kind in fields.items():
        if not isinstance(entry.get(name), kind):
            raise RefusedError(400, f"{name} is {entry.get(name)!r}, expected {kind.__name__}")
    return entry


def _checked_point(entry: Any, place: list[float], stream_id: str) -> Json:
    point = _checked(entry, _POINT)
    there = _check_geometry(point)
    if any(abs(a - b) > FAR_DEGREE for a, b in zip(there[:2], place[:2], strict=True)):
        raise RefusedError(400, f"{there} is far from its stream at {place}: longitude comes first")
    start, end = _moment(point["start_time"]), _moment(point["end_time"])
    if start >= end:
        raise RefusedError(400, f"it ends at {end}, before it starts at {start}")
    for name, value in point["properties"].items():
        if value is None or (
            isinstance(value, str) and value.casefold() in ("nan", "inf", "-inf", "infinity")
        ):
            raise RefusedError(400, f"{name} is {value!r}: leave it out")
    return {
        **point,
        "type": "Feature",
        "stream_id": stream_id,
        "start_time": _utc(start),
        "end_time": _utc(end),
    }


def _check_geometry(entry: Json) -> list[float]:
    coordinates = entry["geometry"].get("coordinates")
    if entry["geometry"].get("type") != "Point" or not isinstance(coordinates, list) or len(coordinates) != 3:
        raise RefusedError(400, f"geometry is {entry['geometry']}, expected a Point with three coordinates")
    for value, limit in zip(coordinates, (180, 90, math.inf), strict=True):
        if not isinstance(value, int | float) or abs(value) > limit:
            raise RefusedError(400, f"{coordinates} is no longitude, latitude, altitude")
    return coordinates


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError(400, f"{text!r} is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise RefusedError(400, f"{text!r} has no offset")
    return moment


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _has(table: dict[int, Json], text: str) -> bool:
    return text.isdecimal() and int(text) in table


def _named(table: dict[int, Json], name: str) -> Any:
    found = [entry for entry in table.values() if name.casefold() in entry["name"].casefold()]
    return found or {"status": "No data found"}


def _serve(receiver: GeostreamsReceiver, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def receive(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(f"{BASE}/") if parts.path.startswith(f"{BASE}/") else parts.path
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            receiver.receive(Request(receiver, self, self.command, path, query, body))

        do_GET = do_POST = do_DELETE = receive  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """A client that hangs up is nothing to speak of."""

    return Server((HOST, port), Handler)


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--key", help="API key; one is made up when none is given")
    arguments = parser.parse_args()
    with GeostreamsReceiver(port=arguments.port, key=arguments.key) as receiver:
        print(f"http://{HOST}:{receiver.connection.port}{BASE}  key {receiver.key}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
