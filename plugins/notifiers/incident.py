"""One message when a DAG stops, one when it works again.

Put on a DAG as failure, success and deadline callback and on its tasks as failure callback (see
`flows.defaults.alerts`). The task's callback is the quick one; the DAG's also comes when a task was killed
and could say nothing; the deadline's when a run hangs. All three speak of the same incident: the DAG.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.log import redact

from notifiers import incidents
from notifiers.channels import Message, send_everywhere

log = logging.getLogger(__name__)

Event = Literal["task_failed", "run_failed", "deadline_missed", "run_succeeded"]
RUNBOOK_VARIABLE = "SKYLEDGER_RUNBOOK_URL"  # where a deployment publishes the runbook
RUNBOOK = "docs/runbook.md"
LONGEST_ERROR = 1500  # characters: the log has the rest


class IncidentNotifier(BaseNotifier):
    """Tells people once per incident. Never fails what it reports on.

    :param event: what it is called for
    :param consequence: what is missing, and for whom, while the DAG stands still
    :param first_look: the first thing to look at
    """

    def __init__(
        self,
        *,
        event: Event,
        consequence: str = "",
        first_look: str = "",
        context: Any = None,
    ) -> None:
        super().__init__(context)
        self.event = event
        self.consequence = consequence
        self.first_look = first_look

    def notify(self, context: Any) -> None:
        """Open or close the DAG's incident and tell, if there is something new to tell."""
        try:
            facts = Facts.of(context)
            if self.event == "run_succeeded":
                self._recover(facts)
            else:
                self._report(facts)
        except Exception as error:  # noqa: BLE001 - an alert must never fail what it reports on
            log.error("no alert for %s: %s: %s", self.event, type(error).__name__, redact(str(error)))

    async def async_notify(self, context: Any) -> None:
        """For deadlines, which run in the triggerer: its loop must not wait for a mail server."""
        await asyncio.to_thread(self.notify, context)

    def _report(self, facts: "Facts") -> None:
        what = facts.what(self.event)
        try:
            incident = incidents.claim(facts.dag_id, what)
        except Exception as error:  # noqa: BLE001 - rather twice than never
            log.error("state of incidents is out of reach, telling anyway: %s", redact(str(error)))
            send_everywhere(self._stopped(facts, what, _now()))
            return
        if incident is None:
            log.info("incident %s is known already: nobody is told again", facts.dag_id)
        elif send_everywhere(self._stopped(facts, what, incident.since)):
            incidents.told(facts.dag_id, incident)

    def _recover(self, facts: "Facts") -> None:
        if facts.dry_run:
            return  # it proves nothing
        if incident := incidents.close(facts.dag_id):
            send_everywhere(
                Message(
                    subject=f"[skyledger] {facts.dag_id} works again",
                    lines=(
                        ("Works again", f"{facts.dag_id} since {_now()}, run {facts.run_label}"),
                        ("It had stopped", f"{incident.since}: {incident.what}"),
                        ("Run", facts.link),
                    ),
                    good_news=True,
                )
            )

    def _stopped(self, facts: "Facts", what: str, since: str) -> Message:
        lines = [
            ("What stopped", what),
            ("Since", since),
            ("Error", facts.error),
            ("Consequence", self.consequence),
            ("Look first at", self.first_look),
            ("Log" if facts.task else "Run", facts.link),
            ("Runbook", f"{os.environ.get(RUNBOOK_VARIABLE, RUNBOOK)}#{facts.dag_id}"),
            ("", "No further message follows until it works again."),
        ]
        return Message(
            subject=f"[skyledger] {facts.dag_id} stopped: {facts.task or self.event.replace('_', ' ')}",
            lines=tuple((label, text) for label, text in lines if text),
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a callback's context tells. The three kinds of context have little in common."""

    dag_id: str
    run_id: str
    run_label: str
    link: str
    task: str = ""
    error: str = ""
    dry_run: bool = False

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "Facts":
        """From the context of a task's, a DAG's or a deadline's callback."""
        run, ti, dag = context.get("dag_run"), context.get("ti"), context.get("dag")
        dag_id = _field(run, "dag_id") or _field(ti, "dag_id") or _field(dag, "dag_id") or "unknown DAG"
        run_id = _field(run, "run_id") or _field(run, "dag_run_id") or context.get("run_id") or "unknown run"
        day = _field(run, "partition_key")
        exception = context.get("exception")
        link = f"{_base_url()}/dags/{quote(dag_id)}/runs/{quote(run_id)}"
        task = error = ""
        if exception is not None and ti is not None:
            label = getattr(ti, "rendered_map_index", None) or (
                ti.map_index if (ti.map_index or -1) >= 0 else ""
            )
            task = f"{ti.task_id} {label}".strip()
            error = str(redact(f"{type(exception).__name__}: {exception}"))[:LONGEST_ERROR]
            link = ti.log_url
        elif deadline := context.get("deadline"):
            error = f"the run should have ended by {_field(deadline, 'deadline_time')}"
        elif reason := context.get("reason"):
            error = str(redact(f"the run failed: {reason}"))
        params = context.get("params") or _field(run, "conf") or {}
        return cls(
            dag_id=dag_id,
            run_id=run_id,
            run_label=f"{run_id} (day {day})" if day else run_id,
            link=link,
            task=task,
            error=error,
            dry_run=bool(params.get("dry_run")),
        )

    def what(self, event: Event) -> str:
        """One sentence on what happened."""
        happened = {
            "task_failed": f"task {self.task} failed",
            "run_failed": "the run failed",
            "deadline_missed": "the run is late",
            "run_succeeded": "the run succeeded",
        }[event]
        return f"{self.dag_id}: {happened}, run {self.run_label}"


def _field(thing: Any, name: str) -> Any:
    """A deadline's context holds plain dictionaries, the others objects."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="") or "http://localhost:8080").rstrip("/")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
