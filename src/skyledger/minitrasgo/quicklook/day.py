"""What the quick look shows of a day: arrays, and what is easily derived from them.

Hours count from 00:00 UTC. Planes run from the top, strips by their numbers, strip arrays by channel.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from skyledger.drawing import Span, spans
from skyledger.minitrasgo.detector import PLANES, BoolArray, FloatArray, IntArray
from skyledger.minitrasgo.histograms import Histograms

MINUTES = 1440  # of a day
MEAN_MIN = 10  # length of the means
SHORTEST_LIVE_S = 1.0  # with less there is no rate
# A strip with less than this share of the hits of the middle one counts as dead. Strips of full efficiency differ by
# their widths, 63 to 98 mm, and by a factor of 3 at most through what the triggers ask for
DEAD_SHARE = 0.02

# What became of a file: kinds of `Files.kind`
OWN, BORROWED, INCOMPLETE = "own", "borrowed", "incomplete"  # reduced: by the origin of its calibration
WAITING, DUPLICATE, UNUSABLE = "waiting", "duplicate", "unusable"  # not reduced
REDUCED = (OWN, BORROWED, INCOMPLETE)


@dataclass(frozen=True, slots=True)
class Minutes:
    """The stored minutes of the day, ascending. Arrays have shape (m,)."""

    minute: IntArray  # since 00:00 UTC
    live_s: FloatArray
    triggers: IntArray  # coincidences in live time
    good: IntArray  # good tracks in live time
    topologies: IntArray  # (m, 11) tracks by TRACK_TOPOLOGIES


@dataclass(frozen=True, slots=True)
class Files:
    """All registered files of the day, by start. Arrays have shape (f,); a file that was not reduced counts 0."""

    start_h: FloatArray  # first event, else the start by name; may lie before the day
    end_h: FloatArray  # last event, else the start; may lie after the day
    kind: tuple[str, ...]
    live_s: FloatArray
    accepted: IntArray  # lines
    rejected: IntArray  # lines
    events: IntArray  # coincidences
    kept: IntArray  # those with a charge left after cleaning
    fired: IntArray  # (f, 4) telescope of the other three planes
    crossed: IntArray  # (f, 4)

    def __len__(self) -> int:
        return len(self.kind)

    def of_kind(self, kind: str) -> BoolArray:
        """Which files are of a kind. (f,)"""
        return np.array([found == kind for found in self.kind], dtype=bool)

    @property
    def middle_h(self) -> FloatArray:
        """The middle of what each file holds of the day. (f,)"""
        return (np.clip(self.start_h, 0, 24) + np.clip(self.end_h, 0, 24)) / 2

    def by_half_hour(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Middles [h], and `fired` and `crossed` (h, 4): files whose middles share a half hour are added up."""
        slots, slot = np.unique(self.middle_h // 0.5, return_inverse=True)
        n = len(slots)
        middle_h = np.bincount(slot, self.middle_h, n) / np.bincount(slot, minlength=n)
        fired, crossed = np.zeros((2, n, PLANES), dtype=np.int64)
        np.add.at(fired, slot, self.fired)
        np.add.at(crossed, slot, self.crossed)
        return middle_h, fired, crossed

    @property
    def purity(self) -> FloatArray:
        """Share of the events that have a charge left, NaN without events. (f,)"""
        return share(self.kept, self.events)

    @property
    def rejected_share(self) -> FloatArray:
        """Share of the lines that could not be read, NaN without lines. (f,)"""
        return share(self.rejected, self.accepted + self.rejected)


@dataclass(frozen=True, slots=True)
class Planes:
    """Counts of the day's files per plane. Arrays have shape (4,)."""

    hits: IntArray
    streamers: IntArray
    fired: IntArray  # telescope of the other three planes
    crossed: IntArray


@dataclass(frozen=True, slots=True)
class DayView:
    """A station's day."""

    station: str
    title: str
    day: date
    minutes: Minutes
    files: Files
    planes: Planes
    histograms: Histograms  # of the day's files
    borrowed_charge: IntArray  # (16,) files whose pedestal is not from their own hits
    borrowed_t_dif: IntArray  # (16,) files whose T_dif offset is not from their own hits
    streamer_q_min_ns: float
    phi_north_deg: float
    crt_ps: float  # NaN: not known
    run: str  # row of the run dictionary
    run_in_force: bool
    input_digest: str  # of the files that the day was joined from
    provenance: dict[str, str]  # what else the products name

    def gaps(self) -> list[Span]:
        """Hours without live time."""
        silent = np.ones(MINUTES, dtype=bool)
        silent[self.minutes.minute[self.minutes.live_s > 0]] = False
        return spans(silent, 1 / 60)

    @property
    def live_s(self) -> float:
        """Live time of the day."""
        return float(self.minutes.live_s.sum())

    def dead_strips(self) -> BoolArray:
        """Strips that are (nearly) without hits where others have them. (16,)"""
        return is_dead(self.histograms.t_dif.sum(axis=1))


def is_dead(hits: IntArray) -> BoolArray:
    """Strips, along the last axis, that are (nearly) without hits where others have them."""
    dead: BoolArray = hits <= DEAD_SHARE * np.median(hits, axis=-1, keepdims=True)
    return dead & hits.any(axis=-1, keepdims=True)


def share(part: IntArray, whole: IntArray) -> FloatArray:
    """One count by another, NaN where there is nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def efficiency(fired: IntArray, crossed: IntArray) -> tuple[FloatArray, FloatArray]:
    """Efficiency and its binomial error, NaN where nothing crossed."""
    value = share(fired, crossed)
    return value, np.sqrt(value * (1 - value) / np.maximum(crossed, 1))


def rate(counts: IntArray, live_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rate and its statistical error [Hz], NaN where the live time is too short."""
    known = live_s >= SHORTEST_LIVE_S
    seconds = np.where(known, live_s, 1.0)
    return np.where(known, counts / seconds, np.nan), np.where(known, np.sqrt(counts) / seconds, np.nan)


def summed(minutes: Minutes, values: IntArray | FloatArray) -> FloatArray:
    """Sums of (m, ...) values of minutes over the 144 spans of MEAN_MIN minutes."""
    total = np.zeros((MINUTES // MEAN_MIN, *values.shape[1:]))
    np.add.at(total, minutes.minute // MEAN_MIN, values)
    return total


def short(digest: str) -> str:
    """As much of a digest as people compare."""
    return digest[:12]
