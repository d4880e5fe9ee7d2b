"""C8-C13 together: constants out of a file, where they come from when it has too few hits, what they do to strips."""

from dataclasses import replace

import numpy as np
import pytest

from skyledger.minitrasgo.calibrate import NEEDED, Calibrated, Calibration, Origin, calibrate, drift
from skyledger.minitrasgo.clean import Hits, clean
from skyledger.minitrasgo.detector import CHANNELS, SIGNAL_MM_PER_NS, channel
from skyledger.minitrasgo.reduction import Reduction
from skyledger.minitrasgo.stations import reduction
from tests.support.minitrasgo import Z_MM, made_calibration, made_events, written_events

L25 = reduction("l25")
P1S2 = channel(1, 2)
OWN, LAST_GOOD, NEIGHBOURS, NONE = Origin


def changed(part: str, **values: object) -> Reduction:
    """Settings with some values of one step replaced."""
    return L25.model_copy(update={part: getattr(L25, part).model_copy(update=values)})


def calibrated(events, last_good: Calibration | None = None, settings: Reduction = L25) -> Calibrated:
    return calibrate(clean(events, settings.clean, settings.strip), settings, Z_MM, last_good)


def with_origin(calibration: Calibration, name: str, strip: int, origin: Origin) -> Calibration:
    origins = list(calibration.origin[name])
    origins[strip] = origin
    return replace(calibration, origin=calibration.origin | {name: tuple(origins)})


@pytest.fixture(scope="module")
def made():
    return made_events(20_000, seed=11)


@pytest.fixture(scope="module")
def result(made):
    return calibrated(made[0])


def test_injected_constants_come_back(made, result):
    truth, found = made[1], result.calibration
    # The quantile lies above the pedestal by what the rarest small charges are
    for name in ("pedestal_front", "pedestal_back"):
        np.testing.assert_allclose(getattr(found, name) - getattr(truth, name), 0.2, atol=0.2)
    np.testing.assert_allclose(found.t_dif_offset, truth.t_dif_offset, atol=0.03)
    np.testing.assert_allclose(found.t_sum_offset, truth.t_sum_offset, atol=0.09)
    assert np.abs((found.t_sum_offset - truth.t_sum_offset)[1:] / found.t_sum_offset_error[1:]).max() < 3.5
    assert found.crt_ps == pytest.approx(430, abs=20)
    assert (found.own, found.complete, found.strip_pairs >= 78) == (True, True, True)
    assert (found.hits > 1500).all()


def test_every_value_of_a_file_has_an_error(result):
    for name in NEEDED:
        error = getattr(result.calibration, f"{name}_error")
        assert ((error > 0) | ((name == "t_sum_offset") & (np.arange(CHANNELS) == 0))).all()
    assert (result.calibration.front_back_error > 0).all()


def test_what_is_removed_adds_up(made, result):
    cleaned = clean(made[0], L25.clean, L25.strip)
    assert len(cleaned.hits) - len(result.hits) == sum(result.removed.values())
    assert result.removed["coincidence_before"] > 0
    assert result.cal_topology.tolist() == result.hits.topology(cleaned.n).tolist()


def test_times_are_measured_before_uncorrected_times_are_tested(made, result):
    """The test cuts the tails of strips with long cables."""
    untested = calibrated(made[0], settings=changed("time_sum", coincidence_before_ns=None))
    np.testing.assert_array_equal(untested.calibration.t_sum_offset, result.calibration.t_sum_offset)
    assert len(untested.hits) > len(result.hits)


def test_same_events_give_same_numbers(made, result):
    again = calibrated(made_events(20_000, seed=11)[0])
    for name in Hits.__slots__:
        np.testing.assert_array_equal(getattr(again.hits, name), getattr(result.hits, name))
    np.testing.assert_array_equal(again.calibration.t_sum_offset, result.calibration.t_sum_offset)


def test_noise_does_not_move_the_constants():
    events, truth = made_events(20_000, seed=12, noise=0.2)
    found = calibrated(events).calibration
    np.testing.assert_allclose(found.t_dif_offset, truth.t_dif_offset, atol=0.05)
    np.testing.assert_allclose(found.t_sum_offset, truth.t_sum_offset, atol=0.1)


def test_pedestals_and_offset_are_taken_off_one_strip():
    events = written_events({P1S2: (-125.4058, -124.2226, 122.5032, 123.5372)})
    hits = calibrated(events, made_calibration(88, 89.1, 0.45, 2.0)).hits
    assert hits.q_sum[0] == pytest.approx(34.4702, abs=1e-4)
    assert hits.q_dif[0] == pytest.approx(0.0330000, abs=1e-4)
    assert hits.t_dif[0] == pytest.approx(0.141600, abs=1e-4)
    assert hits.t_sum[0] == pytest.approx(-122.8142, abs=1e-4)


def test_the_first_event_of_the_tiny_raw_file_gives_its_charges_and_positions():
    events = written_events(
        {
            P1S2: (-125.4058, -124.2226, 122.5032, 123.5372),
            channel(2, 2): (-125.0012, -124.4340, 101.2500, 102.0100),
            channel(3, 3): (-124.6120, -123.9900, 115.7501, 114.9002),
            channel(4, 3): (-124.1007, -123.3033, 99.0625, 98.4001),
        }
    )
    hits = calibrated(events, made_calibration(88, 88, 0.3)).hits
    assert hits.q_sum == pytest.approx([35.0202, 13.6300, 27.3252, 10.7313], abs=1e-4)
    assert SIGNAL_MM_PER_NS * hits.t_dif == pytest.approx([58.2797, -3.27773, 2.19848, 19.7263], abs=2e-3)


# -- where a constant comes from


def test_a_file_of_few_hits_borrows_everything_from_the_last_good_one(result):
    """Weakness 15."""
    short = calibrated(made_events(600, seed=13)[0], result.calibration)
    found = short.calibration
    assert (found.hits < 300).all()
    for name in NEEDED:
        np.testing.assert_array_equal(getattr(found, name), getattr(result.calibration, name))
        np.testing.assert_array_equal(
            getattr(found, f"{name}_error"), getattr(result.calibration, f"{name}_error")
        )
        assert set(found.origin[name]) == {LAST_GOOD}
    assert set(found.origin["front_back"]) == {LAST_GOOD}
    assert (found.own, found.complete) == (False, True)
    assert len(short.hits) > 1000


def test_a_first_file_of_few_hits_uses_no_strip_and_says_so():
    """Weakness 15: there is no table for all stations."""
    short = calibrated(made_events(600, seed=13)[0])
    assert all(set(short.calibration.origin[name]) == {NONE} for name in NEEDED)
    assert np.isnan(short.calibration.pedestal_front).all()
    assert (len(short.hits), short.calibration.complete) == (0, False)
    assert short.removed["uncalibrated"] > 1000
    assert not short.cal_topology.any()


def test_a_dead_channel_costs_its_strip_and_nothing_else(made, result):
    """Weakness 16."""
    dead = channel(2, 3)
    found = calibrated(made_events(20_000, seed=11, dead_channels=[dead])[0])
    assert found.calibration.hits[dead] == 0
    assert not (found.hits.channel == dead).any()
    for name in NEEDED:
        expected = [OWN] * CHANNELS
        expected[dead] = NEIGHBOURS
        assert found.calibration.origin[name] == tuple(expected)
        value = getattr(found.calibration, name)
        assert value[dead] == np.median(value[[channel(2, 1), channel(2, 2), channel(2, 4)]])
        assert np.isnan(getattr(found.calibration, f"{name}_error")[dead])
    assert (found.calibration.own, found.calibration.complete) == (True, True)
    others = np.delete(np.arange(CHANNELS), dead)
    offset = found.calibration.t_sum_offset
    np.testing.assert_allclose(offset[others], result.calibration.t_sum_offset[others], atol=0.06)


def test_a_strip_without_own_value_takes_the_last_good_one_before_its_neighbours(made):
    dead, last_good = channel(3, 2), made_calibration(t_dif_offset=np.linspace(-1, 1, CHANNELS))
    found = calibrated(made_events(20_000, seed=11, dead_channels=[dead])[0], last_good).calibration
    assert found.origin["t_dif_offset"][dead] == LAST_GOOD
    assert found.t_dif_offset[dead] == last_good.t_dif_offset[dead]
    assert found.origin["t_dif_offset"].count(OWN) == CHANNELS - 1


def test_what_was_guessed_from_neighbours_is_not_handed_on():
    last_good = with_origin(made_calibration(), "pedestal_back", 5, NEIGHBOURS)
    found = calibrated(written_events({P1S2: (-125, -125, 120, 120)}), last_good).calibration
    assert found.origin["pedestal_back"][5] == NEIGHBOURS
    assert found.origin["pedestal_front"][5] == LAST_GOOD


def test_offsets_that_do_not_reach_the_first_strip_keep_the_last_good_reference(made, result):
    found = calibrated(made_events(20_000, seed=11, dead_channels=[0])[0], result.calibration).calibration
    assert found.origin["t_sum_offset"] == (LAST_GOOD, *[OWN] * 15)
    np.testing.assert_allclose(found.t_sum_offset, result.calibration.t_sum_offset, atol=0.06)


def test_without_front_back_polynomial_strips_are_used_with_a_wider_limit():
    last_good = made_calibration(88, 88)
    events = written_events({P1S2: (-125, -125, 120, 111)}, {P1S2: (-125, -125, 120, 99)})
    found = calibrated(events, last_good)
    assert found.calibration.origin["front_back"] == (NONE,) * CHANNELS
    assert found.hits.q_dif.tolist() == [4.5]
    assert found.removed["q_dif"] == 1


def test_front_back_can_be_switched_off(made):
    off = calibrated(made[0], settings=changed("front_back", enabled=False))
    assert set(off.calibration.origin["front_back"]) == {NONE}
    assert np.isnan(off.calibration.front_back).all()


def test_an_empty_file_is_calibrated_to_nothing():
    nothing = calibrated(written_events())
    assert len(nothing.hits) == 0
    assert nothing.calibration.hits.tolist() == [0] * CHANNELS
    assert np.isnan(nothing.calibration.crt_ps)


# -- what the windows take


@pytest.mark.parametrize(
    ("values", "name", "settings"),
    [
        pytest.param(
            (-125, -125, 286, 286), "q_sum", changed("clean", q_window_ns=(0, 500)), id="much charge"
        ),
        pytest.param(
            (-125, -125, 76, 76), "q_sum", changed("clean", q_window_ns=(0, 500)), id="little charge"
        ),
        pytest.param((-125, -123.3, 120, 120), "t_dif", L25, id="time difference"),
        pytest.param((-125, -125, 120, 99), "q_dif", L25, id="charge difference"),
        pytest.param((-125, -125, 120, 115), "front_back", L25, id="after front-back"),
        pytest.param((-119, -119, 120, 120), "coincidence_before", L25, id="before offsets"),
        pytest.param(
            (-121, -121, 120, 120),
            "coincidence_after",
            changed("time_sum", coincidence_before_ns=None),
            id="after offsets",
        ),
    ],
)
def test_each_calibrated_window_takes_what_lies_outside_and_nothing_else(values, name, settings):
    """Weakness 2."""
    known = with_origin(made_calibration(88, 88), "front_back", P1S2, OWN)
    known = replace(known, front_back=np.zeros((CHANNELS, 5)), front_back_error=np.zeros((CHANNELS, 5)))
    if name in {"q_sum", "q_dif"}:
        settings = settings.model_copy(
            update={"strip": settings.strip.model_copy(update={"calibrated_q_sum_window_ns": (-10, 190)})}
        )
    good = (-125, -125, 120, 120)
    others = {channel(2, 2): good, channel(3, 2): good, channel(4, 2): good}
    found = calibrated(written_events({P1S2: values, **others}), known, settings)
    assert found.hits.channel.tolist() == list(others)
    assert {filter_name for filter_name, count in found.removed.items() if count} == {name}


def test_flight_time_is_taken_off_before_the_last_coincidence():
    good, z_mm = (-125, -125, 120, 120), (0, 500, 1000, 1500)  # 5 ns of flight
    late = (-120, -120, 120, 120)
    events = written_events({channel(1, 1): good, channel(4, 1): late, channel(4, 2): late})
    settings = changed("time_sum", coincidence_before_ns=None, coincidence_after_ns=1)
    cleaned = clean(events, settings.clean, settings.strip)
    known = made_calibration(88, 88)
    assert len(calibrate(cleaned, settings, z_mm, known).hits) == 3
    assert len(calibrate(cleaned, settings, Z_MM, known).hits) == 2


def test_cross_talk_leaves_the_charges_written_out_and_its_pedestal_the_others():
    known = made_calibration(88, 88)
    for name, value in (("cross_talk_pedestal", 0.5), ("cross_talk_limit", 2.0)):
        known = with_origin(known, name, P1S2, OWN)
        known = replace(known, **{name: np.full(CHANNELS, value), f"{name}_error": np.full(CHANNELS, 0.1)})
    events = written_events(
        {P1S2: (-125, -125, 89, 89), channel(1, 3): (-125, -125, 89, 89)}, {P1S2: (-125, -125, 98, 98)}
    )
    found = calibrated(events, known)
    assert found.hits.q_sum.tolist() == [0.5, 1, 9.5]  # of the second strip nothing is known
    np.testing.assert_array_equal(found.strip_charge, [np.nan, 1, 10])


# -- continuity


def test_a_jump_against_earlier_files_is_seen_and_what_was_borrowed_is_not_compared():
    """Weakness 19."""
    earlier = [made_calibration(pedestal_front=88 + k) for k in (0.0, 0.1, 0.2)]
    jumped = with_origin(made_calibration(pedestal_front=95.1), "pedestal_front", 3, LAST_GOOD)
    away = drift(jumped, earlier)["pedestal_front"]
    assert np.isnan(away[3])
    np.testing.assert_allclose(np.delete(away, 3), 7.0)
    assert np.isnan(drift(jumped, [])["t_dif_offset"]).all()
