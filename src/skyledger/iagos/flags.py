"""The network's flags per value, and how the engine's flags become them.

Validity: 0 good, 2 limited, 3 erroneous, 4 not validated, 7 missing. Process: 0 raw, 1 intermediate, 2 final.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from skyledger.quality.frame import FAIL, SUSPECT, FlagArray
from skyledger.quality.schemes import IAGOS


class Validity(IntEnum):
    """What is thought of a value."""

    GOOD = 0  # all required tests passed
    LIMITED = 2  # a non-critical or subjective test failed
    ERRONEOUS = 3  # a critical test failed, or set by the provider
    NOT_VALIDATED = 4  # no test made
    MISSING = 7  # the value is the fill value


class Process(IntEnum):
    """How far a value is processed."""

    RAW = 0  # L0, NRT
    INTERMEDIATE = 1  # L1
    FINAL = 2  # L2


_TO_ENGINE = {Validity.GOOD: 1, Validity.LIMITED: SUSPECT, Validity.ERRONEOUS: FAIL}
# When two sources speak of a value, the stronger flag counts: missing, erroneous, limited, good, not validated
_STRENGTH = np.zeros(8, dtype=np.int8)
_STRENGTH[[Validity.NOT_VALIDATED, Validity.GOOD, Validity.LIMITED, Validity.ERRONEOUS, Validity.MISSING]] = (
    range(5)
)


def of_engine(flag: FlagArray) -> NDArray[np.int8]:
    """Validity of the flags of `skyledger.quality`, (n,)."""
    return IAGOS.encode(flag).astype(np.int8)


def to_engine(validity: Validity) -> int:
    """Flag of `skyledger.quality` for a validity that a person may set: good, limited, erroneous."""
    return _TO_ENGINE[validity]


def merged(first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.int8]:
    """The stronger of two validities, (n,)."""
    return np.where(_STRENGTH[first] >= _STRENGTH[second], first, second)
