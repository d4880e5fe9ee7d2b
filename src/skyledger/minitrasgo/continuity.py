"""Whether calibrations go on as they were: each file against the median of those before it."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date

import numpy as np

from skyledger.minitrasgo.calibrate import Calibration, drift
from skyledger.minitrasgo.calibrations import calibration_from_dict
from skyledger.minitrasgo.detector import STRIPS
from skyledger.minitrasgo.plan import statement
from skyledger.minitrasgo.reduction import Continuity
from skyledger.minitrasgo.stations import MingoStation
from skyledger.warehouse import Session


def jumps(session: Session, station: MingoStation, day: date) -> list[str]:
    """Sentences about files of a UTC day whose calibration lies off those of the same configuration before it."""
    parameters = {"station": station.station, "day": day.isoformat()}
    before: defaultdict[str, list[Calibration]] = defaultdict(list)
    found = []
    for basename, begin, config_digest, own in session.query(statement("reports/calibrations"), parameters):
        calibration, earlier = calibration_from_dict(json.loads(own)), before[config_digest]
        if begin.date() == day:
            limits = station.reduction_at(begin.replace(tzinfo=UTC)).continuity
            found += [f"{basename}: {jump}" for jump in _jumps(calibration, earlier, limits)]
        earlier.append(calibration)
    return found


def _jumps(calibration: Calibration, earlier: Sequence[Calibration], limits: Continuity) -> Iterator[str]:
    compared = earlier[-limits.max_files :]
    if len(compared) < limits.min_files:
        return
    for name, shift_ns in drift(calibration, compared).items():
        limit_ns = limits.pedestal_max_ns if name.startswith("pedestal") else limits.offset_max_ns
        for strip in np.flatnonzero(np.abs(shift_ns) > limit_ns):  # NaN, not measured, is not
            yield (
                f"{name.replace('_', ' ')} of P{strip // STRIPS + 1}s{strip % STRIPS + 1} is {shift_ns[strip]:+.2f} ns "
                f"off the median of the {len(compared)} files before"
            )
