"""C14-C15 against the vectors of the reference's section 8.1."""

import numpy as np
import pytest

from skyledger.minitrasgo.planes import build_planes, charge_topology, streamer_share, strip_patterns
from tests.support.mingo_planes import STANDARD, hits

LIMITS = STANDARD.planes


def test_two_strips_make_a_plane_weighted_by_charge() -> None:
    """Vector 7."""
    two = hits((0, 1, 2, {"q_sum": 30, "t_sum": -124.8}), (0, 1, 3, {"q_sum": 10, "t_sum": -124.6}))
    below = hits(
        (0, 1, 2, {"q_sum": 30, "t_sum": -124.8}), (0, 1, 3, {"q_sum": 10, "t_sum": -124.6}), (0, 2, 1, {})
    )
    made = build_planes(two, 1, LIMITS)
    assert made.y[0, 0] == pytest.approx(-33.25)
    assert made.q_sum[0, 0] == 40
    weighted = build_planes(below, 1, LIMITS)
    plain = build_planes(below, 1, LIMITS.model_copy(update={"charge_weighted": False}))
    assert weighted.t_rel[0, 1] == pytest.approx(-124 + 124.75)
    assert plain.t_rel[0, 1] == pytest.approx(-124 + 124.7)
    assert plain.y[0, 0] == pytest.approx(-33.25)  # y is weighted always


def test_y_of_one_strip_is_its_centre_in_every_run() -> None:
    """Weakness 4: no random numbers."""
    one = hits(*((event, 2, strip, {}) for event, strip in enumerate((1, 2, 3, 4))))
    first, again = build_planes(one, 4, LIMITS), build_planes(one, 4, LIMITS)
    np.testing.assert_allclose(first.y[:, 1], [-94.5, -14, 49, 112])
    np.testing.assert_array_equal(first.y, again.y)


def test_times_count_from_the_first_plane_present() -> None:
    """Vector 9, without the 1 ns that the original adds."""
    times = {2: -124.8142, 3: -124.2101, 4: -123.702}
    made = build_planes(hits(*((0, plane, 1, {"t_sum": t}) for plane, t in times.items())), 1, LIMITS)
    np.testing.assert_allclose(made.t_rel[0], [np.nan, 0, 0.6041, 1.1122], atol=1e-9)
    assert made.list_topology.tolist() == [234]


def test_a_value_of_exactly_zero_is_a_value() -> None:
    """Weakness 5."""
    made = build_planes(hits((0, 1, 1, {"t_dif": 0.0}), (0, 2, 1, {"t_dif": 0.0})), 1, LIMITS)
    assert made.list_topology.tolist() == [12]
    np.testing.assert_array_equal(made.t_rel[0], [0, 0, np.nan, np.nan])
    np.testing.assert_array_equal(made.x[0], [0, 0, np.nan, np.nan])


@pytest.mark.parametrize(
    "values",
    [{"t_sum": -130}, {"t_dif": 0.81}, {"t_dif": -0.81}, {"q_sum": 501}, {"q_dif": 4.1}, {"q_dif": -4.1}],
)
def test_each_window_takes_away_a_plane_outside_it(values: dict[str, float]) -> None:
    """Weakness 2."""
    made = build_planes(hits((0, 1, 1, {}), (0, 2, 1, {}), (0, 3, 1, values)), 1, LIMITS)
    assert made.list_topology.tolist() == [12]
    for field in (made.t_rel, made.t_dif, made.q_sum, made.q_dif, made.x, made.y):
        assert np.isnan(field[0, 2])
    assert made.pattern[0].tolist() == [1, 1, 1, 0]  # the strip was active nevertheless


def test_a_plane_too_far_across_is_taken_away() -> None:
    """Weakness 2."""
    made = build_planes(hits((0, 1, 4, {}), (0, 2, 2, {})), 1, LIMITS.model_copy(update={"y_max_mm": 90}))
    assert made.list_topology.tolist() == [2]


def test_times_do_not_count_from_a_plane_that_another_window_took_away() -> None:
    made = build_planes(hits((0, 1, 1, {"t_sum": -100, "q_dif": 9}), (0, 2, 1, {}), (0, 3, 1, {})), 1, LIMITS)
    assert made.list_topology.tolist() == [23]
    assert made.t_rel[0, 1] == 0


def test_a_strip_without_charge_is_not_active() -> None:
    made = build_planes(
        hits((0, 1, 1, {"q_sum": -1}), (0, 1, 3, {"q_sum": 5}), (1, 2, 1, {"q_sum": 0})), 2, LIMITS
    )
    assert made.list_topology.tolist() == [1, 0]
    assert made.y[0, 0] == 14
    assert made.pattern.tolist() == [[0b100, 0, 0, 0], [0, 0, 0, 0]]


def test_events_without_hits_keep_their_row() -> None:
    made = build_planes(hits((2, 1, 1, {}), (2, 4, 1, {})), 4, LIMITS)
    assert made.list_topology.tolist() == [0, 0, 14, 0]
    assert len(build_planes(hits(), 0, LIMITS)) == 0


def test_figures_of_a_file_tell_streamers_patterns_and_charge_topology() -> None:
    made = build_planes(
        hits(
            (0, 1, 1, {"q_sum": 120}), (0, 2, 2, {}), (0, 2, 3, {}), (1, 1, 1, {}), (1, 3, 4, {"q_sum": 101})
        ),
        2,
        LIMITS,
    )
    assert charge_topology(made, LIMITS.streamer_q_min_ns).tolist() == [2100, 1020]
    np.testing.assert_array_equal(streamer_share(made, LIMITS.streamer_q_min_ns), [0.5, 0, 1, np.nan])
    assert strip_patterns(made) == [{"1000": 2}, {"0110": 1}, {"0001": 1}, {}]
