"""A trigger's endless watch, look by look: the waits in between are where a test does something."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from triggers import new_files
from triggers.new_files import NewFilesTrigger

LONGEST_WATCH_S = 60


class _EnoughError(Exception):
    """The last look is over."""


@dataclass
class Watched:
    """What a watch came to: the payloads of each look, and the waits after each."""

    looks: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    waits_s: list[float] = field(default_factory=list)

    @property
    def names(self) -> list[list[str]]:
        """Names announced at each look."""
        return [[file["name"] for payload in look for file in payload["files"]] for look in self.looks]

    @property
    def counts(self) -> list[int]:
        """Files announced at each look, also those that no name is known of."""
        return [sum(payload["count"] for payload in look) for look in self.looks]


def watch(
    monkeypatch: pytest.MonkeyPatch, trigger: NewFilesTrigger, *between: Callable[[], object]
) -> Watched:
    """Let a trigger look once, and once more after each of `between`; then it is gone, as at a restart."""
    watched, todo = Watched(), list(between)

    async def sleep(seconds: float) -> None:
        watched.waits_s.append(seconds)
        if not todo:
            raise _EnoughError
        todo.pop(0)()
        watched.looks.append([])

    async def run() -> None:
        async with asyncio.timeout(LONGEST_WATCH_S):  # else a watch that never waits would never end
            async for event in trigger.run():
                watched.looks[-1].append(event.payload)
        pytest.fail("the trigger returned: the triggerer would start it again at once")

    with monkeypatch.context() as patched, suppress(_EnoughError):
        patched.setattr(new_files, "asyncio", SimpleNamespace(sleep=sleep))
        trigger._log = logging.getLogger("watch")  # Airflow's own prints, at the level of its configuration
        asyncio.run(run())
    return watched
