"""What the instrument database has to know of the fleet: tables as CSV, and the same as records for tests without one.

Calibrations after the deployment come in a table of their own, later, as they do from a laboratory.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sandbox.iagos.world import AIRPORTS, BCP, CALIBRATED, CO, O3, PT100, RH, Calibration, Flight, IagosWorld
from skyledger.iagos.metadata import flights
from skyledger.iagos.metadata.calibrations import CalibrationRecord, CalibrationSet, Part, Service, choose

ALWAYS = datetime(2023, 1, 1, tzinfo=UTC)  # aircraft and people were there already
UNIT, HUMIDITY_DEVICE = "P1 unit", "humidity device"
_CLASSES = {
    UNIT: "Unit",
    HUMIDITY_DEVICE: "Unit",
    O3: "Analyser",
    CO: "Analyser",
    RH: "Sensor",
    PT100: "Sensor",
    BCP: "Sensor",
}
_PARAMETERS = {
    O3: ("ozone", "1e-9", "mole_fraction_of_ozone_in_air"),
    CO: ("carbon monoxide", "1e-9", "mole_fraction_of_carbon_monoxide_in_air"),
    RH: ("relative humidity over liquid water", "1", "relative_humidity"),
    PT100: ("air temperature", "K", "air_temperature"),
    BCP: (
        "cloud particles",
        "cm-3",
        "number_concentration_of_cloud_liquid_water_particles_in_air",
    ),
}
PEOPLE = (
    ("pi_p1", "Petra Ingold", "PI", "P1"),
    ("pi_p1_deputy", "Paul Iversen", "PI", "P1"),
    ("operator1", "Olga Peters", "operator", ""),
    ("manager1", "Max Anger", "manager", ""),
    ("reader1", "Rea Der", "reader", ""),
)
Rows = list[dict[str, object]]


def write_tables(world: IagosWorld, folder: Path) -> list[Path]:
    """Write everything that is known while the aircraft fly, a file per table; return their paths."""
    return [_write(folder / f"{name}.csv", rows) for name, rows in tables(world).items()]


def write_post_calibrations(
    world: IagosWorld, folder: Path, aircraft: Iterable[str] = ("02", "07", "09")
) -> Path:
    """Write the calibrations after the deployments on these aircraft; return the path of the table."""
    rows = [
        _calibration(kind, one) for number in aircraft for kind, one in calibrations(world, number, post=True)
    ]
    return _write(folder / "calibration.csv", rows)


def write_flights(flown: Iterable[Flight], folder: Path) -> Path:
    """Write where and when flights took place, for files whose source does not say; return the path of the table."""
    rows = [
        {
            "flight_id": one.flight_id,
            "departure_airport": one.departure.airport,
            "departure_at": _iso(one.departure.time),
            "arrival_airport": one.arrival.airport,
            "arrival_at": _iso(one.arrival.time),
            "flight_no": one.flight_no,
        }
        for one in flown
    ]
    return _write(folder / "flight.csv", rows)


def tables(world: IagosWorld) -> dict[str, Rows]:
    """Rows by table, in the order in which they refer to each other."""
    begin, end = world.deployed
    built = begin - timedelta(days=90)
    components: Rows = []
    relations: Rows = []
    for unit in world.units.values():
        device = f"HUM-{unit.serial[-2:]}"
        components += [_component(UNIT, unit.serial), _component(HUMIDITY_DEVICE, device)]
        relations.append(_relation(HUMIDITY_DEVICE, device, UNIT, unit.serial, built))
        for part in unit.components:
            components.append(_component(part.kind, part.serial))
            parent = (HUMIDITY_DEVICE, device) if part.kind in (RH, PT100) else (UNIT, unit.serial)
            installed = built if part.deployed == begin else part.deployed
            removed = None if part.removed == end else part.removed
            relations.append(_relation(part.kind, part.serial, *parent, installed, removed))
    return {
        "person": [
            {"login": login, "name": name, "email": f"{login}@example.org"} for login, name, *_ in PEOPLE
        ],
        "person_role": [
            {"person": login, "role": role, "instrument_type": kind, "valid_from": _iso(ALWAYS)}
            for login, _, role, kind in PEOPLE
        ],
        "component_class": [{"name": name} for name in dict.fromkeys(_CLASSES.values())],
        "component_type": [{"name": name, "component_class": kind} for name, kind in _CLASSES.items()],
        "parameter": [
            {"name": name, "unit": unit, "standard_name": standard}
            for name, unit, standard in _PARAMETERS.values()
        ],
        "component_type_parameter": [
            {"component_type": kind, "parameter": name, "unit": unit}
            for kind, (name, unit, _) in _PARAMETERS.items()
        ],
        "component": components,
        "component_relation": relations,
        "calibration": [
            _calibration(kind, one)
            for plane in world.aircraft
            for kind, one in calibrations(world, plane.number, post=False)
        ],
        "geo_coordinate": [
            {"name": name, "latitude_deg": latitude, "longitude_deg": longitude}
            for name, (latitude, longitude) in AIRPORTS.items()
        ],
        "airline": [{"name": one.airline, "code": one.airline_code} for one in world.aircraft],
        "aircraft_type": [{"name": "Airbus A330-300", "code": "A333"}],
        "aircraft": [
            {
                "internal_no": one.number,
                "serial_no": one.serial,
                "registration_code": one.registration,
                "airline": one.airline,
                "aircraft_type": "Airbus A330-300",
                "active_from": _iso(ALWAYS),
            }
            for one in world.aircraft
        ],
        "project": [
            {
                "name": "IAGOS-CORE",
                "long_name": "In-service aircraft for a global observing system, made-up fleet",
                "is_infrastructure": "yes",
            }
        ],
        "deployment": [
            {
                "internal_no": f"{one.unit} on {one.number}",
                "project": "IAGOS-CORE",
                "component_type": UNIT,
                "serial_no": one.unit,
                "aircraft": one.number,
                "start_at": _iso(begin),
                "end_at": _iso(end),
            }
            for one in world.aircraft
        ],
    }


def calibrations(world: IagosWorld, aircraft: str, *, post: bool) -> list[tuple[str, Calibration]]:
    """Calibrations of the parts aboard an aircraft, before or after their service, with the kind of the part.

    Among those before, the ozone analyser of the second aircraft has one in the middle of its deployment.
    """
    plane = world.plane(aircraft)
    parts = world.units[plane.unit].components
    found = [(one.kind, one.calibration(post=post)) for one in parts if one.kind in CALIBRATED]
    if plane is world.aircraft[1] and not post:
        part = next(one for one in parts if one.kind == O3)
        when = world.start + timedelta(days=5)
        there = part.truth(np.array([when.timestamp()]))
        parameters = {name: round(float(value[0]), 7) for name, value in there.items()}
        found.append(
            (O3, Calibration(part.serial, when, part.function, parameters, {}, "check on the ground"))
        )
    return found


def calibration_set(world: IagosWorld, flight: Flight, *, post: bool = True) -> CalibrationSet:
    """What a flight is calibrated with, as the instrument database tells it; with post, when all is known."""
    plane, begin = flight.aircraft, flight.departure.time
    unit = world.units[plane.unit]
    known = [*calibrations(world, plane.number, post=False)]
    known += calibrations(world, plane.number, post=True) if post else []
    records = [_record(n, one) for n, (_, one) in enumerate(known, start=1)]
    deployment = f"{plane.unit} on {plane.number}"
    parts = {}
    for kind in CALIBRATED:
        part = unit.part(kind, begin)
        mine = [one for one in records if one.component == part.serial]
        pair = choose(mine, begin, [Service(deployment, part.deployed, part.removed)])
        parts[kind] = Part(part.serial, pair)
    return CalibrationSet(deployment, unit.serial, parts, world.deployed[1] + timedelta(days=30))


def flight_record(flight: Flight) -> flights.Flight:
    """A flight as the instrument database tells it."""
    plane = flight.aircraft
    return flights.Flight(
        flight_id=flight.flight_id,
        aircraft=plane.number,
        registration=plane.registration,
        departure=flight.departure,
        arrival=flight.arrival,
        airline=plane.airline,
        aircraft_type="Airbus A330-300",
        serial=plane.serial,
        flight_no=flight.flight_no,
    )


def _component(kind: str, serial: str) -> dict[str, object]:
    return {"component_type": kind, "serial_no": serial}


def _relation(
    kind: str,
    serial: str,
    parent_kind: str,
    parent: str,
    installed: datetime,
    removed: datetime | None = None,
) -> dict[str, object]:
    return {
        "component_type": kind,
        "serial_no": serial,
        "parent_type": parent_kind,
        "parent_serial_no": parent,
        "installed_at": _iso(installed),
        "removed_at": _iso(removed) if removed else "",
    }


def _calibration(kind: str, one: Calibration) -> dict[str, object]:
    return {
        "component_type": kind,
        "serial_no": one.component,
        "calibrated_at": _iso(one.time),
        "name": one.name,
        "function": one.function,
        "parameters": _pairs(one.parameters.items()),
        "uncertainties": _pairs(one.uncertainties.items()),
    }


def _record(number: int, one: Calibration) -> CalibrationRecord:
    return CalibrationRecord(
        number,
        one.component,
        one.time,
        one.function,
        one.parameters,
        one.uncertainties,
        one.name,  # type: ignore[arg-type]
    )


def _pairs(values: Iterable[tuple[str, float]]) -> str:
    return "; ".join(f"{name}={value!r}" for name, value in values)


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _write(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
