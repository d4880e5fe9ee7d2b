"""C19: counts and live seconds; vectors of the reference's sections 8.1 and 8.3."""

from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.minitrasgo.accumulate import Minutes, accumulate
from skyledger.minitrasgo.detector import IntArray
from skyledger.minitrasgo.reduction import Accumulate
from tests.support.mingo_planes import STANDARD

LIMITS = STANDARD.accumulate
TEN = int(datetime(2025, 3, 10, 10, tzinfo=UTC).timestamp())


def minutes(
    time_s: list[int] | IntArray,
    topology: list[int] | None = None,
    region: list[int] | None = None,
    good: list[bool] | None = None,
    settings: Accumulate = LIMITS,
) -> Minutes:
    """Seconds count from 10:00."""
    n = len(time_s)
    return accumulate(
        np.array(time_s, dtype=np.int64) + TEN,
        np.array([12] * n if topology is None else topology, dtype=np.int16),
        np.array([0] * n if region is None else region, dtype=np.int8),
        np.array([True] * n if good is None else good, dtype=bool),
        settings,
    )


def per_second(counts: list[int], start: int = 0) -> list[int]:
    return [start + second for second, count in enumerate(counts) for _ in range(count)]


def poisson(rate_hz: float, seconds: int, seed: int = 1) -> list[int]:
    return per_second(np.random.default_rng(seed).poisson(rate_hz, seconds).tolist())


def test_counts_go_to_minute_topology_and_region() -> None:
    """Vector of 8.3."""
    made = minutes([5, 5, 59, 60, 90], [1234, 12, 12, 34, 1234], [0, 4, 4, 9, 0], settings=_never_dead())
    assert made.minute_s.tolist() == [TEN, TEN + 60]
    assert made.triggers.tolist() == [3, 2]
    counts = made.counts
    rows = zip(counts.minute, counts.topology, counts.region, counts.events, strict=True)
    assert sorted(rows) == [(0, 12, 4, 2), (0, 1234, 0, 1), (1, 34, 9, 1), (1, 1234, 0, 1)]


def test_partial_minutes_have_the_seconds_that_they_were_live() -> None:
    """Weakness 12, vector 14: 10:00:30 to 10:02:15 is 30, 60 and 15 s."""
    first, middle, last = [4] * 30, [4] * 59 + [15], [4] * 15
    made = minutes([*per_second(first + middle + last, 30), 135])
    assert made.minute_s.tolist() == [TEN, TEN + 60, TEN + 120]
    assert made.live_s.tolist() == [30, 60, 15]
    assert made.triggers.tolist() == [120, 251, 61]  # with the event of 10:02:15, at which live time ends
    assert made.live_seconds == 105
    rates = np.array([120, 251, 60]) / made.live_s
    np.testing.assert_allclose(rates, [4, 4.18333, 4], rtol=1e-5)
    assert np.sqrt(251) / 251 == pytest.approx(0.0631194, rel=1e-5)  # vector 23


def test_a_noisy_second_is_dropped_and_good_ones_stay() -> None:
    """Weakness 13, vector 15: not a quantile of the file, which would always take something."""
    counts = [4, 5, 6, 5, 4, 30, 5, 0, 6, 5, 4]
    full = [count for count in counts if count]
    assert np.quantile(full, [0.005, 0.995]).tolist() == [4, pytest.approx(28.92)]  # the old rule's limits
    made = minutes(per_second(counts))
    assert (made.dropped_seconds - TEN).tolist() == [5]
    assert made.dropped_events == 30
    assert made.triggers.sum() == made.counts.events.sum() == sum(counts) - 30
    assert made.live_seconds == 9  # 0 to 10, less the dropped one


@pytest.mark.parametrize("rate_hz", [0.05, 0.3, 0.69, 1.4, 9.45, 45, 200])
def test_no_second_of_a_steady_rate_is_dropped_and_none_is_dead(rate_hz: float) -> None:
    """Weakness 13. A median below the mean (0 below 0.69 per second) does not make every event improbable."""
    made = minutes(poisson(rate_hz, 4000))
    assert made.dropped_events == 0
    assert made.dead_s == 0


def test_the_limit_follows_a_rate_that_changes() -> None:
    """A rise of the rate that lasts is no noise; a second of the same height in the quiet part is."""
    quiet, busy = poisson(4, 2000), poisson(30, 2000, seed=2)
    made = minutes([*quiet, *[500] * 30, *(2000 + second for second in busy)])
    dropped = (made.dropped_seconds - TEN).tolist()
    assert 500 in dropped
    assert made.dropped_events < 30 + quiet.count(500) + 0.01 * len(busy)


def test_a_silent_detector_is_dead_not_live() -> None:
    """Weakness 12."""
    events = poisson(9, 60) + [second + 180 for second in poisson(9, 60, seed=2)]
    made = minutes(events)
    assert made.dead_s == pytest.approx(121, abs=2)
    assert made.minute_s.tolist() == [TEN, TEN + 180]  # the two minutes between were not observed
    np.testing.assert_allclose(made.live_s, [59, 59], atol=1)
    assert made.live_seconds + made.dead_s == events[-1] - events[0]
    assert made.triggers.sum() == len(events)


def test_a_pause_counts_as_dead_by_the_rate_of_the_file() -> None:
    """Longer than 10 s and than 20 expected events."""
    often = minutes([*poisson(9, 100), 111, 112])  # 12 s: 108 events expected
    assert often.dead_s == pytest.approx(12, abs=1)
    seldom = minutes([*range(0, 2000, 8), 2140])  # 148 s: 18.5 expected
    assert seldom.dead_s == 0
    assert minutes([*range(0, 2000, 8), 2172]).dead_s == 180  # 22.5 expected


def test_one_wrong_date_far_away_does_no_harm() -> None:
    twenty_years = 20 * 365 * 86400
    events = poisson(9, 600)
    made = minutes([-twenty_years, *events])
    assert made.live_seconds == events[-1] - events[0]
    assert len(made.minute_s) == 11
    assert (made.live_s[0], made.triggers[0]) == (0, 1)


def test_a_clock_that_steps_back_gives_the_same_counts_and_is_told() -> None:
    events = poisson(9, 300)
    cut = len(events) // 2
    topology = np.tile([12, 1234, 1, 34], len(events))[: len(events)].tolist()
    straight, stepped = (
        minutes(events, topology),
        minutes(events[cut:] + events[:cut], topology[cut:] + topology[:cut]),
    )
    for name in ("minute_s", "live_s", "triggers", "tracks", "good"):
        np.testing.assert_array_equal(getattr(straight, name), getattr(stepped, name))
    np.testing.assert_array_equal(straight.counts.events, stepped.counts.events)
    assert (straight.steps_back, stepped.steps_back) == (0, 1)
    assert (stepped.first_s, stepped.last_s) == (TEN + events[0], TEN + events[-1])


def test_events_without_a_track_trigger_but_are_counted_as_no_track() -> None:
    made = minutes([0, 0, 1, 1, 2], [1, 0, 12, 12, 234], [-1, -1, 0, -1, 3], [True, True, True, True, False])
    assert made.triggers.tolist() == [5]
    assert made.tracks.tolist() == [2]
    assert made.good.tolist() == [1]
    assert made.counts.topology.tolist() == [12, 234]
    assert made.counts.good.tolist() == [1, 0]


def test_events_of_a_dropped_second_count_nowhere() -> None:
    counts = [5] * 40
    counts[10] = 60
    events = per_second(counts)
    made = minutes(events)
    assert made.dropped_events == 60
    assert made.triggers.tolist() == made.tracks.tolist() == made.good.tolist() == [39 * 5]
    assert made.live_s.tolist() == [38]


def test_small_files_have_minutes_too() -> None:
    nothing = minutes([])
    assert (len(nothing.minute_s), nothing.live_seconds, nothing.first_s, nothing.last_s) == (
        0,
        0,
        None,
        None,
    )
    assert len(nothing.counts.events) == 0
    one = minutes([7])
    assert (one.minute_s.tolist(), one.live_s.tolist(), one.triggers.tolist()) == ([TEN], [0], [1])


def test_live_dropped_and_dead_seconds_make_up_the_span_of_the_file() -> None:
    rng = np.random.default_rng(3)
    events = np.concatenate(
        [poisson(5, 500), 700 + np.array(poisson(5, 500, seed=4)), [300] * 40, [900] * 40]
    )
    made = minutes(rng.permutation(events))
    assert (made.dropped_seconds - TEN).tolist() == [300, 900]
    assert made.first_s is not None
    assert made.last_s is not None
    assert made.live_seconds + len(made.dropped_seconds) + made.dead_s == made.last_s - made.first_s


def _never_dead() -> Accumulate:
    return LIMITS.model_copy(update={"dead_gap_min_s": 1e6})
