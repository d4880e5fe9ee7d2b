"""Which listed files are brought, and why the others are not. Pure: a listing and what is known in, a choice out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

from skyledger.errors import FormatError
from skyledger.inbox import Entry, Listing
from skyledger.minitrasgo.names import FileName, parse_name
from skyledger.minitrasgo.registry import Known
from skyledger.minitrasgo.stations import MIB, Source

Order = Literal["newest", "oldest"]
LISTINGS_APART_S = 10  # two listings that are to show a file at rest

YOUNG = "may still be written"
BUDGET = "waits for the next run: the budget of this one is used up"


class Seen(NamedTuple):
    """A file as it was listed before, unchanged since then."""

    bytes: int
    modified_s: int
    since_us: int  # first listing with this size and time


class Candidate(NamedTuple):
    """A file of a listing whose name is understood."""

    name: FileName
    entry: Entry


class Left(NamedTuple):
    """A file that is not brought."""

    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`take` in the order in which to bring; `left` says why not; `known` files are here already."""

    take: tuple[Candidate, ...]
    left: tuple[Left, ...]
    known: int
    not_understood: int  # of those left
    refused: int  # of those left: by the source's limits of size and gap


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to bring. Files of other names or days are not looked at; the budget is for what is brought."""

    names: Collection[str] | None = (
        None  # with or without ending; none: all. Limits of size and gap do not hold
    )
    days: tuple[date, date] | None = None  # UTC days of the names, both included
    order: Order = "newest"
    max_files: int | None = None
    max_bytes: int | None = None

    @property
    def everything(self) -> bool:
        """Whether all files of the source are looked at."""
        return self.names is None and self.days is None


def choose(
    listing: Listing, source: Source, known: Known, seen: Mapping[str, Seen], now: datetime, wanted: Wanted
) -> Choice:
    """Choose from a listing. Of a name in several packings the plain file is taken, of several archives the largest.

    Parameters
    ----------
    known: what has been delivered, at least of the names in the listing
    seen: what was listed before and not taken, by name
    now: what the age of files is counted to
    """
    candidates, left = _understood(listing)
    not_understood = len(left) if wanted.everything else 0
    best = _best(candidates)
    gaps_min = _gaps_min(best)
    basenames = None if wanted.names is None else {parse_name(name).basename for name in wanted.names}
    if not wanted.everything:
        left = []
    n_known = refused = used_bytes = 0
    take: list[Candidate] = []
    for candidate in sorted(best, key=lambda c: c.name.start, reverse=wanted.order == "newest"):
        name, entry = candidate
        if basenames is not None and name.basename not in basenames:
            continue
        if wanted.days and not wanted.days[0] <= name.start.date() <= wanted.days[1]:
            continue
        problem = _beyond_limits(candidate, source, gaps_min) if basenames is None else None
        if _is_known(candidate, known):
            n_known += 1
        elif problem:
            refused += 1
            left.append(Left(entry, problem))
        elif not _settled(entry, source.settle_s, seen.get(entry.name), now):
            left.append(Left(entry, YOUNG))
        elif take and (
            len(take) == wanted.max_files
            or (wanted.max_bytes is not None and used_bytes + entry.size > wanted.max_bytes)
        ):
            left.append(Left(entry, BUDGET))
        else:
            take.append(candidate)
            used_bytes += entry.size
    return Choice(tuple(take), tuple(left), n_known, not_understood, refused)


def _understood(listing: Listing) -> tuple[list[Candidate], list[Left]]:
    candidates, left = [], []
    for entry in listing.entries:
        try:
            name = parse_name(entry.name)
        except FormatError as error:
            left.append(Left(entry, str(error)))
            continue
        if name.kind:
            candidates.append(Candidate(name, entry))
        else:
            left.append(Left(entry, f"{entry.name!r} has no ending; expected one such as .dat"))
    return candidates, left


def _best(candidates: list[Candidate]) -> list[Candidate]:
    """One file of each name: not an empty one, rather the plain one than one in an archive, the largest archive."""

    def rank(candidate: Candidate) -> tuple[bool, int, int, str]:
        kind, entry = candidate.name.kind, candidate.entry
        packing = 0 if kind == "dat" else 2 if "hld" in kind else 1
        return entry.size == 0, packing, -entry.size, entry.name

    best: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=rank):
        best.setdefault(candidate.name.basename, candidate)
    return list(best.values())


def _gaps_min(candidates: list[Candidate]) -> dict[str, float]:
    """Minutes from each file to the next one of the same station; none for the last."""
    gaps = {}
    following: dict[int, datetime] = {}
    for name, _ in sorted(candidates, key=lambda c: c.name.start, reverse=True):
        if after := following.get(name.station_number):
            gaps[name.basename] = (after - name.start).total_seconds() / 60
        following[name.station_number] = name.start
    return gaps


def _is_known(candidate: Candidate, known: Known) -> bool:
    name, entry = candidate
    if (before := known.delivered.get(entry.name)) is not None:
        return before == (entry.size, entry.modified_us // 1_000_000)
    state = known.states.get(name.basename)  # that came under another ending, or from elsewhere
    if state == "packed":
        return "hld" in name.kind
    return state is not None and state not in ("empty", "corrupt")


def _beyond_limits(candidate: Candidate, source: Source, gaps_min: Mapping[str, float]) -> str | None:
    name, entry = candidate
    size_mib = entry.size / MIB
    if source.size_mib and not source.size_mib[0] <= size_mib <= source.size_mib[1]:
        low, high = source.size_mib
        return f"{size_mib:.2f} MiB; expected {low:g} to {high:g} MiB (size_mib of the source); name it to bring it"
    gap_min = gaps_min.get(name.basename)
    if gap_min is not None and gap_min < source.min_gap_min:
        return (
            f"the next file follows after {gap_min:.3f} min; expected {source.min_gap_min:g} min at least"
            " (min_gap_min of the source); name it to bring it"
        )
    return None


def _settled(entry: Entry, settle_s: float, seen: Seen | None, now: datetime) -> bool:
    """Whether a file stood still: for `settle_s` by the clock there, or between two listings."""
    now_us = round(now.timestamp() * 1e6)
    return entry.settled(now_us, settle_s) or (
        seen is not None
        and (seen.bytes, seen.modified_s) == (entry.size, entry.modified_us // 1_000_000)
        and now_us - seen.since_us >= LISTINGS_APART_S * 1e6
    )
