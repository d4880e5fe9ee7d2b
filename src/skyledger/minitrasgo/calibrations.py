"""Calibrations in the database: stored with their origin, and read back to be borrowed from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from skyledger.minitrasgo.calibrate import Calibration, Origin
from skyledger.minitrasgo.detector import CHANNELS, STRIPS
from skyledger.minitrasgo.store import put
from skyledger.warehouse import Session


def store_calibration(
    session: Session, row: Mapping[str, Any], own: Calibration, used: Calibration | None
) -> None:
    """Store a file's calibration, inside the caller's transaction.

    `row`: columns file_id, station, basename, sha256, config_digest, run_hash, valid_from_utc, valid_to_utc and
    borrowed_from. `own` is what the file's hits say alone; `used` what its events were calibrated with (None: not
    reduced yet; then what another run has stored is left alone).
    """
    told = used or own
    strips = [] if used is None else _strips(used)
    whole = {
        **row,
        "hits": int(told.hits.sum()),
        "status": calibration_status(told),
        "crt_ps": _known(told.crt_ps),
        "crt_std_ps": _known(told.crt_std_ps),
        "strip_pairs": told.strip_pairs,
        "own": json.dumps(calibration_as_dict(own)),
        "digest": calibration_digest(used) if used else None,
    }
    if used is None:
        put(session, "calibration", whole, replace=False)
    else:
        put(session, "calibration", whole)
        for strip in strips:
            put(session, "calibration_strip", {"file_id": row["file_id"], **strip})


def calibration_status(calibration: Calibration) -> str:
    """`own`, `borrowed` or `incomplete`, as in table calibration."""
    return "own" if calibration.own else "borrowed" if calibration.complete else "incomplete"


def calibration_digest(calibration: Calibration) -> str:
    """SHA-256 of a calibration: what products name."""
    return hashlib.sha256(json.dumps(calibration_as_dict(calibration)).encode()).hexdigest()


def calibration_as_dict(calibration: Calibration) -> dict[str, Any]:
    """Plain values, for JSON; NaN becomes None."""
    found: dict[str, Any] = {}
    for field in fields(calibration):
        value = getattr(calibration, field.name)
        if isinstance(value, np.ndarray):
            value = _without_nan(value.tolist())
        elif isinstance(value, float):
            value = _known(value)
        found[field.name] = value
    return found


def calibration_from_dict(content: Mapping[str, Any]) -> Calibration:
    """Reverse of calibration_as_dict."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name == "origin":
            found[name] = {key: tuple(map(Origin, origins)) for key, origins in value.items()}
        elif isinstance(value, list):
            found[name] = np.array(value, dtype=np.int64 if name == "hits" else np.float64)
        elif name in ("crt_ps", "crt_std_ps"):
            found[name] = np.nan if value is None else value
        else:
            found[name] = value
    return Calibration(**found)


def _strips(calibration: Calibration) -> list[dict[str, Any]]:
    """Rows of calibration_strip."""
    found = []
    for channel in range(CHANNELS):
        row: dict[str, Any] = {
            "plane": channel // STRIPS + 1,
            "strip": channel % STRIPS + 1,
            "hits": int(calibration.hits[channel]),
            "t_dif_width_ns": _known(calibration.t_dif_width[channel]),
            "cross_talk_pedestal_ns": _known(calibration.cross_talk_pedestal[channel]),
            "cross_talk_limit_ns": _known(calibration.cross_talk_limit[channel]),
        }
        for name in ("pedestal_front", "pedestal_back", "t_dif_offset", "t_sum_offset"):
            row[f"{name}_ns"] = _known(getattr(calibration, name)[channel])
            row[f"{name}_error_ns"] = _known(getattr(calibration, f"{name}_error")[channel])
            row[f"{name}_origin"] = str(calibration.origin[name][channel])
        coefficients = calibration.front_back[channel]
        known = not np.isnan(coefficients).any()
        row["front_back"] = json.dumps(coefficients.tolist()) if known else None
        row["front_back_origin"] = str(calibration.origin["front_back"][channel])
        found.append(row)
    return found


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _without_nan(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if values != values else values
