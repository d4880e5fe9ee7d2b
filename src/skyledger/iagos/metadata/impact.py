"""What a new, corrected or withdrawn calibration, relation or deployment touches: computed before anything runs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from skyledger.errors import PermanentError
from skyledger.iagos.instruments import instruments
from skyledger.iagos.metadata.calibrations import choose, known_records
from skyledger.iagos.metadata.deployments import BoardService, services
from skyledger.iagos.metadata.sql import OPEN, aware, naive, statement
from skyledger.warehouse import Session


@dataclass(frozen=True, slots=True)
class Impact:
    """Flights whose data depend on something that changed."""

    deployments: tuple[str, ...] = ()  # internal numbers
    flights: tuple[tuple[str, str], ...] = ()  # flight and instrument type
    variables: tuple[str, ...] = ()  # that are computed with it
    released_l1: int = 0  # of these flights, those with a released Level 1 ...
    released_l2: int = 0  # ... and with a released Level 2

    def as_dict(self) -> dict[str, Any]:
        """Counts, and which flights."""
        return {
            "deployments": list(self.deployments),
            "flights": [list(one) for one in self.flights],
            "n_flights": len(self.flights),
            "variables": list(self.variables),
            "released_l1": self.released_l1,
            "released_l2": self.released_l2,
        }

    def __str__(self) -> str:
        return (
            f"{len(self.flights)} flights of {len(self.deployments)} deployments"
            f" ({self.released_l1} with a released Level 1, {self.released_l2} with a released Level 2)"
        )


@dataclass(frozen=True, slots=True)
class _Window:
    """A time on an aircraft during which flights of an instrument depend on the change."""

    deployment: str
    aircraft_id: int
    instrument_type: str
    variables: tuple[str, ...]
    begin: datetime
    end: datetime


def impact(session: Session, calibration_id: int) -> Impact:
    """Flights for which a calibration is pre or post, or was when it was corrected or withdrawn."""
    return impact_of(session, calibrations=(calibration_id,))


def impact_of(
    session: Session,
    *,
    calibrations: Iterable[int] = (),
    relations: Iterable[int] = (),
    deployments: Iterable[int] = (),
) -> Impact:
    """Flights that depend on any of these rows, as they are now or were before a correction or withdrawal.

    Raises PermanentError for a row that is not known.
    """
    windows = _of_calibrations(session, calibrations)
    for number in relations:
        windows |= _of_relation(session, number)
    for number in deployments:
        windows |= _of_deployment(session, number)
    return _impact(session, windows)


def _of_calibrations(session: Session, numbers: Iterable[int]) -> set[_Window]:
    """Services for which any of them counts."""
    of_component: dict[tuple[int, str, datetime], set[int]] = {}
    for number in numbers:
        of_component.setdefault(_row(session, "calibration", number), set()).add(number)
    windows: set[_Window] = set()
    for (component_id, component_type, recorded_until), changed in of_component.items():
        as_of = _while_true(recorded_until)
        known = known_records(session, (component_id,), as_of).get(component_id, ())
        served = services(session, component_id, as_of)
        for service in served:
            if changed.intersection(choose(known, service.begin, served).ids):
                windows |= _windows(service, component_type)
    return windows


def _of_relation(session: Session, number: int | None) -> set[_Window]:
    """Services of units in which it puts a component, also as it was before a correction."""
    windows: set[_Window] = set()
    while number is not None:
        parent_id, installed_at, removed_at, recorded_until, number = _row(session, "relation", number)
        for service in services(session, parent_id, _while_true(recorded_until)):
            begin, end = max(service.begin, aware(installed_at)), min(_end(service), aware(removed_at))
            if begin < end:
                windows |= _windows(replace(service, begin=begin, end=end))
    return windows


def _of_deployment(session: Session, number: int | None) -> set[_Window]:
    """Itself, also as it was before a correction."""
    windows: set[_Window] = set()
    while number is not None:
        row = number
        name, unit_type, aircraft_id, start_at, end_at, number = _row(session, "deployment", row)
        windows |= _windows(BoardService(name, aware(start_at), aware(end_at), row, unit_type, aircraft_id))
    return windows


def _windows(service: BoardService, component_type: str | None = None) -> set[_Window]:
    """What depends on a service: all that the unit measures, or only what goes through a type of components."""
    found = set()
    for one in instruments().values():
        variables = tuple(
            name for name, measured in one.measured.items() if component_type in (None, measured.component)
        )
        if service.aircraft_id is not None and one.unit == service.unit_type and variables:
            found.add(
                _Window(
                    service.deployment,
                    service.aircraft_id,
                    one.instrument_type,
                    variables,
                    service.begin,
                    _end(service),
                )
            )
    return found


def _impact(session: Session, windows: set[_Window]) -> Impact:
    flights: dict[tuple[str, str], tuple[bool, bool]] = {}
    for window in windows:
        rows = session.query(
            statement("flights_of_window"),
            {
                "aircraft_id": window.aircraft_id,
                "instrument_type": window.instrument_type,
                "begin_at": naive(window.begin),
                "end_at": naive(window.end),
            },
        )
        flights |= {(flight_id, window.instrument_type): (bool(l1), bool(l2)) for flight_id, l1, l2 in rows}
    return Impact(
        tuple(sorted({window.deployment for window in windows})),
        tuple(sorted(flights)),
        tuple(sorted({name for window in windows for name in window.variables})),
        sum(l1 for l1, _ in flights.values()),
        sum(l2 for _, l2 in flights.values()),
    )


def _row(session: Session, kind: str, number: int | None) -> tuple[Any, ...]:
    found = session.query(statement(f"{kind}_row"), {"number": number})
    if not found:
        raise PermanentError(f"no {kind} with number {number}")
    return found[0]


def _while_true(recorded_until: datetime) -> datetime:
    """The last moment at which a row was held to be true."""
    return min(datetime.now(UTC), aware(recorded_until) - timedelta(microseconds=1))


def _end(service: BoardService) -> datetime:
    return service.end or aware(OPEN)
