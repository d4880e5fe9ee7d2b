"""From points to rows: pivot telegrams to one row per time, map source quantities to columns, check types.

The mapping's expressions are SQL, run by an embedded DuckDB that can reach neither files nor network and
whose settings are locked; nothing is ever evaluated as Python. Every value is cast to its declared type
*here*: a telegram with a value that does not fit is rejected whole, with the reason and its raw values,
and never reaches the database.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skyledger.errors import ConfigError
from skyledger.influx import SECONDS_PER_DAY, Points
from skyledger.mapping import Column, TelegramMapping

DUCKDB_TYPES = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "float32": "FLOAT",
    "float64": "DOUBLE",
}
TIME = "__time_s"  # cannot clash: a quantity is a tag value of the source, and this is none
MISFIT = "__misfit"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A source record that could not be mapped."""

    day: str
    record_key: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """Rows of one member, ready for the destination table.

    rows: (n,) table in destination columns, times ascending; days: (n,) day `YYYY-MM-DD` of each row;
    rejected: refused records; missing: columns whose source quantities a day does not hold at all;
    duplicates: points beyond the first of their time and quantity (their mean was taken)
    """

    rows: pa.Table
    days: NDArray[np.datetime64]
    rejected: tuple[Rejected, ...]
    missing: dict[str, frozenset[str]]
    duplicates: int


class Transformer:
    """A mapping, compiled. Raises ConfigError if an expression is not valid SQL over its quantities."""

    def __init__(self, mapping: TelegramMapping) -> None:
        self.mapping = mapping
        self.all_columns = frozenset(column.name for column in mapping.columns)
        self.required = frozenset(column.name for column in mapping.columns if column.required)
        self._database = duckdb.connect(
            config={
                "enable_external_access": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
                "threads": 1,  # the tables are small, and the other core belongs to the servers
            }
        )
        self._database.execute("SET lock_configuration = true")
        for column in mapping.columns:
            self._check_expression(column)
        self._select, self._explain = self._compile()

    def _check_expression(self, column: Column) -> None:
        try:
            nothing = self._table(np.empty(0, np.int64), {})
            self._run(f"SELECT {_value(column)} FROM telegrams", nothing)  # noqa: S608 - runs in the sandbox
        except duckdb.Error as error:
            raise ConfigError(
                f"dataset {self.mapping.dataset}: column {column.name}: {column.expression!r} is not a valid "
                f"SQL expression over its quantities: {str(error).splitlines()[0]}"
            ) from error

    def _compile(self) -> tuple[str, str]:
        """SQL of the rows with a mark on the misfits, and SQL of the reasons (only run if there are any)."""
        fields, misfits, reasons = [], [], []
        for column in self.mapping.columns:
            value, kind = _value(column), DUCKDB_TYPES[column.type]
            cast = f"TRY_CAST({value} AS {kind})"
            fields.append(f'{cast} AS "{column.name}"')
            # a fraction must not be rounded away by an integer column, nor infinity be stored
            fits = f"isfinite({cast})" if column.type.startswith("float") else f"{cast} = {value}"
            there = f"{value} IS NOT NULL"
            if column.expression is not None:  # NULL from quantities that are all there is a failure, too
                there = " AND ".join(f"{_quoted(quantity)} IS NOT NULL" for quantity in column.quantities)
            misfit = f"({there} AND NOT coalesce({fits}, false))"
            misfits.append(misfit)
            shown = f"coalesce(({value})::VARCHAR, 'the result of its expression')"
            reasons.append(
                f"CASE WHEN {misfit} THEN '{column.name}: ' || {shown} || ' does not fit {column.type}' END"
            )
        select = f'SELECT "{TIME}", {", ".join(fields)}, {" OR ".join(misfits)} AS "{MISFIT}"'
        explain = f"SELECT concat_ws('; ', {', '.join(reasons)}) AS reason"
        return f"{select} FROM telegrams", f"{explain} FROM telegrams"

    def _run(self, sql: str, telegrams: pa.Table) -> pa.Table:
        self._database.register("telegrams", telegrams)
        try:
            return self._database.sql(sql).to_arrow_table()
        finally:
            self._database.unregister("telegrams")

    def _table(self, time_s: NDArray[np.int64], columns: dict[str, NDArray[np.float64]]) -> pa.Table:
        absent = pa.nulls(len(time_s), pa.float64())
        arrays = [
            pa.array(columns[q], from_pandas=True) if q in columns else absent
            for q in self.mapping.quantities
        ]
        return pa.table([pa.array(time_s), *arrays], names=[TIME, *self.mapping.quantities])

    def apply(self, member: int | str, points: Points) -> Mapped:
        """Map the points of one member.

        A time with several points of one quantity (the same telegram under two tag sets) gets their mean.
        """
        time_s, place = np.unique(points.time_s, return_inverse=True)
        shape = (len(points.quantities), len(time_s))
        cell = points.quantity * len(time_s) + place
        counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        with np.errstate(invalid="ignore"):  # 0/0 is the NaN of a quantity that a telegram does not hold
            sums = np.bincount(cell, weights=points.value, minlength=counts.size).reshape(shape)
            values = sums / counts
        columns = dict(zip(points.quantities, values, strict=True))
        telegrams = self._table(time_s, columns)
        result = self._run(self._select, telegrams)

        days = (time_s // SECONDS_PER_DAY).astype("datetime64[D]")
        misfit = result[MISFIT].to_numpy()
        bad, good = np.flatnonzero(misfit), np.flatnonzero(~misfit)
        reasons = self._run(self._explain, telegrams.take(bad))["reason"] if len(bad) else ()
        rejected = tuple(
            Rejected(
                day=str(days[row]),
                record_key=str(time_s[row]),
                reason=str(reason)[:500],
                raw=json.dumps({q: v[row] for q, v in columns.items() if not np.isnan(v[row])}),
            )
            for row, reason in zip(bad.tolist(), reasons, strict=True)
        )
        return Mapped(
            rows=self._destination_rows(member, result if len(good) == len(time_s) else result.take(good)),
            days=days[good],
            rejected=rejected,
            missing=self._missing(days, counts, points.quantities),
            duplicates=len(points) - int(np.count_nonzero(counts)),
        )

    def _destination_rows(self, member: int | str, result: pa.Table) -> pa.Table:
        destination = self.mapping.destination
        names = [column.name for column in self.mapping.columns]
        key = pa.repeat(pa.scalar(member), result.num_rows)
        return pa.table(
            [key, result[TIME], *(result[name] for name in names)],
            names=[destination.member_column, destination.time_column, *names],
        )

    def _missing(
        self, days: NDArray[np.datetime64], counts: NDArray[np.int64], present: Sequence[str]
    ) -> dict[str, frozenset[str]]:
        unique_days, first = np.unique(days, return_index=True)
        if not len(unique_days):
            return {}
        held = dict(zip(present, np.add.reduceat(counts, first, axis=1) > 0, strict=True))
        nowhere = np.zeros(len(unique_days), dtype=bool)
        absent = {}
        for column in self.mapping.columns:
            sources = [held.get(quantity, nowhere) for quantity in column.quantities]
            # one source is enough for a coalesced column; an expression needs all of them
            absent[column.name] = ~(np.all(sources, axis=0) if column.expression else np.any(sources, axis=0))
        return {
            str(day): frozenset(name for name, flags in absent.items() if flags[index])
            for index, day in enumerate(unique_days)
        }


def _value(column: Column) -> str:
    """SQL of a column before its cast: an expression, or the first source quantity that is present."""
    if column.expression is not None:
        return f"TRY({column.expression})"  # NULL instead of an error that would stop the whole query
    present = [_null_if_missing(quantity, column.missing) for quantity in column.quantities]
    return present[0] if len(present) == 1 else f"coalesce({', '.join(present)})"


def _quoted(quantity: str) -> str:
    return '"' + quantity.replace('"', '""') + '"'


def _null_if_missing(quantity: str, missing: Sequence[float]) -> str:
    value = _quoted(quantity)
    for code in missing:
        value = f"nullif({value}, {float(code)!r})"
    return value
