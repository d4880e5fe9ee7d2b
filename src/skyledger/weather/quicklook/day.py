"""What the quick look shows of a day: the bins laid on all of the station's day, in units that people use."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from skyledger.drawing import Span, spans
from skyledger.meteorology import FloatArray, solar_elevation_deg
from skyledger.weather.bins import Bins
from skyledger.weather.stations import Period, Station
from skyledger.weather.units import conversion
from skyledger.weather.variables import VARIABLES

Entries = TypeVar("Entries", bound=np.generic)

GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
_HORIZON_DEG = -0.833  # of the sun's centre when its upper edge rises or sets, with refraction
_SUN_STEP_S = 60
_SIGNS = (("degC", "°C"), ("degree", "°"), ("umol", "µmol"), ("-1", "⁻¹"), ("-2", "⁻²"), ("m3", "m³"))


@dataclass(frozen=True, slots=True)
class Series:
    """One variable in every bin of the day, in its working unit. Arrays have shape (b,)."""

    value: FloatArray  # NaN: none
    low: FloatArray  # smallest and largest row behind the value; the value itself where they are not known
    high: FloatArray
    flag: NDArray[np.int8]  # missing also where no bin exists; fail also where the tests left no value
    unit: str  # as people write it
    places: int  # decimals that a person wants to see

    @property
    def has_values(self) -> bool:
        """Whether there is anything to draw."""
        return bool(np.isfinite(self.value).any())

    def text(self, value: float) -> str:
        """A number for people, without its unit."""
        return f"{value:.{self.places}f}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True)
class DayView:
    """A product on all of the station's day. Hours count from the day's begin."""

    begin: datetime  # UTC
    hours: float  # length of the day
    zone: tzinfo
    width_h: float
    rows_share: FloatArray  # (b,) rows found by rows expected, 0 where no bin exists
    series: dict[str, Series]
    nights: list[Span]  # hours between sunset and sunrise

    @property
    def edges_h(self) -> FloatArray:
        """Edges of the bins. (b + 1,)"""
        return np.arange(len(self.rows_share) + 1, dtype=np.float64) * self.width_h

    @property
    def middles_h(self) -> FloatArray:
        """Middles of the bins. (b,)"""
        return self.edges_h[:-1] + self.width_h / 2

    def local(self, hour: float) -> datetime:
        """Station time so many hours after the day's begin."""
        return (self.begin + timedelta(hours=hour)).astimezone(self.zone)

    def clock(self, hour: float) -> str:
        """Station time, HH:MM."""
        return f"{self.local(hour):%H:%M}"

    def ticks(self) -> list[float]:
        """Hours at which the station's clock shows 00:00, 03:00, 06:00, ..."""
        return [h / 4 for h in range(int(4 * self.hours) + 1) if self._is_tick(self.local(h / 4))]

    def offset(self) -> str:
        """The clock's distance from UTC; before and after, on a day on which it changes."""
        both = [f"{self.local(hour):%z}" for hour in (0, self.hours)]
        return " to ".join(dict.fromkeys(f"UTC{o[:3]}:{o[3:]}" for o in both)).replace("-", "\N{MINUS SIGN}")

    def sun_times(self) -> list[tuple[str, float]]:
        """Hours of sunrise and sunset, as far as the day has them."""
        rises = [("sunrise", last) for _, last in self.nights if last < self.hours]
        return rises + [("sunset", first) for first, _ in self.nights if first > 0]

    def gaps(self) -> list[Span]:
        """Hours between which no bin exists."""
        return spans(self.rows_share == 0, self.width_h)

    @staticmethod
    def _is_tick(moment: datetime) -> bool:
        return moment.hour % 3 == 0 and moment.minute == 0


def view(bins: Bins, station: Station, period: Period, day: date) -> DayView:
    """Lay the bins on the station's day."""
    begin, end = station.bounds(day)
    begin_s, length_s = int(begin.timestamp()), int((end - begin).total_seconds())
    n = -(-length_s // bins.width_s)
    index = (bins.start_s - begin_s) // bins.width_s

    def spread(values: NDArray[Entries], empty: float) -> NDArray[Entries]:
        whole = np.full(n, empty, dtype=values.dtype)
        whole[index] = values
        return whole

    series = {}
    for name, binned in bins.variables.items():
        variable = VARIABLES[name]
        change = conversion(variable.unit, variable.working_unit)
        value, low, high = (change(a) for a in (binned.value, binned.minimum, binned.maximum))
        none = np.isnan(value)
        # Rows that came and were refused are something else for a person than silence
        refused = none & (binned.tests != 0) & (2 * binned.n_valid < bins.n_rows)
        series[name] = Series(
            value=spread(value, np.nan),
            low=spread(np.where(none | np.isnan(low), value, low), np.nan),
            high=spread(np.where(none | np.isnan(high), value, high), np.nan),
            flag=spread(np.where(refused, FAIL, binned.flag).astype(np.int8), MISSING),
            unit=_for_people(variable.working_unit),
            places=variable.shown_places,
        )
    minutes_s = begin_s + np.arange(0, length_s, _SUN_STEP_S)
    sun_deg = solar_elevation_deg(minutes_s, period.position.latitude_deg, period.position.longitude_deg)
    return DayView(
        begin=begin,
        hours=length_s / 3600,
        zone=period.zone,
        width_h=bins.width_s / 3600,
        rows_share=spread(bins.coverage, 0.0),
        series=series,
        nights=spans(sun_deg < _HORIZON_DEG, _SUN_STEP_S / 3600),
    )


def _for_people(unit: str) -> str:
    for ours, theirs in _SIGNS:
        unit = unit.replace(ours, theirs)
    return unit
