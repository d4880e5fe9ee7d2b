"""What the commands share: printing, arguments, connections from the environment."""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from skyledger import connections
from skyledger.ledger import Mode
from skyledger.warehouse import Warehouse

out = Console(width=None if sys.stdout.isatty() else 200)  # a pipe has no width
err = Console(stderr=True)

FirstDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day")]
LastDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day, included")]
LoadMode = Annotated[Mode, typer.Option(help="what to take up")]
BackfillDays = Annotated[int, typer.Option(min=0, help="days that mode backfill reads again")]


def warehouse(network: str) -> Warehouse:
    """The database of a network, by the connection `<network>_db` of the environment."""
    return Warehouse(connections.from_environment(f"{network}_db"))


def day_range(first: datetime | None, last: datetime | None) -> tuple[date, date]:
    """Default: everything up to yesterday; each network knows its own first day."""
    last_day = last.date() if last else datetime.now(UTC).date() - timedelta(days=1)
    first_day = first.date() if first else date(1970, 1, 1)
    if first_day > last_day:
        raise typer.BadParameter(f"--first-day {first_day} is after --last-day {last_day}")
    return first_day, last_day


def table_of(*columns: str) -> Table:
    """Table whose narrow columns stay whole; only the last one is folded where the terminal is narrow."""
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    return table


def shown(value: Any) -> str:
    """A value of a summary, for a table."""
    if isinstance(value, dict):
        return ", ".join(f"{n} {state}" for state, n in value.items())
    return str(value)


class progress_bar:  # noqa: N801 - reads as a function
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
