"""Ways in which networks and other programs write quality flags, and how ours become them and back.

Ours (frame.py) are the numbers of QARTOD, as ioos_qc has them: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.quality.frame import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, FlagArray, Probability

FLAGS = (GOOD, SUSPECT, FAIL, NOT_EVALUATED, MISSING)
# Worst first: the order in which codes of EBAS are joined
ACTRIS_ORDER = ("999", "670", "699", "684", "664", "459", "635", "000")
ACTRIS_JOINED = 3


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to write flags."""

    name: str
    codes: Mapping[int, Any]  # how each of ours is written; two may be written alike
    read: Mapping[Any, int]  # what each code means; where one has two meanings, the one that claims less

    def encode(self, flag: FlagArray) -> NDArray[Any]:
        """Our flags in this scheme, (n,). Raises FormatError for a flag that the scheme cannot tell."""
        for ours in set(np.unique(flag).tolist()) - set(self.codes):
            raise FormatError(f"flag {ours} has no code in {self.name}; expected one of {sorted(self.codes)}")
        table = np.full(max(FLAGS) + 1, self.codes[GOOD])
        for ours, code in self.codes.items():
            table[ours] = code
        return table[flag]

    def decode(self, codes: NDArray[Any]) -> FlagArray:
        """Our flags, (n,). Raises FormatError for a code that the scheme does not have."""
        flag = np.zeros(len(codes), dtype=np.int8)
        for code, ours in self.read.items():
            flag[codes == code] = ours
        if not flag.all():
            raise FormatError(
                f"flag {codes[flag == 0][0]!s} is none of {self.name}; expected one of {', '.join(map(str, self.read))}"
            )
        return flag


def _scheme(name: str, good: Any, suspect: Any, fail: Any, not_evaluated: Any, missing: Any) -> Scheme:
    codes = dict(zip(FLAGS, (good, suspect, fail, not_evaluated, missing), strict=True))
    return Scheme(name, codes, {code: ours for ours, code in reversed(codes.items())})


QARTOD = _scheme("QARTOD", 1, 3, 4, 2, 9)
IAGOS = _scheme("IAGOS", 0, 2, 3, 4, 7)
# Floats; nothing was tested and nothing is known are both -inf, missing is as bad as can be
SAQC = Scheme(
    "SaQC",
    codes={GOOD: 0.0, SUSPECT: 25.0, FAIL: 255.0, NOT_EVALUATED: -np.inf, MISSING: 255.0},
    read={-np.inf: NOT_EVALUATED, 0.0: GOOD, 25.0: SUSPECT, 255.0: FAIL},
)


def actris(suspect: str = "635", fail: str = "459") -> Scheme:
    """Three-digit text codes of EBAS. Doubt and failure are the station's choice of the official list.

    There is no code for a value that was not tested.
    """
    return Scheme(
        "ACTRIS",
        codes={GOOD: "000", SUSPECT: suspect, FAIL: fail, MISSING: "999"},
        read={"000": GOOD, suspect: SUSPECT, fail: FAIL, "999": MISSING},
    )


def actris_code(probability: Probability, fail: str) -> NDArray[np.str_]:
    """Codes of one test, (n,): 000 where valid, `fail` where invalid (below 0.5), 999 where missing."""
    return np.asarray(np.where(np.isnan(probability), "999", np.where(probability >= 0.5, "000", fail)))


def actris_joined(codes: Sequence[NDArray[np.str_]], order: Sequence[str] = ACTRIS_ORDER) -> NDArray[np.str_]:
    """The three worst codes of several tests as one text of nine digits, worst first, (n,).

    Fewer than three tests are filled up with 000. Raises FormatError for a code that `order` does not have.
    """
    ranks = np.full((max(len(codes), ACTRIS_JOINED), len(codes[0])), len(order) - 1)
    for rank_of_test, code_of_test in zip(ranks, codes, strict=False):
        known = np.zeros(len(code_of_test), dtype=bool)
        for rank, code in enumerate(order):
            rank_of_test[code_of_test == code] = rank
            known |= code_of_test == code
        if not known.all():
            raise FormatError(
                f"flag {code_of_test[~known][0]} has no place in the order; expected one of {', '.join(order)}"
            )
    worst = np.array(order)[np.sort(ranks, axis=0)]
    return np.asarray(np.char.add(np.char.add(worst[0], worst[1]), worst[2]))


def probability_of(flag: FlagArray) -> Probability:
    """A probability that the usual mapper turns into these flags again; NaN where missing or not evaluated."""
    table = np.full(max(FLAGS) + 1, np.nan, dtype=np.float32)
    table[[GOOD, SUSPECT, FAIL]] = (1.0, 0.5, 0.0)
    return table[flag]


def flag_of(probability: Probability, good: float = 0.9, limited: float = 0.5) -> FlagArray:
    """Flags of probabilities: good from `good` up, suspect from `limited` up, failed below; NaN is not evaluated.

    A value that is missing is for the caller to know.
    """
    flag = np.full(len(probability), NOT_EVALUATED, dtype=np.int8)
    flag[probability >= good] = GOOD
    flag[probability < good] = SUSPECT
    flag[probability < limited] = FAIL
    return flag
