"""Identifiers, file names and versions of the network."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from skyledger.errors import FormatError

_FLIGHT = re.compile(r"(?P<departure>\d{14})(?P<aircraft>\d{2})", re.ASCII)
_PRODUCT = re.compile(
    r"IAGOS_(?P<kind>timeseries|profile)_(?P<flight>\d{16})_(?P<level>L0A|L0|NRT|L1|L2)_"
    r"(?P<version>\d+\.\d+\.\d+)(?P<part>-ascent|-descent)?\.(?P<suffix>nc4|txt)",
    re.ASCII,
)
_RAW = re.compile(
    r"IAGOS_(?P<instrument>[A-Z][A-Za-z0-9]{0,7})_(?P<flight>\d{16})_L0A_r(?P<revision>\d{1,4})\.csv\.gz",
    re.ASCII,
)
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", re.ASCII)


class Level(StrEnum):
    """How far data are processed."""

    L0A = "L0A"  # raw, as written on board
    L0 = "L0"  # physical units, automatic checks
    NRT = "NRT"  # L0, exported without a human
    L1 = "L1"  # validated by the PI
    L2 = "L2"  # with the calibration after the deployment


class FlightId(NamedTuple):
    """Departure and aircraft, as the 16 digits of a flight identifier tell them."""

    text: str
    departure: datetime  # UTC
    aircraft: str  # two digits

    def __str__(self) -> str:
        return self.text


class Version(NamedTuple):
    """Version of a product: format, science, detail. Compared by number."""

    x: int
    y: int
    z: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read x.y.z. Raises FormatError."""
        found = _VERSION.fullmatch(text)
        if not found:
            raise FormatError(f"version {text!r}: expected three numbers x.y.z")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.x}.{self.y}.{self.z}"


FIRST_VERSION = Version(1, 0, 0)


class RawName(NamedTuple):
    """What the name of a raw file says."""

    instrument_type: str
    flight: FlightId
    revision: int


class ProductName(NamedTuple):
    """What the name of a product says."""

    kind: str  # timeseries, profile
    flight: FlightId
    level: Level
    version: Version
    part: str  # ascent, descent or empty
    suffix: str  # nc4, txt


def parse_flight_id(text: str) -> FlightId:
    """Read a flight identifier. Raises FormatError: 16 digits, YYYYMMDDhhmmss of departure and the aircraft."""
    found = _FLIGHT.fullmatch(text)
    if found:
        try:
            departure = datetime.strptime(found["departure"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            found = None
    if not found:
        raise FormatError(
            f"flight_id {text!r}: expected 16 digits, YYYYMMDDhhmmss of departure (UTC) and the aircraft's two digits"
        )
    return FlightId(text, departure, found["aircraft"])


def raw_name(instrument_type: str, flight_id: str, revision: int) -> str:
    """Name of a raw file."""
    return f"IAGOS_{instrument_type}_{flight_id}_L0A_r{revision}.csv.gz"


def parse_raw_name(name: str) -> RawName:
    """Read the name of a raw file, which may come from outside. Raises FormatError."""
    found = _RAW.fullmatch(name)
    if not found:
        raise FormatError(
            f"file name {name!r}: expected IAGOS_<instrument type>_<flight_id>_L0A_r<revision>.csv.gz"
        )
    return RawName(found["instrument"], parse_flight_id(found["flight"]), int(found["revision"]))


def product_name(flight_id: str, level: Level, version: Version, suffix: str = "nc4") -> str:
    """Name of a time series as a product."""
    return f"IAGOS_timeseries_{flight_id}_{level}_{version}.{suffix}"


def parse_product_name(name: str) -> ProductName:
    """Read the name of a product. Raises FormatError."""
    found = _PRODUCT.fullmatch(name)
    if not found:
        raise FormatError(
            f"file name {name!r}: expected IAGOS_timeseries_<flight_id>_<level>_<x.y.z>.nc4 (or profile, -ascent, .txt)"
        )
    return ProductName(
        found["kind"],
        parse_flight_id(found["flight"]),
        Level(found["level"]),
        Version.parse(found["version"]),
        (found["part"] or "").lstrip("-"),
        found["suffix"],
    )


def newest(names: list[str]) -> str:
    """Which of several versions of one product counts: the highest by number, not by text."""
    return max(names, key=lambda name: parse_product_name(name).version)
