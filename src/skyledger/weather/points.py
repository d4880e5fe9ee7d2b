"""Bins as datapoints of GeoStreams, and how they differ from those that are there."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from skyledger.geostreams import Point, RemotePoint, utc_text
from skyledger.weather.bins import Bins
from skyledger.weather.stations import Period, Position
from skyledger.weather.variables import VARIABLES

RELATIVE_TOLERANCE = 1e-9  # a server may write a number in another way
# Where a point comes from is worth knowing, and no reason to send it again
_PROVENANCE = frozenset({"source", "source_file", "config_version"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the points of a day come from."""

    source: str  # whose day: UA-MAC/2016-08-30
    source_file: str  # digest over the files that contributed
    config_version: str  # digest of the configuration that made the bins


@dataclass(slots=True)
class Changes:
    """What makes the points that are there those that are wanted."""

    post: list[Point] = field(default_factory=list)  # that are not there, or differ
    delete: list[RemotePoint] = field(default_factory=list)  # that differ, are there twice, or have vanished
    reasons: list[str] = field(default_factory=list)  # one for each difference, for messages

    def __bool__(self) -> bool:
        return bool(self.post or self.delete)


def point_key(stream: str, start: datetime, end: datetime) -> str:
    """SHA-256 (hex) of what a point is about: stream name, start and end in UTC, joined by a bar."""
    return hashlib.sha256(f"{stream}|{utc_text(start)}|{utc_text(end)}".encode()).hexdigest()


def coordinates(position: Position) -> list[float]:
    """Longitude, latitude [degree], altitude [m]: the order of GeoJSON."""
    return [position.longitude_deg, position.latitude_deg, position.altitude_m]


def datapoints(bins: Bins, rows: slice, stream: str, period: Period, provenance: Provenance) -> list[Point]:
    """One datapoint per bin of `rows`, in the form of the interface (weather-toa5, section 10).

    Values are in canonical units, which stand beside them; a value that is not published has no key but is listed
    under `missing`. Times are in the offset of the station's clock.
    """
    names = list(bins.variables)
    geometry = {"type": "Point", "coordinates": coordinates(period.position)}
    points = []
    for i in range(*rows.indices(len(bins))):
        start, end = (
            datetime.fromtimestamp(int(bins.start_s[i]) + add, UTC).astimezone(period.zone)
            for add in (0, bins.width_s)
        )
        values = {name: float(bins.variables[name].value[i]) for name in names}
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        points.append(
            {
                "start_time": start.isoformat(),
                "end_time": end.isoformat(),
                "type": "Point",
                "geometry": geometry,
                "properties": {
                    **values,
                    "units": {name: VARIABLES[name].unit for name in values},
                    "qc": {name: int(bins.variables[name].flag[i]) for name in names},
                    "missing": [name for name in names if name not in values],
                    "n_expected": bins.n_expected,
                    "n_valid": {name: int(bins.variables[name].n_valid[i]) for name in names},
                    "coverage": float(bins.coverage[i]),
                    "product": bins.product,
                    "point_key": point_key(stream, start, end),
                    "source": provenance.source,
                    "source_file": provenance.source_file,
                    "config_version": provenance.config_version,
                },
            }
        )
    return points


def rows_between(bins: Bins, start: datetime, end: datetime) -> slice:
    """Which bins start within a window, its end excluded."""
    first, last = np.searchsorted(bins.start_s, [start.timestamp(), end.timestamp()])
    return slice(int(first), int(last))


def windows(
    start: datetime, end: datetime, width_s: int, batch_size: int
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a span into parts that hold at most `batch_size` bins each."""
    step = timedelta(seconds=width_s * batch_size)
    while start < end:
        yield start, min(start + step, end)
        start += step


def compare(wanted: Sequence[Point], there: Sequence[RemotePoint], product: str) -> Changes:
    """Find what to post and what to delete so that of `product` just `wanted` is there, each point once.

    Points of other products are left alone.
    """
    changes = Changes()
    by_key: dict[str, list[RemotePoint]] = {}
    for remote in there:
        by_key.setdefault(remote.key, []).append(remote)
    for point in wanted:
        copies = by_key.pop(point["properties"]["point_key"], [])
        differences = [difference(point, remote) for remote in copies]
        kept = differences.index(None) if None in differences else None
        if kept is None:
            changes.post.append(point)
        changes.delete += [remote for n, remote in enumerate(copies) if n != kept]
        if kept is None or len(copies) > 1:
            why = next(filter(None, differences), "is there twice") if copies else "is missing"
            changes.reasons.append(f"{point['start_time']} {why}")
    for remote in (remote for copies in by_key.values() for remote in copies):
        if remote.properties.get("product") == product:
            changes.delete.append(remote)
            changes.reasons.append(f"{utc_text(remote.start)} should not be there")
    return changes


def difference(point: Point, remote: RemotePoint) -> str | None:
    """Say what a reader would see differ; None when nothing does. Provenance does not count."""
    for what, is_there in (("start_time", remote.start), ("end_time", remote.end)):
        if datetime.fromisoformat(point[what]) != is_there:
            return f"has {what} {utc_text(is_there)}"
    if not _same(point["geometry"]["coordinates"], list(remote.coordinates)):
        return f"is at {list(remote.coordinates)}"
    ours, theirs = point["properties"], remote.properties
    for name in (*ours, *(name for name in theirs if name not in ours)):
        if name not in _PROVENANCE and not _same(ours.get(name), theirs.get(name)):
            return f"has {name} {theirs.get(name)!r} instead of {ours.get(name)!r}"
    return None


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=RELATIVE_TOLERANCE)
    return bool(ours == theirs)
