"""Jobs: which source is asked for which instrument type, and how often."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field, model_validator

from skyledger.config import CONFIG_DIR, Model, load
from skyledger.errors import ConfigError

UNITS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
TICK = timedelta(minutes=10)  # how often the DAG looks which jobs are due


class RestSource(Model):
    """The data centre's REST service."""

    kind: Literal["rest"]
    connection: Annotated[str, Field(description="id of a connection of type iagos")]


class DropSource(Model):
    """A folder into which a provider puts files, over SFTP."""

    kind: Literal["sftp"]
    connection: Annotated[str, Field(description="id of a connection of type sftp")]
    root: Annotated[str, Field(description="folder above <instrument type>/incoming")]


class Job(Model):
    """One job. Times are UTC throughout: a change to summer time moves nothing."""

    job: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    description: str = ""
    responsible: Annotated[str, Field(description="login of the person who is told")]
    instrument_type: str
    source: Annotated[RestSource | DropSource, Field(discriminator="kind")]
    start: Annotated[AwareDatetime, Field(description="first time it is due, on a multiple of 10 minutes")]
    frequency: Annotated[
        Literal["once", "hourly", "daily", "weekly"], Field(description="unit of the interval")
    ]
    interval: Annotated[int, Field(ge=1, description="every so many units")] = 1
    active: bool = True
    order: Annotated[int, Field(ge=0, description="jobs that are due together run in this order")] = 0

    @model_validator(mode="after")
    def _on_a_tick(self) -> Self:
        if self.start.timestamp() % TICK.total_seconds():
            raise ValueError(f"start {self.start.isoformat()} is not on a multiple of 10 minutes")
        return self

    def last_due(self, now: datetime) -> datetime | None:
        """The latest time up to now at which the job was due; None before its start."""
        start = self.start.astimezone(UTC)
        if now < start:
            return None
        if self.frequency == "once":
            return start
        step = UNITS[self.frequency] * self.interval
        return start + (now - start) // step * step

    def next_due(self, now: datetime) -> datetime | None:
        """The first time after now at which the job is due; None when it never will be."""
        last = self.last_due(now)
        if last is None:
            return self.start.astimezone(UTC)
        return None if self.frequency == "once" else last + UNITS[self.frequency] * self.interval


class Due(NamedTuple):
    """A job that is due, once: whatever was missed before is made up for by this one run."""

    job: Job
    at: datetime  # UTC
    missed: int  # earlier times that nobody came


def due(job: Job, done: datetime | None, now: datetime) -> Due | None:
    """Whether a job is due, whose last run was for the time `done` (None: it never ran)."""
    at = job.last_due(now) if job.active else None
    if at is None or (done is not None and done >= at):
        return None
    if job.frequency == "once":
        return Due(job, at, 0)
    step = UNITS[job.frequency] * job.interval
    first = job.start.astimezone(UTC) if done is None else done + step
    return Due(job, at, max(0, (at - first) // step))


@cache
def jobs() -> dict[str, Job]:
    """All jobs, in their order. Raises ConfigError."""
    found = []
    for path in sorted((CONFIG_DIR / "iagos" / "jobs").glob("*.yaml")):
        one = load(Job, path)
        if one.job != path.stem:
            raise ConfigError(f"{path}: job is {one.job!r}; expected {path.stem!r}")
        found.append(one)
    return {one.job: one for one in sorted(found, key=lambda one: (one.order, one.job))}
