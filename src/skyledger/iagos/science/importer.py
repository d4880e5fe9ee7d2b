"""From raw rows to Level 0, and from Level 0 to itself with other calibrations, or to a candidate for Level 2.

Level 0 keeps what the instrument said as channels, so both are made from it without the raw file.
Equal input gives equal data and an equal digest: no clock is asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skyledger import __version__
from skyledger.errors import PermanentError
from skyledger.iagos.flags import Validity, merged
from skyledger.iagos.flight import FlightData, FloatArray, Key, Series
from skyledger.iagos.formats.raw import RawFlight
from skyledger.iagos.instruments import Instrument, Measured
from skyledger.iagos.metadata.calibrations import CalibrationSet
from skyledger.iagos.metadata.flights import Flight
from skyledger.iagos.names import Level
from skyledger.iagos.science import formulas
from skyledger.iagos.science.calibrate import Calibrated, apply, used, used_ids
from skyledger.iagos.science.synchronise import Grid
from skyledger.iagos.variables import variables
from skyledger.meteorology import potential_temperature_k, pressure_altitude_m

SOFTWARE = f"skyledger {__version__}"
AIRCRAFT_COLUMNS = ("lat", "lon", "p_hpa", "tat_k", "mach")  # told by the aircraft, linear between rows
FEWEST_STRATOSPHERIC = 75  # points that an offset of the humidity is estimated from: 5 minutes


def make_l0(
    raw: RawFlight,
    instrument: Instrument,
    calibrations: CalibrationSet,
    flight: Flight,
    key: Key,
    *,
    source: Mapping[str, str],
) -> FlightData:
    """Physical units with the calibrations before the deployment, on one grid of time; nothing judged yet.

    `source` is the raw file as provenance tells it: name and sha256.
    Raises PermanentError when file, flight and deployment do not belong together, or a calibration is not known.
    """
    for what, found, expected in (
        ("flight_id", raw.flight_id, flight.flight_id),
        ("aircraft", raw.aircraft, flight.aircraft),
        ("instrument_serial", raw.serial, calibrations.unit_serial),
    ):
        if found != expected:
            raise PermanentError(
                f"{key}: the raw file says {what} {found}, the instrument database {expected};"
                " correct the deployment or reject the file"
            )
    grid = Grid.over(raw.time_s, instrument.sampling_s)
    gap, columns = instrument.longest_gap, raw.columns
    latitude, longitude = grid.position(columns["lat"], columns["lon"], gap)
    pressure = grid.linear(columns["p_hpa"], gap) * 100.0
    total_temperature = grid.linear(columns["tat_k"], gap)
    mach = grid.linear(columns["mach"], gap)
    channels = {"mach": mach} | {
        name: grid.measured(values) for name, values in columns.items() if name not in AIRCRAFT_COLUMNS
    }
    aircraft = {
        "lon": longitude,
        "lat": latitude,
        "baro_alt_AC": pressure_altitude_m(pressure),
        "air_press_AC": pressure,
        "air_stag_temp_AC": total_temperature,
        "air_temp_AC": formulas.static_temperature_k(total_temperature, mach, instrument.recovery_factor),
    }
    made, limited = _instrument(grid.time_s, channels, pressure, instrument, calibrations, final=False)
    series = {name: Series.unchecked(values) for name, values in aircraft.items()} | made
    data = FlightData(
        key=key,
        level=Level.L0,
        aircraft=flight.aircraft,
        departure=flight.departure,
        arrival=flight.arrival,
        time_s=grid.time_s,
        interval_s=instrument.sampling_s,
        series={name: series[name] for name in variables() if name in series},
        channels=channels,
    )
    read = {
        "source": dict(source),
        "unit": raw.serial,
        "clock_source": raw.clock_source,
        "rows_read": len(raw.time_s),
        "rows_rejected": len(raw.rejected),
        "notes": list(raw.notes),
        "steps": [{"level": str(Level.L0), "software": SOFTWARE, "from": source["sha256"]}],
    }
    return replace(data, provenance=read | _told(data, instrument, calibrations, limited))


def renew_l0(l0: FlightData, instrument: Instrument, calibrations: CalibrationSet) -> FlightData:
    """Level 0 computed anew from its own channels: the same data with the same calibrations.

    Raises PermanentError when it was made with another unit, or a calibration is not known.
    """
    data, limited = _computed(l0, Level.L0, instrument, calibrations)
    steps = [{**step, "software": SOFTWARE} for step in l0.provenance["steps"]]
    told = _told(data, instrument, calibrations, limited) | {"steps": steps}
    return replace(data, provenance={**l0.provenance, **told})


def make_l2(l0: FlightData, instrument: Instrument, calibrations: CalibrationSet) -> FlightData:
    """A candidate for Level 2: the channels of Level 0 with the calibrations before and after the deployment.

    Raises PermanentError when Level 0 was made with another unit, or a calibration is not known.
    """
    data, limited = _computed(l0, Level.L2, instrument, calibrations)
    step = {"level": str(Level.L2), "software": SOFTWARE, "from": l0.digest()}
    told = _told(data, instrument, calibrations, limited) | {"steps": [*l0.provenance["steps"], step]}
    return replace(data, provenance={**l0.provenance, **told})


def _computed(
    l0: FlightData, level: Level, instrument: Instrument, calibrations: CalibrationSet
) -> tuple[FlightData, dict[str, str]]:
    """A level from the channels of Level 0; and which variables are limited, and why."""
    unit = l0.provenance.get("unit")
    if unit != calibrations.unit_serial:
        raise PermanentError(
            f"{l0.key}: Level 0 is of unit {unit}, the calibrations are of {calibrations.unit_serial};"
            " correct the deployment"
        )
    pressure, final = l0.series["air_press_AC"].value, level is Level.L2
    made, limited = _instrument(l0.time_s, l0.channels, pressure, instrument, calibrations, final=final)
    series = {name: made.get(name) or Series.unchecked(one.value) for name, one in l0.series.items()}
    return replace(l0, level=level, series=series), limited


def humidity_offset(data: FlightData) -> dict[str, Any]:
    """How far the humidity is off where water is known to be close to 5 ppm: in the lower stratosphere.

    offset [1]: median of measured minus reference relative humidity over liquid water, None with too few points;
    points [1]: how many are surely stratospheric. A number for the PI: nothing is corrected by it.
    """
    temperature, humidity = data.series["air_temp_P1"].value, data.series["RHL_P1"].value
    pressure = data.series["air_press_AC"].value
    above = formulas.in_stratosphere(
        potential_temperature_k(temperature, pressure), data.series["O3_P1"].value
    )
    excess = humidity - formulas.stratospheric_humidity(temperature, pressure)
    excess = excess[above & ~np.isnan(excess)]
    enough = len(excess) >= FEWEST_STRATOSPHERIC
    return {"offset": float(np.median(excess)) if enough else None, "points": len(excess)}


def _instrument(
    time_s: FloatArray,
    channels: Mapping[str, FloatArray],
    pressure_pa: FloatArray,
    instrument: Instrument,
    calibrations: CalibrationSet,
    *,
    final: bool,
) -> tuple[dict[str, Series], dict[str, str]]:
    """The variables that the instrument measures or gives rise to; and which of them are limited, and why."""
    found = {
        name: _calibrated(name, measured, channels, time_s, calibrations, final=final)
        for name, measured in instrument.measured.items()
    }

    def uncertainty(name: str, value: FloatArray, per_unit: FloatArray | float = 1.0) -> FloatArray:
        """Of a value; `per_unit` is how much it changes with what was calibrated."""
        limits = instrument.measured[name].uncertainty
        own = formulas.uncertainty(value, limits.absolute, limits.relative, instrument.combine)
        drift = found[name].drift * per_unit
        return own + drift if instrument.combine == "sum" else np.hypot(own, drift)

    # The sensors of temperature and humidity sit where air is stopped, and warmed by it
    sensor, damp = found["air_temp_P1"], found["RHL_P1"]
    temperature = formulas.static_temperature_k(sensor.value, channels["mach"], instrument.recovery_factor)
    to_outside = formulas.ambient_humidity(1.0, temperature, sensor.value)
    humidity = damp.value * to_outside
    of_humidity = uncertainty(
        "RHL_P1", humidity, to_outside
    )  # by far the largest part of what follows from it
    to_ice = formulas.humidity_over_ice(1.0, temperature)
    to_ppm = 1e6 * formulas.water_mole_fraction(1.0, temperature, pressure_pa)
    counts, volume_cm3 = channels["bcp_counts"], instrument.sampled_volume_cm3
    ozone, carbon_monoxide = found["O3_P1"].value, found["CO_P1"].value
    made = {
        "O3_P1": (ozone, uncertainty("O3_P1", ozone)),
        "CO_P1": (carbon_monoxide, uncertainty("CO_P1", carbon_monoxide)),
        "H2O_gas_P1": (humidity * to_ppm, of_humidity * to_ppm),
        "RHL_P1": (humidity, of_humidity),
        "RHI_P1": (humidity * to_ice, of_humidity * to_ice),
        "air_temp_P1": (temperature, uncertainty("air_temp_P1", temperature, temperature / sensor.value)),
        # by the statistics of counts; no particle is as uncertain as one
        "cloud_P1": (counts / volume_cm3, np.sqrt(np.maximum(counts, 1.0)) / volume_cm3),
    }
    why = {name: one.limited for name, one in found.items()}
    why |= dict.fromkeys(("RHL_P1", "RHI_P1", "H2O_gas_P1"), damp.limited or sensor.limited)
    limited = {name: reason for name, reason in why.items() if reason}
    series = {name: Series.unchecked(*both) for name, both in made.items()}
    return {name: _limited(one) if name in limited else one for name, one in series.items()}, limited


def _calibrated(
    name: str,
    measured: Measured,
    channels: Mapping[str, FloatArray],
    time_s: FloatArray,
    calibrations: CalibrationSet,
    *,
    final: bool,
) -> Calibrated:
    raw = channels[measured.column]
    part = calibrations.parts.get(measured.component)
    if part is None:
        missing = np.full(len(raw), np.nan)
        return Calibrated(missing, missing, f"unit {calibrations.unit_serial} has no {measured.component}")
    try:
        return apply(raw, time_s, part.pair, final=final, choice=calibrations.choice)
    except PermanentError as error:
        raise PermanentError(f"{name}: {measured.component} {part.serial}: {error}") from error


def _limited(one: Series) -> Series:
    basic = np.full(len(one.value), Validity.LIMITED, dtype=np.int8)
    return replace(one, validity=merged(one.validity, basic))


def _told(
    data: FlightData, instrument: Instrument, calibrations: CalibrationSet, limited: Mapping[str, str]
) -> dict[str, Any]:
    """What provenance says of a step. When it ran is not told: it would make equal data unequal."""
    final = data.level is Level.L2
    records = {
        kind: used(part.pair, final=final, choice=calibrations.choice)
        for kind, part in calibrations.parts.items()
    }
    return {
        "software": SOFTWARE,
        "deployment": calibrations.deployment,
        "calibrations": {kind: [one.as_dict() for one in several] for kind, several in records.items()},
        "calibration_ids": used_ids(calibrations, final=final),
        "calibration_choice": calibrations.choice,
        "limited": dict(limited),
        "uncertainty": f"{instrument.combine} of an absolute part, a relative part and half the drift of calibration",
        "humidity_offset": humidity_offset(data),
    }
