"""What `skyledger inspect` says of NASA Ames and NetCDF files."""

import json
import math
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.iagos.flags import Validity
from skyledger.iagos.formats import nasa_ames, netcdf
from skyledger.iagos.formats.inspection import inspect_nasa_ames, inspect_netcdf
from skyledger.inspection import MAX_TOLD
from tests.support.iagos_products import CREATED, product
from tests.unit.iagos.test_nasa_ames import EXAMPLE


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(EXAMPLE)
    return path


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "a.nc4"
    netcdf.write_flight(product(), path, created=CREATED)
    return path


def told(found: Any) -> dict[str, Any]:
    plain = found.as_dict()
    return json.loads(json.dumps(plain, allow_nan=False))


def test_a_text_file_is_told_in_the_form_of_all_formats(text):
    found = told(inspect_nasa_ames([text]))
    columns = found.pop("columns")
    assert found == {
        "format": "nasa-ames",
        "rows": 4,
        "rejected": 0,
        "duplicates": 0,
        "first": "2024-03-05T12:34:56",
        "last": "2024-03-05T12:35:08",
        "notes": ["a.txt: dialect iagos; flight_id: 2024030512345602; process_level: L1"],
    }
    values = [4325 * 0.01, 4331 * 0.01, 4402 * 0.01]
    assert columns["O3_P1"] == {
        "unit": "ppb",
        "count": 3,
        "sum": math.fsum(values),
        "min": values[0],
        "max": values[2],
    }
    assert list(columns) == ["lon", "lat", "air_press_AC", "O3_P1", "O3_P1_val"]


def test_rejected_rows_are_counted_and_the_first_told(text):
    bad = "".join(f"{45312 + n}\n" for n in range(MAX_TOLD + 5))
    text.write_text(EXAMPLE + bad + EXAMPLE.splitlines()[-1])
    found = inspect_nasa_ames([text])
    assert (found.rows, found.rejected, found.duplicates) == (4, MAX_TOLD + 5, 1)
    assert found.notes[1] == "a.txt: line 29 rejected: only X; expected X and 5 values"
    assert found.notes[-1] == "a.txt: ... and 5 more rows rejected"


def test_several_files_are_one_series_without_copies(text, tmp_path):
    other = tmp_path / "b.txt"
    other.write_text(EXAMPLE.replace("45308 8.5", "45400 8.5").replace("[ppb]", "[ppt]"))
    found = inspect_nasa_ames([text, other])
    assert (found.rows, found.duplicates) == (5, 3)
    assert found.last == "2024-03-05T12:36:40"
    assert found.columns["O3_P1"].count == 4
    assert "column O3_P1: the unit changes: 'ppb', 'ppt'" in found.notes


def test_rows_of_one_time_that_differ_are_told(text, tmp_path):
    other = tmp_path / "b.txt"
    other.write_text(EXAMPLE.replace("98712 4402 2", "98712 4403 2"))
    found = inspect_nasa_ames([text, other])
    assert (found.rows, found.duplicates) == (5, 3)
    assert found.notes[-1] == "rows of one time with different values: 1"


def test_a_file_that_cannot_be_read_is_told_among_others_and_raised_alone(text, tmp_path):
    other = tmp_path / "b.txt"
    other.write_text("no header")
    found = inspect_nasa_ames([other, text])
    assert found.rows == 4
    assert found.notes[0].startswith("not read: b.txt: line 1: ")
    with pytest.raises(FormatError, match=r"b\.txt: line 1: "):
        inspect_nasa_ames([other])


def test_both_products_of_a_flight_are_told_alike(file, tmp_path):
    nasa_ames.write_flight(product(), tmp_path / "a.txt", created=CREATED)
    ours, theirs = told(inspect_netcdf([file])), told(inspect_nasa_ames([tmp_path / "a.txt"]))
    assert ours["format"] == "iagos-nc"
    for key in ("rows", "rejected", "duplicates", "first", "last"):
        assert ours[key] == theirs[key]
    for name, column in ours["columns"].items():
        pair = (
            name.replace("_error", "_err").replace("_validity_flag", "_val").replace("_process_flag", "_stat")
        )
        assert column["count"] == theirs["columns"][pair]["count"]
        assert column["max"] == pytest.approx(theirs["columns"][pair]["max"], abs=0.51)
    assert ours["columns"]["O3_P1"]["unit"] == "1e-9"


def test_flags_are_told_by_name(file):
    flags = product().series["CO_P1"].validity
    counts = {one: np.count_nonzero(flags == one) for one in Validity}
    expected = ", ".join(f"{one.name.lower()} {counts[one]}" for one in sorted(Validity))
    notes = inspect_netcdf([file]).notes
    assert f"a.nc4: CO_P1_validity_flag: {expected}" in notes
    assert "a.nc4: CO_P1_process_flag: intermediate 120" in notes
    assert "a.nc4: processing_level: L1" in notes


def test_a_flag_without_a_meaning_and_a_time_that_steps_back_are_told(file):
    with netCDF4.Dataset(file, "a") as opened:
        opened["CO_P1_validity_flag"][:5] = 5
        opened["UTC_time"][3] = 0
    found = inspect_netcdf([file])
    assert any("5, which has no meaning 5" in note for note in found.notes)
    assert "a.nc4: time does not rise strictly" in found.notes
    assert found.first == "2024-03-05T00:00:00"


def test_published_files_with_other_names_units_and_clocks_are_told(tmp_path):
    path = tmp_path / "old.nc"
    with netCDF4.Dataset(path, "w") as opened:
        opened.createDimension("time", 3)
        for name, kind, values, attributes in (
            ("time", "f8", [0, 1, 2], {"standard_name": "time", "units": "hours since 2012-06-01 06:00:00"}),
            ("gps_alt", "f4", [1.5, np.nan, 2.5], {"units": "m"}),
            ("cloud", "i4", [1, -1, 3], {"units": "no cm-3", "missing_value": np.int32(-1)}),
        ):
            variable = opened.createVariable(name, kind, ("time",))
            variable.setncatts(attributes)
            variable[:] = values
        opened.createVariable("station", str, ("time",))
    found = told(inspect_netcdf([path, path]))
    assert (found["rows"], found["duplicates"]) == (3, 3)
    assert (found["first"], found["last"]) == ("2012-06-01T06:00:00", "2012-06-01T08:00:00")
    assert found["columns"] == {
        "gps_alt": {"unit": "m", "count": 2, "sum": 4.0, "min": 1.5, "max": 2.5},
        "cloud": {"unit": "no cm-3", "count": 2, "sum": 4.0, "min": 1.0, "max": 3.0},
    }


@pytest.mark.parametrize("units", [None, "soon", "furlongs since 2012-06-01"])
def test_a_file_without_a_clock_is_a_format_error(tmp_path, units):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as opened:
        opened.createDimension("time", 1)
        time = opened.createVariable("time", "f8", ("time",))
        if units:
            time.setncatts({"standard_name": "time", "units": units})
    with pytest.raises(FormatError, match=r"a\.nc: (units of time|no variable with standard_name 'time')"):
        inspect_netcdf([path])


def test_what_is_no_netcdf_is_a_format_error(tmp_path):
    (tmp_path / "a.nc").write_bytes(b"no file of this kind")
    with pytest.raises(FormatError, match=r"a\.nc: not a NetCDF file that can be read"):
        inspect_netcdf([tmp_path / "a.nc"])


def test_rows_without_a_time_are_counted(text):
    text.write_text(
        EXAMPLE.replace(
            "UTC_time; elapsed seconds since 00:00:00 UTC on the first date of line 7; [s]", "h; [m]"
        )
    )
    found = told(inspect_nasa_ames([text]))
    assert (found["rows"], found["first"], found["last"]) == (4, None, None)
    assert found["notes"][1:] == ["a.txt: 'h; [m]' names no unit of time: rows have no time"]


def test_a_time_beyond_all_calendars_is_left_out(text):
    text.write_text(EXAMPLE.replace("45308 8.5", "1e18 8.5"))
    found = told(inspect_nasa_ames([text]))
    assert (found["first"], found["last"]) == ("2024-03-05T12:34:56", None)
