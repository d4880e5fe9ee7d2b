"""Which files of a listing are brought: complete ones that are not here, within limits and budget; the rest is told."""

from datetime import UTC, date, datetime, timedelta

import pytest

from skyledger.inbox import Entry, Listing
from skyledger.minitrasgo.choose import BUDGET, LISTINGS_APART_S, YOUNG, Seen, Wanted, choose
from skyledger.minitrasgo.registry import Known
from skyledger.minitrasgo.stations import MIB, Source

NOW = datetime(2025, 3, 11, 12, tzinfo=UTC)
OLD_US = round((NOW - timedelta(hours=1)).timestamp()) * 1_000_000
FIRST, SECOND, THIRD = "mi0125069000517", "mi0125069010003", "mi0125069020005"


def entry(name: str, size: int = 1000, age_s: float = 3600) -> Entry:
    return Entry("", name, size, round((NOW.timestamp() - age_s) * 1e6))


def choice(*entries: Entry, known: Known | None = None, seen=None, wanted: Wanted | None = None, **source):
    source = Source(connection="c", path="/p", **({"settle_s": 120.0} | source))
    known = known or Known({}, {})
    return choose(Listing(tuple(entries), ()), source, known, seen or {}, NOW, wanted or Wanted())


def taken(*entries: Entry, **options) -> list[str]:
    return [candidate.entry.name for candidate in choice(*entries, **options).take]


def left(*entries: Entry, **options) -> dict[str, str]:
    return {one.entry.name: one.reason for one in choice(*entries, **options).left}


THREE = tuple(entry(f"{name}.dat") for name in (SECOND, FIRST, THIRD))


def test_the_newest_file_comes_first_or_the_oldest_if_wanted():
    """Weakness 23: an order, not a random choice."""
    newest = [f"{name}.dat" for name in (THIRD, SECOND, FIRST)]
    assert taken(*THREE) == newest
    assert taken(*THREE, wanted=Wanted(order="oldest")) == newest[::-1]


def test_a_budget_of_files_or_bytes_leaves_the_rest_for_the_next_run():
    wanted = Wanted(max_files=2, order="oldest")
    assert taken(*THREE, wanted=wanted) == [f"{FIRST}.dat", f"{SECOND}.dat"]
    assert left(*THREE, wanted=wanted) == {f"{THIRD}.dat": BUDGET}
    assert taken(*THREE, wanted=Wanted(max_bytes=2500)) == [f"{THIRD}.dat", f"{SECOND}.dat"]


def test_a_file_larger_than_the_budget_is_brought_alone():
    assert taken(*THREE, wanted=Wanted(max_bytes=10)) == [f"{THIRD}.dat"]


def test_what_is_known_is_not_brought_and_counts_for_no_budget():
    known = Known({f"{THIRD}.dat": (1000, OLD_US // 1_000_000)}, {THIRD: "arrived"})
    assert taken(*THREE, known=known, wanted=Wanted(max_files=2)) == [f"{SECOND}.dat", f"{FIRST}.dat"]
    assert choice(*THREE, known=known).known == 1


@pytest.mark.parametrize("now_there", [entry(f"{FIRST}.dat", 1001), entry(f"{FIRST}.dat", 1000, 3599)])
def test_a_known_file_of_another_size_or_time_is_brought_again(now_there):
    known = Known({f"{FIRST}.dat": (1000, OLD_US // 1_000_000)}, {FIRST: "arrived"})
    assert taken(entry(f"{FIRST}.dat"), known=known) == []
    assert taken(now_there, known=known) == [f"{FIRST}.dat"]


@pytest.mark.parametrize(
    ("state", "kind", "again"),
    [
        ("arrived", "dat.tar.gz", False),
        ("duplicate", "dat.tar.gz", False),
        ("foreign", "dat.tar.gz", False),
        ("arrived", "hld.tar.gz", False),
        ("empty", "dat.tar.gz", True),
        ("corrupt", "dat.tar.gz", True),
        ("corrupt", "hld", True),
        ("packed", "hld", False),
        ("packed", "dat", True),
    ],
)
def test_another_packing_of_a_known_file_is_brought_only_if_that_one_was_of_no_use(state, kind, again):
    """Weakness 31: the station packs its files at 02:30; what is here by then is not brought once more."""
    known = Known({}, {FIRST: state})
    assert taken(entry(f"{FIRST}.{kind}"), known=known) == ([f"{FIRST}.{kind}"] if again else [])


@pytest.mark.parametrize(
    ("listed", "best"),
    [
        ({"dat.tar.gz": 900, "dat": 1000}, "dat"),
        ({"dat.tar.gz": 900, "dat": 0}, "dat.tar.gz"),
        ({"hld": 900, "dat": 100}, "dat"),
        ({"hld": 900, "hld.tar.gz": 500, "hld-tar-gz": 950}, "hld-tar-gz"),
        ({"hld-tar-gz": 900, "dat.tar.gz": 1}, "dat.tar.gz"),
    ],
)
def test_of_one_name_the_plain_file_is_brought_or_the_largest_archive(listed, best):
    entries = [entry(f"{FIRST}.{kind}", size) for kind, size in listed.items()]
    assert taken(*entries) == [f"{FIRST}.{best}"]
    assert left(*entries) == {}


def test_a_file_younger_than_the_limit_waits():
    assert left(entry(f"{FIRST}.dat", age_s=119)) == {f"{FIRST}.dat": YOUNG}
    assert taken(entry(f"{FIRST}.dat", age_s=120)) == [f"{FIRST}.dat"]


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        ((1000, 0, LISTINGS_APART_S), True),
        ((1000, 0, LISTINGS_APART_S - 1), False),
        ((999, 0, 60), False),
        ((1000, 1, 60), False),
    ],
)
def test_a_young_file_that_two_listings_show_the_same_is_complete(seen, settled):
    young = entry(f"{FIRST}.dat", age_s=30)
    size, later_s, before_s = seen
    now_us = round(NOW.timestamp() * 1e6)
    known = Seen(size, young.modified_us // 1_000_000 + later_s, now_us - before_s * 1_000_000)
    assert bool(taken(young, seen={young.name: known})) is settled


def test_sizes_outside_the_limits_are_told_and_not_brought():
    files = [
        entry(f"{FIRST}.hld", round(3.9 * MIB)),
        entry(f"{SECOND}.hld", 5 * MIB),
        entry(f"{THIRD}.hld", 9 * MIB),
    ]
    limits = {"size_mib": (4.0, 8.0)}
    assert taken(*files, **limits) == [f"{SECOND}.hld"]
    told = left(*files, **limits)
    assert told[f"{FIRST}.hld"].startswith("3.90 MiB; expected 4 to 8 MiB")
    assert set(told) == {f"{FIRST}.hld", f"{THIRD}.hld"}
    assert choice(*files, **limits).refused == 2


def test_a_file_that_the_next_one_follows_too_soon_is_told_and_not_brought():
    """Vector 19: the gap of this pair is 54.767 min; a file of another station does not come in between."""
    files = (entry(f"{FIRST}.hld"), entry(f"{SECOND}.hld"), entry("mi0225069001000.hld"))
    told = left(*files, min_gap_min=54.8)
    assert list(told) == [f"{FIRST}.hld"]
    assert told[f"{FIRST}.hld"].startswith("the next file follows after 54.767 min; expected 54.8 min")
    assert left(*files, min_gap_min=54.7) == {}


def test_files_asked_for_by_name_are_brought_whatever_the_limits_say_but_not_while_they_are_written():
    files = (entry(f"{FIRST}.hld"), entry(f"{SECOND}.hld"), entry(f"{THIRD}.dat", age_s=5))
    wanted = Wanted(names=[FIRST, f"{THIRD}.dat", "mi0125001000000"])
    assert taken(*files, wanted=wanted, size_mib=(4.0, 8.0), min_gap_min=600) == [f"{FIRST}.hld"]
    assert left(*files, wanted=wanted, size_mib=(4.0, 8.0)) == {f"{THIRD}.dat": YOUNG}


def test_no_names_are_none_not_all():
    assert taken(*THREE, wanted=Wanted(names=[])) == []


def test_days_wanted_are_those_of_the_names_both_included():
    files = [entry(f"mi01250{day}.dat") for day in ("68235959", "69000000", "70235959", "71000000")]
    wanted = Wanted(days=(date(2025, 3, 10), date(2025, 3, 11)), order="oldest")
    assert taken(*files, wanted=wanted) == ["mi0125069000000.dat", "mi0125070235959.dat"]
    assert left(*files, wanted=wanted) == {}


@pytest.mark.parametrize(
    "name",
    [
        "mi0125366120000.dat",
        "mi0125000120000.dat",
        "merged-250310.txt",
        "mi01notes.dat",
        FIRST,
        f"{FIRST}.zip",
    ],
)
def test_a_name_that_is_not_understood_is_told(name):
    found = choice(entry(name), THREE[0])
    assert [one.entry.name for one in found.left] == [name]
    assert name in found.left[0].reason
    assert (found.not_understood, len(found.take)) == (1, 1)


def test_a_file_of_another_station_is_brought_to_be_reported():
    assert taken(entry("mi0225069000517.dat")) == ["mi0225069000517.dat"]


def test_the_old_prefix_is_the_same_station():
    assert taken(entry("minI23202060708.hld-tar-gz")) == ["minI23202060708.hld-tar-gz"]
