"""Small TOA5 files, damage to them, and a reader that knows only the grammar and the csv module."""

import csv
import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

NAMES = ("TIMESTAMP", "RECORD", "AirTC", "WS_ms", "Rain_mm_Tot")
UNITS = ("TS", "RN", "Deg C", "meters/second", "mm")
PROCESSING = ("", "", "Smp", "Smp", "Tot")
START = datetime(2016, 8, 30, 0, 6, 24)  # noqa: DTZ001 - the logger's clock has no zone

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MISSING = re.compile(r"([+-]?(nan(\(\w*\))?|inf|infinity))?", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?")
_CODES = {7999.0, -7999.0, -6999.0}


def header(
    *,
    station: str = "WeatherStation",
    table: str = "SecData",
    signature: str = "39725",
    serial: str = "39656",
    names: Iterable[str] = NAMES,
    units: Iterable[str] = UNITS,
    processing: Iterable[str] = PROCESSING,
    eol: str = "\r\n",
) -> bytes:
    """Four header lines."""
    first = (
        "TOA5",
        station,
        "CR1000",
        serial,
        "CR1000.Std.29",
        "CPU:F13WeatherStation.CR1",
        signature,
        table,
    )
    lines = (first, names, units, processing)
    return "".join(",".join('"' + f.replace('"', '""') + '"' for f in line) + eol for line in lines).encode()


def row(
    time: datetime, record: int | None, *values: object, fraction: bool = False, eol: str = "\r\n"
) -> bytes:
    """One row; without record when None."""
    stamp = time.isoformat(" ", "milliseconds" if fraction else "seconds")
    fields = [f'"{stamp}"', *([] if record is None else [record]), *values]
    return (",".join(map(str, fields)) + eol).encode()


def rows(
    n: int, *, start: datetime = START, record: int = 7276223, step_s: float = 1, temperature: float = 20.0
) -> list[bytes]:
    """Rows of the default columns; the temperature rises by 0.01 from row to row."""
    return [
        row(
            start + timedelta(seconds=i * step_s),
            (record + i) % 2**32,
            f"{temperature + i / 100:.2f}",
            2.45,
            0,
        )
        for i in range(n)
    ]


def file(lines: Iterable[bytes], **fields: str) -> bytes:
    """A header and rows."""
    return header(**fields) + b"".join(lines)


@dataclass(frozen=True, slots=True)
class NaiveRow:
    """What one line says; a value is None when it is missing."""

    line: int
    time: datetime | None
    record: int | None
    values: dict[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Naive:
    """What a file of one header says."""

    rows: list[NaiveRow]
    rejected: list[int]
    truncated: bool


def read_naively(data: bytes, names: tuple[str, ...], processing: tuple[str, ...]) -> Naive:
    """Line by line, with the csv module."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    unterminated = 0 if data.endswith((b"\n", b"\r")) else len(lines)
    truncated = data.endswith(b",") and len(lines) > 4
    if truncated:
        lines.pop()
    rejected, candidates = [], []
    for number, line in enumerate(lines[4:], 5):
        if not line.strip(b"\r"):
            continue
        fields = _split(line)
        if len(fields) == len(names):
            candidates.append((number, fields))
        else:
            rejected.append(number)
    texts = {
        n
        for i, n in enumerate(names)
        if processing[i] in {"", "Smp", "TMx", "TMn"} and _mostly_text(candidates, i)
    }
    found = []
    for number, fields in candidates:
        try:
            found.append(_row(number, dict(zip(names, fields, strict=True)), texts))
        except ValueError:
            rejected.append(number)
    if unterminated in rejected:
        rejected.remove(unterminated)
        truncated = True
    return Naive(found, sorted(rejected), truncated)


def _split(line: bytes) -> list[str]:
    text = decode(line.rstrip(b"\r"))
    try:
        parsed = list(csv.reader([text, "next"]))
    except csv.Error:
        return []
    return parsed[0] if len(parsed) == 2 and "\r" not in text else []


def decode(text: bytes) -> str:
    """UTF-8, else latin-1."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _mostly_text(candidates: list[tuple[int, list[str]]], index: int) -> bool:
    lexemes = [fields[index] for _, fields in candidates if fields[index]]
    return 2 * sum(not _is_number(lexeme) for lexeme in lexemes) > len(lexemes)


def _is_number(lexeme: str) -> bool:
    try:
        _number(lexeme)
    except ValueError:
        return False
    return True


def _number(lexeme: str) -> float | None:
    text = lexeme.strip(" \t")
    if text.lower() in {"true", "false"}:
        return float(text.lower() == "true")
    if _MISSING.fullmatch(text):
        return None
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise ValueError(lexeme)
    value = float(text)
    return None if math.isinf(value) or value in _CODES else value


def _row(number: int, fields: dict[str, str], texts: set[str]) -> NaiveRow:
    time = record = None
    values: dict[str, float | str | None] = {}
    for name, lexeme in fields.items():
        if name == "TIMESTAMP":
            if not _TIME.fullmatch(lexeme) or not lexeme.isascii():
                raise ValueError(lexeme)
            time = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+$", r"\1", lexeme))
        elif name == "RECORD":
            whole = float(lexeme.strip(" \t")) if _NUMBER.fullmatch(lexeme.strip(" \t")) else -1.0
            if not 0 <= whole < 2**32 or whole != int(whole):
                raise ValueError(lexeme)
            record = int(whole)
        else:
            values[name] = (lexeme or None) if name in texts else _number(lexeme)
    return NaiveRow(number, time, record, values)


@dataclass(frozen=True, slots=True)
class RandomFile:
    """A file of random shape, with random damage below the header."""

    data: bytes
    names: tuple[str, ...]
    processing: tuple[str, ...]


def random_file(rng: random.Random) -> RandomFile:
    """Any columns, any lexemes of the grammar, and between none and twenty damages."""
    names = [*(["TIMESTAMP"] * (rng.random() < 0.9)), *(["RECORD"] * (rng.random() < 0.8))]
    names += [f"C({i})" for i in range(rng.randrange(1, 7))]
    processing = [
        "" if n in {"TIMESTAMP", "RECORD"} else rng.choice(["Smp", "Avg", "", "Tot", "TMx"]) for n in names
    ]
    eol = rng.choice(["\r\n", "\n"])
    head = header(names=names, units=[""] * len(names), processing=processing, eol=eol)
    kinds = [rng.choice(["number"] * 4 + ["quoted", "boolean", "text"]) for _ in names]
    step = timedelta(seconds=rng.choice([1, 60, 0.1, 0.25]))
    lines = []
    for i in range(rng.randrange(60)):
        fields = [_lexeme(rng, kind) for kind in kinds]
        if "TIMESTAMP" in names:
            fields[0] = f'"{START + i * step}"'
        if "RECORD" in names:
            fields[names.index("RECORD")] = str(100 + i)
        lines.append((",".join(fields) + eol).encode())
    body = bytearray(b"".join(lines))
    for _ in range(rng.choice([0, 0, 1, 1, 2, 5, 20])):
        _damage(rng, body)
    begin = b"\xef\xbb\xbf" if rng.random() < 0.1 else b""
    return RandomFile(begin + head + bytes(body), tuple(names), tuple(processing))


def _lexeme(rng: random.Random, kind: str) -> str:
    plain = f"{rng.uniform(-50, 2000):.4g}"
    special = (
        "NAN",
        '"NAN"',
        "7999",
        "-6999",
        "1.2E-3",
        "+5",
        "",
        '""',
        "INF",
        "nan",
        "-INF",
        " 3",
        "3 ",
        ".5",
        "5.",
    )
    words = ("abc", "a,b", 'x""y', "", "été", "2016-01-01 00:00:00", "7")
    match kind:
        case "number":
            return rng.choice(special) if rng.random() < 0.3 else plain
        case "boolean":
            return rng.choice(["TRUE", "FALSE", "true", "-1", "0", "NAN"])
        case "text":
            return f'"{rng.choice(words)}"'
    return f'"{rng.randrange(100)}"'


_PIECES = (
    b'""', b"nan(x)", b"0x1F", b"1e999", b"TRUE", b"2016-08-30", b"2016-02-30 00:00:00", b'"2016-08-30 00:06"',
    b"0000-01-01 00:00:00", b"2016-08-30 00:06:24.123456789", b"2016-08-30 24:00:00", b"\xff", b"\x00", b" ",
)  # fmt: skip


def _damage(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body) + 1)
    match rng.randrange(8):
        case 0:
            body[at : at + 1] = bytes([rng.randrange(256)])
        case 1:
            del body[at : at + rng.randrange(1, 40)]
        case 2:
            body[at:at] = bytes([rng.choice(b'",\r\n')])
        case 3:
            body[at : at + 1] = bytes([rng.choice(b'",\r\n')])
        case 4:
            del body[max(0, len(body) - rng.randrange(1, 30)) :]
        case 5:
            lines = bytes(body).splitlines(keepends=True)
            lines.insert(
                rng.randrange(len(lines) + 1), rng.choice([b"\r\n", b"\n", b"\r\r\n", b"  \r\n", b"x\n"])
            )
            rng.shuffle(lines)
            body[:] = b"".join(lines)
        case 6:
            body[at:at] = rng.choice(_PIECES)
        case _:
            begin = bytes(body).find(b'"20', at)
            end = bytes(body).find(b'"', begin + 1)
            if 0 <= begin < end:
                body[begin + 1 : end] = rng.choice(_PIECES)
