"""Other schemes of flags, both ways, and the table of how probabilities are combined."""

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.flags import Validity, of_engine
from skyledger.quality import schemes
from skyledger.quality.frame import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT
from tests.support.quality import NAN

OURS = np.array([GOOD, SUSPECT, FAIL, NOT_EVALUATED, MISSING], dtype=np.int8)


@pytest.mark.parametrize(
    ("scheme", "written"),
    [
        (schemes.QARTOD, [1, 3, 4, 2, 9]),
        (schemes.IAGOS, [0, 2, 3, 4, 7]),
        (schemes.SAQC, [0.0, 25.0, 255.0, -np.inf, 255.0]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_flag_has_its_code(scheme: schemes.Scheme, written: list[float]) -> None:
    codes = scheme.encode(OURS)
    assert codes.tolist() == written
    again = scheme.decode(codes).tolist()
    assert again[:4] == OURS[:4].tolist()
    assert again[4] == (FAIL if scheme is schemes.SAQC else MISSING)  # which has no code of its own there


def test_the_network_has_the_codes_of_the_scheme() -> None:
    names = [Validity.GOOD, Validity.LIMITED, Validity.ERRONEOUS, Validity.NOT_VALIDATED, Validity.MISSING]
    assert of_engine(OURS).tolist() == names
    assert of_engine(OURS).dtype == np.int8
    assert of_engine(OURS[:0]).tolist() == []


def test_ebas_codes_are_texts_and_know_no_value_that_was_not_tested() -> None:
    scheme = schemes.actris(suspect="635", fail="459")
    tested = OURS[[0, 1, 2, 4]]
    assert scheme.encode(tested).tolist() == ["000", "635", "459", "999"]
    assert scheme.decode(scheme.encode(tested)).tolist() == tested.tolist()
    with pytest.raises(FormatError, match=r"flag 2 has no code in ACTRIS; expected one of \[1, 3, 4, 9\]"):
        scheme.encode(OURS)


def test_a_code_of_another_scheme_is_refused() -> None:
    with pytest.raises(FormatError, match="flag 5 is none of IAGOS; expected one of"):
        schemes.IAGOS.decode(np.array([0, 5, 7]))


def test_ebas_joins_the_three_worst_codes_of_all_tests() -> None:
    nothing = np.array(["000", "000", "000", "999"])
    tests = [nothing, np.array(["000", "635", "635", "000"]), np.array(["000", "670", "459", "000"])]
    expected = ["000000000", "670635000", "459635000", "999000000"]
    assert schemes.actris_joined(tests).tolist() == expected
    fourth = np.array(["000", "699", "684", "664"])
    assert schemes.actris_joined([*tests, fourth]).tolist() == [
        "000000000",
        "670699635",
        "684459635",
        "999664000",
    ]
    assert schemes.actris_joined(tests[1:2]).tolist() == ["000000000", "635000000", "635000000", "000000000"]
    gone = np.array(["000", "999", "000", "000"])
    assert schemes.actris_joined([*tests, fourth, gone])[1] == "999670699"
    with pytest.raises(FormatError, match="flag 123 has no place in the order"):
        schemes.actris_joined([np.array(["123"])])


def test_the_ebas_mapper_knows_valid_invalid_and_missing() -> None:
    p = np.array([1.0, 0.0, NAN], dtype=np.float32)
    assert schemes.actris_code(p, "459").tolist() == ["000", "459", "999"]


def test_flags_of_probabilities_and_back() -> None:
    p = np.array([1.0, 0.9, 0.89, 0.5, 0.49, 0.0, NAN], dtype=np.float32)
    assert schemes.flag_of(p).tolist() == [GOOD, GOOD, SUSPECT, SUSPECT, FAIL, FAIL, NOT_EVALUATED]
    back = schemes.flag_of(schemes.probability_of(OURS))
    assert back.tolist() == [GOOD, SUSPECT, FAIL, NOT_EVALUATED, NOT_EVALUATED]
