"""What the report looks at in a flight: its height, climb and descent, pairs of variables that should agree."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, FloatArray, Series
from skyledger.iagos.variables import variables
from skyledger.quality import QualityConfig
from skyledger.quality.groups import tests_of
from skyledger.quality.relations import Consistency

BoolArray = NDArray[np.bool_]

HEIGHT = "baro_alt_AC"
_LEVEL_S, _LEVEL_M = 300.0, 100.0  # level: so little change of height over so long
_GROUND_M = 25.0  # so little above the lowest point an aircraft rolls
_LOGARITHMIC_RATIO = 100.0
_USABLE = (Validity.GOOD, Validity.LIMITED)


class Pair(NamedTuple):
    """Two measurements of one quantity, for a variable."""

    variable: str
    first: str  # a variable or a channel
    second: str
    limit: float | None  # largest usual difference, of the test that compares them


def usable(series: Series) -> FloatArray:
    """Values that are good or limited; NaN elsewhere."""
    return np.where(np.isin(series.validity, _USABLE), series.value, np.nan)


def seen(series: Series) -> FloatArray:
    """Values that are not known to be wrong; NaN elsewhere."""
    return np.where(series.validity == Validity.ERRONEOUS, np.nan, series.value)


def logarithmic_from(series: Series) -> float | None:
    """Where a logarithmic axis begins; None unless most values lie two powers of ten apart, as those of water do."""
    found = usable(series)
    found = found[np.isfinite(found)]
    small, large = np.percentile(found, [1, 99]) if found.size else (0.0, 0.0)
    return float(small) / 2 if 0 < _LOGARITHMIC_RATIO * small < large else None


def altitude_m(data: FlightData) -> FloatArray | None:
    """Height over the flight, (n,) metres; None where the data have none."""
    return seen(data.series[HEIGHT]) if HEIGHT in data.series else None


def legs(data: FlightData) -> dict[str, BoolArray]:
    """Which values belong to the climb and to the descent, (n,); empty where they cannot be told apart.

    The climb goes from the ground to where the aircraft first stays level, up in the air; the descent from where it
    last did to the ground. Steps between levels of the cruise belong to neither.
    """
    height = altitude_m(data)
    if height is None or not np.isfinite(height).any():
        return {}
    steps = max(1, round(_LEVEL_S / data.interval_s))
    change = np.abs(height[steps:] - height[:-steps])
    level = np.flatnonzero((change < _LEVEL_M) & (height[steps:] > np.nanmax(height) / 2))
    if not level.size:
        return {}
    first, last = int(level[0]), int(level[-1]) + steps
    on_ground = height <= np.nanmin(height) + _GROUND_M
    take_off, landing = np.flatnonzero(on_ground[:first]), np.flatnonzero(on_ground[last:])
    rows = np.arange(len(data))
    begin = take_off[-1] if take_off.size else 0
    end = last + landing[0] if landing.size else len(rows)
    return {"ascent": (rows >= begin) & (rows <= first), "descent": (rows >= last) & (rows <= end)}


def pairs(data: FlightData, config: QualityConfig) -> list[Pair]:
    """What should agree: variables that instrument and aircraft measure, and whatever a consistency test compares."""
    found: dict[tuple[str, str], Pair] = {}
    suffix = f"_{data.key.instrument_type}"
    for name in of_instrument(data):
        of_aircraft = f"{name.removesuffix(suffix)}_AC"
        if of_aircraft in data.series:
            found[name, of_aircraft] = Pair(name, name, of_aircraft, None)
        items = config.group(name).items if name in config.series else ()
        for test in (test for item in items for test in tests_of(item)):
            if isinstance(test, Consistency):
                first = test.of or name
                found[first, test.other] = Pair(name, first, test.other, test.max_difference)
    return [pair for pair in found.values() if all(_known(data, one) for one in (pair.first, pair.second))]


def difference(data: FlightData, pair: Pair) -> FloatArray:
    """First less second where the variable is usable, (n,); NaN elsewhere."""
    first, second = (
        usable(data.series[name]) if name in data.series else data.channels[name]
        for name in (pair.first, pair.second)
    )
    return np.where(np.isfinite(usable(data.series[pair.variable])), first - second, np.nan)


def _known(data: FlightData, name: str) -> bool:
    return name in data.series or name in data.channels


def of_instrument(data: FlightData) -> list[str]:
    """Names of the variables that the instrument measures: those a release speaks of."""
    return [name for name in data.series if variables()[name].kind == "instrument"]
