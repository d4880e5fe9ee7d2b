"""Where files arrive: a folder of this machine, or of a station over SFTP.

Whoever fills an inbox may be writing at any moment, and nothing tells when a file is complete. So a file is taken
when it has stood still for a while (`Entry.settled`), has no temporary name, and is after reading what it was when
listed. A file taken too early is no harm: it has changed when it is listed again. Nothing is ever written to an inbox.

Names come from other machines and become names of ours. What could leave a folder or spoil a log is refused.
"""

import asyncio
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any, cast

import asyncssh

from skyledger.connections import Connection
from skyledger.errors import FormatError, SourceError, StorageError
from skyledger.ssh import VanishedError, path_there, sftp_client, translated

DEPTH = 2  # folders below the inbox: a day folder, and one above it
LONGEST_NAME = 200  # bytes; leaves room for what a raw store adds
LARGEST_FILE_BYTES = 512 * 2**20  # logger files have a few MB: more is a mistake, and would fill the memory
TEMPORARY_ENDINGS = (".part", ".tmp", ".filepart", ".partial", "~")
PARTIAL_FOLDER = ".rsync-partial"  # beside the files that are fetched
PIECE_BYTES = 4 * 2**20
FOLDERS_AT_ONCE = 16
CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an inbox, as listed. Times are Unix time by the clock of whoever holds the inbox."""

    folder: str  # below the inbox, with /; empty for the inbox itself
    name: str
    size: int  # bytes
    modified_us: int

    @property
    def path(self) -> str:
        """Below the inbox."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    def settled(self, now_us: int, settle_s: float) -> bool:
        """Whether it has stood still for `settle_s`.

        A time in the future shows a wrong clock there. Its age will never tell anything, so such a file counts as
        settled: waiting would mean never to take it.
        """
        return abs(now_us - self.modified_us) >= settle_s * 1e6


@dataclass(frozen=True, slots=True)
class Listing:
    """What an inbox holds of a pattern, in the order in which it came; `refused` says which files not and why."""

    entries: tuple[Entry, ...]
    refused: tuple[str, ...]


class Inbox(ABC):
    """A folder in which somebody else puts files."""

    @abstractmethod
    def listing(self, pattern: str, depth: int = DEPTH) -> Listing:
        """List the regular files whose name fits `pattern` (* and ?), also those that have not settled.

        depth: how many folders below the inbox are entered; 0: none

        Raises SourceError when the folder is missing or closed to us, SourceUnavailable when nobody answers.
        """

    @abstractmethod
    def read(self, entry: Entry) -> bytes | None:
        """Return a file's bytes, or None when it changed or vanished since it was listed.

        Raises FormatError when it is larger than LARGEST_FILE_BYTES, SourceError when it may not be read,
        SourceUnavailable when the connection broke off.
        """


class LocalInbox(Inbox):
    """A folder that this machine sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def listing(self, pattern: str, depth: int = DEPTH) -> Listing:
        found = _Found(pattern, depth)
        self._list("", found)
        return found.listing()

    def _list(self, folder: str, found: "_Found") -> None:
        with (
            found.tolerant(folder),
            translated(str(self.folder / folder)),
            os.scandir(self.folder / folder) as items,
        ):
            for item in items:
                try:
                    status = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                kind = stat.S_IFMT(status.st_mode)
                if found.add(folder, item.name, kind, status.st_size, status.st_mtime_ns // 1000):
                    self._list(_below(folder, item.name), found)

    def read(self, entry: Entry) -> bytes | None:
        _check_size(entry)
        try:
            with translated(str(self.folder / entry.path)):
                # a link that took the file's place since the listing must not lead us elsewhere
                handle = os.open(self.folder / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(handle, "rb") as file:
                    data = file.read(entry.size)
                    status = os.fstat(handle)
        except VanishedError:
            return None
        unchanged = (status.st_size, status.st_mtime_ns // 1000) == (entry.size, entry.modified_us)
        return data if unchanged and len(data) == entry.size else None


class SftpInbox(Inbox):
    """A folder of another machine. `run` runs a coroutine to its end in the loop that `client` belongs to."""

    def __init__(
        self, client: asyncssh.SFTPClient, folder: str, run: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        self.client = client
        self.folder = folder
        self.run = run

    def listing(self, pattern: str, depth: int = DEPTH) -> Listing:
        listing: Listing = self.run(_sftp_listing(self.client, self.folder, pattern, depth))
        return listing

    def read(self, entry: Entry) -> bytes | None:
        _check_size(entry)
        try:
            data: bytes | None = self.run(self._read(entry))
        except VanishedError:
            return None
        return data

    async def _read(self, entry: Entry) -> bytes | None:
        path = str(PurePosixPath(self.folder, entry.path))
        with translated(path):
            async with self.client.open(path, "rb") as file:
                data = await file.read(entry.size)
                status = await file.stat()
        unchanged = (status.size, (status.mtime or 0) * 1_000_000) == (entry.size, entry.modified_us)
        return cast(bytes, data) if unchanged and len(data) == entry.size else None

    def fetch(
        self,
        entry: Entry,
        path: Path,
        *,
        timeout_s: float,
        bandwidth_kib_s: int | None = None,
        arrived: Callable[[int], None] = lambda size: None,
    ) -> bool:
        """Copy a file of any size to `path`, with its time. False when it changed or vanished since it was listed.

        What has come of it when the connection breaks is kept beside `path` in `.rsync-partial`, under a name that
        says which file it is, and the next call goes on from there. A complete copy is left as it is.

        timeout_s: silence after which the station counts as unavailable
        arrived: is told after each piece how many bytes it had; what it raises ends the copy

        Raises SourceError, SourceUnavailable, StorageError when the disk here is full.
        """
        with _disk(path):
            if _is_copy(path, entry):
                return True
            partial = _partial(path, entry)
        piece = min(PIECE_BYTES, bandwidth_kib_s * 1024) if bandwidth_kib_s else PIECE_BYTES

        async def copy() -> bool:
            begun, at_start = time.monotonic(), partial.stat().st_size
            there = str(PurePosixPath(self.folder, entry.path))
            with _disk(path), partial.open("ab") as out, translated(there):
                done = at_start
                async with asyncio.timeout(timeout_s):
                    file = await self.client.open(there, "rb")
                while done < entry.size:
                    async with asyncio.timeout(timeout_s):
                        data = cast(bytes, await file.read(min(piece, entry.size - done), done))
                    if not data:
                        break
                    with _disk(path):
                        out.write(data)
                        out.flush()
                    done += len(data)
                    arrived(len(data))
                    if bandwidth_kib_s:
                        due_s = (done - at_start) / (bandwidth_kib_s * 1024)
                        await asyncio.sleep(max(0.0, begun + due_s - time.monotonic()))
                async with asyncio.timeout(timeout_s):
                    status = await file.stat()
                    await file.close()  # after an error the end of the connection does that
            return (status.size, (status.mtime or 0) * 1_000_000) == (entry.size, entry.modified_us)

        try:
            same: bool = self.run(copy())
        except VanishedError:
            same = False
        with _disk(path):
            if same:
                os.utime(partial, ns=(entry.modified_us * 1000, entry.modified_us * 1000))
                partial.replace(path)
            else:
                partial.unlink()
            with suppress(OSError):  # not empty
                partial.parent.rmdir()
        return same


@contextmanager
def open_inbox(
    connection: Connection | None, path: str, data_root: Path, *, jump: Connection | None = None
) -> Iterator[Inbox]:
    """Open an inbox: on the machine of `connection`, else a folder here (a relative one is below the data root).

    jump: the gateway that `connection` names. Errors as in `skyledger.ssh.ssh_client`.
    """
    if connection is None:
        yield LocalInbox(data_root / path)
        return
    with open_sftp(connection, path, jump) as inbox:
        yield inbox


@contextmanager
def open_sftp(connection: Connection, path: str, jump: Connection | None = None) -> Iterator["SftpInbox"]:
    """Open an inbox on another machine, as in `open_inbox`."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(_told_already)
        stack = AsyncExitStack()
        client = runner.run(stack.enter_async_context(sftp_client(connection, jump)))
        try:
            yield SftpInbox(client, path_there(connection, path), runner.run)
        finally:
            with suppress(TimeoutError):  # a station that has fallen silent does not say goodbye
                runner.run(asyncio.wait_for(stack.aclose(), CLOSE_TIMEOUT_S))


def _told_already(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Of many requests that are under way when a connection breaks, the error of one is raised."""
    if not isinstance(context.get("exception"), asyncssh.Error):
        loop.default_exception_handler(context)


async def list_inbox(
    connection: Connection | None,
    path: str,
    data_root: Path,
    pattern: str,
    *,
    jump: Connection | None = None,
    depth: int = DEPTH,
) -> Listing:
    """Open an inbox, list it, close it, without holding up an event loop. Arguments and errors as in `open_inbox`."""
    if connection is None:
        return await asyncio.to_thread(LocalInbox(data_root / path).listing, pattern, depth)
    async with sftp_client(connection, jump) as client:
        return await _sftp_listing(client, path_there(connection, path), pattern, depth)


async def _sftp_listing(client: asyncssh.SFTPClient, root: str, pattern: str, depth: int) -> Listing:
    found = _Found(pattern, depth)
    kinds = {asyncssh.FILEXFER_TYPE_REGULAR: stat.S_IFREG, asyncssh.FILEXFER_TYPE_DIRECTORY: stat.S_IFDIR}
    at_once = asyncio.Semaphore(FOLDERS_AT_ONCE)

    async def list_folder(folder: str) -> None:
        path = str(PurePosixPath(root, folder))
        items: Sequence[asyncssh.SFTPName] = ()
        async with at_once:
            with found.tolerant(folder), translated(path):
                items = await client.readdir(path)
        below = []
        for item in items:
            size, modified_s = item.attrs.size or 0, item.attrs.mtime or 0
            kind = kinds.get(item.attrs.type, stat.S_IFLNK)
            if found.add(folder, str(item.filename), kind, size, modified_s * 1_000_000):
                below.append(_below(folder, str(item.filename)))
        await asyncio.gather(*map(list_folder, below))

    await list_folder("")
    return found.listing()


@dataclass
class _Found:
    """Collects a listing: which names are ours, which are refused, which folders are entered."""

    pattern: str
    depth: int
    entries: list[Entry] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, folder: str, name: str, kind: int, size: int, modified_us: int) -> bool:
        """Note one item of a folder. True when it is a folder to be listed as well."""
        if name.startswith(".") or name.endswith(TEMPORARY_ENDINGS):
            return False
        is_folder = kind == stat.S_IFDIR
        if not is_folder and not fnmatchcase(name, self.pattern):
            return False
        if problem := _problem(name, kind):
            self.refused.append(f"{_below(folder, name)[:LONGEST_NAME]!r}: {problem}")
            return False
        if is_folder:
            return folder.count("/") + bool(folder) < self.depth
        self.entries.append(Entry(folder, name, size, modified_us))
        return False

    @contextmanager
    def tolerant(self, folder: str) -> Iterator[None]:
        """Let a folder below the inbox be missing by now, or closed to us: the others are listed all the same."""
        try:
            yield
        except SourceError as error:
            if not folder:
                raise
            if not isinstance(error, VanishedError):
                self.refused.append(str(error))

    def listing(self) -> Listing:
        in_order = sorted(self.entries, key=lambda e: (e.modified_us, e.folder, e.name))
        return Listing(tuple(in_order), tuple(sorted(self.refused)))


def _problem(name: str, kind: int) -> str | None:
    if not name.isprintable() or "/" in name or "\\" in name or name != name.strip():
        return "its name holds separators, outer blanks or characters that cannot be shown"
    if len(name.encode()) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} bytes"
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        return "not a regular file"
    return None


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _check_size(entry: Entry) -> None:
    if entry.size > LARGEST_FILE_BYTES:
        raise FormatError(f"{entry.path}: {entry.size} bytes; expected at most {LARGEST_FILE_BYTES}")


def _is_copy(path: Path, entry: Entry) -> bool:
    if not path.exists():
        return False
    status = path.stat()
    return (status.st_size, status.st_mtime_ns // 1000) == (entry.size, entry.modified_us)


def _partial(path: Path, entry: Entry) -> Path:
    """Where a copy grows. Its name tells the file's versions apart: without checksums nothing else would."""
    folder = path.parent / PARTIAL_FOLDER
    folder.mkdir(exist_ok=True)
    partial = folder / f"{path.name}.{entry.size}.{entry.modified_us}"
    for other in folder.glob(f"{escape(path.name)}.*.*"):
        if other != partial:
            other.unlink()
    partial.touch()
    if partial.stat().st_size > entry.size:
        partial.write_bytes(b"")
    return partial


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error}); make room") from error
