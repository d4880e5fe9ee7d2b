"""Units of logger files: what programmers write, what it means, and how it becomes another unit.

Conversions are affine, so a mean, minimum or maximum may be converted after it was made; a standard deviation takes
the scale only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from skyledger.config import CONFIG_DIR, Model, digest, load
from skyledger.errors import FormatError

if TYPE_CHECKING:  # DAG files read the stations, and must not load numpy
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

UNITS_FILE = CONFIG_DIR / "weather" / "units.yaml"


class Unit(Model):
    """One unit and its spellings."""

    unit: Annotated[str, Field(description="our name of the unit")]
    canonical: Annotated[str, Field(description="canonical unit of the same quantity")]
    scale: Annotated[float, Field(gt=0, description="canonical = value * scale + offset")]
    offset: Annotated[float, Field(description="canonical = value * scale + offset")]
    spellings: Annotated[tuple[str, ...], Field(min_length=1, description="what header lines say")]


class Units(Model):
    """All units that logger files may use."""

    units: tuple[Unit, ...]

    @model_validator(mode="after")
    def _each_spelling_once(self) -> Self:
        seen: dict[str, str] = {}
        for unit in self.units:
            for spelling in unit.spellings:
                other = seen.setdefault(_plain(spelling), unit.unit)
                if other != unit.unit:
                    raise ValueError(f"{spelling!r} is a spelling of both {other} and {unit.unit}")
        names = [unit.unit for unit in self.units]
        for unit in self.units:
            if names.count(unit.unit) > 1:
                raise ValueError(f"unit {unit.unit!r} is stated more than once")
            if unit.canonical not in names:
                raise ValueError(f"{unit.unit}: canonical unit {unit.canonical!r} is not in the list")
        return self


@dataclass(frozen=True, slots=True)
class Conversion:
    """new = value * scale + offset."""

    scale: float
    offset: float

    def __call__(self, values: FloatArray) -> FloatArray:
        """Convert; without a copy where nothing changes."""
        if self.scale == 1.0 and self.offset == 0.0:
            return values
        return values * self.scale + self.offset


def conversion(text: str, target: str) -> Conversion:
    """How values in the unit a header states (`text`) become values in our unit `target`.

    Raises FormatError when the text is no known spelling, or is a unit of another quantity.
    """
    source = _by_spelling().get(_plain(text))
    if source is None:
        raise FormatError(
            f"unit {text!r} is unknown: expected a spelling of {target} (add it to {UNITS_FILE.name} if it is one)"
        )
    wanted = _by_name()[target]
    if source.canonical != wanted.canonical:
        raise FormatError(f"unit {text!r} ({source.unit}) cannot become {target}: it is another quantity")
    if source.unit == wanted.unit:
        return Conversion(1.0, 0.0)
    return Conversion(source.scale / wanted.scale, (source.offset - wanted.offset) / wanted.scale)


def to_canonical(unit: str) -> Conversion:
    """How values in our unit become values in its canonical unit."""
    known = _by_name()[unit]
    return Conversion(known.scale, known.offset)


def _plain(text: str) -> str:
    return re.sub(r"[\s^/.]+", "", text.strip()).casefold()


@cache
def _units() -> Units:
    return load(Units, UNITS_FILE)


@cache
def _by_name() -> dict[str, Unit]:
    return {unit.unit: unit for unit in _units().units}


@cache
def _by_spelling() -> dict[str, Unit]:
    return {_plain(spelling): unit for unit in _units().units for spelling in unit.spellings}


def units_digest() -> str:
    """SHA-256 of all units: a changed factor makes stored days outdated."""
    return digest(_units())
