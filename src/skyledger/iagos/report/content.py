"""What a report says, as plain values: the JSON file, and what the page is laid out from."""

from dataclasses import asdict
from typing import Any

import numpy as np

from skyledger.iagos.assess import Assessment
from skyledger.iagos.assess.encounters import Encounter
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, Stop
from skyledger.iagos.metadata.calibrations import CHOICES, CalibrationPair
from skyledger.iagos.release.recorded import Recorded
from skyledger.iagos.report.advice import (
    Advice,
    advise,
    calibrations_used,
    not_measuring,
    planned_tests,
    suggest,
    warn,
)
from skyledger.iagos.report.commands import commands
from skyledger.iagos.report.comparison import Comparison
from skyledger.iagos.report.context import ReportContext
from skyledger.iagos.report.provenance import chain, prov
from skyledger.iagos.report.times import iso, iso_of
from skyledger.iagos.report.view import Pair, difference, pairs
from skyledger.iagos.variables import variables


def describe(assessment: Assessment, context: ReportContext, comparison: Comparison | None) -> dict[str, Any]:
    """Everything that the report says. Times are ISO 8601 UTC, shares 0 to 1, None is unknown; no NaN."""
    data = assessment.data
    digest = data.digest()
    advices = {name: advise(assessment, name, context.rules) for name in data.series}
    warnings = warn(assessment, context)
    suggestion, reasons = suggest(advices, warnings, data)
    steps = chain(assessment, context, digest)
    return {
        "report": {
            "made_at": iso(context.made_at),
            "software": context.software,
            "level": str(context.level),
            "data_level": str(data.level),
            "data_digest": digest,
            "suggestion": str(suggestion),
            "reasons": reasons,
        },
        "rules": context.rules.model_dump(),
        "warnings": [one._asdict() for one in warnings],
        "flight": _flight(data, context),
        "file": _file(context),
        "quality": {
            "name": assessment.config.name,
            "version": assessment.config.version,
            "digest": assessment.config_digest,
            "input_digest": assessment.input_digest,
            "result_digest": assessment.digest,
            "chosen": _choice(context.chosen.quality),
        },
        "variables": {name: _variable(assessment, name, advices[name]) for name in data.series},
        "agreement": [_agreement(data, pair) for pair in pairs(data, assessment.config)],
        "encounters": [_encounter(data, one) for one in context.encounters],
        "comparison": _comparison(comparison),
        "flags_by_hand": [
            {
                "variable": one.variable,
                "start": iso(one.start),
                "end": iso(one.end),
                "validity": one.validity.name.lower(),
                "reason": one.reason,
                "person": one.person,
                "at": iso(one.at),
            }
            for one in assessment.manual.flags
        ],
        "calibrations": _calibrations(context, data),
        "chain": steps,
        "prov": prov(steps),
        "decide": commands(context, digest, suggestion, advices, data),
        "links": dict(context.links),
    }


def _flight(data: FlightData, context: ReportContext) -> dict[str, Any]:
    flight = context.flight

    def stop(one: Stop) -> dict[str, str]:
        return {"airport": one.airport, "time": iso(one.time)}

    return {
        "flight_id": context.key.flight_id,
        "instrument_type": context.key.instrument_type,
        "revision": context.key.revision,
        "state": str(context.state),
        "departure": stop(flight.departure),
        "arrival": stop(flight.arrival),
        "aircraft": flight.aircraft,
        "registration": flight.registration,
        "airline": flight.airline,
        "aircraft_type": flight.aircraft_type,
        "flight_no": flight.flight_no,
        "first": iso_of(float(data.time_s[0])),
        "last": iso_of(float(data.time_s[-1])),
        "n": len(data),
        "interval_s": data.interval_s,
    }


def _file(context: ReportContext) -> dict[str, Any]:
    source = context.source_file
    return {**asdict(source), "received": iso(source.received) if source.received else None}


def _variable(assessment: Assessment, name: str, advice: Advice) -> dict[str, Any]:
    known, judged = variables()[name], assessment.variables[name]
    figures = judged.statistics
    return {
        "kind": known.kind,
        "long_name": known.long_name,
        "unit": known.label,
        "decimals": known.decimals,
        "n": figures.n,
        "counts": {validity.name.lower(): figures.counts[validity] for validity in Validity},
        "shares": {validity.name.lower(): figures.share(validity) for validity in Validity},
        "availability": figures.availability,
        "not_to_be_measured": advice.planned,
        "availability_measuring": advice.availability,
        "erroneous_measuring": advice.erroneous,
        "minimum": figures.minimum,
        "median": figures.median,
        "maximum": figures.maximum,
        "first_good": _maybe(figures.first_good_s),
        "last_good": _maybe(figures.last_good_s),
        "suggestion": str(advice.suggestion),
        "reasons": list(advice.reasons),
        "tests": _findings(assessment, name),
    }


def _findings(assessment: Assessment, name: str) -> list[dict[str, Any]]:
    judged, planned = assessment.variables[name], planned_tests(assessment, name)
    measuring = judged.tests[~not_measuring(assessment, name)]
    unplanned = {
        label: int(np.count_nonzero(measuring & np.int64(1 << bit)))
        for bit, label in enumerate(judged.test_names)
    }
    return [
        {
            "test": one.test,
            "critical": one.critical,
            "planned": one.test in planned,
            "suspect": one.suspect,
            "fail": one.fail,
            "objected": one.objected,
            "objected_measuring": unplanned.get(one.test, one.objected),
            "worst_value": _finite(one.worst_value),
            "worst_at": _maybe(one.worst_at_s),
            "intervals": [
                {"start": iso_of(first), "end": iso_of(last), "n": n} for first, last, n in one.intervals
            ],
            "intervals_left_out": one.intervals_left_out,
        }
        for one in judged.findings
    ]


def _agreement(data: FlightData, pair: Pair) -> dict[str, Any]:
    apart = difference(data, pair)
    known = apart[np.isfinite(apart)]
    figures: dict[str, Any] = dict.fromkeys(
        ("mean", "median", "standard_deviation", "largest", "beyond_limit")
    )
    if known.size:
        figures = {
            "mean": float(known.mean()),
            "median": float(np.median(known)),
            "standard_deviation": float(known.std()),
            "largest": float(known[np.abs(known).argmax()]),
            "beyond_limit": int(np.count_nonzero(np.abs(known) > pair.limit)) if pair.limit else None,
        }
    return {**pair._asdict(), "unit": variables()[pair.variable].label, "n": int(known.size), **figures}


def _encounter(data: FlightData, one: Encounter) -> dict[str, Any]:
    uncertainty = data.series[one.variable].uncertainty
    known = uncertainty[np.isfinite(uncertainty)] if uncertainty is not None else np.zeros(0)
    return {
        **one._asdict(),
        "other": str(one.other),
        "other_at": iso(one.other_at),
        "uncertainty": float(np.median(known)) if known.size else None,
    }


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "with": comparison.label,
        "identical": comparison.identical,
        "common": comparison.common,
        "only_here": comparison.only_here,
        "only_before": comparison.only_before,
        "added": list(comparison.added),
        "removed": list(comparison.removed),
        "variables": {name: asdict(one) for name, one in comparison.variables.items()},
    }


def _calibrations(context: ReportContext, data: FlightData) -> dict[str, Any]:
    """As the instrument database has them, with the place of the flight between the two."""
    said = context.calibrations.as_dict()
    said["used"] = CHOICES[calibrations_used(context)]
    said["chosen"] = _choice(context.chosen.calibrations)
    middle_s = float(data.time_s[0] + data.time_s[-1]) / 2
    for name, part in context.calibrations.parts.items():
        said["parts"][name]["weight_of_post"] = _weight(part.pair, middle_s)
    return said


def _choice(decision: Recorded | None) -> dict[str, str] | None:
    """Who chose something for the flight file, when and why."""
    if decision is None:
        return None
    return {"person": decision.person, "at": iso(decision.at), "comment": decision.comment}


def _weight(pair: CalibrationPair, middle_s: float) -> float | None:
    if pair.pre is None or pair.post is None:
        return None
    begin, end = pair.pre.timestamp.timestamp(), pair.post.timestamp.timestamp()
    return float(np.clip((middle_s - begin) / (end - begin), 0, 1)) if end > begin else None


def _maybe(unix_s: float | None) -> str | None:
    return None if unix_s is None else iso_of(unix_s)


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return value if value is not None and np.isfinite(value) else None
