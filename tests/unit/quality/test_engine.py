"""The run as a whole: precedence, masks, counts, intervals, and series that look at each other."""

from typing import Any

import numpy as np
import pytest

from skyledger.quality import Frame, QualityConfig, evaluate
from skyledger.quality.engine import INTERVALS_KEPT
from tests.support.quality import NAN, START_S, config, frame, judged

RANGE = {"test": "range", "fail": [0, 20], "suspect": [5, 15]}
RATE = {"test": "rate_of_change", "limit_per_s": 3}


def test_every_row_gets_one_flag_and_the_worst_test_decides() -> None:
    verdict = judged(frame([10, 16, 21, NAN, 10, 10]), RANGE, RATE)
    assert verdict.flag.tolist() == [1, 3, 4, 9, 3, 1]
    assert verdict.flag.dtype == np.int8
    assert verdict.probability == pytest.approx([1, 0.5, 0, NAN, 0.5, 1], nan_ok=True)


def test_the_mask_names_every_test_that_objected() -> None:
    verdict = judged(frame([10, 16, 21, NAN, 10, 10]), RANGE, RATE)
    assert verdict.test_names == ("range", "rate_of_change")
    assert verdict.tests.tolist() == [0b00, 0b11, 0b11, 0, 0b10, 0]
    assert verdict.tests.dtype == np.int64


def test_counts_are_of_each_test_by_itself_and_name_those_that_found_nothing() -> None:
    gap = {"test": "gap", "max_gap_s": 60}
    verdict = judged(frame([10, 16, 21, NAN, 10, 10]), RANGE, RATE, gap)
    assert verdict.counts == {
        "range": {"suspect": 1, "fail": 1},
        "rate_of_change": {"suspect": 3, "fail": 0},
        "gap": {"suspect": 0, "fail": 0},
    }
    assert set(verdict.intervals) == {"range", "rate_of_change"}


def test_a_test_may_be_run_twice_under_two_names() -> None:
    night = {"test": "range", "name": "night", "suspect": [None, 1], "when": [{"of": "x", "below": 9}]}
    verdict = judged(frame([0.5, 7.0, 12.0]), RANGE, night)
    assert verdict.test_names == ("range", "night")
    assert verdict.tests.tolist() == [0b01, 0b10, 0]


def test_the_63rd_test_has_a_bit_of_its_own() -> None:
    items = [{"test": "record", "name": f"r{i}"} for i in range(62)]
    verdict = judged(frame([10.0, 21.0]), *items, RANGE)
    assert verdict.tests.tolist() == [0, 1 << 62]


def test_a_value_that_no_test_can_judge_is_not_evaluated() -> None:
    assert judged(frame([10.0, 10.5, NAN]), RATE).flag.tolist() == [2, 1, 9]
    assert judged(frame([10.0, NAN])).flag.tolist() == [2, 9]


def test_a_series_without_configuration_is_not_evaluated() -> None:
    verdicts = evaluate(frame([10.0, 30.0], others={"y": [1.0, NAN]}), config(RANGE))
    assert verdicts["y"].flag.tolist() == [2, 9]
    assert verdicts["y"].test_names == ()
    assert verdicts["x"].flag.tolist() == [1, 4]


def test_a_series_that_is_configured_but_not_there_is_left_out() -> None:
    assert set(evaluate(frame([10.0]), config(RANGE, others=("y",)))) == {"x"}


def test_fill_values_are_missing_for_every_test() -> None:
    verdict = judged(frame([10, -999, 10]), RANGE, RATE, {"test": "missing", "fill_values": [-999]})
    assert verdict.flag.tolist() == [1, 9, 1]
    assert verdict.tests.tolist() == [0, 0, 0]


def test_a_flag_set_by_a_person_stands_unless_the_value_is_missing() -> None:
    by_hand = np.array([4, 1, 0, 3, 3], dtype=np.int8)
    verdict = judged(frame([10, 21, 21, 21, NAN], manual={"x": by_hand}), {**RANGE, "critical": True})
    assert verdict.flag.tolist() == [4, 1, 4, 3, 9]
    assert verdict.tests.tolist() == [0, 1, 1, 1, 0]  # what the tests found stays to be seen


@pytest.mark.parametrize("values", [[], [10.0], [NAN], [NAN] * 5])
def test_short_empty_and_missing_series_get_their_flags(values: list[float]) -> None:
    items = [RANGE, RATE, {"test": "spike", "t1": 1}, {"test": "flat_line"}, {"test": "gap"}]
    rules = [{"rule": "max_invalid_share"}, {"rule": "grow"}, {"rule": "min_segment"}]
    for measure in ("minimum", "weighted_mean", "product", "worst_k"):
        verdict = judged(frame(values), {"sequence": items}, rules=rules, measure=measure)
        assert verdict.flag.tolist() == [1 if v == 10 else 9 for v in values]
        assert verdict.intervals == {}


def test_rows_need_not_be_evenly_spaced() -> None:
    time_s = [0.0, 0.25, 1.0, 100.0, 100.0, 86_400.0]
    verdict = judged(frame([10, 10.5, 11, 14, 14, 9], time_s=time_s), RANGE, RATE)
    assert verdict.flag.tolist() == [1] * 6


# --- series that look at each other ----------------------------------------------------------------------------------


def pair(**x: Any) -> QualityConfig:
    ratio = {"test": "ratio", "other": "y", "limits": [1, 3]}
    back = {"test": "ratio", "other": "x", "limits": [0.3, 1]}
    series = {"x": {"items": [RANGE, ratio], **x}, "y": {"items": [{**RANGE, "suspect": [2, 8]}, back]}}
    return QualityConfig.model_validate({"name": "pair", "version": 1, "series": series})


def test_both_sides_of_a_ratio_are_suspect_for_it_does_not_tell_which_is_wrong() -> None:
    verdicts = evaluate(frame([12.0, 12.0], others={"y": [6.0, 3.0]}), pair())
    assert verdicts["x"].flag.tolist() == verdicts["y"].flag.tolist() == [1, 3]


def test_a_broken_sensor_brings_no_doubt_on_its_neighbour() -> None:
    verdicts = evaluate(frame([12.0, 12.0, 12.0], others={"y": [-5.0, 1.0, NAN]}), pair())
    assert verdicts["y"].flag.tolist() == [4, 3, 9]
    assert verdicts["x"].flag.tolist() == [1, 1, 1]
    assert verdicts["x"].counts["ratio"] == {"suspect": 0, "fail": 0}


def test_items_of_every_series_join_each_and_none_is_its_own_partner() -> None:
    whole = QualityConfig.model_validate(
        {
            "name": "supply",
            "version": 1,
            "every_series": [
                {"test": "record"},
                {"test": "partner", "name": "battery", "other": "volts"},
            ],
            "series": {
                "x": {"items": [RANGE]},
                "volts": {"items": [{"test": "range", "fail": [9.6, 16], "suspect": [11.5, 15]}]},
            },
        }
    )
    seen = frame(
        [10.0] * 4, others={"volts": [12, 11, 9, NAN]}, suspect=np.array([True, False, False, False])
    )
    verdicts = evaluate(seen, whole)
    assert verdicts["x"].test_names == ("range", "record", "battery")
    assert verdicts["volts"].test_names == ("range", "record")
    assert verdicts["x"].flag.tolist() == [3, 1, 3, 1]
    assert verdicts["volts"].flag.tolist() == [3, 3, 4, 9]
    assert verdicts["x"].tests.tolist() == [0b010, 0, 0b100, 0]


# --- intervals -------------------------------------------------------------------------------------------------------


def hits(*rows: int, n: int, **fields: Any) -> Frame:
    values = np.full(n, 10.0)
    values[list(rows)] = 30.0
    return frame(values, **fields)


def test_intervals_say_from_when_to_when_and_how_many_rows() -> None:
    verdict = judged(hits(3, 4, 5, 40, n=60), RANGE)
    assert verdict.intervals == {"range": [(START_S + 3, START_S + 5, 3), (START_S + 40, START_S + 40, 1)]}
    assert verdict.intervals_left_out == {"range": 0}


def test_objections_a_few_rows_apart_are_one_interval() -> None:
    assert judged(hits(0, 10, 20, 31, n=32), RANGE).intervals["range"] == [
        (START_S, START_S + 20, 3),
        (START_S + 31, START_S + 31, 1),
    ]
    quarter_hours = judged(hits(0, 10, n=32, time_s=np.arange(32) * 900, interval_s=900.0), RANGE)
    assert quarter_hours.intervals["range"] == [(START_S, START_S + 9000, 2)]


def test_of_many_intervals_the_longest_are_kept_in_order_of_time() -> None:
    rows = np.arange(INTERVALS_KEPT + 50) * 20
    rows = np.append(rows, [rows[70] + 1, rows[-1] + 1])
    verdict = judged(hits(*rows, n=int(rows.max()) + 1), RANGE)
    kept = verdict.intervals["range"]
    assert len(kept) == INTERVALS_KEPT
    assert verdict.intervals_left_out == {"range": 50}
    assert kept == sorted(kept)
    assert [n for *_, n in kept].count(2) == 2
    assert verdict.counts["range"]["fail"] == INTERVALS_KEPT + 52  # counts are whole
