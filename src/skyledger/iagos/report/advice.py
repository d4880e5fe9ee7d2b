"""What the report suggests, and what it warns of. It only suggests: the PI decides.

Shares are of the values that the instrument was to measure: while it measures its zero, is calibrated, or the aircraft
has not taken off, nothing is to be had, and a flight is not worse for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from skyledger.iagos.assess import Assessment, VariableAssessment
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.metadata.calibrations import CHOICES, Choice
from skyledger.iagos.names import Level
from skyledger.iagos.release.recorded import Recorded
from skyledger.iagos.release.rules import ReleaseRules
from skyledger.iagos.report.context import ReportContext
from skyledger.iagos.report.view import BoolArray, of_instrument
from skyledger.iagos.variables import variables
from skyledger.quality.groups import tests_of

PLANNED = ("phase_window", "mode")  # tests that object where the instrument is not to measure
_USUAL: dict[Level, Choice] = {Level.L1: "pre", Level.L2: "both"}  # calibrations that count by default
_OUTSIDE = timedelta(hours=1)  # so far before departure or after arrival data belong to another flight
_UNSEEN = timedelta(minutes=30)  # of a flight without data: told


class Suggestion(StrEnum):
    """What the figures speak for."""

    RELEASE = "RELEASE"
    REVIEW = "REVIEW"
    REJECT = "REJECT"


class Warned(NamedTuple):
    """Something a person should know before deciding."""

    critical: bool  # speaks against a release
    subject: str  # a variable, a component, the file
    text: str


@dataclass(frozen=True, slots=True)
class Advice:
    """On one variable."""

    suggestion: Suggestion
    planned: int  # values that were not to be measured
    availability: float  # good or limited, of those that were; 0 to 1
    erroneous: float
    reasons: tuple[str, ...]  # why not RELEASE


def advise(assessment: Assessment, name: str, rules: ReleaseRules) -> Advice:
    """What the figures of one variable speak for."""
    judged = assessment.variables[name]
    planned = not_measuring(assessment, name)
    expected = judged.validity[~planned]
    total = max(1, len(expected))
    usable = np.count_nonzero(np.isin(expected, (Validity.GOOD, Validity.LIMITED))) / total
    erroneous = np.count_nonzero(expected == Validity.ERRONEOUS) / total
    reasons = []
    if usable < rules.release_availability:
        reasons.append(f"{percent(usable)} available, release from {percent(rules.release_availability)}")
    if erroneous > rules.release_erroneous:
        reasons.append(f"{percent(erroneous)} erroneous, release up to {percent(rules.release_erroneous)}")
    suggestion = Suggestion.REVIEW if reasons else Suggestion.RELEASE
    if usable < rules.reject_availability:
        suggestion = Suggestion.REJECT
        reasons = [f"{percent(usable)} available, below {percent(rules.reject_availability)}"]
    if reasons and erroneous > rules.release_erroneous:
        reasons[-1] += _mostly_by(judged, planned_tests(assessment, name))
    return Advice(suggestion, int(np.count_nonzero(planned)), usable, erroneous, tuple(reasons))


def not_measuring(assessment: Assessment, name: str) -> BoolArray:
    """Which values are erroneous because the instrument was not to measure, (n,)."""
    judged = assessment.variables[name]
    labels = planned_tests(assessment, name)
    bits = sum(1 << bit for bit, label in enumerate(judged.test_names) if label in labels)
    objected: BoolArray = (judged.tests & np.int64(bits)) != 0
    wrong: BoolArray = judged.validity == Validity.ERRONEOUS
    return objected & wrong


def planned_tests(assessment: Assessment, name: str) -> set[str]:
    """Labels of the tests of a variable that object where nothing was to be measured."""
    if name not in assessment.config.series:
        return set()
    items = assessment.config.group(name).items
    return {test.label for item in items for test in tests_of(item) if test.test in PLANNED}


def suggest(
    advices: dict[str, Advice], warnings: list[Warned], data: FlightData
) -> tuple[Suggestion, list[str]]:
    """What the whole flight speaks for, and why. REJECT only when no variable of the instrument is worth a look."""
    own = {name: advices[name] for name in of_instrument(data)}
    found = {one.suggestion for one in own.values()}
    reasons = [f"{name}: {reason}" for name, one in own.items() for reason in one.reasons]
    if found == {Suggestion.REJECT} or not own:
        return Suggestion.REJECT, reasons or ["the flight has no variable of the instrument"]
    reasons += [f"{one.subject}: {one.text}" for one in warnings if one.critical]
    return (Suggestion.REVIEW if reasons else Suggestion.RELEASE), reasons


def warn(assessment: Assessment, context: ReportContext) -> list[Warned]:
    """Everything worth a look, critical first."""
    found = [
        *_of_calibrations(context),
        *_of_choices(assessment, context),
        *_of_times(assessment.data, context),
        *_of_aircraft(assessment, context.rules),
        *_of_file(assessment.data, context),
        *_of_rules(assessment),
        *_of_people(assessment, context),
    ]
    return sorted(dict.fromkeys(found), key=lambda one: not one.critical)


def _of_calibrations(context: ReportContext) -> Iterator[Warned]:
    needed = {one.component for one in load_instrument(context.key.instrument_type).measured.values()}
    for component in sorted(needed):
        part = context.calibrations.parts.get(component)
        if part is None:
            yield Warned(True, component, "not part of the unit at the time of the flight")
        elif part.pair.pre is None:
            yield Warned(True, f"{component} {part.serial}", "no calibration before the deployment")
        elif part.pair.post is None and context.level is Level.L2:
            yield Warned(True, f"{component} {part.serial}", "no calibration after the deployment")
    for text in context.calibrations.warnings:
        yield Warned(False, "calibration", text)


def _of_choices(assessment: Assessment, context: ReportContext) -> Iterator[Warned]:
    """What the PI chose and is not so for other flights."""
    chosen, used = context.chosen, calibrations_used(context)
    if chosen.calibrations and used != _USUAL[context.level]:
        yield Warned(False, "calibration", f"{CHOICES[used]} counts, as {_by(chosen.calibrations)}")
    usual = load_instrument(context.key.instrument_type).quality
    if chosen.quality and chosen.quality_file != usual:
        config = assessment.config
        yield Warned(
            False,
            "tests",
            f"{config.name} version {config.version} ({chosen.quality_file}) in place of {usual}, as"
            f" {_by(chosen.quality)}",
        )


def _by(decision: Recorded) -> str:
    return f"{decision.person} chose on {decision.at:%Y-%m-%d}: {decision.comment}"


def calibrations_used(context: ReportContext) -> Choice:
    """Which calibrations count for the data of the report."""
    choice = context.calibrations.choice
    return _USUAL[context.level] if choice == "default" else choice


def _of_times(data: FlightData, context: ReportContext) -> Iterator[Warned]:
    departure, arrival = context.flight.departure, context.flight.arrival
    first, last = (datetime.fromtimestamp(data.time_s[row], departure.time.tzinfo) for row in (0, -1))
    before, after = departure.time - first, last - arrival.time
    for gap, text in (
        (before, f"data begin {_span(before)} before departure"),
        (after, f"data end {_span(after)} after arrival"),
    ):
        if gap > _OUTSIDE:
            yield Warned(True, "times", f"{text}: do they belong to this flight?")
    flown = arrival.time - departure.time
    covered = (min(last, arrival.time) - max(first, departure.time)) / flown
    if covered < context.rules.release_availability:
        text = f"data cover {percent(max(covered, 0.0))} of the flight"
        yield Warned(True, "times", f"{text}, release from {percent(context.rules.release_availability)}")
    for gap, text in ((-before, "first"), (-after, "last")):
        if gap > _UNSEEN:
            yield Warned(False, "times", f"no data for the {text} {_span(gap)} of the flight")


def _of_aircraft(assessment: Assessment, rules: ReleaseRules) -> Iterator[Warned]:
    """Coordinates and aircraft data, which a release needs but does not suggest by."""
    for name, judged in assessment.variables.items():
        kind = variables()[name].kind
        share = judged.statistics.share(Validity.ERRONEOUS)
        if kind != "instrument" and share > rules.release_erroneous:
            yield Warned(kind == "coordinate", name, f"{percent(share)} erroneous{_mostly_by(judged, set())}")
        elif kind != "instrument" and judged.statistics.availability < rules.reject_availability:
            share = judged.statistics.availability
            yield Warned(kind == "coordinate", name, f"{percent(share)} available")


def _of_file(data: FlightData, context: ReportContext) -> Iterator[Warned]:
    if rejected := data.provenance.get("rows_rejected"):
        rows = data.provenance.get("rows_read", 0) + rejected
        yield Warned(False, "raw file", f"{rejected} of {rows} rows could not be read")
    for note in data.provenance.get("notes", ()):
        yield Warned(False, "raw file", str(note))
    for name, why in data.provenance.get("limited", {}).items():
        yield Warned(False, name, str(why))
    if context.key.revision > 1:
        yield Warned(False, "raw file", f"delivery {context.key.revision} of this flight")


def _of_rules(assessment: Assessment) -> Iterator[Warned]:
    for name, judged in assessment.variables.items():
        for one in judged.findings:
            if one.test == "max_invalid_share" and one.fail:
                yield Warned(
                    False, name, f"too many values failed, so the other {one.fail} count as erroneous too"
                )


def _of_people(assessment: Assessment, context: ReportContext) -> Iterator[Warned]:
    if assessment.manual.flags:
        people = ", ".join(sorted({one.person for one in assessment.manual.flags}))
        yield Warned(False, "flags", f"intervals flagged by hand: {len(assessment.manual.flags)} ({people})")
    if context.level is Level.L2 and context.rules.four_eyes:
        yield Warned(False, "release", "Level 2 needs a second PI who agrees")


def _mostly_by(judged: VariableAssessment, planned: set[str]) -> str:
    found = [one for one in judged.findings if one.test not in planned]
    worst = max(found, key=lambda one: one.fail, default=None)
    return f", mostly by {worst.test}" if worst and worst.fail else ""


def percent(share: float) -> str:
    """A share for people; one that is almost nothing or almost all never reads as nothing or all."""
    digits = 100 * share
    if 0 < digits < 0.1:
        return "<0.1 %"
    if 99.9 < digits < 100:
        return ">99.9 %"
    return f"{digits:.1f}".removesuffix(".0") + " %"


def _span(gap: timedelta) -> str:
    minutes = round(gap.total_seconds() / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
