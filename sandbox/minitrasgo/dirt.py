"""What is wrong with some lines of a detector file, and what a reader has to say about each."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sandbox.minitrasgo.files import Bytes
from sandbox.noise import key, uniform


class Dirt(NamedTuple):
    """One kind of damage."""

    spoil: Callable[[bytes], bytes]  # what becomes of a line (without its end)
    reason: str  # why a reader rejects it; empty: it does not
    in_place: bool = False  # the line itself is damaged, else a damaged copy follows it
    end: bytes = b"\n"
    counts_as: str = ""  # what an accepted copy is: "other" trigger, or "comment"


DIRT = {
    "lost blank": Dirt(lambda line: re.sub(rb"(?<=\d) -", b"-", line, count=1), "", in_place=True),
    "lost line end": Dirt(lambda line: line, "", in_place=True, end=b""),
    "unknown trigger": Dirt(lambda line: re.sub(rb"^(.{19} +)1", rb"\g<1>7", line), "", counts_as="other"),
    "blank line": Dirt(lambda line: b"", "", counts_as="comment"),
    "cut line": Dirt(lambda line: line[:300], "wrong column count"),
    "extra column": Dirt(lambda line: line + b" 0001.0000", "wrong column count"),
    "date of zeros": Dirt(lambda line: b"0000" + line[4:], "invalid date"),
    "month 13": Dirt(lambda line: line[:5] + b"13" + line[7:], "invalid date"),
    "text": Dirt(lambda line: b"restarted \x00\xff", "invalid date"),
    "two points": Dirt(lambda line: line[:-9] + b"0000.000.0", "malformed number"),
}


def soil(series: tuple[object, ...], lines: Bytes, per_kind: int) -> tuple[bytes, Counter[str]]:
    """Text of a file with so many damaged lines of each kind, and their counts."""
    damages = [name for name in DIRT for _ in range(per_kind)] if len(lines) else []
    rows = np.sort((uniform(key(*series, "dirt"), np.arange(len(damages))) * len(lines)).astype(np.int64))
    order = np.argsort(uniform(key(*series, "kind"), np.arange(len(damages))))
    parts: list[bytes] = []
    counts: Counter[str] = Counter()
    done = 0
    for row, which in zip(rows.tolist(), order.tolist(), strict=True):
        name = damages[which]
        dirt = DIRT[name]
        line = lines[row].tobytes()[:-1]
        spoilt = dirt.spoil(line)
        if row < done or (spoilt == line and dirt.end):  # damaged already, or nothing in it to damage
            continue
        parts += [lines[done:row].tobytes(), b"" if dirt.in_place else line + b"\n", spoilt + dirt.end]
        counts[name] += 1
        done = row + 1
    return b"".join([*parts, lines[done:].tobytes()]), counts


def rejected(counts: Counter[str]) -> dict[str, int]:
    """Lines that a reader rejects, by reason."""
    reasons: Counter[str] = Counter()
    for name, count in counts.items():
        if DIRT[name].reason:
            reasons[DIRT[name].reason] += count
    return dict(sorted(reasons.items()))
