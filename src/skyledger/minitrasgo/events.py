"""The event table of a file: one row per coincidence in the order of the file, as Parquet (zstd).

Nothing is left out: what a step lost is null, and `quality` says what is wrong with a track. The unit of each column
and the provenance of the file are in the metadata of the schema. The same events give the same bytes.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from skyledger.errors import StorageError
from skyledger.files import atomic
from skyledger.minitrasgo.detector import CHANNELS, PLANES, STRIPS
from skyledger.minitrasgo.quality import Flag
from skyledger.minitrasgo.reduce import Reduced
from skyledger.threads import each, together

_COMPRESSION_LEVEL = 1  # higher ones take longer and save little on noise


class Column(NamedTuple):
    """A column of the event table."""

    name: str
    values: Callable[[], pa.Array]
    unit: str  # '1': none
    meaning: str


def relative_path(station: str, day: date, basename: str) -> Path:
    """Where the events of a file are kept, below the data root; `day` is that on which it begins."""
    return Path("minitrasgo", "events", f"station={station}", f"day={day.isoformat()}", f"{basename}.parquet")


def event_table(reduced: Reduced, provenance: Mapping[str, str]) -> pa.Table:
    """All events of a file; `provenance` goes into the schema's metadata."""
    columns = list(_columns(reduced))
    arrays = each(lambda column: column.values(), columns)
    fields = [
        pa.field(c.name, array.type, metadata={"unit": c.unit, "meaning": c.meaning})
        for c, array in zip(columns, arrays, strict=True)
    ]
    metadata = {
        "title": "events of a miniTRASGO station: coincidences of one file",
        "geometry": "planes from the top; x along the strips, y across them, z downwards; position at plane 1",
        "quality": ", ".join(f"{flag.value} {flag.name}" for flag in Flag),
        "regions": ", ".join(reduced.region_names),
        **provenance,
    }
    return pa.table(arrays, schema=pa.schema(fields, metadata=metadata))


def write(path: Path, table: pa.Table) -> str:
    """Write the table in one step and return the file's SHA-256; a file that holds the same is left alone.

    Raises StorageError when the file cannot be written; the old one then stays.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=["region"],
        write_statistics=["time", "line"],
    )
    content = sink.getvalue()
    try:
        if path.is_file() and path.read_bytes() == content:
            return hashlib.sha256(content).hexdigest()
        with atomic(path) as temporary:
            digest, _ = together(
                lambda: hashlib.sha256(content).hexdigest(), lambda: temporary.write_bytes(content)
            )
    except OSError as error:
        raise StorageError(f"{path}: cannot write it: {error.strerror or error}") from error
    return str(digest)


def remove(path: Path) -> None:
    """Remove an event table, if it is there. Raises StorageError when it cannot be removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot remove it: {error.strerror}") from error


def _columns(reduced: Reduced) -> Iterator[Column]:
    cleaned, calibrated, planes, tracks = reduced.cleaned, reduced.calibrated, reduced.planes, reduced.tracks
    tracked = tracks.ndf >= 0
    yield Column(
        "time",
        partial(pa.array, reduced.events.time_s, pa.timestamp("s", "UTC")),
        "s",
        "UTC, whole seconds",
    )
    yield Column("line", partial(pa.array, reduced.events.line), "1", "line of the raw file, from 1")
    for name, codes, meaning in (
        ("raw_topology", cleaned.raw_topology, "as read"),
        ("clean_topology", cleaned.clean_topology, "inside the windows of single values"),
        ("calibrated_topology", calibrated.cal_topology, "with a calibrated strip"),
        ("topology", planes.list_topology, "inside the windows of planes: those of the track"),
        ("crossed_topology", tracks.crossed, "whose area the track crosses"),
    ):
        yield Column(name, partial(pa.array, codes), "1", f"digits of the planes {meaning}")
    region = pa.DictionaryArray.from_arrays(
        pa.array(reduced.region, mask=reduced.region < 0), pa.array(reduced.region_names, pa.string())
    )
    yield Column("region", lambda: region, "1", "ring and sector of the direction")
    yield Column(
        "quality", partial(pa.array, reduced.flags), "1", "bits, 0 is good; see quality in the metadata"
    )
    for name, values, unit, meaning in (
        ("x", tracks.x0, "mm", "where the track crosses plane 1, along the strips"),
        ("y", tracks.y0, "mm", "where the track crosses plane 1, across the strips"),
        ("theta", tracks.theta_rad, "rad", "zenith angle"),
        ("phi", tracks.phi_rad, "rad", "azimuth from the x axis towards the y axis of the detector"),
        (
            "slowness",
            tracks.slowness,
            "ns/mm",
            "time by way along the track; 0.0033356 at the speed of light",
        ),
        ("t0", tracks.t0, "ns", "time at plane 1 after that of the first plane that was hit"),
        ("chi2", tracks.chi2, "1", "of the straight line"),
    ):
        yield Column(name, partial(_known, values), unit, meaning)
    yield Column(
        "ndf",
        partial(pa.array, tracks.ndf, mask=~tracked),
        "1",
        "degrees of freedom of chi2: 3 per plane - 6",
    )
    if tracks.detached is not None:
        for name, values, unit in (
            ("theta", tracks.detached.theta_rad, "rad"),
            ("phi", tracks.detached.phi_rad, "rad"),
            ("slowness", tracks.detached.slowness, "ns/mm"),
        ):
            yield Column(f"detached_{name}", partial(_known, values), unit, f"{name} by the detached fit")
    for plane in range(PLANES):
        for name, per_plane, unit, meaning in (
            ("t_rel", planes.t_rel, "ns", "time after the first plane that was hit"),
            (
                "t_dif",
                planes.t_dif,
                "ns",
                "half of back - front; position along the strips by 199.861639 mm/ns",
            ),
            ("q_sum", planes.q_sum, "ns", "charge, as width of the signal"),
            ("q_dif", planes.q_dif, "ns", "half of front - back charge"),
            ("y", planes.y, "mm", "position across the strips"),
        ):
            yield Column(f"p{plane + 1}_{name}", partial(_known, per_plane[:, plane]), unit, meaning)
        pattern = partial(pa.array, planes.pattern[:, plane].copy())
        yield Column(f"p{plane + 1}_strips", pattern, "1", "active strips as bits, strip 1 is the lowest")
    yield from _strip_charges(reduced)


def _strip_charges(reduced: Reduced) -> Iterator[Column]:
    for channel in range(CHANNELS):
        name = f"p{channel // STRIPS + 1}_s{channel % STRIPS + 1}_charge"
        values = partial(_strip_charge, reduced, channel)
        yield Column(name, values, "ns", "charge of the strip, as width of the signal")


def _strip_charge(reduced: Reduced, channel: int) -> pa.Array:
    hits, charge = reduced.calibrated.hits, reduced.calibrated.strip_charge
    rows = np.flatnonzero((hits.channel == channel) & ~np.isnan(charge))
    values, missing = np.zeros(len(reduced), dtype=np.float32), np.ones(len(reduced), dtype=np.bool_)
    values[hits.event[rows]] = charge[rows]
    missing[hits.event[rows]] = False
    return pa.array(values, mask=missing)


def _known(values: NDArray[Any]) -> pa.Array:
    """Float32, null where NaN."""
    return pa.array(values.astype(np.float32), mask=np.isnan(values))
