"""What the instruments of a flight say, and the file it is written to.

The response of each part is the inverse of its true calibration at that moment, with noise well inside the stated
uncertainty.
"""

import numpy as np

from sandbox.iagos import faults as wrong
from sandbox.iagos.air import COLD_SENSOR_K, over_liquid_pa
from sandbox.iagos.flights import grid, planned, series, true_air, warmed
from sandbox.iagos.world import CO, O3, PT100, RH, Component, Flight, IagosWorld
from sandbox.noise import FloatArray, key, normal, uniform
from skyledger.iagos.formats import raw as l0a

JITTER_S = 1.2  # of a sample around its point of the grid
VOLUME_CM3 = 4.0  # of air that the particle counter sees per sample
COLUMN_OF = {O3: "o3_raw_ppb", CO: "co_raw_ppb", RH: "rh_raw", PT100: "t_sensor_k"}
Columns = dict[str, FloatArray]


def raw_flight(world: IagosWorld, flight: Flight, revision: int = 1) -> l0a.RawFlight:
    """What the aircraft computer wrote. From the second delivery on, rows that were lost on the way are there."""
    names = series(world, flight)
    grid_s = grid(flight)
    time_s = np.round(grid_s + JITTER_S * (2 * uniform(key(*names, "jitter"), grid_s) - 1), 3)
    found = planned(world, flight)
    columns = _measured(world, flight, time_s, found)
    unit = world.units[flight.aircraft.unit]
    frozen = [one for one in found if one.kind == wrong.FLAT]
    for one in found:
        if one.kind not in (wrong.FLAT, wrong.GAP, wrong.COLD):
            wrong.apply(one, names, time_s, columns)
    for kind, column in COLUMN_OF.items():
        columns[column] = response(unit.part(kind, flight.departure.time), columns[column], time_s)
    for one in frozen:
        wrong.freeze(one, time_s, columns)
    lost = [one for one in found if one.kind == wrong.GAP and revision == 1]
    kept = ~np.logical_or.reduce([np.zeros(len(time_s), bool), *(one.hits(time_s) for one in lost)])
    return l0a.RawFlight(
        flight_id=flight.flight_id,
        instrument_type="P1",
        serial=unit.serial,
        aircraft=flight.aircraft.number,
        sampling_s=float(wrong.STEP_S),
        clock_source="GPS" if revision == 1 else f"GPS, delivery {revision}",
        time_s=time_s[kept],
        columns={name: values[kept] for name, values in columns.items()},
    )


def write_raw(
    world: IagosWorld, flight: Flight, revision: int = 1, *, truncated: bool = False, bad_lines: int = 0
) -> bytes:
    """A raw file; cut off in the middle of a row, or with so many rows that are none."""
    raw = raw_flight(world, flight, revision)
    if not (truncated or bad_lines):
        return l0a.write(raw)
    lines = l0a.render(raw).split(b"\n")
    rows = np.sort(uniform(key(world.seed, flight.flight_id, "bad lines"), np.arange(bad_lines)))
    for n, place in enumerate((20 + rows * (len(lines) - 40)).astype(int).tolist()):
        lines[place] = (b"\x00\xff" * 9, lines[place][:40], lines[place].replace(b".", b".x", 3))[n % 3]
    text = b"\n".join(lines)
    return l0a.pack(text[: 2 * len(text) // 3] if truncated else text)


def response(part: Component, value: FloatArray, time_s: FloatArray) -> FloatArray:
    """What a part says when `value` is there: the inverse of its true calibration. (n,) at Unix seconds."""
    true = part.truth(time_s)
    if part.function == "linear":
        return (value - true["offset"]) / true["slope"]
    c0, c1, c2 = (true[name] for name in ("c0", "c1", "c2"))
    return (np.sqrt(c1**2 + 4 * c2 * (value - c0)) - c1) / (2 * c2)


def _measured(
    world: IagosWorld, flight: Flight, time_s: FloatArray, found: tuple[wrong.Fault, ...]
) -> Columns:
    """All columns, as the quantity that is there, with noise; by name of the raw file."""
    course, names = flight.course, series(world, flight)
    there = true_air(world, flight, time_s, found)
    index = wrong.on_grid(time_s)
    phase, mach = course.phase(time_s), course.mach(time_s)
    mode = wrong.co_mode(course.departure_s, time_s, phase)
    latitude, longitude = course.position(time_s)
    temperature = there.temperature_k
    stopped = temperature * warmed(mach)

    def noise(name: str) -> FloatArray:
        return normal(key(*names, name), index)

    warming = 15 * np.exp(-(time_s - course.power_s[0]) / 350)
    ozone = there.ozone_ppb + warming + (0.6 + 0.004 * there.ozone_ppb) * noise("ozone")
    between_cells = 0.8 * noise("cells")
    carbon_monoxide = np.choose(
        mode, [there.carbon_monoxide_ppb, np.zeros(len(time_s)), np.full(len(time_s), wrong.SPAN_PPB)]
    )
    carbon_monoxide = carbon_monoxide + (1 + 0.005 * carbon_monoxide) * noise("carbon monoxide")
    to_sensor = (stopped / temperature) ** 3.5 * over_liquid_pa(temperature) / over_liquid_pa(stopped)
    humidity = there.humidity * to_sensor
    humidity = np.where(stopped < COLD_SENSOR_K, 1.3 * humidity, humidity) + 1.5e-4 * noise("humidity")
    counts = np.clip(
        np.round(VOLUME_CM3 * there.cloud_cm3 + np.sqrt(VOLUME_CM3 * there.cloud_cm3) * noise("cloud")),
        0,
        None,
    )
    return {
        "lat": latitude,
        "lon": longitude,
        "p_hpa": course.pressure_pa(time_s) / 100 + 0.08 * noise("pressure"),
        "tat_k": stopped + 0.08 * noise("total temperature"),
        "mach": np.where(mach > 0, mach + 0.0008 * noise("mach"), 0.0),
        "o3_cell_a": ozone + between_cells,
        "o3_cell_b": ozone - between_cells,
        "o3_raw_ppb": ozone,
        "co_raw_ppb": carbon_monoxide,
        "co_mode": mode.astype(np.float64),
        "rh_raw": humidity,
        "t_sensor_k": stopped + 0.05 * noise("sensor temperature"),
        "bcp_counts": counts,
        "status_word": np.zeros(len(time_s)),
        "phase": phase.astype(np.float64),
    }
