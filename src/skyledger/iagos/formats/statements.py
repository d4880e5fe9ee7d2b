"""What a product says of itself, as global attributes: ACDD-1.3, the network's own, and where it comes from (PROV)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from skyledger.iagos.flight import FlightData, FloatArray
from skyledger.iagos.formats.makers import makers
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CHOICES
from skyledger.iagos.names import Level

VOCABULARY = "CF Standard Name Table v93"
_PI = "principal investigator"
_MEANING = {
    Level.L0: "Level 0: physical units, automatic checks",
    Level.NRT: "near real time: automatic checks only, not validated by a person",
    Level.L1: f"Level 1: validated by the {_PI}",
    Level.L2: f"Level 2: calibrated before and after the deployment, validated by the {_PI}",
}


def _meaning(data: FlightData) -> str:
    """What the level says; by choice of the PI it may be calibrated otherwise than levels are."""
    if data.level is Level.L2 and _chosen(data):
        return f"Level 2: calibrated {CHOICES[data.provenance['calibration_choice']]}, validated by the {_PI}"
    return _MEANING.get(data.level, str(data.level))


def _chosen(data: FlightData) -> bool:
    return bool(data.provenance.get("calibration_choice", "default") != "default")


def global_attributes(data: FlightData, created: datetime, software: str) -> dict[str, Any]:
    """All global attributes of a flight with at least one row."""
    who = makers()
    key, level = data.key, str(data.level)
    version = str(data.version) if data.version else "none"
    made = iso(created)
    first, last = (datetime.fromtimestamp(float(at), UTC) for at in data.time_s[[0, -1]])
    instrument = load_instrument(key.instrument_type).description
    identity = f"{key.flight_id}_{key.instrument_type}_{level}"
    return {
        "Conventions": "CF-1.10, ACDD-1.3",
        "featureType": "trajectory",
        "title": f"{who.project} flight {key.flight_id}, {key.instrument_type}, {level}",
        "summary": (
            f"Observations of {instrument} along one flight from {data.departure.airport} to {data.arrival.airport}. "
            f"{_meaning(data)}. Each value has a validity flag; values of the instrument have an "
            "uncertainty and a process flag as well."
        ),
        "keywords": who.keywords,
        "keywords_vocabulary": "none",
        "standard_name_vocabulary": VOCABULARY,
        "id": identity,
        "naming_authority": who.naming_authority,
        "institution": who.institution,
        "project": who.project,
        "program": who.project,
        "creator_name": who.creator_name,
        "creator_email": who.creator_email,
        "creator_url": who.creator_url,
        "creator_type": "institution",
        "creator_institution": who.institution,
        "publisher_name": who.publisher_name,
        "publisher_email": who.publisher_email,
        "publisher_url": who.publisher_url,
        "publisher_type": "institution",
        "publisher_institution": who.publisher_name,
        "acknowledgement": f"Data of {who.project}; {who.institution}",
        "license": who.license,
        "source": f"{instrument} ({key.instrument_type}) on aircraft {data.aircraft}",
        "platform": f"{who.project}, aircraft, {data.aircraft}, {key.flight_id}",
        "instrument": f"{key.instrument_type}: {instrument}",
        "processing_level": level,
        "product_version": version,
        "comment": (
            "Mole fractions are written in parts per billion (1e-9) or million (1e-6). Only values with validity 0 "
            "passed all tests."
        ),
        "date_created": made,
        "date_modified": made,
        "time_coverage_start": iso(first),
        "time_coverage_end": iso(last),
        "time_coverage_duration": _duration(last - first),
        "time_coverage_resolution": _duration(timedelta(seconds=data.interval_s)),
        **_extent(data),
        "flight_id": key.flight_id,
        "instrument_type": key.instrument_type,
        "source_revision": np.int32(key.revision),
        "sampling_interval_s": float(data.interval_s),
        "departure_airport": data.departure.airport,
        "departure_UTC_time": iso(data.departure.time),
        "arrival_airport": data.arrival.airport,
        "arrival_UTC_time": iso(data.arrival.time),
        **_provenance(data, f"{identity}_{version}", made, software),
    }


def iso(moment: datetime) -> str:
    """UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _duration(span: timedelta) -> str:
    """ISO 8601, in seconds only."""
    return f"PT{span.total_seconds():.6f}".rstrip("0").rstrip(".") + "S"


def _extent(data: FlightData) -> dict[str, Any]:
    """Where the flight went; a box over the date line has its western end above its eastern one, as ACDD says."""
    found: dict[str, Any] = {}
    height = _numbers(data, "baro_alt_AC")
    if len(height):
        found |= {
            "geospatial_vertical_min": float(height.min()),
            "geospatial_vertical_max": float(height.max()),
            "geospatial_vertical_units": "m",
            "geospatial_vertical_positive": "up",
        }
    lat, lon = _numbers(data, "lat"), _numbers(data, "lon")
    if not len(lat) or not len(lon):
        return found
    unwrapped = np.unwrap(lon, period=360)
    west, east = float(unwrapped.min()), float(unwrapped.max())
    if east - west >= 360:
        west, east = -180.0, 180.0
    west, east = _wrapped(west), _wrapped(east)
    south, north = float(lat.min()), float(lat.max())
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [
        f"(({south} {w}, {north} {w}, {north} {e}, {south} {e}, {south} {w}))"  # EPSG:4326: latitude first
        for w, e in boxes
    ]
    return found | {
        "geospatial_lat_min": south,
        "geospatial_lat_max": north,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": west,
        "geospatial_lon_max": east,
        "geospatial_lon_units": "degrees_east",
        "geospatial_bounds": f"POLYGON {rings[0]}"
        if len(rings) == 1
        else f"MULTIPOLYGON ({', '.join(rings)})",
        "geospatial_bounds_crs": "EPSG:4326",
    }


def _wrapped(lon_deg: float) -> float:
    return lon_deg if -180 <= lon_deg <= 180 else (lon_deg + 180) % 360 - 180


def _numbers(data: FlightData, name: str) -> FloatArray:
    value = data.series[name].value if name in data.series else np.empty(0)
    return value[~np.isnan(value)]


def lineage(data: FlightData) -> dict[str, str]:
    """What the values come from, as far as their provenance says it."""
    said = data.provenance
    source, quality = said.get("source", {}), said.get("quality")
    found = {
        "input_file": source.get("name"),
        "input_sha256": source.get("sha256"),
        "calibrations_chosen": CHOICES[said["calibration_choice"]] if _chosen(data) else None,
        "calibration_ids": ", ".join(map(str, said.get("calibration_ids", ()))),
        "qc_config_version": f"{quality['name']} {quality['version']}" if quality else None,
        "uncertainty_method": said.get("uncertainty"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _provenance(data: FlightData, identity: str, made: str, software: str) -> dict[str, str]:
    """The chain from the raw file to this one: for people (history), as PROV relations, and whole as JSON."""
    said, known = data.provenance, lineage(data)
    steps = [f"{step['software']}: {step['level']} from {step['from']}" for step in said.get("steps", ())]
    last = f"{made} {software}: written as {identity}"
    raw = f"{known.get('input_file', 'raw file')} sha256:{known.get('input_sha256', 'unknown')}"
    return {
        **known,
        "history": "\n".join([*steps, last]),
        "prov_entity": identity,
        "prov_wasDerivedFrom": raw,
        "prov_wasGeneratedBy": "; ".join([*steps, f"{software}: {identity}"]),
        "prov_wasAssociatedWith": makers().institution,
        "provenance": json.dumps(said, sort_keys=True, default=str),
    }
