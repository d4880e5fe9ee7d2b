"""The header of a NASA Ames file, FFI 1001: its lines in order, what each must hold, and how they are counted."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from skyledger.errors import FormatError

FFI = 1001
FIXED_LINES = 14  # those of every header, when VSCAL and VMISS take one line each
_WHOLE = re.compile(r"\s*\d+\s*")


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. Sequences over dependent variables have their number, NV."""

    originator: str  # ONAME
    organisation: str  # ORG
    source: str  # SNAME
    mission: str  # MNAME
    begin: date  # DATE: day from whose midnight (UTC) the independent variable counts
    revised: date  # RDATE
    x_name: str  # XNAME
    variables: tuple[str, ...]  # VNAME lines: short; long name; [unit]
    scales: tuple[float, ...]  # VSCAL
    missing: tuple[float, ...]  # VMISS, of stored values
    special: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    step: float = 0.0  # DX; 0 is not constant
    volume: int = 1
    volumes: int = 1

    @property
    def length(self) -> int:
        """NLHEAD of a header as we write it."""
        return FIXED_LINES + len(self.variables) + len(self.special) + len(self.comments)


class HeaderLines:
    """Reads header lines one after the other; errors name file, line, and what was expected."""

    def __init__(self, lines: Sequence[str], name: str) -> None:
        """`lines`: of the whole file."""
        self._lines = lines
        self._name = name
        self.taken = 0

    def parse(self) -> tuple[Header, int, int]:
        """Return the header up to the normal comments, NLHEAD as stated, and NNCOML. Raises FormatError."""
        stated, ffi = self._integers("NLHEAD and FFI", 2)
        if ffi != FFI:
            raise self.error(f"FFI is {ffi}; expected {FFI}")
        originator, organisation, source, mission = (
            self._text(what) for what in ("ONAME", "ORG", "SNAME", "MNAME")
        )
        volume, volumes = self._integers("IVOL and NVOL", 2)
        begin, revised = self._dates()
        step = self._numbers("DX", 1)[0]
        x_name = self._text("XNAME")
        (count,) = self._integers("NV", 1)
        if count < 1:
            raise self.error("NV is 0; expected at least one dependent variable")
        scales = self._numbers("VSCAL", count)
        if not all(math.isfinite(scale) and scale for scale in scales):
            raise self.error("a factor of VSCAL is zero or no number")
        missing = self._numbers("VMISS", count)
        variables = tuple(self._variable(index, count) for index in range(1, count + 1))
        (n_special,) = self._integers(f"NSCOML (after NV = {count} VNAME lines)", 1)
        special = tuple(self._text("a special comment") for _ in range(n_special))
        (n_comments,) = self._integers(f"NNCOML (after NSCOML = {n_special} lines)", 1)
        header = Header(
            originator, organisation, source, mission, begin, revised, x_name, variables, scales, missing,
            special, (), step, volume, volumes,
        )  # fmt: skip
        return header, stated, n_comments

    def error(self, text: str) -> FormatError:
        """About the line taken last."""
        return FormatError(f"{self._name}: line {self.taken}: {text}")

    def _text(self, what: str) -> str:
        if self.taken >= len(self._lines):
            raise FormatError(f"{self._name}: ends after line {self.taken}; expected {what}")
        self.taken += 1
        return self._lines[self.taken - 1].strip()

    def _integers(self, what: str, count: int) -> list[int]:
        text = self._text(what)
        try:
            found = [int(part) for part in text.split()]
        except ValueError:
            found = []
        if len(found) != count or min(found) < 0:
            raise self.error(
                f"{text[:80]!r}; expected {what}: {count} whole number{'s' if count > 1 else ''}"
            )
        return found

    def _dates(self) -> tuple[date, date]:
        parts = self._integers("DATE and RDATE, each as year month day", 6)
        try:
            begin, revised = date(*parts[:3]), date(*parts[3:])
        except ValueError as error:
            raise self.error(f"impossible date in {' '.join(map(str, parts))}: {error}") from None
        if revised < begin:
            raise self.error(f"RDATE {revised} is before DATE {begin}")
        return begin, revised

    def _numbers(self, what: str, count: int) -> tuple[float, ...]:
        """As many numbers as announced, over as many lines as they take."""
        found: list[float] = []
        while len(found) < count:
            before = len(found)
            text = self._text(what)
            try:
                found += [float(part) for part in text.split()]
            except ValueError:
                found = found[:before]
            if len(found) == before:
                raise self.error(f"{what} has {before} numbers before {text[:80]!r}; expected {count}")
            if len(found) > count:
                held = (
                    f"{before} before this line, which holds {len(found) - before}" if before else len(found)
                )
                raise self.error(f"{what} has {held} numbers; expected {count}")
        return tuple(found)

    def _variable(self, index: int, count: int) -> str:
        text = self._text(f"VNAME {index} of {count}")
        if not text or _WHOLE.fullmatch(text):
            raise self.error(f"{text!r}; expected VNAME {index} of NV = {count}: short; long name; [unit]")
        return text


def format_header(header: Header, decimals: Sequence[int]) -> list[str]:
    """Lines of a header; `decimals` of each dependent variable, in which its missing value is written as well."""
    every = (*header.special, *header.comments, *header.variables, header.originator, header.organisation)
    every = (*every, header.source, header.mission, header.x_name)
    if broken := [line for line in every if "\n" in line or "\r" in line or not line.isascii()]:
        raise FormatError(f"header line {broken[0]!r}: expected one line of ASCII")
    return [
        f"{header.length} {FFI}",
        header.originator,
        header.organisation,
        header.source,
        header.mission,
        f"{header.volume} {header.volumes}",
        f"{header.begin:%Y %m %d} {header.revised:%Y %m %d}",
        f"{header.step:g}",
        header.x_name,
        f"{len(header.variables)}",
        " ".join(f"{scale:g}" for scale in header.scales),
        " ".join(f"{value:.{digits}f}" for value, digits in zip(header.missing, decimals, strict=True)),
        *header.variables,
        f"{len(header.special)}",
        *header.special,
        f"{len(header.comments)}",
        *header.comments,
    ]


_BRACKETED = re.compile(r"\[([^\[\]]*)\]|\(([^()]*)\)")


def split_name(line: str) -> tuple[str, str, str]:
    """Short name, long name and unit of a VNAME or XNAME line: `short; long name; [unit]`, or words and a bracket."""
    brackets = [a or b for a, b in _BRACKETED.findall(line)]
    unit = brackets[-1].strip() if brackets and line.rstrip().endswith(("]", ")")) else ""
    parts = [part.strip() for part in line.split(";")]
    if len(parts) == 1:
        text = _BRACKETED.sub("", line).strip() if unit else line.strip()
        return text, text, unit
    return parts[0], parts[1], unit


_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SPOKEN = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
}


def seconds_per_x(x_name: str) -> float | None:
    """Seconds per unit of the independent variable, from its bracket, else from its words; None if it is no time."""
    unit = split_name(x_name)[2].lower()
    if unit in _UNITS_S:
        return _UNITS_S[unit]
    for text in (unit, x_name.lower()):
        # "elapsed seconds since 0 hours UTC": a word after a number is no unit of X
        for number, word in re.findall(r"(\d[\s_]*)?([a-z]+)", text):
            if not number and word in _SPOKEN:
                return _UNITS_S[_SPOKEN[word]]
    return None
