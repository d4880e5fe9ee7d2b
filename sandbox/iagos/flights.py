"""The truth of a flight: what is there at each moment, and which values of a right analysis are nevertheless wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.iagos import faults as wrong
from sandbox.iagos.air import COLD_SENSOR_K, Air, air, over_ice_pa
from sandbox.iagos.course import eased
from sandbox.iagos.faults import Fault
from sandbox.iagos.world import Flight, IagosWorld
from sandbox.noise import BoolArray, FloatArray, IntArray

WARM_UP_S = 1_800.0  # after power on
AFTER_CHECK_S = 60.0  # that long after a check, carbon monoxide may be doubted
NEAR_S = 20.0  # so close to a fault, a sound value may be doubted
COOLING_S = 400.0  # in which a cold pool begins and ends


@dataclass(frozen=True, slots=True)
class FlightTruth:
    """The truth at (n,) moments. Arrays by variable, in working units.

    fault: a flag other than good is due, or no value; affected: a flag may be there or not
    """

    time_s: FloatArray
    values: dict[str, FloatArray]
    phase: IntArray
    co_mode: IntArray
    fault: dict[str, BoolArray]
    affected: dict[str, BoolArray]
    missing: BoolArray  # the file has no row

    @property
    def flying(self) -> BoolArray:
        """From take-off to approach."""
        return (self.phase >= 4) & (self.phase <= 7)

    def sound(self, variable: str) -> BoolArray:
        """Where any flag but good is a false alarm."""
        return self.flying & ~self.fault[variable] & ~self.affected[variable]

    def spoilt(self, variable: str) -> BoolArray:
        """Where the flag good is an oversight."""
        return self.flying & self.fault[variable]


def series(world: IagosWorld, flight: Flight) -> tuple[object, ...]:
    """Names of the random numbers of a flight."""
    return world.seed, flight.flight_id


def grid(flight: Flight) -> IntArray:
    """All points of the 4 s grid from power on to power off, Unix seconds."""
    on_s, off_s = flight.course.power_s
    return np.arange(-int(-on_s // wrong.STEP_S) * wrong.STEP_S, int(off_s) + 1, wrong.STEP_S)


def failing(world: IagosWorld, flight: Flight) -> bool:
    """Whether the ozone lamp goes out soon after take-off: one flight in nine."""
    return world.faults and (2 * flight.number + world.aircraft.index(flight.aircraft)) % 9 == 8


def planned(world: IagosWorld, flight: Flight) -> tuple[Fault, ...]:
    """What goes wrong on a flight, ascending."""
    if not world.faults:
        return ()
    grid_s = grid(flight)
    phase = flight.course.phase(grid_s.astype(np.float64))
    mode = wrong.co_mode(flight.course.departure_s, grid_s, phase)
    return wrong.plan(series(world, flight), grid_s, phase, mode, failing=failing(world, flight))


def true_air(world: IagosWorld, flight: Flight, time_s: FloatArray, found: Sequence[Fault]) -> Air:
    """The air outside at (n,) Unix seconds."""
    course = flight.course
    cooling_k = np.zeros(len(time_s))
    for one in found:
        if one.kind == wrong.COLD:
            begun = eased((time_s - one.first_s) / COOLING_S + 1)
            cooling_k += one.amount * begun * eased((one.last_s - time_s) / COOLING_S + 1)
    return air(
        series(world, flight),
        time_s,
        course.position(time_s)[0],
        course.altitude_m(time_s),
        course.pressure_pa(time_s),
        cooling_k,
    )


def warmed(mach: FloatArray) -> FloatArray:
    """How much warmer air gets where it is stopped: total by static temperature."""
    return 1 + 0.2 * mach**2


def truth(world: IagosWorld, flight: Flight, time_s: FloatArray) -> FlightTruth:
    """The truth at (n,) Unix seconds."""
    time_s = np.asarray(time_s, dtype=np.float64)
    course, found = flight.course, planned(world, flight)
    there = true_air(world, flight, time_s, found)
    latitude, longitude = course.position(time_s)
    pressure, vapour = course.pressure_pa(time_s), there.vapour_pa()
    stopped = there.temperature_k * warmed(course.mach(time_s))
    values = {
        "lon": longitude,
        "lat": latitude,
        "baro_alt_AC": course.altitude_m(time_s),
        "air_press_AC": pressure,
        "air_stag_temp_AC": stopped,
        "air_temp_AC": there.temperature_k,
        "O3_P1": there.ozone_ppb,
        "CO_P1": there.carbon_monoxide_ppb,
        "H2O_gas_P1": 1e6 * vapour / pressure,
        "RHL_P1": there.humidity,
        "RHI_P1": vapour / over_ice_pa(there.temperature_k),
        "air_temp_P1": there.temperature_k,
        "cloud_P1": there.cloud_cm3,
    }
    phase = course.phase(time_s)
    mode = wrong.co_mode(course.departure_s, time_s, phase)
    fault = {name: np.zeros(len(time_s), bool) for name in values}
    affected = {name: np.zeros(len(time_s), bool) for name in values}
    missing = np.zeros(len(time_s), bool)
    for one in found:
        near = one.hits(time_s, NEAR_S)
        for name in one.variables + one.affected:
            affected[name] |= near
        if one.kind == wrong.COLD:
            continue  # below: it is as cold as it is
        hit = one.hits(time_s)
        missing |= hit & (one.kind == wrong.GAP)
        for name in one.variables:
            fault[name] |= hit
            affected[name] |= one.kind == wrong.LAMP  # so much is wrong that all may be doubted
    for name in wrong.HUMIDITY:
        fault[name] |= stopped < COLD_SENSOR_K - 0.5
        affected[name] |= stopped < COLD_SENSOR_K + 0.5
    affected["CO_P1"] |= wrong.checked(course.departure_s, time_s, phase, AFTER_CHECK_S)
    for name in ("O3_P1", "CO_P1"):
        affected[name] |= time_s < course.power_s[0] + WARM_UP_S
    return FlightTruth(time_s, values, phase, mode, fault, affected, missing)
