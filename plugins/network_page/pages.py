"""Pages of ours in the Airflow UI: reports of flights.

Every page needs Airflow's login. Files come from below the data root, by names that are checked, and are sent with a
policy that lets a browser run no script and fetch nothing.
"""

import re
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user  # semi-internal: imported here only
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse

from skyledger.config import DATA_ROOT

_INSTRUMENT = re.compile(r"[A-Z][A-Za-z0-9]{0,7}")
_FLIGHT = re.compile(r"[0-9]{16}")
_REPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}\.(html|json)")
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}

app = FastAPI(
    title="Skyledger", dependencies=[Depends(get_user)], openapi_url=None, docs_url=None, redoc_url=None
)


@app.get("/iagos/reports/{instrument_type}/{flight_id}/{name}")
def iagos_report(instrument_type: str, flight_id: str, name: str) -> FileResponse:
    """A report of a flight, as it was stored."""
    known = (
        _INSTRUMENT.fullmatch(instrument_type) and _FLIGHT.fullmatch(flight_id) and _REPORT.fullmatch(name)
    )
    path = Path(DATA_ROOT) / "iagos" / "reports" / instrument_type / flight_id / name
    if not known or not path.is_file():
        raise HTTPException(
            404, f"there is no report {name!r} of this flight; `skyledger iagos report` lists them"
        )
    kind = "text/html" if name.endswith(".html") else "application/json"
    return FileResponse(path, media_type=f"{kind}; charset=utf-8", headers=_POLICY)
