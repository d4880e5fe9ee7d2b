"""The TOA5 reader. Weaknesses are those of the original extractor, as numbered in the format reference."""

import math
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.weather import toa5
from skyledger.weather.toa5 import Block, LoggerFile
from tests.support.toa5 import (
    NAMES,
    PROCESSING,
    START,
    UNITS,
    decode,
    file,
    header,
    random_file,
    read_naively,
    row,
    rows,
)

GOLDEN = Path(__file__).parents[2] / "fixtures/weather/toa5"


def read(data: bytes, **options: tuple[float, ...]) -> LoggerFile:
    return toa5.read(data, "test.dat", **options)


def block(data: bytes) -> Block:
    (found,) = read(data).blocks
    return found


def us(time: datetime) -> int:
    return (time.replace(tzinfo=UTC) - toa5.EPOCH) // timedelta(microseconds=1)


def temperatures(*lexemes: str) -> list[float]:
    lines = [row(START + timedelta(seconds=i), i, lexeme, 2.45, 0) for i, lexeme in enumerate(lexemes)]
    found = read(file(lines))
    assert not found.rejected
    return found.blocks[0].values["AirTC"].tolist()


def refusal(data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        read(data)
    return str(caught.value)


def reasons(data: bytes) -> dict[int, str]:
    return {bad.line: bad.reason for bad in read(data).rejected}


def test_a_clean_hour_is_read_whole() -> None:
    found = block(file(rows(3600)))
    assert found.header.station == "WeatherStation"
    assert found.header.table == "SecData"
    assert found.header.unit("AirTC") == "Deg C"
    assert found.header.processing_of("Rain_mm_Tot") == "Tot"
    np.testing.assert_array_equal(found.time_us, us(START) + np.arange(3600) * 1_000_000)
    np.testing.assert_array_equal(found.record, 7276223 + np.arange(3600))
    np.testing.assert_array_equal(found.line, 5 + np.arange(3600))
    np.testing.assert_array_equal(found.values["AirTC"], [float(f"{20 + i / 100:.2f}") for i in range(3600)])
    assert list(found.values) == ["AirTC", "WS_ms", "Rain_mm_Tot"]
    assert found.texts == {}


def test_line_ends_a_mark_of_utf8_and_a_missing_last_line_end_change_nothing() -> None:
    expected = block(file(rows(5)))
    as_lf = file(rows(5)).replace(b"\r\n", b"\n")
    for data in (
        as_lf,
        b"\xef\xbb\xbf" + as_lf,
        as_lf[:-1],
        file(rows(5))[:-1],
        file(rows(5)).replace(b"\r", b"\r\r"),
    ):
        found = read(data)
        assert not found.rejected
        assert not found.truncated
        np.testing.assert_array_equal(found.blocks[0].time_us, expected.time_us)
        np.testing.assert_array_equal(found.blocks[0].line, expected.line)
        np.testing.assert_array_equal(found.blocks[0].values["AirTC"], expected.values["AirTC"])


def test_units_are_read_in_utf8_and_in_latin1() -> None:
    data = file(rows(1)).decode().replace("Deg C", "W/m²")
    for encoding in ("utf-8", "latin-1"):
        assert block(data.encode(encoding)).header.unit("AirTC") == "W/m²"


def test_commas_quotes_and_backslashes_in_the_header_do_not_break_it_weakness_12() -> None:
    data = file(rows(2), station='Weather, "north" Station').replace(b"CPU:F13", b"CPU:\\new\\F13")
    assert block(data).header.station == 'Weather, "north" Station'
    assert block(data).header.program == "CPU:\\new\\F13WeatherStation.CR1"


@pytest.mark.parametrize(
    ("fraction", "microseconds"),
    [(".5", 500_000), (".25", 250_000), (".123456", 123_456), (".1234567", 123_456), (".999999999", 999_999)],
)
def test_fractions_of_a_second_are_kept_to_the_microsecond_weakness_13(
    fraction: str, microseconds: int
) -> None:
    data = file(rows(3)).replace(b'00:06:25"', f'00:06:25{fraction}"'.encode())
    assert block(data).time_us.tolist() == [us(START) + n for n in (0, 1_000_000 + microseconds, 2_000_000)]


def test_every_lexeme_of_a_number_is_read() -> None:
    lexemes = ["20", "+20", "-20", "20.5", ".5", "-.5", "5.", "1.2E-3", "1e+2", '"20.5"', " 20.5 ", "1e999"]
    expected = [20, 20, -20, 20.5, 0.5, -0.5, 5, 0.0012, 100, 20.5, 20.5, np.nan]
    np.testing.assert_array_equal(temperatures(*lexemes), expected)


def test_missing_values_are_nan_whether_quoted_or_bare() -> None:
    lexemes = [
        "NAN",
        '"NAN"',
        "nan",
        "NaN",
        "INF",
        "-INF",
        '"-INF"',
        "",
        '""',
        "7999",
        "-7999",
        "-6999",
        "20.5",
    ]
    np.testing.assert_array_equal(temperatures(*lexemes), [np.nan] * 12 + [20.5])


def test_codes_for_missing_values_can_be_chosen() -> None:
    data = file([row(START, 0, 7999, -9999, 5)])
    found = read(data, missing_codes=(-9999.0,)).blocks[0].values
    assert found["AirTC"].tolist() == [7999]
    assert math.isnan(found["WS_ms"][0])
    assert read(data, missing_codes=()).blocks[0].values["WS_ms"].tolist() == [-9999]


def test_booleans_are_one_and_zero() -> None:
    assert temperatures("TRUE", "FALSE", "true", '"FALSE"', "-1", "0") == [1, 0, 1, 0, -1, 0]


def test_columns_of_text_and_of_second_timestamps_are_kept_as_text() -> None:
    names = ("TIMESTAMP", "Note", "AirTC_TMx", "AirTC_Max")
    lines = [
        row(START, None, '"rain, ""heavy"""', '"2016-08-30 00:05:00"', 20),
        row(START + timedelta(seconds=1), None, '""', '"2016-08-30 00:05:00"', "NAN"),
        row(START + timedelta(seconds=2), None, '"été"', '"2016-08-30 00:05:01"', 21),
    ]
    found = block(
        file(lines, names=names, units=("TS", "", "", "Deg C"), processing=("", "Smp", "TMx", "Max"))
    )
    assert found.texts == {
        "Note": ['rain, "heavy"', None, "été"],
        "AirTC_TMx": ["2016-08-30 00:05:00", "2016-08-30 00:05:00", "2016-08-30 00:05:01"],
    }
    np.testing.assert_array_equal(found.values["AirTC_Max"], [20, np.nan, 21])
    assert found.record.tolist() == [toa5.NO_RECORD] * 3


def test_a_file_may_have_no_timestamp_or_nothing_else() -> None:
    only_values = block(file([b"1,2\r\n"], names=("RECORD", "A"), units=("RN", ""), processing=("", "Smp")))
    assert only_values.time_us.tolist() == [toa5.NO_TIME]
    assert only_values.record.tolist() == [1]
    only_time = block(
        file([b'"2016-08-30 00:06:24"\r\n'], names=["TIMESTAMP"], units=["TS"], processing=[""])
    )
    assert only_time.time_us.tolist() == [us(START)]
    assert only_time.values == {}


def test_a_column_of_numbers_in_which_every_other_code_is_arithmetic_never_turns_to_text() -> None:
    (bad,) = read(file([row(START, 0, 20, 2.45, "#####")])).rejected  # Tot
    assert bad.reason == "column Rain_mm_Tot: '#####'; expected a number"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'"2016-08-30 00:06:30",7276229,20,2.45\r\n', "4 fields; expected 5 fields"),
        (b'"2016-08-30 00:06:30",7276229,20,2.45,0,0\r\n', "6 fields; expected 5 fields"),
        (
            b'"2016-08-30 00:06:30",7276229,"20,2.45,0\r\n',
            "a quote or a line end out of place; expected 5 fields",
        ),
        (
            b'"2016-08-30 00:06:30",7276229,20\r,2.45,0\r\n',
            "a quote or a line end out of place; expected 5 fields",
        ),
        (b'"2016-08-30 00:06:30",7276229,20.1.2,2.45,0\r\n', "column AirTC: '20.1.2'; expected a number"),
        (b'"2016-08-30 00:06:30",7276229,1_0,2.45,0\r\n', "column AirTC: '1_0'; expected a number"),
        (b'"2016-08-30 00:06:30",7276229,20\x00,2.45,0\r\n', "column AirTC: '20\\x00'; expected a number"),
        (
            b'"2016-08-30 00:06",7276229,20,2.45,0\r\n',
            "column TIMESTAMP: '2016-08-30 00:06'; expected YYYY-MM-DD hh:mm:ss",
        ),
        (
            b'"2016-08-30 00:06","7276229",20,2.45,""\r\n',
            "column TIMESTAMP: '2016-08-30 00:06'; expected YYYY-MM-DD hh:mm:ss",
        ),
        (
            b'"2016-02-30 00:06:30",1,20,2.45,0\r\n',
            "column TIMESTAMP: '2016-02-30 00:06:30'; expected YYYY-MM-DD hh:mm:ss",
        ),
        (
            b'"0000-01-01 00:06:30",1,20,2.45,0\r\n',
            "column TIMESTAMP: '0000-01-01 00:06:30'; expected YYYY-MM-DD hh:mm:ss",
        ),
        (b'"",7276229,20,2.45,0\r\n', "column TIMESTAMP: ''; expected YYYY-MM-DD hh:mm:ss"),
        (
            b'"2016-08-30 00:06:30",NAN,20,2.45,0\r\n',
            "column RECORD: 'NAN'; expected a whole number below 2^32",
        ),
        (
            b'"2016-08-30 00:06:30",4294967296,20,2.45,0\r\n',
            "column RECORD: '4294967296'; expected a whole number below 2^32",
        ),
        (
            b'"2016-08-30 00:06:30",TRUE,20,2.45,0\r\n',
            "column RECORD: 'TRUE'; expected a whole number below 2^32",
        ),
        (b"\x00\xff\xfe rubbish\r\n", "1 fields; expected 5 fields"),
    ],
)
def test_a_bad_line_is_rejected_with_line_and_reason_and_the_others_are_kept(
    line: bytes, reason: str
) -> None:
    before, after = rows(6), rows(6, start=START + timedelta(seconds=7), record=7276230)
    found = read(file([*before, line, *after]))
    (bad,) = found.rejected
    assert (bad.line, bad.reason) == (11, reason)
    assert bad.raw == decode(line.rstrip(b"\r\n"))
    assert found.blocks[0].line.tolist() == [5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17]
    assert found.blocks[0].record.tolist() == [*range(7276223, 7276229), *range(7276230, 7276236)]
    assert found.blocks[0].values["AirTC"][6] == 20.0


def test_a_line_with_several_faults_is_told_once() -> None:
    assert reasons(file([*rows(2), b'"x",y,z,2.45,0\r\n'])) == {
        7: "column TIMESTAMP: 'x'; expected YYYY-MM-DD hh:mm:ss"
    }


def test_empty_lines_are_no_bad_lines_and_line_numbers_stay_right() -> None:
    first, second, third = rows(3)
    found = read(file([first, b"\r\n", b"\n", second, b"bad\r\n", third, b"\r\n"]))
    assert found.blocks[0].line.tolist() == [5, 8, 10]
    assert [bad.line for bad in found.rejected] == [9]


def test_more_than_one_bad_line_in_a_hundred_is_too_many() -> None:
    assert not read(file([*rows(99), b"bad\r\n"])).has_too_many_bad_lines
    assert read(file([*rows(98), b"bad\r\n"])).has_too_many_bad_lines
    assert not read(b"").has_too_many_bad_lines


def test_a_last_line_that_was_cut_is_dropped_and_the_file_is_still_growing() -> None:
    whole = file(rows(5))
    begin = whole.rindex(b'"2016')
    for length in range(
        begin + 1, len(whole) - len(b"0\r\n") + 1
    ):  # up to the comma in front of the last value
        found = read(whole[:length])
        assert found.truncated, whole[begin:length]
        assert not found.rejected
        assert found.rows == 4
        assert "still growing" in found.notes[0]


def test_a_last_line_cut_within_quotes_is_dropped_too() -> None:
    lines = [row(START + timedelta(seconds=i), i, 20, 2.45, '"0.25"') for i in range(3)]
    found = read(file(lines).rstrip()[:-2])
    assert found.truncated
    assert found.rows == 2


def test_a_good_last_line_without_line_end_is_kept_and_told() -> None:
    found = read(file(rows(5)).rstrip())
    assert found.rows == 5
    assert not found.truncated
    assert found.notes == ("the last line has no line end; it was taken as it is",)


def test_a_header_that_is_still_being_written_is_no_error() -> None:
    head = header()
    for length in range(len(head.rstrip())):
        found = read(head[:length])
        assert found.rows == 0
        assert found.truncated == (length > 0)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_counts_as_no_rows(data: bytes) -> None:
    assert read(data) == LoggerFile("test.dat", (), (), truncated=False, notes=())


def test_a_file_of_a_header_only_counts_as_no_rows() -> None:
    found = block(header())
    assert found.header.names == NAMES
    assert len(found.time_us) == len(found.record) == len(found.line) == 0
    assert {name: len(column) for name, column in found.values.items()} == {
        "AirTC": 0,
        "WS_ms": 0,
        "Rain_mm_Tot": 0,
    }


def test_a_header_in_the_middle_begins_a_block_of_its_own() -> None:
    wider = {"names": (*NAMES, "RH"), "units": (*UNITS, "%"), "processing": (*PROCESSING, "Smp")}
    later = [row(START + timedelta(seconds=i), i, 20, 2.45, 0, 27.5) for i in (3, 4)]
    first, second = read(file(rows(3)) + file(later, signature="40001", **wider)).blocks
    assert first.header.signature == "39725"
    assert second.header.signature == "40001"
    assert first.line.tolist() == [5, 6, 7]
    assert second.line.tolist() == [12, 13]
    assert second.header_lines == range(8, 12)
    assert second.values["RH"].tolist() == [27.5, 27.5]
    assert "RH" not in first.values


def test_a_header_behind_a_row_without_line_end_is_found() -> None:
    whole = file(rows(3))
    for cut, good in ((len(whole) - 2, [5, 6, 7]), (len(whole) - 20, [5, 6])):
        found = read(whole[:cut] + file(rows(2)))
        assert found.blocks[0].line.tolist() == good
        assert found.blocks[1].line.tolist() == [11, 12]
        assert [bad.line for bad in found.rejected] == [7][: 3 - len(good)]


def test_below_a_header_that_is_broken_rows_are_rejected_with_the_reason_and_the_rest_goes_on() -> None:
    broken = file(rows(2)).replace(b'"Deg C",', b"")
    found = read(file(rows(3)) + broken + file(rows(2)))
    assert [len(b.line) for b in found.blocks] == [3, 2]
    assert [bad.line for bad in found.rejected] == list(range(8, 14))
    assert (
        "below a broken header: lines 9 to 11: 5 names, 4 units and 5 processing codes"
        in found.rejected[0].reason
    )
    assert found.blocks[1].line.tolist() == [18, 19]


def test_a_header_that_is_cut_by_the_next_one_is_broken_and_not_still_being_written() -> None:
    found = read(file(rows(3)) + b"".join(header().splitlines(keepends=True)[:2]) + file(rows(2)))
    assert not found.truncated
    assert [bad.line for bad in found.rejected] == [8, 9]
    assert found.rejected[0].reason == "below a broken header: line 8: header of 2 lines; expected 4"


def test_a_mark_of_utf8_in_front_of_a_later_header_is_no_bad_line() -> None:
    found = read(file(rows(3)) + b"\xef\xbb\xbf" + file(rows(2)))
    assert [len(b.line) for b in found.blocks] == [3, 2]
    assert found.blocks[1].line.tolist() == [12, 13]
    assert found.rejected == ()


def test_rows_of_another_type_in_the_middle_are_not_read_by_the_header_before() -> None:
    other = b'"TOACI1","WeatherStation","SecData"\r\n"TMSTAMP","RECNBR","AirTC"\r\n'
    found = read(file(rows(3)) + other + b"".join(rows(2)))
    assert found.rows == 3
    assert [bad.line for bad in found.rejected] == [8, 9, 10, 11]
    assert "file type TOACI1" in found.rejected[0].reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((GOLDEN / "tob1.dat").read_bytes(), "line 1: file type TOB1 is not read; expected TOA5"),
        (file(rows(1)).replace(b"TOA5", b"TOB3"), "file type TOB3"),
        (file(rows(1)).replace(b"TOA5", b"TOACI1"), "file type TOACI1"),
        (b'<?xml version="1.0" standalone="yes"?>\r\n<csixml version="1.0">\r\n', "file type CSIXML"),
        (bytes(range(256)), "not a TOA5 file: begins with '\\x00\\x01"),
        (b"".join(rows(3)), 'not a TOA5 file: begins with \'"2016-08-30 00:06:24",7276223'),
        (b"a,b\n1,2\n", "not a TOA5 file: begins with 'a,b'"),
    ],
)
def test_other_types_and_rubbish_are_refused_by_name(data: bytes, said: str) -> None:
    message = refusal(data)
    assert message.startswith("test.dat: line 1: ")
    assert said in message


def test_a_header_of_unequal_lines_is_refused_with_line_and_values() -> None:
    message = refusal(file(rows(1)).replace(b'"Deg C",', b""))
    assert "lines 2 to 4: 5 names, 4 units and 5 processing codes; expected equally many" in message
    assert "'meters/second'" in message


def test_a_name_stated_twice_is_refused_with_line_and_name() -> None:
    assert "line 2: names stated twice: 'AirTC'" in refusal(file(rows(1)).replace(b'"WS_ms"', b'"AirTC"'))


def test_other_broken_headers_are_refused_with_their_line() -> None:
    head = header()
    assert "line 1: 7 fields, expected 8 (TOA5, station" in refusal(head.replace(b'"CR1000",', b""))
    assert "line 3: unexpected end of data" in refusal(head.replace(b'"mm"\r\n', b'"mm\r\n'))
    assert "line 4: a row in place of a header line" in refusal(
        file(rows(2)).replace(b'"","","Smp","Smp","Tot"\r\n', b"")
    )


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_are_read_as_a_naive_reader_reads_them(part: int) -> None:
    compared = 0
    for seed in range(part, 240, 4):
        damaged = random_file(random.Random(seed))
        naive = read_naively(damaged.data, damaged.names, damaged.processing)
        found = read(damaged.data)
        assert [bad.line for bad in found.rejected] == naive.rejected, seed
        assert found.truncated == naive.truncated, seed
        (rows_of,) = found.blocks
        assert rows_of.line.tolist() == [r.line for r in naive.rows], seed
        assert rows_of.time_us.tolist() == [
            toa5.NO_TIME if r.time is None else us(r.time) for r in naive.rows
        ], seed
        assert rows_of.record.tolist() == [-1 if r.record is None else r.record for r in naive.rows], seed
        for name, column in (rows_of.values | rows_of.texts).items():
            plain = [None if isinstance(v, float) and math.isnan(v) else v for v in column]
            assert plain == [r.values[name] for r in naive.rows], (seed, name)
        compared += len(naive.rows)
    assert compared > 500


def test_damaged_headers_and_rubbish_raise_nothing_but_format_errors() -> None:
    rng = random.Random(7)
    whole = file(rows(6)) + file(rows(4))
    refused = 0
    for _ in range(400):
        data = bytearray(whole[: rng.randrange(len(whole))])
        for _ in range(rng.randrange(6)):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.randrange(3)] = bytes([rng.choice(b'",\r\n\x00\xff TOA5')])
        try:
            found = read(bytes(data))
        except FormatError:
            refused += 1
            continue
        toa5.day_parts(bytes(data), found)
        lines = bytes(data).split(b"\n")
        for bad in found.rejected:
            line = lines[bad.line - 1]
            assert any(bad.raw.encode(encoding, "replace") in line for encoding in ("utf-8", "latin-1"))
    assert 0 < refused < 400


def test_reading_does_not_import_pandas() -> None:
    code = (
        "import sys; from skyledger.weather import toa5; from tests.support.toa5 import *;"
        "toa5.read(file(rows(3)), 'x');"
        "toa5.read(file([*rows(3), row(START, 1, 'bad', 1, ''), row(START, 1, 'TRUE', 1, '')]), 'x');"
        "sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_the_parts_of_a_file_are_its_calendar_days_with_both_midnights() -> None:
    start = datetime(2016, 8, 30, 23, 59, 58)  # noqa: DTZ001
    data = file(rows(5, start=start))
    first, second = toa5.day_parts(data, read(data))
    assert (first.day, first.rows) == (date(2016, 8, 30), 3)
    assert (second.day, second.rows) == (date(2016, 8, 31), 3)
    midnight = us(datetime(2016, 8, 31))  # noqa: DTZ001
    assert (first.first_us, first.last_us) == (us(start), midnight)
    assert (second.first_us, second.last_us) == (midnight, midnight + 2_000_000)


def test_the_day_folder_is_not_the_calendar_day_weakness_2() -> None:
    start = datetime(2016, 8, 30, 23, 6, 24)  # noqa: DTZ001
    data = file(rows(3600, start=start))
    assert [(part.day.day, part.rows) for part in toa5.day_parts(data, read(data))] == [(30, 3217), (31, 384)]


def test_the_digest_of_a_part_changes_with_its_rows_and_headers_only() -> None:
    start = datetime(2016, 8, 30, 23, 59, 50)  # noqa: DTZ001
    data = file(rows(20, start=start))
    first, second = toa5.day_parts(data, read(data))
    grown = data + b"".join(rows(1, start=start + timedelta(seconds=20)))
    assert toa5.day_parts(grown, read(grown))[0] == first
    assert toa5.day_parts(grown, read(grown))[1].sha256 != second.sha256
    other_value = data.replace(b"20.03", b"20.04")
    assert toa5.day_parts(other_value, read(other_value))[0].sha256 != first.sha256
    assert toa5.day_parts(other_value, read(other_value))[1] == second
    other_unit = data.replace(b"Deg C", b"Deg F")
    assert toa5.day_parts(other_unit, read(other_unit))[0].sha256 != first.sha256


def test_rejected_lines_count_to_the_day_of_the_row_before_else_after() -> None:
    start = datetime(2016, 8, 30, 23, 59, 58)  # noqa: DTZ001
    lines = rows(4, start=start)
    data = file([b"bad\r\n", *lines[:2], b"bad\r\n", *lines[2:], b"bad\r\n", b"bad\r\n"])
    found = read(data)
    assert [part.rejected for part in toa5.day_parts(data, found)] == [2, 2]
    clean = file(lines)
    assert [p.sha256 for p in toa5.day_parts(data, found)] == [
        p.sha256 for p in toa5.day_parts(clean, read(clean))
    ]


def test_parts_hold_rows_of_all_blocks_and_late_rows() -> None:
    start = datetime(2016, 8, 30, 12)  # noqa: DTZ001
    day = timedelta(days=1)
    data = file([*rows(2, start=start), *rows(1, start=start + day)]) + file(rows(2, start=start - day))
    parts = toa5.day_parts(data, read(data))
    assert [(part.day.day, part.rows) for part in parts] == [(29, 2), (30, 2), (31, 1)]
    assert len({part.sha256 for part in parts}) == 3
    assert toa5.day_parts(header(), read(header())) == []
