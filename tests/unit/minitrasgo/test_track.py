"""C16 against the vectors of the reference's sections 8.2 and 8.4, to their six digits."""

from dataclasses import replace

import numpy as np
import pytest

from skyledger.minitrasgo.detector import SIGNAL_MM_PER_NS, STRIP_TRANSIT_NS
from skyledger.minitrasgo.planes import build_planes
from skyledger.minitrasgo.region import label, region_names
from skyledger.minitrasgo.stations import reduction
from skyledger.minitrasgo.timtrack import combine
from skyledger.minitrasgo.track import Tracks, fit
from tests.support.mingo_planes import STANDARD, Z_MM, hits, planes

NAN = np.nan
ALL_FITS = STANDARD.track.model_copy(update={"detached": True, "timtrack": True})
X, Y, T_REL = [20, 48, 73, 102], [-49, -14, 14, 49], [1.0, 1.52, 2.01, 2.55]


@pytest.fixture(scope="module")
def track() -> Tracks:
    return fit(planes([X], [Y], [T_REL]), Z_MM, ALL_FITS)


def six_digits(value: float) -> object:
    return pytest.approx(value, rel=6e-6)


def test_least_squares_gives_line_angles_slowness_and_chi2(track: Tracks) -> None:
    assert track.x_slope[0] == six_digits(0.186897)
    assert track.x0[0] == six_digits(20.1)
    assert track.y_slope[0] == six_digits(0.222069)
    assert track.y0[0] == six_digits(-48.3)
    assert np.degrees(track.theta_rad[0]) == six_digits(16.1854)
    assert np.degrees(track.phi_rad[0]) == six_digits(49.9155)
    assert track.slowness[0] == six_digits(0.00340433)
    assert track.t0[0] == six_digits(0.999)
    assert track.chi2[0] == six_digits(0.0311252)
    assert track.ndf[0] == 6
    assert track.crossed[0] == 1234


def test_detached_fit_gives_the_vectors(track: Tracks) -> None:
    found = track.detached
    assert found is not None
    assert found.x0[0] == six_digits(20.0970)
    assert found.y0[0] == six_digits(-48.3059)
    assert found.theta_rad[0] == six_digits(0.282515)
    assert found.phi_rad[0] == six_digits(0.871214)
    assert found.chi2_position[0] == six_digits(0.0122062)
    np.testing.assert_allclose(
        found.residual_t_dif[0], [-0.0003365, 0.003476, -0.0058972, 0.0027577], rtol=2e-4
    )
    np.testing.assert_allclose(found.residual_y[0], [-0.658810, 1.97567, -1.95653, 0.639667], rtol=6e-6)
    assert found.slowness[0] == six_digits(0.00340430)
    assert found.t0[0] - T_REL[0] == pytest.approx(-0.001, abs=1e-9)
    assert found.chi2_time[0] == six_digits(0.00342857)


def test_timtrack_gives_the_vectors(track: Tracks) -> None:
    found = track.timtrack
    assert found is not None
    assert (found.x0[0], found.x_slope[0]) == (six_digits(20.1), six_digits(0.186897))
    assert (found.y0[0], found.y_slope[0]) == (six_digits(-48.3), six_digits(0.222069))
    assert found.t0[0] - STRIP_TRANSIT_NS == six_digits(0.248481)
    assert found.slowness[0] == six_digits(0.00340433)
    assert (found.iterations[0], found.distance[0]) == (2, six_digits(0.135279))
    assert found.chi2[0] == six_digits(0.0311252)
    assert (np.degrees(found.theta_rad[0]), np.degrees(found.phi_rad[0])) == (
        six_digits(16.1854),
        six_digits(49.9155),
    )


def test_combination_is_mean_and_half_difference(track: Tracks) -> None:
    both = track.combined
    assert both is not None
    assert both.theta_rad.value[0] == six_digits(0.282502)
    assert both.theta_rad.error[0] == six_digits(1.37221e-5)
    assert both.phi_rad.value[0] == six_digits(0.871202)
    assert both.phi_rad.error[0] == six_digits(1.16740e-5)
    assert both.x0.value[0] == six_digits(20.0985)


def test_combination_takes_azimuths_the_short_way_round(track: Tracks) -> None:
    assert track.detached is not None
    assert track.timtrack is not None
    one = replace(track.detached, phi_rad=np.radians([-179.0]))
    other = replace(track.timtrack, phi_rad=np.radians([177.0]))
    phi = combine(one, other).phi_rad
    np.testing.assert_allclose(np.degrees([phi.value[0], phi.error[0]]), [179, 2])


def test_residuals_of_all_fits_are_data_minus_fit_and_times_have_one_origin(track: Tracks) -> None:
    """Weakness 6: averaged, the residuals of two fits stay what they are, and so do the times at plane 1."""
    fits = (track, track.detached, track.timtrack)
    for one in fits:
        assert one is not None
        np.testing.assert_array_equal(np.sign(one.residual_y[0]), [-1, 1, -1, 1])
        np.testing.assert_array_equal(np.sign(one.residual_t_dif[0]), [-1, 1, -1, 1])
        np.testing.assert_allclose(one.residual_t_sum[0], [0.001, 0.007, -0.017, 0.009], atol=1e-9)
        assert one.t0[0] == pytest.approx(0.999)
    assert track.combined is not None
    assert np.abs(track.combined.residual_y.value[0]).min() > 0.6
    assert track.combined.t0.value[0] == pytest.approx(0.999)


def test_chi2_sums_squares() -> None:
    """Weakness 6, vector 16: opposite residuals do not cancel."""
    z = (0.0, 145.0, 290.0, 435.0)
    wave = np.array([0.3, -0.4, 0.2, -0.1])
    wave -= np.polyval(np.polyfit(z, wave, 1), z)
    track = fit(planes([[0, 0, 0, 0]], [[0, 0, 0, 0]], [wave]), z, ALL_FITS)
    expected = (wave**2).sum() / 0.35**2
    assert expected > 0.5
    assert track.timtrack is not None
    assert track.detached is not None
    for chi2 in (track.chi2, track.timtrack.chi2, track.detached.chi2_time):
        assert chi2[0] == pytest.approx(expected)
    assert sum(r**2 for r in (0.3, -0.4, 0.2, -0.1)) / 0.35**2 == six_digits(2.44898)


def test_timtrack_says_converged_only_when_it_is() -> None:
    """Weakness 6."""
    event = planes([X], [Y], [T_REL])
    once = fit(event, Z_MM, ALL_FITS.model_copy(update={"timtrack_iterations": 1})).timtrack
    enough = fit(event, Z_MM, ALL_FITS).timtrack
    assert once is not None
    assert enough is not None
    assert (once.converged.tolist(), once.iterations.tolist()) == ([False], [1])
    assert enough.converged.tolist() == [True]


def test_the_tiny_file_goes_on_to_the_expected_track_and_regions() -> None:
    """Line 1 of 8.4, with pedestals of 88 and an offset of 0.3 ns."""
    strips = [(1, 2, -124.8142, 0.5916, 123.0202), (2, 2, -124.7176, 0.2836, 101.63)]
    strips += [(3, 3, -124.30101, 0.31101, 115.32515), (4, 3, -123.702, 0.3987, 98.73135)]
    rows = (
        (0, plane, strip, {"t_sum": t_sum, "t_dif": t_dif - 0.3, "q_sum": q - 88})
        for plane, strip, t_sum, t_dif, q in strips
    )
    made = build_planes(hits(*rows), 1, STANDARD.planes)
    np.testing.assert_allclose(made.q_sum[0], [35.0202, 13.63, 27.3252, 10.7313], atol=1e-4)
    np.testing.assert_allclose(made.x[0], [58.2797, -3.27773, 2.19848, 19.7263], atol=3e-3)
    track = fit(made, Z_MM, STANDARD.track)
    assert track.x_slope[0] == pytest.approx(-0.0759888, rel=1e-4)
    assert track.x0[0] == pytest.approx(35.7592, rel=1e-4)
    theta, phi = np.degrees(track.theta_rad), np.degrees(track.phi_rad)
    assert (theta[0], phi[0]) == (pytest.approx(13.2088, rel=1e-4), pytest.approx(108.890, rel=1e-4))
    assert track.detached is not None
    assert np.degrees(track.detached.theta_rad[0]) == pytest.approx(13.2337, rel=1e-4)
    assert np.degrees(track.detached.phi_rad[0]) == pytest.approx(109.180, rel=1e-4)
    assert track.detached.x0[0] == pytest.approx(36.0358, rel=1e-4)
    assert track.detached.y0[0] == pytest.approx(-48.3101, rel=1e-5)
    for scheme, expected in ((STANDARD.region, "R1.6"), (reduction("n26").region, "mid_6")):
        assert region_names(scheme)[label(theta, phi, 0, scheme)[0]] == expected


def test_any_set_of_planes_gives_the_line_that_was_put_in() -> None:
    rng = np.random.default_rng(1)
    x0, y0, x_slope, y_slope = rng.uniform(-1, 1, (4, 16)) * [[100], [100], [0.5], [0.5]]
    slowness = 0.004
    z = np.array(Z_MM)
    way = z * np.sqrt(1 + x_slope**2 + y_slope**2)[:, None]
    present = np.arange(16)[:, None] >> np.arange(4) & 1 == 1
    mask = np.where(present, 0, NAN)
    events = planes(
        x0[:, None] + x_slope[:, None] * z + mask, y0[:, None] + y_slope[:, None] * z, 0.3 + slowness * way
    )
    track = fit(events, Z_MM, ALL_FITS)
    two = present.sum(axis=1) >= 2
    assert two.sum() == 11
    assert track.detached is not None
    assert track.timtrack is not None
    for found in (track, track.detached, track.timtrack):
        for name, expected in (("x0", x0), ("y0", y0), ("slowness", slowness), ("t0", 0.3)):
            values = getattr(found, name)
            np.testing.assert_allclose(values[two], np.broadcast_to(expected, 16)[two], rtol=1e-6, atol=1e-6)
            assert np.isnan(values[~two]).all()
        np.testing.assert_allclose(found.phi_rad[two], np.arctan2(y_slope, x_slope)[two], atol=1e-6)
        assert np.isnan(found.theta_rad[~two]).all()
        np.testing.assert_array_equal(np.isnan(found.residual_y[two]), ~present[two])
    assert np.isnan(track.chi2[~two]).all()
    assert np.isnan(track.detached.chi2_time[~two]).all()
    assert np.isnan(track.timtrack.chi2[~two]).all()
    assert not track.timtrack.converged[~two].any()
    np.testing.assert_array_equal(track.ndf, np.where(two, 3 * present.sum(axis=1) - 6, -1))


def test_the_detached_direction_is_that_of_the_singular_value_decomposition() -> None:
    rng = np.random.default_rng(2)
    n = 300
    x, y = rng.uniform(-0.5, 0.5, (2, n, 1)) * Z_MM + rng.normal(0, 25, (2, n, 4))
    missing = rng.random((n, 4)) < 0.3
    x[missing] = NAN
    track = fit(planes(x, y), Z_MM, STANDARD.track)
    assert track.detached is not None
    compared = 0
    for event in np.flatnonzero((~missing).sum(axis=1) >= 2):
        used = ~missing[event]
        points = np.stack([x[event, used], y[event, used], np.array(Z_MM)[used]], axis=1)
        centre = points.mean(axis=0)
        d = np.linalg.svd(points - centre)[2][0]
        d *= np.sign(d[2])
        across = (points - centre) - np.outer((points - centre) @ d, d)
        chi2 = (across**2).sum() / ((0.075 * SIGNAL_MM_PER_NS) ** 2 + 25**2 + 10**2)
        start = centre - centre[2] / d[2] * d
        found = [
            getattr(track.detached, name)[event]
            for name in ("theta_rad", "phi_rad", "x0", "y0", "chi2_position")
        ]
        expected = [np.arccos(d[2]), np.arctan2(d[1], d[0]), start[0], start[1], chi2]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
        compared += 1
    assert compared > 200


def test_crossed_planes_are_those_whose_area_the_line_meets() -> None:
    events = planes([[140, NAN, 160, NAN], [0, 0, NAN, NAN]], [[0, NAN, 0, NAN], [-74, 0, NAN, NAN]])
    assert fit(events, Z_MM, STANDARD.track).crossed.tolist() == [12, 123]


def test_fits_that_are_switched_off_leave_nothing() -> None:
    off = STANDARD.track.model_copy(update={"detached": False, "timtrack": False})
    track = fit(planes([X], [Y], [T_REL]), Z_MM, off)
    assert (track.detached, track.timtrack, track.combined) == (None, None, None)
    one = fit(planes([X], [Y], [T_REL]), Z_MM, off.model_copy(update={"timtrack": True}))
    assert one.timtrack is not None
    assert (one.detached, one.combined) == (None, None)


def test_no_events_give_no_tracks() -> None:
    assert len(fit(planes(np.empty((0, 4)), np.empty((0, 4))), Z_MM, ALL_FITS)) == 0
