"""What becomes of a delivered file: kept byte for byte, named for what it is, never lost and never counted twice."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from skyledger.errors import StorageError
from skyledger.minitrasgo import content as content_module
from skyledger.minitrasgo import registry
from skyledger.minitrasgo.stations import load_station
from tests.support.raw_files import START, PlayedStation, line, packed, raw

pytestmark = pytest.mark.integration

NAME = "mi0125069000517"
TWIN = "mi0125069000518"
DAY = date(2025, 3, 10)
RAW = "minitrasgo/raw/MINGO01/2025-03-10"


@pytest.fixture
def world(minitrasgo_db, tmp_path) -> PlayedStation:
    return PlayedStation(minitrasgo_db, tmp_path)


def of_day(world: PlayedStation, day: date = DAY) -> list[str]:
    """Files to be reduced that begin on a day."""
    with world.warehouse.session() as session:
        files = registry.files_between(session, "MINGO01", day, day)
    return [file.basename for file in files if file.state == "arrived"]


def test_a_file_is_kept_byte_for_byte_with_what_an_operator_asks_for(world):
    """Weaknesses 20 and 21: a checksum from the first moment, and one place that knows the state."""
    content = raw(events=6)
    world.put(f"{NAME}.dat", content)
    summary = world.acquire(run_id="manual__1")
    path = f"{RAW}/{NAME}.dat"
    assert world.kept() == {path: content}
    assert world.row(NAME) == registry.RawFileRow(
        basename=NAME,
        station="MINGO01",
        named_station=1,
        state="arrived",
        message=None,
        canonical_name=None,
        begin=START,
        first_event=START,
        last_event=START + timedelta(seconds=50),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        raw_path=path,
        delivery=1,
        duplicate_of=None,
    )
    columns = "source, source_name, source_bytes, source_modified_utc, run_id"
    modified = datetime.fromisoformat("2025-03-11 11:00")
    assert world.deliveries(columns) == [("station", f"{NAME}.dat", len(content), modified, "manual__1")]
    assert (summary.new, summary.days, summary.problems) == (1, {"2025-03-10"}, [])
    assert world.ledger() == [("MINGO01", "2025-03-10", "stored", 1, 1, None)]
    assert of_day(world) == [NAME]


def test_events_are_found_between_dirt_and_the_old_prefix_is_kept(world, monkeypatch):
    monkeypatch.setattr(content_module, "SAMPLE_BYTES", 256)
    start = datetime(2023, 7, 21, 6, 7, 8, tzinfo=UTC)
    dirt = b"\0\0\0\n# param_hash=00\n0000 03 10 00 05 20  1\n" * 40 + b"x" * 9000 + b"\n"
    world.put("minI23202060708.dat", dirt + raw(start, 3) + dirt + b"2023 07 21")
    world.acquire()
    row = world.row("mini23202060708")
    assert (row.state, row.first_event, row.last_event) == ("arrived", start, start + timedelta(seconds=20))
    assert row.canonical_name is None


@pytest.mark.parametrize(
    ("off_s", "canonical"), [(300, None), (-300, None), (301, "mi0125069001018"), (-301, None)]
)
def test_a_name_more_than_five_minutes_off_the_first_event_gets_an_alias(world, off_s, canonical):
    """Reference 1.14 (c); the name stays the key, the file belongs to the day on which it really begins."""
    first = START + timedelta(seconds=off_s)
    world.put(f"{NAME}.dat", raw(first))
    summary = world.acquire()
    row = world.row(NAME)
    expected = "mi0125069000016" if off_s == -301 else canonical
    assert (row.state, row.canonical_name) == ("arrived", expected)
    assert row.begin == (first if expected else START)
    assert row.name == (expected or NAME)
    assert bool(summary.problems) is bool(expected)


def test_a_file_whose_name_is_of_another_day_is_kept_with_the_day_of_its_events(world):
    world.put(f"{NAME}.dat", raw(START - timedelta(hours=1)))
    assert world.acquire().days == {"2025-03-09"}
    assert (of_day(world), of_day(world, date(2025, 3, 9))) == ([], [NAME])
    assert list(world.kept()) == [f"minitrasgo/raw/MINGO01/2025-03-09/{NAME}.dat"]


def test_an_empty_file_is_kept_and_told_and_taken_again_with_content(world):
    world.put(f"{NAME}.dat", b"")
    summary = world.acquire()
    assert (summary.empty, of_day(world)) == (1, [])
    assert summary.problems == [
        f"{NAME}: empty: it has no bytes; it is taken again when it is delivered with some"
    ]
    assert world.kept() == {f"{RAW}/{NAME}.dat": b""}
    assert world.ledger() == [("MINGO01", "2025-03-10", "partial", 1, 0, "1 empty")]
    world.put(f"{NAME}.dat", raw(), age_s=1800)
    assert world.acquire().redelivered == 1
    assert world.kept() == {f"{RAW}/{NAME}.dat": b"", f"{RAW}/{NAME}.2.dat": raw()}
    assert world.row(NAME).raw_path == f"{RAW}/{NAME}.2.dat"
    assert (of_day(world), world.ledger()[0][2:]) == ([NAME], ("stored", 1, 1, None))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\0" * 3000, "no valid line in 3000 bytes"),
        (line(START)[:300], "1 wrong column count"),
        (b"# param_hash=00\n", "nothing but comments"),
    ],
    ids=["zeros", "cut line", "comment"],
)
def test_a_file_without_a_valid_line_is_kept_with_the_reason(world, content, told):
    world.put(f"{NAME}.dat", content)
    assert world.acquire().corrupt == 1
    assert told in world.row(NAME).message
    assert world.kept() == {f"{RAW}/{NAME}.dat": content}
    assert of_day(world) == []
    assert world.acquire().known == 1  # and is left alone


def test_a_file_of_another_station_is_kept_and_reported_and_not_reduced(world):
    """Weakness 24: quarantined, not deleted."""
    world.put("mi0225069000517.dat", raw())
    summary = world.acquire()
    assert summary.problems == ["mi0225069000517: foreign: file of station 2; this is station 1"]
    assert (world.kept(), of_day(world)) == ({f"{RAW}/mi0225069000517.dat": raw()}, [])
    assert (world.folder / "mi0225069000517.dat").exists()
    theirs = load_station("MINGO02")
    assert world.acquire(station=theirs).new == 1  # from their own folder it is theirs
    assert world.files("station, state") == [("MINGO01", "foreign"), ("MINGO02", "arrived")]


@pytest.mark.parametrize("other", [TWIN, "mi0125069000516", "mi0125069010003"])
def test_the_same_bytes_under_another_name_are_a_duplicate_of_what_came_first(world, other):
    """Weakness 20: the copy one second beside that an unpacker needs, or any other."""
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    world.put(f"{other}.dat", raw())
    summary = world.acquire()
    assert (summary.duplicate, summary.new) == (1, 1)
    row = world.row(other)
    assert (row.state, row.duplicate_of) == ("duplicate", NAME)
    assert ("a copy made for the unpacker" in row.message) is (other != "mi0125069010003")
    assert of_day(world) == [NAME]
    assert len(world.kept()) == 2
    assert world.ledger()[0][2:] == ("stored", 2, 1, "1 duplicate")


def test_the_same_bytes_at_another_station_are_told(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    (world.folder / f"{NAME}.dat").unlink()
    world.put("mi0225069000517.dat", raw())
    summary = world.acquire(station=load_station("MINGO02"))
    assert f"same bytes as {NAME} of MINGO01" in summary.problems[0]


def test_a_copy_takes_the_place_of_a_file_that_changed(world):
    for name in (NAME, TWIN, "mi0125069000519"):
        world.put(f"{name}.dat", raw())
        world.acquire()
    world.put(f"{NAME}.dat", raw(events=3, step_s=7), age_s=60 * 30)
    world.acquire()
    states = {
        name: (world.row(name).state, world.row(name).duplicate_of)
        for name in (NAME, TWIN, "mi0125069000519")
    }
    assert states == {
        NAME: ("arrived", None),
        TWIN: ("arrived", None),
        "mi0125069000519": ("duplicate", TWIN),
    }
    assert of_day(world) == [NAME, TWIN]
    assert world.ledger()[0][2:] == ("stored", 3, 2, "1 duplicate")


def test_a_file_that_grew_is_a_new_delivery_and_the_older_bytes_stay(world):
    world.put(f"{NAME}.dat", raw(events=5))
    world.acquire()
    world.put(f"{NAME}.dat", raw(events=9), age_s=1800)
    summary = world.acquire()
    assert (summary.redelivered, summary.new, summary.days) == (1, 0, {"2025-03-10"})
    assert world.kept() == {f"{RAW}/{NAME}.dat": raw(events=5), f"{RAW}/{NAME}.2.dat": raw(events=9)}
    row = world.row(NAME)
    assert (row.delivery, row.sha256) == (2, hashlib.sha256(raw(events=9)).hexdigest())
    assert row.last_event == START + timedelta(seconds=80)
    grown = f"grew from {len(raw(events=5))} to {len(raw(events=9))} bytes"
    assert world.deliveries("delivery, bytes, message") == [
        (1, len(raw(events=5)), None),
        (2, len(raw(events=9)), grown),
    ]


def test_other_bytes_under_a_known_name_are_used_from_then_on(world):
    older, newer = raw(events=9), raw(events=7, step_s=20)
    world.put(f"{NAME}.dat", older)
    world.acquire()
    digest = world.query("SELECT source_digest FROM ledger")
    world.put(f"{NAME}.dat", newer, age_s=1800)
    assert world.acquire().redelivered == 1
    assert world.row(NAME).sha256 == hashlib.sha256(newer).hexdigest()
    assert sorted(world.kept().values(), key=len) == [newer, older]
    assert world.query("SELECT source_digest FROM ledger") != digest
    world.put(f"{NAME}.dat", older, age_s=900)  # and back again: no third file
    assert world.acquire().redelivered == 1
    assert (world.row(NAME).delivery, world.row(NAME).raw_path) == (1, f"{RAW}/{NAME}.dat")
    assert len(world.kept()) == 2
    assert [delivery for (delivery,) in world.deliveries("delivery")] == [1, 2, 1]
    assert world.acquire().known == 1


@pytest.mark.parametrize(
    ("worse", "state"), [(raw(events=3), "truncated"), (b"", "empty"), (b"garbage\n", "corrupt")]
)
def test_a_later_delivery_that_lost_events_is_kept_but_not_used(world, worse, state):
    world.put(f"{NAME}.dat", raw(events=5))
    world.acquire()
    before = world.row(NAME)
    world.put(f"{NAME}.dat", worse, age_s=1800)
    summary = world.acquire()
    assert world.row(NAME) == before
    assert (getattr(summary, state), summary.redelivered, summary.days) == (1, 0, set())
    assert summary.problems[0].startswith(f"{NAME}: {state}")
    assert world.deliveries("delivery, state")[1:] == [(2, state)]
    assert world.kept()[f"{RAW}/{NAME}.2.dat"] == worse
    assert world.acquire().known == 1


def test_a_file_whose_time_changed_but_not_its_bytes_is_only_noted(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    row, ledger = world.row(NAME), world.query("SELECT * FROM ledger")
    world.put(f"{NAME}.dat", raw(), age_s=1800)
    summary = world.acquire()
    assert (summary.redelivered, summary.new, summary.days) == (0, 0, set())
    assert (world.row(NAME), world.query("SELECT * FROM ledger")) == (row, ledger)
    assert [delivery for (delivery,) in world.deliveries("delivery")] == [1, 1]
    assert world.acquire().known == 1


def test_a_file_gone_from_the_raw_store_is_fetched_again_to_its_place(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    known = world.known()
    (world.data_root / RAW / f"{NAME}.dat").unlink()
    world.acquire()
    assert world.kept() == {f"{RAW}/{NAME}.dat": raw()}
    assert world.known() == known


def test_what_is_left_of_a_file_gone_from_the_raw_store_is_used(world):
    world.put(f"{NAME}.dat", raw(events=5))
    world.acquire()
    (world.data_root / RAW / f"{NAME}.dat").unlink()
    world.put(f"{NAME}.dat", raw(events=3))
    assert world.acquire().redelivered == 1
    assert world.row(NAME).bytes == len(raw(events=3))


def test_bytes_in_the_raw_store_that_no_row_knows_are_never_replaced(world):
    stranger = world.data_root / RAW / f"{NAME}.dat"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"of a database that was lost")
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    assert stranger.read_bytes() == b"of a database that was lost"
    assert (world.row(NAME).raw_path, world.row(NAME).delivery) == (f"{RAW}/{NAME}.2.dat", 1)


def test_a_packed_file_is_registered_by_what_is_in_it(world):
    """Weakness 31: what was packed at 02:30 before it was brought."""
    world.put(f"{NAME}.dat.tar.gz", packed(mi0125069000517_dat=raw()))
    world.acquire()
    assert world.kept() == {f"{RAW}/{NAME}.dat": raw()}
    assert world.row(NAME).sha256 == hashlib.sha256(raw()).hexdigest()
    assert world.deliveries("source_name, bytes") == [(f"{NAME}.dat.tar.gz", len(raw()))]
    world.put(f"{NAME}.dat", raw())  # the same once more, plain
    assert world.acquire().known == 1


def test_a_packed_file_with_the_bytes_of_another_name_is_a_duplicate(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    world.put(f"{TWIN}.dat.tar.gz", packed(mi0125069000518_dat=raw()))
    assert world.acquire().duplicate == 1
    assert world.row(TWIN).duplicate_of == NAME


def test_an_archive_of_several_files_gives_each_its_row(world):
    later = START + timedelta(hours=1)
    members = {f"{NAME}_dat": raw(), "mi0125069010517_dat": raw(later), "mi0225069000517_dat": raw(events=2)}
    world.put(f"{NAME}.dat.tar.gz", packed(**members))
    world.acquire()
    assert sorted(world.files()) == [
        (NAME, "arrived"),
        ("mi0125069010517", "arrived"),
        ("mi0225069000517", "foreign"),
    ]
    assert world.acquire().known == 1


@pytest.mark.parametrize(
    "content", [b"no archive", packed(readme_txt=b"x"), packed()], ids=["junk", "other", "none"]
)
def test_an_archive_that_holds_no_raw_file_is_kept_with_the_reason(world, content):
    world.put(f"{NAME}.dat.tar.gz", content)
    summary = world.acquire()
    assert summary.corrupt == 1
    assert world.kept() == {f"{RAW}/{NAME}.dat.tar.gz": content}
    assert world.acquire().known == 1
    world.put(f"{NAME}.dat", raw())  # unpacked it is fine
    assert world.acquire().redelivered == 1
    assert world.row(NAME).state == "arrived"


def test_a_row_of_the_run_dictionary_is_kept_once(world):
    """Weakness 26: results name the row that was used."""
    run = load_station("MINGO01").runs[-1]
    with world.warehouse.session() as session:
        for _ in range(2):
            with session.transaction():
                assert registry.note_run(session, "MINGO01", run) == run.row_hash
    rows = world.query("SELECT station, row_hash, conf, valid_to, plane_4_z_mm, triggers FROM run_dictionary")
    assert rows == [("MINGO01", run.row_hash, 14.0, date(2025, 2, 17), 435.0, "12 23 34 13")]
    assert world.query("SELECT JSON_VALUE(content, '$.z_mm[1]') FROM run_dictionary") == [("145.0",)]


def test_a_raw_store_that_fails_is_told_and_nothing_is_registered(world, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    world.put(f"{NAME}.dat", raw())
    monkeypatch.setattr(registry.os, "link", full)
    with pytest.raises(
        StorageError, match="No space left on device: see to space and rights below the data root"
    ):
        world.acquire()
    assert world.files() == []
    monkeypatch.undo()
    assert world.acquire().new == 1
    assert world.brought == [f"{NAME}.dat"]  # once


@pytest.mark.parametrize(
    "wrong",
    [
        "SET state = 'lost'",
        "SET state = 'corrupt', message = NULL",
        "SET state = 'duplicate', message = 'x'",
        "SET first_event_utc = NULL",
    ],
)
def test_the_database_refuses_rows_that_contradict_themselves(world, wrong):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    engine = create_engine(world.warehouse.url, poolclass=NullPool)
    with engine.connect() as connection, pytest.raises(Exception, match="CONSTRAINT"):
        connection.exec_driver_sql(f"UPDATE raw_file {wrong}")
