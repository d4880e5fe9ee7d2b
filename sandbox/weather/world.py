"""The weather station's world: one object that makes its files, and knows the truth about them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from sandbox.noise import BoolArray, FloatArray, IntArray, key, uniform
from sandbox.weather.air import Air, Climate, Weather
from sandbox.weather.delivery import Defect, Draft, Kind, SimulatedFile, deliver
from sandbox.weather.faults import LEXEMES, STUCK, Fault, apply, plan
from sandbox.weather.instruments import Values, measure
from sandbox.weather.toa5 import SEC_DATA, SUPPLY_V, reprogrammed, rows
from skyledger.meteorology import wind_direction_deg
from skyledger.weather import variables as v
from skyledger.weather.stations import load_station
from skyledger.weather.units import to_canonical

HOUR_S, DAY_S = 3_600, 86_400
FILE_START_S = (
    6 * 60 + 24
)  # the day's first file begins at 00:06:24 on the logger's clock, others at hh:06:24
RECORD_ZERO_S = 1_472_540_784 - 7_276_223  # as in the excerpt: record 7276223 is of 2016-08-30 07:06:24 UTC


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader must find of one day of the logger's calendar in all files that touch it."""

    rows: int  # distinct
    duplicates: int  # exact copies
    conflicts: int  # same key, other values
    rejected: int  # lines that are no rows
    files: int  # files that hold rows of the day


class WeatherWorld:
    """A weather station with a known truth; the same arguments always give the same data.

    seed: another seed, another world; faults: whether sensors fail; defects: what goes wrong on the way, `demo` for
    a mild mix on every day; those of one file are applied in the order given
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        station: str = "UA-MAC",
        faults: bool = True,
        defects: Literal["demo"] | Sequence[Defect] = (),
    ) -> None:
        self.seed = seed
        self.station = load_station(station)
        self.period = self.station.periods[-1]
        place = self.period.position
        self.weather = Weather(
            seed, Climate(station, place.latitude_deg, place.longitude_deg, place.altitude_m)
        )
        self.with_faults = faults
        self._defects = defects
        self._plans: dict[date, tuple[Fault, ...]] = {}
        offset = self.period.zone.utcoffset(datetime(2016, 1, 1))  # noqa: DTZ001  the clock has no summer time
        self._offset_s = int(offset.total_seconds()) if offset else 0

    # truth

    def air(self, time_s: IntArray) -> Air:
        """The true air. time_s : (n,) Unix seconds."""
        return self.weather.air(time_s)

    def truth_bins(
        self, first: date | int, end_s: int | None = None, *, width_s: int = 300
    ) -> dict[str, FloatArray]:
        """True bins of a station's day, or from one Unix second to another; by variable, in canonical units.

        Means over the seconds of each bin; rain is what the tips of a perfect bucket sum up to; direction, resultant
        and steadiness are of the mean vector; gust is the largest speed. `start_s` holds the starts of the bins.
        """
        start_s, end_s = (first, end_s) if isinstance(first, int) else self._bounds(first)
        if end_s is None or (end_s - start_s) % width_s:
            raise ValueError(f"{start_s} to {end_s}: expected whole bins of {width_s} s")
        air = self.air(np.arange(start_s, end_s))

        def mean(values: FloatArray) -> FloatArray:
            return values.reshape(-1, width_s).mean(axis=1)

        eastward, northward, speed = mean(air.eastward_m_s), mean(air.northward_m_s), mean(air.speed_m_s)
        resultant = np.hypot(eastward, northward)
        in_working_units = {
            v.AIR_TEMPERATURE: mean(air.temperature_c),
            v.RELATIVE_HUMIDITY: mean(air.humidity_percent),
            v.SHORTWAVE: mean(air.shortwave_w_m2),
            v.PHOTONS: mean(air.photons_umol_m2_s),
            v.RAIN: air.rain_mm.reshape(-1, width_s).sum(axis=1),
            v.BATTERY: mean(air.battery_v),
            v.LOGGER_TEMPERATURE: mean(air.panel_c),
        }
        return {
            "start_s": np.arange(start_s, end_s, width_s),
            **{name: to_canonical(v.VARIABLES[name].working_unit)(x) for name, x in in_working_units.items()},
            v.WIND_SPEED: speed,
            v.EASTWARD_WIND: eastward,
            v.NORTHWARD_WIND: northward,
            v.RESULTANT_SPEED: resultant,
            v.STEADINESS: resultant / speed,
            v.WIND_DIRECTION: wind_direction_deg(eastward, northward),
            v.GUST: air.speed_m_s.reshape(-1, width_s).max(axis=1),
        }

    # sensors

    def faults(self, day: date) -> tuple[Fault, ...]:
        """What is wrong with the sensors on a station's day, ascending."""
        if not self.with_faults:
            return ()
        if day not in self._plans:
            self._plans[day] = plan(self.seed, f"{self.station.station} {day}", self._air_of(day))
        return self._plans[day]

    def fault_mask(self, variable: str, time_s: IntArray) -> BoolArray:
        """Whether a fault hits the variable. time_s : (n,) Unix seconds, ascending."""
        hit = np.zeros(len(time_s), bool)
        for fault in self._faults_within(time_s):
            if fault.variable == variable:
                hit |= (time_s >= fault.first_utc_s) & (time_s <= fault.last_utc_s)
        return hit

    def measured(self, time_s: IntArray) -> Values:
        """What the sensors show, by variable, in the units of the files; NaN where a fault hides the value.

        time_s : (n,) Unix seconds, ascending.
        """
        air = self.air(time_s)
        values = measure(self.seed, air)
        for fault in self._faults_within(time_s):
            held = np.nan
            if fault.kind == STUCK:
                held = measure(self.seed, self.air(np.array([fault.first_utc_s])))[fault.variable][0]
            apply(fault, self.seed, air, values, held)
        return values

    # files

    def files(self, first_day: date, last_day: date, *, lead_in: bool = False) -> Iterator[SimulatedFile]:
        """Files that begin on these days of the logger's calendar, oldest first.

        lead_in: before them the last file of the day before, which holds the first 384 s of the first day
        """
        if lead_in:
            yield from self.files_of_hours(first_day - timedelta(days=1), 23, 24)
        for number in range((last_day - first_day).days + 1):
            yield from self.files_of_hours(first_day + timedelta(days=number), 0, 24)

    def files_of_hours(self, day: date, first_hour: int, end_hour: int) -> Iterator[SimulatedFile]:
        """Files that begin on a day from one hour to another (excluded): usually one each."""
        start_s = self._bounds(day)[0] + FILE_START_S
        time_s = np.arange(start_s + first_hour * HOUR_S, start_s + end_hour * HOUR_S)
        values = self.measured(time_s)
        values[SUPPLY_V] = np.round(values[v.BATTERY] - 0.3, 2)
        stamp_s, record = self._stamps(time_s), self._records(time_s)
        missing = [fault for fault in self._faults_within(time_s) if fault.kind in LEXEMES]
        for hour in range(first_hour, end_hour):
            here = slice((hour - first_hour) * HOUR_S, (hour - first_hour + 1) * HOUR_S)
            yield from self._file(day, hour, time_s[here], stamp_s[here], record[here],
                                  {name: x[here] for name, x in values.items()}, missing)  # fmt: skip

    def write_files(
        self, folder: Path, first_day: date, last_day: date, *, lead_in: bool = False, late: bool = False
    ) -> list[Path]:
        """Write them as `folder`/YYYY-MM-DD/name, under a temporary name first, dated with their last row.

        late: only those that were withheld before
        """
        written = []
        for file in self.files(first_day, last_day, lead_in=lead_in):
            if file.late == late:
                path = folder / file.folder / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.part")
                part.write_bytes(file.data)
                os.utime(part, (file.last_utc_s, file.last_utc_s))
                written.append(part.rename(path))
        return written

    def expected(self, day: date, *, include_late: bool = False) -> Expected:
        """What must be found of a day of the logger's calendar, when all its files were delivered."""
        total: Counter[str] = Counter()
        files = 0
        for file in self.files(day, day, lead_in=True):
            if include_late or not file.late:
                here = file.tally.get(day, Counter())
                total += here
                files += any(here[what] for what in ("row", "duplicate"))
        return Expected(total["row"], total["duplicate"], total["conflict"], total["rejected"], files)

    def defects(self, day: date) -> tuple[Defect, ...]:
        """What goes wrong with the files that begin on a day."""
        if self._defects != "demo":
            return tuple(defect for defect in self._defects if defect.day == day)
        draws = uniform(key(self.seed, "delivery", day), np.arange(10))
        hours = np.argsort(draws[:5]).tolist()  # five of the first five, each fifth of the day one
        mix: tuple[tuple[Kind, int], ...] = (
            ("bad line", 2),
            ("bad timestamp", 1),
            ("ragged line", 1),
            ("duplicate rows", 25),
            ("second name", 1),
        )
        return tuple(
            Defect(kind, day, 4 * place + 2, 100 + int(3000 * draw), count)
            for (kind, count), place, draw in zip(mix, hours, draws[5:], strict=True)
        )

    def _file(
        self,
        day: date,
        hour: int,
        time_s: IntArray,
        stamp_s: IntArray,
        record: IntArray,
        values: Values,
        missing: Iterable[Fault],
    ) -> Iterator[SimulatedFile]:
        header = SEC_DATA
        if any((defect.day, defect.hour) <= (day, hour) for defect in self._everywhere("header change")):
            header = reprogrammed(header)
            values = {**values, v.AIR_TEMPERATURE: np.round(values[v.AIR_TEMPERATURE] * 9 / 5 + 32, 2)}
        lexemes: dict[str, list[tuple[slice, str]]] = {}
        for fault in missing:
            low, high = np.searchsorted(time_s, (fault.first_utc_s, fault.last_utc_s + 1))
            lexemes.setdefault(fault.variable, []).append((slice(low, high), LEXEMES[fault.kind]))
        text = rows(header, stamp_s, record, values, lexemes)
        draft = Draft(
            str(day),
            f"{header.station}_{header.table}_{day:%Y_%m_%d}_{hour:02}{FILE_START_S // 60:02}.dat",
            header,
            [(line, "row", stamp) for line, stamp in zip(text, stamp_s.tolist(), strict=True)],
            int(time_s[-1]),
        )
        yield from deliver(draft, (defect for defect in self.defects(day) if defect.hour == hour))

    def _stamps(self, time_s: IntArray) -> IntArray:
        """What the logger's clock says."""
        stamp_s = time_s + self._offset_s
        for defect in self._everywhere("clock jump"):
            at = self._second_of(defect)
            stamp_s[(time_s >= at) & (time_s < at + defect.count)] += defect.seconds
        return stamp_s

    def _records(self, time_s: IntArray) -> IntArray:
        record = time_s - RECORD_ZERO_S
        for defect in self._everywhere("record wrap"):
            record = time_s - self._second_of(defect)
        for defect in self._everywhere("counter reset"):
            at = self._second_of(defect)
            record = np.where(time_s >= at, time_s - at, record)
        return record % 2**32

    def _everywhere(self, kind: Kind) -> list[Defect]:
        """Defects that reach beyond their file."""
        return [] if self._defects == "demo" else [d for d in self._defects if d.kind == kind]

    def _second_of(self, defect: Defect) -> int:
        return self._bounds(defect.day)[0] + FILE_START_S + defect.hour * HOUR_S + defect.row

    def _bounds(self, day: date) -> tuple[int, int]:
        """The logger's midnights, in Unix seconds."""
        start_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - self._offset_s
        return start_s, start_s + DAY_S

    def _air_of(self, day: date) -> Air:
        return self.air(np.arange(*self._bounds(day)))

    def _faults_within(self, time_s: IntArray) -> list[Fault]:
        """Faults of the days that a range of time touches."""
        if not (self.with_faults and len(time_s)):
            return []
        first, last = (
            datetime.fromtimestamp(int(s) + self._offset_s, UTC).date() for s in (time_s[0], time_s[-1])
        )
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [fault for day in days for fault in self.faults(day)]
