"""What a delivered file is: a .dat, an archive of some, an .hld that has to be unpacked, or of no use."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from skyledger.errors import FormatError
from skyledger.minitrasgo import rawfile
from skyledger.minitrasgo.archives import extract_dat
from skyledger.minitrasgo.names import FileName, parse_name
from skyledger.minitrasgo.stations import MingoStation
from skyledger.minitrasgo.unpacker import unpack

LONGEST_MESSAGE = 2000  # characters
BLOCK_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 16  # read at a time while looking for a valid line
LONGEST_LINE = 1 << 12  # bytes; a raw line has 687


class Content(NamedTuple):
    """A file as it will be kept: unpacked if that could be done. `state` and `message` as in table raw_file."""

    path: Path
    basename: str
    ending: str  # under which it is kept
    bytes: int
    sha256: str
    state: str
    message: str | None
    first: datetime | None = None  # valid line
    last: datetime | None = None


def contents_of(station: MingoStation, arrived: Path, scratch: Path) -> list[Content]:
    """What a delivered file holds: itself, or the files that were packed in it."""
    name = parse_name(arrived.name)

    def whole(state: str, message: str) -> list[Content]:
        size, sha256 = arrived.stat().st_size, sha256_of(arrived)
        return [Content(arrived, name.basename, name.kind, size, sha256, state, message)]

    if name.station_number != station.number:
        return whole("foreign", _foreign(name, station))
    if arrived.stat().st_size == 0:
        return whole("empty", "it has no bytes; it is taken again when it is delivered with some")
    if name.kind == "dat":
        return [_look(arrived, name.basename)]
    try:
        if "hld" not in name.kind:
            files = extract_dat(arrived, scratch)
        elif station.unpacker:
            files = unpack(station.unpacker, arrived, scratch)
        else:
            return whole("packed", "the station has no unpacker configured; it is unpacked once there is one")
        names = [name.basename] if len(files) == 1 else [parse_name(file.name).basename for file in files]
    except FormatError as error:
        return whole("corrupt", str(error)[:LONGEST_MESSAGE])
    contents = [_look(file, basename) for file, basename in zip(files, names, strict=True)]
    others = {one.basename for one in contents if parse_name(one.basename).station_number != station.number}
    return [
        one._replace(state="foreign", message=_foreign(parse_name(one.basename), station))
        if one.basename in others
        else one
        for one in contents
    ]


def _foreign(name: FileName, station: MingoStation) -> str:
    return f"file of station {name.station_number}; this is station {station.number}"


def _look(path: Path, basename: str) -> Content:
    """A .dat: its digest, and the times of its first and its last valid line."""
    size, sha256 = path.stat().st_size, sha256_of(path)
    if size == 0:
        return Content(path, basename, "dat", 0, sha256, "empty", "the packed file has no bytes")
    rejected: Counter[str] = Counter()
    first_s = last_s = None
    with path.open("rb") as file:
        while first_s is None and (sample := _lines(file, file.tell())):
            raw = rawfile.parse(sample, basename)
            first_s = raw.first_s
            rejected.update(raw.rejected)
        start = size
        while first_s is not None and last_s is None:
            start = max(0, start - SAMPLE_BYTES)
            last_s = rawfile.parse(_lines(file, start), basename).last_s
    if first_s is None or last_s is None:
        found = ", ".join(f"{n} {reason}" for reason, n in rejected.most_common())
        message = f"no valid line in {size} bytes ({found or 'nothing but comments'})"
        return Content(path, basename, "dat", size, sha256, "corrupt", message)
    first, last = (datetime.fromtimestamp(time_s, UTC) for time_s in (first_s, last_s))
    return Content(path, basename, "dat", size, sha256, "arrived", None, first, last)


def _lines(file: BinaryIO, start: int) -> bytes:
    """Some whole lines from `start` on, or from the next line if that is in the middle of one."""
    file.seek(max(0, start - 1))
    if start:
        file.readline(LONGEST_LINE)
    return file.read(SAMPLE_BYTES) + file.readline(LONGEST_LINE)


def sha256_of(path: Path, size: int | None = None) -> str:
    """SHA-256 of a file, or of its first `size` bytes."""
    digest = hashlib.sha256()
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
