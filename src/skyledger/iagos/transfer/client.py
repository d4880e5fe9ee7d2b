"""Client of the data centre's REST service: lists and brings raw files, acknowledges them, delivers products.

Every call can be repeated without harm, so whatever may heal by waiting is tried again with growing pauses, and then
raised as SourceUnavailable. A refusal is one of `transfer.errors`, at once. A clock that is off is corrected by the
server's: once per request.
"""

import hashlib
import json
import logging
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import urllib3

from skyledger.connections import Connection
from skyledger.errors import ConfigError, SourceError, SourceUnavailable
from skyledger.iagos.instruments import instruments
from skyledger.iagos.names import Level, Version
from skyledger.iagos.transfer.errors import BY_CODE, BY_STATUS, BadRange, NotLetIn
from skyledger.iagos.transfer.signature import authorization, parse, query_text, timestamp_text, token_a
from skyledger.web import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, base_url, broken_off, kind_of, masked, verify_tls

log = logging.getLogger(__name__)
T = TypeVar("T")

HTTP_PORT = 80
BASE = "/api/v1"
TRIES = 8
FIRST_PAUSE_S = 2.0  # doubled from try to try
LONGEST_PAUSE_S = 300.0  # a server that asks for more is left to the task's retry
PAGE = 100  # files
PIECE_BYTES = 256 * 1024
LONGEST_SAID = 2000  # characters of an answer in a message
MEDIA_TYPES = {".nc4": "application/x-netcdf", ".txt": "text/plain"}
CLOCK_CODES = ("expired", "clock_skew", "replay")  # refusals that another time or nonce may heal

Query = Sequence[tuple[str, str]]


class Page(NamedTuple):
    """One page of the listing; `items` are as they came."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of a file as they come, from `offset` on."""

    offset: int  # bytes; 0 where the server sends the whole file although a part was asked for
    etag: str | None
    pieces: Iterator[bytes]


class _Later(SourceUnavailable):
    """Not now."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class IagosClient:
    """One credential at one data centre.

    connection: host, port, login (the credential's name), password (its passphrase); in the extra scheme, path_prefix,
    verify_tls, ca_file, timeout_s, and token: `hmac` (default), or `sha256` for a server that knows no better
    """

    def __init__(self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        if not connection.login or not connection.password:
            raise ConfigError(
                f"connection {connection.conn_id!r}: expected the credential's name as login and its passphrase "
                "as password"
            )
        self._variant = connection.extra.get("token") or "hmac"
        if self._variant not in ("hmac", "sha256"):
            raise ConfigError(
                f"connection {connection.conn_id!r}: token is {self._variant!r}, expected 'hmac' or 'sha256'"
            )
        self.source = connection.conn_id
        self.receiver = connection.login
        self._passphrase = connection.password
        self._secrets: tuple[str, ...] = (self._passphrase,)  # with what the last request was signed with
        self._url = base_url(connection, HTTP_PORT) + BASE
        self._sleep = sleep
        self._ahead = timedelta(0)  # of the server's clock before ours
        self._http = urllib3.PoolManager(
            retries=False,  # ours know what may be repeated; redirects would take the token to other servers
            timeout=urllib3.Timeout(
                connect=CONNECT_TIMEOUT_S, read=float(connection.extra.get("timeout_s") or READ_TIMEOUT_S)
            ),
            cert_reqs="CERT_REQUIRED" if verify_tls(connection) else "CERT_NONE",
            ca_certs=connection.extra.get("ca_file") or None,
        )

    def ping(self) -> str:
        """List one file: proves address, clock and credential."""
        self.files(next(iter(instruments())), limit=1)
        return f"the data centre answers at {self._url} to {self.receiver}"

    def time(self) -> datetime:
        """The server's clock (UTC). Asked without a token."""
        answer = self.patiently(lambda: self._json("GET", "/time", signed=False))
        try:
            return datetime.fromisoformat(answer["server_time"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError) as error:
            raise self._undocumented("/time", answer) from error

    def files(self, instrument_type: str, after: str | None = None, limit: int = PAGE) -> Page:
        """One page of the files that nobody has acknowledged, oldest first. Raises BadCursor, NotPermitted."""
        query = [("instrument_type", instrument_type), ("limit", str(limit)), ("state", "new")]
        answer = self.patiently(
            lambda: self._json("GET", "/files", query=[*query, *([("after", after)] if after else [])])
        )
        items, cursor, more = answer.get("items"), answer.get("next_cursor"), answer.get("has_more")
        if (
            not isinstance(items, list)
            or not all(isinstance(item, dict) for item in items)
            or not isinstance(more, bool)
            or (more and not isinstance(cursor, str))
        ):
            raise self._undocumented("/files", answer)
        return Page(items, cursor, more)

    def file(self, file_id: str) -> dict[str, Any]:
        """The entry of one file, as it is now. Raises NoSuchFile, Withdrawn."""
        return self.patiently(lambda: self._json("GET", f"/files/{_quoted(file_id)}"))

    @contextmanager
    def content(
        self, file_id: str, revision: int, offset: int = 0, etag: str | None = None
    ) -> Iterator[Content]:
        """Bytes of a file from `offset` on, in one try: the caller repeats it by `patiently`.

        etag: of the bytes before the offset; when the file has others by now, all of it comes.
        Raises RevisionChanged, Withdrawn, NoSuchFile, BadRange.
        """
        path = f"/files/{_quoted(file_id)}/content"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and etag:
            headers["If-Range"] = etag
        response = self._send(
            "GET", path, query=[("revision", str(revision))], headers=headers, preload=False
        )
        try:
            if response.status == 206:
                begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
                if not begins or int(begins[1]) != offset:
                    raise BadRange(f"{self._what('GET', path)}: another range than bytes {offset}-")
            start = offset if response.status == 206 else 0
            yield Content(start, response.headers.get("ETag"), self._pieces(path, response))
        finally:
            response.close()

    def ack(self, file_id: str, body: Mapping[str, Any]) -> None:
        """Acknowledge a revision of a file. Raises NoSuchFile, Withdrawn, RevisionChanged, BadRequest."""
        self.patiently(
            lambda: self._json("POST", f"/files/{_quoted(file_id)}/ack", body=json.dumps(body).encode())
        )

    def put_product(
        self, flight_id: str, instrument_type: str, level: Level, version: Version, path: Path
    ) -> bool:
        """Deliver a product; False when the data centre has exactly this one already.

        Raises ProductConflict when it has another one of this version, InvalidProduct when it finds it wrong.
        """
        body = path.read_bytes()
        headers = {
            "Content-Type": MEDIA_TYPES[path.suffix],
            "X-Content-SHA256": hashlib.sha256(body).hexdigest(),
        }
        where = "/products/" + "/".join(map(_quoted, (flight_id, instrument_type, str(level), str(version))))
        response = self.patiently(lambda: self._send("PUT", where, headers=headers, body=body))
        return response.status == 201

    def flight(self, flight_id: str) -> dict[str, Any]:
        """What the data centre knows of a flight."""
        return self.patiently(lambda: self._json("GET", f"/flights/{_quoted(flight_id)}"))

    def patiently(self, attempt: Callable[[], T]) -> T:
        """Try until it works: TRIES times, with pauses that double, or as long as the server asks for."""
        for n in range(1, TRIES + 1):
            try:
                return attempt()
            except _Later as error:
                if n == TRIES:
                    raise SourceUnavailable(f"{error} (tried {TRIES} times)") from error
                jitter = random.uniform(0.75, 1.25)  # noqa: S311 - keeps clients apart
                pause_s = max(error.after_s, min(FIRST_PAUSE_S * 2 ** (n - 1) * jitter, LONGEST_PAUSE_S))
                log.warning("%s; trying again in %.1f s (%d of %d)", error, pause_s, n + 1, TRIES)
                self._sleep(pause_s)
        raise AssertionError

    def _pieces(self, path: str, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from response.stream(PIECE_BYTES, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Later(str(broken_off(self._what("GET", path), error))) from error

    def _json(
        self, method: str, path: str, *, query: Query = (), body: bytes = b"", signed: bool = True
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} if body else {}
        said = self._send(method, path, query=query, headers=headers, body=body, signed=signed).data
        try:
            answer = json.loads(said)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._undocumented(path, self._shown(said))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        signed: bool = True,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """One request, once more where the server did not like its time. Raises _Later, or what the status means."""
        for again in (True, False):
            signature = self._signature(method, path, query, body) if signed else {}
            try:
                response = self._http.request(
                    method,
                    self._url + path + (f"?{query_text(query)}" if query else ""),
                    headers={"Accept-Encoding": "identity", **(headers or {}), **signature},
                    body=body or None,
                    preload_content=preload,
                    decode_content=False,
                )
                if response.status in (200, 201, 206):
                    return response
                said = response.read() if not preload else response.data
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure = broken_off(self._what(method, path), error)
                raise (_Later(str(failure)) if isinstance(failure, SourceUnavailable) else failure) from error
            refusal = self._refusal(method, path, response, said)
            if not (again and signed and isinstance(refusal, NotLetIn) and _code(said) in CLOCK_CODES):
                raise refusal
            self._ahead = self.time() - datetime.now(UTC)
            log.warning("%s; our clock is %.0f s behind the server's", refusal, self._ahead.total_seconds())
        raise AssertionError

    def _signature(self, method: str, path: str, query: Query, body: bytes) -> dict[str, str]:
        timestamp = timestamp_text(datetime.now(UTC) + self._ahead)
        if self._variant == "sha256":
            token = token_a(self._passphrase, timestamp)
            self._secrets = (self._passphrase, token)
            return {"X-Token": token, "X-Timestamp": timestamp}
        signed = authorization(
            self.receiver,
            self._passphrase,
            method,
            urlsplit(self._url).path + path,
            query,
            body,
            timestamp=timestamp,
            nonce=secrets.token_hex(16),
        )
        self._secrets = (self._passphrase, signed, parse(signed).signature)
        return {"Authorization": signed}

    def _refusal(
        self, method: str, path: str, response: urllib3.BaseHTTPResponse, said: bytes
    ) -> SourceError | SourceUnavailable:
        status, answer = response.status, _error(said)
        message = f"{self._what(method, path)}: HTTP {status}: {self._shown(said)}"
        if kind_of(status) is SourceUnavailable:
            after_s = max(_seconds(response.headers.get("Retry-After")), _seconds(answer.get("retry_after")))
            if after_s > LONGEST_PAUSE_S:
                return SourceUnavailable(f"{message} (it asks to be left alone for {after_s:.0f} s)")
            return _Later(message, after_s)
        kind = BY_CODE.get(_code(said)) or BY_STATUS.get(status, SourceError)
        if kind is NotLetIn:
            message += " (check login and password of the connection, and this machine's clock)"
        elif kind is SourceError:
            message += " (check scheme, host and path prefix of the connection)"
        return kind(message)

    def _undocumented(self, path: str, answer: object) -> SourceError:
        return SourceError(
            f"{self.source}: {self._url}{path}: this is not the data centre's answer: {self._shown(str(answer))!r} "
            "(check scheme, host and path prefix of the connection)"
        )

    def _what(self, method: str, path: str) -> str:
        return f"{self.source}: {method} {self._url}{path}"

    def _shown(self, said: bytes | str) -> str:
        """What the server said, for a message. A server may quote our request: secrets are masked."""
        return masked(said, self._secrets)[:LONGEST_SAID].strip()


def _error(said: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(said)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _code(said: bytes) -> str:
    return str(_error(said).get("code"))


def _seconds(asked: object) -> float:
    """How long a server asks to wait [s]: a number, or a date."""
    if not asked:
        return 0.0
    try:
        return float(str(asked))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(str(asked)) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _quoted(part: str) -> str:
    return quote(part, safe="")
