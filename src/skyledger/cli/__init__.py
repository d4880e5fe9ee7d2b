"""The command line: the same functions as the Airflow tasks, for a person at a terminal.

    skyledger db upgrade carbosense            make or update a network's tables
    skyledger ledger status carbosense         what is stored, what is not
    skyledger carbosense ingest lp8            bring telegrams, with a progress bar
    skyledger weather process --station UA-MAC --day 2016-08-30
    skyledger minitrasgo acquire               bring new files from the stations
    skyledger iagos flights                    what each flight waits for
    skyledger inspect toa5 FILE                what a reader makes of a file

Connections are read from the environment, as Airflow reads them (AIRFLOW_CONN_...).
"""

import logging
from typing import Annotated

import typer
from rich.logging import RichHandler

from skyledger import __version__
from skyledger.cli import iagos_release, minitrasgo_days  # noqa: F401 - they add commands to their networks' apps
from skyledger.cli.carbosense import carbosense_app
from skyledger.cli.common import err, out
from skyledger.cli.databases import config_app, db_app, ledger_app
from skyledger.cli.iagos import iagos_app
from skyledger.cli.inspect import inspect_app
from skyledger.cli.minitrasgo import minitrasgo_app
from skyledger.cli.weather import weather_app
from skyledger.errors import SkyledgerError

app = typer.Typer(
    help="Daily data flows of observing networks: what is stored, what is missing, and how to bring it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for name, sub in (
    ("db", db_app),
    ("ledger", ledger_app),
    ("config", config_app),
    ("inspect", inspect_app),
    ("carbosense", carbosense_app),
    ("weather", weather_app),
    ("minitrasgo", minitrasgo_app),
    ("iagos", iagos_app),
):
    app.add_typer(sub, name=name)


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
