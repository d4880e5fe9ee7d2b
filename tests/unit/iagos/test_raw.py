"""Raw files: what is written comes back; damage is told; a bad row is kept aside and costs no other."""

import gzip
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.formats import raw
from skyledger.iagos.formats.raw import RawFlight, pack, read, render, write
from skyledger.iagos.formats.raw_columns import P1_DECIMALS

FLIGHT_ID = "2024030512345602"
NAME = f"IAGOS_P1_{FLIGHT_ID}_L0A_r1.csv.gz"
DEPARTURE_S = datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC).timestamp()
FIRST_ROW = len(raw.KEYS) + 1  # place in the list of lines; its number in the file is one more


def flight(n=20, **changes):
    """A plain flight."""
    rng = np.random.default_rng(7)
    columns = {name: rng.uniform(1, 90, n) for name in P1_DECIMALS}
    columns |= {
        "co_mode": rng.integers(0, 3, n) * 1.0,
        "status_word": rng.integers(0, 2**32, n) * 1.0,
        "phase": rng.integers(0, 11, n) * 1.0,
    }
    return RawFlight(
        FLIGHT_ID, "P1", "P1-01", "02", 4.0, "GPS", DEPARTURE_S + 4.0 * np.arange(n), columns, **changes
    )


def lines(one=None):
    return render(one or flight()).decode().split("\n")


def packed(text):
    return pack("\n".join(text).encode())


def replaced(before, after):
    return pack(render(flight()).replace(before.encode(), after.encode()))


def altered(row, column, value):
    """A file with one value replaced."""
    text = lines()
    values = text[FIRST_ROW + row].split(",")
    values[text[FIRST_ROW - 1].split(",").index(column)] = value
    text[FIRST_ROW + row] = ",".join(values)
    return packed(text)


# --- round trip ----------------------------------------------------------------------------------------------------


def test_what_is_written_comes_back_to_the_written_digits():
    one = flight()
    back = read(write(one), NAME)
    assert back.time_s.tolist() == one.time_s.tolist()
    for name, decimals in P1_DECIMALS.items():
        assert back.columns[name] == pytest.approx(np.round(one.columns[name], decimals or 0), abs=1e-12), (
            name
        )
    told = (
        "flight_id",
        "instrument_type",
        "serial",
        "aircraft",
        "sampling_s",
        "clock_source",
        "rejected",
        "notes",
    )
    assert {name: getattr(back, name) for name in told} == {name: getattr(one, name) for name in told}
    assert write(back) == write(one)


def test_the_file_looks_as_agreed():
    one = flight(2)
    one.columns["co_mode"][:] = [0, 2]
    one.columns["status_word"][:] = [0, 0x1F]
    one.columns["phase"][:] = [4, 5]
    one.columns["bcp_counts"][:] = [7, np.nan]
    text = lines(one)
    assert text[:4] == [
        "# format_version: 1",
        f"# flight_id: {FLIGHT_ID}",
        "# instrument_type: P1",
        "# instrument_serial: P1-01",
    ]
    assert text[FIRST_ROW - 1] == (
        "utc,lat,lon,p_hpa,tat_k,mach,o3_cell_a,o3_cell_b,o3_raw_ppb,co_raw_ppb,co_mode,rh_raw,t_sensor_k,"
        "bcp_counts,status_word,phase"
    )
    first, second = (text[FIRST_ROW + i].split(",") for i in (0, 1))
    assert (first[0], first[10], first[-3:]) == ("2024-03-05T12:34:56Z", "M", ["7", "0000", "4"])
    assert (second[10], second[-3:]) == ("C", ["", "001F", "5"])
    assert text[-3:] == ["# rows: 2", "# end", ""]


def test_equal_flights_give_equal_bytes_whatever_the_time():
    data = write(flight())
    assert data == write(flight())
    assert data[4:8] == bytes(4)  # no time in the header of gzip


def test_fractions_of_seconds_are_kept():
    one = flight()
    back = read(write(replace(one, time_s=one.time_s + 0.25)), NAME)
    assert back.time_s[1] - DEPARTURE_S == 4.25


def test_missing_values_are_missing_in_every_column():
    one = flight()
    for values in one.columns.values():
        values[3] = np.nan
    back = read(write(one), NAME)
    assert all(np.isnan(values[3]) and not np.isnan(values[4]) for values in back.columns.values())
    assert back.rejected == ()


def test_columns_may_come_in_another_order_and_unknown_ones_are_told():
    text = lines()
    turned = [",".join(["9", *reversed(row.split(","))]) for row in text[FIRST_ROW:-3]]
    head = "cabin_k," + ",".join(reversed(text[FIRST_ROW - 1].split(",")))
    back = read(packed([*text[: FIRST_ROW - 1], head, *turned, *text[-3:]]), NAME)
    assert back.notes == ("columns not known and left out: cabin_k",)
    assert write(replace(back, notes=())) == write(flight())


def test_lines_that_end_as_on_windows_are_read_and_told():
    back = read(pack(render(flight()).replace(b"\n", b"\r\n")), NAME)
    assert back.notes == ("lines end with CR LF",)
    assert len(back.time_s) == 20


# --- damage --------------------------------------------------------------------------------------------------------


def without(text, *places):
    return [line for i, line in enumerate(text) if i - len(text) not in places]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (write(flight())[:-20], "not a whole gzip file"),
        (write(flight())[:400], "not a whole gzip file"),
        (b"", "the last line is not '# end'"),
        (b"PK\x03\x04", "not a whole gzip file"),
        (write(flight())[:200] + b"\x00\x00" + write(flight())[202:], "not a whole gzip file"),
        (packed(without(lines(), -2)), "the last line is not '# end': the file was cut off"),
        (packed(without(lines(), -3, -2)), "the last line is not '# end': the file was cut off"),
        (packed(lines()[:-1]), "the last line is not '# end'"),
        (packed(without(lines(), -3)), "expected '# rows: n' before '# end'"),
        (packed(without(lines(), -4)), "19 rows; the end of the file says 20"),
        (packed(without(lines(), -len(lines()))), "for format_version"),
        (packed([lines()[1], *lines()]), "line 3: flight_id is given twice"),
        (packed(["# format_version: 2", *lines()[1:]]), "format_version is '2'; expected '1'"),
        (replaced("# aircraft: 02", "# aircraft: 07"), "aircraft is '07'; expected '02'"),
        (replaced("sampling_s: 4", "sampling_s: 0"), "sampling_s is '0'; expected a positive"),
        (replaced(",o3_raw_ppb,", ",ozone,"), "line 8: expected once each column: o3_raw_ppb"),
        (replaced(",lat,", ",lon,"), "expected once each column: lat, lon"),
        (packed([*lines()[:FIRST_ROW], "# rows: 0", "# end", ""]), "no row can be read"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_the_reason(data, message):
    with pytest.raises(FormatError, match=message) as told:
        read(data, NAME)
    assert NAME in str(told.value)


def test_a_file_of_another_flight_than_its_name_says_is_refused():
    with pytest.raises(FormatError, match="flight_id is '2024030512345602'; expected '2024030512345702'"):
        read(write(flight()), NAME.replace("123456", "123457"))
    with pytest.raises(FormatError, match="expected IAGOS_<instrument type>"):
        read(write(flight()), "../x.csv.gz")


def test_an_instrument_without_a_known_format_is_refused():
    text = replaced("instrument_type: P1", "instrument_type: P9")
    with pytest.raises(FormatError, match="no raw format is known for instrument type 'P9'"):
        read(text, NAME.replace("_P1_", "_P9_"))


def test_a_file_that_grows_without_end_when_unpacked_is_refused(monkeypatch):
    monkeypatch.setattr(raw, "LARGEST_BYTES", 1000)
    with pytest.raises(FormatError, match="larger than 1000 bytes"):
        read(write(flight()), NAME)


# --- rows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("lat", "5O.1", "lat: '5O.1'; expected a number"),
        ("o3_raw_ppb", "-inf", "o3_raw_ppb: expected a finite number"),
        ("o3_raw_ppb", "1e999", "o3_raw_ppb: expected a finite number"),
        ("o3_raw_ppb", "4,5", "17 values; expected 16"),
        ("utc", "", "utc: missing"),
        ("utc", "05.03.2024 12:35", "utc: '05.03.2024 12:35'; expected"),
        ("utc", "2024-03-05T25:00:00Z", "utc: '2024-03-05T25:00:00Z'; expected"),
        ("utc", "1980-01-06T00:00:00Z", "utc: far from the flight, which departed 2024-03-05T12:34:56Z"),
        ("utc", "2024-03-05T12:34:56Z", "utc: does not rise"),
        ("co_mode", "X", "co_mode: expected M, Z or C"),
        ("status_word", "0G", "status_word: expected up to 8 hex digits"),
        ("status_word", "123456789", "status_word: expected up to 8 hex digits"),
        ("phase", "11", "phase: expected a whole number from 0 to 10"),
        ("phase", "4.5", "phase: expected a whole number from 0 to 10"),
        ("rh_raw", '"', "rh_raw: '\"'; expected a number"),
    ],
)
def test_a_bad_row_is_kept_aside_with_line_and_reason(column, value, reason):
    back = read(altered(10, column, value), NAME)
    (rejected,) = back.rejected
    assert rejected.line == FIRST_ROW + 11
    assert rejected.reason.startswith(reason)
    assert (value or ",") in rejected.text
    assert back.time_s.tolist() == np.delete(flight().time_s, 10).tolist()
    assert back.columns["lat"] == pytest.approx(np.delete(flight().columns["lat"], 10), abs=1e-5)


def test_every_bad_row_is_told_and_the_others_are_read():
    text = lines()
    text[FIRST_ROW] = ""
    text[FIRST_ROW + 5] = "# restart"
    text[FIRST_ROW + 7] = text[FIRST_ROW + 7][:30]
    text[FIRST_ROW + 19] = text[FIRST_ROW + 19].replace("2024", "2014")
    data = pack("\n".join(text).encode().replace(b"# restart", b"\xff\xfe"))
    back = read(data, NAME)
    assert [one.line - FIRST_ROW for one in back.rejected] == [1, 6, 8, 20]
    assert len(back.time_s) == 16


def test_a_clock_that_jumps_once_costs_one_row_only():
    text = lines()
    text[FIRST_ROW + 3] = text[FIRST_ROW + 3].replace("12:35", "19:35")  # seven hours ahead, then right again
    back = read(packed(text), NAME)
    assert [(one.line, one.reason) for one in back.rejected] == [(FIRST_ROW + 4, "utc: does not rise")]
    assert len(back.time_s) == 19


def test_repeated_rows_count_once():
    text = lines()
    rows = [row for row in text[FIRST_ROW:-3] for _ in (0, 1)]
    back = read(packed([*text[:FIRST_ROW], *rows, "# rows: 40", "# end", ""]), NAME)
    assert back.time_s.tolist() == flight().time_s.tolist()
    assert len(back.rejected) == 20


def test_a_file_without_a_row_that_can_be_read_is_refused():
    text = lines()
    rows = [row.replace("2024", "x") for row in text[FIRST_ROW:-3]]
    with pytest.raises(FormatError, match="no row can be read"):
        read(packed([*text[:FIRST_ROW], *rows, *text[-3:]]), NAME)


def test_the_fast_way_and_the_slow_way_read_the_same():
    """A single bad row sends all others through the check of single rows."""
    fast = read(write(flight(500)), NAME)
    text = lines(flight(500))
    text[FIRST_ROW + 499] = "bad"
    slow = read(packed(text), NAME)
    assert len(slow.rejected) == 1
    for name, values in fast.columns.items():
        assert values[:499].tobytes() == slow.columns[name].tobytes(), name


def test_members_of_gzip_may_be_joined():
    content = render(flight())
    sink = io.BytesIO(gzip.compress(content[:300]) + gzip.compress(content[300:]))
    assert len(read(sink.getvalue(), NAME).time_s) == 20
