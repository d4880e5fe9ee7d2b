"""Raw files of miniTRASGO stations to event tables and rows, on a real database: what is stored, what a change does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sandbox.minitrasgo import MuonStation
from skyledger.errors import FormatError, PermanentError, StorageError
from skyledger.ledger import Mode
from skyledger.minitrasgo import last_good
from skyledger.minitrasgo.calibrations import calibration_as_dict, calibration_from_dict
from skyledger.minitrasgo.run_files import run_files
from skyledger.minitrasgo.stations import recipe
from tests.support.mingo_store import DAY, MingoStore, own_database

pytestmark = pytest.mark.integration

TEN = datetime(2025, 3, 10, 10, tzinfo=UTC)
LONG_S, SHORT_S = 480, 45  # enough hits for a calibration, and too few


@pytest.fixture(scope="module")
def database(mariadb):
    yield from own_database(mariadb)


@pytest.fixture
def store(database, tmp_path):
    store = MingoStore(database, tmp_path)
    yield store
    store.wipe(files=True)


def world_of(store, **truth) -> MuonStation:
    return MuonStation(store.station, seed=3, **truth)


def statuses(store):
    return store.query("SELECT basename, status, borrowed_from FROM calibration ORDER BY basename")


def test_a_file_becomes_an_event_table_minutes_and_figures(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    made = store.reduce(written.path.stem)
    assert (made.state, made.events, made.self_triggers) == ("partial", written.events, written.self_triggers)
    assert made.rejected == sum(written.rejected.values())
    assert made.days == [str(DAY)]
    assert made.calibration == "own"
    assert (
        dict(store.query("SELECT UNIX_TIMESTAMP(minute_utc), triggers FROM file_minute"))
        == written.per_minute()
    )
    state, message = store.ledger("events", written.path.stem)
    assert state == "partial"
    assert f"{made.rejected} lines rejected" in message
    ((rate, error, accepted, rejected, purity),) = store.query(
        "SELECT trigger_rate_hz, trigger_rate_error_hz, accepted, rejected, purity_pct FROM event_file"
    )
    assert rate == made.rate_hz == pytest.approx(written.events / (LONG_S - 1))
    assert error == made.rate_error_hz == pytest.approx(written.events**0.5 / (LONG_S - 1))
    assert (accepted, rejected) == (sum(written.trigger.values()), made.rejected)
    assert 95 < purity <= 100
    table = pq.read_table(store.data_root / made.events_path)
    assert table.num_rows == written.events
    joined = store.join()
    assert (joined.state, joined.triggers) == ("stored", written.events)


def test_weakness_30_products_say_what_they_were_made_of(store):
    made = store.reduce(store.deliver(world_of(store), TEN, LONG_S).path.stem)
    told = {
        key.decode(): value.decode()
        for key, value in pq.read_schema(store.data_root / made.events_path).metadata.items()
    }
    ((sha256, run_hash, digest, calibration),) = store.query(
        "SELECT sha256, run_hash, config_digest, calibration_digest FROM event_file"
    )
    assert (told["file"], told["file_sha256"]) == (made.basename, sha256)
    assert (
        (told["run_hash"], told["config_digest"])
        == (run_hash, digest)
        == (
            store.station.run_at(TEN).run.row_hash,
            recipe(store.station, TEN).digest,
        )
    )
    assert told["calibration"] == calibration == store.query("SELECT digest FROM calibration")[0][0]
    assert told["run_in_force"].startswith("no")  # the operators' table ends before
    assert "no row of the run dictionary" in store.ledger("events", made.basename)[1]
    assert store.query("SELECT station, row_hash FROM run_dictionary WHERE row_hash = %s", run_hash) == [
        (store.name, run_hash)
    ]


def test_a_second_run_changes_nothing(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    made = store.reduce(written.path.stem)
    store.join()
    before, file = store.contents(), (store.data_root / made.events_path).stat()
    again = store.reduce(written.path.stem)
    assert (again.state, again.days) == ("nothing to do", [str(DAY)])
    forced = store.reduce(written.path.stem, Mode.ALL)
    assert (forced.upserts.inserted, forced.upserts.changed, forced.upserts.removed) == (0, 0, 0)
    assert store.contents() == before
    assert (store.data_root / made.events_path).stat().st_mtime_ns == file.st_mtime_ns
    assert store.plan_days().items == ()  # equal counts need no join


def test_rejected_lines_are_kept_with_line_and_reason(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    store.reduce(written.path.stem)
    kept = store.query("SELECT partition_key, source, reason, raw FROM rejected_record")
    assert len(kept) == sum(written.rejected.values())
    lines = written.path.read_bytes().splitlines()
    for key, source, reason, raw in kept:
        name, _, line = source.rpartition(":")
        assert key == written.path.stem == Path(name).stem
        assert lines[int(line) - 1].decode(errors="replace").startswith(raw[:20])
        assert reason


def test_a_redelivered_file_replaces_its_minutes(store):
    world = world_of(store)
    written = store.deliver(world, TEN, 200)
    store.reduce(written.path.stem)
    store.join()
    whole = store.deliver(world, TEN, LONG_S)
    (item,) = store.plan_files().items
    assert item.reason == "source changed"
    made = store.reduce(whole.path.stem)
    assert (made.upserts.inserted, made.upserts.changed, made.upserts.unchanged) == (4, 1, 3)
    assert store.join().triggers == whole.events
    assert len(store.contents()["files"]) == 1


def test_weakness_20_a_file_whose_bytes_have_changed_in_the_raw_store_is_not_reduced(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    store.reduce(written.path.stem)
    before = store.contents()
    ((path,),) = store.query("SELECT raw_path FROM raw_file")
    raw = store.data_root / path
    raw.chmod(0o600)
    raw.write_bytes(raw.read_bytes().replace(b"2025", b"2024", 1))
    with pytest.raises(StorageError, match="not those that were registered"):
        store.reduce(written.path.stem, Mode.ALL)
    assert store.ledger("events", written.path.stem)[0] == "failed"
    after = store.contents()
    for table in ("event_file", "file_minute", "files"):
        assert after[table] == before[table]  # what was stored stays
    raw.unlink()
    with pytest.raises(StorageError, match="restore the raw store"):
        store.reduce(written.path.stem)


def spoil(path, share=0.3):
    """Cut so many of a file's lines."""
    lines = path.read_bytes().splitlines(keepends=True)
    step = int(1 / share)
    path.unlink()  # the raw store holds the same file
    path.write_bytes(b"".join(line[:300] + b"\n" if n % step == 1 else line for n, line in enumerate(lines)))


def test_a_file_that_cannot_be_used_is_put_aside_with_its_reason_and_others_go_on(store):
    world = world_of(store)
    good = store.deliver(world, TEN, LONG_S)
    bad = store.deliver(world, TEN + timedelta(minutes=10), LONG_S)
    store.make()
    assert store.join().state == "nothing to do"
    spoil(bad.path)
    store.register(bad.path)
    with pytest.raises(FormatError, match="wrong column count"):
        store.reduce(bad.path.stem)
    assert store.ledger("events", bad.path.stem)[0] == "failed"
    ((state, message),) = store.query(
        "SELECT state, message FROM raw_file WHERE basename = %s", bad.path.stem
    )
    assert state == "corrupt"
    assert "wrong column count" in message
    assert list(store.contents()["files"]) == [
        f"minitrasgo/events/station=MINGO01/day=2025-03-10/{good.path.stem}.parquet"
    ]
    assert store.plan_files().items == ()  # not tried again ...
    assert [item.partition_key for item in store.plan_files(Mode.ALL).items] == [
        good.path.stem,
        bad.path.stem,
    ]
    joined = store.join()
    assert (joined.triggers, joined.files) == (good.events, 1)
    assert joined.message == f"1 files cannot be used: {bad.path.stem}"


def test_a_file_that_was_put_aside_by_too_strict_a_limit_comes_back_with_mode_all(store, monkeypatch):
    written = store.deliver(world_of(store), TEN, LONG_S)
    with monkeypatch.context() as patched:
        patched.setattr("skyledger.minitrasgo.reduce.check", refuse)
        with pytest.raises(FormatError):
            store.reduce(written.path.stem)
    assert store.reduce(written.path.stem).state == "nothing to do"
    assert store.reduce(written.path.stem, Mode.ALL).events == written.events
    assert store.query("SELECT state, message FROM raw_file") == [("arrived", None)]
    assert store.plan_files().items == ()


def refuse(raw, share):
    raise FormatError(f"{raw.name}: too much rejected")


def test_weakness_15_a_file_with_too_few_hits_borrows_from_the_last_good_one_of_its_configuration(store):
    world = world_of(store)
    first, last, short = (
        store.deliver(world, TEN + timedelta(minutes=15 * n), seconds)
        for n, seconds in enumerate((LONG_S, LONG_S, SHORT_S))
    )
    store.make()
    assert statuses(store) == [
        (first.path.stem, "own", None),
        (last.path.stem, "own", None),
        (short.path.stem, "borrowed", last.path.stem),
    ]
    assert "filled by that of" in store.ledger("events", short.path.stem)[1]
    pedestals = (
        "SELECT pedestal_front_ns FROM calibration_strip JOIN calibration USING (file_id) WHERE basename = %s"
    )
    assert store.query(pedestals, short.path.stem) == store.query(pedestals, last.path.stem)
    origins = pedestals.replace("pedestal_front_ns", "DISTINCT pedestal_front_origin")
    assert store.query(origins, short.path.stem) == [("last good",)]
    ((tracks,),) = store.query("SELECT tracks FROM event_file WHERE basename = %s", short.path.stem)
    assert tracks > 0.9 * short.events
    ((own,),) = store.query("SELECT own FROM calibration WHERE basename = %s", short.path.stem)
    assert "last good" not in own  # what is borrowed is not lent


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        ((LONG_S, SHORT_S, SHORT_S), ["own", "borrowed", "borrowed"]),
        ((150, 120, SHORT_S), ["incomplete"] * 3),
    ],
)
def test_what_is_borrowed_does_not_depend_on_the_order_of_work(store, seconds, status):
    """Also where no file is whole, and each borrows some of what it has from the one before."""
    world = world_of(store)
    names = [
        store.deliver(world, TEN + timedelta(minutes=15 * n), length_s).path.stem
        for n, length_s in enumerate(seconds)
    ]
    store.make()
    oldest_first = store.contents()
    assert [found for _, found, _ in statuses(store)] == status
    assert [donor for _, _, donor in statuses(store)] == [None, names[0], names[0]]
    store.wipe()
    for name in reversed(names):
        store.reduce(name)
    for item in store.plan_days().items:
        assert item.partition_key == str(DAY)
        store.join()
    assert store.contents() == oldest_first


def test_nothing_is_borrowed_from_another_configuration_nor_from_long_ago(store, monkeypatch):
    world = world_of(store)
    other = datetime(2025, 2, 17, 12, tzinfo=UTC)  # the last day of the last row of the run dictionary
    store.deliver(world, other, LONG_S)
    short = store.deliver(world, other + timedelta(days=6), SHORT_S)
    days = {"first": other.date(), "last": other.date() + timedelta(days=6)}
    store.make(**days)
    assert statuses(store)[-1] == (short.path.stem, "incomplete", None)
    good = store.deliver(world, other + timedelta(days=2), LONG_S)
    store.make(Mode.ALL, **days)
    assert statuses(store)[-1] == (short.path.stem, "borrowed", good.path.stem)
    monkeypatch.setattr(last_good, "LONGEST", timedelta(days=3))
    store.make(Mode.ALL, **days)
    assert statuses(store)[-1] == (short.path.stem, "incomplete", None)


def test_weakness_16_a_dead_strip_costs_its_strip_and_not_the_file(store):
    world = world_of(store, dead=[(3, 2)])
    store.deliver(world, TEN, LONG_S)
    written = store.deliver(world, TEN + timedelta(minutes=15), LONG_S)
    store.make()
    assert statuses(store)[1] == (written.path.stem, "own", None)
    origins = dict(
        store.query(
            "SELECT 10 * plane + strip, t_dif_offset_origin FROM calibration_strip JOIN calibration USING (file_id) "
            "WHERE basename = %s",
            written.path.stem,
        )
    )
    assert origins.pop(32) != "own"
    assert set(origins.values()) == {"own"}
    ((tracks,),) = store.query("SELECT tracks FROM event_file WHERE basename = %s", written.path.stem)
    assert tracks > 0.8 * written.events


def test_a_calibration_is_read_back_as_it_was_stored(store):
    store.reduce(store.deliver(world_of(store), TEN, LONG_S).path.stem)
    ((own,),) = store.query("SELECT own FROM calibration")
    content = json.loads(own)
    calibration = calibration_from_dict(content)
    assert json.loads(json.dumps(calibration_as_dict(calibration))) == content
    assert calibration.own
    assert calibration.front_back.dtype == np.float64
    offsets = store.query("SELECT t_sum_offset_ns FROM calibration_strip ORDER BY plane, strip")
    assert [value for (value,) in offsets] == calibration.t_sum_offset.tolist()


def test_a_changed_configuration_is_told_and_taken_up_by_mode_stale(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    store.reduce(written.path.stem)
    run = store.station.runs[-1]
    other = run.model_copy(update={"phi_north_deg": 30.0})
    store.station = store.station.model_copy(update={"runs": (*store.station.runs[:-1], other)})
    assert store.plan_files().outdated == 1
    (item,) = store.plan_files(Mode.STALE).items
    assert item.reason == "config changed"
    store.join()
    store.reduce(written.path.stem, Mode.STALE)
    assert store.query("SELECT run_hash FROM event_file") == [(other.row_hash,)]
    assert [item.reason for item in store.plan_days().items] == ["source changed"]


def test_removed_minutes_are_put_back(store):
    written = store.deliver(world_of(store), TEN, LONG_S)
    store.make()
    before = store.contents()
    store.execute("DELETE FROM file_minute LIMIT 2")
    (item,) = store.plan_files().items
    assert item.reason == "destination changed"
    assert store.reduce(written.path.stem).upserts.inserted == 2
    assert store.contents() == before


def test_a_file_over_midnight_feeds_both_days(store):
    written = store.deliver(world_of(store), datetime(2025, 3, 10, 23, 56, tzinfo=UTC), LONG_S)
    made = store.reduce(written.path.stem)
    assert made.days == ["2025-03-10", "2025-03-11"]
    assert store.join().triggers + store.join(DAY + timedelta(days=1)).triggers == written.events


@pytest.mark.parametrize("coincidences", [0, 1])
def test_a_file_with_hardly_an_event_is_stored_without_a_rate(store, coincidences):
    written = world_of(store).write_file(store.inbox, TEN, LONG_S)
    of_type = {
        kind: [
            line
            for line in written.path.read_bytes().splitlines(keepends=True)
            if line.split()[6:7] == [kind]
        ]
        for kind in (b"1", b"2")
    }
    written.path.write_bytes(b"".join(of_type[b"2"][:20] + of_type[b"1"][:coincidences]))
    made = store.reduce(store.register(written.path))
    assert (made.events, made.rate_hz, made.calibration) == (coincidences, None, "incomplete")
    assert store.query("SELECT trigger_rate_hz, self_triggers FROM event_file") == [(None, 20)]
    assert store.plan_files().items == ()
    assert len(store.plan_days().items) == coincidences


def test_a_file_that_is_not_registered_is_named(store):
    with pytest.raises(PermanentError, match="MINGO01: no file 'mi0125069101010' is registered"):
        store.reduce("mi0125069101010")


def test_a_run_tells_its_files(store):
    world = world_of(store)
    good = store.deliver(world, TEN, LONG_S)
    bad = store.deliver(world, TEN + timedelta(minutes=10), LONG_S)
    spoil(bad.path)
    store.register(bad.path)
    made = store.reduce(good.path.stem)
    with pytest.raises(FormatError):
        store.reduce(bad.path.stem)
    with store.warehouse.session() as session:
        first, second = run_files(session, "cli")
    assert (first["file"], first["state"], first["events"]) == (good.path.stem, "partial", good.events)
    assert first["rate_hz"] == pytest.approx(made.rate_hz)
    assert first["efficiencies"] == {str(p): pytest.approx(list(e)) for p, e in made.efficiencies.items()}
    assert (second["file"], second["state"], second["rate_hz"]) == (bad.path.stem, "failed", None)
    assert "wrong column count" in second["message"]
