"""The limits of P1 on simulated flights with known faults: what is found, what is wrongly doubted."""

import numpy as np
import pytest

from sandbox.iagos import metadata
from sandbox.iagos.flights import planned, truth
from sandbox.iagos.raw import raw_flight
from sandbox.iagos.world import IagosWorld
from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.flight import FlightData, Key
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.science.importer import make_l0, make_l2

WORLD = IagosWorld()
FLIGHTS = WORLD.flights(9)


def level_0(flight, *, post: bool) -> FlightData:
    calibrations = metadata.calibration_set(WORLD, flight, post=post)
    key = Key(flight.flight_id, "P1", 1)
    source = {"name": flight.raw_name(), "sha256": "0" * 64}
    record = metadata.flight_record(flight)
    return make_l0(raw_flight(WORLD, flight), load_instrument("P1"), calibrations, record, key, source=source)


def judged(flight, *, final: bool):
    data = level_0(flight, post=final)
    if final:
        data = make_l2(data, load_instrument("P1"), metadata.calibration_set(WORLD, flight, post=True))
    return assess(data, quality_config("P1")), truth(WORLD, flight, data.time_s)


@pytest.mark.parametrize("final", [False, True], ids=["Level 0", "Level 2"])
def test_at_least_95_percent_of_faults_are_found_and_less_than_half_a_percent_is_doubted_wrongly(final):
    spoilt, found, sound, doubted = {}, {}, {}, {}
    for flight in FLIGHTS:
        verdict, true = judged(flight, final=final)
        for name, one in verdict.variables.items():
            flagged = one.validity != 0
            for counts, rows in (
                (spoilt, true.spoilt(name)),
                (found, true.spoilt(name) & flagged),
                (sound, true.sound(name)),
                (doubted, true.sound(name) & flagged),
            ):
                counts[name] = counts.get(name, 0) + int(rows.sum())
    assert min(spoilt.values()) > 100
    for name in spoilt:
        assert found[name] >= 0.95 * spoilt[name], name
        assert doubted[name] < 0.005 * sound[name], name


def test_every_kind_of_fault_is_found_in_every_variable_that_it_spoils():
    kinds = set()
    for flight in FLIGHTS:
        verdict, true = judged(flight, final=False)
        for fault in planned(WORLD, flight):
            for name in fault.variables:
                rows = fault.hits(true.time_s) & true.spoilt(name)
                if rows.any():
                    kinds.add(fault.kind)
                    share = np.mean(verdict.variables[name].validity[rows] != 0)
                    assert share > 0.9, (fault, name)
    assert len(kinds) >= 11, kinds


def test_a_part_without_a_calibration_before_it_flew_gives_limited_values_at_best():
    flight = FLIGHTS[0]
    data = level_0(flight, post=False)
    data.provenance["limited"]["O3_P1"] = "only the calibration after the deployment is known"
    found = assess(data, quality_config("P1")).variables
    assert not (found["O3_P1"].validity == 0).any()
    assert (found["CO_P1"].validity == 0).any()
    again = assess(assess(data, quality_config("P1")).data, quality_config("P1"))
    np.testing.assert_array_equal(again.variables["O3_P1"].validity, found["O3_P1"].validity)
