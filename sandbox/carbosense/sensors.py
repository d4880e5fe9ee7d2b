"""Sensor models: raw signals from CO2, and CO2 from raw signals, with the true parameters.

The models are the network's own calibration models, so a calibration that works finds these parameters:
LP8 the full model (infrared, cubic temperature, temperature over infrared, pressure, period offsets), HPP the
main model (infrared, pressure, temperature, water, valve, piecewise linear drift), Vaisala and Licor a line.
A model answers to number density: CO2 times pressure (and, for the LP8, times inverse temperature).
"""

from dataclasses import dataclass

import numpy as np

from sandbox.carbosense.clock import DAY_S, YEAR_S
from sandbox.carbosense.field import STANDARD_PRESSURE_HPA, T0_K
from sandbox.noise import FloatArray, IntArray, key, normal, uniform

OFFSET_PERIOD_S = 14 * DAY_S


@dataclass(frozen=True, slots=True)
class Drift:
    """How the zero of one sensor wanders: a slow approach to `total_ppm`, and a random part every 14 days.

    Both are relative to the day the sensor was made, `since_s`.
    """

    series: np.uint64
    since_s: int
    total_ppm: float
    scale_years: float
    random_ppm: float

    def _slow(self, time_s: IntArray) -> FloatArray:
        age_years = np.maximum(time_s - self.since_s, 0) / YEAR_S
        return np.asarray(self.total_ppm * (1 - np.exp(-age_years / self.scale_years)))

    def steps(self, time_s: IntArray) -> FloatArray:
        """Offset that is constant within each period of 14 days. [ppm of number density]"""
        period = (time_s - self.since_s) // OFFSET_PERIOD_S
        slow = self._slow(self.since_s + period * OFFSET_PERIOD_S)
        return np.asarray(slow + self.random_ppm * normal(self.series, period))

    def hats(self, time_s: IntArray) -> FloatArray:
        """Offset that is linear between knots 14 days apart. [ppm of number density]"""
        position = (time_s - self.since_s) / OFFSET_PERIOD_S
        knot = np.floor(position).astype(np.int64)
        share = position - knot
        left, right = (
            self._slow(self.since_s + k * OFFSET_PERIOD_S) + self.random_ppm * normal(self.series, k)
            for k in (knot, knot + 1)
        )
        return np.asarray(left * (1 - share) + right * share)


@dataclass(frozen=True, slots=True)
class LP8Model:
    """y = intercept + log_ir·(-ln I) + t1·t + t2·t² + t3·t³ + (ti1·t + ti2·t² + ti3·t³)/I + pressure·P + offset.

    y = CO2_wet · p/1013.25 · 273.15/t;  t = LP8 temperature [K];  I = infrared counts;  P = (p - 1013.25)/1013.25
    """

    serial: str
    intercept: float
    log_ir: float
    t1: float
    t2: float
    t3: float
    ti1: float
    ti2: float
    ti3: float
    pressure: float
    drift: Drift

    def _without_ir(self, time_s: IntArray, kelvin: FloatArray, pressure_hpa: FloatArray) -> FloatArray:
        relative = (pressure_hpa - STANDARD_PRESSURE_HPA) / STANDARD_PRESSURE_HPA
        cubic = kelvin * (self.t1 + kelvin * (self.t2 + kelvin * self.t3))
        return np.asarray(self.intercept + cubic + self.pressure * relative + self.drift.steps(time_s))

    def _over_ir(self, kelvin: FloatArray) -> FloatArray:
        return np.asarray(kelvin * (self.ti1 + kelvin * (self.ti2 + kelvin * self.ti3)))

    def co2_wet_ppm(
        self, time_s: IntArray, ir_counts: FloatArray, temperature_c: FloatArray, pressure_hpa: FloatArray
    ) -> FloatArray:
        """CO2 in moist air from the infrared counts. [ppm]"""
        kelvin = temperature_c + T0_K
        y = self._without_ir(time_s, kelvin, pressure_hpa) - self.log_ir * np.log(ir_counts)
        y = y + self._over_ir(kelvin) / ir_counts
        return np.asarray(y * STANDARD_PRESSURE_HPA / pressure_hpa * kelvin / T0_K)

    def ir_counts(
        self, time_s: IntArray, co2_wet_ppm: FloatArray, temperature_c: FloatArray, pressure_hpa: FloatArray
    ) -> FloatArray:
        """Infrared counts that the sensor shows at a CO2 in moist air."""
        kelvin = temperature_c + T0_K
        y = co2_wet_ppm * pressure_hpa / STANDARD_PRESSURE_HPA * T0_K / kelvin
        rest, over_ir = self._without_ir(time_s, kelvin, pressure_hpa) - y, self._over_ir(kelvin)
        ir = np.exp(rest / self.log_ir)
        for _ in range(3):  # the terms over I are small: each round gains three digits
            ir = np.exp((rest + over_ir / ir) / self.log_ir)
        return np.asarray(ir)


@dataclass(frozen=True, slots=True)
class HPPModel:
    """y = c0·(-ln I) + c1/I + c2·P + c3·P/I + c4·T + c5·H2O + c6·valve + hats;  y = CO2_wet · p/1013.25.

    p = pressure_offset_hpa + pressure_gain · (reading of the HPP in hPa);  T [°C] and H2O [Vol-%] by the SHT21
    own: the calibration inside the sensor, which makes `co2-filtered`
    """

    serial: str
    c0: float
    c1: float
    c2: float
    c3: float
    c4: float
    c5: float
    c6: float
    level: float
    pressure_offset_hpa: float
    pressure_gain: float
    drift: Drift
    own: "LinearModel"

    def true_pressure_hpa(self, reading_pa: FloatArray) -> FloatArray:
        """Air pressure from the sensor's reading. [hPa]"""
        return np.asarray(self.pressure_offset_hpa + self.pressure_gain * reading_pa / 100)

    def reading_pa(self, pressure_hpa: FloatArray) -> FloatArray:
        """What the sensor reads at an air pressure. [Pa]"""
        return np.asarray((pressure_hpa - self.pressure_offset_hpa) / self.pressure_gain * 100)

    def _terms(
        self,
        time_s: IntArray,
        relative: FloatArray,
        temperature_c: FloatArray,
        h2o: FloatArray,
        valve: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        free = self.c2 * relative + self.c4 * temperature_c + self.c5 * h2o + self.c6 * valve
        return np.asarray(free + self.level + self.drift.hats(time_s)), np.asarray(
            self.c1 + self.c3 * relative
        )

    def co2_wet_ppm(
        self,
        time_s: IntArray,
        ir: FloatArray,
        pressure_hpa: FloatArray,
        temperature_c: FloatArray,
        h2o_percent: FloatArray,
        valve: FloatArray,
    ) -> FloatArray:
        """CO2 in the (moist) sample from the infrared signal. [ppm]"""
        relative = (pressure_hpa - STANDARD_PRESSURE_HPA) / STANDARD_PRESSURE_HPA
        free, over_ir = self._terms(time_s, relative, temperature_c, h2o_percent, valve)
        return np.asarray((free - self.c0 * np.log(ir) + over_ir / ir) * STANDARD_PRESSURE_HPA / pressure_hpa)

    def ir_signal(
        self,
        time_s: IntArray,
        co2_wet_ppm: FloatArray,
        pressure_hpa: FloatArray,
        temperature_c: FloatArray,
        h2o_percent: FloatArray,
        valve: FloatArray,
    ) -> FloatArray:
        """Infrared signal at a CO2 of the sample."""
        relative = (pressure_hpa - STANDARD_PRESSURE_HPA) / STANDARD_PRESSURE_HPA
        free, over_ir = self._terms(time_s, relative, temperature_c, h2o_percent, valve)
        target = co2_wet_ppm * pressure_hpa / STANDARD_PRESSURE_HPA - free
        ir = np.full(len(time_s), 0.82)
        for _ in range(5):  # Newton; quadratic from a start that is good to some per cent
            ir = ir + (over_ir / ir - self.c0 * np.log(ir) - target) / (self.c0 / ir + over_ir / ir**2)
        return ir


@dataclass(frozen=True, slots=True)
class LinearModel:
    """CO2 = zero + slope · reading, and the zero drifts (`hats`)."""

    serial: str
    zero_ppm: float
    slope: float
    drift: Drift

    def co2_ppm(self, time_s: IntArray, reading_ppm: FloatArray) -> FloatArray:
        """CO2 from the instrument's reading. [ppm]"""
        return np.asarray(self.zero_ppm + self.drift.hats(time_s) + self.slope * reading_ppm)

    def reading_ppm(self, time_s: IntArray, co2_ppm: FloatArray) -> FloatArray:
        """What the instrument reads. [ppm]"""
        return np.asarray((co2_ppm - self.zero_ppm - self.drift.hats(time_s)) / self.slope)


Model = LP8Model | HPPModel | LinearModel

# where a sensor in the middle of the production shows the signal of its kind: 25 000 counts, 0.82
_REFERENCE_K, _REFERENCE_CO2 = 291.65, 390.0
_HPP_CO2 = 400.0


def _spread(seed: int, serial: str) -> list[float]:
    """How this sensor differs from its kind: standard normal numbers."""
    return [float(x) for x in normal(key(seed, serial, "parameters"), np.arange(10))]


def _drift(seed: int, serial: str, since_s: int, total_ppm: float, random_ppm: float) -> Drift:
    series = key(seed, serial, "drift")
    sign, size, scale = uniform(series, np.array([-1001, -1002, -1003]))
    total = total_ppm * (0.3 + size) * (1 if sign > 0.4 else -1)
    return Drift(series, since_s, float(total), float(1.0 + 2 * scale), random_ppm)


def make_lp8(seed: int, serial: str, since_s: int) -> LP8Model:
    """An LP8 from the production line: each is a little different."""
    spread = _spread(seed, serial)
    log_ir, ir = 5600 + 250 * spread[0], 25_000 + 1400 * float(np.clip(spread[7], -2.2, 2.2))
    t1, t2, t3 = (base * (1 + 0.01 * spread[1 + n]) for n, base in enumerate((-21.5, 0.0432, -2.6e-5)))
    ti1, ti2, ti3 = (base * (1 + 0.2 * spread[4 + n]) for n, base in enumerate((900, -3.0, 0.002)))
    k = _REFERENCE_K
    temperature_terms = k * (t1 + k * (t2 + k * t3)) + k * (ti1 + k * (ti2 + k * ti3)) / ir
    return LP8Model(
        serial,
        intercept=_REFERENCE_CO2 + log_ir * float(np.log(ir)) - temperature_terms,
        log_ir=log_ir,
        t1=t1,
        t2=t2,
        t3=t3,
        ti1=ti1,
        ti2=ti2,
        ti3=ti3,
        pressure=380 * (1 + 0.1 * spread[8]),
        drift=_drift(seed, serial, since_s, 60, 4.0),
    )


def make_hpp(seed: int, serial: str, since_s: int) -> HPPModel:
    """An HPP from the production line."""
    spread = _spread(seed, serial)
    c0, c1, ir = (
        2600 * (1 + 0.02 * spread[0]),
        310 * (1 + 0.05 * spread[1]),
        0.82 + 0.024 * float(np.tanh(spread[2])),
    )
    return HPPModel(
        serial,
        c0=c0,
        c1=c1,
        c2=-150 * (1 + 0.1 * spread[3]),
        c3=420 * (1 + 0.05 * spread[4]),
        c4=0.35 * (1 + 0.2 * spread[5]),
        c5=-1.8 * (1 + 0.2 * spread[6]),
        c6=2.5 + 0.5 * spread[7],
        level=_HPP_CO2 + c0 * float(np.log(ir)) - c1 / ir,
        pressure_offset_hpa=4.0 * spread[8],
        pressure_gain=1 + 0.003 * spread[9],
        drift=_drift(seed, serial, since_s, 25, 5.0),
        own=make_linear(seed, f"{serial} own", since_s),
    )


def make_linear(seed: int, serial: str, since_s: int) -> LinearModel:
    """A Vaisala or Licor: a slope near one, and a zero that wanders slowly."""
    spread = _spread(seed, serial)
    return LinearModel(
        serial, -7 + 3 * spread[0], 1.035 + 0.01 * spread[1], _drift(seed, serial, since_s, 4, 0.8)
    )
