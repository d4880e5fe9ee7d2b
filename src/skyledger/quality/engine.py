"""From series to flags: run the tests, combine their probabilities, map them to flags, count what they found."""

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from skyledger.quality.base import QualityTest
from skyledger.quality.catalogue import Missing
from skyledger.quality.frame import (
    FAIL,
    MISSING,
    BoolArray,
    FlagArray,
    FloatArray,
    Frame,
    Probability,
)
from skyledger.quality.groups import Group, Item, QualityConfig, Sequence, SubGroup, partners, tests_of
from skyledger.quality.schemes import flag_of

INTERVALS_KEPT = 100  # per test: the longest
BRIDGED_INTERVALS = 10  # objections so many rows apart, or fewer, are one interval

Interval = tuple[float, float, int]  # Unix seconds of first and last row, rows objected to
Findings = list[tuple[QualityTest, Probability]]
Results = dict[int, tuple[Probability, Findings]]  # by position of the item in its group


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one series. Arrays have shape (n,)."""

    flag: FlagArray  # 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing
    tests: NDArray[np.int64]  # bit i: test or rule i of `test_names` objected
    test_names: tuple[str, ...]
    probability: Probability  # combined; NaN where missing or not judged
    counts: dict[str, dict[str, int]]  # by test or rule: rows it found "suspect" and "fail"
    intervals: dict[str, list[Interval]]  # by test that objected, ascending
    intervals_left_out: dict[str, int]  # by test: shorter intervals that `intervals` does not list
    worst: dict[
        str, tuple[float, float]
    ]  # by test that objected: value it objects to most, Unix seconds of it


def evaluate(frame: Frame, config: QualityConfig) -> dict[str, Verdict]:
    """Judge every series of the frame; one without configuration is not evaluated.

    Each series is judged on its own first, then by the tests that look at others. Of the others those see only what
    the others' own tests do not object to, so that one broken sensor brings no doubt on its neighbours.
    """
    groups = {name: config.group(name) if name in config.series else Group(items=()) for name in frame.series}
    frame = replace(frame, series={name: _filled(frame.series[name], groups[name]) for name in groups})
    results = {name: _run_items(frame, name, group, alone=True) for name, group in groups.items()}
    believed, failed, own = {}, {}, {}
    looked_at = {p for name, group in groups.items() for item in group.items for p in partners(item, name)}
    for name in looked_at & set(groups):
        own[name] = probability = _probability(groups[name], results[name], len(frame.time_s))
        believed[name] = np.where(probability < groups[name].mapper.good, np.nan, frame.series[name])
        failed[name] = probability < groups[name].mapper.limited
    informed = replace(frame, believed=believed, failed=failed, own=own)
    for name, group in groups.items():
        results[name] |= _run_items(informed, name, group, alone=False)
        results[name] = dict(sorted(results[name].items()))
    return {name: _verdict(frame, name, group, results[name]) for name, group in groups.items()}


def _filled(values: FloatArray, group: Group) -> FloatArray:
    """The series with NaN for fill values."""
    tests = [test for item in group.items for test in tests_of(item)]
    fills = [value for test in tests if isinstance(test, Missing) for value in test.fill_values]
    return np.where(np.isin(values, fills), np.nan, values) if fills else values


def _run_items(frame: Frame, name: str, group: Group, *, alone: bool) -> Results:
    """Run the items that look at no other series (`alone`; channels are none), or those that do."""
    return {
        position: _run(item, frame, name, group.mapper.limited)
        for position, item in enumerate(group.items)
        if alone == (partners(item, name) <= frame.channels.keys())
    }


def _run(item: Item, frame: Frame, name: str, limited: float) -> tuple[Probability, Findings]:
    """Probability that an item gives each row, and what each of its tests says."""
    if isinstance(item, QualityTest):
        probability = item.probability(frame, name)
        return probability, [(item, probability)]
    members = item.sequence if isinstance(item, Sequence) else item.group
    probabilities, findings = [], []
    for member in members:
        probability, found = _run(member, frame, name, limited)
        probabilities.append(probability)
        findings += found
        if isinstance(item, Sequence) and (failed := probability < limited).any():
            visible = np.where(failed, np.nan, frame.series[name])
            frame = replace(frame, series={**frame.series, name: visible})
    if isinstance(item, Sequence):
        return _minimum(probabilities), findings
    return _combine(item, probabilities, [member.weight for member in members]), findings


def _probability(group: Group, results: Results, n: int) -> Probability:
    """Combined probability of the items that ran; a critical test that fails decides."""
    if not results:
        return np.full(n, np.nan, dtype=np.float32)
    probabilities = [probability for probability, _ in results.values()]
    combined = _combine(group, probabilities, [group.items[position].weight for position in results])
    for test, probability in _findings(results):
        if test.critical:
            combined = np.where(probability < group.mapper.limited, np.fmin(combined, probability), combined)
    return combined


def _findings(results: Results) -> Findings:
    return [finding for _, findings in results.values() for finding in findings]


def _combine(group: Group | SubGroup, probabilities: list[Probability], weights: list[int]) -> Probability:
    """One probability from several by the group's measure. Missing ones are left out."""
    if group.measure == "minimum":
        return _minimum(probabilities)
    stack = np.array(probabilities, dtype=np.float64)
    judged = ~np.isnan(stack)
    if group.measure == "product":
        combined = np.where(judged, stack, 1.0).prod(axis=0)
    else:
        share = judged * np.array(weights, dtype=np.float64)[:, None]
        if group.measure == "worst_k":
            stack = np.sort(stack, axis=0)  # NaN last
            share = (~np.isnan(stack)).astype(np.float64)
            share[group.worst :] = 0.0
        total = share.sum(axis=0)
        combined = np.where(np.isnan(stack), 0.0, stack * share).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(judged.any(axis=0), combined, np.nan).astype(np.float32)


def _minimum(probabilities: list[Probability]) -> Probability:
    return reduce(np.fmin, probabilities)


def _verdict(frame: Frame, name: str, group: Group, results: Results) -> Verdict:
    missing = np.isnan(frame.series[name])
    good, limited = group.mapper.good, group.mapper.limited
    probability = _probability(group, results, len(frame.time_s))
    flag = flag_of(probability, good, limited)
    flag[missing] = MISSING

    objections = [(p < good, p < limited) for _, p in _findings(results)]
    for rule in group.rules:
        before, flag = flag, rule.apply(flag)
        objections.append((flag != before, (flag != before) & (flag == FAIL)))
    if name in frame.manual:
        by_hand = frame.manual[name]
        flag = np.where((by_hand != 0) & ~missing, by_hand, flag)

    tests = np.zeros(len(flag), dtype=np.int64)
    counts, intervals, left_out = {}, {}, {}
    for bit, (label, (objects, fails)) in enumerate(zip(group.labels, objections, strict=True)):
        total, failed = int(np.count_nonzero(objects)), int(np.count_nonzero(fails))
        counts[label] = {"suspect": total - failed, "fail": failed}
        if total:
            tests[objects] |= 1 << bit
            intervals[label], left_out[label] = intervals_of(frame.time_s, objects, frame.interval_s)
    worst = {
        test.label: _worst(frame, name, p, good)
        for test, p in _findings(results)
        if any(counts[test.label].values())
    }
    return Verdict(flag, tests, group.labels, probability, counts, intervals, left_out, worst)


def _worst(frame: Frame, name: str, probability: Probability, good: float) -> tuple[float, float]:
    """Value of the lowest probability, and when; of several the one farthest from the mean of what is good."""
    values = frame.series[name]
    sound = values[probability >= good]
    rows = np.flatnonzero(probability == np.nanmin(probability))
    with np.errstate(invalid="ignore"):  # infinite values
        row = rows[np.argmax(np.abs(values[rows] - (sound.mean() if len(sound) else 0.0)))]
    return float(values[row]), float(frame.time_s[row])


def intervals_of(row_time_s: FloatArray, objects: BoolArray, interval_s: float) -> tuple[list[Interval], int]:
    """The longest intervals of objections, ascending, and how many shorter ones there are."""
    time_s = row_time_s[objects]
    breaks = np.flatnonzero(np.diff(time_s) > BRIDGED_INTERVALS * interval_s)
    first, last = np.append(0, breaks + 1), np.append(breaks, len(time_s) - 1)
    kept = np.sort(np.argsort(first - last, kind="stable")[:INTERVALS_KEPT])
    intervals = [
        (float(time_s[f]), float(time_s[e]), int(e - f + 1))
        for f, e in zip(first[kept], last[kept], strict=True)
    ]
    return intervals, len(first) - len(kept)
