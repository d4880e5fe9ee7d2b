"""Files of sources: each is queued once, brought once, and what goes wrong is kept with its reason."""

import hashlib
from datetime import UTC, datetime

import pytest

from skyledger import migrations
from skyledger.errors import FormatError, SourceUnavailable, StorageError
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.states import State, StateConflict, held, history, state_of
from skyledger.iagos.transfer import files, offered
from skyledger.iagos.transfer.offered import FileEntry
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

FLIGHT = "2024030512345602"
KEY = Key(FLIGHT, "P1", 1)
SOURCE = "somewhere"
DATA = b"bytes of a flight"


@pytest.fixture
def session(iagos_db):
    """A session of an empty, migrated database."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session:
        yield session


def entry(file_id="f-1", source_revision=1, data=DATA, flight_id=FLIGHT, **changed):
    fields = {
        "name": f"IAGOS_P1_{flight_id}_L0A_r{source_revision}.csv.gz",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "departure": Stop("FRA", datetime(2024, 3, 5, 12, 34, 56, tzinfo=UTC)),
        "arrival": Stop("JFK", datetime(2024, 3, 5, 20, 41, 10, tzinfo=UTC)),
        "available_since": datetime(2024, 3, 5, 21, 5, tzinfo=UTC),
    }
    return FileEntry(file_id, source_revision, "P1", flight_id, **(fields | changed))


def queue(session, *entries):
    with files.listing(session, "P1"):
        return session.commit(lambda: files.queue(session, SOURCE, entries, run_id="r"))


def bring(session, tmp_path, key=KEY, data=DATA, completeness="sha256", receiver="me"):
    """Bring a file as a source would."""
    file = offered.source_file(session, key)
    part = tmp_path / "arrived.part"
    part.write_bytes(data)
    with held(session, key.flight_id, key.instrument_type), files.transferring(session, file, run_id="r"):
        return files.receive(
            session,
            file,
            part,
            hashlib.sha256(data).hexdigest(),
            completeness,
            data_root=tmp_path / "data",
            receiver=receiver,
            run_id="r",
        )


def test_a_listed_file_is_queued_once(session):
    assert queue(session, entry(), entry()).keys == [KEY]
    again = queue(session, entry())
    assert (again.keys, again.known, again.notes) == ([], 1, [])
    assert offered.pending(session, "P1", SOURCE) == [KEY]
    assert offered.pending(session, "P1", "elsewhere") == offered.pending(session, "ICH", SOURCE) == []
    file = offered.source_file(session, KEY)
    assert (file.departure, file.arrival) == (entry().departure, entry().arrival)
    assert file.available_since == entry().available_since
    assert [step.after for step in history(session, KEY)] == ["AVAILABLE", "QUEUED"]


def test_a_received_file_is_kept_and_noted_in_one_go(session, tmp_path):
    queue(session, entry())
    assert bring(session, tmp_path) is State.RECEIVED
    file = offered.source_file(session, KEY)
    assert file.raw_path == f"iagos/raw/P1/{FLIGHT}/IAGOS_P1_{FLIGHT}_L0A_r1.csv.gz"
    assert (tmp_path / "data" / file.raw_path).read_bytes() == DATA
    assert (file.state, file.bytes, file.completeness) == ("received", len(DATA), "sha256")
    assert file.received_at is not None
    assert state_of(session, KEY).state is State.RECEIVED
    assert offered.pending(session, "P1", SOURCE) == []
    ledger = "SELECT dataset, member, partition_key, state, rows_stored, source_digest FROM ledger"
    assert session.query(ledger) == [("iagos.files", "P1", f"{FLIGHT}|r1", "stored", 1, file.sha256)]
    assert session.query("SELECT status, tries, sent_utc FROM acknowledgement") == [("received", 0, None)]


def test_other_bytes_of_a_flight_are_a_redelivery_and_the_old_ones_are_kept(session, tmp_path):
    # weakness 12
    queue(session, entry())
    bring(session, tmp_path)
    second = Key(FLIGHT, "P1", 2)
    assert queue(session, entry("f-1", 2, b"better")).keys == [second]
    assert history(session, second)[0].reason.startswith("redelivery: ")
    assert bring(session, tmp_path, second, b"better") is State.RECEIVED
    kept = {path.name: path.read_bytes() for path in (tmp_path / "data").rglob("*.gz")}
    assert kept == {
        f"IAGOS_P1_{FLIGHT}_L0A_r1.csv.gz": DATA,
        f"IAGOS_P1_{FLIGHT}_L0A_r2.csv.gz": b"better",
    }


def test_the_same_bytes_under_another_name_are_a_duplicate_and_no_work(session, tmp_path):
    queue(session, entry("f-1"), entry("f-2"))
    second = Key(FLIGHT, "P1", 2)
    bring(session, tmp_path)
    assert bring(session, tmp_path, second) is State.DUPLICATE
    assert state_of(session, second).state is State.DUPLICATE
    assert len(list((tmp_path / "data").rglob("*.gz"))) == 1
    assert session.query("SELECT state, duplicate_of IS NOT NULL FROM source_file ORDER BY file_id") == [
        ("received", 0),
        ("duplicate", 1),
    ]
    assert session.query("SELECT COUNT(*) FROM acknowledgement WHERE status = 'received'") == [(2,)]
    assert session.query("SELECT state FROM ledger ORDER BY partition_key") == [("stored",), ("empty",)]


def test_the_same_bytes_of_another_flight_are_no_duplicate(session, tmp_path):
    other = Key("2024030612345602", "P1", 1)
    queue(session, entry(), entry("f-2", flight_id=other.flight_id))
    assert bring(session, tmp_path) is bring(session, tmp_path, other) is State.RECEIVED


def test_a_file_of_a_folder_tells_neither_size_nor_sum(session, tmp_path):
    queue(session, entry(bytes=None, sha256=None, departure=None, arrival=None, available_since=None))
    assert bring(session, tmp_path, completeness="stable_size", receiver=None) is State.RECEIVED
    file = offered.source_file(session, KEY)
    assert (file.bytes, file.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert session.query("SELECT * FROM acknowledgement") == []


def test_failed_attempts_are_counted_and_after_five_it_is_once_a_day(session):
    queue(session, entry())
    for n in range(1, offered.TRIES + 1):
        assert offered.pending(session, "P1", SOURCE) == [KEY]
        file = offered.source_file(session, KEY)
        with pytest.raises(SourceUnavailable), files.transferring(session, file, run_id="r"):
            raise SourceUnavailable("away")
        file = offered.source_file(session, KEY)
        assert (file.state, file.tries, file.message) == ("failed", n, "away")
        assert state_of(session, KEY).state is State.TRANSFER_FAILED
    assert offered.pending(session, "P1", SOURCE) == []
    session.execute("UPDATE source_file SET updated_at = updated_at - INTERVAL 25 HOUR")
    assert offered.pending(session, "P1", SOURCE) == [KEY]
    assert session.query("SELECT attempt, state FROM ledger") == [(5, "failed")]


def test_what_a_crash_left_in_transfer_is_taken_up_again(session, tmp_path):
    queue(session, entry())
    file = offered.source_file(session, KEY)
    with pytest.raises(KeyboardInterrupt), files.transferring(session, file, run_id="r"):
        raise KeyboardInterrupt
    assert state_of(session, KEY).state is State.TRANSFERRING
    assert offered.pending(session, "P1", SOURCE) == [KEY]
    assert bring(session, tmp_path) is State.RECEIVED
    assert session.query("SELECT state FROM run_record ORDER BY attempt") == [("interrupted",), ("stored",)]


def test_a_file_that_is_here_is_not_brought_again(session, tmp_path):
    queue(session, entry())
    bring(session, tmp_path)
    with pytest.raises(StateConflict, match="is RECEIVED"):
        bring(session, tmp_path)


def test_a_corrected_announcement_brings_a_quarantined_file_again(session, tmp_path):
    queue(session, entry(data=b"wrong"))
    file = offered.source_file(session, KEY)
    with files.transferring(session, file, run_id="r"):
        files.end(session, file, "quarantined", "other bytes", run_id="r")
    assert offered.pending(session, "P1", SOURCE) == []
    queued = queue(session, entry())
    assert (queued.keys, len(queued.notes)) == ([], 1)
    assert offered.pending(session, "P1", SOURCE) == [KEY]
    assert bring(session, tmp_path) is State.RECEIVED
    queued = queue(session, entry(data=b"changed"))
    assert "was received: expected a new revision" in queued.notes[0]
    assert state_of(session, KEY).state is State.RECEIVED


def test_a_file_that_is_here_is_not_brought_again_by_a_person(session, tmp_path):
    queue(session, entry())
    bring(session, tmp_path)
    with pytest.raises(StateConflict, match="expected QUARANTINED or TRANSFER_FAILED"):
        files.requeue(session, KEY, actor="operator1", reason="once more", run_id="cli")
    assert offered.source_file(session, KEY).state == "received"
    assert state_of(session, KEY).state is State.RECEIVED


def test_a_person_can_have_a_failed_file_brought_again(session):
    queue(session, entry())
    file = offered.source_file(session, KEY)
    with files.transferring(session, file, run_id="r"):
        files.end(session, file, "vanished", "404", run_id="r")
    assert offered.pending(session, "P1", SOURCE) == []
    files.requeue(session, KEY, actor="operator1", reason="it is back", run_id="cli")
    assert offered.pending(session, "P1", SOURCE) == [KEY]
    assert history(session, KEY)[-1].actor == "operator1"


def test_an_entry_that_cannot_be_used_is_kept_until_it_is_corrected(session):
    session.commit(lambda: files.refuse(session, SOURCE, "f-1", 1, "size is -1", {"size": -1}, run_id="r"))
    rows = "SELECT state, message, listing, flight_id FROM source_file"
    assert session.query(rows) == [("rejected", "size is -1", '{"size": -1}', None)]
    assert queue(session, entry()).keys == [KEY]
    session.commit(lambda: files.refuse(session, SOURCE, "f-1", 1, "bad again", {}, run_id="r"))
    assert session.query("SELECT state, message FROM source_file") == [("listed", None)]


def test_a_raw_store_that_is_closed_is_a_failed_attempt_that_says_so(session, tmp_path):
    queue(session, entry())
    (tmp_path / "data").write_text("a file, no folder")
    with pytest.raises(StorageError, match="see to space and rights"):
        bring(session, tmp_path)
    assert state_of(session, KEY).state is State.TRANSFER_FAILED


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"file_id": "../../etc/passwd"}, "letters, digits"),
        ({"source_revision": 0}, "revision of 1 or more"),
        ({"flight_id": "2024133512345602"}, "flight_id"),
        ({"name": "../IAGOS_P1_2024030512345602_L0A_r1.csv.gz"}, "file name"),
        ({"name": "IAGOS_P1_2024030512345607_L0A_r1.csv.gz"}, "expected one of P1 and 2024030512345602"),
        ({"instrument_type": "ICH"}, "expected one of ICH"),
        ({"sha256": "abc"}, "64 hex digits"),
        ({"bytes": 0}, "size is 0"),
        ({"bytes": 10**12}, "size is"),
    ],
)
def test_what_a_source_says_is_checked_before_it_is_used(changed, expected):
    with pytest.raises(FormatError, match=expected):
        offered.checked(entry()._replace(**changed))
    assert offered.checked(entry()) == entry()
