"""Flags that people set over an interval: each stays as it was set, with who and why; of several the last counts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skyledger.config import SQL_DIR
from skyledger.errors import PermanentError
from skyledger.iagos.assess.findings import ManualFlag, ManualFlags
from skyledger.iagos.assess.runs import load_run
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Key
from skyledger.iagos.variables import variables
from skyledger.warehouse import Session

SETTABLE = (Validity.GOOD, Validity.LIMITED, Validity.ERRONEOUS, Validity.NOT_VALIDATED)


class FlagEvent(NamedTuple):
    """A flag that a person set, and what it replaced."""

    flag: ManualFlag
    old: Mapping[Validity, int] | None  # rows of each validity before; None when there was no verdict yet
    qc_run_id: int | None  # verdict that the person saw


def set_flags(
    session: Session,
    key: Key,
    variable: str,
    start: datetime,
    end: datetime,
    validity: Validity,
    reason: str,
    person: str,
) -> None:
    """Set a flag over an interval, in the caller's transaction; it counts from the next run of quality control on.

    start, end : with a time zone; both belong to the interval. validity : good, limited or erroneous, or not validated,
    which means as the tests say and lifts what was set before. Raises PermanentError when something does not fit.
    """
    if variable not in variables():
        raise PermanentError(f"variable {variable!r} is not known; expected one of {', '.join(variables())}")
    if validity not in SETTABLE:
        raise PermanentError(
            f"validity {int(validity)} ({Validity(validity).name.lower()}) cannot be set by a person; expected one of "
            + ", ".join(f"{int(one)} ({one.name.lower()})" for one in SETTABLE)
        )
    if start.tzinfo is None or end.tzinfo is None or start > end:
        raise PermanentError(f"interval {start} to {end}: expected UTC times, the earlier one first")
    if not reason.strip() or not person.strip():
        raise PermanentError(f"flags of {variable}, {key}: expected a reason and the login of who sets them")
    session.execute(
        _statement("set_flags"),
        {
            **key._asdict(),
            "variable": variable,
            "start_utc": start.astimezone(UTC).replace(tzinfo=None),
            "end_utc": end.astimezone(UTC).replace(tzinfo=None),
            "validity": int(validity),
            "reason": reason,
            "person": person,
            "now": datetime.now(UTC).replace(tzinfo=None),
        },
    )


def manual_flags(session: Session, key: Key) -> ManualFlags:
    """All flags that people set for a file, in the order of setting."""
    return ManualFlags(tuple(flag for flag, _ in _events(session, key)))


def flag_history(session: Session, key: Key, data_root: Path) -> list[FlagEvent]:
    """Who set which flag when and why, and which flags it replaced. Raises as `runs.load_run`."""
    events = []
    for flag, qc_run_id in _events(session, key):
        old = None
        if qc_run_id is not None:
            run = load_run(session, qc_run_id, data_root)
            inside = (run.time_s >= flag.start.timestamp()) & (run.time_s <= flag.end.timestamp())
            before = run.validity.get(flag.variable, np.full(len(run.time_s), Validity.MISSING))
            counts = np.bincount(before[inside], minlength=max(Validity) + 1)
            old = {validity: int(counts[validity]) for validity in Validity if counts[validity]}
        events.append(FlagEvent(flag, old, qc_run_id))
    return events


def _events(session: Session, key: Key) -> list[tuple[ManualFlag, int | None]]:
    rows = session.query(_statement("manual_flags"), key._asdict())
    return [
        (
            ManualFlag(
                variable,
                start.replace(tzinfo=UTC),
                end.replace(tzinfo=UTC),
                Validity(validity),
                reason,
                person,
                at.replace(tzinfo=UTC),
            ),
            qc_run_id,
        )
        for variable, start, end, validity, reason, person, at, qc_run_id in rows
    ]


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "quality" / f"{name}.sql").read_text(encoding="utf-8")
