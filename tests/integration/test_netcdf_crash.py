"""A product file whose writer is killed at any moment: the old one or the new one, never a half."""

import multiprocessing
import random
import time
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from skyledger.weather.netcdf import write_netcdf
from tests.support.runs import until_enough
from tests.support.weather import DAY, day_of_bins, station

pytestmark = pytest.mark.integration

SEED = 7
KILLS = 12
VERSIONS = 6
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_killed_writer_leaves_the_old_file_or_the_new_one_and_the_next_removes_what_it_left(tmp_path):
    """A process of its own writes every record of a day (3 MB) and is killed with SIGKILL while it does."""
    bins = day_of_bins(product="raw_1s", width_s=1)
    arguments = (bins, station(), station().periods[0], DAY)
    path = tmp_path / "day.nc"

    def write(target: Path, version: int) -> str:
        return write_netcdf(target, *arguments, created=CREATED, attributes={"version": version})

    def content() -> str:
        return sha256(path.read_bytes()).hexdigest()

    began = time.monotonic()
    whole = [write(path, version) for version in range(VERSIONS)]
    duration_s = (time.monotonic() - began) / len(whole)
    write(path, 0)

    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["skyledger.weather.netcdf", "skyledger.weather.stations"])
    dice = random.Random(SEED)
    shown = 0
    seen: Counter[str] = Counter()
    for _, pace in until_enough(seen, KILLS, left_behind=1):
        version = (shown + 1) % VERSIONS
        writer = processes.Process(
            target=write_netcdf,
            args=(path, *arguments),
            kwargs={"created": CREATED, "attributes": {"version": version}},
        )
        before = set(tmp_path.glob(".day.nc.*.part"))
        writer.start()
        # The writer removes what the last one left and begins a temporary file of its own
        while not set(tmp_path.glob(".day.nc.*.part")) - before and content() == whole[shown]:
            assert writer.is_alive() or writer.exitcode == 0
        time.sleep(dice.uniform(0, 2 * duration_s) * pace)
        writer.kill()
        writer.join()
        assert content() in {whole[shown], whole[version]}
        shown = whole.index(content())
        parts = list(tmp_path.glob(".day.nc.*.part"))
        assert len(parts) <= 1
        seen["left_behind"] += len(parts)

    assert write(path, 0) == content() == whole[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["day.nc"]
