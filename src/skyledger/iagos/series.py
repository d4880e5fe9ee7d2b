"""Where the data of a flight are kept: one Parquet file per flight, instrument, delivery, level and version.

Values, uncertainties and flags come back bit by bit, with what the data say of themselves in the schema's metadata.
Equal data give equal bytes. The database holds which file counts, its checksum, and statistics of each series.

A released version never changes. What is not released may be made again: then another file takes its place (its name
tells the content), and the earlier one goes when the flight is kept the next time. So a run that is killed at any
point leaves the row with its file.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skyledger.config import SQL_DIR
from skyledger.errors import PermanentError, StorageError
from skyledger.files import atomic
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData, Key, Series, Stop
from skyledger.iagos.names import Level, Version
from skyledger.iagos.variables import variables
from skyledger.warehouse import Session

_COMPRESSION_LEVEL = 1  # higher ones take longer and save nothing on floats
_ABOUT = b"iagos"  # key of the schema's metadata
_VALIDITY, _UNCERTAINTY, _CHANNEL = "_validity", "_uncertainty", "channel."


class KeptSeries(NamedTuple):
    """A file of series."""

    path: Path  # below the data root
    sha256: str  # of the file
    digest: str  # of the data
    size_bytes: int
    as_of: datetime | None  # UTC; what was known of calibrations then was used


def keep(
    session: Session, data: FlightData, data_root: Path, *, run_id: str, as_of: datetime | None = None
) -> KeptSeries:
    """Keep the data of a flight, in the caller's transaction; the file is on disk before that can end.

    The caller holds the flight. `as_of`: what was known of calibrations then was used; by default it stays. The same
    data kept again change nothing. Raises PermanentError for other data of a released version.
    """
    before = kept(session, data.key, data.level, data.version)
    digest = data.digest()
    if before and before.digest == digest and (data_root / before.path).is_file():
        return before
    if before and before.digest != digest and data.version:
        raise PermanentError(
            f"{data.key} {data.level} {data.version} was released with digest {before.digest[:8]}, these data have"
            f" {digest[:8]}; a released version never changes: release the next one"
        )
    content = to_parquet(data)
    path = relative_path(data, digest)
    if not data.version:
        _clean(data_root, path, before)
    try:
        with atomic(data_root / path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise StorageError(f"{data_root / path}: cannot write it: {error.strerror or error}") from error
    as_of = as_of or (before.as_of if before else None)
    found = KeptSeries(path, hashlib.sha256(content).hexdigest(), digest, len(content), as_of)
    session.execute(_statement("keep_series_file"), _file_row(data, found, run_id))
    session.execute(_statement("forget_series"))
    for row in statistics(data):
        session.execute(_statement("keep_series"), row)
    return found


def load(
    session: Session, data_root: Path, key: Key, level: Level, version: Version | None = None
) -> FlightData:
    """The data of a flight as they were kept; without version those not released.

    Raises PermanentError when none are kept, StorageError when the file is not the one that was.
    """
    found = kept(session, key, level, version)
    if found is None:
        raise PermanentError(f"{key}: no series of level {level}{f' {version}' if version else ''} are kept")
    path = data_root / found.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: cannot read it: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != found.sha256:
        raise StorageError(
            f"{path}: not the file that was kept (sha256 {found.sha256[:8]}...); bring it back from the backup"
            " or have the flight processed again"
        )
    return from_parquet(content)


def kept(session: Session, key: Key, level: Level, version: Version | None = None) -> KeptSeries | None:
    """Which file holds the data of a flight, if any."""
    rows = session.query(_statement("series_file"), _names(key, level, version))
    if not rows:
        return None
    path, sha256, digest, size, as_of = rows[0]
    return KeptSeries(Path(path), sha256, digest, int(size), as_of.replace(tzinfo=UTC) if as_of else None)


def relative_path(data: FlightData, digest: str) -> Path:
    """Where the data are kept, below the data root."""
    what = str(data.version) if data.version else digest[:8]
    name = f"r{data.key.revision}_{data.level}_{what}.parquet"
    return Path("iagos", "series", data.key.instrument_type, data.key.flight_id, name)


def to_parquet(data: FlightData) -> bytes:
    """The data as a Parquet file; equal data give equal bytes."""
    fields, columns = [], []
    for name, unit, values in _columns(data):
        column = pa.array(values)
        fields.append(pa.field(name, column.type, nullable=False, metadata={"unit": unit}))
        columns.append(column)
    table = pa.table(
        columns, schema=pa.schema(fields, metadata={_ABOUT: json.dumps(_about(data), default=str)})
    )
    flags = [field.name for field in fields if pa.types.is_int8(field.type)]
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        write_statistics=False,
        use_dictionary=flags,
        column_encoding={field.name: "BYTE_STREAM_SPLIT" for field in fields if field.name not in flags},
    )
    return sink.getvalue()


def from_parquet(content: bytes) -> FlightData:
    """What `to_parquet` was given."""
    table = pq.read_table(pa.BufferReader(content), use_threads=False)
    about = json.loads(table.schema.metadata[_ABOUT])
    arrays = {name: table[name].to_numpy() for name in table.column_names}
    departure, arrival = (
        Stop(airport, datetime.fromisoformat(time))
        for airport, time in (about["departure"], about["arrival"])
    )
    return FlightData(
        key=Key(*about["key"]),
        level=Level(about["level"]),
        aircraft=about["aircraft"],
        departure=departure,
        arrival=arrival,
        time_s=arrays["time_s"],
        interval_s=about["interval_s"],
        series={
            name: Series(arrays[name], arrays[name + _VALIDITY], arrays.get(name + _UNCERTAINTY))
            for name in about["series"]
        },
        channels={
            name.removeprefix(_CHANNEL): values
            for name, values in arrays.items()
            if name.startswith(_CHANNEL)
        },
        version=Version.parse(about["version"]) if about["version"] else None,
        process=Process(about["process"]),
        provenance=about["provenance"],
    )


def statistics(data: FlightData) -> Iterator[dict[str, Any]]:
    """Per series: points per flag; extremes, median, begin and end of good values, in working units."""
    for name, one in data.series.items():
        counts = np.bincount(one.validity, minlength=Validity.MISSING + 1)
        good = np.flatnonzero(one.validity == Validity.GOOD)
        values = one.value[good]
        yield {
            "variable": name,
            "unit": variables()[name].unit,
            **{f"n_{flag.name.lower()}": int(counts[flag]) for flag in Validity},
            "min_good": float(values.min()) if len(good) else None,
            "median_good": float(np.median(values)) if len(good) else None,
            "max_good": float(values.max()) if len(good) else None,
            "first_good_utc": _utc(data.time_s[good[0]]) if len(good) else None,
            "last_good_utc": _utc(data.time_s[good[-1]]) if len(good) else None,
        }


def _columns(data: FlightData) -> Iterator[tuple[str, str, Any]]:
    """Name, unit and values of each column."""
    yield "time_s", "s since 1970-01-01 UTC", data.time_s
    for name, one in data.series.items():
        unit = variables()[name].unit
        yield name, unit, one.value
        yield name + _VALIDITY, "1", one.validity
        if one.uncertainty is not None:
            yield name + _UNCERTAINTY, unit, one.uncertainty
    for name, values in data.channels.items():
        yield _CHANNEL + name, "", values


def _about(data: FlightData) -> dict[str, Any]:
    return {
        "key": list(data.key),
        "level": str(data.level),
        "aircraft": data.aircraft,
        "departure": [data.departure.airport, data.departure.time.isoformat()],
        "arrival": [data.arrival.airport, data.arrival.time.isoformat()],
        "interval_s": data.interval_s,
        "series": list(data.series),
        "version": str(data.version) if data.version else None,
        "process": int(data.process),
        "provenance": data.provenance,
    }


def _file_row(data: FlightData, found: KeptSeries, run_id: str) -> dict[str, Any]:
    told = data.provenance
    return {
        **_names(data.key, data.level, data.version),
        "path": str(found.path),
        "bytes": found.size_bytes,
        "sha256": found.sha256,
        "digest": found.digest,
        "rows_kept": len(data),
        "interval_s": data.interval_s,
        "first_utc": _utc(data.time_s[0]),
        "last_utc": _utc(data.time_s[-1]),
        "process": int(data.process),
        "source_sha256": told["source"]["sha256"],
        "calibration_ids": ",".join(map(str, told["calibration_ids"])),
        "calibrations_as_of_utc": found.as_of.astimezone(UTC).replace(tzinfo=None) if found.as_of else None,
        "software": told["software"],
        "run_id": run_id,
    }


def _names(key: Key, level: Level, version: Version | None) -> dict[str, Any]:
    return {**key._asdict(), "level_name": str(level), "version": str(version) if version else ""}


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(float(time_s), UTC).replace(tzinfo=None)


def _clean(data_root: Path, path: Path, before: KeptSeries | None) -> None:
    """Remove files of this level that neither count now nor will: a killed or refused run left them, or a newer one."""
    folder = data_root / path.parent
    level = path.name.rsplit("_", 1)[0]
    for other in folder.glob(f"{escape(level)}_{'[0-9a-f]' * 8}.parquet"):
        if other.name not in (path.name, before.path.name if before else ""):
            other.unlink(missing_ok=True)


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "series" / f"{name}.sql").read_text(encoding="utf-8")
