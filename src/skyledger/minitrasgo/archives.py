"""Archives of raw files: `.dat.tar.gz` as a station packs them at night, `.hld.tar.gz` of the archive.

What is inside was written by other machines. Only regular files of the wanted ending come out, flat, under their last
name (the archive's files have three folders above them). Anything that could reach beyond the target folder, or fill
the disk, makes the whole archive unusable: nobody packs such things by mistake.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from skyledger.errors import FormatError

LARGEST_BYTES = 2 * 2**30  # unpacked, all members together: a day of a station has less than 1 GiB
MOST_MEMBERS = 1000
LONGEST_READ = 2**20  # a header that claims to be longer is a bomb: tarfile would read it at once


def extract_dat(path: Path, folder: Path) -> list[Path]:
    """Unpack the .dat files of an archive into `folder`, which is made; returns them in the archive's order.

    Raises FormatError with the reason, and leaves no file behind, when the archive is damaged, holds none, or holds
    what it must not. OSError when the disk is full.
    """
    return _extract(path, folder, ".dat")


def extract_hld(path: Path, folder: Path) -> list[Path]:
    """Unpack the .hld files of an archive; as `extract_dat`."""
    return _extract(path, folder, ".hld")


class _Gzip(gzip.GzipFile):
    """Never asked for more than LONGEST_READ at once; remembers what it gave last."""

    last = b""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = super().read(size)
        return self.last


def _extract(path: Path, folder: Path, ending: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    extracted: list[Path] = []
    try:
        with _Gzip(path) as unzipped:
            with _readable(path), tarfile.open(fileobj=unzipped, mode="r:") as archive:
                for member in _members(path, archive):
                    name = PurePosixPath(member.name).name
                    if member.isreg() and name.endswith(ending) and not name.startswith("."):
                        target = folder / name
                        if target in extracted:
                            raise FormatError(f"{path.name}: holds {name} twice")
                        extracted.append(target)
                        _copy(path, archive, member, target)
            _check_rest(path, unzipped)
        if not extracted:
            raise FormatError(f"{path.name}: holds no {ending} file")
    except BaseException:
        for target in extracted:
            target.unlink(missing_ok=True)
        raise
    return extracted


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    total_bytes = 0
    for number, member in enumerate(archive, 1):
        total_bytes += member.size
        parts = PurePosixPath(member.name.replace("\\", "/")).parts
        problem = None
        if not member.name.isprintable() or ".." in parts or parts[:1] == ("/",):
            problem = "would leave the folder, or has a name that cannot be shown"
        elif not member.isreg() and not member.isdir():
            problem = "is a link or a device"
        elif total_bytes > LARGEST_BYTES or number > MOST_MEMBERS:
            problem = f"makes it larger than {LARGEST_BYTES} bytes or {MOST_MEMBERS} members"
        if problem:
            raise FormatError(f"{path.name}: member {member.name[:200]!r} {problem}; nothing was unpacked")
        yield member


def _copy(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None  # noqa: S101 - for mypy: only links have none
    with source, target.open("xb") as out:
        shutil.copyfileobj(source, out, LONGEST_READ)


def _check_rest(path: Path, unzipped: _Gzip) -> None:
    """Read to the end: there is the checksum, and tarfile takes a damaged header for the end."""
    with _readable(path):
        data, n_bytes = unzipped.last, 0
        while data:
            n_bytes += len(data)
            if data.count(0) < len(data) or n_bytes > LARGEST_BYTES:
                raise tarfile.ReadError("something else follows the last member")
            data = unzipped.read(LONGEST_READ)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise FormatError(f"{path.name}: is damaged ({error}); bring the file again") from error
