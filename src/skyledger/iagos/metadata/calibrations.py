"""Calibrations of components, and which of them count before and after a deployment.

`choose` and the records need no database; `get_calibrations` and `calibration_set` read them from it.

A calibration has no role of its own. It is *pre* or *post* of the time a component served on board: from the start of
the deployment, or from its installation in the deployed unit if that is later, to the end or the removal. Calibrations
inside that time are neither, and are told.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple, get_args

from skyledger.errors import FormatError, PermanentError
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.components import component_tree
from skyledger.iagos.metadata.deployments import Service, services, units_on_board
from skyledger.iagos.metadata.flights import flight
from skyledger.iagos.metadata.sql import aware, known, statement
from skyledger.warehouse import Session

Function = Literal["linear", "polynomial", "table"]
FUNCTIONS: tuple[Function, ...] = get_args(Function)
# Which calibrations count, in words; by default those before the deployment, for Level 2 both
Choice = Literal["default", "pre", "post", "both"]
CHOICES: dict[Choice, str] = {
    "default": "as the level has it",
    "pre": "before the deployment only",
    "post": "after the deployment only",
    "both": "before and after the deployment",
}
_COEFFICIENT = re.compile(r"c(\d+)")
_NODE = re.compile(r"[xy](\d+)")


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """One calibration of one component, as it was known at some time.

    Parameters by function, in units of the calibrated quantity: linear y = slope x + offset: slope, offset;
    polynomial y = c0 + c1 x + ...: c0, c1, ...; table, linear between nodes with rising x: x0, y0, x1, y1, ...
    """

    id: int  # of the row: a correction is another one
    component: str  # serial number
    timestamp: datetime  # UTC; of several days the last
    function: Function
    parameters: Mapping[str, float]
    uncertainties: Mapping[str, float] = field(default_factory=dict)  # by parameter, same unit; may lack some
    name: str = ""
    description: str = ""
    recorded_at: datetime | None = None  # UTC; None: not from the database

    def as_dict(self) -> dict[str, Any]:
        """Plain values for provenance and reports."""
        return {
            "id": self.id,
            "component": self.component,
            "timestamp": self.timestamp.isoformat(),
            "function": self.function,
            "parameters": dict(self.parameters),
            "uncertainties": dict(self.uncertainties),
            "name": self.name,
            "recorded_at": self.recorded_at.isoformat() if self.recorded_at else None,
        }


@dataclass(frozen=True, slots=True)
class CalibrationPair:
    """The calibrations around a component's service; either may be missing."""

    pre: CalibrationRecord | None
    post: CalibrationRecord | None
    during: tuple[CalibrationRecord, ...] = ()  # neither
    warnings: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """Those that count."""
        return tuple(one.id for one in (self.pre, self.post) if one)


@dataclass(frozen=True, slots=True)
class Part:
    """A component that is built into a deployed unit."""

    serial: str
    pair: CalibrationPair
    component_id: int = 0  # 0: not from the database


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """Everything a flight of an instrument is calibrated with."""

    deployment: str  # its internal number
    unit_serial: str
    parts: Mapping[str, Part]  # by type of component; a part that is not there is told in `warnings`
    as_of: datetime  # UTC: what was known then
    notes: tuple[str, ...] = ()
    choice: Choice = "default"  # by the PI

    @property
    def ids(self) -> tuple[int, ...]:
        """Of all calibrations that count, ascending."""
        return tuple(sorted({number for part in self.parts.values() for number in part.pair.ids}))

    @property
    def has_post(self) -> bool:
        """Whether every part was calibrated after its service: Level 2 can be made."""
        return bool(self.parts) and all(part.pair.post for part in self.parts.values())

    def lacking(self, choice: Choice) -> tuple[str, ...]:
        """Parts without a calibration that a choice needs."""
        return tuple(
            f"{name} {part.serial}"
            for name, part in self.parts.items()
            if (choice in ("pre", "both") and not part.pair.pre)
            or (choice in ("post", "both") and not part.pair.post)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whatever a person should look at."""
        return self.notes + tuple(told for part in self.parts.values() for told in part.pair.warnings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for provenance and reports."""
        return {
            "deployment": self.deployment,
            "unit": self.unit_serial,
            "as_of": self.as_of.isoformat(),
            "choice": self.choice,
            "parts": {
                name: {
                    "serial": part.serial,
                    "pre": part.pair.pre.as_dict() if part.pair.pre else None,
                    "post": part.pair.post.as_dict() if part.pair.post else None,
                    "during": [one.as_dict() for one in part.pair.during],
                }
                for name, part in self.parts.items()
            },
            "warnings": list(self.warnings),
        }


class ListedCalibration(NamedTuple):
    """A calibration in a list for people. Times are UTC."""

    number: int  # of the row: a correction is another one
    component_type: str
    serial: str
    made: datetime
    name: str
    function: str
    recorded: datetime
    recorded_by: str
    corrects: int | None  # number of the row that this one corrects
    corrected_by: int | None
    withdrawn: bool  # without a correction

    def told(self) -> str:
        """Its name and what it stands for now."""
        parts = (
            self.name,
            f"corrects {self.corrects}" if self.corrects else "",
            f"corrected by {self.corrected_by}" if self.corrected_by else "",
            "withdrawn" if self.withdrawn else "",
        )
        return ", ".join(part for part in parts if part)


def choose(
    records: Sequence[CalibrationRecord], time: datetime, services: Sequence[Service] = ()
) -> CalibrationPair:
    """The pair around the service that holds `time`; outside any, the last up to then and the first after it.

    `records` are those of one component that were known (order does not matter), `services` all of its services. Of
    several calibrations on one day the latest recorded counts. Doubts are told as warnings, never settled in silence.
    """
    service = next((one for one in services if one.begin <= time and (not one.end or time < one.end)), None)
    before, during, after = [], [], []
    for one in records:
        if one.timestamp <= (service.begin if service else time):
            before.append(one)
        elif service and (service.end is None or one.timestamp < service.end):
            during.append(one)
        else:
            after.append(one)
    pre, told_pre = _latest_recorded(before, "pre", last=True)
    post, told_post = _latest_recorded(after, "post", last=False)
    warnings = told_pre + told_post
    if service:
        for one in during:
            warnings.append(
                f"{_shown(one)} lies inside deployment {service.deployment}: neither pre nor post"
            )
        warnings += _between(service, services, pre, post)
    return CalibrationPair(pre, post, tuple(sorted(during, key=_age)), tuple(warnings))


def get_calibrations(
    session: Session, component_id: int, time: datetime, as_of: datetime | None = None
) -> CalibrationPair:
    """The pair of a component for a time, as it was known at `as_of` (None: now)."""
    as_of = as_of or datetime.now(UTC)
    found = known_records(session, (component_id,), as_of)
    return choose(found.get(component_id, ()), time, services(session, component_id, as_of))


def calibration_set(
    session: Session,
    flight_id: str,
    instrument_type: str,
    as_of: datetime | None = None,
    choice: Choice = "default",
) -> CalibrationSet:
    """What a flight of an instrument is calibrated with, as it was known at `as_of` (None: now).

    A part that no component of the unit was at that time is left out, with a note. Raises PermanentError when the
    flight is not known, when no unit of the instrument was on board, or when there were two: which one is not guessed.
    """
    as_of = as_of or datetime.now(UTC)
    instrument = load_instrument(instrument_type)
    flown = flight(session, flight_id)
    time = flown.departure.time
    units = units_on_board(session, flown.aircraft_id, instrument.unit, time, as_of)
    if len(units) != 1:
        listed = " and ".join(f"{unit.serial} (deployment {unit.deployment})" for unit in units) or "none"
        raise PermanentError(
            f"flight {flight_id}: {instrument.unit} on aircraft {flown.aircraft} at {time.isoformat()}:"
            f" {listed}; expected one, see table deployment"
        )
    unit = units[0]
    tree = component_tree(session, unit.component_id, time, as_of)
    found = known_records(session, tuple(one.component_id for one in tree), as_of)
    parts, notes = {}, []
    for wanted in sorted({one.component for one in instrument.measured.values()}):
        built_in = [one for one in tree if one.component_type == wanted]
        if not built_in:
            notes.append(f"no {wanted} in {instrument.unit} {unit.serial} at {time.isoformat()}")
            continue
        if len(built_in) > 1:
            serials = " and ".join(one.serial for one in built_in)
            raise PermanentError(
                f"flight {flight_id}: {wanted} in {instrument.unit} {unit.serial} at {time.isoformat()}: {serials};"
                " expected one, see table component_relation"
            )
        part = built_in[0]
        pair = choose(found.get(part.component_id, ()), time, services(session, part.component_id, as_of))
        parts[wanted] = Part(part.serial, pair, part.component_id)
    return CalibrationSet(unit.deployment, unit.serial, parts, as_of, tuple(notes), choice)


def all_calibrations(session: Session) -> list[ListedCalibration]:
    """Every calibration with its number, also those that were corrected or withdrawn; by component and time."""
    return [
        ListedCalibration(
            number, kind, serial, aware(made), name, function, aware(recorded), by, corrects, *ended
        )
        for number, kind, serial, made, name, function, recorded, by, corrects, *ended in session.query(
            statement("all_calibrations")
        )
    ]


def known_records(
    session: Session, component_ids: Sequence[int], as_of: datetime
) -> dict[int, list[CalibrationRecord]]:
    """Calibrations of components as they were known at a time, by number of the component."""
    rows = session.query(
        statement("calibrations"),
        {"component_ids": ",".join(map(str, component_ids)), "as_of": known(as_of)},
    )
    found: dict[int, list[CalibrationRecord]] = {}
    for (number, component, *rest), of_one in groupby(rows, key=lambda row: row[:8]):
        parameters, uncertainties = {}, {}
        for *_, parameter, value, uncertainty in of_one:
            parameters[parameter] = value
            if uncertainty is not None:
                uncertainties[parameter] = uncertainty
        serial, at, function, name, description, recorded_at = rest
        record = CalibrationRecord(
            number,
            serial,
            aware(at),
            function,
            parameters,
            uncertainties,
            name,
            description,
            aware(recorded_at),
        )
        found.setdefault(component, []).append(record)
    return found


def _latest_recorded(
    candidates: list[CalibrationRecord], role: str, *, last: bool
) -> tuple[CalibrationRecord | None, list[str]]:
    if not candidates:
        return None, []
    day = (max if last else min)(one.timestamp for one in candidates).astimezone(UTC).date()
    of_day = sorted((one for one in candidates if one.timestamp.astimezone(UTC).date() == day), key=_recorded)
    told = (
        [
            f"{len(of_day)} calibrations of {of_day[0].component} on {day} could be {role}:"
            f" {', '.join(_shown(one) for one in of_day)}; the latest recorded counts, {of_day[-1].id}"
        ]
        if len(of_day) > 1
        else []
    )
    return of_day[-1], told


def _between(
    service: Service,
    services: Sequence[Service],
    pre: CalibrationRecord | None,
    post: CalibrationRecord | None,
) -> list[str]:
    """Other services between a calibration and the one it stands for: its drift is not this service's alone."""
    told = []
    for other in services:
        if pre and other.begin < service.begin and other.end and pre.timestamp < other.end:
            told.append(f"pre {_shown(pre)} is older than the end of service in {other.deployment}")
        if post and service.end and other.begin >= service.end and other.begin < post.timestamp:
            told.append(f"post {_shown(post)} was made only after service in {other.deployment} had begun")
    return told


def _age(record: CalibrationRecord) -> tuple[datetime, int]:
    return record.timestamp, record.id


def _recorded(record: CalibrationRecord) -> tuple[datetime, int]:
    return record.recorded_at or datetime.min.replace(tzinfo=UTC), record.id


def _shown(record: CalibrationRecord) -> str:
    return f"calibration {record.id} of {record.component} ({record.timestamp:%Y-%m-%d %H:%M})"


def check_parameters(function: str, parameters: Mapping[str, float]) -> None:
    """Whether a function can be computed from these parameters. Raises FormatError saying what is expected."""
    names = set(parameters)
    if any(not math.isfinite(value) for value in parameters.values()):
        raise FormatError(f"parameters {_listed(names)}: expected finite numbers")
    if function == "linear":
        expected, good = "slope, offset", names == {"slope", "offset"}
    elif function == "polynomial":
        numbers = sorted(int(found[1]) for name in names if (found := _COEFFICIENT.fullmatch(name)))
        expected, good = "c0, c1, ... without a gap", numbers == list(range(len(names))) and bool(names)
    elif function == "table":
        nodes = {int(found[1]) for name in names if (found := _NODE.fullmatch(name))}
        whole = len(nodes) >= 2 and names == {f"{axis}{n}" for n in range(len(nodes)) for axis in "xy"}
        rising = whole and all(parameters[f"x{a}"] < parameters[f"x{b}"] for a, b in pairwise(sorted(nodes)))
        expected, good = "x0, y0, x1, y1, ... without a gap, x rising", rising
    else:
        raise FormatError(f"function {function!r}: expected one of {', '.join(FUNCTIONS)}")
    if not good:
        raise FormatError(f"parameters {_listed(names)} of a {function} function: expected {expected}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "(none)"
