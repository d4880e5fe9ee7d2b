"""The fleet of the IAGOS sandbox: the same flights whoever asks, plausible air, and instruments that can be undone."""

import csv
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from sandbox.iagos import air, faults
from sandbox.iagos.flights import FlightTruth, failing, grid, planned, truth
from sandbox.iagos.metadata import calibration_set, tables, write_post_calibrations, write_tables
from sandbox.iagos.raw import raw_flight, write_raw
from sandbox.iagos.world import CALIBRATED, CO, O3, RH, Flight, IagosWorld
from skyledger.errors import FormatError
from skyledger.iagos.formats import raw as l0a
from skyledger.iagos.variables import variables

WORLD = IagosWorld()
CLEAN = IagosWorld(faults=False)
POLAR = WORLD.flight("07", 2)  # CDG to YVR
ALONG = {"O3_P1": (O3, "o3_raw_ppb"), "CO_P1": (CO, "co_raw_ppb")}
COLUMNS = {
    **{variable: column for variable, (_, column) in ALONG.items()},
    "RHL_P1": "rh_raw",
    "air_temp_P1": "t_sensor_k",
    "air_press_AC": "p_hpa",
    "air_stag_temp_AC": "tat_k",
    "lat": "lat",
    "lon": "lon",
}


def read(flight: Flight, world: IagosWorld = WORLD) -> l0a.RawFlight:
    return l0a.read(write_raw(world, flight), flight.raw_name())


def recovered(raw: l0a.RawFlight, flight: Flight, variable: str, *, final: bool = True) -> np.ndarray:
    """Plain arithmetic: the parameters of a linear calibration, linear in time between before and after."""
    kind, column = ALONG[variable]
    part = WORLD.units[flight.aircraft.unit].part(kind, flight.departure.time)
    pre, post = part.calibration(post=False), part.calibration(post=True)
    w = (raw.time_s - pre.time.timestamp()) / (post.time - pre.time).total_seconds() if final else 0.0
    slope, offset = (
        (1 - w) * pre.parameters[name] + w * post.parameters[name] for name in ("slope", "offset")
    )
    return slope * raw.columns[column] + offset


# flights


def test_a_flight_is_the_same_whoever_asks():
    first = WORLD.flights(12)
    assert [one.flight_id for one in IagosWorld().flights(30)[:12]] == [one.flight_id for one in first]
    assert WORLD.flight("09", 3) in first
    assert IagosWorld(2).flight("02", 0).flight_id != WORLD.flight("02", 0).flight_id
    assert write_raw(IagosWorld(), POLAR) == write_raw(WORLD, POLAR)
    time_s = grid(POLAR)
    whole, part = truth(WORLD, POLAR, time_s), truth(WORLD, POLAR, time_s[500:900])
    for name, values in part.values.items():
        np.testing.assert_array_equal(values, whole.values[name][500:900])
        np.testing.assert_array_equal(part.fault[name], whole.fault[name][500:900])


def test_an_aircraft_is_at_one_place_at_a_time():
    for plane in WORLD.aircraft:
        for one, next_ in pairwise(WORLD.flight(plane.number, n) for n in range(20)):
            assert one.arrival.airport == next_.departure.airport
            assert next_.departure.time - one.arrival.time > timedelta(hours=4)


def test_routes_cross_midnight_and_the_date_line():
    flights = WORLD.flights(12)
    assert any(one.arrival.time.date() > one.departure.time.date() for one in flights)
    longitudes = [truth(CLEAN, one, grid(one)).values["lon"] for one in flights]
    assert any(np.abs(np.diff(one)).max() > 300 for one in longitudes)
    assert all(one.min() >= -180 and one.max() < 180 for one in longitudes)


def test_an_aircraft_never_jumps():
    """Great-circle distance between points, in plain vectors."""
    for flight in WORLD.flights(3):
        there = truth(CLEAN, flight, grid(flight))
        lat, lon = np.deg2rad(there.values["lat"]), np.deg2rad(there.values["lon"])
        place = 6_371_008.8 * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        speed = np.linalg.norm(np.diff(place), axis=0) / 4
        assert 235 < speed.max() < 260
        assert np.abs(np.diff(there.values["baro_alt_AC"])).max() / 4 < 20
        ends = there.flying.nonzero()[0][[0, -1]]
        assert there.time_s[ends[0]] == pytest.approx(flight.departure.time.timestamp(), abs=4)
        assert there.time_s[ends[1]] == pytest.approx(flight.arrival.time.timestamp(), abs=5)
        assert list(dict.fromkeys(there.phase.tolist())) == list(range(1, 11))


# air


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (air.over_liquid_pa, 220.0, 4.47532),
        (air.over_ice_pa, 220.0, 2.65267),
        (air.over_liquid_pa, 273.15, 611.213),
        (air.over_ice_pa, 273.15, 611.154),
        (air.isa_pressure_pa, 1457.30, 85_000.0),
        (air.isa_pressure_pa, 10362.9, 25_000.0),
        (air.isa_pressure_pa, 11784.0, 20_000.0),
        (air.isa_pressure_pa, 12193.3, 18_750.0),
    ],
)
def test_formulas_of_the_air_give_the_reference_values(function, at, expected):
    assert function(np.array([at]))[0] == pytest.approx(expected, rel=1e-5)


def test_air_is_plausible_from_the_ground_to_the_stratosphere():
    found = [truth(CLEAN, one, grid(one)) for one in WORLD.flights(12)]

    def over(name: str) -> np.ndarray:
        return np.concatenate([one.values[name][one.flying] for one in found])

    ozone, height, humidity = over("O3_P1"), over("baro_alt_AC"), over("RHL_P1")
    assert set(found[0].values) == set(variables())
    assert 5 < ozone.min() < 30
    assert 200 < ozone.max() < 800
    assert 20 < over("CO_P1").min() < 40
    assert 190 < over("air_temp_AC").min() < 220
    assert 0 < humidity.min() < humidity.max() <= 1
    assert 1.1 < over("RHI_P1").max() < 1.6  # ice supersaturation, and not too much
    assert (over("cloud_P1") > 1).any()
    stratospheric = ozone > 150
    assert stratospheric.sum() > 1000
    assert np.median(over("H2O_gas_P1")[stratospheric]) == pytest.approx(5, rel=0.05)
    assert height[stratospheric].min() > 8_000


# instruments


@pytest.mark.parametrize("flight", WORLD.flights(4), ids=lambda one: one.flight_id)
def test_calibrations_before_and_after_give_the_truth_back(flight):
    raw = read(flight)
    there = truth(WORLD, flight, raw.time_s)
    for variable, limit_ppb in (("O3_P1", 0.2), ("CO_P1", 0.3)):
        sound = there.sound(variable)
        assert sound.sum() > 4_000
        wrong = (recovered(raw, flight, variable) - there.values[variable])[sound]
        assert abs(wrong.mean()) < limit_ppb
        assert wrong.std() < 2.5


def test_the_calibration_before_alone_is_not_good_enough():
    raw = read(POLAR)
    there = truth(WORLD, POLAR, raw.time_s)
    for variable in ALONG:
        sound = there.sound(variable)
        wrong = recovered(raw, POLAR, variable, final=False) - there.values[variable]
        assert abs(wrong[sound].mean()) > 0.5


def test_responses_undo_calibrations_of_every_kind():
    from sandbox.iagos.raw import response

    when = np.array([WORLD.start.timestamp()])
    for part in WORLD.units["P1-01"].components:
        if part.kind in CALIBRATED:
            value = np.array([0.3 if part.kind == RH else 240.0])
            said, true = response(part, value, when), part.truth(when)
            names = ("offset", "slope") if part.function == "linear" else ("c0", "c1", "c2")
            back = sum(true[name] * said**power for power, name in enumerate(names))
            assert back == pytest.approx(value)


def test_in_one_unit_the_humidity_sensor_was_exchanged():
    before, after = WORLD.flight("09", 19), WORLD.flight("09", 21)
    serials = [calibration_set(WORLD, one).parts[RH].serial for one in (before, after)]
    assert serials[0] != serials[1]
    assert calibration_set(WORLD, before).parts[O3] == calibration_set(WORLD, after).parts[O3]


# faults


def test_what_is_not_spoilt_is_as_in_a_world_without_faults():
    for flight in WORLD.flights(10):
        kinds = {one.kind for one in planned(WORLD, flight)}
        if faults.COLD in kinds:  # the air itself is another
            continue
        spoilt, clean = raw_flight(WORLD, flight), raw_flight(CLEAN, flight)
        there = truth(WORLD, flight, clean.time_s)
        rows = ~there.missing
        np.testing.assert_array_equal(clean.time_s[rows], spoilt.time_s)
        for variable, column in COLUMNS.items():
            same = np.isclose(spoilt.columns[column], clean.columns[column][rows], rtol=0, atol=1e-9)
            hit = there.fault[variable][rows]
            assert same[~hit].all(), (flight, variable)
            assert hit.sum() < 20 or same[hit].mean() < 0.1


def test_every_kind_of_fault_happens_and_none_meets_another_of_its_instrument():
    seen: Counter[str] = Counter()
    for flight in WORLD.flights(30):
        found = planned(WORLD, flight)
        seen.update(one.kind for one in found)
        for one in found:
            assert one.hits(grid(flight)).sum() == (one.last_s - one.first_s) / faults.STEP_S + 1
        for column in {one.column for one in found}:
            mine = [one for one in found if one.column == column]
            assert all(one.last_s + 60 < next_.first_s for one, next_ in pairwise(mine))
    kinds = {faults.GAP, faults.FLAT, faults.SPIKE, faults.LEVEL, faults.STATUS, faults.LOST, faults.JUMP}
    assert set(seen) == kinds | {
        faults.STEP,
        faults.ZERO_AIR,
        faults.CELLS,
        faults.OFFSET,
        faults.COLD,
        faults.LAMP,
    }


def test_faults_are_rare_but_on_a_flight_whose_lamp_fails():
    def share(there: FlightTruth, variable: str) -> float:
        return there.spoilt(variable).sum() / there.flying.sum()

    flights = WORLD.flights(12)
    assert sum(failing(WORLD, one) for one in flights) == 1
    for flight in flights:
        there = truth(WORLD, flight, grid(flight))
        if failing(WORLD, flight):
            assert share(there, "O3_P1") > 0.8
        assert all(share(there, name) < 0.2 for name in there.values if name != "O3_P1")
        assert not any(planned(CLEAN, flight))


def test_a_cold_sensor_is_one_below_minus_40_degrees():
    flight = next(
        one for one in WORLD.flights(12) if faults.COLD in {fault.kind for fault in planned(WORLD, one)}
    )
    raw = read(flight)
    there = truth(WORLD, flight, raw.time_s)
    part = WORLD.units[flight.aircraft.unit].part("PT100", flight.departure.time).calibration(post=False)
    sensor_k = part.parameters["slope"] * raw.columns["t_sensor_k"] + part.parameters["offset"]
    plain = there.flying & ~there.affected["air_temp_P1"] & ~there.fault["air_temp_P1"]
    assert (sensor_k[there.fault["RHL_P1"] & plain] < 233.15).mean() > 0.5
    assert not (sensor_k[there.sound("RHL_P1") & plain] < 233.15).any()


def test_the_co_analyser_says_what_it_does():
    raw, there = read(POLAR, CLEAN), truth(CLEAN, POLAR, grid(POLAR))
    co, mode = raw.columns["co_raw_ppb"], raw.columns["co_mode"]
    assert {0.0, 1.0, 2.0} == set(mode)
    assert np.abs(co[mode == faults.ZERO]).mean() < 8
    assert co[mode == faults.SPAN].mean() == pytest.approx(500, rel=0.03)
    assert (there.co_mode != faults.MEASURE).mean() < 0.06
    assert not there.sound("CO_P1")[there.co_mode != faults.MEASURE].any()


# files


def test_a_file_reads_back_as_it_was_measured():
    raw, said = read(POLAR), raw_flight(WORLD, POLAR)
    assert (raw.flight_id, raw.serial, raw.aircraft) == (POLAR.flight_id, "P1-02", "07")
    np.testing.assert_allclose(raw.time_s, said.time_s, atol=1e-6)
    assert np.abs(np.diff(raw.time_s) - 4).max() > 0.5  # samples come at uneven times
    for name, values in said.columns.items():
        np.testing.assert_allclose(raw.columns[name], values, atol=0.006)


def test_damaged_files_are_seen_as_such():
    with pytest.raises(FormatError, match="cut off"):
        l0a.read(write_raw(WORLD, POLAR, truncated=True), POLAR.raw_name())
    assert len(l0a.read(write_raw(WORLD, POLAR, bad_lines=7), POLAR.raw_name()).rejected) == 7


def test_a_second_delivery_has_the_rows_that_were_lost():
    flight = next(
        one for one in WORLD.flights(12) if faults.GAP in {fault.kind for fault in planned(WORLD, one)}
    )
    first, second = raw_flight(WORLD, flight), raw_flight(WORLD, flight, 2)
    assert len(second.time_s) > len(first.time_s)
    assert set(first.time_s) < set(second.time_s)
    assert write_raw(WORLD, POLAR, 2) != write_raw(WORLD, POLAR)


# metadata


def test_tables_refer_to_rows_that_are_there(tmp_path):
    rows = tables(WORLD)
    components = {(one["component_type"], one["serial_no"]) for one in rows["component"]}
    assert len(components) == len(rows["component"]) == 3 * 7 + 1
    for name in ("component_relation", "calibration", "deployment"):
        assert {(one["component_type"], one["serial_no"]) for one in rows[name]} <= components
    for path in write_tables(WORLD, tmp_path):
        with path.open(newline="") as file:
            assert len(list(csv.DictReader(file))) == len(rows[path.stem])


def test_calibrations_after_the_deployment_come_apart(tmp_path):
    early = {(one["serial_no"], one["calibrated_at"]) for one in tables(WORLD)["calibration"]}
    with write_post_calibrations(WORLD, tmp_path, ["02"]).open(newline="") as file:
        late = list(csv.DictReader(file))
    assert len(late) == len(CALIBRATED)
    assert early.isdisjoint((one["serial_no"], one["calibrated_at"]) for one in late)
    assert all(one["calibrated_at"] > WORLD.deployed[1].strftime("%Y-%m-%d") for one in late)


def test_a_flight_has_calibrations_before_and_after():
    known = calibration_set(WORLD, POLAR)
    assert set(known.parts) == set(CALIBRATED)
    assert known.has_post
    assert not calibration_set(WORLD, POLAR, post=False).has_post
    assert "neither pre nor post" in known.warnings[0]  # the check in the middle of the deployment
