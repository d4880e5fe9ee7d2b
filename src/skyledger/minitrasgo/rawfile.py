"""Raw files of a station (`.dat`): one event a line, 64 values in ns, no header.

The detector's program (`daq`) pads everything to fixed places; the simulator writes single blanks. Lines of one of
these two forms, nearly all, are decoded together (`rawfile_layouts`); the others are read with care (`rawfile_lines`),
with the same result where both can read a line. A file is read in blocks: memory is that of the events.
"""

import gzip
import re
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.minitrasgo.detector import CHANNELS, PLANES, STRIPS, BoolArray, IntArray, channel, topology
from skyledger.minitrasgo.rawfile_layouts import LAYOUTS, Bytes
from skyledger.minitrasgo.rawfile_lines import LONGEST_LINE, Event, read_line
from skyledger.threads import THREADS, each

Values = NDArray[np.float32]

BLOCK_BYTES = 1 << 21  # so long that a thread seldom asks for the interpreter
KEPT_REJECTS = 1000
KEPT_TEXT = 2000
KINDS = ("t_front", "t_back", "q_front", "q_back")
COINCIDENCE, SELF_TRIGGER = 1, 2
NO_FORMAT = "none"
_PARAM_HASH = re.compile(rb"#\s*param_hash=([0-9a-fA-F]{64})\b")


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one trigger type in the order of the file. Channels as in `detector`."""

    line: NDArray[np.int32]  # (n,) number of the line in the file, from 1
    time_s: IntArray  # (n,) Unix seconds
    t_front: Values  # (n, 16) ns; NaN where the file has 0.0000, its mark for missing
    t_back: Values
    q_front: Values  # (n, 16) ns, width of the pulse
    q_back: Values

    def __len__(self) -> int:
        return len(self.line)

    def part(self, first: int, end: int) -> "Events":
        """Events from one number to another (excluded): views, no copies."""
        return Events(*(getattr(self, field.name)[first:end] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that is no event."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class RawFile:
    """Everything that a file says.

    Every line is accepted, rejected or a comment (so are blank ones); only a line in which two events are glued
    together is accepted twice.
    """

    name: str
    format: str  # daq, simulator, mixed; none: no line accepted
    coincidences: Events
    self_triggers: Events
    lines_read: int
    comments: int
    accepted: int
    rejected: dict[str, int]  # by reason
    rejects: tuple[RejectedLine, ...]  # the first KEPT_REJECTS
    trigger: dict[str, int]  # accepted events of type 1, 2, other
    param_hash: str | None  # of the simulator's parameters
    first_s: int | None  # earliest and latest accepted event, Unix seconds
    last_s: int | None


def parse(data: bytes | memoryview, name: str) -> RawFile:
    """Read the bytes of a file. Bad lines are counted and kept with the reason; nothing else raises."""
    return _parse(BytesIO(data), name)


def read(path: Path) -> RawFile:
    """Read a file, also when it is packed with gzip. Raises FormatError when it does not unpack, OSError."""
    with path.open("rb") as file:
        if path.suffix != ".gz":
            return _parse(file, path.name)
        try:
            return _parse(cast(IO[bytes], gzip.open(file)), path.name)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FormatError(f"{path}: does not unpack ({error}); bring the file again") from error


def check(raw: RawFile, max_rejected_share: float) -> None:
    """Raise FormatError for a file without events, or with too many bad lines to be trusted."""
    n_rejected = sum(raw.rejected.values())
    reasons = ", ".join(f"{n} {reason}" for reason, n in raw.rejected.items()) or "none"
    if not raw.accepted:
        raise FormatError(f"{raw.name}: no event in {raw.lines_read} lines; rejected: {reasons}")
    if n_rejected > max_rejected_share * raw.lines_read:
        raise FormatError(
            f"{raw.name}: {n_rejected} of {raw.lines_read} lines rejected ({reasons}); "
            f"expected at most {100 * max_rejected_share:g} % (parse.max_rejected_share)"
        )


def swap_strips(events: Events, plane: int, strips: tuple[int, int]) -> Events:
    """Events with the values of two strips of a plane exchanged: for cables that are."""
    order = np.arange(CHANNELS)
    first, second = (channel(plane, strip) for strip in strips)
    order[[first, second]] = second, first
    return replace(events, **{kind: getattr(events, kind)[:, order] for kind in KINDS})


def raw_topology(events: Events) -> NDArray[np.int16]:
    """Topology of each event before any cut (C2): planes with any charge."""
    missing = np.isnan(events.q_front) & np.isnan(events.q_back)
    return topology(~np.all(missing.reshape(-1, PLANES, STRIPS), axis=2))


def one_format(formats: set[str]) -> str:
    """One word for the formats of accepted lines."""
    return "mixed" if len(formats) > 1 else next(iter(formats), NO_FORMAT)


class _Part(NamedTuple):
    """Some events in the order of the file, any trigger type."""

    line: IntArray
    time_s: IntArray
    trigger: IntArray
    values: Values  # (4, m, 16) by kind and channel

    def only(self, rows: IntArray | BoolArray) -> "_Part":
        """Chosen events, or in another order."""
        return _Part(self.line[rows], self.time_s[rows], self.trigger[rows], self.values[:, rows])


class _Tally:
    """What is counted while the blocks go by."""

    def __init__(self) -> None:
        self.lines = 0
        self.comments = 0
        self.rejected: Counter[str] = Counter()
        self.rejects: list[RejectedLine] = []
        self.formats: set[str] = set()
        self.param_hash: str | None = None

    def read_carefully(self, number: int, line: bytes) -> list[Event]:
        """Events of a line; counts it where there are none."""
        text = line.strip()
        if not text or text.startswith(b"#"):
            self.comments += 1
            if found := _PARAM_HASH.match(text):
                self.param_hash = self.param_hash or found[1].decode()
            return []
        events = read_line(text)
        if isinstance(events, str):
            self.rejected[events] += 1
            if len(self.rejects) < KEPT_REJECTS:
                shown = text[:KEPT_TEXT].decode(errors="replace")
                self.rejects.append(RejectedLine(number, events, shown))
            return []
        self.formats.add("daq" if b"  " in text else "simulator")
        return events


def _parse(file: IO[bytes], name: str) -> RawFile:
    # What a block needs is given back after it. The C library hands such pieces to the system, and gets them anew as
    # empty pages, until it has seen a larger one: half of the reading time of a fresh process.
    np.empty(31 << 20, np.uint8)
    tally = _Tally()
    parts = [_part([])]
    for decoded in _decode_ahead(_blocks(file)):
        parts += _finish(decoded, tally)
    time_s = np.concatenate([part.time_s for part in parts])
    trigger = np.concatenate([part.trigger for part in parts])
    counts = {str(kind): int(np.count_nonzero(trigger == kind)) for kind in (COINCIDENCE, SELF_TRIGGER)}
    if other := len(trigger) - sum(counts.values()):
        counts["other"] = other
    return RawFile(
        name=name,
        format=one_format(tally.formats),
        coincidences=_events(parts, COINCIDENCE),
        self_triggers=_events(parts, SELF_TRIGGER),
        lines_read=tally.lines,
        comments=tally.comments,
        accepted=len(time_s),
        rejected=dict(sorted(tally.rejected.items())),
        rejects=tuple(tally.rejects),
        trigger=counts,
        param_hash=tally.param_hash,
        first_s=int(time_s.min()) if len(time_s) else None,
        last_s=int(time_s.max()) if len(time_s) else None,
    )


def _decode_ahead(blocks: Iterator[Bytes]) -> Iterator["_Decoded"]:
    """Decode blocks in two threads, and give them in order: numpy lets go of the interpreter while it works."""
    waiting: deque[Future[_Decoded]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for block in blocks:
            waiting.append(pool.submit(_decode, block))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _blocks(file: IO[bytes]) -> Iterator[Bytes]:
    """The file in pieces of whole lines; a last line without end gets one."""
    buffer = bytearray(BLOCK_BYTES + 1)
    content = memoryview(buffer)
    used = 0
    while n_read := file.readinto(content[used:BLOCK_BYTES]):  # type: ignore[attr-defined]
        used += n_read
        end = buffer.rfind(b"\n", used - n_read, used) + 1
        if end:
            yield np.frombuffer(buffer, np.uint8, end).copy()
            content[: used - end] = content[end:used]
            used -= end
        elif used == BLOCK_BYTES:
            used = LONGEST_LINE + 1  # no event is that long: its beginning says what it is
    if used:
        buffer[used] = ord("\n")
        yield np.frombuffer(buffer, np.uint8, used + 1).copy()


class _Decoded(NamedTuple):
    """A block after the fast path. Lines are numbered from 0."""

    lines: int
    parts: list[_Part]
    formats: set[str]
    careful: list[tuple[int, bytes]]  # lines that are to be read with care


def _decode(block: Bytes) -> _Decoded:
    ends = np.flatnonzero(block == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts - (block[ends - 1] == ord("\r"))
    numbers = np.arange(len(ends))
    open_lines = np.ones(len(ends), dtype=bool)
    parts, formats = [], set()
    for layout in LAYOUTS:
        index = np.flatnonzero(lengths == layout.length)
        if not len(index):
            continue
        windows = np.ndarray((len(block) - layout.length, layout.length), np.uint8, block, strides=(1, 1))
        decoded = layout.decode(windows[starts[index]])
        taken = decoded.taken
        if taken.any():
            formats.add(layout.name)
        open_lines[index[taken]] = False
        values = np.ascontiguousarray(decoded.values.transpose(0, 2, 1))
        whole = _Part(numbers[index], decoded.time_s, decoded.trigger.astype(np.int64), values)
        parts.append(whole if taken.all() else whole.only(taken))
    careful = [(i, block[starts[i] : ends[i]].tobytes()) for i in np.flatnonzero(open_lines).tolist()]
    return _Decoded(len(ends), parts, formats, careful)


def _finish(decoded: _Decoded, tally: _Tally) -> list[_Part]:
    """Events of a block in the order of their lines, numbered as in the file."""
    first = tally.lines + 1
    tally.lines += decoded.lines
    tally.formats |= decoded.formats
    careful = [
        (first + i, event) for i, line in decoded.careful for event in tally.read_carefully(first + i, line)
    ]
    return _in_order([*(part._replace(line=part.line + first) for part in decoded.parts), _part(careful)])


def _part(events: list[tuple[int, Event]]) -> _Part:
    values = np.array([event.values for _, event in events], dtype=np.float64).reshape(
        -1, PLANES, len(KINDS), STRIPS
    )
    by_kind = values[:, ::-1].transpose(2, 0, 1, 3).reshape(len(KINDS), -1, CHANNELS)
    return _Part(
        np.array([line for line, _ in events], dtype=np.int64),
        np.array([event.time_s for _, event in events], dtype=np.int64),
        np.array([event.trigger for _, event in events], dtype=np.int64),
        np.where(by_kind == 0, np.nan, by_kind).astype(np.float32),
    )


def _in_order(parts: list[_Part]) -> list[_Part]:
    parts = [part for part in parts if len(part.line)]
    if len(parts) < 2:
        return parts
    joined = _Part(
        np.concatenate([part.line for part in parts]),
        np.concatenate([part.time_s for part in parts]),
        np.concatenate([part.trigger for part in parts]),
        np.concatenate([part.values for part in parts], axis=1),
    )
    return [joined.only(np.argsort(joined.line, kind="stable"))]


def _events(parts: list[_Part], trigger: int) -> Events:
    chosen = [part.trigger == trigger for part in parts]
    ends = np.cumsum([np.count_nonzero(of_type) for of_type in chosen]).tolist()

    def values(kind: int) -> Values:
        """Written where they belong at once: this is most of what the events take."""
        found = np.empty((ends[-1], CHANNELS), np.float32)
        for part, of_type, start, end in zip(parts, chosen, [0, *ends], ends, strict=False):
            if end - start == len(of_type):
                found[start:end] = part.values[kind]
            else:
                np.compress(of_type, part.values[kind], axis=0, out=found[start:end])
        return found

    line, time_s = (
        np.concatenate([getattr(part, name)[of_type] for part, of_type in zip(parts, chosen, strict=True)])
        for name in ("line", "time_s")
    )
    return Events(line.astype(np.int32), time_s, *each(values, range(len(KINDS))))
