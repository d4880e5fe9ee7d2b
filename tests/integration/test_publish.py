"""A station's day goes from the database to GeoStreams: all of it, once, and seen to be there."""

import threading
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from operators.publish_to_geostreams import PublishToGeostreamsOperator
from sandbox.geostreams import GeostreamsReceiver, Request, refuse, silence
from skyledger import warehouse as warehouse_module
from skyledger.connections import to_environment
from skyledger.errors import (
    FormatError,
    PermanentError,
    SourceError,
    SourceUnavailable,
    StorageUnavailable,
    TransientError,
)
from skyledger.geostreams import TRIES, UnknownStreamError
from skyledger.weather.bins import Bins
from skyledger.weather.publish import plan_publishing, unpublished_days
from skyledger.weather.stations import Product, Station
from skyledger.weather.variables import AIR_TEMPERATURE
from tests.support.publishing import STREAM, Publishing, publishing_on
from tests.support.weather import DAY, day_of_bins, only, station

pytestmark = pytest.mark.integration

BULK = "POST datapoints/bulk"
BINS = day_of_bins()
MORNING = np.arange(288) < 100


@pytest.fixture(scope="module")
def running(mariadb) -> Iterator[Publishing]:
    name = "weather_publish"
    database = mariadb.create_database(name, name, conn_id="weather_db")
    with publishing_on(database, GeostreamsReceiver()) as publishing:
        yield publishing
    mariadb.drop_database(name, name)


@pytest.fixture
def mac(running) -> Publishing:
    """UA-MAC's full day, stored and not yet published."""
    running.wipe()
    running.receiver.unique = True
    running.receiver.largest_post = None
    running.store(station(), BINS)
    return running


def batches_of(size: int) -> Station:
    """UA-MAC with another batch size."""
    where = station()
    return where.model_copy(update={"geostreams": where.geostreams.model_copy(update={"batch_size": size})})


def warmer(bins: Bins, which: np.ndarray, by_k: float = 1.0) -> Bins:
    """The bins with another temperature where `which` says."""
    old = bins.variables[AIR_TEMPERATURE]
    changed = replace(old, value=old.value + by_k * which)
    return replace(bins, variables=bins.variables | {AIR_TEMPERATURE: changed})


def temperatures(publishing: Publishing) -> list[float]:
    return [point["properties"][AIR_TEMPERATURE] for point in publishing.receiver.points(STREAM)]


def ids(publishing: Publishing, stream: str = STREAM) -> dict[str, int]:
    """Id by start time: a point that stayed kept its id."""
    return {point["start_time"]: point["id"] for point in publishing.receiver.points(stream)}


def copy_of(publishing: Publishing, n: int) -> dict[str, Any]:
    """Let the server have the n-th point another time."""
    copy = deepcopy(publishing.receiver.points(STREAM)[n])
    copy["id"] = publishing.receiver._new_id()
    publishing.receiver._points[copy["id"]] = copy
    return copy


# --- what is there in the end ----------------------------------------------------------------------------------------


def test_a_full_day_is_published_verified_and_in_the_ledger(mac):
    """Checklist: the total of a full day is 288 bins."""
    summary = mac.publish(station())
    assert (summary.points, summary.posted, summary.deleted, summary.batches) == (288, 288, 0, 1)
    assert temperatures(mac) == BINS.variables[AIR_TEMPERATURE].value.tolist()
    assert mac.ledger() == ("stored", 288, "288 posted, 0 deleted in 1 batch")
    assert mac.query("SELECT reason, state, rows_read, rows_stored FROM run_record") == [
        ("new", "stored", 288, 288)
    ]
    first = mac.receiver.points(STREAM)[0]
    assert (first["start_time"], first["geometry"]["coordinates"][0]) == ("2016-08-30T07:00:00Z", -111.974304)


def test_a_second_run_sends_nothing_and_asks_nobody(mac):
    mac.publish(station())
    mac.receiver.requests.clear()
    again = mac.publish(station())
    assert again.reason is None
    assert mac.receiver.requests == {}
    assert mac.query("SELECT COUNT(*) FROM run_record") == [(1,)]


def test_a_forced_second_run_compares_and_sends_0_points(mac):
    """Checklist: a re-run of a finished day sends 0 points."""
    mac.publish(station())
    before = ids(mac)
    mac.receiver.requests.clear()
    again = mac.publish(station(), force=True)
    assert (again.reason, again.points, again.posted, again.deleted) == ("requested", 288, 0, 0)
    assert mac.receiver.requests == {"GET sensors": 1, "GET streams": 1, "GET datapoints": 1}
    assert mac.ledger() == ("stored", 288, "nothing to send: all 288 points are there")
    assert ids(mac) == before


def test_weakness_4_a_new_version_that_changes_no_value_sends_nothing(mac):
    mac.publish(station())
    mac.store(station(), BINS, config_digest="d" * 64)
    mac.receiver.requests.clear()
    assert mac.publish(station()).reason is None
    assert mac.receiver.requests == {}
    assert mac.publish(station(), force=True).posted == 0
    assert mac.receiver.requests[BULK] == 0


@pytest.mark.parametrize("size", [1, 25, 96, 287, 288, 289])
def test_a_post_carries_as_many_points_as_allowed_and_never_one_more(mac, size):
    """The original posted when a batch exceeded the limit: 3001 points."""
    if size == 1:
        mac.store(station(), only(BINS, slice(0, 3)))
    mac.publish(batches_of(size))
    n = 3 if size == 1 else 288
    full, rest = divmod(n, size)
    assert mac.receiver.posts == [size] * full + ([rest] if rest else [])
    assert mac.ledger()[1] == n


def test_while_it_runs_the_ledger_says_how_far_it_is(mac):
    seen = []

    def look(request: Request) -> None:
        seen.append(mac.ledger())
        request.answer(*request.carry_out())

    mac.receiver.spoil(*[look] * 3, on=BULK)
    told = []
    mac.publish(batches_of(100), progress=lambda *step: told.append(step))
    assert seen == [
        ("running", None, None),
        ("running", None, "bins_300s: uploaded batch 1 of 3"),
        ("running", None, "bins_300s: uploaded batch 2 of 3"),
    ]
    assert told == [("bins_300s", 1, 3), ("bins_300s", 2, 3), ("bins_300s", 3, 3)]


# --- changes ---------------------------------------------------------------------------------------------------------


def test_changed_bins_replace_exactly_their_points(mac):
    mac.publish(station())
    before = ids(mac)
    mac.store(station(), warmer(BINS, np.isin(np.arange(288), [5, 17, 200])))
    summary = mac.publish(station())
    assert (summary.reason, summary.posted, summary.deleted, summary.points) == ("source changed", 3, 3, 288)
    after = ids(mac)
    assert [n for n, start in enumerate(before) if before[start] != after[start]] == [5, 17, 200]
    assert mac.ledger() == ("stored", 288, "3 posted, 3 deleted in 1 batch")


def test_late_bins_are_added_and_vanished_ones_withdrawn(mac):
    mac.store(station(), only(BINS, MORNING))
    assert mac.publish(station()).posted == 100
    mac.store(station(), BINS)
    assert (mac.publish(station()).posted, len(ids(mac))) == (188, 288)
    mac.store(station(), only(BINS, ~MORNING))
    summary = mac.publish(station())
    assert (summary.posted, summary.deleted, summary.points) == (0, 100, 188)
    assert mac.receiver.requests["DELETE datapoints"] == 100
    assert mac.ledger() == ("stored", 188, "0 posted, 100 deleted in 0 batches")


def test_a_day_that_lost_all_its_bins_is_withdrawn(mac):
    mac.publish(station())
    mac.store(station(), only(BINS, slice(0, 0)))
    summary = mac.publish(station())
    assert (summary.deleted, summary.points, ids(mac)) == (288, 0, {})
    assert mac.ledger()[:2] == ("stored", 0)
    assert mac.publish(station()).reason is None


def test_neighbouring_days_and_points_of_others_are_not_touched(mac):
    tomorrow = date(2016, 8, 31)
    mac.store(station(), day_of_bins(day=tomorrow), tomorrow)
    mac.publish(station(), tomorrow)
    mac.publish(station())
    foreign = copy_of(mac, 10)
    del foreign["properties"]["point_key"]  # as the original left them
    neighbours = {start: n for start, n in ids(mac).items() if start >= "2016-08-31T07"}
    assert len(neighbours) == 288
    mac.store(station(), warmer(BINS, np.full(288, True)))
    mac.publish(station())
    after = ids(mac)
    assert {start: after[start] for start in neighbours} == neighbours
    assert foreign in mac.receiver.points(STREAM)
    assert len(mac.receiver.points(STREAM)) == 577


def test_two_products_of_a_day_go_to_their_own_streams(mac):
    where = station()
    both = where.model_copy(
        update={
            "products": {**where.products, "bins_3600s": Product(width_s=3600)},
            "geostreams": where.geostreams.model_copy(
                update={"streams": {**where.geostreams.streams, "bins_3600s": "UA-MAC Weather (hours)"}}
            ),
        }
    )
    mac.store(both, day_of_bins(product="bins_3600s", width_s=3600))
    assert mac.publish(both).points == 288 + 24
    assert (len(ids(mac)), len(ids(mac, "UA-MAC Weather (hours)"))) == (288, 24)
    assert mac.receiver.requests["POST sensors"] == 1
    assert mac.ledger()[1] == 312


def test_a_corrected_position_or_another_stream_publishes_the_day_again(mac):
    where = station()
    mac.publish(where)
    period = where.periods[0]
    moved = where.model_copy(
        update={
            "periods": (
                period.model_copy(
                    update={"position": period.position.model_copy(update={"altitude_m": 362})}
                ),
            )
        }
    )
    summary = mac.publish(moved)
    assert (summary.reason, summary.posted, summary.deleted) == ("source changed", 288, 288)
    assert {point["geometry"]["coordinates"][2] for point in mac.receiver.points(STREAM)} == {362}
    renamed = moved.model_copy(
        update={"geostreams": moved.geostreams.model_copy(update={"streams": {"bins_300s": "renamed"}})}
    )
    assert mac.publish(renamed).reason == "config changed"
    assert len(ids(mac, "renamed")) == 288


def test_days_that_wait_to_be_published_are_known(mac):
    where, tomorrow = station(), date(2016, 8, 31)
    mac.store(where, day_of_bins(day=tomorrow), tomorrow)
    span = (date(2016, 8, 1), date(2016, 9, 30))

    def waiting(one: Station = where) -> list[date]:
        with mac.warehouse.session() as session:
            return unpublished_days(session, one, *span)

    assert waiting() == [DAY, tomorrow]
    mac.publish(where)
    assert waiting() == [tomorrow]
    mac.store(where, warmer(BINS, MORNING))
    assert waiting() == [DAY, tomorrow]
    assert waiting(where.model_copy(update={"geostreams": None})) == []
    with mac.warehouse.session() as session:
        plan = plan_publishing(session, where, *span)
        assert {(item.partition_key, item.reason) for item in plan.items} == {
            ("2016-08-30", "source changed"),
            ("2016-08-31", "new"),
        }


def test_a_day_without_stored_bins_is_nothing_to_publish(mac):
    assert mac.publish(station(), date(2016, 9, 9)).reason is None
    assert mac.receiver.requests == {}


def test_stored_bins_that_do_not_fit_the_day_are_refused_with_what_was_expected(mac):
    where = station()
    mac.store(where, day_of_bins(width_s=3600))
    with pytest.raises(
        FormatError, match=r"in steps of 3600 s, expected 2016-08-30 07:00:00.* in steps of 300 s"
    ):
        mac.publish(where)
    assert mac.ledger()[0] == "failed"
    assert mac.receiver.requests == {}


# --- failures --------------------------------------------------------------------------------------------------------


def test_weakness_3_a_timed_out_post_is_not_doubled_by_the_run_nor_by_the_next(mac):
    mac.receiver.unique = False
    mac.receiver.spoil(silence(stored=True))
    mac.publish(batches_of(100), connection=mac.receiver.via(timeout_s=0.3))
    mac.publish(station(), force=True)
    assert mac.receiver.posts == [100, 100, 88]
    assert len(mac.receiver.points(STREAM)) == 288


def test_weakness_3_points_that_are_there_twice_are_made_single(mac):
    """A server without a unique index may have kept a batch that it seemed to have lost."""
    mac.publish(station())
    mac.receiver.unique = False
    for n in range(5):
        copy_of(mac, n)
    summary = mac.publish(station(), force=True)
    assert (summary.posted, summary.deleted) == (0, 5)
    assert len(mac.receiver.points(STREAM)) == len(ids(mac)) == 288


def test_a_run_goes_on_with_the_batch_that_failed(mac):
    """Checklist: a crash after batch k resumes at k + 1."""
    where = batches_of(50)
    good = [lambda request: request.answer(*request.carry_out())] * 3
    mac.receiver.spoil(*good, *[refuse(500, "out of order")] * TRIES)
    with pytest.raises(TransientError, match="out of order"):
        mac.publish(where)
    state, rows, message = mac.ledger()
    assert (state, rows) == ("failed", None)
    assert "out of order" in message
    assert mac.receiver.posts == [50, 50, 50]
    summary = mac.publish(where)
    assert (summary.reason, summary.posted, summary.points) == ("failed", 138, 288)
    assert mac.receiver.posts == [50, 50, 50, 50, 50, 38]
    assert mac.query("SELECT attempt, state FROM run_record ORDER BY attempt") == [
        (1, "failed"),
        (2, "stored"),
    ]


def test_a_wrong_key_fails_for_good_and_the_ledger_says_why(mac):
    with pytest.raises(SourceError, match="check the API key") as refused:
        mac.publish(station(), connection=replace(mac.receiver.connection, password="not-the-key"))
    assert isinstance(refused.value, PermanentError)
    assert mac.ledger()[0] == "failed"
    assert "check the API key" in mac.ledger()[2]
    assert "not-the-key" not in str(mac.query("SELECT message FROM run_record"))
    assert mac.publish(station()).points == 288


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda points: points[3]["properties"].update(wind_speed=99.0), "has wind_speed 99.0 instead of"),
        (lambda points: points[3].update(start_time="2016-08-30T07:00:00Z"), "has start_time"),
        (lambda points: points[3]["geometry"].update(coordinates=[33, -112, 361]), "is at"),
    ],
    ids=["value", "time", "place"],
)
def test_weakness_18_what_the_server_keeps_otherwise_is_noticed_and_healed(mac, spoil, said):
    def keep_otherwise(request: Request) -> None:
        answer = request.carry_out()
        spoil(mac.receiver.points(STREAM))
        request.answer(*answer)

    mac.receiver.spoil(keep_otherwise)
    with pytest.raises(SourceUnavailable, match=r"read back after sending, 1 of 288 points") as noticed:
        mac.publish(station())
    assert said in str(noticed.value)
    assert mac.ledger()[:2] == ("failed", None)
    summary = mac.publish(station())
    assert (summary.posted, summary.deleted, summary.points) == (1, 1, 288)


def test_weakness_18_points_that_the_server_lost_are_noticed_and_sent_again(mac):
    mac.receiver.spoil(lambda request: request.answer(*request.carry_out(first_points=200)))
    with pytest.raises(
        SourceUnavailable, match=r"88 of 288 points.*the first: 2016-08-30T16:40:00-07:00 is missing"
    ):
        mac.publish(station())
    assert mac.publish(station()).posted == 88
    assert mac.ledger()[:2] == ("stored", 288)


def test_a_stream_that_is_gone_in_the_middle_is_looked_up_once_more(mac):
    def lose_the_streams(request: Request) -> None:
        mac.receiver.forget_streams()
        request.answer(*request.carry_out())

    good = lambda request: request.answer(*request.carry_out())  # noqa: E731
    mac.receiver.spoil(good, lose_the_streams)
    summary = mac.publish(batches_of(100))
    assert (summary.points, len(ids(mac))) == (288, 288)
    assert mac.receiver.requests["POST streams"] == 2
    mac.wipe()
    mac.store(station(), BINS)
    mac.receiver.spoil(lose_the_streams, lose_the_streams)
    with pytest.raises(UnknownStreamError, match="does not exist"):
        mac.publish(batches_of(100))
    assert mac.ledger()[0] == "failed"


# --- two at once -----------------------------------------------------------------------------------------------------


def test_two_publishers_of_one_day_send_it_once(mac):
    reasons: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: reasons.append(mac.publish(batches_of(50)).reason)) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(reasons) == {"new": 1, None: 1}
    assert sum(mac.receiver.posts) == 288
    assert mac.query("SELECT COUNT(*) FROM run_record") == [(1,)]


def test_a_publisher_that_cannot_wait_says_who_is_in_its_way(mac, monkeypatch):
    monkeypatch.setattr(warehouse_module, "LOCK_WAIT_S", 0)
    held: list[str] = []

    def second(request: Request) -> None:
        with pytest.raises(
            StorageUnavailable, match=r"another run holds 'weather.geostreams:UA-MAC:2016-08-30'"
        ):
            mac.publish(station())
        held.append("yes")
        request.answer(*request.carry_out())

    mac.receiver.spoil(second)
    assert mac.publish(station()).points == 288
    assert held == ["yes"]


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.fixture
def connections(mac, monkeypatch) -> Publishing:
    monkeypatch.setenv(*to_environment(mac.database))
    monkeypatch.setenv(*to_environment(mac.receiver.connection))
    return mac


def operator(**arguments: object) -> PublishToGeostreamsOperator:
    return PublishToGeostreamsOperator(
        task_id="publish", **{"station": "UA-MAC", "day": "2016-08-30"} | arguments
    )


def test_the_operator_publishes_with_the_connection_of_the_station(connections):
    summary = operator().execute({"run_id": "scheduled__1"})
    assert {**summary, "seconds": 0} == {
        "station": "UA-MAC", "day": "2016-08-30", "reason": "new", "points": 288, "posted": 288, "deleted": 0,
        "batches": 1, "seconds": 0,
    }  # fmt: skip
    assert connections.query("SELECT run_id FROM run_record") == [("scheduled__1",)]
    assert operator(force=True).execute({"run_id": "again"})["posted"] == 0


def test_the_operator_takes_another_server_when_told(connections, monkeypatch):
    with GeostreamsReceiver() as other:
        monkeypatch.setenv(*to_environment(replace(other.connection, conn_id="elsewhere")))
        operator(geostreams_conn_id="elsewhere").execute({"run_id": "x"})
        assert len(other.points(STREAM)) == 288
    assert connections.receiver.points(STREAM) == []


def test_the_operator_fails_as_transient_when_waiting_may_heal(connections, monkeypatch):
    monkeypatch.setattr("skyledger.geostreams.FIRST_PAUSE_S", 0.0)
    connections.receiver.spoil(*[refuse(503)] * TRIES)
    with pytest.raises(TransientError):
        operator().execute({"run_id": "x"})


def test_the_operator_skips_a_station_that_is_not_published(monkeypatch):
    unpublished = station().model_copy(update={"geostreams": None})
    monkeypatch.setattr("skyledger.weather.stations.load_station", lambda _: unpublished)
    with pytest.raises(AirflowSkipException, match="UA-MAC is not published"):
        operator().execute({"run_id": "x"})


def test_every_argument_of_the_operator_is_a_template():
    fields = PublishToGeostreamsOperator.template_fields
    assert [name for name in fields if hasattr(BaseOperator, name)] == []
    one = operator(station="{{ params.station }}", day="{{ partition_key }}")
    one.render_template_fields({"params": {"station": "UIUC-NE"}, "partition_key": "2026-03-01"})
    assert one.label == "UIUC-NE 2026-03-01"
