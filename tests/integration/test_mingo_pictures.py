"""Pictures of joined days on a real database: what of the stored day they show, and where they are kept."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sandbox.minitrasgo import MuonStation
from skyledger.minitrasgo.detector import CHANNELS, PLANES, TRACK_TOPOLOGIES, channel
from skyledger.minitrasgo.pictures import draw_day
from skyledger.minitrasgo.quicklook.day import BORROWED, DUPLICATE, OWN, UNUSABLE, WAITING
from skyledger.minitrasgo.quicklook.view import read_view
from skyledger.minitrasgo.store import read_day
from tests.support.mingo_store import DAY, MingoStore, own_database

pytestmark = pytest.mark.integration

MIDNIGHT = datetime.combine(DAY, datetime.min.time(), UTC)
DEAD = channel(3, 2)


@pytest.fixture(scope="module")
def database(mariadb):
    yield from own_database(mariadb)


@pytest.fixture(scope="module")
def store(database, tmp_path_factory):
    return MingoStore(database, tmp_path_factory.mktemp("pictures"), "MINGO02")


@pytest.fixture(scope="module")
def files(store):
    """A day of a station with a dead strip: a file over midnight, one of half an hour, which came twice, a short one
    that has to borrow its calibration, an empty one, and one that arrived after the others had been reduced."""
    world = MuonStation(store.station)
    starts = [MIDNIGHT + timedelta(minutes=minute) for minute in (-10, 60, 120, 180)]
    written = [store.deliver(world, start, s) for start, s in zip(starts, (1200, 1800, 60), strict=False)]
    twin = store.inbox / f"{world.basename(starts[1] + timedelta(seconds=1))}.dat"
    twin.write_bytes(written[1].path.read_bytes())
    empty = store.inbox / f"{world.basename(starts[3])}.dat"
    empty.touch()
    store.register(twin)
    store.register(empty)
    for item in store.plan_files(first=DAY - timedelta(days=1)).items:
        store.reduce(item.partition_key)
    store.deliver(world, MIDNIGHT + timedelta(hours=4), 60)
    store.join()
    return written


@pytest.fixture
def view(store, files):
    with store.warehouse.session() as session:
        return read_view(session, store.station, DAY)


def test_minutes_are_those_of_the_day_with_their_counts(view, files):
    first_s = int(MIDNIGHT.timestamp())
    truth = {
        (second - first_s) // 60: n
        for written in files
        for second, n in written.per_minute().items()
        if second >= first_s
    }
    assert view.minutes.minute.tolist() == sorted(truth) == [*range(10), *range(60, 90), 120]
    counted = np.array([truth[minute] for minute in view.minutes.minute.tolist()])
    assert np.abs(view.minutes.triggers - counted).max() <= 10  # lines that cannot be read, seconds left out
    assert view.live_s == pytest.approx(600 + 1800 + 60, abs=6)
    assert view.minutes.topologies.shape == (41, len(TRACK_TOPOLOGIES))
    assert (view.minutes.topologies.sum(axis=1) <= view.minutes.triggers).all()
    assert (view.minutes.good <= view.minutes.topologies.sum(axis=1)).all()
    assert [round(60 * hour) for span in view.gaps() for hour in span] == [10, 60, 90, 120, 121, 1440]


def test_files_are_told_with_what_became_of_them(view, files):
    assert view.files.kind == (OWN, OWN, DUPLICATE, BORROWED, UNUSABLE, WAITING)
    reduced = np.isin(view.files.kind, (OWN, BORROWED))
    assert view.files.events[reduced].tolist() == [written.events for written in files]
    assert view.files.rejected[reduced].tolist() == [sum(written.rejected.values()) for written in files]
    assert not view.files.events[~reduced].any()
    np.testing.assert_allclose(view.files.start_h * 60, [-10, 60, 60, 120, 180, 240], atol=0.5)
    np.testing.assert_allclose((view.files.end_h * 60)[:4], [10, 90, 90, 121], atol=0.5)
    assert view.files.crossed.shape == (6, PLANES)


def test_a_dead_strip_and_borrowed_calibrations_are_found(view):
    assert np.flatnonzero(view.dead_strips()).tolist() == [DEAD]
    assert view.borrowed_t_dif.shape == (CHANNELS,)
    others = np.arange(CHANNELS) != DEAD
    assert (view.borrowed_t_dif[others] == 1).all()  # the short file
    assert (view.borrowed_charge[others] == 1).all()
    assert view.borrowed_t_dif[DEAD] == 3


def test_planes_and_histograms_are_the_sums_over_the_files(store, view, files):
    with store.warehouse.session() as session:
        record = read_day(session, store.name, DAY)
    np.testing.assert_array_equal(view.histograms.directions, record.histograms.directions)
    np.testing.assert_array_equal(view.planes.fired, view.files.fired.sum(axis=0))
    np.testing.assert_array_equal(view.planes.crossed, view.files.crossed.sum(axis=0))
    truth = np.concatenate([written.fired for written in files]).sum(axis=0)
    assert (np.abs(view.planes.hits / truth - 1) < 0.2).all()  # one-ended hits are lost, one strip is dead
    assert (view.planes.streamers < 0.2 * view.planes.hits).all()


def test_the_row_of_the_run_dictionary_is_the_one_that_the_files_were_reduced_with(store, view):
    run = store.station.run_at(MIDNIGHT).run
    assert view.run.startswith(
        f"run dictionary: conf {run.conf:g}, from {run.valid_from}, z 0, 100, 200, 400 mm"
    )
    assert (view.run_in_force, view.phi_north_deg) == (True, run.phi_north_deg)
    assert view.provenance["row of the run dictionary"] == run.row_hash[:12]


def test_the_picture_lies_in_its_place_and_the_day_names_it(store, files):
    with store.warehouse.session() as session:
        path = draw_day(session, store.station, DAY, store.data_root)
        record = read_day(session, store.name, DAY)
    place = f"minitrasgo/quicklook/MINGO02/2025/{DAY}.png"
    assert path == store.data_root / place
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert (record.picture_path, record.picture_digest) == (place, record.input_digest)


def test_a_picture_for_somebody_is_not_noted_and_a_day_without_data_has_none(store, files, tmp_path):
    store.execute("UPDATE station_day SET picture_path = NULL, picture_digest = NULL")
    output = tmp_path / "day.png"
    with store.warehouse.session() as session:
        assert draw_day(session, store.station, DAY, store.data_root, output) == output
        assert read_day(session, store.name, DAY).picture_path is None
        nothing = draw_day(session, store.station, DAY + timedelta(days=5), store.data_root)
    assert nothing is None
    assert not list(store.data_root.rglob(f"*{DAY + timedelta(days=5)}*"))
