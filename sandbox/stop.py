"""Stop what still runs of this checkout's private servers and Airflow: `make stop`."""

import os
import sys
from pathlib import Path

from sandbox import airflow, processes
from sandbox.servers import LOCAL


def stop_all(directory: Path = LOCAL) -> list[Path]:
    """Stop whatever has a pid file below `directory`; return the files of what was running.

    The demo goes first and stops its own children in order; then any Airflow, then the databases.
    """
    files = [file for file in sorted(directory.rglob("*.pid")) if processes.running(file)]
    for file in files:
        if file.name == "demo.pid" and processes.running(file) != os.getpid():
            processes.stop(file, timeout_s=120)
    for home in {file.parent.parent for file in files if file.parent.name == "run"}:
        airflow.stop(home)
    for file in files:
        processes.stop(file)
    return files


if __name__ == "__main__":
    stopped = stop_all()
    for stopped_file in stopped:
        print(f"stopped {stopped_file.relative_to(LOCAL.parent)}")
    if not stopped:
        print("nothing is running")
    sys.exit(0)
