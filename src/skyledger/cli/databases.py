"""Tables, configuration and ledger: the same commands for every network."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from skyledger import config, connections, ledger, migrations
from skyledger.cli.common import (
    BackfillDays,
    FirstDay,
    LastDay,
    LoadMode,
    day_range,
    out,
    table_of,
    warehouse,
)
from skyledger.ledger import Mode
from skyledger.warehouse import Session

db_app = typer.Typer(help="Tables of the network databases.", no_args_is_help=True)
ledger_app = typer.Typer(help="What is stored, what is missing, what would be done.", no_args_is_help=True)
config_app = typer.Typer(help="Configuration files.", no_args_is_help=True)

Network = Annotated[str, typer.Argument(help=f"network: {' or '.join(migrations.networks())}")]
Members = Annotated[
    list[str] | None, typer.Option("--unit", "--station", help="sensor unit or station; repeat; default all")
]


@db_app.command("upgrade")
def db_upgrade(network: Network, revision: str = "head") -> None:
    """Bring the tables of a network to a revision (default: the newest). Safe to repeat."""
    migrations.upgrade(network, warehouse(network).url, revision)
    out.print(f"{network}: {migrations.current(network, warehouse(network).url)}", highlight=False)


@db_app.command("current")
def db_current(network: Network) -> None:
    """Print the revision of a network's tables."""
    out.print(migrations.current(network, warehouse(network).url) or "no tables yet", highlight=False)


@db_app.command("history")
def db_history(network: Network) -> None:
    """List the revisions of a network, newest first."""
    for revision in migrations.history(network, warehouse(network).url):
        out.print(str(revision), highlight=False, soft_wrap=True)


@db_app.command("dictionary")
def db_dictionary(network: Network) -> None:
    """Print the data dictionary (Markdown) from the comments of the tables."""
    print(migrations.dictionary(network, warehouse(network).url), end="")


@config_app.command("check")
def config_check() -> None:
    """Validate every configuration file, mapping expressions and what stations refer to included."""
    from skyledger.carbosense.telegrams import load_mapping, mapping_paths
    from skyledger.transform import Transformer
    from skyledger.weather.process import recipe
    from skyledger.weather.stations import stations

    paths = config.check_all()
    for sensor_type in mapping_paths():
        Transformer(load_mapping(sensor_type))
    for station in stations().values():
        for period in station.periods:
            recipe(station, period.valid_from)
    out.print(f"{len(paths)} files are valid", highlight=False)


@config_app.command("schemas")
def config_schemas() -> None:
    """Write the JSON schemas by which editors complete and check the configuration."""
    changed = config.write_schemas()
    out.print(f"{len(changed)} schemas changed in {config.SCHEMA_DIR}", highlight=False)


@ledger_app.command("status")
def ledger_status(
    network: Network,
    dataset: Annotated[str, typer.Option(help="only datasets that begin so")] = "",
    first_day: FirstDay = None,
    last_day: LastDay = None,
) -> None:
    """Count partitions, members and rows per dataset and state."""
    first, last = day_range(first_day, last_day)
    table = table_of("dataset", "state", "partitions", "members", "stored", "rejected", "first", "last")
    with warehouse(network).session() as session:
        for row in ledger.states(session, dataset, first.isoformat(), last.isoformat()):
            table.add_row(*("" if value is None else str(value) for value in row))
    out.print(table)


@ledger_app.command("gaps")
def ledger_gaps(
    network: Network,
    dataset: Annotated[str, typer.Option(help="only datasets that begin so")] = "",
    first_day: FirstDay = None,
    last_day: LastDay = None,
    limit: Annotated[int, typer.Option(min=1, help="lines at most")] = 100,
) -> None:
    """List what is not simply stored: periods per member and state, with the reason."""
    first, last = day_range(first_day, last_day)
    table = table_of("dataset", "member", "state", "from", "to", "days", "reason")
    with warehouse(network).session() as session:
        gaps = ledger.gaps(session, dataset, first.isoformat(), last.isoformat())
    for gap in gaps[:limit]:
        table.add_row(*("" if value is None else str(value) for value in gap))
    out.print(table if gaps else "no gaps")
    if len(gaps) > limit:
        out.print(f"... and {len(gaps) - limit} more; raise --limit to see them")


@ledger_app.command("plan")
def ledger_plan(
    network: Network,
    sensor_type: Annotated[
        list[str] | None, typer.Option(help="carbosense: sensor type; repeat; default all")
    ] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    member: Members = None,
    mode: LoadMode = Mode.MISSING,
    backfill_days: BackfillDays = 10,
) -> None:
    """Say what would be done, without doing it."""
    first, last = day_range(first_day, last_day)
    with warehouse(network).session() as session:
        if network == "weather":
            _plan_weather(session, member, first, last, mode, backfill_days)
        else:
            units = [int(unit) for unit in member] if member else None
            _plan_telegrams(session, sensor_type, units, first, last, mode, backfill_days)


def _plan_telegrams(
    session: Session,
    sensor_types: list[str] | None,
    units: list[int] | None,
    first: date,
    last: date,
    mode: Mode,
    backfill_days: int,
) -> None:
    from skyledger.carbosense.telegram_plan import plan_telegrams
    from skyledger.carbosense.telegrams import load_mapping, mapping_paths
    from skyledger.influx import open_source

    source = open_source(connections.from_environment("carbosense_influx"))
    for name in sensor_types or mapping_paths():
        work = plan_telegrams(session, source, load_mapping(name), first, last, units, mode, backfill_days)
        out.print(work.describe(), highlight=False, soft_wrap=True)
        for item in work.items:
            out.print(f"  {item.member}  {item.partition_key}  {item.reason}  {item.source_rows} points")


def _plan_weather(
    session: Session, names: list[str] | None, first: date, last: date, mode: Mode, backfill_days: int
) -> None:
    from skyledger.weather.plan import plan_days
    from skyledger.weather.stations import load_station, stations

    for name in names or stations():
        plan = plan_days(session, load_station(name), first, last, mode, backfill_days, now=datetime.now(UTC))
        out.print(plan.describe(name), highlight=False, soft_wrap=True)
        for item in plan.work.items:
            out.print(f"  {item.partition_key}  {item.reason}  {item.source_rows} rows", highlight=False)
        for waiting in plan.waiting:
            out.print(f"  {waiting}", highlight=False, soft_wrap=True)
