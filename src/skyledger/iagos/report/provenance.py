"""Where the data come from, step by step, and the same in W3C PROV (JSON serialisation)."""

from typing import Any

from skyledger.iagos.assess import Assessment
from skyledger.iagos.metadata.calibrations import CHOICES, Choice
from skyledger.iagos.names import Level
from skyledger.iagos.release.recorded import Recorded
from skyledger.iagos.report.context import ReportContext
from skyledger.iagos.report.times import iso

_PREFIX = "iagos"


def chain(assessment: Assessment, context: ReportContext, digest: str) -> list[dict[str, Any]]:
    """Every thing in the chain of a flight, oldest first: how it was made, by what, from which one."""
    data, source = assessment.data, context.source_file
    calibrations = list(data.provenance.get("calibration_ids", context.calibrations.ids))
    configuration = f"{assessment.config.name} version {assessment.config.version}"
    steps = [
        {
            "entity": f"raw-{source.sha256[:16]}",
            "title": "Level 0A",
            "what": source.name,
            "digest": source.sha256,
            "activity": "processing on board",
            "agent": f"aircraft computer, unit {data.provenance.get('unit', context.calibrations.unit_serial)}",
            "with": [],
        }
    ]
    flight = f"{context.key.flight_id}-{context.key.instrument_type}-r{context.key.revision}"
    made = data.provenance.get("steps") or [{"level": str(data.level), "software": context.software}]
    for step, following in zip(made, [*made[1:], {}], strict=True):
        final = step["level"] == Level.L2
        last = step is made[-1]
        choice: Choice = data.provenance.get("calibration_choice", "default") if last else "default"
        which: Choice = "pre" if choice == "default" else choice
        steps.append(
            {
                "entity": f"{flight}-{step['level']}",
                "title": f"Level {step['level'].removeprefix('L')}{' candidate' if final else ''}",
                "what": "final calibration"
                if final and choice == "default"
                else f"physical units with the calibration {CHOICES[which].removesuffix(' only')}",
                "digest": following.get("from", ""),
                "activity": "calibration" if final else "formatting and calibration",
                "agent": step["software"],
                "with": [f"calibration {number}" for number in calibrations]
                + _chosen(context.chosen.calibrations)
                if step is made[-1]
                else [],
            }
        )
    people = sorted({one.person for one in assessment.manual.flags})
    steps.append(
        {
            "entity": f"data-{digest[:16]}",
            "title": "flagged data",
            "what": "what this report and a decision speak of",
            "digest": digest,
            "activity": "quality control",
            "agent": context.software,
            "with": [
                configuration,
                *_chosen(context.chosen.quality),
                *(f"flags set by {person}" for person in people),
            ],
        }
    )
    steps.append(
        {
            "entity": f"report-{context.level}-{digest[:16]}",
            "title": f"report for Level {str(context.level).removeprefix('L')}",
            "what": f"made {iso(context.made_at)}",
            "digest": "",
            "activity": "reporting",
            "agent": context.software,
            "with": [],
        }
    )
    return steps


def _chosen(decision: Recorded | None) -> list[str]:
    return [f"choice of {decision.person}, decision {decision.decision_id}"] if decision else []


def prov(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The chain as a PROV-JSON document: each entity is derived from the one before, by an activity of an agent."""
    said: dict[str, Any] = {
        "prefix": {_PREFIX: "urn:iagos:"},
        **{
            kind: {}
            for kind in (
                "entity",
                "activity",
                "agent",
                "wasGeneratedBy",
                "used",
                "wasAssociatedWith",
                "wasDerivedFrom",
            )
        },
    }
    before = None
    for number, step in enumerate(steps):
        entity, activity = f"{_PREFIX}:{step['entity']}", f"{_PREFIX}:step-{number}"
        agent = f"{_PREFIX}:{'-'.join(step['agent'].replace(',', '').split())}"
        said["entity"][entity] = {"prov:label": step["title"], f"{_PREFIX}:sha256": step["digest"]}
        said["activity"][activity] = {"prov:label": step["activity"], f"{_PREFIX}:with": step["with"]}
        said["agent"][agent] = {"prov:label": step["agent"]}
        said["wasGeneratedBy"][f"_:g{number}"] = {"prov:entity": entity, "prov:activity": activity}
        said["wasAssociatedWith"][f"_:a{number}"] = {"prov:activity": activity, "prov:agent": agent}
        if before:
            said["used"][f"_:u{number}"] = {"prov:activity": activity, "prov:entity": before}
            said["wasDerivedFrom"][f"_:d{number}"] = {
                "prov:generatedEntity": entity,
                "prov:usedEntity": before,
                "prov:activity": activity,
            }
        before = entity
    return said
