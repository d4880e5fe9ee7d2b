"""Flights on their way through decisions: a database with people, a data root, and steps to where a PI decides.

Reports are those of `skyledger.iagos.report` without their page, which takes a second to draw.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from skyledger import migrations
from skyledger.connections import Connection
from skyledger.iagos import series, states
from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.assess.by_hand import manual_flags
from skyledger.iagos.assess.runs import keep_run
from skyledger.iagos.flight import FlightData, Key, Series
from skyledger.iagos.metadata.calibrations import CalibrationPair, CalibrationRecord, CalibrationSet, Part
from skyledger.iagos.metadata.flights import Flight
from skyledger.iagos.names import Level
from skyledger.iagos.release.decide import Decided, Decision, decide
from skyledger.iagos.release.deliver import Pushed, push_products
from skyledger.iagos.release.nrt import Exported, export_nrt
from skyledger.iagos.release.products import Made, make_products
from skyledger.iagos.release.reports import StoredReport, newest_report, note_report
from skyledger.iagos.release.rules import ReleaseRules
from skyledger.iagos.release.versions import Product, products
from skyledger.iagos.report import Report, ReportContext, ReportPaths, SourceFile, Suggestion
from skyledger.iagos.report.content import describe
from skyledger.iagos.states import State
from skyledger.iagos.transfer.client import IagosClient
from skyledger.quality import QualityConfig
from skyledger.warehouse import Warehouse
from tests.support.iagos_flights import DEPARTURE, KEY, flight

ROWS = 120
PI, SECOND_PI, MANAGER, OPERATOR, PI_OF_OTHER, FORMER_PI = (
    "pi_p1",
    "pi2_p1",
    "manager1",
    "operator1",
    "pi_ich",
    "pi_old",
)
ROLES = [
    (PI, "PI", "P1", "9999-12-31"),
    (SECOND_PI, "PI", "", "9999-12-31"),  # of all instruments
    (MANAGER, "manager", "", "9999-12-31"),
    (OPERATOR, "operator", "P1", "9999-12-31"),
    (PI_OF_OTHER, "PI", "ICH", "9999-12-31"),
    (FORMER_PI, "PI", "P1", "2023-06-01"),
]
TO_L0 = (
    State.AVAILABLE,
    State.QUEUED,
    State.TRANSFERRING,
    State.RECEIVED,
    State.PARSED,
    State.STORED_L0,
)
TABLES = (
    "product",
    "release_decision",
    "report",
    "flag_event",
    "qc_result",
    "qc_variable",
    "qc_run",
    "qc_config",
    "data_series",
    "series_file",
    "flight_state_history",
    "flight_state",
)
PARTS = ("O3 analyser", "CO analyser", "RH sensor", "PT100")


class Releases:
    """A network with flights, from judged to delivered."""

    def __init__(self, database: Connection, data_root: Path, centre: Connection | None = None) -> None:
        self.database = database
        self.data_root = data_root
        self.warehouse = Warehouse(database)
        self.client = IagosClient(centre, sleep=lambda seconds: None) if centre else None

    def prepare(self) -> "Releases":
        """Make tables and people."""
        migrations.upgrade("iagos", self.warehouse.url)
        with self.warehouse.session() as session, session.transaction():
            for login, role, instrument_type, until in ROLES:
                session.execute(
                    "INSERT INTO person (login, name, created_at, created_by) VALUES (%s, %s, '2020-01-01', 'test')",
                    (login, login.replace("_", " ").title()),
                )
                session.execute(
                    "INSERT INTO person_role (person_id, role, instrument_type, valid_from, valid_to, created_at,"
                    " created_by) VALUES (LAST_INSERT_ID(), %s, %s, '2020-01-01', %s, '2020-01-01', 'test')",
                    (role, instrument_type, until),
                )
        return self

    def wipe(self) -> None:
        """Forget all flights."""
        with self.warehouse.session() as session, session.transaction():
            session.execute("SET FOREIGN_KEY_CHECKS = 0")
            for table in TABLES:
                session.execute(f"DELETE FROM {table}")
            session.execute("SET FOREIGN_KEY_CHECKS = 1")

    def stored(
        self, key: Key = KEY, *, bias: float = 0.0, seed: int = 1, calibrations: tuple[int, ...] = ()
    ) -> FlightData:
        """Bring a flight to Level 0."""
        data = biased(l0(key, bias=bias, seed=seed), 0.0, calibrations=calibrations)
        with self.warehouse.session() as session, session.transaction():
            states.begin(session, key, reason="test", run_id="r")
            for before, after in pairwise(TO_L0):
                states.move(session, key, after, before=before, reason="test", run_id="r")
            series.keep(session, data, self.data_root, run_id="r")
        return data

    def judge(
        self,
        key: Key = KEY,
        level: Level = Level.L1,
        config: QualityConfig | None = None,
        *,
        wait: bool = True,
    ) -> StoredReport:
        """Judge what is kept, report, and let the flight wait for its PI."""
        with self.warehouse.session() as session:
            found = states.state_of(session, key)
            assert found
            data = series.load(session, self.data_root, key, Level.L0 if level is Level.L1 else Level.L2)
            verdict = assess(data, config or quality_config("P1"), manual_flags(session, key))
            report, paths = made_report(verdict, key, level, found.state, self.data_root)
            path = [State.QC_RUNNING, State.QC_DONE, State.AWAITING_L1][: 3 if wait else 2]
            if level is Level.L2:
                path = [State.AWAITING_L2]

            def note() -> None:
                number = keep_run(session, key, data.level, verdict, "r", self.data_root)
                note_report(session, key, level, number, report, paths, "r")
                before = found.state
                for after in path:
                    states.move(session, key, after, before=before, reason="judged", run_id="r")
                    before = after

            session.commit(note)
            stored = newest_report(session, key, level)
        assert stored
        return stored

    def waiting(self, key: Key = KEY, **options: Any) -> StoredReport:
        """Bring a flight to where its PI decides about Level 1."""
        self.stored(key, **options)
        return self.judge(key)

    def candidate(self, key: Key = KEY, calibrations: tuple[int, ...] = (3, 7, 9), bias: float = 0.4) -> None:
        """Compute a Level 2 candidate with other calibrations."""
        with self.warehouse.session() as session:
            found = states.state_of(session, key)
            assert found
            base = series.load(session, self.data_root, key, Level.L0)
            data = biased(base, bias, level=Level.L2, calibrations=calibrations)

            def keep() -> None:
                if found.state is not State.L2_CANDIDATE:
                    states.move(
                        session, key, State.L2_CANDIDATE, before=found.state, reason="test", run_id="r"
                    )
                series.keep(session, data, self.data_root, run_id="r")

            session.commit(keep)

    def waiting_for_l2(self, key: Key = KEY) -> StoredReport:
        """Bring a flight through Level 1 to where its PI decides about Level 2."""
        self.released(key)
        self.candidate(key)
        return self.judge(key, Level.L2)

    def released(self, key: Key = KEY, level: Level = Level.L1) -> StoredReport:
        """Release what waits, write and deliver it; a flight that is not known is brought to Level 1."""
        report = self.report(key, level) or self.waiting(key)
        self.decide(key=key, level=level, digest=report.data_digest)
        self.make(key, level)
        self.push(key, level)
        return report

    def decide(self, **changes: Any) -> Decided:
        """A release of Level 1 by the PI of the newest report, or with other words."""
        key, level = changes.get("key", KEY), changes.get("level", Level.L1)
        report = self.report(key, level)
        digest = report.data_digest if report else None
        said: dict[str, Any] = {
            "key": key,
            "level": level,
            "action": "release",
            "person": PI,
            "comment": None,
            "digest": digest,
        } | changes
        with self.warehouse.session() as session:
            return decide(session, Decision(**said), "r")

    def make(self, key: Key = KEY, level: Level = Level.L1) -> Made:
        """Write products."""
        return make_products(self.warehouse, key, level, data_root=self.data_root, run_id="r")

    def push(self, key: Key = KEY, level: Level = Level.L1) -> Pushed:
        """Deliver products."""
        assert self.client
        return push_products(self.warehouse, self.client, key, level, data_root=self.data_root, run_id="r")

    def export_nrt(self, key: Key = KEY) -> Exported:
        """Export NRT data."""
        assert self.client
        return export_nrt(self.warehouse, self.client, key, data_root=self.data_root, run_id="r")

    def products(self, **restricted: Any) -> list[Product]:
        """Versions of products."""
        with self.warehouse.session() as session:
            return products(session, **restricted)

    def load(self, product: Product) -> FlightData:
        """What a version holds."""
        with self.warehouse.session() as session:
            return series.load(session, self.data_root, product.key, product.level, product.version)

    def report(self, key: Key = KEY, level: Level = Level.L1) -> StoredReport | None:
        """The newest report."""
        with self.warehouse.session() as session:
            return newest_report(session, key, level)

    def state(self, key: Key = KEY) -> State:
        """What a flight is."""
        with self.warehouse.session() as session:
            found = states.state_of(session, key)
        assert found
        return found.state

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        with self.warehouse.session() as session:
            return session.query(sql, values)

    def execute(self, sql: str, *values: Any) -> None:
        """Run one statement in a transaction."""
        with self.warehouse.session() as session, session.transaction():
            session.execute(sql, values)

    def files(self, folder: str) -> dict[str, bytes]:
        """Files below a folder of the data root, with their bytes."""
        return {
            path.name: path.read_bytes()
            for path in sorted((self.data_root / "iagos" / folder).rglob("*"))
            if path.is_file()
        }


def l0(key: Key = KEY, *, bias: float = 0.0, seed: int = 1) -> FlightData:
    """Level 0 of a flight, with what it says of itself."""
    data = flight(ROWS, seed=seed, key=key)
    told = {
        "source": {"name": f"r{key.revision}.csv.gz", "sha256": f"{key.revision:02d}" * 32},
        "unit": "P1-01",
        "calibration_ids": [3, 7],
        "software": "skyledger test",
        "steps": [{"level": "L0", "software": "skyledger test", "from": f"{key.revision:02d}" * 32}],
    }
    return biased(replace(data, provenance=told), bias)


def biased(
    data: FlightData, bias: float, *, level: Level | None = None, calibrations: tuple[int, ...] = ()
) -> FlightData:
    """The flight with more ozone, as another level or with other calibrations if said."""
    ozone = Series.unchecked(data.series["O3_P1"].value + bias)
    told = {**data.provenance, **({"calibration_ids": list(calibrations)} if calibrations else {})}
    return replace(data, level=level or data.level, series={**data.series, "O3_P1": ozone}, provenance=told)


def made_report(
    verdict: Any, key: Key, level: Level, state: State, data_root: Path
) -> tuple[Report, ReportPaths]:
    """A report with all its content, but no page."""
    departure, arrival = verdict.data.departure, verdict.data.arrival
    end = datetime.fromtimestamp(float(verdict.data.time_s[-1]), UTC)
    known = Flight(key.flight_id, "02", "D-AIGT", departure, arrival._replace(time=end))
    record = CalibrationRecord(
        3, "S1", DEPARTURE - timedelta(days=30), "linear", {"slope": 1.0, "offset": 0.0}
    )
    parts = {name: Part("S1", CalibrationPair(record, record)) for name in PARTS}
    context = ReportContext(
        key=key,
        level=level,
        flight=known,
        calibrations=CalibrationSet("D1", "P1-01", parts, DEPARTURE),
        source_file=SourceFile("raw", "0" * 64),
        software="skyledger test",
        rules=ReleaseRules(),
        state=state,
        made_at=DEPARTURE,
    )
    content = describe(verdict, context, None)
    said = content["report"]
    folder = data_root / "iagos" / "reports" / key.instrument_type / key.flight_id
    name = f"r{key.revision}_{level}_{said['data_digest'][:8]}"
    report = Report(key, level, content, "", said["data_digest"], Suggestion(said["suggestion"]))
    return report, ReportPaths(folder / f"{name}.html", folder / f"{name}.json")


def release_whole(network: Releases, level: Level) -> None:
    """Decide, write and deliver, as the DAG does; each step may have been done already."""
    network.decide(level=level)
    network.make(level=level)
    network.push(level=level)
