"""Write what the weather stations deliver, from the command line:

python -m sandbox.weather --folder inbox --first-day 2016-08-30 --last-day 2016-08-31
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from sandbox.weather.energy_farm import EnergyFarm
from sandbox.weather.irrigation import Irrigation
from sandbox.weather.world import WeatherWorld
from skyledger.weather.stations import load_station

_DAY = typer.Option(formats=["%Y-%m-%d"], help="day of the loggers' clocks")


def main(
    folder: Annotated[Path, typer.Option(help="weather/, energy-farm/ and irrigation/ are written below it")],
    first_day: Annotated[datetime, _DAY],
    last_day: Annotated[datetime, _DAY],
    faults: Annotated[bool, typer.Option(help="whether sensors of the MAC station fail")] = True,
    defects: Annotated[
        bool, typer.Option(help="whether its files arrive with the demo's mix of defects")
    ] = True,
    seed: int = 1,
) -> None:
    """Write the files of these days."""
    first, last = first_day.date(), last_day.date()
    world = WeatherWorld(seed, faults=faults, defects="demo" if defects else ())
    paths = world.write_files(folder / "weather", first, last, lead_in=True)
    for name in ("energy-farm", "irrigation"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    paths += (
        EnergyFarm(seed, first_day=first)
        .append(folder / "energy-farm", load_station("UIUC-CEN").bounds(last)[1])
        .values()
    )
    paths.append(
        Irrigation(seed, first_day=first).append(folder / "irrigation", last_day + timedelta(days=1))
    )
    typer.echo(f"{len(paths)} files, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB")


typer.run(main)
