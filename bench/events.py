"""How fast a raw file goes to rates and its event table, against reading the same file with pandas.

    .venv/bin/python -m bench.events

Prints, measured in the same run on files of the sandbox's muon world (self triggers included, one process):

* the ratio of the whole chain (parse, reduce, Parquet) to `pandas.read_csv(sep=r"\\s+")` for 200 000 events (limit 3),
  with seconds and events per second of each step;
* the peak memory of a process that does nothing else (limit 1.2 GB);
* the seconds for 20 000 events (limit 1.5), and the cost per event for 20 000, 200 000 and 2 000 000 events.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.minitrasgo import MuonStation
from skyledger.minitrasgo import events, rawfile
from skyledger.minitrasgo.reduce import reduce
from skyledger.minitrasgo.stations import Recipe, load_station, recipe
from skyledger.stopwatch import Stopwatch

LIMIT_RATIO = 3.0
LIMIT_PEAK_MB = 1200
LIMIT_SMALL_S = 1.5
SMALL, MIDDLE, LARGE = 20_000, 200_000, 2_000_000
STATION = "MINGO01"
START = datetime(2025, 3, 10, 0, 0, 17, tzinfo=UTC)
PIECE_S = 20_000  # some 200 000 events


def write_raw(path: Path, n_events: int) -> None:
    """A file with so many events, as the station's detector would deliver it."""
    world = MuonStation(load_station(STATION), dirt=0)
    with path.open("wb") as file:
        start, missing = START, n_events
        while missing:
            piece = world.write_file(path.parent / "piece", start, min(PIECE_S, missing // 5)).path
            lines = piece.read_bytes().splitlines(keepends=True)[:missing]
            piece.unlink()
            file.writelines(lines)
            start += timedelta(seconds=PIECE_S)
            missing -= len(lines)


def chain(made_by: Recipe, path: Path, target: Path) -> dict[str, float]:
    """From the raw file to rates and Parquet; seconds per step."""
    watch = Stopwatch()
    raw = rawfile.read(path)
    watch.lap("parse")
    reduced = reduce(raw, made_by)
    watch.lap("reduce")
    events.write(target, events.event_table(reduced, {}))
    watch.lap("parquet")
    target.unlink()
    assert len(reduced) > 0.9 * raw.lines_read
    assert reduced.rate_hz > 0
    return {"parse": watch.seconds["parse"], **reduced.seconds, "parquet": watch.seconds["parquet"]}


def pandas_seconds(path: Path) -> float:
    """What pandas takes to read the same file."""
    import pandas as pd

    started = time.perf_counter()
    pd.read_csv(path, sep=r"\s+", header=None)
    return time.perf_counter() - started


def peak_mb() -> float:
    """Peak memory of this process; ru_maxrss would begin with that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median seconds of each step, and of the whole as `total`."""
    steps = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
    return {**steps, "total": statistics.median(sum(run.values()) for run in runs)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--peak", type=Path, help="only process this file, and print the peak")
    arguments = parser.parse_args()
    made_by = recipe(load_station(STATION), START)  # the configuration, read once
    if arguments.peak:
        chain(made_by, arguments.peak, arguments.peak.with_suffix(".peak.parquet"))
        print(peak_mb())
        return
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "raw.dat"), Path(folder, "events.parquet")
        write_raw(path, SMALL)
        chain(made_by, path, target)  # imports and caches
        figures = {}
        for n_events in (SMALL, MIDDLE, LARGE):
            write_raw(path, n_events)
            ours, theirs = [], []
            for _ in range(1 if n_events == LARGE else arguments.repeat):
                ours.append(chain(made_by, path, target))
                if n_events == MIDDLE:
                    theirs.append(pandas_seconds(path))
            figures[n_events] = medians(ours)
            if n_events == MIDDLE:
                _print_middle(path, figures[n_events], statistics.median(theirs))
        small = figures[SMALL]["total"]
        print(f"{SMALL} events: {small:.2f} s (limit {LIMIT_SMALL_S} s)")
        for n_events, seconds in figures.items():
            total = seconds["total"]
            print(f"  {n_events:>9} events {total:7.2f} s {1e6 * total / n_events:6.2f} us per event")


def _print_middle(path: Path, seconds: dict[str, float], pandas: float) -> None:
    print(f"{MIDDLE} events, {path.stat().st_size / 1e6:.0f} MB")
    for step, taken in seconds.items():
        print(f"  {step:<20} {taken:6.3f} s {MIDDLE / taken / 1e3:9.0f} thousand events per second")
    print(f"raw file to rates and Parquet {seconds['total']:.2f} s, pandas.read_csv {pandas:.2f} s")
    print(f"ratio {seconds['total'] / pandas:.2f} (limit {LIMIT_RATIO:g})")
    command = [sys.executable, "-m", "bench.events", "--peak", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"peak memory {float(done.stdout):.0f} MB (limit {LIMIT_PEAK_MB} MB)")


if __name__ == "__main__":
    main()
