"""One run of a job: ask its source what is new, and bring it."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from skyledger.connections import Connection
from skyledger.errors import SkyledgerError
from skyledger.iagos.jobs import Job
from skyledger.iagos.transfer.client import IagosClient
from skyledger.iagos.transfer.drop import bring_from_drop
from skyledger.iagos.transfer.offered import pending
from skyledger.iagos.transfer.rest import fetch, list_new
from skyledger.iagos.transfer.summary import BringSummary
from skyledger.warehouse import Warehouse

DropConnections = tuple[Connection, Connection | None]  # the server, and the gateway before it


def bring(
    warehouse: Warehouse,
    job: Job,
    source: IagosClient | DropConnections,
    *,
    data_root: Path,
    run_id: str,
    progress: Callable[[str], None],
) -> BringSummary:
    """Bring everything that a job's source has and we have not; what earlier runs could not acknowledge goes first.

    source: the client of the REST service, or the connections of the drop folder's server, as the job says
    A file that does not come is named in the summary, which raises when asked; the others go on.
    """
    if job.source.kind == "sftp":
        connections = cast(DropConnections, source)
        return bring_from_drop(
            warehouse, job, connections, data_root=data_root, run_id=run_id, progress=progress
        )
    return _bring_from_service(warehouse, job, cast(IagosClient, source), data_root, run_id, progress)


def _bring_from_service(
    warehouse: Warehouse,
    job: Job,
    client: IagosClient,
    data_root: Path,
    run_id: str,
    progress: Callable[[str], None],
) -> BringSummary:
    listed = list_new(warehouse, client, job, run_id=run_id)
    done = BringSummary(job.job, client.source, new=listed.keys, acknowledged=listed.acknowledged)
    done.refused, done.notes = listed.refused, listed.notes
    with warehouse.session() as session:
        todo = pending(session, job.instrument_type, client.source)
    for number, key in enumerate(todo, 1):
        progress(f"{number} of {len(todo)}: {key}")
        try:
            fetched = fetch(warehouse, client, key, data_root=data_root, run_id=run_id)
        except SkyledgerError as error:
            done.failures.append((str(key), error))
            continue
        done.states[str(fetched.state)] += 1
        done.bytes += fetched.bytes
        done.acknowledged += fetched.acknowledged
        if fetched.message:
            done.notes.append(f"{key}: {fetched.message}")
    return done
