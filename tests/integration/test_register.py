"""Files of an inbox in the raw store and the database: each once, whole, and with what is wrong with it."""

import hashlib
from datetime import date, timedelta

import pytest

from skyledger import inbox as inbox_module
from skyledger.errors import SourceError, SourceUnavailable, StorageError
from skyledger.inbox import LocalInbox, open_inbox
from skyledger.weather import register as register_module
from skyledger.weather import toa5 as toa5_reader
from skyledger.weather.register import DayInventory, day_inventory, files_of_day
from tests.support.logger_files import SETTLE_S, Registry, at, body, name_of, station_with, toa5

pytestmark = pytest.mark.integration

DAY = date(2016, 8, 30)
HOUR = at("2016-08-30 07:20")  # on the logger's clock
RAW = "weather/raw/UA-MAC"


@pytest.fixture
def world(weather_db, tmp_path) -> Registry:
    """The MAC station with an empty inbox."""
    return Registry(weather_db, tmp_path)


def inventory(world: Registry, first: date = date.min, last: date = date.max) -> list[DayInventory]:
    with world.warehouse.session() as session:
        return day_inventory(session, world.station.station, first, last)


def of_day(world: Registry, *days: date) -> list[str]:
    with world.warehouse.session() as session:
        return [file.name for file in files_of_day(session, world.station.station, days)]


class Unreadable(LocalInbox):
    """An inbox of which only the listing may be asked for."""

    def read(self, entry):
        raise AssertionError(f"read {entry.path}")


def test_a_file_is_kept_byte_for_byte_with_what_an_operator_asks_for(world):
    content = toa5(HOUR, 90, record=7_276_223)
    world.put(f"2016-08-30/{name_of(HOUR)}", content, age_s=3600)
    summary = world.register(run_id="manual__1")
    path = f"{RAW}/2016-08-30/{name_of(HOUR)}"
    assert world.raw() == {path: content}
    columns = (
        "station, folder, name, rotation, state, message, duplicate_of, bytes, sha256, modified_utc, raw_path,"
        " logger_station, logger_table, logger_serial, program_signature, first_logger_time, last_logger_time,"
        " rows_read, rows_rejected, truncated, run_id"
    )
    assert world.files(columns) == [
        (
            *("UA-MAC", "2016-08-30", name_of(HOUR), 1, "registered", None, None, len(content)),
            *(hashlib.sha256(content).hexdigest(), at("2016-09-01 11:00"), path),
            *("WeatherStation", "SecData", "39656", "24921", HOUR, HOUR + timedelta(seconds=89)),
            *(90, 0, 0, "manual__1"),
        )
    ]
    assert (summary.listed, summary.new, summary.rows, summary.bytes) == (1, 1, 90, len(content))
    assert summary.problems == []


def test_a_second_run_reads_no_file_and_changes_no_row(world):
    for hour in range(3):
        world.put(name_of(HOUR + timedelta(hours=hour)), toa5(HOUR + timedelta(hours=hour), 30))
    world.put("WeatherStation_broken_2016_08_30.dat", b'"TOB1","x"\r\n')
    world.register()
    before = world.files("*"), world.known(), world.raw()
    summary = world.register(Unreadable(world.inbox_folder))
    assert (summary.listed, summary.unchanged, summary.taken) == (4, 4, 0)
    assert (world.files("*"), world.known(), world.raw()) == before


def test_a_file_whose_time_changed_but_not_its_content_is_only_noted(world, monkeypatch):
    content = toa5(HOUR, 30)
    world.put("a.dat", content, age_s=3600)
    world.register()
    world.put("a.dat", content, age_s=1800)
    monkeypatch.setattr(register_module, "judge", lambda *a: pytest.fail("judged again"))
    summary = world.register()
    assert (summary.touched, summary.taken) == (1, 0)
    assert world.files("modified_utc") == [(at("2016-09-01 11:30"),)]
    assert world.register(Unreadable(world.inbox_folder)).unchanged == 1


def test_a_file_that_has_not_stood_still_waits(world):
    world.put("a.dat", toa5(HOUR, 30), age_s=SETTLE_S - 1)
    assert (world.register().waiting, world.files()) == (1, [])
    world.now += timedelta(seconds=1)
    assert world.register().new == 1


def test_a_file_that_grows_while_it_is_read_waits(world):
    file = world.put("a.dat", toa5(HOUR, 30))
    world.put("b.dat", toa5(HOUR + timedelta(hours=1), 30))

    class Busy(LocalInbox):
        def read(self, entry):
            if entry.name == "a.dat":
                with file.open("ab") as growing:
                    growing.write(b'"2016-08-30 07:20')
            return super().read(entry)

    summary = world.register(Busy(world.inbox_folder))
    assert (summary.waiting, summary.new) == (1, 1)
    assert [name for name, *_ in world.files()] == ["b.dat"]


def test_a_growing_file_keeps_its_row_and_only_the_days_that_grew_change(world):
    midnight = at("2016-08-31")
    start = midnight - timedelta(minutes=30)
    first = toa5(start, 4, step_s=900)  # 23:30, 23:45, 00:00, 00:15
    world.put("Grown.dat", first)
    world.register(run_id="one")
    before = inventory(world)
    ((file_id, raw_path),) = world.files("file_id, raw_path")
    whole = first + body(midnight + timedelta(minutes=30), 6, record=4, step_s=900)
    world.put("Grown.dat", whole, age_s=1800)
    summary = world.register(run_id="two")
    assert (summary.grown, summary.rotated, summary.new) == (1, 0, 0)
    assert world.raw() == {raw_path: whole}
    assert world.files("file_id, rotation, bytes, rows_read, last_logger_time, run_id") == [
        (file_id, 1, len(whole), 10, midnight + timedelta(minutes=105), "two")
    ]
    after = inventory(world)
    assert after[0] == before[0]
    assert (after[1].day, before[1].rows, after[1].rows) == (date(2016, 8, 31), 2, 8)
    assert after[1].digest != before[1].digest


def test_a_line_that_was_cut_is_noted_and_counted_once_it_is_whole(world):
    whole = toa5(HOUR, 30)
    world.put("a.dat", whole[:-9])
    world.register()
    assert world.files("state, truncated, rows_read, rows_rejected") == [("registered", 1, 29, 0)]
    assert "still growing" in world.files("message")[0][0]
    world.put("a.dat", whole, age_s=1800)
    world.register()
    assert world.files("state, truncated, rows_read, message, rotation") == [("registered", 0, 30, None, 1)]


def test_weakness_14_a_rotated_file_is_registered_beside_the_old_one(world):
    """The place where reading stopped is gone: the original then searched for it for ever."""
    old = toa5(HOUR, 50, step_s=900)
    world.put("Weather_Avg15.dat", old)
    world.register()
    later = HOUR + timedelta(seconds=50 * 900)
    new = toa5(later, 5, record=50, step_s=900)
    world.put("Weather_Avg15.dat", new, age_s=1800)
    summary = world.register()
    assert (summary.rotated, summary.grown) == (1, 0)
    assert world.files("name, rotation, state, rows_read") == [
        ("Weather_Avg15.dat", 1, "registered", 50),
        ("Weather_Avg15.dat", 2, "registered", 5),
    ]
    assert sorted(world.raw().values()) == sorted([old, new])
    assert [day.files for day in inventory(world)] == [2]
    # the new one grows on, the old one stays as it is
    world.put("Weather_Avg15.dat", new + body(later + timedelta(seconds=4500), 1, record=55, step_s=900), 600)
    assert world.register().grown == 1
    assert world.files("rotation, rows_read") == [(1, 50), (2, 6)]


def test_a_corrected_file_of_the_same_day_is_kept_beside_the_first(world):
    first, corrected = toa5(HOUR, 30), toa5(HOUR, 30, value=26.0)
    for content in (first, corrected):
        world.put(name_of(HOUR), content, age_s=3600 - len(world.raw()))
        world.register()
    stem = name_of(HOUR).removesuffix(".dat")
    assert world.raw() == {
        f"{RAW}/2016-08-30/{stem}.dat": first,
        f"{RAW}/2016-08-30/{stem}.2.dat": corrected,
    }
    assert of_day(world, DAY) == [name_of(HOUR)] * 2
    with world.warehouse.session() as session:
        kept = files_of_day(session, "UA-MAC", [DAY])
    assert [world.raw()[file.raw_path] for file in kept] == [first, corrected]
    assert [file.sha256 for file in kept] == [hashlib.sha256(c).hexdigest() for c in (first, corrected)]
    assert [file.bytes for file in kept] == [len(first), len(corrected)]


def test_a_file_delivered_twice_under_two_names_counts_once(world):
    content = toa5(HOUR, 30)
    world.put("a.dat", content, age_s=4000)
    world.register()
    once = inventory(world)
    world.put("copy of a.dat", content, age_s=3000)
    world.put("2016-08-30/a.dat", content, age_s=2000)
    assert world.register().new == 2
    assert inventory(world) == once
    assert of_day(world, DAY) == ["a.dat"]
    assert world.query(
        "SELECT f.folder, f.name, o.name FROM logger_file AS f LEFT JOIN logger_file AS o "
        "ON o.file_id = f.duplicate_of ORDER BY f.file_id"
    ) == [("", "a.dat", None), ("", "copy of a.dat", "a.dat"), ("2016-08-30", "a.dat", "a.dat")]
    assert sorted(world.raw().values()) == [content] * 3
    # the first one grows: the second now stands for itself, the third is a copy of the second
    world.put("a.dat", content + body(HOUR + timedelta(seconds=30), 1, record=30), age_s=1000)
    world.register()
    assert of_day(world, DAY) == ["a.dat", "copy of a.dat"]


def test_a_file_of_another_type_is_quarantined_and_the_others_go_on(world):
    binary = toa5(HOUR, 0).replace(b"TOA5", b"TOB1") + b'"ULONG","IEEE4"\r\n\x00\x01\x02'
    world.put("WeatherStation_SecData_2016_08_30_0620.dat", binary, age_s=4000)
    world.put(name_of(HOUR), toa5(HOUR, 30))
    summary = world.register()
    assert (summary.new, summary.quarantined) == (2, 1)
    (state, message, rows, first), (good, *_) = world.files("state, message, rows_read, first_logger_time")
    assert (state, rows, first, good) == ("quarantined", 0, None, "registered")
    assert "TOB1" in message
    assert "TOB1" in summary.problems[0]
    assert world.raw()[f"{RAW}/2016-08-30/WeatherStation_SecData_2016_08_30_0620.dat"] == binary
    assert of_day(world, DAY) == [name_of(HOUR)]


def test_a_file_on_which_the_reader_itself_fails_does_not_stop_the_others(world, monkeypatch):
    sound = toa5_reader.read

    def read(data: bytes, name: str, **codes):
        if name == "a.dat":
            raise ZeroDivisionError("oops " * 1000)
        return sound(data, name, **codes)

    world.put("a.dat", toa5(HOUR, 30), age_s=4000)
    world.put("b.dat", toa5(HOUR + timedelta(hours=1), 30))
    with monkeypatch.context() as patched:
        patched.setattr(toa5_reader, "read", read)
        summary = world.register()
    assert (summary.new, summary.quarantined) == (2, 1)
    (message,), _ = world.files("message")
    assert message.startswith("the reader failed on it, a defect of ours: ZeroDivisionError: oops")
    assert world.register(again=True).judged_again == 1
    assert of_day(world, DAY) == ["a.dat", "b.dat"]


def test_a_file_with_too_many_bad_lines_fails_until_it_is_corrected(world):
    good = toa5(HOUR, 100)
    bad = good.replace(b'"2016-08-30 07:20:10"', b'"2016-08-30 07:99:10"')
    world.put("a.dat", bad, age_s=4000)
    assert world.register().failed == 0  # 1 of 100 is not more than 1 %
    assert world.files("state, rows_read, rows_rejected") == [("registered", 100, 1)]
    assert inventory(world)[0].rows == 99
    worse = bad.replace(b'"2016-08-30 07:20:20"', b'"nonsense"')
    world.put("a.dat", worse, age_s=3000)
    summary = world.register()
    assert (summary.failed, summary.rows) == (1, 0)
    (message,) = world.files("message")[1]
    assert message.startswith(
        "2 of 100 lines are bad, more than 1%: none of its rows is used. Correct the file"
    )
    assert "line 15" in message
    assert summary.problems == [f"a.dat: failed: {message}"]
    assert len(of_day(world, DAY)) == inventory(world)[0].files == 1
    world.put("a.dat", good, age_s=2000)
    world.register()
    assert [state for (state,) in world.files("state")] == ["registered", "failed", "registered"]


@pytest.mark.parametrize("strange", [{"table": "MinData"}, {"station": "Another, Station"}])
def test_a_file_of_another_table_or_station_is_kept_and_does_not_count(world, strange):
    content = toa5(HOUR, 30, **strange)
    world.put("a.dat", content)
    summary = world.register()
    assert (summary.other, summary.problems, summary.rows) == (1, [], 0)
    assert inventory(world) == []
    assert list(world.raw().values()) == [content]
    ((state, message, first),) = world.files("state, message, first_logger_time")
    assert (state, first) == ("other", HOUR)
    for part in (*strange.values(), "expected table SecData of station WeatherStation"):
        assert part in message


def test_files_are_judged_again_after_a_correction_of_the_configuration(world):
    world.put("a.dat", toa5(HOUR, 30, station="Renamed"))
    world.put("b.dat", toa5(HOUR, 30))
    world.register()
    corrected = world.station.model_copy(update={"header_station": None})
    assert world.register(station=corrected).taken == 0
    summary = world.register(station=corrected, again=True)
    assert (summary.judged_again, summary.unchanged) == (1, 1)
    assert [state for (state,) in world.files("state")] == ["registered", "registered"]
    assert inventory(world)[0].files == 2
    assert len(world.raw()) == 2


def test_rows_below_a_header_of_another_table_are_left_out(world):
    mixed = toa5(HOUR, 30) + toa5(HOUR, 7, table="MinData", step_s=60)
    world.put("a.dat", mixed)
    world.register()
    ((rows, message),) = world.files("rows_read, message")
    assert rows == 30
    assert "1 header blocks of another table or station are left out" in message
    assert inventory(world)[0].rows == 30


@pytest.mark.parametrize("content", [b"", toa5(HOUR, 0)], ids=["empty", "header only"])
def test_a_file_without_rows_counts_as_zero_rows_until_it_has_some(world, content):
    world.put(name_of(HOUR), content, age_s=4000)
    summary = world.register()
    assert (summary.new, summary.problems) == (1, [])
    assert world.files("state, rows_read, first_logger_time") == [("registered", 0, None)]
    assert (inventory(world), of_day(world, DAY)) == ([], [])
    world.put(name_of(HOUR), toa5(HOUR, 30))
    assert world.register().grown == 1
    assert inventory(world)[0].rows == 30
    assert len(world.raw()) == 1


def test_weakness_2_rows_count_to_their_day_whatever_folder_the_file_lies_in(world):
    """Files are cut every hour but not on the hour: the last of a day folder reaches into the next day."""
    cut = at("2016-08-30 23:06:24")
    world.put(f"2016-08-30/{name_of(cut)}", toa5(cut, 3600))
    world.register()
    first, second = inventory(world)
    assert (first.day, first.rows, second.day, second.rows) == (DAY, 3217, date(2016, 8, 31), 384)
    assert first.last_logger_time == at("2016-08-31")  # midnight is in both, whichever it belongs to
    assert second.last_logger_time == at("2016-08-31 00:06:23")
    assert of_day(world, date(2016, 8, 31)) == of_day(world, DAY) == [name_of(cut)]
    assert inventory(world, date(2016, 8, 31), date(2016, 8, 31)) == [second]
    assert of_day(world, date(2016, 9, 1)) == of_day(world) == []


def test_weakness_1_the_24th_file_changes_the_day(world):
    starts = [at("2016-08-30 00:06:24") + timedelta(hours=n) for n in range(24)]
    for start in starts[:23]:
        world.put(name_of(start), toa5(start, 360, step_s=10))
    world.register()
    (before,) = inventory(world, DAY, DAY)
    world.put(name_of(starts[23]), toa5(starts[23], 360, step_s=10))
    world.register()
    (after,) = inventory(world, DAY, DAY)
    assert (before.files, after.files) == (23, 24)
    assert before.digest != after.digest


def test_files_of_a_day_come_in_the_order_of_their_arrival(world):
    for name, age_s in (("late.dat", 3000), ("early.dat", 5000), ("between.dat", 4000)):
        world.put(name, toa5(HOUR, 30, value=age_s / 100), age_s)
    world.register()
    world.put("last.dat", toa5(HOUR, 30), age_s=9000)  # arrived later, with an old time
    world.register()
    assert of_day(world, DAY) == ["early.dat", "between.dat", "late.dat", "last.dat"]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("2016-08-29/WeatherStation_SecData_2016_08_28_0006.dat", "2016-08-28"),
        ("2016-08-29/nameless.dat", "2016-08-29"),
        ("WeatherStation_SecData_2016_13_28_0006.dat", "2016-09-01"),
    ],
)
def test_a_file_without_rows_is_kept_by_the_day_of_its_name_folder_or_arrival(world, path, folder):
    world.put(path, b"no table at all\r\n")
    world.register()
    assert list(world.raw()) == [f"{RAW}/{folder}/{path.rpartition('/')[2]}"]


def test_names_that_cannot_be_kept_are_told_and_nothing_is_written(world):
    world.put("bad\\name.dat", toa5(HOUR, 3))
    summary = world.register()
    assert (summary.listed, world.raw(), world.files()) == (0, {}, [])
    assert "bad" in summary.problems[0]


def test_a_file_that_may_not_be_read_does_not_stop_the_others(world, monkeypatch):
    monkeypatch.setattr(inbox_module, "LARGEST_FILE_BYTES", 5000)
    world.put("closed.dat", toa5(HOUR, 30), age_s=5000)
    world.put("large.dat", toa5(HOUR, 300), age_s=4000)
    world.put("good.dat", toa5(HOUR, 30))

    class Closed(LocalInbox):
        def read(self, entry):
            if entry.name == "closed.dat":
                raise SourceError("closed.dat: we may not read it")
            return super().read(entry)

    summary = world.register(Closed(world.inbox_folder))
    assert [name for name, *_ in world.files()] == ["good.dat"]
    assert len(summary.problems) == 2


def test_a_raw_store_that_cannot_be_written_stops_the_run_and_no_row_lies(world):
    world.put("a.dat", toa5(HOUR, 30))
    world.data_root.mkdir()
    (world.data_root / "weather").write_text("a file where a folder is expected")
    with pytest.raises(StorageError, match=r"raw store: weather/raw/UA-MAC/2016-08-30/a\.dat"):
        world.register()
    assert world.files() == []
    (world.data_root / "weather").unlink()
    assert world.register().new == 1


def test_a_raw_file_is_only_replaced_by_one_that_begins_with_its_bytes(world):
    """A database that was lost, or a run that was killed, must not cost what had arrived."""
    first, corrected = toa5(HOUR, 30), toa5(HOUR, 20, value=26.0)
    world.put("a.dat", first)
    world.register()
    world.wipe()
    world.put("a.dat", corrected)
    world.register()
    assert world.raw() == {f"{RAW}/2016-08-30/a.dat": first, f"{RAW}/2016-08-30/a.2.dat": corrected}


def test_what_a_killed_run_has_written_is_taken_up(world):
    """It had replaced the raw file by a longer one, and died before it could say so."""
    first, longer = toa5(HOUR, 30), toa5(HOUR, 60)
    world.put("a.dat", first)
    world.register()
    (world.data_root / RAW / "2016-08-30" / "a.dat").write_bytes(longer)
    with world.warehouse.session() as session:
        (file,) = files_of_day(session, "UA-MAC", [DAY])
    kept = world.raw()[file.raw_path][: file.bytes]
    assert hashlib.sha256(kept).hexdigest() == file.sha256
    world.put("a.dat", longer, age_s=1000)
    assert world.register().grown == 1
    assert world.raw() == {f"{RAW}/2016-08-30/a.dat": longer}


def test_a_rotated_file_is_known_as_such_also_when_the_raw_store_was_lost(world):
    world.put("a.dat", toa5(HOUR, 30))
    world.register()
    (world.data_root / RAW / "2016-08-30" / "a.dat").unlink()
    world.put("a.dat", toa5(HOUR, 60, value=26.0), age_s=1000)
    assert world.register().rotated == 1


def test_irrigation_totals_are_registered_by_their_own_reader(weather_db, tmp_path):
    world = Registry(weather_db, tmp_path, station_with("flowmetertotals*.csv", "UA-MAC-IRRIGATION"))
    text = "Report\n\nDate Time,Actual\n08/29/2016 00:00,1250\n08/30/2016 00:00,\n"
    world.put("flowmetertotals_Aug.csv", text.encode())
    world.register()
    assert world.files("state, rows_read, first_logger_time, logger_table") == [
        ("registered", 2, at("2016-08-29"), "flowmetertotals")
    ]
    assert [day.rows for day in inventory(world, date(2016, 8, 29), DAY)] == [2, 1]


def test_files_come_over_sftp_as_from_a_folder(world, sftp_server):
    folder = sftp_server.root / "weather" / "2016-08-30"
    contents = {name_of(HOUR + timedelta(hours=n)): toa5(HOUR + timedelta(hours=n), 600) for n in range(3)}
    for name, content in contents.items():
        world.put(f"2016-08-30/{name}", content)
    world.inbox_folder.rename(sftp_server.root / "weather")
    with open_inbox(sftp_server.connection, "weather", world.data_root) as inbox:
        summary = world.register(inbox)
    assert (summary.new, summary.rows) == (3, 1800)
    assert world.raw() == {f"{RAW}/2016-08-30/{name}": content for name, content in contents.items()}
    assert {path.name for path in folder.iterdir()} == set(contents), "nothing at the source is removed"
    with open_inbox(sftp_server.connection, "weather", world.data_root) as inbox:
        assert world.register(inbox).unchanged == 3


def test_a_station_that_goes_down_half_way_keeps_what_was_taken_and_the_next_run_goes_on(world, sftp_server):
    for n in range(4):
        world.put(name_of(HOUR + timedelta(hours=n)), toa5(HOUR + timedelta(hours=n), 60), age_s=4000 - n)
    world.inbox_folder.rename(sftp_server.root / "weather")

    def stop_at_the_third(path: str, done: int, of: int) -> None:
        if done == 2:
            sftp_server.stop()

    with (
        open_inbox(sftp_server.connection, "weather", world.data_root) as inbox,
        pytest.raises(SourceUnavailable),
    ):
        world.register(inbox, progress=stop_at_the_third)
    assert len(world.files()) == len(world.raw()) == 2
    sftp_server.start()
    with open_inbox(sftp_server.connection, "weather", world.data_root) as inbox:
        summary = world.register(inbox)
    assert (summary.unchanged, summary.new) == (2, 2)
    assert len(world.raw()) == 4
