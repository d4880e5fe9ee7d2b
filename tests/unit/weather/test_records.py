"""Many files as one series. Weaknesses are those of the original extractor, as numbered in the format reference."""

import random
from datetime import UTC, timedelta
from itertools import pairwise

import numpy as np
import pytest

from skyledger.weather import toa5
from skyledger.weather.records import MAX_EVENTS, Gap, Records, assemble
from skyledger.weather.toa5 import LoggerFile
from tests.support.toa5 import NAMES, PROCESSING, START, UNITS, file, row, rows

S = 1_000_000
START_US = (START.replace(tzinfo=UTC) - toa5.EPOCH) // timedelta(microseconds=1)
DAY_US = 86_400 * S


def read(data: bytes, name: str = "test.dat") -> LoggerFile:
    return toa5.read(data, name)


def assembled(
    *files: bytes,
    first_us: int = START_US - DAY_US,
    last_us: int = START_US + DAY_US,
    interval_s: float = 1,
    station: str | None = None,
) -> Records:
    read_files = [read(data, f"{i}.dat") for i, data in enumerate(files)]
    return assemble(
        read_files,
        table="SecData",
        interval_s=interval_s,
        header_station=station,
        first_us=first_us,
        last_us=last_us,
    )


def seconds(records: Records) -> list[float]:
    return ((records.time_us - START_US) / S).tolist()


def kinds(records: Records) -> list[str]:
    return [event.kind for event in records.events]


def at(*pairs: tuple[float, int], temperature: float = 20.0) -> bytes:
    """A file of rows at (seconds, record)."""
    return file(row(START + timedelta(seconds=s), r, temperature, 2.45, 0, fraction=True) for s, r in pairs)


def later(n: int, first: int, **options: float) -> list[bytes]:
    return rows(n, start=START + timedelta(seconds=first), record=7276223 + first, **options)  # type: ignore[arg-type]


def test_files_are_joined_in_order_of_time_however_they_are_delivered_weakness_11() -> None:
    parts = [file(later(60, first, temperature=20 + first / 100)) for first in range(0, 240, 60)]
    expected = assembled(*parts)
    assert seconds(expected) == list(range(240))
    assert (expected.duplicates, expected.conflicts, expected.out_of_order) == (0, 0, 0)
    assert (expected.gaps, expected.events, expected.notes) == ((), (), ())
    shuffled = assembled(*(parts[i] for i in (2, 0, 3, 1)))
    np.testing.assert_array_equal(shuffled.time_us, expected.time_us)
    np.testing.assert_array_equal(shuffled.values["AirTC"], expected.values["AirTC"])
    assert shuffled.file.tolist() == [1] * 60 + [3] * 60 + [0] * 60 + [2] * 60
    assert shuffled.line.tolist() == list(range(5, 65)) * 4
    assert shuffled.gaps == ()


def test_rows_out_of_order_in_a_file_are_sorted_and_counted() -> None:
    lines = rows(6)
    found = assembled(file([lines[0], lines[3], lines[1], lines[2], lines[5], lines[4]]))
    assert seconds(found) == [0, 1, 2, 3, 4, 5]
    assert found.line.tolist() == [5, 7, 8, 6, 10, 9]
    assert found.out_of_order == 2
    assert not found.suspect.any()
    assert found.events == ()


def test_only_rows_of_the_span_are_taken_both_ends_included() -> None:
    data = file(rows(10))
    assert seconds(assembled(data, first_us=START_US + 3 * S, last_us=START_US + 6 * S)) == [3, 4, 5, 6]
    reverse = file(reversed(rows(10)))
    assert seconds(assembled(reverse, first_us=START_US + 3 * S, last_us=START_US + 6 * S)) == [3, 4, 5, 6]
    nothing = assembled(data, first_us=START_US - 10, last_us=START_US - 1)
    assert len(nothing.time_us) == len(nothing.suspect) == 0
    assert nothing.segments == ()


def test_a_file_delivered_twice_is_counted_and_dropped() -> None:
    found = assembled(file(rows(60)), file(rows(60)))
    assert len(found.time_us) == 60
    assert found.duplicates == 60
    assert found.conflicts == found.out_of_order == 0
    assert not found.suspect.any()


def test_a_file_that_has_grown_adds_its_new_rows() -> None:
    found = assembled(file(rows(64)), file(rows(124)), file(rows(100)))
    assert len(found.time_us) == 124
    assert found.duplicates == 64 + 100
    assert found.gaps == ()
    assert found.events == ()


def test_rows_doubled_within_one_file_are_dropped_too() -> None:
    lines = [line for line in rows(5) for _ in range(3)]
    found = assembled(file(lines))
    assert seconds(found) == [0, 1, 2, 3, 4]
    assert found.duplicates == 10
    assert found.out_of_order == 0


def test_missing_values_are_equal_to_missing_values() -> None:
    lines = [row(START, 1, "NAN", 2.45, 0), row(START, 1, "7999", 2.45, 0)]
    assert assembled(file(lines)).duplicates == 1


def test_of_two_payloads_for_one_key_the_later_delivered_is_kept_and_suspect() -> None:
    changed = [
        *rows(2),
        row(START + timedelta(seconds=2), 7276225, 99.0, 2.45, 0),
        *later(2, 3, temperature=20.03),
    ]
    for files, kept in (([file(rows(5)), file(changed)], 99.0), ([file(changed), file(rows(5))], 20.02)):
        found = assembled(*files)
        assert found.values["AirTC"].tolist() == [20.0, 20.01, kept, 20.03, 20.04]
        assert found.suspect.tolist() == [False, False, True, False, False]
        assert (found.duplicates, found.conflicts) == (4, 1)
        assert kinds(found) == ["conflict"]
        assert found.events[0].time_us == START_US + 2 * S


def test_later_delivered_counts_even_where_the_file_begins_earlier() -> None:
    changed = file([row(START + timedelta(seconds=2), 7276225, 99.0, 2.45, 0)])
    assert assembled(changed, file(rows(5))).values["AirTC"][2] == 20.02
    assert assembled(file(rows(5)), changed).values["AirTC"][2] == 99.0


def test_texts_belong_to_the_payload() -> None:
    def one(note: str) -> bytes:
        fields = {
            "names": ("TIMESTAMP", "RECORD", "Note"),
            "units": ("TS", "RN", ""),
            "processing": ("", "", "Smp"),
        }
        return file([row(START, 1, f'"{note}"')], **fields)

    same, other = assembled(one("dry"), one("dry")), assembled(one("dry"), one("wet"))
    assert (same.duplicates, same.conflicts) == (1, 0)
    assert (other.duplicates, other.conflicts) == (0, 1)


def test_the_same_numbers_in_other_units_are_another_payload() -> None:
    other = file(rows(3)).replace(b"Deg C", b"Deg F")
    found = assembled(file(rows(3)), other)
    assert (found.duplicates, found.conflicts) == (0, 3)
    assert found.unit_of("AirTC") == ("Deg F",)
    assert set(found.segment.tolist()) == {0}


@pytest.mark.parametrize(("records", "lost"), [((4294967295, 0), 0), ((7276223, 7276226), 2)])
def test_the_record_step_is_modulo_2_to_the_32_vector_18(records: tuple[int, int], lost: int) -> None:
    first, second = records
    step = lost + 1
    found = assembled(at((0, first), (step, second)))
    assert (second - first) % 2**32 == step
    assert found.epoch.tolist() == [0, 0]
    assert not found.suspect.any()
    assert [gap.rows_lost for gap in found.gaps] == ([lost] if lost else [])
    assert kinds(found) == (["record wrap"] if second < first else [])


def test_coverage_of_a_day_with_137_rows_missing_vector_17() -> None:
    missing = set(random.Random(17).sample(range(1, 86_399), 137))
    kept = [i for i in range(86_400) if i not in missing]
    times = START_US + np.array(kept) * S
    whole = read(file(rows(1)))
    block = toa5.Block(whole.blocks[0].header, times, np.array(kept), np.arange(len(kept)) + 5, {}, {})
    found = assemble(
        [LoggerFile("day.dat", (block,), (), truncated=False, notes=())],
        table="SecData", interval_s=1, first_us=START_US, last_us=START_US + DAY_US - 1,
    )  # fmt: skip
    assert len(found.time_us) / 86_400 == pytest.approx(0.998414, rel=5e-6)
    assert sum(gap.rows_lost for gap in found.gaps) == 137
    assert all(gap.recoverable for gap in found.gaps)


def test_rows_lost_in_transfer_are_a_gap_that_may_be_collected_again() -> None:
    found = assembled(file(rows(3)), file(later(3, 10)))
    assert found.gaps == (Gap(START_US + 3 * S, START_US + 9 * S, rows_lost=7, recoverable=True),)
    assert not found.suspect.any()


def test_rows_that_the_logger_did_not_store_are_a_gap_for_good() -> None:
    found = assembled(at((0, 5), (1, 6), (10, 7), (11, 8)))
    assert found.gaps == (Gap(START_US + 2 * S, START_US + 9 * S, rows_lost=8, recoverable=False),)
    assert found.epoch.tolist() == [0] * 4


def test_without_record_numbers_a_gap_is_not_known_to_be_recoverable() -> None:
    names = {"names": ("TIMESTAMP", "A"), "units": ("TS", ""), "processing": ("", "Smp")}
    found = assembled(file([row(START + timedelta(seconds=s), None, s) for s in (0, 1, 5, 5, 6)], **names))
    assert [(gap.rows_lost, gap.recoverable) for gap in found.gaps] == [(3, False)]
    assert found.duplicates == 1
    assert found.record.tolist() == [toa5.NO_RECORD] * 4


@pytest.mark.parametrize(
    ("seconds_off", "first_record"), [(1, 0), (10, 0), (10, 4)]
)  # restarted at once; after a pause; with rows lost after it
def test_a_counter_that_restarts_begins_a_new_epoch(seconds_off: int, first_record: int) -> None:
    old = [(s, 7276223 + s) for s in range(3)]
    new = [(2 + seconds_off + s, first_record + s) for s in range(3)]
    found = assembled(at(*old, *new))
    assert found.epoch.tolist() == [0, 0, 0, 1, 1, 1]
    assert kinds(found) == ["counter reset"]
    assert found.events[0].time_us == START_US + new[0][0] * S
    assert not found.suspect.any()
    assert [(gap.rows_lost, gap.recoverable) for gap in found.gaps] == [(seconds_off - 1, False)] * (
        seconds_off > 1
    )


def test_a_counter_may_restart_from_beyond_half_of_its_range() -> None:
    found = assembled(at((0, 3_000_000_000), (1, 3_000_000_001), (2, 0), (3, 1)))
    assert found.epoch.tolist() == [0, 0, 1, 1]
    assert kinds(found) == ["counter reset"]


def test_a_clock_set_back_is_told_and_all_rows_of_the_doubled_time_are_suspect() -> None:
    before = [(s, 100 + s) for s in range(20)]
    after = [(s, 110 + s) for s in range(10, 30)]  # the record rose while the time fell by 9 s
    found = assembled(at(*before, *after))
    assert len(found.time_us) == 40
    doubled = (found.time_us >= START_US + 10 * S) & (found.time_us < START_US + 20 * S)
    np.testing.assert_array_equal(found.suspect, doubled)
    assert kinds(found) == ["clock change"]
    assert found.events[0].time_us == START_US + 10 * S
    assert "20 rows" in found.events[0].text
    assert found.out_of_order == 0
    assert found.epoch.tolist() == [0] * 40
    assert found.gaps == ()


def test_a_clock_set_back_between_two_files_is_told_too() -> None:
    found = assembled(at(*[(s, 100 + s) for s in range(20)]), at(*[(s, 110 + s) for s in range(10, 30)]))
    assert kinds(found) == ["clock change"]
    assert np.count_nonzero(found.suspect) == 20


def test_a_pair_whose_record_rises_while_its_time_falls_is_suspect() -> None:
    found = assembled(at((10, 5), (9, 6)))
    assert seconds(found) == [9, 10]
    assert found.suspect.tolist() == [True, True]
    assert kinds(found) == ["clock change"]


def test_a_step_that_is_no_multiple_of_the_interval_is_a_clock_adjustment() -> None:
    found = assembled(at((0, 1), (1, 2), (2.4, 3), (3.4, 4), (6.9, 5)))
    assert found.suspect.tolist() == [False, False, True, False, True]
    assert kinds(found) == ["clock adjustment"] * 2
    assert [gap.rows_lost for gap in found.gaps] == [3]


def test_fractions_of_a_second_are_steps_like_any_other_weakness_13() -> None:
    found = assembled(at(*[(i / 4, i) for i in range(8)]), interval_s=0.25)
    assert found.events == ()
    assert found.gaps == ()
    assert not found.suspect.any()


def test_a_wrong_interval_shows_as_adjustments_of_which_the_first_are_told() -> None:
    found = assembled(file(rows(MAX_EVENTS + 50)), interval_s=60)
    assert len(found.events) == MAX_EVENTS
    assert found.suspect[1:].all()
    assert found.notes == (f"{MAX_EVENTS + 49} times clock adjustment; the first {MAX_EVENTS} are told",)


def test_a_header_that_changes_makes_a_segment_of_its_own() -> None:
    wider = {
        "names": (*NAMES, "RH"),
        "units": ("TS", "RN", "Deg F", "m/s", "mm", "%"),
        "processing": (*PROCESSING, "Smp"),
    }
    new = [row(START + timedelta(seconds=3 + i), i, 68.5, 2.45, 0, 27.0) for i in range(3)]
    found = assembled(file(rows(3)) + file(new, signature="40001", **wider), file(later(2, 6)))
    assert found.segment.tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    first, second = found.segments
    assert (first.rows, first.first_us, first.last_us) == (5, START_US, START_US + 7 * S)
    assert (second.rows, second.first_us, second.last_us) == (3, START_US + 3 * S, START_US + 5 * S)
    assert found.unit_of("AirTC") == ("Deg C", "Deg F")
    assert found.unit_of("RH") == (None, "%")
    np.testing.assert_array_equal(found.values["RH"], [np.nan] * 3 + [27.0] * 3 + [np.nan] * 2)


@pytest.mark.parametrize("field", ["signature", "names", "units", "processing"])
def test_each_part_of_the_schema_divides_segments(field: str) -> None:
    other = {
        "signature": "40001",
        "names": ("TIMESTAMP", "RECORD", "AirTC", "WS", "Rain_mm_Tot"),
        "units": (*UNITS[:4], "in"),
        "processing": (*PROCESSING[:3], "Avg", "Tot"),
    }[field]
    assert len(assembled(file(rows(3)), file(later(3, 3), **{field: other})).segments) == 2  # type: ignore[dict-item]


def test_another_logger_of_the_same_program_is_noted() -> None:
    found = assembled(file(rows(3)), file(later(3, 3), serial="40000"))
    assert len(found.segments) == 1
    assert found.notes == ("logger '40000' in place of '39656' from 2016-08-30 00:06:27",)


def test_other_tables_and_stations_are_left_out_and_told() -> None:
    found = assembled(
        file(rows(3)),
        file(rows(3), table="DayAvg"),
        file(rows(3), station="Weather CEN"),
        station="WeatherStation",
    )
    assert len(found.time_us) == 3
    left_out = "left out; expected table 'SecData' of station 'WeatherStation'"
    assert found.notes == (
        f"1.dat: table 'DayAvg' of station 'WeatherStation' {left_out}",
        f"2.dat: table 'SecData' of station 'Weather CEN' {left_out}",
    )


def test_nothing_delivered_is_no_rows() -> None:
    found = assembled()
    assert len(found.time_us) == len(found.epoch) == len(found.segment) == 0
    assert found.values == {}


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_lines_and_files_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    lines = [*rows(50), *later(50, 80), *rows(40, start=START + timedelta(seconds=200), record=0)]
    expected = assembled(file(lines))
    shuffled = rng.sample(lines, len(lines))
    cuts = sorted(rng.sample(range(len(lines)), 4))
    files = [file(shuffled[a:b]) for a, b in pairwise([0, *cuts, len(lines)])]
    doubled = [*files, *rng.sample(files, 2)]
    found = assembled(*doubled)
    for name in ("time_us", "record", "epoch", "suspect"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.values["AirTC"], expected.values["AirTC"])
    assert found.gaps == expected.gaps
    assert found.events == expected.events
    assert len(found.time_us) + found.duplicates == sum(f.count(b"2016-08-30") for f in doubled)
