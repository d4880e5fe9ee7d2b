"""The figures that are known of a simulated file of 20 000 events (reference 6.3), from its text to its rate.

The fixture holds the strips with all four values of that file, in units of 0.0001 ns, and the events of each second.
True efficiencies: 0.9521, 0.9404, 0.9494, 0.9327. Heights of the planes: 0, 145, 290, 435 mm.
"""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sandbox.minitrasgo.files import lines
from sandbox.minitrasgo.response import Signals
from skyledger.cli import app
from skyledger.minitrasgo.detector import CHANNELS

SAMPLE = Path(__file__).parents[2] / "fixtures" / "minitrasgo" / "simulated_20k.parquet"
NAME = "mi0125069010003"
T_FRONT_NS = np.array(
    [[-130, -128, -126, -124], [-129, -127, -125, -123], [-128, -126, -124, -122], [-127, -125, -123, -121]]
)
T_BACK_NS = np.array(
    [[-131, -129, -127, -127], [-128, -128, -127, -126], [-129, -127, -126, -125], [-126, -126, -125, -124]]
)
Q_FRONT_NS = np.array([[85, 87, 89, 91], [86, 88, 90, 92], [87, 89, 91, 93], [88, 90, 92, 94]])
EFFICIENCY = {"1": 0.9521, "2": 0.9404, "3": 0.9494, "4": 0.9327}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """What `skyledger minitrasgo reduce --json` says of the file."""
    table = pq.read_table(SAMPLE)
    start = datetime.fromisoformat(table.schema.metadata[b"first_second_utc"].decode()).replace(tzinfo=UTC)
    counts = np.array(table.schema.metadata[b"events_per_second"].split(), dtype=int)
    time_s = int(start.timestamp()) + np.repeat(np.arange(len(counts)), counts)
    hit = {name: table[name].to_numpy().astype(float) / 1e4 for name in table.column_names[2:]}
    values = (
        hit["t_front"],
        hit["t_front"] + hit["t_back_minus_front"],
        hit["q_front"],
        hit["q_front"] + hit["q_back_minus_front"],
    )
    dense = [np.full((len(time_s), CHANNELS), np.nan) for _ in values]
    for array, column in zip(dense, values, strict=True):
        array[table["event"].to_numpy(), table["channel"].to_numpy()] = column
    path = tmp_path_factory.mktemp("sample") / f"{NAME}.dat"
    path.write_bytes(lines("daq", time_s, np.ones(len(time_s), np.uint8), Signals(*dense)).tobytes())
    arguments = ["minitrasgo", "reduce", str(path), "--z", "0,145,290,435", "--json"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    (only,) = json.loads(done.stdout)["files"]
    return only


def test_the_form_is_the_agreed_one(figures):
    assert {
        *(
            "file",
            "events",
            "raw_topology",
            "clean_topology",
            "list_topology",
            "pedestal_front",
            "pedestal_back",
        ),
        *(
            "t_dif_offset",
            "t_sum_offset",
            "efficiency",
            "live_seconds",
            "rate_hz",
            "rate_error_hz",
            "seconds",
        ),
    } <= figures.keys()
    assert {"parse", "clean", "calibrate", "track"} <= figures["seconds"].keys()


def test_events_and_rate(figures):
    assert (figures["file"], figures["events"], figures["live_seconds"]) == (f"{NAME}.dat", 20_000, 2116)
    assert figures["rate_hz"] == pytest.approx(9.4518, abs=1e-4)
    assert figures["rate_error_hz"] == pytest.approx(9.4518 / 20_000**0.5, rel=1e-3)


def test_topologies_of_tracks_are_within_two_per_cent(figures):
    expected = {
        "12": 5090, "13": 116, "14": 2, "23": 2980, "24": 17, "34": 4588,
        "123": 2291, "124": 104, "134": 144, "234": 2194, "1234": 2124,
    }  # fmt: skip
    for topology, count in expected.items():
        assert figures["list_topology"][topology] == pytest.approx(count, rel=0.02, abs=2)


def test_pedestals_are_those_that_were_put_in(figures):
    """Smallest widths lie 0.14 to 0.15 ns above the offset."""
    np.testing.assert_allclose(figures["pedestal_front"], Q_FRONT_NS + 0.145, atol=0.02)
    np.testing.assert_allclose(figures["pedestal_back"], Q_FRONT_NS + 1 + 0.145, atol=0.02)


def test_offsets_are_those_that_were_put_in(figures):
    np.testing.assert_allclose(figures["t_dif_offset"], (T_BACK_NS - T_FRONT_NS) / 2, atol=0.05)
    middle = (T_FRONT_NS + T_BACK_NS) / 2
    np.testing.assert_allclose(figures["t_sum_offset"], -(middle - middle[0, 0]), atol=0.05)
    assert figures["strip_pairs"] == 81
    assert figures["crt_ps"] == pytest.approx(424, rel=0.05)


def test_efficiencies_are_those_that_were_put_in(figures):
    ratio, telescope = figures["efficiency"]["ratio"], figures["efficiency"]["telescope"]
    assert [ratio[plane][0] for plane in ("2", "3")] == pytest.approx([0.9365, 0.9533], abs=2e-4)
    for plane, true in EFFICIENCY.items():
        value, error = telescope[plane]
        assert abs(value - true) < 3 * error
        assert error < 0.02


def test_z_must_be_four_heights(tmp_path):
    path = tmp_path / f"{NAME}.dat"
    path.touch()
    done = CliRunner().invoke(app, ["minitrasgo", "reduce", str(path), "--z", "0,145"])
    assert done.exit_code == 2
    assert "four heights" in done.output


def test_a_file_that_cannot_be_used_is_told_and_the_others_are_shown(tmp_path):
    from skyledger.errors import FormatError
    from skyledger.minitrasgo.figures import reduce_paths

    (tmp_path / f"{NAME}.dat").touch()
    (result,) = reduce_paths([tmp_path / f"{NAME}.dat"])
    assert isinstance(result, FormatError)
    assert "0 lines" in str(result)


def test_a_packed_file_is_reduced_like_a_plain_one(tmp_path):
    from skyledger.minitrasgo.figures import figures, reduce_paths

    tiny = (Path(__file__).parents[2] / "fixtures" / "minitrasgo" / "tiny.dat").read_bytes() * 20
    plain, packed = tmp_path / f"{NAME}.dat", tmp_path / f"{NAME}.dat.gz"
    good = b"".join(
        line + b"\n" for line in tiny.splitlines() if len(line) == 686 and not line.startswith(b"0000")
    )
    plain.write_bytes(good)
    packed.write_bytes(gzip.compress(good))
    one, other = (figures(result) for result in reduce_paths([plain, packed]))
    assert one["events"] == other["events"] == 40
    assert one["raw_topology"] == other["raw_topology"]
