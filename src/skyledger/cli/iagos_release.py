"""IAGOS at the terminal: the PI's report and decision, new calibrations, the instrument database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from skyledger import config, connections
from skyledger.cli.common import err, out, table_of, warehouse
from skyledger.cli.iagos import AsJson, FlightIds, InstrumentType, iagos_app
from skyledger.errors import PermanentError, SkyledgerError

if TYPE_CHECKING:
    from skyledger.iagos.flight import Key
    from skyledger.iagos.release.decide import FlagEdit
    from skyledger.iagos.release.reports import StoredReport
    from skyledger.warehouse import Session

Moment = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"], help="UTC")
]
LevelName = Annotated[Literal["L1", "L2"], typer.Option(help="level the decision is about")]
PersonName = Annotated[str, typer.Option(help="login, as in table person")]
CHANGED = {"calibration": "calibration", "relation": "component_relation", "deployment": "deployment"}
NAMES = {"good": 0, "limited": 2, "erroneous": 3, "not_validated": 4}


@iagos_app.command("report")
def iagos_report(flight_id: str, instrument_type: InstrumentType = "P1", as_json: AsJson = False) -> None:
    """What the newest report of a flight says, and where it is."""
    from skyledger.iagos.names import Level

    folder = config.DATA_ROOT / "iagos" / "reports"
    with warehouse("iagos").session() as session:
        found = _report(session, flight_id, instrument_type, Level.L2) or _report(
            session, flight_id, instrument_type, Level.L1
        )
    if found is None:
        raise PermanentError(f"flight {flight_id} of {instrument_type} has no report: process it first")
    page = folder / found.page
    if as_json:
        print(page.with_suffix(".json").read_text(encoding="utf-8"))
        return
    out.print(f"{found.title}, {found.level}: suggested {found.suggestion}", highlight=False)
    out.print(found.summary, highlight=False)
    out.print(f"{page}\ndigest {found.data_digest}", highlight=False, soft_wrap=True)


@iagos_app.command("decide")
def iagos_decide(
    flights: Annotated[list[str], typer.Argument(help="flight identifiers, 16 digits each")],
    level: LevelName,
    action: Annotated[
        Literal["release", "rerun", "edit_flags", "reject", "defer", "withdraw"],
        typer.Option(help="the decision"),
    ],
    person: PersonName,
    comment: Annotated[str | None, typer.Option(help="why; needed for everything but a release")] = None,
    digest: Annotated[
        str | None, typer.Option(help="of the report that was read; default: the newest report of each")
    ] = None,
    variables: Annotated[
        str | None, typer.Option(help="only these, with commas; for edit_flags: whose flags are set")
    ] = None,
    start: Moment = None,
    end: Moment = None,
    validity: Annotated[
        Literal["good", "limited", "erroneous", "not_validated"] | None,
        typer.Option(help="for edit_flags; not_validated: as the tests say"),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(help="for rerun: judge with this file of include/config/iagos/quality from now on"),
    ] = None,
    calibrations: Annotated[
        Literal["default", "pre", "post", "both"] | None,
        typer.Option(
            help="for rerun: compute with the calibrations before or after the deployment, from now on"
        ),
    ] = None,
    instrument_type: InstrumentType = "P1",
    deliver: Annotated[bool, typer.Option(help="write and deliver what is released")] = True,
) -> None:
    """Decide about flights, as their PI: one record each. What is released is written and delivered."""
    from skyledger.iagos.names import Level
    from skyledger.iagos.release.decide import Decision, decide_all
    from skyledger.iagos.states import newest

    if digest and len(flights) > 1:
        raise PermanentError("--digest holds for one flight; leave it out to decide about several")
    wanted = []
    store, about = warehouse("iagos"), Level(level)
    chosen = tuple(variables.split(",")) if variables else None
    flags = _flags(chosen, start, end, validity) if action == "edit_flags" else ()
    with store.session() as session:
        for flight_id in flights:
            found = _report(session, flight_id, instrument_type, about)
            key = found.key if found else newest(session, flight_id, instrument_type)
            seen = digest or (found.data_digest if found else None)
            released = None if flags else chosen
            wanted.append(
                Decision(key, about, action, person, comment, seen, released, flags, quality, calibrations)
            )
    refused, failed = 0, []
    for decided in decide_all(store, wanted, run_id="cli"):
        out.print(f"{decided.key} {decided.level}: {decided.told()}", highlight=False, soft_wrap=True)
        refused += bool(decided.refused)
        if decided.released and deliver:
            try:
                with err.status(str(decided.key)):
                    _deliver(decided.key, about)
            except SkyledgerError as error:
                failed.append(f"{decided.key} {about}: {error}")
    if failed:
        again = f"skyledger iagos deliver FLIGHT --level {level}"
        err.print(
            f"The decisions are recorded. For what was not delivered: `{again}`, later.", soft_wrap=True
        )
    if refused:
        failed.append(f"{refused} of {len(wanted)} decisions were refused, for the reasons above")
    if failed:
        raise PermanentError("\n".join(failed))
    if action in ("rerun", "edit_flags"):
        out.print("`skyledger iagos process` judges it anew now, or the next run of iagos_flights_process")


@iagos_app.command("deliver")
def iagos_deliver(flight_id: str, level: LevelName, instrument_type: InstrumentType = "P1") -> None:
    """Write and deliver the products of a released flight; what is there already is not sent twice."""
    from skyledger.iagos.names import Level
    from skyledger.iagos.states import newest

    with warehouse("iagos").session() as session:
        key = newest(session, flight_id, instrument_type)
    _deliver(key, Level(level))


@iagos_app.command("reprocess")
def iagos_reprocess(
    calibration: Annotated[
        list[int] | None,
        typer.Option(help="number of a calibration; repeat. Default: what waits for one and has it now"),
    ] = None,
    relation: Annotated[
        list[int] | None, typer.Option(help="number of a changed row of component_relation; repeat")
    ] = None,
    deployment: Annotated[
        list[int] | None, typer.Option(help="number of a changed row of deployment; repeat")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="compute; without it only count")] = False,
    at_most: Annotated[int, typer.Option(min=1, help="flights at most")] = 200,
    person: PersonName = "cli",
) -> None:
    """What new or changed calibrations, relations and deployments touch; with --write, compute it and ask the PI."""
    from skyledger.iagos.process import check_flight, let_wait
    from skyledger.iagos.release.reprocess import plan_reprocess, queue_reprocess

    store, failed = warehouse("iagos"), []
    with store.session() as session:
        plan = plan_reprocess(
            session,
            calibration_ids=calibration or (),
            relation_ids=relation or (),
            deployment_ids=deployment or (),
        )
        out.print(plan.describe(), highlight=False)
        if not write:
            return
        todo = queue_reprocess(session, plan, at_most=at_most, actor=person, run_id="cli")
    for key in todo:
        with err.status(str(key)):
            try:
                done = check_flight(store, key, data_root=config.DATA_ROOT, run_id="cli")
                let_wait(store, key, run_id="cli")
            except SkyledgerError as error:
                failed.append(f"{key}: {error}")
                continue
        out.print(f"{key}: {done.told()}", highlight=False)
    if failed:
        raise PermanentError("\n".join(failed))


@iagos_app.command("import")
def iagos_import(
    paths: Annotated[
        list[Path], typer.Argument(help="files <table>.csv, workbooks, or folders of them", exists=True)
    ],
    person: PersonName,
    write: Annotated[bool, typer.Option("--write", help="without it only say what would be done")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="write nothing unless every row can be taken")
    ] = False,
) -> None:
    """Import tables of the instrument database; a dry run unless --write is given."""
    from skyledger.iagos.metadata.importer import import_tables

    with warehouse("iagos").session() as session:
        report = import_tables(session, paths, dry_run=not write, actor=person, strict=strict)
    table = table_of("table", "new", "changed", "unchanged", "refused")
    for name, counts in report.tables.items():
        numbers = (counts.new, counts.changed, counts.unchanged, counts.refused)
        table.add_row(name, *map(str, numbers))
    out.print(table)
    if report.written:
        out.print("written")
    else:
        out.print(
            "nothing was written" + ("" if write else ": a dry run, --write writes it"), highlight=False
        )
    if report.impact.flights:
        rows = [
            f" --{option} {number}"
            for option, table in CHANGED.items()
            for number in (report.touched.get(table, ()) if report.written else ())
        ]
        command = f"`skyledger iagos reprocess{''.join(rows)}`"
        out.print(f"this touches {report.impact}: see {command}", highlight=False, soft_wrap=True)
    if report.errors:
        raise PermanentError("\n".join(map(str, report.errors)))


@iagos_app.command("template")
def iagos_template(path: Annotated[Path, typer.Argument(help="workbook to write (.xlsx)")]) -> None:
    """An empty workbook with a sheet per table, for people to fill in."""
    from skyledger.iagos.metadata.tables import template

    if path.suffix != ".xlsx":
        raise PermanentError(f"{path}: expected a name that ends in .xlsx")
    if path.exists():
        raise PermanentError(f"{path} exists, and may be filled in: choose another name")
    template(path)
    out.print(str(path), highlight=False)


@iagos_app.command("calibrations")
def iagos_calibrations(flights: FlightIds = None, instrument_type: InstrumentType = "P1") -> None:
    """All calibrations with their numbers; of flights, which count before and after the deployment."""
    from skyledger.iagos.metadata.calibrations import all_calibrations, calibration_set

    with warehouse("iagos").session() as session:
        if not flights:
            table = table_of(
                "number", "type", "serial", "made (UTC)", "function", "recorded (UTC)", "by", "worth knowing"
            )
            for one in all_calibrations(session):
                at = f"{one.made:%Y-%m-%d %H:%M}", one.function, f"{one.recorded:%Y-%m-%d %H:%M}"
                table.add_row(
                    str(one.number), one.component_type, one.serial, *at, one.recorded_by, one.told()
                )
            out.print(table)
            return
        table = table_of("flight", "part", "serial", "before", "after", "worth knowing")
        for flight_id in flights:
            found = calibration_set(session, flight_id, instrument_type)
            for name, part in found.parts.items():
                pair = [
                    f"{one.id} ({one.timestamp:%Y-%m-%d})" if one else "none"
                    for one in (part.pair.pre, part.pair.post)
                ]
                table.add_row(flight_id, name, part.serial, *pair, "; ".join(part.pair.warnings))
            for note in found.notes:
                table.add_row(flight_id, "", "", "", "", note)
    out.print(table)


def _report(session: "Session", flight_id: str, instrument_type: str, level: str) -> "StoredReport | None":
    from skyledger.iagos.names import Level
    from skyledger.iagos.release.reports import newest_report
    from skyledger.iagos.states import newest

    return newest_report(session, newest(session, flight_id, instrument_type), Level(level))


def _flags(
    variables: tuple[str, ...] | None, start: datetime | None, end: datetime | None, validity: str | None
) -> "tuple[FlagEdit, ...]":
    from skyledger.iagos.flags import Validity
    from skyledger.iagos.release.decide import FlagEdit

    if not (variables and start and end and validity):
        raise PermanentError("edit_flags needs --variables, --start, --end and --validity")
    span = start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    return tuple(FlagEdit(name, *span, Validity(NAMES[validity])) for name in variables)


def _deliver(key: "Key", level: str) -> None:
    from skyledger.iagos.names import Level
    from skyledger.iagos.release.deliver import push_products
    from skyledger.iagos.release.products import make_products
    from skyledger.iagos.transfer.client import IagosClient

    store = warehouse("iagos")
    made = make_products(store, key, Level(level), data_root=config.DATA_ROOT, run_id="cli")
    out.print(f"{key} {level}: {made.told()}", highlight=False)
    client = IagosClient(connections.from_environment("iagos_data_centre"))
    pushed = push_products(store, client, key, Level(level), data_root=config.DATA_ROOT, run_id="cli")
    out.print(f"{key} {level}: {pushed.told()}", highlight=False)
