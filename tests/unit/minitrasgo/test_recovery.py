"""What the muon world injects comes out of the reduction: 20 worlds of some 20 000 events. `pytest -s` prints pulls."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sandbox.minitrasgo import MuonStation
from skyledger.minitrasgo import rawfile
from skyledger.minitrasgo.calibrate import Calibration, Origin
from skyledger.minitrasgo.detector import channel
from skyledger.minitrasgo.reduce import Reduced, reduce
from skyledger.minitrasgo.stations import load_station, recipe

ONE, TWO = load_station("MINGO01"), load_station("MINGO02")
FIRST = datetime(2026, 1, 7, 3, 0, 17, tzinfo=UTC)
WORLDS = 20
SECONDS = 2060  # about 20 000 events


def reduced(world: MuonStation, start: datetime, seconds: int, folder: Path) -> Reduced:
    """What the reduction makes of a file of the world."""
    path = world.write_file(folder, start, seconds).path
    return reduce(rawfile.read(path), recipe(world.station, start))


def compared(world: MuonStation, start: datetime, result: Reduced) -> dict[str, np.ndarray]:
    """By quantity: found - injected, and the error, (2, values)."""
    rate_hz = world.expected_rate_hz(start.timestamp() + np.arange(SECONDS)).mean()
    rows = {"rate [Hz]": [[result.rate_hz - rate_hz], [result.rate_error_hz]]}
    for method, planes in (("ratio", (2, 3)), ("telescope", (1, 2, 3, 4))):
        for plane in planes:
            got = getattr(result.efficiencies, method)[plane]
            rows[f"efficiency {plane}, {method}"] = [
                [got.value - world.efficiencies[plane - 1]],
                [got.error],
            ]
    found, true = result.calibrated.calibration, world.channels
    for name in ("t_sum_offset", "t_dif_offset", "pedestal_front", "pedestal_back"):
        value, error = getattr(found, name), getattr(found, f"{name}_error")
        first = name == "t_sum_offset"  # relative to the first strip
        rows[f"{name} [ns]"] = [(value - getattr(true, f"{name}_ns"))[first:], error[first:]]
    return {name: np.array(row) for name, row in rows.items()}


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory) -> dict[str, np.ndarray]:
    """By quantity: found - injected, and the error, (worlds, 2, values). Prints the pulls."""
    folder = tmp_path_factory.mktemp("worlds")
    all_rows: dict[str, list[np.ndarray]] = {}
    for seed in range(1, WORLDS + 1):
        world, start = MuonStation(ONE, seed), FIRST + timedelta(days=17 * seed)  # other pressures
        result = reduced(world, start, SECONDS, folder)
        assert result.calibrated.calibration.own
        for name, rows in compared(world, start, result).items():
            all_rows.setdefault(name, []).append(rows)
    found = {name: np.array(rows) for name, rows in all_rows.items()}
    print(f"\n{'(found - injected) / error':28}   mean     sd  largest  values; mean of the difference")
    for name, rows in found.items():
        pulls = rows[:, 0] / rows[:, 1]
        print(
            f"{name:28} {pulls.mean():6.2f} {pulls.std():6.2f} {np.abs(pulls).max():8.2f} {pulls.size:7}; "
            f"{rows[:, 0].mean():+.4f}"
        )
    return found


@pytest.mark.slow
def test_rate_and_efficiencies_come_back_within_their_errors(comparisons):
    for name in ("rate [Hz]", *(name for name in comparisons if name.startswith("efficiency"))):
        difference, error = np.moveaxis(comparisons[name], 1, 0)
        pulls = difference / error
        assert abs(difference.mean()) < 3 * np.sqrt((error**2).mean() / WORLDS), name
        assert np.abs(pulls).max() < 4, name
        assert 0.5 < pulls.std() < 1.6, name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bias_ns"), [("t_sum_offset [ns]", 0.02), ("t_dif_offset [ns]", 0.003)])
def test_time_offsets_come_back_within_their_errors(comparisons, name, bias_ns):
    """The middle of a strip is not the mean of its hits, which shifts flight times by some ps."""
    difference, error = np.moveaxis(comparisons[name], 1, 0)
    assert np.abs(difference.mean(axis=0)).max() < bias_ns
    assert np.abs(difference).max() < 0.1
    pulls = difference / error
    assert np.abs(pulls).max() < 4.5  # of some 300
    assert 0.5 < pulls.std() < 1.4


@pytest.mark.slow
@pytest.mark.parametrize("end", ["front", "back"])
def test_pedestals_come_back(comparisons, end):
    """A quantile p of n widths lies sqrt(n p) of its errors above the smallest one, whatever n: a pull says nothing."""
    difference = comparisons[f"pedestal_{end} [ns]"][:, 0]
    assert difference.min() > -0.001
    assert difference.mean() < 0.04
    assert difference.max() < 0.15


def test_a_dead_strip_is_told_and_spoils_no_other(tmp_path):
    """weakness 16: one dead channel rejects a whole file"""
    world, start = MuonStation(TWO), FIRST
    result = reduced(world, start, 1200, tmp_path)
    found: Calibration = result.calibrated.calibration
    (dead,) = (channel(*strip) for strip in world.dead)
    others = np.arange(16) != dead
    assert found.hits[dead] == 0
    for origins in found.origin.values():
        assert origins[dead] != Origin.OWN
    t_sum = (found.t_sum_offset - world.channels.t_sum_offset_ns)[others]
    assert np.abs(t_sum).max() < 0.15
    assert np.abs(found.t_dif_offset - world.channels.t_dif_offset_ns)[others].max() < 0.05
    assert abs(result.rate_hz / world.expected_rate_hz(np.array([start.timestamp()]))[0] - 1) < 0.04
    efficiency = result.efficiencies.ratio
    assert abs(efficiency[2].value - world.efficiencies[1]) < 4 * efficiency[2].error
    assert efficiency[3].value < world.efficiencies[2] - 0.1  # what crosses the dead strip is lost


@pytest.mark.parametrize("dialect", ["daq", "simulator"])
def test_a_reader_counts_lines_as_the_world_does(tmp_path, dialect):
    written = MuonStation(ONE, dirt=3).write_file(tmp_path, FIRST, 300, dialect)
    raw = rawfile.read(written.path)
    assert (raw.lines_read, raw.comments, raw.rejected) == (written.lines, written.comments, written.rejected)
    assert raw.trigger == written.trigger
    np.testing.assert_array_equal(raw.coincidences.time_s, np.floor(written.tracks.time_s))
