"""When telegrams are sent, and what happens to them on the way.

A telegram has a number, counted from 1970 in periods of its unit. Whether it is lost, late or doubled is
decided by its number or by the hour it falls in, so every range of days agrees on it.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.carbosense.clock import DAY_S, HOUR_S
from sandbox.carbosense.units import Unit
from sandbox.noise import BoolArray, IntArray, key, uniform

JITTER_S = {600: 4, 60: 2}  # by period: boxes wake up a little early or late
MIDNIGHT_WINDOW_S = 25  # a telegram this close to midnight is sent at 00:00:00 or 23:59:59 sharp

LOST_TELEGRAM = 0.012  # weak radio
LOST_HOUR = 0.004  # a gateway restarts
LOST_DAY = 0.004  # a gateway is down: the day is empty
LATE_BLOCK, LATE_BLOCK_S = 0.02, 3 * HOUR_S  # kept in a gateway, delivered later
DOUBLED_BLOCK, DOUBLED_BLOCK_S = 0.015, 6 * HOUR_S  # stored once more under an older title


@dataclass(frozen=True, slots=True)
class Schedule:
    """Telegrams that reach the database, sooner or later. number, time_s, late, doubled : (n,)"""

    number: IntArray
    time_s: IntArray
    late: BoolArray
    doubled: BoolArray


def schedule(seed: int, unit: Unit, start_s: int, end_s: int) -> Schedule:
    """Telegrams of a unit with start_s <= time < end_s, in order."""
    number, time_s = _sent(seed, unit, max(start_s, unit.first_s), min(end_s, unit.last_s))

    def drawn(name: str, index: IntArray, share: float) -> BoolArray:
        return uniform(key(seed, unit.unit_id, name), index) < share

    kept = ~(
        drawn("lost telegram", number, LOST_TELEGRAM)
        | drawn("lost hour", time_s // HOUR_S, LOST_HOUR)
        | drawn("lost day", time_s // DAY_S, LOST_DAY)
    )
    number, time_s = number[kept], time_s[kept]
    return Schedule(
        number,
        time_s,
        late=drawn("late", time_s // LATE_BLOCK_S, LATE_BLOCK),
        doubled=drawn("doubled", time_s // DOUBLED_BLOCK_S, DOUBLED_BLOCK),
    )


def _sent(seed: int, unit: Unit, start_s: int, end_s: int) -> tuple[IntArray, IntArray]:
    if start_s >= end_s:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    period_s, jitter_s = unit.period_s, JITTER_S[unit.period_s]
    number = np.arange((start_s - unit.phase_s) // period_s - 1, (end_s - unit.phase_s) // period_s + 3)
    early_or_late = uniform(key(seed, unit.unit_id, "jitter"), number) * (2 * jitter_s + 1)
    time_s = unit.phase_s + number * period_s + early_or_late.astype(np.int64) - jitter_s
    midnight = (time_s + DAY_S // 2) // DAY_S
    near = np.abs(time_s - midnight * DAY_S) <= MIDNIGHT_WINDOW_S
    just_before = uniform(key(seed, unit.unit_id, "midnight"), midnight) < 0.5
    time_s = np.where(near, midnight * DAY_S - just_before, time_s)
    inside = (time_s >= start_s) & (time_s < end_s)
    return number[inside], time_s[inside]
