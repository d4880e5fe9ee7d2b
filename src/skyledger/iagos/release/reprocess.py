"""Flights to be computed again after a calibration has come or changed: first counted, then made Level 2 candidates.

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
from skyledger.iagos.release.sql import statement
from skyledger.iagos.release.versions import products
from skyledger.iagos.states import FlightState, State, StateConflict
from skyledger.warehouse import Session

log = logging.getLogger(__name__)

# What can become a candidate for Level 2
_FROM = (State.AWAITING_CAL, State.AWAITING_L2, State.L2_RELEASED, State.QC_FAILED)


@dataclass(slots=True)
class Plan:
    """What would be computed again, and why other flights would not. Counts are of what the change touches."""

    because: str  # rows that changed; empty: every flight that waits for a calibration
    deployments: tuple[str, ...] = ()
    flights: int = 0
    released_l1: int = 0
    released_l2: int = 0
    begun: list[Key] = field(default_factory=list)  # candidates already, of a run that stopped
    todo: list[Key] = field(default_factory=list)
    no_post: list[Key] = field(default_factory=list)  # wait for the calibration after the deployment
    unchanged: list[Key] = field(default_factory=list)  # computed with these calibrations already
    earlier: list[Key] = field(default_factory=list)  # Level 1 comes first
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
                for name in ("begun", "todo", "no_post", "unchanged", "earlier", "cannot")
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
    plan.begun = [one.key for one in states.states(session, among=(State.L2_CANDIDATE,))]
    for one in _deliveries(known):
        _sort_in(session, plan, one)
    return plan


def queue_reprocess(session: Session, plan: Plan, *, at_most: int, actor: str, run_id: str) -> list[Key]:
    """Make flights of a plan candidates for Level 2, one transaction each; those left by an earlier run come first.

    What another run has moved or holds since the plan was made is left to the next plan.
    """
    queued = plan.begun[:at_most]
    reason = f"computed again: {plan.because or 'the calibration after the deployment has come'}"
    for key in plan.todo:
        if len(queued) >= at_most:
            break

        def step(key: Key = key) -> None:
            states.move(
                session, key, State.L2_CANDIDATE, before=_FROM, reason=reason, run_id=run_id, actor=actor
            )

        try:
            with states.held(session, key.flight_id, key.instrument_type):
                session.commit(step)
        except (StateConflict, StorageUnavailable) as error:
            log.warning("%s: left out: %s", key, error)
        else:
            queued.append(key)
    return queued


def _deliveries(known: list[FlightState]) -> list[FlightState]:
    """Of each flight the newest delivery that can be computed again, else its newest one."""
    newest: dict[tuple[str, str], FlightState] = {}
    for one in known:  # by flight and revision
        flight = (one.key.flight_id, one.key.instrument_type)
        if flight not in newest or one.state in _FROM or newest[flight].state not in _FROM:
            newest[flight] = one
    return list(newest.values())


def _sort_in(session: Session, plan: Plan, one: FlightState) -> None:
    key = one.key
    if one.state is State.L2_CANDIDATE:
        return  # in `begun`
    if one.state not in _FROM or (
        one.state is State.QC_FAILED and states.history(session, key)[-1].before != State.L2_CANDIDATE
    ):
        plan.earlier.append(key)
        return
    try:
        now = calibration_set(session, key.flight_id, key.instrument_type)
    except PermanentError as error:
        plan.cannot.append(f"{key}: {error}")
        return
    if not now.has_post:
        plan.no_post.append(key)
    elif one.state is not State.QC_FAILED and ",".join(map(str, now.ids)) == _computed_with(session, key):
        plan.unchanged.append(key)
    elif any(one.key == key for one in products(session, flight_id=key.flight_id, among=("pending",))):
        plan.cannot.append(f"{key}: the files of its release are not written yet; run write_products first")
    else:
        plan.todo.append(key)


def _computed_with(session: Session, key: Key) -> str | None:
    """Calibrations of the newest Level 2 candidate, by number, with commas; None: there is none."""
    found = session.query(statement("computed_with"), {**key._asdict(), "level_name": str(Level.L2)})
    return found[0][0] if found else None
