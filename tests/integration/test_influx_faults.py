"""A source that fails in every way a network and a proxy can: the right error, no half day, and the next run heals."""

import json
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import InsecureRequestWarning

from sandbox import processes
from skyledger.carbosense.telegram_load import SOURCE_TRIES
from skyledger.errors import PermanentError, SourceError, SourceUnavailable, TransientError
from skyledger.influx import Points, open_source
from skyledger.mapping import Source
from tests.support.influx_proxy import COUNT, INVENTORY, READ, SERIES, Fault, InfluxProxy, Reply
from tests.support.loads import LP8, Contents, Load, load_on
from tests.support.telegrams import FIRST_DAY, midnight_s, write_points

pytestmark = pytest.mark.integration

UNITS = (1010, 1011, 1012)
VICTIM = "1011"
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Grafana</title></head><body>Log in</body></html>\n"
PREFIX = "/api/datasources/proxy/uid/main"
TOKEN = "glsa_Sup3rS3cretT0ken"
SILENCE_S = 10  # of a server that is slow: far longer than any client here should wait


@pytest.fixture(scope="module")
def network(mariadb, influxdb) -> Iterator[Load]:
    """Three units, two days: loaded again and again."""
    with load_on(mariadb, influxdb, UNITS, 2) as load:
        yield load


@pytest.fixture
def proxy(load: Load) -> Iterator[InfluxProxy]:
    """A way to the InfluxDB that can be spoilt."""
    proxy = InfluxProxy(load.influx)
    with proxy.running() as port:
        proxy.port = port
        yield proxy


def through(proxy: InfluxProxy, load: Load, **extra: object):
    """A reader that goes through the proxy."""
    return open_source(load.via(host="127.0.0.1", port=proxy.port, extra={"timeout_s": 5, **extra}))


def status(code: int, text: str = "") -> Fault:
    return lambda reply: reply.body(code, json.dumps({"error": text or f"status {code}"}).encode())


def says(body: bytes, kind: str = "application/json") -> Fault:
    return lambda reply: reply.body(200, body, kind)


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Fault:
    """Well-formed in HTTP, changed in content."""

    def spoil(reply: Reply) -> None:
        changed = change(reply.lines)
        assert changed != reply.lines
        reply.chunked(changed)

    return spoil


def cut_mid_stream(reply: Reply) -> None:
    reply.chunked([*reply.lines[:-1], reply.lines[-1][:20]], ended=False)


def reset(reply: Reply) -> None:
    reply.chunked(reply.lines[:-1], ended=False)
    reply.reset()


def silent(reply: Reply) -> None:
    time.sleep(SILENCE_S)
    reply.whole()


def stalled(reply: Reply) -> None:
    reply.chunked(reply.lines[:-1], ended=False)
    time.sleep(SILENCE_S)


def announce_more(answer: list[bytes]) -> list[bytes]:
    """Say that the last chunk is not the last, as InfluxDB does on every chunk but the last."""
    last = json.loads(answer[-1])
    last["results"][0]["partial"] = True
    return [*answer[:-1], json.dumps(last).encode() + b"\n"]


def result_error(text: str) -> Callable[[list[bytes]], list[bytes]]:
    """End the answer with the line that InfluxDB sends when a query dies after its first rows."""
    line = json.dumps({"results": [{"statement_id": 0, "error": text}]}).encode() + b"\n"
    return lambda answer: [*answer[:-1], line]


def redirected(reply: Reply) -> None:
    reply.body(302, b"", Location="/login")


ANYWHERE: dict[str, tuple[Fault, type[Exception], str]] = {
    "500": (status(500, "engine: disk quota exceeded"), TransientError, "HTTP 500.*disk quota"),
    "502": (status(502), TransientError, "HTTP 502"),
    "503": (status(503), TransientError, "HTTP 503"),
    "429": (status(429, "too many requests"), TransientError, "HTTP 429"),
    "400": (status(400, "error parsing query"), PermanentError, "HTTP 400.*error parsing"),
    "401": (status(401, "authorization failed"), PermanentError, "HTTP 401.*check token or login"),
    "403": (status(403, "not authorized"), PermanentError, "HTTP 403.*check token or login"),
    "404": (status(404), PermanentError, "HTTP 404"),
    "redirect": (redirected, PermanentError, "HTTP 302"),
    "error in the document": (says(b'{"error": "unauthorized"}\n'), PermanentError, "unauthorized"),
    "database gone": (lines(result_error("database not found: x")), PermanentError, "database not found"),
    "query timeout": (lines(result_error("query-timeout limit exceeded")), TransientError, "query-timeout"),
    "query killed": (lines(result_error("query interrupted")), TransientError, "query interrupted"),
    "busy": (
        lines(result_error("max-concurrent-queries limit exceeded(20, 20)")),
        TransientError,
        "max-concurrent",
    ),
    "login page": (says(LOGIN_PAGE, "text/html"), PermanentError, "not InfluxDB.*DOCTYPE html"),
    "other JSON": (says(b'{"message": "Unauthorized"}'), PermanentError, "not InfluxDB.*Unauthorized"),
    "nothing": (says(b""), TransientError, "empty"),
    "truncated JSON": (lines(lambda a: [*a[:-1], a[-1][:-9]]), TransientError, "breaks off"),
    "cut mid-stream": (cut_mid_stream, TransientError, "InfluxDB at http"),
    "reset": (reset, TransientError, "InfluxDB at http"),
    "more announced": (lines(announce_more), TransientError, "more was announced"),
}
SLOW: dict[str, Fault] = {"silent": silent, "stalled": stalled}


def check_fault(load: Load, whole: Contents, proxy: InfluxProxy, error: Exception | None, kind: str) -> None:
    """Check that nothing but whole days is there, and that a normal run completes it."""
    assert error is not None, "a spoilt answer passed for a good one"
    assert proxy.spoilt
    load.check_invariant(whole)
    stored = {member for member, _ in load.stored_partitions()}
    assert stored == ({*map(str, UNITS)} - {VICTIM} if kind in (COUNT, READ) else set()), (
        "the others are loaded"
    )
    proxy.spoil(None)
    assert load.failure(through(proxy, load)) is None
    assert load.contents() == whole


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in (INVENTORY, READ) for name in ANYWHERE),
        *((kind, name) for kind in (SERIES, COUNT) for name in ("503", "other JSON", "cut mid-stream")),
    ],
)
def test_bad_answer_is_the_right_error_and_the_next_run_heals(load, whole, proxy, kind, name):
    fault, expected, text = ANYWHERE[name]
    proxy.spoil(fault, kind, f"'{VICTIM}'" if kind in (COUNT, READ) else "")
    error = load.failure(through(proxy, load))
    assert isinstance(error, expected), repr(error)
    assert re.search(text, str(error), re.DOTALL), error
    check_fault(load, whole, proxy, error, kind)


@pytest.mark.parametrize("kind", [INVENTORY, COUNT, READ])
@pytest.mark.parametrize("name", SLOW)
def test_slow_answer_ends_after_the_timeout(load, whole, proxy, name, kind):
    proxy.spoil(SLOW[name], kind, f"'{VICTIM}'" if kind in (COUNT, READ) else "")
    started = time.monotonic()
    error = load.failure(through(proxy, load, timeout_s=0.4))
    assert isinstance(error, TransientError)
    assert "timed out" in str(error).lower()
    assert time.monotonic() - started < SILENCE_S, "the client waited for the slow server"
    check_fault(load, whole, proxy, error, kind)


@pytest.mark.parametrize("place", [0, 7, -2, -1])
def test_silently_shortened_answer_is_found_by_the_count(load, whole, proxy, place):
    """A line is missing and everything else is well formed: HTTP, JSON, the end."""

    def without_a_line(reply: Reply) -> None:
        kept = list(reply.lines)
        del kept[place]
        last = json.loads(kept[-1])
        last["results"][0].pop("partial", None)
        reply.chunked([*kept[:-1], json.dumps(last).encode()])

    proxy.spoil(without_a_line, READ, f"'{VICTIM}'")
    error = load.failure(through(proxy, load))
    assert isinstance(error, TransientError)
    assert "unit 1011: the answer holds" in str(error)
    assert "the source counted" in str(error)
    check_fault(load, whole, proxy, error, READ)


def test_answer_without_any_point_of_a_day_that_was_counted_is_an_error(load, whole, proxy):
    proxy.spoil(says(b'{"results":[{"statement_id":0}]}\n'), READ, f"'{VICTIM}'")
    error = load.failure(through(proxy, load))
    assert isinstance(error, TransientError)
    check_fault(load, whole, proxy, error, READ)


def test_points_that_vanish_between_inventory_and_reading_are_an_error_of_their_unit(load, whole, proxy):
    proxy.spoil(says(b'{"results":[{"statement_id":0}]}\n'), "SELECT", f"'{VICTIM}'")
    error = load.failure(through(proxy, load))
    assert "1011, 2022-04-21: the source holds no value for required column(s)" in str(error)
    check_fault(load, whole, proxy, error, READ)


def test_shortened_inventory_stores_nothing_wrong_and_the_next_run_heals(load, whole, proxy):
    """The list of what is there cannot be counted itself: days missing in it are `empty` until the next run."""
    keep_others = lines(lambda a: [line for line in a if VICTIM.encode() not in line])
    proxy.spoil(keep_others, INVENTORY)
    load.failure(through(proxy, load))
    assert proxy.spoilt
    assert VICTIM not in {member for member, _ in load.stored_partitions()}
    load.check_invariant(whole)
    proxy.spoil(None)
    load.ingest(through(proxy, load)).raise_for_failures()
    assert load.contents() == whole


def test_fault_while_loading_again_leaves_the_stored_day_as_it_was(load, whole, proxy):
    load.ingest()
    proxy.spoil(lines(lambda a: a[1:]), READ, f"'{VICTIM}'")
    assert load.failure(through(proxy, load), mode="all") is not None
    assert load.contents()["lp8_data"] == whole["lp8_data"]
    states = dict(load.query("SELECT member, state FROM ledger"))
    assert states == {"1010": "partial", VICTIM: "failed", "1012": "partial"}
    load.check_invariant(whole)
    load.ingest()
    assert load.contents() == whole


def test_source_that_stays_away_is_not_asked_for_every_unit(load, whole, proxy, monkeypatch):
    assert len(UNITS) < SOURCE_TRIES
    monkeypatch.setattr("skyledger.carbosense.telegram_load.SOURCE_TRIES", 2)
    proxy.spoil(status(503), READ)
    error = load.failure(through(proxy, load))
    assert isinstance(error, SourceUnavailable)
    assert "the source failed 2 times in a row" in str(error)
    proxy.spoil(None)
    load.ingest(through(proxy, load)).raise_for_failures()
    assert load.contents() == whole


def test_nobody_listening(load):
    error = load.failure(open_source(load.via(port=processes.free_port())))
    assert isinstance(error, SourceUnavailable)
    assert "Connection refused" in str(error)
    assert load.query("SELECT COUNT(*) FROM ledger") == [(0,)]


def test_influxdb_killed_while_it_is_read(load, whole, proxy, influxdb):
    proxy.pool.connection_pool_kw |= {"retries": False, "timeout": 5}
    proxy.spoil(lambda reply: (influxdb.kill(), reset(reply)), READ, "'1010'")
    try:
        error = load.failure(open_source(load.via(port=proxy.port, extra={"timeout_s": 5})))
        assert load.failure(open_source(load.influx)) is not None, "still away"
    finally:
        influxdb.start()
    assert isinstance(error, TransientError)
    load.check_invariant(whole)
    load.ingest().raise_for_failures()
    assert load.contents() == whole


@pytest.mark.parametrize(("login", "password"), [("nobody", "x"), (None, None)])
def test_wrong_login_is_refused_by_the_real_server(load, login, password):
    error = load.failure(open_source(load.via(login=login, password=password)))
    assert isinstance(error, SourceError)
    assert "HTTP 401" in str(error)


def test_unknown_database_is_named(load, influxdb):
    admin = load.via(login=influxdb.admin, password=influxdb.password, schema="nowhere")
    error = load.failure(open_source(admin))
    assert isinstance(error, SourceError)
    assert "database not found: nowhere" in str(error)


# A Grafana in front: path prefix, token, TLS.


@pytest.fixture
def grafana(load: Load) -> Iterator[InfluxProxy]:
    """A data-source proxy with a path prefix and a token of its own."""
    proxy = InfluxProxy(load.influx, PREFIX, TOKEN)
    with proxy.running() as port:
        proxy.port = port
        yield proxy


def behind(proxy: InfluxProxy, load: Load, token: str | None = TOKEN, **extra: object):
    return load.via(
        port=proxy.port, login=None, password=None, extra={"path_prefix": PREFIX, "token": token, **extra}
    )


def test_whole_load_through_a_path_prefix_with_a_bearer_token(load, whole, grafana):
    for prefix in (PREFIX, PREFIX.strip("/") + "/"):
        load.wipe()
        load.ingest(open_source(behind(grafana, load, path_prefix=prefix))).raise_for_failures()
        assert load.contents() == whole


def test_wrong_prefix_and_wrong_token_are_permanent(load, grafana):
    for connection in (behind(grafana, load, path_prefix="/elsewhere"), behind(grafana, load, token="wrong")):
        error = load.failure(open_source(connection))
        assert isinstance(error, SourceError)
        assert load.query("SELECT COUNT(*) FROM ledger") == [(0,)]


def test_token_is_shown_nowhere_even_if_the_server_sends_it_back(load, grafana, caplog):
    """Not in an error, its causes, a log at the finest level, the ledger, or the repr of anything."""

    def echo(reply: Reply) -> None:
        reply.body(500, f"cannot handle headers: Authorization: {reply.authorization}".encode())

    def echo_in_document(reply: Reply) -> None:
        reply.chunked([json.dumps({"error": f"no access for {reply.authorization}"}).encode()])

    def echo_as_page(reply: Reply) -> None:
        reply.body(200, f"<html>{reply.authorization}</html>".encode(), "text/html")

    caplog.set_level(logging.DEBUG)
    connection = behind(grafana, load)
    said = [repr(connection)]
    for fault in (echo, echo_in_document, echo_as_page, lines(lambda a: a[1:]), reset):
        grafana.spoil(fault, READ, f"'{VICTIM}'")
        source = open_source(connection)
        error = load.failure(source)
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__
        said.append(repr(vars(source)["_conn_id"]))
        said += [
            str(row) for row in load.query("SELECT message FROM ledger UNION SELECT message FROM run_record")
        ]
    said += [record.getMessage() for record in caplog.records]
    assert len(said) > 20
    assert any("cannot handle headers" in text for text in said), "the server's words are passed on"
    assert [text for text in said if TOKEN in text] == []


def test_password_is_shown_nowhere_even_if_the_server_sends_it_back(load, proxy, caplog):
    caplog.set_level(logging.DEBUG)

    def echo(reply: Reply) -> None:
        reply.body(401, f"refused: {reply.authorization} {load.influx.password}".encode())

    proxy.spoil(echo, INVENTORY)
    error = load.failure(through(proxy, load))
    basic = open_source(load.influx)._headers["authorization"].split()[1]
    said = [str(error), caplog.text]
    assert "refused" in said[0]
    assert [text for text in said if basic in text or load.influx.password in text] == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "grafana of the test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "certificate.pem", folder / "key.pem"


def test_tls_is_on_and_checked_unless_told_otherwise(load, whole, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    proxy = InfluxProxy(load.influx, PREFIX, TOKEN)
    with proxy.running(context) as proxy.port:
        https = {"scheme": None}  # nothing said: https
        error = load.failure(open_source(behind(proxy, load, **https)))
        assert isinstance(error, SourceError), "a certificate does not heal by waiting"
        assert "certificate" in str(error)
        assert "ca_file" in str(error)
        assert proxy.statements == [], "the token was sent to a server that nobody vouches for"

        trusted = behind(proxy, load, **https, ca_file=str(certificate[0]))
        load.ingest(open_source(trusted)).raise_for_failures()
        assert load.contents() == whole
        with pytest.warns(InsecureRequestWarning):
            load.ingest(open_source(behind(proxy, load, **https, verify_tls=False))).raise_for_failures()


def test_plain_http_where_tls_is_expected_is_an_error(load, proxy):
    error = load.failure(open_source(load.via(port=proxy.port, extra={"scheme": "https", "timeout_s": 2})))
    assert error is not None
    assert "SSL" in str(error)


# What is asked for, and nothing else.

AWKWARD = (
    "445", "1445", "4450", "44", "4.5", "445.", "4|5", "a b", "a,b", "a=b", "a/b", "/a/", "it's", '"quoted"',
    "^445$", "(445)", "[0-9]+", "back\\slash", "käse", "x{2}", "$", "*",
)  # fmt: skip


@pytest.fixture(scope="module")
def awkward(influxdb) -> Iterator[tuple[object, Source]]:
    """One point per day and unit and quantity, both with names that mean something to a query language."""
    influx = influxdb.create_database("awkward", "awkward")
    start = midnight_s(FIRST_DAY)
    for n, node in enumerate(AWKWARD):
        for m, quantity in enumerate(AWKWARD):
            write_points(influx, [(node, quantity, start + 60 * n, 1000.0 * n + m)])
    yield open_source(influx), LP8.source
    influxdb.drop_database("awkward", "awkward")


def values(points: Points) -> dict[str, list[float]]:
    return {
        name: points.value[points.quantity == code].tolist() for code, name in enumerate(points.quantities)
    }


@pytest.mark.parametrize("node", AWKWARD)
def test_unit_gets_its_own_points_whatever_its_name(awkward, node):
    reader, source = awkward
    n = AWKWARD.index(node)
    points = reader.read(source, AWKWARD, node, FIRST_DAY, FIRST_DAY)
    assert values(points) == {name: [1000.0 * n + m] for m, name in enumerate(AWKWARD)}
    inventory = reader.inventory(source, AWKWARD, [node], FIRST_DAY, FIRST_DAY).to_pylist()
    assert [(row["member"], row["source_rows"]) for row in inventory] == [(node, len(AWKWARD))]
    assert reader.quantities(source, [node]) == {node: set(AWKWARD)}


@pytest.mark.parametrize("quantity", AWKWARD)
def test_quantity_is_found_whatever_its_name(awkward, quantity):
    reader, source = awkward
    m = AWKWARD.index(quantity)
    assert values(reader.read(source, [quantity], "445", FIRST_DAY, FIRST_DAY)) == {quantity: [float(m)]}


@pytest.mark.parametrize("name", ["' OR true OR '", "445' OR node='1445", "x) OR (true", "/ OR true OR /"])
def test_name_cannot_widen_a_query(awkward, name):
    reader, source = awkward
    assert len(reader.read(source, AWKWARD, name, FIRST_DAY, FIRST_DAY)) == 0
    assert len(reader.read(source, [name], "445", FIRST_DAY, FIRST_DAY)) == 0
    assert reader.inventory(source, AWKWARD, [name], FIRST_DAY, FIRST_DAY).num_rows == 0


def test_day_has_its_first_and_last_second_and_no_radio_statistics(influx_db):
    """Series without a channel tag count, those of a `link-...` channel do not, others do."""
    start = midnight_s(FIRST_DAY)
    edges = [start - 1, start, start + 86_399, start + 86_400]
    write_points(influx_db, [(445, "battery", t, float(n)) for n, t in enumerate(edges)])
    write_points(influx_db, [(445, "battery", start + 5, 50.0)], {"channel": "link-rssi"})
    write_points(influx_db, [(445, "battery", start + 6, 60.0)], {"channel": "uplink-1"})
    write_points(influx_db, [(1445, "battery", start + 7, 70.0)])
    reader = open_source(influx_db)
    points = reader.read(LP8.source, ["battery"], "445", FIRST_DAY, FIRST_DAY)
    assert sorted(zip(points.time_s - start, points.value, strict=True)) == [
        (0, 1.0),
        (6, 60.0),
        (86_399, 2.0),
    ]
    inventory = reader.inventory(
        LP8.source, ["battery"], ["445"], FIRST_DAY - timedelta(days=1), FIRST_DAY + timedelta(days=1)
    )
    assert inventory["source_rows"].to_pylist() == [1, 3, 1]
    assert inventory["partition_key"].to_pylist() == ["2022-04-19", "2022-04-20", "2022-04-21"]


# What the source corrects.


def test_telegram_that_was_stored_and_is_now_refused_is_taken_out(carbosense_db, influx_db):
    load = Load(carbosense_db, influx_db, [1010], 2)
    load.fill_source()
    load.ingest().raise_for_failures()
    before = len(load.contents()["lp8_data"])
    start = midnight_s(load.days[1])
    write_points(
        influx_db,
        [(1010, "senseair-lp8-status", start + 12_000, -1.0), (1010, "senseair-lp8-ir", start, 7.0)],
    )
    summary = load.ingest()
    assert (summary.rows_read, summary.rows_stored, summary.rows_rejected) == (144, 142, 2)
    assert (summary.upserts.changed, summary.upserts.removed) == (1, 1)
    assert load.query("SELECT COUNT(*) FROM lp8_data WHERE time = %s", start + 12_000) == [(0,)]
    assert len(load.contents()["lp8_data"]) == before - 1
    assert load.ingest().planned == 0, "the counts agree: nothing is read again"


def test_row_that_no_telegram_stands_for_is_taken_out(carbosense_db, influx_db):
    load = Load(carbosense_db, influx_db, [1010], 2)
    load.fill_source()
    load.ingest().raise_for_failures()
    whole = load.contents()
    with load.warehouse.session() as session, session.transaction():
        session.execute(
            "INSERT INTO lp8_data (SensorUnit_ID, time) VALUES (1010, %s)", (midnight_s(load.days[0]) + 1,)
        )
    summary = load.ingest()
    assert (summary.planned, summary.upserts.removed) == (1, 1)
    assert load.contents() == whole
