"""What goes wrong with the sensors of a day, where a test of the file's own quality checks can find it.

Faults of one instrument do not overlap, keep two minutes apart, stay within the station's day, and leave alone what
another instrument's fault is recognised by: no humidity fault while it rains, no rain fault but in its own right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sandbox.noise import BoolArray, FloatArray, key, normal, uniform
from sandbox.weather.air import Air
from sandbox.weather.instruments import Values, as_logged
from sandbox.weather.showers import TIP_MM
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    BATTERY,
    LOGGER_TEMPERATURE,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)

Expected = Literal["suspect", "fail", "missing"]

MARGIN_S = 120
# how a missing value is written
LEXEMES = {"NAN quoted": '"NAN"', "NAN bare": "NAN", "7999": "7999", "empty field": ""}
STUCK, BATTERY_FAILURE, SHADED = "stuck", "battery failure", "shaded PAR sensor"
SPIKE, STEP, OUT_OF_RANGE = "spike", "step", "out of range"

MEASURED = (
    BATTERY,
    LOGGER_TEMPERATURE,
    AIR_TEMPERATURE,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    PHOTONS,
    WIND_DIRECTION,
    WIND_SPEED,
    RAIN,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one variable, from the first to the last second it hits."""

    kind: str
    variable: str
    first_utc_s: int
    last_utc_s: int
    expected: Expected  # the gravest flag its rows should get
    amount: float = np.nan  # size, in the unit of the file; NaN where there is none
    sound: bool = (
        False  # the value is right and doubted for another's sake: battery fails, PAR and radiation disagree
    )


_SKIES: dict[str, Callable[[Air], BoolArray]] = {
    "any": lambda air: np.ones(len(air.time_s), bool),
    "no shower": lambda air: air.wetness == 0,
    "dry": lambda air: (air.wetness == 0) & (air.humidity_percent < 27),
    "not saturated": lambda air: (air.wetness == 0) & (air.humidity_percent < 93),
    "windy": lambda air: air.speed_m_s > 0.65,
    "night": lambda air: air.sun_deg < -7,
    "sunny": lambda air: air.shortwave_w_m2 > 70,
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of fault: of the first variable (the others are sound), expected flag, how long, how large, when.

    tries, share: so many times a day, each with this probability
    """

    name: str
    variables: tuple[str, ...]
    expected: Expected
    tries: int
    share: float
    lasts_s: tuple[float, float]
    amount: tuple[float, float] = (np.nan, np.nan)
    sky: str = "any"


T, RH, SW, PAR, WD, WS, V = (
    AIR_TEMPERATURE,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    PHOTONS,
    WIND_DIRECTION,
    WIND_SPEED,
    BATTERY,
)
# the long ones first: they find room in an empty day
_KINDS = (
    _Kind(BATTERY_FAILURE, MEASURED, "suspect", 1, 0.3, (600, 1500), (8.0, 9.3), "no shower"),
    _Kind(STUCK, (RH,), "suspect", 1, 0.4, (7_500, 11_000), sky="not saturated"),
    _Kind(STUCK, (WD,), "suspect", 1, 0.6, (3_800, 6_500), sky="windy"),
    _Kind(STUCK, (WS,), "suspect", 1, 0.5, (3_800, 6_500)),
    _Kind(STUCK, (T,), "fail", 1, 0.15, (7_500, 9_500)),
    _Kind(STUCK, (T,), "suspect", 1, 0.5, (2_000, 5_000)),
    _Kind(SHADED, (PAR, SW), "suspect", 1, 0.7, (1_800, 5_000), (0.45, 0.73), "sunny"),
    _Kind("humidity above 100", (RH,), "suspect", 1, 0.6, (600, 2_400), (100.4, 102.6), "no shower"),
    _Kind("humidity above 103", (RH,), "fail", 1, 0.5, (300, 1_200), (103.4, 109.0), "no shower"),
    _Kind("radiation at night", (SW,), "suspect", 1, 0.6, (300, 1_200), (25, 45), "night"),
    _Kind("radiation at night", (PAR,), "suspect", 1, 0.6, (300, 1_200), (25, 90), "night"),
    _Kind(STEP, (T,), "suspect", 1, 0.6, (120, 900), (-28, -14)),
    _Kind(STEP, (WS,), "suspect", 1, 0.5, (60, 300), (37, 52)),
    _Kind(OUT_OF_RANGE, (T,), "fail", 1, 0.5, (30, 300), (64, 95)),
    _Kind(OUT_OF_RANGE, (RH,), "fail", 1, 0.4, (30, 300), (-9, -3), "no shower"),
    _Kind(OUT_OF_RANGE, (WD,), "fail", 1, 0.4, (5, 60), (370, 540)),
    _Kind(OUT_OF_RANGE, (WS,), "fail", 1, 0.4, (5, 60), (64, 99)),
    _Kind(OUT_OF_RANGE, (SW,), "fail", 1, 0.4, (10, 120), (-90, -20)),
    _Kind(OUT_OF_RANGE, (PAR,), "fail", 1, 0.4, (10, 120), (-90, -20), "night"),
    _Kind(OUT_OF_RANGE, (V,), "suspect", 1, 0.3, (300, 900), (10.2, 11.2)),
    _Kind(OUT_OF_RANGE, (LOGGER_TEMPERATURE,), "fail", 1, 0.3, (30, 300), (88, 120)),
    _Kind(OUT_OF_RANGE, (RAIN,), "suspect", 1, 0.4, (1, 1), (3, 7), "no shower"),  # tips in a second
    _Kind(OUT_OF_RANGE, (RAIN,), "fail", 1, 0.3, (1, 1), (9, 20), "no shower"),
    _Kind(SPIKE, (T,), "suspect", 3, 0.9, (1, 1), (1.5, 14)),
    _Kind(SPIKE, (WS,), "suspect", 3, 0.9, (1, 1), (22, 33)),
    _Kind("rain in dry air", (RAIN,), "suspect", 3, 0.8, (1, 1), (1, 1), "dry"),
    _Kind("rain is no multiple of a tip", (RAIN,), "suspect", 2, 0.8, (1, 1), (0.3, 0.7), "no shower"),
)
# what shares an instrument, or is recognised by another's values
_GROUPS = ((T,), (RH, RAIN), (SW, PAR), (WD, WS), (V,), (LOGGER_TEMPERATURE,))
_GROUP_OF = {variable: group for group in _GROUPS for variable in group}


def plan(seed: int, name: str, air: Air) -> tuple[Fault, ...]:
    """Faults of a station's day, ascending in time. air: every second of the day; name: of the day, for its keys."""
    free = {group: np.ones(len(air.time_s), bool) for group in _GROUPS}
    faults: list[Fault] = []
    kinds = list(_KINDS)
    for lexeme in LEXEMES:
        drawn = uniform(key(seed, name, lexeme), 0)[0]
        variable = MEASURED[int(len(MEASURED) * drawn)]
        kinds.append(_Kind(lexeme, (variable,), "missing", 1, 0.9, (1, 100), sky="no shower"))
    for kind in kinds:
        skies = _SKIES[kind.sky](air)
        for n in range(kind.tries):
            draws = key(seed, name, kind.name, kind.variables[0], kind.expected, n)
            happens, where, how_long, how_much = uniform(draws, np.arange(4))
            lasts_s = round(_between(kind.lasts_s, how_long))
            groups = {_GROUP_OF[variable] for variable in kind.variables}
            if happens >= kind.share:
                continue
            start = _room(np.logical_and.reduce([skies, *(free[group] for group in groups)]), lasts_s, where)
            if start is None:
                continue
            for group in groups:
                free[group][max(start - MARGIN_S, 0) : start + lasts_s + MARGIN_S] = False
            first = int(air.time_s[start])
            last, amount = first + lasts_s - 1, _between(kind.amount, how_much)
            for variable in kind.variables:
                expected = "fail" if (kind.name, variable) == (BATTERY_FAILURE, V) else kind.expected
                sound = len(kind.variables) > 1 and variable != kind.variables[0]
                faults.append(
                    Fault(kind.name, variable, first, last, expected, np.nan if sound else amount, sound)
                )
    return tuple(sorted(faults, key=lambda fault: fault.first_utc_s))


def apply(fault: Fault, seed: int, air: Air, values: Values, held: float) -> None:
    """Put a fault into `values`, where it overlaps them. held: what the sensor showed when a stuck one stopped."""
    low, high = np.searchsorted(air.time_s, (fault.first_utc_s, fault.last_utc_s + 1))
    if low == high or fault.sound:
        return
    here, sound = slice(low, high), values[fault.variable][low:high]
    flutter = normal(key(seed, "flutter", fault.variable), air.time_s[here])
    changed: FloatArray
    if fault.kind in LEXEMES:
        changed = np.full(high - low, np.nan)
    elif fault.kind == STUCK:
        changed = np.full(high - low, held)
    elif fault.kind == SPIKE:
        changed = sound + fault.amount
    elif fault.kind == SHADED:
        changed = sound * fault.amount
    elif fault.variable == RAIN:
        tips = fault.amount if fault.kind == "rain is no multiple of a tip" else round(fault.amount)
        changed = np.full(high - low, tips * TIP_MM)
    else:  # at a level of its own
        changed = fault.amount + 0.05 * flutter
    values[fault.variable][here] = as_logged(fault.variable, changed)


def _between(bounds: tuple[float, float], drawn: float) -> float:
    return float(bounds[0] + (bounds[1] - bounds[0]) * drawn)


def _room(allowed: BoolArray, lasts_s: int, drawn: float) -> int | None:
    """A start within the day from which `lasts_s` seconds are allowed, out of all such; None where there is none."""
    allowed = allowed.copy()
    allowed[:MARGIN_S] = allowed[-MARGIN_S:] = False
    before = np.concatenate(([0], np.cumsum(~allowed)))
    starts = np.flatnonzero(before[lasts_s:] == before[:-lasts_s])
    return int(starts[int(drawn * len(starts))]) if len(starts) else None
