"""The client against a data centre that refuses, breaks off and lies; every answer of its error table."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hooks.iagos import IagosHook
from sandbox.iagos.data_centre import RECEIVER, DataCentre
from sandbox.iagos.exchange import RefusedError, Reply, cut_after, no_json, refuse, silence, unanswered
from skyledger.connections import to_environment
from skyledger.errors import ConfigError, SourceError, SourceUnavailable
from skyledger.iagos.names import Level, Version, raw_name
from skyledger.iagos.transfer import client as client_module
from skyledger.iagos.transfer.client import TRIES, IagosClient
from skyledger.iagos.transfer.errors import (
    BadCursor,
    BadRange,
    BadRequest,
    InvalidProduct,
    NoSuchFile,
    NotLetIn,
    NotPermitted,
    ProductConflict,
    RevisionChanged,
    Withdrawn,
)

pytestmark = pytest.mark.integration

FLIGHT = "2024030512345602"
NAME = raw_name("P1", FLIGHT, 1)
DATA = bytes(range(256)) * 400
VERSION = Version(1, 0, 0)


@pytest.fixture
def centre():
    """A data centre that offers one file."""
    with DataCentre() as centre:
        centre.offer(NAME, DATA, file_id="f-1")
        yield centre


@pytest.fixture
def pauses():
    """How long the client paused, in order."""
    return []


@pytest.fixture
def client(centre, pauses):
    """A client that does not really wait."""
    return IagosClient(centre.connection, sleep=pauses.append)


def content(client, offset=0, etag=None, revision=1):
    with client.content("f-1", revision, offset, etag) as content:
        return content.offset, b"".join(content.pieces)


def product(tmp_path, data=b"\x89HDF a product"):
    path = tmp_path / "product.nc4"
    path.write_bytes(data)
    return path


def test_a_file_is_listed_read_and_acknowledged(client, centre):
    page = client.files("P1")
    assert ([item["name"] for item in page.items], page.has_more) == ([NAME], False)
    assert client.file("f-1") == page.items[0]
    assert content(client) == (0, DATA)
    body = {"revision": 1, "receiver": client.receiver, "status": "received", "size": len(DATA)}
    client.ack("f-1", {**body, "sha256": page.items[0]["sha256"]})
    assert client.files("P1").items == []
    assert centre.acknowledged[("f-1", 1, RECEIVER)]["status"] == "received"
    assert client.flight(FLIGHT)["departure"]["airport"] == "FRA"
    assert abs((client.time() - datetime.now(UTC)).total_seconds()) < 60


def test_a_read_goes_on_where_it_broke_off_unless_the_bytes_are_others_by_now(client):
    with client.content("f-1", 1) as whole:
        etag = whole.etag
    assert content(client, 1000, etag) == (1000, DATA[1000:])
    assert content(client, 1000, '"of other bytes"') == (0, DATA)
    with pytest.raises(BadRange):
        content(client, len(DATA) + 1, etag)


def test_another_range_than_asked_for_is_not_taken_for_it(client, centre):
    about = {"Content-Range": "bytes 999-1099/102400"}
    centre.spoil(lambda request: request.send(Reply(206, DATA[999:1100], about)))
    with pytest.raises(BadRange, match="another range than bytes 1000-"):
        content(client, 1000)


def test_a_product_is_delivered_once_and_another_one_of_its_version_is_a_conflict(client, centre, tmp_path):
    put = ("P1", Level.L1, VERSION)
    assert client.put_product(FLIGHT, *put, product(tmp_path)) is True
    assert client.put_product(FLIGHT, *put, product(tmp_path)) is False
    with pytest.raises(ProductConflict, match="other bytes"):
        client.put_product(FLIGHT, *put, product(tmp_path, b"\x89HDF another"))
    with pytest.raises(InvalidProduct, match="the 5 bytes are no application/x-netcdf"):
        client.put_product(FLIGHT, *put, product(tmp_path, b"wrong"))
    assert [one.data for one in centre.products.values()] == [b"\x89HDF a product"]


def test_a_product_whose_delivery_went_unanswered_is_delivered_again_and_is_there_once(
    client, centre, tmp_path
):
    centre.spoil(unanswered, on="PUT products")
    assert client.put_product(FLIGHT, "P1", Level.L1, VERSION, product(tmp_path)) is False
    assert (len(centre.products), centre.requests["PUT products"]) == (1, 2)


@pytest.mark.parametrize("skew_s", [-7200, 7200], ids=["clock_skew", "expired"])
def test_a_clock_that_is_off_is_corrected_once_and_for_all(client, centre, skew_s):
    centre.skew_s = skew_s
    assert len(client.files("P1").items) == 1
    client.file("f-1")
    assert (centre.requests["GET files"], centre.requests["GET time"], centre.requests["GET file"]) == (
        2,
        1,
        1,
    )


@pytest.mark.parametrize("code", ["expired", "clock_skew", "replay"])
def test_a_refused_time_or_nonce_is_renewed_once_and_then_told(client, centre, pauses, code):
    centre.spoil(refuse(401, code), on="GET file")
    assert client.file("f-1")["file_id"] == "f-1"
    centre.spoil(refuse(401, code), refuse(401, code), on="GET file")
    with pytest.raises(NotLetIn, match=code):
        client.file("f-1")
    assert (centre.requests["GET file"], pauses) == (4, [])


def test_no_nonce_is_used_twice(client, centre, monkeypatch):
    client.file("f-1")
    client.file("f-1")  # another one: else it would be a replay
    monkeypatch.setattr(client_module.secrets, "token_hex", lambda n: "0" * 2 * n)
    client.file("f-1")
    with pytest.raises(NotLetIn, match="replay"):
        client.file("f-1")


def test_the_plain_token_is_there_for_servers_that_know_no_better(centre):
    # weakness 1: it stays a choice of the connection
    client = IagosClient(centre.via(token="sha256"))
    assert len(client.files("P1").items) == 1
    with pytest.raises(ConfigError, match="expected 'hmac' or 'sha256'"):
        IagosClient(centre.via(token="md5"))
    with pytest.raises(ConfigError, match="credential's name as login"):
        IagosClient(replace(centre.connection, password=None))


def test_both_credentials_of_a_rotation_are_accepted(centre):
    centre.credentials["fzj-p1-new"] = "another passphrase, for a while beside the old one"
    connection = replace(centre.connection, login="fzj-p1-new", password=centre.credentials["fzj-p1-new"])
    assert "answers" in IagosClient(connection).ping()
    assert "answers" in IagosClient(centre.connection).ping()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "bad_request", BadRequest),
        (400, "unknown_instrument_type", BadRequest),
        (400, "bad_cursor", BadCursor),
        (401, "bad_signature", NotLetIn),
        (401, "unknown_credential", NotLetIn),
        (403, "not_permitted", NotPermitted),
        (404, "no_such_file", NoSuchFile),
        (409, "revision_changed", RevisionChanged),
        (409, "product_conflict", ProductConflict),
        (410, "withdrawn", Withdrawn),
        (413, "too_large", InvalidProduct),
        (422, "invalid_product", InvalidProduct),
        (416, "bad_range", BadRange),
        (418, "teapot", SourceError),
    ],
)
def test_a_refusal_is_told_for_what_it_is_and_not_repeated(client, centre, pauses, status, code, error):
    centre.spoil(refuse(status, code, "because"), on="GET file")
    with pytest.raises(error, match=f"HTTP {status}: .*because") as refusal:
        client.file("f-1")
    assert type(refusal.value) is error
    assert (centre.requests["GET file"], pauses) == (1, [])


def test_pauses_double_and_end(client, centre, pauses):
    centre.spoil(*[refuse(503, "maintenance")] * TRIES, on="GET file")
    with pytest.raises(SourceUnavailable, match="tried 8 times"):
        client.file("f-1")
    assert len(pauses) == TRIES - 1
    for n, pause in enumerate(pauses):
        assert 0.75 * 2 * 2**n <= pause <= 1.25 * 2 * 2**n
    assert max(pauses) <= 300


def test_a_server_is_left_alone_for_as_long_as_it_asks(client, centre, pauses):
    centre.spoil(refuse(429, "slow_down", retry_after=77), on="GET file")
    client.file("f-1")
    assert pauses == [77]
    centre.spoil(refuse(503, "maintenance", retry_after=3600), on="GET file")
    with pytest.raises(SourceUnavailable, match="left alone for 3600 s"):
        client.file("f-1")
    assert len(pauses) == 1


@pytest.mark.parametrize("fault", [no_json, unanswered, cut_after(10), refuse(500, "internal")])
def test_what_breaks_off_is_asked_for_again(client, centre, pauses, fault):
    centre.spoil(fault, fault, on="GET files")
    assert len(client.files("P1").items) == 1
    assert len(pauses) == 2


def test_a_server_that_falls_silent_counts_as_away(centre, pauses):
    client = IagosClient(centre.via(timeout_s=0.5), sleep=pauses.append)
    centre.spoil(silence(done=False), on="GET file")
    assert client.file("f-1")["file_id"] == "f-1"
    assert pauses


def test_nobody_there_is_unavailable(centre, pauses):
    client = IagosClient(replace(centre.connection, port=1), sleep=pauses.append)
    with pytest.raises(SourceUnavailable, match="refused"):
        client.files("P1")


def test_an_answer_that_is_none_says_what_to_check(client, centre):
    for body in (b'{"items": {}}', b"[]", b"<html>"):
        centre.spoil(lambda request, body=body: request.send(Reply(200, body)), on="GET files")
        with pytest.raises(SourceError, match=r"not the data centre's answer.*check scheme"):
            client.files("P1")


@pytest.mark.parametrize("token", ["hmac", "sha256"])
def test_secrets_are_in_no_message_and_in_no_log(centre, caplog, token):
    caplog.set_level(logging.DEBUG)
    said = []

    def quote_the_request(request):
        headers = dict(request.handler.headers)
        said.extend((headers.get("Authorization") or headers["X-Token"]).split("Signature=")[-1:])
        answer = RefusedError(403, "not_permitted", f"{headers} {centre.connection.password}")
        request.send(Reply.error(answer))

    centre.spoil(quote_the_request, on="GET file")
    client = IagosClient(centre.via(token=token))
    with pytest.raises(NotPermitted) as refusal:
        client.file("f-1")
    centre.spoil(refuse(503, "maintenance"), on="GET file")
    client._sleep = lambda seconds: None
    client.file("f-1")
    for secret in (centre.connection.password, *said):
        assert secret not in str(refusal.value) + caplog.text + repr(client.__dict__.keys())
    assert "***" in str(refusal.value)


def test_the_prefix_of_the_address_is_signed_as_it_is_sent():
    with DataCentre(prefix="/proxy/iagos") as centre:
        assert "/proxy/iagos/api/v1" in IagosClient(centre.connection).ping()


def test_the_hook_makes_the_same_client(centre, monkeypatch):
    monkeypatch.setenv(*to_environment(centre.connection))
    assert IagosHook().test_connection()[0] is True
    centre.permitted.clear()
    works, answer = IagosHook().test_connection()
    assert not works
    assert "not for this client" in answer
    assert centre.connection.password not in answer
