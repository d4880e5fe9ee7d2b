"""What came of a file, in figures: for the terminal, and for whoever compares."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from skyledger.errors import FormatError
from skyledger.minitrasgo import rawfile
from skyledger.minitrasgo.calibrate import Calibration
from skyledger.minitrasgo.detector import by_plane, topology_counts
from skyledger.minitrasgo.names import FileName, parse_name
from skyledger.minitrasgo.reduce import Reduced, reduce
from skyledger.minitrasgo.stations import Recipe, Run, recipe, stations
from skyledger.stopwatch import Stopwatch


def reduce_paths(
    paths: Sequence[Path], z_mm: Sequence[float] | None = None
) -> Iterator[Reduced | FormatError]:
    """Reduce files as configured for the station in their names, each with the calibration before it to borrow.

    Gives one result per path, in the order of the names' times; a FormatError for what cannot be used. `z_mm` stands
    for the heights of the run dictionary.
    """
    last_good: dict[str, Calibration] = {}
    named = sorted(paths, key=_start)
    for path in named:
        try:
            reduced = _reduce(path, z_mm, last_good)
        except FormatError as error:
            yield error
            continue
        calibration = reduced.calibrated.calibration
        if calibration.own:
            last_good[reduced.recipe.digest] = calibration
        yield reduced


def _reduce(path: Path, z_mm: Sequence[float] | None, last_good: Mapping[str, Calibration]) -> Reduced:
    chosen, watch = _recipe(_named(path), z_mm), Stopwatch()
    raw = rawfile.read(path)
    watch.lap("parse")
    reduced = reduce(raw, chosen, last_good.get(chosen.digest))
    return replace(reduced, seconds=watch.seconds | reduced.seconds)


def _start(path: Path) -> str:
    """Files of unknown name come last, where they are told."""
    try:
        return _named(path).start.isoformat()
    except FormatError:
        return "9999"


def _named(path: Path) -> FileName:
    return parse_name(re.sub(r"\.dat\.gz$", ".dat", path.name))  # as people pack a file to pass it on


def _recipe(named: FileName, z_mm: Sequence[float] | None) -> Recipe:
    known = list(stations().values())
    station = next((station for station in known if station.number == named.station_number), known[0])
    found = recipe(station, named.start)
    if z_mm is None:
        return found
    return found._replace(run=Run(**(found.run.model_dump() | {"z_mm": tuple(z_mm)})))


def figures(reduced: Reduced) -> dict[str, Any]:
    """Plain values for JSON: times in ns, rates in Hz, lists by [plane][strip]; null is not known."""
    calibration, found = reduced.calibrated.calibration, reduced.efficiencies
    return {
        "file": reduced.raw.name,
        "events": len(reduced),
        "raw_topology": topology_counts(reduced.cleaned.raw_topology),
        "clean_topology": topology_counts(reduced.cleaned.clean_topology),
        "list_topology": topology_counts(reduced.planes.list_topology),
        "pedestal_front": by_plane(calibration.pedestal_front),
        "pedestal_back": by_plane(calibration.pedestal_back),
        "t_dif_offset": by_plane(calibration.t_dif_offset),
        "t_sum_offset": by_plane(calibration.t_sum_offset),
        "crt_ps": _known(calibration.crt_ps),
        "strip_pairs": calibration.strip_pairs,
        "efficiency": {
            "ratio": {str(plane): [_known(e.value), _known(e.error)] for plane, e in found.ratio.items()},
            "telescope": {
                str(plane): [_known(e.value), _known(e.error)] for plane, e in found.telescope.items()
            },
        },
        "live_seconds": reduced.minutes.live_seconds,
        "rate_hz": _known(reduced.rate_hz),
        "rate_error_hz": _known(reduced.rate_error_hz),
        "tracks": int(reduced.minutes.tracks.sum()),
        "good_tracks": int(reduced.minutes.good.sum()),
        "seconds": {step: round(seconds, 4) for step, seconds in reduced.seconds.items()},
    }


def tables(reduced: Reduced) -> Iterator[Table]:
    """The same for people."""
    shown = figures(reduced)
    live_s = shown["live_seconds"]
    head = Table(
        title=f"{shown['file']}: {shown['events']} events in {live_s:g} live seconds", title_justify="left"
    )
    for heading in ("", "value"):
        head.add_column(heading)
    head.add_row("rate [Hz]", f"{reduced.rate_hz:.4f} ± {reduced.rate_error_hz:.4f}")
    for step in ("raw", "clean", "list"):
        counts = shown[f"{step}_topology"].items()
        head.add_row(f"{step} topology", ", ".join(f"{code}: {n}" for code, n in counts))
    for method, estimates in shown["efficiency"].items():
        told = (f"P{p} {v:.4f} ± {e:.4f}" for p, (v, e) in estimates.items() if v is not None)
        head.add_row(f"efficiency, {method}", ", ".join(told))
    if (crt_ps := shown["crt_ps"]) is not None:
        head.add_row("time resolution [ps]", f"{crt_ps:.0f}")
    if unusable := sum(value is None for plane in shown["t_sum_offset"] for value in plane):
        head.add_row(
            "not calibrated", f"{unusable} of 16 strips have too few hits: give an earlier file as well"
        )
    head.add_row("work [s]", ", ".join(f"{step} {s:.2f}" for step, s in shown["seconds"].items()))
    yield head
    calibration = Table(title="calibration [ns]", title_justify="left")
    for heading in ("plane", "quantity", "strip 1", "strip 2", "strip 3", "strip 4"):
        calibration.add_column(heading, justify="right")
    for plane in range(4):
        for name in ("pedestal_front", "pedestal_back", "t_dif_offset", "t_sum_offset"):
            strips = ("" if value is None else f"{value:.3f}" for value in shown[name][plane])
            calibration.add_row(str(plane + 1), name.replace("_", " "), *strips)
    yield calibration


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
