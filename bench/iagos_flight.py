"""How fast the raw file of a flight becomes Level 0 with all tests, a report and products.

    .venv/bin/python -m bench.iagos_flight

A 10-hour P1 flight of the sandbox: 9 000 rows, 16 columns; one process, on one core. Prints, as medians of a few runs
after a first one (which pays for imports and caches):

* the seconds of each step, and of all from the raw file to Level 0 with all tests and products (limit 3 s);
* the same by what it takes only to read the raw file and to write the same products' bytes;
* the rate at which 1 000 flights would be imported (raw file to Parquet), without a database.
"""

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sandbox.iagos.metadata import calibration_set, flight_record
from sandbox.iagos.raw import raw_flight
from sandbox.iagos.world import Flight, IagosWorld
from skyledger.files import atomic
from skyledger.iagos import series
from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.flight import Key
from skyledger.iagos.formats import nasa_ames, netcdf, raw
from skyledger.iagos.instruments import load_instrument
from skyledger.iagos.names import FIRST_VERSION, Level, product_name, raw_name
from skyledger.iagos.release.rules import release_rules
from skyledger.iagos.report import ReportContext, SourceFile, build, keep
from skyledger.iagos.science.importer import SOFTWARE, make_l0, make_l2
from skyledger.iagos.states import State
from skyledger.stopwatch import Stopwatch

LIMIT_S = 3.0
ROWS = 9_000
CREATED = datetime(2024, 6, 1, tzinfo=UTC)
IMPORT = ("read", "level 0", "parquet")  # steps of an import
AFTERWARDS = ("report", "level 2")  # steps that the limit does not speak of


def longest(world: IagosWorld) -> Flight:
    """A flight with more rows than are wanted."""
    flights = world.flights(12)
    return max(flights, key=lambda one: one.arrival.time - one.departure.time)


def cut_to(found: raw.RawFlight, rows: int) -> raw.RawFlight:
    """The first rows of a flight."""
    columns = {name: values[:rows] for name, values in found.columns.items()}
    return raw.RawFlight(
        found.flight_id,
        found.instrument_type,
        found.serial,
        found.aircraft,
        found.sampling_s,
        found.clock_source,
        found.time_s[:rows],
        columns,
    )


def write(path: Path, content: bytes) -> None:
    """As products are written: under a temporary name, to disk."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


class Chain:
    """One flight, from its raw file to products, as the tasks do it; the database is left out."""

    def __init__(self, folder: Path, world: IagosWorld, flight: Flight) -> None:
        self.folder = folder
        self.flight = flight_record(flight)
        self.key = Key(flight.flight_id, "P1", 1)
        self.path = folder / raw_name("P1", flight.flight_id, 1)
        self.path.write_bytes(raw.write(cut_to(raw_flight(world, flight), ROWS)))
        self.instrument = load_instrument("P1")
        self.calibrations = calibration_set(world, flight)
        self.config = quality_config(self.instrument.quality)
        self.written: list[Path] = []

    def run(self) -> dict[str, float]:
        """Seconds of each step."""
        source = {"name": self.path.name, "sha256": "0" * 64}
        watch = Stopwatch()
        found = raw.read(self.path.read_bytes(), self.path.name)
        watch.lap("read")
        l0 = make_l0(found, self.instrument, self.calibrations, self.flight, self.key, source=source)
        watch.lap("level 0")
        parquet = self.folder / "l0.parquet"
        write(parquet, series.to_parquet(l0))
        watch.lap("parquet")
        judged = assess(l0, self.config)
        watch.lap("tests")
        nc = self.folder / product_name(self.key.flight_id, Level.L0, FIRST_VERSION)
        netcdf.write_flight(judged.data, nc, created=CREATED)
        watch.lap("netcdf")
        text = nc.with_suffix(".txt")
        nasa_ames.write_flight(judged.data, text, created=CREATED)
        watch.lap("nasa ames")
        context = ReportContext(
            key=self.key,
            level=Level.L1,
            flight=self.flight,
            calibrations=self.calibrations,
            source_file=SourceFile(self.path.name, "0" * 64),
            software=SOFTWARE,
            rules=release_rules(),
            state=State.QC_RUNNING,
            made_at=CREATED,
        )
        keep(build(judged.data, judged, context), self.folder)
        watch.lap("report")
        make_l2(l0, self.instrument, self.calibrations)
        watch.lap("level 2")
        assert len(l0) >= ROWS
        self.written = [parquet, nc, text]
        return watch.seconds

    def files_alone(self) -> float:
        """Seconds to read the raw file and to write the same bytes as the products."""
        contents = [path.read_bytes() for path in self.written]
        started = time.perf_counter()
        self.path.read_bytes()
        for number, content in enumerate(contents):
            write(self.folder / f"copy{number}", content)
        return time.perf_counter() - started


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    world = IagosWorld()
    with tempfile.TemporaryDirectory() as folder:
        chain = Chain(Path(folder), world, longest(world))
        chain.run()  # imports and caches
        runs = [chain.run() for _ in range(repeat)]
        files_s = statistics.median(chain.files_alone() for _ in range(repeat))
        sizes = ", ".join(f"{path.suffix[1:]} {path.stat().st_size / 1e3:.0f} kB" for path in chain.written)
        print(f"{ROWS} rows; raw {chain.path.stat().st_size / 1e3:.0f} kB, {sizes}")
    seconds = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
    for step, taken in seconds.items():
        print(f"  {step:<10} {1e3 * taken:7.1f} ms")
    total = sum(taken for step, taken in seconds.items() if step not in AFTERWARDS)
    imported = sum(seconds[step] for step in IMPORT)
    print(f"raw file to Level 0 with all tests and products {total:.2f} s (limit {LIMIT_S:g} s)")
    print(f"with the report {total + seconds['report']:.2f} s")
    print(f"reading and writing the same files {1e3 * files_s:.1f} ms; ratio {total / files_s:.0f}")
    print(
        f"import alone {1e3 * imported:.0f} ms: {1 / imported:.0f} flights per second, 1 000 in {1e3 * imported:.0f} s"
    )


if __name__ == "__main__":
    main()
