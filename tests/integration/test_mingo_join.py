"""Days of miniTRASGO stations on a real database: which file counts, what a day adds up to, what a change does."""

from datetime import UTC, datetime, timedelta

import pytest

from skyledger.ledger import Mode
from skyledger.minitrasgo.store import PlaneCounts, files_of_day, note_picture, read_day, read_minutes
from tests.support.mingo_store import DAY, MingoStore, own_database

pytestmark = pytest.mark.integration

TOMORROW = DAY + timedelta(days=1)
# Vector 8.3: minutes of five events
VECTOR = {"10:00": (55.0, 3), "10:01": (30.0, 2)}
VECTOR_COUNTS = [
    ("10:00", 1234, "R0", 1, 1),
    ("10:00", 12, "R1.3", 2, 1),
    ("10:01", 1234, "R0", 1, 0),
    ("10:01", 34, "R2.0", 1, 1),
]


@pytest.fixture(scope="module")
def database(mariadb):
    yield from own_database(mariadb)


@pytest.fixture
def store(database, tmp_path):
    store = MingoStore(database, tmp_path)
    yield store
    store.wipe(files=True)


def record(store, day=DAY):
    with store.warehouse.session() as session:
        return read_day(session, store.name, day)


def test_vector_8_3_counts_per_topology_and_region_come_out_as_they_went_in(store):
    store.put("a", VECTOR, VECTOR_COUNTS)
    assert store.join().state == "stored"
    assert store.minutes(
        "TIME_FORMAT(minute_utc, '%%H:%%i'), triggers, tracks, good, n_12, n_34, n_1234"
    ) == [
        ("10:00", 3, 3, 2, 2, 0, 1),
        ("10:01", 2, 2, 1, 0, 1, 1),
    ]
    assert store.query(
        "SELECT topology, region, events, good FROM minute_region ORDER BY minute_utc, topology"
    ) == [
        (12, "R1.3", 2, 1),
        (1234, "R0", 1, 1),
        (34, "R2.0", 1, 1),
        (1234, "R0", 1, 0),
    ]


def test_vector_8_3_two_sources_add_up_and_a_redo_replaces_its_source_weakness_17(store):
    """A (5) and B (7) make 12; C is a redo of A (6) and makes 13 in one row, where the original leaves two."""
    store.put("a", {"10:02": (20.0, 5)})
    store.put("b", {"10:02": (30.0, 7)})
    store.join()
    assert store.minutes() == [("10:02", 50.0, 12)]
    store.put("a", {"10:02": (20.0, 6)})
    (item,) = store.plan_days().items
    assert item.reason == "source changed"
    again = store.join()
    assert (again.upserts.changed, again.upserts.inserted) == (1, 0)
    assert store.minutes("live_s, triggers, sources") == [(50.0, 13, 2)]


def test_a_redo_with_other_regions_takes_the_old_ones_away(store):
    store.put("a", {"10:02": (20.0, 5)}, [("10:02", 12, "R0", 2, 2), ("10:02", 123, "R1.0", 3, 1)])
    store.join()
    store.put("a", {"10:02": (20.0, 5)}, [("10:02", 12, "R0", 1, 1)])
    store.join()
    assert store.query("SELECT topology, region, events, good FROM minute_region") == [(12, "R0", 1, 1)]
    assert store.minutes("tracks, good, n_12, n_123") == [(1, 1, 1, 0)]


def test_a_second_run_changes_nothing(store):
    store.put("a", VECTOR, VECTOR_COUNTS)
    store.put("b", {"10:01": (10.0, 4)}, [("10:01", 34, "R2.0", 4, 4)])
    store.join()
    before = store.contents()
    assert store.join().state == "nothing to do"
    forced = store.join(mode=Mode.ALL)
    assert (forced.upserts.unchanged, forced.upserts.changed, forced.regions_changed) == (2, 0, 0)
    assert store.contents() == before


@pytest.mark.parametrize("state", ["duplicate", "foreign", "corrupt"])
def test_weakness_20_a_file_that_is_not_to_be_used_any_more_loses_its_minutes(store, state):
    store.put("a", VECTOR, VECTOR_COUNTS)
    store.put("b", {"10:01": (10.0, 4), "10:05": (60.0, 9)})
    events = store.data_root / "events" / "b.parquet"
    events.parent.mkdir(parents=True)
    events.write_bytes(b"events")
    store.join()
    assert len(store.minutes()) == 3
    ((first,),) = store.query("SELECT file_id FROM raw_file WHERE basename = 'a'")
    store.execute(
        "UPDATE raw_file SET state = %s, message = 'found out later', duplicate_of = %s WHERE basename = 'b'",
        state,
        first if state == "duplicate" else None,
    )
    joined = store.join()
    assert (joined.files, joined.withdrawn) == (1, ["b"])
    assert store.minutes() == [("10:00", 55.0, 3), ("10:01", 30.0, 2)]
    assert not events.exists()
    assert store.query(
        "SELECT COUNT(*) FROM file_minute JOIN raw_file USING (file_id) WHERE basename = 'b'"
    ) == [(0,)]
    assert record(store).report["unused"] == [{"file": "b", "state": state, "message": "found out later"}]
    assert store.join().state == "nothing to do"


def test_a_day_whose_last_file_is_withdrawn_becomes_empty(store):
    store.put("a", VECTOR, VECTOR_COUNTS)
    store.join()
    store.execute("UPDATE raw_file SET state = 'foreign', message = 'of another station'")
    assert store.join().state == "empty"
    assert store.minutes() == store.query("SELECT * FROM minute_region") == []
    assert record(store) is None
    assert store.ledger("rates", str(DAY))[0] == "empty"
    assert store.plan_days(Mode.ALL).items == ()
    store.execute("UPDATE raw_file SET state = 'arrived'")
    store.put("a", VECTOR, VECTOR_COUNTS)
    assert store.join().state == "stored"


def test_a_file_over_midnight_feeds_both_days(store):
    store.put(
        "a",
        {f"{DAY}T23:58": (60.0, 5), f"{DAY}T23:59": (60.0, 6), f"{TOMORROW}T00:00": (12.0, 1)},
        [(f"{DAY}T23:59", 12, "R0", 6, 6), (f"{TOMORROW}T00:00", 12, "R0", 1, 1)],
        rejected=3,
    )
    store.put("b", {f"{TOMORROW}T00:00": (40.0, 4)})
    assert [item.partition_key for item in store.plan_days(last=TOMORROW).items] == [str(DAY), str(TOMORROW)]
    first, second = store.join(), store.join(TOMORROW)
    assert (first.minutes, first.triggers, first.live_s) == (2, 11, 120.0)
    assert (second.minutes, second.triggers, second.live_s, second.files) == (1, 5, 52.0, 2)
    assert (record(store).rejected, record(store, TOMORROW).rejected) == (3, 0)
    store.execute(
        "UPDATE raw_file SET state = 'foreign', message = 'of another station' WHERE basename = 'a'"
    )
    assert [item.partition_key for item in store.plan_days(last=TOMORROW).items] == [str(DAY), str(TOMORROW)]
    assert (store.join().state, store.join(TOMORROW).triggers) == ("empty", 4)


def test_minutes_with_more_live_time_than_they_have_are_kept_and_told(store):
    store.put("a", {"10:00": (60.0, 5), "10:01": (60.0, 5)})
    store.put("b", {"10:01": (0.5, 1), "10:02": (60.0, 5)})
    joined = store.join()
    assert joined.overlapping_minutes == record(store).overlapping_minutes == 1
    assert store.ledger("rates", str(DAY)) == (
        "partial",
        "files overlap: 1 minutes have more than 60 live seconds",
    )
    assert store.minutes()[1] == ("10:01", 60.5, 6)


def test_rates_are_counts_by_live_seconds_with_the_error_of_the_count_weakness_12(store):
    store.put("a", {"10:00": (50.0, 400), "10:01": (0.5, 3)}, [("10:00", 12, "R0", 225, 100)])
    store.join()
    with store.warehouse.session() as session:
        table = read_minutes(
            session, store.name, datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 11, tzinfo=UTC)
        )
        assert (
            read_minutes(
                session, "MINGO02", datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 11, tzinfo=UTC)
            ).num_rows
            == 0
        )
    first, short = table.to_pylist()
    assert (first["trigger_rate_hz"], first["trigger_rate_error_hz"]) == (8.0, 0.4)
    assert (first["track_rate_hz"], first["track_rate_error_hz"]) == (4.5, 0.3)
    assert (first["good_rate_hz"], first["good_rate_error_hz"]) == (2.0, 0.2)
    assert short["triggers"] == 3
    assert short["trigger_rate_hz"] is None  # below a live second
    day = record(store)
    assert day.trigger_rate_hz == pytest.approx(403 / 50.5)
    assert day.trigger_rate_error_hz == pytest.approx(403**0.5 / 50.5)


def test_figures_of_a_day_are_those_of_the_summed_counts(store):
    def plane(fired, accepted, usable=True):
        return [PlaneCounts(p, 100, 2, accepted, fired, usable, accepted, fired) for p in range(1, 5)]

    store.put("a", {"10:00": (50.0, 100)}, planes=plane(9, 10), kept=90, crt_ps=400.0, strip_pairs=10)
    store.put("b", {"11:00": (50.0, 300)}, planes=plane(30, 30), kept=300, crt_ps=300.0, strip_pairs=30)
    store.put("c", {"12:00": (50.0, 10)}, planes=plane(0, 0, False), kept=0)  # no time resolution
    store.join()
    day = record(store)
    assert (day.purity_pct, day.crt_ps) == (pytest.approx(100 * 390 / 410), pytest.approx(325.0))
    second = day.planes[1]
    assert second.telescope == pytest.approx((39 / 40, (39 / 40 * 1 / 40 / 40) ** 0.5))
    assert second.ratio is None  # one of the files says that it is biased
    assert store.query(
        "SELECT telescope_efficiency, telescope_efficiency_error, streamer_share FROM station_day_plane "
        "WHERE plane = 2"
    ) == [pytest.approx((39 / 40, (39 / 40 * 1 / 40 / 40) ** 0.5, 6 / 300))]
    assert store.query(
        "SELECT telescope_efficiency, telescope_efficiency_error FROM event_file_plane AS p JOIN raw_file "
        "USING (file_id) WHERE basename = 'c' AND plane = 1"
    ) == [(None, None)]


def test_a_removed_minute_is_put_back(store):
    store.put("a", VECTOR, VECTOR_COUNTS)
    store.join()
    before = store.contents()
    store.execute("DELETE FROM minute LIMIT 1")
    (item,) = store.plan_days().items
    assert item.reason == "destination changed"
    assert store.join().upserts.inserted == 1
    assert store.contents() == before


def test_a_day_that_is_going_on_and_has_files_to_come_is_partial(store):
    store.put("a", VECTOR)
    store.put("b", {"11:00": (1.0, 1)})
    store.execute("DELETE FROM event_file WHERE basename = 'b'")
    joined = store.join(now=datetime(2025, 3, 10, 12, tzinfo=UTC))
    assert joined.state == "partial"
    assert joined.message == "the day was not over; 1 files are still to be reduced: b"


def test_days_of_another_station_are_left_alone(store, database, tmp_path):
    other = MingoStore(database, tmp_path / "other", "MINGO02")
    store.put("a", VECTOR, VECTOR_COUNTS)
    other.put("a", {"10:00": (60.0, 50)}, [("10:00", 12, "R0", 2, 2)])  # old names have no station in them
    store.join()
    other.join()
    before = other.minutes()
    store.put("a", {"12:00": (1.0, 1)})
    store.join()
    assert other.minutes() == before == [("10:00", 60.0, 50)]
    assert store.minutes() == [("12:00", 1.0, 1)]


def test_a_picture_is_out_of_date_when_its_day_has_changed(store):
    store.put("a", VECTOR)
    store.join()
    with store.warehouse.session() as session:
        note_picture(session, store.name, DAY, "day.png", record(store).input_digest)
    assert record(store).picture_digest == record(store).input_digest
    store.put("b", {"11:00": (1.0, 1)})
    store.join()
    day = record(store)
    assert day.picture_path == "day.png"
    assert day.picture_digest != day.input_digest


def test_files_of_a_day_are_listed_by_their_begin(store):
    store.put("b", {"10:00": (50.0, 100)})
    store.put("a", {"11:00": (50.0, 100)})
    store.put("c", {"09:00": (50.0, 100)})
    store.execute(
        "UPDATE raw_file SET state = 'foreign', message = 'of another station' WHERE basename = 'c'"
    )
    with store.warehouse.session() as session:
        files = files_of_day(session, store.name, DAY)
    assert [file.basename for file in files] == ["b", "a"]
    assert files[0].trigger_rate_hz == 2.0
    assert len(files[0].planes) == 4
