"""When jobs ran, and which are due: what `jobs` computes, with the database."""

from datetime import UTC, datetime
from functools import cache

from skyledger.config import SQL_DIR
from skyledger.iagos.jobs import Due, Job, due, jobs
from skyledger.warehouse import Session


def done_times(session: Session) -> dict[str, datetime]:
    """For which time each job was done last (UTC); jobs that never ran are left out."""
    return {job: at.replace(tzinfo=UTC) for job, at, _ in session.query(_statement("job_states"))}


def due_now(session: Session, now: datetime) -> list[Due]:
    """Jobs that are due, in their order."""
    done = done_times(session)
    return [found for one in jobs().values() if (found := due(one, done.get(one.job), now))]


def note_done(session: Session, job: Job, now: datetime, *, run_id: str) -> None:
    """A job was done for everything up to now; nothing is noted when it was not due."""
    found = due(job, done_times(session).get(job.job), now)
    if found is None:
        return
    values = {
        "job": job.job,
        "last_due": found.at.replace(tzinfo=None),
        "missed": found.missed,
        "run_id": run_id,
    }
    with session.transaction():
        session.execute(_statement("note_job"), values)


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "iagos" / "states" / f"{name}.sql").read_text(encoding="utf-8")
