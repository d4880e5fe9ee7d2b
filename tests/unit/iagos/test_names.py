"""Identifiers, file names, versions and flags of the network."""

from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.flags import Validity, merged, of_engine, to_engine
from skyledger.iagos.flight import Key
from skyledger.iagos.names import (
    Level,
    Version,
    newest,
    parse_flight_id,
    parse_product_name,
    parse_raw_name,
    product_name,
    raw_name,
)


def test_a_flight_identifier_is_departure_and_aircraft():
    """Vector 7."""
    flight = parse_flight_id("2018060302172202")
    assert flight.departure == datetime(2018, 6, 3, 2, 17, 22, tzinfo=UTC)
    assert flight.aircraft == "02"


@pytest.mark.parametrize(
    "text",
    [
        "201806030217220",
        "20180603021722021",
        "2018063102172202",
        "2018060325172202",
        "201806030217220x",
        "",
        "٢٠٢٤٠٣٠٥١٢٣٤٥٦٠٢",
    ],
)
def test_what_is_no_flight_identifier_is_refused_with_the_form_expected(text):
    with pytest.raises(FormatError, match="expected 16 digits"):
        parse_flight_id(text)


def test_names_are_read_as_they_are_written():
    name = raw_name("P1", "2024030512345602", 3)
    assert name == "IAGOS_P1_2024030512345602_L0A_r3.csv.gz"
    assert parse_raw_name(name)[0::2] == ("P1", 3)
    product = product_name("2024030512345602", Level.L2, Version(1, 10, 0))
    assert product == "IAGOS_timeseries_2024030512345602_L2_1.10.0.nc4"
    assert parse_product_name(product).version == Version(1, 10, 0)
    profile = parse_product_name("IAGOS_profile_2024030512345602_L1_3.1.2-ascent.nc4")
    assert (profile.kind, profile.part, profile.level) == ("profile", "ascent", Level.L1)


@pytest.mark.parametrize(
    "name",
    [
        "../IAGOS_P1_2024030512345602_L0A_r1.csv.gz",
        "IAGOS_P1_2024030512345602_L0A_r1.csv.gz\n",
        "IAGOS_../x_2024030512345602_L0A_r1.csv.gz",
        "IAGOS_P1_2024130512345602_L0A_r1.csv.gz",
        "IAGOS_P1_2024030512345602_L0A_r1.csv",
        "IAGOS_P1_2024030512345602_L0A_r.csv.gz",
    ],
)
def test_names_from_outside_cannot_lead_anywhere(name):
    with pytest.raises(FormatError, match="expected"):
        parse_raw_name(name)


def test_the_highest_version_counts_by_number_and_not_by_text():
    """Weakness 8."""
    names = [product_name("2024030512345602", Level.L1, Version(1, minor, 0)) for minor in (2, 10, 9)]
    assert max(names) == names[2]  # what text would choose
    assert newest(names) == names[1]


@pytest.mark.parametrize("text", ["1.0", "1.0.0.0", "v1.0.0", "1.0.-1", "a.b.c"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(FormatError, match=r"x\.y\.z"):
        Version.parse(text)


def test_a_flight_file_is_one_word_and_back():
    key = Key("2024030512345602", "P1", 2)
    assert Key.parse(key.text) == key
    for text in ("2024030512345602|P1", "2024030512345602|P1|x", "1|P1|1"):
        with pytest.raises(FormatError):
            Key.parse(text)


def test_flags_of_the_engine_become_those_of_the_network():
    assert of_engine(np.array([1, 2, 3, 4, 9], np.int8)).tolist() == [0, 4, 2, 3, 7]
    assert [to_engine(flag) for flag in (Validity.GOOD, Validity.LIMITED, Validity.ERRONEOUS)] == [1, 3, 4]


def test_the_stronger_flag_counts_missing_erroneous_limited_good_not_validated():
    order = [Validity.MISSING, Validity.ERRONEOUS, Validity.LIMITED, Validity.GOOD, Validity.NOT_VALIDATED]
    first, second = (np.array(flags, np.int8).ravel() for flags in np.meshgrid(order, order))
    rank = {int(flag): place for place, flag in enumerate(order)}
    expected = [a if rank[a] <= rank[b] else b for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert merged(first, second).tolist() == expected
