"""How a run of rsync over ssh ended: each exit code with its meaning and what follows from it.

Codes 0 to 35 are those of rsync (its manual, EXIT VALUES), 124 to 127 tell of the remote shell, 255 is ssh's own.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from skyledger import ssh
from skyledger.errors import SourceError, SourceUnavailable, StorageError

ERRORS_TOLD = 500  # characters of what rsync and ssh say


class Decision(StrEnum):
    """What follows from the way a transfer ended."""

    DONE = "done"
    PARTIAL = "partial"  # go on with what came: the rest is tried by the next run
    RETRY = "retry"  # waiting may heal it
    FAIL = "fail"  # a person must change something
    NO_RSYNC = "no rsync"  # SFTP instead


class Ending(NamedTuple):
    """Meaning of an exit code."""

    decision: Decision
    meaning: str
    advice: str = ""


EXIT_CODES = {
    0: Ending(Decision.DONE, "all files are here"),
    1: Ending(Decision.FAIL, "an option is not understood", "rsync must be 3.2.4 or later here, 3.0 there"),
    2: Ending(Decision.FAIL, "no rsync answers", "does the login there print anything? It must not"),
    3: Ending(Decision.FAIL, "a folder is missing", "check the path in the station's configuration"),
    4: Ending(Decision.FAIL, "the action is not supported", "update rsync there"),
    5: Ending(Decision.FAIL, "the rsync daemon refused", "the connection must lead to sshd, not to a daemon"),
    6: Ending(Decision.FAIL, "the rsync daemon cannot write its log", "see to the disk of the station"),
    10: Ending(Decision.RETRY, "the connection broke"),
    11: Ending(Decision.FAIL, "a file cannot be written here", "make room, or give us the right"),
    12: Ending(Decision.RETRY, "the connection broke, or rsync was ended there"),
    13: Ending(Decision.RETRY, "messages of rsync were lost"),
    14: Ending(Decision.RETRY, "this machine cannot start another process"),
    19: Ending(Decision.RETRY, "rsync was ended by a signal"),
    20: Ending(Decision.RETRY, "rsync was ended by a signal"),
    21: Ending(Decision.RETRY, "a process of rsync was lost"),
    22: Ending(Decision.RETRY, "there is not enough memory"),
    23: Ending(Decision.PARTIAL, "some files did not come"),
    24: Ending(Decision.PARTIAL, "some files vanished before they came"),
    25: Ending(Decision.FAIL, "a limit of deletions was reached", "we never delete: report this"),
    30: Ending(Decision.RETRY, "the station fell silent"),
    35: Ending(Decision.RETRY, "the rsync daemon did not answer"),
    124: Ending(Decision.RETRY, "ssh failed"),
    125: Ending(Decision.RETRY, "ssh was ended by a signal"),
    126: Ending(Decision.NO_RSYNC, "rsync cannot be run there"),
    127: Ending(Decision.NO_RSYNC, "rsync is not installed there"),
    255: Ending(Decision.RETRY, "ssh did not connect, or the connection broke"),
}
_UNKNOWN = Ending(Decision.RETRY, "rsync ended in a way that is not known")
_NO_RSYNC_PERHAPS = (2, 12)  # how the end of something else than rsync looks from here

# What ssh says of a refusal: all of them are code 255, and waiting does not help
_REFUSALS = (
    (re.compile(r"host key verification failed|host identification has changed", re.I), ssh.ANOTHER_HOST_KEY),
    (re.compile(r"administratively prohibited", re.I), ssh.NO_FORWARDING),
    (
        re.compile(r"bad permissions|unprotected private key", re.I),
        "its key file must be closed to others (0600)",
    ),
    (re.compile(r"permission denied \([a-z]", re.I), ssh.LOGIN_REFUSED),
)
_CODE_THERE = re.compile(r"\(code (\d+)\) at \S+ \[sender")
_DISK_HERE = re.compile(
    r"\[(?:receiver|generator)\].*"
    r"(?:No space left|quota exceeded|File too large|Read-only file system|Permission denied|Input/output error)",
    re.I,
)
_CONSEQUENCE = re.compile(r"^rsync error:|connection unexpectedly closed|write error: Broken pipe")


def judge(code: int, text: str, where: str, *, answers: Callable[[], bool]) -> Ending:
    """Decide by the exit code and the messages. Returns DONE, PARTIAL or NO_RSYNC.

    answers: asks whether there is an rsync on the other side; used where that is the question

    Raises SourceUnavailable to try again later, SourceError or StorageError where a person must change something.
    """
    if code == 12 and (there := _CODE_THERE.search(text)):
        code = int(there[1])  # the reason was on the other side
    ending = EXIT_CODES.get(code, _UNKNOWN)
    if code in (12, 255):  # rsync may end before it knows that ssh did
        for pattern, advice in _REFUSALS:
            if pattern.search(text):
                raise SourceError(f"{where}: {advice} ({told(text)})")
    if code in _NO_RSYNC_PERHAPS and not answers():
        return EXIT_CODES[127]
    if _DISK_HERE.search(text):
        ending = EXIT_CODES[11]
    advice = f"; {ending.advice}" if ending.advice else ""
    message = f"{where}: {ending.meaning}{advice} (rsync ended with {code}: {told(text)})"
    if ending.decision is Decision.RETRY:
        raise SourceUnavailable(message)
    if ending.decision is Decision.FAIL:
        raise StorageError(message) if ending is EXIT_CODES[11] else SourceError(message)
    return ending


def told(text: str) -> str:
    """The messages of rsync and ssh that say why, in one line that can be shown."""
    lines = ["".join(c if c.isprintable() else "?" for c in line.strip()) for line in text.splitlines()]
    why = [line for line in lines if line and not _CONSEQUENCE.search(line)] or lines[:1]
    return "; ".join(why)[:ERRORS_TOLD]
