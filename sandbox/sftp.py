"""A station's SFTP server: the system's own `sshd` on loopback, with its keys and its log below one folder.

    with SftpServer(Path("station"), directory) as server:
        connection = server.connection  # Airflow's type `sftp`, with the server's host key

Anybody may run it: it lets in only the user who started it, with the one key it made. A session begins in
`root`, as on a station, but is not locked in there (that takes root). `stop()` also cuts open sessions.
"""

import getpass
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncssh

from sandbox import processes
from sandbox.servers import HOST, LOCAL, Server, write_private
from skyledger.connections import Connection

BANNER_TIMEOUT_S = 2.0


class SftpServer(Server):
    """An sshd that serves the folder `root` to one key.

    shell: it runs commands too, as rsync needs; gateway: others may be reached through it
    """

    name = "sshd"
    program = "sshd"
    package = "openssh-server"

    def __init__(
        self, root: Path, directory: Path = LOCAL, *, shell: bool = False, gateway: bool = False
    ) -> None:
        super().__init__(directory)
        self.root = root.resolve()
        self.shell = shell
        self.gateway = gateway
        self.host_key_file = self.directory / "host_key"
        self.client_key_file = self.directory / "client_key"

    @property
    def connection(self) -> Connection:
        """How to reach the server as it is now: with its present port and host key."""
        return Connection(
            conn_id="weather_sftp",
            conn_type="sftp",
            host=self.host,
            port=self.port,
            login=getpass.getuser(),
            extra={
                "host_key": _public_key(self.host_key_file),
                "private_key": self.client_key_file.read_text(),
            },
        )

    def change_host_key(self) -> None:
        """Let another machine answer at this address: start again with a new host key."""
        self.stop()
        self.host_key_file.unlink()
        self.start()

    def stop(self) -> None:
        sessions = processes.descendants(self.pid) if self.pid else []  # each leads a session of its own
        super().stop()
        processes.kill(sessions)

    def _prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(
                mode=0o755, exist_ok=True
            )  # where root's sshd locks up its helper process
        for path in (self.host_key_file, self.client_key_file):
            if not path.exists():
                key = asyncssh.generate_private_key("ssh-ed25519", comment="")
                write_private(path, key.export_private_key().decode())
        (self.directory / "authorized_keys").write_text(_public_key(self.client_key_file) + "\n")

    @property
    def _serve(self) -> str:
        """Command of the SFTP subsystem."""
        return f"internal-sftp -d {self.root}"

    @property
    def _forced_command(self) -> str:
        """What every session runs, whatever it asks for; empty: what it asks for."""
        return "" if self.shell else self._serve

    def _command(self, program: str) -> Sequence[str | Path]:
        options = self.directory / "sshd_config"
        options.write_text(
            f"""ListenAddress {HOST}
Port {self.port}
HostKey "{self.host_key_file}"
PidFile none
AuthorizedKeysFile "{self.directory / "authorized_keys"}"
# the keys are private, but folders above a checkout may belong to a group
StrictModes no
AllowUsers {getpass.getuser()}
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
AllowTcpForwarding {"local" if self.gateway else "no"}
X11Forwarding no
MaxStartups 100
Subsystem sftp {self._serve}
{f"ForceCommand {self._forced_command}" if self._forced_command else ""}
"""
        )
        return [program, "-D", "-e", "-f", options]

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection((self.host, self.port), BANNER_TIMEOUT_S) as probe:
            return probe.recv(8).startswith(b"SSH-2.0")
        return False


def _public_key(path: Path) -> str:
    return asyncssh.read_private_key(path).export_public_key().decode().strip()
