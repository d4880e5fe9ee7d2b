"""Writing NASA Ames files: what is read back, by our reader and by two independent ones."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import nappy
import narpy
import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData, Series
from skyledger.iagos.formats import makers
from skyledger.iagos.formats.nasa_ames import Column, Header, NasaAmesFile, format_file, read, write_flight
from skyledger.iagos.names import Level
from skyledger.iagos.variables import variables
from tests.support.iagos_products import CREATED, product

HEADER = Header(
    "Doe, Jane", "Example Institute", "an instrument", "IAGOS", date(2024, 3, 5), date(2024, 3, 12),
    "UTC_time; seconds since midnight; [s]", (), (), (), special=("flight_id: 1",), comments=("a comment",),
)  # fmt: skip


def written(path: Path, data: FlightData) -> NasaAmesFile:
    write_flight(data, path, created=CREATED)
    return read(path.read_bytes(), path.name, strict=True)


def column(values: list[float], decimals: int = 2, missing: float | None = None) -> Column:
    return Column("O3", "ozone", "ppb", np.array(values, dtype=float), decimals, missing)


def test_what_is_written_is_read_back_to_the_printed_precision(tmp_path):
    data = product()
    file = written(tmp_path / "a.txt", data)
    assert (file.notes, file.dialect) == ((), "iagos")
    np.testing.assert_array_equal(file.time_s, data.time_s)
    assert set(file.header.scales) == {1.0}
    for name, series in data.series.items():
        known = variables()[name]
        printed = 0.5 * 10.0**-known.decimals * (1 + 1e-9)
        np.testing.assert_allclose(file.column(name), series.value, rtol=0, atol=printed, err_msg=name)
        np.testing.assert_array_equal(file.column(f"{name}_val"), series.validity)
        assert file.units[file.names.index(name)] == known.label
        if known.kind == "instrument":
            np.testing.assert_allclose(file.column(f"{name}_err"), series.uncertainty, rtol=0, atol=printed)
            assert set(file.column(f"{name}_stat")) == {Process.INTERMEDIATE}
        else:
            assert not {f"{name}_err", f"{name}_stat"} & set(file.names)
    assert set(file.column("O3_P1_val")) == set(Validity)


def test_the_file_says_what_it_is_and_what_it_comes_from(tmp_path):
    file = written(tmp_path / "a.txt", product())
    assert file.attributes == {
        "flight_id": "2024030512345602",
        "instrument_type": "P1",
        "process_level": "L1",
        "product_version": "1.2.0",
        "source_revision": "1",
        "aircraft": "02",
        "departure_airport": "FRA",
        "departure_UTC_time": "2024-03-05T12:34:56Z",
        "arrival_airport": "JFK",
        "arrival_UTC_time": "2024-03-05T20:34:56Z",
        "input_file": "IAGOS_P1_2024030512345602_L0A_r1.csv.gz",
        "input_sha256": "ab" * 32,
        "calibration_ids": "3, 14",
        "qc_config_version": "P1-default 7",
        "uncertainty_method": "sum of an absolute part, a relative part and half the drift of calibration",
    }
    assert (file.header.begin, file.header.revised) == (date(2024, 3, 5), date(2024, 3, 12))
    assert (file.header.step, file.header.mission) == (4, "IAGOS")
    comments = " ".join(file.header.comments)
    for word in ("2 limited", "4 not_validated", "1 intermediate", "creativecommons"):
        assert word in comments


def test_the_text_is_plain_ascii_with_single_blanks_and_fixed_decimals(tmp_path, monkeypatch):
    foreign = makers.makers().model_copy(update={"originator": "Müller,  Jörg\t(Łódź)\n"})
    monkeypatch.setattr("skyledger.iagos.formats.nasa_ames.writer.makers", lambda: foreign)
    file = written(tmp_path / "a.txt", product())
    text = (tmp_path / "a.txt").read_bytes().decode("ascii")
    assert "\r" not in text
    assert "\t" not in text
    assert text.endswith("\n")
    assert file.header.originator == "Muller, Jorg (?odz)"
    rows = text.splitlines()[file.header.length :]
    assert len(rows) == 120
    decimals = {tuple(len(part.partition(".")[2]) for part in row.split(" ")) for row in rows}
    assert len(decimals) == 1
    assert text.splitlines()[file.header.length - 1].startswith(
        "UTC_time lon lon_val lat lat_val baro_alt_AC "
    )


def test_a_missing_value_looks_as_the_header_announces_it():
    """Weakness 9: readers that compare text find it too."""
    lines = format_file(HEADER, "t", np.arange(2.0), [column([float("nan"), 1.0])]).decode().splitlines()
    assert lines[11] == "-9999.00"
    assert lines[-2:] == ["0 -9999.00", "1 1.00"]


def test_a_flight_over_midnight_counts_on(tmp_path):
    """Weakness 11."""
    departure = datetime(2023, 12, 31, 23, 58, tzinfo=UTC)
    data = product(departure=departure)
    file = written(tmp_path / "a.txt", data)
    np.testing.assert_array_equal(file.time_s, data.time_s)
    assert (file.x[0], file.x[-1]) == (86280, 86280 + 119 * 4)
    assert file.header.begin == date(2023, 12, 31)


def test_a_flight_that_departs_just_after_midnight_counts_from_the_day_before(tmp_path):
    data = product(departure=datetime(2024, 1, 1, 0, 10, tzinfo=UTC))
    data = replace(data, time_s=data.time_s - 1800)
    file = written(tmp_path / "a.txt", data)
    np.testing.assert_array_equal(file.time_s, data.time_s)
    assert (file.x[0], file.header.begin) == (85200, date(2023, 12, 31))


def test_a_flight_without_rows_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"a\.txt: flight 2024030512345602 P1 r1 has no rows"):
        write_flight(product(0), tmp_path / "a.txt", created=CREATED)


def test_fractions_of_a_second_are_kept(tmp_path):
    data = product()
    file = written(tmp_path / "a.txt", replace(data, time_s=data.time_s + 0.25))
    np.testing.assert_array_equal(file.time_s, data.time_s + 0.25)


def test_equal_arguments_give_equal_bytes_whose_digest_is_returned(tmp_path):
    local = CREATED.astimezone(timezone(timedelta(hours=-7)))
    digests = {
        write_flight(product(), tmp_path / f"{n}.txt", created=made)
        for n, made in enumerate((CREATED, local))
    }
    assert digests == {hashlib.sha256((tmp_path / "0.txt").read_bytes()).hexdigest()}
    assert (tmp_path / "0.txt").read_bytes() == (tmp_path / "1.txt").read_bytes()


def test_a_level_2_product_has_final_values(tmp_path):
    file = written(tmp_path / "a.txt", product(level=Level.L2))
    assert file.attributes["process_level"] == "L2"
    assert set(file.column("CO_P1_stat")) == {2}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-9998.996, 1.0], "-99999.00"),  # rounded it would be -9999.00
        ([-9998.0, 1.0], "-9999.00"),
        ([-2e5, 1.0], "-999999.00"),
        ([float("nan")] * 2, "-9999.00"),
    ],
)
def test_what_stands_for_missing_is_below_every_value(values, expected):
    content = format_file(HEADER, "t", np.arange(2.0), [column(values)])
    assert content.decode().splitlines()[11] == expected
    np.testing.assert_allclose(read(content, "a", strict=True).column("O3"), values, atol=0.005)


def test_a_small_negative_number_is_no_negative_zero():
    content = format_file(HEADER, "t", np.arange(2.0), [column([-0.001, 0.0])])
    assert content.decode().splitlines()[-2:] == ["0 0.00", "1 0.00"]


@pytest.mark.parametrize(
    ("x", "values", "missing", "message"),
    [
        ([0.0, 0.0], [1.0, 2.0], None, "numbers that rise strictly"),
        ([0.0, np.nan], [1.0, 2.0], None, "numbers that rise strictly"),
        ([], [], None, "at least one row"),
        ([0.0, 1.0], [1.0, 9.0], 9.0, r"O3: a value is 9, which stands for missing"),
        ([0.0, 1.0], [1.0, np.inf], None, "infinite"),
    ],
)
def test_what_the_format_cannot_tell_is_refused(x, values, missing, message):
    with pytest.raises(FormatError, match=message):
        format_file(HEADER, "t", np.array(x), [column(values, missing=missing)])


@pytest.mark.parametrize("broken", ["two\nlines", "Müller"])
def test_a_header_line_that_would_break_the_file_is_refused(broken):
    with pytest.raises(FormatError, match="expected one line of ASCII"):
        format_file(replace(HEADER, organisation=broken), "t", np.arange(2.0), [column([1.0, 2.0])])


def test_a_flight_without_any_value_is_a_file_of_missing_ones(tmp_path):
    data = product()
    empty = {name: Series.unchecked(np.full(len(data), np.nan)) for name in data.series}
    file = written(tmp_path / "a.txt", replace(data, series=empty))
    assert np.isnan(file.column("O3_P1")).all()
    assert set(file.column("O3_P1_val")) == {7}


# --- independent readers ---


def by_nappy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """X and values, to which it applies neither factor nor missing value."""
    file = nappy.openNAFile(str(path))
    file.readData()
    stored = np.array(file.V).T
    return np.array(file.X), np.where(stored == file.VMISS, np.nan, stored * file.VSCAL)


def by_narpy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same; it applies factors, and knows missing ones by their text."""
    x, *values = (np.array(one.data) for one in narpy.file(path).variables.values())
    return x, np.column_stack(values)


@pytest.mark.parametrize("independent", [by_nappy, by_narpy])
@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_independent_readers_read_the_same_numbers(tmp_path, independent, level):
    ours = written(tmp_path / "a.txt", product(level=level))
    x, values = independent(tmp_path / "a.txt")
    np.testing.assert_array_equal(x, ours.x)
    np.testing.assert_array_equal(values, ours.values)
    assert np.isnan(values).any()


@pytest.mark.parametrize("independent", [by_nappy, by_narpy])
def test_independent_readers_agree_on_factors_too(tmp_path, independent):
    path = tmp_path / "a.na"
    lines = (
        format_file(HEADER, "t", np.arange(3.0), [column([4325, float("nan"), 4402], 0)])
        .decode()
        .splitlines()
    )
    lines[10] = "0.01"
    path.write_text("\n".join(lines) + "\n")
    ours = read(path.read_bytes(), "a.na", strict=True)
    np.testing.assert_allclose(ours.column("O3"), [43.25, np.nan, 44.02], rtol=5e-6)
    np.testing.assert_array_equal(independent(path)[1], ours.values)
