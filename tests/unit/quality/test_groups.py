"""How probabilities become flags, and what a configuration may say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from skyledger.config import digest
from skyledger.quality import QualityConfig, evaluate
from skyledger.quality.groups import Completeness, Group, Grow, MaxInvalidShare, MinSegment
from tests.support.quality import NAN, config, frame, judged, refusal

SOFT = {"test": "range", "name": "soft", "suspect": [0, 10]}
HARD = {"test": "range", "name": "hard", "fail": [0, 10]}


def ramp(name: str, **fields: Any) -> dict[str, Any]:
    """Probability 1 at 0 and 0 at 1."""
    return {"test": "global_max", "name": name, "max_val": 0, "max_lim": 1, **fields}


# --- measures --------------------------------------------------------------------------------------------------------

# Three tests of which the second counts twice and the third does not judge at all above 0.5
THREE = (
    ramp("a"),
    {"test": "global_max", "name": "b", "max_val": 0, "max_lim": 2, "weight": 2},
    {"test": "global_max", "name": "c", "max_val": 9, "when": [{"of": "x", "at_most": 0.5}]},
)


@pytest.mark.parametrize(
    ("group", "at_0_4", "at_0_8"),
    [
        ({}, 0.6, 0.2),
        ({"measure": "minimum"}, 0.6, 0.2),
        ({"measure": "product"}, 0.6 * 0.8 * 1.0, 0.2 * 0.6),
        ({"measure": "weighted_mean"}, (0.6 + 2 * 0.8 + 1.0) / 4, (0.2 + 2 * 0.6) / 3),
        ({"measure": "worst_k", "worst": 2}, (0.6 + 0.8) / 2, (0.2 + 0.6) / 2),
        ({"measure": "worst_k", "worst": 9}, (0.6 + 0.8 + 1.0) / 3, (0.2 + 0.6) / 2),
    ],
)
def test_a_measure_combines_what_is_known(group: dict[str, Any], at_0_4: float, at_0_8: float) -> None:
    verdict = judged(frame([0.4, 0.8, NAN]), *THREE, **group)
    assert verdict.probability == pytest.approx([at_0_4, at_0_8, NAN], nan_ok=True, rel=1e-6)


@pytest.mark.parametrize("measure", ["minimum", "product", "weighted_mean", "worst_k"])
@pytest.mark.filterwarnings("error")
def test_where_no_test_judges_the_value_is_not_evaluated(measure: str) -> None:
    verdict = judged(frame([0.4, 0.8, NAN]), THREE[2], measure=measure)
    assert verdict.flag.tolist() == [1, 2, 9]


def test_a_critical_test_that_fails_decides_whatever_the_measure_says() -> None:
    values = frame([0.4, 0.6])
    light = [{"test": "global_max", "name": f"t{i}", "max_val": 9} for i in range(9)]
    assert judged(values, *light, ramp("a"), measure="weighted_mean").flag.tolist() == [1, 1]
    verdict = judged(values, *light, ramp("a", critical=True), measure="weighted_mean")
    assert verdict.flag.tolist() == [1, 4]
    inside = {"group": [*light, ramp("a", critical=True)], "measure": "weighted_mean"}
    assert judged(values, inside, measure="weighted_mean").flag.tolist() == [1, 4]


def test_a_group_counts_as_one_item_with_its_own_measure_and_weight() -> None:
    group = {"group": [ramp("a"), ramp("b")], "measure": "product", "weight": 3}
    verdict = judged(frame([0.5]), group, ramp("c"), measure="weighted_mean")
    assert verdict.probability == pytest.approx([(3 * 0.25 + 0.5) / 4])
    assert verdict.test_names == ("a", "b", "c")


def test_a_sequence_hides_what_failed_from_its_later_tests() -> None:
    values = frame([1.0, 99.0, 1.0, 5.0, 1.0])
    rate = {"test": "rate_of_change", "limit_per_s": 2}
    apart = judged(values, HARD, rate)
    assert apart.flag.tolist() == [1, 4, 3, 3, 3]  # the way back from 99 counts as a step
    in_order = judged(values, {"sequence": [HARD, rate]})
    assert in_order.flag.tolist() == [1, 4, 1, 3, 3]
    assert in_order.counts == {"hard": {"suspect": 0, "fail": 1}, "rate_of_change": {"suspect": 2, "fail": 0}}
    # what is merely suspect stays visible
    assert judged(values, {"sequence": [SOFT, rate]}).flag.tolist() == [1, 3, 3, 3, 3]


# --- mappers ---------------------------------------------------------------------------------------------------------


def test_three_bands_have_their_limits_inside() -> None:
    values = frame([0.0, 0.1, 0.11, 0.5, 0.51, 1.0, NAN])
    assert judged(values, ramp("a")).flag.tolist() == [1, 1, 3, 3, 4, 4, 9]
    strict = {"type": "three_band", "good": 1.0, "limited": 0.9}
    assert judged(values, ramp("a"), mapper=strict).flag.tolist() == [1, 3, 4, 4, 4, 4, 9]


def test_binary_knows_only_good_and_failed() -> None:
    values = frame([0.0, 0.5, 0.51, 1.0, NAN])
    verdict = judged(values, ramp("a"), mapper={"type": "binary"})
    assert verdict.flag.tolist() == [1, 1, 4, 4, 9]
    assert verdict.counts["a"] == {"suspect": 0, "fail": 2}


# --- rules -----------------------------------------------------------------------------------------------------------


def flags(text: str) -> np.ndarray:
    return np.array([int(c) for c in text], dtype=np.int8)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (MaxInvalidShare(limit=0.2), "1114149", "4444449"),
        (MaxInvalidShare(limit=0.2), "1114199999", "1114199999"),
        (MaxInvalidShare(limit=0.2), "1124999999", "4444999999"),
        (MaxInvalidShare(limit=0.2), "111142", "111142"),
        (MaxInvalidShare(limit=0.2), "99", "99"),
        (MaxInvalidShare(limit=0.0), "13", "13"),
        (Grow(n=2), "1111411112", "1133433112"),
        (Grow(n=1), "411419", "433439"),
        (Grow(n=3), "", ""),
        (MinSegment(n=3), "4114111411", "4334111411"),
        (MinSegment(n=3), "1141194131", "1143394131"),
        (MinSegment(n=4), "41324", "43324"),
        (MinSegment(n=5), "11", "11"),
        (MinSegment(n=5), "9", "9"),
    ],
)
def test_rules_change_flags_of_present_values_only(rule: Any, before: str, after: str) -> None:
    given = flags(before)
    assert "".join(map(str, rule.apply(given))) == after
    np.testing.assert_array_equal(given, flags(before))  # a rule makes new flags


def test_rules_apply_in_order_and_appear_in_mask_and_counts() -> None:
    rules = [{"rule": "grow", "n": 1}, {"rule": "max_invalid_share", "limit": 0.3}]
    verdict = judged(frame([1, 99, 1, 1, 1, 1]), HARD, rules=rules)
    assert verdict.flag.tolist() == [3, 4, 3, 1, 1, 1]
    assert verdict.test_names == ("hard", "grow", "max_invalid_share")
    assert verdict.tests.tolist() == [0b10, 0b01, 0b10, 0, 0, 0]
    assert verdict.counts["grow"] == {"suspect": 2, "fail": 0}
    assert judged(frame([1, 99, 99, 1, 1, 1]), HARD, rules=rules).flag.tolist() == [4] * 6


# --- corrections -----------------------------------------------------------------------------------------------------


def test_clipping_moves_what_did_not_fail_and_is_asked_for_after_the_flags() -> None:
    values = np.array([-0.5, 50, 101.5, 104, NAN])
    items = ({"test": "range", "fail": [-1, 103], "suspect": [3, 100]},)
    whole = config(*items, clip=(None, 100))
    verdict = evaluate(frame(values), whole)["x"]
    assert verdict.flag.tolist() == [3, 1, 3, 4, 9]
    clipped = whole.series["x"].clipped(values, verdict.flag)
    np.testing.assert_array_equal(clipped, [-0.5, 50, 100, 104, NAN])
    assert values[2] == 101.5
    assert Group(items=()).clipped(values, verdict.flag) is values


# --- configuration ---------------------------------------------------------------------------------------------------

START = """\
name: test
version: 1
series:
  x:
    items:
      - {test: range, fail: [0, 1]}
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("      - {test: spike, t1: 1, t3: 2}", ["line 7", "items[1]", "t3: unknown key"]),
        ("      - {test: spike}", ["line 7", "items[1]", "t1: missing"]),
        ("      - {test: spike, t1: 3, t2: 2}", ["line 7", "items[1]", "t1, t2 are reversed or equal: 3, 2"]),
        (
            "      - {test: flat_line, suspect_s: 9, window_s: 8}",
            ["line 7", "suspect_s, window_s are reversed"],
        ),
        (
            "      - {test: rate_of_change, limit_per_s: 0}",
            ["line 7", "limit_per_s: 0; expected greater than 0"],
        ),
        (
            "      - {test: rate_of_change, limit_per_s: 2, limit_fail_per_s: 1}",
            ["line 7", "limit_per_s, limit_fail_per_s are reversed"],
        ),
        ("      - {test: global_max, max_val: 2, max_lim: 1}", ["line 7", "max_val, max_lim are reversed"]),
        ("      - {test: global_min, min_val: 1, min_lim: 2}", ["line 7", "min_lim, min_val are reversed"]),
        (
            "      - {test: range, name: a, suspect: [50, -10]}",
            ["line 7", "suspect: limits are reversed or equal: 50, -10"],
        ),
        ("      - {test: range, name: a, suspect: [.nan, 1]}", ["line 7", "suspect[0]", "finite number"]),
        (
            "      - {test: range, name: a, fail: [0, 9], suspect: [-1, 8]}",
            ["line 7", "suspect limit -1.0 lies outside the fail limit 0.0"],
        ),
        (
            "      - {test: range, name: a, fail: [0, 9], suspect: [1, 10]}",
            ["line 7", "suspect limit 10.0 lies outside the fail limit 9.0"],
        ),
        ("      - {test: range, name: a}", ["line 7", "a range without limits"]),
        ("      - {test: ratio, other: x, limits: [2, 1]}", ["line 7", "limits are reversed"]),
        ("      - {test: nonsense}", ["line 7", "items[1]", "one of missing, record, gap, range"]),
        ("      - {range: {fail: [0, 1]}}", ["line 7", "items[1]", "`sequence`, `group` or `test`"]),
        ("      - {sequence: []}", ["line 7", "items[1]"]),
        ("      - {test: spike, t1: 1, when: [{of: x}]}", ["line 7", "when[0]", "above, below or at_most"]),
        ("      - {test: range, fail: [0, 2]}", ["series.x: several are called range; expected a `name`"]),
        ("      - {test: ratio, other: y, limits: [1, 2]}", ["series.x: looks at y; expected one of x"]),
        ("      - {test: spike, t1: 1, when: [{of: y, above: 1}]}", ["series.x: looks at y"]),
        ("    measure: maximum", ["line 7", "series.x.measure: 'maximum'", "'weighted_mean'"]),
        ("    mapper: {type: four_band}", ["line 7", "series.x.mapper", "three_band or binary"]),
        (
            "    mapper: {limited: 0.5, type: three_band, good: 0.4}",
            ["line 7", "limited 0.5 is above good 0.4"],
        ),
        ("    rules: [{rule: shrink}]", ["line 7", "rules[0]", "grow, min_segment or completeness"]),
        ("    rules: [{rule: grow}, {rule: grow}]", ["several are called grow"]),
        ("    clip: [100, 0]", ["line 7", "series.x.clip: limits are reversed"]),
        ("    itmes: []", ["line 7", "series.x.itmes: unknown key; expected one of items, measure"]),
        ("every_series: [{test: range, fail: [0, 1]}]", ["several are called range"]),
    ],
)
def test_a_wrong_configuration_names_file_line_and_key(
    tmp_path: Path, lines: str, expected: list[str]
) -> None:
    message = refusal(tmp_path, START + lines + "\n")
    for part in ("limits.yaml: ", *expected):
        assert part in message, message


def test_a_mask_has_63_bits_and_no_more(tmp_path: Path) -> None:
    tests = "".join(f"      - {{test: spike, name: s{i}, t1: 1}}\n" for i in range(62))
    assert QualityConfig.model_validate(config(*({"test": "record", "name": f"r{i}"} for i in range(63))))
    assert "64 tests and rules; expected at most 63" in refusal(
        tmp_path, START + tests + "      - {test: record}\n"
    )


def test_a_configuration_of_the_general_model_is_understood() -> None:
    """That of the reference for aircraft, without a test that only aircraft have."""
    whole = QualityConfig.model_validate(
        {
            "name": "P1-default",
            "version": 7,
            "series": {
                "O3_P1": {
                    "measure": "minimum",
                    "mapper": {"type": "three_band", "good": 0.9, "limited": 0.5},
                    "items": [
                        {
                            "test": "global_max",
                            "max_val": 1500,
                            "max_lim": 2500,
                            "critical": True,
                            "weight": 2,
                        },
                        {"test": "spike", "t1": 30, "t2": 80, "weight": 1},
                        {"sequence": [{"test": "missing"}, {"test": "flat_line", "window_s": 60}]},
                    ],
                    "rules": [{"rule": "max_invalid_share", "limit": 0.2}],
                }
            },
        }
    )
    assert whole.series["O3_P1"].labels == (
        "global_max",
        "spike",
        "missing",
        "flat_line",
        "max_invalid_share",
    )


def test_a_configuration_does_not_change_once_it_is_loaded_and_has_a_digest() -> None:
    one, same, other = config(SOFT), config(SOFT), config(HARD)
    with pytest.raises(ValidationError, match="frozen"):
        one.version = 2
    assert digest(one) == digest(same) != digest(other)
    assert digest(one.model_copy(update={"description": "in other words"})) == digest(one)


# --- order of power --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("light", "critical", "manual", "missing", "flag"),
    [
        # missing > manual > a critical test below 0.5 > what is combined > not evaluated
        (1.0, 1.0, 0, False, 1),
        (0.6, 1.0, 0, False, 1),  # mean 0.9
        (0.2, 1.0, 0, False, 3),
        (1.0, 0.5, 0, False, 3),
        (1.0, 0.4, 0, False, 4),
        (None, None, 0, False, 2),
        (None, 0.4, 0, False, 4),
        (0.2, None, 0, False, 4),
        (1.0, 0.4, 1, False, 1),
        (1.0, 1.0, 4, False, 4),
        (None, None, 3, False, 3),
        (1.0, 0.4, 1, True, 9),
        (1.0, 1.0, 4, True, 9),
    ],
)
def test_the_table_of_combination(
    light: float | None, critical: float | None, manual: int, missing: bool, flag: int
) -> None:
    """A light test and a critical one with three times its weight, by weighted mean; a flag set by a person."""
    told = {name: np.array([NAN if p is None else 1 - p]) for name, p in (("l", light), ("c", critical))}
    items = [ramp("light", of="l"), ramp("decides", of="c", critical=True, weight=3)]
    series = {"x": {"items": items, "measure": "weighted_mean"}}
    whole = QualityConfig.model_validate(
        {"name": "t", "version": 1, "channels": ["l", "c"], "series": series}
    )
    by_hand = {"x": np.array([manual], dtype=np.int8)}
    seen = frame([NAN if missing else 5.0], channels=told, manual=by_hand)
    assert evaluate(seen, whole)["x"].flag.tolist() == [flag]


def test_vector_18_weighted_mean_and_minimum() -> None:
    told = {"a": np.array([0.6]), "b": np.array([0.0])}
    items = [ramp("first", of="a", weight=2), ramp("second", of="b")]
    for measure, probability, flag in (("weighted_mean", 0.6, 3), ("minimum", 0.4, 4)):
        series = {"x": {"items": items, "measure": measure}}
        whole = QualityConfig.model_validate(
            {"name": "t", "version": 1, "channels": ["a", "b"], "series": series}
        )
        verdict = evaluate(frame([5.0], channels=told), whole)["x"]
        assert verdict.probability == pytest.approx([probability], rel=5e-6)
        assert verdict.flag.tolist() == [flag]


def test_vector_23_a_share_of_0_24_makes_all_50_values_fail() -> None:
    before = flags("4" * 12 + "1" * 38)
    assert set(MaxInvalidShare(limit=0.2).apply(before).tolist()) == {4}
    assert np.count_nonzero(before == 4) / len(before) == pytest.approx(0.24, rel=5e-6)
    assert MaxInvalidShare(limit=0.24).apply(before).tolist() == before.tolist()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1111999", "1111999"),
        ("11199999", "33399999"),
        ("1199", "1199"),
        ("1112344", "3332344"),
        ("9999", "9999"),
        ("", ""),
    ],
)
def test_a_series_with_too_few_good_rows_is_suspect_as_a_whole(before: str, after: str) -> None:
    assert Completeness(min_share=0.5).apply(flags(before)).tolist() == flags(after).tolist()


# --- series chosen by name -------------------------------------------------------------------------------------------


def test_items_may_join_series_whose_names_contain_one_text_and_not_another() -> None:
    whole = QualityConfig.model_validate(
        {
            "name": "chosen",
            "version": 1,
            "some_series": [{"name": "O3", "not_contains": "_AC", "items": [{"test": "gap"}]}],
            "series": {name: {"items": [SOFT]} for name in ("O3_P1", "O3_AC", "CO_P1", "O3")},
        }
    )
    chosen = [name for name in whole.series if "gap" in whole.group(name).labels]
    assert chosen == ["O3_P1", "O3"]


def test_keys_that_say_nothing_leave_the_digest_of_older_configurations_as_it_was() -> None:
    """Days of weather stations would all look outdated."""
    limits = digest(config(SOFT))
    dumped = config(SOFT).model_dump(mode="json")
    assert set(dumped) == {"name", "version", "description", "every_series", "series"}
    assert "of" not in dumped["series"]["x"]["items"][0]
    assert digest(config({**SOFT, "of": "x"})) != limits
