"""The CO2 network's world: one object that makes its data, and knows the truth about them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from sandbox.carbosense.clock import DAY_S, midnight_s
from sandbox.carbosense.field import Field
from sandbox.carbosense.metadata import write_metadata
from sandbox.carbosense.telegrams import Fault, Telegrams, simulate
from sandbox.carbosense.units import Unit, make_fleet
from sandbox.carbosense.write import InfluxWriter, write_telegrams
from skyledger.connections import Connection

CHUNK_DAYS = 31  # telegrams of one unit in memory at a time

Progress = Callable[[int, int], None]  # unit-chunks done, of how many


@dataclass(slots=True)
class Written:
    """What was written: points, telegrams by sensor type, seconds."""

    points: int = 0
    telegrams: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class CarboSenseWorld:
    """A network of CO2 sensors with a known truth; the same arguments always give the same data.

    seed: another seed, another world; noise: scale of the random errors of the CO2 signals, 0 for none;
    corrupt_units: LP8 units some of whose telegrams hold a status that no table can hold
    """

    def __init__(self, seed: int = 1, *, noise: float = 1.0, corrupt_units: tuple[int, ...] = ()) -> None:
        self.seed = seed
        self.noise = noise
        self.corrupt_units = frozenset(corrupt_units)
        self.field = Field(seed)
        self.fleet = make_fleet(seed)

    def units(self, sensor_type: str | None = None) -> tuple[Unit, ...]:
        """Units of the network, of one sensor type or all; without foreign ones."""
        return tuple(
            unit
            for unit in self.fleet.values()
            if unit.registered and sensor_type in (None, unit.sensor_type)
        )

    def deployed(self, unit_id: int, day: date) -> bool:
        """Whether, at some moment of the day, the unit is deployed and carries a sensor."""
        start_s, unit = midnight_s(day), self.fleet[unit_id]
        return unit.registered and any(
            max(stay.start_s, sensor.start_s, start_s) < min(stay.end_s, sensor.end_s, start_s + DAY_S)
            for stay in unit.stays
            for sensor in unit.sensors
        )

    def telegrams(self, unit_id: int, first_day: date, last_day: date) -> Telegrams:
        """Telegrams of a unit between two days (included), with the truth; lost ones are not among them."""
        return simulate(
            self.seed,
            self.field,
            self.fleet[unit_id],
            midnight_s(first_day),
            midnight_s(last_day) + DAY_S,
            noise=self.noise,
            corrupt=unit_id in self.corrupt_units,
        )

    def expected_rows(self, unit_id: int, day: date, *, include_late: bool = False) -> dict[str, np.ndarray]:
        """Rows the destination table must hold for a unit and day, by column (`time` ascending; NaN is NULL)."""
        return self.telegrams(unit_id, day, day).rows(include_late=include_late)

    def expected_counts(
        self, sensor_type: str, first_day: date, last_day: date, *, include_late: bool = False
    ) -> dict[tuple[int, date], int]:
        """Number of rows per deployed unit and day, after the telegrams were loaded; zero where nothing came."""
        counts: dict[tuple[int, date], int] = {}
        days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
        for unit in self.units(sensor_type):
            wanted = [day for day in days if self.deployed(unit.unit_id, day)]
            if not wanted:
                continue
            rows = self.telegrams(unit.unit_id, first_day, last_day).rows(include_late=include_late)
            per_day = np.bincount((rows["time"] - midnight_s(first_day)) // DAY_S, minlength=len(days))
            counts |= {(unit.unit_id, day): int(per_day[(day - first_day).days]) for day in wanted}
        return counts

    def faults(self, first_day: date, last_day: date) -> tuple[Fault, ...]:
        """Everything that is wrong on purpose between two days, and deaths before the end of them."""
        end_s = midnight_s(last_day) + DAY_S
        found = [
            Fault("dead", unit.unit_id, unit.last_s, unit.stays[-1].end_s)
            for unit in self.units()
            if unit.first_s < unit.last_s < min(end_s, unit.stays[-1].end_s)
        ]
        for unit in self.units():
            found += self.telegrams(unit.unit_id, first_day, last_day).faults
        return tuple(found)

    def write_metadata(self, connection: Any, *, as_of: datetime | None = None) -> dict[str, int]:
        """Write the metadata tables as people know them at `as_of` (UTC; default now); return rows per table.

        connection: an open DB-API connection to MariaDB; the tables exist. What they held is replaced.
        """
        return write_metadata(connection, self.seed, self.fleet.values(), as_of)

    def write_telegrams(
        self,
        influx: Connection,
        first_day: date,
        last_day: date,
        *,
        late: bool = False,
        units: tuple[int, ...] | None = None,
        progress: Progress | None = None,
    ) -> Written:
        """Write the telegrams of two days and all between into InfluxDB.

        influx: login, password, host, port, schema (the database, which exists), extra scheme; late: write only
        the telegrams that were withheld before; units: only these (default all, foreign ones included)
        """
        started = time.monotonic()
        written = Written()
        work = list(self._chunks(first_day, last_day, units))
        with InfluxWriter(influx) as writer:
            for done, (unit, start, end) in enumerate(work, 1):
                count = write_telegrams(
                    writer, self.seed, self.telegrams(unit.unit_id, start, end), late=late
                )
                written.telegrams[unit.sensor_type] = written.telegrams.get(unit.sensor_type, 0) + count
                if progress:
                    progress(done, len(work))
        written.points = writer.points
        written.seconds = time.monotonic() - started
        return written

    def _chunks(
        self, first_day: date, last_day: date, units: tuple[int, ...] | None
    ) -> Iterator[tuple[Unit, date, date]]:
        """Pieces of work, oldest days first: a time-series database likes to write forward."""
        for offset in range(0, (last_day - first_day).days + 1, CHUNK_DAYS):
            start = first_day + timedelta(days=offset)
            end = min(start + timedelta(days=CHUNK_DAYS - 1), last_day)
            for unit in self.fleet.values():
                active = unit.first_s < midnight_s(end) + DAY_S and unit.last_s > midnight_s(start)
                if active and (units is None or unit.unit_id in units):
                    yield unit, start, end
