"""How a decision is told: commands to copy and the fields of the DAG's form, with flight and digest filled in."""

import json
from typing import Any

from skyledger.iagos.flight import FlightData
from skyledger.iagos.instruments import load_instrument, quality_files
from skyledger.iagos.metadata.calibrations import CHOICES, Choice
from skyledger.iagos.report.advice import Advice, Suggestion, calibrations_used
from skyledger.iagos.report.context import ReportContext
from skyledger.iagos.report.times import iso_of
from skyledger.iagos.report.view import of_instrument

RELEASE_DAG = "iagos_flights_release"
_COMMENT, _PERSON = "...", "LOGIN"  # for the PI to fill in


def commands(
    context: ReportContext, digest: str, suggestion: Suggestion, advices: dict[str, Advice], data: FlightData
) -> dict[str, Any]:
    """What the PI can do, the suggested first. The digest ties a decision to the data of this report."""
    fine = [name for name in of_instrument(data) if advices[name].suggestion is Suggestion.RELEASE]
    doubtful = [name for name in of_instrument(data) if name not in fine] or of_instrument(data)
    release = [("Release all variables", {"action": "release"})]
    if fine and len(fine) < len(of_instrument(data)):
        release.append(
            (
                "Release only what looks fine",
                {"action": "release", "variables": ",".join(fine), "comment": _COMMENT},
            )
        )
    interval = {
        "variables": doubtful[0],
        "start": iso_of(float(data.time_s[0])),
        "end": iso_of(float(data.time_s[-1])),
        "validity": "erroneous",
    }
    change = [
        ("Set flags over an interval", {"action": "edit_flags", **interval, "comment": _COMMENT}),
        ("Run the checks again", {"action": "rerun", "comment": _COMMENT}),
        *_choices(context),
    ]
    reject = [("Reject the flight", {"action": "reject", "comment": _COMMENT})]
    later = [("Decide later", {"action": "defer", "comment": _COMMENT})]
    order = {
        Suggestion.RELEASE: [*release, *change, *reject, *later],
        Suggestion.REVIEW: [*reversed(release), *change, *reject, *later],
        Suggestion.REJECT: [*reject, *change, *release, *later],
    }
    key = context.key
    flight = {"instrument-type": key.instrument_type, "level": str(context.level)}
    form = {
        "flights": [key.flight_id],
        "instrument_type": key.instrument_type,
        "level": str(context.level),
        "action": "release",
        "digest": digest,
    }
    return {
        "digest": digest,
        "ways": [
            {
                "title": title,
                "action": given["action"],
                "command": _command(key.flight_id, flight | given, digest),
            }
            for title, given in order[suggestion]
        ],
        "dag": RELEASE_DAG,
        "form": json.dumps(form),
    }


def _choices(context: ReportContext) -> list[tuple[str, dict[str, str]]]:
    """What else the flight could be computed and judged with."""
    used, found = calibrations_used(context), []
    others: tuple[Choice, ...] = ("pre", "post", "both")
    for choice in others:
        if choice != used and not context.calibrations.lacking(choice):
            title = f"Compute with the calibration {CHOICES[choice]}"
            found.append((title, {"action": "rerun", "calibrations": choice, "comment": _COMMENT}))
    usual = load_instrument(context.key.instrument_type).quality
    for name in quality_files():
        if name != (context.chosen.quality_file or usual):
            found.append(
                (f"Judge with the tests of {name}", {"action": "rerun", "quality": name, "comment": _COMMENT})
            )
    return found


def _command(flight_id: str, given: dict[str, str], digest: str) -> str:
    said = [f"--{name} {_word(value)}" for name, value in (given | {"digest": digest}).items()]
    return " ".join(["skyledger iagos decide", flight_id, *said, f"--person {_PERSON}"])


def _word(value: str) -> str:
    return f'"{value}"' if value == _COMMENT else value
