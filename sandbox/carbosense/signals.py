"""What the sensors send: raw quantities of each type, from the true air, with noise and faults.

Each function returns quantities by their name at the source; NaN means that a telegram does not hold the
quantity. Values are rounded as the boxes round them, so that they survive text and database unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sandbox.carbosense.clock import YEAR_S
from sandbox.carbosense.field import Air, Field, h2o_percent, saturation_vapour_pressure_pa
from sandbox.carbosense.sensors import HPPModel, LinearModel, LP8Model
from sandbox.carbosense.units import EXCLUSIONS, FIRMWARE_S, Unit, cylinder_ppm
from sandbox.noise import BoolArray, FloatArray, IntArray, key, normal, smooth, uniform

VALVE_CYCLE_S = 90_000  # 25 h, so that the checks wander through the day
VALVE_OPEN_S = 600  # inlet a, then inlet b
FLUSH_S = 35.0  # time constant of the gas exchange in the cell
LP8_NOISE_PPM = {"last": 8.0, "mean": 2.5, "filtered": 1.5}
NOISE_PPM = {"HPP": 0.6, "Vaisala": 1.2, "Licor": 0.4}

Quantities = dict[str, FloatArray]


@dataclass(slots=True)
class Sampling:
    """Telegrams of one unit to be filled: their numbers and times, the air around, and what goes wrong.

    noise: scale of all random errors of the CO2 signals, 1 as in nature, 0 for a perfect instrument
    """

    seed: int
    unit: Unit
    truth: Field
    number: IntArray
    time_s: IntArray
    noise: float = 1.0
    corrupt: bool = False
    faults: dict[str, BoolArray] = field(default_factory=dict)

    def error(self, quantity: str) -> FloatArray:
        """Standard normal noise of one quantity."""
        return normal(key(self.seed, self.unit.unit_id, quantity), self.number)

    def drawn(self, name: str, share: float) -> BoolArray:
        """Telegrams that a fault of the given share hits."""
        return uniform(key(self.seed, self.unit.unit_id, name), self.number) < share

    def constant(self, name: str) -> float:
        """A property of the unit, standard normal."""
        return float(normal(key(self.seed, self.unit.unit_id, name), 0)[0])

    def air(self, before_s: int | IntArray = 0) -> Air:
        """The air at the unit, `before_s` seconds before each telegram."""
        air = Air.empty(len(self.time_s))
        stays = self.unit.stay_index(self.time_s)
        for stay in np.unique(stays):
            place = np.flatnonzero(stays == stay)
            site, height_m = self.unit.place(int(stay))
            air.put(place, self.truth.air(site, (self.time_s - before_s)[place], height_m))
        return air

    def excluded(self) -> BoolArray:
        """Telegrams within a known malfunction."""
        hit = np.zeros(len(self.time_s), dtype=bool)
        for exclusion in EXCLUSIONS:
            if exclusion.unit_id == self.unit.unit_id:
                hit |= (self.time_s >= exclusion.start_s) & (self.time_s < exclusion.end_s)
        return hit

    def by_sensor(self, evaluate: Callable[[Any, IntArray], FloatArray]) -> FloatArray:
        """Evaluate each mounted sensor at its own telegrams; NaN while none is mounted."""
        result = np.full(len(self.time_s), np.nan)
        mounted = self.unit.sensor_index(self.time_s)
        for index in np.unique(mounted[mounted >= 0]):
            place = np.flatnonzero(mounted == index)
            result[place] = evaluate(self.unit.sensors[index].model, place)
        return result

    def box(self, air: Air, warmer_c: float, sensor: str) -> tuple[FloatArray, FloatArray]:
        """Temperature and humidity by a Sensirion in a box that is warmer than the air. [°C, %]"""
        sun_c = 0.4 * smooth(key(self.seed, self.unit.unit_id, "sun"), self.time_s, 7200)
        true_c = air.temperature_c + warmer_c + sun_c
        humidity = air.humidity_percent * (
            saturation_vapour_pressure_pa(air.temperature_c) / saturation_vapour_pressure_pa(true_c)
        )
        wrong_c = 0.15 * self.constant(f"{sensor}-temperature") + 0.03 * self.error(f"{sensor}-temperature")
        wrong = 1.2 * self.constant(f"{sensor}-humidity") + 0.15 * self.error(f"{sensor}-humidity")
        shown = np.clip(humidity + wrong, 0.5, 119.0)
        return np.round(true_c + wrong_c, 2), np.asarray(np.round(shown, 2), np.float64)


def lp8(s: Sampling) -> Quantities:
    """LP8: infrared counts by inverting the full model, with condensation, outliers and bad status.

    Before the firmware of 2017-06-28 a plain name carries the last measurement and `-last` is not sent.
    """
    means = s.time_s >= FIRMWARE_S
    plain, last, filtered = s.air(300 * means), s.air(), s.air(600)
    temperature_c, humidity = s.box(plain, 0.3, "sensirion-sht21")
    last_c, _ = s.box(last, 0.3, "sensirion-sht21")
    lp8_c = np.round(temperature_c + 0.25 + 0.05 * s.error("lp8-temperature"), 2)
    lp8_last_c = np.round(last_c + 0.25 + 0.08 * s.error("lp8-temperature-last"), 2)

    limit = 92 + 2.5 * s.constant("condensation limit")
    wet = np.clip((humidity - limit) / 4, 0, 1) if s.constant("condensation") > 0 else np.zeros(len(s.time_s))
    outlier, bad, excluded = s.drawn("outlier", 0.0008), s.drawn("status", 0.003), s.excluded()
    s.faults |= {"condensation": wet > 0, "outlier": outlier, "bad status": bad, "excluded": excluded}
    disturbed = (1 - 0.025 * wet) * np.where(excluded, 0.95, 1.0) * np.where(bad, 1.1, 1.0)
    disturbed = disturbed * np.where(outlier, 1 + 0.04 * np.sign(s.error("outlier size")), 1.0)

    def infrared(air: Air, temperature: FloatArray, kind: str | BoolArray) -> FloatArray:
        sizes = LP8_NOISE_PPM
        ppm = np.where(kind, sizes["mean"], sizes["last"]) if isinstance(kind, np.ndarray) else sizes[kind]
        name = kind if isinstance(kind, str) else "plain"
        co2 = air.co2_wet_ppm + s.noise * ppm * s.error(f"lp8-ir-{name}")

        def one(model: LP8Model, i: IntArray) -> FloatArray:
            return model.ir_counts(s.time_s[i], co2[i], temperature[i], air.pressure_hpa[i])

        return s.by_sensor(one) * disturbed

    def own_co2(air: Air, ir: FloatArray, size_ppm: float, name: str) -> FloatArray:
        density = air.co2_wet_ppm * air.pressure_hpa / 1013.25
        shown = 0.95 * density + 25 * s.constant("lp8-co2") + size_ppm * s.noise * s.error(f"lp8-co2-{name}")
        return np.where(np.isnan(ir), np.nan, np.round(shown / disturbed**8))

    # some broken measurements send no signal at all
    blank = np.where(bad & s.drawn("blank", 0.5), np.nan, 0.0)
    ir = infrared(plain, lp8_c, means) + blank
    ir_last = infrared(last, lp8_last_c, "last") + blank
    ir_filtered = infrared(filtered, lp8_c, "filtered") + blank
    no_sensor = np.where(s.unit.sensor_index(s.time_s) < 0, np.nan, 0.0)
    only_means = np.where(means, 0.0, np.nan)
    status = np.where(bad, np.array([8.0, 32.0, 64.0])[s.number % 3], 0.0)
    if s.corrupt:  # a value that no table can hold: the record must be rejected
        broken = s.drawn("corrupt", 0.002)
        s.faults["corrupt"] = broken
        status = np.where(broken, -1.0, status)
    return {
        "battery": _lp8_battery(s),
        "senseair-lp8-co2": own_co2(plain, ir, 3, "mean"),
        "senseair-lp8-co2-filtered": own_co2(filtered, ir_filtered, 2, "filtered"),
        "senseair-lp8-co2-last": own_co2(last, ir_last, 8, "last") + only_means,
        "senseair-lp8-ir": np.where(means, np.round(ir, 1), np.round(ir)),
        "senseair-lp8-ir-filtered": np.round(ir_filtered),
        "senseair-lp8-ir-last": np.round(ir_last) + only_means,
        "senseair-lp8-temperature": lp8_c + no_sensor,
        "senseair-lp8-temperature-last": lp8_last_c + no_sensor + only_means,
        "senseair-lp8-status": status + no_sensor,
        "senseair-lp8-vcap1": np.round(4.72 + 0.01 * s.error("vcap1"), 3) + no_sensor,
        "senseair-lp8-vcap2": np.round(4.55 + 0.02 * s.error("vcap2"), 3) + no_sensor,
        "sensirion-sht21-temperature": temperature_c,
        "sensirion-sht21-temperature-last": last_c + only_means,
        "sensirion-sht21-humidity": humidity,
    }


def _lp8_battery(s: Sampling) -> FloatArray:
    age_years = ((s.time_s - s.unit.first_s) / YEAR_S) % 4  # changed every four years
    dying = np.clip(1 - (s.unit.last_s - s.time_s) / (20 * 86_400), 0, 1)
    return np.round(3.62 - 0.04 * age_years - 0.7 * dying**2 + 0.004 * s.error("battery"), 3)


@dataclass(frozen=True, slots=True)
class Cell:
    """Gas in the cell of an instrument with valves: dry CO2 [ppm], share of the air's water, valves open."""

    co2_dry_ppm: FloatArray
    water_share: FloatArray
    valve_a: BoolArray
    valve_b: BoolArray


def cell(s: Sampling, air: Air) -> Cell:
    """What an instrument with cylinder valves measures: air, and every 25 h the cylinder at a, then b."""
    phase_s = (s.time_s - s.unit.first_s - 7200) % VALVE_CYCLE_S
    gas_a, gas_b = (cylinder_ppm(s.seed, s.unit, inlet, s.time_s) for inlet in "ab")
    valve_a = (phase_s < VALVE_OPEN_S) & ~np.isnan(gas_a)
    valve_b = (phase_s >= VALVE_OPEN_S) & (phase_s < 2 * VALVE_OPEN_S) & ~np.isnan(gas_b)
    opened_s = np.where(valve_b, phase_s - VALVE_OPEN_S, phase_s)
    closed_s = phase_s - np.where(np.isnan(gas_b), VALVE_OPEN_S, 2 * VALVE_OPEN_S)
    rest = np.exp(-np.where(valve_a | valve_b, opened_s, np.maximum(closed_s, 0)) / FLUSH_S)
    ambient = air.co2_dry_ppm
    last_gas = np.where(np.isnan(gas_b), gas_a, gas_b)
    before = np.where(
        valve_a, ambient, np.where(valve_b, gas_a, np.where(np.isnan(last_gas), ambient, last_gas))
    )
    now = np.where(valve_a, gas_a, np.where(valve_b, gas_b, ambient))
    water = np.where(valve_a, rest, np.where(valve_b, 0.0, np.where(np.isnan(last_gas), 1.0, 1 - rest)))
    return Cell(now + (before - now) * rest, water, valve_a, valve_b)


def _valves(s: Sampling, gas: Cell) -> Quantities:
    a, b = gas.valve_a.astype(np.float64), gas.valve_b.astype(np.float64)
    two = s.time_s >= s.unit.two_valves_from_s
    return {
        "calibration": np.where(two, np.nan, a),
        "calibration-a": np.where(two, a, np.nan),
        "calibration-b": np.where(two, b, np.nan),
    }


def _sample(
    s: Sampling, sensor: str, warmer_c: float
) -> tuple[Air, Cell, FloatArray, FloatArray, FloatArray]:
    """Air, gas in the cell, its CO2 in moist gas, and temperature and humidity by the box's sensor."""
    air = s.air()
    gas = cell(s, air)
    temperature_c, humidity = s.box(air, warmer_c, sensor)
    humidity = np.round(np.maximum(humidity * gas.water_share, 0.6), 2)
    co2_wet = gas.co2_dry_ppm * (1 - air.h2o_percent * gas.water_share / 100)
    return air, gas, co2_wet, temperature_c, humidity


def hpp(s: Sampling) -> Quantities:
    """HPP: infrared signal by inverting the main model, from the temperature and water that the box measures."""
    air, gas, co2_wet, temperature_c, humidity = _sample(s, "sensirion-sht21", 3.0)
    excluded, bad = s.excluded(), s.drawn("status", 0.0008)
    warming = uniform(key(s.seed, s.unit.unit_id, "status 32"), s.time_s // 7200) < 0.02
    s.faults |= {"excluded": excluded, "bad status": bad}
    co2_wet = np.where(excluded, 520.0, co2_wet)
    noisy = co2_wet + s.noise * NOISE_PPM["HPP"] * s.error("hpp-ir")

    def reading(model: HPPModel, i: IntArray) -> FloatArray:
        return model.reading_pa(air.pressure_hpa[i])

    pressure_pa = np.round(s.by_sensor(reading))

    def infrared(model: HPPModel, i: IntArray) -> FloatArray:
        pressure_hpa = model.true_pressure_hpa(pressure_pa[i])
        water = h2o_percent(humidity[i], temperature_c[i], pressure_hpa)
        valve = (gas.valve_a | gas.valve_b)[i].astype(np.float64)
        return model.ir_signal(s.time_s[i], noisy[i], pressure_hpa, temperature_c[i], water, valve)

    def own_co2(model: HPPModel, i: IntArray) -> FloatArray:
        return model.own.reading_ppm(s.time_s[i], noisy[i])

    ir = np.where(bad, 0.5, s.by_sensor(infrared))
    box_c = temperature_c + 0.02 * s.error("hpp-box")
    return {
        "battery": np.round(12.2 + 0.05 * s.error("battery"), 2),
        **_valves(s, gas),
        "senseair-hpp-co2-filtered": np.round(s.by_sensor(own_co2), 1),
        "senseair-hpp-ir-signal": np.round(ir, 6),
        "senseair-hpp-lpl-signal": np.round(0.91 * (ir / 0.82) ** 0.4, 6),
        "senseair-hpp-ntc5-diff-temp": np.round(0.4 + 0.02 * s.error("hpp-ntc5"), 3),
        "senseair-hpp-ntc6-se-temp": np.round(box_c + 12.0, 2),
        "senseair-hpp-pressure-filtered": pressure_pa,
        "senseair-hpp-status": np.where(bad, 2.0, np.where(warming, 32.0, 0.0)),
        "senseair-hpp-temperature-detector": np.round(54.8 + 0.05 * s.error("hpp-detector"), 2),
        "senseair-hpp-temperature-mcu": np.round(box_c + 8.0, 2),
        "sensirion-sht21-temperature": temperature_c,
        "sensirion-sht21-humidity": humidity,
    }


def _two_sensirions_and_pressure(
    s: Sampling, air: Air, gas: Cell, temperature_c: FloatArray, humidity: FloatArray
) -> Quantities:
    second_c, second = s.box(air, 4.0, "sensirion-sht30")
    offset_pa = 40 * s.constant("bosch-bmp280-pressure")
    return {
        "battery": np.round(12.2 + 0.05 * s.error("battery"), 2),
        **_valves(s, gas),
        "bosch-bmp280-pressure": np.round(
            air.pressure_hpa * 100 + offset_pa + 3 * s.error("bosch-bmp280-pressure")
        ),
        "sensirion-sht21-temperature": temperature_c,
        "sensirion-sht21-humidity": humidity,
        "sensirion-sht30-temperature": second_c,
        "sensirion-sht30-humidity": np.round(np.maximum(second * gas.water_share, 0.6), 2),
    }


def _linear_reading(s: Sampling, co2_ppm: FloatArray) -> FloatArray:
    noisy = co2_ppm + s.noise * NOISE_PPM[s.unit.sensor_type] * s.error("co2")

    def one(model: LinearModel, i: IntArray) -> FloatArray:
        return model.reading_ppm(s.time_s[i], noisy[i])

    return s.by_sensor(one)


def vaisala(s: Sampling) -> Quantities:
    """Vaisala: reads CO2 of the moist gas with an error that is a straight line."""
    air, gas, co2_wet, temperature_c, humidity = _sample(s, "sensirion-sht21", 3.0)
    return {
        "vaisala-gmp343-co2": np.round(_linear_reading(s, co2_wet), 1),
        "vaisala-gmp343-temperature": np.round(temperature_c + 2 + 0.05 * s.error("gmp343-temperature"), 1),
        **_two_sensirions_and_pressure(s, air, gas, temperature_c, humidity),
    }


def licor(s: Sampling) -> Quantities:
    """Licor: reads CO2 of the moist gas with an error that is a straight line, and water of its own."""
    air, gas, co2_wet, temperature_c, humidity = _sample(s, "sensirion-sht21", 3.0)
    co2 = _linear_reading(s, co2_wet)
    water = np.maximum(10 * air.h2o_percent * gas.water_share, 0.05) * (1 + 0.003 * s.error("li850-h2o"))
    logarithm = np.log(water / 1000 * air.pressure_hpa / 6.112)
    cell_kpa = air.pressure_hpa / 10 - 0.6
    return {
        "licor-li850-co2": np.round(co2, 2),
        "licor-li850-co2-absorption": np.round(1 - np.exp(-2.6e-4 * co2 * cell_kpa / 101.325), 6),
        "licor-li850-h2o": np.round(water, 3),
        "licor-li850-h2o-absorption": np.round(1 - np.exp(-2.1e-3 * water * cell_kpa / 101.325), 6),
        "licor-li850-h2o-dew_point": np.round(243.12 * logarithm / (17.62 - logarithm), 2),
        "licor-li850-cell-pressure": np.round(cell_kpa + 0.01 * s.error("cell-pressure"), 2),
        "licor-li850-cell-temperature": np.round(51.5 + 0.03 * s.error("cell-temperature"), 2),
        "licor-li850-flow-rate": np.round(0.75 + 0.005 * s.error("flow"), 3),
        **_two_sensirions_and_pressure(s, air, gas, temperature_c, humidity),
    }


SIGNALS: dict[str, Callable[[Sampling], Quantities]] = {
    "LP8": lp8,
    "HPP": hpp,
    "Vaisala": vaisala,
    "Licor": licor,
}
