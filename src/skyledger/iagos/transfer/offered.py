"""Files of sources as rows: what a source says of a file, what is known of it here, which are to be brought."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger.config import SQL_DIR
from skyledger.errors import FormatError, StorageError
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.names import parse_flight_id, parse_raw_name
from skyledger.warehouse import Session

TRIES = 5  # failed attempts in a row, after which a file is asked for once a day only
AGAIN_S = 86_400
LARGEST_FILE_BYTES = 512 * 2**20  # a flight has some 100 kB: more is a mistake

_FILE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileEntry(NamedTuple):
    """A file as its source lists it. What the source does not say is None."""

    file_id: str
    source_revision: int
    instrument_type: str
    flight_id: str
    name: str
    bytes: int | None
    sha256: str | None  # hex
    departure: Stop | None = None
    arrival: Stop | None = None
    available_since: datetime | None = None  # UTC, by the source's clock


class SourceFile(NamedTuple):
    """A file as it is known here. Times are UTC; `raw_path` is below the data root."""

    source_file_id: int
    source: str
    file_id: str
    source_revision: int
    key: Key
    name: str
    bytes: int | None
    sha256: str | None
    etag: str | None
    completeness: str | None
    raw_path: str | None
    state: str
    tries: int
    message: str | None
    departure: Stop | None
    arrival: Stop | None
    available_since: datetime | None
    received_at: datetime | None


def checked(entry: FileEntry) -> FileEntry:
    """The entry, if it can be used. Raises FormatError: nothing of another machine goes into a path unseen."""
    if not _FILE_ID.fullmatch(entry.file_id):
        raise FormatError(
            f"file_id {entry.file_id!r}: expected up to 100 letters, digits, dots, dashes, underscores"
        )
    said = f"{entry.file_id} revision {entry.source_revision}"
    if not 1 <= entry.source_revision <= 2**31:
        raise FormatError(f"{said}: expected a revision of 1 or more")
    parse_flight_id(entry.flight_id)
    name = parse_raw_name(entry.name)
    if (name.instrument_type, name.flight.text) != (entry.instrument_type, entry.flight_id):
        raise FormatError(
            f"{said}: name {entry.name!r}; expected one of {entry.instrument_type} and {entry.flight_id}"
        )
    if entry.sha256 is not None and not _SHA256.fullmatch(entry.sha256):
        raise FormatError(f"{said}: sha256 {entry.sha256!r}; expected 64 hex digits in lower case")
    if entry.bytes is not None and not 0 < entry.bytes <= LARGEST_FILE_BYTES:
        raise FormatError(f"{said}: size is {entry.bytes}; expected 1 to {LARGEST_FILE_BYTES} bytes")
    return entry


def known_files(session: Session, source: str, file_ids: Sequence[str]) -> list[SourceFile]:
    """What is known of these files of a source, in all revisions, oldest first."""
    listed = pa.table({"file_id": pa.array(sorted(set(file_ids)), pa.string())})
    session.stage("listed_file", ("file_id VARCHAR(100) NOT NULL PRIMARY KEY",), listed)
    return [_row(values) for values in session.query(statement("known_files"), {"origin": source})]


def source_file(session: Session, key: Key) -> SourceFile | None:
    """The file of a delivery; None when it is not known."""
    rows = session.query(statement("source_file"), key._asdict())
    return _row(rows[0]) if rows else None


def raw_bytes(file: SourceFile, data_root: Path) -> bytes:
    """The bytes of a file that was received. Raises StorageError when they are not those that came."""
    path = data_root / str(file.raw_path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{path}: cannot read it: {error.strerror or error}: bring it back from the backup"
        ) from error
    if (sha256 := hashlib.sha256(content).hexdigest()) != file.sha256:
        raise StorageError(
            f"{path}: SHA-256 is {sha256[:8]}; expected {str(file.sha256)[:8]}: bring it back from the backup"
        )
    return content


def pending(session: Session, instrument_type: str, source: str) -> list[Key]:
    """Files of a source that are to be brought, oldest first: new ones, failed ones, and what a crash left."""
    rows = session.query(
        statement("pending"),
        {"origin": source, "instrument_type": instrument_type, "tries": TRIES, "again_s": AGAIN_S},
    )
    return [Key(flight, instrument, int(revision)) for flight, instrument, revision in rows]


def same_bytes(session: Session, key: Key, sha256: str | None) -> int | None:
    """Number of the file with these bytes that is kept for the flight, if there is one."""
    names = {"flight_id": key.flight_id, "instrument_type": key.instrument_type, "sha256": sha256}
    rows = session.query(statement("same_bytes"), names)
    return int(rows[0][0]) if rows else None


@cache
def statement(name: str) -> str:
    """SQL of this package by name."""
    return (SQL_DIR / "iagos" / "transfer" / f"{name}.sql").read_text(encoding="utf-8")


def _row(values: Sequence[Any]) -> SourceFile:
    number, source, file_id, source_revision, flight_id, instrument_type, revision, *rest = values
    name, size, sha256, etag, completeness, path, state, tries, message, *stops, since, received_at = rest
    departure_airport, departure_utc, arrival_airport, arrival_utc = stops
    return SourceFile(
        number,
        source,
        file_id,
        source_revision,
        Key(flight_id, instrument_type, revision),
        name,
        size,
        sha256,
        etag,
        completeness,
        path,
        state,
        tries,
        message,
        _stop(departure_airport, departure_utc),
        _stop(arrival_airport, arrival_utc),
        _aware(since),
        _aware(received_at),
    )


def _stop(airport: str | None, moment: datetime | None) -> Stop | None:
    return Stop(airport, moment.replace(tzinfo=UTC)) if airport and moment else None


def _aware(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
