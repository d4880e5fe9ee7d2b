"""The flow meter's totals. The faults named are those of the original extractor (14.2 of the format reference)."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.weather import flowmeter, toa5
from skyledger.weather.toa5 import LoggerFile

PREAMBLE = "Irrigation\r\nZone 1\r\nUS gallons\r\nDaily\r\n"
HEADER = '"Date Time","Actual"\r\n'


def read(text: str) -> LoggerFile:
    return flowmeter.read(text.encode(), "flowmetertotals.csv")


def volumes(*rows: str, header: str = HEADER) -> list[float]:
    found = read(PREAMBLE + header + "".join(row + "\r\n" for row in rows))
    assert not found.rejected
    return found.blocks[0].values["Actual"].tolist()


def test_totals_are_one_block_of_two_columns_on_the_meters_own_clock() -> None:
    found = read(PREAMBLE + HEADER + "08/30/2016 00:00,1250\r\n8/31/2016 0:00,980\r\n")
    (block,) = found.blocks
    assert block.header.table == "flowmetertotals"
    assert block.header.names == ("Date Time", "Actual")
    assert block.header.units == ("TS", "")
    assert block.header.processing_of("Actual") == "Tot"
    days = [datetime(2016, 8, day, tzinfo=UTC) for day in (30, 31)]
    assert block.time_us.tolist() == [(day - toa5.EPOCH) // timedelta(microseconds=1) for day in days]
    assert block.record.tolist() == [toa5.NO_RECORD] * 2
    assert block.line.tolist() == [6, 7]
    assert block.values["Actual"].tolist() == [1250, 980]
    parts = toa5.day_parts((PREAMBLE + HEADER + "08/30/2016 00:00,1250\r\n").encode(), found)
    assert [part.day.day for part in parts] == [29, 30, 31]


@pytest.mark.parametrize("lines_above", [0, 1, 3, 4, 9])
def test_the_header_may_stand_in_any_line(lines_above: int) -> None:
    found = read("free text, Date Time of report\r\n" * lines_above + HEADER + "08/30/2016 00:00,1250\r\n")
    assert found.blocks[0].values["Actual"].tolist() == [1250]
    assert found.blocks[0].line.tolist() == [lines_above + 2]
    assert found.blocks[0].header_lines == range(lines_above + 1, lines_above + 2)


def test_the_last_field_name_does_not_keep_the_line_end() -> None:
    for header in (HEADER, "\ufeff" + HEADER, "Date Time,Actual\n", 'Zone, "Actual" ,Date Time\r\n'):
        row = "1,1250,08/30/2016 00:00" if header.startswith("Zone") else "08/30/2016 00:00,1250"
        assert read(f"{header}{row}\r\n").blocks[0].values["Actual"].tolist() == [1250]


def test_decimals_thousands_separators_and_quotes_are_read() -> None:
    rows = ("1250.5", '"1,250"', '"1,234,567.25"', "1,250", '"1250"', ".5", "-3")
    expected = [1250.5, 1250, 1234567.25, 1250, 1250, 0.5, -3]
    assert volumes(*(f"08/30/2016 00:00,{value}" for value in rows)) == expected
    assert volumes('08/30/2016 00:00,"1,250",x', header="Date Time,Actual,Note\r\n") == [1250]


def test_zero_is_no_water_and_blank_is_not_known() -> None:
    np.testing.assert_array_equal(
        volumes("08/30/2016 00:00,0", "08/31/2016 00:00,", '09/01/2016 00:00,""'), [0, np.nan, np.nan]
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("13/30/2016 00:00,1250", "column Date Time: '13/30/2016 00:00'; expected MM/DD/YYYY hh:mm"),
        ("02/30/2016 00:00,1250", "column Date Time: '02/30/2016 00:00'; expected MM/DD/YYYY hh:mm"),
        (",1250", "column Date Time: ''; expected MM/DD/YYYY hh:mm"),
        ("08/31/2016 00:00,12x", "column Actual: '12x'; expected a volume"),
        ("08/31/2016 00:00,1,25", "column Actual: '1,25'; expected a volume"),
        ("08/31/2016 00:00", "1 fields; expected 2"),
        ('08/31/2016 00:00,"1250', "unexpected end of data"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_the_reason(row: str, reason: str) -> None:
    found = read(f"{HEADER}08/30/2016 00:00,1\r\n{row}\r\n\r\n09/01/2016 00:00,2\r\n")
    (bad,) = found.rejected
    assert (bad.line, bad.reason, bad.raw) == (3, reason, row)
    assert found.blocks[0].line.tolist() == [2, 5]
    assert found.has_too_many_bad_lines


@pytest.mark.parametrize("cut", ["08/31", "08/31/2016 00:00", "08/31/2016 00:00,", '08/31/2016 00:00,"1'])
def test_a_last_line_that_was_cut_is_dropped(cut: str) -> None:
    found = read(f"{HEADER}08/30/2016 00:00,1\r\n{cut}")
    assert found.truncated
    assert found.rejected == ()
    assert found.rows == 1


def test_a_file_without_the_columns_is_refused_by_name() -> None:
    with pytest.raises(
        FormatError, match=r"flowmetertotals.csv: no line names the columns 'Date Time' and 'Actual'"
    ):
        read("a,b\n1,2\n")
    with pytest.raises(FormatError, match=r"line 2 has 'Date Time', 'Total'"):
        read("x\nDate Time,Total\n")


def test_an_empty_file_and_one_without_rows_count_as_no_rows() -> None:
    assert read("").blocks == ()
    assert read("\r\n").rows == 0
    assert read(PREAMBLE + HEADER).rows == 0
