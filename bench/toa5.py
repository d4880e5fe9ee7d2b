"""How fast a station's day goes from files to flagged bins, against reading the same files with pandas.

    .venv/bin/python -m bench.toa5

Prints, measured in the same run on one day at 1 Hz (24 files, 86 400 rows, 11 columns, with sensor faults):

* the ratio of the whole chain (read, assemble, convert, check, aggregate) to `pandas.read_csv` of the same files
  (limit 3), with the seconds of each step;
* the peak memory of a process that does nothing else (limit 250 MB).
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from sandbox.weather import WeatherWorld
from skyledger.weather.process import Day, Recipe, process_day, recipe
from skyledger.weather.stations import load_station
from skyledger.weather.toa5 import read

LIMIT_RATIO = 3.0
LIMIT_PEAK_MB = 250
DAY = date(2022, 6, 14)
STATION = "UA-MAC"
HEADER_LINES = 4


def write_day(folder: Path) -> list[Path]:
    """The files that hold the day."""
    return sorted(WeatherWorld().write_files(folder, DAY, DAY, lead_in=True))


def chain(made_by: Recipe, paths: list[Path]) -> tuple[Day, float]:
    """From files to flagged bins; the day, and the seconds that reading took."""
    started = time.perf_counter()
    files = [read(path.read_bytes(), path.name) for path in paths]
    reading = time.perf_counter() - started
    return process_day(made_by, DAY, files), reading


def pandas_read(paths: list[Path]) -> int:
    """What pandas does with the same files; the number of rows."""
    import pandas as pd

    skipped = [0, *range(2, HEADER_LINES)]
    return sum(len(pd.read_csv(path, skiprows=skipped)) for path in paths)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--peak", type=Path, help="only process the day in this folder, and print the peak")
    arguments = parser.parse_args()
    made_by = recipe(load_station(STATION), DAY)  # the configuration, read once
    if arguments.peak:
        made, _ = chain(made_by, sorted(arguments.peak.rglob("*.dat")))
        assert made.rows > 86_000
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = write_day(Path(folder))
        size_mb = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{len(paths)} files, {size_mb:.1f} MB")
        chain(made_by, paths), pandas_read(paths)
        ours, theirs, steps = [], [], {}
        for _ in range(arguments.repeat):
            started = time.perf_counter()
            made, reading = chain(made_by, paths)
            ours.append(time.perf_counter() - started)
            for step, seconds in {"read": reading, **made.seconds}.items():
                steps.setdefault(step, []).append(seconds)
            started = time.perf_counter()
            n_rows = pandas_read(paths)
            theirs.append(time.perf_counter() - started)
        assert made.rows == 86_400 <= n_rows
        assert len(made.products["bins_300s"]) == 288
        for step, seconds in steps.items():
            print(f"  {step:<10} {1000 * statistics.median(seconds):7.1f} ms")
        mine, pandas = statistics.median(ours), statistics.median(theirs)
        print(f"files to flagged bins {1000 * mine:.0f} ms, pandas.read_csv {1000 * pandas:.0f} ms")
        print(f"ratio {mine / pandas:.2f} (limit {LIMIT_RATIO})")
        done = subprocess.run(
            [sys.executable, "-m", "bench.toa5", "--peak", folder], capture_output=True, text=True, check=True
        )
        print(f"peak memory {float(done.stdout):.0f} MB (limit {LIMIT_PEAK_MB} MB)")


if __name__ == "__main__":
    main()
