"""Configuration of stations: days, periods, and what is refused."""

from datetime import UTC, date, datetime

import pytest
import yaml

from skyledger.config import load
from skyledger.errors import ConfigError, PermanentError
from skyledger.weather.process import recipe
from skyledger.weather.stations import WEATHER_DIR, Station, load_station, stations


def changed(tmp_path, **changes):
    data = yaml.safe_load((WEATHER_DIR / "stations" / "ua-mac.yaml").read_text())
    for period in data["periods"]:
        period["valid_from"] = str(period["valid_from"])
    path = tmp_path / "station.yaml"
    path.write_text(yaml.safe_dump(data | changes))
    return load(Station, path)


def test_every_shipped_station_has_a_complete_recipe():
    assert set(stations()) == {"UA-MAC", "UA-MAC-IRRIGATION", "UIUC-CEN", "UIUC-NE", "UIUC-SE"}
    for station in stations().values():
        made_by = recipe(station, date(2020, 1, 1))
        assert {column.variable for column in made_by.columns.columns}


def test_a_local_day_begins_at_the_loggers_midnight():
    start, end = load_station("UA-MAC").bounds(date(2016, 8, 30))
    assert (start, end) == (datetime(2016, 8, 30, 7, tzinfo=UTC), datetime(2016, 8, 31, 7, tzinfo=UTC))


def test_a_utc_day_begins_at_midnight_utc(tmp_path):
    start, end = changed(tmp_path, day="utc").bounds(date(2016, 8, 30))
    assert (start, end) == (datetime(2016, 8, 30, tzinfo=UTC), datetime(2016, 8, 31, tzinfo=UTC))


def test_a_day_before_the_station_existed_has_no_period():
    assert load_station("UA-MAC").on(date(2015, 12, 31)) is None
    with pytest.raises(PermanentError, match="no period that holds on 2015-12-31"):
        load_station("UA-MAC").bounds(date(2015, 12, 31))


def test_an_unknown_station_is_named_with_the_known_ones():
    with pytest.raises(PermanentError, match=r"unknown station 'MARS': expected one of .*UA-MAC"):
        load_station("MARS")


def test_overlapping_periods_are_refused(tmp_path):
    period = yaml.safe_load((WEATHER_DIR / "stations" / "ua-mac.yaml").read_text())["periods"][0]
    earlier = {**period, "valid_from": "2016-01-01", "valid_to": "2018-01-01"}
    later = {**period, "valid_from": "2017-01-01"}
    with pytest.raises(ConfigError, match="periods overlap"):
        changed(tmp_path, periods=[earlier, later])


@pytest.mark.parametrize("width", [7, 100_000, 0])
def test_a_bin_width_that_does_not_divide_a_day_is_refused(tmp_path, width):
    with pytest.raises(ConfigError, match="width_s"):
        changed(tmp_path, products={"bins_300s": {"width_s": width}})


@pytest.mark.parametrize("clock", ["-7", "Arizona", "UTC-07:00"])
def test_a_clock_that_is_none_is_refused(tmp_path, clock):
    period = yaml.safe_load((WEATHER_DIR / "stations" / "ua-mac.yaml").read_text())["periods"][0]
    with pytest.raises(ConfigError, match="is no clock"):
        changed(tmp_path, periods=[{**period, "valid_from": "2016-01-01", "clock": clock}])


def test_a_stream_of_a_product_that_does_not_exist_is_refused(tmp_path):
    target = yaml.safe_load((WEATHER_DIR / "stations" / "ua-mac.yaml").read_text())["geostreams"]
    with pytest.raises(ConfigError, match="streams of unknown products: bins_60s"):
        changed(tmp_path, geostreams={**target, "streams": {"bins_60s": "x"}})


def test_bins_narrower_than_the_rows_are_refused(tmp_path):
    station = changed(tmp_path, products={"bins_300s": {"width_s": 300}})
    period = station.periods[0].model_copy(
        update={"columns": "energy-farm-avg15", "quality": "energy-farm-avg15"}
    )
    with pytest.raises(ConfigError, match="bins of 300 s, which rows of 900 s do not fill"):
        recipe(station.model_copy(update={"periods": (period,)}), date(2020, 1, 1))


def test_the_digest_of_a_recipe_changes_with_what_decides_and_with_nothing_else(tmp_path):
    day = date(2020, 1, 1)
    plain = recipe(load_station("UA-MAC"), day).digest
    assert recipe(changed(tmp_path, completeness={"grace_h": 12}), day).digest == plain
    assert recipe(changed(tmp_path, geostreams=None), day).digest == plain
    assert (
        recipe(changed(tmp_path, products={"bins_300s": {"width_s": 300, "use_suspect": True}}), day).digest
        != plain
    )
