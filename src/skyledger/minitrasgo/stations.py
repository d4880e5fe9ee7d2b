"""Stations: where they are, where their files come from, how the detector stood (run dictionary), how it is reduced.

One file per station below `include/config/minitrasgo/stations/`; limits of the reduction are in `reduction/`.
"""

import hashlib
import json
from datetime import UTC, date, datetime
from functools import cache
from itertools import pairwise
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from skyledger.config import CONFIG_DIR, Model, digest, load
from skyledger.errors import ConfigError, PermanentError
from skyledger.minitrasgo.reduction import Reduction

MINITRASGO_DIR = CONFIG_DIR / "minitrasgo"
SMALLEST_PLANE_DISTANCE_MM = 20
LARGEST_PLANE_DISTANCE_MM = 500
MIB = 2**20
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
FOUR = {"min_length": 4, "max_length": 4}


class Source(Model):
    """A folder on another machine that holds a station's files."""

    connection: Annotated[str, Field(description="SSH connection of Airflow")]
    path: Annotated[
        str, Field(min_length=1, description="folder on that machine; sub-folders are not entered")
    ]
    pattern: Annotated[str, Field(description="names to look at, with * and ?")] = "mi*"
    settle_s: Annotated[
        float,
        Field(
            ge=0,
            description="a file whose time stood still for so long is complete; a younger one when two "
            "listings show the same size and time",
        ),
    ] = 30.0
    bandwidth_kib_s: Annotated[
        int | None, Field(ge=1, description="limit of the transfer; none: no limit")
    ] = None
    timeout_s: Annotated[int, Field(ge=5, description="silence after which a transfer counts as broken")] = 60
    size_mib: Annotated[
        tuple[float, float] | None, Field(description="smallest and largest file that is taken; none: any")
    ] = None
    min_gap_min: Annotated[
        float,
        Field(ge=0, description="a file that the next one follows sooner is left: the run was broken off"),
    ] = 0.0


class SwappedStrips(Model):
    """Two strips of a plane whose cables are exchanged."""

    plane: Annotated[int, Field(ge=1, le=4)]
    strips: Annotated[tuple[int, int], Field(description="numbers of the two strips")]


class Run(Model):
    """One row of the run dictionary: how the detector stood between two days."""

    conf: Annotated[float, Field(description="number of the configuration, increasing")]
    valid_from: Annotated[date, Field(description="first day (UTC)")]
    valid_to: Annotated[date | None, Field(description="last day, included; none: still valid")] = None
    z_mm: Annotated[
        tuple[float, ...], Field(**FOUR, description="height of planes 1 to 4, downwards, any origin")
    ]
    lead_mm: Annotated[
        tuple[float, ...], Field(**FOUR, description="lead over plane 1 and between planes 1-2, 2-3, 3-4")
    ] = (0.0, 0.0, 0.0, 0.0)
    triggers: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="sets of planes of which one must fire, such as '12'"),
    ]
    phi_north_deg: Annotated[
        float, Field(ge=-360, le=360, description="azimuth of the detector's x axis against north")
    ] = 0.0
    swapped_strips: tuple[SwappedStrips, ...] = ()
    comment: str = ""

    @field_validator("z_mm")
    @classmethod
    def _planes_descend(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        steps = [after - before for before, after in pairwise(value)]
        if not all(SMALLEST_PLANE_DISTANCE_MM <= step <= LARGEST_PLANE_DISTANCE_MM for step in steps):
            raise ValueError(
                f"distances between planes are {', '.join(f'{s:g}' for s in steps)} mm; expected "
                f"{SMALLEST_PLANE_DISTANCE_MM} to {LARGEST_PLANE_DISTANCE_MM} each"
            )
        return value

    @field_validator("triggers")
    @classmethod
    def _are_planes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for planes in value:
            if not planes or list(planes) != sorted(set(planes)) or not set(planes) <= set("1234"):
                raise ValueError(
                    f"{planes!r} is no set of planes; expected digits 1 to 4, ascending, such as '13'"
                )
        return value

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"ends ({self.valid_to}) before it begins ({self.valid_from})")
        return self

    @property
    def plane_z_mm(self) -> tuple[float, ...]:
        """Heights relative to plane 1."""
        return tuple(z - self.z_mm[0] for z in self.z_mm)

    @property
    def row_hash(self) -> str:
        """SHA-256 of all that the row says but its comment: what products name."""
        content = self.model_dump(mode="json", exclude={"comment"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class ReductionPeriod(Model):
    """Which limits hold from a day on."""

    valid_from: date
    settings: Annotated[Name, Field(description="file in reduction/")]


class Unpacker(Model):
    """The external program that turns the archive's .hld files into .dat files."""

    command: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="program and arguments; {input} is a folder with the .hld, {output} one for .dat",
        ),
    ]
    environment: Annotated[
        dict[str, str], Field(default_factory=dict, description="variables for the program")
    ]
    two_inputs: Annotated[
        bool,
        Field(description="give it each .hld twice, under names one second apart: some refuse a single file"),
    ] = False
    timeout_s: Annotated[int, Field(ge=1)] = 3600


class Position(Model):
    """Where the station stands (WGS 84)."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90, description="north positive")]
    longitude_deg: Annotated[float, Field(ge=-180, le=180, description="east positive")]


class ChosenRun(NamedTuple):
    """The row of the run dictionary that is used for a time."""

    run: Run
    in_force: bool  # False: no row holds on that day, this is the nearest one before (else the first)


class MingoStation(Model):
    """One station."""

    station: Annotated[Name, Field(description="our name: member in the ledger, folder of its files")]
    number: Annotated[int, Field(ge=0, le=9, description="S in its file names mi0S...; 0 is the simulation")]
    title: Annotated[str, Field(description="for people")]
    position: Position
    source: Source
    archive: Annotated[Source | None, Field(description="where older files are kept, for reprocessing")] = (
        None
    )
    unpacker: Annotated[Unpacker | None, Field(description="none: .hld files are registered and wait")] = None
    reduction: Annotated[tuple[ReductionPeriod, ...], Field(min_length=1, description="ascending")]
    runs: Annotated[tuple[Run, ...], Field(min_length=1, description="the run dictionary, by first day")]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        for name, rows in (("runs", self.runs), ("reduction", self.reduction)):
            days = [row.valid_from for row in rows]
            if days != sorted(set(days)):
                raise ValueError(
                    f"{name}: first days {', '.join(map(str, days))}; expected ascending, each once"
                )
        confs = [run.conf for run in self.runs]
        if confs != sorted(confs):
            raise ValueError(f"runs: conf {', '.join(f'{c:g}' for c in confs)}; expected ascending")
        return self

    def run_at(self, moment: datetime) -> ChosenRun:
        """The row of the run dictionary for a file that begins at `moment` (UTC)."""
        day = moment.astimezone(UTC).date()
        holding = [r for r in self.runs if r.valid_from <= day and (r.valid_to is None or day <= r.valid_to)]
        if holding:
            return ChosenRun(holding[-1], True)
        before = [run for run in self.runs if run.valid_from <= day]
        return ChosenRun(before[-1] if before else self.runs[0], False)

    def reduction_at(self, moment: datetime) -> Reduction:
        """Limits for a file that begins at `moment` (UTC); the first ones for what is earlier still."""
        day = moment.astimezone(UTC).date()
        before = [period for period in self.reduction if period.valid_from <= day]
        return reduction((before or self.reduction)[-1 if before else 0].settings)


class Recipe(NamedTuple):
    """Everything that decides how a file is reduced, besides its bytes and the calibration it may have to borrow."""

    station: str
    run: Run
    run_in_force: bool
    settings: Reduction

    @property
    def digest(self) -> str:
        """SHA-256 of what decides."""
        parts = (self.station, self.run.row_hash, str(self.run_in_force), digest(self.settings))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def recipe(station: MingoStation, moment: datetime) -> Recipe:
    """What decides for a file of the station that begins at `moment` (UTC)."""
    run, in_force = station.run_at(moment)
    return Recipe(station.station, run, in_force, station.reduction_at(moment))


@cache
def reduction(name: str) -> Reduction:
    """Read a file of `reduction/`."""
    return load(Reduction, MINITRASGO_DIR / "reduction" / f"{name}.yaml")


def stations() -> dict[str, MingoStation]:
    """All configured stations by name."""
    found: dict[str, MingoStation] = {}
    for path in sorted((MINITRASGO_DIR / "stations").glob("*.yaml")):
        station = load(MingoStation, path)
        if station.station in found or station.number in {other.number for other in found.values()}:
            raise ConfigError(f"{path.name}: station {station.station!r} or its number is configured twice")
        found[station.station] = station
    return found


def load_station(name: str) -> MingoStation:
    """One station. Raises PermanentError naming the known ones."""
    known = stations()
    if name not in known:
        raise PermanentError(f"unknown station {name!r}: expected one of {', '.join(known)}")
    return known[name]
