"""Files that the data centre offers, and products that it was given."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from skyledger.iagos.flight import Stop

Json = dict[str, Any]


class Flown(Protocol):
    """What the data centre has to know of a flight."""

    @property
    def departure(self) -> Stop: ...
    @property
    def arrival(self) -> Stop: ...


@dataclass(frozen=True, slots=True)
class Offered:
    """One revision of a file."""

    file_id: str
    revision: int
    instrument_type: str
    flight_id: str
    name: str
    data: bytes = field(repr=False)
    size: int
    sha256: str  # as announced
    departure: Stop
    arrival: Stop
    available_since: datetime
    supersedes: str | None
    withdrawn: bool = False

    @property
    def etag(self) -> str:
        """Of these bytes."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:32]}"'

    @property
    def place(self) -> tuple[str, str]:
        """Its place in the listing."""
        return utc(self.available_since), self.file_id

    def item(self) -> Json:
        """As the listing tells it."""
        return {
            "file_id": self.file_id,
            "revision": self.revision,
            "instrument_type": self.instrument_type,
            "flight_id": self.flight_id,
            "level": "L0A",
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "media_type": "application/gzip",
            "aircraft": self.flight_id[-2:],
            "departure": _stop(self.departure),
            "arrival": _stop(self.arrival),
            "available_since": utc(self.available_since),
            "supersedes": self.supersedes,
        }


@dataclass(frozen=True, slots=True)
class Product:
    """A product that was delivered."""

    flight_id: str
    instrument_type: str
    level: str
    version: str
    media_type: str
    data: bytes = field(repr=False)
    sha256: str


def cursor(available_since: str, file_id: str = "") -> str:
    """Place in the listing, as text that clients need not understand."""
    return base64.urlsafe_b64encode(f"{available_since}|{file_id}".encode()).rstrip(b"=").decode()


def utc(moment: datetime) -> str:
    """As the service writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _stop(stop: Stop) -> Json:
    return {"airport": stop.airport, "time": utc(stop.time)}
