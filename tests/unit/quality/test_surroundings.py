"""Tests that look at the state of the instrument: phase, mode, status word, warm-up, zero checks."""

import numpy as np
import pytest

from skyledger.quality import QualityConfig, evaluate
from skyledger.quality.catalogue import FlatLine, Range
from skyledger.quality.surroundings import CalibrationStep, Mode, PhaseWindow, StatusWord, WarmUp
from tests.support.quality import NAN, config, frame, probabilities

CONSTANT = [5.0] * 6


def test_only_accepted_phases_count() -> None:
    phase = {"phase": np.array([3, 4, 7, 8, NAN, 0])}
    assert probabilities(PhaseWindow(other="phase"), CONSTANT, channels=phase) == [0, 1, 1, 0, None, 0]


def test_zero_and_calibration_and_30_s_after_do_not_count() -> None:
    mode = np.zeros(30)
    mode[5:8], mode[8] = 1, 2
    p = probabilities(Mode(other="mode"), [5.0] * 30, channels={"mode": mode}, time_s=np.arange(30) * 4)
    assert p == [1] * 5 + [0] * 11 + [1] * 14  # the last of them at 32 s, so to 62 s


def test_a_mode_that_is_not_known_tells_nothing_unless_a_check_has_just_ended() -> None:
    mode = {"mode": np.array([NAN, 0, 1, NAN, NAN, NAN])}
    p = probabilities(Mode(other="mode", after_s=8), CONSTANT, channels=mode, time_s=np.arange(6) * 4)
    assert p == [None, 1, 0, 0, 0, None]


def test_a_bad_bit_of_the_status_word_fails_the_value_and_others_do_not() -> None:
    word = {"word": np.array([0, 1, 2, 0x10, 0x11, NAN])}
    assert probabilities(StatusWord(other="word", bad_bits=3), CONSTANT, channels=word) == [
        1,
        0,
        0,
        1,
        0,
        None,
    ]


def test_an_instrument_warms_up_after_every_power_on() -> None:
    phase = np.array([1, 1, 2, 4, 6, 6, 6, 6, 6, 6])
    time_s = np.arange(10) * 300
    p = probabilities(WarmUp(other="phase"), [5.0] * 10, channels={"phase": phase}, time_s=time_s)
    assert p == [0] * 6 + [1] * 4
    fine = WarmUp(other="phase", seconds=1800, ramp_s=600)
    assert probabilities(fine, [5.0] * 10, channels={"phase": phase}, time_s=time_s)[4:7] == [0, 0.5, 1]
    phase[7] = 1  # power was lost
    again = probabilities(WarmUp(other="phase"), [5.0] * 10, channels={"phase": phase}, time_s=time_s)
    assert again[6:] == [1, 0, 0, 0]
    in_flight = {"phase": np.full(10, 6.0)}
    assert probabilities(WarmUp(other="phase"), [5.0] * 10, channels=in_flight) == [None] * 10


def test_a_test_may_look_at_the_raw_reading_in_place_of_the_series() -> None:
    computed = np.arange(40.0)  # moves, for it depends on more than the sensor
    raw = {"raw": np.where(np.arange(40) < 20, np.arange(40) % 7, 3.0)}
    time_s = np.arange(40) * 4
    flat = probabilities(FlatLine(of="raw", window_s=60), computed, channels=raw, time_s=time_s)
    assert flat == [1] * 20 + [0] * 20
    cold = Range(of="sensor_k", suspect=(233.15, None))
    sensor = {"sensor_k": np.array([233.15, 233.1, NAN, 250, 250, 200])}
    values = [5.0, 5.0, 5.0, NAN, 5.0, 5.0]
    assert probabilities(cold, values, channels=sensor) == [1, 0.5, None, None, 1, 0.5]


def zero_checks(zeros: list[float], seed: int = 1) -> dict[str, np.ndarray]:
    """A check of 20 rows every 200, with noise 1 around each zero."""
    rng = np.random.default_rng(seed)
    mode, reading = np.zeros(200 * len(zeros) + 100), rng.normal(90, 1, 200 * len(zeros) + 100)
    for n, zero in enumerate(zeros):
        mode[200 * n + 50 : 200 * n + 70] = 1
        reading[200 * n + 50 : 200 * n + 70] = zero + rng.normal(0, 1, 20)
    return {"mode": mode, "reading": reading}


def doubted(zeros: list[float], **fields: float) -> list[int]:
    """Which segments between checks (the first before all, the last after all) are suspect."""
    channels = zero_checks(zeros)
    p = CalibrationStep(other="mode", of="reading", **fields).probability(
        frame(channels["reading"], channels=channels), "x"
    )
    middles = [20, *(200 * n + 130 for n in range(len(zeros)))]
    return [int(row) for row in np.flatnonzero(p[middles] == 0.5)]


def test_a_zero_that_jumps_makes_what_it_bounds_suspect() -> None:
    assert doubted([0, 0.5, -0.5, 0]) == []
    assert doubted([0, 0, 0, 30]) == [3, 4]  # before the last check, and after it to the end
    assert doubted([0, 0, 30, 30, 0, 0]) == [2, 3, 4]
    assert doubted([30, 0, 0]) == [0, 1]
    assert doubted([0, 0, 0, 2.0]) == []
    assert doubted([0, 0, 0, 30], min_sigma=11) == []


def test_one_zero_check_tells_nothing() -> None:
    channels = zero_checks([30])
    p = CalibrationStep(other="mode", of="reading").probability(
        frame(channels["reading"], channels=channels), "x"
    )
    assert np.isnan(p).all()


def test_the_first_readings_of_a_check_may_be_left_out() -> None:
    channels = zero_checks([0, 0, 0])
    channels["reading"][250:262] = 20  # the old air is still there
    seen = frame(channels["reading"], channels=channels)
    for settle_s, expected in ((0.0, 0.5), (12.0, 1.0)):
        test = CalibrationStep(other="mode", of="reading", settle_s=settle_s, k=1)
        assert test.probability(seen, "x")[330] == expected


def test_channels_are_looked_at_not_judged_and_must_be_named() -> None:
    item = {"test": "phase_window", "other": "phase"}
    with pytest.raises(ValueError, match=r"series.x: looks at phase; expected one of x"):
        config(item)
    named = QualityConfig.model_validate(
        {"name": "t", "version": 1, "channels": ["phase"], "series": {"x": {"items": [item]}}}
    )
    verdicts = evaluate(frame([1.0, 2.0], channels={"phase": np.array([3.0, 6.0])}), named)
    assert set(verdicts) == {"x"}
    assert verdicts["x"].flag.tolist() == [4, 1]


def test_phase_and_mode_are_planned_and_no_failure_of_the_instrument() -> None:
    planned = {test.test for test in (PhaseWindow(other="p"), Mode(other="m")) if test.planned}
    assert planned == {"phase_window", "mode"}
    assert not StatusWord(other="w", bad_bits=1).planned
