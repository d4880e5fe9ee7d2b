"""The steps of the IAGOS flows: bring files, compute and judge flights, ask the PI, release, remind."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from flows.assets import IAGOS_RAW_FLIGHTS, IAGOS_RELEASES, IAGOS_REPORTS
from hooks.iagos import IagosHook
from hooks.warehouse import WarehouseHook
from operators.check_flight import IAGOS_DB, base_url, report_url
from skyledger.errors import PermanentError
from skyledger.iagos.instruments import instruments, quality_files
from skyledger.iagos.jobs import jobs
from skyledger.iagos.release.rules import release_rules
from skyledger.iagos.variables import variables

if TYPE_CHECKING:
    from skyledger.iagos.flight import Key
    from skyledger.iagos.metadata.people import Role
    from skyledger.iagos.names import Level
    from skyledger.warehouse import Session, Warehouse

log = logging.getLogger(__name__)

JOBS = list(jobs())
INSTRUMENTS = list(instruments())
QUALITY = quality_files()
CALIBRATIONS = ["default", "pre", "post", "both"]
VARIABLES = [name for name, one in variables().items() if one.kind == "instrument"]
FLIGHTS_PER_RUN = 500  # mapped tasks of one run; Airflow allows 1024
LATER = "Decide later"
ASKED_FOR = timedelta(days=release_rules().remind_after_days)  # then a question ends, and is asked again
ACTIONS = {"Release": "release", "Process again": "rerun", "Reject": "reject", LATER: "defer"}
JUDGED_AGAIN = ("rerun", "edit_flags")
DATA_CENTRE = "iagos_data_centre"


def flights_field(empty: str) -> Param:
    """`flights`: identifiers of flights."""
    return Param(
        [],
        type="array",
        items={"type": "string", "pattern": "^[0-9]{16}$"},
        title="Flights",
        description_md=f"Identifiers of 16 digits, one per line. Empty: {empty}.",
        section="Which flights",
    )


# iagos_flights_transfer


def due_jobs(context: Any) -> list[str]:
    """Jobs of the form, else those that are due, in their order."""
    from skyledger.iagos.job_state import due_now

    if chosen := context["params"]["jobs"]:
        return [name for name in JOBS if name in chosen]
    with _warehouse().session() as session:
        found = due_now(session, datetime.now(UTC))
    for one in found:
        log.info("%s: due since %s; %d earlier times were missed", one.job.job, one.at, one.missed)
    return [one.job.job for one in found]


def bring_flights(job: str, context: Any) -> dict[str, Any]:
    """List a job's source and bring what is new; note that the job was done. Raises when something did not come."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.job_state import note_done
    from skyledger.iagos.transfer.bring import bring

    one = jobs()[job]
    summary = bring(
        _warehouse(),
        one,
        _open_source(one),
        data_root=DATA_ROOT,
        run_id=context["run_id"],
        progress=log.info,
    )
    with _warehouse().session() as session:
        note_done(session, one, datetime.now(UTC), run_id=context["run_id"])
    summary.raise_for_failures()
    return summary.as_dict()


def announce_flights(context: Any) -> list[str]:
    """Tell who processes flights of those that this run has brought, and of those that a crash has left."""
    from skyledger.iagos.process import to_announce

    with _warehouse().session() as session:
        found = to_announce(session, context["run_id"])
    keys = sorted({f"{key.flight_id}|{key.instrument_type}" for key in found})
    if not keys:
        raise AirflowSkipException("no flight waits to be processed")
    context["outlet_events"][IAGOS_RAW_FLIGHTS].add_partitions(keys)
    return keys


# iagos_flights_process


def flights_to_process(context: Any) -> list[str]:
    """Flight files of the run's key or form with something to do, as words."""
    from skyledger.iagos.process import process_again, unfinished

    params = context["params"]
    wanted = set(params["flights"])
    if key := context.get("partition_key"):
        flight_id, instrument_type = key.split("|")
        wanted = {flight_id}
    with _warehouse().session() as session:
        if params["again"] and not key:
            process_again(session, wanted, actor=_person(context), run_id=context["run_id"])
        todo = [
            one
            for one in unfinished(session, named=wanted)
            if (one.flight_id in wanted or not wanted) and (not key or one.instrument_type == instrument_type)
        ]
    log.info("%d flights to process", len(todo))
    return _words(todo, FLIGHTS_PER_RUN)


def import_one(flight: str, context: Any) -> dict[str, Any]:
    """Read a raw file and keep its series as Level 0; nothing when that is done."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.process import import_flight

    summary = import_flight(_warehouse(), _key(flight), data_root=DATA_ROOT, run_id=context["run_id"])
    log.info("%s: %s", summary.key, summary.told())
    return summary.as_dict()


def export_nrt(flight: str, context: Any) -> dict[str, Any]:
    """Write and deliver the NRT product, where the gate lets the flight through."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.release.nrt import export_nrt

    exported = export_nrt(
        _warehouse(),
        IagosHook(DATA_CENTRE).get_conn(),
        _key(flight),
        data_root=DATA_ROOT,
        run_id=context["run_id"],
    )
    log.info("%s: %s", flight, exported.told())
    return exported.as_dict()


def ask_pi(flight: str, context: Any) -> str:
    """Let the flight wait for its PI, and tell who asks; skip what does not wait."""
    from skyledger.iagos.process import let_wait

    level = let_wait(_warehouse(), _key(flight), run_id=context["run_id"])
    if level is None:
        raise AirflowSkipException(f"{flight} does not wait for a decision")
    key = _key(flight)
    partition = f"{key.flight_id}|{key.instrument_type}|{level}"
    context["outlet_events"][IAGOS_REPORTS].add_partitions(partition)
    return partition


# iagos_flights_release


def question_or_form(context: Any) -> str:
    """The task to go on with: the form holds a decision already, or the PI is to be asked."""
    if context.get("partition_key"):
        return "prepare_question"
    if not context["params"]["flights"]:
        raise PermanentError("flights: none given; which flights is the decision about?")
    return "record_decision"


def question(context: Any) -> dict[str, str]:
    """What the PI is asked, from the newest report of the flight; a mail says so. Skips what has been decided."""
    from notifiers.channels import Message, mail_to
    from skyledger.iagos.release.reports import newest_report

    key, level = _of_partition(context)
    with _warehouse().session() as session:
        report = newest_report(session, key, level)
        people = _addresses(session, "PI", key.instrument_type)
    if report is None or not report.waits:
        raise AirflowSkipException(f"{key} {level}: does not wait for a decision")
    subject = f"Release {level} of {report.title}? Suggested: {report.suggestion}"
    lines = (("Report", report_url(report.page)), ("Decide", f"{base_url()}/required_actions"))
    mail_to(people, Message(subject, lines, good_news=True))
    return {
        "subject": subject,
        "body": f"{report.summary}\n\n[Read the report]({report_url(report.page)})",
        "digest": report.data_digest,
        "revision": str(report.key.revision),
    }


def decide(context: Any) -> list[str]:
    """Record the decision of the form, or the PI's answer. Returns the released flight files."""
    from skyledger.iagos.release.decide import Decision, decide_all
    from skyledger.iagos.release.reports import newest_report

    params = context["params"]
    if context.get("partition_key"):
        key, level = _of_partition(context)
        asked, answer = (_pulled(context, task) for task in ("prepare_question", "ask_pi"))
        person = (answer.get("responded_by_user") or {}).get("name")
        action = ACTIONS[answer["chosen_options"][0]]
        if person is None:  # nobody answered in time
            log.info("%s: nobody answered; it goes on waiting", key)
            return []
        comment = (answer.get("params_input") or {}).get("comment")
        if action == "defer":
            comment = comment or "asked in Airflow, to be asked again"
        wanted = [Decision(_revised(key, asked["revision"]), level, action, person, comment, asked["digest"])]
    else:
        person, level = _person(context), _level(params["level"])
        if params["digest"] and len(params["flights"]) > 1:
            raise PermanentError("digest: holds for one flight; leave it empty to decide about several")
        with _warehouse().session() as session:
            reports = [
                newest_report(session, _newest_key(flight, params["instrument_type"]), level)
                for flight in params["flights"]
            ]
        unknown = [flight for flight, one in zip(params["flights"], reports, strict=True) if one is None]
        if unknown:
            raise PermanentError(f"no report of {level} for {', '.join(unknown)}: process them first")
        wanted = [
            Decision(
                one.key,
                level,
                params["action"],
                person,
                params["comment"],
                params["digest"] or one.data_digest,
                variables=tuple(params["variables"]) or None,
                quality=params["quality"],
                calibrations=params["calibrations"],
            )
            for one in reports
            if one
        ]
    decided = decide_all(_warehouse(), wanted, run_id=context["run_id"])
    for one in decided:
        log.info("%s %s: %s", one.key, one.level, one.told())
    context["ti"].xcom_push("refused", [one.refused for one in decided if one.refused])
    again = [one.key for one in decided if one.action in JUDGED_AGAIN and not one.refused]
    context["ti"].xcom_push("again", [f"{key.flight_id}|{key.instrument_type}" for key in again])
    return [f"{one.key.text}|{one.level}" for one in decided if one.released]


def announce_again(context: Any) -> list[str]:
    """Tell who processes flights of those that are to be judged again; skip when none is."""
    keys: list[str] = context["ti"].xcom_pull(task_ids="record_decision", key="again") or []
    if not keys:
        raise AirflowSkipException("no flight is to be judged again")
    context["outlet_events"][IAGOS_RAW_FLIGHTS].add_partitions(keys)
    return keys


def tell_refusals(context: Any) -> None:
    """Fail when decisions were refused, after the others have gone their way."""
    refused = context["ti"].xcom_pull(task_ids="record_decision", key="refused")
    if refused:
        raise PermanentError("\n".join(refused))


def write_products(flight: str, context: Any) -> dict[str, Any]:
    """Write the NetCDF and NASA Ames files of a released flight."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.release.products import make_products

    key, level = _with_level(flight)
    made = make_products(_warehouse(), key, level, data_root=DATA_ROOT, run_id=context["run_id"])
    log.info("%s %s: %s", key, level, made.told())
    return made.as_dict()


def deliver_products(flight: str, context: Any) -> dict[str, Any]:
    """Deliver the files to the data centre, and tell who waits for releases."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.release.deliver import push_products

    key, level = _with_level(flight)
    client = IagosHook(DATA_CENTRE).get_conn()
    pushed = push_products(_warehouse(), client, key, level, data_root=DATA_ROOT, run_id=context["run_id"])
    log.info("%s %s: %s", key, level, pushed.told())
    partition = f"{key.flight_id}|{key.instrument_type}|{level}"
    context["outlet_events"][IAGOS_RELEASES].add_partitions(partition)
    return pushed.as_dict()


# iagos_flights_reprocess, iagos_decisions_remind, iagos_series_verify


def flights_to_recompute(context: Any) -> list[str]:
    """Flights that the rows of the form touch, on their way to be computed again; none in a dry run."""
    from skyledger.iagos.release.reprocess import plan_reprocess, queue_reprocess

    params = context["params"]
    with _warehouse().session() as session:
        plan = plan_reprocess(
            session,
            calibration_ids=params["calibrations"],
            relation_ids=params["relations"],
            deployment_ids=params["deployments"],
        )
        log.info("%s%s", "dry run: " if params["dry_run"] else "", plan.describe())
        if params["dry_run"]:
            return []
        todo = queue_reprocess(
            session, plan, at_most=params["max_flights"], actor=_person(context), run_id=context["run_id"]
        )
    return _words(todo, params["max_flights"])


def ask_again(context: Any) -> list[str]:
    """Ask about flights whose question has ended without an answer; skip when there is none."""
    from skyledger.iagos.release.reminders import waiting

    with _warehouse().session() as session:
        late = waiting(session, datetime.now(UTC))
    keys = [
        f"{one.key.flight_id}|{one.key.instrument_type}|{one.level}"
        for one in late
        if one.days % ASKED_FOR.days == 0
    ]
    if not keys:
        raise AirflowSkipException("no question ends today")
    context["outlet_events"][IAGOS_REPORTS].add_partitions(keys)
    return keys


def remind() -> dict[str, Any]:
    """Tell people what waits for them; skip when nothing does."""
    from notifiers.channels import Message, mail_to, send_everywhere
    from skyledger.iagos.release.reminders import reminder

    with _warehouse().session() as session:
        told = reminder(session, datetime.now(UTC))
        managers = [
            address
            for instrument_type in INSTRUMENTS
            for address in _addresses(session, "manager", instrument_type)
        ]
    if not told.lines:
        raise AirflowSkipException("nothing waits for a decision")
    message = Message(told.subject, told.lines)
    if told.escalated:
        mail_to(sorted(set(managers)), message)
    if not send_everywhere(message):
        raise PermanentError("nobody was reached: see the log for what is wrong with each channel")
    return told.as_dict()


def verify_series(context: Any) -> dict[str, Any]:
    """Derive the sample of the night again. Raises when anything comes out otherwise."""
    from skyledger.config import DATA_ROOT
    from skyledger.iagos.verify import verify

    night = context["dag_run"].run_after.date()
    found = verify(_warehouse(), data_root=DATA_ROOT, night=night, progress=log.error)
    for told in (*found.by_software, *found.left_out):
        log.warning("%s", told)
    log.info("%s", found.told())
    found.raise_for_differences()
    return found.as_dict()


def _addresses(session: "Session", role: "Role", instrument_type: str) -> list[str]:
    """Where people with a role now can be written to."""
    from skyledger.iagos.metadata.people import people_with_role

    people = people_with_role(session, role, instrument_type, datetime.now(UTC))
    return [one.email for one in people if one.email]


def _warehouse() -> "Warehouse":
    return WarehouseHook(IAGOS_DB).get_conn()


def _open_source(job: Any) -> Any:
    """The client of a job's source."""
    if job.source.kind == "rest":
        return IagosHook(job.source.connection).get_conn()
    from hooks.inbox import with_gateway

    return with_gateway(job.source.connection)


def _key(flight: str) -> "Key":
    from skyledger.iagos.flight import Key

    return Key.parse(flight)


def _with_level(flight: str) -> "tuple[Key, Level]":
    words, _, level = flight.rpartition("|")
    return _key(words), _level(level)


def _level(text: str) -> "Level":
    from skyledger.iagos.names import Level

    return Level(text)


def _of_partition(context: Any) -> "tuple[Key, Level]":
    flight_id, instrument_type, level = context["partition_key"].split("|")
    return _newest_key(flight_id, instrument_type), _level(level)


def _newest_key(flight_id: str, instrument_type: str) -> "Key":
    """The newest delivery of a flight."""
    from skyledger.iagos.states import newest

    with _warehouse().session() as session:
        return newest(session, flight_id, instrument_type)


def _revised(key: "Key", revision: str) -> "Key":
    return key._replace(revision=int(revision))


def _person(context: Any) -> str:
    """Login of whoever started the run."""
    return context["dag_run"].triggering_user_name or "automatic"


def _pulled(context: Any, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = context["ti"].xcom_pull(task_ids=task_id)
    return found


def _words(keys: "list[Key]", limit: int) -> list[str]:
    if len(keys) > limit:
        log.warning("%d of %d flights in this run; the next one goes on", limit, len(keys))
    return [key.text for key in keys[:limit]]
