"""Writes NASA Ames files, FFI 1001: ASCII, one blank, LF, fixed decimals, scale factors 1.

A missing value is written in the decimals of its column, so that readers who compare text find it as well.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger import __version__
from skyledger.errors import FormatError
from skyledger.files import atomic
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData
from skyledger.iagos.formats.makers import Makers, makers
from skyledger.iagos.formats.nasa_ames.header import Header, format_header
from skyledger.iagos.formats.statements import iso, lineage
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.variables import variables

FloatArray = NDArray[np.float64]

MISSING_FLAG = 9.0  # stands where a flag is missing, which none is


class Column(NamedTuple):
    """A dependent variable."""

    name: str  # short name, one word
    long_name: str
    unit: str
    values: FloatArray  # (n,) NaN is missing
    decimals: int
    missing: float | None = None  # stored in place of NaN; None: a number below all values


def format_file(header: Header, x_label: str, x: FloatArray, columns: Sequence[Column]) -> bytes:
    """A whole file. Of the header, what concerns the variables is filled in here; the names close the comments.

    x: (n,) strictly ascending, in the unit that `header.x_name` states. Raises FormatError.
    """
    if not len(x) or not np.isfinite(x).all() or (np.diff(x) <= 0).any():
        raise FormatError(f"{x_label}: expected at least one row, and numbers that rise strictly")
    x_decimals = 0 if (x == np.rint(x)).all() else 3
    stored = np.empty((len(x), len(columns) + 1))
    stored[:, 0] = x
    missing = []
    for at, column in enumerate(columns, 1):
        rounded = np.round(column.values, column.decimals) + 0.0  # no -0
        fill = _missing_below(rounded) if column.missing is None else column.missing
        if (rounded == fill).any() or np.isinf(rounded).any():
            raise FormatError(
                f"{column.name}: a value is {fill:g}, which stands for missing ones, or infinite"
            )
        stored[:, at] = np.where(np.isnan(rounded), fill, rounded)
        missing.append(fill)
    decimals = [column.decimals for column in columns]
    header = replace(
        header,
        variables=tuple(f"{one.name}; {one.long_name}; [{one.unit}]" for one in columns),
        scales=(1.0,) * len(columns),
        missing=tuple(missing),
        step=_step(x),
        comments=(*header.comments, " ".join([x_label, *(column.name for column in columns)])),
    )
    form = " ".join(f"%.{digits}f" for digits in (x_decimals, *decimals))
    lines = [*format_header(header, decimals), *(form % tuple(row) for row in stored.tolist()), ""]
    return "\n".join(lines).encode("ascii")


def write_flight(
    data: FlightData, path: Path, *, created: datetime, software: str = f"skyledger {__version__}"
) -> str:
    """Write the product of a flight in one step and return the file's SHA-256. Equal arguments give equal bytes.

    `created`: aware. Raises FormatError when the data cannot be told in this format.
    """
    if not len(data):
        raise FormatError(f"{path.name}: flight {data.key} has no rows to write")
    who = makers()
    # Of the day of departure, but X must not be negative: the engines may have started the day before
    begin = min(data.departure.time, datetime.fromtimestamp(float(data.time_s[0]), UTC))
    midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    header = Header(
        originator=_ascii(who.originator),
        organisation=_ascii(who.institution),
        source=_ascii(
            f"{load_instrument(data.key.instrument_type).description} ({data.key.instrument_type}) "
            f"on aircraft {data.aircraft}"
        ),
        mission=_ascii(who.project),
        begin=midnight.date(),
        revised=created.astimezone(UTC).date(),
        x_name="UTC_time; elapsed seconds since 00:00:00 UTC on the first date of line 7; [s]",
        variables=(),
        scales=(),
        missing=(),
        special=tuple(_ascii(f"{key}: {value}") for key, value in _special(data)),
        comments=tuple(_ascii(line) for line in _comments(data, who, software)),
    )
    content = format_file(header, "UTC_time", data.time_s - midnight.timestamp(), list(_columns(data)))
    with atomic(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _columns(data: FlightData) -> Iterator[Column]:
    """Each variable with its flags, as in the text export of the portal."""
    process = np.full(len(data), float(data.process))
    validity = "validity flag 0 good 2 limited 3 erroneous 4 not validated 7 missing"
    for name, series in data.series.items():
        known = variables()[name]
        yield Column(name, known.long_name, known.label, series.value, known.decimals)
        if series.uncertainty is not None:
            yield Column(
                f"{name}_err",
                f"uncertainty of {known.long_name}",
                known.label,
                series.uncertainty,
                known.decimals,
            )
        flags = series.validity.astype(np.float64)
        yield Column(f"{name}_val", f"{validity}, of {name}", "1", flags, 0, MISSING_FLAG)
        if known.kind == "instrument":
            stage = "process flag 0 raw 1 intermediate 2 final"
            yield Column(f"{name}_stat", f"{stage}, of {name}", "1", process, 0, MISSING_FLAG)


def _special(data: FlightData) -> Iterator[tuple[str, object]]:
    yield "flight_id", data.key.flight_id
    yield "instrument_type", data.key.instrument_type
    yield "process_level", data.level
    if data.version:
        yield "product_version", data.version
    yield "source_revision", data.key.revision
    yield "aircraft", data.aircraft
    for word, stop in (("departure", data.departure), ("arrival", data.arrival)):
        yield f"{word}_airport", stop.airport
        yield f"{word}_UTC_time", iso(stop.time)
    yield from lineage(data).items()


def _comments(data: FlightData, who: Makers, software: str) -> Iterator[str]:
    yield f"Written by {software}."
    yield "_err uncertainty, _val validity flag, _stat process flag of the variable with that name."
    meanings = (
        ", ".join(f"{flag.value} {flag.name.lower()}" for flag in kind) for kind in (Validity, Process)
    )
    yield "Validity: {}. Process: {}.".format(*meanings)
    yield f"License: {who.license}"


def _missing_below(values: FloatArray) -> float:
    """-9999, or as many more nines as it takes to be below all values."""
    lowest = np.nanmin(values) if not np.isnan(values).all() else 0.0
    nines = 4
    while lowest <= -(10.0**nines - 1):
        nines += 1
    return -(10.0**nines - 1)


def _step(x: FloatArray) -> float:
    steps = np.diff(x)
    return float(steps[0]) if len(steps) and (steps == steps[0]).all() else 0.0


def _ascii(text: str) -> str:
    """Letters without their accents; what is then left of other scripts as a question mark."""
    plain = unicodedata.normalize("NFKD", text)
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    return " ".join(bare.encode("ascii", "replace").decode().split())
