"""Decisions of the PI: who may, about what, and what follows; each in one transaction, recorded as it was taken."""

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger.errors import StorageError, StorageUnavailable
from skyledger.iagos import series, states
from skyledger.iagos.assess import quality_config
from skyledger.iagos.assess.by_hand import manual_flags, set_flags
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level
from skyledger.iagos.release import decide as module
from skyledger.iagos.release.decide import Decision, FlagEdit, decide_all
from skyledger.iagos.release.errors import (
    CommentMissing,
    Conflict,
    DecisionRefused,
    NotPermitted,
    UnknownFlight,
)
from skyledger.iagos.release.recorded import decisions
from skyledger.iagos.release.rules import ReleaseRules
from skyledger.iagos.release.versions import products
from skyledger.iagos.states import State
from tests.support.iagos_flights import DEPARTURE, KEY
from tests.support.iagos_release import (
    FORMER_PI,
    MANAGER,
    OPERATOR,
    PI,
    PI_OF_OTHER,
    SECOND_PI,
    Releases,
    biased,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def database(mariadb):
    """Tables and people."""
    found = mariadb.create_database("iagos_decide", "iagos_decide", conn_id="iagos_db")
    Releases(found, Path()).prepare()
    yield found
    mariadb.drop_database("iagos_decide", "iagos_decide")


@pytest.fixture
def network(database, tmp_path):
    """People, a data centre, and no flight yet."""
    with DataCentre() as centre:
        network = Releases(database, tmp_path, centre.connection)
        network.wipe()
        yield network


@pytest.fixture
def four_eyes(monkeypatch):
    """Level 2 needs two people."""
    monkeypatch.setattr(module, "release_rules", lambda: ReleaseRules(four_eyes=True))


def recorded(network, key=KEY):
    with network.warehouse.session() as session:
        return decisions(session, key)


def everything(network):
    """All rows that a decision may touch."""
    tables = ("release_decision", "product", "flight_state", "flight_state_history", "flag_event")
    return {table: network.query(f"SELECT * FROM {table}") for table in tables}


def test_the_pi_releases_and_what_follows_is_there_at_once(network):
    report = network.waiting()
    decided = network.decide()
    assert decided.released
    assert decided.told() == "released as 1.0.0"
    assert network.state() is State.L1_RELEASED
    (one,) = recorded(network)
    assert (one.action, one.person, one.role, one.digest) == ("release", PI, "PI", report.data_digest)
    with network.warehouse.session() as session:
        (product,) = products(session)
        last = states.history(session, KEY)[-1]
    assert (product.state, product.decision_id, str(product.version)) == ("pending", one.decision_id, "1.0.0")
    assert (last.actor, last.reason) == (PI, "released as 1.0.0")


@pytest.mark.parametrize("person", [OPERATOR, MANAGER, PI_OF_OTHER, FORMER_PI, "nobody", "automatic", ""])
def test_who_is_not_pi_of_the_instrument_now_is_refused(network, person):
    network.waiting()
    before = everything(network)
    with pytest.raises(NotPermitted, match=r"is not PI of P1 now, see table person_role") as refused:
        network.decide(person=person)
    assert refused.value.status == 403
    assert everything(network) == before


def test_weakness_7_a_stale_report_is_refused_with_409_and_the_new_one_counts(network):
    old = network.waiting()
    network.decide(action="rerun", comment="again")
    other = quality_config("P1").model_copy(update={"version": 2})
    new = network.judge(config=other)
    assert new.data_digest != old.data_digest
    before = everything(network)
    with pytest.raises(
        Conflict, match=f"read {new.page}.*digest {new.data_digest[:8]}.* and decide again"
    ) as refused:
        network.decide(digest=old.data_digest)
    assert refused.value.status == 409
    assert everything(network) == before
    assert network.decide(digest=new.data_digest).released


def test_flags_that_somebody_sets_after_the_report_make_it_stale(network):
    network.waiting()
    with network.warehouse.session() as session, session.transaction():
        set_flags(session, KEY, "O3_P1", DEPARTURE, DEPARTURE, Validity.ERRONEOUS, "spike", PI)
    assert not network.report().up_to_date
    with pytest.raises(Conflict, match="data or flags have changed since the report"):
        network.decide()


def test_series_that_are_made_again_after_the_report_make_it_stale(network):
    data = network.stored()
    network.judge()
    with network.warehouse.session() as session, session.transaction():
        series.keep(session, biased(data, 1.0), network.data_root, run_id="r")
    with pytest.raises(Conflict, match="data or flags have changed since the report"):
        network.decide()


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_a_flight_without_report_is_not_decided_about(network, level):
    network.stored()
    with pytest.raises(Conflict, match="is STORED_L0: there is nothing to release now"):
        network.decide(level=level)
    with pytest.raises(UnknownFlight, match="is not known"):
        network.decide(key=KEY._replace(revision=9))


def test_level_2_before_level_1_is_refused(network):
    network.stored()
    with network.warehouse.session() as session, session.transaction():
        for before, after in [(State.STORED_L0, State.QC_RUNNING), (State.QC_RUNNING, State.QC_DONE)]:
            states.move(session, KEY, after, before=before, reason="test", run_id="r")
    with network.warehouse.session() as session, session.transaction():
        data = series.load(session, network.data_root, KEY, Level.L0)
        series.keep(session, biased(data, 0.4, level=Level.L2), network.data_root, run_id="r")
    network.judge(level=Level.L2)  # states allow it; the decision does not
    before = everything(network)
    with pytest.raises(
        Conflict, match="Level 1 of this delivery has not been released; Level 2 comes after it"
    ):
        network.decide(level=Level.L2)
    assert everything(network) == before


def test_level_2_before_level_1_is_refused_by_the_database_too(network):
    network.waiting_for_l2()
    network.decide(level=Level.L2)
    with pytest.raises(StorageError, match="product_l2_after_l1"):
        network.execute("UPDATE product SET l1_product_id = NULL WHERE level = 'L2'")


def test_the_database_refuses_a_decision_or_a_product_on_other_data_than_reported(network):
    network.waiting()
    network.decide()
    for table, name in [
        ("release_decision", "release_decision_goes_by_a_report|product_is_what_was_decided"),
        ("product", "product_is_what"),
    ]:
        with pytest.raises(StorageError, match=name):
            network.execute(f"UPDATE {table} SET data_digest = REPEAT('0', 64)")


@pytest.mark.parametrize("action", ["rerun", "edit_flags", "reject", "defer", "withdraw"])
@pytest.mark.parametrize("comment", [None, "", "  "])
def test_everything_but_a_release_needs_a_comment(network, action, comment):
    network.waiting()
    flags = (FlagEdit("O3_P1", DEPARTURE, DEPARTURE, Validity.LIMITED),)
    with pytest.raises(CommentMissing, match=f"{action} needs a comment that says why") as refused:
        network.decide(action=action, comment=comment, flags=flags)
    assert refused.value.status == 400
    assert network.state() is State.AWAITING_L1


def test_a_rejected_flight_can_be_judged_again_and_released(network):
    network.waiting()
    assert network.decide(action="reject", comment="O3 cell broken").told() == "rejected: O3 cell broken"
    assert network.state() is State.REJECTED
    with pytest.raises(Conflict, match="is REJECTED: there is nothing to release now"):
        network.decide()
    network.decide(action="rerun", comment="second thoughts")
    assert network.state() is State.REPROCESS
    network.judge()
    assert network.decide().released


def test_edited_flags_are_kept_with_who_and_why_and_the_release_is_of_the_new_data(network):
    old = network.waiting()
    flags = (
        FlagEdit("O3_P1", DEPARTURE, DEPARTURE + timedelta(seconds=40), Validity.ERRONEOUS),
        FlagEdit("CO_P1", DEPARTURE, DEPARTURE + timedelta(seconds=8), Validity.LIMITED),
    )
    network.decide(action="edit_flags", comment="contaminated", flags=flags)
    assert network.state() is State.REPROCESS
    with network.warehouse.session() as session:
        by_hand = manual_flags(session, KEY).flags
    assert [(one.variable, one.reason, one.person) for one in by_hand] == [
        ("O3_P1", "contaminated", PI),
        ("CO_P1", "contaminated", PI),
    ]
    new = network.judge()
    assert new.data_digest != old.data_digest
    network.decide()
    network.make()
    with network.warehouse.session() as session:
        (product,) = products(session)
        data = series.load(session, network.data_root, KEY, Level.L1, product.version)
    assert set(data.series["O3_P1"].validity[:11]) == {Validity.ERRONEOUS}


def test_a_bad_flag_leaves_nothing_of_the_decision(network):
    network.waiting()
    before = everything(network)
    with pytest.raises(DecisionRefused, match="no flags to set"):
        network.decide(action="edit_flags", comment="x")
    flags = (
        FlagEdit("O3_P1", DEPARTURE, DEPARTURE, Validity.LIMITED),
        FlagEdit("O3_P1", DEPARTURE, DEPARTURE, Validity.MISSING),
    )
    with pytest.raises(Exception, match="cannot be set by a person"):
        network.decide(action="edit_flags", comment="x", flags=flags)
    assert everything(network) == before


def test_a_deferred_flight_goes_on_waiting(network):
    network.waiting()
    assert network.decide(action="defer", comment="ask the lab").told() == "goes on waiting: ask the lab"
    assert network.state() is State.AWAITING_L1
    assert network.report().waits
    assert network.decide().released
    assert [one.action for one in recorded(network)] == ["defer", "release"]
    assert not network.report().waits


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"action": "publish"}, "action 'publish': expected one of release, rerun"),
        ({"level": Level.L0}, "level L0: expected L1 or L2"),
        ({"variables": ("O3_P1", "lat")}, "variables lat: expected some of CO_P1"),
        ({"variables": ()}, r"variables \(none\): expected some of"),
    ],
)
def test_what_makes_no_sense_is_refused(network, words, match):
    digest = network.waiting().data_digest
    with pytest.raises(DecisionRefused, match=match):
        network.decide(**({"digest": digest, "level": Level.L1} | words))
    assert network.state() is State.AWAITING_L1


@pytest.mark.parametrize("action", ["release", "reject", "rerun"])
def test_a_decision_that_is_repeated_is_answered_and_recorded_once(network, action):
    digest = network.waiting().data_digest
    first = network.decide(action=action, comment="as said", digest=digest)
    before = everything(network)
    again = network.decide(action=action, comment="as said", digest=digest)
    assert everything(network) == before
    assert again.released == first.released == (action == "release")
    assert again.told().startswith("was decided already, at ")
    if action == "release":
        with pytest.raises(Conflict, match="is L1_RELEASED: there is nothing to release now"):
            network.decide(person=SECOND_PI, digest=digest)


def test_bulk_release_of_20_flights_writes_20_decisions(network):
    keys = [Key(f"20240305{hour:02d}345602", "P1", 1) for hour in range(20)]
    for key in keys:
        network.waiting(key)
    wanted = [Decision(key, Level.L1, "release", PI, None, network.report(key).data_digest) for key in keys]
    wanted[3] = wanted[3].__class__(keys[3], Level.L1, "release", PI, None, "0" * 64)
    decided = decide_all(network.warehouse, wanted, run_id="r")
    assert [one.released for one in decided] == [n != 3 for n in range(20)]
    assert "the data have changed since the report that was read" in decided[3].refused
    assert decided[3].told().startswith("refused: ")
    assert network.query("SELECT COUNT(*), COUNT(DISTINCT flight_id) FROM release_decision") == [(19, 19)]
    # the same list again: what was released stays, what was not is
    wanted[3] = Decision(keys[3], Level.L1, "release", PI, None, network.report(keys[3]).data_digest)
    assert all(one.released for one in decide_all(network.warehouse, wanted, run_id="r"))
    assert network.query("SELECT COUNT(*), COUNT(DISTINCT flight_id) FROM release_decision") == [(20, 20)]
    assert {network.state(key) for key in keys} == {State.L1_RELEASED}


def test_a_bulk_release_of_flights_judged_with_different_configurations_is_refused(network):
    other = KEY._replace(flight_id="2024030612345602")
    network.waiting()
    network.stored(other)
    network.judge(other, config=quality_config("P1").model_copy(update={"version": 2}))
    wanted = [
        Decision(key, Level.L1, "release", PI, None, network.report(key).data_digest) for key in (KEY, other)
    ]
    decided = decide_all(network.warehouse, wanted, run_id="r")
    assert [one.released for one in decided] == [False, False]
    assert (
        "different configurations, decide about each apart: P1-default version 1: 20240305"
        in decided[0].refused
    )
    assert network.query("SELECT COUNT(*) FROM release_decision") == [(0,)]
    assert decide_all(network.warehouse, wanted[:1], run_id="r")[0].released


def test_a_flight_that_another_run_holds_is_decided_about_later_and_others_now(network, monkeypatch):
    other = KEY._replace(flight_id="2024030612345602")
    network.waiting()
    network.waiting(other)
    wanted = [
        Decision(key, Level.L1, "release", PI, None, network.report(key).data_digest) for key in (KEY, other)
    ]
    monkeypatch.setattr("skyledger.warehouse.LOCK_WAIT_S", 0)
    with (
        network.warehouse.session() as holder,
        states.held(holder, KEY.flight_id, "P1"),
        pytest.raises(StorageUnavailable, match="another run holds"),
    ):
        decide_all(network.warehouse, wanted, run_id="r")
    assert (network.state(), network.state(other)) == (State.AWAITING_L1, State.L1_RELEASED)
    assert all(one.released for one in decide_all(network.warehouse, wanted, run_id="r"))


def test_four_eyes_level_2_needs_two_different_people_who_agree_on_the_same(network, four_eyes):
    network.waiting_for_l2()  # Level 1 needs one
    first = network.decide(level=Level.L2)
    assert not first.released
    assert first.told() == "agreed; a second PI has to agree before it is released"
    assert network.state() is State.AWAITING_L2
    assert network.report(level=Level.L2).waits
    again = network.decide(level=Level.L2)
    assert not again.released
    assert "has agreed already" in again.told()
    with pytest.raises(
        Conflict, match="pi_p1 agreed to release all variables; both have to release the same"
    ):
        network.decide(level=Level.L2, person=SECOND_PI, variables=("O3_P1",))
    with pytest.raises(NotPermitted):
        network.decide(level=Level.L2, person=MANAGER)
    assert network.decide(level=Level.L2, person=SECOND_PI).released
    assert network.state() is State.L2_RELEASED
    of_l2 = [one for one in recorded(network) if one.level is Level.L2]
    assert [(one.person, one.complete, one.agrees_with) for one in of_l2] == [
        (PI, False, None),
        (SECOND_PI, True, of_l2[0].decision_id),
    ]


def test_four_eyes_what_the_first_agreed_to_before_the_data_changed_does_not_count(network, four_eyes):
    network.waiting_for_l2()
    network.decide(level=Level.L2)
    network.decide(level=Level.L2, person=SECOND_PI, action="rerun", comment="not yet")
    network.candidate()
    network.judge(level=Level.L2)  # equal data and an equal digest, but a new question
    second = network.decide(level=Level.L2, person=SECOND_PI)
    assert not second.released
    assert network.decide(level=Level.L2).released


def test_a_manager_may_withdraw_and_nobody_gets_the_products_any_more(network):
    network.released()
    with pytest.raises(NotPermitted, match="is not PI or manager"):
        network.decide(action="withdraw", comment="wrong aircraft", person=OPERATOR, digest=None)
    network.decide(action="withdraw", comment="wrong aircraft", person=MANAGER, digest=None)
    assert network.state() is State.WITHDRAWN
    assert network.query("SELECT state FROM product") == [("withdrawn",)]
    assert recorded(network)[-1][2:5] == ("withdraw", MANAGER, "manager")
    assert len(network.files("products")) == 2  # kept, hidden


def test_an_earlier_delivery_gives_way_to_the_one_that_is_released_and_stays_readable(network):
    network.released()
    old = network.files("products")
    second = KEY._replace(revision=2)
    network.waiting(second, bias=0.5)
    assert network.state() is State.AWAITING_CAL  # until the PI has decided
    assert network.decide(key=second).told() == "released as 1.1.0"
    assert network.state() is State.SUPERSEDED
    network.make(second)
    network.push(second)
    assert {name: content for name, content in network.files("products").items() if name in old} == old
    with network.warehouse.session() as session:
        first, new = products(session)
        assert first.superseded_by == new.product_id
        assert new.superseded_by is None
        assert "delivery 1 -> 2" in new.reason
        assert "O3_P1: 120 values" in new.diff_summary
        assert series.load(session, network.data_root, KEY, Level.L1, first.version).key == KEY
    with pytest.raises(Conflict, match="is SUPERSEDED"):
        network.decide(digest="0" * 64)


def test_an_earlier_delivery_is_not_released_after_a_later_one(network):
    network.stored()
    second = KEY._replace(revision=2)
    network.released(second)
    network.judge()
    with pytest.raises(Conflict, match=r"delivery 2 has been released as .* 1\.0\.0; reject this one"):
        network.decide()
    network.decide(action="reject", comment="delivered again")


@pytest.mark.parametrize(
    ("among", "after"), [(module.GIVES_WAY, State.SUPERSEDED), (module.WITHDRAWABLE, State.WITHDRAWN)]
)
def test_every_state_that_a_decision_ends_may_end_so(network, among, after):
    legal = network.query("SELECT from_state FROM flight_state_step WHERE to_state = %s", after)
    assert {(state,) for state in among} <= set(legal)


@pytest.mark.parametrize("state", [State.L2_CANDIDATE, State.REPROCESS, State.EXPORT_FAILED])
def test_an_earlier_delivery_that_is_on_its_way_gives_way_too(network, state):
    network.waiting()
    second = KEY._replace(revision=2)
    network.waiting(second, bias=0.5)
    network.execute(
        "UPDATE flight_state s JOIN flight_state_step t ON t.to_state = %s SET s.state = t.to_state, "
        "s.previous_state = t.from_state WHERE revision = 1",
        state,
    )
    assert network.decide(key=second).released
    assert network.state() is State.SUPERSEDED
