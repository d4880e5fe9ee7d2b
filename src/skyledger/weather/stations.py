"""Stations and what is known of them: place, clock, files, columns, day rule, products, with dates of validity.

One question per file below `include/config/weather/`: `stations/` who and where, `columns/` which column is which
variable, `quality/` which values are believable, `units.yaml` what unit texts mean.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from skyledger.config import CONFIG_DIR, Model, load
from skyledger.errors import ConfigError, PermanentError
from skyledger.weather.units import conversion
from skyledger.weather.variables import MEASURED, VARIABLES

WEATHER_DIR = CONFIG_DIR / "weather"
SECONDS_PER_DAY = 86_400
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]


class Column(Model):
    """One column of a logger table, and the variable it holds."""

    name: Annotated[str, Field(min_length=1, description="as in the second header line")]
    variable: Annotated[str, Field(description="one of skyledger.weather.variables")]
    unit: Annotated[str | None, Field(description="instead of what the third header line says")] = None
    processing: Annotated[
        Literal["Smp", "Avg", "Max", "Min", "Tot"] | None,
        Field(description="instead of what the fourth header line says"),
    ] = None
    direction_is_averaged: Annotated[
        bool, Field(description="an arithmetic mean of degrees, unsafe near north: always suspect")
    ] = False

    @field_validator("variable")
    @classmethod
    def _is_measured(cls, value: str) -> str:
        if value not in MEASURED:
            raise ValueError(
                f"{value!r} is no measured variable; expected one of {', '.join(sorted(MEASURED))}"
            )
        return value

    @model_validator(mode="after")
    def _unit_fits(self) -> Self:
        if self.unit is not None:
            conversion(self.unit, VARIABLES[self.variable].working_unit)
        return self


class ColumnMap(Model):
    """Which columns of one kind of file hold which variables."""

    format: Annotated[Literal["toa5", "flowmeter"], Field(description="kind of file")]
    table: Annotated[
        str, Field(min_length=1, description="name of the logger's table, last field of the first line")
    ]
    interval_s: Annotated[int, Field(gt=0, description="seconds from row to row")]
    time_stamp: Annotated[
        Literal["instant", "interval_end", "interval_start"],
        Field(description="what a row's time is; decides to which day the row counts"),
    ]
    missing_codes: Annotated[
        tuple[float, ...], Field(description="numbers that mean no value, besides NAN, INF and empty")
    ] = (7999.0, -7999.0, -6999.0)
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_variable_once(self) -> Self:
        for values in ([c.name for c in self.columns], [c.variable for c in self.columns]):
            if len(set(values)) < len(values):
                raise ValueError(
                    f"stated twice: {', '.join(sorted({v for v in values if values.count(v) > 1}))}"
                )
        return self


class Position(Model):
    """Where the instruments stand (WGS 84)."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90, description="north positive")]
    longitude_deg: Annotated[float, Field(ge=-180, le=180, description="east positive")]
    altitude_m: Annotated[float, Field(ge=-500, le=9000, description="above sea level")]


class Period(Model):
    """What holds for a span of days; a change is a new period, the old one stays."""

    valid_from: Annotated[date, Field(description="first day, in the station's days")]
    valid_to: Annotated[date | None, Field(description="first day on which it no longer holds")] = None
    position: Position
    clock: Annotated[str, Field(description="the logger's clock: offset such as -07:00, or an IANA zone")]
    columns: Annotated[Name, Field(description="file in columns/")]
    quality: Annotated[Name, Field(description="file in quality/")]
    wind_direction_convention: Annotated[
        Literal["from", "to"], Field(description="whether the vane says where the wind comes from")
    ] = "from"
    rain_resolution_mm: Annotated[
        float | None, Field(gt=0, description="rain of one tip; used in checks only")
    ] = None
    irrigated_area_m2: Annotated[float | None, Field(gt=0, description="area that the flow meter waters")] = (
        None
    )

    @field_validator("clock")
    @classmethod
    def _is_a_clock(cls, value: str) -> str:
        _zone(value)
        return value

    @cached_property
    def zone(self) -> tzinfo:
        """The clock as a time zone."""
        return _zone(self.clock)


class Inbox(Model):
    """Where the station's files arrive."""

    connection: Annotated[
        str | None,
        Field(description="SFTP connection of Airflow; without it the path is a folder of this machine"),
    ] = None
    path: Annotated[str, Field(min_length=1, description="folder; relative ones are below the data root")]
    pattern: Annotated[str, Field(description="names of this station's files, with * and ?")] = "*.dat"
    settle_s: Annotated[
        float, Field(ge=0, description="a file is complete when size and time stood still for so long")
    ] = 120.0


class Completeness(Model):
    """When a day is complete."""

    rule: Annotated[Literal["coverage", "file_count"], Field(description="how it is decided")] = "coverage"
    coverage: Annotated[float, Field(gt=0, le=1, description="share of the expected rows")] = 0.999
    grace_h: Annotated[
        float, Field(ge=0, description="hours after the day's end in which late files are waited for")
    ] = 6.0
    expected_files: Annotated[
        int, Field(ge=1, description="for rule file_count: names that begin on the day")
    ] = 24


class Product(Model):
    """One product: bins of a width."""

    width_s: Annotated[
        int, Field(gt=0, le=SECONDS_PER_DAY, description="seconds of a bin; 1 is every record")
    ]
    min_coverage: Annotated[
        float, Field(gt=0, le=1, description="share of expected rows for a value to be published")
    ] = 0.5
    use_suspect: Annotated[bool, Field(description="whether suspect rows enter the statistics")] = False

    @field_validator("width_s")
    @classmethod
    def _divides_a_day(cls, value: int) -> int:
        if SECONDS_PER_DAY % value:
            raise ValueError(f"{value} s does not divide a day; expected 1, 60, 300, 900, 3600, ...")
        return value


class Geostreams(Model):
    """Where the station's products are published."""

    connection: Annotated[str, Field(description="connection of Airflow")] = "weather_geostreams"
    sensor_name: Annotated[str, Field(min_length=1, description="exact name of the sensor")]
    sensor_type: Annotated[dict[str, str | int], Field(description="its type object: id, title, sensorType")]
    region: Annotated[str, Field(description="region in the sensor's properties")]
    streams: Annotated[dict[str, str], Field(description="product -> exact name of its stream")]
    batch_size: Annotated[int, Field(ge=1, le=10_000, description="points per post")] = 3000


class Station(Model):
    """One station."""

    station: Annotated[Name, Field(description="our name: member in the ledger, folder of its products")]
    title: Annotated[str, Field(description="for people")]
    institution: Annotated[str, Field(description="who runs it")]
    header_station: Annotated[
        str | None, Field(description="station text in the first line of its files; none: not checked")
    ] = None
    source: Annotated[str, Field(description="instruments and logger, for product files")]
    product_attributes: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="further global attributes of product files: license, acknowledgement, creator_url, ...",
        ),
    ]
    day: Annotated[
        Literal["local", "utc"], Field(description="where a day begins: the logger's midnight or UTC")
    ] = "local"
    inbox: Inbox
    completeness: Completeness = Completeness()
    products: Annotated[dict[str, Product], Field(min_length=1, description="by name")]
    main_product: Annotated[
        str, Field(description="the one that goes into the NetCDF file and the quick look")
    ]
    geostreams: Annotated[Geostreams | None, Field(description="none: not published")] = None
    periods: Annotated[tuple[Period, ...], Field(min_length=1, description="ascending, without overlap")]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.main_product not in self.products:
            raise ValueError(f"main_product {self.main_product!r} is not among {', '.join(self.products)}")
        if self.geostreams and (unknown := set(self.geostreams.streams) - set(self.products)):
            raise ValueError(f"streams of unknown products: {', '.join(sorted(unknown))}")
        for before, after in zip(self.periods, self.periods[1:], strict=False):
            if before.valid_to is None or before.valid_to > after.valid_from:
                raise ValueError(
                    f"periods overlap: one from {before.valid_from} to {before.valid_to}, next from {after.valid_from}"
                )
        for period in self.periods:
            if period.valid_to is not None and period.valid_to <= period.valid_from:
                raise ValueError(f"period from {period.valid_from} ends before it begins ({period.valid_to})")
        return self

    def on(self, day: date) -> Period | None:
        """What holds on a day; None when the station did not exist."""
        for period in self.periods:
            if period.valid_from <= day and (period.valid_to is None or day < period.valid_to):
                return period
        return None

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end (excluded) of the station's day, in UTC. Raises PermanentError when no period holds."""
        if self.day == "utc":
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return start, start + timedelta(days=1)
        period = self.on(day)
        if period is None:
            raise PermanentError(f"station {self.station} has no period that holds on {day}")
        following = day + timedelta(days=1)
        midnights = (datetime(d.year, d.month, d.day, tzinfo=period.zone) for d in (day, following))
        start, end = (midnight.astimezone(UTC) for midnight in midnights)
        return start, end


def stations() -> dict[str, Station]:
    """All configured stations by name, each file checked with what it refers to."""
    found = {}
    for path in sorted((WEATHER_DIR / "stations").glob("*.yaml")):
        station = load(Station, path)
        if station.station in found:
            raise ConfigError(f"{path.name}: station {station.station!r} is configured twice")
        found[station.station] = station
    return found


def load_station(name: str) -> Station:
    """One station. Raises PermanentError naming the known ones."""
    known = stations()
    if name not in known:
        raise PermanentError(f"unknown station {name!r}: expected one of {', '.join(known)}")
    return known[name]


def column_map(name: str) -> ColumnMap:
    """Read a file of `columns/`."""
    return load(ColumnMap, WEATHER_DIR / "columns" / f"{name}.yaml")


def quality_path(name: str) -> Path:
    """A file of `quality/`."""
    return WEATHER_DIR / "quality" / f"{name}.yaml"


def _zone(text: str) -> tzinfo:
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{text!r} is no clock; expected an offset such as -07:00 or a zone such as America/Phoenix"
        ) from error
