"""One day of one station, from its files to flagged bins in memory. Reads nothing else and writes nothing.

assemble -> convert -> check -> aggregate. The steps are pure functions on arrays; what they saw goes into the report.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyledger import config
from skyledger.errors import ConfigError
from skyledger.quality import Frame, QualityConfig, Verdict, evaluate
from skyledger.stopwatch import Stopwatch
from skyledger.weather.aggregate import Rows, aggregate
from skyledger.weather.bins import Bins, IntArray
from skyledger.weather.clock import US, microseconds, moment, to_logger, to_utc
from skyledger.weather.convert import Converted, convert
from skyledger.weather.records import Records, assemble
from skyledger.weather.stations import ColumnMap, Period, Station, column_map, quality_path
from skyledger.weather.toa5 import LoggerFile
from skyledger.weather.units import units_digest

SHOWN = 200  # gaps, events and rejected lines of a report; the counts are always whole


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides how a station's day is made; its digest is in the ledger."""

    station: Station
    period: Period
    columns: ColumnMap
    quality: QualityConfig

    @property
    def digest(self) -> str:
        """SHA-256 of what decides; where files arrive, when a day is complete and other periods do not count."""
        station = self.station
        parts = (
            station.station,
            station.title,  # title, institution and source stand in the product's file
            station.institution,
            station.source,
            *(f"{name}={text}" for name, text in sorted(station.product_attributes.items())),
            station.header_station or "",
            station.day,
            *(f"{name} {config.digest(product)}" for name, product in sorted(station.products.items())),
            config.digest(self.period),
            config.digest(self.columns),
            config.digest(self.quality),
            units_digest(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(slots=True)
class Day:
    """What came of a day."""

    station: Station
    period: Period
    day: date
    start_us: int  # UTC
    end_us: int
    rows: int  # distinct rows of the day
    n_expected: int
    products: dict[str, Bins]
    records: Records
    verdicts: dict[str, Verdict]
    flags: dict[str, NDArray[np.int8]]  # by variable, (n,) as in records
    report: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Distinct rows by expected rows."""
        return self.rows / self.n_expected


def recipe(station: Station, day: date) -> Recipe:
    """Load what decides how the day is made. Raises ConfigError when the parts do not fit."""
    period = station.on(day)
    if period is None:
        raise ConfigError(f"station {station.station} has no period that holds on {day}")
    columns = column_map(period.columns)
    for name, product in station.products.items():
        if product.width_s % columns.interval_s:
            raise ConfigError(
                f"station {station.station}: product {name} has bins of {product.width_s} s, which rows of "
                f"{columns.interval_s} s do not fill; expected a multiple"
            )
    return Recipe(station, period, columns, config.load(QualityConfig, quality_path(period.quality)))


def logger_bounds(recipe: Recipe, day: date) -> tuple[int, int]:
    """Begin and end of the station's day on the logger's clock, microseconds."""
    start, end = recipe.station.bounds(day)
    return to_logger(start, recipe.period.zone), to_logger(end, recipe.period.zone)


def process_day(recipe: Recipe, day: date, files: Sequence[LoggerFile]) -> Day:
    """Make the products of one day from the files that overlap it, in order of delivery.

    Raises FormatError when the logger's clock cannot be turned into UTC.
    """
    station, period, columns = recipe.station, recipe.period, recipe.columns
    clock = Stopwatch()
    start, end = station.bounds(day)
    first_us, last_us = logger_bounds(recipe, day)
    records = assemble(
        files,
        table=columns.table,
        interval_s=columns.interval_s,
        header_station=station.header_station,
        first_us=first_us,
        last_us=last_us,
    )
    clock.lap("assemble")
    time_us = to_utc(records.time_us, period.zone)
    converted = convert(records, columns)
    clock.lap("convert")
    verdicts = evaluate(_frame(recipe, records, time_us, converted), recipe.quality)
    flags = {name: verdict.flag for name, verdict in verdicts.items()}
    tests = {name: verdict.tests for name, verdict in verdicts.items()}
    clock.lap("quality")
    measured = {
        name: recipe.quality.group(name).clipped(values, flags[name])
        if name in recipe.quality.series
        else values
        for name, values in converted.values.items()
    }
    primary_is_interval = columns.time_stamp == "interval_end"
    start_us, end_us = microseconds(start), microseconds(end)
    rows = Rows(time_us, measured, flags, tests, converted.interval, primary_is_interval, columns.interval_s)
    products = {
        name: aggregate(rows, name, product, period, start_us, end_us)
        for name, product in station.products.items()
    }
    clock.lap("aggregate")
    inside = (
        (time_us > start_us) & (time_us <= end_us)
        if primary_is_interval
        else (time_us >= start_us) & (time_us < end_us)
    )
    n_rows, n_expected = int(inside.sum()), (end_us - start_us) // (columns.interval_s * US)
    made = Day(
        station=station,
        period=period,
        day=day,
        start_us=start_us,
        end_us=end_us,
        rows=n_rows,
        n_expected=n_expected,
        products=products,
        records=records,
        verdicts=verdicts,
        flags=flags,
        report={},
        seconds=clock.seconds,
    )
    made.report = _report(made, converted, files)
    return made


def _frame(recipe: Recipe, records: Records, time_us: IntArray, converted: Converted) -> Frame:
    settings = {"direction_is_averaged": float(converted.averaged_direction)}
    if recipe.period.rain_resolution_mm is not None:
        settings["rain_resolution_mm"] = recipe.period.rain_resolution_mm
    return Frame(
        time_s=time_us / US,
        series=converted.values,
        interval_s=float(recipe.columns.interval_s),
        latitude_deg=recipe.period.position.latitude_deg,
        longitude_deg=recipe.period.position.longitude_deg,
        settings=settings,
        suspect=records.suspect if records.suspect.any() else None,
    )


def _report(made: Day, converted: Converted, files: Sequence[LoggerFile]) -> dict[str, Any]:
    """Plain values for people and for the table station_day."""
    records = made.records
    return {
        "files": [file.name for file in files],
        "rows": made.rows,
        "n_expected": made.n_expected,
        "coverage": round(made.coverage, 6),
        "duplicates": records.duplicates,
        "conflicts": records.conflicts,
        "out_of_order": records.out_of_order,
        "gaps": [
            {
                "first": _shown(gap.first_missing_us),
                "last": _shown(gap.last_missing_us),
                "rows_lost": gap.rows_lost,
                "recoverable": gap.recoverable,
            }
            for gap in records.gaps[:SHOWN]
        ],
        "events": [
            {"time": _shown(event.time_us), "kind": event.kind, "text": event.text}
            for event in records.events[:SHOWN]
        ],
        "segments": [
            {
                "first": _shown(segment.first_us),
                "last": _shown(segment.last_us),
                "rows": segment.rows,
                "station": segment.header.station,
                "logger": f"{segment.header.model} {segment.header.serial}",
                "program": f"{segment.header.program} {segment.header.signature}",
                "table": segment.header.table,
            }
            for segment in records.segments
        ],
        "missing": converted.missing,
        "flags": {
            name: {str(flag): int(n) for flag, n in enumerate(np.bincount(flags)) if n}
            for name, flags in made.flags.items()
        },
        "tests": {
            name: {test: counts for test, counts in verdict.counts.items() if any(counts.values())}
            for name, verdict in made.verdicts.items()
        },
        "products": {name: {"bins": len(bins), **_published(bins)} for name, bins in made.products.items()},
        "notes": list(records.notes),
    }


def _published(bins: Bins) -> dict[str, int]:
    held = sum(int(np.isnan(v.value).sum()) for v in bins.variables.values())
    return {
        "values_published": sum(len(v.value) for v in bins.variables.values()) - held,
        "values_withheld": held,
    }


def _shown(time_us: int) -> str:
    """Logger time for people."""
    return moment(time_us).strftime("%Y-%m-%d %H:%M:%S")
