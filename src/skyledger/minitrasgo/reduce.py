"""One raw file, from events to rates in memory. Reads nothing else and writes nothing.

clean -> calibrate -> planes -> track -> quality and region -> minutes and efficiencies. The steps are pure functions on
arrays; limits come from the recipe.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyledger.minitrasgo.accumulate import Minutes, accumulate
from skyledger.minitrasgo.calibrate import Calibrated, Calibration, calibrate
from skyledger.minitrasgo.clean import PART, Cleaned, Hits, clean
from skyledger.minitrasgo.efficiency import Efficiencies, efficiencies
from skyledger.minitrasgo.histograms import Histograms, histograms
from skyledger.minitrasgo.planes import Planes, build_planes
from skyledger.minitrasgo.quality import quality
from skyledger.minitrasgo.rawfile import Events, RawFile, check, swap_strips
from skyledger.minitrasgo.region import label, region_names
from skyledger.minitrasgo.stations import Recipe
from skyledger.minitrasgo.track import Tracks, fit
from skyledger.stopwatch import Stopwatch
from skyledger.threads import each, joined, together


@dataclass(frozen=True, slots=True)
class Reduced:
    """What came of a file. Arrays run over its n coincidence events."""

    raw: RawFile
    recipe: Recipe
    events: Events  # with cables put right
    cleaned: Cleaned
    calibrated: Calibrated
    planes: Planes
    tracks: Tracks
    flags: NDArray[np.uint16]  # quality: 0 is good
    region: NDArray[np.int8]  # index into region_names, -1 without a track
    region_names: tuple[str, ...]
    minutes: Minutes
    efficiencies: Efficiencies
    histograms: Histograms
    seconds: dict[str, float]  # of work, by step

    def __len__(self) -> int:
        return len(self.events)

    @property
    def rate_hz(self) -> float:
        """Coincidences per live second; NaN without live time."""
        live_s = self.minutes.live_seconds
        return self._triggers / live_s if live_s else float("nan")

    @property
    def rate_error_hz(self) -> float:
        """Statistical error of the rate."""
        live_s = self.minutes.live_seconds
        return self._triggers**0.5 / live_s if live_s else float("nan")

    @property
    def _triggers(self) -> int:
        return int(self.minutes.triggers.sum())


def reduce(raw: RawFile, recipe: Recipe, last_good: Calibration | None = None) -> Reduced:
    """Reduce the coincidences of a file. Strips with too few hits take their values from `last_good`.

    Raises FormatError when too little of the file could be read.
    """
    run, settings = recipe.run, recipe.settings
    watch = Stopwatch()
    check(raw, settings.parse.max_rejected_share)
    events = raw.coincidences
    for swapped in run.swapped_strips:
        events = swap_strips(events, swapped.plane, swapped.strips)
    cleaned = clean(events, settings.clean, settings.strip)
    watch.lap("clean")
    calibrated = calibrate(cleaned, settings, run.plane_z_mm, last_good)
    watch.lap("calibrate")
    starts = range(0, max(len(events), 1), PART)  # from here on events do not depend on each other
    ends = [min(start + PART, len(events)) for start in starts]
    parts = each(lambda span: _tracks(calibrated.hits, *span, recipe), zip(starts, ends, strict=True))
    planes, tracks, flags, region = (joined(column) for column in zip(*parts, strict=True))
    watch.lap("track")
    tracked = np.where(np.isnan(tracks.theta_rad), 0, planes.list_topology).astype(np.int16)
    minutes = accumulate(events.time_s, tracked, region, flags == 0, settings.accumulate)
    watch.lap("minutes")
    found, shown = together(
        lambda: efficiencies(planes, run.plane_z_mm, run.triggers, settings.efficiency),
        lambda: histograms(calibrated.hits, tracks.theta_rad, tracks.phi_rad),
    )
    watch.lap("efficiencies")
    return Reduced(
        raw=raw,
        recipe=recipe,
        events=events,
        cleaned=cleaned,
        calibrated=calibrated,
        planes=planes,
        tracks=tracks,
        flags=flags,
        region=region,
        region_names=region_names(settings.region),
        minutes=minutes,
        efficiencies=found,
        histograms=shown,
        seconds=watch.seconds,
    )


def _tracks(
    hits: Hits, first: int, end: int, recipe: Recipe
) -> tuple[Planes, Tracks, NDArray[np.uint16], NDArray[np.int8]]:
    """Planes, tracks, quality and region of the events from one number to another (excluded)."""
    run, settings = recipe.run, recipe.settings
    planes = build_planes(hits.of_events(first, end), end - first, settings.planes)
    tracks = fit(planes, run.plane_z_mm, settings.track)
    flags = quality(planes, tracks, settings.quality)
    theta_deg, phi_deg = np.degrees(tracks.theta_rad), np.degrees(tracks.phi_rad)
    return planes, tracks, flags, label(theta_deg, phi_deg, run.phi_north_deg, settings.region)
