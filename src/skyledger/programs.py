"""Programs that we start: they have no more of our environment than they need, and never outlive us."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PATIENCE_S = 5.0  # to end in order, and put away what is half done
PASSED_ON = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")  # nothing that could hold a secret of ours


@contextmanager
def program(
    command: Sequence[str],
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    folder: Path | None = None,
    environment: Mapping[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program with all its children in a session of their own; what still runs when the block ends is ended.

    Should we be killed outright, the kernel sends the program a SIGTERM. Raises FileNotFoundError.
    """
    # set by a helper and not by code between fork and exec, which is unsafe where there are threads
    setpriv = shutil.which("setpriv")
    tied = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
    if not (found := shutil.which(command[0])):
        raise FileNotFoundError(f"{command[0]} is not installed")
    process = subprocess.Popen(  # noqa: S603 - a list, of a program that the caller names
        [*tied, found, *command[1:]],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(environment),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
