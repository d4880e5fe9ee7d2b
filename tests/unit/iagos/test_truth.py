"""Flights of the sandbox, whose truth is known, from raw file to Level 2. The sandbox has formulas of its own."""

from datetime import timedelta

import numpy as np
import pytest

from sandbox.iagos.flights import truth
from sandbox.iagos.metadata import calibration_set, flight_record
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import SWAP, IagosWorld
from skyledger.iagos.flight import Key
from skyledger.iagos.formats import raw
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.names import raw_name
from skyledger.iagos.science.importer import make_l0, make_l2

WORLD = IagosWorld()
P1 = load_instrument("P1")
# largest mean difference to the truth over a flight; the instruments' stated errors are far larger
LARGEST_BIAS = {
    "O3_P1": 0.5,
    "CO_P1": 1.0,
    "RHL_P1": 0.002,
    "RHI_P1": 0.003,
    "H2O_gas_P1": 0.5,
    "air_temp_P1": 0.02,
    "air_temp_AC": 0.02,
    "air_press_AC": 1.0,
    "baro_alt_AC": 0.5,
    "lat": 1e-5,
    "lon": 1e-5,
    "cloud_P1": 0.05,
}


def late(aircraft, after):
    """The first flight of an aircraft so long after the start of the world."""
    numbers = range(100)
    return next(
        one for n in numbers if (one := WORLD.flight(aircraft, n)).departure.time > WORLD.start + after
    )


FLIGHTS = {
    "eastwards": WORLD.flight("02", 2),
    "southwards": WORLD.flight("07", 0),
    "over midnight and the date line": WORLD.flight("09", 0),
    "with another humidity sensor": late("09", SWAP + timedelta(days=2)),
}


def level_0(flight, *, post=True):
    name = raw_name("P1", flight.flight_id, 1)
    known = calibration_set(WORLD, flight, post=post)
    key = Key(flight.flight_id, "P1", 1)
    source = {"name": name, "sha256": "ab" * 32}
    return make_l0(
        raw.read(write_raw(WORLD, flight), name), P1, known, flight_record(flight), key, source=source
    )


@pytest.mark.parametrize("name", FLIGHTS)
def test_level_2_is_close_to_the_truth(name):
    flight = FLIGHTS[name]
    l2 = make_l2(level_0(flight), P1, calibration_set(WORLD, flight))
    true = truth(WORLD, flight, l2.time_s)
    for variable, largest in LARGEST_BIAS.items():
        sound = true.sound(variable) & ~np.isnan(l2.series[variable].value)
        assert np.count_nonzero(sound) > len(l2) / 2, variable
        error = (l2.series[variable].value - true.values[variable])[sound]
        if variable == "lon":
            error = (error + 180) % 360 - 180
        assert abs(error.mean()) < largest, variable
        uncertainty = l2.series[variable].uncertainty
        if uncertainty is not None:
            assert np.mean(np.abs(error) <= uncertainty[sound]) > 0.95, variable


def test_level_0_still_has_the_drift_that_level_2_takes_away():
    flight = FLIGHTS["over midnight and the date line"]
    l0 = level_0(flight, post=False)
    true = truth(WORLD, flight, l0.time_s)
    error = (l0.series["CO_P1"].value - true.values["CO_P1"])[true.sound("CO_P1")]
    assert abs(np.nanmean(error)) > LARGEST_BIAS["CO_P1"]


def test_bad_lines_of_a_flight_cost_only_themselves():
    flight = FLIGHTS["southwards"]
    name = raw_name("P1", flight.flight_id, 1)
    whole = raw.read(write_raw(WORLD, flight), name)
    found = raw.read(write_raw(WORLD, flight, bad_lines=7), name)
    assert len(found.rejected) == 7
    assert len(found.time_s) == len(whole.time_s) - 7
