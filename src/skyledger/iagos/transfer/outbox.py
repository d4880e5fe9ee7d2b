"""Acknowledgements: written in the transaction of what they speak of, sent as soon as the data centre listens.

A call may be made twice (a run was killed after it); the data centre counts an acknowledgement of a revision once.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from skyledger.errors import SourceError, SourceUnavailable
from skyledger.iagos.transfer.errors import BadRequest, NoSuchFile, RevisionChanged, Withdrawn
from skyledger.iagos.transfer.offered import statement
from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 60  # doubled from try to try
LONGEST_PAUSE_S = 3600
LONGEST_MESSAGE = 2000  # characters


class Acknowledges(Protocol):
    """The client of a data centre, as far as it is needed here."""

    @property
    def source(self) -> str: ...
    def ack(self, file_id: str, body: Mapping[str, Any]) -> None: ...


@dataclass(slots=True)
class Acknowledged:
    """What was sent: in files. `refused` names what the data centre will never take, and why."""

    sent: int = 0
    waiting: int = 0
    refused: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {"sent": self.sent, "waiting": self.waiting, "refused": self.refused}


def note_acknowledgement(session: Session, source_file_id: int, body: Mapping[str, Any]) -> None:
    """Note an acknowledgement to be sent, in the caller's transaction. `body` has its `status`."""
    session.execute(
        statement("add_acknowledgement"),
        {"source_file_id": source_file_id, "status": body["status"], "body": json.dumps(body)},
    )


def send_acknowledgements(warehouse: Warehouse, client: Acknowledges) -> Acknowledged:
    """Send what is due. What the data centre does not take now waits for a later run.

    Raises SourceError when it does not let us in: then all of them wait. Of two runs at once one waits for the other.
    """
    done = Acknowledged()
    with warehouse.session() as session, session.lock([f"iagos.acknowledgements:{client.source}"]):
        due = session.query(statement("due_acknowledgements"), {"origin": client.source})
        for n, (number, file_id, body, tries) in enumerate(due):
            try:
                client.ack(file_id, json.loads(body))
            except SourceUnavailable as error:
                pause_s = min(FIRST_PAUSE_S * 2 ** int(tries), LONGEST_PAUSE_S)
                _note(session, "note_unsent", number, pause_s=pause_s, message=str(error))
                done.waiting = len(due) - n
                log.warning("%d acknowledgements wait: %s", done.waiting, error)
                break
            except (NoSuchFile, Withdrawn, RevisionChanged, BadRequest) as error:
                _note(session, "note_unsent", number, pause_s=None, message=str(error))
                done.refused.append(str(error))
            except SourceError as error:
                _note(session, "note_unsent", number, pause_s=FIRST_PAUSE_S, message=str(error))
                raise
            else:
                _note(session, "note_sent", number)
                done.sent += 1
    return done


def _note(session: Session, what: str, number: int, **values: object) -> None:
    if "message" in values:
        values["message"] = str(values["message"])[:LONGEST_MESSAGE]
    session.commit(lambda: session.execute(statement(what), {"acknowledgement_id": number, **values}))
