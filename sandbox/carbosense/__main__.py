"""Fill an InfluxDB, and the metadata tables of a MariaDB, from the command line.

The connections come from `AIRFLOW_CONN_<ID>`, as for `skyledger`; tables and databases exist already:

    python -m sandbox.carbosense --influx-conn carbosense_influx --first-day 2022-06-01 --last-day 2022-06-03
"""

from datetime import datetime
from typing import Annotated

import pymysql
import typer

from sandbox.carbosense import CarboSenseWorld
from skyledger.connections import from_environment

_DAY = typer.Option(formats=["%Y-%m-%d"], help="UTC day")


def main(
    first_day: Annotated[datetime, _DAY],
    last_day: Annotated[datetime, _DAY],
    influx_conn: Annotated[str, typer.Option(help="where telegrams go")] = "carbosense_influx",
    database_conn: Annotated[str | None, typer.Option(help="where metadata go; none: nowhere")] = None,
    late: Annotated[bool, typer.Option(help="deliver the telegrams that were withheld")] = False,
    seed: int = 1,
) -> None:
    """Write the simulated CO2 network."""
    world = CarboSenseWorld(seed)
    if database_conn:
        to = from_environment(database_conn)
        with pymysql.connect(
            host=to.host, port=to.port or 3306, user=to.login, password=to.password or "", database=to.schema
        ) as connection:
            typer.echo(world.write_metadata(connection))
    typer.echo(
        world.write_telegrams(from_environment(influx_conn), first_day.date(), last_day.date(), late=late)
    )


typer.run(main)
