"""Weakness 19: a calibration that jumps is told on its day, and changes nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.minitrasgo import MuonStation
from tests.integration.test_mingo_join import record
from tests.support.mingo_store import DAY, MingoStore, own_database

pytestmark = pytest.mark.integration

FILES = 9
SECONDS = 600


@pytest.fixture(scope="module")
def database(mariadb):
    yield from own_database(mariadb)


def test_a_file_whose_calibration_lies_off_those_before_it_is_named_with_strip_and_shift(database, tmp_path):
    store = MingoStore(database, tmp_path, "MINGO02")
    usual, rewired = MuonStation(store.station, dead=()), MuonStation(store.station, seed=2, dead=())
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    starts = [noon + timedelta(seconds=2 * SECONDS * n) for n in range(FILES + 1)]
    for start in starts[:FILES]:
        store.deliver(usual, start, SECONDS)
    store.make()
    assert record(store).report["jumps"] == []

    last = store.deliver(rewired, starts[-1], SECONDS)
    store.make()
    jumps = record(store).report["jumps"]
    shift = rewired.channels.pedestal_front_ns - usual.channels.pedestal_front_ns
    moved = [f"P{c // 4 + 1}s{c % 4 + 1}" for c in range(16) if abs(shift[c]) > 0.6]
    assert moved
    for strip in moved:
        assert any(f"pedestal front of {strip} is" in jump for jump in jumps)
    assert all(jump.startswith(last.path.stem) and f"{FILES} files before" in jump for jump in jumps)
    assert record(store).files == FILES + 1
