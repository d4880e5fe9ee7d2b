"""Programs that the sandbox starts: known by a pid file, stopped in order, never left behind.

Each leads a session of its own, so a Ctrl-C in the terminal reaches only the caller, who then stops it
properly. Should the caller be killed, the kernel sends the program a SIGTERM (`setpriv --pdeathsig`,
part of every Debian and Ubuntu); that is tied to the *thread* that started it, so start from one that lives on.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STOP_TIMEOUT_S = 30.0


def spawn(
    command: Sequence[str | Path], pid_file: Path, log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of a new session; what it prints is appended to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--", *map(str, command)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record(pid_file, process.pid)
    return process


def record(pid_file: Path, pid: int) -> None:
    """Write down a process and the moment it began: its number alone may later belong to somebody else."""
    pid_file.write_text(f"{pid} {_began(pid)}\n")


def running(pid_file: Path) -> int | None:
    """Process id of what `pid_file` names, if that still runs; a stale file names nothing."""
    with suppress(OSError, ValueError, IndexError):
        pid, began = map(int, pid_file.read_text().split())
        if _stat(pid)[0] != "Z" and _began(pid) == began:
            return pid
    return None


def wait_for_end(pid_file: Path, timeout_s: float) -> bool:
    """Wait until what `pid_file` names has ended. False if it still runs after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while running(pid_file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stop(pid_file: Path, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """SIGTERM, wait, then SIGKILL for whatever of its session stays. Does nothing when nothing runs."""
    if pid := running(pid_file):
        os.kill(pid, signal.SIGTERM)
        wait_for_end(pid_file, timeout_s)
        for member in members({pid}):  # did not listen, or outlived the leader
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        wait_for_end(pid_file, timeout_s)
    pid_file.unlink(missing_ok=True)


def members(sessions: Iterable[int]) -> list[int]:
    """Living processes of these sessions: the leaders and what they started."""
    wanted = set(sessions)
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError, IndexError):  # ended meanwhile
                fields = _stat(int(folder.name))
                if int(fields[3]) in wanted and fields[0] != "Z":
                    found.append(int(folder.name))
    return sorted(found)


def descendants(pid: int) -> list[int]:
    """Living processes that `pid` started, and those that they started."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError, IndexError):  # ended meanwhile
                state, parent = _stat(int(folder.name))[:2]
                if state != "Z":
                    parents[int(folder.name)] = int(parent)
    found, generation = [], {pid}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation}
        found += sorted(generation)
    return found


def kill(pids: Iterable[int]) -> None:
    """SIGKILL each, and wait until it has ended."""
    for pid in pids:
        with suppress(OSError, IndexError):
            os.kill(pid, signal.SIGKILL)
            while _stat(pid)[0] != "Z":
                time.sleep(0.005)


def free_port(preferred: int = 0) -> int:
    """`preferred` if nobody listens there, else any free port of the loopback interface."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no free port on the loopback interface")


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on: state, parent, group, session, ... (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _began(pid: int) -> int:
    """When the process began, in clock ticks since boot."""
    return int(_stat(pid)[19])
