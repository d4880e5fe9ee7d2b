"""The fleet: which boxes exist, which sensor sits in them, where they stood when, and on which cylinders.

The history runs from 2017 without end. June 2022 (`EVENTFUL_MONTH`) has one of everything: a move, a
sensor swap, a death, an ended deployment, chamber and co-location periods, exclusions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from sandbox.carbosense.clock import DAY_S, HOUR_S, OPEN_END_S, unix
from sandbox.carbosense.sensors import Model, make_hpp, make_linear, make_lp8
from sandbox.carbosense.sites import FIELD_SITES, SITES, STORE, Site
from sandbox.noise import FloatArray, IntArray, key, normal, uniform

SensorType = Literal["LP8", "HPP", "Vaisala", "Licor"]
SENSOR_TYPES: tuple[SensorType, ...] = ("LP8", "HPP", "Vaisala", "Licor")

EVENTFUL_MONTH = (2022, 6)
HORIZON_S = unix("2035-01-01")  # no calibration campaign or cylinder change is planned after
TRAVEL_S = 2 * HOUR_S  # between the end of a deployment and the next
FIRMWARE_S = unix("2017-06-28")  # from here on the LP8 sends means, and its last values as `-last`
CYLINDER_PERIOD_S = 240 * DAY_S
FOREIGN_UNIT = 1445  # at the source, but not of this network: its id ends like that of unit 445


@dataclass(frozen=True, slots=True)
class Stay:
    """A deployment of a unit."""

    site: Site
    start_s: int
    end_s: int
    cal_mode: int | None
    height_above_ground_m: float


@dataclass(frozen=True, slots=True)
class Mounted:
    """A sensor in a unit."""

    model: Model
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A reference cylinder with one fill at one inlet of a unit; between stays it travels with the unit."""

    cylinder_id: str
    unit_id: int
    inlet: Literal["a", "b"]
    co2_ppm: float
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A known malfunction of a sensor."""

    unit_id: int
    start_s: int
    end_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One box.

    phase_s: where in its sending period it stands; last_s: after it nothing is sent any more;
    two_valves_from_s: before it there is one valve, sent as `calibration`.
    """

    unit_id: int
    sensor_type: SensorType
    phase_s: int
    stays: tuple[Stay, ...]
    sensors: tuple[Mounted, ...]
    last_s: int
    two_valves_from_s: int = 0
    registered: bool = True

    @property
    def period_s(self) -> int:
        """Time between two telegrams."""
        return 600 if self.sensor_type == "LP8" else 60

    @property
    def first_s(self) -> int:
        """When it was switched on."""
        return self.stays[0].start_s

    def stay_index(self, time_s: IntArray) -> IntArray:
        """Which of the stays each moment lies in; -1 for the store."""
        return _inside([stay.start_s for stay in self.stays], [stay.end_s for stay in self.stays], time_s)

    def sensor_index(self, time_s: IntArray) -> IntArray:
        """Which of the sensors is mounted at each moment; -1 for none."""
        return _inside([m.start_s for m in self.sensors], [m.end_s for m in self.sensors], time_s)

    def place(self, index: int) -> tuple[Site, float]:
        """Site and height above ground of a stay index."""
        return (
            (self.stays[index].site, self.stays[index].height_above_ground_m) if index >= 0 else (STORE, 0.0)
        )


def _inside(starts: list[int], ends: list[int], time_s: IntArray) -> IntArray:
    index = np.searchsorted(np.array(starts), time_s, side="right") - 1
    return np.where((index >= 0) & (time_s < np.array(ends)[index]), index, -1)


# One step of a unit's history: from when, where (None: taken down), calibration mode.
_Step = tuple[int, str | None, int | None]
# gap before the step; a swap on the spot is quicker than a move
_SWAP_S = HOUR_S // 2

_LP8_MOVES = {1012: ("2022-06-07 13:40", "TAEN")}
_SWAPS = {1017: "2022-06-14 09:30", 1015: "2021-11-16 14:00", 434: "2020-01-20 11:00"}
_DEATHS = {1023: "2022-06-09 13:37", 1046: "2020-11-03 04:12"}  # the deployment goes on, telegrams stop
_TAKEN_DOWN = {1031: "2022-06-17 18:00", 1048: "2019-12-10 15:00", 426: "2022-09-30 12:00"}
_SILENT = {
    1031: "2022-06-25 12:00",
    1048: "2019-12-11 09:00",
    426: "2022-10-01 08:00",
}  # switched off, in the store
_CHAMBER_2022 = (1010, 1014, 1018, 1022)
_HPP_SITES = {426: "PAY", 428: "RIG", 431: "HAE", 434: "ZUE", 440: "CHRI", 445: "SSAL", FOREIGN_UNIT: "MAGN"}
_SINGLE_VALVE_UNTIL = {426: OPEN_END_S, 434: unix("2020-07-01 09:00")}
_NARROW_SPAN = 428  # its two cylinders differ by less than 100 ppm: only an offset can be fitted

EXCLUSIONS = (
    Exclusion(1027, unix("2018-10-01"), unix("2018-10-20"), "optics wet after a leak"),
    Exclusion(1019, unix("2022-06-20 06:00"), unix("2022-06-23 12:00"), "optics wet after a leak"),
    Exclusion(440, unix("2022-06-10 08:00"), unix("2022-06-13 16:00"), "pump stuck"),
)


def make_fleet(seed: int) -> dict[int, Unit]:
    """All units, by id; the same seed gives the same fleet."""
    units = [
        *(_unit(seed, 1010 + i, "LP8", _lp8_history(i)) for i in range(40)),
        *(_unit(seed, unit_id, "HPP", _hpp_history(unit_id)) for unit_id in _HPP_SITES),
        _unit(
            seed,
            4056,
            "Vaisala",
            [(unix("2021-07-01 10:00"), "DUE1", 1), (unix("2022-03-01 12:00"), "ZUE", None)],
        ),
        _unit(
            seed,
            4058,
            "Vaisala",
            [(unix("2022-02-01 10:00"), "DUE1", 1), (unix("2022-05-02 12:00"), "ZSCH", None)],
        ),
        _unit(
            seed,
            4057,
            "Licor",
            [(unix("2021-07-01 10:00"), "DUE1", 1), (unix("2022-04-04 12:00"), "ZHBR", None)],
        ),
    ]
    return {unit.unit_id: unit for unit in units}


def _lp8_history(i: int) -> list[_Step]:
    unit_id = 1010 + i
    home = "DUE1" if i >= 38 else FIELD_SITES[i % len(FIELD_SITES)].name
    at_home: int | None = 1 if home == "DUE1" else None
    steps: list[_Step] = [
        (unix("2017-05-02 08:00") + 600 * i, "DUE1", 1),
        (unix("2017-06-21 09:00"), "DUE2", 2),
        (unix("2017-07-03 14:00"), "DUE4", 3),
        (unix("2017-07-07 09:00") + (i % 10) * DAY_S + 1200 * (i % 7), home, at_home),
    ]
    if home != "DUE1":
        for campaign in ("2019-03-01 10:00", "2021-03-01 10:00", "2024-03-01 10:00", "2026-03-02 10:00"):
            start = unix(campaign) + (i % 4) * 60 * DAY_S
            if i % 5 == 0 and campaign.startswith("2019"):
                home = FIELD_SITES[(i + 5) % len(FIELD_SITES)].name  # comes back to another site
            steps += [(start, "DUE1", 1), (start + 45 * DAY_S, home, None)]
    if unit_id in _CHAMBER_2022:
        steps += [
            (unix("2022-06-02 09:00"), "DUE2", 2),
            (unix("2022-06-12 15:00"), "DUE1", 1),
            (unix("2022-07-20 10:00"), home, None),
        ]
    if unit_id in _LP8_MOVES:
        moved, site = _LP8_MOVES[unit_id]
        steps = [
            (at, site if at > unix(moved) and where == home else where, mode) for at, where, mode in steps
        ]
        steps.append((unix(moved), site, None))
    return sorted(steps, key=lambda step: step[0])


def _hpp_history(unit_id: int) -> list[_Step]:
    home = _HPP_SITES[unit_id]
    if unit_id == FOREIGN_UNIT:
        return [(unix("2021-01-11 09:00"), home, None)]
    steps: list[_Step] = [
        (unix("2018-01-10 09:00"), "DUE1", 1),
        (unix("2018-03-02 10:00"), "DUE2", 2),
        (unix("2018-03-13 10:00"), "DUE4", 3),
        (unix("2018-04-03 12:00"), home, None),
    ]
    if unit_id == 434:
        steps += [(unix("2022-06-13 11:00"), "DUE1", 1), (unix("2022-07-20 10:00"), home, None)]
    return steps


def _unit(seed: int, unit_id: int, sensor_type: SensorType, steps: list[_Step]) -> Unit:
    steps = list(steps)
    swap_s = unix(_SWAPS[unit_id]) if unit_id in _SWAPS else None
    if swap_s is not None:  # a swap ends the deployment and begins another at the same place
        before = max((step for step in steps if step[0] < swap_s), key=lambda step: step[0])
        steps = sorted([*steps, (swap_s, before[1], before[2])], key=lambda step: step[0])
    if unit_id in _TAKEN_DOWN:
        down_s = unix(_TAKEN_DOWN[unit_id])
        steps = [step for step in steps if step[0] < down_s] + [(down_s, None, None)]
    if unit_id in _DEATHS:  # nobody has noticed yet
        steps = [step for step in steps if step[0] < unix(_DEATHS[unit_id])]
    spread = uniform(key(seed, unit_id, "unit"), np.arange(2))
    stays = []
    for (start_s, where, mode), (next_s, next_where, _) in pairwise([*steps, (OPEN_END_S, "", None)]):
        if where is None:
            break
        gap_s = 0 if next_s == OPEN_END_S or next_where is None else _SWAP_S if next_s == swap_s else TRAVEL_S
        height_m = 2.0 if mode in (1, 2, 3) else round(2.5 + 10 * float(spread[0]), 1)
        stays.append(Stay(SITES[where], start_s, next_s - gap_s, mode, height_m))
    first_s = stays[0].start_s
    changes = [first_s, *([swap_s] if swap_s is not None else []), OPEN_END_S]
    sensors = []
    for n, (start_s, end_s) in enumerate(pairwise(changes)):
        serial = (
            str(unit_id + 1000 * n)
            if sensor_type != "LP8"
            else str(3_040_000 + 37 * (unit_id - 1000) + 5000 * n)
        )
        end_s = end_s if end_s == OPEN_END_S else end_s - _SWAP_S
        sensors.append(Mounted(_MAKERS[sensor_type](seed, serial, start_s), start_s, end_s))
    period_s = 600 if sensor_type == "LP8" else 60
    return Unit(
        unit_id,
        sensor_type,
        # every fifth unit happens to send at midnight: telegrams at 00:00:00 and 23:59:59 sharp
        phase_s=7 if unit_id % 5 == 0 else int(spread[1] * period_s),
        stays=tuple(stays),
        sensors=tuple(sensors),
        last_s=unix((_DEATHS | _SILENT)[unit_id]) if unit_id in _DEATHS | _SILENT else OPEN_END_S,
        two_valves_from_s=_SINGLE_VALVE_UNTIL.get(unit_id, 0),
        registered=unit_id != FOREIGN_UNIT,
    )


_MAKERS: dict[SensorType, Callable[[int, str, int], Model]] = {
    "LP8": make_lp8,
    "HPP": make_hpp,
    "Vaisala": make_linear,
    "Licor": make_linear,
}


def cylinders(seed: int, unit: Unit) -> Iterator[Cylinder]:
    """All cylinders ever at the unit's inlets: two take turns at each, refilled in between."""
    if unit.sensor_type == "LP8":
        return
    for inlet, level_ppm in (("a", 410.0), ("b", 470.0 if unit.unit_id == _NARROW_SPAN else 560.0)):
        begin_s = unit.first_s if inlet == "a" else max(unit.first_s, unit.two_valves_from_s)
        end_of_all_s = min(unit.stays[-1].end_s, HORIZON_S)
        values = level_ppm + 6 * normal(key(seed, unit.unit_id, "cylinder", inlet), np.arange(100))
        for n, start_s in enumerate(range(begin_s, end_of_all_s, CYLINDER_PERIOD_S)):
            yield Cylinder(
                f"CB{unit.unit_id:04d}{inlet.upper()}{n % 2 + 1}",
                unit.unit_id,
                inlet,  # type: ignore[arg-type]
                round(float(np.clip(values[n], level_ppm - 12, level_ppm + 12)), 2),
                start_s,
                min(start_s + CYLINDER_PERIOD_S, end_of_all_s),
            )


def cylinder_ppm(seed: int, unit: Unit, inlet: str, time_s: IntArray) -> FloatArray:
    """CO2 of the (dry) gas at an inlet at each moment; NaN without a cylinder. [ppm]"""
    mine = [cylinder for cylinder in cylinders(seed, unit) if cylinder.inlet == inlet]
    if not mine:
        return np.full(len(time_s), np.nan)
    index = _inside([c.start_s for c in mine], [c.end_s for c in mine], time_s)
    return np.where(index >= 0, np.array([c.co2_ppm for c in mine])[index], np.nan)
