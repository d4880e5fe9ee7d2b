"""Where files arrive: a folder of this machine, or of a station over SFTP.

Whoever fills an inbox may be writing at any moment, and nothing tells when a file is complete. So a file is taken
when it has stood still for a while (`Entry.settled`), has no temporary name, and is after reading what it was when
listed. A file taken too early is no harm: it has changed when it is listed again. Nothing is ever written to an inbox.

Names come from other machines and become names of ours. What could leave a folder or spoil a log is refused.
"""

import asyncio
import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, cast

import asyncssh

from skyledger.connections import Connection
from skyledger.errors import ConfigError, FormatError, SourceError, SourceUnavailable

DEPTH = 2  # folders below the inbox: a day folder, and one above it
LONGEST_NAME = 200  # bytes; leaves room for what a raw store adds
LARGEST_FILE_BYTES = 512 * 2**20  # logger files have a few MB: more is a mistake, and would fill the memory
TEMPORARY_ENDINGS = (".part", ".tmp", ".filepart", ".partial", "~")
CONNECT_TIMEOUT_S = 15
LOGIN_TIMEOUT_S = 30
KEEPALIVE_S = 15  # three unanswered ones, and the connection counts as lost
FOLDERS_AT_ONCE = 16
HOST_KEY_ALGORITHMS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)

# Extras of an SFTP connection that we act on, and those of Airflow's own form that make no difference to us
_USED = frozenset(("host_key", "key_file", "private_key", "private_key_passphrase"))
_HARMLESS = frozenset(("compress", "look_for_keys", "conn_timeout", "cmd_timeout", "timeout"))


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
    def listing(self, pattern: str) -> Listing:
        """List the regular files whose name fits `pattern` (* and ?), also those that have not settled.

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

    def listing(self, pattern: str) -> Listing:
        found = _Found(pattern)
        self._list("", found)
        return found.listing()

    def _list(self, folder: str, found: "_Found") -> None:
        with (
            found.tolerant(folder),
            _translated(str(self.folder / folder)),
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
            with _translated(str(self.folder / entry.path)):
                # a link that took the file's place since the listing must not lead us elsewhere
                handle = os.open(self.folder / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(handle, "rb") as file:
                    data = file.read(entry.size)
                    status = os.fstat(handle)
        except _VanishedError:
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
        self._run = run

    def listing(self, pattern: str) -> Listing:
        listing: Listing = self._run(_sftp_listing(self.client, self.folder, pattern))
        return listing

    def read(self, entry: Entry) -> bytes | None:
        _check_size(entry)
        try:
            data: bytes | None = self._run(self._read(entry))
        except _VanishedError:
            return None
        return data

    async def _read(self, entry: Entry) -> bytes | None:
        path = str(PurePosixPath(self.folder, entry.path))
        with _translated(path):
            async with self.client.open(path, "rb") as file:
                data = await file.read(entry.size)
                status = await file.stat()
        unchanged = (status.size, (status.mtime or 0) * 1_000_000) == (entry.size, entry.modified_us)
        return cast(bytes, data) if unchanged and len(data) == entry.size else None


@contextmanager
def open_inbox(connection: Connection | None, path: str, data_root: Path) -> Iterator[Inbox]:
    """Open an inbox: on the machine of `connection`, else a folder here (a relative one is below the data root).

    Raises ConfigError for a connection that does not pin the host's key, SourceError when the host is not the one
    with that key or does not let us in, SourceUnavailable when it does not answer.
    """
    if connection is None:
        yield LocalInbox(data_root / path)
        return
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client = runner.run(stack.enter_async_context(_sftp_client(connection)))
        try:
            yield SftpInbox(client, path, runner.run)
        finally:
            runner.run(stack.aclose())


async def list_inbox(connection: Connection | None, path: str, data_root: Path, pattern: str) -> Listing:
    """Open an inbox, list it, close it, without holding up an event loop. Arguments and errors as in `open_inbox`."""
    if connection is None:
        return await asyncio.to_thread(LocalInbox(data_root / path).listing, pattern)
    async with _sftp_client(connection) as client:
        return await _sftp_listing(client, path, pattern)


@asynccontextmanager
async def _sftp_client(connection: Connection) -> AsyncIterator[asyncssh.SFTPClient]:
    """Connect with exactly what the connection says: its key or password, its host key, no file of the user's."""
    options = _ssh_options(connection)
    async with AsyncExitStack() as stack:
        with _translated(f"{connection.conn_id} ({connection.host})"):
            ssh = await stack.enter_async_context(asyncssh.connect(**options))
            # a name that is no UTF-8 must not hide the others; it is refused later
            client = await stack.enter_async_context(ssh.start_sftp_client(path_errors="surrogateescape"))
        yield client


def _ssh_options(connection: Connection) -> dict[str, Any]:
    extra = {k: v for k, v in connection.extra.items() if v not in (None, "", False, "false", "False")}
    where = f"connection {connection.conn_id!r}"
    if unknown := sorted(extra.keys() - _USED - _HARMLESS):
        raise ConfigError(
            f"{where}: extra {', '.join(unknown)} is not supported; expected {', '.join(sorted(_USED))}"
            " (host keys are always checked)"
        )
    if not connection.host or not connection.login:
        raise ConfigError(f"{where}: expected a host and a login")
    if len(str(extra.get("host_key", "")).split()) < 2:
        raise ConfigError(
            f"{where}: its extra lacks host_key; expected the line that `ssh-keyscan HOST` prints, without the host,"
            " such as 'ssh-ed25519 AAAA...', after comparing it with the station's own"
        )
    if "key_file" in extra and "private_key" in extra:
        raise ConfigError(f"{where}: extra has both key_file and private_key; expected one of them")
    passphrase = extra.get("private_key_passphrase")
    keys = None
    try:
        host_key = asyncssh.import_public_key(" ".join(str(extra["host_key"]).split()[:2]))
        if "key_file" in extra:
            keys = [asyncssh.read_private_key(Path(extra["key_file"]).expanduser(), passphrase)]
        elif "private_key" in extra:
            keys = [asyncssh.import_private_key(str(extra["private_key"]), passphrase)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        raise ConfigError(f"{where}: unusable key in its extra: {error}") from error
    return {
        "host": connection.host,
        "port": connection.port or 22,
        "username": connection.login,
        "password": connection.password,
        "known_hosts": ([host_key], [], []),
        # this kind of key first, then any other: so a stranger is told from a machine that hangs up
        "server_host_key_algs": sorted(
            HOST_KEY_ALGORITHMS, key=lambda name: name.encode() not in host_key.sig_algorithms
        ),
        "client_keys": keys,
        "agent_path": None,
        "config": None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "login_timeout": LOGIN_TIMEOUT_S,
        "keepalive_interval": KEEPALIVE_S,
    }


async def _sftp_listing(client: asyncssh.SFTPClient, root: str, pattern: str) -> Listing:
    found = _Found(pattern)
    kinds = {asyncssh.FILEXFER_TYPE_REGULAR: stat.S_IFREG, asyncssh.FILEXFER_TYPE_DIRECTORY: stat.S_IFDIR}
    at_once = asyncio.Semaphore(FOLDERS_AT_ONCE)

    async def list_folder(folder: str) -> None:
        path = str(PurePosixPath(root, folder))
        items: Sequence[asyncssh.SFTPName] = ()
        async with at_once:
            with found.tolerant(folder), _translated(path):
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
            return folder.count("/") + bool(folder) < DEPTH
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
            if not isinstance(error, _VanishedError):
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


class _VanishedError(SourceError):
    """There is nothing of this name."""


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn errors of the file system and of SSH into ours."""
    try:
        yield
    except (FileNotFoundError, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise _VanishedError(f"{what}: does not exist; check the inbox's path, or make the folder") from error
    except (PermissionError, asyncssh.SFTPPermissionDenied) as error:
        raise SourceError(f"{what}: we may not read it; give our user the right") from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise SourceError(
            f"{what}: the machine that answers has another host key than the connection says. If the station was"
            " set up anew, compare the new key with the station's own and put it into the extra host_key"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise SourceError(
            f"{what}: login refused; check login and key, and authorized_keys at the station"
        ) from error
    except (asyncssh.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise _VanishedError(f"{what}: is a symbolic link now") from error
        raise SourceUnavailable(f"{what}: {error or type(error).__name__}") from error
