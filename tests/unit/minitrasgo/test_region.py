"""C18 against the vectors of the reference's section 8.1, both schemes by configuration alone."""

import numpy as np
import pytest
from pydantic import ValidationError

from skyledger.minitrasgo.detector import FloatArray
from skyledger.minitrasgo.reduction import Region
from skyledger.minitrasgo.region import label, region_names
from skyledger.minitrasgo.stations import reduction

L25, N26 = reduction("standard").region, reduction("n26").region


def labels(
    scheme: Region, theta_deg: object, phi_deg: object, phi_north_deg: float = 0.0
) -> list[str | None]:
    names = region_names(scheme)
    theta: FloatArray = np.array(theta_deg, dtype=float)
    found = label(theta, np.array(phi_deg, dtype=float), phi_north_deg, scheme)
    return [None if region < 0 else names[region] for region in found]


@pytest.mark.parametrize(
    ("theta", "phi", "north", "expected"),
    [
        (3, 10, 0, "R0.0"),
        (5, -180, 0, "R1.0"),
        (10, 0, 0, "R1.4"),
        (10, 0, 90, "R1.6"),
        (20, 135, 90, "R2.1"),
        (16.1869, 49.9169, 0, "R2.5"),
        (25, 179.99, 0, "R3.7"),
        (30, 44.9, 0, "R3.4"),
    ],
)
def test_rings_of_2025(theta: float, phi: float, north: float, expected: str) -> None:
    """Weakness 8: north counts."""
    assert labels(L25, [theta], [phi], north) == [expected]


@pytest.mark.parametrize(
    ("theta", "phi", "expected"),
    [
        (0, 77, "high"),
        (9.99, 10, "high"),
        (10, -180, "mid_0"),
        (39.9, -135.01, "mid_0"),
        (12, 0, "mid_4"),
        (12, 44.9, "mid_4"),
        (12, 180, "mid_0"),
        (40, 179.9, "low_3"),
        (89, -0.1, "low_1"),
    ],
)
def test_rings_of_2026(theta: float, phi: float, expected: str) -> None:
    assert labels(N26, [theta], [phi]) == [expected]


def test_names_say_ring_and_sector_in_the_order_of_the_indices() -> None:
    """Weakness 18: limits of the rings are in the configuration, with the names."""
    assert region_names(N26) == ("high", *(f"mid_{k}" for k in range(8)), *(f"low_{k}" for k in range(4)))
    assert region_names(L25) == ("R0.0", *(f"R{ring}.{k}" for ring in (1, 2, 3) for k in range(8)))


def test_rings_hold_their_lower_edge_and_the_last_one_90() -> None:
    below = np.nextafter([5.0, 15.0, 25.0], 0).tolist()
    assert labels(L25, below, [0, 0, 0]) == ["R0.0", "R1.4", "R2.4"]
    assert labels(L25, [5, 15, 25, 90, 0], [0] * 5) == ["R1.4", "R2.4", "R3.4", "R3.4", "R0.0"]


def test_azimuth_wraps_exactly_at_180() -> None:
    assert labels(L25, [10, 10, 10, 10], [180, -180, 540, -179.9999]) == ["R1.0"] * 4
    assert labels(L25, [10, 10], [180 - 1e-9, -180 - 1e-9]) == ["R1.7"] * 2
    assert labels(L25, [10] * 3, [90] * 3, 90) == ["R1.0"] * 3
    assert labels(L25, [10], [-90], -90) == ["R1.0"]
    hair = np.nextafter(-180, -200)  # its remainder rounds to 360
    assert np.mod(hair + 180, 360) == 360
    assert labels(L25, [10], [hair]) == ["R1.0"]


def test_events_without_a_direction_are_in_no_region() -> None:
    nan = np.nan
    assert labels(L25, [nan, 10, nan, 91, -1, 3], [0, nan, nan, 0, 0, nan]) == [None] * 6
    assert labels(L25, [], []) == []


def test_north_is_left_out_only_when_the_configuration_says_so() -> None:
    fixed = L25.model_copy(update={"apply_phi_north": False})
    assert labels(fixed, [10], [0], 90) == ["R1.4"]
    assert L25.apply_phi_north
    assert N26.apply_phi_north


def test_limits_of_2026_are_those_of_the_table() -> None:
    """4.1.11, as far as it gives them."""
    settings = reduction("n26")
    assert settings.clean.q_window_ns == (0, 500)
    assert settings.clean.coincidence_ns is None
    assert settings.strip.calibrated_q_sum_window_ns == (-10, 300)
    assert settings.strip.calibrated_t_dif_max_ns == 0.79
    assert (settings.time_sum.coincidence_before_ns, settings.time_sum.coincidence_after_ns) == (10, 3)
    assert settings.quality.slowness_window_ns_mm == (-0.02, 0.03)
    assert settings.quality.position_max_mm == 200
    assert settings.quality.residual_t_sum_max_ns == 3.5
    assert not settings.cross_talk.enabled
    assert settings.planes.active_q_min_ns == 0


def test_more_regions_than_an_index_holds_are_refused() -> None:
    rings = [{"name": f"R{k}", "theta_deg": (k * 22.5, k * 22.5 + 22.5), "sectors": 36} for k in range(4)]
    with pytest.raises(ValidationError, match="144 regions; expected at most 127"):
        Region(apply_phi_north=True, separator=".", rings=rings)
