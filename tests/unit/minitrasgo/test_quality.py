"""C17: marks of badly measured tracks; weakness 7: they are always there."""

from dataclasses import replace

import numpy as np
import pytest

from skyledger.minitrasgo.detector import SIGNAL_MM_PER_NS
from skyledger.minitrasgo.quality import Flag, quality
from skyledger.minitrasgo.reduction import Quality
from skyledger.minitrasgo.track import fit
from tests.support.mingo_planes import STANDARD, Z_MM, planes

NAN = np.nan
BOTH = STANDARD.track.model_copy(update={"detached": True, "timtrack": True})
C = 1 / 299.792458
GOOD_X, GOOD_Y = [20.0, 40.0, 60.0, 80.0], [-49.0, -14.0, 14.0, 49.0]
GOOD_T = [0.0, 145 * C, 290 * C, 435 * C]


def flags(x: list[float], y: list[float], t_rel: list[float], **limits: object) -> Flag:
    events = planes([x], [y], [t_rel])
    settings = Quality(**(STANDARD.quality.model_dump() | limits))
    return Flag(int(quality(events, fit(events, Z_MM, STANDARD.track), settings)[0]))


def test_a_good_track_has_the_mask_0() -> None:
    assert flags(GOOD_X, GOOD_Y, GOOD_T) == Flag(0)


@pytest.mark.parametrize(
    ("flag", "x", "y", "t_rel", "limits"),
    [
        (Flag.POSITION, GOOD_X, GOOD_Y, GOOD_T, {"position_max_mm": 48}),
        (Flag.POSITION, [49, 49, 49, 49], [0, 0, 0, 0], GOOD_T, {"position_max_mm": 48}),
        (Flag.SLOPE, GOOD_X, GOOD_Y, GOOD_T, {"slope_max": 0.2}),
        (Flag.THETA, GOOD_X, GOOD_Y, GOOD_T, {"theta_max_deg": 14}),
        (Flag.SLOWNESS, GOOD_X, GOOD_Y, [0, -1, -2, -3], {}),
        (Flag.SLOWNESS, GOOD_X, GOOD_Y, [0, 1.7, 3.4, 5.1], {}),
        (Flag.RESIDUAL_Y, GOOD_X, [-49, -14, -49, 49], GOOD_T, {"residual_y_max_mm": 30}),
        (Flag.RESIDUAL_T_SUM, GOOD_X, GOOD_Y, [0, 4, 0, 1], {}),
        (
            Flag.RESIDUAL_T_DIF,
            [20, 20, 20 + SIGNAL_MM_PER_NS, 20],
            GOOD_Y,
            GOOD_T,
            {"residual_t_dif_max_ns": 0.6},
        ),
    ],
)
def test_each_limit_sets_its_own_bit(
    flag: Flag, x: list[float], y: list[float], t_rel: list[float], limits: dict[str, float]
) -> None:
    assert flags(x, y, t_rel, **limits) == flag


def test_a_line_outside_the_planes_is_marked() -> None:
    assert flags([150, -100, NAN, NAN], [140, -100, NAN, NAN], [0, 1, NAN, NAN]) == Flag(0)
    assert flags([151, 160, NAN, NAN], [0, 0, NAN, NAN], [0, 1, NAN, NAN]) == Flag.NOT_CROSSING


def test_an_event_without_a_track_has_that_bit_alone() -> None:
    assert flags([20, NAN, NAN, NAN], [0, NAN, NAN, NAN], [0, NAN, NAN, NAN]) == Flag.NO_TRACK
    assert flags([NAN] * 4, [NAN] * 4, [NAN] * 4) == Flag.NO_TRACK


def test_slowness_of_two_fits_is_compared_only_where_both_are_made() -> None:
    events = planes([GOOD_X], [[-49, 60, -60, 49]], [[0, 1.5, 3.0, 4.4]])
    strict = STANDARD.quality.model_copy(
        update={"slowness_disagreement_ns_mm": 1e-6, "slowness_window_ns_mm": (-1, 1)}
    )
    both = fit(events, Z_MM, BOTH)
    assert both.combined is not None
    assert abs(both.combined.slowness.error[0]) > 2e-6
    assert quality(events, both, strict)[0] == Flag.SLOWNESS_DISAGREEMENT
    assert (
        quality(events, both, STANDARD.quality.model_copy(update={"slowness_window_ns_mm": (-1, 1)}))[0] == 0
    )
    for name in ("detached", "timtrack"):
        alone = fit(events, Z_MM, BOTH.model_copy(update={name: False}))
        assert quality(events, alone, strict)[0] == 0


def test_a_fit_by_iteration_that_did_not_converge_is_marked() -> None:
    """Weakness 6."""
    events = planes([GOOD_X], [GOOD_Y], [GOOD_T])
    tracks = fit(events, Z_MM, BOTH)
    assert tracks.timtrack is not None
    stuck = replace(tracks, timtrack=replace(tracks.timtrack, converged=np.array([False])))
    assert quality(events, tracks, STANDARD.quality)[0] == 0
    assert quality(events, stuck, STANDARD.quality)[0] == Flag.NOT_CONVERGED


def test_every_limit_of_the_configuration_has_a_bit_and_no_bit_is_shared() -> None:
    limits = {"position", "slope", "theta", "slowness", "residual_y", "residual_t_sum", "residual_t_dif"}
    limits |= {"slowness_disagreement"}
    configured = {
        name.split("_max")[0].split("_window")[0].removesuffix("_ns_mm") for name in Quality.model_fields
    }
    assert configured == limits
    assert {name.upper() for name in limits} < set(Flag.__members__)
    assert all(flag.value.bit_count() == 1 for flag in Flag)
    assert len({flag.value for flag in Flag}) == len(Flag.__members__)
