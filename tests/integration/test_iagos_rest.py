"""From the data centre's list to files in the raw store, with a data centre that does all that section 16 asks for."""

from datetime import timedelta

import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.exchange import Reply, cut_after, refuse, unanswered, whole, wrong_bytes
from skyledger import migrations
from skyledger.errors import PermanentError, SourceError, SourceUnavailable
from skyledger.iagos.flight import Key
from skyledger.iagos.states import State, history
from skyledger.iagos.transfer.errors import BadCursor, NotLetIn, NotPermitted
from skyledger.iagos.transfer.outbox import send_acknowledgements
from skyledger.warehouse import Warehouse
from tests.support.iagos_transfer import Transfer, data_of, flight_id, transfer

pytestmark = pytest.mark.integration

KEY = Key(flight_id(0), "P1", 1)
SECOND = Key(flight_id(0), "P1", 2)


@pytest.fixture
def at(iagos_db, tmp_path) -> Transfer:
    """A data centre that offers nothing yet, and a migrated database."""
    migrations.upgrade("iagos", Warehouse(iagos_db).url)
    with DataCentre() as centre:
        yield transfer(centre, iagos_db, tmp_path / "data")


def test_a_new_file_is_listed_fetched_and_acknowledged(at):
    at.offer(0)
    listed = at.list_new()
    assert listed.as_dict() == {
        "source": "iagos_data_centre",
        "instrument_type": "P1",
        "keys": [str(KEY)],
        "pages": 1,
        "known": 0,
        "acknowledged": 0,
        "refused": [],
        "notes": [],
    }
    fetched = at.fetch()
    assert fetched.as_dict() == {
        "key": str(KEY),
        "state": "RECEIVED",
        "bytes": len(data_of(0)),
        "message": None,
        "relisted": [],
        "acknowledged": 1,
    }
    assert at.kept() == {f"IAGOS_P1_{KEY.flight_id}_L0A_r1.csv.gz": data_of(0)}
    assert at.accepted() == {"f-000001 r1": "received"}
    with at.warehouse.session() as session:
        assert [step.after for step in history(session, KEY)] == [
            "AVAILABLE",
            "QUEUED",
            "TRANSFERRING",
            "RECEIVED",
        ]


def test_a_second_run_changes_nothing_and_asks_only_for_the_list(at):
    at.offer(0)
    at.run()
    before = at.query("SELECT * FROM source_file"), at.query("SELECT * FROM flight_state_history")
    requests = dict(at.centre.requests)
    assert at.run() == []
    assert at.fetch().message == "nothing to do"
    assert (at.query("SELECT * FROM source_file"), at.query("SELECT * FROM flight_state_history")) == before
    assert dict(at.centre.requests) == requests | {"GET files": requests["GET files"] + 1}


def test_of_250_files_over_three_pages_with_one_registered_late_none_is_lost_or_fetched_twice(at):
    now = at.centre.now()
    for n in range(249):
        at.offer(n, data=b"%d" % n, available_since=now - timedelta(minutes=250 - n))
    listed = at.list_new()
    assert (len(listed.keys), listed.pages) == (249, 3)
    at.offer(
        249, data=b"late", available_since=now - timedelta(minutes=40)
    )  # before the end of what was read
    listed = at.list_new()
    assert listed.keys == [Key(flight_id(249), "P1", 1)]
    assert listed.known == 61  # the hour of overlap, with both ends
    assert all(fetched.state is State.RECEIVED for fetched in at.run())
    assert len(at.kept()) == len(at.accepted()) == at.centre.requests["GET content"] == 250
    assert set(at.centre.ack_calls.values()) == {1}
    assert at.list_new().known == 0  # what is acknowledged is not listed any more


def test_a_list_that_breaks_off_is_read_on_from_what_was_committed(at):
    now = at.centre.now()
    for n in range(150):
        at.offer(n, data=b"%d" % n, available_since=now - timedelta(hours=300 - n))
    at.centre.spoil(
        lambda request: request.send(request.carry_out()), refuse(403, "not_permitted"), on="GET files"
    )
    with pytest.raises(NotPermitted):
        at.list_new()
    assert len(at.pending()) == 100
    listed = at.list_new()
    assert (len(listed.keys), listed.pages, listed.known) == (50, 1, 2)


def test_a_place_the_server_does_not_know_is_given_up_for_the_mark_and_that_for_the_beginning(at):
    now = at.centre.now()
    for n in range(101):
        at.offer(n, data=b"%d" % n, available_since=now - timedelta(hours=300 - n))
    ok = lambda request: request.send(request.carry_out())  # noqa: E731
    bad = refuse(400, "bad_cursor")
    at.centre.spoil(ok, bad, on="GET files")  # its own, of the second page
    assert len(at.list_new().keys) == 101
    at.offer(101)
    at.centre.spoil(bad, bad, on="GET files")
    listed = at.list_new()
    assert (len(listed.keys), listed.known) == (1, 101)
    at.centre.spoil(bad, bad, bad, on="GET files")
    with pytest.raises(BadCursor):
        at.list_new()


def test_a_time_in_the_future_does_not_hide_what_comes_until_then(at):
    at.offer(0, available_since=at.centre.now() + timedelta(days=300))
    at.list_new()
    at.offer(1)
    assert len(at.list_new().keys) == 1


def test_an_entry_that_cannot_be_used_is_told_and_kept_and_the_others_go_on(at):
    at.offer(0, size=-3)
    at.offer(1, sha256="no sum")
    at.offer(2)
    listed = at.list_new()
    assert listed.keys == [Key(flight_id(2), "P1", 1)]
    assert "size is -3" in listed.refused[0]
    assert "expected 64 hex digits" in listed.refused[1]
    rows = at.query(
        "SELECT file_id, state, message IS NOT NULL, listing IS NOT NULL FROM source_file ORDER BY file_id"
    )
    assert rows == [
        ("f-000001", "rejected", 1, 1),
        ("f-000002", "rejected", 1, 1),
        ("f-000003", "listed", 0, 0),
    ]
    at.offer(0, file_id="f-000001")  # corrected
    assert at.list_new().keys == [KEY]


@pytest.mark.parametrize("count", [0, 1, 20_000, len(data_of(0)) - 1])
def test_a_download_that_is_cut_at_any_byte_goes_on_from_there(at, count):
    at.offer(0)
    at.list_new()
    at.centre.spoil(cut_after(count), cut_after(0))
    fetched = at.fetch()
    assert (fetched.state, fetched.bytes) == (State.RECEIVED, len(data_of(0)))
    ranges = [entry.range for entry in at.centre.log if entry.kind == "GET content"]
    again = f"bytes={count}-" if count else None
    assert ranges == [None, again, again]


def test_a_server_that_answers_a_part_with_the_whole_is_understood(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(cut_after(1000), whole)
    assert at.fetch().state is State.RECEIVED
    assert at.centre.requests["GET content"] == 2
    assert list(at.kept().values()) == [data_of(0)]


def test_a_part_that_is_not_the_beginning_of_the_file_is_given_up(at):
    at.offer(0)
    at.list_new()
    part = at.data_root / "iagos/incoming" / f"IAGOS_P1_{KEY.flight_id}_L0A_r1.csv.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 100_000)  # longer than the file: bad_range
    assert at.fetch().state is State.RECEIVED
    assert list(at.kept().values()) == [data_of(0)]


def test_a_file_that_is_here_though_its_run_was_killed_is_not_brought_again(at):
    at.offer(0)
    at.list_new()
    kept = at.data_root / "iagos/raw/P1" / KEY.flight_id / f"IAGOS_P1_{KEY.flight_id}_L0A_r1.csv.gz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data_of(0))
    assert (at.fetch().state, at.centre.requests["GET content"]) == (State.RECEIVED, 0)


def test_other_bytes_than_announced_are_asked_for_again_once(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(wrong_bytes)
    assert at.fetch().state is State.RECEIVED
    assert list(at.kept().values()) == [data_of(0)]


def test_other_bytes_than_announced_twice_are_quarantined_and_rejected(at):
    at.offer(0, sha256="0" * 64)
    at.list_new()
    fetched = at.fetch()
    assert fetched.state is State.QUARANTINED
    assert "twice another than announced" in fetched.message
    assert at.centre.requests["GET content"] == 2
    ((_, rejected),) = at.centre.acknowledged.items()
    assert (rejected["status"], rejected["reason"]) == ("rejected", "checksum_mismatch")
    assert rejected["detail"].startswith("got ")
    assert (at.pending(), at.kept()) == ([], {})
    assert at.query("SELECT state FROM ledger") == [("failed",)]
    assert at.run() == []


def test_more_bytes_than_announced_are_not_read_to_their_end(at):
    at.offer(0, data=b"x" * 3_000_000, size=10)
    at.list_new()
    fetched = at.fetch()
    assert fetched.state is State.QUARANTINED
    assert fetched.bytes < 2_000_000


def test_a_new_revision_takes_the_place_of_one_that_was_not_fetched_yet(at):
    at.offer(0)
    at.list_new()
    at.centre.revise("f-000001", data_of(0, 2))
    fetched = at.fetch()
    assert (fetched.state, fetched.relisted) == (State.WITHDRAWN, [SECOND])
    assert "replaced" in fetched.message
    assert at.fetch(revision=2).state is State.RECEIVED
    assert at.accepted() == {"f-000001 r2": "received"}
    assert at.list_new().known == 0


def test_a_server_that_sends_the_new_revision_unasked_is_understood(at):
    at.offer(0)
    at.list_new()
    at.centre.revise("f-000001", data_of(0, 2))
    new = data_of(0, 2)
    at.centre.spoil(lambda request: request.send(Reply(200, new)))
    fetched = at.fetch()
    assert (fetched.state, fetched.relisted) == (State.WITHDRAWN, [SECOND])


def test_a_revision_after_the_first_was_received_is_a_redelivery(at):
    at.offer(0)
    at.run()
    at.centre.revise("f-000001", data_of(0, 2))
    assert [fetched.state for fetched in at.run()] == [State.RECEIVED]
    assert at.states() == {KEY: State.RECEIVED, SECOND: State.RECEIVED}
    assert sorted(at.kept().values()) == sorted([data_of(0), data_of(0, 2)])


def test_a_file_that_was_taken_back_is_withdrawn(at):
    at.offer(0)
    at.list_new()
    at.centre.withdraw("f-000001")
    fetched = at.fetch()
    assert fetched.state is State.WITHDRAWN
    assert "withdrawn" in fetched.message
    assert (at.pending(), at.accepted()) == ([], {})
    assert at.query("SELECT state FROM source_file") == [("withdrawn",)]


def test_a_file_that_has_vanished_is_told_and_asked_for_again_a_day_later(at):
    offered = at.offer(0)
    at.list_new()
    at.centre.vanish("f-000001")
    assert at.fetch().state is State.TRANSFER_FAILED
    assert at.query("SELECT state FROM source_file") == [("vanished",)]
    assert at.pending() == []
    at.offer(0, file_id=offered.file_id)
    with at.warehouse.session() as session, session.transaction():
        session.execute("UPDATE source_file SET updated_at = updated_at - INTERVAL 25 HOUR")
    assert [fetched.state for fetched in at.run()] == [State.RECEIVED]


def test_the_same_file_under_two_ids_is_fetched_once_and_both_are_acknowledged(at):
    at.offer(0, file_id="f-a")
    at.offer(0, file_id="f-b")
    assert [fetched.state for fetched in at.run()] == [State.RECEIVED, State.DUPLICATE]
    assert at.centre.requests["GET content"] == 1
    assert at.accepted() == {"f-a r1": "received", "f-b r1": "received"}
    assert len(at.kept()) == 1


def test_of_the_same_file_under_two_ids_the_other_comes_when_one_is_taken_back(at):
    at.offer(0, file_id="f-a")
    at.offer(0, file_id="f-b")
    at.list_new()
    at.centre.withdraw("f-a")
    assert [fetched.state for fetched in at.run()] == [State.WITHDRAWN, State.RECEIVED]


def test_a_failed_attempt_is_noted_and_the_fifth_in_a_row_is_final_for_the_day(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(*[refuse(503, "maintenance", retry_after=3600)] * 5)
    for _ in range(4):
        with pytest.raises(SourceUnavailable):
            at.fetch()
        assert at.pending() == [KEY]
    with pytest.raises(SourceError, match="failed 5 times in a row: it is asked for once a day"):
        at.fetch()
    assert at.pending() == []
    assert at.fetch().state is State.RECEIVED  # all the same, when somebody wants it


def test_a_credential_that_is_not_let_in_fails_the_attempt_and_says_so(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(refuse(401, "unknown_credential"))
    with pytest.raises(NotLetIn, match="check login and password"):
        at.fetch()
    assert at.states() == {KEY: State.TRANSFER_FAILED}


def test_an_expired_replayed_or_early_token_costs_a_request_and_no_file(at):
    at.offer(0)
    at.centre.spoil(refuse(401, "expired"), on="GET files")
    at.centre.spoil(refuse(401, "replay"), on="GET content")
    at.centre.skew_s = -3600
    assert [fetched.state for fetched in at.run()] == [State.RECEIVED]


def test_a_busy_data_centre_is_waited_for(at):
    at.offer(0)
    for kind in ("GET files", "GET content", "POST ack"):
        at.centre.spoil(refuse(429, "slow_down", retry_after=3), on=kind)
    assert [fetched.state for fetched in at.run()] == [State.RECEIVED]
    assert at.accepted() == {"f-000001 r1": "received"}


def test_acknowledgements_wait_while_the_data_centre_does_not_take_them(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(refuse(503, "maintenance", retry_after=3600), on="POST ack")
    fetched = at.fetch()
    assert (fetched.state, fetched.acknowledged) == (State.RECEIVED, 0)
    rows = at.query(
        "SELECT tries, sent_utc, due_utc > UTC_TIMESTAMP(), message IS NOT NULL FROM acknowledgement"
    )
    assert rows == [(1, None, 1, 1)]
    assert send_acknowledgements(at.warehouse, at.client()).as_dict() == {
        "sent": 0,
        "waiting": 0,
        "refused": [],
    }
    with at.warehouse.session() as session, session.transaction():
        session.execute("UPDATE acknowledgement SET due_utc = UTC_TIMESTAMP()")
    assert send_acknowledgements(at.warehouse, at.client()).sent == 1
    assert at.accepted() == {"f-000001 r1": "received"}


def test_an_acknowledgement_whose_answer_was_lost_counts_once(at):
    at.offer(0)
    at.centre.spoil(unanswered, on="POST ack")
    at.run()
    assert at.accepted() == {"f-000001 r1": "received"}
    assert list(at.centre.ack_calls.values()) == [2]
    assert at.query("SELECT sent_utc IS NOT NULL, due_utc FROM acknowledgement") == [(1, None)]


def test_an_acknowledgement_the_data_centre_never_takes_is_given_up_and_told(at):
    at.offer(0)
    at.list_new()
    at.centre.spoil(refuse(410, "withdrawn"), on="POST ack")
    at.fetch()
    assert at.query("SELECT sent_utc, due_utc, message LIKE '%withdrawn%' FROM acknowledgement") == [
        (None, None, 1)
    ]


def test_a_file_of_another_source_is_not_asked_for_here(at):
    with pytest.raises(PermanentError, match="has not offered it"):
        at.fetch()
