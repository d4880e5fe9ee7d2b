"""Import of metadata: idempotent, rehearsed by a dry run, row by row, with all rules of the instrument database."""

import pytest
from openpyxl import load_workbook

from skyledger import migrations
from skyledger.errors import StorageError
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.metadata.tables import TABLES, template
from skyledger.warehouse import Warehouse
from tests.support.iagos_metadata import FLEET, one, take, write

pytestmark = pytest.mark.integration


@pytest.fixture
def empty(iagos_db):
    """A session on a database without rows."""
    warehouse = Warehouse(iagos_db)
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session:
        yield session


@pytest.fixture
def session(empty, tmp_path):
    """A session on a database that knows the fleet."""
    take(empty, tmp_path, FLEET)
    return empty


def content(session):
    """All rows of all tables."""
    names = [*TABLES, "calibration_parameter", "metadata_change"]
    return {name: session.query(f"SELECT * FROM {name}") for name in names}


def refused(session, tmp_path, tables, **options):
    """Problems of an import that changes nothing, as text."""
    before = content(session)
    report = take(session, tmp_path / "refused", tables, without_errors=False, **options)
    assert content(session) == before
    return "\n".join(map(str, report.errors))


def counts(report):
    return {
        name: tuple(getattr(one, field) for field in ("new", "unchanged", "changed", "refused"))
        for name, one in report.tables.items()
    }


def test_the_same_files_a_second_time_change_nothing(session, tmp_path):
    before = content(session)
    report = take(session, tmp_path, FLEET)
    assert all((new, changed, left) == (0, 0, 0) for new, _, changed, left in counts(report).values())
    assert content(session) == before


def test_a_dry_run_writes_nothing_and_says_the_same(empty, tmp_path):
    faulty = FLEET | {"airline": FLEET["airline"] + "No code,\n"}
    before = content(empty)
    rehearsed = take(empty, tmp_path, faulty, without_errors=False, dry_run=True)
    assert content(empty) == before
    done = take(empty, tmp_path, faulty, without_errors=False)
    assert (rehearsed.written, done.written) == (False, True)
    assert rehearsed.as_dict() | {"written": True} == done.as_dict()
    assert counts(done)["component"] == (8, 0, 0, 0)
    assert counts(done)["airline"] == (1, 0, 0, 1)


def test_a_bad_row_is_told_and_left_out_and_others_go_on(empty, tmp_path):
    rows = "name,code\nGood,GA\nBad,1234\nAlso good,AG\n"
    report = take(empty, tmp_path, {"airline": rows}, without_errors=False)
    assert [str(error) for error in report.errors] == [
        "airline.csv, airline, line 3, code: '1234': expected IATA or ICAO code"
    ]
    assert [name for (name,) in empty.query("SELECT name FROM airline ORDER BY name")] == [
        "Also good",
        "Good",
    ]


def test_a_strict_import_with_a_bad_row_writes_nothing(empty, tmp_path):
    told = refused(empty, tmp_path, {"airline": "name,code\nGood,GA\nBad,1234\n"}, strict=True)
    assert "line 3" in told


def test_rows_refer_to_others_by_what_people_know(session, tmp_path):
    assert (
        "component.csv, component, line 2, component_type: 'O4 analyser': expected a row of table"
        in refused(session, tmp_path, one("component", "O4 analyser,X1"))
    )
    assert "line 2, serial_no: 'T9': expected a row of table component" in refused(
        session, tmp_path, one("calibration", "PT100,T9,2023-09-01,linear,slope=1; offset=0,")
    )


def test_a_changed_calibration_is_a_correction_and_the_old_values_stay(session, tmp_path):
    all_rows = (
        "SELECT calibration_id, recorded_until > NOW(6), corrects, ended_by FROM calibration ORDER BY 1"
    )
    before = session.query("SELECT * FROM calibration_parameter")
    report = take(
        session, tmp_path / "c", one("calibration", "PT100,T1,2023-09-01,linear,slope=1; offset=0.2,")
    )
    assert counts(report) == {"calibration": (0, 0, 1, 0)}
    rows = session.query(all_rows)
    assert rows[3:] == [(4, 0, None, "tester"), (5, 1, 4, None)]
    assert set(before) < set(session.query("SELECT * FROM calibration_parameter"))
    ((ended, begun),) = session.query(
        "SELECT a.recorded_until, b.recorded_at FROM calibration a JOIN calibration b ON b.corrects = a.calibration_id"
    )
    assert ended == begun  # at no moment both, at no moment neither


def test_numbers_come_back_as_they_were_written(session, tmp_path):
    row = f"PT100,T1,2024-09-01,linear,slope={1 / 3!r}; offset=-1e-300,slope={2 / 3!r}"
    take(session, tmp_path / "c", one("calibration", row))
    assert counts(take(session, tmp_path / "c", one("calibration", row))) == {"calibration": (0, 1, 0, 0)}


def test_a_withdrawn_row_no_longer_counts_and_stays(session, tmp_path):
    heading, row = FLEET["deployment"].splitlines()
    gone = {"deployment": f"{heading},withdrawn\n{row},yes\n"}
    assert counts(take(session, tmp_path / "w", gone)) == {"deployment": (0, 0, 1, 0)}
    assert counts(take(session, tmp_path / "w", gone)) == {"deployment": (0, 1, 0, 0)}
    assert session.query("SELECT internal_no, recorded_until <= NOW(6) FROM deployment") == [("D1", 1)]
    assert counts(take(session, tmp_path / "again", FLEET))["deployment"] == (1, 0, 0, 0)
    never = {"deployment": gone["deployment"].replace("D1", "D7")}
    assert "expected a row that is there, to withdraw it" in refused(session, tmp_path, never)
    unsure = {"deployment": gone["deployment"].replace("yes", "perhaps")}
    assert "withdrawn: 'perhaps': expected yes or no" in refused(session, tmp_path, unsure)


def test_a_change_elsewhere_is_made_and_the_old_value_noted(session, tmp_path):
    row = "02,53,D-NEWR,Example Air,Airbus A340-300,2020-01-01"
    assert counts(take(session, tmp_path / "a", one("aircraft", row))) == {"aircraft": (0, 0, 1, 0)}
    assert session.query("SELECT table_name, row_key, old, new, changed_by FROM metadata_change") == [
        ("aircraft", "02", '{"registration_code": "D-AIGT"}', '{"registration_code": "D-NEWR"}', "tester")
    ]


def test_the_serial_number_of_an_aircraft_never_changes(session, tmp_path):
    row = "02,54,D-AIGT,Example Air,Airbus A340-300,2020-01-01"
    assert "serial_no: '54': expected 53, for it never changes" in refused(
        session, tmp_path, one("aircraft", row)
    )


def test_one_key_twice_with_other_values_is_refused(empty, tmp_path):
    report = take(empty, tmp_path, {"airline": "name,code\nA,XA\nA,XB\n"}, without_errors=False)
    assert "line 3: expected each row once" in str(report.errors[0])
    assert empty.query("SELECT code FROM airline") == [("XA",)]


RULES = [
    (
        "component_relation",
        "O3 analyser,O1,P1 unit,U2,2023-01-01,",
        "'component relation one parent at a time'",
    ),
    ("component_relation", "P1 unit,U2,P1 unit,U2,2023-01-01,", "no circle"),
    ("component_relation", "P1 unit,U1,PT100,T1,2022-06-01,2022-07-01", "no circle"),
    ("component_relation", "P1 unit,U1,P1 unit,U2,2023-12-01,", "deployed by itself: deployment D1"),
    ("deployment", "D2,IAGOS,P1 unit,U1,02,,2024-01-01,", "'deployment one at a time'"),
    (
        "deployment",
        "D2,IAGOS,P1 unit,U2,,,2024-01-01,",
        "expected an aircraft or a location, and not both",
    ),
    (
        "deployment",
        "D2,IAGOS,P1 unit,U2,02,,2019-01-01,",
        "expected a time while the aircraft takes part",
    ),
    ("deployment", "D2,IAGOS,O3 analyser,O1,02,,2024-05-01,", "on top: it is built into P1 unit U1"),
    ("person_role", "pi,PI,P1,2023-06-01,", "'person role once at a time'"),
    ("component", "PT100,T1\t2", "expected serial number"),
]


def test_a_row_that_breaks_a_rule_is_refused(session, tmp_path):
    for table, row, told in RULES:
        assert told in refused(session, tmp_path, one(table, row))


def test_a_refused_correction_leaves_the_row_as_it_was(session, tmp_path):
    take(session, tmp_path, one("deployment", "D2,IAGOS,P1 unit,U2,02,,2023-01-01,2023-09-01"))
    early = one("deployment", "D1,IAGOS,P1 unit,U1,02,,2019-10-01,2024-02-01")  # a check of the code
    assert "while the aircraft takes part" in refused(session, tmp_path, early)
    other = one("deployment", "D1,IAGOS,P1 unit,U2,02,,2023-08-01,2024-02-01")  # a rule of the database
    assert "deployment one at a time" in refused(session, tmp_path, other)


def test_two_conditions_at_once_and_two_targets_are_refused(session, tmp_path):
    status = "component_type,serial_no,status,valid_from,valid_to\n"
    take(session, tmp_path, {"component_status": f"{status}PT100,T1,ok,2023-01-01,2024-01-01\n"})
    take(session, tmp_path, {"measurement_location": LOCATION})
    late = {"component_status": f"{status}PT100,T1,defective,2023-12-31,\n"}
    assert "component status one at a time" in refused(session, tmp_path, late)
    both = one("deployment", "D2,IAGOS,P1 unit,U2,02,Chamber,2023-01-01,2023-02-01")
    assert "an aircraft or a location, and not both" in refused(session, tmp_path, both)
    take(session, tmp_path, one("deployment", "D2,IAGOS,P1 unit,U2,,Chamber,2023-01-01,2023-02-01"))
    shorter = {"measurement_location": LOCATION.replace("2020-01-01", "2023-01-15")}
    assert "expected a time that holds deployment D2" in refused(session, tmp_path, shorter)


LOCATION = (
    "name,altitude_m,latitude_deg,longitude_deg,active_from,active_to\nChamber,90,50.9,6.4,2020-01-01,\n"
)


def test_the_time_of_an_aircraft_must_hold_its_deployments_and_flights(session, tmp_path):
    flight = {
        "flight": "flight_id,departure_airport,departure_at,arrival_airport,arrival_at\n"
        "2023091512000002,FRA,2023-09-15T12:00:00Z,JFK,2023-09-15T20:00:00Z\n"
    }
    assert counts(take(session, tmp_path / "f", flight)) == {"flight": (1, 0, 0, 0)}
    assert counts(take(session, tmp_path / "f", flight)) == {"flight": (0, 1, 0, 0)}
    row = "02,53,D-AIGT,Example Air,Airbus A340-300,{}"
    assert "flight 2023091512000002" in refused(session, tmp_path, one("aircraft", row.format("2023-09-30")))
    assert "deployment D1" in refused(session, tmp_path, one("aircraft", row.format("2023-12-31")))
    elsewhere = {"flight": flight["flight"].replace("12000002", "12000077")}
    assert "aircraft 77 is not known" in refused(session, tmp_path, elsewhere)


def test_rows_may_stand_in_an_order_in_which_one_makes_room_for_another(session, tmp_path):
    rows = [
        "D2,IAGOS,P1 unit,U1,02,,2024-01-01,",
        "D1,IAGOS,P1 unit,U1,02,,2023-10-01,2024-01-01",
    ]
    assert counts(take(session, tmp_path / "o", one("deployment", rows))) == {"deployment": (1, 0, 1, 0)}


def test_a_workbook_is_imported_as_files_are(empty, tmp_path):
    template(tmp_path / "fleet.xlsx")
    book = load_workbook(tmp_path / "fleet.xlsx")
    for name, text in FLEET.items():
        headings, *rows = (line.split(",") for line in text.splitlines())
        places = [list(TABLES[name].headings).index(heading) + 1 for heading in headings]
        for number, row in enumerate(rows, 2):
            for place, value in zip(places, row, strict=True):
                book[name].cell(number, place, value or None)
    book.save(tmp_path / "fleet.xlsx")
    report = import_tables(empty, [tmp_path / "fleet.xlsx"], dry_run=False, actor="tester")
    assert report.errors == []
    after = content(empty)
    report = import_tables(empty, write(tmp_path, FLEET), dry_run=False, actor="tester")
    assert all(new + changed == 0 for new, _, changed, _ in counts(report).values())
    assert content(empty) == after


def test_nothing_is_deleted_together_with_something_else(session):
    """Weakness 4: the database refuses to remove what other rows need."""
    for table in ("component", "calibration", "aircraft", "component_type", "person"):
        with pytest.raises(StorageError, match="foreign key constraint fails"), session.transaction():
            session.execute(f"DELETE FROM {table}")
