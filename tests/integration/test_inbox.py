"""Inboxes: what they list and read, here and over a real SFTP server, and whom they trust."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from sandbox import processes
from sandbox.sftp import SftpServer
from skyledger import inbox as inbox_module
from skyledger import ssh
from skyledger.connections import Connection, from_environment, to_environment
from skyledger.errors import ConfigError, FormatError, SourceError, SourceUnavailable
from skyledger.inbox import Entry, Inbox, Listing, SftpInbox, open_inbox

pytestmark = pytest.mark.integration

MOMENT_S = 1_472_540_784  # 2016-08-30 07:06:24 UTC


class Place:
    """An inbox from both sides: `folder` is where its files lie, `open` is how we look at it."""

    def __init__(self, folder: Path, connection: Connection | None) -> None:
        self.folder = folder
        self.connection = connection

    def open(self):
        path = "weather" if self.connection else str(self.folder)
        return open_inbox(self.connection, path, Path("/nowhere"))

    def put(self, path: str, content: bytes = b"x", at_s: float = MOMENT_S) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (at_s, at_s))
        return file

    def listing(self, pattern: str = "*.dat") -> Listing:
        with self.open() as inbox:
            return inbox.listing(pattern)


@pytest.fixture(params=["local", "sftp"])
def place(request, tmp_path, sftp_server: SftpServer) -> Place:
    if request.param == "local":
        place = Place(tmp_path / "inbox", None)
    else:
        place = Place(sftp_server.root / "weather", sftp_server.connection)
    place.folder.mkdir()
    return place


def entry(path: str, size: int = 1, at_s: int = MOMENT_S) -> Entry:
    folder, _, name = path.rpartition("/")
    return Entry(folder, name, size, at_s * 1_000_000)


def test_files_are_listed_with_size_and_time_in_the_order_in_which_they_came(place):
    place.put("2016-08-30/WeatherStation_b.dat", b"12345", MOMENT_S + 60)
    place.put("WeatherStation_a.dat", b"123", MOMENT_S + 120)
    place.put("2016/08/WeatherStation_c.dat", b"", MOMENT_S)
    place.put("2016/08/30/too-deep.dat")
    place.put("WeatherStation_d.csv")
    assert place.listing().entries == (
        entry("2016/08/WeatherStation_c.dat", 0),
        entry("2016-08-30/WeatherStation_b.dat", 5, MOMENT_S + 60),
        entry("WeatherStation_a.dat", 3, MOMENT_S + 120),
    )
    assert place.listing("*_a.*").entries == (entry("WeatherStation_a.dat", 3, MOMENT_S + 120),)


def test_names_of_files_that_are_being_written_are_passed_over(place):
    for name in ("a.dat.part", "a.dat.tmp", "a.dat.filepart", "a.dat~", ".a.dat", ".rsync/a.dat"):
        place.put(name)
    assert place.listing("*") == Listing((), ())


def test_what_could_leave_a_folder_or_spoil_a_log_is_refused_and_told(place):
    place.put("good.dat")
    bad = ["back\\slash.dat", "line\nbreak.dat", "bell\a.dat", " blank.dat", "n" * 200 + ".dat"]
    for name in bad:
        place.put(name)
    (place.folder / os.fsdecode(b"latin-\xe9.dat")).write_bytes(b"")
    (place.folder / "link.dat").symlink_to("/etc/passwd")
    (place.folder / "folder-link").symlink_to("/etc")
    os.mkfifo(place.folder / "pipe.dat")
    listing = place.listing()
    assert listing.entries == (entry("good.dat"),)
    assert len(listing.refused) == len(bad) + 3
    assert "'link.dat': not a regular file" in listing.refused
    assert all(line.isprintable() for line in listing.refused)


def test_names_with_a_path_in_them_never_become_entries():
    """A server may answer whatever it likes; a real one cannot be made to say this."""

    class Hostile:
        async def readdir(self, path: str) -> list[asyncssh.SFTPName]:
            attrs = asyncssh.SFTPAttrs(type=asyncssh.FILEXFER_TYPE_REGULAR, size=1, mtime=MOMENT_S)
            folder = asyncssh.SFTPAttrs(type=asyncssh.FILEXFER_TYPE_DIRECTORY, size=1, mtime=MOMENT_S)
            names = ["../up.dat", "/etc/cron.d/x.dat", "a/../../b.dat", "..\\c.dat", "nul\0.dat", "good.dat"]
            assert path == "weather", f"went into {path}"
            return [asyncssh.SFTPName(n, attrs=attrs) for n in names] + [
                asyncssh.SFTPName(n, attrs=folder) for n in (".", "..", "../../etc", "/etc")
            ]

    listing = SftpInbox(Hostile(), "weather", asyncio.run).listing("*.dat")  # type: ignore[arg-type]
    assert [e.path for e in listing.entries] == ["good.dat"]
    assert len(listing.refused) == 4  # what begins with a dot is passed over


def test_a_file_is_read_as_it_was_listed_or_not_at_all(place):
    content = os.urandom(3_000_000)
    file = place.put("a.dat", content)
    with place.open() as inbox:
        (listed,) = inbox.listing("*.dat").entries
        assert inbox.read(listed) == content
        with file.open("ab") as growing:
            growing.write(b"more")
        assert inbox.read(listed) is None
        place.put("a.dat", content[::-1], MOMENT_S + 1)
        assert inbox.read(listed) is None
        place.put("a.dat", content[:-1])
        assert inbox.read(listed) is None
        file.unlink()
        assert inbox.read(listed) is None


def test_a_link_that_took_the_place_of_a_file_is_not_followed(tmp_path):
    place = Place(tmp_path / "inbox", None)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    os.utime(secret, (MOMENT_S, MOMENT_S))
    file = place.put("a.dat")
    with place.open() as inbox:
        (listed,) = inbox.listing("*.dat").entries
        file.unlink()
        file.symlink_to(secret)
        assert inbox.read(listed) is None


def test_a_file_that_would_fill_the_memory_is_refused(place, monkeypatch):
    monkeypatch.setattr(inbox_module, "LARGEST_FILE_BYTES", 10)
    place.put("a.dat", b"12345678901")
    with place.open() as inbox:
        (listed,) = inbox.listing("*.dat").entries
        with pytest.raises(FormatError, match=r"a\.dat: 11 bytes; expected at most 10"):
            inbox.read(listed)


def test_an_inbox_that_does_not_exist_is_named(place):
    place.folder.rmdir()
    with pytest.raises(SourceError, match=r"weather|inbox"):
        place.listing()


def test_a_folder_closed_to_us_does_not_hide_the_others(tmp_path, monkeypatch):
    place = Place(tmp_path / "inbox", None)
    place.put("open.dat")
    place.put("closed/a.dat")
    real = os.scandir

    def scandir(path):  # root may read everything
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = place.listing()
    assert listing.entries == (entry("open.dat"),)
    assert "closed: we may not read it" in listing.refused[0]


@pytest.mark.parametrize(
    ("age_s", "settled"), [(0, False), (119, False), (120, True), (1e9, True), (-60, False), (-3600, True)]
)
def test_a_file_waits_until_it_has_stood_still_unless_its_time_is_nonsense(age_s, settled):
    assert entry("a.dat").settled(int((MOMENT_S + age_s) * 1e6), 120) is settled


@pytest.fixture
def connection(sftp_server: SftpServer) -> Connection:
    (sftp_server.root / "weather").mkdir()
    return sftp_server.connection


def try_to(open_with: Connection) -> Inbox:
    with open_inbox(open_with, "weather", Path("/nowhere")) as inbox:
        inbox.listing("*")
        return inbox


def with_extra(connection: Connection, **extra: object) -> Connection:
    merged = {**connection.extra, **extra}
    return replace(connection, extra={k: v for k, v in merged.items() if v is not None})


def test_another_machine_at_the_address_is_refused(sftp_server, connection):
    try_to(connection)
    sftp_server.change_host_key()
    with pytest.raises(SourceError, match="another host key than the connection says"):
        try_to(connection)
    try_to(sftp_server.connection)


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_the_host_key_may_be_of_any_kind(sftp_server, connection, algorithm):
    key = asyncssh.generate_private_key(algorithm)
    kept = sftp_server.host_key_file.read_text()
    sftp_server.host_key_file.write_bytes(key.export_private_key())
    sftp_server.stop()
    try:
        sftp_server.start()
        try_to(sftp_server.connection)
        with pytest.raises(SourceError, match="another host key"):
            try_to(connection)
    finally:
        sftp_server.host_key_file.write_text(kept)
        sftp_server.stop()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"host_key": None}, "lacks host_key; expected the line that `ssh-keyscan HOST` prints"),
        ({"host_key": "ssh-ed25519"}, "lacks host_key"),
        ({"host_key": "ssh-ed25519 nonsense"}, "unusable key"),
        ({"host_key": None, "no_host_key_check": True}, "no_host_key_check is not supported"),
        ({"no_host_key_check": "true"}, "host keys are always checked"),
        ({"allow_host_key_change": True}, "allow_host_key_change is not supported"),
        ({"host_proxy_cmd": "nc"}, "host_proxy_cmd is not supported"),
        ({"key_file": "/nowhere"}, "both key_file and private_key"),
        ({"private_key": None, "key_file": "/nowhere"}, "unusable key"),
        ({"private_key": "nonsense"}, "unusable key"),
    ],
)
def test_a_connection_that_would_weaken_the_check_or_cannot_work_is_refused(connection, extra, message):
    with pytest.raises(ConfigError, match=message) as refused:
        try_to(with_extra(connection, **extra))
    assert "weather_sftp" in str(refused.value)
    assert "PRIVATE KEY" not in str(refused.value)


def test_extras_that_airflows_form_leaves_behind_do_no_harm(connection):
    try_to(with_extra(connection, no_host_key_check=False, conn_timeout=10, key_file="", compress="true"))


def test_the_command_line_reads_the_same_connection(connection):
    name, value = to_environment(connection)
    try_to(from_environment("weather_sftp", {name: value}))


def test_keys_may_lie_in_a_file_with_a_passphrase(sftp_server, connection, tmp_path):
    file = tmp_path / "key"
    key = asyncssh.import_private_key(connection.extra["private_key"])
    file.write_bytes(key.export_private_key(passphrase="open sesame"))
    in_file = {"private_key": None, "key_file": str(file)}
    try_to(with_extra(connection, private_key_passphrase="open sesame", **in_file))
    with pytest.raises(ConfigError, match="unusable key"):
        try_to(with_extra(connection, **in_file))


def test_only_the_key_of_the_connection_opens_the_door(connection, tmp_path, monkeypatch):
    """No key, agent or configuration of the user who runs the worker plays a part."""
    home = tmp_path / ".ssh"
    home.mkdir(mode=0o700)
    (home / "id_ed25519").write_text(connection.extra["private_key"])
    (home / "id_ed25519").chmod(0o600)
    (home / "config").write_text("Host *\n  Port 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    try_to(connection)
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for extra in ({"private_key": stranger}, {"private_key": None}):
        with pytest.raises(SourceError, match="login refused; check login and key"):
            try_to(with_extra(connection, **extra))
    with pytest.raises(SourceError, match="login refused"):
        try_to(replace(with_extra(connection, private_key=None), password="guessed"))


def test_a_station_that_is_down_is_unavailable_and_answers_when_it_is_back(sftp_server, connection):
    sftp_server.stop()
    with pytest.raises(
        SourceUnavailable, match=r"weather_sftp \(127\.0\.0\.1\).*refused|Connect call failed"
    ):
        try_to(connection)
    sftp_server.start()
    try_to(connection)


def test_a_station_that_takes_the_call_and_says_nothing_is_unavailable(connection, monkeypatch):
    monkeypatch.setattr(ssh, "CONNECT_TIMEOUT_S", 0.2)
    monkeypatch.setattr(ssh, "LOGIN_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceUnavailable):
        try_to(replace(connection, port=silent.getsockname()[1]))


def test_a_connection_that_breaks_while_a_file_is_read_is_unavailable(sftp_server, connection):
    (sftp_server.root / "weather" / "a.dat").write_bytes(bytes(1000))
    with open_inbox(connection, "weather", Path("/nowhere")) as inbox:
        (listed,) = inbox.listing("*").entries
        sftp_server.stop()
        with pytest.raises(SourceUnavailable):
            inbox.read(listed)
        with pytest.raises(SourceUnavailable):
            inbox.listing("*")


def test_a_station_that_falls_silent_is_given_up_in_the_end(sftp_server, connection, monkeypatch):
    monkeypatch.setattr(ssh, "KEEPALIVE_S", 0.1)
    with open_inbox(connection, "weather", Path("/nowhere")) as inbox:
        inbox.listing("*")
        for pid in processes.descendants(sftp_server.pid):
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(SourceUnavailable):
            inbox.listing("*")
    sftp_server.stop()


def test_the_servers_keys_are_for_its_owner_only(sftp_server):
    for file in (sftp_server.host_key_file, sftp_server.client_key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(sftp_server.connection)


def test_a_stopped_server_leaves_no_session_behind(sftp_server, connection):
    with open_inbox(connection, "weather", Path("/nowhere")) as inbox:
        inbox.listing("*")
        listener = sftp_server.pid
        sessions = processes.descendants(listener)
        assert sessions
        sftp_server.stop()
        assert not set(processes.descendants(1)) & {listener, *sessions}


@pytest.mark.parametrize("shell", [False, True])
def test_the_server_runs_commands_only_where_asked_to(servers_directory, tmp_path, shell):
    directory = servers_directory / f"shell-{shell}"
    with SftpServer(tmp_path / "station", directory, shell=shell) as server:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{server.port} {server.connection.extra['host_key']}\n")
        command = ["ssh", "-p", str(server.port), "-i", server.client_key_file, "-F", "none"]
        command += ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
        done = subprocess.run(
            [*command, f"{server.connection.login}@127.0.0.1", "echo done"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.stdout == "done\n") is shell
        (server.root / "a.dat").write_bytes(b"x")
        with open_inbox(server.connection, ".", Path("/nowhere")) as inbox:
            assert [e.path for e in inbox.listing("*").entries] == ["a.dat"]
    shutil.rmtree(directory)
