"""CO2 sensors at the terminal."""

from typing import Annotated

import typer

from skyledger import connections
from skyledger.cli.common import (
    BackfillDays,
    FirstDay,
    LastDay,
    LoadMode,
    day_range,
    out,
    progress_bar,
    shown,
    table_of,
    warehouse,
)
from skyledger.ledger import Mode

carbosense_app = typer.Typer(help="CO2 sensors.", no_args_is_help=True)

SensorType = Annotated[str, typer.Argument(help="sensor type: lp8, hpp, vaisala or licor")]
Units = Annotated[
    list[int] | None, typer.Option("--unit", help="sensor unit; repeat for several; default all")
]


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

    first, last = day_range(first_day, last_day)
    mapping = telegrams.load_mapping(sensor_type)
    with progress_bar(f"{mapping.sensor_type} unit-days") as advance:
        summary = telegrams.ingest_telegrams(
            warehouse("carbosense"),
            open_source(connections.from_environment("carbosense_influx")),
            mapping,
            first,
            last,
            unit,
            mode,
            backfill_days,
            progress=advance,
        )
    table = table_of("", mapping.sensor_type)
    for key, value in summary.as_dict().items():
        if key not in ("sensor_type", "stored_days", "failures"):
            table.add_row(key.replace("_", " "), shown(value))
    out.print(table)
    summary.raise_for_failures()
