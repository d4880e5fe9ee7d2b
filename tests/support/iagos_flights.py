"""Small flights for tests of quality control and what follows it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from skyledger.iagos.flight import FlightData, Key, Series, Stop
from skyledger.iagos.names import Level
from skyledger.iagos.variables import variables

KEY = Key("2024030512345602", "P1", 1)
DEPARTURE = datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC)
INTERVAL_S = 4.0
ORDINARY = {
    "lon": 8.5,
    "lat": 50.0,
    "baro_alt_AC": 10_363.0,
    "air_press_AC": 25_000.0,
    "air_stag_temp_AC": 248.0,
    "air_temp_AC": 220.0,
    "O3_P1": 60.0,
    "CO_P1": 96.0,
    "H2O_gas_P1": 98.5,
    "RHL_P1": 0.55,
    "RHI_P1": 0.93,
    "air_temp_P1": 220.4,
    "cloud_P1": 0.25,
}
NOISE = {"O3_P1": 1.0, "CO_P1": 2.0, "H2O_gas_P1": 1.0, "RHL_P1": 0.01, "RHI_P1": 0.01, "cloud_P1": 0.05}


def flight(n: int = 900, seed: int = 1, key: Key = KEY) -> FlightData:
    """A cruise of n rows in which nothing is wrong: steady, noisy, 230 m s-1 to the west."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n) * INTERVAL_S + DEPARTURE.timestamp()
    series = {}
    for name in variables():
        values = ORDINARY[name] + rng.normal(0, NOISE.get(name, 0.02), n).clip(-3, 3)
        if name == "lon":
            values = ORDINARY[name] - np.arange(n) * INTERVAL_S * 230 / (111_195 * np.cos(np.deg2rad(50)))
        elif name == "lat":
            values = np.full(n, ORDINARY[name])
        series[name] = Series.unchecked(values)
    channels = {
        "phase": np.full(n, 6.0),
        "status_word": np.zeros(n),
        "co_mode": np.zeros(n),
        "t_sensor_k": 246.0 + rng.normal(0, 0.05, n),
        "rh_raw": 0.05 + rng.normal(0, 3e-4, n),
        "o3_cell_a": 60.0 + rng.normal(0, 0.8, n),
        "o3_cell_b": 60.0 + rng.normal(0, 0.8, n),
        "co_raw_ppb": 97.0 + rng.normal(0, 2, n),
    }
    return FlightData(
        key=key,
        level=Level.L0,
        aircraft="02",
        departure=Stop("FRA", DEPARTURE),
        arrival=Stop("JFK", DEPARTURE + timedelta(hours=8)),
        time_s=time_s,
        interval_s=INTERVAL_S,
        series=series,
        channels=channels,
        provenance={
            "source": {"name": "flight.csv.gz", "sha256": "0" * 64},
            "software": "skyledger",
            "calibration_ids": [],
            "limited": {},
        },
    )


def altered(data: FlightData, name: str, rows: slice | list[int], value: float) -> FlightData:
    """The flight with another value in some rows of a variable or channel."""
    if name in data.channels:
        changed = data.channels[name].copy()
        changed[rows] = value
        return replace(data, channels={**data.channels, name: changed})
    values = data.series[name].value.copy()
    values[rows] = value
    return replace(data, series={**data.series, name: Series.unchecked(values)})
