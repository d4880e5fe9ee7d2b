"""Columns of a logger table become variables in working units, each schema segment by its own header."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.weather.records import Records
from skyledger.weather.stations import Column, ColumnMap
from skyledger.weather.units import Conversion, conversion
from skyledger.weather.variables import VARIABLES

FloatArray = NDArray[np.float64]

INSTANT = frozenset(
    ("Smp", "")
)  # processing codes whose time is the instant of storage; others are interval ends


@dataclass(frozen=True, slots=True)
class Converted:
    """The variables of some records."""

    values: dict[str, FloatArray]  # by variable, (n,), working unit, NaN missing
    interval: frozenset[str]  # variables whose rows state the interval that ends at their time
    averaged_direction: bool  # the logger averaged degrees: unsafe near north
    missing: dict[str, str]  # variable -> why it has no values, or not everywhere


def convert(records: Records, columns: ColumnMap) -> Converted:
    """Map names and units. A column that is missing or has an unknown unit costs that variable only."""
    values: dict[str, FloatArray] = {}
    interval, missing = set(), {}
    for column in columns.columns:
        found, reasons = _column(records, column)
        values[column.variable] = found
        if reasons:
            missing[column.variable] = "; ".join(reasons)
        processing = column.processing or _processing(records, column)
        if columns.time_stamp == "interval_end" or (
            columns.time_stamp == "instant" and processing not in INSTANT
        ):
            interval.add(column.variable)
    return Converted(
        values, frozenset(interval), any(c.direction_is_averaged for c in columns.columns), missing
    )


def _column(records: Records, column: Column) -> tuple[FloatArray, list[str]]:
    """Values of a column in the variable's working unit, and why some are missing."""
    target = VARIABLES[column.variable].working_unit
    raw = records.values.get(column.name)
    if raw is None:
        return np.full(len(records.time_us), np.nan), [f"column {column.name!r} is not in the files"]
    reasons: list[str] = []
    wanted: list[Conversion | None] = []
    for segment in records.segments:
        if column.name not in segment.header.names:
            wanted.append(None)
            reasons.append(
                f"column {column.name!r} is not in the header of program {segment.header.signature}"
            )
            continue
        try:
            wanted.append(conversion(column.unit or segment.header.unit(column.name), target))
        except FormatError as error:
            wanted.append(None)
            reasons.append(f"column {column.name!r}: {error}")
    if len(set(wanted)) == 1 and wanted[0] is not None:
        return wanted[0](raw), []
    result = np.full(len(raw), np.nan)
    for number, change in enumerate(wanted):
        if change is not None:
            rows = records.segment == number
            result[rows] = change(raw[rows])
    return result, list(dict.fromkeys(reasons))


def _processing(records: Records, column: Column) -> str:
    for segment in records.segments:
        if column.name in segment.header.names:
            return segment.header.processing_of(column.name)
    return ""
