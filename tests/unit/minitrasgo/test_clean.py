"""C2-C7: what of an event is used."""

import numpy as np
import pytest

from skyledger.minitrasgo.clean import clean, far_from_median
from skyledger.minitrasgo.detector import channel
from skyledger.minitrasgo.reduction import Reduction
from skyledger.minitrasgo.stations import reduction
from tests.support.minitrasgo import made_events, written_events

STANDARD = reduction("standard")
GOOD = (-125.4058, -124.2226, 122.5032, 123.5372)
P1S1, P1S2, P2S2 = channel(1, 1), channel(1, 2), channel(2, 2)


def cleaned(*events, settings: Reduction = STANDARD, **changes):
    """Clean with some windows of `clean` and `strip` replaced."""
    of_clean = {name: value for name, value in changes.items() if hasattr(settings.clean, name)}
    of_strip = {name: value for name, value in changes.items() if hasattr(settings.strip, name)}
    assert len(of_clean) + len(of_strip) == len(changes)
    return clean(
        written_events(*events),
        settings.clean.model_copy(update=of_clean),
        settings.strip.model_copy(update=of_strip),
    )


def test_strip_variables_are_means_and_half_differences():
    hits = cleaned({P1S2: GOOD}).hits
    assert hits.channel.tolist() == [P1S2]
    assert hits.t_sum[0] == pytest.approx(-124.8142, abs=1e-4)
    assert hits.t_dif[0] == pytest.approx(0.591600, abs=1e-4)
    assert hits.q_sum[0] == pytest.approx(123.0202, abs=1e-4)
    assert hits.q_dif[0] == pytest.approx(-0.517000, abs=1e-4)


def test_the_tiny_raw_file_gives_its_strip_variables_and_topologies():
    result = cleaned(
        {
            P1S2: GOOD,
            P2S2: (-125.0012, -124.4340, 101.2500, 102.0100),
            channel(3, 3): (-124.6120, -123.9900, 115.7501, 114.9002),
            channel(4, 3): (-124.1007, -123.3033, 99.0625, 98.4001),
        },
        {
            channel(1, 4): (-126.9000, -125.9500, 98.9432, 99.6381),
            channel(2, 1): (-126.4100, -125.8200, 110.0000, 108.5500),
            P2S2: (-126.3000, None, 90.0450, None),
        },
        {
            channel(2, 3): (-125.1000, -124.9000, 100.0000, 100.5000),
            channel(3, 2): (-124.6000, -124.3000, 120.2500, 119.7500),
        },
    )
    expected = [
        (0, P1S2, -124.814, 0.591600, 123.020, -0.517000),
        (0, P2S2, -124.718, 0.283600, 101.630, -0.380000),
        (0, channel(3, 3), -124.301, 0.311000, 115.325, 0.424950),
        (0, channel(4, 3), -123.702, 0.398700, 98.7313, 0.331200),
        (1, channel(1, 4), -126.425, 0.475000, 99.2907, -0.347450),
        (1, channel(2, 1), -126.115, 0.295000, 109.275, 0.725000),
        (2, channel(2, 3), -125.000, 0.100000, 100.250, -0.250000),
        (2, channel(3, 2), -124.450, 0.150000, 120.000, 0.250000),
    ]
    h = result.hits
    rows = np.array([h.event, h.channel, h.t_sum, h.t_dif, h.q_sum, h.q_dif]).T
    np.testing.assert_allclose(rows, expected, atol=6e-4)
    assert result.raw_topology.tolist() == result.clean_topology.tolist() == [1234, 12, 23]
    assert (result.removed["t_unpaired"], result.removed["incomplete"]) == (1, 1)  # P2s2 of the second event


@pytest.mark.parametrize(
    ("values", "filters", "changes"),
    [
        pytest.param(
            (-99.9, -124, 120, 120), {"t_window", "t_unpaired", "incomplete"}, {}, id="front time too late"
        ),
        pytest.param(
            (-124, -200.1, 120, 120), {"t_window", "t_unpaired", "incomplete"}, {}, id="back time too early"
        ),
        pytest.param((-124, -124, 79.9, 120), {"q_window", "incomplete"}, {}, id="front width too small"),
        pytest.param((-124, -124, 120, 300.1), {"q_window", "incomplete"}, {}, id="back width too large"),
        pytest.param((-124, None, 120, 120), {"t_unpaired", "incomplete"}, {}, id="time at one end"),
        pytest.param((-124, -124, None, 120), {"incomplete"}, {}, id="width at one end"),
        pytest.param(
            (-110, -110, 120, 120),
            {"t_coincidence", "incomplete"},
            {"coincidence_ns": 20},
            id="far from the event",
        ),
        pytest.param(
            (-124, -124, 84, 84),
            {"q_sum_before_calibration"},
            {"q_sum_window_ns": (85, 500)},
            id="charge sum",
        ),
        pytest.param((-124, -124, 150, 109.9), {"q_dif_before_calibration"}, {}, id="charge difference"),
        pytest.param(
            (-121, -121, 120, 120),
            {"t_sum_before_calibration"},
            {"t_sum_window_ns": (-200, -122)},
            id="time sum",
        ),
        pytest.param(
            (-146, -105.9, 120, 120),
            {"t_dif_before_calibration"},
            {"coincidence_ns": None},
            id="time difference",
        ),
    ],
)
def test_each_window_takes_what_lies_outside_and_nothing_else(values, filters, changes):
    """Weakness 2."""
    good = (-124, -124, 120, 120)
    result = cleaned({P1S1: good, P1S2: values, P2S2: good}, **changes)
    assert result.hits.channel.tolist() == [P1S1, P2S2]
    assert {name for name, count in result.removed.items() if count} == filters


def test_edges_of_windows_belong_to_them():
    result = cleaned(
        {P1S1: (-100, -100, 80, 80)},
        {P1S1: (-200, -200, 300, 300)},
        {P1S1: (-110, -150, 120, 80)},
        coincidence_ns=40,
    )
    assert result.hits.event.tolist() == [0, 1, 2]
    assert not any(result.removed.values())


def test_a_difference_of_exactly_zero_is_a_value():
    """Weakness 5."""
    hits = cleaned({P1S1: (-124, -124, 120, 120)}).hits
    assert hits.t_dif.tolist() == hits.q_dif.tolist() == [0]


def test_the_median_of_an_even_number_is_between_the_two_in_the_middle():
    far = far_from_median(np.zeros(4, int), np.array([-124.8, -124.2, -123.7, -118.9]), 10)
    assert far.tolist() == [False, False, False, True]


def test_times_far_from_the_median_are_found_as_by_sorting_every_event():
    rng = np.random.default_rng(5)
    event = np.repeat(np.arange(3000), rng.integers(1, 12, 3000))
    time = rng.normal(-124, 4, len(event)) + rng.choice([0, 8], len(event))
    width = 11.0
    expected = [
        abs(t - np.median(values)) > width / 2
        for values in np.split(time, np.flatnonzero(np.diff(event)) + 1)
        for t in values
    ]
    assert 1000 < sum(expected) < len(expected) / 2
    assert far_from_median(event, time, width).tolist() == expected


def test_two_ends_out_of_four_are_lost_to_the_coincidence_one_by_one():
    strips = {P1S1: GOOD, P2S2: GOOD, channel(3, 1): (-124.5, -104.0, 120, 120)}
    result = cleaned(strips, coincidence_ns=20)
    assert result.removed["t_coincidence"] == 1
    assert result.hits.channel.tolist() == [P1S1, P2S2]
    assert result.clean_topology.tolist() == [123]  # its charge is still there


def test_a_single_strip_is_no_coincidence_to_fail():
    assert len(cleaned({P1S1: (-124, -123, 120, 120)}, coincidence_ns=0.5).hits) == 0  # two times 0.5 off
    assert len(cleaned({P1S1: (-124, -124, 120, 120)}, coincidence_ns=0.5).hits) == 1


def test_an_event_without_charge_at_one_end_is_dropped_and_counted():
    result = cleaned({P1S1: (-124, -124, 120, None)}, {P1S1: GOOD}, {P1S1: (-124, -124, None, None)})
    assert result.kept.tolist() == [False, True, False]
    assert result.raw_topology.tolist() == [1, 1, 0]
    assert result.clean_topology.tolist() == [0, 1, 0]
    assert result.removed["event_without_charge"] == 2


def test_a_file_without_coincidences_is_cleaned_to_nothing():
    result = cleaned()
    assert (result.n, len(result.hits), result.raw_topology.tolist()) == (0, 0, [])


def test_charges_of_planes_are_counted_in_and_outside_the_window():
    events, _ = made_events(2000, seed=1, noise=0.5)
    result = clean(events, STANDARD.clean, STANDARD.strip)
    charge = np.stack([events.q_front, events.q_back])
    inside = ((charge >= 80) & (charge <= 300)).any(axis=0).reshape(-1, 4, 4).any(axis=2)
    codes = [int("".join(str(p + 1) for p in range(4) if planes[p]) or 0) for planes in inside]
    assert result.clean_topology[result.kept].tolist() == np.array(codes)[result.kept].tolist()
    whole = {
        name: getattr(events, name)[result.hits.event, result.hits.channel] for name in ("t_front", "q_back")
    }
    np.testing.assert_allclose(whole["t_front"], result.hits.t_sum - result.hits.t_dif, atol=1e-4)
    np.testing.assert_allclose(whole["q_back"], result.hits.q_sum - result.hits.q_dif, atol=1e-4)
