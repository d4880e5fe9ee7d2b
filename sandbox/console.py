"""How the demo talks to people."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from rich.console import Console

from sandbox.airflow import PrivateAirflow

RUN_TIMEOUT_S = 900

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what takes time, and how long it took."""
    started = time.monotonic()
    out.print(f"[bold]>[/] {what} ...")
    yield
    out.print(f"  [green]done[/] in {time.monotonic() - started:.1f} s")


def follow(airflow: PrivateAirflow, dag_id: str, run_id: str) -> str:
    """Wait for a run with a line per change; show the log of what failed; return its state."""
    started = time.monotonic()

    def tell(state: str, tasks: dict[str, int]) -> None:
        counts = ", ".join(f"{n} {name}" for name, n in sorted(tasks.items()))
        out.print(f"    {time.monotonic() - started:5.1f} s  {state}: {counts or 'no tasks yet'}")

    state = airflow.api.wait(dag_id, run_id, RUN_TIMEOUT_S, tell)
    for task in airflow.api.tasks(dag_id, run_id):
        if task["state"] == "failed":
            out.print(f"[red]{task['task_id']} {task['rendered_map_index'] or ''} failed:")
            log = airflow.api.log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])
            out.print(log[-2000:], markup=False)
    return state


def runs(airflow: PrivateAirflow, dag_id: str) -> list[dict[str, str]]:
    """All runs of a DAG, in the order in which they became due."""
    found: list[dict[str, str]] = airflow.api.get(
        f"/dags/{quote(dag_id)}/dagRuns?order_by=run_after&limit=100"
    )["dag_runs"]
    return found
