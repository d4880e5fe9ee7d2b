"""Named files of another machine's folder, by the system's rsync over ssh, or by SFTP where rsync cannot be used.

rsync finds and decides nothing: names come from us on its standard input, so a name is never an option or a pattern,
and ssh knows only a configuration written for the run. A file is complete at its place, or in parts in `.rsync-partial`
beside it, from where the next transfer goes on.
"""

import asyncio
import fcntl
import os
import re
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import IO, Literal, NamedTuple

from skyledger import ssh
from skyledger.connections import Connection
from skyledger.errors import FormatError, SourceError, SourceUnavailable, StorageError, TransientError
from skyledger.inbox import PARTIAL_FOLDER, Listing, open_sftp
from skyledger.programs import program
from skyledger.rsync_endings import ERRORS_TOLD, Decision, judge, told

TELL_EVERY_S = 10.0  # a line of progress
LOGIN_S = 2 * ssh.CONNECT_TIMEOUT_S  # silence before the first byte, through a gateway too
LOOK_EVERY_MS = 1000
PRIVATE_PREFIX = "skyledger-ssh-"
ABANDONED_AFTER_S = 60.0
PROTOCOL_BYTES = 4  # of the greeting
PROTOCOLS = range(20, 100)  # rsync has 32 today, and had 28 twenty years ago

Progress = Callable[[str], None]


_TOTAL = re.compile(rb"^\s*(\d+)\s+(\d+)%")


class TransferResult(NamedTuple):
    """What a transfer came to. `received`: names of the files that are complete in the target, also those that were."""

    received: tuple[str, ...]
    decision: Decision  # DONE or PARTIAL
    message: str
    program: Literal["rsync", "sftp"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Options of rsync for one transfer."""

    folder: str
    target: Path
    timeout_s: int
    bandwidth_kib_s: int | None = None
    compress: bool = False

    def arguments(self) -> list[str]:
        """Program and arguments; the names are expected on standard input, separated by NUL."""
        return [
            "rsync",
            "--from0",
            "--files-from=-",
            "--no-relative",  # names, not paths
            "--exclude=*/",  # folders of these names
            "--times",
            f"--partial-dir={PARTIAL_FOLDER}",
            f"--timeout={self.timeout_s}",
            *([f"--bwlimit={self.bandwidth_kib_s}"] if self.bandwidth_kib_s else []),
            *(["--compress"] if self.compress else []),
            "--info=progress2",
            "--no-human-readable",
            "--rsh=ssh -F config",
            "--",
            # the path reaches a shell there, for which rsync quotes it. Never `HOST::`, which is a daemon
            f"station:{self.folder if self.folder.startswith('/') else f'./{self.folder}'}/",
            f"{self.target}/",
        ]


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder of another machine, without what is in its sub-folders."""

    connection: Connection
    jump: Connection | None
    path: str
    pattern: str = "*"
    timeout_s: int = 60
    bandwidth_kib_s: int | None = None

    def listing(self) -> Listing:
        """List the files whose name fits the pattern. Errors as `skyledger.inbox.Inbox.listing`."""
        with open_sftp(self.connection, self.path, self.jump) as inbox:
            return inbox.listing(self.pattern, depth=0)

    def bring(
        self,
        names: Sequence[str],
        target: Path,
        *,
        progress: Progress,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> TransferResult:
        """Copy files into `target`, as `transfer`."""
        return transfer(
            self.connection,
            self.jump,
            self.path,
            names,
            target,
            timeout_s=self.timeout_s,
            bandwidth_kib_s=self.bandwidth_kib_s,
            progress=progress,
            cancelled=cancelled,
        )


def transfer(
    connection: Connection,
    jump: Connection | None,
    folder: str,
    names: Sequence[str],
    target: Path,
    *,
    timeout_s: int = 60,
    bandwidth_kib_s: int | None = None,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> TransferResult:
    """Copy files of `folder` into `target` (which is made), with their times; what is there already is left alone.

    Parameters
    ----------
    jump: the gateway that `connection` names
    names: of files in `folder` itself
    timeout_s: silence after which the station counts as unavailable
    progress: is told a line now and then
    cancelled: asked every second or so; True ends the transfer with TransientError

    Names that did not come are missing in the result, with the reason in its message. Raises SourceUnavailable when the
    station does not answer or breaks off, SourceError when it refuses or waiting does not help otherwise, StorageError
    when this machine cannot store the files, ConfigError for an unusable connection. Whatever ends it, no process is
    left, and what has come is kept.
    """
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise FormatError(f"{name!r} is no name of a file in a folder")
    target = target.resolve()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror}; make room, or give us the right") from error
    watch = _Watch(f"{connection.conn_id} ({connection.host})", progress, cancelled)
    job = _Job(connection, jump, folder, tuple(names), target, timeout_s, bandwidth_kib_s, watch)
    reason = _why_not_rsync(connection, jump)
    result = None if reason else job.by_rsync()
    if result is None:
        progress(f"{watch.where}: {reason or 'no rsync there'}: by SFTP instead")
        result = job.by_sftp()
    progress(
        f"{watch.where}: {len(result.received)} of {len(names)} files are here, {watch.done} by {result.program}"
    )
    return result


def rsync_there(connection: Connection, jump: Connection | None, folder: str) -> int | None:
    """Protocol of the rsync that reads `folder` on that machine, None without one. Errors as `ssh.ssh_client`."""
    # what rsync itself would ask for: an account may be allowed nothing else
    command = shlex.join(["rsync", "--server", "--sender", "-e.", ".", ssh.path_there(connection, folder)])

    async def ask() -> bytes:
        async with ssh.ssh_client(connection, jump) as client:
            with ssh.translated(f"{connection.conn_id} ({connection.host})"):
                async with asyncio.timeout(ssh.LOGIN_TIMEOUT_S):
                    process = await client.create_process(command, encoding=None)
                    greeting: bytes = await process.stdout.read(PROTOCOL_BYTES)  # then it waits for ours
                    return greeting

    number = int.from_bytes(asyncio.run(ask()), "little")
    return number if number in PROTOCOLS else None


def _why_not_rsync(connection: Connection, jump: Connection | None) -> str | None:
    if connection.conn_type == "sftp":
        return "the connection is of type 'sftp'"
    for name in ("rsync", "ssh"):
        if not shutil.which(name):
            return f"{name} is not installed here"
    return ssh.why_no_system_client(connection, jump)


class _Watch:
    """Tells about a transfer now and then, and ends it when that is wanted."""

    def __init__(self, where: str, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self.where = where
        self._progress, self._cancelled = progress, cancelled
        self._begun_s = self._told_s = time.monotonic()
        self.n_bytes = 0

    @property
    def done(self) -> str:
        """What has come so far."""
        seconds = max(time.monotonic() - self._begun_s, 1e-3)
        megabytes = self.n_bytes / 1e6
        return f"{megabytes:.1f} MB in {seconds:.1f} s ({megabytes / seconds:.1f} MB/s)"

    def look(self, n_bytes: int) -> None:
        """Note how many bytes came so far. Raises TransientError when the transfer is to end."""
        self.n_bytes = n_bytes
        if self._cancelled():
            raise TransientError(f"{self.where}: the transfer was stopped; what has come is kept")
        if time.monotonic() - self._told_s >= TELL_EVERY_S:
            self._told_s = time.monotonic()
            self._progress(f"{self.where}: {self.done}")


@dataclass(frozen=True, slots=True)
class _Job:
    """One transfer, by either program."""

    connection: Connection
    jump: Connection | None
    folder: str
    names: tuple[str, ...]
    target: Path
    timeout_s: int
    bandwidth_kib_s: int | None
    watch: _Watch

    def by_rsync(self) -> TransferResult | None:
        """None when there is no rsync on the other side."""
        for name in self.names:
            self._take_up(name)
        before = {name: self._identity(name) for name in self.names}
        with _private_folder() as private, tempfile.TemporaryFile() as said:
            ssh.write_system_config(private, self.connection, self.jump)
            code = self._run(private, said)
            said.seek(0)
            text = said.read(2**20).decode(errors="replace")
        ending = judge(
            code,
            text,
            self.watch.where,
            answers=lambda: rsync_there(self.connection, self.jump, self.folder) is not None,
        )
        if ending.decision is Decision.NO_RSYNC:
            return None
        now = {name: self._identity(name) for name in self.names}
        received = [name for name in self.names if now[name] and (code == 0 or now[name] != before[name])]
        return self._result(received, f"{ending.meaning}: {told(text)}" if code else "", "rsync")

    def by_sftp(self) -> TransferResult:
        received, problems = [], []
        with open_sftp(self.connection, self.folder, self.jump) as inbox:
            listed = {entry.name: entry for entry in inbox.listing("*", depth=0).entries}
            for name in self.names:
                entry = listed.get(name)
                try:
                    came = entry is not None and inbox.fetch(
                        entry,
                        self.target / name,
                        timeout_s=self.timeout_s,
                        bandwidth_kib_s=self.bandwidth_kib_s,
                        arrived=lambda size: self.watch.look(self.watch.n_bytes + size),
                    )
                except SourceError as error:
                    came = False
                    problems.append(str(error))
                if came:
                    received.append(name)
        return self._result(received, "; ".join(problems)[:ERRORS_TOLD], "sftp")

    def _result(self, received: Sequence[str], message: str, by: Literal["rsync", "sftp"]) -> TransferResult:
        missing = [name for name in self.names if name not in set(received)]
        if missing and not message:
            message = f"no regular file, or changed meanwhile: {', '.join(missing)}"[:ERRORS_TOLD]
        decision = Decision.PARTIAL if missing else Decision.DONE
        return TransferResult(tuple(received), decision, message, by)

    def _run(self, private: Path, said: IO[bytes]) -> int:
        """Run rsync, return its exit code. rsync itself does not notice a station that stops in mid-file."""
        compress = not all(name.endswith("gz") for name in self.names)
        there = ssh.path_there(self.connection, self.folder)
        command = Transfer(there, self.target, self.timeout_s, self.bandwidth_kib_s, compress).arguments()
        with tempfile.TemporaryFile() as names:
            names.write(b"".join(b"./" + os.fsencode(name) + b"\0" for name in self.names))
            names.seek(0)
            with program(
                command,
                stdin=names,
                stdout=subprocess.PIPE,
                stderr=said,
                folder=private,
                environment={"LC_ALL": "C", "HOME": str(private)},  # a ~/.popt could change options
            ) as process:
                assert process.stdout is not None  # noqa: S101 - for mypy
                with process.stdout as out:
                    self._follow(out)
                return process.wait()

    def _follow(self, out: IO[bytes]) -> None:
        """Read what rsync says of its progress until it ends."""
        readable = select.poll()
        readable.register(out, select.POLLIN)
        heard_s, patience_s = time.monotonic(), LOGIN_S + self.timeout_s
        rest = b""
        while True:
            if readable.poll(LOOK_EVERY_MS):
                data = os.read(out.fileno(), 2**16)
                if not data:
                    return
                heard_s, patience_s = time.monotonic(), float(self.timeout_s)
                *lines, rest = re.split(rb"[\r\n]", rest + data)
                totals = [int(found[1]) for line in lines if (found := _TOTAL.match(line))]
                self.watch.look(max(totals, default=self.watch.n_bytes))
            elif time.monotonic() - heard_s > patience_s:
                raise SourceUnavailable(
                    f"{self.watch.where}: nothing came for {patience_s:.0f} s; what has come before is kept"
                )
            else:
                self.watch.look(self.watch.n_bytes)

    def _take_up(self, name: str) -> None:
        """Go on with what a killed rsync left, which had no time to put it where the next one looks."""
        partial = self.target / PARTIAL_FOLDER / name
        for left in self.target.glob(f".{escape(name)}.??????"):
            partial.parent.mkdir(exist_ok=True)
            if not partial.exists() or partial.stat().st_size < left.stat().st_size:
                left.replace(partial)
            else:
                left.unlink()

    def _identity(self, name: str) -> tuple[int, int, int] | None:
        path = self.target / name
        if not path.is_file():
            return None
        status = path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder for keys, closed to others and gone afterwards; what a killed run left is removed by the next one."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob(f"{PRIVATE_PREFIX}*"):
        with suppress(OSError), _locked(folder):  # held: its run is at work
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(folder)
    folder = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
