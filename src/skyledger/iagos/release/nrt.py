"""Data in near real time: what quality control let through, delivered before a person has looked at it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level
from skyledger.iagos.release.deliver import TakesProducts, push_products
from skyledger.iagos.release.products import make_products
from skyledger.iagos.release.reports import StoredReport, newest_report
from skyledger.iagos.release.rules import ReleaseRules, release_rules
from skyledger.iagos.release.sql import statement
from skyledger.iagos.release.versions import add_product, versions_of
from skyledger.iagos.states import State
from skyledger.warehouse import Session, Warehouse


class Gate(NamedTuple):
    """Whether a flight may go out without a person."""

    open: bool
    why: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of the NRT data of a flight."""

    key: Key
    version: str = ""  # empty: nothing was exported
    why: str = ""

    def told(self) -> str:
        """One sentence."""
        return f"NRT {self.version} delivered" if self.version else f"no NRT data: {self.why}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {"flight": self.key.text, "version": self.version, "why": self.why}


def nrt_gate(report: StoredReport, rules: ReleaseRules) -> Gate:
    """Nothing critical, and of every variable enough of what was to be measured is usable."""
    if not rules.nrt:
        return Gate(False, "NRT is switched off (include/config/iagos/release.yaml)")
    if report.critical:
        return Gate(False, report.critical)
    enough = report.availability >= rules.nrt_availability
    told = (
        f"{report.least_available}: {report.availability:.1%} usable, NRT from {rules.nrt_availability:.0%}"
    )
    return Gate(enough, told)


def export_nrt(
    warehouse: Warehouse, client: TakesProducts, key: Key, *, data_root: Path, run_id: str
) -> Exported:
    """Write and deliver the NRT data of a flight that was judged; nothing when the gate is closed.

    A delivery that fails is raised, after the flight says so (EXPORT_FAILED); another try that delivers it ends as any
    other (NRT_EXPORTED).
    """
    with warehouse.session() as session, states.held(session, key.flight_id, key.instrument_type):
        why = session.commit(lambda: _begin(session, key, run_id))
    if why:
        return Exported(key, why=why)
    made = make_products(warehouse, key, Level.NRT, data_root=data_root, run_id=run_id)
    push_products(warehouse, client, key, Level.NRT, data_root=data_root, run_id=run_id)
    return Exported(key, made.versions[-1])


def _begin(session: Session, key: Key, run_id: str) -> str:
    """Note the product to be made; why there is none otherwise."""
    found = states.state_of(session, key)
    state = found and found.state
    retried = state is State.EXPORT_FAILED and states.history(session, key)[-1].before == State.QC_DONE
    if state is not State.QC_DONE and not retried:
        return f"the flight is {state or 'not known'}, not just judged"
    if versions_of(session, key, Level.L1):
        return "Level 1 has been released"
    report = newest_report(session, key, Level.L1)
    if report is None or not report.up_to_date:
        return "there is no report on these data"
    gate = nrt_gate(report, release_rules())
    if not gate.open:
        return gate.why
    product, _ = add_product(
        session, key, Level.NRT, report.report_id, report.data_digest, why="passed the gate", run_id=run_id
    )
    # what an earlier run noted and never wrote: its data have been judged anew since
    session.execute(
        statement("drop_pending"), {**key._asdict(), "product_id": product.product_id, "run_id": run_id}
    )
    return ""
