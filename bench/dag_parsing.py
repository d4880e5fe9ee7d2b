"""How long the DAG processor needs per DAG file. Aim: under 0.3 s each, under 2 s for all.

Each file is parsed in a process forked from one that has Airflow loaded, as the DAG processor does it.
The physical limit is a DAG that imports airflow.sdk only: it is measured beside them.

    python bench/dag_parsing.py
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EACH_S, ALL_S = 0.3, 2.0
BARE_DAG = "from airflow.sdk import dag\n@dag(schedule=None)\ndef bare():\n    pass\nbare()\n"


def main() -> int:
    """Print a line per file; return 1 when an aim is missed."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
        bare = Path(home, "bare_dag.py")
        bare.write_text(BARE_DAG)
        import airflow.sdk  # noqa: F401 - what the DAG processor has loaded before it forks
        from airflow.dag_processing.dagbag import DagBag

        def parse(path: Path) -> None:
            bag = DagBag(dag_folder=str(path), bundle_path=path.parent, bundle_name="bench")
            if bag.import_errors or not bag.dags:
                raise SystemExit(f"{path.name}: {bag.import_errors or 'no DAG'}")

        print(f"{'airflow.sdk only':40} {best_of(3, lambda: parse(bare)):6.3f} s")
        seconds = {}
        for path in sorted((ROOT / "dags").glob("*.py")):
            seconds[path.name] = best_of(3, lambda path=path: parse(path))
            print(f"{path.name:40} {seconds[path.name]:6.3f} s")
        total = sum(seconds.values())
        print(f"{'all':40} {total:6.3f} s   (aims: {EACH_S} s each, {ALL_S} s for all)")
        return int(max(seconds.values()) > EACH_S or total > ALL_S)


def best_of(tries: int, work: Callable[[], None]) -> float:
    """Shortest time of `work` in a forked process."""
    return min(forked(work) for _ in range(tries))


def forked(work: Callable[[], None]) -> float:
    """Seconds that `work` takes in a forked process."""
    began = time.perf_counter()
    if (child := os.fork()) == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit("parsing failed")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
