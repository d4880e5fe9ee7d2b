"""What a report is made from, besides the data and the verdict on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from skyledger.iagos.assess.encounters import Encounter
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.metadata.calibrations import CalibrationSet
from skyledger.iagos.metadata.flights import Flight
from skyledger.iagos.names import Level
from skyledger.iagos.release.choices import Chosen
from skyledger.iagos.release.rules import ReleaseRules
from skyledger.iagos.states import State


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The raw file, as the transfer knows it."""

    name: str
    sha256: str
    bytes: int | None = None
    file_id: str = ""  # at the data centre
    received: datetime | None = None  # UTC


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What surrounds a flight file when its report is made."""

    key: Key
    level: Level  # that the PI decides on: L1 or L2
    flight: Flight
    calibrations: CalibrationSet
    source_file: SourceFile
    software: str
    rules: ReleaseRules
    state: State
    made_at: datetime  # UTC
    previous: FlightData | None = (
        None  # version to compare with: the last released one, or an earlier delivery
    )
    encounters: Sequence[Encounter] = ()  # with other aircraft at the airports
    chosen: Chosen = field(default_factory=Chosen)  # by the PI, for this flight file
    links: Mapping[str, str] = field(default_factory=dict)  # text to address: where to decide, where to look
