"""`make stop`: stop what still runs of this checkout's demo, private Airflow and private servers.

Needs nothing but Python itself, so that it works when `.venv` is broken or gone.
"""

from pathlib import Path

from sandbox import processes

LOCAL = Path(__file__).resolve().parents[1] / ".local"
# The demo stops its own children. The scheduler ends its tasks, which still need the api-server to say so.
ORDER = ("demo", "scheduler", "triggerer", "dag-processor", "api-server")
DEMO_TIMEOUT_S = 120.0  # it waits for Airflow


def stop_all(directory: Path = LOCAL) -> list[Path]:
    """Stop whatever has a pid file below `directory`; return the files of what was running."""
    found = [file for file in sorted(directory.rglob("*.pid")) if processes.running(file)]
    found.sort(key=lambda file: ORDER.index(file.stem) if file.stem in ORDER else len(ORDER))
    for file in found:
        processes.stop(file, DEMO_TIMEOUT_S if file.stem == "demo" else processes.STOP_TIMEOUT_S)
    return found


if __name__ == "__main__":
    stopped = stop_all()
    for file in stopped:
        print(f"stopped {file.relative_to(LOCAL.parent)}")
    if not stopped:
        print("nothing is running")
