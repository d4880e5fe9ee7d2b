"""The ledger: one row per (dataset, member, partition) that says what is stored, and from what.

Work is found by comparing three things, in the database, in one statement: what a network *expects*
(deployed units and days), what the source *holds* (its inventory), and what the ledger says is *stored*,
checked against the rows really present at the destination. Incremental load, backfill, full import,
late data and manual rerun are the same comparison with another `Mode`.

Life of a partition: `plan` finds it, `mark` writes it down as expected or stale, `open_attempts` as
running, and `close` as stored, partial, empty or failed: in the transaction that also holds its data.
Whatever kills a run in between leaves it running, and the next plan takes it up as interrupted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa

from skyledger import __version__
from skyledger.config import SQL_DIR
from skyledger.errors import SkyledgerError
from skyledger.warehouse import Session
from skyledger.wire import ConnectionLost


class State(StrEnum):
    """What a partition is now."""

    EXPECTED = "expected"  # planned, not yet tried
    RUNNING = "running"  # being loaded, or left so by a crash
    STORED = "stored"  # complete
    PARTIAL = "partial"  # stored what there was: records were rejected, or the day was not over
    EMPTY = "empty"  # the source holds nothing
    FAILED = "failed"  # nothing stored, for the reason in its message
    STALE = "stale"  # stored, but the source, the destination or the configuration has changed since


class Mode(StrEnum):
    """Which partitions a plan takes up."""

    MISSING = "missing"  # not stored, or no longer what the source holds
    BACKFILL = "backfill"  # missing, and the last n days whatever their state
    ALL = "all"  # everything the source holds
    STALE = "stale"  # only what is stored and out of date, also by a change of the configuration


class Reason(StrEnum):
    """Why a partition is in a plan."""

    NEW = "new"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SOURCE_CHANGED = "source changed"
    DESTINATION_CHANGED = "destination changed"
    CONFIG_CHANGED = "config changed"
    STALE = "marked stale"
    REQUESTED = "requested"


_OUTDATED = (Reason.SOURCE_CHANGED, Reason.DESTINATION_CHANGED, Reason.STALE)
_TAKEN: dict[Mode, frozenset[str]] = {
    Mode.MISSING: frozenset((Reason.NEW, Reason.FAILED, Reason.INTERRUPTED, *_OUTDATED)),
    Mode.BACKFILL: frozenset((Reason.NEW, Reason.FAILED, Reason.INTERRUPTED, *_OUTDATED, Reason.REQUESTED)),
    Mode.ALL: frozenset(Reason),
    Mode.STALE: frozenset((*_OUTDATED, Reason.CONFIG_CHANGED)),
}

KEY_COLUMNS = ("member VARCHAR(64) NOT NULL", "partition_key VARCHAR(64) NOT NULL")
_BIN = "PRIMARY KEY (member, partition_key)"
PARTITIONS = pa.schema([("member", pa.string()), ("partition_key", pa.string())])


class Item(NamedTuple):
    """One partition to load."""

    member: str
    partition_key: str
    reason: str
    source_rows: int
    source_digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: `items` to load, `empty` partitions that the source turned out to hold nothing of.

    `outdated` counts partitions stored with another configuration that the mode leaves alone.
    """

    dataset: str
    items: tuple[Item, ...]
    empty: tuple[tuple[str, str], ...]
    expected: int
    outdated: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def describe(self) -> str:
        """Say in a line what would be done and why."""
        outdated = (
            f"; {self.outdated} were stored with another configuration (mode stale takes them)"
            if self.outdated
            else ""
        )
        if not self.items:
            return f"{self.dataset}: nothing to do ({self.expected} partitions){outdated}"
        by_reason: dict[str, int] = {}
        for item in self.items:
            by_reason[item.reason] = by_reason.get(item.reason, 0) + 1
        keys = [item.partition_key for item in self.items]
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(by_reason.items()))
        return (
            f"{self.dataset}: {len(self.items)} of {self.expected} partitions of "
            f"{len({item.member for item in self.items})} members, {min(keys)} to {max(keys)} ({reasons}); "
            f"{sum(item.source_rows for item in self.items)} source records{outdated}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt at one partition ended."""

    member: str
    partition_key: str
    state: State
    rows_read: int | None = None
    rows_stored: int | None = None
    rows_rejected: int | None = None
    message: str | None = None


@cache
def _statement(name: str) -> str:
    return (SQL_DIR / "ledger" / f"{name}.sql").read_text(encoding="utf-8")


def partitions(keys: Iterable[tuple[str, str]]) -> pa.Table:
    """Make the (member, partition_key) table that `plan` expects."""
    members, partition_keys = [], []
    for member, key in keys:
        members.append(member)
        partition_keys.append(key)
    return pa.table({"member": members, "partition_key": partition_keys}, schema=PARTITIONS)


def plan(
    session: Session,
    dataset: str,
    *,
    expected: pa.Table,
    find: Callable[[], pa.Table],
    present_sql: str,
    present_parameters: Sequence[object],
    config_digest: str,
    mode: Mode = Mode.MISSING,
    backfill_from: date | None = None,
) -> Plan:
    """Compare expectation, source and ledger; return what `mode` takes up, in order of member and key.

    Parameters
    ----------
    expected: (n,) PARTITIONS that should exist; whatever else the source holds is left alone
    find: gives the source's inventory, (m,) PARTITIONS plus source_rows and source_digest; called after
        the database's side is prepared, so that both can work at once
    present_sql: SELECT of (member, partition_key, rows_present) counting the destination's rows
    config_digest: of the configuration that would be used
    backfill_from: first partition key that mode `backfill` takes whatever its state
    """
    mode = Mode(mode)  # a plain string must not silently mean something else
    session.stage("plan_present", (*KEY_COLUMNS, "rows_present INT UNSIGNED NOT NULL", _BIN), partitions(()))
    session.execute(f"INSERT INTO plan_present {present_sql}", present_parameters)
    session.stage(
        "plan_expected",
        (*KEY_COLUMNS, "source_rows BIGINT UNSIGNED NULL", "source_digest VARCHAR(64) NULL", _BIN),
        expected.join(find(), ["member", "partition_key"], join_type="left outer"),
    )
    rows = session.query(
        _statement("plan"),
        {
            "dataset": dataset,
            "config_digest": config_digest,
            "everything": mode is Mode.ALL,
            "backfill_from": (
                backfill_from.isoformat() if mode is Mode.BACKFILL and backfill_from else "9999-12-31"
            ),
        },
    )
    taken = _TAKEN[mode]
    return Plan(
        dataset=dataset,
        items=tuple(
            Item(member, key, reason, int(source_rows), digest)
            for member, key, reason, source_rows, digest in rows
            if source_rows and reason in taken
        ),
        empty=tuple((member, key) for member, key, _, source_rows, _ in rows if not source_rows),
        expected=expected.num_rows,
        outdated=0
        if Reason.CONFIG_CHANGED in taken
        else sum(row[2] == Reason.CONFIG_CHANGED for row in rows),
    )


def mark(session: Session, work: Plan, *, run_id: str, config_digest: str) -> None:
    """Write a plan into the ledger: new partitions are expected, outdated ones stale, empty ones empty."""
    _stage_keys(session, ((item.member, item.partition_key, item.reason) for item in work.items))
    session.commit(lambda: session.execute(_statement("mark"), {"dataset": work.dataset}))
    if work.empty:
        open_attempts(session, work.dataset, ((m, k, Reason.NEW) for m, k in work.empty), run_id=run_id)
        nothing = [Outcome(m, k, State.EMPTY, 0, 0, 0, "the source holds nothing") for m, k in work.empty]
        session.commit(lambda: close(session, work.dataset, nothing, (), config_digest=config_digest))


def open_attempts(
    session: Session, dataset: str, keys: Iterable[tuple[str, str, str]], *, run_id: str
) -> None:
    """Begin an attempt at each (member, partition_key, reason): ledger running, run_record appended.

    An attempt that a crash left open is closed as interrupted. The caller holds the members' locks.
    """
    _stage_keys(session, keys)

    def begin() -> None:
        for name in ("close_interrupted", "open_ledger", "open_run_record"):
            session.execute(_statement(name), {"dataset": dataset, "run_id": run_id})

    session.commit(begin)


def _stage_keys(session: Session, keys: Iterable[tuple[str, str, str]]) -> None:
    columns = list(zip(*keys, strict=True)) or [(), (), ()]
    names = ("member", "partition_key", "reason")
    table = pa.table([pa.array(map(str, column), pa.string()) for column in columns], names=names)
    session.stage("attempt", (*KEY_COLUMNS, "reason VARCHAR(20) NOT NULL", _BIN), table)


def close(
    session: Session,
    dataset: str,
    outcomes: Sequence[Outcome],
    items: Sequence[Item],
    *,
    config_digest: str,
) -> None:
    """End attempts: call inside the transaction that holds the data, so that both are there or neither.

    `items` give the state of the source that was read; partitions without an item had an empty source.
    A failed outcome keeps what the ledger knew of earlier stored data.
    """
    source = {(item.member, item.partition_key): item for item in items}
    known = [source.get((o.member, o.partition_key)) for o in outcomes]
    session.stage(
        "outcome",
        (
            *KEY_COLUMNS,
            "state VARCHAR(10) NOT NULL",
            "source_rows BIGINT UNSIGNED NOT NULL",
            "source_digest VARCHAR(64) NOT NULL",
            "rows_read INT UNSIGNED NULL",
            "rows_stored INT UNSIGNED NULL",
            "rows_rejected INT UNSIGNED NULL",
            "message TEXT NULL",
            _BIN,
        ),
        pa.table(
            {
                "member": [o.member for o in outcomes],
                "partition_key": [o.partition_key for o in outcomes],
                "state": [str(o.state) for o in outcomes],
                "source_rows": [item.source_rows if item else 0 for item in known],
                "source_digest": [item.source_digest if item else "" for item in known],
                "rows_read": pa.array([o.rows_read for o in outcomes], pa.int64()),
                "rows_stored": pa.array([o.rows_stored for o in outcomes], pa.int64()),
                "rows_rejected": pa.array([o.rows_rejected for o in outcomes], pa.int64()),
                "message": pa.array([o.message for o in outcomes], pa.string()),
            }
        ),
    )
    parameters = {"dataset": dataset, "config_digest": config_digest, "code_version": __version__}
    for name in ("close_run_record", "close_ledger"):
        session.execute(_statement(name), parameters)


@contextmanager
def attempt(
    session: Session,
    dataset: str,
    item: Item,
    *,
    run_id: str,
    config_digest: str,
    failed: Callable[[SkyledgerError], None] = lambda error: None,
) -> Iterator[None]:
    """One attempt at a partition: opened before the block, which closes it; closed as failed when the block raises.

    `failed` does what else belongs to a failure, in the transaction that notes it. The error goes on.
    """
    key = (item.member, item.partition_key)
    open_attempts(session, dataset, [(*key, item.reason)], run_id=run_id)
    try:
        yield
    except ConnectionLost:
        raise  # nothing can be recorded any more; the next run finds the attempt interrupted
    except SkyledgerError as error:

        def note(error: SkyledgerError = error) -> None:
            failed(error)
            outcome = Outcome(*key, State.FAILED, message=str(error))
            close(session, dataset, [outcome], [item], config_digest=config_digest)

        try:
            session.commit(note)
        except ConnectionLost:
            raise error from None  # the session died of it
        raise


def replace_rejected(session: Session, dataset: str, rejected: pa.Table) -> None:
    """Keep the rejected records of the partitions that `close` has just closed, in the same transaction.

    `rejected` has member, partition_key, record_key, source, reason, raw.
    """
    session.execute(_statement("forget_rejected"), {"dataset": dataset})
    if rejected.num_rows:
        session.stage(
            "rejected",
            (
                *KEY_COLUMNS,
                "record_key VARCHAR(64) NOT NULL",
                "source VARCHAR(250) NOT NULL",
                "reason VARCHAR(500) NOT NULL",
                "raw MEDIUMTEXT NOT NULL",
            ),
            rejected,
        )
        session.execute(_statement("keep_rejected"), {"dataset": dataset})


def states(session: Session, dataset: str, first_key: str, last_key: str) -> list[tuple[Any, ...]]:
    """Partitions, members and rows per dataset (by prefix) and state, for a range of keys."""
    return session.query(_statement("states"), {"dataset": dataset, "first": first_key, "last": last_key})


def gaps(session: Session, dataset: str, first_key: str, last_key: str) -> list[tuple[Any, ...]]:
    """Runs of neighbouring partitions that are not simply stored.

    (dataset, member, state, first key, last key, partitions, reason)
    """
    return session.query(_statement("gaps"), {"dataset": dataset, "first": first_key, "last": last_key})
