"""The sandbox's data centre, drop folder and tables themselves, where tests and demo rely on them."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import asyncssh
import pytest
import urllib3

from sandbox.iagos import exchange
from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.drop import DropServer
from sandbox.iagos.metadata import calibration_set, flight_record, write_post_calibrations, write_tables
from sandbox.iagos.offered import cursor, utc
from sandbox.iagos.world import IagosWorld
from skyledger import migrations
from skyledger.iagos.metadata import calibrations, flights
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.transfer.signature import authorization, token_a
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

FLIGHT = "2024030512345602"
NAME = f"IAGOS_P1_{FLIGHT}_L0A_r1.csv.gz"
DATA = bytes(range(256)) * 400
PRODUCT = f"products/{FLIGHT}/P1/L1/1.0.0"
NETCDF = b"\x89HDF\r\n\x1a\n and so on"
LIST = "instrument_type=P1&limit=100&state=new"


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


@pytest.fixture
def centre() -> Iterator[DataCentre]:
    with DataCentre() as running:
        yield running


def ask(
    centre: DataCentre,
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    *,
    credential: str | None = None,
    passphrase: str | None = None,
    at: datetime | None = None,
    nonce: str | None = None,
    **headers: str,
) -> Answer:
    """One request, signed as it should be unless told otherwise; header names with underscores."""
    there = centre.connection
    address = f"{centre.prefix}/api/v1/{path}"
    signed = authorization(
        credential or there.login,
        passphrase or there.password,
        method,
        address,
        parse_qsl(query),
        body,
        timestamp=utc(at or centre.now()),
        nonce=nonce or secrets.token_hex(8),
    )
    sent = {"Authorization": signed} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = urllib3.request(
        method,
        f"http://{there.host}:{there.port}{address}{'?' if query else ''}{query}",
        body=body or None,
        headers=sent,
        retries=False,
        timeout=10,
    )
    return Answer(answer.status, answer.data, answer.headers)


def listed(centre: DataCentre, query: str = LIST) -> list[str]:
    return [one["file_id"] for one in ask(centre, "GET", "files", query).json["items"]]


def acknowledge(centre: DataCentre, file_id: str = "f-000001", **changes: Any) -> Answer:
    said = {"revision": 1, "receiver": "fzj-p1", "status": "received", "sha256": digest(DATA)}
    return ask(centre, "POST", f"files/{file_id}/ack", body=json.dumps(said | changes).encode())


def put(centre: DataCentre, body: bytes = NETCDF, path: str = PRODUCT, **headers: str) -> Answer:
    usual = {"Content_Type": "application/x-netcdf", "X_Content_SHA256": digest(body)}
    return ask(centre, "PUT", path, body=body, **usual | headers)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# who may ask


def test_a_request_counts_once_and_only_near_the_servers_time(centre):
    now, nonce = centre.now(), secrets.token_hex(8)
    assert ask(centre, "GET", "files", LIST, nonce=nonce).status == 200
    assert ask(centre, "GET", "files", LIST, nonce=nonce).code == "replay"
    assert ask(centre, "GET", "files", LIST, at=now - timedelta(seconds=330)).code == "expired"
    assert ask(centre, "GET", "files", LIST, at=now + timedelta(seconds=330)).code == "clock_skew"
    assert ask(centre, "GET", "files", LIST, at=now - timedelta(seconds=270)).status == 200


def test_a_signature_is_bound_to_its_request(centre):
    assert ask(centre, "GET", "files", LIST, passphrase="guessed").code == "bad_signature"
    assert ask(centre, "GET", "files", LIST, credential="stranger").code == "unknown_credential"
    assert ask(centre, "GET", "files", LIST, Authorization="Basic eA==").code == "bad_signature"
    there = centre.connection
    signed = authorization(
        there.login,
        there.password,
        "GET",
        "/api/v1/files",
        parse_qsl(LIST),
        b"",
        timestamp=utc(centre.now()),
        nonce="a" * 16,
    )
    other = ask(centre, "GET", "files", LIST.replace("100", "99"), Authorization=signed)
    assert other.code == "bad_signature"


def test_two_passphrases_are_good_during_a_rotation_and_old_ones_can_be_taken_away(centre):
    centre.credentials["fzj-p1-next"] = "another passphrase"
    both = {"credential": "fzj-p1-next", "passphrase": "another passphrase"}
    assert ask(centre, "GET", "files", LIST).status == ask(centre, "GET", "files", LIST, **both).status == 200
    old = centre.connection.password
    del centre.credentials["fzj-p1"]
    gone = ask(centre, "GET", "files", LIST, credential="fzj-p1", passphrase=old)
    assert gone.code == "unknown_credential"
    assert centre.connection.login == "fzj-p1-next"


def test_plain_tokens_of_variant_a_are_taken_too(centre):
    now = utc(centre.now())
    token = token_a(centre.connection.password, now)
    assert ask(centre, "GET", "files", LIST, X_Token=token, X_Timestamp=now).status == 200
    assert ask(centre, "GET", "files", LIST, X_Token=token, X_Timestamp=now[:-2] + "9Z").status == 401


def test_the_clock_is_told_to_anybody_and_may_be_wrong(centre):
    centre.skew_s = 3600
    answer = urllib3.request("GET", f"http://127.0.0.1:{centre.connection.port}/api/v1/time")
    ahead = datetime.fromisoformat(answer.json()["server_time"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead < timedelta(minutes=61)
    dated = datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(minutes=59) < dated - datetime.now(UTC) < timedelta(minutes=61)


def test_instrument_types_are_known_and_permitted(centre):
    assert ask(centre, "GET", "files", "instrument_type=P9").code == "unknown_instrument_type"
    assert ask(centre, "GET", "files", "instrument_type=ICH").code == "not_permitted"


# listing


def test_250_files_come_in_pages_and_one_registered_late_lies_before_the_cursor(centre):
    start = centre.now()
    for n in range(250):
        name = NAME.replace(FLIGHT, f"202403051234{n % 60:02}{n // 60:02}")
        centre.offer(name, b"x", available_since=start - timedelta(seconds=250 - n))
    seen: list[str] = []
    after = ""
    sizes = []
    while True:
        page = ask(centre, "GET", "files", f"after={after}&{LIST}" if after else LIST).json
        seen += [one["file_id"] for one in page["items"]]
        sizes.append(len(page["items"]))
        after = page["next_cursor"]
        if len(sizes) == 2:
            late = centre.offer(NAME, b"late", available_since=start - timedelta(minutes=30))
        if not page["has_more"]:
            break
    assert sizes == [100, 100, 50]
    assert seen == sorted(set(seen))
    assert late.file_id not in seen
    overlap = cursor(utc(start - timedelta(hours=1)))
    assert listed(centre, f"after={overlap}&{LIST}")[0] == late.file_id


@pytest.mark.parametrize(
    "after", ["nonsense", "%00", cursor("yesterday"), cursor("2024-03-05T21:05:00Z")[:-6]]
)
def test_a_cursor_that_is_none_is_refused(centre, after):
    assert ask(centre, "GET", "files", f"after={after}&{LIST}").code == "bad_cursor"


def test_the_cursor_is_that_of_the_reference():
    assert cursor("2024-03-05T21:05:00Z", "f-000918") == "MjAyNC0wMy0wNVQyMTowNTowMFp8Zi0wMDA5MTg"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "state=old"])
def test_a_request_that_makes_no_sense_is_refused(centre, query):
    assert ask(centre, "GET", "files", f"instrument_type=P1&{query}").code == "bad_request"


def test_acknowledged_and_withdrawn_files_are_not_new(centre):
    for name in (NAME, NAME.replace("_r1", "_r2"), NAME.replace("_r1", "_r3")):
        centre.offer(name, DATA)
    acknowledge(centre)
    centre.withdraw("f-000002")
    assert listed(centre) == ["f-000003"]
    assert listed(centre, "instrument_type=P1") == ["f-000001", "f-000003"]
    assert ask(centre, "GET", "files/f-000002").status == 410
    centre.vanish("f-000003")
    assert ask(centre, "GET", "files/f-000003/content").status == 404
    assert centre.offer(NAME, DATA).file_id == "f-000004"


# content


def test_content_comes_whole_in_parts_or_not_at_all(centre):
    offered = centre.offer(NAME, DATA)
    path = f"files/{offered.file_id}/content"
    whole = ask(centre, "GET", path)
    assert (whole.status, whole.body, whole.headers["ETag"]) == (200, DATA, offered.etag)
    part = ask(centre, "GET", path, Range="bytes=1000-", If_Match=offered.etag)
    assert (part.status, part.body) == (206, DATA[1000:])
    assert part.headers["Content-Range"] == f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
    assert ask(centre, "GET", path, Range=f"bytes={len(DATA)}-").code == "bad_range"
    assert ask(centre, "GET", path, If_None_Match=offered.etag).status == 304
    assert ask(centre, "GET", path, Range="bytes=10-19").body == DATA[10:20]


def test_a_changed_file_is_told_as_such(centre):
    old = centre.offer(NAME, DATA)
    new = centre.revise(old.file_id, DATA[::-1])
    path = f"files/{old.file_id}/content"
    assert (new.revision, new.name) == (2, NAME.replace("_r1", "_r2"))
    assert ask(centre, "GET", path, "revision=1").code == "revision_changed"
    assert ask(centre, "GET", path, If_Match=old.etag).code == "revision_changed"
    assert ask(centre, "GET", path, Range="bytes=5-", If_Range=old.etag).body == DATA[::-1]
    assert acknowledge(centre).code == "revision_changed"


# acknowledgements and products


def test_an_acknowledgement_may_come_twice_and_must_be_right(centre):
    centre.offer(NAME, DATA)
    assert acknowledge(centre, sha256=digest(b"other")).code == "bad_request"
    assert acknowledge(centre, status="perhaps").code == "bad_request"
    assert acknowledge(centre, status="rejected").code == "bad_request"  # without a reason
    assert not centre.acknowledged
    for _ in range(2):
        assert acknowledge(centre).json == {"file_id": "f-000001", "state": "acknowledged"}
    assert centre.acknowledged["f-000001", 1, "fzj-p1"]["status"] == "received"
    centre.revise("f-000001", b"new")
    assert acknowledge(centre).status == 200  # of the old revision, once more


def test_a_product_is_kept_once_and_never_replaced(centre):
    assert put(centre).status == 201
    assert put(centre).status == 200
    assert put(centre, NETCDF + b"!").code == "product_conflict"
    assert put(centre, b"24 1001\n", Content_Type="text/plain").status == 201
    assert len(centre.products) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"X_Content_SHA256": "0" * 64}, "X-Content-SHA256"),
        ({"body": b"no NetCDF"}, "are no application/x-netcdf"),
        ({"path": PRODUCT.replace("L1", "L7")}, "level is 'L7'"),
        ({"path": PRODUCT.replace("1.0.0", "latest")}, "version 'latest'"),
        ({"path": PRODUCT.replace(FLIGHT, "yesterday")}, "flight_id 'yesterday'"),
    ],
)
def test_a_product_that_is_none_is_refused_with_the_reason(centre, changes, told):
    refused = put(centre, **changes)
    assert (refused.status, refused.code) == (422, "invalid_product")
    assert told in str(refused.json["error"]["validation"])
    assert not centre.products


def test_a_flight_is_told_with_its_files(centre):
    centre.offer(NAME, DATA)
    told = ask(centre, "GET", f"flights/{FLIGHT}").json
    assert told["departure"] == {"airport": "FRA", "time": "2024-03-05T12:34:56Z"}
    assert (told["aircraft"], told["files"]) == ("02", ["f-000001"])


# faults


def test_each_fault_spoils_one_request_of_its_kind(centre):
    centre.offer(NAME, DATA)
    path = "files/f-000001/content"
    centre.spoil(exchange.refuse(429, "slow_down", retry_after=7), exchange.wrong_bytes, exchange.whole)
    centre.spoil(exchange.cut_after(1234), exchange.no_json)
    assert ask(centre, "GET", "files", LIST).status == 200
    slow = ask(centre, "GET", path)
    assert (slow.status, slow.code, slow.headers["Retry-After"]) == (429, "slow_down", "7")
    wrong = ask(centre, "GET", path).body
    assert len(wrong) == len(DATA)
    assert wrong != DATA
    assert ask(centre, "GET", path, Range="bytes=9-").status == 200
    with pytest.raises(urllib3.exceptions.ProtocolError, match="1234"):
        ask(centre, "GET", path)
    assert ask(centre, "GET", path).status == 502
    assert ask(centre, "GET", path).body == DATA
    assert centre.requests["GET content"] == 6


def test_an_acknowledgement_can_be_kept_without_an_answer(centre):
    centre.offer(NAME, DATA)
    centre.spoil(exchange.unanswered, on="POST ack")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        acknowledge(centre)
    assert acknowledge(centre).status == 200
    assert centre.ack_calls["f-000001", 1, "fzj-p1"] == 2
    assert len(centre.acknowledged) == 1


def test_it_works_below_a_prefix():
    with DataCentre(prefix="/prod") as centre:
        assert centre.connection.extra["path_prefix"] == "/prod"
        assert listed(centre) == []


def test_nothing_secret_is_logged(centre):
    ask(centre, "GET", "files", LIST)
    ask(centre, "GET", "files/f-9", Range="bytes=4-")
    assert centre.log[-1].status == 404
    assert centre.log[-1].code == "no_such_file"
    assert centre.connection.password not in repr(centre.log) + repr(centre.connection)
    assert "Signature" not in repr(centre.log)


# drop folder


def test_a_provider_uploads_as_agreed_and_otherwise(tmp_path):
    with DropServer(tmp_path) as server:
        drop = server.folder("P1")
        drop.put(NAME, DATA)
        drop.begin("late.csv.gz", DATA[:10])
        drop.begin("growing.csv.gz", DATA[:10], suffix="")
        drop.append("growing.csv.gz", DATA[10:])
        assert sorted(asyncio.run(names(server, "drop/P1/incoming"))) == sorted(
            [NAME, f"{NAME}.sha256", "growing.csv.gz", "late.csv.gz.part"]
        )
    assert drop.files()[f"incoming/{NAME}.sha256"].decode() == f"{digest(DATA)}  {NAME}\n"
    assert drop.files()["incoming/growing.csv.gz"] == DATA


async def names(server: DropServer, path: str) -> list[str]:
    there = server.connection
    async with (
        asyncssh.connect(
            there.host,
            there.port,
            username=there.login,
            client_keys=[asyncssh.import_private_key(there.extra["private_key"])],
            known_hosts=([asyncssh.import_public_key(there.extra["host_key"])], [], []),
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):
        return [name for name in await sftp.listdir(path) if not name.startswith(".")]


# tables


def test_the_instrument_database_says_of_the_fleet_what_the_sandbox_knows(iagos_db, tmp_path):
    world = IagosWorld()
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    paths = [*write_tables(world, tmp_path), write_post_calibrations(world, tmp_path / "later")]
    with warehouse.session() as session:
        report = import_tables(session, paths, dry_run=False, actor="test")
        assert not report.errors
        for flight in [*world.flights(3), world.flight("09", 21)]:
            flights.note_flight(
                session,
                flight.flight_id,
                departure=flight.departure,
                arrival=flight.arrival,
                flight_no=flight.flight_no,
                actor="test",
            )
            noted = flights.flight(session, flight.flight_id)
            assert replace(noted, aircraft_id=0) == flight_record(flight)
            told, known = (
                {
                    name: (part.serial, plain(part.pair.pre), plain(part.pair.post))
                    for name, part in one.parts.items()
                }
                for one in (
                    calibrations.calibration_set(session, flight.flight_id, "P1"),
                    calibration_set(world, flight),
                )
            )
            assert told == known


def plain(record: calibrations.CalibrationRecord | None) -> tuple[Any, ...] | None:
    return record and (record.timestamp, record.function, record.parameters, record.uncertainties)
