"""Observations in the database: a day's bins go in and come out again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skyledger.warehouse import Session, UpsertCounts, quote
from skyledger.weather.bins import BinnedVariable, Bins
from skyledger.weather.variables import VARIABLES

_KEYS = ("station", "product", "time_start_utc")
_DAY = "station = %s AND `day` = %s AND product = %s"
# By time, not by day: when a clock's offset is corrected, bins move from one day to the next
_SPAN = "station = %s AND product = %s AND time_start_utc >= %s AND time_start_utc < %s"


@dataclass(frozen=True, slots=True)
class DayRecord:
    """What table station_day says of one product of one day."""

    coverage: float
    input_digest: str
    content_digest: str
    config_digest: str
    netcdf_path: str | None
    netcdf_sha256: str | None
    report: Mapping[str, Any]


def content_digest(bins: Bins) -> str:
    """SHA-256 over everything that the bins say."""
    content = hashlib.sha256(f"{bins.product} {bins.width_s} {bins.n_expected}".encode())
    arrays: list[NDArray[Any]] = [bins.start_s, bins.n_rows]
    for name, variable in bins.variables.items():
        content.update(name.encode())
        arrays += [getattr(variable, field.name) for field in fields(variable)]
    for array in arrays:
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def store_bins(
    session: Session, station: str, day: date, span: tuple[datetime, datetime], bins: Bins, record: DayRecord
) -> UpsertCounts:
    """Replace a day of one product, inside the caller's transaction. Counts are those of the bins.

    `span` is the day in UTC, end excluded: bins that are equal stay untouched, others within it are removed.
    """
    key = (station, day.isoformat(), bins.product)
    within = (station, bins.product, *(moment.strftime("%Y-%m-%d %H:%M:%S") for moment in span))
    everything = ("TRUE", ())
    counts = session.upsert(
        "observation", _observation(station, day, bins), _KEYS, _SPAN, within, whole=everything
    )
    session.upsert(
        "observation_statistic",
        _statistics(station, day, bins),
        (*_KEYS, "variable"),
        _SPAN,
        within,
        whole=everything,
    )
    row = {
        "coverage": record.coverage,
        "bins": len(bins),
        "input_digest": record.input_digest,
        "content_digest": record.content_digest,
        "config_digest": record.config_digest,
        "netcdf_path": record.netcdf_path,
        "netcdf_sha256": record.netcdf_sha256,
        "report": json.dumps(record.report, ensure_ascii=False),
    }
    session.execute(
        f"INSERT INTO station_day (station, `day`, product, {', '.join(row)}) "  # noqa: S608 - names above
        f"VALUES (%s, %s, %s, {', '.join(['%s'] * len(row))}) "
        f"ON DUPLICATE KEY UPDATE {', '.join(f'{name} = VALUES({name})' for name in row)}",
        (*key, *row.values()),
    )
    return counts


def read_day(session: Session, station: str, day: date, product: str) -> DayRecord | None:
    """What is known of a product's day; None when nothing is stored."""
    rows = session.query(
        "SELECT coverage, input_digest, content_digest, config_digest, netcdf_path, netcdf_sha256, report "  # noqa: S608 - constant
        f"FROM station_day WHERE {_DAY}",
        (station, day.isoformat(), product),
    )
    if not rows:
        return None
    coverage, inputs, content, configuration, path, sha256, report = rows[0]
    return DayRecord(coverage, inputs, content, configuration, path, sha256, json.loads(report))


def read_bins(session: Session, station: str, day: date, product: str) -> Bins | None:
    """The stored bins of a day, ascending; None when nothing is stored."""
    parameters = (station, day.isoformat(), product)
    columns = [name for v in VARIABLES.values() for name in (v.column, f"{v.column}_flag")]
    rows = session.query(
        f"SELECT time_start_utc, time_end_utc, n_expected, n_rows, coverage, {', '.join(map(quote, columns))} "  # noqa: S608 - ours
        f"FROM observation WHERE {_DAY} ORDER BY time_start_utc",
        parameters,
    )
    if not rows:
        return None
    start_s = np.array([int(row[0].replace(tzinfo=UTC).timestamp()) for row in rows], dtype=np.int64)
    width_s = int((rows[0][1] - rows[0][0]).total_seconds())
    wide = dict(zip(columns, list(zip(*rows, strict=True))[5:], strict=True))
    present = {
        v.name: (
            np.array(wide[v.column], dtype=float),
            np.array(wide[f"{v.column}_flag"], dtype=np.int8),
        )
        for v in VARIABLES.values()
        if any(flag is not None for flag in wide[f"{v.column}_flag"])
    }
    statistics = _read_statistics(session, parameters, start_s)
    nothing = np.full(len(start_s), np.nan)
    zeros = np.zeros(len(start_s), dtype=np.int64)
    blank = BinnedVariable(
        nothing, nothing, nothing, nothing, zeros, np.zeros(len(start_s)), zeros.astype(np.int8), zeros
    )
    return Bins(
        product=product,
        width_s=width_s,
        start_s=start_s,
        n_expected=int(rows[0][2]),
        n_rows=np.array([row[3] for row in rows], dtype=np.int64),
        coverage=np.array([row[4] for row in rows], dtype=float),
        variables={
            name: replace(statistics.get(name, blank), value=value, flag=flag)
            for name, (value, flag) in present.items()
        },
    )


def _read_statistics(
    session: Session, parameters: tuple[str, str, str], start_s: NDArray[Any]
) -> dict[str, BinnedVariable]:
    rows = session.query(
        "SELECT variable, time_start_utc, minimum, maximum, standard_deviation, n_valid, coverage, tests "  # noqa: S608 - constant
        f"FROM observation_statistic WHERE {_DAY} ORDER BY variable, time_start_utc",
        parameters,
    )
    by_variable: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_variable.setdefault(row[0], []).append(row[1:])
    found = {}
    for name, members in by_variable.items():
        if len(members) != len(start_s):
            continue  # somebody removed some by hand; the values themselves are still right
        _, minimum, maximum, deviation, n_valid, coverage, tests = zip(*members, strict=True)
        found[name] = BinnedVariable(
            value=np.full(len(start_s), np.nan),
            minimum=np.array(minimum, dtype=float),
            maximum=np.array(maximum, dtype=float),
            standard_deviation=np.array(deviation, dtype=float),
            n_valid=np.array(n_valid, dtype=np.int64),
            coverage=np.array(coverage, dtype=float),
            flag=np.zeros(len(start_s), dtype=np.int8),
            tests=np.array(tests, dtype=np.int64),
        )
    return found


def _observation(station: str, day: date, bins: Bins) -> pa.Table:
    columns: dict[str, Any] = {
        **_key_columns(station, day, bins, len(bins)),
        "time_start_utc": _times(bins.start_s),
        "time_end_utc": _times(bins.start_s + bins.width_s),
        "n_expected": pa.array(np.full(len(bins), bins.n_expected)),
        "n_rows": pa.array(bins.n_rows),
        "coverage": pa.array(bins.coverage),
    }
    for name, variable in bins.variables.items():
        columns[VARIABLES[name].column] = pa.array(variable.value)
        columns[f"{VARIABLES[name].column}_flag"] = pa.array(variable.flag)
    return pa.table(columns)


def _statistics(station: str, day: date, bins: Bins) -> pa.Table:
    names, n = list(bins.variables), len(bins)
    variables = [bins.variables[name] for name in names]

    def joined(arrays: list[NDArray[Any]]) -> pa.Array:
        return pa.array(np.concatenate(arrays) if arrays else np.empty(0))

    return pa.table(
        {
            **_key_columns(station, day, bins, n * len(names)),
            "time_start_utc": _times(np.tile(bins.start_s, len(names))),
            "variable": pa.array(np.repeat(np.array(names, dtype=object), n), pa.string()),
            "minimum": joined([v.minimum for v in variables]),
            "maximum": joined([v.maximum for v in variables]),
            "standard_deviation": joined([v.standard_deviation for v in variables]),
            "n_valid": joined([v.n_valid for v in variables]),
            "coverage": joined([v.coverage for v in variables]),
            "tests": joined([v.tests for v in variables]),
        }
    )


def _key_columns(station: str, day: date, bins: Bins, n: int) -> dict[str, pa.Array]:
    return {
        "station": pa.array([station] * n, pa.string()),
        "product": pa.array([bins.product] * n, pa.string()),
        "day": pa.array([day.isoformat()] * n, pa.string()),
    }


def _times(seconds: NDArray[Any]) -> pa.Array:
    return pa.array(seconds.astype("datetime64[s]"))
