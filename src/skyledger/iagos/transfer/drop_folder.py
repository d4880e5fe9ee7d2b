"""The provider's side of a drop folder, over SFTP: what lies in it, bringing a file, and moving it out of the way.

`<root>/<instrument type>/incoming/` is where files arrive; beside it are `processed/YYYY/MM/` and `rejected/`. Nothing
is ever deleted or overwritten there. Who uploads writes under a temporary name and renames the file when it is whole;
last comes its side file `<name>.sha256`: hex digits, two blanks, the name.
"""

import asyncio
import re
from collections.abc import Awaitable
from itertools import count
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar, cast

import asyncssh

from skyledger.errors import SkyledgerError, SourceError, SourceUnavailable
from skyledger.iagos.transfer.files import raw_store_errors
from skyledger.inbox import SftpInbox
from skyledger.ssh import VanishedError, translated

SIDE = ".sha256"
SILENCE_S = 60.0  # without bytes, after which a session is dead
PIECE_BYTES = 64 * 1024  # brought in one go, and compared at both ends of what is here before going on
LONGEST_SIDE_BYTES = 1024

_SUM = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?P<name>[^\r\n]+)\s*")
T = TypeVar("T")


class Found(NamedTuple):
    """A file, as it lay there."""

    name: str
    bytes: int
    modified_s: int  # Unix time by the clock there
    sha256: str | None  # as its side file says


class ChangedMeanwhile(SourceUnavailable):
    """The file is not what it was when listed: its provider is at work."""


class DropFolder:
    """The folder of one instrument type. `inbox` is its folder `incoming`.

    All methods raise SourceUnavailable when nobody answers, SourceError when we may not do something.
    """

    def __init__(self, inbox: SftpInbox) -> None:
        self.client = inbox.client
        self.incoming = PurePosixPath(inbox.folder)
        self._run = inbox.run
        self._inbox = SftpInbox(inbox.client, inbox.folder, self._in_time)

    def listing(self) -> tuple[list[Found], list[str]]:
        """Files that are not being uploaded, with the sums of their side files; and what is wrong, for people."""
        with translated(str(self.incoming)):
            listed = self._inbox.listing("*", depth=0)
        names = {entry.name for entry in listed.entries}
        found, notes = [], list(listed.refused)
        for entry in listed.entries:
            if entry.name.endswith(SIDE) and entry.name.removesuffix(SIDE) in names:
                continue
            text = self._side_file(entry.name) if entry.name + SIDE in names else None
            sha256 = _sum(text, entry.name)
            if text and not sha256:
                notes.append(
                    f"{entry.name}{SIDE} is {text[:100]!r}; expected 64 hex digits, two blanks, the name"
                )
            found.append(Found(entry.name, entry.size, entry.modified_us // 1_000_000, sha256))
        return found, notes

    def pull(self, found: Found, part: Path) -> int:
        """Copy a file to `part`, going on where an earlier copy was cut off; return how many bytes came.

        Raises ChangedMeanwhile when it is not what was listed, VanishedError when it is not there.
        """
        path = str(self.incoming / found.name)
        file = self._wait(path, self.client.open(path, "rb"))
        with raw_store_errors(part.name):
            part.parent.mkdir(parents=True, exist_ok=True)
            begin = at = self._held(file, path, found, part)
            with part.open("ab" if begin else "wb") as out:
                while at < found.bytes:
                    piece = cast(bytes, self._wait(path, file.read(min(PIECE_BYTES, found.bytes - at), at)))
                    if not piece:
                        break
                    out.write(piece)
                    at += len(piece)
        status = self._wait(path, file.stat())
        self._wait(path, file.close())  # after an error the end of the connection does that
        if not at == found.bytes or not _is(found, status):
            raise ChangedMeanwhile(f"{path}: changed since it was listed; it is looked at again")
        return at - begin

    def _held(self, file: asyncssh.SFTPClientFile, path: str, found: Found, part: Path) -> int:
        """How much of a file is here: only a part whose ends are the same there counts."""
        held = part.stat().st_size if part.is_file() else 0
        if not 0 < held < found.bytes:
            return 0
        with part.open("rb") as mine:
            for offset in (0, max(0, held - PIECE_BYTES)):
                mine.seek(offset)
                ours = mine.read(PIECE_BYTES)
                if cast(bytes, self._wait(path, file.read(len(ours), offset))) != ours:
                    return 0
        return held

    def move(self, found: Found, folder: str) -> bool:
        """Move a file that is done with, and its side file, to a free name in `folder`. True also if it is gone.

        False when another file is in its place by now: that stays. Raises SourceError when we may not move it.
        """
        here, there = self.incoming / found.name, self.incoming.parent / folder
        try:
            self._wait(str(there), self.client.makedirs(str(there), exist_ok=True))
            return self._move(found, here, there)
        except VanishedError:
            return True
        except SourceError as error:
            raise SourceError(
                f"{here}: we may not move it to {there}; give our user the right to write in all three folders"
            ) from error

    def _move(self, found: Found, here: PurePosixPath, there: PurePosixPath) -> bool:
        side = self._side_file(found.name)
        with_side = (
            side is not None and _sum(side, found.name) == found.sha256
        )  # else it is of a file to come
        target = next(
            target
            for n in count(1)
            if not self._exists(target := there / (found.name if n == 1 else f"{found.name}.{n}"))
            and not (with_side and self._exists(_side(target)))
        )
        if with_side:  # first: without it the file is done with none the less when we are stopped in between
            self._rename(_side(here), _side(target))
        self._rename(here, target)
        if _is(found, self._wait(str(target), self.client.lstat(str(target)))):
            return True
        self._rename(target, here)
        return False

    def answers(self) -> bool:
        """Whether the session lives."""
        try:
            self._wait(str(self.incoming), self.client.stat(str(self.incoming)))
        except SkyledgerError:
            return False
        return True

    def _side_file(self, name: str) -> str | None:
        """Text of a side file; None when there is none."""
        path = str(self.incoming / f"{name}{SIDE}")

        async def read() -> bytes:
            async with self.client.open(path, "rb") as file:
                return cast(bytes, await file.read(LONGEST_SIDE_BYTES))

        try:
            return self._wait(path, read()).decode(errors="replace")
        except VanishedError:
            return None

    def _exists(self, path: PurePosixPath) -> bool:
        return bool(self._wait(str(path), self.client.exists(str(path))))

    def _rename(self, old: PurePosixPath, new: PurePosixPath) -> None:
        self._wait(str(old), self.client.rename(str(old), str(new)))  # never overwrites

    def _wait(self, path: str, work: Awaitable[T]) -> T:
        with translated(path):
            return self._in_time(work)

    def _in_time(self, work: Awaitable[T]) -> T:
        async def in_time() -> T:
            async with asyncio.timeout(SILENCE_S):
                return await work

        result: T = self._run(in_time())
        return result


def _side(path: PurePosixPath) -> PurePosixPath:
    return path.with_name(path.name + SIDE)


def _sum(text: str | None, name: str) -> str | None:
    """The sum that a side file says, in lower case; None where it says none of this file."""
    said = _SUM.fullmatch(text or "")
    return said["sum"].lower() if said and said["name"] == name else None


def _is(found: Found, status: asyncssh.SFTPAttrs) -> bool:
    return (status.size, status.mtime) == (found.bytes, found.modified_s)
