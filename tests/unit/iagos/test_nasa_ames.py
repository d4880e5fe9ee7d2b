"""Reading NASA Ames files: the grammar, its nine errors, three dialects. Section 6.1 and 6.2 of the reference."""

from datetime import UTC, datetime
from textwrap import dedent

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.formats.nasa_ames import RejectedRow, read

EXAMPLE = dedent("""\
    24 1001
    Doe, Jane; Roe, Rick
    Example Institute, 00000 Sampletown
    IAGOS-CORE Package1 ozone on aircraft 02 (made-up example)
    IAGOS
    1 1
    2024 03 05 2024 03 12
    4
    UTC_time; elapsed seconds since 00:00:00 UTC on the first date of line 7; [s]
    5
    1 1 1 0.01 1
    -9999 -9999 999999 99999 9
    lon; longitude; [degree_east]
    lat; latitude; [degree_north]
    air_press_AC; air pressure from aircraft; [Pa]
    O3_P1; ozone mole fraction; [ppb]
    O3_P1_val; validity flag 0 2 3 4 7; [1]
    2
    flight_id: 2024030512345602
    process_level: L1
    3
    Values are made up.
    line 23 is free text; the last header line repeats the short names
    UTC_time lon lat air_press_AC O3_P1 O3_P1_val
    45296 8.5431 50.0264 98950 4325 0
    45300 8.5440 50.0271 98870 4331 0
    45304 8.5449 50.0279 98791 99999 7
    45308 8.5458 50.0286 98712 4402 2
    """)


def changed(*replacements: tuple[str, str], text: str = EXAMPLE) -> bytes:
    """The example with other lines; each must be there."""
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


def test_the_example_is_read_as_it_is_meant():
    file = read(EXAMPLE.encode(), "a.na", strict=True)
    assert file.dialect == "iagos"
    assert file.names == ("lon", "lat", "air_press_AC", "O3_P1", "O3_P1_val")
    assert file.units == ("degree_east", "degree_north", "Pa", "ppb", "1")
    assert file.attributes == {"flight_id": "2024030512345602", "process_level": "L1"}
    assert file.x.tolist() == [45296, 45300, 45304, 45308]
    np.testing.assert_allclose(file.column("O3_P1"), [43.25, 43.31, np.nan, 44.02], rtol=5e-6)
    assert file.column("O3_P1_val").tolist() == [0, 0, 7, 2]
    assert (file.notes, file.rejected, file.duplicates) == ((), (), 0)
    header = file.header
    assert (header.originator, header.mission, header.step) == ("Doe, Jane; Roe, Rick", "IAGOS", 4)
    assert header.comments[0] == "Values are made up."
    assert header.length == 24


def test_time_is_the_first_date_plus_x_also_after_midnight():
    """Vector 4; weakness 11."""
    file = read(changed(("45308 8.5", "90000 8.5")), "a.na", strict=True)
    assert [datetime.fromtimestamp(at, UTC).isoformat() for at in file.time_s[[0, -1]]] == [
        "2024-03-05T12:34:56+00:00",
        "2024-03-06T01:00:00+00:00",
    ]


def test_missing_is_looked_for_by_number_and_before_scaling():
    """Vector 5; weakness 9: scale and missing value are not left to the user."""
    file = read(changed(("98791 99999 7", "98791 99999.00 7")), "a.na")
    np.testing.assert_allclose(file.column("O3_P1")[:1], [43.25], rtol=5e-6)
    assert np.isnan(file.column("O3_P1")).tolist() == [False, False, True, False]
    scaled = changed(("1 1 1 0.01 1", "1 1 0.01 0.01 1"), ("98950 4325", "99999900 4325"))
    assert read(scaled, "a.na").column("air_press_AC")[0] == pytest.approx(999999)  # a value, once scaled


def test_the_header_is_counted_as_fourteen_lines_and_what_is_announced():
    """Vector 6."""
    comments = [f"comment {n}" for n in range(6)]
    text = EXAMPLE.splitlines()
    text[0] = "26 1001"
    text[17:24] = ["1", "flight_id: 2024030512345602", "6", *comments]
    file = read("\n".join(text).encode(), "a.na", strict=True)
    assert file.header.length == 26
    assert len(file.time_s) == 4


ERRORS = {
    "NLHEAD": ([("24 1001", "23 1001")], r"line 1: NLHEAD is 23, and the header has 24 lines"),
    "FFI": ([("24 1001", "24 2110")], r"line 1: FFI is 2110; expected 1001"),
    "RDATE before DATE": ([("2024 03 12", "2024 03 04")], r"line 7: RDATE 2024-03-04 is before DATE 2024-03-05"),
    "impossible date": ([("2024 03 05", "2024 02 30")], r"line 7: impossible date in 2024 2 30 2024 3 12"),
    "too few of VSCAL": ([(" 0.01 1\n", " 0.01\n")], r"line 12: VSCAL has 4 before this line, which holds 5 "),
    "too many of VSCAL": ([("1 1 1 0.01 1\n", "1 1 1 0.01 1 1\n")], r"line 11: VSCAL has 6 numbers; expected 5"),
    "too few of VMISS": (
        [("-9999 -9999 999999 99999 9", "-9999 -9999 999999 99999")],
        r"line 13: VMISS has 4 numbers before 'lon; longitude; \[degree_east\]'; expected 5",
    ),
    "too many of VMISS": ([("99999 9\n", "99999 9 9\n")], r"line 12: VMISS has 6 numbers; expected 5"),
    "a VNAME less": (
        [("lat; latitude; [degree_north]\n", "")],
        r"line 17: '2'; expected VNAME 5 of NV = 5",
    ),
    "a VNAME more": (
        [("lat; latitude; [degree_north]\n", "lat; latitude; [degree_north]\nalt; altitude; [m]\n")],
        r"line 18: 'O3_P1_val; .*'; expected NSCOML \(after NV = 5 VNAME lines\): 1 whole number",
    ),
    "a row with only X": ([(" 8.5449 50.0279 98791 99999 7", "")], r"line 27: only X; expected X and 5 values"),
    "fewer columns": ([("98791 99999 7", "98791 99999")], r"line 27: fewer columns, 5; expected NV \+ 1 = 6"),
    "more columns": ([("98791 99999 7", "98791 99999 7 1")], r"line 27: more columns, 7; expected NV \+ 1 = 6"),
    "no data rows": ([(EXAMPLE[EXAMPLE.index("45296") :], "")], r"no data rows after line 24; expected X and 5 values"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_of_the_grammar_is_caught_with_its_line_and_what_was_expected(name):
    replacements, message = ERRORS[name]
    with pytest.raises(FormatError, match=rf"^a\.na: {message}"):
        read(changed(*replacements), "a.na", strict=True)


@pytest.mark.parametrize(
    "replacement",
    [
        ("24 1001", "23 1001"),  # a wrong sum
        ("24 1001", "26 1001"),  # points among the rows
        ("3\nValues", "2\nValues"),  # a wrong number of comments
        ("3\nValues", "5\nValues"),
    ],
)
def test_a_wrong_header_length_is_told_and_the_rows_are_found(replacement):
    file = read(changed(replacement), "a.na")
    assert len(file.time_s) == 4
    assert file.notes[0].startswith("line 1: NLHEAD is ")
    assert file.notes[0].endswith("data begin after line 24")
    assert file.header.comments[-1].startswith("UTC_time lon lat")


def test_a_header_length_that_leads_nowhere_is_an_error():
    with pytest.raises(FormatError, match=r"line 1: NLHEAD is 20.*data begin after neither"):
        read(changed(("24 1001", "20 1001"), ("3\nValues", "1\nValues")), "a.na")


def test_rows_that_cannot_be_used_are_left_out_and_told():
    rows = "45309\n45312 1 2 3 4\n45316 1 2 3 x 0\n45308 1 2 3 4 0\n45320 9 50 98000 4400 0\n\n"
    rows += EXAMPLE.splitlines()[-1]
    file = read(EXAMPLE.encode() + rows.encode(), "a.na")
    assert file.x.tolist() == [45296, 45300, 45304, 45308, 45320]
    assert file.rejected == (
        RejectedRow(29, "only X; expected X and 5 values"),
        RejectedRow(30, "fewer columns, 5; expected NV + 1 = 6"),
        RejectedRow(31, "could not convert string to float: 'x'"),
        RejectedRow(32, "X 45308 does not rise above 45308"),
    )
    assert file.duplicates == 1
    with pytest.raises(FormatError, match="line 29: only X"):
        read(EXAMPLE.encode() + rows.encode(), "a.na", strict=True)


def test_a_file_of_rows_none_of_which_can_be_used_has_no_rows():
    bad = EXAMPLE[: EXAMPLE.index("45296")] + "45296 1\n"
    with pytest.raises(FormatError, match=r"no data rows after line 24: fewer columns, 2.* \(line 25\)"):
        read(bad.encode(), "a.na")


def test_x_that_steps_back_or_copies_a_row_is_refused_where_it_counts():
    copied = EXAMPLE.encode() + EXAMPLE.splitlines()[-1].encode()
    assert read(copied, "a.na").duplicates == 1
    with pytest.raises(FormatError, match="1 rows are copies"):
        read(copied, "a.na", strict=True)
    with pytest.raises(FormatError, match=r"line 28: X 45290 does not rise above 45304"):
        read(changed(("45308 8.5", "45290 8.5")), "a.na", strict=True)
    assert read(changed(("45300 8.5", "inf 8.5")), "a.na").x.tolist() == [45296, 45304, 45308]


@pytest.mark.parametrize("per_line", [1, 2, 3])
def test_vscal_and_vmiss_may_go_over_several_lines(per_line):
    lines = EXAMPLE.splitlines()
    for at in (11, 10):
        parts = lines[at].split()
        lines[at : at + 1] = [" ".join(parts[i : i + per_line]) for i in range(0, 5, per_line)]
    added = len(lines) - len(EXAMPLE.splitlines())
    lines[0] = f"{24 + added} 1001"
    file = read("\n".join(lines).encode(), "a.na", strict=True)
    np.testing.assert_array_equal(file.values, read(EXAMPLE.encode(), "a.na").values)
    lines[0] = "24 1001"  # some writers count as if it were one line each
    assert len(read("\n".join(lines).encode(), "a.na").time_s) == 4


def test_line_ends_and_blanks_of_other_systems_change_nothing():
    plain = read(EXAMPLE.encode(), "a.na")
    for text in (EXAMPLE.replace("\n", "\r\n"), EXAMPLE.replace(" 50.0", "   50.0"), EXAMPLE.rstrip("\n")):
        file = read(text.encode(), "a.na", strict=True)
        np.testing.assert_array_equal(file.values, plain.values)
        assert file.header.comments[-1].split() == plain.header.comments[-1].split()
        assert file.attributes == plain.attributes


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", "is not ASCII: read as utf-8"),
        ("utf-8-sig", "begins with a byte order mark"),
        ("cp1252", "is not ASCII: read as cp1252"),
        ("latin-1", "is not ASCII: read as cp1252"),  # the same for letters
    ],
)
def test_other_encodings_are_read_with_a_warning(encoding, note):
    file = read(EXAMPLE.replace("Doe, Jane", "Müller, Jörg").encode(encoding), "a.na", strict=True)
    assert file.header.originator == "Müller, Jörg; Roe, Rick"
    assert note in file.notes
    odd = EXAMPLE.encode().replace(b"Doe, Jane", b"D\x81e, Jane")  # 81 is nothing in cp1252
    assert read(odd, "a.na").notes == ("is not ASCII: read as latin-1",)


@pytest.mark.parametrize(
    ("x_name", "seconds"),
    [
        ("UTC_time; elapsed days since 0 hours UTC of the first date; [d]", 86400),
        ("Time (hours)", 3600),
        ("time in minutes from 0 hours UTC", 60),
        ("elapsed seconds since 00:00:00 UTC on day 1", 1),
        ("UTC_time; time; [seconds since midnight]", 1),
        ("days", 86400),
        ("TimeCRef; CARIBIC_reference_time_since_0_hours_UTC_on_first_date_in_line_7; [s]", 1),
    ],
)
def test_the_unit_of_time_is_read_from_the_name_of_x(x_name, seconds):
    old = "UTC_time; elapsed seconds since 00:00:00 UTC on the first date of line 7; [s]"
    file = read(changed((old, x_name)), "a.na", strict=True)
    assert file.time_s[0] == datetime(2024, 3, 5, tzinfo=UTC).timestamp() + 45296 * seconds


def test_an_independent_variable_that_is_no_time_leaves_the_rows_without_one():
    old = "UTC_time; elapsed seconds since 00:00:00 UTC on the first date of line 7; [s]"
    file = read(changed((old, "height; barometric height; [m]")), "a.na")
    assert np.isnan(file.time_s).all()
    assert file.x[0] == 45296
    assert file.notes == ("'height; barometric height; [m]' names no unit of time: rows have no time",)


def test_numbers_that_are_none_are_missing_and_told():
    file = read(changed(("98870 4331", "98870 nan")), "a.na")
    assert np.isnan(file.column("O3_P1")[1])
    assert file.notes == ("values that are no finite numbers are read as missing",)


def test_two_variables_of_one_name_are_kept_apart():
    file = read(changed(("lat; latitude", "lon; latitude")), "a.na")
    assert file.names[:2] == ("lon", "lon_2")
    assert "two variables are named lon: the later one is lon_2 here" in file.notes


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (("24 1001", "twenty"), r"line 1: 'twenty'; expected NLHEAD and FFI: 2 whole numbers"),
        (("1 1\n2024", "1\n2024"), r"line 6: '1'; expected IVOL and NVOL: 2 whole numbers"),
        (("[s]\n5\n", "[s]\n0\n"), r"line 10: NV is 0; expected at least one"),
        (("[s]\n5\n", "[s]\n-5\n"), r"line 10: '-5'; expected NV: 1 whole number"),
        (("1 1 1 0.01 1", "1 1 1 0 1"), r"line 11: a factor of VSCAL is zero"),
        (("2\nflight_id", "9\nflight_id"), r"line 28: .*; expected NNCOML|ends after line"),
    ],
)  # fmt: skip
def test_other_damage_is_told_with_its_line(replacement, message):
    with pytest.raises(FormatError, match=message):
        read(changed(replacement), "a.na")


@pytest.mark.parametrize("text", ["", "24 1001", EXAMPLE[:300], "\x00" * 50])
def test_what_is_cut_or_something_else_is_a_format_error(text):
    with pytest.raises(FormatError, match=r"^a\.na: "):
        read(text.encode(), "a.na")


CARIBIC = dedent("""\
    34 1001
    Doe, Jane
    Example Institute
    Ozone measured on a long-range aircraft (made-up example)
    IAGOS-CARIBIC
    1 1
    2020 03 04 2020 09 22
    0
    TimeCRef; CARIBIC_reference_time_since_0_hours_UTC_on_first_date_in_line_7; [s]
    2
    1 0.1
    9999 -999
    Ozone; Ozone volume mixing ratio; [ppb]
    T_in; Inlet temperature; [K]
    8
    FileFormatVersionInfo: example_v02 standard # see the guide: it tells all
    FlightNo: 591
    FlightRoute: CPT MUC # IATA codes
    DepartureAirport: Cape Town
    ArrivalAirport: Munich
    FileName: OM_20200304_591_CPT_MUC_V01.txt
    ExceptionToConsider: no
    ChangeLog: 0
    10
    Info on uncertainty:
    made up
    CF names and units follow
    CF_StandardNames: time|mole_fraction_of_ozone_in_air|air_temperature
    CF_Units: [s]|[1e-9]|[K]
    Start date and factors, exception and missing values, units, names follow
    20200304|1|0.1
    0|9999|-999
    [s]|[ppb]|[K]
    TimeCRef|Ozone|T_in
    72000|45.2|2912
    86410|9999|2913
    90010|44.9|-999
    """).replace("|", "\t")


def test_the_tab_separated_files_of_caribic_are_read_with_their_comments():
    file = read(CARIBIC.encode(), "om.txt", strict=True)
    assert (file.dialect, file.notes) == ("caribic", ())
    assert file.names == ("Ozone", "T_in")
    np.testing.assert_allclose(file.values, [[45.2, 291.2], [np.nan, 291.3], [44.9, np.nan]])
    assert file.attributes["FileFormatVersionInfo"] == "example_v02 standard"
    assert file.attributes["FlightRoute"] == "CPT MUC"
    assert file.attributes["DepartureAirport"] == "Cape Town"
    assert len(file.attributes) == 8
    assert datetime.fromtimestamp(file.time_s[-1], UTC).isoformat() == "2020-03-05T01:00:10+00:00"


PORTAL_NAMES = "UTC_time lon lat air_press_AC O3_P1 O3_P1_val"


def test_the_portal_puts_its_name_line_below_the_header():
    """Section 6.2; the header's length is that of line 1."""
    text = EXAMPLE.replace("24 1001", "23 1001").replace("3\nValues", "2\nValues")
    file = read(text.encode(), "p.txt")
    assert file.dialect == "portal"
    assert (file.names, file.notes) == (tuple(PORTAL_NAMES.split()[1:]), ())
    np.testing.assert_array_equal(file.values, read(EXAMPLE.encode(), "a.na").values)


def test_an_export_whose_header_is_nasa_ames_in_its_first_lines_only_is_read_by_its_name_line():
    names = "UTC_time lon lat H2O_gas_PC2 H2O_gas_PC2_err H2O_gas_PC2_val H2O_gas_PC2_stat"
    header = [
        "70 1001", "Doe, Jane", "Example", "aircraft", "IAGOS", "1 1", "2024 03 05 2024 03 12", "0", "UTC_time (s)",
        *(f"free text {n}" for n in range(60)), "H2O_gas_PC2; water vapour; [ppm]",
    ]  # fmt: skip
    rows = ["45296 8.5 50.0 98.5 5.0 0 2", "45300 8.6 50.1 -9999 -9999.0 7 2"]
    file = read("\n".join([*header, names, *rows]).encode(), "p.txt")
    assert file.dialect == "portal"
    assert file.names == tuple(names.split()[1:])
    assert file.units[2] == "ppm"
    np.testing.assert_array_equal(file.values[:, 2:], [[98.5, 5, 0, 2], [np.nan, np.nan, 7, 2]])
    assert file.time_s[0] == datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC).timestamp()
    assert file.notes == (
        "the header does not follow the grammar: names are those of the line above the data",
    )
    with pytest.raises(FormatError, match=r"p\.txt: line 10"):
        read("\n".join([*header, names, *rows]).encode(), "p.txt", strict=True)
