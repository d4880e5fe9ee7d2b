"""The client of GeoStreams against a server that is strict and fails on demand."""

import json
import logging
import secrets
import ssl
import subprocess
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hooks.geostreams import GeostreamsHook
from sandbox import geostreams as receivers
from sandbox.geostreams import GeostreamsReceiver, drop_after, refuse, silence, slow
from skyledger.connections import to_environment
from skyledger.errors import ConfigError, PermanentError, SourceError, SourceUnavailable
from skyledger.geostreams import (
    TRIES,
    ConflictError,
    Geostreams,
    TooLargeError,
    UnknownStreamError,
)
from tests.support.geostreams import PLACE, SENSOR, START, STREAM, point, points, sensor, stream

pytestmark = pytest.mark.integration

BULK = "POST datapoints/bulk"


@pytest.fixture
def receiver() -> Iterator[GeostreamsReceiver]:
    with GeostreamsReceiver() as running:
        yield running


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def client(receiver, sleeps) -> Geostreams:
    return Geostreams(receiver.connection, sleep=sleeps.append)


@pytest.fixture
def impatient(receiver, sleeps) -> Geostreams:
    """A client that waits a moment only for an answer."""
    return Geostreams(receiver.via(timeout_s=0.2), sleep=sleeps.append)


def kept(receiver: GeostreamsReceiver) -> list[str]:
    return [entry["properties"]["point_key"] for entry in receiver.points(STREAM)]


def all_of(client: Geostreams, stream_id: str):
    return client.points(stream_id, START, START + timedelta(days=1))


def doubling(sleeps: list[float]) -> bool:
    return all(0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(sleeps))


# --- sensors and streams ---------------------------------------------------------------------------------------------


def test_sensor_and_stream_are_created_once_and_found_again(receiver, client):
    first = (sensor(client), stream(client))
    assert first == (sensor(client), stream(Geostreams(receiver.connection)))
    assert (receiver.requests["POST sensors"], receiver.requests["POST streams"]) == (1, 1)


def test_only_exactly_the_name_counts(client):
    """The server also lists names that contain the one asked for, in any case."""
    ids = {name: sensor(client, name) for name in ("MAC Station 2", "mac station", "MAC Station")}
    assert len(set(ids.values())) == 3
    assert {name: sensor(client, name) for name in ids} == ids


def test_names_with_blanks_brackets_and_signs_travel_unharmed(client):
    odd = "Ünï & Söhne + 100 % (5 min bins)?=#/"
    assert stream(client, odd) == stream(client, odd)


def test_two_that_create_at_once_agree_on_the_lowest_id(receiver):
    """Both look before either creates; the one with the higher id stays unused."""
    together = threading.Barrier(2)

    def wait_for_the_other(request: receivers.Request) -> None:
        answer = request.carry_out()
        together.wait(5)
        request.answer(*answer)

    receiver.spoil(wait_for_the_other, wait_for_the_other, on="GET sensors")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(sensor(Geostreams(receiver.connection)))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receiver.requests["POST sensors"] == 2
    assert found == ["1", "1"]


def test_ids_are_compared_as_numbers(receiver, client):
    for _ in range(11):
        client._send("POST", "sensors", body={
            "name": SENSOR, "type": "Point", "properties": {}, "geometry": {"type": "Point", "coordinates": PLACE},
        })  # fmt: skip
    receiver._sensors.pop(1)
    assert sensor(client) == "2"


def test_a_creation_of_unknown_fate_is_not_repeated_when_it_was_carried_out(receiver, impatient, sleeps):
    receiver.spoil(silence(stored=True), on="POST sensors")
    assert sensor(impatient) == "1"
    assert receiver.requests["POST sensors"] == 1
    receiver.spoil(silence(stored=False), on="POST streams")
    assert stream(impatient) == "2"
    assert receiver.requests["POST streams"] == 2
    assert len(sleeps) == 2


def test_a_conflict_at_creation_counts_as_created_if_it_is_there(receiver, client):
    def created_by_somebody_else(request: receivers.Request) -> None:
        request.carry_out()
        request.answer(409, {"message": "exists"})

    receiver.spoil(created_by_somebody_else, on="POST sensors")
    assert sensor(client) == "1"
    receiver.spoil(refuse(409, "name not allowed"), on="POST streams")
    with pytest.raises(ConflictError, match="name not allowed"):
        stream(client)


# --- posting and reading ---------------------------------------------------------------------------------------------


def test_points_come_back_as_they_were_sent(receiver, client):
    stream_id = stream(client)
    assert client.post_points(stream_id, points(3)) == 1
    first = min(all_of(client, stream_id), key=lambda there: there.start)
    assert (first.key, first.start, first.end) == ("key 0", START, START + timedelta(minutes=5))
    assert first.coordinates == tuple(PLACE)
    assert first.properties == point(0)["properties"]
    assert first.id == str(receiver.points(STREAM)[0]["id"])


def test_a_window_holds_the_points_that_lie_in_it(client):
    stream_id = stream(client)
    client.post_points(stream_id, points(6))
    found = client.points(stream_id, START + timedelta(minutes=5), START + timedelta(minutes=20))
    assert {there.key for there in found} == {"key 1", "key 2", "key 3"}


def test_points_of_others_are_not_seen(client):
    stream_id = stream(client)
    foreign = point(1)
    del foreign["properties"]["point_key"]
    client.post_points(stream_id, [point(0)])
    client._send("POST", "datapoints/bulk", body={"stream_id": stream_id, "datapoints": [foreign]})
    assert [there.key for there in all_of(client, stream_id)] == ["key 0"]


def test_deleting_a_point_twice_is_as_good_as_once(receiver, client):
    stream_id = stream(client)
    client.post_points(stream_id, points(2))
    gone = next(there for there in all_of(client, stream_id) if there.key == "key 0")
    client.delete_point(gone.id)
    client.delete_point(gone.id)
    assert kept(receiver) == ["key 1"]


def test_weakness_9_a_number_that_json_lacks_never_leaves(receiver, client):
    stream_id = stream(client)
    with pytest.raises(ValueError, match="JSON compliant"):
        client.post_points(stream_id, [point(0, wind_speed=float("nan"))])
    assert receiver.requests[BULK] == 0


# --- the error table, row by row -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_stops_at_once_and_says_what_to_check(receiver, sleeps, status):
    key = "a wrong key" if status == 403 else None
    client = Geostreams(replace(receiver.connection, password=key), sleep=sleeps.append)
    with pytest.raises(SourceError, match=f"HTTP {status}.*check the API key") as refused:
        sensor(client)
    assert isinstance(refused.value, PermanentError)
    assert sleeps == []
    assert receiver.requests == {"GET sensors": 1}


def test_an_unknown_stream_is_an_error_of_its_own(receiver, client, sleeps):
    stream_id = stream(client)
    receiver.forget_streams()
    with pytest.raises(UnknownStreamError, match="does not exist"):
        client.post_points(stream_id, points(1))
    with pytest.raises(UnknownStreamError):
        all_of(client, stream_id)
    assert sleeps == []


def test_a_conflict_counts_as_there_after_reading_back(receiver, client):
    """Two of three are there: the server refuses all, the third is sent alone."""
    stream_id = stream(client)
    client.post_points(stream_id, points(2))
    receiver.spoil(refuse(409))
    client.post_points(stream_id, points(3))
    assert kept(receiver) == ["key 0", "key 1", "key 2"]
    assert receiver.posts == [2, 1]
    receiver.spoil(refuse(409))
    client.post_points(stream_id, points(3))
    assert receiver.posts == [2, 1], "all three are there: nothing is sent again"


def test_a_conflict_about_something_else_is_an_error(receiver, client):
    stream_id = stream(client)
    receiver.spoil(*[refuse(409, "stream is locked")] * 3)
    with pytest.raises(ConflictError, match="stream is locked"):
        client.post_points(stream_id, points(3))
    assert receiver.requests[BULK] == 1


def test_a_batch_that_is_too_large_is_halved_and_stays_so(receiver, client, sleeps):
    stream_id = stream(client)
    receiver.largest_post = 3
    assert client.post_points(stream_id, points(10)) == 5
    assert receiver.posts == [2, 2, 2, 2, 2]
    assert receiver.requests[BULK] == 7, "10 and 5 were refused, then never more than 2 were tried"
    client.post_points(stream_id, [point(n) for n in range(10, 14)])
    assert receiver.requests[BULK] == 9
    assert len(kept(receiver)) == 14
    assert sleeps == []


def test_a_single_point_that_is_too_large_is_an_error(receiver, client):
    stream_id = stream(client)
    receiver.largest_post = 0
    with pytest.raises(TooLargeError, match="HTTP 413"):
        client.post_points(stream_id, points(3))


def test_busy_is_waited_out_for_as_long_as_the_server_says(receiver, client, sleeps):
    stream_id = stream(client)
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=61), usegmt=True)
    receiver.spoil(refuse(429, Retry_After="7"), refuse(429), refuse(429, Retry_After=in_a_minute))
    client.post_points(stream_id, points(2))
    assert sleeps[0] == 7
    assert 1.5 <= sleeps[1] <= 2.5
    assert 50 < sleeps[2] <= 61
    assert receiver.requests["GET datapoints"] == 0, "a refusal is certain: nothing has to be read back"
    assert receiver.posts == [2]


@pytest.mark.parametrize("word", ["soon", "-1", ""])
def test_a_retry_after_that_makes_no_sense_does_no_harm(receiver, client, sleeps, word):
    stream_id = stream(client)
    receiver.spoil(refuse(429, Retry_After=word))
    client.post_points(stream_id, points(1))
    assert doubling(sleeps)


def test_a_server_that_wants_to_be_left_alone_for_long_is_left_to_the_next_retry_of_the_task(
    receiver, client, sleeps
):
    stream_id = stream(client)
    receiver.spoil(refuse(429, Retry_After="3600"))
    with pytest.raises(SourceUnavailable, match="left alone for 3600 s"):
        client.post_points(stream_id, points(1))
    assert sleeps == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failing_server_is_tried_again_with_growing_pauses(receiver, client, sleeps, status):
    stream_id = stream(client)
    receiver.spoil(*[refuse(status)] * 3)
    client.post_points(stream_id, points(2))
    assert len(sleeps) == 3
    assert doubling(sleeps)
    assert kept(receiver) == ["key 0", "key 1"]


@pytest.mark.parametrize("fault", [refuse(500, "out of order"), refuse(429, "out of order")])
def test_after_six_tries_the_task_fails_and_may_be_retried(receiver, client, sleeps, fault):
    stream_id = stream(client)
    receiver.spoil(*[fault] * 7)
    with pytest.raises(SourceUnavailable, match=r"out of order.*tried 6 times"):
        client.post_points(stream_id, points(2))
    assert receiver.requests[BULK] == TRIES == 6
    assert len(sleeps) == 5
    assert doubling(sleeps)


def test_pauses_differ_from_client_to_client(receiver):
    pauses = set()
    for _ in range(3):
        receiver.spoil(refuse(500), on="GET sensors")
        sensor(Geostreams(receiver.connection, sleep=pauses.add))
    assert len(pauses) == 3


def test_a_post_that_timed_out_with_the_points_stored_is_not_sent_again(receiver, impatient, sleeps):
    stream_id = stream(impatient)
    receiver.unique = False  # a resend would be seen
    receiver.spoil(silence(stored=True))
    impatient.post_points(stream_id, points(5))
    assert receiver.posts == [5]
    assert len(kept(receiver)) == 5
    assert len(sleeps) == 1


def test_a_post_that_timed_out_without_being_stored_is_sent_again(receiver, impatient):
    stream_id = stream(impatient)
    receiver.spoil(silence(stored=False))
    impatient.post_points(stream_id, points(5))
    assert receiver.requests["GET datapoints"] == 1
    assert kept(receiver) == [f"key {n}" for n in range(5)]


@pytest.mark.parametrize("stored", [0, 3, 5])
def test_of_a_post_that_broke_off_only_what_is_missing_is_sent(receiver, client, stored):
    stream_id = stream(client)
    receiver.unique = False
    receiver.spoil(drop_after(stored))
    client.post_points(stream_id, points(5))
    assert receiver.posts == [5, *([5 - stored] if stored < 5 else [])]
    assert kept(receiver) == [f"key {n}" for n in range(5)]


def test_a_server_error_after_the_points_were_stored_is_recognised(receiver, client):
    def stored_and_then_failed(request: receivers.Request) -> None:
        request.carry_out()
        request.answer(504, {"message": "the proxy gave up"})

    stream_id = stream(client)
    receiver.unique = False
    receiver.spoil(stored_and_then_failed)
    client.post_points(stream_id, points(5))
    assert receiver.posts == [5]


def test_when_even_reading_back_fails_the_post_is_not_repeated_blindly(receiver, impatient):
    stream_id = stream(impatient)
    receiver.spoil(silence(stored=True))
    receiver.spoil(*[refuse(503)] * TRIES, on="GET datapoints")
    with pytest.raises(SourceUnavailable, match="tried 6 times"):
        impatient.post_points(stream_id, points(2))
    assert receiver.requests[BULK] == 1


def test_reading_and_deleting_are_simply_tried_again(receiver, client, sleeps):
    stream_id = stream(client)
    client.post_points(stream_id, points(1))
    receiver.spoil(drop_after(0), refuse(500), on="GET datapoints")
    (there,) = all_of(client, stream_id)
    receiver.spoil(refuse(503), on="DELETE datapoints")
    client.delete_point(there.id)
    assert kept(receiver) == []
    assert len(sleeps) == 3


def test_a_slow_answer_within_the_limit_is_an_answer(receiver, sleeps):
    client = Geostreams(receiver.via(timeout_s=5), sleep=sleeps.append)
    receiver.spoil(slow(0.05), on="GET sensors")
    sensor(client)
    assert sleeps == []


def test_a_server_that_is_away_is_transient(sleeps):
    with GeostreamsReceiver() as receiver:
        connection = receiver.connection
    with pytest.raises(SourceUnavailable, match=r"refused.*tried 6 times"):
        sensor(Geostreams(connection, sleep=sleeps.append))
    assert len(sleeps) == 5


# --- answers that are not GeoStreams' --------------------------------------------------------------------------------


def test_a_login_page_is_refused_by_name(receiver, client):
    def login_page(request: receivers.Request) -> None:
        body = b"<html>please log in</html>"
        request.handler.send_response(200)
        request.handler.send_header("Content-Length", str(len(body)))
        request.handler.end_headers()
        request.handler.wfile.write(body)

    receiver.spoil(login_page, on="GET sensors")
    with pytest.raises(SourceError, match=r"not GeoStreams' answer.*please log in.*check scheme, host"):
        sensor(client)


def test_a_redirect_is_not_followed_with_the_key(receiver, client):
    receiver.spoil(refuse(302, "elsewhere", Location="http://127.0.0.1:1/"), on="GET sensors")
    with pytest.raises(SourceError, match="HTTP 302"):
        sensor(client)


def test_a_wrong_path_is_refused_and_says_what_to_check(receiver):
    with pytest.raises(SourceError, match=r"HTTP 404.*check scheme, host and path prefix"):
        sensor(Geostreams(receiver.via(path_prefix="/elsewhere")))


def test_an_answer_that_was_cut_is_asked_for_again(receiver, client, sleeps):
    def cut(request: receivers.Request) -> None:
        body = json.dumps(request.carry_out()[1]).encode()[:-5]
        request.handler.send_response(200)
        request.handler.send_header("Content-Length", str(len(body)))
        request.handler.end_headers()
        request.handler.wfile.write(body)

    stream_id = stream(client)
    client.post_points(stream_id, points(2))
    receiver.spoil(cut, on="GET datapoints")
    assert len(all_of(client, stream_id)) == 2
    assert len(sleeps) == 1


def test_a_datapoint_in_another_form_is_refused_with_what_came(receiver, client):
    stream_id = stream(client)
    client.post_points(stream_id, points(1))
    receiver.points(STREAM)[0]["end_time"] = "2016-08-30T07:05:00"
    with pytest.raises(SourceError, match=r"not as documented.*has no offset"):
        all_of(client, stream_id)


# --- secrets ---------------------------------------------------------------------------------------------------------


def quoting(request: receivers.Request) -> None:
    """A server that says everything it was told."""
    told = f"{request.handler.path} {dict(request.handler.headers)} {request.query}"
    request.answer(400, {"message": told})


@pytest.mark.parametrize("key_in", ["header", "query"])
def test_weakness_17_the_key_is_in_no_log_and_in_no_error(receiver, key_in, caplog):
    receiver.key = f"{secrets.token_hex(8)}/+ %"
    connection = receiver.via(key_in=key_in, timeout_s=0.1)
    client = Geostreams(connection, sleep=lambda _: None)
    assert receiver.key not in repr(connection)
    errors = []
    # for itself: whoever uses the command line in this process makes urllib3 quiet
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with caplog.at_level(logging.DEBUG):
        stream_id = stream(client)
        client.post_points(stream_id, points(1))
        receiver.spoil(refuse(500), silence(stored=True), drop_after(0), *[quoting] * 9, on="any")
        for attempt in (lambda: sensor(client), lambda: client.post_points(stream_id, points(2))):
            with pytest.raises(SourceError) as refused:
                attempt()
            errors.append("".join(traceback.format_exception(refused.value)))
    receiver.__exit__()
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceUnavailable) as away:
        sensor(Geostreams(connection, sleep=lambda _: None))
    errors.append("".join(traceback.format_exception(away.value)))
    said = caplog.text + "".join(errors)
    assert "GET /api/geostreams/sensors" in said, "the addresses are logged"
    assert ("key=***" in said) == (key_in == "query")
    for secret in (receiver.key, receiver.key.split("/")[0]):
        assert secret not in said


@pytest.mark.parametrize(("key_in", "in_address"), [("header", False), ("query", True)])
def test_the_key_travels_where_the_connection_says(receiver, key_in, in_address):
    seen = []

    def look(request: receivers.Request) -> None:
        seen.append(("key=" in request.handler.path, request.handler.headers.get("X-API-Key")))
        request.answer(*request.carry_out())

    receiver.spoil(look, on="GET sensors")
    sensor(Geostreams(receiver.via(key_in=key_in)))
    assert seen == [(in_address, None if in_address else receiver.key)]


def test_an_unknown_place_for_the_key_is_a_configuration_error(receiver):
    with pytest.raises(ConfigError, match="key_in is 'cookie', expected 'header' or 'query'"):
        Geostreams(receiver.via(key_in="cookie"))


def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_trusted_one_is_not(tmp_path, sleeps):
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with GeostreamsReceiver(tls=context) as receiver:
        with pytest.raises(SourceError, match=r"certificate is not trusted.*ca_file"):
            sensor(Geostreams(receiver.via(scheme="https"), sleep=sleeps.append))
        assert sensor(Geostreams(receiver.via(scheme="https", ca_file=str(tmp_path / "cert.pem")))) == "1"
    assert sleeps == []


# --- the hook --------------------------------------------------------------------------------------------------------


def test_the_hook_tests_the_connection_and_shows_no_key(receiver, monkeypatch):
    monkeypatch.setenv(*to_environment(receiver.connection))
    assert GeostreamsHook().resolve() == receiver.connection
    works, answer = GeostreamsHook().test_connection()
    assert works, answer
    assert f":{receiver.connection.port}/api/geostreams" in answer
    wrong = replace(receiver.connection, password="another-secret-key")
    monkeypatch.setenv(*to_environment(wrong))
    works, answer = GeostreamsHook(geostreams_conn_id="weather_geostreams").test_connection()
    assert not works
    assert "check the API key" in answer
    assert "another-secret-key" not in answer
