"""From raw values to physical ones, with the calibrations before and after the deployment."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skyledger.errors import PermanentError
from skyledger.iagos.flight import FloatArray
from skyledger.iagos.metadata.calibrations import CalibrationPair, CalibrationRecord, CalibrationSet, Choice


class Calibrated(NamedTuple):
    """Physical values, (n,)."""

    value: FloatArray
    drift: FloatArray  # half of the difference that the two calibrations make, same unit; 0 with one
    limited: str  # why the values are limited; empty: they are not


def response(record: CalibrationRecord, raw: FloatArray) -> FloatArray:
    """What one calibration makes of raw values, (n,); a table is linear between its nodes and missing outside them."""
    parameters = record.parameters
    if record.function == "linear":
        return parameters["slope"] * raw + parameters["offset"]
    if record.function == "polynomial":
        coefficients = [parameters[f"c{i}"] for i in range(len(parameters))]
        return np.asarray(np.polynomial.polynomial.polyval(raw, coefficients), dtype=np.float64)
    x, y = _nodes(parameters)
    return np.interp(raw, x, y, left=np.nan, right=np.nan)


def used(pair: CalibrationPair, *, final: bool, choice: Choice = "default") -> tuple[CalibrationRecord, ...]:
    """Which calibrations count: the chosen ones; by default both for final data, else the one before the deployment.

    Where that is none, the first there is.
    """
    if choice == "default":
        choice = "both" if final else "pre"
    wanted = {"pre": (pair.pre,), "post": (pair.post,)}.get(choice, (pair.pre, pair.post))
    found = tuple(one for one in wanted if one)
    return found or tuple(one for one in (pair.pre, pair.post) if one)[:1]


def used_ids(calibrations: CalibrationSet, *, final: bool) -> list[int]:
    """Numbers of the calibrations that count, ascending."""
    pairs = [part.pair for part in calibrations.parts.values()]
    return sorted({one.id for pair in pairs for one in used(pair, final=final, choice=calibrations.choice)})


def apply(
    raw: FloatArray, time_s: FloatArray, pair: CalibrationPair, *, final: bool, choice: Choice = "default"
) -> Calibrated:
    """Physical values of raw ones, (n,); `time_s` in Unix seconds UTC.

    With the calibrations that `used` names; whatever is taken for want of a better one makes the values limited.
    Parameters are linear in time between the two dates and constant outside them. All functions are linear in their
    parameters, so it is their results that are weighted: tables may differ in nodes.
    Raises PermanentError when there is no calibration at all.
    """
    records = used(pair, final=final, choice=choice)
    if not records:
        raise PermanentError("no calibration is known; import one, then run the flight again")
    values = response(records[0], raw)
    if len(records) == 1:
        limited = ""
        if records[0] is pair.post:
            limited = "calibrated after the deployment only"
        elif final or choice in ("post", "both"):
            limited = (
                "calibrated before the deployment only"
                if pair.post
                else "not calibrated after the deployment"
            )
        return Calibrated(values, np.zeros(len(raw)), limited)
    difference = response(records[1], raw) - values
    return Calibrated(values + weight(time_s, *records) * difference, np.abs(difference) / 2.0, "")


def weight(time_s: FloatArray, pre: CalibrationRecord, post: CalibrationRecord) -> FloatArray:
    """Weight of the later calibration at a time (Unix seconds), 0 to 1: never extrapolated."""
    begin, end = pre.timestamp.timestamp(), post.timestamp.timestamp()
    if begin >= end:
        raise PermanentError(
            f"calibration {post.id} ({post.timestamp}) is not later than {pre.id} ({pre.timestamp}),"
            " which is to come before it; correct one of them"
        )
    return np.clip((np.asarray(time_s, dtype=np.float64) - begin) / (end - begin), 0.0, 1.0)


def _nodes(parameters: Mapping[str, float]) -> tuple[list[float], list[float]]:
    count = len(parameters) // 2
    return [parameters[f"x{i}"] for i in range(count)], [parameters[f"y{i}"] for i in range(count)]
