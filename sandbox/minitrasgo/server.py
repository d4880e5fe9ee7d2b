"""A station's computer, or the archive: an `sshd` on loopback that serves rsync and SFTP below one folder.

    with MingoServer("mingo01_ssh", directory) as server:
        station.write_file(server.folder(station.source.path), start)
        server.connection  # Airflow's type `ssh`, with the server's host key, and the folder as `root`

Sessions run what the gate lets through: SFTP for reading, and rsync as the sender of files below the folder. SFTP is
not locked in there (that takes root).
"""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from sandbox.servers import LOCAL, ServerError
from sandbox.sftp import SftpServer
from skyledger.connections import Connection

SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
GATE = '''"""Run what a session asked for, if a station would."""
import os, pathlib, shlex, sys

ROOT, SFTP, RSYNC = {root!r}, {sftp!r}, {rsync!r}
asked = shlex.split(os.environ.get("SSH_ORIGINAL_COMMAND", ""))
if asked[:1] == ["internal-sftp"]:
    os.execv(SFTP, [SFTP, "-R", "-d", ROOT])
if asked[:1] == ["rsync"]:
    if not RSYNC:
        sys.stderr.write("sh: 1: rsync: not found\\n")
        sys.exit(127)
    paths = asked[asked.index(".") + 1 :] if "." in asked else []
    if asked[1:3] == ["--server", "--sender"] and paths and all(
        pathlib.Path(path).resolve().is_relative_to(ROOT) for path in paths
    ):
        os.chdir(ROOT)
        os.execvp("rsync", asked)
sys.exit("this account gives files below " + ROOT + ", by SFTP and rsync, and takes no other command")
'''


class MingoServer(SftpServer):
    """The computer behind one connection. conn_id: name of the connection, also of the folder below `directory`"""

    def __init__(self, conn_id: str, directory: Path = LOCAL) -> None:
        home = directory / conn_id
        super().__init__(home / "disk", home)
        self.conn_id = conn_id
        self._has_rsync = True

    @property
    def connection(self) -> Connection:
        """How to reach the server as it is now."""
        usual = super().connection
        return replace(
            usual, conn_id=self.conn_id, conn_type="ssh", extra={**usual.extra, "root": str(self.root)}
        )

    def folder(self, path: str) -> Path:
        """Where a folder of the machine lies: absolute paths begin at its root."""
        return self.root / path.lstrip("/")

    @property
    def has_rsync(self) -> bool:
        """Whether rsync is installed there. May be changed while the server runs."""
        return self._has_rsync

    @has_rsync.setter
    def has_rsync(self, value: bool) -> None:
        self._has_rsync = value
        self._write_gate()

    @property
    def _gate(self) -> Path:
        return self.directory / "gate.py"

    @property
    def _forced_command(self) -> str:
        return shlex.join([sys.executable, "-I", "-S", str(self._gate)])

    def _prepare(self) -> None:
        super()._prepare()
        self._write_gate()

    def _write_gate(self) -> None:
        sftp = next((path for path in SFTP_SERVERS if Path(path).exists()), None)
        if sftp is None:
            raise ServerError("sftp-server is not installed: apt-get install openssh-sftp-server")
        text = GATE.format(root=str(self.root), sftp=sftp, rsync=self._has_rsync)
        part = self._gate.with_suffix(".part")
        part.write_text(text)
        part.replace(self._gate)
