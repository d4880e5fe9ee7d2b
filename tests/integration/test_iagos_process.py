"""Processing of a flight file: what it comes to, how it fails, what heals it; doing it again changes nothing."""

from datetime import timedelta

import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.exchange import refuse
from sandbox.iagos.metadata import write_tables
from skyledger.errors import (
    ConfigError,
    FormatError,
    PermanentError,
    SourceError,
    StorageError,
    StorageUnavailable,
)
from skyledger.iagos import process
from skyledger.iagos.names import Level
from skyledger.iagos.process import check_flight, import_flight, let_wait, process_again
from skyledger.iagos.release.nrt import export_nrt
from skyledger.iagos.states import State, held, states
from tests.support.iagos_process import WORLD, Network, flown, key_of, received, short_raw, waiting

pytestmark = pytest.mark.integration

KEY = key_of(0)
TO_RECEIVED = ["AVAILABLE", "QUEUED", "TRANSFERRING", "RECEIVED"]
TO_L0 = [*TO_RECEIVED, "PARSED", "STORED_L0"]
TO_L1 = [*TO_L0, "QC_RUNNING", "QC_DONE", "NRT_EXPORTED", "AWAITING_L1"]


@pytest.fixture
def centre():
    with DataCentre() as centre:
        yield centre


@pytest.fixture
def network(iagos_db, tmp_path, centre):
    return Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path)


def imported(network: Network, key=KEY) -> process.Processed:
    return import_flight(network.warehouse, key, data_root=network.data_root, run_id="r")


def checked(network: Network, key=KEY) -> process.Processed:
    return check_flight(network.warehouse, key, data_root=network.data_root, run_id="r")


def everything(network: Network) -> list:
    rows = [
        network.query(f"SELECT * FROM {name}")
        for name in ("flight_state", "flight_state_history", "series_file", "data_series", "qc_run", "report")
    ]
    return [
        *rows,
        network.query("SELECT * FROM ledger"),
        network.query("SELECT * FROM run_record"),
        network.files(),
    ]


def age(network: Network, **ago: float) -> None:
    """As if the last step of every file had been so long ago."""
    network.execute(
        "UPDATE flight_state SET since_utc = since_utc - INTERVAL %s SECOND", timedelta(**ago).seconds
    )


def test_a_flight_goes_from_received_to_its_pi_with_series_verdict_report_and_near_real_time_product(network):
    received(network)
    assert network.unfinished() == [KEY]
    first = imported(network)
    assert (first.state, first.told().split(" (")[0]) == ("STORED_L0", "256 rows kept")
    second = checked(network)
    assert (second.state, second.message) == ("QC_DONE", "L1 suggested: RELEASE")
    page = network.data_root / "iagos" / "reports" / second.report
    assert "<svg" in page.read_text() or "<img" in page.read_text()
    network.process(KEY)
    assert network.steps(KEY) == TO_L1
    assert network.unfinished() == []
    assert network.query("SELECT dataset, state, rows_stored FROM ledger ORDER BY dataset") == [
        ("iagos.files", "stored", 1),
        ("iagos.l0", "stored", 256),
        ("iagos.quality", "stored", 256),
    ]
    assert network.query("SELECT level, version FROM series_file ORDER BY level") == [
        ("L0", ""),
        ("NRT", "1.0.0"),
    ]


def test_doing_it_again_changes_nothing_and_says_so(network):
    waiting(network)
    before = everything(network)
    network.process(KEY)
    again = checked(network)
    assert (imported(network).message, again.message) == ("nothing to do", "nothing to do")
    assert again.as_dict()["report"] == network.query("SELECT page FROM report")[0][0]
    assert everything(network) == before


def test_a_file_that_cannot_be_read_waits_for_a_person_and_not_for_time(network, monkeypatch):
    network.offer(0, short_raw(0)[:-200])
    network.bring()
    with pytest.raises(FormatError):
        imported(network)
    found = network.state(KEY)
    assert found.state is State.PARSE_FAILED
    assert KEY.flight_id in found.reason
    assert network.query("SELECT state FROM ledger WHERE dataset = 'iagos.l0'") == [("failed",)]
    assert network.query("SELECT COUNT(*) FROM series_file") == [(0,)]
    age(network, hours=20)
    assert network.unfinished() == []
    assert network.unfinished(named=[KEY.flight_id]) == [KEY]
    with pytest.raises(FormatError):
        imported(network)
    assert network.steps(KEY) == [*TO_RECEIVED, "PARSE_FAILED"]  # the same failure is no step
    right = process.raw.read
    monkeypatch.setattr(process.raw, "read", lambda data, name: right(short_raw(0), name))  # a better reader
    network.process(KEY)
    assert network.steps(KEY) == [*TO_RECEIVED, "PARSE_FAILED", *TO_L1[4:]]


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_a_raw_file_that_is_not_the_one_that_came_is_not_imported(network, change):
    received(network)
    (path,) = network.data_root.rglob("*.csv.gz")
    content = path.read_bytes()
    change(path)
    with pytest.raises(StorageError, match="bring it back from the backup"):
        imported(network)
    found = network.state(KEY)
    assert (found.state, path.name in found.reason) == (State.PARSE_FAILED, True)
    path.write_bytes(content)
    network.process(KEY)
    assert network.state(KEY).state is State.AWAITING_L1


def test_what_the_instrument_database_lacks_is_named_and_imported_then_it_goes_on(iagos_db, tmp_path, centre):
    """Aircraft, deployment, calibration: one after the other, each named by the message."""
    lacking = ("aircraft", "deployment", "calibration")
    network = Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path, without=lacking)
    received(network)
    rows = {path.stem: path for path in write_tables(WORLD, tmp_path / "later")}
    for table, word in zip(lacking, ("table aircraft", "table deployment", "no calibration"), strict=True):
        with pytest.raises(PermanentError, match=word):
            imported(network)
        assert network.state(KEY).state is State.IMPORT_FAILED
        assert word in network.state(KEY).reason
        assert network.query("SELECT COUNT(*) FROM series_file") == [(0,)]
        assert not list(network.data_root.rglob("*.parquet"))
        network.take_in([rows[table]])
    assert network.unfinished() == []  # it failed just now
    age(network, hours=6, minutes=1)
    assert network.unfinished() == [KEY]
    network.run()
    assert network.steps(KEY) == [
        *TO_RECEIVED,
        *["PARSED", "IMPORT_FAILED"] * 3,
        *TO_L1[4:],
    ]


def test_a_file_that_contradicts_the_deployment_is_not_imported(network):
    network.execute("UPDATE component SET serial_no = 'P1-99' WHERE serial_no = 'P1-01'")
    received(network)
    with pytest.raises(PermanentError, match="instrument_serial P1-01, the instrument database P1-99"):
        imported(network)
    assert network.state(KEY).state is State.IMPORT_FAILED
    assert network.query("SELECT state FROM ledger WHERE dataset = 'iagos.l0'") == [("failed",)]


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_quality_control_that_fails_is_tried_again_for_the_level_it_was_about(
    network, level, tmp_path, monkeypatch
):
    if level is Level.L1:
        received(network)
        imported(network)
    else:
        waiting(network)
        network.release(KEY)
        network.calibrate(0, tmp_path)
    before = network.steps(KEY)

    def broken(*given, **named):
        raise ConfigError("tests are being edited")

    with monkeypatch.context() as patch:
        patch.setattr(process, "assess", broken)
        with pytest.raises(ConfigError):
            checked(network) if level is Level.L1 else network.recompute()
    running = "QC_RUNNING" if level is Level.L1 else "L2_CANDIDATE"
    assert network.steps(KEY) == [*before, running, "QC_FAILED"]
    assert network.state(KEY).reason == "tests are being edited"
    assert network.query("SELECT COUNT(*) FROM report WHERE level = %s", str(level)) == [(0,)]
    assert network.unfinished() == []
    assert network.unfinished(named=[KEY.flight_id]) == [KEY]
    age(network, hours=7)
    assert network.unfinished() == [KEY]
    assert checked(network).message == f"{level} suggested: RELEASE"
    end = ["QC_DONE"] if level is Level.L1 else ["AWAITING_L2"]
    assert network.steps(KEY) == [*before, running, "QC_FAILED", running, *end]


@pytest.mark.parametrize(
    ("where", "after"), [("raw", State.RECEIVED), ("calibration_set", State.IMPORT_FAILED)]
)
def test_a_database_that_is_gone_for_a_moment_keeps_its_name_as_the_reason_and_the_retry_goes_on(
    network, monkeypatch, where, after
):
    """Not a permanent error: the task is retried, and finds a state from which it goes on."""
    received(network)

    def busy(*given, **named):
        raise StorageUnavailable("the server is busy")

    with monkeypatch.context() as patch:
        patch.setattr(*((process.raw, "read") if where == "raw" else (process, where)), busy)
        with pytest.raises(StorageUnavailable, match="the server is busy"):
            imported(network)
    assert network.state(KEY).state is after
    network.process(KEY)
    assert network.state(KEY).state is State.AWAITING_L1


def test_lines_that_cannot_be_read_are_kept_aside_with_the_reason(network):
    received(network, bad_lines=3)
    done = imported(network)
    assert done.message == "256 rows kept, 3 lines rejected"
    assert network.query(
        "SELECT state, rows_read, rows_stored, rows_rejected FROM ledger WHERE dataset = 'iagos.l0'"
    ) == [("partial", 256, 253, 3)]
    rejected = network.query(
        "SELECT member, partition_key, record_key, source, reason, raw FROM rejected_record ORDER BY record_key"
    )
    assert [row[:3] for row in rejected] == [
        ("P1", f"{KEY.flight_id}|r1", f"line {number}") for number in (51, 61, 71)
    ]
    assert {row[3] for row in rejected} == {WORLD.flights(1)[0].raw_name()}
    assert all(reason and raw == "not a row" for *_, reason, raw in rejected)
    network.process(KEY)
    assert network.state(KEY).state is State.AWAITING_L1


def test_what_waits_is_judged_again_on_request_and_what_was_rejected_only_by_name(network):
    waiting(network)
    other = waiting(network, 1)
    network.decide(other, "reject", comment="ozone lamp")
    before = network.query("SELECT * FROM report"), network.query("SELECT * FROM qc_run")

    def again(*flights: str) -> list:
        with network.warehouse.session() as session:
            return process_again(session, flights, actor="pi_p1", run_id="r")

    assert again() == [KEY]
    found = network.state(KEY)
    assert (found.state, found.actor, found.reason) == (State.REPROCESS, "pi_p1", "judged again on request")
    assert again() == []  # on its way
    assert network.unfinished() == [KEY]
    network.process(KEY)
    anew = ["REPROCESS", "QC_RUNNING", "QC_DONE", "NRT_EXPORTED", "AWAITING_L1"]
    assert network.steps(KEY) == [*TO_L1, *anew]
    assert network.query("SELECT COUNT(*) FROM product WHERE flight_id = %s", KEY.flight_id) == [(1,)]
    # the same verdict, on the same data: nothing is added
    assert (network.query("SELECT * FROM report"), network.query("SELECT * FROM qc_run")) == before
    assert network.state(other).state is State.REJECTED
    assert again(other.flight_id) == [other]
    network.process(other)
    assert network.steps(other) == [*TO_L1, "REJECTED", *anew]


def test_what_has_something_to_do_by_itself(network):
    """Every state once, as of just now and as of seven hours ago."""
    keys = {}
    with network.warehouse.session() as session, session.transaction():
        session.execute("SET FOREIGN_KEY_CHECKS = 0")
        for n, state in enumerate(State):
            keys[state] = key = KEY._replace(flight_id=f"20240301{n:06d}02")
            session.execute(
                "INSERT INTO flight_state VALUES (%s, %s, 1, %s, '', UTC_TIMESTAMP(3), 'automatic', 'test', 'r')",
                (*key[:2], str(state)),
            )
            session.execute(
                "INSERT INTO flight_state_history VALUES (NULL, %s, %s, 1, 'L1_RELEASED', %s, UTC_TIMESTAMP(3),"
                " 'automatic', 'test', 'r')",
                (*key[:2], str(state)),
            )
        session.execute("SET FOREIGN_KEY_CHECKS = 1")

    def found(**named) -> set[State]:
        todo = network.unfinished(**named)
        assert todo == sorted(todo)
        return {state for state, key in keys.items() if key in todo}

    by_itself = {
        State.RECEIVED,
        State.PARSED,
        State.STORED_L0,
        State.QC_RUNNING,
        State.QC_DONE,
        State.NRT_EXPORTED,
        State.REPROCESS,
        State.L2_CANDIDATE,
    }
    failed = {State.IMPORT_FAILED, State.QC_FAILED}
    assert found() == by_itself
    # EXPORT_FAILED is that of a released product here, which others deliver
    assert found(named=[key.flight_id for key in keys.values()]) == by_itself | failed | {State.PARSE_FAILED}
    age(network, hours=7)
    assert found() == by_itself | failed


def test_near_real_time_data_that_cannot_be_delivered_do_not_keep_the_flight_from_its_pi(network, centre):
    received(network)
    centre.spoil(refuse(422, "invalid_product"), on="PUT products")
    imported(network)
    checked(network)
    with pytest.raises(SourceError):
        export_nrt(network.warehouse, network.client, KEY, data_root=network.data_root, run_id="r")
    assert network.state(KEY).state is State.EXPORT_FAILED
    assert network.unfinished() == [KEY]
    assert let_wait(network.warehouse, KEY, run_id="r") is Level.L1
    assert network.steps(KEY) == [*TO_L1[:-2], "EXPORT_FAILED", "AWAITING_L1"]
    assert let_wait(network.warehouse, KEY, run_id="r") is Level.L1  # and asking again moves nothing
    assert len(network.steps(KEY)) == len(TO_L1)


def test_only_a_judged_flight_waits_for_its_pi_and_for_the_level_that_it_is_about(network, tmp_path):
    received(network)
    assert let_wait(network.warehouse, KEY, run_id="r") is None
    network.process(KEY)
    network.release(KEY)
    assert let_wait(network.warehouse, KEY, run_id="r") is None
    network.calibrate(0, tmp_path)
    network.recompute()
    assert let_wait(network.warehouse, KEY, run_id="r") is Level.L2
    assert network.steps(KEY) == [*TO_L1, "L1_RELEASED", "AWAITING_CAL", "L2_CANDIDATE", "AWAITING_L2"]


def test_a_flight_that_another_run_holds_is_left_as_it_is_at_every_step(network, monkeypatch):
    received(network)
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 0)

    def refused(step) -> None:
        before = everything(network)
        with (
            network.warehouse.session() as session,
            held(session, KEY.flight_id, KEY.instrument_type),
            pytest.raises(StorageUnavailable, match="another run holds"),
        ):
            step()
        assert everything(network) == before

    refused(lambda: imported(network))
    imported(network)
    refused(lambda: checked(network))
    checked(network)
    refused(lambda: let_wait(network.warehouse, KEY, run_id="r"))


def test_a_flight_file_that_nobody_knows_is_refused(network):
    with pytest.raises(PermanentError, match="is not known"):
        imported(network)
    with network.warehouse.session() as session:
        assert states(session) == []


def test_times_and_airports_of_the_data_centre_come_into_the_instrument_database(network):
    waiting(network)
    said = flown(0)
    assert network.query("SELECT flight_id, departure_airport, arrival_airport, arrival_at FROM flight") == [
        (
            said.flight_id,
            said.departure.airport,
            said.arrival.airport,
            said.arrival.time.replace(tzinfo=None, microsecond=0),
        )
    ]
