"""Datapoints as GeoStreams wants them, and what makes two of them differ."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from skyledger.geostreams import Point, RemotePoint
from skyledger.weather.points import (
    Provenance,
    compare,
    coordinates,
    datapoints,
    difference,
    point_key,
    rows_between,
    windows,
)
from skyledger.weather.stations import Period
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    DIRECTION_SIGMA,
    GUST,
    PHOTONS,
    RELATIVE_HUMIDITY,
    VARIABLES,
    WIND_DIRECTION,
)
from tests.support.weather import DAY, MISSING, day_of_bins, flagged, station

STREAM = "UA-MAC Weather (5 min bins)"
WHENCE = Provenance("UA-MAC/2016-08-30", "f" * 64, "abcdef012345")
BINS = day_of_bins()


def points(bins=BINS, rows=slice(None), name="UA-MAC", day=DAY, stream=STREAM, whence=WHENCE) -> list[Point]:
    return datapoints(bins, rows, stream, station(name).on(day), whence)


def remote(point: Point, point_id: str = "7", **changes) -> RemotePoint:
    """The point as a server gives it back: through JSON, times in UTC."""
    start, end = (datetime.fromisoformat(point[name]).astimezone(UTC) for name in ("start_time", "end_time"))
    properties = json.loads(json.dumps(point["properties"]))
    there = tuple(point["geometry"]["coordinates"])
    return replace(RemotePoint(point_id, properties["point_key"], start, end, there, properties), **changes)


def with_properties(point: Point, **changes) -> RemotePoint:
    return remote(point, properties={**point["properties"], **changes})


def test_point_key_is_that_of_vector_28():
    start = datetime(2016, 8, 30, 0, 5, tzinfo=station().on(DAY).zone)
    key = point_key(STREAM, start, start + timedelta(minutes=5))
    assert key == "393bb6194e79e350d9bfba68ec97bca27fa9aac151664ea30fc1d0c2bba12d0f"
    assert points()[1]["properties"]["point_key"] == key


def test_a_day_has_a_point_per_bin_with_times_in_the_offset_of_the_station():
    found = points()
    assert len(found) == 288
    assert (found[0]["start_time"], found[0]["end_time"]) == (
        "2016-08-30T00:00:00-07:00",
        "2016-08-30T00:05:00-07:00",
    )
    assert found[-1]["end_time"] == "2016-08-31T00:00:00-07:00"
    assert len({point["properties"]["point_key"] for point in found}) == 288


def test_weakness_19_a_station_in_illinois_has_its_own_offset():
    first = points(day_of_bins("UIUC-CEN"), name="UIUC-CEN")[0]
    assert first["start_time"] == "2016-08-30T00:00:00-06:00"


def test_a_clock_in_a_daylight_zone_gives_each_time_the_offset_that_held():
    period = Period.model_validate(station().on(DAY).model_dump() | {"clock": "America/Denver"})
    starts = [int(datetime(2016, month, 1, tzinfo=UTC).timestamp()) for month in (1, 7)]
    bins = replace(BINS, start_s=np.array([*starts, *BINS.start_s[2:]]))
    first, second = datapoints(bins, slice(0, 2), STREAM, period, WHENCE)
    assert (first["start_time"], second["start_time"]) == (
        "2015-12-31T17:00:00-07:00",
        "2016-06-30T18:00:00-06:00",
    )


def test_weakness_8_longitude_comes_first_and_the_altitude_is_there():
    assert points()[0]["geometry"] == {"type": "Point", "coordinates": [-111.974304, 33.075576, 361.0]}
    assert coordinates(station("UIUC-SE").on(DAY).position) == [-88.193573, 40.056910, 220.0]


def test_weakness_7_every_value_comes_with_its_canonical_unit():
    properties = points()[100]["properties"]
    values = {name for name in VARIABLES if name in properties}
    assert values == set(BINS.variables)
    assert properties["units"] == {name: VARIABLES[name].unit for name in values}
    assert properties["units"][RELATIVE_HUMIDITY] == "1"
    assert properties["units"][PHOTONS] == "mol m-2 s-1"
    assert 250 < properties[AIR_TEMPERATURE] < 330
    assert 0 < properties[RELATIVE_HUMIDITY] < 1


def test_weaknesses_16_and_20_flags_direction_gust_and_sigma_are_published():
    properties = points(flagged(BINS, WIND_DIRECTION, np.arange(288) == 3, flag=3))[3]["properties"]
    assert properties["qc"][WIND_DIRECTION] == 3
    assert set(properties["qc"]) == set(BINS.variables)
    assert {WIND_DIRECTION, GUST, DIRECTION_SIGMA} <= set(properties)


def test_weakness_9_a_missing_value_is_left_out_and_listed_and_the_others_stay():
    properties = points(flagged(BINS, AIR_TEMPERATURE, np.arange(288) == 3, flag=MISSING))[3]["properties"]
    assert AIR_TEMPERATURE not in properties
    assert AIR_TEMPERATURE not in properties["units"]
    assert properties["missing"] == [AIR_TEMPERATURE]
    assert properties["qc"][AIR_TEMPERATURE] == 9
    assert properties["n_valid"][AIR_TEMPERATURE] == 0
    assert properties["units"].keys() == BINS.variables.keys() - {AIR_TEMPERATURE}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_that_json_lacks_is_ever_sent(value):
    gust = replace(BINS.variables[GUST], value=np.full(288, value))
    found = points(replace(BINS, variables=BINS.variables | {GUST: gust}))
    text = json.dumps(found, allow_nan=False)
    assert all(point["properties"]["missing"] == [GUST] for point in found)
    assert not any(f'"{word}' in text.casefold() for word in ("nan", "inf", "-inf"))


def test_weakness_15_coverage_is_that_of_the_bin():
    partial = replace(BINS, coverage=np.where(np.arange(288) == 1, 0.72, 1.0))
    assert [p["properties"]["coverage"] for p in points(partial, rows=slice(0, 3))] == [1.0, 0.72, 1.0]
    assert points()[0]["properties"]["n_expected"] == 300


def test_raw_records_are_points_of_one_second():
    second = points(day_of_bins(product="raw_1s", width_s=1), rows=slice(0, 2), stream="raw")[1]
    assert (second["start_time"], second["end_time"]) == (
        "2016-08-30T00:00:01-07:00",
        "2016-08-30T00:00:02-07:00",
    )
    assert second["properties"]["product"] == "raw_1s"


def test_rows_of_a_window_are_those_that_start_in_it():
    start = datetime.fromtimestamp(int(BINS.start_s[10]), UTC)
    assert rows_between(BINS, start, start + timedelta(minutes=15)) == slice(10, 13)
    assert rows_between(BINS, start - timedelta(days=2), start - timedelta(days=1)) == slice(0, 0)
    assert points(rows=slice(10, 13)) == points()[10:13]


def test_batches_of_a_day_are_those_of_vector_21():
    """86 400 points in batches of 3000 are 29 posts, the last of 2400; none has 3001."""
    start, end = station().bounds(DAY)
    parts = list(windows(start, end, width_s=1, batch_size=3000))
    assert (parts[0][0], parts[-1][1]) == (start, end)
    assert all(one[1] == two[0] for one, two in pairwise(parts))
    assert [(b - a).total_seconds() for a, b in parts] == [3000.0] * 28 + [2400.0]
    assert list(windows(start, end, width_s=300, batch_size=3000)) == [(start, end)]


# --- what makes two points differ ------------------------------------------------------------------------------------


def test_a_point_that_came_back_as_it_was_sent_does_not_differ():
    found = points()
    assert not compare(found, [remote(point) for point in found], "bins_300s")


def test_weakness_4_a_new_version_or_other_files_with_the_same_values_are_no_difference():
    newer = Provenance("UA-MAC/2016-08-30", "0" * 64, "999999999999")
    assert not compare(points(), [remote(point) for point in points(whence=newer)], "bins_300s")


def test_a_number_written_in_another_way_is_no_difference():
    point = points()[0]
    temperature = point["properties"][AIR_TEMPERATURE]
    assert difference(point, with_properties(point, **{AIR_TEMPERATURE: temperature * (1 + 1e-12)})) is None
    assert difference(point, with_properties(point, **{"coverage": 1})) is None


POINT = points()[5]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (with_properties(POINT, **{AIR_TEMPERATURE: 299.0}), "has air_temperature 299.0 instead of"),
        (with_properties(POINT, **{AIR_TEMPERATURE: None}), "has air_temperature None"),
        (with_properties(POINT, units=POINT["properties"]["units"] | {AIR_TEMPERATURE: "C"}), "has units"),
        (with_properties(POINT, qc=POINT["properties"]["qc"] | {AIR_TEMPERATURE: 3}), "has qc"),
        (with_properties(POINT, coverage=0.5), "has coverage 0.5 instead of 1.0"),
        (with_properties(POINT, missing=[GUST]), "has missing"),
        (with_properties(POINT, precipitation_rate=0.0), "has precipitation_rate 0.0 instead of None"),
        (remote(POINT, start=datetime(2016, 8, 30, tzinfo=UTC)), "has start_time 2016-08-30T00:00:00Z"),
        (remote(POINT, end=datetime(2016, 8, 31, tzinfo=UTC)), "has end_time 2016-08-31T00:00:00Z"),
        (remote(POINT, coordinates=(33.075576, -111.974304, 361.0)), "is at [33.075576"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_a_reader_would_see_is_a_difference_and_replaces_just_this_point(there, said):
    assert difference(POINT, there).startswith(said)
    found = points()
    others = [remote(point, str(n)) for n, point in enumerate(found) if point is not found[5]]
    changes = compare(found, [*others, there], "bins_300s")
    assert (changes.post, changes.delete) == ([found[5]], [there])
    assert len(changes.reasons) == 1
    assert said in changes.reasons[0]


def test_missing_points_are_posted_and_vanished_ones_deleted():
    found = points()
    there = [remote(point, str(n)) for n, point in enumerate(found)]
    changes = compare(found[:280], there[10:], "bins_300s")
    assert changes.post == found[:10]
    assert changes.delete == there[280:]
    assert changes.reasons[0] == "2016-08-30T00:00:00-07:00 is missing"
    assert changes.reasons[-1] == "2016-08-31T06:55:00Z should not be there"


def test_points_of_another_product_in_the_same_stream_are_left_alone():
    others = [with_properties(point, product="raw_1s") for point in points(stream="another key")]
    changes = compare([], others, "bins_300s")
    assert not changes
    assert compare([], others, "raw_1s").delete == others


def test_weakness_3_a_point_that_is_there_twice_keeps_one_copy_that_is_right():
    there = [with_properties(POINT, coverage=0.1), remote(POINT, "8"), remote(POINT, "9")]
    changes = compare([POINT], there, "bins_300s")
    assert changes.post == []
    assert changes.delete == [there[0], there[2]]


def test_a_day_without_bins_withdraws_what_was_published():
    there = [remote(point, str(n)) for n, point in enumerate(points())]
    assert compare([], there, "bins_300s").delete == there


def test_the_interface_s_example_is_what_is_sent():
    """Section 10 of the reference: the keys of a datapoint and of its properties."""
    point = points()[0]
    assert set(point) == {"start_time", "end_time", "type", "geometry", "properties"}
    documented = {
        "units",
        "qc",
        "source",
        "source_file",
        "point_key",
        "product",
        "config_version",
        "coverage",
    }
    own = {"missing", "n_expected", "n_valid"}
    assert set(point["properties"]) - set(VARIABLES) == documented | own
    assert point["properties"]["source"] == "UA-MAC/2016-08-30"


def test_another_day_has_other_keys():
    tomorrow = points(day_of_bins(day=date(2016, 8, 31)), day=date(2016, 8, 31))
    keys = {point["properties"]["point_key"] for point in (*points(), *tomorrow)}
    assert len(keys) == 576
