"""What four planes of strips and their electronics make of muons: times and widths of 32 channels.

Constants follow the project's own simulator: strip offsets, pedestals, noise. Unlike there, planes also have streamers,
noise hits and dead strips.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.minitrasgo.muons import ACTIVE_HALF_LENGTH_MM, Tracks
from sandbox.noise import BoolArray, FloatArray, IntArray, key, normal, uniform
from skyledger.minitrasgo.detector import (
    CHANNELS,
    HALF_WIDTH_MM,
    LIGHT_MM_PER_NS,
    PLANES,
    SIGNAL_MM_PER_NS,
    STRIP_TRANSIT_NS,
    STRIP_WIDTH_MM,
    STRIPS,
)

THRESHOLD_NS = 0.14  # the smallest width above the pedestal
DISCRIMINATOR_NS, DISCRIMINATOR_SPREAD_NS = 0.25, 0.08  # charge that an end must exceed to give a width
SMALLEST_TIMED_NS = 0.05  # charge that gives a time, though no width
SMALLEST_CHARGE_NS, CHARGE_SCALE_NS = 6.0, 9.0  # of an avalanche; the rest is gamma distributed, shape 2
STREAMER_CHARGE_NS, STREAMER_SCALE_NS, LARGEST_CHARGE_NS = 112.0, 15.0, 190.0
SHARED, SHARING_MM = (
    0.45,
    5.0,
)  # charge induced on the next strip: share at the border, and how far it reaches
AVALANCHE_NS = 0.35  # scatter of a plane's time
POSITION_MM = 8.0
FRONT_END_NS, TDC_NS, JITTER_NS = 0.030, 0.016, 10.0
WIDTH_NOISE_NS = 0.4
WINDOW_NS = (-195.0, -105.0)  # where noise hits fall in coincidence events
SELF_TRIGGER_WINDOW_NS = (-190.0, -60.0)

_T_FRONT = [
    [-130, -128, -126, -124],
    [-129, -127, -125, -123],
    [-128, -126, -124, -122],
    [-127, -125, -123, -121],
]
_T_BACK = [
    [-131, -129, -127, -127],
    [-128, -128, -127, -126],
    [-129, -127, -126, -125],
    [-126, -126, -125, -124],
]
_Q_FRONT = [[85, 87, 89, 91], [86, 88, 90, 92], [87, 89, 91, 93], [88, 90, 92, 94]]


@dataclass(frozen=True, slots=True)
class Channels:
    """Constants of the 16 strips: what a calibration has to find."""

    t_front_ns: FloatArray
    t_back_ns: FloatArray
    q_front_ns: FloatArray  # offsets of the widths
    q_back_ns: FloatArray
    dead: BoolArray

    @property
    def pedestal_front_ns(self) -> FloatArray:
        """The smallest width that occurs."""
        return self.q_front_ns + THRESHOLD_NS

    @property
    def pedestal_back_ns(self) -> FloatArray:
        """The smallest width that occurs."""
        return self.q_back_ns + THRESHOLD_NS

    @property
    def t_dif_offset_ns(self) -> FloatArray:
        """Middle of the box of (T_B - T_F)/2."""
        return (self.t_back_ns - self.t_front_ns) / 2

    @property
    def t_sum_offset_ns(self) -> FloatArray:
        """What has to be added to (T_F + T_B)/2, so that strips agree with plane 1 strip 1."""
        t_sum = (self.t_front_ns + self.t_back_ns) / 2
        return np.asarray(t_sum[0] - t_sum)


def channels(seed: int, station: str, number: int, dead: Collection[int]) -> Channels:
    """Constants of a station: those of the simulator for stations 0 and 1, moved a little for others."""
    spread = 0.0 if number < 2 else 1.0
    t_front, t_back, q_front = (np.array(table, float).ravel() for table in (_T_FRONT, _T_BACK, _Q_FRONT))
    q_back = q_front + 1
    for values, name, scale in (
        (t_front, "t front", 0.3),
        (t_back, "t back", 0.3),
        (q_front, "q front", 1.0),
        (q_back, "q back", 1.0),
    ):
        values += spread * scale * (2 * uniform(key(seed, station, "offset", name), np.arange(CHANNELS)) - 1)
    return Channels(t_front, t_back, q_front, q_back, np.isin(np.arange(CHANNELS), list(dead)))


@dataclass(frozen=True, slots=True)
class Signals:
    """(n, 16) times and widths; NaN where there is none."""

    t_front: FloatArray
    t_back: FloatArray
    q_front: FloatArray
    q_back: FloatArray

    def all(self) -> tuple[FloatArray, ...]:
        """In the order of the file's columns."""
        return self.t_front, self.t_back, self.q_front, self.q_back


@dataclass(frozen=True, slots=True)
class _Avalanches:
    """(h,) avalanches, several an event."""

    number: IntArray  # each its own
    event: IntArray
    plane: IntArray  # from 0
    x_mm: FloatArray
    y_mm: FloatArray
    time_ns: FloatArray


class Electronics:
    """The response of one station. series: names on which its random numbers hang."""

    def __init__(
        self, series: tuple[object, ...], constants: Channels, *, streamer_share: float, noise_share: float
    ) -> None:
        self.series = series
        self.constants = constants
        self.streamer_share = streamer_share  # of avalanches
        self.noise_share = noise_share  # dark avalanches per event and plane; a third as many single ends

    def coincidences(
        self, tracks: Tracks, fired: BoolArray, z_mm: Sequence[float], *, timed_below_threshold: bool
    ) -> Signals:
        """Channels of triggered tracks. fired : (n, 4)"""
        event, plane = np.nonzero(fired)
        number = tracks.number[event] * PLANES + plane
        path_mm = (np.asarray(z_mm)[plane] - z_mm[0]) / np.cos(tracks.theta_rad[event])
        jitter_ns = JITTER_NS * (self._uniform("jitter", tracks.number) - 0.5)
        time_ns = (
            path_mm / LIGHT_MM_PER_NS + AVALANCHE_NS * self._normal("avalanche", number) + jitter_ns[event]
        )
        muons = _Avalanches(
            number, event, plane, tracks.x_mm[event, plane], tracks.y_mm[event, plane], time_ns
        )
        signals = self._empty(len(tracks))
        self._add(signals, "muon", muons, timed_below_threshold)
        number = tracks.number[:, None] * PLANES + np.arange(PLANES)
        event, plane = np.nonzero(self._uniform("noisy", number) < self.noise_share)
        self._add(
            signals, "noise", self._dark("noise", number[event, plane], event, plane), timed_below_threshold
        )
        event, plane = np.nonzero(self._uniform("single end", number) < self.noise_share / 3)
        self._add_single_ends(signals, number[event, plane], event, plane)
        return self._without_dead(signals)

    def self_triggers(self, number: IntArray) -> Signals:
        """Channels of self triggers: a dark avalanche each, in one third of them a second one. number : (n,)"""
        signals = self._empty(len(number))
        for k, share in enumerate((1.0, 1 / 3)):
            event = np.flatnonzero(self._uniform(f"self {k}", number) < share)
            plane = (PLANES * self._uniform(f"self plane {k}", number[event])).astype(np.int64)
            avalanches = self._dark(f"self {k}", number[event], event, plane, SELF_TRIGGER_WINDOW_NS)
            self._add(signals, f"self {k}", avalanches, timed_below_threshold=False)
        return self._without_dead(signals)

    def _dark(
        self,
        name: str,
        number: IntArray,
        event: IntArray,
        plane: IntArray,
        window_ns: tuple[float, float] = WINDOW_NS,
    ) -> _Avalanches:
        """Avalanches anywhere and at any time."""
        x, y = (2 * self._uniform(f"{name} {axis}", number) - 1 for axis in "xy")
        time_ns = np.interp(self._uniform(f"{name} time", number), (0, 1), window_ns) - _MIDDLE_NS
        return _Avalanches(number, event, plane, x * ACTIVE_HALF_LENGTH_MM, y * HALF_WIDTH_MM, time_ns)

    def _add(self, signals: Signals, name: str, hits: _Avalanches, timed_below_threshold: bool) -> None:
        """Add avalanches where strips are free; the one where an avalanche is, and the next one."""
        charge = self._charge_ns(name, hits.number)
        edges = _EDGE_MM[hits.plane]
        strip = (hits.y_mm[:, None] >= edges[:, 1:-1]).sum(axis=1)
        rows = np.arange(len(strip))
        below, above = hits.y_mm - edges[rows, strip], edges[rows, strip + 1] - hits.y_mm
        beside = strip + np.where(below < above, -1, 1)
        shared = charge * SHARED * np.exp(-np.minimum(below, above) / SHARING_MM)
        shared[(beside < 0) | (beside >= STRIPS)] = 0
        position_ns = (
            hits.x_mm + POSITION_MM * self._normal(f"{name} position", hits.number)
        ) / SIGNAL_MM_PER_NS
        for where, target, q in (("here", strip, charge - shared), ("beside", beside, shared)):
            some = q > SMALLEST_TIMED_NS
            event, channel, number = hits.event[some], (hits.plane * STRIPS + target)[some], hits.number[some]
            free = np.isnan(signals.t_front[event, channel]) & np.isnan(signals.t_back[event, channel])
            for end, times, widths, t_offset, q_offset, sign in (
                (
                    "front",
                    signals.t_front,
                    signals.q_front,
                    self.constants.t_front_ns,
                    self.constants.q_front_ns,
                    -1,
                ),
                (
                    "back",
                    signals.t_back,
                    signals.q_back,
                    self.constants.t_back_ns,
                    self.constants.q_back_ns,
                    1,
                ),
            ):
                label = f"{name} {where} {end}"
                spread = np.clip(self._normal(f"{label} threshold", number), -2.5, 2.5)
                over = q[some] - DISCRIMINATOR_NS - DISCRIMINATOR_SPREAD_NS * spread
                seen = free & (over > 0)
                # noise that fades towards the threshold, so that the smallest widths keep a sharp edge
                noise = WIDTH_NOISE_NS * np.clip(self._normal(f"{label} width", number), -2, 2)
                width = over + noise * over / (np.abs(over) + 2 * WIDTH_NOISE_NS)
                widths[event[seen], channel[seen]] = (q_offset[channel] + THRESHOLD_NS + width)[seen]
                timed = free if timed_below_threshold else seen
                time = hits.time_ns[some] + STRIP_TRANSIT_NS + sign * position_ns[some]
                time += FRONT_END_NS * self._normal(f"{label} front end", number)
                time += TDC_NS * self._normal(f"{label} tdc", number)
                times[event[timed], channel[timed]] = (t_offset[channel] + time)[timed]

    def _add_single_ends(self, signals: Signals, number: IntArray, event: IntArray, plane: IntArray) -> None:
        """Electronic noise at one end of free strips: a time and a width, or only one of the two."""
        channel = plane * STRIPS + (STRIPS * self._uniform("single strip", number)).astype(np.int64)
        free = np.all([np.isnan(values[event, channel]) for values in signals.all()], axis=0)
        kind, end = self._uniform("single kind", number), self._uniform("single side", number) < 0.5
        time = np.interp(self._uniform("single time", number), (0, 1), WINDOW_NS)
        width = THRESHOLD_NS - 3 * np.log(self._uniform("single width", number))
        for here, times, widths, q_offset in (
            (free & end, signals.t_front, signals.q_front, self.constants.q_front_ns),
            (free & ~end, signals.t_back, signals.q_back, self.constants.q_back_ns),
        ):
            timed, wide = here & (kind < 0.8), here & ((kind < 0.6) | (kind >= 0.8))
            times[event[timed], channel[timed]] = time[timed]
            widths[event[wide], channel[wide]] = (q_offset[channel] + width)[wide]

    def _charge_ns(self, name: str, number: IntArray) -> FloatArray:
        """Charge of avalanches, as the width it would give above the threshold."""
        draw = [self._uniform(f"{name} charge {k}", number) for k in range(3)]
        avalanche = SMALLEST_CHARGE_NS - CHARGE_SCALE_NS * np.log(draw[0] * draw[1])
        streamer = STREAMER_CHARGE_NS - STREAMER_SCALE_NS * np.log(draw[0])
        return np.minimum(np.where(draw[2] < self.streamer_share, streamer, avalanche), LARGEST_CHARGE_NS)

    def _without_dead(self, signals: Signals) -> Signals:
        for values in signals.all():
            values[:, self.constants.dead] = np.nan
        return signals

    def _empty(self, n: int) -> Signals:
        return Signals(*(np.full((n, CHANNELS), np.nan) for _ in range(4)))

    def _uniform(self, name: str, number: IntArray) -> FloatArray:
        return uniform(key(*self.series, name), number)

    def _normal(self, name: str, number: IntArray) -> FloatArray:
        return normal(key(*self.series, name), number)


_EDGE_MM = np.concatenate([np.zeros((PLANES, 1)), np.cumsum(STRIP_WIDTH_MM, axis=1)], axis=1) - HALF_WIDTH_MM
_MIDDLE_NS = float(np.mean([_T_FRONT, _T_BACK]))
