"""Requests to the data centre, answers, and what may go wrong between them."""

import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from sandbox.iagos.data_centre import DataCentre

HOST = "127.0.0.1"
BASE = "/api/v1/"
BODY_LIMIT_BYTES = 80 * 1024 * 1024
LONGEST_SILENCE_S = 30.0
PIECE_BYTES = 16 * 1024

Json = dict[str, Any]


class RefusedError(Exception):
    """A request that gets an error; more is told beside code and message."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after, self.more = status, code, retry_after, more


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""  # of the error

    @classmethod
    def of(cls, status: int, answer: Json) -> Self:
        """An answer in JSON."""
        return cls(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    @classmethod
    def error(cls, refused: RefusedError) -> Self:
        """The answer to a request that is refused."""
        told = {
            "code": refused.code,
            "message": str(refused),
            "request_id": secrets.token_hex(8),
            "retry_after": refused.retry_after,
            **refused.more,
        }
        headers = {"Content-Type": "application/json"}
        if refused.retry_after:
            headers["Retry-After"] = str(refused.retry_after)
        return cls(refused.status, json.dumps({"error": told}).encode(), headers, refused.code)


@dataclass(frozen=True, slots=True)
class Request:
    """What came, and the means to answer it."""

    centre: "DataCentre"
    handler: BaseHTTPRequestHandler
    method: str
    address: str  # path as it was sent
    path: str  # below /api/v1/
    raw_query: str
    query: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """What is asked for, in two words."""
        parts = self.path.split("/")
        if parts[0] == "files" and len(parts) > 1:
            return f"{self.method} {'file' if len(parts) == 2 else parts[2]}"
        return f"{self.method} {parts[0]}"

    def json(self) -> Json:
        """The body. Raises RefusedError."""
        try:
            entry = json.loads(self.body)
        except ValueError as error:
            raise RefusedError(400, "bad_request", f"the body is no JSON: {error}") from error
        if not isinstance(entry, dict):
            raise RefusedError(400, "bad_request", "the body is no object")
        return entry

    def carry_out(self) -> Reply:
        """Do what is asked; return the answer."""
        try:
            return self.centre.do(self)
        except RefusedError as refused:
            return Reply.error(refused)

    def send(self, reply: Reply, *, at_most: float = math.inf) -> None:
        """Send an answer, or its head and so many bytes of its body and then no more."""
        handler = self.handler
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.status != 304:
            handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        body = reply.body[: int(min(at_most, len(reply.body)))]
        for start in range(0, len(body), PIECE_BYTES):
            handler.wfile.write(body[start : start + PIECE_BYTES])
            if self.centre.pause_s and self.kind == "GET content":
                self.centre.closing.wait(self.centre.pause_s)
        if len(body) < len(reply.body):
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection."""
        self.handler.close_connection = True


Fault = Callable[[Request], None]


def refuse(status: int, code: str, message: str = "not now", *, retry_after: int = 0) -> Fault:
    """Do nothing and answer with this error."""
    refused = RefusedError(status, code, message, retry_after)
    return lambda request: request.send(Reply.error(refused))


def cut_after(count: int) -> Fault:
    """Carry the request out and send only so many bytes of the answer's body."""
    return lambda request: request.send(request.carry_out(), at_most=count)


def wrong_bytes(request: Request) -> None:
    """Answer with a body in which the middle byte is another."""
    reply = request.carry_out()
    body = bytearray(reply.body)
    body[len(body) // 2] ^= 0xFF
    request.send(Reply(reply.status, bytes(body), reply.headers))


def whole(request: Request) -> None:
    """Answer as if no range had been asked for."""
    del request.handler.headers["Range"]
    request.send(request.carry_out())


def no_json(request: Request) -> None:
    """Answer with the page of a proxy."""
    request.send(Reply(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}))


def silence(*, done: bool) -> Fault:
    """Carry the request out or not, and never answer."""

    def fault(request: Request) -> None:
        if done:
            request.carry_out()
        request.centre.closing.wait(LONGEST_SILENCE_S)
        request.hang_up()

    return fault


def unanswered(request: Request) -> None:
    """Carry the request out and hang up instead of answering."""
    request.carry_out()
    request.hang_up()


def slow(seconds: float) -> Fault:
    """Answer late."""

    def fault(request: Request) -> None:
        request.centre.closing.wait(seconds)
        request.send(request.carry_out())

    return fault


def serve(centre: "DataCentre", port: int) -> ThreadingHTTPServer:
    """The server of a data centre, not yet running."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def receive(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(centre.prefix).removeprefix(BASE)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            length = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
            known = length.isdecimal() and int(length) <= BODY_LIMIT_BYTES
            body = self.rfile.read(int(length)) if known else b""
            request = Request(centre, self, self.command, parts.path, path, parts.query, query, body)
            if not known:
                code, status = ("too_large", 413) if length.isdecimal() else ("bad_request", 400)
                request.send(Reply.error(RefusedError(status, code, f"Content-Length is {length!r}")))
                request.hang_up()
                return
            centre.receive(request)

        do_GET = do_POST = do_PUT = receive  # noqa: N815 - http.server's names

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(centre.now().timestamp() if timestamp is None else timestamp)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """A client that hangs up is nothing to speak of."""

    return Server((HOST, port), Handler)
