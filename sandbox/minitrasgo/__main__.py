"""Write what a station's detector delivers, from the command line:

python -m sandbox.minitrasgo MINGO01 --folder inbox --start 2025-03-10T01:00:03 --seconds 2116
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sandbox.minitrasgo.world import MuonStation
from skyledger.minitrasgo.stations import load_station


def main(
    station: Annotated[str, typer.Argument(help="name of a configured station")],
    folder: Annotated[Path, typer.Option(help="where the file is written")],
    start: Annotated[datetime, typer.Option(help="first second, UTC")],
    seconds: Annotated[int, typer.Option(min=1)] = 3595,
    simulator: Annotated[bool, typer.Option(help="in the simulator's dialect")] = False,
    dirt: Annotated[int, typer.Option(min=0, help="damaged lines of each kind")] = 1,
    seed: int = 1,
) -> None:
    """Write one file, and say what is true of it."""
    world = MuonStation(load_station(station), seed, dirt=dirt)
    begin = start.replace(tzinfo=UTC)
    written = world.write_file(folder, begin, seconds, "simulator" if simulator else "daq")
    rate, _ = world.usual_rate_hz(begin)
    typer.echo(f"{written.path}: {written.path.stat().st_size / 1e6:.1f} MB")
    typer.echo(f"lines by trigger {written.trigger}, rejected {written.rejected}")
    typer.echo(
        f"{written.events / seconds:.3f} Hz in the file, {rate:.3f} Hz at usual pressure and temperature"
    )
    typer.echo(f"efficiencies {world.efficiencies}, dead strips {world.dead or 'none'}")


typer.run(main)
