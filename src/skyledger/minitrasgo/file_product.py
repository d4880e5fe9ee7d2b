"""What is stored of a reduced file: figures, counts of planes, minutes, and a report for whoever looks closer."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from skyledger.minitrasgo.calibrations import calibration_digest
from skyledger.minitrasgo.detector import PLANES, STRIPS, topology_counts
from skyledger.minitrasgo.planes import strip_patterns
from skyledger.minitrasgo.reduce import Reduced
from skyledger.minitrasgo.registry import RawFileRow
from skyledger.minitrasgo.store import COUNTS, MINUTES, FileProduct, PlaneCounts


def file_product(reduced: Reduced, file: RawFileRow, borrowed_from: str | None) -> FileProduct:
    """Turn arrays into rows. `borrowed_from`: file whose calibration filled the gaps of this one's."""
    raw, minutes, recipe = reduced.raw, reduced.minutes, reduced.recipe
    calibration = reduced.calibrated.calibration
    report = {
        "notes": notes(reduced, file, borrowed_from),
        "format": raw.format,
        "lines_read": raw.lines_read,
        "comments": raw.comments,
        "param_hash": raw.param_hash,
        "trigger": raw.trigger,
        "rejected": raw.rejected,
        **_topologies(reduced),
        "removed": {"clean": reduced.cleaned.removed, "calibrate": reduced.calibrated.removed},
        "strip_patterns": strip_patterns(reduced.planes),
        "dropped_events": minutes.dropped_events,
        "clock_steps_back": minutes.steps_back,
    }
    figures: dict[str, Any] = {
        "begin_utc": file.begin.strftime("%Y-%m-%d %H:%M:%S"),
        "sha256": file.sha256,
        "run_hash": recipe.run.row_hash,
        "run_in_force": recipe.run_in_force,
        "config_digest": recipe.digest,
        "calibration_digest": calibration_digest(calibration),
        "accepted": raw.accepted,
        "rejected": sum(raw.rejected.values()),
        "events": len(reduced),
        "kept": int(reduced.cleaned.kept.sum()),
        "self_triggers": len(raw.self_triggers),
        "first_event_utc": moment(raw.first_s),
        "last_event_utc": moment(raw.last_s),
        "live_s": minutes.live_seconds,
        "dead_s": minutes.dead_s,
        "dropped_s": len(minutes.dropped_seconds),
        "triggers": int(minutes.triggers.sum()),
        "tracks": int(minutes.tracks.sum()),
        "good": int(minutes.good.sum()),
        "crt_ps": None if np.isnan(calibration.crt_ps) else calibration.crt_ps,
        "strip_pairs": calibration.strip_pairs,
        "report": json.dumps(report),
        "histograms": json.dumps(reduced.histograms.as_dict()),
    }
    return FileProduct(figures, _planes(reduced), _minutes(reduced), _counts(reduced))


def notes(reduced: Reduced, file: RawFileRow, borrowed_from: str | None) -> list[str]:
    """Why the file is not simply stored."""
    raw, calibration = reduced.raw, reduced.calibrated.calibration
    found = []
    if rejected := sum(raw.rejected.values()):
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(raw.rejected.items()))
        found.append(f"{rejected} lines rejected ({reasons})")
    if borrowed_from:
        found.append(f"too few hits for a calibration of its own: gaps are filled by that of {borrowed_from}")
    if not calibration.complete:
        found.append("the calibration has gaps that no earlier file fills: see calibration_strip")
    if dead := [f"P{c // STRIPS + 1}s{c % STRIPS + 1}" for c in np.flatnonzero(calibration.hits == 0)]:
        found.append(f"no hit with all four values in {', '.join(dead)}")
    if not reduced.recipe.run_in_force:
        found.append(
            f"no row of the run dictionary holds on that day: conf {reduced.recipe.run.conf:g} was used"
        )
    if file.canonical_name:
        found.append(f"by its first event it ought to be called {file.canonical_name}")
    if steps := reduced.minutes.steps_back:
        found.append(f"the clock stepped back {steps} times")
    return found


def moment(seconds: int | None) -> str | None:
    """Unix seconds as the database takes them."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _topologies(reduced: Reduced) -> dict[str, Any]:
    steps = {
        "raw": reduced.cleaned.raw_topology,
        "clean": reduced.cleaned.clean_topology,
        "calibrated": reduced.calibrated.cal_topology,
        "list": reduced.planes.list_topology,
        "crossed": reduced.tracks.crossed,
    }
    transitions = {}
    for (name, before), (next_name, after) in pairwise(steps.items()):
        pairs, counts = np.unique(before.astype(np.int32) * 10_000 + after, return_counts=True)
        transitions[f"{name}_to_{next_name}"] = {
            f"{pair // 10_000}_{pair % 10_000}": int(n) for pair, n in zip(pairs, counts, strict=True)
        }
    return {
        "topologies": {name: topology_counts(codes) for name, codes in steps.items()},
        "transitions": transitions,
    }


def _planes(reduced: Reduced) -> tuple[PlaneCounts, ...]:
    planes, found = reduced.planes, reduced.efficiencies
    hits = planes.present.sum(axis=0)
    streamers = (planes.q_sum > reduced.recipe.settings.planes.streamer_q_min_ns).sum(axis=0)
    return tuple(
        PlaneCounts(
            plane=plane,
            hits=int(hits[plane - 1]),
            streamers=int(streamers[plane - 1]),
            ratio_accepted=found.ratio[plane].accepted,
            ratio_fired=found.ratio[plane].fired,
            ratio_usable=found.ratio[plane].usable,
            telescope_accepted=found.telescope[plane].accepted,
            telescope_fired=found.telescope[plane].fired,
        )
        for plane in range(1, PLANES + 1)
    )


def _minutes(reduced: Reduced) -> pa.Table:
    minutes = reduced.minutes
    starts = minutes.minute_s.astype("datetime64[s]")
    return pa.table([starts, minutes.live_s, minutes.triggers], schema=MINUTES)


def _counts(reduced: Reduced) -> pa.Table:
    counts = reduced.minutes.counts
    starts = reduced.minutes.minute_s.astype("datetime64[s]")
    names = np.array(reduced.region_names, dtype=object)
    return pa.table(
        [starts[counts.minute], counts.topology, names[counts.region], counts.events, counts.good],
        schema=COUNTS,
    )
