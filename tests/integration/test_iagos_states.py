"""States of flight files: legal steps and their history; all others are refused by code and by the database."""

import pytest

from skyledger import migrations
from skyledger.errors import StorageError
from skyledger.iagos.flight import Key
from skyledger.iagos.states import State, StateConflict, begin, history, move, state_of, states
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

KEY = Key("2024030512345602", "P1", 1)


@pytest.fixture
def warehouse(iagos_db):
    """An empty, migrated database."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    return warehouse


def step(session, before, after):
    with session.transaction():
        move(session, KEY, after, before=before, reason="test", run_id="r")


def test_a_file_takes_legal_steps_and_each_is_kept(warehouse):
    with warehouse.session() as session:
        with session.transaction():
            begin(session, KEY, reason="listed", run_id="r")
        for before, after in [(State.AVAILABLE, State.QUEUED), (State.QUEUED, State.TRANSFERRING)]:
            step(session, before, after)
        assert state_of(session, KEY).state is State.TRANSFERRING
        assert [(s.before, s.after) for s in history(session, KEY)] == [
            ("", "AVAILABLE"),
            ("AVAILABLE", "QUEUED"),
            ("QUEUED", "TRANSFERRING"),
        ]
        assert [one.key for one in states(session, among=(State.TRANSFERRING, State.PARSED))] == [KEY]
        assert states(session, among=(State.PARSED,)) == []


def test_a_step_from_another_state_is_a_conflict(warehouse):
    with warehouse.session() as session:
        with pytest.raises(StateConflict, match="not known"):
            step(session, State.AVAILABLE, State.QUEUED)
        with session.transaction():
            begin(session, KEY, reason="listed", run_id="r")
        with pytest.raises(
            StateConflict, match="is AVAILABLE, so it cannot become TRANSFERRING; expected QUEUED"
        ):
            step(session, State.QUEUED, State.TRANSFERRING)
        assert len(history(session, KEY)) == 1


def test_the_database_refuses_steps_that_are_not_legal(warehouse):
    with warehouse.session() as session:
        with session.transaction():
            begin(session, KEY, reason="listed", run_id="r")
        with pytest.raises(StorageError, match="flight_state_step_is_legal"):
            step(session, State.AVAILABLE, State.L2_RELEASED)
        with pytest.raises(StorageError), session.transaction():  # nor by hand
            session.execute("UPDATE flight_state SET state = 'L1_RELEASED'")
        assert state_of(session, KEY).state is State.AVAILABLE


def test_every_state_is_reached_and_no_step_names_an_unknown_one(warehouse):
    with warehouse.session() as session:
        steps = session.query("SELECT from_state, to_state FROM flight_state_step")
    assert {after for _, after in steps} == set(State)
    assert {before for before, _ in steps} <= {"", *State}
    assert not [
        step for step in steps if step[1] == "L2_RELEASED" and step[0] not in ("AWAITING_L2", "EXPORT_FAILED")
    ]
    assert [step for step in steps if step[1] == "L1_RELEASED"] == [("AWAITING_L1", "L1_RELEASED")]
