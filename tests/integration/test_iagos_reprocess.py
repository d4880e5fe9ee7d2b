"""Calibrations that come or change: what they touch is counted first, then computed again; and people are reminded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.exchange import refuse
from skyledger.errors import PermanentError
from skyledger.iagos import states
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.metadata.calibrations import calibration_set
from skyledger.iagos.metadata.flights import note_flight
from skyledger.iagos.names import Level
from skyledger.iagos.release.reminders import reminder, waiting
from skyledger.iagos.release.reprocess import plan_reprocess, queue_reprocess
from skyledger.iagos.states import State
from tests.support.iagos_metadata import FLEET, one, take
from tests.support.iagos_release import Releases

pytestmark = pytest.mark.integration

KEYS = [Key(f"202312{day:02d}12000002", "P1", 1) for day in (1, 2, 3, 4)]
POST = one(
    "calibration",
    [
        "O3 analyser,O1,2024-03-01,linear,slope=0.972; offset=2.6,",
        "CO analyser,C1,2024-03-01,polynomial,c0=1; c1=0.98; c2=1e-5,",
        "RH sensor,R1,2024-03-01,table,x0=0; y0=0; x1=1; y1=0.97,",
        "PT100,T1,2024-03-01,linear,slope=1; offset=0.2,",
    ],
)


@pytest.fixture
def centre():
    with DataCentre() as centre:
        yield centre


@pytest.fixture
def network(iagos_db, tmp_path, centre):
    """A deployed unit with its calibrations before the deployment, four flights, two of them waiting for the others."""
    network = Releases(iagos_db, tmp_path / "data", centre.connection).prepare()
    with network.warehouse.session() as session:
        take(session, tmp_path / "fleet", FLEET)
        with session.transaction():
            for key in KEYS:
                begin = datetime.strptime(key.flight_id[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
                note_flight(
                    session,
                    key.flight_id,
                    departure=Stop("FRA", begin),
                    arrival=Stop("JFK", begin + timedelta(hours=8)),
                    actor="test",
                )
        before = calibration_set(session, KEYS[0].flight_id, "P1").ids
    for key in KEYS[:3]:
        network.waiting(key, calibrations=before)
    for key in KEYS[:2]:
        network.released(key)
    return network


@pytest.fixture
def calibrated(network, tmp_path):
    """Calibrations after the deployment have come; how many there are and their numbers."""
    return network, calibrate(network, tmp_path / "post")


def calibrate(network: Releases, folder: Path) -> list[int]:
    with network.warehouse.session() as session:
        take(session, folder, POST)
        ids = calibration_set(session, KEYS[0].flight_id, "P1").ids
        ((first,),) = session.query(
            "SELECT MIN(calibration_id) FROM calibration WHERE calibrated_at > '2024-02-01'"
        )
    return [number for number in ids if number >= first]


def plan(network, *ids):
    with network.warehouse.session() as session:
        return plan_reprocess(session, calibration_ids=ids)


def queue(network, found, at_most=100):
    with network.warehouse.session() as session:
        return queue_reprocess(session, found, at_most=at_most, actor="operator1", run_id="r")


def all_states(network):
    return [network.state(key) for key in KEYS[:3]]


def recompute(network, key):
    """As check_flight does with a candidate."""
    with network.warehouse.session() as session:
        ids = calibration_set(session, key.flight_id, "P1").ids
    network.candidate(key, calibrations=ids)
    return network.judge(key, Level.L2)


def test_without_a_calibration_after_the_deployment_nothing_is_computed(network):
    found = plan(network)
    assert (
        found.describe()
        == "2 flights wait for a calibration: 2 without a calibration after the deployment yet"
    )
    assert queue(network, found) == []


def test_a_plan_counts_what_calibrations_touch_and_changes_nothing(calibrated):
    network, ids = calibrated
    before = all_states(network)
    found = plan(network, ids[0])
    assert found.describe() == (
        f"calibration {ids[0]}: 4 flights of 1 deployments (2 with a released Level 1, 0 with a released Level 2):"
        " 2 to be computed again, 1 before Level 1, which comes first, 1 whose files have not come"
    )
    assert found.as_dict() == {
        "because": f"calibration {ids[0]}",
        "deployments": ["D1"],
        "flights": 4,
        "released_l1": 2,
        "released_l2": 0,
        "not_here": 1,
        "begun": 0,
        "level_1": 0,
        "todo": 2,
        "no_post": 0,
        "unchanged": 0,
        "earlier": 1,
        "cannot": 0,
    }
    assert plan(network).todo == found.todo == KEYS[:2]
    assert all_states(network) == before
    with pytest.raises(PermanentError, match="no calibration with number 999"):
        plan(network, 999)


def test_weakness_15_queueing_stops_and_goes_on_where_it_stopped(calibrated):
    network, _ = calibrated
    found = plan(network)
    assert queue(network, found, at_most=1) == KEYS[:1]
    assert all_states(network) == [State.L2_CANDIDATE, State.AWAITING_CAL, State.AWAITING_L1]
    with network.warehouse.session() as session:
        last = states.history(session, KEYS[0])[-1]
    assert (last.actor, last.reason) == (
        "operator1",
        "computed again: the calibration after the deployment has come",
    )
    again = plan(network)
    assert "1 to be computed again, 1 left by a run that stopped" in again.describe()
    assert queue(network, again, at_most=1) == KEYS[:1]
    assert queue(network, again) == KEYS[:2]
    assert queue(network, again) == KEYS[:1]  # an old plan moves nothing twice; the rest is in the next plan
    assert all_states(network) == [State.L2_CANDIDATE, State.L2_CANDIDATE, State.AWAITING_L1]


def test_a_flight_that_another_run_holds_is_left_to_the_next_plan(calibrated, monkeypatch):
    network, _ = calibrated
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 0)
    with network.warehouse.session() as other, states.held(other, KEYS[0].flight_id, "P1"):
        assert queue(network, plan(network)) == KEYS[1:2]
    assert plan(network).todo == KEYS[:1]


def test_level_1_becomes_level_2_and_the_same_calibrations_change_nothing_more(calibrated):
    network, ids = calibrated
    key = KEYS[0]
    queue(network, plan(network), at_most=1)
    recompute(network, key)
    assert plan(network, *ids).unchanged == [key]
    network.decide(key=key, level=Level.L2)
    found = plan(network, *ids)
    assert (found.unchanged, found.todo) == ([key], KEYS[1:2])
    assert found.released_l2 == 1


def test_a_correction_after_level_2_gives_a_new_minor_version_that_waits_for_the_pi(calibrated, tmp_path):
    network, _ = calibrated
    key = KEYS[0]
    queue(network, plan(network), at_most=1)
    recompute(network, key)
    network.released(key, Level.L2)
    with network.warehouse.session() as session:
        take(
            session,
            tmp_path / "again",
            one("calibration", "O3 analyser,O1,2024-03-01,linear,slope=0.970; offset=2.6,"),
        )
        new = calibration_set(session, key.flight_id, "P1").parts["O3 analyser"].pair.post.id
    found = plan(network, new)
    assert key in found.todo
    assert key in queue(network, found)
    recompute(network, key)
    assert network.state(key) is State.AWAITING_L2
    assert network.decide(key=key, level=Level.L2).told() == "released as 1.1.0"
    network.make(key, Level.L2)
    first, second = network.products(level=Level.L2)
    assert (str(first.version), first.state, first.superseded_by) == ("1.0.0", "pushed", second.product_id)
    assert second.reason.startswith("calibrations ")
    assert str(new) in second.reason
    assert network.load(first).version == (1, 0, 0)


def test_a_release_whose_files_are_not_written_yet_is_not_computed_again(calibrated, tmp_path):
    network, _ = calibrated
    key = KEYS[0]
    queue(network, plan(network), at_most=1)
    recompute(network, key)
    network.decide(key=key, level=Level.L2)
    with network.warehouse.session() as session:
        take(
            session,
            tmp_path / "again",
            one("calibration", "O3 analyser,O1,2024-03-01,linear,slope=0.970; offset=2.6,"),
        )
        new = calibration_set(session, key.flight_id, "P1").parts["O3 analyser"].pair.post.id
    assert plan(network, new).cannot == [
        f"{key}: the files of its release are not written yet; run write_products first"
    ]
    network.make(key, Level.L2)
    assert key in plan(network, new).todo


def test_a_candidate_that_failed_can_be_computed_again(calibrated):
    network, _ = calibrated
    queue(network, plan(network))
    with network.warehouse.session() as session, session.transaction():
        states.move(session, KEYS[0], State.QC_FAILED, before=State.L2_CANDIDATE, reason="t", run_id="r")
    with network.warehouse.session() as session:
        numbers = calibration_set(session, KEYS[0].flight_id, "P1").ids
    assert plan(network, *numbers).todo == KEYS[:1]


def test_a_flight_without_deployment_is_named_and_does_not_stop_the_others(calibrated):
    network, _ = calibrated
    stray = Key("2023081512000002", "P1", 1)
    with network.warehouse.session() as session, session.transaction():
        begin = datetime(2023, 8, 15, 12, tzinfo=UTC)
        note_flight(
            session,
            stray.flight_id,
            departure=Stop("FRA", begin),
            arrival=Stop("JFK", begin + timedelta(hours=8)),
            actor="test",
        )
    network.released(stray)
    found = plan(network)
    assert found.todo == KEYS[:2]
    assert f"cannot be computed: {stray}: flight {stray.flight_id}: P1 unit on aircraft" in found.describe()


# reminders


def remind(network, days):
    with network.warehouse.session() as session:
        return reminder(session, datetime.now(UTC) + timedelta(days=days))


def test_nothing_is_told_before_three_days(network):
    told = remind(network, 2.9)
    assert told.lines == ()
    assert told.subject == "IAGOS flights: nothing waits"


def test_the_pi_is_reminded_after_three_days_and_the_managers_after_ten(network):
    told = remind(network, 3.1)
    ((label, text),) = told.lines
    assert label == "L1 of P1 waits for 3 days or more (PI: Pi2 P1, Pi P1)"
    assert text == f"{KEYS[2].flight_id} (3 days)"
    assert told.subject == "IAGOS flights: 1 wait for a decision"
    late = remind(network, 10.1)
    ((label, text),) = late.lines
    assert label == "L1 of P1 waits for 10 days or more (manager: Manager1)"
    assert late.as_dict() == {"waiting": 1, "escalated": 1, "to_compute": 0, "undelivered": 0}
    with network.warehouse.session() as session:
        (found,) = waiting(session, datetime.now(UTC) + timedelta(days=10.1))
    assert (found.key, found.level, found.days) == (KEYS[2], Level.L1, 10)


def test_flights_whose_calibration_has_come_and_products_not_delivered_are_told(calibrated, centre):
    network, _ = calibrated
    network.decide(key=KEYS[2])
    network.make(KEYS[2])
    centre.spoil(refuse(403, "not_permitted"), on="PUT products")
    with pytest.raises(PermanentError):
        network.push(KEYS[2])
    told = remind(network, 0)
    assert told.subject == "IAGOS flights: 2 can become Level 2, 1 not delivered"
    assert dict(told.lines) == {
        "Level 2 can be computed: the calibration has come": (
            f"{KEYS[0].flight_id}, {KEYS[1].flight_id}: start iagos_flights_reprocess"
        ),
        "Not with the data centre": (
            f"{KEYS[2].flight_id} P1 L1 1.0.0: run `skyledger iagos deliver`, or clear the failed task"
        ),
    }
