"""Metadata files: CSV and workbooks are read row by row, and what is wrong with them is told."""

from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from skyledger.iagos.metadata.cells import read_row
from skyledger.iagos.metadata.sheets import read_files
from skyledger.iagos.metadata.tables import TABLES, template


def read(folder: Path, name: str, content: str | bytes):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_files([path])


def cells(table, **given):
    return read_row(TABLES[table], given)


CALIBRATION = {
    "component_type": "PT100",
    "serial_no": "T1",
    "calibrated_at": "2023-09-01",
    "function": "linear",
    "parameters": "slope=1; offset=0.1",
}


def test_lines_keep_their_number_and_empty_ones_are_left_out(tmp_path):
    lines, problems = read(tmp_path, "airline.csv", 'name,code\n\n"Two\nlines",XA\n , \nB,XB\n')
    assert problems == []
    assert [(line.number, line.cells) for line in lines["airline"]] == [
        (4, {"name": "Two\nlines", "code": "XA"}),
        (6, {"name": "B", "code": "XB"}),
    ]


def test_semicolons_and_a_byte_order_mark_are_taken(tmp_path):
    lines, problems = read(tmp_path, "airline.csv", "\ufeffname;code\r\nÉxample;XA\r\n".encode())
    assert problems == []
    assert lines["airline"][0].cells == {"name": "Éxample", "code": "XA"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("airlines.csv", "name\n", "airlines.csv, airlines: expected a table: one of person, person_role"),
        ("airline.csv", "name,cod\nA,XA\n", "line 1, cod: 'cod': expected one of name, code"),
        ("airline.csv", "name\nA\n", "expected a heading code (IATA or ICAO code)"),
        ("airline.csv", "name,code,name\n", "expected this heading once"),
        ("airline.csv", "name,code\nA,XA,surplus\n", "line 2: expected 2 cells, as there are headings"),
        ("airline.csv", "name,code\nM\xfcller,XA\n".encode("latin-1"), "expected a CSV file in UTF-8"),
        ("airline.csv", "", "expected a heading name"),
        ("fleet.xlsx", b"PK no workbook", "fleet.xlsx, fleet: expected a workbook"),
        ("airline.csv", 'name,code\n"A,XA\n', "expected a CSV file"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, name, content, told):
    lines, problems = read(tmp_path, name, content)
    assert told in "\n".join(map(str, problems))
    assert not any(lines.values())


def test_a_file_that_is_not_there_is_told(tmp_path):
    _, problems = read_files([tmp_path / "airline.csv"])
    assert "No such file" in str(problems[0])


def test_a_folder_stands_for_its_files(tmp_path):
    (tmp_path / "airline.csv").write_text("name,code\nA,XA\n")
    (tmp_path / "notes.txt").write_text("not a table")
    lines, problems = read_files([tmp_path])
    assert (list(lines), problems) == (["airline"], [])


def test_a_workbook_gives_what_was_typed(tmp_path):
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "component_status"
    sheet.append(["component_type", "serial_no", "status", "valid_from", "valid_to", None])
    sheet.append(["PT100", 17, "ok", datetime(2023, 9, 1, 11, 59, 59, 999999), None])  # noqa: DTZ001
    book.save(tmp_path / "w.xlsx")
    lines, problems = read_files([tmp_path / "w.xlsx"])
    assert problems == []
    (line,) = lines["component_status"]
    values, wrong = read_row(TABLES["component_status"], line.cells)
    assert wrong == []
    assert values["component_id"] == ("PT100", "17")
    assert values["valid_from"] == datetime(2023, 9, 1, 12)  # noqa: DTZ001 - as the database holds it


def test_the_template_reads_as_empty_and_explains_its_headings(tmp_path):
    template(tmp_path / "t.xlsx")
    lines, problems = read_files([tmp_path / "t.xlsx"])
    assert problems == []
    assert {name: len(rows) for name, rows in lines.items()} == dict.fromkeys(TABLES, 0)
    sheet = load_workbook(tmp_path / "t.xlsx")["calibration"]
    assert [cell.value for cell in sheet[1]] == list(TABLES["calibration"].headings)
    assert "slope=0.985; offset=1.8" in sheet["F1"].comment.text
    assert sheet["A1"].font.bold
    assert not sheet["D1"].font.bold  # may be empty


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2024-03-05", datetime(2024, 3, 5)),  # noqa: DTZ001
        ("2024-03-05T12:34:56Z", datetime(2024, 3, 5, 12, 34, 56)),  # noqa: DTZ001
        ("2024-03-05 01:00+02:00", datetime(2024, 3, 4, 23)),  # noqa: DTZ001
    ],
)
def test_times_are_utc_whatever_zone_they_name(written, utc):
    assert cells("calibration", **CALIBRATION | {"calibrated_at": written})[0]["calibrated_at"] == utc


@pytest.mark.parametrize(
    ("given", "heading", "expected"),
    [
        ({"calibrated_at": "05.03.2024"}, "calibrated_at", "2024-03-05"),
        ({"calibrated_at": "0203-03-05"}, "calibrated_at", "2024-03-05"),
        ({"serial_no": ""}, "serial_no", "as in table component"),
        ({"function": "cubic"}, "function", "one of linear, polynomial, table"),
        ({"function": None}, "function", "one of linear, polynomial, table"),
        ({"parameters": "slope=1; offset=x"}, "parameters", "slope=0.985; offset=1.8"),
        ({"parameters": "slope=1; slope=2"}, "parameters", "slope=0.985; offset=1.8"),
        ({"parameters": "slope=1"}, "parameters", "of a linear function: expected slope, offset"),
        ({"parameters": "slope=inf; offset=1"}, "parameters", "slope=0.985; offset=1.8"),
        ({"uncertainties": "slop=1"}, "uncertainties", "some of slope, offset"),
        ({"uncertainties": "slope=-1"}, "uncertainties", "numbers from 0 up"),
        ({"name": "x" * 65}, "name", "up to 64 characters"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_what_was_expected(given, heading, expected):
    _, (wrong,) = cells("calibration", **CALIBRATION | given)
    assert wrong.heading == heading
    assert expected in wrong.expected


def test_every_wrong_cell_of_a_row_is_told():
    _, wrong = cells("geo_coordinate", name="FRA", latitude_deg="91", longitude_deg="east")
    assert [one.heading for one in wrong] == ["latitude_deg", "longitude_deg"]


def test_a_period_must_end_after_it_begins():
    row = {"person": "pi", "role": "PI", "valid_from": "2024-01-01", "valid_to": "2024-01-01"}
    _, (wrong,) = cells("person_role", **row)
    assert (wrong.heading, wrong.expected) == ("valid_to", "a time after valid_from (2024-01-01 00:00:00)")
