"""The command line: the same functions as the Airflow tasks, for a person at a terminal.

    skyledger db upgrade carbosense            make or update a network's tables
    skyledger ledger status carbosense         what is stored, what is not
    skyledger carbosense ingest lp8            bring telegrams, with a progress bar

Connections are read from the environment, as Airflow reads them (AIRFLOW_CONN_...).
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from skyledger import __version__, config, connections, ledger, migrations
from skyledger.errors import SkyledgerError
from skyledger.ledger import Mode
from skyledger.warehouse import Warehouse

app = typer.Typer(
    help="Daily data flows of observing networks: what is stored, what is missing, and how to bring it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
db_app = typer.Typer(help="Tables of the network databases.", no_args_is_help=True)
ledger_app = typer.Typer(help="What is stored, what is missing, what would be done.", no_args_is_help=True)
carbosense_app = typer.Typer(help="CO2 sensors.", no_args_is_help=True)
config_app = typer.Typer(help="Configuration files.", no_args_is_help=True)
for name, sub in (
    ("db", db_app),
    ("ledger", ledger_app),
    ("carbosense", carbosense_app),
    ("config", config_app),
):
    app.add_typer(sub, name=name)

out = Console(width=None if sys.stdout.isatty() else 200)  # a pipe has no width
err = Console(stderr=True)

Network = Annotated[str, typer.Argument(help="network: carbosense")]
SensorType = Annotated[str, typer.Argument(help="sensor type: lp8, hpp, vaisala or licor")]
FirstDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first UTC day")]
LastDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last UTC day, included")]
Units = Annotated[
    list[int] | None, typer.Option("--unit", help="sensor unit; repeat for several; default all")
]
LoadMode = Annotated[Mode, typer.Option(help="what to take up")]
BackfillDays = Annotated[int, typer.Option(min=0, help="days that mode backfill reads again")]


def main() -> None:
    """Run the command line; an error of ours is a message and status 1, not a traceback."""
    try:
        app()
    except SkyledgerError as error:
        err.print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log every step")] = False,
) -> None:
    handler = RichHandler(console=err, show_path=False, rich_tracebacks=False)
    logging.basicConfig(level="DEBUG" if verbose else "WARNING", handlers=[handler], format="%(message)s")
    logging.getLogger("urllib3").setLevel("WARNING")


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


def _warehouse(network: str) -> Warehouse:
    return Warehouse(connections.from_environment(f"{network}_db"))


def _day_range(first: datetime | None, last: datetime | None) -> tuple[date, date]:
    """Default: everything up to yesterday; each mapping knows its own first day."""
    last_day = last.date() if last else datetime.now(UTC).date() - timedelta(days=1)
    first_day = first.date() if first else date(1970, 1, 1)
    if first_day > last_day:
        raise typer.BadParameter(f"--first-day {first_day} is after --last-day {last_day}")
    return first_day, last_day


# --- db


@db_app.command("upgrade")
def db_upgrade(network: Network, revision: str = "head") -> None:
    """Bring the tables of a network to a revision (default: the newest). Safe to repeat."""
    migrations.upgrade(network, _warehouse(network).url, revision)
    out.print(f"{network}: {migrations.current(network, _warehouse(network).url)}", highlight=False)


@db_app.command("current")
def db_current(network: Network) -> None:
    """Print the revision of a network's tables."""
    out.print(migrations.current(network, _warehouse(network).url) or "no tables yet", highlight=False)


@db_app.command("history")
def db_history(network: Network) -> None:
    """List the revisions of a network, newest first."""
    for revision in migrations.history(network, _warehouse(network).url):
        out.print(str(revision), highlight=False, soft_wrap=True)


@db_app.command("dictionary")
def db_dictionary(network: Network) -> None:
    """Print the data dictionary (Markdown) from the comments of the tables."""
    print(migrations.dictionary(network, _warehouse(network).url), end="")


# --- config


@config_app.command("check")
def config_check() -> None:
    """Validate every configuration file, mapping expressions included."""
    from skyledger.carbosense.telegrams import load_mapping, mapping_paths
    from skyledger.transform import Transformer

    paths = config.check_all()
    for sensor_type in mapping_paths():
        Transformer(load_mapping(sensor_type))
    out.print(f"{len(paths)} files are valid", highlight=False)


@config_app.command("schemas")
def config_schemas() -> None:
    """Write the JSON schemas by which editors complete and check the configuration."""
    changed = config.write_schemas()
    out.print(f"{len(changed)} schemas changed in {config.SCHEMA_DIR}", highlight=False)


# --- ledger


@ledger_app.command("status")
def ledger_status(
    network: Network,
    dataset: Annotated[str, typer.Option(help="only datasets that begin so")] = "",
    first_day: FirstDay = None,
    last_day: LastDay = None,
) -> None:
    """Count partitions, members and rows per dataset and state."""
    first, last = _day_range(first_day, last_day)
    table = _table("dataset", "state", "partitions", "members", "stored", "rejected", "first", "last")
    with _warehouse(network).session() as session:
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
    first, last = _day_range(first_day, last_day)
    table = _table("dataset", "member", "state", "from", "to", "days", "reason")
    with _warehouse(network).session() as session:
        gaps = ledger.gaps(session, dataset, first.isoformat(), last.isoformat())
    for gap in gaps[:limit]:
        table.add_row(*("" if value is None else str(value) for value in gap))
    out.print(table if gaps else "no gaps")
    if len(gaps) > limit:
        out.print(f"... and {len(gaps) - limit} more; raise --limit to see them")


@ledger_app.command("plan")
def ledger_plan(
    network: Network,
    sensor_type: Annotated[list[str] | None, typer.Option(help="sensor type; repeat; default all")] = None,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    unit: Units = None,
    mode: LoadMode = Mode.MISSING,
    backfill_days: BackfillDays = 10,
) -> None:
    """Say what an ingest would do, without doing it."""
    if network != "carbosense":
        raise typer.BadParameter(f"{network!r} has no planned flow yet; expected carbosense")
    from skyledger.carbosense.telegram_plan import plan_telegrams
    from skyledger.carbosense.telegrams import load_mapping, mapping_paths
    from skyledger.influx import open_source

    first, last = _day_range(first_day, last_day)
    source = open_source(connections.from_environment("carbosense_influx"))
    for name in sensor_type or mapping_paths():
        with _warehouse(network).session() as session:
            work = plan_telegrams(session, source, load_mapping(name), first, last, unit, mode, backfill_days)
        out.print(work.describe(), highlight=False, soft_wrap=True)
        for item in work.items:
            out.print(f"  {item.member}  {item.partition_key}  {item.reason}  {item.source_rows} points")


# --- carbosense


@carbosense_app.command("ingest")
def carbosense_ingest(
    sensor_type: SensorType,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    unit: Units = None,
    mode: LoadMode = Mode.MISSING,
    backfill_days: BackfillDays = 10,
) -> None:
    """Bring telegrams of one sensor type from InfluxDB into the database."""
    from skyledger.carbosense import telegrams
    from skyledger.influx import open_source

    first, last = _day_range(first_day, last_day)
    mapping = telegrams.load_mapping(sensor_type)
    with _progress_bar(f"{mapping.sensor_type} unit-days") as advance:
        summary = telegrams.ingest_telegrams(
            _warehouse("carbosense"),
            open_source(connections.from_environment("carbosense_influx")),
            mapping,
            first,
            last,
            unit,
            mode,
            backfill_days,
            progress=advance,
        )
    table = _table("", mapping.sensor_type)
    for key, value in summary.as_dict().items():
        if key not in ("sensor_type", "stored_days", "failures"):
            table.add_row(key.replace("_", " "), _shown(value))
    out.print(table)
    summary.raise_for_failures()


def _table(*columns: str) -> Table:
    """Table whose narrow columns stay whole; only the last one is folded where the terminal is narrow."""
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    return table


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{n} {state}" for state, n in value.items())
    return str(value)


class _progress_bar:  # noqa: N801 - reads as a function
    """Progress bar whose `advance` fits telegrams.Progress."""

    def __init__(self, what: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=err,
        )
        self._task = self._bar.add_task(what, total=None, detail="planning")

    def __enter__(self) -> Callable[[str, int, int, int], None]:
        self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _advance(self, unit: str, done: int, total: int, records: int) -> None:
        self._bar.update(self._task, completed=done, total=total, detail=f"unit {unit}, {records} telegrams")
