"""Which incidents are open: so that people get one message when something stops and one when it works again.

The state is an Airflow variable per incident, because the three processes that learn of failures (a task,
the DAG processor, the triggerer) can all reach it, on one machine and on many; a file would be local to one
host, and a table in a network's database would be out of reach just when that database is the incident.
An open incident is visible under Admin -> Variables; deleting it there ends it silently.

Variables know no "create if absent", and when a partner is away twenty mapped tasks fail at once. So a
process that finds no incident writes its own mark, waits until everybody who read "none" has written
too, and reads again: the mark that is there has won, and only its owner tells.
"""

import json
import logging
import time
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from airflow.sdk import Variable

log = logging.getLogger(__name__)

PREFIX = "incident."
SETTLE_S = 3.0  # longer than reading and writing a variable takes on a busy machine
CLAIM_S = 120.0  # a claim whose owner died before telling is void after this time


@dataclass(frozen=True, slots=True)
class Incident:
    """One open incident. `told` is False while its finder is about to tell (or has died)."""

    finder: str  # mark of the process that found it
    since: str  # ISO 8601, UTC
    claimed: str  # when this process said that it would tell
    what: str
    told: bool = False

    @property
    def is_taken(self) -> bool:
        """People know, or its finder is about to tell them."""
        waiting_s = (datetime.now(UTC) - datetime.fromisoformat(self.claimed)).total_seconds()
        return self.told or waiting_s < CLAIM_S


def claim(key: str, what: str, settle_s: float = SETTLE_S) -> Incident | None:
    """Open incident `key`; None when somebody else has told, or is about to."""
    found = read(key)
    if found and found.is_taken:
        return None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    mine = Incident(finder=uuid.uuid4().hex, since=found.since if found else now, claimed=now, what=what)
    _write(key, mine)
    time.sleep(settle_s)
    winner = read(key)
    return mine if winner and winner.finder == mine.finder else None


def told(key: str, incident: Incident) -> None:
    """Note that people know."""
    _write(key, replace(incident, told=True))


def close(key: str) -> Incident | None:
    """End incident `key`; returns it when people were told of it and so should hear of its end."""
    found = read(key)
    if found is None:
        return None
    Variable.delete(PREFIX + key)
    return found if found.told else None


def read(key: str) -> Incident | None:
    """The open incident `key`, if there is one."""
    text = Variable.get(PREFIX + key, default=None)
    if not text:
        return None
    try:
        return Incident(**json.loads(text))
    except (ValueError, TypeError):
        log.warning("variable %s%s is not an incident: it is replaced by the next one", PREFIX, key)
        return None


def _write(key: str, incident: Incident) -> None:
    Variable.set(
        PREFIX + key,
        json.dumps(asdict(incident)),
        description="Open incident: people were told once and will be told when it is over. Delete to end it silently.",
    )
