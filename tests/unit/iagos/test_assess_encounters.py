"""Two aircraft at one airport: their profiles by layers of 500 m, of good values only."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from skyledger.iagos.assess import assess, quality_config
from skyledger.iagos.assess.encounters import compare
from skyledger.iagos.flight import FlightData, Key, Series
from tests.support.iagos_flights import DEPARTURE, KEY, flight

OTHER = Key("2024030513045607", "P1", 1)


def ascent(key: Key = KEY, ozone_ppb: float = 60.0, minutes: float = 0.0) -> FlightData:
    """A judged flight that climbs 10 m/s from its take-off."""
    data = flight(600, key=key)
    time_s = data.time_s + 60 * minutes
    height = Series.unchecked((time_s - time_s[0]) * 10.0)
    ozone = data.series["O3_P1"].value - 60 + ozone_ppb
    ozone[100:130] = 9_000  # fails
    series = {**data.series, "baro_alt_AC": height, "O3_P1": Series.unchecked(ozone)}
    departure = replace_time(data, minutes)
    return assess(replace(data, time_s=time_s, series=series, departure=departure), quality_config("P1")).data


def replace_time(data: FlightData, minutes: float):
    return data.departure._replace(time=DEPARTURE + timedelta(minutes=minutes))


def test_profiles_of_two_aircraft_are_compared_layer_by_layer():
    ours, theirs = ascent(ozone_ppb=64.0), ascent(OTHER, minutes=30)
    found = {one.variable: one for one in compare(ours, ours.departure, theirs, theirs.departure)}
    ozone = found["O3_P1"]
    assert (ozone.airport, ozone.other, ozone.other_at) == ("FRA", OTHER, theirs.departure.time)
    assert ozone.mean_difference == pytest.approx(4, abs=0.3)
    assert 4 <= ozone.largest_difference < 6
    assert ozone.layers < found["CO_P1"].layers == 48  # in some layers no value is good
    assert abs(found["CO_P1"].mean_difference) < 0.5
    assert "air_temp_AC" not in found


def test_flights_without_common_layers_have_nothing_to_compare():
    ours, theirs = ascent(), ascent(OTHER)
    high = Series.unchecked(theirs.series["baro_alt_AC"].value + 50_000)
    away = replace(theirs, series={**theirs.series, "baro_alt_AC": high})
    assert compare(ours, ours.departure, away, away.departure) == []
    lost = Series.unchecked(np.full(len(theirs), np.nan))
    assert (
        compare(ours, ours.departure, replace(theirs, series={"baro_alt_AC": lost}), theirs.departure) == []
    )
    late = theirs.departure._replace(time=DEPARTURE + timedelta(hours=9))
    assert compare(ours, ours.departure, theirs, late) == []
