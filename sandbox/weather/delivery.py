"""What goes wrong between the logger and the inbox: defects of files and of lines, each on request.

A file is drafted as rows of which it is known what they are, so that what a reader must find can be counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Literal, get_args

from sandbox.weather.toa5 import EOL, Header

Kind = Literal[
    "bad line",  # `count` lines that are no rows, between rows
    "bad timestamp",  # a row with a date that does not exist
    "ragged line",  # a row that lost its last fields
    "long line",  # a row with fields too many
    "duplicate rows",  # `count` rows a second time
    "out-of-order rows",  # `count` rows after the `count` that follow them
    "conflicting row",  # a row again, with another temperature
    "fractional seconds",  # every time stamp of the file is a quarter of a second later
    "quoted comma",  # in the station's name, and a quote in the program's
    "concatenated header",  # the header again, in the middle
    "truncated last line",  # the file ends within its last row
    "header only",
    "wrong type",  # TOB1: text header, binary rows
    "late file",  # withheld at first
    "second name",  # delivered again under another name
    "missing hour",  # never delivered
    "another table",  # a file of table MinData beside the hour's own
    "record wrap",  # record 4294967295, then 0 at this row
    "counter reset",  # record 0 at this row, counting on from there
    "clock jump",  # clock wrong by `seconds` for `count` rows
    "header change",  # from this file on: new program, other columns, Deg F
]
STAMP_BYTES = len('"2016-08-30 00:06:24')


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: in the file that begins in this hour of the folder's day, at this row (counted from 0)."""

    kind: Kind
    day: date
    hour: int = 12
    row: int = 1800
    count: int = 5
    seconds: int = 60  # of a clock jump; negative: set back

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown defect {self.kind!r}: expected one of {', '.join(get_args(Kind))}")
        if not (0 <= self.hour < 24 and 0 < self.row < 3600 - 2 * self.count):
            raise ValueError(f"{self}: expected hour 0 to 23, and row and count within 3600 rows")


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """One delivered file. tally: what it adds to each day of the logger's calendar: rows, duplicates, ..."""

    folder: str  # day of its start: 2016-08-30
    name: str
    data: bytes
    last_utc_s: int  # when it was closed
    late: bool
    tally: dict[date, Counter[str]]


@dataclass(slots=True)
class Draft:
    """A file in the making: `lines` with what each of them is (row, duplicate, conflict, rejected, header)."""

    folder: str
    name: str
    header: Header
    lines: list[
        tuple[bytes, str, int]
    ]  # text, what it is, seconds on the logger's clock of it or the row before
    last_utc_s: int
    late: bool = False
    ending: bytes = EOL
    first: list[bytes] = field(default_factory=list)  # header lines, if not those of `header`

    def file(self) -> SimulatedFile:
        """The file as it is delivered."""
        tally: dict[date, Counter[str]] = {}
        if all(what == "row" for _, what, _ in self.lines):  # nearly always: at most two days
            stamps: Iterable[tuple[str, int]] = ()
            days = Counter(stamp // 86_400 for _, _, stamp in self.lines)
            tally = {_day(number): Counter(row=n) for number, n in days.items()}
        else:
            stamps = ((what, stamp) for _, what, stamp in self.lines)
        for what, stamp in stamps:
            tally.setdefault(_day(stamp // 86_400), Counter())[what] += 1
        lines = (self.first or self.header.lines()) + [text for text, _, _ in self.lines]
        return SimulatedFile(
            self.folder, self.name, EOL.join(lines) + self.ending, self.last_utc_s, self.late, tally
        )


def deliver(draft: Draft, defects: Iterable[Defect]) -> Iterator[SimulatedFile]:
    """The files that come of a draft: usually one."""
    copies = [draft]
    for defect in defects:
        if defect.kind in _LINES:
            _LINES[defect.kind](draft, defect)
        elif defect.kind == "late file":
            draft.late = True
        elif defect.kind == "second name":
            again = [
                (text, "duplicate" if what == "row" else what, stamp) for text, what, stamp in draft.lines
            ]
            copies.append(replace(draft, name=draft.name.replace(".dat", "_1.dat"), lines=again))
        elif defect.kind == "another table":
            copies.append(_minutes(draft))
        elif defect.kind == "missing hour":
            copies.remove(draft)
    for copy in copies:
        yield copy.file()


def _bad_line(draft: Draft, defect: Defect) -> None:
    stamp = draft.lines[defect.row - 1][2]
    draft.lines[defect.row : defect.row] = [(b"NO CARRIER\x00\x7f", "rejected", stamp)] * defect.count


def _spoil(draft: Draft, defect: Defect, spoilt: Callable[[bytes], bytes]) -> None:
    text, _, _ = draft.lines[defect.row]
    draft.lines[defect.row] = (spoilt(text), "rejected", draft.lines[defect.row - 1][2])


def _duplicate_rows(draft: Draft, defect: Defect) -> None:
    end = defect.row + defect.count
    draft.lines[end:end] = [(text, "duplicate", stamp) for text, _, stamp in draft.lines[defect.row : end]]


def _out_of_order(draft: Draft, defect: Defect) -> None:
    middle, end = defect.row + defect.count, defect.row + 2 * defect.count
    draft.lines[defect.row : end] = draft.lines[middle:end] + draft.lines[defect.row : middle]


def _conflicting_row(draft: Draft, defect: Defect) -> None:
    text, _, stamp = draft.lines[defect.row]
    fields = text.split(b",")
    place = 2 + next(i for i, column in enumerate(draft.header.columns) if column.name == "AirTC")
    fields[place] = b"%.2f" % (float(fields[place]) + 1)
    draft.lines.insert(defect.row + 1, (b",".join(fields), "conflict", stamp))


def _fractions(draft: Draft, defect: Defect) -> None:
    draft.lines = [
        (text[:STAMP_BYTES] + b".25" + text[STAMP_BYTES:], what, stamp) for text, what, stamp in draft.lines
    ]


def _quoted_comma(draft: Draft, defect: Defect) -> None:
    draft.header = replace(draft.header, station="WeatherStation, north", program='CPU:"F13"\\Weather.CR1')


def _concatenated_header(draft: Draft, defect: Defect) -> None:
    stamp = draft.lines[defect.row - 1][2]
    draft.lines[defect.row : defect.row] = [(text, "header", stamp) for text in draft.header.lines()]


def _truncated(draft: Draft, defect: Defect) -> None:
    text, _, stamp = draft.lines[-1]
    draft.lines[-1] = (text[: STAMP_BYTES + 12], "truncated", stamp)
    draft.ending = b""


def _header_only(draft: Draft, defect: Defect) -> None:
    draft.lines = []


def _wrong_type(draft: Draft, defect: Defect) -> None:
    first, *others = draft.header.lines()
    draft.first = [first.replace(b"TOA5", b"TOB1"), *others, bytes(range(256)) * 100]
    draft.lines, draft.ending = [], b""


_LINES: dict[str, Callable[[Draft, Defect], None]] = {
    "bad line": _bad_line,
    "bad timestamp": lambda draft, defect: _spoil(draft, defect, lambda row: row[:6] + b"13-45" + row[11:]),
    "ragged line": lambda draft, defect: _spoil(draft, defect, lambda row: row.rsplit(b",", 2)[0]),
    "long line": lambda draft, defect: _spoil(draft, defect, lambda row: row + b",12.5,0"),
    "duplicate rows": _duplicate_rows,
    "out-of-order rows": _out_of_order,
    "conflicting row": _conflicting_row,
    "fractional seconds": _fractions,
    "quoted comma": _quoted_comma,
    "concatenated header": _concatenated_header,
    "truncated last line": _truncated,
    "header only": _header_only,
    "wrong type": _wrong_type,
}


def _minutes(draft: Draft) -> Draft:
    """Every 60th row as a file of table MinData."""
    header = replace(draft.header, table="MinData")
    lines = [(text, "other table", stamp) for text, what, stamp in draft.lines[::60]]
    return replace(draft, name=draft.name.replace("SecData", "MinData"), header=header, lines=lines)


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * 86_400, UTC).date()
