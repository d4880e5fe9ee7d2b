"""Clean (C2-C7): windows per channel, coincidence of an event's times, and strips that are whole.

From here on only strips with all four values exist, as rows of a table; what is missing has no row.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.detector import (
    CHANNELS,
    PLANES,
    STRIPS,
    BoolArray,
    FloatArray,
    IntArray,
    topology,
)
from skyledger.minitrasgo.rawfile import Events, raw_topology
from skyledger.minitrasgo.reduction import Clean, Strip, Window
from skyledger.threads import each, joined

PART = 25_000  # events that are worked on at a time: what is made of them fits the processor's cache


@dataclass(frozen=True, slots=True)
class Hits:
    """Strips with all four values, one row each, ordered by event, then channel. All arrays are (h,), ns."""

    event: NDArray[np.int32]  # index into the file's coincidence events
    channel: NDArray[np.int8]
    t_sum: FloatArray  # mean of front and back
    t_dif: FloatArray  # half of back - front: positive towards the front end
    q_sum: FloatArray  # mean of front and back
    q_dif: FloatArray  # half of front - back

    def __len__(self) -> int:
        return len(self.event)

    def where(self, kept: BoolArray) -> Self:
        """Rows that are kept, (h,)."""
        if kept.all():
            return self
        rows = np.flatnonzero(kept)
        return type(self)(*each(lambda field: getattr(self, field.name)[rows], fields(self)))

    def of_events(self, first: int, end: int) -> Self:
        """Hits of the events from one number to another (excluded), which are counted from 0 then."""
        rows = slice(*np.searchsorted(self.event, (first, end)))
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)}
        return type(self)(**columns | {"event": columns["event"] - np.int32(first)})

    def topology(self, n: int) -> NDArray[np.int16]:
        """Planes with a strip, for each of n events."""
        present = np.zeros((n, PLANES), dtype=np.bool_)
        present[self.event, self.channel // STRIPS] = True
        return topology(present)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """n events after C7.

    `removed` counts what each filter took: t_window, q_window, t_unpaired and t_coincidence single values of a
    channel, incomplete strips with some but not all four values, *_before_calibration whole strips, and
    event_without_charge events.
    """

    n: int
    kept: BoolArray  # (n,) charge at both ends somewhere
    raw_topology: NDArray[np.int16]  # (n,) planes with any charge as read
    clean_topology: NDArray[np.int16]  # (n,) planes with any charge inside its window; 0 where not kept
    hits: Hits
    removed: dict[str, int]


class Sieve:
    """Which rows are left, and how many each filter took."""

    def __init__(self, rows: int) -> None:
        self.kept: BoolArray = np.ones(rows, dtype=np.bool_)
        self.removed: dict[str, int] = {}

    def drop(self, name: str, bad: BoolArray) -> None:
        """Take out rows that are bad; those already gone are not counted again."""
        before = int(np.count_nonzero(self.kept))
        self.kept &= ~bad
        self.removed[name] = before - int(np.count_nonzero(self.kept))


def clean(events: Events, settings: Clean, strip: Strip) -> Cleaned:
    """C2-C7 for the coincidence events of a file."""
    starts = range(0, max(len(events), 1), PART)  # events do not depend on each other
    parts = each(lambda start: _clean(events.part(start, start + PART), settings, strip), starts)
    for part, start in zip(parts, starts, strict=True):
        part.hits.event[:] += np.int32(start)
    return Cleaned(
        n=len(events),
        kept=joined([part.kept for part in parts]),
        raw_topology=joined([part.raw_topology for part in parts]),
        clean_topology=joined([part.clean_topology for part in parts]),
        hits=joined([part.hits for part in parts]),
        removed={name: sum(part.removed[name] for part in parts) for name in parts[0].removed},
    )


def _clean(events: Events, settings: Clean, strip: Strip) -> Cleaned:
    t_front, t_back = (
        inside(events.t_front, settings.t_window_ns),
        inside(events.t_back, settings.t_window_ns),
    )
    q_front, q_back = (
        inside(events.q_front, settings.q_window_ns),
        inside(events.q_back, settings.q_window_ns),
    )
    removed = {
        "t_window": _present(events.t_front, events.t_back) - _count(t_front, t_back),
        "q_window": _present(events.q_front, events.q_back) - _count(q_front, q_back),
    }

    paired = t_front & t_back
    removed["t_unpaired"] = _count(t_front, t_back) - 2 * _count(paired)
    whole = paired & q_front & q_back
    removed["t_coincidence"] = 0
    if settings.coincidence_ns is not None:
        suspect = _spread(events, paired) > settings.coincidence_ns / 2
        cell = np.flatnonzero(paired & suspect[:, None])
        times = np.stack([events.t_front.ravel()[cell], events.t_back.ravel()[cell]], axis=1)
        far = far_from_median(np.repeat(cell // CHANNELS, 2), times.ravel(), settings.coincidence_ns)
        removed["t_coincidence"] = _count(far)
        whole.ravel()[cell[far.reshape(-1, 2).any(axis=1)]] = False
    removed["incomplete"] = _count(paired | q_front | q_back) - _count(whole)

    with_front, with_back = _planes(q_front), _planes(q_back)
    kept: BoolArray = np.logical_and(with_front.any(axis=1), with_back.any(axis=1))
    removed["event_without_charge"] = len(events) - _count(kept)

    hits = strip_variables(events, whole)
    sieve = Sieve(len(hits))
    sieve.drop("q_sum_before_calibration", ~inside(hits.q_sum, strip.q_sum_window_ns))
    sieve.drop("q_dif_before_calibration", np.abs(hits.q_dif) > strip.q_dif_max_ns)
    sieve.drop("t_sum_before_calibration", ~inside(hits.t_sum, strip.t_sum_window_ns))
    sieve.drop("t_dif_before_calibration", np.abs(hits.t_dif) > strip.t_dif_max_ns)
    return Cleaned(
        n=len(events),
        kept=kept,
        raw_topology=raw_topology(events),
        clean_topology=topology((with_front | with_back) & kept[:, None]),
        hits=hits.where(sieve.kept),
        removed=removed | sieve.removed,
    )


def strip_variables(events: Events, whole: BoolArray) -> Hits:
    """C7: sums and differences of the strips that `whole` (n, 16) names."""
    cell = np.flatnonzero(whole)
    t_front, t_back, q_front, q_back = (
        values.ravel()[cell].astype(np.float64)
        for values in (events.t_front, events.t_back, events.q_front, events.q_back)
    )
    return Hits(
        event=(cell // CHANNELS).astype(np.int32),
        channel=(cell % CHANNELS).astype(np.int8),
        t_sum=(t_front + t_back) / 2,
        t_dif=(t_back - t_front) / 2,
        q_sum=(q_front + q_back) / 2,
        q_dif=(q_front - q_back) / 2,
    )


def _spread(events: Events, paired: BoolArray) -> NDArray[np.float32]:
    """Latest minus earliest time (n,) of the strips that count; negative where there are none.

    No time is further from its median than that, so that most events need no median.
    """
    latest = np.where(paired, np.maximum(events.t_front, events.t_back), -np.inf)
    earliest = np.where(paired, np.minimum(events.t_front, events.t_back), np.inf)
    columns = CHANNELS
    while columns > 1:  # several times as fast as a maximum along short rows
        columns //= 2
        latest = np.maximum(latest[:, :columns], latest[:, columns:])
        earliest = np.minimum(earliest[:, :columns], earliest[:, columns:])
    return latest[:, 0] - earliest[:, 0]


def far_from_median(event: NDArray[np.integer], time: NDArray[np.floating], full_width: float) -> BoolArray:
    """C5: rows whose time lies more than half the width from the median of their event. Rows are in order of events.

    The median of an even number is the mean of the two in the middle. Events with one row are left alone.
    """
    far: BoolArray = np.zeros(len(time), dtype=np.bool_)
    if not len(time):
        return far
    half = full_width / 2
    first, rows = _runs(event)
    latest, earliest = np.maximum.reduceat(time, first), np.minimum.reduceat(time, first)
    # Sorting is dear, so it is left for events that may lose something. Not those with a small spread, ...
    wide = latest - earliest > half
    suspects = np.flatnonzero(np.repeat(wide, rows))
    if not len(suspects):
        return far
    # ... nor those of which more than half lies near enough to the latest and more than half to the earliest time
    times, first, rows = time[suspects].astype(np.float64), np.cumsum(rows[wide]) - rows[wide], rows[wide]
    near_latest = np.add.reduceat(times >= np.repeat(latest[wide] - half, rows), first, dtype=np.int64)
    near_earliest = np.add.reduceat(times <= np.repeat(earliest[wide] + half, rows), first, dtype=np.int64)
    doubtful = 2 * np.minimum(near_latest, near_earliest) <= rows
    chosen = np.repeat(doubtful, rows)
    suspects, times, rows = suspects[chosen], times[chosen], rows[doubtful]
    if len(suspects):
        ordered = times[np.lexsort((times, event[suspects]))]
        begin = np.cumsum(rows) - rows
        median = (ordered[begin + (rows - 1) // 2] + ordered[begin + rows // 2]) / 2
        far[suspects] = np.abs(times - np.repeat(median, rows)) > half
    return far


def _runs(event: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    """First row and number of rows of each event."""
    first = np.flatnonzero(np.concatenate([[True], event[1:] != event[:-1]]))
    return first, np.diff(np.append(first, len(event)))


def inside(values: NDArray[np.floating], window: Window) -> BoolArray:
    """Inside the window, edges included; False for NaN."""
    result: BoolArray = (values >= window[0]) & (values <= window[1])
    return result


def _planes(channels: BoolArray) -> BoolArray:
    """Planes (n, 4) with any of their strips in (n, 16)."""
    return np.not_equal(channels.view(np.uint32), 0)  # four strips at once


def _present(*values: NDArray[np.floating]) -> int:
    return _count(*(v == v for v in values))  # not NaN


def _count(*masks: BoolArray) -> int:
    return sum(int(np.count_nonzero(mask)) for mask in masks)
