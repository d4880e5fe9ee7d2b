"""Files from a real sshd by rsync: whom we trust, how each ending is provoked, and what a broken transfer leaves."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from sandbox import processes
from skyledger import rsync, ssh
from skyledger.connections import Connection, to_environment
from skyledger.errors import ConfigError, SourceError, SourceUnavailable, StorageError, TransientError
from skyledger.rsync import TransferResult, rsync_there, transfer
from tests.support.remote import Line, Machine

pytestmark = pytest.mark.integration

FOLDER = "asci files"
MIB = 2**20
CLIENT = """
import sys
from pathlib import Path
from skyledger.connections import from_environment
from skyledger.rsync import transfer
transfer(from_environment("station_ssh"), None, "asci files", ["a.dat"], Path(sys.argv[1]), bandwidth_kib_s=2000,
         progress=print)
"""


@pytest.fixture(scope="module")
def machine(servers_directory: Path) -> Iterator[Machine]:
    with Machine(servers_directory, "station_ssh") as machine:
        yield machine


@pytest.fixture(scope="module")
def jump_host(servers_directory: Path) -> Iterator[Machine]:
    with Machine(servers_directory, "gateway_ssh", gateway=True) as machine:
        yield machine


class Station:
    """The machine, and a folder of ours for its files."""

    def __init__(self, machine: Machine, target: Path) -> None:
        self.machine = machine
        self.target = target
        self.told: list[str] = []

    @property
    def connection(self) -> Connection:
        return self.machine.connection

    def put(self, name: str, n_bytes: int = 1000) -> bytes:
        content = os.urandom(n_bytes)
        self.machine.put(name, content)
        return content

    def bring(self, *names: str, connection: Connection | None = None, **options) -> TransferResult:
        options = {"progress": self.told.append, "jump": None} | options
        return transfer(
            connection or self.connection, options.pop("jump"), FOLDER, names, self.target, **options
        )

    def here(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.target.iterdir() if p.is_file()}

    def partial(self) -> int:
        """Bytes of a.dat that have come, wherever they are."""
        found = [self.target / ".rsync-partial" / "a.dat", *self.target.glob(".a.dat.??????")]
        return max((path.stat().st_size for path in found if path.exists()), default=0)


@pytest.fixture
def station(machine, tmp_path, monkeypatch) -> Iterator[Station]:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    (machine.root / FOLDER).mkdir(exist_ok=True)
    yield Station(machine, tmp_path / "in coming")
    machine.clean()
    wait_for(lambda: not children("rsync") and not children("ssh"))
    assert list(private.iterdir()) == []


def children(program: str) -> list[int]:
    """Living programs of this name below us that are not the server's."""
    return [
        pid for pid in processes.descendants(os.getpid())
        if f"{program}\0".encode() in command_line(pid) and b"--server" not in command_line(pid)
    ]  # fmt: skip


def command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def wait_for(condition, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_named_files_come_with_their_times_and_nothing_else_does(station):
    content = {name: station.put(name) for name in ("a.dat", "b.dat.tar.gz")}
    station.put("c.dat")
    result = station.bring(*content)
    assert result == (("a.dat", "b.dat.tar.gz"), "done", "", "rsync")
    assert station.here() == content
    assert (station.target / "a.dat").stat().st_mtime == 1_741_565_117
    assert "2 of 2 files are here, 0.0 MB" in station.told[-1]


def test_odd_names_are_names(station):
    names = ("-e touch x.dat", "#a.dat", "; touch y.dat", "*.dat", "$(touch z).dat", "ü 'a\".dat", "a\nb.dat")
    content = {name: station.put(name) for name in names}
    station.put("not asked for.dat")
    assert station.bring(*names).received == names
    assert station.here() == content
    assert not list(station.machine.root.rglob("[xyz]*"))


def test_what_is_here_is_not_brought_again_and_what_changed_is(station):
    station.put("a.dat")
    content = station.put("b.dat")
    station.bring("a.dat", "b.dat")
    before = (station.target / "b.dat").stat()
    changed = station.put("a.dat", 2000)
    assert station.bring("a.dat", "b.dat").received == ("a.dat", "b.dat")
    assert station.here() == {"a.dat": changed, "b.dat": content}
    after = (station.target / "b.dat").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_folders_and_links_are_not_followed(station):
    folder = station.machine.root / FOLDER
    (folder / "sub.dat").mkdir()
    (folder / "link.dat").symlink_to("/etc/passwd")
    content = station.put("a.dat")
    result = station.bring("sub.dat", "link.dat", "a.dat")
    assert (result.received, result.decision) == (("a.dat",), "partial")
    assert [path.name for path in station.target.iterdir()] == ["a.dat"]
    assert station.here() == {"a.dat": content}


def test_nothing_to_bring_is_done(station):
    assert station.bring().decision == "done"


# Each ending for real


def test_23_a_file_that_is_missing_does_not_stop_the_others(station):
    content = station.put("a.dat")
    result = station.bring("missing.dat", "a.dat")
    assert (result.received, result.decision) == (("a.dat",), "partial")
    assert "some files did not come" in result.message
    assert 'missing.dat" failed: No such file' in result.message
    assert station.here() == {"a.dat": content}


def test_24_a_file_that_vanishes_meanwhile_does_not_stop_the_others(station):
    names = [f"{i}.dat" for i in range(20)]
    content = {name: station.put(name, 100_000) for name in names}

    def vanish() -> bool:  # asked when the first file is here, and the list of all was made before
        if station.target.exists() and station.here():
            (station.machine.root / FOLDER / names[-1]).unlink(missing_ok=True)
        return False

    result = station.bring(*names, bandwidth_kib_s=1000, cancelled=vanish)
    assert result.decision == "partial"
    assert "vanished" in result.message
    assert station.here() == {name: content[name] for name in names[:-1]}
    assert result.received == tuple(names[:-1])


def test_12_a_folder_that_is_missing_is_named_and_not_waited_for(station):
    with pytest.raises(SourceError, match=r"a folder is missing; check the path .*nowhere") as error:
        transfer(station.connection, None, "/nowhere", ["a.dat"], station.target, progress=print)
    assert "station_ssh (127.0.0.1)" in str(error.value)


def test_a_connection_that_breaks_leaves_a_part_from_where_the_next_transfer_goes_on(station):
    content = station.put("a.dat", 8 * MIB)
    line = Line("127.0.0.1", station.machine.port)
    with line.running() as port:
        through = replace(station.connection, port=port)
        line.limit = 4 * MIB
        with pytest.raises(SourceUnavailable, match="connection broke"):
            station.bring("a.dat", connection=through)
        assert 2 * MIB < station.partial() < 5 * MIB
        assert station.here() == {}
        line.limit, line.n_bytes = None, 0
        assert station.bring("a.dat", connection=through).decision == "done"
        assert line.n_bytes < 6 * MIB
    assert station.here() == {"a.dat": content}
    assert not (station.target / ".rsync-partial").exists()


def test_30_an_rsync_that_never_answers_is_unavailable(station):
    station.machine.with_rsync("exec sleep 60")
    with pytest.raises(SourceUnavailable, match=r"fell silent \(rsync ended with 30"):
        station.bring("a.dat", timeout_s=1)


def test_a_station_that_stops_in_mid_file_is_unavailable_and_leaves_a_part(station):
    """rsync itself would wait for ever: it counts its own keep-alive messages as life."""
    station.put("a.dat", 8 * MIB)
    stopped = []

    def stop() -> bool:
        if not stopped and station.partial() > MIB:
            stopped.extend(station.machine.sessions())
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
        return False

    with pytest.raises(SourceUnavailable, match="nothing came for 2 s; what has come before is kept"):
        station.bring("a.dat", timeout_s=2, bandwidth_kib_s=1000, cancelled=stop)
    assert stopped
    processes.kill(stopped)
    assert station.partial() > MIB
    assert not children("rsync")


def test_11_a_full_disk_is_told_as_ours_and_not_the_stations(station, tmp_path, monkeypatch):
    """A limit on the size of files stands in for the disk: rsync sees the same refusal to write."""
    station.put("a.dat", 2 * MIB)
    local_program(tmp_path, monkeypatch, f'trap "" XFSZ; ulimit -f 1000; exec {shutil.which("rsync")} "$@"')
    with pytest.raises(StorageError, match=r"make room.*File too large"):
        station.bring("a.dat")


def test_the_targets_folder_that_cannot_be_made_is_a_matter_of_storage(station):
    station.target.write_bytes(b"")
    with pytest.raises(StorageError, match="in coming"):
        station.bring("a.dat")
    station.target.unlink()


@pytest.mark.parametrize("there", ["no program at all", "no rsync", "only SFTP"])
def test_127_without_rsync_there_the_files_come_by_sftp(station, servers_directory, there):
    content = station.put("a.dat")
    if there == "no program at all":
        station.machine.without_programs()
    elif there == "no rsync":
        station.machine.with_rsync("echo 'rsync: orden no encontrada' >&2; exit 127")
    else:
        with Machine(servers_directory, "sftp_only", shell=False) as only:
            only.put("a.dat", content)
            station.bring("a.dat", connection=only.connection)
    result = station.bring("a.dat")
    assert result.program == ("rsync" if there == "only SFTP" else "sftp")
    assert station.here() == {"a.dat": content}
    assert "no rsync there: by SFTP instead" in "".join(station.told)


def local_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """Let `rsync` be a shell script here; None: absent."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("ssh", "sh", "setpriv", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or "/nowhere")
    if script:
        (folder / "rsync").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("here", ["no rsync", "no ssh", "no key", "a passphrase", "type sftp"])
def test_what_rsync_cannot_do_from_here_is_done_by_sftp_and_told(station, tmp_path, monkeypatch, here):
    content = station.put("a.dat")
    connection = station.connection
    if here == "no rsync":
        local_program(tmp_path, monkeypatch, None)
        reason = "rsync is not installed here"
    elif here == "no ssh":
        local_program(tmp_path, monkeypatch, "exit 9")
        (tmp_path / "bin" / "ssh").unlink()
        reason = "ssh is not installed here"
    elif here == "a passphrase":
        key = asyncssh.import_private_key(connection.extra["private_key"])
        locked = {
            "private_key": key.export_private_key(passphrase="x", rounds=50).decode(),
            "private_key_passphrase": "x",
        }
        connection = replace(connection, extra={**connection.extra, **locked})
        reason = "the key of connection 'station_ssh' has a passphrase"
    elif here == "type sftp":
        connection = replace(connection, conn_type="sftp")
        reason = "of type 'sftp'"
    else:
        extra = {**connection.extra, "private_key": None}
        connection = replace(connection, password="x", extra=extra)
        with pytest.raises(SourceError, match="login refused"):  # this sshd wants a key
            station.bring("a.dat", connection=connection)
        assert "'station_ssh' has no key: by SFTP instead" in station.told[0]
        return
    assert station.bring("a.dat", connection=connection).program == "sftp"
    assert reason in station.told[0]
    assert station.here() == {"a.dat": content}


def test_what_does_not_come_by_sftp_does_not_stop_the_others(station):
    content = station.put("a.dat")
    (station.machine.root / FOLDER / "sub.dat").mkdir()
    plain = replace(station.connection, conn_type="sftp")
    result = station.bring("missing.dat", "sub.dat", "a.dat", connection=plain)
    assert (result.received, result.decision) == (("a.dat",), "partial")
    assert "missing.dat, sub.dat" in result.message
    assert station.here() == {"a.dat": content}


# Whom we trust


def test_255_a_stranger_at_the_stations_address_gets_nothing_from_us(station):
    connection = station.connection
    station.machine.change_host_key()
    with pytest.raises(SourceError, match="another host key than the connection says"):
        station.bring("a.dat", connection=connection)
    unpinned = replace(connection, extra={**connection.extra, "host_key": ""})
    with pytest.raises(ConfigError, match="lacks host_key"):
        station.bring("a.dat", connection=unpinned)


def test_255_a_login_that_is_refused_is_not_tried_again(station):
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    extra = {**station.connection.extra, "private_key": stranger}
    with pytest.raises(SourceError, match="login refused; check login and key") as error:
        station.bring("a.dat", connection=replace(station.connection, extra=extra))
    assert "PRIVATE" not in str(error.value)


def test_255_a_station_that_is_down_is_unavailable(station):
    connection = station.connection
    station.machine.stop()
    with pytest.raises(SourceUnavailable, match=r"station_ssh \(127\.0\.0\.1\): .*[Cc]onnect"):
        station.bring("a.dat", connection=connection)
    assert not list(station.target.iterdir())


def test_a_key_file_must_be_closed_to_others_and_is_used_where_it_is(station, tmp_path):
    content = station.put("a.dat")
    file = tmp_path / "the key"
    file.write_text(station.connection.extra["private_key"])
    extra = {**station.connection.extra, "private_key": None, "key_file": str(file)}
    connection = replace(station.connection, extra=extra)
    file.chmod(0o644)
    with pytest.raises(SourceError, match="must be closed to others"):
        station.bring("a.dat", connection=connection)
    file.chmod(0o600)
    station.bring("a.dat", connection=connection)
    assert station.here() == {"a.dat": content}


def test_no_file_and_no_variable_of_the_user_plays_a_part(station, tmp_path, monkeypatch):
    content = station.put("a.dat")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  Port 1\n  ProxyCommand false\n")
    (tmp_path / ".popt").write_text("rsync alias --times --dry-run\n")
    hostile = {"HOME": tmp_path, "RSYNC_RSH": "false", "RSYNC_OLD_ARGS": "1", "RSYNC_PARTIAL_DIR": "x",
               "SSH_AUTH_SOCK": "/nowhere", "RSYNC_PROXY": "x:1"}  # fmt: skip
    for name, value in hostile.items():
        monkeypatch.setenv(name, str(value))
    assert station.bring("a.dat").decision == "done"
    assert station.here() == {"a.dat": content}


def test_secrets_are_in_no_argument_no_environment_and_no_log_and_gone_afterwards(
    station, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    station.put("a.dat", 2 * MIB)
    monkeypatch.setenv("AIRFLOW_CONN_MINITRASGO_DB", "geheim")
    secret = "".join(station.connection.extra["private_key"].splitlines()[1:-1])[60:100]
    seen: list[bytes] = []
    folders: list[Path] = []

    def look() -> bool:
        for pid in processes.descendants(os.getpid()):
            with suppress(OSError):
                seen.append(command_line(pid) + Path(f"/proc/{pid}/environ").read_bytes())
        folders.extend(Path(rsync.tempfile.gettempdir()).iterdir())
        return False

    station.bring("a.dat", bandwidth_kib_s=1000, cancelled=look)
    clients = [text for text in seen if b"--files-from=-" in text or b"config\0station" in text]
    assert clients
    assert not any(b"geheim" in text or b"PRIVATE" in text or secret.encode() in text for text in clients)
    assert "PRIVATE" not in caplog.text + "".join(station.told)
    assert folders
    assert not any(folder.exists() for folder in folders)


# Gateways


def behind(station: Station, jump_host: Machine) -> dict[str, Connection]:
    extra = {**station.connection.extra, "jump": "gateway_ssh"}
    return {"connection": replace(station.connection, extra=extra), "jump": jump_host.connection}


def test_a_station_behind_a_gateway_is_reached_through_it_by_both_programs(station, jump_host):
    content = {name: station.put(name) for name in ("a.dat", "b.dat")}
    both = behind(station, jump_host)
    assert station.bring("a.dat", **both).program == "rsync"
    both["connection"] = replace(both["connection"], conn_type="sftp")
    assert station.bring("b.dat", **both).program == "sftp"
    assert station.here() == content
    log = jump_host.log_file.read_text()
    assert log.count("Accepted publickey") >= 2


@pytest.mark.parametrize("kind", ["ssh", "sftp"])
def test_a_stranger_in_the_gateways_place_is_not_trusted(station, jump_host, kind):
    both = behind(station, jump_host)
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    both["jump"] = replace(both["jump"], extra={**both["jump"].extra, "host_key": key})
    both["connection"] = replace(both["connection"], conn_type=kind)
    with pytest.raises(SourceError, match="another host key"):
        station.bring("a.dat", **both)


@pytest.mark.parametrize("kind", ["ssh", "sftp"])
def test_a_gateway_that_passes_nothing_on_is_told_from_a_station_that_is_down(station, jump_host, kind):
    both = behind(station, jump_host)
    both["connection"] = replace(both["connection"], conn_type=kind)
    down = both | {"connection": replace(both["connection"], port=1)}
    with pytest.raises(SourceUnavailable, match="station_ssh"):
        station.bring("a.dat", **down)
    jump_host.gateway = False
    jump_host.restart()
    try:
        with pytest.raises(SourceError, match="gateway does not pass connections on"):
            station.bring("a.dat", **both | {"jump": jump_host.connection})
    finally:
        jump_host.gateway = True
        jump_host.restart()


# Kills


def start_client(station: Station, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[bytes]:
    monkeypatch.setenv(*to_environment(station.connection))
    monkeypatch.setenv("TMPDIR", rsync.tempfile.gettempdir())
    client = subprocess.Popen([sys.executable, "-c", CLIENT, station.target], stdout=subprocess.DEVNULL)
    wait_for(lambda: station.partial() > MIB)
    return client


def test_a_client_that_is_killed_takes_rsync_with_it_and_the_next_one_goes_on(station, monkeypatch):
    content = station.put("a.dat", 8 * MIB)
    client = start_client(station, monkeypatch)
    below = processes.descendants(client.pid)
    client.kill()
    client.wait()
    wait_for(lambda: not any(b"rsync\0" in command_line(pid) for pid in below))
    assert MIB < station.partial() < 8 * MIB
    assert station.here() == {}
    private = Path(rsync.tempfile.gettempdir())
    assert len(list(private.iterdir())) == 1  # the key of the killed one
    monkeypatch.setattr(rsync, "ABANDONED_AFTER_S", 0)
    line = Line("127.0.0.1", station.machine.port)
    with line.running() as port:
        station.bring("a.dat", connection=replace(station.connection, port=port))
    assert line.n_bytes < 7.5 * MIB
    assert station.here() == {"a.dat": content}
    assert list(private.iterdir()) == []


def test_what_an_rsync_that_is_killed_outright_leaves_is_taken_up(station, monkeypatch):
    content = station.put("a.dat", 8 * MIB)
    client = start_client(station, monkeypatch)
    processes.kill(
        pid for pid in processes.descendants(client.pid) if command_line(pid).startswith(b"/usr/bin/rsync")
    )
    assert client.wait() == 1
    assert len(list(station.target.glob(".a.dat.??????"))) == 1
    line = Line("127.0.0.1", station.machine.port)
    with line.running() as port:
        station.bring("a.dat", connection=replace(station.connection, port=port))
    assert line.n_bytes < 7.5 * MIB
    assert [path.name for path in station.target.iterdir()] == ["a.dat"]
    assert station.here() == {"a.dat": content}


def test_a_transfer_that_is_cancelled_ends_at_once_and_keeps_what_has_come(station):
    station.put("a.dat", 8 * MIB)
    for kind in ("ssh", "sftp"):
        connection = replace(station.connection, conn_type=kind)
        asked = iter([False, True])
        with pytest.raises(TransientError, match="was stopped; what has come is kept"):
            station.bring(
                "a.dat",
                connection=connection,
                bandwidth_kib_s=2000,
                cancelled=lambda asked=asked: next(asked),
            )
        assert not children("rsync")
    assert len(list((station.target / ".rsync-partial").iterdir())) == 2


def test_whatever_is_raised_meanwhile_leaves_no_process_behind(station, monkeypatch):
    station.put("a.dat", 8 * MIB)
    monkeypatch.setattr(rsync, "TELL_EVERY_S", 0)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        station.bring("a.dat", bandwidth_kib_s=2000, progress=interrupt)
    assert not children("rsync")
    assert not children("ssh")


def test_progress_is_told_now_and_then(station, monkeypatch):
    monkeypatch.setattr(rsync, "TELL_EVERY_S", 0.5)
    station.put("a.dat", 4 * MIB)
    station.bring("a.dat", bandwidth_kib_s=2000)
    assert 2 <= len(station.told) <= 6
    assert station.told[0].startswith("station_ssh (127.0.0.1): ")
    assert "4.2 MB in" in station.told[-1]


def test_rsync_there_is_told_by_its_greeting(station):
    assert rsync_there(station.connection, None, FOLDER) in rsync.PROTOCOLS
    station.machine.without_programs()
    assert rsync_there(station.connection, None, FOLDER) is None


def test_times_are_limits_of_the_systems_ssh_too(station, monkeypatch):
    monkeypatch.setattr(
        ssh, "_SYSTEM_OPTIONS", ssh._SYSTEM_OPTIONS.replace("ConnectTimeout 15", "ConnectTimeout 1")
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SourceUnavailable, match="timed out"),
    ):
        station.bring("a.dat", connection=replace(station.connection, port=silent.getsockname()[1]))
