"""What `skyledger inspect` says of files: the acceptance list of the format reference, one defect per file."""

import json
import math
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from skyledger.errors import FormatError
from skyledger.inspection import MAX_TOLD, inspect_toa5, table_for_people
from tests.support.toa5 import START, file, row, rows

GOLDEN = Path(__file__).parents[1] / "fixtures/weather/toa5"
FIRST, LAST = "2016-08-30T00:06:24", "2016-08-30T00:06:29"
CUT = "the last line was cut while it was written: it is dropped, the file is still growing"

# file: rows, duplicates, first, last, (count, sum, min, max) of AirTC, notes
EXPECTED: dict[str, tuple[Any, ...]] = {
    "clean": (6, 0, FIRST, LAST, (6, 120.15, 20.0, 20.05), []),
    "line-feeds": (6, 0, FIRST, LAST, (6, 120.15, 20.0, 20.05), []),
    "quoted-comma-in-station": (6, 0, FIRST, LAST, (6, 120.15, 20.0, 20.05), []),
    "fractions-of-a-second": (
        5, 0, FIRST, "2016-08-30T00:06:25.123456", (5, 110.0, 20.0, 24.0),
        ["2016-08-30T00:06:25.123456: clock adjustment: 0.373456 s after the row before, no multiple of 0.25 s"],
    ),
    "nan-quoted-and-bare": (6, 0, FIRST, LAST, (1, 20.5, 20.5, 20.5), []),
    "empty-field": (3, 0, FIRST, "2016-08-30T00:06:26", (1, 20.5, 20.5, 20.5), []),
    "overflow-codes": (5, 0, FIRST, "2016-08-30T00:06:28", (2, 8018.5, 20.5, 7998.0), []),
    "truncated-last-line": (
        5, 0, FIRST, "2016-08-30T00:06:28", (5, 100.1, 20.0, 20.04), [f"truncated-last-line.dat: {CUT}"],
    ),
    "duplicate-rows": (
        6, 2, FIRST, LAST, (6, 199.1, 20.0, 99.0),
        [
            "rows replaced by a later delivery with other values: 1",
            "2016-08-30T00:06:29: conflict: record 7276228: another payload was delivered before",
        ],
    ),
    "out-of-order": (6, 0, FIRST, LAST, (6, 120.15, 20.0, 20.05), ["rows out of order: 2"]),
    "record-wrap": (
        4, 0, FIRST, "2016-08-30T00:06:27", (4, 80.06, 20.0, 20.03),
        ["2016-08-30T00:06:26: record wrap: record 4294967295 is followed by record 0"],
    ),
    "counter-reset": (
        6, 0, FIRST, "2016-08-30T00:06:36", (6, 120.06, 20.0, 20.02),
        [
            "2016-08-30T00:06:34: counter reset: record 7276225 is followed by record 0",
            "2016-08-30T00:06:27 to 2016-08-30T00:06:33: 7 rows missing, never stored",
        ],
    ),
    "header-change": (
        6, 0, FIRST, LAST, (6, 265.53, 20.0, 68.5),
        [
            "column AirTC: the unit changes: 'Deg C', 'Deg F'",
            "the header changes at 2016-08-30T00:06:27: names, units, processing, signature",
            "2016-08-30T00:06:27: counter reset: record 7276225 is followed by record 0",
        ],
    ),
    "concatenated-headers": (6, 0, FIRST, LAST, (6, 120.15, 20.0, 20.05), []),
    "header-only": (0, 0, None, None, (0, 0.0, None, None), []),
}  # fmt: skip


def inspect(*names: str) -> dict[str, Any]:
    found = inspect_toa5([GOLDEN / f"{name}.dat" for name in names]).as_dict()
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_files_are_told_as_they_are(name: str) -> None:
    count, duplicates, first, last, (n, total, smallest, largest), notes = EXPECTED[name]
    found = inspect(name)
    columns = found.pop("columns")
    assert found == {
        "format": "toa5",
        "rows": count,
        "rejected": 0,
        "duplicates": duplicates,
        "first": first,
        "last": last,
        "notes": notes,
    }
    assert columns["AirTC"] == {"unit": "Deg C", "count": n, "sum": total, "min": smallest, "max": largest}
    assert list(columns)[:3] == ["AirTC", "WS_ms", "Rain_mm_Tot"]


def test_every_golden_file_is_tested() -> None:
    assert {path.stem for path in GOLDEN.glob("*.dat")} == {*EXPECTED, "tob1"}


def test_another_type_is_refused_by_name_alone_and_told_among_others() -> None:
    with pytest.raises(FormatError, match=r"tob1\.dat: line 1: file type TOB1"):
        inspect("tob1")
    found = inspect("clean", "tob1")
    assert found["rows"] == 6
    assert "not read: tob1.dat: line 1: file type TOB1" in found["notes"][0]


def test_several_files_of_one_table_are_one_series() -> None:
    found = inspect("truncated-last-line", "out-of-order", "clean")
    assert (found["rows"], found["duplicates"], found["last"]) == (6, 11, LAST)


def test_files_of_another_station_are_left_out_and_told() -> None:
    found = inspect("clean", "quoted-comma-in-station")
    assert found["rows"] == 6
    assert "table 'SecData' of station 'Weather, \"north\" Station' left out" in found["notes"][0]


def test_sums_are_exact_and_values_keep_their_precision(tmp_path: Path) -> None:
    rng = random.Random(5)
    values = [rng.uniform(-1, 1) * 10 ** rng.randrange(-8, 8) for _ in range(300)]
    lines = [row(START + timedelta(seconds=i), i, repr(v), 2.45, 0) for i, v in enumerate(values)]
    path = tmp_path / "a.dat"
    path.write_bytes(file(lines))
    column = inspect_toa5([path]).as_dict()["columns"]["AirTC"]
    assert column == {
        "unit": "Deg C",
        "count": 300,
        "sum": math.fsum(values),
        "min": min(values),
        "max": max(values),
    }


def test_rejected_lines_are_counted_and_the_first_told(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(file([*rows(5), *[b"bad\r\n"] * (MAX_TOLD + 5)]))
    found = inspect_toa5([path])
    assert found.rejected == MAX_TOLD + 5
    assert found.notes[0] == "a.dat: line 10 rejected: 1 fields; expected 5 fields"
    assert found.notes[MAX_TOLD] == "... and 5 more like the last"


def test_any_table_is_told_without_timestamp_without_record_and_with_text(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(
        file([b'1,"dry"\r\n', b'2,"wet"\r\n'], names=("A", "Note"), units=("", ""), processing=("Smp", "Smp"))
    )
    found = inspect_toa5([path]).as_dict()
    assert (found["rows"], found["first"], found["last"]) == (2, None, None)
    assert found["columns"] == {
        "A": {"unit": "", "count": 2, "sum": 3.0, "min": 1.0, "max": 2.0},
        "Note": {"unit": "", "count": 2, "sum": None, "min": None, "max": None},
    }
    lines = [row(START + timedelta(minutes=15 * i), None) for i in (0, 1, 3)]
    path.write_bytes(file(lines, names=["TIMESTAMP"], units=["TS"], processing=[""]))
    found = inspect_toa5([path, path]).as_dict()
    assert (found["rows"], found["duplicates"], found["columns"]) == (3, 3, {})
    assert found["notes"] == ["2016-08-30T00:36:24 to 2016-08-30T00:36:24: 1 rows missing, never stored"]


def test_an_empty_file_is_told_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(b"")
    found = inspect_toa5([path]).as_dict()
    assert (found["rows"], found["rejected"], found["first"], found["last"]) == (0, 0, None, None)
    assert (found["columns"], found["notes"]) == ({}, [])


def test_people_see_a_table_with_units_and_notes() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table_for_people(inspect_toa5([GOLDEN / "counter-reset.dat"])))
    text = " ".join(captured.get().split())
    assert f"toa5: 6 rows, 0 rejected lines, 0 duplicates {FIRST} to 2016-08-30T00:06:36" in text
    assert "AirTC Deg C 6 20.01 20 20.02 120.06" in text
    assert "7 rows missing, never stored" in text
