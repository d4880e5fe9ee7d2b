"""A folder into which a provider puts raw files, and the SFTP server that it lies on.

with DropServer(directory) as server:
    drop = server.folder("P1")
    drop.put(name, data)  # as agreed: under another name first, the checksum last
    server.connection  # Airflow's type `sftp`; the session begins above `drop/P1/incoming`
"""

import hashlib
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sandbox.servers import LOCAL
from sandbox.sftp import SftpServer
from skyledger.connections import Connection

CONN_ID = "iagos_drop"
ROOT = "drop"  # of the job, below the folder in which a session begins


@dataclass(frozen=True, slots=True)
class DropFolder:
    """The folder of one instrument type, as its provider sees it."""

    home: Path

    @property
    def incoming(self) -> Path:
        """Where files are put."""
        return self.home / "incoming"

    def put(self, name: str, data: bytes, *, side_file: bool = True, sha256: str | None = None) -> Path:
        """Upload a file as agreed. sha256: what the side file says, if other than the truth."""
        path = self.begin(name, data).rename(self.incoming / name)
        if side_file:
            self.side_file(name, sha256 or hashlib.sha256(data).hexdigest())
        return path

    def begin(self, name: str, data: bytes, *, suffix: str = ".part") -> Path:
        """Begin an upload that has come so far, under a temporary name (an empty suffix: under its own)."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        path = self.incoming / f"{name}{suffix}"
        path.write_bytes(data)
        return path

    def side_file(self, name: str, sha256: str) -> Path:
        """Say that a file is whole."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        path = self.incoming / f"{name}.sha256"
        path.write_text(f"{sha256}  {name}\n")
        return path

    def append(self, name: str, data: bytes) -> None:
        """Let a file grow."""
        with (self.incoming / name).open("ab") as file:
            file.write(data)

    def age(self, name: str, since: datetime) -> None:
        """Let a file have been there unchanged for some time."""
        os.utime(self.incoming / name, (since.timestamp(), since.timestamp()))

    def files(self) -> dict[str, bytes]:
        """All files, by path below the folder: incoming/..., processed/2024/03/..., rejected/..."""
        return {
            path.relative_to(self.home).as_posix(): path.read_bytes()
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
        }


class DropServer(SftpServer):
    """The provider's SFTP server."""

    def __init__(self, directory: Path = LOCAL) -> None:
        home = directory / CONN_ID
        super().__init__(home / "disk", home)

    @property
    def connection(self) -> Connection:
        """How to reach the server as it is now."""
        return replace(super().connection, conn_id=CONN_ID)

    def folder(self, instrument_type: str = "P1") -> DropFolder:
        """The folder of an instrument type."""
        folder = DropFolder(self.root / ROOT / instrument_type)
        folder.incoming.mkdir(parents=True, exist_ok=True)
        return folder
