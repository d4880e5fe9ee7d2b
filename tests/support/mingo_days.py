"""Made-up days of a miniTRASGO station, for the quick look: seeded, and close to what stations send."""

from dataclasses import replace
from datetime import date

import numpy as np

from skyledger.minitrasgo.detector import CHANNELS, STRIP_TRANSIT_NS, TRACK_TOPOLOGIES
from skyledger.minitrasgo.histograms import (
    CHARGE_EDGES_NS,
    PHI_EDGES_DEG,
    T_DIF_EDGES_NS,
    THETA_EDGES_DEG,
    Histograms,
)
from skyledger.minitrasgo.quicklook.day import OWN, REDUCED, DayView, Files, Minutes, Planes

DAY = date(2025, 2, 10)
RATE_HZ = 9.45
EFFICIENCY = np.array([0.952, 0.940, 0.949, 0.933])
# Tracks of the simulated station 1, by TRACK_TOPOLOGIES
_TOPOLOGIES = {
    12: 5090, 13: 116, 14: 2, 23: 2980, 24: 17, 34: 4588, 123: 2291, 124: 104, 134: 144, 234: 2194, 1234: 2124,
}  # fmt: skip
_SHARES = np.array([_TOPOLOGIES[code] for code in TRACK_TOPOLOGIES]) / sum(_TOPOLOGIES.values())
_TRACKS, _GOOD = 0.982, 0.72  # of the coincidences


def day_view(
    *,
    minutes: range = range(1440),
    file_min: int = 60,
    noisy: range = range(0),
    gap: range = range(0),
    seed: int = 4,
) -> DayView:
    """A day whose files cover `minutes` but `gap`; in `noisy` minutes the rate is five times as high."""
    rng = np.random.default_rng(seed)
    minute = np.array([m for m in minutes if m not in gap], dtype=np.int64)
    live_s = np.where(rng.random(len(minute)) < 0.01, 20.0, 60.0) - rng.integers(0, 2, len(minute))
    expected_hz = RATE_HZ * (
        1 - 0.02 * np.sin(2 * np.pi * minute / 720)
    )  # the half-daily wave of the pressure
    expected_hz = np.where(np.isin(minute, noisy), 5 * RATE_HZ, expected_hz)
    triggers = rng.poisson(expected_hz * live_s)
    tracks = rng.binomial(triggers, _TRACKS)
    stored = Minutes(
        minute=minute,
        live_s=live_s,
        triggers=triggers,
        good=rng.binomial(tracks, _GOOD),
        topologies=rng.multinomial(tracks, _SHARES),
    )
    files = _files(stored, minutes, file_min, rng)
    hits = rng.binomial(files.events.sum(), 0.6 * EFFICIENCY)
    return DayView(
        station="MINGO01",
        title="miniTRASGO 1, Madrid",
        day=DAY,
        minutes=stored,
        files=files,
        planes=Planes(
            hits=hits,
            streamers=rng.binomial(hits, [0.021, 0.018, 0.034, 0.025]),
            fired=files.fired.sum(axis=0),
            crossed=files.crossed.sum(axis=0),
        ),
        histograms=_histograms(int(files.events.sum()), rng),
        borrowed_charge=np.zeros(CHANNELS, dtype=np.int64),
        borrowed_t_dif=np.zeros(CHANNELS, dtype=np.int64),
        streamer_q_min_ns=100.0,
        phi_north_deg=30.0,
        crt_ps=424.0 if len(files) else np.nan,
        run="run dictionary: conf 14, from 2024-11-01 to 2025-02-17, z 0, 145, 290, 435 mm, triggers 12, 23, 34, 13",
        run_in_force=True,
        input_digest="9be02c44f1aa" + 52 * "0",
        provenance={"skyledger": "0.4.0", "configuration": "3fa91c0b7d21"},
    )


def empty_day() -> DayView:
    """Nothing arrived."""
    return day_view(minutes=range(0))


def without_tracks(view: DayView) -> DayView:
    """Coincidences, but no event with two planes."""
    stored, found = view.minutes, view.histograms
    return replace(
        view,
        minutes=replace(stored, good=0 * stored.good, topologies=0 * stored.topologies),
        files=replace(view.files, fired=0 * view.files.fired, crossed=0 * view.files.crossed),
        planes=replace(view.planes, fired=0 * view.planes.fired, crossed=0 * view.planes.crossed),
        histograms=replace(found, directions=0 * found.directions),
    )


def with_dead_strip(view: DayView, channel: int, files_borrowing: int = 3) -> DayView:
    """One strip with a stray hit only, and its neighbour calibrated by other files."""
    charge, t_dif = view.histograms.charge.copy(), view.histograms.t_dif.copy()
    for counts in (charge, t_dif):
        counts[channel] = 0
        counts[channel, 30] = 2
    borrowed = np.zeros(CHANNELS, dtype=np.int64)
    borrowed[channel - 1] = files_borrowing
    return replace(
        view,
        histograms=replace(view.histograms, charge=charge, t_dif=t_dif),
        borrowed_charge=borrowed,
        borrowed_t_dif=borrowed,
    )


def with_kinds(view: DayView, kinds: dict[int, str]) -> DayView:
    """Files of another kind; those that are not reduced lose their figures."""
    files = view.files
    kept = np.array([kinds.get(i, OWN) in REDUCED for i in range(len(files))])
    counts = {
        name: getattr(files, name) * kept for name in ("accepted", "rejected", "events", "kept", "live_s")
    }
    planes = {name: getattr(files, name) * kept[:, None] for name in ("fired", "crossed")}
    kind = tuple(kinds.get(i, OWN) for i in range(len(files)))
    return replace(view, files=replace(files, kind=kind, **counts, **planes))


def _files(stored: Minutes, minutes: range, file_min: int, rng: np.random.Generator) -> Files:
    """Files of equal length over the minutes; those without live time do not exist."""
    starts = range(minutes.start, minutes.stop, file_min)
    of_file = [(stored.minute >= m) & (stored.minute < m + file_min) for m in starts]
    of_file = [chosen for chosen in of_file if chosen.any()]
    events = np.array([stored.triggers[chosen].sum() for chosen in of_file], dtype=np.int64)
    crossed = rng.binomial(events[:, None], [0.022, 0.10, 0.10, 0.021])
    rejected = rng.poisson(0.0012 * events)
    return Files(
        start_h=np.array([stored.minute[chosen][0] / 60 for chosen in of_file]),
        end_h=np.array([(stored.minute[chosen][-1] + 0.95) / 60 for chosen in of_file]),
        kind=(OWN,) * len(of_file),
        live_s=np.array([stored.live_s[chosen].sum() for chosen in of_file]),
        accepted=events,
        rejected=rejected,
        events=events,
        kept=rng.binomial(events, 0.978),
        fired=rng.binomial(crossed, EFFICIENCY),
        crossed=crossed,
    )


def _histograms(events: int, rng: np.random.Generator) -> Histograms:
    """Charges with a tail of streamers, boxes of time differences, directions mostly from above."""
    charge = np.zeros((CHANNELS, len(CHARGE_EDGES_NS) - 1), dtype=np.int64)
    t_dif = np.zeros((CHANNELS, len(T_DIF_EDGES_NS) - 1), dtype=np.int64)
    middle = (T_DIF_EDGES_NS[:-1] + T_DIF_EDGES_NS[1:]) / 2
    box = 1 / (1 + np.exp((np.abs(middle) - 0.9 * STRIP_TRANSIT_NS) / 0.04)) + 1e-4
    for channel in range(CHANNELS):
        wide = channel % 4 == (3 if channel // 4 % 2 == 0 else 0)
        n = rng.poisson(events * (0.25 if wide else 0.15))
        streamers = rng.binomial(n, 0.02)
        values = np.concatenate([rng.gamma(2.2, 9.0, n - streamers), rng.normal(125, 20, streamers)])
        charge[channel] = np.histogram(values, CHARGE_EDGES_NS)[0]
        t_dif[channel] = rng.multinomial(n, box / box.sum())
    theta = np.radians((THETA_EDGES_DEG[:-1] + THETA_EDGES_DEG[1:]) / 2)
    phi = np.radians((PHI_EDGES_DEG[:-1] + PHI_EDGES_DEG[1:]) / 2)
    weight = np.sin(theta) * np.cos(theta) ** 3 * np.exp(-((theta / 0.42) ** 2))
    directions = rng.poisson(
        events * _TRACKS * weight[:, None] / weight.sum() / len(phi) * (1 + 0.12 * np.cos(2 * phi))
    )
    return Histograms(charge=charge, t_dif=t_dif, directions=directions.astype(np.int64))
