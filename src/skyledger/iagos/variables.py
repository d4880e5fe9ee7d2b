"""The network's variables: names, units, standard names, how many decimals a text file shows."""

from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from skyledger.config import CONFIG_DIR, Model, load


class Variable(Model):
    """One variable of a flight."""

    kind: Annotated[
        Literal["coordinate", "aircraft", "instrument"],
        Field(
            description="instrument variables carry uncertainty and process flag; the others value and validity only"
        ),
    ]
    long_name: Annotated[str, Field(min_length=1)]
    unit: Annotated[str, Field(description="of working arrays and files, as UDUNITS reads it: 1e-9 is ppb")]
    shown_unit: Annotated[
        str | None, Field(description="for people and NASA Ames, where it differs: ppb")
    ] = None
    standard_name: Annotated[
        str | None, Field(description="CF standard name table v93; none where there is none")
    ] = None
    decimals: Annotated[int, Field(ge=0, le=8, description="in text files")]

    @property
    def label(self) -> str:
        """Unit for people."""
        return self.shown_unit or self.unit


class Variables(Model):
    """All variables, by name, in the order of files."""

    variables: Annotated[dict[str, Variable], Field(min_length=1)]


@cache
def variables() -> dict[str, Variable]:
    """The network's variables. Raises ConfigError."""
    return load(Variables, CONFIG_DIR / "iagos" / "variables.yaml").variables
