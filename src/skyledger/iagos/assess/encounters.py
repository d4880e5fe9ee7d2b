"""Two aircraft at one airport within an hour met the same air: how well do their profiles agree?

For people only: nothing is flagged by it, for either instrument may be the wrong one, and air differs.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skyledger.config import SQL_DIR
from skyledger.iagos import series
from skyledger.iagos.assess.runs import load_run
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, FloatArray, Key, Stop
from skyledger.iagos.names import Level
from skyledger.iagos.variables import variables
from skyledger.warehouse import Session

WITHIN_S = 3600  # from one take-off or landing to the other
_PROFILE_S = 2400  # of an ascent or descent
_LAYER_M = 500.0
_FEWEST = 3  # good values that a layer needs of each aircraft


class Encounter(NamedTuple):
    """One variable of two flights near one airport."""

    variable: str
    airport: str
    other: Key
    other_at: datetime  # its take-off or landing (UTC)
    layers: int  # of 500 m, in which both have good values
    mean_difference: float  # this flight less the other, of the medians of layers; unit of the variable
    largest_difference: float  # by its size, with its sign


def encounters(session: Session, data: FlightData, data_root: Path) -> list[Encounter]:
    """Encounters of a judged flight with all that were judged before. Raises as `series.load` and `runs.load_run`."""
    found = []
    for stop in (data.departure, data.arrival):
        rows = session.query(
            _statement("encounters"),
            {
                "instrument_type": data.key.instrument_type,
                "flight_id": data.key.flight_id,
                "airport": stop.airport,
                "at_utc": stop.time.astimezone(UTC).replace(tzinfo=None),
                "within_s": WITHIN_S,
            },
        )
        for flight_id, revision, qc_run_id, on_departure in rows:
            key = Key(flight_id, data.key.instrument_type, int(revision))
            other = load_run(session, qc_run_id, data_root).applied_to(
                series.load(session, data_root, key, Level.L0)
            )
            found += compare(data, stop, other, other.departure if on_departure else other.arrival)
    return found


def compare(data: FlightData, stop: Stop, other: FlightData, other_stop: Stop) -> list[Encounter]:
    """Compare the profiles of two judged flights beside these take-offs or landings."""
    found = []
    for name, variable in variables().items():
        if variable.kind == "instrument" and name in data.series and name in other.series:
            ours, theirs = _profile(data, name, stop), _profile(other, name, other_stop)
            common = sorted(ours.keys() & theirs.keys())
            if common:
                difference: FloatArray = np.array([ours[layer] - theirs[layer] for layer in common])
                largest = difference[np.argmax(np.abs(difference))]
                found.append(
                    Encounter(
                        name,
                        stop.airport,
                        other.key,
                        other_stop.time,
                        len(common),
                        float(difference.mean()),
                        float(largest),
                    )
                )
    return found


def _profile(data: FlightData, name: str, stop: Stop) -> dict[int, float]:
    """Median of good values by number of the layer, near a take-off or landing."""
    one, height = data.series[name], data.series["baro_alt_AC"].value
    near = np.abs(data.time_s - stop.time.timestamp()) <= _PROFILE_S
    rows = np.flatnonzero(near & (one.validity == Validity.GOOD) & ~np.isnan(height))
    layers, of_row, counts = np.unique(
        np.floor(height[rows] / _LAYER_M).astype(int), return_inverse=True, return_counts=True
    )
    return {
        int(layer): float(np.median(one.value[rows[of_row == n]]))
        for n, layer in enumerate(layers)
        if counts[n] >= _FEWEST
    }


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "quality" / f"{name}.sql").read_text(encoding="utf-8")
