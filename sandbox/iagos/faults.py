"""What goes wrong with the instruments of a flight, where a check of the data can find it.

Faults of one instrument do not overlap and keep two minutes apart. Each names the variables that are wrong, and those
that are derived from them or lie so close that a check may doubt them or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sandbox.noise import BoolArray, FloatArray, IntArray, key, normal, uniform

STEP_S = 4
MARGIN = 30  # steps between faults of one instrument
# bits of the status word
O3_LAMP, CO_LAMP, RH_SENSOR = 0x0001, 0x0010, 0x0100
MEASURE, ZERO, SPAN = 0, 1, 2  # modes of the CO analyser
SPAN_PPB = 500.0
FIRST_CHECK_S, CHECK_EVERY_S, CHECK_S = 400, 2_400, 80  # zero checks, after take-off
FIRST_SPAN_S, SPAN_EVERY_S, SPAN_S = 5_800, 12_000, 100

OZONE, CARBON_MONOXIDE, CLOUD = ("O3_P1",), ("CO_P1",), ("cloud_P1",)
HUMIDITY = ("RHL_P1", "RHI_P1", "H2O_gas_P1")
SENSOR_T, POSITION = ("air_temp_P1",), ("lon", "lat")
PRESSURE, TEMPERATURE = ("baro_alt_AC", "air_press_AC"), ("air_stag_temp_AC", "air_temp_AC")
EVERYTHING = OZONE + CARBON_MONOXIDE + CLOUD + HUMIDITY + SENSOR_T + POSITION + PRESSURE + TEMPERATURE

GAP, FLAT, SPIKE, LEVEL, STATUS, LOST = (
    "gap",
    "flat line",
    "spike",
    "out of range",
    "status bit",
    "lost value",
)
JUMP, STEP, ZERO_AIR = "position jump", "step", "zero air"
CELLS, OFFSET, COLD, LAMP = "cell mismatch", "sensor offset", "cold sensor", "lamp failure"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, from the first to the last point of the 4 s grid it hits (Unix seconds)."""

    kind: str
    column: str  # of the raw file
    first_s: int
    last_s: int
    amount: float  # size, in the unit of what is measured; of a status bit, the bit
    variables: tuple[str, ...]  # wrong, or missing
    affected: tuple[str, ...] = ()  # derived from them: doubted, or not

    def hits(self, time_s: FloatArray, margin_s: float = 0.0) -> BoolArray:
        """Which of (n,) moments lie in it, by their nearest point of the grid."""
        nominal = on_grid(time_s)
        return (nominal >= self.first_s - margin_s) & (nominal <= self.last_s + margin_s)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of fault: so many times a flight, each with this probability; how long [s], how large."""

    kind: str
    column: str
    variables: tuple[str, ...]
    tries: int
    share: float
    lasts_s: tuple[int, int]
    amount: tuple[float, float] = (np.nan, np.nan)
    affected: tuple[str, ...] = ()
    phases: tuple[int, ...] = (5, 6, 7)


_CRUISE = (6,)
_ONE = (STEP_S, STEP_S)
# the long ones first: they find room in an empty flight
_KINDS = (
    _Kind(COLD, "rh_raw", HUMIDITY, 1, 0.35, (900, 1_800), (16, 20), phases=_CRUISE),
    _Kind(CELLS, "o3_cell_a", OZONE, 1, 0.5, (120, 800), (25, 60)),
    _Kind(GAP, "utc", EVERYTHING, 1, 0.4, (80, 300)),
    _Kind(FLAT, "o3_raw_ppb", OZONE, 1, 0.4, (120, 500)),
    _Kind(FLAT, "co_raw_ppb", CARBON_MONOXIDE, 1, 0.4, (120, 500)),
    _Kind(FLAT, "rh_raw", HUMIDITY, 1, 0.4, (120, 500)),
    _Kind(FLAT, "t_sensor_k", SENSOR_T, 1, 0.3, (120, 500), affected=HUMIDITY),
    _Kind(FLAT, "p_hpa", PRESSURE, 1, 0.3, (120, 500), affected=HUMIDITY),
    _Kind(STATUS, "o3_raw_ppb", OZONE, 1, 0.5, (60, 400), (O3_LAMP, O3_LAMP)),
    _Kind(STATUS, "co_raw_ppb", CARBON_MONOXIDE, 1, 0.5, (60, 400), (CO_LAMP, CO_LAMP)),
    _Kind(STATUS, "rh_raw", HUMIDITY, 1, 0.4, (60, 400), (RH_SENSOR, RH_SENSOR)),
    _Kind(OFFSET, "t_sensor_k", SENSOR_T, 1, 0.4, (120, 600), (9, 14), affected=HUMIDITY),
    _Kind(LOST, "p_hpa", PRESSURE, 1, 0.3, (80, 300), affected=HUMIDITY),
    _Kind(LEVEL, "o3_raw_ppb", OZONE, 1, 0.5, (4, 60), (3_000, 6_000)),
    _Kind(LEVEL, "o3_raw_ppb", OZONE, 1, 0.4, (4, 60), (-90, -20)),
    _Kind(LEVEL, "co_raw_ppb", CARBON_MONOXIDE, 1, 0.5, (4, 60), (-300, -40)),
    _Kind(LEVEL, "rh_raw", HUMIDITY[:2], 1, 0.5, (4, 60), (1.45, 1.9), HUMIDITY[2:]),
    _Kind(LEVEL, "p_hpa", PRESSURE, 1, 0.4, (4, 60), (1_180, 1_400), HUMIDITY),
    _Kind(LEVEL, "tat_k", TEMPERATURE, 1, 0.4, (4, 60), (420, 480), SENSOR_T),
    _Kind(SPIKE, "o3_raw_ppb", OZONE, 3, 0.8, _ONE, (60, 260)),
    _Kind(SPIKE, "co_raw_ppb", CARBON_MONOXIDE, 3, 0.8, _ONE, (130, 420)),
    _Kind(SPIKE, "t_sensor_k", SENSOR_T, 2, 0.7, _ONE, (9, 20), affected=HUMIDITY),
    _Kind(JUMP, "lat", POSITION, 2, 0.6, _ONE, (0.2, 2)),
)
_COLUMNS_OF = {
    "utc": ("o3_raw_ppb", "co_raw_ppb", "rh_raw", "t_sensor_k", "p_hpa", "tat_k", "lat"),
    "o3_cell_a": ("o3_raw_ppb",),
}
_INSTRUMENTS = _COLUMNS_OF["utc"]
# where humidity is doubted for the sake of temperature or pressure, no fault of humidity of its own begins
_WITH = {"rh_raw": ("rh_raw", "t_sensor_k", "p_hpa"), "t_sensor_k": ("t_sensor_k", "tat_k", "rh_raw")}


def on_grid(time_s: FloatArray) -> IntArray:
    """The nearest points of the 4 s grid."""
    return (np.round(np.asarray(time_s) / STEP_S) * STEP_S).astype(np.int64)


def co_mode(departure_s: float, time_s: FloatArray, phase: IntArray) -> IntArray:
    """Mode of the CO analyser at (n,) Unix seconds: it checks its zero every 40 minutes, and a span gas at times."""
    t = on_grid(time_s) - int(on_grid(np.array([departure_s]))[0])
    flying = (phase >= 4) & (phase <= 7)
    zero = (t >= FIRST_CHECK_S) & ((t - FIRST_CHECK_S) % CHECK_EVERY_S < CHECK_S)
    span = (t >= FIRST_SPAN_S) & ((t - FIRST_SPAN_S) % SPAN_EVERY_S < SPAN_S)
    return np.where(flying & zero, ZERO, np.where(flying & span, SPAN, MEASURE))


def checked(departure_s: float, time_s: FloatArray, phase: IntArray, after_s: float) -> BoolArray:
    """Whether the CO analyser checks itself, or did so at most `after_s` ago; (n,)."""
    before = [time_s - late for late in np.arange(0, after_s + STEP_S, STEP_S)]
    return np.logical_or.reduce([co_mode(departure_s, moment, phase) != MEASURE for moment in before])


def plan(
    series: tuple[object, ...], grid_s: IntArray, phase: IntArray, mode: IntArray, *, failing: bool
) -> tuple[Fault, ...]:
    """Faults of a flight, ascending. series: names of its random numbers; grid_s: all points from power on to off.

    failing: the ozone lamp goes out soon after take-off
    """
    free = {name: np.ones(len(grid_s), bool) for name in _INSTRUMENTS}
    free["co_raw_ppb"] &= _widened(mode == MEASURE, 20)
    found = list(_of_checks(series, grid_s, phase, mode, free["co_raw_ppb"]))
    if failing:
        flying = np.flatnonzero((phase >= 4) & (phase <= 7))
        first, last = int(grid_s[flying[300]]), int(grid_s[flying[-1]])
        found.append(Fault(LAMP, "o3_raw_ppb", first, last, O3_LAMP, OZONE))
        free["o3_raw_ppb"][:] = False
    for kind in _KINDS:
        where = np.isin(phase, kind.phases)
        touched = _COLUMNS_OF.get(kind.column, _WITH.get(kind.column, (kind.column,)))
        for n in range(kind.tries):
            draws = key(*series, kind.kind, kind.column, *kind.amount, n)
            happens, place, long, large = uniform(draws, np.arange(4))
            steps = max(1, round(_between(kind.lasts_s, long) / STEP_S))
            start = _room(np.logical_and.reduce([where, *(free[name] for name in touched)]), steps, place)
            if happens >= kind.share or start is None:
                continue
            for name in touched:
                free[name][max(start - MARGIN, 0) : start + steps + MARGIN] = False
            first, last = int(grid_s[start]), int(grid_s[start + steps - 1])
            amount = _between(kind.amount, large)
            found.append(Fault(kind.kind, kind.column, first, last, amount, kind.variables, kind.affected))
    return tuple(sorted(found, key=lambda fault: (fault.first_s, fault.column)))


def _of_checks(
    series: tuple[object, ...], grid_s: IntArray, phase: IntArray, mode: IntArray, free: BoolArray
) -> list[Fault]:
    """Faults of carbon monoxide that hang on its zero checks: zero air that stays, and a zero that moved."""
    ends = np.flatnonzero((mode[:-1] == ZERO) & (mode[1:] == MEASURE)) + 1
    landed = np.flatnonzero(phase <= 7)[-1]
    ends = ends[ends < landed - 100]
    found = []
    stays, which, long, moves, large = uniform(key(*series, "checks"), np.arange(5))
    if stays < 0.4 and len(ends) > 3:
        start = int(ends[int(which * (len(ends) - 2))])
        stop = start + 12 + int(25 * long)
        found.append(Fault(ZERO_AIR, "co_raw_ppb", *_times(grid_s, start, stop), 0.0, CARBON_MONOXIDE))
        free[start - MARGIN : stop + MARGIN] = False
    if moves < 0.3 and len(ends) > 3:
        start, amount = int(ends[-2]), float(25 + 20 * large)
        found.append(Fault(STEP, "co_raw_ppb", *_times(grid_s, start, landed + 1), amount, CARBON_MONOXIDE))
        free[start - MARGIN :] = False
    return found


def apply(
    fault: Fault, series: tuple[object, ...], time_s: FloatArray, columns: Mapping[str, FloatArray]
) -> None:
    """Put a fault into what the instruments would say, in the units of what is measured. Gaps are not made here."""
    hit = np.flatnonzero(fault.hits(time_s))
    if not len(hit):
        return
    column = columns[fault.column]
    flutter = normal(key(*series, "flutter", fault.column), on_grid(time_s)[hit])
    match fault.kind:
        case "spike" | "sensor offset":
            column[hit] += fault.amount
        case "step":
            column[hit] += fault.amount
        case "out of range":
            column[hit] = fault.amount * (1 + 0.002 * flutter)
        case "zero air":
            column[hit] = 1.2 * flutter
        case "status bit":
            columns["status_word"][hit] = columns["status_word"][hit].astype(np.int64) | int(fault.amount)
            column[hit] *= 1.06
        case "lamp failure":
            columns["status_word"][hit] = columns["status_word"][hit].astype(np.int64) | int(fault.amount)
            column[hit] = 0.3 * column[hit] + 6 * flutter
        case "cell mismatch":
            column[hit] += fault.amount
            columns["o3_raw_ppb"][hit] += fault.amount / 2
        case "position jump":
            columns["lat"][hit] += fault.amount * np.where(columns["lat"][hit] > 0, -1, 1)
            columns["lon"][hit] += fault.amount * np.where(columns["lon"][hit] > 0, -1, 1)
        case "lost value":
            column[hit] = np.nan


def freeze(fault: Fault, time_s: FloatArray, columns: Mapping[str, FloatArray]) -> None:
    """Let what the file says stand still."""
    hit = fault.hits(time_s)
    if hit.any():
        columns[fault.column][hit] = columns[fault.column][hit][0]


def _times(grid_s: IntArray, start: int, stop: int) -> tuple[int, int]:
    return int(grid_s[start]), int(grid_s[min(stop, len(grid_s)) - 1])


def _between(bounds: tuple[float, float], drawn: float) -> float:
    return float(bounds[0] + (bounds[1] - bounds[0]) * drawn)


def _widened(good: BoolArray, steps: int) -> BoolArray:
    """Good, and so far from what is not."""
    bad = np.convolve(~good, np.ones(2 * steps + 1), "same") > 0.5
    return ~bad


def _room(allowed: BoolArray, steps: int, drawn: float) -> int | None:
    """A start from which so many points are allowed, out of all such; None where there is none."""
    before = np.concatenate(([0], np.cumsum(~allowed)))
    starts = np.flatnonzero(before[steps:] == before[:-steps])
    return int(starts[int(drawn * len(starts))]) if len(starts) else None
