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

iagos_app = typer.Typer(help="IAGOS flights.", no_args_is_help=True)

FlightIds = Annotated[list[str] | None, typer.Argument(help="flight identifiers, 16 digits each")]
InstrumentType = Annotated[str, typer.Option(help="instrument type")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


@iagos_app.command("jobs")
def iagos_jobs() -> None:
    """Which sources are asked how often, when they were asked last, when they will be next."""
    from skyledger.iagos.job_state import done_times
    from skyledger.iagos.jobs import jobs

    with warehouse("iagos").session() as session:
        done = done_times(session)
    now = datetime.now(UTC)
    table = table_of("job", "instrument", "source", "every", "done for", "next", "responsible")
    for one in jobs().values():
        last, following = done.get(one.job), one.next_due(now)
        table.add_row(
            one.job,
            one.instrument_type,
            f"{one.source.kind} {one.source.connection}",
            one.frequency if one.interval == 1 else f"{one.interval} x {one.frequency}",
            f"{last:%Y-%m-%d %H:%M}" if last else "never",
            f"{following:%Y-%m-%d %H:%M}" if following and one.active else "never",
            one.responsible,
        )
    out.print(table)


@iagos_app.command("transfer")
def iagos_transfer(
    names: Annotated[list[str] | None, typer.Argument(help="jobs; default all, due or not")] = None,
) -> None:
    """Bring new flight files, as the DAG iagos_flights_transfer does."""
    from skyledger.iagos.jobs import jobs
    from skyledger.iagos.transfer.bring import bring

    known = jobs()
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise PermanentError(f"job {unknown[0]!r} is not known; expected one of {', '.join(known)}")
    failed = []
    for name in names or known:
        with err.status(name):
            summary = bring(
                warehouse("iagos"),
                known[name],
                _source(known[name]),
                data_root=config.DATA_ROOT,
                run_id="cli",
                progress=err.print,
            )
        out.print(f"{name}: {summary.told()}", highlight=False)
        try:
            summary.raise_for_failures()
        except SkyledgerError as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise PermanentError("\n".join(failed))


@iagos_app.command("process")
def iagos_process(
    flights: FlightIds = None,
    again: Annotated[bool, typer.Option("--again", help="judge again what waits for a decision")] = False,
) -> None:
    """Compute and judge flights up to the question to their PI; the NRT product is left to the DAG."""
    from skyledger.iagos.process import check_flight, import_flight, let_wait, process_again, unfinished

    store, failed = warehouse("iagos"), []
    with store.session() as session:
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
                let_wait(store, key, run_id="cli")
            except PermanentError as error:
                failed.append(f"{key}: {error}")
                continue
        out.print(f"{key}: {done.told()}", highlight=False)
    if not todo:
        out.print("nothing to do")
    if failed:
        raise PermanentError("\n".join(failed))


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
        found = states(session, among=tuple(State(name) for name in state or ()))
        found = [one for one in found if not flights or one.key.flight_id in flights]
        steps = {one.key: history(session, one.key) for one in found} if flights else {}
    missing = [flight for flight in flights or () if flight not in {one.key.flight_id for one in found}]
    if missing:
        raise PermanentError(f"flight {', '.join(missing)} is not known")
    if as_json:
        told = [
            {
                "flight": one.key.text,
                "state": str(one.state),
                "since": one.since.isoformat(),
                "by": one.actor,
                "reason": one.reason,
            }
            for one in found
        ]
        print(json.dumps({"flights": told}))
        return
    if steps:
        for key, taken in steps.items():
            _print_history(key, taken)
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


def _print_history(key: "Key", taken: list[Any]) -> None:
    table = table_of("at (UTC)", "state", "by", "why")
    table.title = str(key)
    for step in taken:
        table.add_row(f"{step.at:%Y-%m-%d %H:%M:%S}", step.after, step.actor, step.reason)
    out.print(table)


def _source(job: "Job") -> Any:
    """The client of a job's source."""
    from skyledger.ssh import gateway_id

    connection = connections.from_environment(job.source.connection)
    if job.source.kind == "rest":
        from skyledger.iagos.transfer.client import IagosClient

        return IagosClient(connection)
    gateway = gateway_id(connection)
    return connection, connections.from_environment(gateway) if gateway else None
