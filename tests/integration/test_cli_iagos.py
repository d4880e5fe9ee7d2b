"""IAGOS at the terminal, with a data centre and a fleet of the sandbox: what people and tasks do, done by hand."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.exchange import refuse, wrong_bytes
from sandbox.iagos.metadata import write_post_calibrations, write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import Flight, IagosWorld
from skyledger import cli, config, migrations
from skyledger.connections import Connection, to_environment
from skyledger.iagos.flags import Validity
from skyledger.iagos.formats.netcdf import read_flight
from skyledger.iagos.metadata.importer import import_tables
from skyledger.warehouse import Warehouse
from tests.integration import test_cli

pytestmark = pytest.mark.integration

WORLD = IagosWorld()
FIRST, SECOND, THIRD = WORLD.flights(3)
BY_PI = ("--person", "pi_p1")
NOWHERE = Connection(
    "iagos_drop", "sftp", "127.0.0.1", port=1, login="drop", extra={"no_host_key_check": "true"}
)


@pytest.fixture
def centre():
    with DataCentre() as server:
        yield server


class Terminal:
    """Runs `skyledger` in this process, which saves a second each time; returns what it says."""

    def __init__(self, capsys, monkeypatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, status: int = 0) -> str:
        self.monkeypatch.setattr(sys, "argv", ["skyledger", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = "".join(self.capsys.readouterr())
        assert (ended.value.code or 0) == status, said
        return said


@pytest.fixture
def connections(iagos_db, centre):
    return iagos_db, centre.connection, NOWHERE


@pytest.fixture
def terminal(connections, capsys, monkeypatch, tmp_path) -> Terminal:
    """A terminal with tables that are made and filled, in a folder of its own."""
    for connection in connections:
        monkeypatch.setenv(*to_environment(connection))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
    warehouse = Warehouse(connections[0])
    migrations.upgrade("iagos", warehouse.url)
    with warehouse.session() as session:
        import_tables(session, write_tables(WORLD, tmp_path / "tables"), dry_run=False, actor="admin")
    capsys.readouterr()
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def query(iagos_db):
    """Rows of a SELECT."""

    def rows(sql: str):
        with Warehouse(iagos_db).session() as session:
            return session.query(sql)

    return rows


@pytest.fixture
def offer(centre):
    """Let the data centre have flights."""
    return lambda *flights: [centre.offer(one.raw_name(), write_raw(WORLD, one), one) for one in flights]


@pytest.fixture
def judged(terminal, offer):
    """Let flights come and wait for their PI."""

    def bring(*flights: Flight) -> list[str]:
        offer(*flights)
        terminal("iagos", "transfer", "p1_flights")
        terminal("iagos", "process")
        return [one.flight_id for one in flights]

    return bring


def states(terminal) -> dict[str, str]:
    """State of each flight file, by flight."""
    listed = json.loads(terminal("iagos", "flights", "--json"))["flights"]
    return {one["flight"].partition("|")[0]: one["state"] for one in listed}


def test_a_flight_goes_from_the_listing_to_its_pi(terminal, centre, offer, tmp_path):
    assert terminal("iagos", "flights").strip() == "no flights"
    assert "nothing to do" in terminal("iagos", "process")
    assert re.search(
        r"p1_flights +P1 +rest iagos_data_centre +every hour +never +now +pi_p1", terminal("iagos", "jobs")
    )
    offer(FIRST)
    flight = FIRST.flight_id
    assert "p1_flights: 1 new; 1 RECEIVED" in terminal("iagos", "transfer", "p1_flights")
    assert len(centre.acknowledged) == 1
    assert re.search(r"p1_flights .* \d\d:10 +\d{4}-\d\d-\d\d \d\d:10 ", terminal("iagos", "jobs"))
    assert "nothing to bring" in terminal("iagos", "transfer", "p1_flights")
    said = terminal("iagos", "process", flight)
    assert re.search(rf"{flight} P1 r1: L1 suggested: \w+ .*; waits for a decision about L1", said)
    assert re.search(r"AWAITING_L1 +1 ", terminal("iagos", "flights"))
    assert re.search(
        rf"{flight} +P1 +1 +AWAITING_L1 ", terminal("iagos", "flights", "--state", "AWAITING_L1")
    )
    assert terminal("iagos", "flights", "--state", "REJECTED").strip() == "no flights"
    history = terminal("iagos", "flights", flight)
    assert re.search(r"RECEIVED +automatic +here and whole \(sha256\)", history)
    (told,) = json.loads(terminal("iagos", "flights", flight, "--json"))["flights"]
    assert told["flight"] == f"{flight}|P1|1"
    assert [step["to"] for step in told["history"]][-1] == told["state"] == "AWAITING_L1"
    report = terminal("iagos", "report", flight)
    content = json.loads(terminal("iagos", "report", flight, "--json"))
    assert f"digest {content['report']['data_digest']}" in report
    (page,) = re.findall(r"^/.*\.html$", report, re.MULTILINE)
    assert flight in Path(page).read_text()
    assert Path(page).is_relative_to(tmp_path / "data" / "iagos" / "reports" / "P1")
    used = terminal("iagos", "calibrations", flight)
    assert re.search(rf"{flight} +O3 analyser +O3-010 +\d+ \(2023-12-20\) +none", used)
    assert "nothing to do" in terminal("iagos", "process", flight)
    assert "L1 suggested" in terminal("iagos", "process", flight, "--again")


def test_flags_over_an_interval_are_judged_anew_and_delivered(terminal, centre, judged, tmp_path):
    (flight,) = judged(FIRST)
    edit = ("iagos", "decide", flight, "--level", "L1", "--action", "edit_flags", *BY_PI)
    span = ("--start", "2024-03-01T08:00:00", "--end", "2024-03-01T08:10:00Z")
    about = (*edit, "--comment", "inlet was cleaned", "--variables", "CO_P1", *span)
    assert "edit_flags needs --variables, --start, --end and --validity" in terminal(*about, status=1)
    assert "edit_flags needs a comment" in terminal(
        *edit, "--variables", "CO_P1", *span, "--validity", "erroneous", status=1
    )
    before = json.loads(terminal("iagos", "report", flight, "--json"))["report"]["data_digest"]
    said = terminal(*about, "--validity", "erroneous")
    assert "to be judged again: inlet was cleaned" in said
    assert "skyledger iagos process" in said
    assert states(terminal) == {flight: "REPROCESS"}
    terminal("iagos", "process")
    release = ("iagos", "decide", flight, "--level", "L1", "--action", "release", *BY_PI)
    assert "the data have changed since the report that was read" in terminal(
        *release, "--digest", before, status=1
    )
    assert "delivered L1 1.0.0" in terminal(*release)
    (product,) = [one for one in centre.products.values() if one.media_type != "text/plain"]
    path = tmp_path / "product.nc4"
    path.write_bytes(product.data)
    data = read_flight(path)
    begin, end = (np.datetime64(f"2024-03-01T08:{minute}:00", "s").astype(int) for minute in ("00", "10"))
    inside = (data.time_s >= begin) & (data.time_s <= end)
    flags = data.series["CO_P1"].validity
    assert inside.sum() > 100
    assert set(flags[inside]) <= {Validity.ERRONEOUS, Validity.MISSING}
    assert (flags[~inside] == Validity.GOOD).mean() > 0.5


def test_many_flights_are_released_at_once_and_what_fails_does_not_stop_the_others(
    terminal, centre, judged, tmp_path
):
    first, second = flights = judged(FIRST, SECOND)
    release = ("iagos", "decide", *flights, "--level", "L1", "--action", "release", *BY_PI)
    said = terminal(*release[:-1], "operator1", status=1)
    assert said.count("refused: 'operator1' is not PI of P1 now, see table person_role") == 2
    assert "2 of 2 decisions were refused" in said
    assert "--digest holds for one flight" in terminal(*release, "--digest", "0", status=1)
    assert "reject needs a comment" in terminal(
        "iagos", "decide", first, "--level", "L1", "--action", "reject", *BY_PI, status=1
    )
    assert "nothing has been released" in terminal("iagos", "deliver", first, "--level", "L1", status=1)
    assert set(states(terminal).values()) == {"AWAITING_L1"}
    centre.spoil(refuse(403, "forbidden"), on="PUT products")
    said = terminal(*release, status=1)
    assert said.count("released as 1.0.0") == 2
    assert "skyledger iagos deliver FLIGHT" in said
    assert states(terminal) == {first: "EXPORT_FAILED", second: "AWAITING_CAL"}
    assert "delivered L1 1.0.0" in terminal("iagos", "deliver", first, "--level", "L1")
    assert states(terminal) == {first: "AWAITING_CAL", second: "AWAITING_CAL"}
    puts = centre.requests["PUT products"]
    terminal("iagos", "deliver", first, "--level", "L1")
    assert centre.requests["PUT products"] == puts
    assert len(centre.products) == 4
    assert "there is nothing to release now" in terminal(*release, "--comment", "again", status=1)
    for suffix, reader in (("nc4", "iagos-nc"), ("txt", "nasa-ames")):
        (path,) = (tmp_path / "data").rglob(f"*{first}_L1_1.0.0.{suffix}")
        found = json.loads(terminal("inspect", reader, str(path), "--json"))
        assert found["format"] == reader
        assert found["rows"] > 5000
        assert found["columns"]["O3_P1"]["count"] > 5000
        shown = terminal("inspect", reader, str(path))
        assert f"{found['rows']} rows" in shown
        assert "O3_P1" in shown


def test_new_calibrations_are_counted_then_computed_then_released(terminal, centre, judged, query, tmp_path):
    first, second = judged(FIRST, SECOND)
    decide = ("iagos", "decide", first, *BY_PI)
    terminal(*decide, "--level", "L1", "--action", "release")
    assert "1 without a calibration after the deployment yet" in terminal("iagos", "reprocess")
    post = str(write_post_calibrations(WORLD, tmp_path / "post", [first[-2:]]))
    by = ("--person", "operator1")
    told = terminal("iagos", "import", post, *by, "--write")
    assert "this touches 1 flights" in told
    assert re.search(r"see `skyledger iagos reprocess( --calibration \d+)+`", told)
    before = query("SELECT * FROM flight_state ORDER BY flight_id")
    assert "1 flights wait for a calibration: 1 to be computed again" in terminal("iagos", "reprocess")
    (number,) = re.findall(r"^ *(\d+) +O3 analyser .*after", terminal("iagos", "calibrations"), re.MULTILINE)
    assert f"calibration {number}: 1 flights of 1 deployments (1 with a released Level 1" in terminal(
        "iagos", "reprocess", "--calibration", number
    )
    assert query("SELECT * FROM flight_state ORDER BY flight_id") == before
    assert "L2 suggested" in terminal("iagos", "reprocess", "--write", *by)
    assert states(terminal) == {first: "AWAITING_L2", second: "AWAITING_L1"}
    assert "operator1" in terminal("iagos", "flights", first)
    assert f"{first} (P1), L2: suggested" in terminal("iagos", "report", first)
    assert "delivered L2 1.0.0" in terminal(*decide, "--level", "L2", "--action", "release")
    withdraw = ("iagos", "decide", first, "--level", "L2", "--action", "withdraw", "--person", "manager1")
    assert "withdrawn: another aircraft" in terminal(*withdraw, "--comment", "another aircraft")
    assert states(terminal)[first] == "WITHDRAWN"


def test_tables_are_imported_after_a_dry_run_that_writes_nothing(terminal, query, tmp_path):
    sheet = tmp_path / "component.csv"
    sheet.write_text("component_type,serial_no\nO3 analyser,O3-100\nO3 analyser,\nNO analyser,NO-1\n")
    count = "SELECT COUNT(*) FROM component WHERE serial_no = 'O3-100'"
    arguments = ("iagos", "import", str(sheet), "--person", "operator1")
    said = terminal(*arguments, status=1)
    assert re.search(r"component +1 +0 +0 +2 ", said)
    assert "nothing was written: a dry run, --write writes it" in said
    assert "component.csv, component, line 3, serial_no: " in said
    assert "'NO analyser': expected a row of table component_type" in said
    assert query(count) == [(0,)]
    terminal(*arguments, "--write", "--strict", status=1)
    assert query(count) == [(0,)]
    assert "\nwritten" in terminal(*arguments, "--write", status=1)
    assert query(count) == [(1,)]
    assert re.search(r"component +0 +0 +1 +2 ", terminal(*arguments, status=1))


def test_an_empty_workbook_can_be_imported_and_one_that_is_filled_in_is_not_overwritten(terminal, tmp_path):
    book = tmp_path / "instruments.xlsx"
    terminal("iagos", "template", str(book))
    assert "nothing was written" in terminal("iagos", "import", str(book), "--person", "operator1")
    content = book.read_bytes()
    assert "choose another name" in terminal("iagos", "template", str(book), status=1)
    assert book.read_bytes() == content
    assert "ends in .xlsx" in terminal("iagos", "template", str(tmp_path / "x.csv"), status=1)


def test_calibrations_are_listed_with_numbers_and_what_they_correct(terminal, query, tmp_path):
    listed = terminal("iagos", "calibrations")
    ((number,),) = query(
        "SELECT calibration_id FROM calibration JOIN component USING (component_id) WHERE serial_no = 'CO-011'"
    )
    when = r"2023-12-20 00:00 +linear +\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.search(
        rf"^ *{number} +CO analyser +CO-011 +{when} +admin +before deployment *$", listed, re.MULTILINE
    )
    sheet = tmp_path / "calibration.csv"
    heading = "component_type,serial_no,calibrated_at,name,function,parameters\n"
    sheet.write_text(
        f"{heading}CO analyser,CO-011,2023-12-20,before deployment,linear,slope=1.01; offset=2\n"
    )
    said = terminal("iagos", "import", str(sheet), "--person", "operator1", "--write")
    assert re.search(r"calibration +0 +1 ", said)
    listed = terminal("iagos", "calibrations")
    (later,) = re.findall(
        rf"^ *(\d+) .*operator1 +before deployment, corrects {number} *$", listed, re.MULTILINE
    )
    assert re.search(
        rf"^ *{number} .*admin +before deployment, corrected by {later} *$", listed, re.MULTILINE
    )
    assert f"calibration {later}: 0 flights" in terminal("iagos", "reprocess", "--calibration", later)
    assert "no calibration with number 99999" in terminal(
        "iagos", "reprocess", "--calibration", "99999", status=1
    )


def test_a_quarantined_file_is_brought_once_more_when_a_person_says_so(terminal, centre, offer):
    (offered,) = offer(FIRST)
    flight = FIRST.flight_id
    centre.spoil(wrong_bytes, wrong_bytes)
    assert "1 QUARANTINED" in terminal("iagos", "transfer", "p1_flights")
    assert "nothing to bring" in terminal("iagos", "transfer", "p1_flights")
    requeue = ("iagos", "requeue", flight, "--person", "operator1")
    said = terminal(*requeue, "--reason", "their disk was repaired")
    assert f"{flight} P1 r1: QUEUED; `skyledger iagos transfer` brings it now" in said
    assert re.search("QUEUED +operator1 +their disk was repaired", terminal("iagos", "flights", flight))
    assert "1 RECEIVED" in terminal("iagos", "transfer", "p1_flights")
    ((file_id, *_),) = centre.acknowledged
    assert file_id == offered.file_id
    assert [body["status"] for body in centre.acknowledged.values()] == ["received"]
    refused = terminal(*requeue, "--reason", "once more", status=1)
    assert f"{flight} P1 r1 is RECEIVED; expected QUARANTINED or TRANSFER_FAILED" in refused
    assert states(terminal) == {flight: "RECEIVED"}
    assert "1 new" not in terminal("iagos", "transfer", "p1_flights")


def test_a_source_that_is_down_is_named_and_does_not_stop_the_next_job(terminal, centre, offer):
    offer(FIRST)
    centre.spoil(refuse(401, "unknown_credential"), on="GET files")
    said = terminal("iagos", "transfer", status=1)
    assert re.search("Error: p1_flights: .*401", said)
    assert re.search("^p1_drop: .*iagos_drop", said, re.MULTILINE)
    assert re.findall(r"(p1_\w+) .* never +now ", terminal("iagos", "jobs")) == ["p1_flights", "p1_drop"]
    said = terminal("iagos", "transfer", status=1)
    assert "p1_flights: 1 new; 1 RECEIVED" in said
    assert re.search("Error: p1_drop: .*iagos_drop", said)
    assert re.findall(r"(p1_\w+) .* never +now ", terminal("iagos", "jobs")) == ["p1_drop"]


def test_a_flight_that_fails_does_not_stop_the_others(terminal, centre, offer):
    centre.offer(FIRST.raw_name(), write_raw(WORLD, FIRST, truncated=True), FIRST)
    offer(SECOND)
    terminal("iagos", "transfer", "p1_flights")
    said = terminal("iagos", "process", status=1)
    assert f"{SECOND.flight_id} P1 r1: L1 suggested" in said
    assert re.search(rf"Error: {FIRST.flight_id} P1 r1: .*the file was cut off", said)
    assert states(terminal) == {FIRST.flight_id: "PARSE_FAILED", SECOND.flight_id: "AWAITING_L1"}
    assert "nothing to do" in terminal("iagos", "process")
    assert "cut off" in terminal("iagos", "process", FIRST.flight_id, status=1)


@pytest.mark.slow
def test_as_a_program_of_its_own_it_shows_no_secret_and_no_traceback(connections, tmp_path, offer):
    program = test_cli.Terminal(*connections)
    program.secrets = [secret for secret in program.secrets if secret]
    program.environment["SKYLEDGER_DATA"] = str(tmp_path / "data")
    write_tables(WORLD, tmp_path / "tables")
    offer(FIRST)
    program("db", "upgrade", "iagos")
    program("iagos", "import", str(tmp_path / "tables"), "--person", "admin", "--write")
    assert "p1_flights: 1 new; 1 RECEIVED" in program("-v", "iagos", "transfer", "p1_flights")
    assert "L1 suggested" in program("iagos", "process")
    program("iagos", "transfer", "p1_drop", status=1)
    said = program("iagos", "decide", FIRST.flight_id, "--level", "L1", "--action", "release", *BY_PI)
    assert "delivered L1 1.0.0" in said


@pytest.mark.parametrize(
    ("arguments", "told", "status"),
    [
        ("transfer p2", "job 'p2' is not known; expected one of p1_flights, p1_drop", 1),
        ("flights --state DONE", "state 'DONE' is not known; expected one of AVAILABLE, QUEUED,", 1),
        ("flights 123", "flight 123 is not known: no source has listed it", 1),
        ("process 123", "flight 123 is not known: no source has listed it", 1),
        ("requeue 123 --person a --reason b", "flight 123 is not known: no source has listed it", 1),
        ("report 123", "flight 123 of P1 is not known", 1),
        ("deliver 123 --level L1", "flight 123 of P1 is not known", 1),
        ("calibrations 123", "flight 123 is not known: import its row of table flight", 1),
        ("decide 123 --level L1 --action release --person pi_p1", "flight 123 of P1 is not known", 1),
        ("decide 123 --level L3 --action release --person pi_p1", "'L3' is not one of 'L1', 'L2'", 2),
        ("decide 123 --level L1 --action free --person pi_p1", "'free' is not one of 'release'", 2),
        ("decide 123 --level L1 --action release", "Missing option '--person'", 2),
        ("import nowhere --person operator1", "'nowhere' does not exist", 2),
    ],
)
def test_a_mistake_is_answered_with_what_was_expected(terminal, arguments, told, status):
    said = terminal("iagos", *arguments.split(), status=status)
    assert told in " ".join(re.sub("[│╭╮╰╯─]", " ", said).split())


def test_files_that_no_reader_knows_are_refused_by_name(terminal, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("hello\n")
    assert "x.txt: line 1: 'hello'; expected NLHEAD and FFI" in terminal(
        "inspect", "nasa-ames", str(path), status=1
    )
    assert "x.txt: not a NetCDF file" in terminal("inspect", "iagos-nc", str(path), status=1)
    assert "does not exist" in terminal("inspect", "iagos-nc", str(tmp_path / "y.nc4"), status=2)


def test_missing_tables_and_connections_are_told(terminal, iagos_db, monkeypatch):
    with Warehouse(iagos_db).session() as session:
        session.execute("DROP TABLE job_state")
    assert "run `skyledger db upgrade`" in terminal("iagos", "jobs", status=1)
    monkeypatch.delenv("AIRFLOW_CONN_IAGOS_DB")
    assert "AIRFLOW_CONN_IAGOS_DB" in terminal("iagos", "flights", status=1)
