"""IAGOS at the terminal: flights brought, computed and judged; what each of them is."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skyledger import config, connections
from skyledger.cli.common import err, out, table_of, warehouse
from skyledger.errors import PermanentError, SkyledgerError

if TYPE_CHECKING:
    from skyledger.iagos.flight import Key
    from skyledger.iagos.jobs import Job
    from skyledger.iagos.states import Step
    from skyledger.warehouse import Session

iagos_app = typer.Typer(help="IAGOS flights.", no_args_is_help=True)

FlightIds = Annotated[list[str] | None, typer.Argument(help="flight identifiers, 16 digits each")]
InstrumentType = Annotated[str, typer.Option(help="instrument type")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


@iagos_app.command("jobs")
def iagos_jobs() -> None:
    """Which sources are asked how often, when they were asked last, when they will be next."""
    from skyledger.iagos.job_state import done_times
    from skyledger.iagos.jobs import due, jobs

    with warehouse("iagos").session() as session:
        done = done_times(session)
    now = datetime.now(UTC)
    table = table_of("job", "instrument", "source", "how often", "done for (UTC)", "due (UTC)", "responsible")
    for one in jobs().values():
        last, following = done.get(one.job), one.next_due(now)
        if not one.active:
            when = "never: not active"
        elif due(one, last, now):
            when = "now"
        else:
            when = f"{following:%Y-%m-%d %H:%M}" if following else "done"
        table.add_row(
            one.job,
            one.instrument_type,
            f"{one.source.kind} {one.source.connection}",
            _frequency(one),
            f"{last:%Y-%m-%d %H:%M}" if last else "never",
            when,
            one.responsible,
        )
    out.print(table)


@iagos_app.command("transfer")
def iagos_transfer(
    names: Annotated[list[str] | None, typer.Argument(help="jobs; default all, due or not")] = None,
) -> None:
    """Bring new flight files, as the DAG iagos_flights_transfer does. A job that fails does not stop the next one."""
    from skyledger.iagos.job_state import note_done
    from skyledger.iagos.jobs import jobs
    from skyledger.iagos.transfer.bring import bring

    known = jobs()
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise PermanentError(f"job {unknown[0]!r} is not known; expected one of {', '.join(known)}")
    store, failed = warehouse("iagos"), []
    for one in (one for name, one in known.items() if not names or name in names):
        try:
            with err.status(one.job):
                summary = bring(
                    store,
                    one,
                    _source(one),
                    data_root=config.DATA_ROOT,
                    run_id="cli",
                    progress=lambda said: err.print(said, highlight=False),
                )
            with store.session() as session:
                note_done(session, one, datetime.now(UTC), run_id="cli")
            out.print(f"{one.job}: {summary.told()}", highlight=False)
            for note in (*summary.refused, *summary.notes):
                out.print(f"  {note}", highlight=False, soft_wrap=True)
            summary.raise_for_failures()
        except SkyledgerError as error:
            failed.append(str(error) if str(error).startswith(one.job) else f"{one.job}: {error}")
    if failed:
        raise PermanentError("\n".join(failed))


@iagos_app.command("process")
def iagos_process(
    flights: FlightIds = None,
    again: Annotated[bool, typer.Option("--again", help="judge again what waits for a decision")] = False,
) -> None:
    """Compute and judge flights until they wait for their PI; the NRT product is left to the DAG."""
    from skyledger.iagos.process import check_flight, import_flight, let_wait, process_again, unfinished

    store, failed = warehouse("iagos"), []
    with store.session() as session:
        _check_known(session, flights)
        if again:
            process_again(session, flights or (), actor="cli", run_id="cli")
        todo = [
            key for key in unfinished(session, named=flights or ()) if not flights or key.flight_id in flights
        ]
    for key in todo:
        with err.status(str(key)):
            try:
                import_flight(store, key, data_root=config.DATA_ROOT, run_id="cli")
                done = check_flight(store, key, data_root=config.DATA_ROOT, run_id="cli")
                level = let_wait(store, key, run_id="cli")
            except SkyledgerError as error:
                failed.append(f"{key}: {error}")
                continue
        waits = f"; waits for a decision about {level}" if level else ""
        out.print(f"{key}: {done.told()}{waits}", highlight=False)
    if not todo:
        out.print("nothing to do; --again judges flights anew that wait for a decision", highlight=False)
    if failed:
        raise PermanentError("\n".join(failed))


@iagos_app.command("verify")
def iagos_verify(flights: FlightIds = None) -> None:
    """Derive what is kept of flights again from their raw files and compare; default: the sample of today."""
    from skyledger.iagos.verify import verify

    with err.status("deriving again"):
        found = verify(
            warehouse("iagos"),
            data_root=config.DATA_ROOT,
            night=datetime.now(UTC).date(),
            flights=flights or (),
        )
    for told in (*found.by_software, *found.left_out):
        err.print(told, highlight=False)
    out.print(found.told(), highlight=False)
    found.raise_for_differences()


@iagos_app.command("flights")
def iagos_flights(
    flights: FlightIds = None,
    state: Annotated[list[str] | None, typer.Option(help="only in this state; repeat")] = None,
    as_json: AsJson = False,
) -> None:
    """How many flights are in which state; with identifiers, the history of each."""
    from skyledger.iagos.states import State, history, states

    unknown = [name for name in state or () if name not in State.__members__]
    if unknown:
        raise PermanentError(f"state {unknown[0]!r} is not known; expected one of {', '.join(State)}")
    with warehouse("iagos").session() as session:
        _check_known(session, flights)
        found = states(session, among=tuple(State(name) for name in state or ()))
        found = [one for one in found if not flights or one.key.flight_id in flights]
        steps = {one.key: history(session, one.key) for one in found} if flights else {}
    if as_json:
        told = [
            {
                "flight": one.key.text,
                "state": str(one.state),
                "since": one.since.isoformat(),
                "by": one.actor,
                "reason": one.reason,
                **({"history": [_told(step) for step in steps[one.key]]} if steps else {}),
            }
            for one in found
        ]
        print(json.dumps({"flights": told}))
    elif steps:
        for key, taken in steps.items():
            _print_history(key, taken)
    elif not found:
        out.print("no flights")
    elif state:
        table = table_of("flight", "instrument", "revision", "state", "since (UTC)", "reason")
        for one in found:
            since = f"{one.since:%Y-%m-%d %H:%M}"
            table.add_row(*one.key[:2], str(one.key.revision), str(one.state), since, one.reason)
        out.print(table)
    else:
        table = table_of("state", "flights", "oldest since (UTC)")
        counts = Counter(one.state for one in found)
        for name in State:
            if counts[name]:
                oldest = min(one.since for one in found if one.state is name)
                table.add_row(str(name), str(counts[name]), f"{oldest:%Y-%m-%d %H:%M}")
        out.print(table)


@iagos_app.command("requeue")
def iagos_requeue(
    flight_id: str,
    person: Annotated[str, typer.Option(help="login of who wants it, as in table person")],
    reason: Annotated[str, typer.Option(help="why it should come this time")],
    instrument_type: InstrumentType = "P1",
) -> None:
    """Let files of a flight be brought once more that are QUARANTINED or TRANSFER_FAILED."""
    from skyledger.iagos.states import held, states
    from skyledger.iagos.transfer.files import TO_REQUEUE, requeue

    with warehouse("iagos").session() as session:
        _check_known(session, [flight_id])
        found = states(session, flight_id=flight_id, instrument_type=instrument_type)
        keys = [one.key for one in found if one.state in TO_REQUEUE]
        if not keys:
            now = ", ".join(f"{one.key} is {one.state}" for one in found)
            now = now or f"flight {flight_id} has no file of {instrument_type}"
            raise PermanentError(f"{now}; expected {' or '.join(TO_REQUEUE)}")
        with held(session, flight_id, instrument_type):
            for key in keys:
                requeue(session, key, actor=person, reason=reason, run_id="cli")
                said = "QUEUED; `skyledger iagos transfer` brings it now, or the next run of its job"
                out.print(f"{key}: {said}", highlight=False, soft_wrap=True)


def _check_known(session: "Session", flights: list[str] | None) -> None:
    """Raises PermanentError for a flight of which no file was listed, so that a slip of the finger is told."""
    from skyledger.iagos.states import states

    known = {one.key.flight_id for one in states(session)} if flights else set()
    if missing := [flight for flight in flights or () if flight not in known]:
        raise PermanentError(
            f"flight {', '.join(missing)} is not known: no source has listed it (expected the 16 digits of a flight;"
            " `skyledger iagos flights --json` lists all)"
        )


def _told(step: "Step") -> dict[str, str]:
    return {
        "at": step.at.isoformat(),
        "from": step.before,
        "to": step.after,
        "by": step.actor,
        "reason": step.reason,
    }


def _print_history(key: "Key", taken: "list[Step]") -> None:
    table = table_of("at (UTC)", "state", "by", "why")
    table.title = str(key)
    for step in taken:
        table.add_row(f"{step.at:%Y-%m-%d %H:%M:%S}", step.after, step.actor, step.reason)
    out.print(table)


def _frequency(job: "Job") -> str:
    if job.frequency == "once":
        return "once"
    unit = {"hourly": "hour", "daily": "day", "weekly": "week"}[job.frequency]
    return f"every {unit}" if job.interval == 1 else f"every {job.interval} {unit}s"


def _source(job: "Job") -> Any:
    """The client of a job's source."""
    from skyledger.ssh import gateway_id

    connection = connections.from_environment(job.source.connection)
    if job.source.kind == "rest":
        from skyledger.iagos.transfer.client import IagosClient

        return IagosClient(connection)
    gateway = gateway_id(connection)
    return connection, connections.from_environment(gateway) if gateway else None
