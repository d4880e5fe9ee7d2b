"""The station's files: text, names, truth within rounding, delivery and its defects, what must be found."""

import csv
import re
from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sandbox.weather import Defect, SimulatedFile, WeatherWorld
from sandbox.weather.faults import LEXEMES, MEASURED
from sandbox.weather.toa5 import SEC_DATA
from skyledger.weather import variables as v

DAY, NEXT = date(2016, 8, 30), date(2016, 8, 31)
HEADER = (  # of the excerpt in the station's documentation
    '"TOA5","WeatherStation","CR1000","39656","CR1000.Std.29","CPU:F13WeatherStation.CR1","39725","SecData"\r\n'
    '"TIMESTAMP","RECORD","BattV","PTemp_C","AirTC","RH","Pyro","PAR_ref","WindDir","WS_ms","Rain_mm_Tot"\r\n'
    '"TS","RN","Volts","Deg C","Deg C","%","W/m^2","umol/s/m^2","degrees","meters/second","mm"\r\n'
    '"","","Smp","Smp","Smp","Smp","Smp","Smp","Smp","Smp","Tot"\r\n'
)
COLUMNS = [column.variable for column in SEC_DATA.columns]


@cache
def files(*, faults: bool = False) -> list[SimulatedFile]:
    """Files that begin on the day; made once."""
    return list(WeatherWorld(faults=faults).files(DAY, DAY))


def hour_with(kind: str | None = None, **options: int) -> SimulatedFile:
    """The file of hour 12, with one defect."""
    defects = [Defect(kind, DAY, **options)] if kind else []
    (file,) = WeatherWorld(faults=False, defects=defects).files_of_hours(DAY, 12, 13)
    return file


def lines(file: SimulatedFile) -> list[bytes]:
    """Data lines without line ends."""
    return file.data.split(b"\r\n")[4:-1]


def test_a_file_looks_like_the_excerpt() -> None:
    first = files()[0]
    assert first.data.startswith(HEADER.encode() + b'"2016-08-30 00:06:24",7276223,')
    assert first.data.endswith(b"\r\n")
    cell = r"-?\d+(\.\d{1,2})?"
    row = re.compile(rf'"2016-08-30 \d\d:\d\d:\d\d",\d+(,{cell}){{6}},\d{{1,3}},{cell},0(\.254)?')
    assert all(row.fullmatch(line.decode()) for line in lines(first))
    assert b",-0," not in first.data


def test_files_are_cut_every_hour_but_not_on_the_hour() -> None:
    """Weakness 2: the last file of a day's folder ends on the next day."""
    day = files()
    assert [file.name for file in day][:2] == [
        "WeatherStation_SecData_2016_08_30_0006.dat", "WeatherStation_SecData_2016_08_30_0106.dat",
    ]  # fmt: skip
    assert len(day) == 24
    assert {file.folder for file in day} == {"2016-08-30"}
    assert {len(lines(file)) for file in day} == {3600}
    assert lines(day[-1])[-1].startswith(b'"2016-08-31 00:06:23",')
    records = [int(line.split(b",")[1]) for file in day for line in lines(file)]
    assert records == list(range(7_276_223, 7_276_223 + 86_400))


def test_any_range_of_days_gives_the_same_bytes() -> None:
    world = WeatherWorld(defects="demo")
    two_days = {(f.folder, f.name): f.data for f in world.files(DAY, NEXT, lead_in=True)}
    assert len(two_days) == 1 + 2 * 25
    alone = list(WeatherWorld(defects="demo").files(NEXT, NEXT, lead_in=True))
    assert len(alone) == 26
    assert all(two_days[file.folder, file.name] == file.data for file in alone)


@pytest.mark.parametrize("faults", [False, True])
def test_files_hold_what_the_sensors_show(faults: bool) -> None:
    """Weakness 9: missing values are written in all the ways that loggers write them."""
    world = WeatherWorld(faults=faults)
    raw = [line.decode() for file in files(faults=faults) for line in lines(file)]
    parsed = list(csv.reader(raw))
    utc_s = np.array([datetime.fromisoformat(f"{row[0]}-07:00").timestamp() for row in parsed]).astype(int)
    measured = world.measured(utc_s)
    lexemes = {f.kind: f for f in world.faults(DAY) if f.kind in LEXEMES}
    for place, name in enumerate(COLUMNS, 2):
        cells = [row[place] for row in parsed]
        numbers = np.array([float(c) if c not in ("", "NAN", "7999") else np.nan for c in cells])
        assert np.array_equal(numbers, measured[name], equal_nan=True), name
    for kind, fault in lexemes.items():
        hit = (utc_s >= fault.first_utc_s) & (utc_s <= fault.last_utc_s)
        cells = {raw[i].split(",")[COLUMNS.index(fault.variable) + 2] for i in np.flatnonzero(hit)}
        assert cells == {LEXEMES[kind]}
    assert set(lexemes) == (set(LEXEMES) if faults else set())


def test_files_hold_the_truth_within_noise_and_rounding() -> None:
    world = WeatherWorld(faults=False)
    start_s = int(datetime.fromisoformat("2016-08-30T00:06:24-07:00").timestamp())
    air = world.air(np.arange(start_s, start_s + 86_400))
    table = np.array([line.split(b",")[2:] for file in files() for line in lines(file)]).astype(float)
    cells = dict(zip(COLUMNS, table.T, strict=True))
    assert abs(cells[v.AIR_TEMPERATURE] - air.temperature_c).max() < 6 * 0.02 + 0.005
    assert abs(cells[v.RELATIVE_HUMIDITY] - air.humidity_percent).max() < 6 * 0.08 + 0.005
    assert abs(cells[v.SHORTWAVE] - air.shortwave_w_m2).max() < 6 * (0.1 + 0.001 * 1100)
    assert abs(cells[v.WIND_SPEED] - air.speed_m_s).max() < 6 * 0.01 + 0.005
    turned = abs((cells[v.WIND_DIRECTION] - air.direction_deg + 180) % 360 - 180)[air.speed_m_s > 1]
    assert turned.max() < 0.5 + 6 * np.rad2deg(0.01)
    assert np.array_equal(cells[v.RAIN], np.round(air.rain_mm, 3))


def test_the_fault_mask_is_what_differs_between_files_with_and_without_faults() -> None:
    world = WeatherWorld()
    start_s = int(datetime.fromisoformat("2016-08-30T00:06:24-07:00").timestamp())
    time_s = np.arange(start_s, start_s + 86_400)
    with_faults, without = (
        [x.split(b",") for f in files(faults=on) for x in lines(f)] for on in (True, False)
    )
    differs = np.array(with_faults) != np.array(without)
    assert not differs[:, :2].any()
    for place, name in enumerate(MEASURED):
        sound = np.zeros(len(time_s), bool)
        for fault in (*world.faults(DAY), *world.faults(NEXT)):
            if fault.variable == name and (
                fault.sound or fault.kind == "stuck"
            ):  # truth passes a stuck value
                sound |= (time_s >= fault.first_utc_s) & (time_s <= fault.last_utc_s)
        mask = world.fault_mask(name, time_s)
        assert np.array_equal(differs[:, COLUMNS.index(name) + 2][~sound], mask[~sound]), place


def test_written_files_appear_at_once_in_the_folder_of_their_first_row_and_bear_their_time(
    tmp_path: Path,
) -> None:
    world = WeatherWorld(defects=[Defect("late file", DAY, hour=23)])
    written = world.write_files(tmp_path, DAY, DAY, lead_in=True)
    assert len(written) == 24
    assert written[0] == tmp_path / "2016-08-29" / "WeatherStation_SecData_2016_08_29_2306.dat"
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(written)  # no temporary ones
    assert written[0].stat().st_mtime == datetime.fromisoformat("2016-08-30T00:06:23-07:00").timestamp()
    (late,) = world.write_files(tmp_path, DAY, DAY, lead_in=True, late=True)
    assert late.name == "WeatherStation_SecData_2016_08_30_2306.dat"


# Delivery


def test_counts_of_a_clean_day() -> None:
    """Weakness 2: a day needs the last file of the folder before."""
    world = WeatherWorld(faults=False)
    found = world.expected(DAY)
    assert (found.rows, found.duplicates, found.conflicts, found.rejected, found.files) == (
        86_400,
        0,
        0,
        0,
        25,
    )
    assert sum(file.tally[DAY]["row"] for file in files()) == 86_400 - 384


def test_counts_of_the_demo_mix_are_those_of_its_files() -> None:
    world = WeatherWorld(defects="demo")
    keys, rejected, files_of_day = Counter(), 0, 0
    for file in world.files(DAY, DAY, lead_in=True):
        stamp, found = "", 0
        for line in lines(file):
            fields = line.decode("latin-1").split(",")
            if len(fields) == 11 and re.fullmatch(r'"2016-(08|09)-\d\d .{8}"', fields[0]):
                stamp = fields[0][1:11]
                keys[line] += stamp == str(DAY)
                found += stamp == str(DAY)
            else:
                rejected += stamp == str(DAY)
        files_of_day += found > 0
    kept = Counter({line: n for line, n in keys.items() if n})
    expected = world.expected(DAY)
    assert expected.rows == len(kept) == 86_400 - 2
    assert expected.duplicates == kept.total() - len(kept) == 3600 + 25
    assert expected.rejected == rejected == 4
    assert expected.files == files_of_day == 26


def test_without_defects_nothing_is_random() -> None:
    assert WeatherWorld().defects(DAY) == ()
    assert len({WeatherWorld(defects="demo").defects(DAY + timedelta(days=n)) for n in range(5)}) == 5


def test_an_unknown_defect_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown defect 'late fle': expected one of bad line, .*late file"):
        Defect("late fle", DAY)
    with pytest.raises(ValueError, match="expected hour 0 to 23"):
        Defect("late file", DAY, hour=24)


@pytest.mark.parametrize("kind", ["bad timestamp", "ragged line", "long line"])
def test_a_spoilt_row_is_lost_and_counted(kind: str) -> None:
    clean, found = lines(hour_with()), lines(hour_with(kind))
    assert found[:1800] == clean[:1800]
    assert found[1801:] == clean[1801:]
    fields = found[1800].split(b",")
    assert len(fields) == {"bad timestamp": 11, "ragged line": 9, "long line": 13}[kind]
    if kind == "bad timestamp":
        assert fields[0].startswith(b'"2016-13-45 ')
    assert hour_with(kind).tally[DAY] == {"row": 3599, "rejected": 1}


def test_bad_lines_stand_between_rows() -> None:
    clean, found = lines(hour_with()), lines(hour_with("bad line", count=3))
    assert found[:1800] + found[1803:] == clean
    assert {line.count(b",") for line in found[1800:1803]} == {0}


def test_duplicate_rows_and_rows_out_of_order() -> None:
    """Weakness 11: later rows come first."""
    clean = lines(hour_with())
    assert lines(hour_with("duplicate rows", count=25)) == clean[:1825] + clean[1800:1825] + clean[1825:]
    assert lines(hour_with("out-of-order rows", count=10)) == (
        clean[:1800] + clean[1810:1820] + clean[1800:1810] + clean[1820:]
    )


def test_a_conflicting_row_has_the_key_of_another_and_one_other_value() -> None:
    clean, found = lines(hour_with()), lines(hour_with("conflicting row"))
    assert found[:1801] + found[1802:] == clean
    one, other = found[1800].split(b","), found[1801].split(b",")
    assert [a == b for a, b in zip(one, other, strict=True)].index(False) == 4
    assert float(other[4]) == pytest.approx(float(one[4]) + 1)


def test_fractions_of_a_second() -> None:
    """Weakness 13."""
    found = lines(hour_with("fractional seconds"))
    assert found[0].startswith(b'"2016-08-30 12:06:24.25",')
    assert len(found) == 3600


def test_header_with_a_quoted_comma_and_quotes() -> None:
    """Weakness 12."""
    first = next(csv.reader([hour_with("quoted comma").data.split(b"\r\n")[0].decode()]))
    assert first[1] == "WeatherStation, north"
    assert first[5] == 'CPU:"F13"\\Weather.CR1'
    assert len(first) == 8


def test_a_header_in_the_middle_a_cut_line_a_bare_header_and_a_binary_file() -> None:
    clean = lines(hour_with())
    again = lines(hour_with("concatenated header"))
    assert b"\r\n".join(again[1800:1804]) + b"\r\n" == HEADER.encode()
    assert again[:1800] + again[1804:] == clean
    cut = hour_with("truncated last line")
    assert hour_with().data.startswith(cut.data)
    assert not cut.data.endswith(b"\n")
    assert cut.data.count(b"\r\n") == 4 + 3599
    assert hour_with("header only").data == HEADER.encode()
    assert hour_with("wrong type").data.startswith(b'"TOB1","WeatherStation"')
    world = WeatherWorld(
        faults=False, defects=[Defect("wrong type", DAY), Defect("truncated last line", DAY, 3)]
    )
    assert (world.expected(DAY).rows, world.expected(DAY).files) == (86_400 - 3601, 24)


def test_late_missing_and_twice_delivered_files() -> None:
    """Weakness 1: the 24th file comes late."""
    defects = (Defect("late file", DAY, 23), Defect("missing hour", DAY, 5), Defect("second name", DAY, 7))
    found = list(WeatherWorld(faults=False, defects=defects).files(DAY, DAY))
    assert [f.name for f in found if f.late] == ["WeatherStation_SecData_2016_08_30_2306.dat"]
    assert [f.name[-9:-4] for f in found].count("_0506") == 0
    one, other = (f for f in found if "_0706" in f.name)
    assert other.name == "WeatherStation_SecData_2016_08_30_0706_1.dat"
    assert one.data == other.data
    world = WeatherWorld(faults=False, defects=defects)
    before, after = world.expected(DAY), world.expected(DAY, include_late=True)
    assert (before.rows, before.duplicates, before.files) == (86_400 - 3600 - 3216, 3600, 24)
    assert after.rows == 86_400 - 3600


def test_a_file_of_another_table() -> None:
    world = WeatherWorld(faults=False, defects=[Defect("another table", DAY)])
    found, other = world.files_of_hours(DAY, 12, 13)
    assert found.data == hour_with().data
    assert other.name == "WeatherStation_MinData_2016_08_30_1206.dat"
    assert other.data.startswith(HEADER.split("\r\n")[0].replace("SecData", "MinData").encode())
    assert len(lines(other)) == 60
    assert "row" not in other.tally[DAY]  # not counted


def test_the_record_number_wraps_or_starts_again() -> None:
    def records(kind: str) -> list[int]:
        world = WeatherWorld(faults=False, defects=[Defect(kind, DAY, 12, 1800)])
        return [int(x.split(b",")[1]) for f in world.files_of_hours(DAY, 12, 14) for x in lines(f)]

    before = 7_276_223 + 12 * 3600 + 1800
    assert records("record wrap")[1798:1802] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert records("counter reset")[1798:1802] == [before - 2, before - 1, 0, 1]
    assert records("counter reset")[-1] == 5399  # goes on in the next file


@pytest.mark.parametrize("seconds", [60, -60])
def test_the_clock_jumps_and_is_put_right(seconds: int) -> None:
    found = lines(hour_with("clock jump", count=100, seconds=seconds))
    stamps = [datetime.fromisoformat(line[1:20].decode()) for line in found]
    steps = Counter((b - a).total_seconds() for a, b in pairwise(stamps))
    assert steps == {1: 3597, 1 + seconds: 1, 1 - seconds: 1}
    assert [(b - a).total_seconds() for a, b in pairwise(stamps)].index(1 + seconds) == 1799  # into row 1800
    assert [int(x.split(b",")[1]) for x in found] == [int(x.split(b",")[1]) for x in lines(hour_with())]


def test_a_new_program_changes_header_columns_and_units_from_its_file_on() -> None:
    """Weakness 10: columns differ within a day."""
    world = WeatherWorld(faults=False, defects=[Defect("header change", DAY, 12)])
    before_12, *found = world.files_of_hours(DAY, 11, 14)
    assert before_12.data == files()[11].data
    for before, after in zip(files()[12:14], found, strict=True):
        old, new = (list(csv.reader(f.data.decode().splitlines())) for f in (before, after))
        assert old[0][6] != new[0][6]
        assert new[1] == [*(n if n != "PTemp_C" else "PanelT" for n in old[1]), "Supply_V"]
        assert new[2][4] == "Deg F"
        celsius, fahrenheit = (np.array([float(row[4]) for row in rows[4:]]) for rows in (old, new))
        assert abs((fahrenheit + 459.67) * 5 / 9 - celsius - 273.15).max() < 0.005
        assert [row[3] for row in new[4:]] == [row[3] for row in old[4:]]
