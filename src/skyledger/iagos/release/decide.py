"""Decisions of people about flights, each in one transaction with what follows from it.

A decision names the digest of the data it is about, as the report says. When anything has changed since (series, flags,
a newer report), it is refused: the person reads the new report first. A decision that was recorded and is repeated
(a task was killed after it) is answered as it was, and nothing is recorded twice.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from skyledger.errors import PermanentError, TransientError
from skyledger.iagos import states
from skyledger.iagos.assess.by_hand import set_flags
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Key
from skyledger.iagos.metadata.calibrations import Choice
from skyledger.iagos.metadata.people import Role, has_role
from skyledger.iagos.names import Level
from skyledger.iagos.release.choices import check_calibrations, check_quality, in_words
from skyledger.iagos.release.errors import (
    CommentMissing,
    Conflict,
    DecisionRefused,
    NotPermitted,
    UnknownFlight,
)
from skyledger.iagos.release.recorded import ACTIONS, Recorded, decisions
from skyledger.iagos.release.reports import StoredReport, mixed_configurations, newest_report
from skyledger.iagos.release.rules import release_rules
from skyledger.iagos.release.sql import naive_now, statement
from skyledger.iagos.release.versions import Product, add_product, products, unwritten, versions_of
from skyledger.iagos.states import FlightState, State
from skyledger.iagos.variables import variables
from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

_ROLES: dict[str, tuple[Role, ...]] = {"withdraw": ("PI", "manager")}  # any other action: the PI
_AWAITING = {Level.L1: State.AWAITING_L1, Level.L2: State.AWAITING_L2}
_JUDGED = {Level.L1: State.QC_RUNNING, Level.L2: State.L2_CANDIDATE}
_RELEASED = {Level.L1: State.L1_RELEASED, Level.L2: State.L2_RELEASED}
# After a release: where a PI may take a level up again
_SETTLED = {Level.L1: State.AWAITING_CAL, Level.L2: State.L2_RELEASED}
# An earlier delivery that is in one of these gives way to the one that is released
GIVES_WAY = (
    State.AWAITING_L1,
    State.L1_RELEASED,
    State.AWAITING_CAL,
    State.L2_CANDIDATE,
    State.AWAITING_L2,
    State.L2_RELEASED,
    State.REPROCESS,
    State.REJECTED,
    State.EXPORT_FAILED,
    State.PARSE_FAILED,
    State.IMPORT_FAILED,
    State.QC_FAILED,
)
WITHDRAWABLE = (
    *GIVES_WAY,
    State.STORED_L0,
    State.SUPERSEDED,
)


class FlagEdit(NamedTuple):
    """A flag that the PI sets over an interval; both ends (UTC) belong to it."""

    variable: str
    start: datetime
    end: datetime
    validity: Validity  # not validated: back to what the tests say


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person wants. `variables`: of the instrument, to be released; None: all of them.

    `quality` (a file of include/config/iagos/quality) and `calibrations` are of rerun, and count for this flight file
    from then on; None: what counted before.
    """

    key: Key
    level: Level
    action: str
    person: str  # login
    comment: str | None
    digest: str | None  # of the data, as the report says; a withdrawal needs none
    variables: tuple[str, ...] | None = None
    flags: tuple[FlagEdit, ...] = ()  # of edit_flags
    quality: str | None = None
    calibrations: Choice | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision."""

    key: Key
    level: Level
    action: str
    said: str = ""
    released: bool = False
    refused: str = ""  # why nothing was recorded; empty: it was

    def told(self) -> str:
        """One sentence."""
        return f"refused: {self.refused}" if self.refused else self.said


def decide(session: Session, decision: Decision, run_id: str) -> Decided:
    """Record a decision and do what it says, in one transaction of its own.

    Raises DecisionRefused (CommentMissing, NotPermitted, UnknownFlight, Conflict), StorageUnavailable when another run
    holds the flight.
    """
    with states.held(session, decision.key.flight_id, decision.key.instrument_type):
        return session.commit(lambda: _decide(session, decision, run_id))


def decide_all(warehouse: Warehouse, decisions: list[Decision], run_id: str) -> list[Decided]:
    """Record many decisions, each for itself; one that is refused says why and does not stop the others.

    Releases of one instrument and level must have been judged with one configuration, or all of them are refused.
    Raises TransientError at the end where a decision could not be taken now; those that were stay.
    """
    done, late = [], []
    with warehouse.session() as session:
        mixed = mixed_configurations(
            session, [(one.key, one.level) for one in decisions if one.action == "release"]
        )
        for one in decisions:
            try:
                if one.action == "release" and (told := mixed.get((one.key.instrument_type, one.level))):
                    raise Conflict(f"judged with different configurations, decide about each apart: {told}")
                done.append(decide(session, one, run_id))
            except PermanentError as error:
                done.append(
                    Decided(
                        one.key,
                        one.level,
                        one.action,
                        refused=str(error).removeprefix(f"{one.key} {one.level}: "),
                    )
                )
            except TransientError as error:
                log.warning("%s %s: %s", one.key, one.level, error)
                late.append(error)
    if late:
        raise late[0]
    return done


def _decide(session: Session, wanted: Decision, run_id: str) -> Decided:
    if wanted.action not in ACTIONS:
        raise DecisionRefused(f"action {wanted.action!r}: expected one of {', '.join(ACTIONS)}")
    if wanted.level not in _AWAITING:
        raise DecisionRefused(f"level {wanted.level}: expected L1 or L2")
    if wanted.action == "edit_flags" and not wanted.flags:
        raise DecisionRefused(f"{wanted.key}: no flags to set; expected variable, start, end and validity")
    role = _role(session, wanted)
    if wanted.action != "release" and not (wanted.comment or "").strip():
        raise CommentMissing(f"{wanted.key} {wanted.level}: {wanted.action} needs a comment that says why")
    found = states.state_of(session, wanted.key)
    if found is None:
        raise UnknownFlight(f"{wanted.key} is not known")
    if not _possible(session, wanted, found):
        if repeated := _repeated(session, wanted):
            return repeated
        raise Conflict(
            f"{wanted.key} {wanted.level} is {found.state}: there is nothing to {wanted.action.replace('_', ' ')} now"
        )
    if wanted.action == "withdraw":
        return _withdraw(session, wanted, found, role, run_id)
    report = _report(session, wanted)
    _check_choices(session, wanted)
    if wanted.action == "release":
        return _release(session, wanted, report, role, run_id)
    _record(session, wanted, report, role, run_id)
    comment = wanted.comment or ""
    if wanted.action == "defer":
        return Decided(wanted.key, wanted.level, wanted.action, f"goes on waiting: {comment}")
    for flag in wanted.flags if wanted.action == "edit_flags" else ():
        set_flags(session, wanted.key, *flag, reason=comment, person=wanted.person)
    after = State.REJECTED if wanted.action == "reject" else State.REPROCESS
    _move(session, wanted, found.state, after, comment, run_id)
    again = f"to be judged again{in_words(wanted.quality, wanted.calibrations)}"
    said = f"{'rejected' if after is State.REJECTED else again}: {comment}"
    return Decided(wanted.key, wanted.level, wanted.action, said)


def _role(session: Session, wanted: Decision) -> str:
    """In which role the person may do this. Raises NotPermitted."""
    now, instrument_type = datetime.now(UTC), wanted.key.instrument_type
    roles = _ROLES.get(wanted.action, ("PI",))
    for role in roles:
        if has_role(session, wanted.person, role, instrument_type, now):
            return role
    raise NotPermitted(
        f"{wanted.key} {wanted.level}: {wanted.person!r} is not {' or '.join(roles)} of {instrument_type} now,"
        " see table person_role"
    )


def _possible(session: Session, wanted: Decision, found: FlightState) -> bool:
    """Whether the file is where such a decision belongs."""
    if wanted.action == "withdraw":
        return found.state in WITHDRAWABLE
    if found.state is _AWAITING[wanted.level]:
        return True
    if wanted.action not in ("rerun", "edit_flags"):
        return False
    if found.state is State.QC_FAILED:  # perhaps because of what was chosen
        return states.history(session, wanted.key)[-1].before == _JUDGED[wanted.level]
    if found.state is State.REJECTED:
        return states.history(session, wanted.key)[-1].before == _AWAITING[wanted.level]
    # a release is taken up again when its files are there: they are made from what is about to change
    return found.state is _SETTLED[wanted.level] and not unwritten(session, wanted.key)


def _repeated(session: Session, wanted: Decision) -> Decided | None:
    """The answer to a decision that has been taken already, by this person in these words."""
    taken = decisions(session, wanted.key, wanted.level)
    if not taken:
        return None
    last = taken[-1]
    choices = last.quality, last.calibrations
    said = (last.action, last.person, last.comment, last.digest, last.variables, *choices)
    choices = wanted.quality, wanted.calibrations
    if said != (wanted.action, wanted.person, _comment(wanted), wanted.digest, _chosen(wanted), *choices):
        return None
    released = last.action == "release" and last.complete
    return Decided(
        wanted.key,
        wanted.level,
        wanted.action,
        f"was decided already, at {last.at:%Y-%m-%d %H:%M} UTC",
        released,
    )


def _report(session: Session, wanted: Decision) -> StoredReport:
    """The report that the decision goes by. Raises UnknownFlight, Conflict when it does not tell the truth any more."""
    report = newest_report(session, wanted.key, wanted.level)
    if report is None:
        raise UnknownFlight(f"{wanted.key} {wanted.level}: there is no report; process the flight first")
    if not report.up_to_date:
        raise Conflict(
            f"{wanted.key} {wanted.level}: data or flags have changed since the report; process the flight again, then"
            " read the new report and decide"
        )
    if report.data_digest != wanted.digest:
        raise Conflict(
            f"{wanted.key} {wanted.level}: the data have changed since the report that was read (digest"
            f" {(wanted.digest or 'none')[:8]}); read {report.page} (digest {report.data_digest[:8]}) and decide again"
        )
    return report


def _release(session: Session, wanted: Decision, report: StoredReport, role: str, run_id: str) -> Decided:
    newer = [one for one in _of_flight(session, wanted.key) if one.key.revision > wanted.key.revision]
    if newer:
        raise Conflict(
            f"{wanted.key} {wanted.level}: delivery {newer[-1].key.revision} has been released as {newer[-1]}; reject"
            " this one"
        )
    first = _level_1(session, wanted) if wanted.level is Level.L2 else None
    _check_variables(session, wanted)
    agreed = None
    if wanted.level is Level.L2 and release_rules().four_eyes:
        agreed = _first_of_two(session, wanted)
        if agreed and agreed.person == wanted.person:
            said = "has agreed already; a second PI has to agree before it is released"
            return Decided(wanted.key, wanted.level, wanted.action, f"{wanted.person} {said}")
        if agreed is None:
            _record(session, wanted, report, role, run_id, complete=False)
            said = "agreed; a second PI has to agree before it is released"
            return Decided(wanted.key, wanted.level, wanted.action, said)
    number = _record(
        session, wanted, report, role, run_id, agrees_with=agreed.decision_id if agreed else None
    )
    product, new = add_product(
        session,
        wanted.key,
        wanted.level,
        report.report_id,
        report.data_digest,
        why=_comment(wanted),
        run_id=run_id,
        decision_id=number,
        l1_product_id=first.product_id if first else None,
        chosen=_chosen(wanted),
    )
    reason = f"released as {product.version}" + (f": {_comment(wanted)}" if _comment(wanted) else "")
    _move(session, wanted, _AWAITING[wanted.level], _RELEASED[wanted.level], reason, run_id)
    for earlier in states.states(
        session, flight_id=wanted.key.flight_id, instrument_type=wanted.key.instrument_type, among=GIVES_WAY
    ):
        if earlier.key.revision < wanted.key.revision:
            states.move(
                session,
                earlier.key,
                State.SUPERSEDED,
                before=earlier.state,
                reason=f"delivery {wanted.key.revision} was released as {wanted.level} {product.version}",
                run_id=run_id,
                actor=wanted.person,
            )
    said = f"released as {product.version}" + ("" if new else ", which has these data already")
    return Decided(wanted.key, wanted.level, wanted.action, said, released=True)


def _level_1(session: Session, wanted: Decision) -> Product:
    """The Level 1 that a Level 2 follows. Raises Conflict when there is none."""
    found = [one for one in versions_of(session, wanted.key, Level.L1) if one.key == wanted.key]
    if not found or found[-1].state == "withdrawn":
        raise Conflict(
            f"{wanted.key} L2: Level 1 of this delivery has not been released; Level 2 comes after it"
        )
    return found[-1]


def _check_variables(session: Session, wanted: Decision) -> None:
    if wanted.variables is None:
        return
    own = {name for name, one in variables().items() if one.kind == "instrument"}
    unknown = sorted(set(wanted.variables) - own)
    if unknown or not wanted.variables:
        raise DecisionRefused(
            f"variables {', '.join(unknown) or '(none)'}: expected some of {', '.join(sorted(own))}"
        )


def _check_choices(session: Session, wanted: Decision) -> None:
    if wanted.quality is None and wanted.calibrations is None:
        return
    if wanted.action != "rerun":
        raise DecisionRefused(
            f"{wanted.key} {wanted.level}: quality and calibrations are chosen with rerun, not with {wanted.action}"
        )
    check_quality(wanted.key, wanted.quality)
    check_calibrations(session, wanted.key, wanted.calibrations)


def _first_of_two(session: Session, wanted: Decision) -> Recorded | None:
    """The decision of who agreed first, to these data. Raises Conflict when that was to release other variables."""
    waiting = [
        one for one in decisions(session, wanted.key, wanted.level) if one.current and not one.complete
    ]
    of_data = [one for one in waiting if one.digest == wanted.digest]
    if not of_data:
        return None
    first = of_data[-1]
    if first.variables != _chosen(wanted):
        raise Conflict(
            f"{wanted.key} {wanted.level}: {first.person} agreed to release"
            f" {', '.join(first.variables or ('all variables',))}; both have to release the same"
        )
    return first


def _withdraw(session: Session, wanted: Decision, found: FlightState, role: str, run_id: str) -> Decided:
    _record(session, wanted, None, role, run_id)
    session.execute(statement("withdraw_products"), {**wanted.key._asdict(), "run_id": run_id})
    _move(session, wanted, found.state, State.WITHDRAWN, wanted.comment or "", run_id)
    return Decided(wanted.key, wanted.level, wanted.action, f"withdrawn: {wanted.comment}")


def _record(
    session: Session,
    wanted: Decision,
    report: StoredReport | None,
    role: str,
    run_id: str,
    *,
    agrees_with: int | None = None,
    complete: bool = True,
) -> int:
    chosen = _chosen(wanted)
    session.execute(
        statement("add_decision"),
        {
            **wanted.key._asdict(),
            "level_name": str(wanted.level),
            "act": wanted.action,
            "person": wanted.person,
            "role_name": role,
            "now": naive_now(),
            "remark": _comment(wanted),
            "report_id": report and report.report_id,
            "data_digest": report and report.data_digest,
            "variables": ",".join(chosen) if chosen else None,
            "quality": wanted.quality,
            "calibrations": wanted.calibrations,
            "agrees_with": agrees_with,
            "is_complete": complete,
            "run_id": run_id,
        },
    )
    ((number,),) = session.query("SELECT LAST_INSERT_ID()")
    return int(number)


def _move(session: Session, wanted: Decision, before: State, after: State, reason: str, run_id: str) -> None:
    states.move(session, wanted.key, after, before=before, reason=reason, run_id=run_id, actor=wanted.person)


def _of_flight(session: Session, key: Key) -> list[Product]:
    """Products of a flight that a person released, of all deliveries."""
    found = products(session, flight_id=key.flight_id, instrument_type=key.instrument_type)
    return [one for one in found if one.decision_id is not None and one.state != "withdrawn"]


def _comment(wanted: Decision) -> str:
    return (wanted.comment or "").strip()


def _chosen(wanted: Decision) -> tuple[str, ...] | None:
    """Variables to be released, in one order."""
    if wanted.action != "release" or wanted.variables is None:
        return None
    return tuple(sorted(set(wanted.variables)))
