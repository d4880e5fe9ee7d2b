"""New files in an inbox start a run."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from hooks.inbox import list_inbox

if TYPE_CHECKING:
    from skyledger.inbox import Entry

FILES_NAMED = 50  # in the payload of one event; the run looks itself for what is new
LONGEST_WAIT_S = 3600.0  # between two looks at an inbox that does not answer
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NewFilesTrigger(BaseEventTrigger):
    """Watches a folder, here or over SFTP, and fires once for each set of files that are new or have changed.

    Fires when files have stood still for `settle` seconds, so a file that is being written waits. A file that
    vanishes is no event. A folder that does not answer is looked at less and less often, and each look leaves a
    warning that says since when. Payload: `inbox`, `pattern`, `count`, `bytes`, and the first `files` with name, size
    and time. What was announced is known after a restart by a fingerprint in the asset's state store, so that
    only what came meanwhile fires. Between event and store a crash may make it fire twice, never not at all.

    :param path: folder; without connection a relative one is below the data root.
    :param pattern: names to watch, with * and ?.
    :param conn_id: connection of type `sftp` or `ssh`; None for a folder of this machine.
    :param subfolders: whether folders below `path` are watched as well.
    :param poll_interval: seconds between two looks.
    :param settle: seconds for which a file has to stand still.
    """

    def __init__(
        self,
        *,
        path: str,
        pattern: str = "*",
        conn_id: str | None = None,
        subfolders: bool = True,
        poll_interval: float = 60.0,
        settle: float = 30.0,
    ) -> None:
        super().__init__()
        self.path = path
        self.pattern = pattern
        self.conn_id = conn_id
        self.subfolders = subfolders
        self.poll_interval = poll_interval
        self.settle = settle

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which the triggerer makes the trigger again."""
        return "triggers.new_files.NewFilesTrigger", self._arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever: the triggerer would restart at once, without any wait, what returns or raises."""
        announced: set[Entry] | None = None  # None: not known yet in this process
        failures, failing_since = 0, None
        while True:
            try:
                listing = await list_inbox(self.conn_id, self.path, self.pattern, self.subfolders)
                now_us = time.time_ns() // 1000
                settled = [entry for entry in listing.entries if entry.settled(now_us, self.settle)]
                if announced is None:
                    stored = await self._stored()
                    count, named = _since(stored, settled)
                else:
                    stored = None
                    named = [entry for entry in settled if entry not in announced]
                    count = len(named)
                if failing_since:
                    self.log.info("%s answers again, after it did not since %s", self._inbox, failing_since)
                    failures, failing_since = 0, None
                if count:
                    yield TriggerEvent(self._payload(count, named))
                if announced != set(settled):
                    announced = set(settled)
                    if (state := _state(settled)) != stored:
                        await self._store(state)
            except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on
                failures += 1
                failing_since = failing_since or _shown(time.time_ns() // 1000)
                longer = 2.0 ** min(failures, 20)  # a station may be down for months: no overflow
                wait_s = max(self.poll_interval, min(self.poll_interval * longer, LONGEST_WAIT_S))
                self.log.warning(
                    "%s has not been readable since %s (look %d): %s. Next look in %.0f s",
                    self._inbox,
                    failing_since,
                    failures,
                    error,
                    wait_s,
                )
            else:
                wait_s = self.poll_interval
            await asyncio.sleep(wait_s)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "pattern": self.pattern,
            "conn_id": self.conn_id,
            "subfolders": self.subfolders,
            "poll_interval": self.poll_interval,
            "settle": self.settle,
        }

    @property
    def _inbox(self) -> str:
        return f"{self.conn_id}:{self.path}" if self.conn_id else self.path

    def _payload(self, count: int, named: Sequence["Entry"]) -> dict[str, Any]:
        return {
            "inbox": self._inbox,
            "pattern": self.pattern,
            "count": count,
            "bytes": sum(entry.size for entry in named),
            "files": [
                {"name": entry.path, "size": entry.size, "modified": _shown(entry.modified_us)}
                for entry in named[:FILES_NAMED]
            ],
        }

    @property
    def _key(self) -> str:
        """Several triggers may watch for one asset. How often one looks is no part of what it has announced."""
        watched = json.dumps([self.conn_id, self.path, self.pattern])
        return f"announced_{hashlib.sha256(watched.encode()).hexdigest()[:16]}"

    async def _stored(self) -> Any:
        return await self.asset_state_store.aget(self._key) if self.asset_state_store else None

    async def _store(self, state: dict[str, Any]) -> None:
        if self.asset_state_store:
            await self.asset_state_store.aset(self._key, state)


def _state(settled: Sequence["Entry"]) -> dict[str, Any]:
    """What is remembered of announced files: not each of them, there may be many thousands."""
    text = json.dumps(sorted((entry.path, entry.size, entry.modified_us) for entry in settled))
    return {
        "files": len(settled),
        "watermark_us": max((entry.modified_us for entry in settled), default=0),
        "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
    }


def _since(stored: Any, settled: Sequence["Entry"]) -> tuple[int, list["Entry"]]:
    """How many files came since that state was stored, and those of them that can be named.

    Files later than the watermark are new. If those up to the watermark are no longer the same, and not fewer, then
    one with an old time has come or has changed; which one, the fingerprint does not tell. If they are fewer, some
    were removed: no event.
    """
    if not stored:
        return len(settled), list(settled)
    before = [entry for entry in settled if entry.modified_us <= stored["watermark_us"]]
    newer = [entry for entry in settled if entry.modified_us > stored["watermark_us"]]
    if len(before) < stored["files"] or _state(before)["fingerprint"] == stored["fingerprint"]:
        return len(newer), newer
    return len(newer) + max(1, len(before) - stored["files"]), newer


def _shown(time_us: int) -> str:
    return (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="seconds")
