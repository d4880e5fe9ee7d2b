"""Flights to be computed again after a calibration has come or changed: first counted, then computed for their PI.

Those that are released as Level 1 become candidates for Level 2. But when the calibrations that Level 1 was made with
are no longer those that count, it is made again first, and waits for its PI as a new version.

A plan only reads. `queue_reprocess` takes up one flight after the other, each in its own transaction, so a run that is
stopped leaves the rest as it was, and the next one goes on.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from skyledger.errors import PermanentError, StorageUnavailable
from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.metadata.calibrations import calibration_set
from skyledger.iagos.metadata.impact import impact_of
from skyledger.iagos.names import Level
from skyledger.iagos.release.choices import chosen
from skyledger.iagos.release.sql import statement
from skyledger.iagos.release.versions import unwritten
from skyledger.iagos.science.calibrate import used_ids
from skyledger.iagos.states import FlightState, State, StateConflict
from skyledger.warehouse import Session

log = logging.getLogger(__name__)

# What can become a candidate for Level 2
_FROM = (State.AWAITING_CAL, State.AWAITING_L2, State.L2_RELEASED, State.QC_FAILED)
# ... and what can be judged again for Level 1
_FROM_LEVEL_1 = (State.AWAITING_L1, State.AWAITING_CAL)
_BEGUN = (State.L2_CANDIDATE, State.REPROCESS)


@dataclass(slots=True)
class Plan:
    """What would be computed again, and why other flights would not. Counts are of what the change touches."""

    because: str  # rows that changed; empty: every flight that waits for a calibration
    deployments: tuple[str, ...] = ()
    flights: int = 0
    released_l1: int = 0
    released_l2: int = 0
    begun: list[Key] = field(default_factory=list)  # on their way already, by a run that stopped
    todo: list[Key] = field(default_factory=list)  # for Level 2
    level_1: list[Key] = field(default_factory=list)  # made with other calibrations than those that count now
    no_post: list[Key] = field(default_factory=list)  # wait for the calibration after the deployment
    unchanged: list[Key] = field(default_factory=list)  # computed with these calibrations already
    earlier: list[Key] = field(default_factory=list)  # Level 1 comes first, with these calibrations already
    not_here: int = 0  # flights whose files have not come
    cannot: list[str] = field(default_factory=list)  # flight and why

    def describe(self) -> str:
        """For a person who decides whether it is to be done."""
        touched = (
            f"{self.because}: {self.flights} flights of {len(self.deployments)}"
            f" deployments ({self.released_l1} with a released Level 1, {self.released_l2} with a released Level 2)"
            if self.because
            else f"{self.flights} flights wait for a calibration"
        )
        parts = (
            (len(self.level_1), "whose Level 1 is to be computed again first"),
            (len(self.todo), "to be computed again"),
            (len(self.begun), "left by a run that stopped"),
            (len(self.no_post), "without a calibration after the deployment yet"),
            (len(self.unchanged), "computed with these calibrations already"),
            (len(self.earlier), "before Level 1, which comes first"),
            (self.not_here, "whose files have not come"),
        )
        told = [f"{touched}: " + (", ".join(f"{n} {what}" for n, what in parts if n) or "nothing to do")]
        return "\n".join([*told, *(f"cannot be computed: {one}" for one in self.cannot)])

    def as_dict(self) -> dict[str, Any]:
        """Counts as plain values."""
        return {
            "because": self.because,
            "deployments": list(self.deployments),
            "flights": self.flights,
            "released_l1": self.released_l1,
            "released_l2": self.released_l2,
            "not_here": self.not_here,
            **{
                name: len(getattr(self, name))
                for name in ("begun", "level_1", "todo", "no_post", "unchanged", "earlier", "cannot")
            },
        }


def plan_reprocess(
    session: Session,
    *,
    calibration_ids: Collection[int] = (),
    relation_ids: Collection[int] = (),
    deployment_ids: Collection[int] = (),
) -> Plan:
    """What is to be computed again because of rows of the instrument database that are new, corrected or withdrawn.

    Without any, every flight that waits for a calibration and has it now. Raises PermanentError for an unknown row.
    """
    changed = {"calibration": calibration_ids, "relation": relation_ids, "deployment": deployment_ids}
    plan = Plan(", ".join(f"{what} {number}" for what, numbers in changed.items() for number in numbers))
    if plan.because:
        touched = impact_of(
            session, calibrations=calibration_ids, relations=relation_ids, deployments=deployment_ids
        )
        plan.deployments = touched.deployments
        plan.released_l1, plan.released_l2 = touched.released_l1, touched.released_l2
        wanted = set(touched.flights)
        known = [
            one for one in states.states(session) if (one.key.flight_id, one.key.instrument_type) in wanted
        ]
    else:
        known = states.states(session, among=(State.AWAITING_CAL,))
        wanted = {(one.key.flight_id, one.key.instrument_type) for one in known}
    plan.flights = len(wanted)
    plan.not_here = len(wanted - {(one.key.flight_id, one.key.instrument_type) for one in known})
    plan.begun = [one.key for one in states.states(session, among=_BEGUN)]
    for one in _deliveries(known):
        _sort_in(session, plan, one)
    return plan


def queue_reprocess(session: Session, plan: Plan, *, at_most: int, actor: str, run_id: str) -> list[Key]:
    """Let flights of a plan be computed again, one transaction each; those left by an earlier run come first.

    They become candidates for Level 2, or are judged again for Level 1 (REPROCESS). What another run has moved or
    holds since the plan was made is left to the next plan.
    """
    queued = plan.begun[:at_most]
    reason = f"computed again: {plan.because or 'the calibration after the deployment has come'}"
    steps: list[tuple[Key, tuple[State, ...], State]]
    steps = [(key, _FROM_LEVEL_1, State.REPROCESS) for key in plan.level_1]
    steps += [(key, _FROM, State.L2_CANDIDATE) for key in plan.todo]
    for key, before, after in steps:
        if len(queued) >= at_most:
            break

        def step(key: Key = key, before: tuple[State, ...] = before, after: State = after) -> None:
            states.move(session, key, after, before=before, reason=reason, run_id=run_id, actor=actor)

        try:
            with states.held(session, key.flight_id, key.instrument_type):
                session.commit(step)
        except (StateConflict, StorageUnavailable) as error:
            log.warning("%s: left out: %s", key, error)
        else:
            queued.append(key)
    return queued


def _deliveries(known: list[FlightState]) -> list[FlightState]:
    """Of each flight the newest delivery to be computed again, else its newest one; and what waits for Level 1."""
    newest: dict[tuple[str, str], FlightState] = {}
    for one in known:  # by flight and revision
        flight = (one.key.flight_id, one.key.instrument_type)
        if flight not in newest or one.state in _FROM or newest[flight].state not in _FROM:
            newest[flight] = one
    waiting = [one for one in known if one.state is State.AWAITING_L1]
    return list(dict.fromkeys([*newest.values(), *waiting]))


def _sort_in(session: Session, plan: Plan, one: FlightState) -> None:
    key = one.key
    if one.state in _BEGUN:
        return
    if one.state not in (*_FROM, *_FROM_LEVEL_1) or (
        one.state is State.QC_FAILED and states.history(session, key)[-1].before != State.L2_CANDIDATE
    ):
        plan.earlier.append(key)
        return
    try:
        now = calibration_set(
            session, key.flight_id, key.instrument_type, choice=chosen(session, key).calibration_choice
        )
    except PermanentError as error:
        plan.cannot.append(f"{key}: {error}")
        return
    again = one.state in _FROM_LEVEL_1 and _differs(session, key, Level.L0, used_ids(now, final=False))
    if one.state is State.AWAITING_L1 and not again:
        plan.earlier.append(key)
    elif not again and not now.has_post:
        plan.no_post.append(key)
    elif (
        not again
        and one.state is not State.QC_FAILED
        and not _differs(session, key, Level.L2, used_ids(now, final=True))
    ):
        plan.unchanged.append(key)
    elif unwritten(session, key):
        plan.cannot.append(f"{key}: the files of its release are not written yet; run write_products first")
    else:
        (plan.level_1 if again else plan.todo).append(key)


def _differs(session: Session, key: Key, level: Level, numbers: list[int]) -> bool:
    """Whether unreleased series of a level are not there, or were made with other calibrations than these."""
    found = session.query(statement("computed_with"), {**key._asdict(), "level_name": str(level)})
    return not found or found[0][0] != ",".join(map(str, numbers))
