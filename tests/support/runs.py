"""Work in processes of its own, to be killed or to race other work.

Children are forked from one server that has imported everything: they start in milliseconds, and no thread or
connection of the tests is in them.
"""

import multiprocessing
import os
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from skyledger import warehouse as warehouse_module
from skyledger.carbosense.telegrams import ingest_telegrams, load_mapping
from skyledger.connections import Connection
from skyledger.errors import SkyledgerError
from skyledger.influx import open_source
from skyledger.warehouse import Warehouse

CONTEXT = multiprocessing.get_context("forkserver")
# pandas: pyarrow imports it at its first table
CONTEXT.set_forkserver_preload(
    [__name__, "influxdb_client", "pandas", "tests.support.logger_files", "tests.support.mingo_store"]
)

# What a time that was measured before is to be taken for, in each round of tries: the machine may be faster or slower
# by now.
PACES = (1, 0.5, 2, 0.25, 4)


def until_enough(seen: Counter[str], tries: int, **wanted: int) -> Iterator[tuple[int, float]]:
    """Number the tries until all that is wanted has been seen so often: `tries` at least, some times as many at most.

    What a kill meets is chance, and depends on how fast the machine is just then. With each number comes the pace.
    """
    for n in range(tries * len(PACES)):
        yield n, PACES[n // tries]
        if n + 1 >= tries and all(seen[what] >= often for what, often in wanted.items()):
            return
    raise AssertionError(f"{tries * len(PACES)} tries met too little: {dict(seen)}, wanted {wanted}")


class Child:
    """Work in a child: `ready` when it is about to begin, `begin` to let it, `result` for how it ended.

    `prepare` is a function of a module; called with `arguments` in the child, it returns the work to be done.
    """

    def __init__(self, prepare: Callable[..., Callable[[], Any]], *arguments: Any) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.process: BaseProcess = CONTEXT.Process(
            target=_work, args=(theirs, prepare, arguments), daemon=True
        )
        self.process.start()
        theirs.close()
        assert self.pipe.poll(30), "the child did not start"
        assert self.pipe.recv() == "ready"

    def begin(self) -> None:
        """Let the work begin."""
        self.pipe.send("go")

    def result(self, timeout_s: float = 60) -> Any:
        """What the work returned, or the SkyledgerError that ended it."""
        assert self.pipe.poll(timeout_s), "the child did not end"
        result = self.pipe.recv()
        self.process.join()
        return result

    def kill(self, after_s: float) -> bool:
        """SIGKILL the child that long from now. False if it had ended by then."""
        ended = self.pipe.poll(after_s)
        self.process.kill()
        self.process.join()
        return not ended


class Run(Child):
    """One load of telegrams in a child; its result is the summary."""

    def __init__(
        self, database: Connection, influx: Connection, days: Iterable[date], **options: Any
    ) -> None:
        days = list(days)
        super().__init__(_load, database, influx, days[0], days[-1], options)


def _work(pipe: Pipe, prepare: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> None:
    work = prepare(*arguments)
    pipe.send("ready")
    pipe.recv()
    try:
        pipe.send(work())
    except SkyledgerError as error:
        error.__cause__ = None  # a driver's error need not survive the pipe
        pipe.send(error)


def _load(
    database: Connection, influx: Connection, first: date, last: date, options: dict[str, Any]
) -> Callable[[], dict[str, Any]]:
    warehouse_module.LOCK_WAIT_S = options.pop("lock_wait_s", warehouse_module.LOCK_WAIT_S)
    if options.pop("no_files", False):
        os.environ["TMPDIR"] = tempfile.tempdir = "/nowhere"
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # not a byte to any file
    source, mapping = open_source(influx), load_mapping("lp8")

    def work() -> dict[str, Any]:
        summary = ingest_telegrams(Warehouse(database), source, mapping, first, last, **options)
        summary.raise_for_failures()
        return summary.as_dict()

    return work
