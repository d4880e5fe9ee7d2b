"""What the reader makes of raw files: `skyledger inspect mingo-raw`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from skyledger.minitrasgo import rawfile
from skyledger.minitrasgo.archives import extract_dat
from skyledger.minitrasgo.detector import topology_counts
from skyledger.minitrasgo.rawfile import RawFile

MAX_TOLD = 20  # rejected lines that are shown


def inspect(paths: Sequence[Path]) -> tuple[dict[str, Any], list[str]]:
    """Figures of files taken together, as plain values, and the first rejected lines for people."""
    files: list[dict[str, Any]] = []
    told: list[str] = []
    for raw in _read(paths):
        files.append(_figures(raw))
        room = MAX_TOLD - len(told)
        told += [
            f"{raw.name}: line {bad.line}: {bad.reason}: {bad.text[:60]!r}" for bad in raw.rejects[:room]
        ]
    return _together(files), told


def _read(paths: Sequence[Path]) -> Iterator[RawFile]:
    for path in paths:
        if path.name.endswith(".tar.gz"):
            with TemporaryDirectory() as folder:
                yield from map(rawfile.read, extract_dat(path, Path(folder)))
        else:
            yield rawfile.read(path)


def _figures(raw: RawFile) -> dict[str, Any]:
    return {
        "format": raw.format,
        "lines_read": raw.lines_read,
        "comments": raw.comments,
        "accepted": raw.accepted,
        "rejected": raw.rejected,
        "trigger": raw.trigger,
        "first": _iso(raw.first_s),
        "last": _iso(raw.last_s),
        "raw_topology": topology_counts(rawfile.raw_topology(raw.coincidences)),
    }


def _together(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    formats = {file["format"] for file in files} - {rawfile.NO_FORMAT}
    firsts = [file["first"] for file in files if file["first"]]
    lasts = [file["last"] for file in files if file["last"]]
    return {
        "format": rawfile.one_format(formats),
        **{name: sum(file[name] for file in files) for name in ("lines_read", "comments", "accepted")},
        "rejected": _sums(file["rejected"] for file in files),
        "trigger": _sums(file["trigger"] for file in files),
        "first": min(firsts, default=None),
        "last": max(lasts, default=None),
        "raw_topology": _sums(file["raw_topology"] for file in files),
    }


def _sums(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return dict(sorted(total.items(), key=lambda item: (len(item[0]), item[0])))


def _iso(time_s: int | None) -> str | None:
    return None if time_s is None else f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def for_people(found: dict[str, Any], rejects: Sequence[str]) -> Group:
    """The same as a table, with the rejected lines below."""
    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, value in found.items():
        if isinstance(value, dict):
            value = "\n".join(f"{key}: {n}" for key, n in value.items()) or "none"
        table.add_row(name.replace("_", " "), Text("none" if value is None else str(value)))
    return Group(table, Text("\n".join(rejects)))
