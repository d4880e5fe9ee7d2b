"""A machine that is reached by ssh, and the line to it, both of which can fail as a test wants."""

import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sandbox import processes
from sandbox.sftp import SftpServer
from skyledger.connections import Connection
from tests.support.tcp_proxy import TcpProxy

USUAL = "/usr/local/bin:/usr/bin:/bin"


class Machine(SftpServer):
    """An sshd whose commands see the PATH `programs`, and that passes connections on when it is a `gateway`."""

    def __init__(self, directory: Path, conn_id: str, *, shell: bool = True, gateway: bool = False) -> None:
        super().__init__(directory / conn_id / "disk", directory / conn_id, shell=shell)
        self.conn_id = conn_id
        self.gateway = gateway
        self.programs = USUAL

    @property
    def connection(self) -> Connection:
        """With `root`, because a command begins elsewhere than an SFTP session."""
        usual = super().connection
        extra = {**usual.extra, "root": str(self.root)}
        return replace(usual, conn_id=self.conn_id, conn_type="ssh", extra=extra)

    def put(self, name: str, content: bytes, at_s: float = 1_741_565_117) -> Path:
        file = self.root / "asci files" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (at_s, at_s))
        return file

    def without_programs(self) -> None:
        """Let no program be found there, and start again."""
        self.programs = "/nowhere"
        self.restart()

    def with_rsync(self, script: str) -> None:
        """Let `rsync` be a shell script there, and start again."""
        folder = self.directory / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "rsync").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "rsync").chmod(0o755)
        self.programs = f"{folder}:{USUAL}"
        self.restart()

    def restart(self) -> None:
        self.stop()
        self.start()

    def sessions(self) -> list[int]:
        """Processes of those who are logged in."""
        return processes.descendants(self.pid) if self.pid else []

    def clean(self) -> None:
        """As at first."""
        if self.programs != USUAL or not self.pid:
            self.programs = USUAL
            self.restart()
        shutil.rmtree(self.root)
        self.root.mkdir()

    def _command(self, program: str) -> Sequence[str | Path]:
        forwarding = "yes" if self.gateway else "no"
        options = [f"SetEnv=PATH={self.programs}", f"AllowTcpForwarding={forwarding}"]
        return [*super()._command(program), *(part for option in options for part in ("-o", option))]


class Line(TcpProxy):
    """A line to a machine: counts what comes, and breaks after `limit` bytes of a connection."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.n_bytes = 0
        self.limit: int | None = None

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        came = 0
        with suppress(OSError):
            while data := server.recv(1 << 16):
                came += len(data)
                self.n_bytes += len(data)
                client.sendall(data)
                if self.limit is not None and came >= self.limit:
                    break
        self._close(client, server)
