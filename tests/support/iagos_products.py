"""A flight as a product: every flag, gaps, uncertainties, a version, and what it was made from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData, Key, Series, Stop
from skyledger.iagos.names import Level, Version
from skyledger.iagos.variables import variables
from tests.support.iagos_flights import DEPARTURE, flight

CREATED = datetime(2024, 3, 12, 6, 7, 8, tzinfo=UTC)
PROVENANCE = {
    "source": {"name": "IAGOS_P1_2024030512345602_L0A_r1.csv.gz", "sha256": "ab" * 32},
    "unit": "P1-017",
    "software": "skyledger 0.1.0",
    "calibration_ids": [3, 14],
    "quality": {"name": "P1-default", "version": 7, "digest": "cd" * 32},
    "uncertainty": "sum of an absolute part, a relative part and half the drift of calibration",
    "steps": [{"level": "L0", "software": "skyledger 0.1.0", "from": "ab" * 32}],
}


def product(n: int = 120, departure: datetime = DEPARTURE, level: Level = Level.L1) -> FlightData:
    """n rows at 4 s from departure on."""
    data = flight(n)
    series = {}
    for at, (name, one) in enumerate(data.series.items()):
        value = one.value.copy()
        value[at + 1 :: 17] = np.nan
        validity = np.full(n, Validity.GOOD, dtype=np.int8)
        validity[3::11] = Validity.LIMITED
        validity[4::19] = Validity.ERRONEOUS
        validity[5::23] = Validity.NOT_VALIDATED
        validity[np.isnan(value)] = Validity.MISSING
        uncertain = variables()[name].kind == "instrument"
        series[name] = Series(value, validity, 2 + 0.02 * np.abs(value) if uncertain else None)
    key = Key(f"{departure:%Y%m%d%H%M%S}02", "P1", 1)
    return replace(
        data,
        key=key,
        level=level,
        departure=Stop("FRA", departure),
        arrival=Stop("JFK", departure + timedelta(hours=8)),
        time_s=departure.timestamp() + 4.0 * np.arange(n),
        series=series,
        channels={},
        version=Version(1, 2, 0),
        process=Process.FINAL if level is Level.L2 else Process.INTERMEDIATE,
        provenance=PROVENANCE,
    )
