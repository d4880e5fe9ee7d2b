"""Bringing files from a station: what is complete and new, once, and everything else told."""

import hashlib
import os
from datetime import UTC, date, datetime, timedelta

import pytest

from skyledger.errors import (
    ConfigError,
    FormatError,
    PermanentError,
    SourceError,
    SourceUnavailable,
    StorageError,
    StorageUnavailable,
)
from skyledger.minitrasgo.acquire import lock, register_local
from skyledger.minitrasgo.choose import Wanted
from skyledger.minitrasgo.contact import contacts
from skyledger.minitrasgo.stations import Source, Unpacker
from tests.support.raw_files import SETTLE_S, START, PlayedStation, name_of, packed, raw

pytestmark = pytest.mark.integration

NAME = "mi0125069000517"
RAW = f"minitrasgo/raw/MINGO01/2025-03-10/{NAME}"
INCOMING = "minitrasgo/incoming/MINGO01/station"


@pytest.fixture
def world(minitrasgo_db, tmp_path) -> PlayedStation:
    return PlayedStation(minitrasgo_db, tmp_path)


def hourly(world: PlayedStation, n: int) -> list[str]:
    """So many files, each with its own bytes."""
    names = []
    for hour in range(n):
        start = START + timedelta(hours=hour)
        names.append(name_of(start))
        world.put(names[-1], raw(start, events=3 + hour))
    return names


def waiting(world: PlayedStation) -> dict[str, str]:
    return dict(world.query("SELECT name, reason FROM source_file ORDER BY name"))


def test_a_second_run_brings_nothing_and_changes_no_row(world):
    hourly(world, 3)
    world.put("mi0125069030000.dat", b"")
    world.put("mi0125069040000.dat", b"garbage")
    world.put("mi0225069000000.dat", raw())
    summary = world.acquire()
    assert (summary.listed, summary.chosen, summary.new) == (6, 6, 6)
    tables = ("raw_file", "raw_delivery", "ledger", "run_record")
    before = [world.query(f"SELECT * FROM {table}") for table in tables], world.kept()
    assert len(world.brought) == 6
    summary = world.acquire()
    assert (summary.known, summary.chosen, summary.days) == (6, 0, set())
    assert ([world.query(f"SELECT * FROM {table}") for table in tables], world.kept()) == before
    assert len(world.brought) == 6


def test_nothing_at_the_station_is_changed(world):
    hourly(world, 2)
    world.put("mi0225069000000.dat", raw())
    before = {path.name: (path.stat(), path.read_bytes()) for path in world.folder.iterdir()}
    world.acquire()
    after = {path.name: (path.stat(), path.read_bytes()) for path in world.folder.iterdir()}
    assert {name: (s.st_size, s.st_mtime_ns, b) for name, (s, b) in after.items()} == {
        name: (s.st_size, s.st_mtime_ns, b) for name, (s, b) in before.items()
    }


def test_a_young_file_waits_until_it_stood_still_or_two_listings_agree(world):
    world.put(f"{NAME}.dat", raw(), age_s=SETTLE_S - 60)
    assert (world.acquire().waiting, world.files()) == (1, [])
    assert waiting(world) == {f"{NAME}.dat": "may still be written"}
    world.now += timedelta(seconds=5)
    assert world.acquire().waiting == 1
    world.now += timedelta(seconds=5)  # ten seconds after the first listing
    assert (world.acquire().new, waiting(world)) == (1, {})


def test_a_young_file_that_changes_between_listings_goes_on_waiting(world):
    for events in (3, 4, 5):
        world.put(f"{NAME}.dat", raw(events=events), age_s=1)
        assert world.acquire().waiting == 1
        world.now += timedelta(seconds=30)
    assert world.acquire().new == 1


def test_a_file_that_grows_while_it_is_brought_is_not_taken(world):
    world.put(f"{NAME}.dat", raw(events=5))
    world.put("mi0125069010000.dat", raw(START + timedelta(hours=1)))

    def bring(names, folder):
        world.bring(names, folder)
        world.put(f"{NAME}.dat", raw(events=6), age_s=1)

    summary = world.acquire(bring=bring)
    assert (summary.new, summary.waiting) == (1, 1)
    assert world.files("basename") == [("mi0125069010000",)]
    assert waiting(world) == {f"{NAME}.dat": "changed while it was brought"}
    world.now += timedelta(hours=1)
    assert world.acquire().new == 1
    assert world.row(NAME).bytes == len(raw(events=6))
    assert world.kept().keys() == {f"{RAW}.dat", "minitrasgo/raw/MINGO01/2025-03-10/mi0125069010000.dat"}


def test_a_file_packed_at_half_past_two_before_it_was_brought_is_taken_from_its_archive(world):
    """Weakness 31: the plain file vanishes between listing and transfer."""
    world.put(f"{NAME}.dat", raw())

    def bring(names, folder):
        (world.folder / f"{NAME}.dat").unlink()
        world.put(f"{NAME}.dat.tar.gz", packed(mi0125069000517_dat=raw()), age_s=600)
        world.bring(names, folder)

    summary = world.acquire(bring=bring)
    assert (summary.new, summary.waiting) == (0, 1)
    assert waiting(world) == {f"{NAME}.dat": "vanished, or could not be brought"}
    assert world.acquire().new == 1
    assert (world.kept(), waiting(world)) == ({f"{RAW}.dat": raw()}, {})


def test_a_file_that_vanished_after_it_was_brought_is_registered(world):
    world.put(f"{NAME}.dat", raw())

    def bring(names, folder):
        world.bring(names, folder)
        (world.folder / f"{NAME}.dat").unlink()

    assert world.acquire(bring=bring).new == 1


def test_what_a_killed_run_left_behind_is_registered_when_the_station_has_it_no_more(world):
    names = hourly(world, 2)
    incoming = world.data_root / INCOMING
    incoming.mkdir(parents=True)
    world.bring(names, incoming)
    (world.folder / names[0]).unlink()
    world.brought.clear()
    assert world.acquire().new == 2
    assert world.brought == []  # the other one was complete as well
    assert len(world.kept()) == 2


@pytest.mark.parametrize("still_there", [True, False])
def test_a_run_killed_after_it_registered_a_file_does_not_register_it_twice(world, still_there):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    world.bring([f"{NAME}.dat"], world.data_root / INCOMING)
    if not still_there:
        (world.folder / f"{NAME}.dat").unlink()
    summary = world.acquire()
    assert (summary.new, summary.redelivered) == (0, 0)
    assert (len(world.deliveries()), list(world.kept())) == (1, [f"{RAW}.dat"])


def test_what_a_killed_run_left_behind_gives_way_to_the_packed_file(world):
    """It may have been brought while it was written: the archive is the whole of it."""
    incoming = world.data_root / INCOMING
    incoming.mkdir(parents=True)
    (incoming / f"{NAME}.dat").write_bytes(raw(events=2))
    world.put(f"{NAME}.dat.tar.gz", packed(mi0125069000517_dat=raw(events=5)))
    world.acquire()
    assert world.kept() == {f"{RAW}.dat": raw(events=5)}


def test_the_budget_of_a_run_leaves_the_rest_for_the_next_ones(world):
    names = hourly(world, 5)
    assert world.acquire(wanted=Wanted(max_files=2)).new == 2
    assert world.brought == names[:2:-1]
    assert set(waiting(world)) == set(names[:3])
    assert world.acquire(wanted=Wanted(max_files=2, order="oldest")).new == 2
    assert world.brought[2:] == names[:2]


def test_a_dry_run_counts_and_touches_nothing(world):
    hourly(world, 3)
    world.put("mi0125069235959.dat", raw(), age_s=1)
    summary = world.acquire(dry_run=True)
    assert (summary.listed, summary.chosen, summary.waiting, summary.new) == (4, 3, 1, 0)
    assert summary.bytes == sum(len(raw(events=n)) for n in (3, 4, 5))
    assert (world.brought, world.data_root.exists()) == ([], False)
    for table in ("raw_file", "source_file", "station_contact", "ledger"):
        assert world.query(f"SELECT * FROM {table}") == []


def test_history_is_brought_by_name_or_by_days(world):
    names = hourly(world, 4)
    world.put("mi0125071000000.dat", raw(datetime(2025, 3, 12, tzinfo=UTC)))
    assert world.acquire(wanted=Wanted(names=[names[2], NAME])).new == 2
    assert sorted(world.brought) == [names[0], names[2]]
    assert world.acquire(wanted=Wanted(days=(date(2025, 3, 11), date(2025, 3, 12)))).new == 1


def test_a_run_that_looks_at_some_files_only_says_nothing_of_what_waits_besides(world):
    names = hourly(world, 4)
    world.acquire(wanted=Wanted(max_files=1))
    assert set(waiting(world)) == set(names[:3])
    world.acquire(wanted=Wanted(names=names[:1]))
    assert set(waiting(world)) == set(names[1:3])


def test_names_that_are_not_understood_or_refused_are_told_and_stop_nothing(world):
    world.put("mi0125366120000.dat", raw())
    world.put("mi01\nx.dat", raw())
    world.put(f"{NAME}.dat", raw())
    summary = world.acquire()
    assert (summary.new, summary.waiting, summary.not_understood) == (1, 1, 1)
    assert "2025 has no day 366" in waiting(world)["mi0125366120000.dat"]
    assert "characters that cannot be shown" in summary.problems[0]


def silent(*_):
    raise SourceUnavailable("mingo01_ssh (10.0.0.1): connection refused")


def test_a_silent_station_says_since_when_and_that_survives_restarts(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    first_failure = world.now + timedelta(minutes=15)
    for minutes in (15, 30, 45):
        world.now = first_failure - timedelta(minutes=15) + timedelta(minutes=minutes)
        with pytest.raises(
            SourceUnavailable, match="MINGO01: no files from its station since 2025-03-11 12:15 UTC"
        ):
            world.acquire(list_files=silent)
    with world.warehouse.session() as session:
        (met,) = contacts(session)
    assert (met.station, met.source, met.failing_since) == ("MINGO01", "station", first_failure)
    assert met.last_ok == first_failure - timedelta(minutes=15)
    assert "connection refused" in (met.message or "")
    world.acquire()
    with world.warehouse.session() as session:
        (met,) = contacts(session)
    assert (met.failing_since, met.message, met.last_ok) == (None, None, world.now)


def test_a_station_that_refuses_us_is_noted_with_its_kind_of_error(world):
    def refused():
        raise SourceError("login refused")

    with pytest.raises(SourceError, match="since 2025-03-11 12:00 UTC: login refused"):
        world.acquire(list_files=refused)


def test_what_came_before_a_transfer_broke_off_is_registered_and_the_next_run_brings_the_rest(world):
    names = hourly(world, 4)

    def bring(wanted, folder):
        world.bring(wanted[:2], folder)
        raise SourceUnavailable("connection lost")

    with pytest.raises(SourceUnavailable, match="connection lost"):
        world.acquire(bring=bring)
    assert len(world.files()) == 2
    assert world.ledger()[0][3] == 2
    assert world.acquire().new == 2
    assert sorted(world.brought) == names


def test_what_came_before_the_station_fell_silent_is_not_brought_again(world):
    names = hourly(world, 3)
    listings = [world.listing]

    def bring(wanted, folder):
        world.bring(wanted[:2], folder)
        raise SourceUnavailable("connection lost")

    with pytest.raises(SourceUnavailable):
        world.acquire(bring=bring, list_files=lambda: listings.pop()() if listings else silent())
    assert world.files() == []
    assert world.acquire().new == 3
    assert sorted(world.brought) == names


def test_a_full_disk_is_told_and_registers_nothing_by_halves(world):
    hourly(world, 3)

    def bring(names, folder):
        world.bring(names[:1], folder)
        raise StorageError("no space left below the data root: free some, then rerun")

    with pytest.raises(StorageError, match="free some"):
        world.acquire(bring=bring)
    assert world.files() == []
    assert world.acquire().new == 3
    assert len(world.brought) == 3


def test_a_folder_of_ours_that_cannot_be_made_is_told(world):
    hourly(world, 1)
    world.data_root.write_text("in the way")
    with pytest.raises(StorageError, match="see to space and rights below the data root"):
        world.acquire()


def test_a_second_run_of_a_station_says_at_once_that_another_is_at_work(world):
    hourly(world, 2)
    with (
        world.warehouse.session() as other,
        lock(other, "MINGO01"),
        pytest.raises(StorageUnavailable, match="another run holds"),
    ):
        world.acquire(list_files=lambda: pytest.fail("asked the station"))
    assert world.acquire().new == 2


def test_the_ledger_is_brought_to_what_is_registered_after_a_kill(world):
    hourly(world, 2)
    world.acquire()
    with world.warehouse.session() as session, session.transaction():
        session.execute("UPDATE ledger SET state = 'running'")
        session.execute("UPDATE raw_file SET state = 'corrupt', message = 'x' WHERE basename = %s", (NAME,))
    world.acquire()
    assert world.ledger() == [("MINGO01", "2025-03-10", "partial", 2, 1, "1 corrupt")]


def archive_of(world: PlayedStation, **source):
    archive = Source(connection="c", path="/p", settle_s=SETTLE_S, **source)
    return world.station.model_copy(update={"archive": archive})


def test_the_archive_takes_files_within_its_limits_and_tells_of_the_others(world):
    for start, size in ((START, 1_000_000), (START + timedelta(minutes=90), 5_000_000)):
        world.put(name_of(start, "hld.tar.gz"), os.urandom(size))
    station = archive_of(world, size_mib=(4.0, 8.0), min_gap_min=5)
    summary = world.acquire(station=station, source="archive")
    assert (summary.refused, summary.packed) == (1, 1)
    assert "0.95 MiB; expected 4 to 8 MiB" in waiting(world)[name_of(START, "hld.tar.gz")]
    assert world.query("SELECT source FROM source_file") == [("archive",)]


def test_a_station_without_an_archive_says_so(world):
    with pytest.raises(ConfigError, match="MINGO01 has no archive"):
        world.acquire(station=world.station.model_copy(update={"archive": None}), source="archive")


def test_an_hld_waits_as_packed_until_there_is_an_unpacker(world):
    world.put(f"{NAME}.hld", b"big-endian words")
    station = archive_of(world)
    summary = world.acquire(station=station, source="archive")
    assert summary.packed == 1
    assert "has no unpacker configured" in summary.problems[0]
    assert world.kept() == {f"{RAW}.hld": b"big-endian words"}
    assert world.ledger()[0][2:] == ("partial", 1, 0, "1 packed")
    assert world.acquire(station=station, source="archive").known == 1
    name, content = f"{NAME}.dat", raw()
    program = f"import pathlib; pathlib.Path('{{output}}/{name}').write_bytes({content!r})"
    unpacker = Unpacker(command=("python3", "-c", program), environment={})
    summary = world.acquire(station=station.model_copy(update={"unpacker": unpacker}))
    assert (summary.redelivered, world.brought) == (1, [f"{NAME}.hld"])
    assert world.row(NAME).sha256 == hashlib.sha256(content).hexdigest()
    assert world.kept() == {f"{RAW}.hld": b"big-endian words", f"{RAW}.dat": content}
    assert world.acquire(station=station, source="archive").known == 1


def test_a_station_keeps_the_plain_file_when_the_archive_has_its_hld(world):
    world.put(f"{NAME}.dat", raw())
    world.acquire()
    (world.folder / f"{NAME}.dat").unlink()
    world.put(f"{NAME}.hld", b"big-endian words")
    assert world.acquire(station=archive_of(world), source="archive").known == 1


def test_files_handed_over_by_a_person_are_registered_and_stay_where_they_are(world, tmp_path):
    mine, theirs = tmp_path / f"{NAME}.dat", tmp_path / "mi0225069000517.dat"
    mine.write_bytes(raw())
    theirs.write_bytes(raw(events=7))
    for _ in range(2):
        summaries = register_local(world.warehouse, [mine, theirs], data_root=world.data_root)
    assert [(s.station, s.new) for s in summaries] == [("MINGO01", 0), ("MINGO02", 0)]
    assert world.files("station, state") == [("MINGO01", "arrived"), ("MINGO02", "arrived")]
    assert world.deliveries("source") == [("local",), ("local",)]
    assert (mine.read_bytes(), len(world.kept())) == (raw(), 2)
    assert [row[:2] for row in world.ledger()] == [("MINGO01", "2025-03-10"), ("MINGO02", "2025-03-10")]
    world.put(f"{NAME}.dat", raw())
    assert world.acquire().known == 1


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("mi0925069000517.dat", PermanentError, "no station has number 9; expected one of 1, 2, 3, 4"),
        (NAME, FormatError, "no ending"),
        ("notes.txt", FormatError, "is no file of a station"),
        (f"{NAME}.dat", SourceError, "is no file that can be read"),
    ],
)
def test_a_file_that_cannot_be_registered_is_refused_before_anything_is(world, tmp_path, name, error, told):
    if error is not SourceError:
        (tmp_path / name).write_bytes(raw())
    good = tmp_path / "mi0125069010000.dat"
    good.write_bytes(raw())
    with pytest.raises(error, match=told):
        register_local(world.warehouse, [good, tmp_path / name], data_root=world.data_root)
    assert world.files() == []


def test_the_stations_number_in_the_registry_is_that_of_the_name(world):
    world.put("mi0025001000000.dat", raw(datetime(2025, 1, 1, tzinfo=UTC)))
    world.acquire()
    assert world.files("named_station, state") == [(0, "foreign")]
