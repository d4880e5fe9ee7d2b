"""Raw files: what is an event, what is repaired, what is rejected, and that both ways of reading agree."""

import gzip
import io
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from skyledger.errors import FormatError
from skyledger.minitrasgo import rawfile, rawfile_layouts, rawfile_lines
from skyledger.minitrasgo.detector import channel
from skyledger.minitrasgo.rawfile import KINDS, Events, RawFile, check, parse, raw_topology, read, swap_strips

TINY = Path(__file__).parents[2] / "fixtures" / "minitrasgo" / "tiny.dat"
LINES = TINY.read_bytes().splitlines()
GOOD = LINES[0]


def simulator(line: bytes) -> bytes:
    """The same event as the simulator writes it."""
    return b" ".join(line.split())


def hits(events: Events, event: int) -> dict[str, list[float]]:
    """Values of strips with any value, NaN as 0, as the reference writes them."""
    found = {}
    for plane in range(1, 5):
        for strip in range(1, 5):
            at = event, channel(plane, strip)
            values = [float(getattr(events, kind)[at]) for kind in KINDS]
            if not all(np.isnan(values)):
                found[f"P{plane}s{strip}"] = [0 if np.isnan(value) else round(value, 4) for value in values]
    return found


def same(one: RawFile, other: RawFile) -> bool:
    """Whether two readings say the same, to the last bit."""
    for events, others in ((one.coincidences, other.coincidences), (one.self_triggers, other.self_triggers)):
        for field in ("line", "time_s", *KINDS):
            if not np.array_equal(getattr(events, field), getattr(others, field), equal_nan=field in KINDS):
                return False
    scalars = (
        "lines_read",
        "comments",
        "accepted",
        "rejected",
        "rejects",
        "trigger",
        "param_hash",
        "first_s",
    )
    return all(getattr(one, name) == getattr(other, name) for name in scalars)


@pytest.fixture
def only_slow(monkeypatch):
    """A function that reads without the fast path."""

    def parse_slowly(data: bytes) -> RawFile:
        with monkeypatch.context() as patch:
            patch.setattr(rawfile, "LAYOUTS", ())
            return parse(data, "x.dat")

    return parse_slowly


def test_vector_8_4_the_tiny_file_is_read_as_the_reference_says():
    raw = read(TINY)
    assert (raw.format, raw.lines_read, raw.comments, raw.accepted) == ("daq", 6, 0, 4)
    assert raw.rejected == {"invalid date": 1, "wrong column count": 1}
    assert [(bad.line, bad.reason) for bad in raw.rejects] == [(5, "wrong column count"), (6, "invalid date")]
    assert raw.rejects[0].text == LINES[4].decode()
    assert raw.trigger == {"1": 3, "2": 1}
    assert raw.coincidences.line.tolist() == [1, 2, 4]
    assert raw.self_triggers.line.tolist() == [3]
    start = int(datetime(2025, 3, 10, 0, 5, 17, tzinfo=UTC).timestamp())
    assert (raw.coincidences.time_s - start).tolist() == [0, 1, 2]
    assert (raw.first_s, raw.last_s) == (start, start + 2)
    assert raw_topology(raw.coincidences).tolist() == [1234, 12, 23]
    assert raw_topology(raw.self_triggers).tolist() == [3]
    assert hits(raw.coincidences, 0) == {
        "P1s2": [-125.4058, -124.2226, 122.5032, 123.5372],
        "P2s2": [-125.0012, -124.4340, 101.2500, 102.0100],
        "P3s3": [-124.6120, -123.9900, 115.7501, 114.9002],
        "P4s3": [-124.1007, -123.3033, 99.0625, 98.4001],
    }
    assert hits(raw.coincidences, 1) == {
        "P1s4": [-126.9000, -125.9500, 98.9432, 99.6381],
        "P2s1": [-126.4100, -125.8200, 110.0000, 108.5500],
        "P2s2": [-126.3000, 0, 90.0450, 0],
    }
    assert hits(raw.coincidences, 2) == {
        "P2s3": [-125.1000, -124.9000, 100.0000, 100.5000],
        "P3s2": [-124.6000, -124.3000, 120.2500, 119.7500],
    }
    assert hits(raw.self_triggers, 0) == {"P3s1": [-128.0512, -127.3000, 95.5000, 96.2500]}


@pytest.mark.parametrize("written", ["0090.0450", "-128.0512", "-125.0012", "0000.0512", "0102.0100"])
@pytest.mark.parametrize("end", [b"", b" "], ids=["fast", "slow"])
def test_parser_vectors_weakness_1_no_zero_is_stripped_out_of_a_number(written, end):
    raw = parse(GOOD.replace(b"0122.5032", written.encode()) + end, "x.dat")
    assert raw.coincidences.q_front[0, channel(1, 2)] == np.float32(float(written))


def test_weakness_9_fast_path_rounds_every_number_as_float_does():
    numbers = np.random.default_rng(3).integers(-9_999_999, 100_000_000, 64 * 300).reshape(-1, 64)
    text = [[f"{n / 10_000:09.4f}".encode() for n in row] for row in numbers.tolist()]
    raw = parse(b"\n".join(b" ".join([b"2025 03 10 00 05 17 1", *row]) for row in text), "x.dat")
    read_back = np.hstack([getattr(raw.coincidences, kind) for kind in KINDS])
    wanted = np.array([[float(value) for value in row] for row in text], dtype=np.float32)
    assert np.array_equal(np.sort(read_back, axis=None), np.sort(wanted, axis=None))


def mutated(line: bytes, draw: random.Random) -> bytes:
    """A line as a broken writer, disk or hand may leave it."""
    at = draw.randrange(len(line))
    other = draw.randrange(len(line))
    return [
        line[:at],
        line[at:],
        line[:at] + bytes([draw.randrange(256)]) + line[at + 1 :],
        line[:at]
        + draw.choice([b"-", b".", b"/", b"0", b" ", b"\t", b"\r", b"\n", b"_", b"e"])
        + line[at + 1 :],
        line[:at] + line[at + 1 :],
        line[:at] + draw.choice([b"-", b" ", b"9", b"nan", b"inf", b"\xef\xbc\x91"]) + line[at:],
        line.replace(b" -", b"-", draw.randrange(1, 4)),
        line + line,
        line + b" " + line,
        line[:at] + line,
        line + line[:at],
        line[: min(at, other)] + b"\x00" * abs(at - other) + line[max(at, other) :],
        b"%04d %02d %02d %02d %02d %02d" % tuple(draw.choice(CLOCKS)) + line[19:],
        line + b"\r",
        b" " + line,
        line.replace(b"0000.0000", draw.choice([b"-000.0000", b"9999.9999", b"-999.9999", b"99999.9999"]), 1),
        b"#" + line,
        b"",
    ][draw.randrange(18)]


CLOCKS = [
    (2024, 2, 29, 23, 59, 59),
    (2025, 2, 29, 0, 0, 0),
    (2000, 2, 29, 1, 2, 3),
    (2100, 2, 29, 1, 2, 3),
    (2025, 13, 1, 0, 0, 0),
    (2025, 0, 1, 0, 0, 0),
    (2025, 4, 31, 0, 0, 0),
    (2025, 4, 0, 0, 0, 0),
    (2025, 4, 1, 24, 0, 0),
    (2025, 4, 1, 0, 60, 0),
    (2025, 4, 1, 0, 0, 60),
    (1999, 12, 31, 0, 0, 0),
    (2200, 12, 31, 0, 0, 0),
    (1998, 12, 31, 0, 0, 0),
    (2201, 1, 1, 0, 0, 0),
]


@pytest.mark.parametrize("form", [bytes, simulator], ids=["daq", "simulator"])
def test_fast_and_slow_path_agree_on_good_and_on_broken_lines(form, only_slow):
    draw = random.Random(8)
    sources = [form(line) for line in LINES[:4]]
    lines = [
        mutated(draw.choice(sources), draw) if draw.random() < 0.7 else draw.choice(sources)
        for _ in range(3000)
    ]
    data = b"\n".join(lines)
    fast, slow = parse(data, "x.dat"), only_slow(data)
    assert same(fast, slow)
    assert 1000 < fast.accepted < 2500
    assert set(fast.rejected) == {"wrong column count", "invalid date", "malformed number"}
    assert sum(fast.rejected.values()) > 500


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: "-".join(map(str, clock)))
@pytest.mark.parametrize("end", [b"", b" "], ids=["fast", "slow"])
def test_a_date_must_be_in_the_calendar(clock, end):
    raw = parse(b"%04d %02d %02d %02d %02d %02d" % clock + GOOD[19:] + end, "x.dat")
    try:
        moment = datetime(*clock, tzinfo=UTC)
        valid = 1999 <= moment.year <= 2200
    except ValueError:
        valid = False
    assert raw.rejected == ({} if valid else {"invalid date": 1})
    if valid:
        assert raw.first_s == int(moment.timestamp())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (GOOD[:300], "wrong column count"),
        (GOOD + b" 0001.0000", "wrong column count"),
        (GOOD[:-10], "wrong column count"),
        (b"0000" + GOOD[4:], "invalid date"),
        (b"2025 13 40" + GOOD[10:], "invalid date"),
        (b"2025 03 1", "invalid date"),
        (b"restarted by hand", "invalid date"),
        (b"\x00" * 686, "invalid date"),
        (GOOD.replace(b"0000.0000", b"0000.000.0", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"nan", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"-inf", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"1_0", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"100000.0", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"-1e5", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"0000\x000000", 1), "malformed number"),
        (GOOD.replace(b"0000.0000", "１.0".encode(), 1), "malformed number"),
        (GOOD.replace(b"0000.0000", b"0000.000\xff", 1), "malformed number"),
        (GOOD.replace(b"  1  ", b"  x  ", 1), "malformed number"),
        (GOOD * 100, "wrong column count"),
        (b"x" * 1_000_000, "invalid date"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_line_is_kept_with_its_reason_and_the_rest_is_read(line, reason):
    raw = parse(b"\n".join([GOOD, line, GOOD]), "x.dat")
    assert raw.coincidences.line.tolist() == [1, 3]
    assert raw.rejected == {reason: 1}
    (bad,) = raw.rejects
    assert (bad.line, bad.reason, bad.text) == (2, reason, line[:2000].decode(errors="replace"))


def test_a_blank_missing_before_a_minus_is_put_in():
    raw = parse(LINES[3], "x.dat")
    assert raw.accepted == 1
    assert hits(raw.coincidences, 0)["P3s2"] == [-124.6, -124.3, 120.25, 119.75]


@pytest.mark.parametrize("form", [bytes, simulator], ids=["daq", "simulator"])
@pytest.mark.parametrize("joint", [b"", b" "], ids=["nothing", "a blank"])
def test_two_whole_events_without_a_line_end_between_them_are_two_events(form, joint):
    data = b"\n".join([GOOD, form(LINES[2]) + joint + form(LINES[1]), GOOD])
    raw = parse(data, "x.dat")
    assert (raw.lines_read, raw.accepted, raw.rejected) == (3, 4, {})
    assert raw.coincidences.line.tolist() == [1, 2, 3]
    assert raw.self_triggers.line.tolist() == [2]
    assert hits(raw.coincidences, 1)["P2s2"] == [-126.3, 0, 90.045, 0]


@pytest.mark.parametrize("line", [GOOD[:300] + GOOD, GOOD + GOOD[:300]], ids=["first cut", "second cut"])
def test_of_two_glued_events_none_is_taken_when_one_is_cut(line):
    assert parse(line, "x.dat").rejected == {"wrong column count": 1}


def test_an_unknown_trigger_type_is_counted_and_in_no_table():
    others = [GOOD.replace(b"  1  ", b"  %d  " % kind, 1) for kind in (0, 7)]
    raw = parse(b"\n".join([GOOD, *others]), "x.dat")
    assert raw.trigger == {"1": 1, "2": 0, "other": 2}
    assert (raw.accepted, len(raw.coincidences), len(raw.self_triggers)) == (3, 1, 0)


def test_weakness_5_what_is_written_as_zero_is_missing_and_not_zero():
    raw = parse(GOOD.replace(b"0000.0000", b"-000.0000", 1), "x.dat")
    values = np.hstack([getattr(raw.coincidences, kind) for kind in KINDS])
    assert np.isnan(values).sum() == 64 - 16
    assert not (values == 0).any()


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["last line ends", "last line does not end"])
def test_line_ends_make_no_difference(end, last):
    data = end.join(LINES) + (end if last else b"")
    assert same(parse(data, "x.dat"), read(TINY))


@pytest.mark.parametrize("data", [b"", b"\n", b"# nothing\n\n", b"#"])
def test_a_file_without_events_is_read_and_then_refused(data):
    raw = parse(data, "mi0125069000517.dat")
    assert (raw.format, raw.accepted, raw.first_s, raw.last_s) == ("none", 0, None, None)
    assert raw.comments == raw.lines_read == len(data.splitlines())
    assert raw.coincidences.t_front.shape == (0, 16)
    assert len(raw_topology(raw.coincidences)) == 0
    with pytest.raises(FormatError, match=r"mi0125069000517\.dat: no event in . lines"):
        check(raw, 1.0)


def test_comments_and_blank_lines_are_counted_and_numbered_and_tell_the_parameters():
    digest = "5c" * 32
    data = b"\n".join(
        [f"# param_hash={digest}".encode(), simulator(GOOD), b"", b"  ", b"# param_hash=" + b"0" * 64]
    )
    raw = parse(data, "x.dat")
    assert (raw.format, raw.lines_read, raw.comments, raw.accepted) == ("simulator", 5, 4, 1)
    assert raw.param_hash == digest
    assert raw.coincidences.line.tolist() == [2]


def test_a_file_in_both_dialects_says_so_and_keeps_its_order():
    raw = parse(b"\n".join([simulator(GOOD), LINES[1], simulator(LINES[3])]), "x.dat")
    assert raw.format == "mixed"
    assert raw.coincidences.line.tolist() == [1, 2, 3]
    assert raw_topology(raw.coincidences).tolist() == [1234, 12, 23]


def test_a_file_with_too_many_bad_lines_is_refused_with_the_counts():
    raw = read(TINY)
    check(raw, 2 / 6)
    with pytest.raises(FormatError, match=r"2 of 6 lines rejected \(1 invalid date, 1 wrong column count\)"):
        check(raw, 0.33)


def test_weakness_16_a_file_with_dead_channels_is_used():
    raw = parse(b"\n".join([GOOD] * 200), "x.dat")
    check(raw, 0.05)
    assert np.isnan(raw.coincidences.q_front[:, channel(1, 1)]).all()


def test_only_the_first_rejected_lines_are_kept_and_all_are_counted():
    raw = parse(b"x\n" * 1500 + GOOD, "x.dat")
    assert raw.rejected == {"invalid date": 1500}
    assert [bad.line for bad in raw.rejects] == list(range(1, 1001))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_only_lines_that_need_care_are_read_one_by_one(monkeypatch, end):
    read_with_care = []

    def read_line(line: bytes):
        read_with_care.append(line)
        return rawfile_lines.read_line(line)

    monkeypatch.setattr(rawfile, "read_line", read_line)
    parse(end.join([*LINES * 20, *map(simulator, LINES[:3] * 20)]), "x.dat")
    assert read_with_care == [LINES[3], LINES[4], LINES[5]] * 20


def test_blocks_of_any_size_give_the_same(monkeypatch):
    data = b"\n".join([*LINES, b"x" * 40_000, b"# comment", *LINES])
    whole = parse(data, "x.dat")
    for size in (20_000, 23_457, 61_111):
        monkeypatch.setattr(rawfile, "BLOCK_BYTES", size)
        assert same(parse(data, "x.dat"), whole)


def test_a_source_that_gives_a_few_bytes_at_a_time_is_read_to_its_end():
    class Slow(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = io.BytesIO(data)

        def readinto(self, target) -> int:
            return self.data.readinto(target[:100])

    assert same(rawfile._parse(Slow(TINY.read_bytes()), "tiny.dat"), read(TINY))


def test_a_packed_file_is_read_as_it_is_and_a_broken_one_is_named(tmp_path):
    packed = tmp_path / "mi0125069000517.dat.gz"
    packed.write_bytes(gzip.compress(TINY.read_bytes()))
    assert same(read(packed), read(TINY))
    for broken in (packed.read_bytes()[:-20], b"no archive", packed.read_bytes()[:60] + b"\xff" * 900):
        packed.write_bytes(broken)
        with pytest.raises(FormatError, match=r"mi0125069000517\.dat\.gz: does not unpack"):
            read(packed)


def test_exchanged_cables_of_a_plane_are_put_right_in_all_four_values():
    events = parse(GOOD, "x.dat").coincidences
    put_right = swap_strips(events, 4, (3, 4))
    before, after = hits(events, 0), hits(put_right, 0)
    assert after["P4s4"] == before["P4s3"]
    assert "P4s3" not in after
    assert after["P3s3"] == before["P3s3"]
    assert hits(swap_strips(put_right, 4, (3, 4)), 0) == before


def test_layouts_are_the_lengths_of_the_reference():
    assert {layout.name: layout.length for layout in rawfile_layouts.LAYOUTS} == {
        "daq": 686,
        "simulator": 661,
    }
