"""A TCP proxy before MariaDB that acts at the moment a chosen statement passes by."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class TcpProxy:
    """Forwards to `host`:`port`; `at(pattern, action)` runs `action` once, before the bytes that hold `pattern`.

    With `lose_answer` the bytes reach the server, and the connection breaks before its answer reaches the client.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self._traps: list[tuple[bytes, Callable[[], None]]] = []
        self._lossy = b""
        self._losing = False
        self._sockets: list[socket.socket] = []

    def at(self, pattern: bytes, action: Callable[[], None]) -> None:
        """Run `action` when the client sends `pattern` for the next time."""
        self._traps.append((pattern, action))

    def lose_answer(self, pattern: bytes) -> None:
        """Break the connection instead of delivering the answer to the next `pattern`."""
        self._lossy = pattern

    def cut(self) -> None:
        """Break all connections now."""
        for side in self._sockets:
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve on a free port of the loopback interface."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            yield listener.getsockname()[1]
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            self.cut()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(self.target)
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                for trap in [trap for trap in self._traps if trap[0] in data]:
                    self._traps.remove(trap)
                    trap[1]()
                if self._lossy and self._lossy in data:
                    self._lossy, self._losing = b"", True
                server.sendall(data)
        self._close(client, server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                if self._losing:
                    self._losing = False
                    break
                client.sendall(data)
        self._close(client, server)

    def _close(self, *sides: socket.socket) -> None:
        for side in sides:
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
