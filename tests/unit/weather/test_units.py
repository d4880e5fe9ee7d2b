"""Units of header lines: spellings, conversions, and what is refused. Vectors of the reference's section 17."""

import numpy as np
import pytest

from skyledger.config import load
from skyledger.errors import ConfigError, FormatError
from skyledger.weather.units import UNITS_FILE, Units, conversion, to_canonical
from skyledger.weather.variables import VARIABLES


def converted(value: float, text: str, target: str) -> float:
    return float(conversion(text, target)(np.array([value]))[0])


@pytest.mark.parametrize(
    ("value", "text", "target", "expected"),
    [
        (26.74, "Deg C", "K", 299.890),  # vector 1
        (26.71, "degC", "K", 299.860),
        (26.72222, "degC", "degF", 80.1),
        (80.1, "Deg F", "K", 299.872),  # vector 2
        (27.48, "%", "1", 0.274800),  # vector 3
        (1523.7, "umol/s/m^2", "mol m-2 s-1", 0.00152370),  # vector 4
        (1.2, "mm/h", "m s-1", 3.33333e-7),  # vector 24
        (969.37, "hPa", "Pa", 96937.0),  # vector 25
        (969.37, "mbar", "Pa", 96937.0),
        (96.937, "kPa", "hPa", 969.37),
        (31.4, "C", "K", 304.550),  # vector 25
        (1250.0, "gal", "m3", 4.73176),  # vector 22
    ],
)
def test_values_convert_as_computed_by_hand(value, text, target, expected):
    assert converted(value, text, target) == pytest.approx(expected, rel=5e-6)


@pytest.mark.parametrize("text", ["W/m^2", "W/m2", "W m-2", "W/m²", " w / M2 "])
def test_spellings_of_one_unit_are_one_unit(text):
    assert converted(748.2, text, "W m-2") == 748.2


def test_a_unit_nobody_knows_is_an_error_that_says_what_was_expected():
    with pytest.raises(FormatError, match="unit 'furlong' is unknown: expected a spelling of m s-1"):
        conversion("furlong", "m s-1")


def test_a_unit_of_another_quantity_is_an_error():
    with pytest.raises(FormatError, match="cannot become degC: it is another quantity"):
        conversion("mm", "degC")


def test_equal_units_cost_no_copy():
    values = np.arange(3.0)
    assert conversion("Deg C", "degC")(values) is values


def test_every_variable_has_a_working_unit_that_leads_to_its_canonical_unit():
    units = {unit.unit: unit for unit in load(Units, UNITS_FILE).units}
    for variable in VARIABLES.values():
        assert units[variable.working_unit].canonical == variable.unit
        assert to_canonical(variable.working_unit).scale > 0


def test_a_spelling_of_two_units_is_a_configuration_error(tmp_path):
    path = tmp_path / "units.yaml"
    path.write_text(
        "units:\n"
        "  - {unit: a, canonical: a, scale: 1, offset: 0, spellings: [x]}\n"
        "  - {unit: b, canonical: b, scale: 1, offset: 0, spellings: [X]}\n"
    )
    with pytest.raises(ConfigError, match="'X' is a spelling of both a and b"):
        load(Units, path)
