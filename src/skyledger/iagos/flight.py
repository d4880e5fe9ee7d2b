"""The data of one flight and instrument in memory: what readers return, writers take, and tests judge."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.names import Level, Version, parse_flight_id

FloatArray = NDArray[np.float64]
FlagArray = NDArray[np.int8]


class Key(NamedTuple):
    """A flight file: what the state machine moves."""

    flight_id: str
    instrument_type: str
    revision: int

    def __str__(self) -> str:
        return f"{self.flight_id} {self.instrument_type} r{self.revision}"

    @property
    def text(self) -> str:
        """As one word, `FLIGHT|TYPE|REVISION`."""
        return "|".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `FLIGHT|TYPE|REVISION`. Raises FormatError."""
        parts = text.split("|")
        if len(parts) != 3 or not parts[2].isdecimal():
            raise FormatError(f"flight file {text!r}: expected FLIGHT|TYPE|REVISION")
        return cls(parse_flight_id(parts[0]).text, parts[1], int(parts[2]))


class Stop(NamedTuple):
    """Where and when a flight began or ended."""

    airport: str  # IATA code
    time: datetime  # UTC


@dataclass(frozen=True, slots=True)
class Series:
    """One variable along the flight. Arrays have shape (n,)."""

    value: FloatArray  # working unit of `variables`; NaN is missing
    validity: FlagArray  # flags.Validity
    uncertainty: FloatArray | None = None  # same unit; instrument variables only

    @classmethod
    def unchecked(cls, value: FloatArray, uncertainty: FloatArray | None = None) -> Self:
        """A series nobody has looked at: missing, or not validated."""
        validity = np.where(np.isnan(value), Validity.MISSING, Validity.NOT_VALIDATED).astype(np.int8)
        return cls(value, validity, uncertainty)


@dataclass(frozen=True, slots=True)
class FlightData:
    """All series of one flight and instrument, on one grid of time."""

    key: Key
    level: Level
    aircraft: str  # two digits, as in the flight identifier
    departure: Stop
    arrival: Stop
    time_s: FloatArray  # (n,) Unix seconds UTC, strictly ascending
    interval_s: float  # of the grid
    series: Mapping[str, Series]  # by name of the variable, in the order of `variables`
    channels: Mapping[str, FloatArray] = field(
        default_factory=dict
    )  # raw columns that tests and calibration need; no products
    version: Version | None = None  # of a released product
    process: Process = Process.RAW
    provenance: Mapping[str, Any] = field(
        default_factory=dict
    )  # plain values: source file and its sha256, calibrations, ...

    def __len__(self) -> int:
        return len(self.time_s)

    def with_validity(self, validity: Mapping[str, FlagArray]) -> "FlightData":
        """The same values with other flags."""
        series = {
            name: replace(one, validity=validity[name]) if name in validity else one
            for name, one in self.series.items()
        }
        return replace(self, series=series)

    def digest(self) -> str:
        """SHA-256 (hex) of times, values, uncertainties, flags and provenance: what a decision speaks of."""
        said = [*map(str, self.key), str(self.level), int(self.process), repr(self.interval_s)]
        sha = hashlib.sha256(json.dumps([said, self.provenance], sort_keys=True, default=str).encode())
        sha.update(np.ascontiguousarray(self.time_s).tobytes())
        for name, one in self.series.items():
            sha.update(name.encode())
            for array in (one.value, one.validity, one.uncertainty):
                if array is not None:
                    sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()
