"""The computer of a miniTRASGO station in the sandbox: a real sshd that gives files by rsync and SFTP, and no more."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.minitrasgo import MuonStation
from sandbox.minitrasgo.server import MingoServer
from sandbox.sftp import SftpServer
from skyledger.minitrasgo.stations import load_station
from skyledger.rsync import RemoteFolder

pytestmark = pytest.mark.integration

STATION = load_station("MINGO01")
START = datetime(2025, 3, 10, 0, 5, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def computer(servers_directory: Path) -> Iterator[MingoServer]:
    with MingoServer(STATION.source.connection, servers_directory / "mingo") as server:
        yield server
    shutil.rmtree(server.directory)


@pytest.fixture
def server(computer: MingoServer) -> Iterator[MingoServer]:
    if not computer.pid:
        computer.start()
    yield computer
    computer.has_rsync = True
    shutil.rmtree(computer.root)
    computer.root.mkdir()


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=30
    )


def ssh(server: MingoServer, known: Path) -> list[str]:
    """The system's ssh, without the settings of whoever runs this."""
    known.write_text(f"[127.0.0.1]:{server.port} {server.connection.extra['host_key']}\n")
    key = server.client_key_file
    return ["ssh", "-F", "none", "-p", str(server.port), "-i", str(key), "-o", f"UserKnownHostsFile={known}",
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-l", server.connection.login or ""]  # fmt: skip


def rsync(server: MingoServer, tmp_path: Path, path: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "got").mkdir(exist_ok=True)
    shell = " ".join(ssh(server, tmp_path / "known"))
    return run(["rsync", "--times", "-e", shell, f"127.0.0.1:{path}", tmp_path / "got/"])


def sftp(server: MingoServer, tmp_path: Path, batch: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "batch").write_text(batch)
    options = ssh(server, tmp_path / "known")[1:-2]
    options[options.index("-p")] = "-P"
    return run(["sftp", *options, "-b", tmp_path / "batch", f"{server.connection.login}@127.0.0.1"])


def test_a_file_of_the_station_comes_by_rsync_from_its_configured_path(server, tmp_path):
    written = MuonStation(STATION).write_file(server.folder(STATION.source.path), START, 30)
    connection = server.connection
    assert (connection.conn_id, connection.conn_type) == ("mingo01_ssh", "ssh")
    done = rsync(server, tmp_path, f"{connection.extra['root']}{STATION.source.path}/{written.path.name}")
    assert done.returncode == 0, done.stderr
    got = tmp_path / "got" / "mi0125069000517.dat"
    assert got.read_bytes() == written.path.read_bytes()
    assert got.stat().st_mtime == written.end.timestamp()


def test_it_comes_by_sftp_too_and_nothing_can_be_put_there(server, tmp_path):
    (server.root / "a.dat").write_bytes(b"x")
    (tmp_path / "b.dat").write_bytes(b"y")
    assert "a.dat" in sftp(server, tmp_path, "ls\n").stdout
    done = sftp(server, tmp_path, f"get a.dat {tmp_path}/\nput {tmp_path}/b.dat\n")
    assert (tmp_path / "a.dat").read_bytes() == b"x"
    assert done.returncode != 0
    assert not (server.root / "b.dat").exists()


def test_no_other_command_and_no_file_from_elsewhere(server, tmp_path):
    done = run([*ssh(server, tmp_path / "known"), "127.0.0.1", "echo done"])
    assert done.returncode == 1
    assert "takes no other command" in done.stderr
    for path in (server.client_key_file, f"{server.root}/../client_key"):
        assert rsync(server, tmp_path, str(path)).returncode != 0
    (server.root / "link").symlink_to(server.client_key_file)
    assert rsync(server, tmp_path, f"{server.root}/link").returncode != 0
    assert not list((tmp_path / "got").iterdir())


def test_rsync_can_be_missing_there(server, tmp_path):
    (server.root / "a.dat").write_bytes(b"x")
    server.has_rsync = False
    done = rsync(server, tmp_path, f"{server.root}/a.dat")
    assert done.returncode in (12, 127)  # whichever rsync learns first: silence, or how ssh ended
    assert "not found" in done.stderr
    assert "a.dat" in sftp(server, tmp_path, "ls\n").stdout


@pytest.mark.parametrize("program", ["rsync", "sftp"])
def test_our_own_transfer_lists_and_brings_files_through_a_gateway(
    server, servers_directory, tmp_path, program
):
    source = STATION.source
    world = MuonStation(STATION)
    written = [
        world.write_file(server.folder(source.path), START + timedelta(hours=k), 30).path for k in range(2)
    ]
    server.has_rsync = program == "rsync"
    directory = servers_directory / "mingo" / "gateway"
    with SftpServer(tmp_path / "nothing", directory, gateway=True) as gateway:
        jump = replace(gateway.connection, conn_id="gateway", conn_type="ssh")
        there = replace(server.connection, extra={**server.connection.extra, "jump": "gateway"})
        remote = RemoteFolder(there, jump, source.path, source.pattern)
        assert [(e.name, e.size) for e in remote.listing().entries] == [
            (p.name, p.stat().st_size) for p in written
        ]
        result = remote.bring([p.name for p in written], tmp_path / "got", progress=lambda _: None)
    assert result.program == program
    assert [(tmp_path / "got" / p.name).read_bytes() for p in written] == [p.read_bytes() for p in written]


def test_a_station_goes_down_comes_back_and_another_machine_answers(server, tmp_path):
    (server.root / "a.dat").write_bytes(b"x")
    server.stop()
    assert "Connection refused" in rsync(server, tmp_path, f"{server.root}/a.dat").stderr
    server.start()
    assert rsync(server, tmp_path, f"{server.root}/a.dat").returncode == 0
    trusting_the_old_key = [*ssh(server, tmp_path / "known"), "127.0.0.1", "rsync"]
    server.change_host_key()
    assert "Host key verification failed" in run(trusting_the_old_key).stderr
