"""What an instrument type measures, with which parts, and how well."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from skyledger.config import CONFIG_DIR, Model, load
from skyledger.errors import ConfigError
from skyledger.iagos.formats.raw_columns import DECIMALS
from skyledger.iagos.variables import variables


class Uncertainty(Model):
    """Of one value: an absolute and a relative part."""

    absolute: Annotated[float, Field(ge=0, description="in the variable's unit")] = 0.0
    relative: Annotated[float, Field(ge=0, lt=1, description="part of the value")] = 0.0


class Measured(Model):
    """A variable that comes from a raw column by way of a calibration."""

    column: Annotated[str, Field(description="of the raw file")]
    component: Annotated[str, Field(description="type of the component whose calibration counts")]
    uncertainty: Uncertainty


class Instrument(Model):
    """One instrument type."""

    instrument_type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,7}$")]
    description: str = ""
    unit: Annotated[str, Field(description="type of the component that is deployed on an aircraft")]
    sampling_s: Annotated[float, Field(gt=0, description="grid of time")]
    longest_gap: Annotated[
        int, Field(ge=0, description="steps of the grid over which aircraft data are interpolated")
    ]
    recovery_factor: Annotated[float, Field(gt=0, le=1, description="of the total-temperature probes")]
    combine: Annotated[Literal["sum", "quadrature"], Field(description="how parts of an uncertainty add up")]
    measured: dict[str, Measured]
    sampled_volume_cm3: Annotated[
        float, Field(gt=0, description="air seen by the particle counter per value")
    ]
    quality: Annotated[str, Field(description="file of include/config/iagos/quality, without ending")]


def quality_files() -> list[str]:
    """Names of the configurations of quality control that there are."""
    return sorted(path.stem for path in (CONFIG_DIR / "iagos" / "quality").glob("*.yaml"))


@cache
def instruments() -> dict[str, Instrument]:
    """All instrument types. Raises ConfigError."""
    found = {}
    for path in sorted((CONFIG_DIR / "iagos" / "instruments").glob("*.yaml")):
        one = load(Instrument, path)
        if one.instrument_type != path.stem:
            raise ConfigError(f"{path}: instrument_type is {one.instrument_type!r}; expected {path.stem!r}")
        _check_measured(one, path)
        found[one.instrument_type] = one
    return found


def _check_measured(one: Instrument, path: Path) -> None:
    """Whether variables and columns of raw files that the configuration names do exist."""
    columns = DECIMALS.get(one.instrument_type, {})
    for name, measured in one.measured.items():
        if name not in variables():
            raise ConfigError(
                f"{path}: measured.{name}: no such variable; expected one of {', '.join(variables())}"
            )
        if measured.column not in columns:
            raise ConfigError(
                f"{path}: measured.{name}.column: {measured.column!r} is no column of raw files;"
                f" expected one of {', '.join(columns)}"
            )


def load_instrument(instrument_type: str) -> Instrument:
    """One instrument type by name. Raises ConfigError when there is none."""
    known = instruments()
    if instrument_type not in known:
        raise ConfigError(
            f"instrument type {instrument_type!r} is not known; expected one of {', '.join(known)}"
        )
    return known[instrument_type]
