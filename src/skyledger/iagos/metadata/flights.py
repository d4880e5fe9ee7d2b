"""Flights of equipped aircraft."""

from dataclasses import dataclass
from datetime import datetime

from skyledger.iagos.flight import Stop


@dataclass(frozen=True, slots=True)
class Flight:
    """One take-off to landing of one aircraft."""

    flight_id: str
    aircraft: str  # two digits, as in the flight identifier
    registration: str  # when the flight was noted: it may change later, the serial number does not
    departure: Stop
    arrival: Stop
    airline: str = ""
    aircraft_type: str = ""
    serial: str = ""  # of the aircraft
    flight_no: str = ""

    @property
    def day(self) -> datetime:
        """Begin of the UTC day of departure."""
        return self.departure.time.replace(hour=0, minute=0, second=0, microsecond=0)
