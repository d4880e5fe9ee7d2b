"""The IAGOS DAGs, end to end: twelve flights from the listing to released products, against their truth."""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.demo import FALSE_ALARMS, FAULTS_FOUND, LARGEST_BIAS_PPB, compare
from sandbox.iagos.drop import DropServer
from sandbox.iagos.flights import failing
from sandbox.iagos.metadata import write_post_calibrations, write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import IagosWorld
from skyledger import config, migrations
from skyledger.connections import to_environment
from skyledger.iagos.formats.netcdf import read_flight
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.states import State, history, states
from skyledger.warehouse import Warehouse
from tests.flows.conftest import announced, runnable, task_states

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LOGIN = "dag_test"  # whoever starts a run by dag.test()
AIRCRAFT = "02"  # whose calibration after the deployment comes in the test


class Network:
    """Everything around the DAGs: a fleet, a data centre, an instrument database, a data root."""

    def __init__(self, database, centre: DataCentre, folder: Path) -> None:
        self.warehouse, self.centre, self.folder = Warehouse(database), centre, folder
        self.world = IagosWorld()
        migrations.upgrade("iagos", self.warehouse.url)
        self.take_in(write_tables(self.world, folder / "tables"))
        self.take_in([self.table("person", login=LOGIN, name="Pia"), self.table("person_role", **ROLE)])

    def table(self, table: str, **row: str) -> Path:
        path = self.folder / f"{table}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerow(row)
        return path

    def take_in(self, paths: list[Path]) -> None:
        with self.warehouse.session() as session:
            report = import_tables(session, paths, dry_run=False, actor="test")
        assert report.errors == []

    def states(self) -> dict[str, State]:
        """By flight and revision."""
        with self.warehouse.session() as session:
            return {f"{one.key.flight_id} r{one.key.revision}": one.state for one in states(session)}

    def products(self, level: str):
        return {
            one.flight_id: one
            for one in self.centre.products.values()
            if one.level == level and one.media_type != "text/plain"
        }

    def compared(self, flight, product):
        """A delivered file against the truth."""
        path = self.folder / "product.nc4"
        path.write_bytes(product.data)
        return compare(self.world, flight, read_flight(path))


def repainted(data: bytes, flight_id: str, other: str) -> bytes:
    """A raw file of an aircraft that nobody knows."""
    text = gzip.decompress(data).replace(flight_id.encode(), other.encode())
    return gzip.compress(
        text.replace(b"# aircraft: " + flight_id[-2:].encode(), b"# aircraft: " + other[-2:].encode())
    )


ROLE = {
    "person": LOGIN,
    "role": "PI",
    "instrument_type": "P1",
    "valid_from": "2020-01-01T00:00:00Z",
    "valid_to": "",
}


@pytest.fixture
def network(iagos_db, tmp_path, monkeypatch):
    with DataCentre() as centre, DropServer(tmp_path) as drop:
        for connection in (iagos_db, centre.connection, drop.connection):
            monkeypatch.setenv(*to_environment(connection))
        monkeypatch.setattr(config, "DATA_ROOT", tmp_path / "data")
        yield Network(iagos_db, centre, tmp_path)


@pytest.fixture
def run(dagbag, monkeypatch):
    """Start a DAG through its form; returns the finished run."""

    def start(dag: str, **form):
        return runnable(dagbag.dags[f"iagos_flights_{dag}"], monkeypatch)(**form)

    return start


def test_twelve_flights_from_the_listing_to_level_1_and_four_of_them_to_level_2(network, run):
    flights = {flight.flight_id: flight for flight in network.world.flights(12)}
    offered = {
        name: network.centre.offer(one.raw_name(), write_raw(network.world, one), one)
        for name, one in flights.items()
    }

    brought = run("transfer", jobs=["p1_flights"])
    assert brought.state == "success"
    assert announced(brought) == [("iagos_raw_flights", f"{name}|P1") for name in sorted(flights)]
    assert len(network.centre.acknowledged) == 12

    processed = run("process")
    assert processed.state == "success"
    assert announced(processed) == [("iagos_reports", f"{name}|P1|L1") for name in sorted(flights)]
    assert set(network.states().values()) == {State.AWAITING_L1}
    before = dict(network.centre.products)
    again = run("process", flights=[])  # nothing is left to do
    assert again.state == "success"
    assert network.centre.products == before

    (broken,) = [name for name, one in flights.items() if failing(network.world, one)]
    assert broken not in network.products("NRT")  # the gate
    rejected = run("release", flights=[broken], action="reject", comment="the ozone lamp went out")
    assert rejected.state == "success"
    good = [name for name in flights if name != broken]
    released = run("release", flights=good)
    assert released.state == "success"
    assert announced(released) == [("iagos_releases", f"{name}|P1|L1") for name in sorted(good)]
    assert network.products("L1").keys() == set(good)
    assert Counter(network.states().values()) == {State.AWAITING_CAL: 11, State.REJECTED: 1}

    revised = good[0]
    network.centre.revise(offered[revised].file_id, write_raw(network.world, flights[revised], 2))
    assert run("transfer", jobs=["p1_flights"]).state == "success"
    assert run("process").state == "success"
    assert network.states()[f"{revised} r2"] is State.AWAITING_L1
    assert run("release", flights=[revised]).state == "success"
    assert network.states()[f"{revised} r1"] is State.SUPERSEDED
    versions = {one.version for one in network.centre.products.values() if one.flight_id == revised}
    assert {"1.0.0", "1.1.0"} <= versions

    network.take_in([write_post_calibrations(network.world, network.folder / "post", [AIRCRAFT])])
    calibrated = [name for name in good if name.endswith(AIRCRAFT)]
    assert len(calibrated) == 4
    dry = run("reprocess")
    assert dry.state == "success"
    assert announced(dry) == []
    assert State.AWAITING_L2 not in network.states().values()
    computed = run("reprocess", dry_run=False)
    assert computed.state == "success"
    assert announced(computed) == [("iagos_reports", f"{name}|P1|L2") for name in sorted(calibrated)]
    assert run("release", flights=calibrated, level="L2").state == "success"
    assert Counter(network.states().values()) == {
        State.L2_RELEASED: 4,
        State.AWAITING_CAL: 7,
        State.REJECTED: 1,
        State.SUPERSEDED: 1,
    }

    level_1, level_2 = network.products("L1"), network.products("L2")
    drifted = 0
    for name in calibrated:
        found = network.compared(flights[name], level_2[name])
        for variable, limit in LARGEST_BIAS_PPB.items():
            assert abs(found.bias_ppb[variable]) < limit, (name, variable)
        assert found.found >= FAULTS_FOUND
        assert found.alarms < FALSE_ALARMS
        drifted += abs(network.compared(flights[name], level_1[name]).bias_ppb["CO_P1"]) > 1.0
    assert drifted == len(calibrated)  # so the calibration after the deployment has mattered


def test_a_decision_by_somebody_else_or_about_other_data_is_refused_and_changes_nothing(network, run):
    (flight,) = network.world.flights(1)
    network.centre.offer(flight.raw_name(), write_raw(network.world, flight), flight)
    assert run("transfer", jobs=["p1_flights"]).state == "success"
    assert run("process").state == "success"
    wrong = run("release", flights=[flight.flight_id], digest="0" * 64)
    assert wrong.state == "failed"
    with network.warehouse.session() as session, session.transaction():
        session.execute("UPDATE person_role SET valid_to = '2024-01-01' WHERE role = 'PI'")
    assert run("release", flights=[flight.flight_id]).state == "failed"
    assert network.states() == {f"{flight.flight_id} r1": State.AWAITING_L1}
    assert not network.products("L1")


def test_a_flight_that_its_pi_wants_judged_again_is_processed_and_asked_about_again(network, run):
    (flight,) = network.world.flights(1)
    network.centre.offer(flight.raw_name(), write_raw(network.world, flight), flight)
    assert run("transfer", jobs=["p1_flights"]).state == "success"
    assert run("process").state == "success"
    decided = run("release", flights=[flight.flight_id], action="rerun", comment="with what is known now")
    assert decided.state == "success"
    assert announced(decided) == [("iagos_raw_flights", f"{flight.flight_id}|P1")]
    assert set(network.states().values()) == {State.REPROCESS}
    assert announced(run("process")) == [("iagos_reports", f"{flight.flight_id}|P1|L1")]
    assert set(network.states().values()) == {State.AWAITING_L1}


def test_a_flight_that_cannot_be_read_or_belongs_nowhere_does_not_stop_the_others(network, run):
    first, second, third = network.world.flights(3)
    network.centre.offer(first.raw_name(), write_raw(network.world, first, truncated=True), first)
    network.centre.offer(second.raw_name(), write_raw(network.world, second, bad_lines=3), second)
    stranger = third.flight_id[:-2] + "55"
    network.centre.offer(
        third.raw_name().replace(third.flight_id, stranger),
        repainted(write_raw(network.world, third), third.flight_id, stranger),
        third,
    )
    assert run("transfer", jobs=["p1_flights"]).state == "success"
    processed = run("process")
    assert processed.state == "failed"
    found = network.states()
    assert found[f"{first.flight_id} r1"] is State.PARSE_FAILED
    assert found[f"{second.flight_id} r1"] is State.AWAITING_L1
    assert found[f"{stranger} r1"] is State.IMPORT_FAILED
    assert announced(processed) == [("iagos_reports", f"{second.flight_id}|P1|L1")]
    with network.warehouse.session() as session:
        reasons = {
            one.key.flight_id: one.reason
            for one in states(session, among=(State.PARSE_FAILED, State.IMPORT_FAILED))
        }
        assert "# end" in reasons[first.flight_id] or "truncated" in reasons[first.flight_id]
        assert "55" in reasons[stranger]
        kept = session.query("SELECT COUNT(*) FROM rejected_record WHERE dataset = 'iagos.l0'")
    assert kept == [(3,)]
    # the two that failed are not tried again by themselves, and nobody is alarmed twice
    assert announced(run("transfer", jobs=["p1_flights"])) == []


def test_what_the_operator_sees_of_a_run(network, run):
    (flight,) = network.world.flights(1)
    network.centre.offer(flight.raw_name(), write_raw(network.world, flight), flight)
    run("transfer", jobs=["p1_flights"])
    processed = run("process")
    states_of = task_states(processed)
    assert states_of["flight.check_flight", 0] == "success"
    (task,) = [ti for ti in processed.get_task_instances() if ti.task_id == "flight.check_flight"]
    link = task.xcom_pull(task_ids="flight.check_flight", key="_link_ReportLink", map_indexes=0)
    assert "/skyledger/iagos/reports/P1/" in link
    page = network.folder / "data" / "iagos" / "reports" / link.partition("/reports/")[2]
    assert flight.flight_id in page.read_text()
    with network.warehouse.session() as session:
        ((key, *_),) = states(session)
        actors = {step.actor for step in history(session, key)}
    assert actors == {"automatic"}
