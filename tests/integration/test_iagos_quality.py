"""Verdicts and flags of people in the database: kept whole, kept once, never changed."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from sandbox.iagos.metadata import write_tables
from sandbox.iagos.world import IagosWorld
from skyledger import migrations
from skyledger.config import SQL_DIR, digest
from skyledger.errors import ConfigError, PermanentError, StorageError
from skyledger.iagos import series
from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.assess.by_hand import flag_history, manual_flags, set_flags
from skyledger.iagos.assess.encounters import encounters
from skyledger.iagos.assess.runs import keep_run, kept_config, load_run, newest_run
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import Stop
from skyledger.iagos.metadata.flights import note_flight
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.names import Level, parse_flight_id
from skyledger.iagos.states import begin
from skyledger.warehouse import Warehouse
from tests.support.iagos_flights import DEPARTURE, KEY, altered, flight

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
TABLES = ("qc_config", "qc_run", "qc_variable", "qc_result", "flag_event")


@pytest.fixture
def session(iagos_db):
    """A session on a migrated database that knows one flight file."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session:
        with session.transaction():
            begin(session, KEY, reason="listed", run_id="r")
        yield session


def keep(session, found, root, level=Level.L0):
    with session.transaction():
        return keep_run(session, KEY, level, found, "r", root)


def flagged(session, first_s, last_s, validity, variable="O3_P1", reason="looks odd"):
    start, end = DEPARTURE + timedelta(seconds=first_s), DEPARTURE + timedelta(seconds=last_s)
    with session.transaction():
        set_flags(session, KEY, variable, start, end, validity, reason, "pi_p1")


def rows(session):
    return {table: session.query(f"SELECT * FROM {table}") for table in TABLES}


def bad_flight():
    return altered(flight(), "O3_P1", [100, 101], 9_000.0)


def test_a_verdict_is_kept_whole_and_the_data_come_back_as_it_left_them(session, tmp_path):
    found = assess(bad_flight(), quality_config("P1"))
    number = keep(session, found, tmp_path)
    kept = load_run(session, number, tmp_path)
    assert kept.applied_to(bad_flight()).digest() == found.data.digest() == kept.run.data_digest
    for name, one in found.variables.items():
        np.testing.assert_array_equal(kept.validity[name], one.validity)
        np.testing.assert_array_equal(kept.probability[name], one.probability)
        np.testing.assert_array_equal(kept.tests[name], one.tests)
        assert kept.test_names[name] == one.test_names
    assert newest_run(session, KEY) == newest_run(session, KEY, Level.L0) == kept.run
    assert newest_run(session, KEY, Level.L2) is None
    assert kept.run.path.startswith("iagos/quality/P1/2024030512345602/r1_L0_")


def test_weakness_14_what_each_test_found_is_kept_not_only_the_flag(session, tmp_path):
    number = keep(session, assess(bad_flight(), quality_config("P1")), tmp_path)
    found = session.query(
        "SELECT n_suspect, n_fail, critical, worst_value, worst_at_utc, intervals FROM qc_result "
        "WHERE qc_run_id = %s AND variable = 'O3_P1' AND test = 'range'",
        (number,),
    )
    at = DEPARTURE + timedelta(seconds=400)
    text = f"[[{at.timestamp()}, {at.timestamp() + 4}, 2]]"
    assert found == [(0, 2, 1, 9_000.0, at.replace(tzinfo=None), text)]
    ((n, good, erroneous, highest),) = session.query(
        "SELECT n_rows, n_good, n_erroneous, highest FROM qc_variable WHERE variable = 'O3_P1'"
    )
    assert n == 900
    assert good + erroneous <= 900
    assert erroneous >= 2
    assert highest < 70


def test_the_same_verdict_again_changes_nothing(session, tmp_path):
    found = assess(bad_flight(), quality_config("P1"))
    first = keep(session, found, tmp_path)
    before, files = rows(session), {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    assert keep(session, assess(bad_flight(), quality_config("P1")), tmp_path) == first
    assert rows(session) == before
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == files
    assert keep(session, found, tmp_path, Level.L2) != first  # another level is another verdict


def test_a_crash_between_file_and_rows_heals(session, tmp_path):
    found = assess(bad_flight(), quality_config("P1"))
    with pytest.raises(ZeroDivisionError), session.transaction():
        _ = keep_run(session, KEY, Level.L0, found, "r", tmp_path) / 0
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert rows(session)["qc_run"] == []
    keep(session, found, tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_configuration_that_was_used_cannot_change_without_a_new_version(session, tmp_path):
    config = quality_config("P1")
    keep(session, assess(flight(), config), tmp_path)
    other = config.model_copy(update={"series": {**config.series, "cloud_P1": config.series["lon"]}})
    with pytest.raises(ConfigError, match=r"P1-default, version .*was used with another content"):
        keep(session, assess(flight(), other), tmp_path)
    keep(session, assess(flight(), config.model_copy(update={"description": "better worded"})), tmp_path)
    next_one = other.model_copy(update={"version": config.version + 1})
    keep(session, assess(flight(), next_one), tmp_path)
    assert digest(kept_config(session, config.name, config.version)) == digest(config)
    assert digest(kept_config(session, config.name, config.version + 1)) == digest(next_one)
    with pytest.raises(ConfigError, match="version 99 was never used"):
        kept_config(session, config.name, 99)


def test_a_file_that_was_changed_and_data_that_were_not_judged_are_refused(session, tmp_path):
    number = keep(session, assess(flight(), quality_config("P1")), tmp_path)
    kept = load_run(session, number, tmp_path)
    for other in (bad_flight(), flight(n=10)):
        with pytest.raises(StorageError, match="are not those that quality run"):
            kept.applied_to(other)
    path = tmp_path / kept.run.path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="the file was changed"):
        load_run(session, number, tmp_path)
    path.unlink()
    with pytest.raises(StorageError, match="No such file"):
        load_run(session, number, tmp_path)
    with pytest.raises(PermanentError, match="quality run 777 is not known"):
        load_run(session, 777, tmp_path)


def test_weakness_6_flags_have_a_history_of_who_and_why_and_what_they_replaced(session, tmp_path):
    flagged(session, 0, 8, Validity.LIMITED, reason="before any verdict")
    keep(session, assess(bad_flight(), quality_config("P1"), manual_flags(session, KEY)), tmp_path)
    flagged(session, 396, 408, Validity.GOOD, reason="the plume is real")
    told = flag_history(session, KEY, tmp_path)
    assert [(e.flag.variable, e.flag.validity, e.flag.reason, e.flag.person) for e in told] == [
        ("O3_P1", Validity.LIMITED, "before any verdict", "pi_p1"),
        ("O3_P1", Validity.GOOD, "the plume is real", "pi_p1"),
    ]
    assert told[0].old is None
    assert told[1].old is not None
    assert told[1].old[Validity.ERRONEOUS] >= 2
    assert sum(told[1].old.values()) == 4
    assert told[1].qc_run_id == newest_run(session, KEY).qc_run_id


def test_flags_of_people_survive_reruns_with_another_configuration_and_other_data(session, tmp_path):
    flagged(session, 396, 408, Validity.GOOD)
    flagged(session, 0, 8, Validity.ERRONEOUS)
    for data in (bad_flight(), replace(flight(), level=Level.L2)):
        found = assess(data, quality_config("P1"), manual_flags(session, KEY))
        keep(session, found, tmp_path, data.level)
        ozone = found.data.series["O3_P1"].validity
        assert ozone[:4].tolist() == [3, 3, 3, 0]
        assert ozone[99:103].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variable": "ozone"}, "variable 'ozone' is not known; expected one of lon, lat"),
        ({"validity": Validity.MISSING}, "validity 7 .missing. cannot be set by a person; expected one of 0"),
        ({"start": DEPARTURE + 9 * HOUR}, "the earlier one first"),
        ({"start": DEPARTURE.replace(tzinfo=None)}, "expected UTC times"),
        ({"reason": " "}, "expected a reason"),
        ({"person": ""}, "the login of who sets them"),
    ],
)
def test_a_flag_that_does_not_fit_is_refused(session, change, message):
    good = {
        "variable": "O3_P1",
        "start": DEPARTURE,
        "end": DEPARTURE + HOUR,
        "validity": Validity.LIMITED,
        "reason": "odd",
        "person": "pi_p1",
    }
    with pytest.raises(PermanentError, match=message), session.transaction():
        set_flags(session, KEY, **(good | change))
    assert rows(session)["flag_event"] == []


def test_flags_of_a_file_that_is_not_known_are_refused(session):
    other = KEY._replace(revision=2)
    with pytest.raises(StorageError, match="flag_event_is_of_a_file"), session.transaction():
        set_flags(session, other, "O3_P1", DEPARTURE, DEPARTURE + HOUR, Validity.LIMITED, "odd", "pi_p1")


def test_nothing_in_the_code_changes_or_removes_what_was_kept():
    statements = [
        path.read_text() for path in (SQL_DIR / "iagos").rglob("*.sql") if "migrations" not in str(path)
    ]
    for table in TABLES:
        assert not [s for s in statements if f"UPDATE {table}" in s or f"DELETE FROM {table}" in s]


def test_a_flight_meets_those_of_other_aircraft_at_its_airport_within_an_hour(session, tmp_path):
    tables = write_tables(IagosWorld(), tmp_path / "metadata")
    with session.transaction():
        import_tables(session, tables, dry_run=False, actor="test")
    others = {"2024030513045607": "FRA", "2024030514300009": "FRA", "2024030412345602": "FRA"}
    for flight_id, airport in {KEY.flight_id: "FRA", **others}.items():
        key, at = KEY._replace(flight_id=flight_id), parse_flight_id(flight_id).departure
        data = replace(flight(key=key), departure=Stop(airport, at))
        found = assess(data, quality_config("P1"))
        with session.transaction():
            if key != KEY:
                begin(session, key, reason="listed", run_id="r")
            arrival = Stop("JFK", at + 8 * HOUR)
            note_flight(session, flight_id, departure=data.departure, arrival=arrival, actor="test")
            series.keep(session, data, tmp_path, run_id="r")
            keep_run(session, key, Level.L0, found, "r", tmp_path)
    judged = assess(flight(), quality_config("P1")).data
    met = encounters(session, judged, tmp_path)
    assert {one.other.flight_id for one in met} == {
        "2024030513045607"
    }  # others: two hours later, and its own aircraft
    assert {one.variable for one in met} >= {"O3_P1", "CO_P1"}
    assert all(one.other_at == parse_flight_id("2024030513045607").departure for one in met)
