"""A proxy between the client and a real InfluxDB that spoils answers on their way.

Every request is forwarded first: what a fault shortens, delays or replaces is a true answer. It can also play
the data-source proxy of a Grafana: a path prefix, a bearer token of its own, TLS.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import urllib3

from skyledger.connections import Connection

INVENTORY, SERIES, COUNT, READ = (  # how the queries of a load begin
    "SELECT count(value), sum(value)",
    "SHOW SERIES",
    "SELECT count(value) FROM",
    "SELECT value",
)


class Reply:
    """The connection to the client, and the true answer to pass on: `status` and `lines` (one per chunk)."""

    def __init__(self, handler: BaseHTTPRequestHandler, status: int, lines: list[bytes]) -> None:
        self.handler = handler
        self.status = status
        self.lines = lines
        self.authorization = handler.headers.get("Authorization", "")

    def whole(self) -> None:
        """Pass the answer on as it is."""
        self.chunked(self.lines)

    def chunked(self, lines: list[bytes], *, ended: bool = True) -> None:
        """Pass on `lines` in HTTP chunks; with `ended` False the stream breaks off after them."""
        self._head(self.status, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        for line in lines:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        if ended:
            self.handler.wfile.write(b"0\r\n\r\n")
        self.handler.wfile.flush()
        self.handler.close_connection |= not ended

    def body(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """Answer something else."""
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(body))} | headers)
        self.handler.wfile.write(body)

    def reset(self) -> None:
        """Let the connection die with a TCP reset."""
        self.handler.wfile.flush()
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()
        self.handler.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()


Fault = Callable[[Reply], None]


class InfluxProxy:
    """Forwards to `influx`. `fault` spoils the answers to statements that begin with `kind` and hold `about`."""

    def __init__(self, influx: Connection, prefix: str = "", token: str | None = None) -> None:
        self.influx = influx
        self.prefix = prefix
        self.token = token
        self.fault: Fault | None = None
        self.kind = READ
        self.about = ""
        self.spoilt = 0
        self.statements: list[str] = []
        self.pool = urllib3.PoolManager()

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator[int]:
        """Serve on a free port of the loopback interface."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.answer(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                """A client that hangs up is what these tests are about."""

        server = Server(("127.0.0.1", 0), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def spoil(self, fault: Fault | None, kind: str = READ, about: str = "") -> None:
        """From now on spoil these answers; None for no more."""
        self.fault, self.kind, self.about, self.spoilt = fault, kind, about, 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Forward one request, and pass the answer on or spoil it."""
        parts = urlsplit(handler.path)
        statement = parse_qs(parts.query).get("q", [""])[0]
        self.statements.append(statement)
        if parts.path != f"{self.prefix}/query":
            Reply(handler, 404, []).body(404, b'{"message": "Not found"}')
        elif self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            Reply(handler, 401, []).body(401, b'{"message": "Unauthorized"}')
        else:
            true = self._forward(parts.query)
            reply = Reply(handler, true.status, true.data.splitlines(keepends=True))
            if self.fault and statement.startswith(self.kind) and self.about in statement:
                self.spoilt += 1
                self.fault(reply)
            else:
                reply.whole()

    def _forward(self, query: str) -> urllib3.BaseHTTPResponse:
        login = f"{self.influx.login}:{self.influx.password}"
        return self.pool.request(
            "GET",
            f"http://{self.influx.host}:{self.influx.port}/query?{query}",
            headers=urllib3.make_headers(basic_auth=login),
        )
