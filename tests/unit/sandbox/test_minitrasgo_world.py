"""The muon world: the same events whoever asks, rates and directions out of physics, files as detectors write them."""

import sys
import tarfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sandbox.minitrasgo import MuonStation, muons, unpack
from sandbox.minitrasgo.atmosphere import Atmosphere
from sandbox.minitrasgo.dirt import DIRT
from sandbox.minitrasgo.response import THRESHOLD_NS
from skyledger.minitrasgo import unpacker
from skyledger.minitrasgo.detector import STRIP_CENTRE_MM, STRIP_WIDTH_MM, channel
from skyledger.minitrasgo.stations import SwappedStrips, Unpacker, load_station

ONE, TWO = load_station("MINGO01"), load_station("MINGO02")
START = datetime(2025, 3, 10, 0, 5, 17, tzinfo=UTC)
Z_MM = (0.0, 145.0, 290.0, 435.0)
TRIGGERS = ("12", "23", "34", "13")


def table(path: Path) -> np.ndarray:
    """(lines, 71) numbers of a file without damage."""
    return np.loadtxt(path)


def column(plane: int, kind: int, strip: int) -> int:
    """Place in a line: kind 0 T_F, 1 T_B, 2 Q_F, 3 Q_B."""
    return 7 + 16 * (4 - plane) + 4 * kind + strip - 1


# air


def test_flux_falls_with_pressure_and_temperature_by_the_stated_coefficients():
    air = Atmosphere(1, "MINGO01")
    time_s = np.arange(1_700_000_000, 1_731_000_000, 7_200.0)
    pressure, temperature = air.pressure_hpa(time_s), air.temperature_k(time_s)
    assert 3 < pressure.std() < 9
    assert 3 < temperature.std() < 8
    terms = np.stack([pressure - air.reference_hpa, temperature - air.reference_k], axis=1)
    (beta, alpha), *_ = np.linalg.lstsq(terms, np.log(air.modulation(time_s)), rcond=None)
    assert (beta, alpha) == pytest.approx((air.beta_per_hpa, air.alpha_per_k))
    assert air.modulation(time_s).max() < muons.LARGEST_MODULATION


# muons


def test_events_of_an_hour_are_those_of_the_day_within_it():
    world = MuonStation(ONE)
    whole, fired = world.events(START, 600)
    part, fired_part = world.events(START + timedelta(seconds=200), 100)
    within = np.isin(whole.number, part.number)
    assert within.sum() == len(part) > 500
    for name in ("time_s", "theta_rad", "x_mm"):
        np.testing.assert_array_equal(getattr(whole, name)[within], getattr(part, name))
    np.testing.assert_array_equal(fired[within], fired_part)


def test_two_stations_and_two_seeds_have_different_events():
    times = {
        w.events(START, 60)[0].time_s.tobytes()
        for w in (MuonStation(ONE), MuonStation(ONE, 2), MuonStation(TWO))
    }
    assert len(times) == 3


def test_acceptance_agrees_with_a_plain_simulation_from_a_wide_plane():
    """Points on a plane of 4 m by 4 m, cos^3 sin of the angle: another method, the same rates."""
    random = np.random.default_rng(1)
    n, half_mm = 2_000_000, 2000
    x, y = random.uniform(-half_mm, half_mm, (2, n))
    slope = np.sqrt(1 / random.random(n) ** 0.5 - 1)
    phi = random.uniform(-np.pi, np.pi, n)
    crossed = [
        (abs(x + z * slope * np.cos(phi)) <= 116) & (abs(y + z * slope * np.sin(phi)) <= 143.5) for z in Z_MM
    ]
    area_m2 = (2 * half_mm / 1000) ** 2
    for planes in ((0, 1), (0, 2), (0, 1, 2, 3)):
        hits = int(np.all([crossed[p] for p in planes], axis=0).sum())
        expected = hits / n * area_m2 * muons.FLUX_PER_M2_S
        bits = np.arange(16)
        having = np.all([bits >> p & 1 for p in planes], axis=0)
        found = muons.acceptance(Z_MM).rate_hz[:, having].sum(axis=1).mean()
        assert found == pytest.approx(expected, rel=4 / np.sqrt(hits))


def test_rate_of_triggers_is_that_of_a_real_station():
    rate, error = MuonStation(ONE).usual_rate_hz(START)
    assert 9 < rate < 10.5
    assert error / rate < 0.001


def test_events_come_at_the_expected_rate_and_follow_the_air():
    world = MuonStation(ONE, dirt=0)
    pulls = []
    for day in range(12):  # pressure changes by many hPa
        start = START + timedelta(days=day)
        expected = world.expected_rate_hz(start.timestamp() + np.arange(3600)).sum()
        pulls.append((len(world.events(start, 3600)[0]) - expected) / np.sqrt(expected))
    assert np.max(np.abs(pulls)) < 3.5
    assert 0.5 < np.std(pulls) < 1.7


def test_planes_fire_as_often_as_their_efficiency_says():
    world = MuonStation(ONE, efficiencies=(0.9, 0.8, 0.95, 0.85))
    found, fired = world.events(START, 7200)
    for plane, others in ((0, [1, 2]), (1, [0, 2]), (2, [0, 1]), (3, [1, 2])):
        sample = found.crossed[:, plane] & fired[:, others].all(axis=1)  # triggers without this plane
        share, true = fired[sample, plane].mean(), world.efficiencies[plane]
        assert abs(share - true) < 4 * np.sqrt(true * (1 - true) / sample.sum())


def test_vertical_tracks_are_as_frequent_as_the_cosine_law_says():
    """Through any point the angle goes as cos^3 sin: all tracks of a detector of planes close together."""
    found = muons.tracks((1,), 0, 2000, lambda t: np.ones(len(t)), (0.0, 0.001, 0.002, 0.003))
    cosine = np.cos(found.theta_rad)
    assert cosine.mean() == pytest.approx(4 / 5, abs=4 * cosine.std() / np.sqrt(len(found)))
    assert abs(np.mean(np.exp(1j * found.phi_rad))) < 4 / np.sqrt(len(found))


# files


def test_a_line_of_the_detector_has_fixed_places(tmp_path):
    path = MuonStation(ONE, dirt=0).write_file(tmp_path, START, 60).path
    assert path.name == "mi0125069000517.dat"
    lines = path.read_bytes().splitlines(keepends=True)
    assert {len(line) for line in lines} == {687}
    assert lines[0].startswith(b"2025 03 10 00 05 17  1   ")
    gaps = [group.replace(b" ", b"_") for group in (lines[0][64:66], lines[0][105:108])]
    assert gaps == [b"__", b"___"]
    assert path.stat().st_mtime == (START + timedelta(seconds=60)).timestamp()


def test_the_simulator_writes_single_blanks_and_times_of_strips_without_charge(tmp_path):
    world = MuonStation(ONE, dirt=0)
    path = world.write_file(tmp_path, START, 60, "simulator").path
    head, *lines = path.read_bytes().splitlines()
    assert head.startswith(b"# param_hash=")
    assert len(head) == 13 + 64
    assert all(b"  " not in line and len(line) == 661 for line in lines)
    values = table(path)[:, 7:].reshape(-1, 4, 4, 4)  # plane, kind, strip
    timed, wide = values[:, :, 0] != 0, values[:, :, 2] != 0
    assert (timed & ~wide).sum() > 50
    daq = table(world.write_file(tmp_path, START, 60).path)[:, 7:].reshape(-1, 4, 4, 4)
    assert ((daq[:, :, 0] != 0) & (daq[:, :, 2] == 0)).sum() < 10  # noise alone


def test_the_truth_is_in_the_file(tmp_path):
    world = MuonStation(ONE, dirt=0, noise_share=0, self_trigger_hz=0)
    written = world.write_file(tmp_path, START, 3000)
    values = table(written.path)
    assert len(values) == written.events
    minute = (START + timedelta(minutes=1)).replace(second=0)
    assert written.per_minute()[int(minute.timestamp())] == (values[:, 4] == minute.minute).sum()
    data = values[:, 7:].reshape(-1, 4, 4, 4)[:, ::-1]  # event, plane, kind, strip
    both = (data != 0).all(axis=2)
    np.testing.assert_array_equal(both.any(axis=2), written.fired)
    truth = world.channels
    flat = np.where(both[:, :, None], data, np.nan).transpose(0, 1, 3, 2).reshape(-1, 16, 4)
    front, back, q_front, q_back = np.moveaxis(flat, 2, 0)
    middle = [np.nanquantile((back - front) / 2, share, axis=0) for share in (0.1, 0.9)]
    np.testing.assert_allclose(np.mean(middle, axis=0), truth.t_dif_offset_ns, atol=0.06)
    # tracks near the edge miss the other planes a little more often
    np.testing.assert_allclose(np.subtract(*middle[::-1]), 0.96 * 0.8 * 2 * 116 / 199.861639, atol=0.07)
    for widths, offset in ((q_front, truth.q_front_ns), (q_back, truth.q_back_ns)):
        lowest = np.nanmin(widths, axis=0) - offset
        assert (lowest >= THRESHOLD_NS - 1e-4).all()
        assert (lowest < THRESHOLD_NS + 0.1).all()
    event, plane = np.nonzero(written.fired)
    strip = np.nanargmax(flat[..., 2].reshape(-1, 4, 4)[event, plane] - 80, axis=1)  # of the largest width
    t_dif = ((back - front) / 2 - truth.t_dif_offset_ns)[event, 4 * plane + strip]
    x_off = 199.861639 * t_dif - written.tracks.x_mm[event, plane]
    y_off = STRIP_CENTRE_MM[plane, strip] - written.tracks.y_mm[event, plane]
    assert abs(x_off.mean()) < 0.3
    assert 5 < x_off.std() < 15
    assert abs(y_off.mean()) < 0.5
    assert (np.abs(y_off) <= STRIP_WIDTH_MM[plane, strip] / 2).mean() > 0.95
    t_sum = (front + back) / 2 + truth.t_sum_offset_ns
    spread = np.nanmax(t_sum, axis=1) - np.nanmin(t_sum, axis=1)
    assert np.quantile(spread, 0.99) < 3.5  # flight through the detector, and scatter
    assert 0.02 < (np.nansum(flat[..., 2] - truth.q_front_ns, axis=1) > 150).mean() < 0.15  # streamers


def test_noise_hits_single_ends_and_self_triggers_occur(tmp_path):
    values = table(MuonStation(ONE, dirt=0).write_file(tmp_path, START, 1200).path)
    data = values[:, 7:].reshape(-1, 4, 4, 4)
    own = values[:, 6] == 2
    assert 0.02 < own.mean() < 0.05
    assert ((data[own] != 0).all(axis=2).any(axis=2).sum(axis=1) >= 1).all()
    one_ended = (data[:, :, 0] != 0) != (data[:, :, 1] != 0)
    assert 0.02 < one_ended.any(axis=(1, 2)).mean() < 0.5
    assert ((data[:, :, 0] != 0) != (data[:, :, 2] != 0)).any()


def test_a_dead_strip_is_silent_while_the_trigger_goes_on(tmp_path):
    whole = MuonStation(ONE, dirt=0, dead=()).write_file(tmp_path / "whole", START, 300)
    dead = MuonStation(ONE, dirt=0, dead=[(3, 2)]).write_file(tmp_path / "dead", START, 300)
    columns = [column(3, kind, 2) for kind in range(4)]
    assert table(whole.path)[:, columns].any()
    assert not table(dead.path)[:, columns].any()
    assert dead.events == whole.events
    assert MuonStation(TWO).dead


def test_exchanged_cables_exchange_columns(tmp_path):
    run = ONE.runs[-1]
    swapped = run.model_copy(update={"swapped_strips": (SwappedStrips(plane=4, strips=(3, 4)),)})
    station = ONE.model_copy(update={"runs": (*ONE.runs[:-1], swapped)})
    straight = table(MuonStation(ONE, dirt=0).write_file(tmp_path / "a", START, 120).path)
    crossed = table(MuonStation(station, dirt=0).write_file(tmp_path / "b", START, 120).path)
    for kind in range(4):
        here, there = column(4, kind, 3), column(4, kind, 4)
        straight[:, [here, there]] = straight[:, [there, here]]
    np.testing.assert_array_equal(straight, crossed)


def test_channels_of_other_stations_differ_a_little():
    one, two = MuonStation(ONE).channels, MuonStation(TWO).channels
    assert one.t_front_ns[channel(4, 4)] == -121
    assert one.q_back_ns[channel(2, 3)] == 91
    assert 0 < np.abs(one.t_sum_offset_ns - two.t_sum_offset_ns).max() < 2


@pytest.mark.parametrize("dialect", ["daq", "simulator"])
def test_damaged_lines_are_counted_by_kind(tmp_path, dialect):
    clean = MuonStation(ONE, dirt=0).write_file(tmp_path / "clean", START, 300, dialect)
    dirty = MuonStation(ONE, dirt=2).write_file(tmp_path / "dirty", START, 300, dialect)
    assert set(dirty.dirt) == set(DIRT)
    assert dirty.rejected == {"invalid date": 6, "malformed number": 2, "wrong column count": 4}
    assert dirty.trigger == clean.trigger | {"other": 2}
    before, after = clean.path.read_bytes().split(b"\n"), dirty.path.read_bytes().split(b"\n")
    assert (len(before) - 1, len(after) - 1) == (clean.lines, dirty.lines)
    assert len(set(before) - set(after)) == 2 + 4  # two without a blank, four in two long lines


def test_a_growing_file_is_a_beginning_of_the_whole_one(tmp_path):
    world = MuonStation(ONE)
    part = world.write_part(tmp_path, START, 60, share=0.5).path.read_bytes()
    whole = world.write_file(tmp_path, START, 60).path.read_bytes()
    assert 0.4 * len(whole) < len(part) < 0.6 * len(whole)
    assert whole.startswith(part)


@pytest.mark.parametrize("kind", ["dat", "hld"])
def test_archives_hold_the_same_events(tmp_path, kind):
    world = MuonStation(ONE)
    archive = world.write_archive(tmp_path, START, 60, kind).path
    again = world.write_archive(tmp_path / "again", START, 60, kind).path
    assert archive.name == f"mi0125069000517.{kind}.tar.gz"
    assert archive.read_bytes() == again.read_bytes()
    with tarfile.open(archive) as content:
        (member,) = content.getmembers()
        assert member.name.endswith(f"/mi0125069000517.{kind}")
        data = content.extractfile(member).read()
    assert (unpack.unpack(data) if kind == "hld" else data) == world.write_file(
        tmp_path, START, 60
    ).path.read_bytes()


def test_the_unpacker_obeys_the_interface(tmp_path):
    archive = MuonStation(ONE).write_archive(tmp_path, START, 30).path
    command = (sys.executable, unpack.__file__, "{input}", "{output}")
    (made,) = unpacker.unpack(Unpacker(command=command, environment={}), archive, tmp_path / "made")
    assert made.name == "mi0125069000517.dat"
    assert made.read_bytes() == MuonStation(ONE).write_file(tmp_path, START, 30).path.read_bytes()


def test_the_unpacker_says_what_it_cannot_unpack(tmp_path, capsys):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    assert unpack.main(source, target) == 1
    assert "no .hld file" in capsys.readouterr().err
    (source / "mi0125069000517.hld").write_bytes(unpack.pack(b"text\n"))
    (source / "mi0125069000518.hld").write_bytes(b"something else")
    assert unpack.main(source, target) == 1
    assert (target / "mi0125069000517.dat").read_bytes() == b"text\n"
    assert "mi0125069000518.hld: no event data" in capsys.readouterr().err


def test_files_begin_at_the_station_s_cadence():
    world = MuonStation(ONE, cadence_s=600)
    starts = list(world.starts(START, START + timedelta(hours=1)))
    assert len(starts) == 6
    assert starts == list(world.starts(starts[0], starts[-1] + timedelta(seconds=1)))
    assert {(after - before).seconds for before, after in pairwise(starts)} == {600}
