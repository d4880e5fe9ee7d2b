"""The fleet: aircraft, the packages they carry, how these drift, and which flights there are.

Everything is a function of the seed: flight k of an aircraft is the same whoever asks, and in whatever order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from sandbox.iagos.course import Course
from sandbox.noise import key, normal, uniform
from skyledger.iagos.flight import Stop
from skyledger.iagos.names import raw_name

START = datetime(2024, 3, 1, tzinfo=UTC)
EVERY_H = 23.0  # from one departure of an aircraft to its next
BEFORE, AFTER = timedelta(days=60), timedelta(days=100)  # a deployment around the start of the world
PRE, POST = timedelta(days=12), timedelta(days=9)  # calibrations before and after a deployment
SWAP = timedelta(
    days=19, hours=21
)  # after the start, the humidity sensor of a unit is exchanged, on the ground

# latitude, longitude
AIRPORTS = {
    "FRA": (50.0264, 8.5431),
    "JFK": (40.6413, -73.7781),
    "NRT": (35.7647, 140.3864),
    "GRU": (-23.4356, -46.4731),
    "CDG": (49.0097, 2.5479),
    "JNB": (-26.1392, 28.2460),
    "YVR": (49.1939, -123.1844),
    "TPE": (25.0777, 121.2328),
    "LAX": (33.9425, -118.4081),
    "AKL": (-37.0081, 174.7917),
}
O3, CO, RH, PT100, BCP = "O3 analyser", "CO analyser", "RH sensor", "PT100", "BCP"
PARTS = (O3, CO, RH, PT100, BCP)
CALIBRATED = (O3, CO, RH, PT100)
# what a calibration of each kind of component is like: function, and of each parameter the usual value, how units
# differ, the drift over a deployment, and the error of the laboratory
_RESPONSE: dict[str, tuple[str, dict[str, tuple[float, float, float, float]]]] = {
    O3: ("linear", {"slope": (0.985, 0.008, -0.012, 1e-4), "offset": (1.6, 0.4, 0.9, 0.04)}),
    CO: ("linear", {"slope": (1.012, 0.010, 0.018, 2e-4), "offset": (-2.5, 0.8, 2.2, 0.06)}),
    RH: (
        "polynomial",
        {
            "c0": (0.0015, 4e-4, 4e-4, 1e-5),
            "c1": (1.02, 0.01, -0.02, 2e-4),
            "c2": (-0.03, 0.004, 0.004, 1e-4),
        },
    ),
    PT100: ("linear", {"slope": (1.0, 2e-4, 2e-4, 1e-5), "offset": (0.2, 0.1, 0.15, 0.005)}),
}


@dataclass(frozen=True, slots=True)
class Aircraft:
    """One aircraft."""

    number: str  # two digits
    registration: str
    serial: str
    airline: str
    airline_code: str
    hub: str
    destinations: tuple[str, ...]
    unit: str  # serial number of the package it carries


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration in the laboratory. Parameters turn what an instrument says into what is there."""

    component: str  # serial number
    time: datetime
    function: str
    parameters: Mapping[str, float]
    uncertainties: Mapping[str, float]
    name: str


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a unit, aboard from one time to another."""

    kind: str
    serial: str
    seed: int
    deployed: datetime
    removed: datetime
    pre: datetime  # times of its calibrations
    post: datetime

    @property
    def function(self) -> str:
        """Of its calibrations."""
        return _RESPONSE[self.kind][0]

    def truth(self, time_s: np.ndarray) -> dict[str, np.ndarray]:
        """True parameters at (n,) Unix seconds: they drift evenly from one calibration to the next."""
        weight = (time_s - self.pre.timestamp()) / (self.post - self.pre).total_seconds()
        return {name: first + weight * (last - first) for name, (first, last, _) in self._ends().items()}

    def calibration(self, *, post: bool) -> Calibration:
        """What the laboratory finds, with its small error."""
        found, errors = {}, {}
        for name, (first, last, error) in self._ends().items():
            wrong = normal(key(self.seed, self.serial, name, "laboratory"), [int(post)])[0] * error
            found[name] = float(round((last if post else first) + wrong, 7))
            errors[name] = error
        when, name = (self.post, "after") if post else (self.pre, "before")
        return Calibration(self.serial, when, self.function, found, errors, f"{name} deployment")

    def _ends(self) -> dict[str, tuple[float, float, float]]:
        """By parameter: its true value at either calibration, and the error of the laboratory."""
        ends = {}
        for name, (usual, spread, drift, error) in _RESPONSE[self.kind][1].items():
            unit, change = normal(key(self.seed, self.serial, name), [0, 1])
            first = usual + spread * np.clip(unit, -2, 2)
            ends[name] = first, first + drift * (1 + 0.3 * np.clip(change, -2, 2)), error
        return ends


@dataclass(frozen=True, slots=True)
class Unit:
    """One package P1 and everything that was ever in it."""

    serial: str
    components: tuple[Component, ...]

    def part(self, kind: str, time: datetime) -> Component:
        """What was built in."""
        return next(one for one in self.components if one.kind == kind and one.deployed <= time < one.removed)


@dataclass(frozen=True, slots=True)
class Flight:
    """One flight, from take-off to touch-down."""

    aircraft: Aircraft
    number: int  # k-th of the aircraft
    course: Course
    departure: Stop
    arrival: Stop

    @property
    def flight_id(self) -> str:
        """Sixteen digits."""
        return f"{self.departure.time:%Y%m%d%H%M%S}{self.aircraft.number}"

    def raw_name(self, revision: int = 1) -> str:
        """Name of its raw file."""
        return raw_name("P1", self.flight_id, revision)

    @property
    def flight_no(self) -> str:
        """As the airline has it."""
        return f"{self.aircraft.airline_code}{100 + self.number}"


@dataclass(frozen=True)
class IagosWorld:
    """Three aircraft with a package P1 each; the same arguments always give the same data.

    seed: another seed, another world; start: of the first flights; faults: whether instruments fail
    """

    seed: int = 1
    start: datetime = START
    faults: bool = True
    aircraft: tuple[Aircraft, ...] = field(
        default=(
            Aircraft("02", "D-XNWA", "0304", "Nordwind", "NW", "FRA", ("JFK", "NRT", "GRU"), "P1-01"),
            Aircraft("07", "F-XAVA", "0377", "Avion Bleu", "AB", "CDG", ("JNB", "YVR", "JFK"), "P1-02"),
            Aircraft("09", "B-XFEA", "0433", "Far East Air", "FE", "TPE", ("LAX", "AKL", "YVR"), "P1-03"),
        ),
        init=False,
    )

    @property
    def deployed(self) -> tuple[datetime, datetime]:
        """Begin and end of the deployments."""
        return self.start - BEFORE, self.start + AFTER

    @cached_property
    def units(self) -> dict[str, Unit]:
        """Packages by serial number. In that of the last aircraft the humidity sensor is exchanged."""
        begin, end = self.deployed
        swapped = self.start + SWAP
        units = {}
        for plane in self.aircraft:
            parts = []
            for n, kind in enumerate(PARTS):
                serial = f"{kind.split()[0]}-{plane.unit[-2:]}{n}"
                if kind == RH and plane is self.aircraft[-1]:
                    parts.append(self._component(kind, f"{serial}a", begin, swapped))
                    parts.append(self._component(kind, f"{serial}b", swapped, end))
                else:
                    parts.append(self._component(kind, serial, begin, end))
            units[plane.unit] = Unit(plane.unit, tuple(parts))
        return units

    def _component(self, kind: str, serial: str, begin: datetime, end: datetime) -> Component:
        return Component(kind, serial, self.seed, begin, end, begin - PRE, end + POST)

    def plane(self, number: str) -> Aircraft:
        """An aircraft by its two digits."""
        return next(one for one in self.aircraft if one.number == number)

    def flight(self, aircraft: str, number: int) -> Flight:
        """Flight `number` (0, 1, ...) of an aircraft: out and back again."""
        plane = self.plane(aircraft)
        away = plane.destinations[number // 2 % len(plane.destinations)]
        origin, destination = (plane.hub, away) if number % 2 == 0 else (away, plane.hub)
        late, *draws = uniform(key(self.seed, "flight", aircraft, number), np.arange(6))
        offset_h = 6 + 7 * self.aircraft.index(plane) + EVERY_H * number
        departure = self.start + timedelta(seconds=int(3600 * (offset_h + late)))
        course = Course(departure.timestamp(), AIRPORTS[origin], AIRPORTS[destination], tuple(draws))
        arrival = departure + timedelta(seconds=int(course.duration_s))
        if arrival >= self.deployed[1]:
            raise ValueError(
                f"flight {number} of {aircraft} is after the deployment, which ends {self.deployed[1]}"
            )
        return Flight(plane, number, course, Stop(origin, departure), Stop(destination, arrival))

    def flights(self, count: int) -> list[Flight]:
        """The first flights of the fleet, in the order of landing."""
        each = -(-count // len(self.aircraft)) + 1
        found = [self.flight(plane.number, n) for plane in self.aircraft for n in range(each)]
        return sorted(found, key=lambda one: one.arrival.time)[:count]
