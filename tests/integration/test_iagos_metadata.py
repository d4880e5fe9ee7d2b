"""The instrument database: what a flight is calibrated with, as known at any time; trees, flights, roles, impact."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from skyledger import migrations
from skyledger.errors import FormatError, PermanentError
from skyledger.iagos.flight import Key, Stop
from skyledger.iagos.metadata.calibrations import calibration_set, get_calibrations
from skyledger.iagos.metadata.components import component_id, component_tree
from skyledger.iagos.metadata.flights import flight, note_flight
from skyledger.iagos.metadata.impact import Impact, impact, impact_of
from skyledger.iagos.metadata.people import has_role, people_with_role
from skyledger.iagos.states import State, begin, move
from skyledger.warehouse import Warehouse
from tests.support.iagos_metadata import FLEET, one, take

pytestmark = pytest.mark.integration

FLIGHT = "2023120112000002"
O1_POST = "O3 analyser,O1,2024-03-01,linear,slope=0.972; offset=2.6,"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def session(iagos_db, tmp_path):
    """A session on a database that knows the fleet and one flight."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session:
        take(session, tmp_path, FLEET)
        fly(session, FLIGHT)
        yield session


def fly(session, flight_id, hours=8, **more):
    departure = datetime.strptime(flight_id[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    with session.transaction():
        return note_flight(
            session,
            flight_id,
            departure=Stop("FRA", departure),
            arrival=Stop("JFK", departure + timedelta(hours=hours)),
            actor="tester",
            **more,
        )


def released(session, flight_id, *levels):
    """Walk a flight file to the release of levels."""
    key = Key(flight_id, "P1", 1)
    path = [
        "QUEUED",
        "TRANSFERRING",
        "RECEIVED",
        "PARSED",
        "STORED_L0",
        "QC_RUNNING",
        "QC_DONE",
        "AWAITING_L1",
    ]
    path += ["L1_RELEASED"] if "L1" in levels else []
    path += ["AWAITING_CAL", "L2_CANDIDATE", "AWAITING_L2", "L2_RELEASED"] if "L2" in levels else []
    with session.transaction():
        begin(session, key, reason="test", run_id="r")
        before = State.AVAILABLE
        for state in map(State, path):
            move(session, key, state, before=before, reason="test", run_id="r")
            before = state


# what a flight is calibrated with


def test_a_flight_before_the_end_of_the_deployment_has_pre_only(session):
    found = calibration_set(session, FLIGHT, "P1")
    assert (found.deployment, found.unit_serial, found.warnings, found.has_post) == ("D1", "U1", (), False)
    assert {name: part.serial for name, part in found.parts.items()} == {
        "O3 analyser": "O1",
        "CO analyser": "C1",
        "RH sensor": "R1",
        "PT100": "T1",
    }
    ozone = found.parts["O3 analyser"].pair
    assert (ozone.pre.parameters, ozone.pre.uncertainties) == (
        {"slope": 0.985, "offset": 1.8},
        {"slope": 0.002},
    )
    assert (ozone.pre.component, ozone.pre.timestamp, ozone.post) == ("O1", at("2023-09-01"), None)
    assert found.parts["CO analyser"].pair.pre.parameters == {"c0": 1.0, "c1": 0.99, "c2": 1e-5}
    assert found.parts["RH sensor"].pair.pre.function == "table"


def test_with_both_calibrations_the_pair_is_complete(session, tmp_path):
    take(session, tmp_path / "post", one("calibration", O1_POST))
    ozone = calibration_set(session, FLIGHT, "P1").parts["O3 analyser"].pair
    assert (ozone.pre.parameters["slope"], ozone.post.parameters["slope"]) == (0.985, 0.972)
    component = component_id(session, "O3 analyser", "O1")
    assert get_calibrations(session, component, at("2023-12-01")) == ozone
    outside = get_calibrations(session, component, at("2023-09-15"))  # before the deployment
    assert outside.ids == ozone.ids


def test_post_only_is_told_by_an_empty_pre(session, tmp_path):
    take(
        session,
        tmp_path / "a",
        {
            "calibration": with_withdrawn(
                "O3 analyser,O1,2023-09-01,linear,slope=0.985; offset=1.8,slope=0.002"
            )
        },
    )
    take(session, tmp_path / "b", one("calibration", O1_POST))
    ozone = calibration_set(session, FLIGHT, "P1").parts["O3 analyser"].pair
    assert ozone.pre is None
    assert ozone.post.timestamp == at("2024-03-01")


def with_withdrawn(row):
    return f"{FLEET['calibration'].splitlines()[0]},withdrawn\n{row},yes\n"


def test_calibrations_inside_the_deployment_and_two_on_one_day_are_told(session, tmp_path):
    """Weakness 5."""
    take(
        session,
        tmp_path / "more",
        one(
            "calibration",
            [
                "O3 analyser,O1,2023-11-01,linear,slope=0.98; offset=2,",
                "O3 analyser,O1,2023-09-01T09:00:00Z,linear,slope=0.9851; offset=1.81,",
            ],
        ),
    )
    found = calibration_set(session, FLIGHT, "P1")
    ozone = found.parts["O3 analyser"].pair
    assert [one.timestamp for one in ozone.during] == [at("2023-11-01")]
    assert ozone.pre.parameters["slope"] == 0.9851  # the latest recorded
    assert len(found.warnings) == 2
    assert "neither pre nor post" in found.warnings[1]
    assert "2 calibrations of O1 on 2023-09-01 could be pre" in found.warnings[0]


def test_a_component_swapped_during_the_deployment_is_honoured(session, tmp_path):
    take(
        session,
        tmp_path / "swap",
        one(
            "component_relation",
            ["O3 analyser,O1,P1 unit,U1,2022-01-01,2023-12-10", "O3 analyser,O2,P1 unit,U1,2023-12-10,"],
        )
        | one(
            "calibration",
            [
                "O3 analyser,O1,2023-12-20,linear,slope=0.97; offset=2,",  # after it was taken out
                "O3 analyser,O2,2023-12-05,linear,slope=1.01; offset=0.5,",  # before it was built in
                "O3 analyser,O2,2024-03-01,linear,slope=1.02; offset=0.6,",
            ],
        ),
    )
    late = "2023121512000002"
    fly(session, late)
    first, second = (calibration_set(session, one, "P1").parts["O3 analyser"] for one in (FLIGHT, late))
    assert (first.serial, first.pair.post.timestamp, first.pair.during) == ("O1", at("2023-12-20"), ())
    assert second.serial == "O2"
    assert (second.pair.pre.timestamp, second.pair.post.timestamp) == (at("2023-12-05"), at("2024-03-01"))
    tree = component_tree(session, component_id(session, "P1 unit", "U1"), at("2023-12-10"))
    assert sorted(one.serial for one in tree) == ["C1", "H1", "O2", "R1", "T1", "U1"]


def test_what_was_known_at_an_earlier_time_can_be_asked(session, tmp_path):
    known = calibration_set(session, FLIGHT, "P1")
    take(
        session,
        tmp_path / "change",
        one("calibration", ["O3 analyser,O1,2023-09-01,linear,slope=0.5; offset=1.8,", O1_POST])
        | one("component_relation", ["PT100,T1,HumiCap,H1,2022-01-01,2023-11-30"])
        | one("deployment", "D1,IAGOS,P1 unit,U1,02,,2023-10-01,2024-01-01"),
    )
    now = calibration_set(session, FLIGHT, "P1")
    assert now.parts["O3 analyser"].pair.pre.parameters["slope"] == 0.5
    assert now.parts["O3 analyser"].pair.post is not None
    assert "PT100" not in now.parts
    assert now.warnings == ("no PT100 in P1 unit U1 at 2023-12-01T12:00:00+00:00",)
    assert calibration_set(session, FLIGHT, "P1", as_of=known.as_of) == known


def test_no_unit_or_two_units_on_board_is_an_error_that_names_them(session, tmp_path):
    early = "2023090112000002"
    fly(session, early)
    with pytest.raises(
        PermanentError, match=r"P1 unit on aircraft 02 at 2023-09-01T12:00:00\+00:00: none; expected one"
    ):
        calibration_set(session, early, "P1")
    take(session, tmp_path / "two", one("deployment", "D2,IAGOS,P1 unit,U2,02,,2023-11-01,"))
    with pytest.raises(PermanentError, match=r"U1 \(deployment D1\) and U2 \(deployment D2\); expected one"):
        calibration_set(session, FLIGHT, "P1")


# components


def test_a_tree_holds_what_was_built_in_at_that_time(session):
    unit = component_id(session, "P1 unit", "U1")
    tree = component_tree(session, unit, at("2023-12-01"))
    assert [part.serial for part in tree.parts] == ["C1", "H1", "O1"]
    (humicap,) = (part for part in tree.parts if part.component_type == "HumiCap")
    assert [part.serial for part in humicap.parts] == ["T1", "R1"]
    assert component_tree(session, unit, at("2021-12-31")).parts == ()
    with pytest.raises(PermanentError, match="no component with number 999"):
        component_tree(session, 999, at("2023-12-01"))
    with pytest.raises(PermanentError, match="import its row of table component"):
        component_id(session, "PT100", "T9")


# flights


def test_a_flight_is_noted_once_and_says_where_it_went(session):
    assert fly(session, FLIGHT) == "unchanged"
    found = flight(session, FLIGHT)
    assert (found.aircraft, found.registration, found.airline, found.serial) == (
        "02",
        "D-AIGT",
        "Example Air",
        "53",
    )
    assert found.departure == Stop("FRA", at("2023-12-01 12:00"))
    assert found.arrival == Stop("JFK", at("2023-12-01 20:00"))
    with pytest.raises(PermanentError, match="not known"):
        flight(session, "2023120112000003")


def test_other_times_of_a_flight_are_taken_and_the_old_ones_kept(session):
    assert fly(session, FLIGHT, hours=9, flight_no="XA400") == "changed"
    assert flight(session, FLIGHT).arrival.time == at("2023-12-01 21:00")
    assert fly(session, FLIGHT, hours=9) == "unchanged"  # no number said: the old one stays
    ((table, key, old, by),) = session.query(
        "SELECT table_name, row_key, old, changed_by FROM metadata_change"
    )
    assert (table, key, by) == ("flight", FLIGHT, "tester")
    assert old == '{"arrival_at": "2023-12-01 20:00:00", "flight_no": ""}'


def test_two_runs_that_note_one_flight_at_once_note_it_once(session, iagos_db):
    new = "2023120312000002"
    noted = {
        "departure": Stop("FRA", at("2023-12-03 12:00")),
        "arrival": Stop("JFK", at("2023-12-03 20:00")),
        "actor": "t",
    }

    def other_run():
        with Warehouse(iagos_db).session() as other, other.transaction():
            return note_flight(other, new, **noted)

    blocked = """
        SELECT 1 FROM information_schema.processlist
        WHERE info LIKE '%FOR UPDATE%' AND id <> CONNECTION_ID()
    """
    with ThreadPoolExecutor(1) as pool:
        with session.transaction():
            assert note_flight(session, new, **noted) == "new"
            waiting = pool.submit(other_run)
            while not session.query(blocked):
                assert not waiting.done()
        assert waiting.result() == "unchanged"


def test_a_flight_that_cannot_be_is_refused(session):
    for flight_id, hours, expected in [
        ("2023120115000002", 8, f"aircraft 02 is on flight {FLIGHT}"),
        ("2023120112000077", 8, r"not known; import its row of table aircraft \(internal_no 77\)"),
        ("2019120112000002", 8, "while aircraft 02 takes part"),
        ("2023120212000002", 0, "expected a landing after take-off"),
    ]:
        with pytest.raises(PermanentError, match=expected):
            fly(session, flight_id, hours)
        with pytest.raises(PermanentError, match="not known"):
            flight(session, flight_id)


def test_a_wrong_flight_id_is_a_format_error(session):
    with pytest.raises(FormatError, match="expected 16 digits"), session.transaction():
        note_flight(
            session,
            "x",
            departure=Stop("FRA", at("2023-12-01")),
            arrival=Stop("JFK", at("2023-12-02")),
            actor="t",
        )


# people


def test_a_role_holds_for_its_instrument_and_its_time(session):
    assert has_role(session, "pi", "PI", "P1", at("2023-06-01"))
    assert not has_role(session, "pi", "PI", "P1", at("2024-01-01"))
    assert not has_role(session, "pi", "PI", "ICH", at("2023-06-01"))
    assert not has_role(session, "op", "PI", "P1", at("2023-06-01"))
    assert has_role(session, "op", "operator", "ICH", at("2029-06-01"))  # all instruments, no end
    assert [(p.login, p.email) for p in people_with_role(session, "PI", "P1", at("2023-06-01"))] == [
        ("pi", "pi@example.org")
    ]


# what a change touches


def test_the_impact_of_a_post_calibration_is_counted(session, tmp_path):
    """Weakness 15: known before anything runs."""
    late, unreleased, outside = "2024012012000002", "2024012112000002", "2024021012000002"
    for name in (late, unreleased, outside):
        fly(session, name)
    released(session, FLIGHT, "L1", "L2")
    released(session, late, "L1")
    released(session, unreleased)
    report = take(session, tmp_path / "post", one("calibration", O1_POST))
    expected = Impact(
        ("D1",),
        tuple((name, "P1") for name in (FLIGHT, late, unreleased)),
        ("O3_P1",),
        released_l1=2,
        released_l2=1,
    )
    assert report.impact == expected
    found = calibration_set(session, FLIGHT, "P1").parts["O3 analyser"].pair
    assert impact(session, found.post.id) == impact(session, found.pre.id) == expected
    assert str(expected) == (
        "3 flights of 1 deployments (2 with a released Level 1, 1 with a released Level 2)"
    )
    with pytest.raises(PermanentError, match="no calibration with number 999"):
        impact(session, 999)


def test_a_calibration_that_does_not_count_touches_nothing(session, tmp_path):
    report = take(
        session,
        tmp_path / "during",
        one("calibration", "O3 analyser,O1,2023-11-01,linear,slope=1; offset=0,"),
    )
    assert report.impact == Impact()
    first, second = (
        take(
            session,
            tmp_path / day,
            one("calibration", f"O3 analyser,O1,2024-03-{day},linear,slope=1; offset=0,"),
        )
        for day in ("01", "02")
    )
    assert first.impact.flights == ((FLIGHT, "P1"),)
    assert second.impact == Impact()  # the earliest after the end counts


def test_what_a_corrected_or_withdrawn_calibration_counted_for_is_touched(session, tmp_path):
    row = "PT100,T1,2023-09-01,linear,slope=1; offset=0.2,"
    assert take(session, tmp_path / "a", one("calibration", row)).impact.variables == ("air_temp_P1",)
    assert take(session, tmp_path / "b", {"calibration": with_withdrawn(row)}).impact.flights == (
        (FLIGHT, "P1"),
    )
    ids = [number for (number,) in session.query("SELECT calibration_id FROM calibration")]
    assert impact_of(session, calibrations=ids).flights == ((FLIGHT, "P1"),)


def test_the_impact_of_a_changed_relation_or_deployment_covers_before_and_after(session, tmp_path):
    late = "2024012012000002"
    fly(session, late)
    report = take(
        session,
        tmp_path / "change",
        one("component_relation", ["O3 analyser,O1,P1 unit,U1,2022-01-01,2023-12-10"])
        | one("deployment", "D1,IAGOS,P1 unit,U1,02,,2023-10-01,2023-12-31"),
    )
    assert report.impact.flights == ((FLIGHT, "P1"), (late, "P1"))
    number = "SELECT {0}_id FROM {0} WHERE corrects IS NOT NULL"
    ((relation,),) = session.query(number.format("component_relation"))
    ((deployment,),) = session.query(number.format("deployment"))
    both = ((FLIGHT, "P1"), (late, "P1"))
    assert impact_of(session, relations=[relation]).flights == both
    assert impact_of(session, deployments=[deployment]).flights == both
    sensor = component_id(session, "RH sensor", "R1")  # in the unit by way of the humidity device
    ((inner,),) = session.query(
        "SELECT component_relation_id FROM component_relation WHERE component_id = %s", (sensor,)
    )
    assert impact_of(session, relations=[inner]).flights == ((FLIGHT, "P1"),)
