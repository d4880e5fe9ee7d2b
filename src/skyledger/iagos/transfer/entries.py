"""Entries of the data centre's list, and places in it."""

import base64
from datetime import UTC, datetime
from typing import Any, TypeVar

from skyledger.errors import FormatError
from skyledger.iagos.flight import Stop
from skyledger.iagos.transfer.offered import FileEntry, checked
from skyledger.iagos.transfer.signature import timestamp_text

T = TypeVar("T")


def cursor_at(moment: datetime, file_id: str = "") -> str:
    """The place in the list right after a file, or right before a time."""
    place = f"{timestamp_text(moment)}|{file_id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def entry_of(item: dict[str, Any]) -> FileEntry:
    """Read an entry of the list. Raises FormatError."""
    try:
        entry = FileEntry(
            file_id=_typed(item["file_id"], str),
            source_revision=_typed(item["revision"], int),
            instrument_type=_typed(item["instrument_type"], str),
            flight_id=_typed(item["flight_id"], str),
            name=_typed(item["name"], str),
            bytes=_typed(item["size"], int),
            sha256=_typed(item["sha256"], str),
            departure=_stop(item.get("departure")),
            arrival=_stop(item.get("arrival")),
            available_since=_moment(item["available_since"]),
        )
    except KeyError as error:
        raise FormatError(f"the list's entry of {item.get('file_id')!r} has no {error}") from error
    except (TypeError, ValueError) as error:
        raise FormatError(f"the list's entry of {item.get('file_id')!r}: {error}") from error
    return checked(entry)


def _typed(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not as agreed; expected {kind.__name__}")
    return value


def _stop(entry: Any) -> Stop | None:
    if entry is None:
        return None
    airport = _typed(entry["airport"], str)
    if not 3 <= len(airport) <= 8:
        raise ValueError(f"airport {airport!r}: expected the IATA code")
    return Stop(airport, _moment(entry["time"]))


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(_typed(text, str))
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r}: expected one with Z or an offset")
    return moment.astimezone(UTC)
