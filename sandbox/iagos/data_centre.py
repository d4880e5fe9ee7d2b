"""A data centre on loopback: offers raw files, takes acknowledgements and products, and fails when told to.

    with DataCentre() as centre:
        client = IagosClient(centre.connection)
        centre.offer(name, data)
        centre.spoil(cut_after(1000), on="GET content")  # the next download ends after 1000 bytes
        ...
        centre.acknowledged, centre.products, centre.log

A cursor is base64url of "<available_since>|<file_id>" without padding; one without a file_id begins at that time.
Content may be asked for with `revision=` or If-Match: when the file has changed since, the answer is revision_changed.
"""

import base64
import hashlib
import itertools
import re
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import Any, Self

from sandbox.iagos.access import Access
from sandbox.iagos.exchange import HOST, Fault, RefusedError, Reply, Request, serve
from sandbox.iagos.offered import Flown, Offered, Product, cursor, utc
from skyledger.connections import Connection
from skyledger.errors import FormatError
from skyledger.iagos.flight import Stop
from skyledger.iagos.names import Version, parse_flight_id, parse_raw_name

RECEIVER = "fzj-p1"  # name of the credential that `connection` has
LARGEST_PAGE = 1000
PRODUCT_LIMIT_BYTES = 64 * 1024 * 1024
# how the bytes of a product begin, by media type; empty: they are text
_BEGINNINGS = {"application/x-netcdf": b"\x89HDF", "application/netcdf": b"\x89HDF", "text/plain": b""}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """One request and what became of it. Nothing secret."""

    kind: str  # "GET content"
    path: str
    query: Mapping[str, str]
    range: str | None
    status: int  # 0: a fault answered, or nobody
    code: str  # of the error; empty: none


class DataCentre:
    """Files, acknowledgements and products in memory.

    credentials: passphrases by name (two of one client during a rotation); skew_s: the server's clock is that much
    ahead; prefix: of all addresses. `permitted` are the instrument types that clients may ask for, `known` those
    that there are. `pause_s` is waited after each 16 KiB of content.
    `requests` counts what came, as "GET content"; `ack_calls` counts acknowledgements, `acknowledged` has the last one
    of each (file_id, revision, receiver). All may be changed while it runs.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        credentials: Mapping[str, str] | None = None,
        skew_s: float = 0.0,
        prefix: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.credentials = dict(credentials or {RECEIVER: secrets.token_hex(32)})
        self.skew_s = skew_s
        self.prefix = prefix
        self.pause_s = 0.0
        self.known = {"P1", "ICH", "BCP"}
        self.permitted = {"P1"}
        self.requests: Counter[str] = Counter()
        self.log: list[Logged] = []
        self.ack_calls: Counter[tuple[str, int, str]] = Counter()
        self.acknowledged: dict[tuple[str, int, str], Json] = {}
        self.products: dict[tuple[str, str, str, str, str], Product] = {}
        self.closing = threading.Event()
        self._access = Access(self.credentials, self.now)
        self._files: dict[str, Offered] = {}
        self._numbers = itertools.count(1)
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer = serve(self, port)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="iagos", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def connection(self) -> Connection:
        """The way to it, as Airflow keeps it, with the first credential."""
        name, passphrase = next(iter(self.credentials.items()))
        return Connection(
            conn_id="iagos_data_centre",
            conn_type="iagos",
            host=HOST,
            port=self._server.server_port,
            login=name,
            password=passphrase,
            extra={"scheme": self._scheme, **({"path_prefix": self.prefix} if self.prefix else {})},
        )

    def via(self, **extra: Any) -> Connection:
        """The way to it with other options."""
        return replace(self.connection, extra={**self.connection.extra, **extra})

    def now(self) -> datetime:
        """What the server's clock says."""
        return datetime.now(UTC) + timedelta(seconds=self.skew_s)

    # what it offers

    def offer(
        self,
        name: str,
        data: bytes,
        flight: Flown | None = None,
        *,
        file_id: str | None = None,
        available_since: datetime | None = None,
        sha256: str | None = None,
        size: int | None = None,
        supersedes: str | None = None,
    ) -> Offered:
        """Offer a raw file under its name. Without a flight, it is one of eight hours from FRA to JFK.

        available_since: now; earlier is a file registered late. sha256, size: announced, if other than the true ones
        """
        said = parse_raw_name(name)
        departure = flight.departure if flight else Stop("FRA", said.flight.departure)
        arrival = flight.arrival if flight else Stop("JFK", said.flight.departure + timedelta(hours=8))
        with self._lock:
            offered = Offered(
                file_id or f"f-{next(self._numbers):06}",
                said.revision,
                said.instrument_type,
                said.flight.text,
                name,
                data,
                len(data) if size is None else size,
                sha256 or hashlib.sha256(data).hexdigest(),
                departure,
                arrival,
                (available_since or self.now()).replace(microsecond=0),
                supersedes,
            )
            self._files[offered.file_id] = offered
        return offered

    def revise(self, file_id: str, data: bytes) -> Offered:
        """Put other bytes under the same file_id, as its next revision, under the next name."""
        with self._lock:
            old = self._files[file_id]
            new = replace(
                old,
                revision=old.revision + 1,
                name=old.name.replace(f"_r{old.revision}.", f"_r{old.revision + 1}."),
                data=data,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                available_since=self.now().replace(microsecond=0),
            )
            self._files[file_id] = new
        return new

    def withdraw(self, file_id: str) -> None:
        """Take a file back: it is listed no more and its address says so."""
        with self._lock:
            self._files[file_id] = replace(self._files[file_id], withdrawn=True)

    def vanish(self, file_id: str) -> None:
        """Lose a file."""
        with self._lock:
            self._files.pop(file_id)

    def spoil(self, *faults: Fault, on: str = "GET content") -> None:
        """Spoil the next requests of a kind, one fault each.

        Kinds: "GET time", "GET files" (the listing), "GET file", "GET content", "POST ack", "PUT products",
        "GET flights", "any".
        """
        with self._lock:
            self._faults += [(on, fault) for fault in faults]

    # requests

    def receive(self, request: Request) -> None:
        """Answer one request."""
        with self._lock:
            self.requests[request.kind] += 1
            place = len(self.log)
            given_range = request.handler.headers.get("Range")
            self.log.append(Logged(request.kind, request.path, request.query, given_range, 0, ""))
            fault = next((entry for entry in self._faults if entry[0] in (request.kind, "any")), None)
            if fault:
                self._faults.remove(fault)
        if fault:
            fault[1](request)
            return
        reply = request.carry_out()
        with self._lock:
            self.log[place] = replace(self.log[place], status=reply.status, code=reply.code)
        request.send(reply)

    def do(self, request: Request) -> Reply:
        """Carry a request out. Raises RefusedError."""
        parts = request.path.split("/")
        if (request.method, parts) == ("GET", ["time"]):
            return Reply.of(200, {"server_time": utc(self.now())})
        with self._lock:
            self._access.check(request)
            match request.method, parts:
                case "GET", ["files"]:
                    return Reply.of(200, self._list(request.query))
                case "GET", ["files", file_id]:
                    return Reply.of(200, self._file(file_id).item())
                case "GET", ["files", file_id, "content"]:
                    return self._content(self._file(file_id), request)
                case "POST", ["files", file_id, "ack"]:
                    return Reply.of(200, self._acknowledge(self._file(file_id), request.json()))
                case "PUT", ["products", flight_id, instrument_type, level, version]:
                    return self._keep(flight_id, instrument_type, level, version, request)
                case "GET", ["flights", flight_id]:
                    return Reply.of(200, self._flight(flight_id))
        raise RefusedError(400, "bad_request", f"no such address: {request.method} {request.path}")

    def _list(self, query: Mapping[str, str]) -> Json:
        self._check_type(query.get("instrument_type", ""))
        limit, state = query.get("limit", "100"), query.get("state", "all")
        if not (limit.isdecimal() and 1 <= int(limit) <= LARGEST_PAGE) or state not in ("new", "all"):
            raise RefusedError(
                400, "bad_request", f"limit is {limit!r} and state {state!r}; expected 1 to 1000, new or all"
            )
        done = {key[:2] for key in self.acknowledged} if state == "new" else set()
        after = _place(query["after"]) if query.get("after") else ("", "")
        found = sorted(
            (
                one
                for one in self._files.values()
                if one.instrument_type == query["instrument_type"]
                and not one.withdrawn
                and one.place > after
                and (one.file_id, one.revision) not in done
            ),
            key=lambda one: one.place,
        )
        page = found[: int(limit)]
        return {
            "items": [one.item() for one in page],
            "next_cursor": cursor(*page[-1].place) if page else query.get("after") or None,
            "has_more": len(found) > len(page),
            "server_time": utc(self.now()),
        }

    def _file(self, file_id: str) -> Offered:
        found = self._files.get(file_id)
        if not found:
            raise RefusedError(404, "no_such_file", f"there is no file {file_id!r}")
        self._check_type(found.instrument_type)
        if found.withdrawn:
            raise RefusedError(410, "withdrawn", f"file {file_id} was withdrawn")
        return found

    def _content(self, found: Offered, request: Request) -> Reply:
        headers = request.handler.headers
        asked = request.query.get("revision", str(found.revision))
        if asked != str(found.revision) or headers.get("If-Match", found.etag) != found.etag:
            raise RefusedError(
                409, "revision_changed", f"file {found.file_id} is at revision {found.revision}"
            )
        about = {"ETag": found.etag, "Accept-Ranges": "bytes"}
        if headers.get("If-None-Match") == found.etag:
            return Reply(304, b"", about)
        about["Content-Type"] = "application/gzip"
        whole = Reply(200, found.data, about)
        wanted = headers.get("Range")
        if not wanted or headers.get("If-Range", found.etag) != found.etag:
            return whole
        size = len(found.data)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        first = int(match[1]) if match else size
        last = min(int(match[2]), size - 1) if match and match[2] else size - 1
        if not first <= last:
            raise RefusedError(416, "bad_range", f"{wanted!r} of {size} bytes")
        about["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Reply(206, found.data[first : last + 1], about)

    def _acknowledge(self, found: Offered, body: Json) -> Json:
        match body:
            case {"revision": int(revision), "receiver": str(receiver), "status": "received"}:
                wrong = body.get("sha256") != hashlib.sha256(found.data).hexdigest()
            case {"revision": int(revision), "receiver": str(receiver), "status": "rejected"}:
                wrong = not body.get("reason")
            case _:
                raise RefusedError(400, "bad_request", f"{body} is no acknowledgement")
        key = (found.file_id, revision, receiver)
        self.ack_calls[key] += 1
        if key not in self.acknowledged or self.acknowledged[key]["status"] != body["status"]:
            if revision != found.revision:
                raise RefusedError(
                    409, "revision_changed", f"file {found.file_id} is at revision {found.revision}"
                )
            if wrong:
                raise RefusedError(400, "bad_request", f"{body}: another sha256, or a reason is missing")
            self.acknowledged[key] = body
        return {"file_id": found.file_id, "state": "acknowledged"}

    def _keep(
        self, flight_id: str, instrument_type: str, level: str, version: str, request: Request
    ) -> Reply:
        self._check_type(instrument_type)
        media_type = request.handler.headers.get("Content-Type", "").partition(";")[0]
        problems = _problems(flight_id, level, version, media_type, request.body)
        sha256 = hashlib.sha256(request.body).hexdigest()
        if request.handler.headers.get("X-Content-SHA256") != sha256:
            problems.append(f"X-Content-SHA256 is not {sha256}, the SHA-256 of what came")
        if problems:
            raise RefusedError(422, "invalid_product", "the product is not valid", validation=problems)
        key = (flight_id, instrument_type, level, version, media_type)
        kept = self.products.get(key)
        if kept and kept.sha256 != sha256:
            raise RefusedError(409, "product_conflict", f"version {version} is here already with other bytes")
        self.products[key] = Product(*key, request.body, sha256)
        return Reply.of(200 if kept else 201, {"sha256": sha256, "size": len(request.body)})

    def _flight(self, flight_id: str) -> Json:
        found = next((one for one in self._files.values() if one.flight_id == flight_id), None)
        if not found:
            raise RefusedError(404, "no_such_file", f"there is no flight {flight_id!r}")
        told = {name: found.item()[name] for name in ("flight_id", "aircraft", "departure", "arrival")}
        files = sorted(one.file_id for one in self._files.values() if one.flight_id == flight_id)
        return {**told, "files": files}

    def _check_type(self, instrument_type: str) -> None:
        if instrument_type not in self.known:
            raise RefusedError(
                400, "unknown_instrument_type", f"instrument type {instrument_type!r} is not known"
            )
        if instrument_type not in self.permitted:
            raise RefusedError(403, "not_permitted", f"not for this client: {instrument_type}")


def _place(text: str) -> tuple[str, str]:
    try:
        since, separator, file_id = (
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            .decode()
            .partition("|")
        )
        datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if not separator:
            raise ValueError(text)
    except ValueError as error:
        raise RefusedError(400, "bad_cursor", f"cursor {text!r} is none of ours") from error
    return since, file_id


def _problems(flight_id: str, level: str, version: str, media_type: str, body: bytes) -> list[str]:
    problems = []
    for check, text in ((parse_flight_id, flight_id), (Version.parse, version)):
        try:
            check(text)
        except FormatError as error:
            problems.append(str(error))
    if level not in ("NRT", "L1", "L2"):
        problems.append(f"level is {level!r}; expected NRT, L1 or L2")
    if media_type not in _BEGINNINGS:
        problems.append(f"Content-Type is {media_type!r}; expected {', '.join(_BEGINNINGS)}")
    elif not body or not body.startswith(_BEGINNINGS[media_type]):
        problems.append(f"the {len(body)} bytes are no {media_type}")
    if len(body) > PRODUCT_LIMIT_BYTES:
        raise RefusedError(413, "too_large", f"{len(body)} bytes are too many")
    return problems
