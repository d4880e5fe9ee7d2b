"""What waits for people: decisions, calibrations that have come, deliveries that failed."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.metadata.people import Role, people_with_role
from skyledger.iagos.names import Level
from skyledger.iagos.release.deliver import undelivered
from skyledger.iagos.release.reprocess import plan_reprocess
from skyledger.iagos.release.rules import release_rules
from skyledger.iagos.states import State
from skyledger.warehouse import Session

_LEVELS = {State.AWAITING_L1: Level.L1, State.AWAITING_L2: Level.L2}
_NAMED = 10  # flights of one line that are named


class Waiting(NamedTuple):
    """A flight that waits for its PI."""

    key: Key
    level: Level
    since: datetime  # UTC
    days: int  # whole ones


@dataclass(frozen=True, slots=True)
class Reminder:
    """What is told once a day; no lines: nothing waits."""

    subject: str
    lines: tuple[tuple[str, str], ...]  # label, text
    waiting: int
    escalated: int
    to_compute: int
    undelivered: int

    def as_dict(self) -> dict[str, Any]:
        """Counts, as plain values."""
        return {
            "waiting": self.waiting,
            "escalated": self.escalated,
            "to_compute": self.to_compute,
            "undelivered": self.undelivered,
        }


def waiting(session: Session, now: datetime) -> list[Waiting]:
    """Flights that have waited for a decision long enough to be reminded of, longest first."""
    found = [
        Waiting(one.key, _LEVELS[one.state], one.since, (now - one.since).days)
        for one in states.states(session, among=tuple(_LEVELS))
    ]
    due = [one for one in found if now - one.since >= timedelta(days=release_rules().remind_after_days)]
    return sorted(due, key=lambda one: (one.since, one.key))


def reminder(session: Session, now: datetime) -> Reminder:
    """What waits for people now (UTC)."""
    rules = release_rules()
    late = waiting(session, now)
    escalated = [one for one in late if now - one.since >= timedelta(days=rules.escalate_after_days)]
    plan = plan_reprocess(session)
    to_compute = [*plan.level_1, *plan.todo]
    not_there = undelivered(session)
    lines = [
        *_of_people(
            session, [one for one in late if one not in escalated], "PI", rules.remind_after_days, now
        ),
        *_of_people(session, escalated, "manager", rules.escalate_after_days, now),
    ]
    for label, keys in (
        ("Level 1 is to be computed again: its calibrations have changed", plan.level_1),
        ("Level 2 can be computed: the calibration has come", plan.todo),
    ):
        if keys:
            text = f"{_listed([key.flight_id for key in keys])}: start iagos_flights_reprocess"
            lines.append((label, text))
    if not_there:
        text = f"{_listed([str(one) for one in not_there])}: run `skyledger iagos deliver`, or clear the failed task"
        lines.append(("Not with the data centre", text))
    subject = ", ".join(
        f"{n} {what}"
        for n, what in (
            (len(late), "wait for a decision"),
            (len(plan.level_1), "to be computed again for Level 1"),
            (len(plan.todo), "can become Level 2"),
            (len(not_there), "not delivered"),
        )
        if n
    )
    return Reminder(
        f"IAGOS flights: {subject or 'nothing waits'}",
        tuple(lines),
        len(late),
        len(escalated),
        len(to_compute),
        len(not_there),
    )


def _of_people(
    session: Session, late: list[Waiting], role: Role, days: int, now: datetime
) -> list[tuple[str, str]]:
    """A line per instrument and level, with who is asked."""
    groups: defaultdict[tuple[str, Level], list[Waiting]] = defaultdict(list)
    for one in late:
        groups[one.key.instrument_type, one.level].append(one)
    lines = []
    for (instrument_type, level), found in sorted(groups.items()):
        people = people_with_role(session, role, instrument_type, now)
        asked = ", ".join(person.name for person in people) or f"nobody is {role} of {instrument_type} now"
        label = f"{level} of {instrument_type} waits for {days} days or more ({role}: {asked})"
        lines.append((label, _listed([f"{one.key.flight_id} ({one.days} days)" for one in found])))
    return lines


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
