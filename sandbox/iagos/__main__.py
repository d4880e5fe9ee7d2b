"""Write what the fleet delivers, and the tables of its metadata, from the command line:

python -m sandbox.iagos --folder iagos --flights 12
"""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.iagos.metadata import write_post_calibrations, write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import IagosWorld


def main(
    folder: Annotated[Path, typer.Option(help="raw/, metadata/ and later/ are written below it")],
    flights: Annotated[int, typer.Option(help="how many, in the order of landing")] = 12,
    faults: Annotated[bool, typer.Option(help="whether instruments fail")] = True,
    seed: int = 1,
) -> None:
    """Write raw files, tables, and in later/ the calibrations after the deployments."""
    world = IagosWorld(seed, faults=faults)
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    for flight in world.flights(flights):
        (folder / "raw" / flight.raw_name()).write_bytes(write_raw(world, flight))
    tables = write_tables(world, folder / "metadata")
    later = write_post_calibrations(world, folder / "later")
    typer.echo(f"{flights} raw files, {len(tables)} tables, and {later} for later")


typer.run(main)
