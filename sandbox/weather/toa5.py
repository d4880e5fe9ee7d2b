"""TOA5 text as a Campbell logger writes it: four header lines, then rows; CRLF."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sandbox.noise import FloatArray, IntArray
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    BATTERY,
    LOGGER_TEMPERATURE,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)

EOL = b"\r\n"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Column:
    """One column, as the second to fourth header line say; variable: what it holds."""

    name: str
    unit: str
    processing: str
    variable: str


@dataclass(frozen=True, slots=True)
class Header:
    """The four header lines."""

    station: str
    model: str
    serial: str
    os_version: str
    program: str
    signature: str
    table: str
    columns: tuple[Column, ...]

    def lines(self) -> list[bytes]:
        """Without line ends."""
        first = ("TOA5", self.station, self.model, self.serial, self.os_version, self.program, self.signature)
        return [
            _quoted((*first, self.table)),
            _quoted(("TIMESTAMP", "RECORD", *(c.name for c in self.columns))),
            _quoted(("TS", "RN", *(c.unit for c in self.columns))),
            _quoted(("", "", *(c.processing for c in self.columns))),
        ]


# as in the file excerpt of the station's documentation
SEC_DATA = Header(
    "WeatherStation",
    "CR1000",
    "39656",
    "CR1000.Std.29",
    "CPU:F13WeatherStation.CR1",
    "39725",
    "SecData",
    (
        Column("BattV", "Volts", "Smp", BATTERY),
        Column("PTemp_C", "Deg C", "Smp", LOGGER_TEMPERATURE),
        Column("AirTC", "Deg C", "Smp", AIR_TEMPERATURE),
        Column("RH", "%", "Smp", RELATIVE_HUMIDITY),
        Column("Pyro", "W/m^2", "Smp", SHORTWAVE),
        Column("PAR_ref", "umol/s/m^2", "Smp", PHOTONS),
        Column("WindDir", "degrees", "Smp", WIND_DIRECTION),
        Column("WS_ms", "meters/second", "Smp", WIND_SPEED),
        Column("Rain_mm_Tot", "mm", "Tot", RAIN),
    ),
)
SUPPLY_V = "supply"  # of the column that a new program adds


def reprogrammed(header: Header) -> Header:
    """The header after a new program: another signature, a column renamed, one added, temperature in Deg F."""
    columns = []
    for column in header.columns:
        if column.variable == LOGGER_TEMPERATURE:
            column = replace(column, name="PanelT")
        if column.variable == AIR_TEMPERATURE:
            column = replace(column, unit="Deg F")
        columns.append(column)
    columns.append(Column("Supply_V", "Volts", "Smp", SUPPLY_V))
    return replace(header, program="CPU:F17WeatherStation.CR1", signature="51244", columns=tuple(columns))


def rows(
    header: Header,
    stamp_s: IntArray,
    record: IntArray,
    values: Mapping[str, FloatArray],
    lexemes: Mapping[str, Sequence[tuple[slice | IntArray, str]]],
) -> list[bytes]:
    """Data lines without line ends.

    stamp_s : (n,) seconds since 1970 on the logger's own clock; values: by variable, in the unit of the column;
    lexemes: places in a variable that are written as the text says
    """
    day, second = np.divmod(stamp_s, _DAY_S)
    dates = pa.array(np.datetime_as_string(day.astype("datetime64[D]")))
    stamps = pc.binary_join_element_wise('"', dates, " ", _clock().take(pa.array(second)), '"', "")
    cells = [stamps, _text(record)]
    for column in header.columns:
        text = _text(values[column.variable])
        for place, lexeme in lexemes.get(column.variable, ()):
            hit = np.zeros(len(stamp_s), bool)
            hit[place] = True
            text = pc.if_else(pa.array(hit), pa.scalar(lexeme), text)
        cells.append(text)
    lines = pc.binary_join_element_wise(*cells, ",")
    return [line.encode() for line in lines.to_pylist()]


def _text(values: FloatArray | IntArray) -> pa.StringArray:
    return pa.array(values).cast(pa.string())


@cache
def _clock() -> pa.StringArray:
    """hh:mm:ss of each second of a day."""
    return pa.array([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(_DAY_S)])


def _quoted(fields: Sequence[str]) -> bytes:
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode()
