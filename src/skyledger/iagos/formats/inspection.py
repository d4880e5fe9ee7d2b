"""What our readers make of NASA Ames and NetCDF files: `skyledger inspect nasa-ames` and `iagos-nc`.

Times are UTC, which is the clock of these files.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skyledger.errors import FormatError
from skyledger.iagos.formats.nasa_ames import reader
from skyledger.inspection import MAX_TOLD, ColumnSummary, Inspection

if TYPE_CHECKING:
    import netCDF4

FloatArray = NDArray[np.float64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of one file."""

    time_s: FloatArray  # (n,) Unix seconds UTC; NaN where rows have no time
    columns: Mapping[str, FloatArray]  # (n,) each; NaN is missing
    units: Mapping[str, str]
    rejected: int
    duplicates: int
    notes: tuple[str, ...]


def inspect_nasa_ames(paths: Sequence[Path]) -> Inspection:
    """Read NASA Ames files of one series. A file that cannot be read is told in the notes.

    Raises its FormatError when no file can.
    """
    return _inspect("nasa-ames", paths, _nasa_ames)


def inspect_netcdf(paths: Sequence[Path]) -> Inspection:
    """The same for NetCDF files along one time, ours or published ones: every number along that time is a column."""
    return _inspect("iagos-nc", paths, _netcdf)


def _inspect(form: str, paths: Sequence[Path], read: Callable[[Path], _Table]) -> Inspection:
    tables: list[_Table] = []
    notes: list[str] = []
    errors: list[FormatError] = []
    for path in paths:
        try:
            table = read(path)
        except FormatError as error:
            errors.append(error)
            notes.append(f"not read: {error}")
            continue
        tables.append(table)
        notes += [f"{path.name}: {note}" for note in table.notes]
    if errors and not tables:
        raise errors[0]
    units: dict[str, str] = {}
    for table in tables:
        for name, unit in table.units.items():
            if units.setdefault(name, unit) != unit:
                notes.append(f"column {name}: the unit changes: {units[name]!r}, {unit!r}")
    rows, copies = _distinct(tables, list(units))
    times = rows[~np.isnan(rows[:, 0]), 0]
    if conflicts := len(times) - len(np.unique(times)):
        notes.append(f"rows of one time with different values: {conflicts}")
    return Inspection(
        format=form,
        rows=len(rows),
        rejected=sum(table.rejected for table in tables),
        duplicates=copies + sum(table.duplicates for table in tables),
        first=_iso(times.min()) if len(times) else None,
        last=_iso(times.max()) if len(times) else None,
        columns={name: _summary(rows[:, at], units[name]) for at, name in enumerate(units, 1)},
        notes=tuple(notes),
    )


def _distinct(tables: Sequence[_Table], names: Sequence[str]) -> tuple[FloatArray, int]:
    """Rows of all files, (n, 1 + names), time first; and how many copies were dropped."""
    parts = [np.empty((0, 1 + len(names)))]
    for table in tables:
        absent = np.full(len(table.time_s), np.nan)
        parts.append(
            np.column_stack([table.time_s, *(table.columns.get(name, absent) for name in names)]) + 0.0
        )
    rows = np.concatenate(parts)
    if len(tables) == 1:  # its reader has looked for copies
        return rows, 0
    rows[np.isnan(rows)] = np.nan  # one bit pattern for all of them
    as_bytes = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    first = np.unique(as_bytes, return_index=True)[1]
    return rows[np.sort(first)], len(rows) - len(first)


def _summary(values: FloatArray, unit: str) -> ColumnSummary:
    present = values[~np.isnan(values)]
    return ColumnSummary(
        unit=unit,
        count=len(present),
        sum=math.fsum(present),
        min=float(present.min()) if len(present) else None,
        max=float(present.max()) if len(present) else None,
    )


def _nasa_ames(path: Path) -> _Table:
    file = reader.read(path.read_bytes(), path.name)
    rejected = [f"line {bad.line} rejected: {bad.reason}" for bad in file.rejected[:MAX_TOLD]]
    if more := len(file.rejected) - len(rejected):
        rejected.append(f"... and {more} more rows rejected")
    about = "; ".join(
        [f"dialect {file.dialect}", *(f"{key}: {value}" for key, value in file.attributes.items())]
    )
    return _Table(
        time_s=file.time_s,
        columns={name: file.values[:, at] for at, name in enumerate(file.names)},
        units=dict(zip(file.names, file.units, strict=True)),
        rejected=len(file.rejected),
        duplicates=file.duplicates,
        notes=(about, *file.notes, *rejected),
    )


def _netcdf(path: Path) -> _Table:
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            time = next(
                (one for one in file.variables.values() if getattr(one, "standard_name", "") == "time"), None
            )
            if time is None or len(time.dimensions) != 1:
                raise FormatError(f"{path.name}: no variable with standard_name 'time' along one dimension")
            per_s, zero = _clock(path.name, str(getattr(time, "units", "")))
            columns = {
                name: np.ma.filled(variable[:].astype(np.float64), np.nan)
                for name, variable in file.variables.items()
                if variable.dimensions == time.dimensions and variable.dtype != str and name != time.name
            }
            units = {name: str(getattr(file[name], "units", "")) for name in columns}
            notes = [*_flag_notes(file, columns), *_about(file)]
            elapsed = np.ma.filled(time[:].astype(np.float64), np.nan)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise FormatError(f"{path.name}: not a NetCDF file that can be read: {error}") from error
    time_s = zero.timestamp() + elapsed * per_s
    if (np.diff(time_s) <= 0).any() or np.isnan(time_s).any():
        notes.append("time does not rise strictly")
    return _Table(time_s, columns, units, 0, 0, tuple(notes))


def _clock(name: str, units: str) -> tuple[float, datetime]:
    """Seconds per unit and begin of a time axis."""
    import netCDF4

    try:
        zero, one = np.asarray(netCDF4.num2date([0, 1], units, only_use_cftime_datetimes=False))
    except ValueError as error:
        raise FormatError(
            f"{name}: units of time {units!r}: {error}; expected seconds since a date"
        ) from error
    return (one - zero).total_seconds(), zero.replace(tzinfo=UTC)


def _flag_notes(file: "netCDF4.Dataset", columns: Mapping[str, FloatArray]) -> Iterator[str]:
    """How often each flag occurs, by name."""
    for name, values in columns.items():
        variable = file[name]
        if not {"flag_values", "flag_meanings"} <= set(variable.ncattrs()):
            continue
        meanings = dict(
            zip(np.atleast_1d(variable.flag_values), variable.flag_meanings.split(), strict=False)
        )
        found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        told = (
            f"{meanings.get(flag, f'{flag:g}, which has no meaning')} {count}"
            for flag, count in zip(found, counts, strict=True)
        )
        yield f"{name}: {', '.join(told)}"


def _about(file: "netCDF4.Dataset") -> Iterator[str]:
    for name in ("Conventions", "title", "processing_level", "product_version"):
        if name in file.ncattrs():
            yield f"{name}: {file.getncattr(name)}"


def _iso(time_s: float) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=float(time_s))).replace(tzinfo=None).isoformat()
    except OverflowError:  # no calendar goes so far
        return None
