"""Names of a station's files: `mi0S`, year, day of year and time (UTC) of the start, kind.

`mi0125069000517.dat` is station 1, 2025-03-10 00:05:17; `minI` is the old prefix of station 1. The *basename* is the
name without its kind, in lower case: the key of a file everywhere.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from skyledger.errors import FormatError

_NAME = re.compile(r"(?P<prefix>mi0[0-9]|mini)(?P<time>[0-9]{11})(?:\.(?P<kind>.+))?", re.IGNORECASE)
_FIRST_YEAR = 2000


class FileName(NamedTuple):
    """What a name says. `kind` is empty for a basename alone."""

    basename: str
    station_number: int
    start: datetime
    kind: str


KINDS = ("dat", "dat.tar.gz", "hld", "hld.tar.gz", "hld-tar-gz", "tar.gz")


def parse_name(name: str) -> FileName:
    """Read the name of a file (no folder), or a basename. Raises FormatError saying what is wrong with it."""
    found = _NAME.fullmatch(name)
    if not found:
        raise FormatError(
            f"{name!r} is no file of a station: expected mi0SYYDDDhhmmss.dat, S the station's number"
        )
    kind = found["kind"] or ""
    if kind and kind not in KINDS:
        raise FormatError(f"{name!r} is of unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    prefix, digits = found["prefix"].lower(), found["time"]
    number = 1 if prefix == "mini" else int(prefix[-1])
    return FileName(prefix + digits, number, _start(name, digits), kind)


def _start(name: str, digits: str) -> datetime:
    year, day = _FIRST_YEAR + int(digits[:2]), int(digits[2:5])
    hour, minute, second = (int(digits[i : i + 2]) for i in (5, 7, 9))
    if hour > 23 or minute > 59 or second > 59:
        raise FormatError(f"{name!r}: {digits[5:]} is no time of day (hhmmss)")
    start = datetime(year, 1, 1, hour, minute, second, tzinfo=UTC) + timedelta(days=day - 1)
    if start.year != year:
        raise FormatError(f"{name!r}: {year} has no day {day}")
    return start


def file_name(station_number: int, start: datetime, kind: str = "dat") -> str:
    """Name of the file that a station begins at `start` (any zone); fractions of a second are cut off."""
    return f"mi0{station_number}{start.astimezone(UTC):%y%j%H%M%S}.{kind}"


def twin(basename: str) -> str:
    """The name one second beside, under which the unpacker makes a second copy of the same events."""
    second = int(basename[-2:])
    return f"{basename[:-2]}{second + (1 if second < 30 else -1):02}"
