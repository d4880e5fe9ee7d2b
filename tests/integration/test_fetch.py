"""Copies of files over SFTP: whole, in bounded memory, and going on where the last one broke off."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.sftp import SftpServer
from skyledger import inbox as inbox_module
from skyledger.connections import to_environment
from skyledger.errors import SourceError, SourceUnavailable, StorageError
from skyledger.inbox import Entry, SftpInbox, open_sftp
from tests.support.remote import Line

pytestmark = pytest.mark.integration

MIB = 2**20
MOMENT_S = 1_741_565_117


class Copying:
    """A file on a server, and the place for its copy."""

    def __init__(self, server: SftpServer, folder: Path) -> None:
        self.server = server
        self.there = server.root / "asci" / "a.dat"
        self.there.parent.mkdir()
        self.here = folder / "a.dat"
        self.came = 0

    def put(self, content: bytes, at_s: float = MOMENT_S) -> bytes:
        self.there.write_bytes(content)
        os.utime(self.there, (at_s, at_s))
        return content

    def arrived(self, n_bytes: int) -> None:
        self.came += n_bytes

    def fetch(
        self,
        port: int | None = None,
        meanwhile: Callable[[SftpInbox, Entry], object] | None = None,
        **options,
    ) -> bool:
        self.came = 0
        connection = replace(self.server.connection, port=port or self.server.port)
        with open_sftp(connection, "asci") as inbox:
            (entry,) = inbox.listing("*", depth=0).entries
            if meanwhile:
                meanwhile(inbox, entry)
            return inbox.fetch(entry, self.here, **{"timeout_s": 20, "arrived": self.arrived} | options)

    def left(self) -> list[str]:
        return sorted(
            str(p.relative_to(self.here.parent)) for p in self.here.parent.rglob("*") if p.is_file()
        )


@pytest.fixture
def copying(sftp_server, tmp_path) -> Copying:
    (tmp_path / "here").mkdir()
    return Copying(sftp_server, tmp_path / "here")


@pytest.fixture
def pieces(monkeypatch) -> Iterator[None]:
    """Of a size at which a few make a file."""
    monkeypatch.setattr(inbox_module, "PIECE_BYTES", MIB // 4)


@pytest.mark.parametrize("size", [0, 1, MIB // 4, 3 * MIB + 17])
def test_a_copy_has_the_bytes_and_the_time_of_the_file(copying, pieces, size):
    content = copying.put(os.urandom(size))
    assert copying.fetch() is True
    assert copying.here.read_bytes() == content
    assert copying.here.stat().st_mtime == MOMENT_S
    assert (copying.came, copying.left()) == (size, ["a.dat"])
    assert copying.fetch() is True
    assert copying.came == 0


def test_sub_folders_are_not_listed_at_depth_0(copying):
    copying.put(b"x")
    (copying.there.parent / "sub").mkdir()
    (copying.there.parent / "sub" / "b.dat").write_bytes(b"y")
    with open_sftp(copying.server.connection, "asci") as inbox:
        assert [e.path for e in inbox.listing("*", depth=0).entries] == ["a.dat"]
        assert len(inbox.listing("*").entries) == 2


def test_a_copy_that_broke_off_goes_on_where_it_stopped(copying, pieces):
    content = copying.put(os.urandom(4 * MIB))
    line = Line("127.0.0.1", copying.server.port)
    line.limit = 2 * MIB
    with line.running() as port:
        with pytest.raises(SourceUnavailable):
            copying.fetch(port)
        broken = copying.came
        assert MIB < broken < 3 * MIB
        assert copying.left() == [f".rsync-partial/a.dat.{4 * MIB}.{MOMENT_S * 1_000_000}"]
        line.limit = None
        assert copying.fetch(port) is True
    assert copying.came == 4 * MIB - broken
    assert copying.here.read_bytes() == content
    assert copying.left() == ["a.dat"]


def test_the_rest_of_another_version_is_never_put_behind_it(copying, pieces):
    """Nothing but size and time tells versions apart where there are no checksums."""
    copying.put(b"1" * 4 * MIB)

    def stop(_: int) -> None:
        raise SourceUnavailable("enough")

    for content, at_s in ((b"2" * 4 * MIB, MOMENT_S + 1), (b"3" * 3 * MIB, MOMENT_S + 1)):
        with pytest.raises(SourceUnavailable):
            copying.fetch(arrived=stop)
        copying.put(content, at_s)
    assert copying.fetch() is True
    assert copying.here.read_bytes() == b"3" * 3 * MIB
    assert copying.left() == ["a.dat"]


def test_a_part_that_is_longer_than_the_file_is_begun_anew(copying):
    content = copying.put(b"good")
    folder = copying.here.parent / ".rsync-partial"
    folder.mkdir()
    (folder / f"a.dat.4.{MOMENT_S * 1_000_000}").write_bytes(b"longer")
    assert copying.fetch() is True
    assert copying.here.read_bytes() == content


def test_what_changes_or_vanishes_meanwhile_is_no_copy_and_leaves_nothing(copying, pieces):
    for change in (
        lambda: copying.put(b"x" * MIB, MOMENT_S + 1),
        lambda: copying.put(b"x" * (MIB + 1)),
        lambda: copying.put(b"x" * 100),
        lambda: copying.there.unlink(),
    ):
        copying.put(b"x" * MIB)
        assert copying.fetch(meanwhile=lambda inbox, entry, change=change: change()) is False
        assert copying.left() == []


def test_a_changed_file_replaces_the_copy(copying):
    copying.put(b"old")
    copying.fetch()
    copying.put(b"new", MOMENT_S + 1)
    assert copying.fetch() is True
    assert copying.here.read_bytes() == b"new"


def test_a_file_that_is_closed_to_us_is_told(copying, monkeypatch):
    copying.put(b"x")

    async def closed(*_: object) -> None:
        raise inbox_module.asyncssh.SFTPPermissionDenied("no")

    def close(inbox: SftpInbox, _: Entry) -> None:  # root may read everything
        monkeypatch.setattr(inbox.client, "open", closed)

    with pytest.raises(SourceError, match=r"a\.dat: we may not read it"):
        copying.fetch(meanwhile=close)


def test_a_station_that_falls_silent_in_mid_file_is_unavailable(copying, pieces, monkeypatch):
    monkeypatch.setattr(inbox_module, "CLOSE_TIMEOUT_S", 0.5)
    copying.put(os.urandom(4 * MIB))
    stopped = []

    def stop(n_bytes: int) -> None:
        if not stopped:
            stopped.extend(processes.descendants(copying.server.pid))
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)

    with pytest.raises(SourceUnavailable, match=r"a\.dat: no answer in time"):
        copying.fetch(arrived=stop, timeout_s=0.5)
    assert stopped
    copying.server.stop()
    assert len(copying.left()) == 1


def test_a_full_disk_is_told_as_ours(copying, pieces):
    """A limit on the size of files stands in for the disk: the refusal to write is the same."""
    copying.put(os.urandom(2 * MIB))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))  # Python ignores the signal
    try:
        with pytest.raises(StorageError, match=r"a\.dat: cannot be written \(File too large\); make room"):
            copying.fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert copying.fetch() is True
    assert copying.came == MIB


def test_a_limit_of_bandwidth_spreads_the_pieces(copying, monkeypatch):
    copying.put(os.urandom(100 * 1024))
    waits: list[float] = []
    real = inbox_module.asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    with monkeypatch.context() as patched:
        patched.setattr(inbox_module.asyncio, "sleep", sleep)
        assert copying.fetch(bandwidth_kib_s=10) is True
    assert len(waits) == 10  # pieces of a second each
    assert 8 < waits[-1] <= 10


def test_memory_does_not_grow_with_the_file(copying, tmp_path):
    with copying.there.open("wb") as file:
        file.truncate(160 * MIB)
    code = """
import re, sys
from pathlib import Path
from skyledger.connections import from_environment
from skyledger.inbox import open_sftp
with open_sftp(from_environment("weather_sftp"), "asci") as inbox:
    (entry,) = inbox.listing("*", depth=0).entries
    def peak():
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
    before = peak()
    assert inbox.fetch(entry, Path(sys.argv[1]), timeout_s=60)
    print(peak() - before)
"""
    name, value = to_environment(copying.server.connection)
    done = subprocess.run(
        [sys.executable, "-c", code, copying.here],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 60_000, done.stdout
    assert copying.here.stat().st_size == 160 * MIB
