"""C12: time offsets of strips out of pairs of planes."""

import numpy as np
import pytest

from skyledger.minitrasgo.clean import Hits
from skyledger.minitrasgo.detector import (
    CHANNELS,
    LIGHT_MM_PER_NS,
    SIGNAL_MM_PER_NS,
    STRIP_CENTRE_MM,
    channel,
)
from skyledger.minitrasgo.stations import reduction
from skyledger.minitrasgo.timing import (
    StripPairs,
    flight_time_ns,
    leading_strips,
    resolution,
    solve,
    strip_pairs,
    time_offsets,
)

SETTINGS = reduction("standard").time_sum
Z_MM = np.array([0.0, 145.0, 290.0, 435.0])
Y_MM = STRIP_CENTRE_MM.ravel()
OFFSET = np.linspace(0, 9, CHANNELS)  # ns: cables differ by more than any window


def pairs(*rows, sigma=0.7):
    """Strip pairs from (upper, lower, entries, shift)."""
    upper, lower, entries, shift = map(np.array, zip(*rows, strict=True))
    sigmas = np.full(len(rows), sigma)
    return StripPairs(upper, lower, entries, shift.astype(float), sigmas, sigmas)


def upright_hits(n, seed, planes=(1, 2, 3, 4), dead=()):
    """Upright tracks through the planes, their hits late by OFFSET."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(-143.5, 143.5, n)
    strip = np.stack(
        [channel(p, 1) + np.abs(y[:, None] - Y_MM[4 * p - 4 : 4 * p]).argmin(axis=1) for p in planes], axis=1
    )
    t = Z_MM[np.array(planes) - 1] / LIGHT_MM_PER_NS + rng.normal(-124, 3, (n, 1))
    t = t + OFFSET[strip] + rng.normal(0, 0.5, strip.shape)
    alive = ~np.isin(strip, dead)
    event = np.nonzero(alive)[0].astype(np.int32)
    rest = np.zeros(len(event))
    return Hits(event, strip[alive].astype(np.int8), t[alive], rest, rest + 20, rest)


def test_a_flight_of_145_mm_takes_light_half_a_nanosecond():
    assert flight_time_ns(np.zeros(1), np.zeros(1), 145)[0] == pytest.approx(0.483668, abs=1e-6)


def test_a_plane_resolves_half_the_variance_of_a_pair():
    assert resolution(pairs((0, 4, 100, 0.0), sigma=0.5), 1000)[0] == pytest.approx(353.553, abs=1e-3)


def test_pairs_far_from_the_others_do_not_enter_the_resolution():
    rows = [(0, 4 + k, 100, 0.0) for k in range(10)]
    odd = pairs(*rows)
    odd.sigma_ns[[3, 7]] = 1.2, 2.0  # outside the fences; above the limit
    assert resolution(odd, 1000) == (pytest.approx(700 / np.sqrt(2)), pytest.approx(0))
    assert np.isnan(resolution(odd, 100)).all()


def test_offsets_bring_the_shifts_of_all_pairs_closest_to_zero():
    o = solve(pairs((0, 4, 100, 0.5), (4, 8, 100, -0.2), (0, 8, 100, 0.36))).value
    assert o[[0, 4, 8]] == pytest.approx([0, -0.520000, -0.340000])
    assert np.isnan(np.delete(o, [0, 4, 8])).all()


def test_only_the_largest_connected_set_of_strips_is_solved():
    o = solve(pairs((0, 4, 150, 0.5), (5, 9, 400, 1.0), (9, 13, 400, 1.0)))
    assert o.value[[5, 9, 13]] == pytest.approx([0, -1, -2])
    assert np.isnan(o.value[[0, 4]]).all()
    assert o.error[5] == 0 < o.error[9] < o.error[13]


def test_without_any_pair_no_offset_is_known():
    nothing = time_offsets(upright_hits(50, seed=1), Z_MM, SETTINGS)
    assert np.isnan(nothing.offset).all()
    assert (nothing.strip_pairs, np.isnan(nothing.crt_ps)) == (0, True)
    assert time_offsets(upright_hits(0, seed=1), Z_MM, SETTINGS).strip_pairs == 0


def test_offsets_of_several_nanoseconds_are_found_between_all_planes():
    """Weakness 10: the window lies around the median of each pair."""
    found = time_offsets(upright_hits(8000, seed=2), Z_MM, SETTINGS)
    np.testing.assert_allclose(found.offset.value, -OFFSET, atol=0.1)
    pulls = (found.offset.value[1:] + OFFSET[1:]) / found.offset.error[1:]
    assert np.abs(pulls).max() < 4
    # Trimming narrows a Gaussian of 0.5 ns
    assert found.crt_ps == pytest.approx(500 * 0.853, rel=0.04)


def test_errors_of_offsets_are_their_scatter():
    found = [time_offsets(upright_hits(3000, seed=seed), Z_MM, SETTINGS).offset for seed in range(10, 22)]
    value, error = (np.array(column)[:, 1:] for column in zip(*found, strict=True))
    assert 0.7 < (value - value.mean(axis=0)).std() / error.mean() < 1.3


def test_events_of_planes_2_3_4_and_all_pairs_of_strips_enter():
    """Weakness 10: the last strip of one plane over the first of the next too."""
    rng = np.random.default_rng(3)
    strip = rng.integers(0, 4, (9000, 3)) + np.array([4, 8, 12])
    event = np.repeat(np.arange(9000, dtype=np.int32), 3)
    rest = np.zeros(strip.size)
    hits = Hits(event, strip.ravel().astype(np.int8), rest, rest, rest + 20, rest)
    found = strip_pairs(leading_strips(hits), Z_MM, SETTINGS)
    assert len(found.entries) == 3 * 16
    assert (channel(2, 4), channel(3, 1)) in set(zip(found.upper.tolist(), found.lower.tolist(), strict=True))


def test_events_of_two_planes_do_not_enter():
    assert len(leading_strips(upright_hits(100, seed=4, planes=(1, 3))).channel) == 0


def test_flight_times_use_the_strips_where_they_are():
    """Weakness 3: hits at rest in time are early by the way between the centres that `detector` gives."""
    upper, lower, third = channel(1, 1), channel(2, 4), channel(3, 2)
    n, x = 200, 50.0
    event = np.repeat(np.arange(n, dtype=np.int32), 3)
    t_dif = np.tile([0, x / SIGNAL_MM_PER_NS, 0], n)
    rest = np.zeros(3 * n)
    hits = Hits(event, np.tile([upper, lower, third], n).astype(np.int8), rest, t_dif, rest + 20, rest)
    found = strip_pairs(leading_strips(hits), Z_MM, SETTINGS)
    way = np.sqrt(x**2 + (112 - -112) ** 2 + 145**2)
    assert found.shift_ns[0] == pytest.approx(-way / LIGHT_MM_PER_NS)


def test_the_strip_with_most_charge_stands_for_its_plane():
    hits = Hits(
        event=np.zeros(5, np.int32),
        channel=np.array([0, 1, 5, 9, 10], np.int8),
        t_sum=np.arange(5.0),
        t_dif=np.zeros(5),
        q_sum=np.array([10, 30, 20, 15, 15.0]),
        q_dif=np.zeros(5),
    )
    leading = leading_strips(hits)
    assert leading.channel.tolist() == [[1, 5, 9, -1]]
    np.testing.assert_array_equal(leading.t_sum, [[1, 2, 3, np.nan]])


def test_tails_and_times_outside_the_window_do_not_move_a_pair():
    hits = upright_hits(4000, seed=5)
    late = hits.t_sum.copy()
    late[::50] += 4
    found = time_offsets(
        Hits(hits.event, hits.channel, late, hits.t_dif, hits.q_sum, hits.q_dif), Z_MM, SETTINGS
    )
    np.testing.assert_allclose(found.offset.value, -OFFSET, atol=0.1)


def test_a_dead_strip_leaves_the_others_as_they_are():
    found = time_offsets(upright_hits(8000, seed=2, dead=[0, 6]), Z_MM, SETTINGS).offset.value
    assert np.isnan(found[[0, 6]]).all()
    others = np.delete(np.arange(CHANNELS), [0, 6])
    np.testing.assert_allclose(found[others], OFFSET[1] - OFFSET[others], atol=0.08)
