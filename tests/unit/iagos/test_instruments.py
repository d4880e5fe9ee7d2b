"""Instrument types: what is shipped fits raw files and variables; mistakes are told with file and key."""

import re

import pytest

from skyledger.config import CONFIG_DIR
from skyledger.errors import ConfigError
from skyledger.iagos import instruments as module
from skyledger.iagos.instruments import instruments, load_instrument

P1 = (CONFIG_DIR / "iagos" / "instruments" / "P1.yaml").read_text()


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes an instrument type of its own and forgets it afterwards."""
    monkeypatch.setattr(module, "CONFIG_DIR", tmp_path)
    instruments.cache_clear()
    folder = tmp_path / "iagos" / "instruments"
    folder.mkdir(parents=True)
    yield lambda name, text: (folder / name).write_text(text)
    instruments.cache_clear()


def test_the_shipped_instrument_has_the_uncertainties_of_its_makers():
    measured = load_instrument("P1").measured
    assert (measured["O3_P1"].uncertainty.absolute, measured["O3_P1"].uncertainty.relative) == (2, 0.02)
    assert (measured["CO_P1"].uncertainty.absolute, measured["CO_P1"].uncertainty.relative) == (5, 0.05)


def test_an_instrument_that_is_not_known_is_told_with_those_that_are():
    with pytest.raises(ConfigError, match="instrument type 'P2a' is not known; expected one of P1"):
        load_instrument("P2a")


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("P9.yaml", "", "", "P9.yaml: instrument_type is 'P1'; expected 'P9'"),
        ("P1.yaml", "O3_P1:", "O3_P9:", "measured.O3_P9: no such variable; expected one of lon, lat"),
        (
            "P1.yaml",
            "rh_raw",
            "rh",
            "measured.RHL_P1.column: 'rh' is no column of raw files; expected one of lat",
        ),
        ("P1.yaml", "absolute: 5", "absolute: -5", "measured.CO_P1.uncertainty.absolute: -5; expected"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(config, name, before, after, message):
    config(name, P1.replace(before, after) if before else P1)
    with pytest.raises(ConfigError, match=re.escape(message)):
        instruments()
