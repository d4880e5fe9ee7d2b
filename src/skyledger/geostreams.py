"""Client of GeoStreams, the store of datapoints in time and space that is part of Clowder.

A *sensor* has *streams*, a stream has *datapoints*: GeoJSON with a start, an end and properties. Ours carry
`point_key` in their properties, which says what the point is about; a stream has each key once. Points without one
are somebody else's: this client neither sees nor touches them.

The calls that look up and create sensors and streams and that post datapoints are those of the original extractor.
From the source of Clowder 1 (`conf/routes`, `app/api/Geostreams.scala`, `app/services/PostgresPlugin.scala`) come:

- `GET /datapoints?stream_id=&since=&until=`: start_time >= since and end_time <= until, all of them at once, times in
  UTC to the second. `DELETE /datapoints/<id>`, one by one.
- a search that finds nothing answers `{"status": "No data found"}` instead of an empty list.
- answers may be kept on the server's disk (setting `geostream.cache`) until a datapoint is added.

The header `X-API-Key` is in Clowder's manual, which prefers it to the query parameter `key`: addresses end up in logs.
The later stand-alone GeoStreams (version 3) wraps its answers differently and is not spoken here.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, urlencode

import urllib3

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SkyledgerError, SourceError, SourceUnavailable
from skyledger.web import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, base_url, broken_off, kind_of, masked, verify_tls

log = logging.getLogger(__name__)
T = TypeVar("T")

HTTP_PORT = 9000  # where Clowder listens without TLS
TRIES = 6
FIRST_PAUSE_S = 1.0  # doubled from try to try
LONGEST_PAUSE_S = 300.0  # a server that asks for more is left to the task's retry

Point = dict[str, Any]  # a datapoint as it travels, without stream_id


class UnknownStreamError(SourceError):
    """The server does not know the stream's id (any more): look the stream up again."""


class TooLargeError(SourceError):
    """The server takes no body of this size."""


class ConflictError(SourceError):
    """The server has something like this already."""


class _Later(SourceUnavailable):
    """Not now. `unknown`: the request may have been carried out all the same."""

    def __init__(self, message: str, *, unknown: bool, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.unknown = unknown
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class RemotePoint:
    """A datapoint as the server has it."""

    id: str
    key: str  # its point_key
    start: datetime
    end: datetime
    coordinates: tuple[float, ...]  # longitude, latitude, altitude
    properties: Mapping[str, Any]


class Geostreams:
    """Sensors, streams and datapoints of one server.

    Whatever may heal by waiting is tried TRIES times with growing pauses, and then raised as SourceUnavailable.
    A request that may have been carried out before the exchange broke off is never repeated blindly: what is there
    is read back first. A wrong key, address or body is a SourceError at once.
    """

    def __init__(self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._conn_id = connection.conn_id
        self._url = f"{base_url(connection, HTTP_PORT)}/api/geostreams"
        self._sleep = sleep
        self._headers = {"Accept": "application/json"}
        self._key_field: list[tuple[str, str]] = []
        key = connection.password or ""
        key_in = connection.extra.get("key_in") or "header"
        if key_in == "header":
            self._headers |= {"X-API-Key": key} if key else {}
        elif key_in == "query":
            self._key_field = [("key", key)] if key else []
        else:
            raise ConfigError(
                f"connection {self._conn_id!r}: key_in is {key_in!r}, expected 'header' or 'query'"
            )
        self._secrets = tuple(filter(None, dict.fromkeys((key, quote(key), quote_plus(key)))))
        _MASKING.secrets.update(self._secrets)
        read_timeout_s = float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)
        self._http = urllib3.PoolManager(
            # ours know what may be repeated; urllib3's would name the whole address, and follow to other servers
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
            cert_reqs="CERT_REQUIRED" if verify_tls(connection) else "CERT_NONE",
            ca_certs=connection.extra.get("ca_file") or None,
        )
        self._points_taken: int | None = None  # in one post, once the server has refused more

    def ping(self) -> str:
        """Search for some sensor: proves the address, and the key where reading needs one."""
        self._search("sensors", "sensor_name", "skyledger")
        return f"GeoStreams answers at {self._url}"

    def ensure_sensor(self, name: str, *, coordinates: Sequence[float], properties: Mapping[str, Any]) -> str:
        """Id of the sensor with exactly this name; it is created when there is none.

        coordinates: longitude, latitude [degree], altitude [m]
        """
        body = {"name": name, "type": "Point", "geometry": _geometry(coordinates), "properties": properties}
        return self._ensure("sensors", "sensor_name", name, body)

    def ensure_stream(self, name: str, *, sensor_id: str, coordinates: Sequence[float]) -> str:
        """Id of the stream with exactly this name; it is created when there is none."""
        body = {
            "name": name,
            "type": "Feature",
            "geometry": _geometry(coordinates),
            "properties": {},
            "sensor_id": sensor_id,
        }
        return self._ensure("streams", "stream_name", name, body)

    def points(self, stream_id: str, start: datetime, end: datetime) -> list[RemotePoint]:
        """Points with a key that lie within a window, in no particular order.

        A list, because a server without a unique index may hold a key twice. Raises UnknownStreamError.
        """
        window = [("stream_id", stream_id), ("since", utc_text(start)), ("until", utc_text(end))]
        found = self._patiently(lambda _: self._array("datapoints", window))
        return [point for entry in found if (point := self._remote_point(entry))]

    def post_points(self, stream_id: str, points: Sequence[Point]) -> int:
        """Post points that are not there yet; return the number of posts that it took.

        One post, unless the server finds it too large: then halves, and not more than that from then on.
        Raises UnknownStreamError.
        """
        waiting, posts = list(points), 0
        while waiting:
            batch = waiting[: self._points_taken]
            try:
                self._post_batch(stream_id, batch)
            except TooLargeError:
                if len(batch) == 1:
                    raise
                self._points_taken = len(batch) // 2
                log.info("%s: %d points are too many in one post", self._conn_id, len(batch))
            else:
                waiting = waiting[len(batch) :]
                posts += 1
        return posts

    def delete_point(self, point_id: str) -> None:
        """Delete a point; that it is gone already is as good."""

        def attempt(_: bool) -> None:
            status = self._send("DELETE", f"datapoints/{quote(point_id, safe='')}", accepted=(404,)).status
            log.debug("%s: deleted point %s (HTTP %d)", self._conn_id, point_id, status)

        self._patiently(attempt)

    def _post_batch(self, stream_id: str, batch: Sequence[Point]) -> None:
        left = list(batch)

        def attempt(unknown: bool) -> None:
            nonlocal left
            if unknown:
                left = self._not_there(stream_id, left)
            while left:
                body = {"stream_id": stream_id, "datapoints": left}
                try:
                    self._send("POST", "datapoints/bulk", body=body)
                    return
                except ConflictError:
                    lacking = self._not_there(stream_id, left)
                    if len(lacking) == len(left):
                        raise  # it has none of them: the conflict is about something else
                    left = lacking

        self._patiently(attempt)

    def _not_there(self, stream_id: str, points: Sequence[Point]) -> list[Point]:
        """Those of `points` whose key the server does not have."""
        start = min(datetime.fromisoformat(point["start_time"]) for point in points)
        end = max(datetime.fromisoformat(point["end_time"]) for point in points)
        there = {point.key for point in self.points(stream_id, start, end)}
        lacking = [point for point in points if point["properties"]["point_key"] not in there]
        log.info("%s: read back: %d of %d points are there", self._conn_id, len(there), len(points))
        return lacking

    def _ensure(self, kind: str, field: str, name: str, body: Mapping[str, Any]) -> str:
        found = self._search(kind, field, name)
        if found is None:

            def create(unknown: bool) -> None:
                if unknown and self._search(kind, field, name):
                    return
                try:
                    self._send("POST", kind, body=body)
                except ConflictError:
                    if self._search(kind, field, name) is None:
                        raise

            self._patiently(create)
            # somebody else may have created it at the same moment: both take the one with the lowest id
            found = self._search(kind, field, name)
            log.info("%s: created %s %r", self._conn_id, kind[:-1], name)
        if found is None:
            raise SourceUnavailable(
                f"{self._conn_id}: {kind[:-1]} {name!r} was created and cannot be found. Rerun."
            )
        return found

    def _search(self, kind: str, field: str, name: str) -> str | None:
        """Lowest id of exactly that name: servers may also list names that contain it."""
        entries = self._patiently(lambda _: self._array(kind, [(field, name)]))
        ids = [str(entry["id"]) for entry in entries if entry.get("name") == name]
        return min(ids, key=lambda text: (len(text), text), default=None)

    def _array(self, path: str, fields: list[tuple[str, str]]) -> list[dict[str, Any]]:
        body = self._send("GET", path, fields=fields).data
        try:
            answer = json.loads(body)
        except ValueError as error:
            if body.lstrip()[:1] in (b"[", b"{"):
                raise _Later(f"{self._conn_id}: the answer breaks off: {error}", unknown=False) from error
            answer = None
        if isinstance(answer, list):
            return answer
        if isinstance(answer, dict) and set(answer) == {"status"}:  # "No data found"
            return []
        raise SourceError(
            f"{self._conn_id}: this is not GeoStreams' answer: {self._shown(body, 80)!r} "
            "(check scheme, host and path prefix of the connection)"
        )

    def _remote_point(self, entry: Mapping[str, Any]) -> RemotePoint | None:
        try:
            properties = entry["properties"]
            if "point_key" not in properties:
                return None
            return RemotePoint(
                id=str(entry["id"]),
                key=properties["point_key"],
                start=_moment(entry["start_time"]),
                end=_moment(entry["end_time"]),
                coordinates=tuple(entry["geometry"]["coordinates"]),
                properties=properties,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"{self._conn_id}: a datapoint is not as documented: {error!r} in {self._shown(json.dumps(entry), 200)}"
            ) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        accepted: Sequence[int] = (),
    ) -> urllib3.BaseHTTPResponse:
        """One request, once. Raises _Later or the error that its status means."""
        query = urlencode([*fields, *self._key_field])
        what = f"{self._conn_id}: {method} {self._url}/{path}"
        try:
            response = self._http.request(
                method,
                f"{self._url}/{path}" + (f"?{query}" if query else ""),
                headers=self._headers | ({"Content-Type": "application/json"} if body else {}),
                body=json.dumps(body, allow_nan=False).encode() if body else None,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failure = broken_off(what, error)
            if isinstance(failure, SourceUnavailable):
                raise _Later(str(failure), unknown=True) from error
            raise failure from error
        if response.status in (200, 201, 202, 204, *accepted):
            return response
        raise self._refused(what, path, response)

    def _refused(self, what: str, path: str, response: urllib3.BaseHTTPResponse) -> SkyledgerError:
        status = response.status
        message = f"{what}: HTTP {status}: {self._shown(response.data)}"
        if kind_of(status) is SourceUnavailable:
            after_s = _seconds(response.headers.get("Retry-After"))
            if after_s > LONGEST_PAUSE_S:
                return SourceUnavailable(f"{message} (it asks to be left alone for {after_s:.0f} s)")
            return _Later(message, unknown=status != 429, after_s=after_s)
        if status in (401, 403):
            return SourceError(f"{message} (check the API key of the connection and what it may do)")
        if status == 404 and path.startswith("datapoints"):
            return UnknownStreamError(message)
        if status == 409:
            return ConflictError(message)
        if status == 413:
            return TooLargeError(message)
        if status < 400 or status in (404, 405):
            message += " (check scheme, host and path prefix of the connection)"
        return SourceError(message)

    def _patiently(self, attempt: Callable[[bool], T]) -> T:
        """Try until it works. `attempt` is told whether an earlier one may have been carried out."""
        unknown = False
        for n in range(1, TRIES + 1):
            try:
                return attempt(unknown)
            except _Later as error:
                if n == TRIES:
                    raise SourceUnavailable(f"{error} (tried {TRIES} times)") from error
                unknown |= error.unknown
                jitter = random.uniform(0.75, 1.25)  # noqa: S311 - keeps clients apart
                pause_s = max(error.after_s, FIRST_PAUSE_S * 2 ** (n - 1) * jitter)
                log.warning("%s; trying again in %.1f s (%d of %d)", error, pause_s, n + 1, TRIES)
                self._sleep(pause_s)
        raise AssertionError

    def _shown(self, said: bytes | str, length: int = 500) -> str:
        """What the server said, for a message. A server may quote our request: secrets are masked."""
        return masked(said, self._secrets)[:length].strip()


class _Masking(logging.Filter):
    """Takes secrets out of what a logger is told."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            secrets = tuple(self.secrets)
            record.args = tuple(masked(a, secrets) if isinstance(a, str) else a for a in record.args)
        return True


_MASKING = _Masking()
logging.getLogger("urllib3.connectionpool").addFilter(
    _MASKING
)  # it logs addresses, and old servers want the key there


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC to the second: 2016-08-30T07:05:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _geometry(coordinates: Sequence[float]) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(coordinates)}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.astimezone(UTC)


def _seconds(retry_after: str | None) -> float:
    """How long a Retry-After header asks to wait [s]: it holds seconds or a date."""
    if not retry_after:
        return 0.0
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
