"""The energy farm's three stations: TOA5 files of 15-minute averages that grow for ever."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from sandbox.noise import FloatArray, IntArray, key, uniform
from sandbox.weather.air import Climate, Weather
from sandbox.weather.toa5 import EOL, Column, Header, rows
from skyledger.weather.stations import load_station
from skyledger.weather.units import conversion
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    EASTWARD_WIND,
    GUST,
    NORTHWARD_WIND,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    VARIABLES,
    WIND_DIRECTION,
    WIND_SPEED,
)

INTERVAL_S = 900
SAMPLE_S = 10  # the logger's scan
FIRST_DAY = date(2016, 1, 1)  # of the record counter
MISSING = 0.01  # share of rows without humidity
# station -> serial, unit in which its program writes pressure
STATIONS = {"UIUC-CEN": ("5131", "mbar"), "UIUC-NE": ("5132", "hPa"), "UIUC-SE": ("5133", "kPa")}


class EnergyFarm:
    """Three stations in the Illinois weather of one seed, whose files begin on `first_day` of the loggers' clock."""

    def __init__(self, seed: int = 1, *, first_day: date) -> None:
        self.seed = seed
        self.first_day = first_day
        self._stations = {name: load_station(name) for name in STATIONS}
        self._weather = {}
        for name, station in self._stations.items():
            place = station.periods[-1].position
            self._weather[name] = Weather(
                seed,
                Climate(name, place.latitude_deg, place.longitude_deg, place.altitude_m, mean_c=11.0, season_c=13.0,
                        day_c=5.0, dew_point_c=5.0, dew_point_season_c=11.0, cloudiness=0.0),
            )  # fmt: skip

    def truth(self, station: str, end_s: IntArray) -> dict[str, FloatArray]:
        """True means, largest speed and rain of intervals that end at `end_s` (n,) Unix seconds, and mean vectors.

        By variable, in working units. The wind direction is the mean of the degrees, wrong near north as in the files.
        """
        weather = self._weather[station]
        samples = (end_s[:, None] - np.arange(INTERVAL_S - SAMPLE_S, -1, -SAMPLE_S)).astype(np.int64)
        air = weather.air(samples.ravel())

        def mean(values: FloatArray) -> FloatArray:
            return values.reshape(samples.shape).mean(axis=1)

        return {
            AIR_TEMPERATURE: mean(air.temperature_c),
            RELATIVE_HUMIDITY: mean(air.humidity_percent),
            PHOTONS: mean(air.photons_umol_m2_s),
            WIND_DIRECTION: mean(air.direction_deg),
            WIND_SPEED: mean(air.speed_m_s),
            GUST: air.speed_m_s.reshape(samples.shape).max(axis=1),
            RAIN: weather.rain_mm(end_s - INTERVAL_S, end_s),
            AIR_PRESSURE: mean(air.pressure_hpa),
            EASTWARD_WIND: mean(air.eastward_m_s),
            NORTHWARD_WIND: mean(air.northward_m_s),
        }

    def humidity_missing(self, station: str, end_s: IntArray) -> np.ndarray:
        """Rows in which the humidity is written as NAN."""
        return uniform(key(self.seed, station, "missing"), end_s // INTERVAL_S) < MISSING

    def content(self, station: str, first_s: int, until_s: int) -> bytes:
        """A file whose rows end after `first_s` and until `until_s`, Unix seconds on the grid of intervals."""
        end_s = np.arange(first_s + INTERVAL_S, until_s + 1, INTERVAL_S)
        header, offset_s = self._header(station), self._offset_s(station)
        lines = header.lines()
        if len(end_s):
            truth = self.truth(station, end_s)
            values = {
                column.variable: np.round(_in_unit(truth, column), 3 if column.variable == RAIN else 2)
                for column in header.columns
            }
            nan = [(np.flatnonzero(self.humidity_missing(station, end_s)), "NAN")]
            stamp_s = end_s + offset_s
            record = (stamp_s - _midnight_s(FIRST_DAY)) // INTERVAL_S - 1
            lines += rows(header, stamp_s, record, values, {RELATIVE_HUMIDITY: nan})
        return EOL.join(lines) + EOL

    def append(self, folder: Path, until: datetime, *, torn: bool = False) -> dict[str, Path]:
        """Let the files grow to the last interval that ends by `until`. By station.

        torn: the last line is only half written; the next call completes it
        """
        paths = {}
        for station in STATIONS:
            path = self.path(folder, station)
            content = self.content(
                station, self._first_s(path, station), int(until.timestamp()) // INTERVAL_S * INTERVAL_S
            )
            with path.open("ab") as file:
                file.write(content[file.tell() : len(content) - 20 * torn])
            paths[station] = path
        return paths

    def rotate(self, folder: Path, station: str) -> Path:
        """Put a file aside, as the collecting program does; the next `append` starts it anew with later rows."""
        path = self.path(folder, station)
        return path.rename(_backup(path))

    def path(self, folder: Path, station: str) -> Path:
        """A station's file."""
        return folder / self._stations[station].inbox.pattern

    def _first_s(self, path: Path, station: str) -> int:
        """Where the rows of a file begin: as it was begun, or after those of the one that was put aside."""
        if path.exists():
            lines = path.read_bytes().split(EOL)
            if len(lines) > 4 and len(lines[4]) > 20:
                return _stamp_s(lines[4]) - self._offset_s(station) - INTERVAL_S
        if _backup(path).exists():
            return _stamp_s(_backup(path).read_bytes().split(EOL)[-2]) - self._offset_s(station)
        return _midnight_s(self.first_day) - self._offset_s(station)

    def _header(self, station: str) -> Header:
        serial, pressure_unit = STATIONS[station]
        columns = (
            Column("AirTC_Avg", "Deg C", "Avg", AIR_TEMPERATURE),
            Column("RH1_Avg", "%", "Avg", RELATIVE_HUMIDITY),
            Column("PAR_APOGE_Avg", "umol/s/m^2", "Avg", PHOTONS),
            Column("WindDir_Avg", "degrees", "Avg", WIND_DIRECTION),
            Column("WindSpd_Avg", "meters/second", "Avg", WIND_SPEED),
            Column("WindSpd_Max", "meters/second", "Max", GUST),
            Column("RAIN_Tot", "mm", "Tot", RAIN),
            Column("PRESSURE_Avg", pressure_unit, "Avg", AIR_PRESSURE),
        )
        name = self._stations[station].header_station or station
        return Header(
            name, "CR1000", serial, "CR1000.Std.26", "CPU:EnergyFarm.CR1", "11871", "Avg15", columns
        )

    def _offset_s(self, station: str) -> int:
        offset = self._stations[station].periods[-1].zone.utcoffset(None)
        if offset is None:
            raise ValueError(f"{station}: expected a clock with a fixed offset from UTC")
        return int(offset.total_seconds())


def _in_unit(truth: Mapping[str, FloatArray], column: Column) -> FloatArray:
    back = conversion(column.unit, VARIABLES[column.variable].working_unit)
    return np.asarray((truth[column.variable] - back.offset) / back.scale)


def _backup(path: Path) -> Path:
    return path.with_name(path.name + ".backup")


def _midnight_s(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _stamp_s(line: bytes) -> int:
    return int(datetime.fromisoformat(line[1:20].decode()).replace(tzinfo=UTC).timestamp())
