"""What integration tests share: an SFTP server, and for tests of spoilt loads their two ends (each module brings its
own `network`)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.sftp import SftpServer
from tests.support.loads import Contents, Load, undisturbed


@pytest.fixture(scope="session")
def sshd(servers_directory: Path) -> Iterator[SftpServer]:
    """The run's SFTP server. A test that stops it starts it again."""
    with SftpServer(servers_directory / "station", servers_directory) as server:
        yield server


@pytest.fixture
def sftp_server(sshd: SftpServer) -> Iterator[SftpServer]:
    """An SFTP server whose folder `root` is empty."""
    yield sshd
    if not sshd.pid:
        sshd.start()
    shutil.rmtree(sshd.root)
    sshd.root.mkdir()


@pytest.fixture(scope="module")
def whole(mariadb, network: Load) -> Contents:
    """What must be there in the end: the result of a load that nobody disturbs."""
    return undisturbed(mariadb, network)


@pytest.fixture
def load(network: Load) -> Load:
    """The network with nothing loaded yet."""
    network.wipe()
    return network
