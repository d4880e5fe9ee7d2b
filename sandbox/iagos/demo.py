"""IAGOS in the demo: flights from the data centre and a drop folder to their PI, and one of them on to Level 2."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from sandbox.airflow import PrivateAirflow
from sandbox.airflow_api import AirflowApi
from sandbox.console import follow, out, step
from sandbox.iagos.data_centre import DataCentre
from sandbox.iagos.drop import DropServer
from sandbox.iagos.flights import truth
from sandbox.iagos.metadata import write_flights, write_post_calibrations, write_tables
from sandbox.iagos.raw import write_raw
from sandbox.iagos.world import Flight, IagosWorld
from sandbox.servers import LOCAL, MariaDB
from skyledger import migrations
from skyledger.connections import Connection
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData
from skyledger.iagos.formats.netcdf import read_flight
from skyledger.iagos.metadata.importer import import_tables
from skyledger.iagos.states import State, states
from skyledger.warehouse import Session, Warehouse

TRANSFER, PROCESS, RELEASE = "iagos_flights_transfer", "iagos_flights_process", "iagos_flights_release"
REPROCESS, REMIND = "iagos_flights_reprocess", "iagos_decisions_remind"
PI = "pi_p1"
FLIGHTS = 4  # the last one comes through the drop folder
TIMEOUT_S = 420
LARGEST_BIAS_PPB = {"O3_P1": 0.5, "CO_P1": 1.0}  # of Level 2
FAULTS_FOUND, FALSE_ALARMS = 0.95, 0.005


class Compared(NamedTuple):
    """A product against the truth."""

    bias_ppb: dict[str, float]
    found: float  # part of the injected faults that are flagged
    alarms: float  # part of sound values that are flagged

    @property
    def right(self) -> bool:
        """Within what is promised."""
        unbiased = all(abs(self.bias_ppb[name]) < limit for name, limit in LARGEST_BIAS_PPB.items())
        return unbiased and self.found >= FAULTS_FOUND and self.alarms < FALSE_ALARMS


class IagosDemo:
    """A fleet of three aircraft, a data centre, a drop folder, and a PI who decides about one flight."""

    people = {PI: "user"}  # noqa: RUF012 - logins of the demo's Airflow and their role

    def __init__(self, stack: ExitStack, mariadb: MariaDB, data_root: Path) -> None:
        self.data_root = data_root
        self.world = IagosWorld()
        self.flights = {flight.flight_id: flight for flight in self.world.flights(FLIGHTS)}
        self.folder = LOCAL / "demo" / "iagos"
        with step("IAGOS: data centre, drop folder, instrument database"):
            for old in (self.folder, data_root / "iagos"):  # afresh each time, as the flights are
                shutil.rmtree(old, ignore_errors=True)
            self.centre = stack.enter_context(DataCentre())
            drop = stack.enter_context(DropServer(self.folder))
            mariadb.drop_database("iagos", "skyledger_iagos")
            database = mariadb.create_database("iagos", "skyledger_iagos", conn_id="iagos_db")
            self.warehouse = Warehouse(database)
            migrations.upgrade("iagos", self.warehouse.url)
            self._import(write_tables(self.world, self.folder / "tables"))
        self.connections: tuple[Connection, ...] = (database, self.centre.connection, drop.connection)
        with step(f"{FLIGHTS} flights of three aircraft"):
            *offered, dropped = self.flights.values()
            for flight in offered:
                self.centre.offer(flight.raw_name(), write_raw(self.world, flight), flight)
            drop.folder().put(dropped.raw_name(), write_raw(self.world, dropped))
            self._import([write_flights([dropped], self.folder / "flights")])  # the folder does not tell

    def run(self, airflow: PrivateAirflow) -> bool:
        """Bring and judge all flights, release one as the PI would, calibrate it again, release Level 2."""
        started = time.monotonic()
        out.print(f"[bold]>[/] {TRANSFER}, {PROCESS} and {RELEASE} ...")
        for dag_id in (RELEASE, PROCESS, REPROCESS, TRANSFER):
            airflow.api.wait_for_dag(dag_id)
        out.print("  the jobs are due: they bring what is new")
        pi = airflow.api_as(PI)
        right = self._until(started, dict.fromkeys(self.flights, State.AWAITING_L1))
        chosen = next(iter(self.flights))
        right = right and self._release(started, pi, chosen, "L1", State.AWAITING_CAL)
        out.print(f"  the laboratory has calibrated what flew on aircraft {chosen[-2:]}")
        self._import([write_post_calibrations(self.world, self.folder / "post", [chosen[-2:]])])
        run_id = airflow.api.trigger(REPROCESS, {"dry_run": False})
        right = right and follow(airflow, REPROCESS, run_id) == "success"
        right = right and self._release(started, pi, chosen, "L2", State.L2_RELEASED)
        return self._report(chosen, time.monotonic() - started) and right

    def where(self, airflow: PrivateAirflow) -> str:
        """Addresses of what can be looked at."""
        return (
            f"IAGOS      {airflow.url}/required_actions   {FLIGHTS - 1} flights wait for their PI "
            f"(user {PI}, password {airflow.password_of(PI)})\n"
            f"           reports below {self.data_root / 'iagos' / 'reports'}, products beside them"
        )

    def _import(self, paths: list[Path]) -> None:
        with self.warehouse.session() as session:
            report = import_tables(session, paths, dry_run=False, actor="demo")
        if report.errors:
            raise RuntimeError(f"metadata of the demo: {report.errors[0]}")

    def _release(self, started: float, pi: AirflowApi, flight_id: str, level: str, after: State) -> bool:
        """Answer the question about a flight, and wait for what comes of it."""
        out.print(f"  {PI} is asked about {flight_id} {level} ...")
        question = self._question(pi, f"{flight_id}|P1|{level}")
        if question is None:
            out.print(f"[red]no question about {flight_id} {level} within {TIMEOUT_S} s")
            return False
        task = question["task_instance"]
        path = f"/dags/{RELEASE}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
        answer = {"chosen_options": ["Release"], "params_input": {"comment": "looks fine"}}
        pi.request("PATCH", path, answer)
        out.print(f"    {question['subject']} [bold]{PI}: Release")
        return self._until(started, {flight_id: after}, delivered=level)

    def _question(self, pi: AirflowApi, key: str) -> dict[str, Any] | None:
        """The open question of the run with this key."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            waiting = pi.get("/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100")
            for one in waiting["hitl_details"]:
                run = pi.get(f"/dags/{RELEASE}/dagRuns/{one['task_instance']['dag_run_id']}")
                if run["partition_key"] == key:
                    return dict(one)
            time.sleep(1)
        return None

    def _until(self, started: float, wanted: dict[str, State], delivered: str = "") -> bool:
        """Wait until flights are in these states, and the products of a level are with the data centre."""

        def look(session: Session) -> tuple[bool, str]:
            found = {one.key.flight_id: one.state for one in states(session) if one.key.flight_id in wanted}
            told = ", ".join(f"{n} {state}" for state, n in sorted(Counter(found.values()).items()))
            there = {(product.flight_id, product.level) for product in self.centre.products.values()}
            sent = not delivered or all((flight, delivered) in there for flight in wanted)
            return found == wanted and sent, told

        return self._wait(started, look)

    def _wait(self, started: float, look: Callable[[Session], tuple[bool, str]]) -> bool:
        deadline, told = time.monotonic() + TIMEOUT_S, ""
        while True:
            with self.warehouse.session() as session:
                done, now = look(session)
            if now != told:
                out.print(f"    {time.monotonic() - started:5.1f} s  {now or 'nothing yet'}")
                told = now
            if done:
                return True
            if time.monotonic() > deadline:
                out.print(
                    f"[red]not within {TIMEOUT_S} s: look at the runs of {TRANSFER}, {PROCESS}, {RELEASE}"
                )
                return False
            time.sleep(1)

    def _report(self, flight_id: str, seconds: float) -> bool:
        """Print the flights per state, and Level 2 beside the truth; True if it is as good as promised."""
        with self.warehouse.session() as session:
            found = states(session)
        table = Table("state", "flights")
        for state in State:
            if flights := [one.key.flight_id for one in found if one.state is state]:
                table.add_row(str(state), ", ".join(flights))
        out.print(table)
        compared = self._compare(flight_id)
        if compared is None:
            out.print(f"[red]{flight_id}: no product of Level 2 is with the data centre")
            return False
        biases = ", ".join(f"{name} {bias:+.2f} ppb" for name, bias in compared.bias_ppb.items())
        out.print(
            f"{'' if compared.right else '[red]'}{flight_id} Level 2 against the truth: {biases}; "
            f"{compared.found:.1%} of the faults flagged, {compared.alarms:.2%} false alarms"
        )
        out.print(f"in Airflow: {seconds:.1f} s")
        return compared.right

    def _compare(self, flight_id: str) -> Compared | None:
        """The delivered file of Level 2 against the truth."""
        products = [
            one for one in self.centre.products.values() if (one.flight_id, one.level) == (flight_id, "L2")
        ]
        if not products:
            return None
        path = self.folder / "delivered.nc4"
        path.write_bytes(next(one.data for one in products if one.media_type != "text/plain"))
        return compare(self.world, self.flights[flight_id], read_flight(path))


def compare(world: IagosWorld, flight: Flight, product: FlightData) -> Compared:
    """A product of a flight against the truth."""
    true = truth(world, flight, product.time_s)
    bias, faults, found, sound, alarms = {}, 0, 0, 0, 0
    for name, one in product.series.items():
        good = (one.validity == Validity.GOOD) & true.flying
        if name in LARGEST_BIAS_PPB:
            bias[name] = float(np.mean((one.value - true.values[name])[good & true.sound(name)]))
        flagged = one.validity != Validity.GOOD
        spoilt = (
            true.spoilt(name) & ~true.missing
        )  # a second delivery may have the rows that the first one lacks
        faults += int(np.count_nonzero(spoilt))
        found += int(np.count_nonzero(spoilt & flagged))
        sound += int(np.count_nonzero(true.sound(name)))
        alarms += int(np.count_nonzero(true.sound(name) & flagged))
    return Compared(bias, found / max(faults, 1), alarms / max(sound, 1))
