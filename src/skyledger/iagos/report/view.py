"""What the report looks at in a flight: its height, climb and descent, pairs of variables that should agree."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, FloatArray, Series
from skyledger.iagos.variables import variables

BoolArray = NDArray[np.bool_]

HEIGHT = "baro_alt_AC"
_CRUISE = 0.93  # of the height that a tenth of the flight lies above: climb ends, descent begins
_LONGEST_LEG_S = 5400.0  # of climb and descent
_USABLE = (Validity.GOOD, Validity.LIMITED)


class Pair(NamedTuple):
    """Two variables that measure the same: by the instrument, by the aircraft."""

    instrument: str
    aircraft: str


def usable(series: Series) -> FloatArray:
    """Values that are good or limited; NaN elsewhere."""
    return np.where(np.isin(series.validity, _USABLE), series.value, np.nan)


def seen(series: Series) -> FloatArray:
    """Values that are not known to be wrong; NaN elsewhere."""
    return np.where(series.validity == Validity.ERRONEOUS, np.nan, series.value)


def altitude_m(data: FlightData) -> FloatArray | None:
    """Height over the flight, (n,) metres; None where the data have none."""
    return seen(data.series[HEIGHT]) if HEIGHT in data.series else None


def legs(data: FlightData) -> dict[str, BoolArray]:
    """Which values belong to the climb and to the descent, (n,); empty where the height is not known."""
    height = altitude_m(data)
    if height is None or not np.isfinite(height).any():
        return {}
    high = np.flatnonzero(height >= _CRUISE * np.nanpercentile(height, 90))
    first, last = int(high[0]), int(high[-1])
    rows = np.arange(len(data))
    to_climb = data.time_s[first] - data.time_s
    to_descend = data.time_s - data.time_s[last]
    return {
        "ascent": (rows <= first) & (to_climb <= _LONGEST_LEG_S),
        "descent": (rows >= last) & (to_descend <= _LONGEST_LEG_S),
    }


def pairs(data: FlightData) -> list[Pair]:
    """Variables of the instrument that the aircraft measures too."""
    suffix = f"_{data.key.instrument_type}"
    own = [name.removesuffix(suffix) for name in data.series if name.endswith(suffix)]
    return [Pair(f"{name}{suffix}", f"{name}_AC") for name in own if f"{name}_AC" in data.series]


def of_instrument(data: FlightData) -> list[str]:
    """Names of the variables that the instrument measures: those a release speaks of."""
    return [name for name in data.series if variables()[name].kind == "instrument"]
