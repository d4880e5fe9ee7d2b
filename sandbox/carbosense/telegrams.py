"""Telegrams of one unit over a range of time: what was sent, what is late or doubled, what was wrong, the truth."""

from dataclasses import dataclass

import numpy as np

from sandbox.carbosense.clock import naive_utc
from sandbox.carbosense.field import Air, Field
from sandbox.carbosense.signals import SIGNALS, Quantities, Sampling
from sandbox.carbosense.timing import schedule
from sandbox.carbosense.units import Unit
from sandbox.noise import BoolArray, FloatArray, IntArray

# units whose doubled telegrams were decoded anew: the SHT21 temperature differs, and the mean of both counts
REDECODED_UNITS = (1026, 431)
REDECODED = "sensirion-sht21-temperature"
REDECODED_SHIFT_C = 0.2

COLUMN_OF = {"calibration": "calibration_a"}  # every other column is the quantity with `_` for `-`


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong on purpose, from the first to the last telegram it hits."""

    kind: str
    unit_id: int
    start_s: int
    end_s: int

    def __str__(self) -> str:
        return f"{self.kind}: unit {self.unit_id}, {naive_utc(self.start_s)} to {naive_utc(self.end_s)}"


@dataclass(frozen=True, slots=True)
class Telegrams:
    """Telegrams of one unit, ascending in time. All arrays are (n,).

    values: by quantity of the source, NaN where a telegram does not hold it; late: withheld at first;
    doubled: stored under two tag sets; rejected: holds a value that no table can hold;
    stay: index into the unit's stays, -1 for the store; air: the truth at the time of the telegram
    """

    unit: Unit
    time_s: IntArray
    values: Quantities
    late: BoolArray
    doubled: BoolArray
    rejected: BoolArray
    stay: IntArray
    air: Air
    faults: tuple[Fault, ...]

    def second_value(self, quantity: str) -> FloatArray:
        """The value a doubled telegram has under the second tag set."""
        value = self.values[quantity]
        redecoded = self.unit.unit_id in REDECODED_UNITS and quantity == REDECODED
        return np.round(value + REDECODED_SHIFT_C, 2) if redecoded else value

    def rows(self, *, include_late: bool = False) -> dict[str, np.ndarray]:
        """What the table must hold, by column: the mean of a doubled value, no rejected and no withheld rows."""
        kept = ~self.rejected if include_late else ~(self.rejected | self.late)
        rows: dict[str, np.ndarray] = {"time": self.time_s[kept]}
        for quantity in self.values:
            value = self.values[quantity]
            value = np.where(self.doubled, (value + self.second_value(quantity)) / 2, value)[kept]
            column = COLUMN_OF.get(quantity, quantity.replace("-", "_"))
            rows[column] = np.where(np.isnan(rows[column]), value, rows[column]) if column in rows else value
        return rows


def simulate(
    seed: int,
    field: Field,
    unit: Unit,
    start_s: int,
    end_s: int,
    *,
    noise: float = 1.0,
    corrupt: bool = False,
) -> Telegrams:
    """All telegrams of a unit with start_s <= time < end_s."""
    sent = schedule(seed, unit, start_s, end_s)
    sampling = Sampling(seed, unit, field, sent.number, sent.time_s, noise, corrupt)
    values = SIGNALS[unit.sensor_type](sampling)
    hits = {**sampling.faults, "late": sent.late, "doubled": sent.doubled}
    nothing = np.zeros(len(sent.time_s), dtype=bool)
    return Telegrams(
        unit,
        sent.time_s,
        values,
        sent.late,
        sent.doubled,
        sampling.faults.get("corrupt", nothing),
        unit.stay_index(sent.time_s),
        sampling.air(),
        tuple(fault for kind, hit in hits.items() for fault in _runs(kind, unit, sent.time_s, hit)),
    )


def _runs(kind: str, unit: Unit, time_s: IntArray, hit: BoolArray) -> list[Fault]:
    """Faults that last: hits of neighbouring telegrams are one."""
    places = np.flatnonzero(hit)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > 1)
    first = np.concatenate(([0], breaks + 1))
    last = np.concatenate((breaks, [len(places) - 1]))
    return [
        Fault(kind, unit.unit_id, int(time_s[places[i]]), int(time_s[places[j]]))
        for i, j in zip(first, last, strict=True)
    ]
