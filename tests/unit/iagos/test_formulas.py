"""Formulas of the importer: vectors 9 to 14, 22, 26, 28 of the reference (15, 16, 27 are in test_meteorology)."""

import numpy as np
import pytest

from skyledger.iagos.science import formulas
from skyledger.meteorology import wind_components

EXACT = 5e-6


def close(value):
    return pytest.approx(value, rel=EXACT)


def test_static_temperature_with_an_ideal_and_a_real_probe():
    assert formulas.static_temperature_k(247.3, 0.82, 1.0) == close(217.985)
    assert formulas.static_temperature_k(247.3, 0.82, 0.95) == close(219.285)


def test_air_at_rest_is_as_warm_as_the_probe_says():
    assert formulas.static_temperature_k(290.0, 0.0, 1.0) == 290.0


@pytest.mark.parametrize(
    ("temperature", "liquid", "ice"), [(220.0, 4.47532, 2.65267), (273.15, 611.213, 611.154)]
)
def test_saturation_pressures(temperature, liquid, ice):
    assert formulas.saturation_pressure_liquid_pa(temperature) == close(liquid)
    assert formulas.saturation_pressure_ice_pa(temperature) == close(ice)


def test_saturation_over_liquid_and_ice_at_flight_level():
    ratio = formulas.saturation_pressure_liquid_pa(220.0) / formulas.saturation_pressure_ice_pa(220.0)
    assert ratio == close(1.68710)


def test_humidity_over_ice_and_water_from_that_over_liquid():
    assert formulas.humidity_over_ice(0.55, 220.0) == close(0.927906)
    assert 0.55 * formulas.saturation_pressure_liquid_pa(220.0) == close(2.46143)
    assert 1e6 * formulas.water_mole_fraction(0.55, 220.0, 25_000.0) == close(98.4571)


def test_humidity_outside_from_that_at_the_warm_sensor():
    assert formulas.ambient_humidity(0.045, 218.4, 245.6) == close(0.516471)
    factors = (218.4 / 245.6) ** 3.5, formulas.ambient_humidity(1.0, 218.4, 245.6)
    assert factors[0] == close(0.663109)
    assert factors[1] / factors[0] == close(17.3081)


def test_humidity_offset_in_the_stratosphere():
    reference = formulas.stratospheric_humidity(217.0, 19_700.0)
    assert reference == close(0.0314574)
    assert 0.044 - reference == close(0.0125426)


def test_stratosphere_is_where_air_is_stable_and_full_of_ozone():
    theta = np.array([385.0, 385.0, 350.0, 350.0, 335.0, 350.0, np.nan])
    ozone = np.array([50.0, np.nan, 310.0, 290.0, 400.0, np.nan, 900.0])
    assert formulas.in_stratosphere(theta, ozone).tolist() == [True, True, True, False, False, False, False]


def test_uncertainty_adds_up_or_in_quadrature():
    value = np.array([43.25, -43.25, np.nan])
    assert formulas.uncertainty(value, 2, 0.02) == pytest.approx([2.865, 2.865, np.nan], nan_ok=True)
    assert formulas.uncertainty(value, 2, 0.02, "quadrature")[0] == close(2.17904)
    assert formulas.uncertainty(np.array([96.4]), 5, 0.05) == close(9.82)


def test_wind_from_west_south_west():
    u, v = wind_components(42.0, 250.0)
    assert (u, v) == (close(39.4671), close(14.3648))


def test_mass_of_ozone_in_air():
    assert formulas.mass_concentration_ug_m3(43.25, 47.9982, 293.15, 101_325.0) == close(86.2986)


def test_missing_stays_missing_and_shapes_broadcast():
    found = formulas.humidity_over_ice(np.array([0.5, np.nan]), np.array([[220.0], [np.nan]]))
    assert np.isnan(found).tolist() == [[False, True], [True, True]]
