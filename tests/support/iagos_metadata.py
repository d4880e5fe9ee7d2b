"""A small fleet for tests: one aircraft, two P1 units with their parts, as CSV files that people would write."""

from collections.abc import Iterable
from pathlib import Path

from skyledger.iagos.metadata.importer import ImportReport, import_tables
from skyledger.warehouse import Session

FLEET = {
    "person": "login,name,email\npi,Pia I,pi@example.org\nop,Otto P,\n",
    "person_role": "person,role,instrument_type,valid_from,valid_to\n"
    "pi,PI,P1,2023-01-01,2024-01-01\npi,reader,,2023-01-01,\nop,operator,,2023-01-01,\n",
    "component_class": "name\nUnit\nSensor\n",
    "component_type": "name,component_class\nP1 unit,Unit\nHumiCap,Unit\n"
    "O3 analyser,Sensor\nCO analyser,Sensor\nRH sensor,Sensor\nPT100,Sensor\n",
    "component": "component_type,serial_no\nP1 unit,U1\nP1 unit,U2\nHumiCap,H1\n"
    "O3 analyser,O1\nO3 analyser,O2\nCO analyser,C1\nRH sensor,R1\nPT100,T1\n",
    "component_relation": "component_type,serial_no,parent_type,parent_serial_no,installed_at,removed_at\n"
    "O3 analyser,O1,P1 unit,U1,2022-01-01,\n"
    "CO analyser,C1,P1 unit,U1,2022-01-01,\n"
    "HumiCap,H1,P1 unit,U1,2022-01-01,\n"
    "RH sensor,R1,HumiCap,H1,2022-01-01,\n"
    "PT100,T1,HumiCap,H1,2022-01-01,\n",
    "calibration": "component_type,serial_no,calibrated_at,function,parameters,uncertainties\n"
    "O3 analyser,O1,2023-09-01,linear,slope=0.985; offset=1.8,slope=0.002\n"
    "CO analyser,C1,2023-09-01,polynomial,c0=1; c1=0.99; c2=1e-5,\n"
    "RH sensor,R1,2023-09-01,table,x0=0; y0=0; x1=1; y1=0.98,\n"
    "PT100,T1,2023-09-01,linear,slope=1; offset=0.1,\n",
    "airline": "name,code\nExample Air,XA\n",
    "aircraft_type": "name,code\nAirbus A340-300,A343\n",
    "aircraft": "internal_no,serial_no,registration_code,airline,aircraft_type,active_from\n"
    "02,53,D-AIGT,Example Air,Airbus A340-300,2020-01-01\n",
    "project": "name,long_name,is_infrastructure\nIAGOS,In-service aircraft,yes\n",
    "deployment": "internal_no,project,component_type,serial_no,aircraft,location,start_at,end_at\n"
    "D1,IAGOS,P1 unit,U1,02,,2023-10-01,2024-02-01\n",
}


def write(folder: Path, tables: dict[str, str]) -> list[Path]:
    """CSV files of some tables."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return [folder / f"{name}.csv" for name in tables]


def take(
    session: Session, folder: Path, tables: dict[str, str], *, without_errors: bool = True, **options: bool
) -> ImportReport:
    """Import some tables."""
    report = import_tables(session, write(folder, tables), actor="tester", **{"dry_run": False, **options})
    assert not (without_errors and report.errors), report.errors
    return report


def one(table: str, rows: Iterable[str] | str) -> dict[str, str]:
    """A file with the headings of the fleet's table and other rows."""
    lines = [rows] if isinstance(rows, str) else list(rows)
    return {table: "\n".join([FLEET[table].splitlines()[0], *lines, ""])}
