"""Sensor models: the network's formulas, and their inverses."""

import numpy as np
import pytest

from sandbox.carbosense.clock import DAY_S, YEAR_S, unix
from sandbox.carbosense.field import h2o_percent
from sandbox.carbosense.sensors import Drift, HPPModel, LinearModel, LP8Model, make_hpp, make_linear, make_lp8
from sandbox.noise import key

NOW_S = np.array([unix("2022-06-01")])


def constant(offset_ppm: float) -> Drift:
    """A drift that has come to its end and has no random part."""
    return Drift(key(0), since_s=0, total_ppm=offset_ppm, scale_years=0.01, random_ppm=0.0)


def lp8(ti1: float = 0.0, ti2: float = 0.0, ti3: float = 0.0) -> LP8Model:
    return LP8Model("x", 60590, 5600, -21.5, 0.0432, -2.6e-5, ti1, ti2, ti3, 380, constant(-12.5))


@pytest.mark.parametrize(
    ("model", "expected_ppm"), [(lp8(), 437.165), (lp8(900, -3, 0.002), 439.637)], ids=["simple", "full"]
)
def test_lp8_model(model: LP8Model, expected_ppm: float) -> None:
    co2 = model.co2_wet_ppm(NOW_S, np.array([26_000.0]), np.array([18.5]), np.array([958.2]))
    assert co2[0] == pytest.approx(expected_ppm, rel=1e-5)


@pytest.mark.parametrize(("valve", "expected_ppm"), [(0.0, 397.079), (1.0, 399.731)])
def test_hpp_model(valve: float, expected_ppm: float) -> None:
    model = HPPModel(
        "x",
        2600,
        310,
        -150,
        420,
        0.35,
        -1.8,
        2.5,
        -505,
        0,
        1,
        constant(0),
        LinearModel("x", 0, 1, constant(0)),
    )
    t, p, rh = np.array([22.4]), np.array([955.0]), np.array([35.0])
    water = h2o_percent(rh, t, p)
    assert water[0] == pytest.approx(0.993363, rel=1e-5)
    co2 = model.co2_wet_ppm(NOW_S, np.array([0.82]), p, t, water, np.array([valve]))
    assert co2[0] == pytest.approx(expected_ppm, rel=1e-5)


@pytest.mark.parametrize("serial", ["a", "b", "c", "d"])
def test_the_inverse_models_lead_back(serial: str) -> None:
    n = 500
    rng = np.random.default_rng(1)
    time_s = NOW_S + np.arange(n) * 7200
    co2, t, p = rng.uniform(360, 700, n), rng.uniform(-15, 40, n), rng.uniform(750, 1020, n)
    water, valve = rng.uniform(0, 3, n), rng.integers(0, 2, n).astype(float)
    cheap = make_lp8(1, serial, unix("2017-05-01"))
    ir = cheap.ir_counts(time_s, co2, t, p)
    assert cheap.co2_wet_ppm(time_s, ir, t, p) == pytest.approx(co2, abs=1e-6)
    better = make_hpp(1, serial, unix("2018-01-01"))
    signal = better.ir_signal(time_s, co2, p, t, water, valve)
    assert better.co2_wet_ppm(time_s, signal, p, t, water, valve) == pytest.approx(co2, abs=1e-6)
    assert better.true_pressure_hpa(better.reading_pa(p)) == pytest.approx(p)
    good = make_linear(1, serial, unix("2018-01-01"))
    assert good.co2_ppm(time_s, good.reading_ppm(time_s, co2)) == pytest.approx(co2)


def test_offsets_are_steps_of_14_days_or_lines_between_them() -> None:
    drift = Drift(key(5), since_s=0, total_ppm=50, scale_years=2.0, random_ppm=4.0)
    hours_s = np.arange(0, 140 * DAY_S, 3600)
    steps = drift.steps(hours_s).reshape(10, -1)
    assert (np.ptp(steps, axis=1) == 0).all()
    assert np.unique(steps[:, 0]).size == 10
    hats = drift.hats(hours_s)
    assert hats[:: 14 * 24] == pytest.approx(steps[:, 0])  # equal at the knots
    assert abs(np.diff(hats, 2)).reshape(-1)[np.arange(1, 14 * 24 - 1)].max() < 1e-9  # straight in between
    old = drift.hats(np.array([int(20 * YEAR_S)]))
    assert old[0] == pytest.approx(50, abs=20)  # it approaches an end, it does not run away


def test_every_sensor_is_a_little_different() -> None:
    models = [make_lp8(1, str(serial), 0) for serial in range(50)]
    slopes = np.array([model.log_ir for model in models])
    assert 100 < slopes.std() < 500
    assert abs(slopes.mean() - 5600) < 150
