"""Files that are either the old or the new one, never a half of one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from skyledger.errors import StorageUnavailable


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file in one step: gives a temporary path beside it, which takes its place when the block ends well.

    What is written is on disk (with its name) before the block returns, so a ledger row may follow. Folders are made.
    An error in the block leaves the old file and no temporary one; what a killed writer left behind is removed by the
    next writer of the same file. Of two writers at once the earlier one raises StorageUnavailable: its file is lost.
    """
    _make_folder(path.parent)
    for left_behind in path.parent.glob(f".{escape(path.name)}.????????.part"):
        left_behind.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        try:
            _sync(temporary)
            temporary.replace(path)
        except FileNotFoundError as error:
            raise StorageUnavailable(
                f"{path}: nothing was written, or another writer of this file came in between"
            ) from error
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; each must be on disk before a ledger row speaks of a file in it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
