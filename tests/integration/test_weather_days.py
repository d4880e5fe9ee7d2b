"""Days of weather stations on a real database: when they are made, what is in them, what a change does."""

import os
from datetime import UTC, date, datetime, timedelta

import netCDF4
import numpy as np
import pytest

from sandbox.weather import Defect, WeatherWorld
from sandbox.weather.energy_farm import EnergyFarm
from sandbox.weather.irrigation import Irrigation
from skyledger.ledger import Mode
from skyledger.weather import variables as v
from skyledger.weather.stations import Completeness
from skyledger.weather.store import read_bins, read_day
from tests.support.weather_days import DAY, WeatherStation

pytestmark = pytest.mark.integration


@pytest.fixture
def station(weather_db, tmp_path) -> WeatherStation:
    return WeatherStation(weather_db, tmp_path)


def read(station: WeatherStation, day: date = DAY):
    with station.warehouse.session() as session:
        bins = read_bins(session, station.station.station, day, station.station.main_product)
        return bins, read_day(session, station.station.station, day, station.station.main_product)


def test_24_files_make_a_whole_day_of_288_bins(station):
    station.deliver(WeatherWorld(faults=False), lead_in=True)
    station.register()
    made = station.make()
    assert (made.state, made.rows, made.bins, made.coverage) == ("stored", 86_400, 288, 1.0)
    assert station.ledger() == ("stored", None)
    assert (station.data_root / made.netcdf_path).is_file()


def test_a_second_run_changes_nothing(station):
    world = WeatherWorld(defects="demo")
    station.deliver(world, lead_in=True)
    station.register()
    first = station.make()
    before = station.rows()
    file = (station.data_root / first.netcdf_path).stat()
    assert station.register().taken == 0
    assert station.make().state == "nothing to do"
    again = station.make(mode=Mode.ALL)
    assert (again.upserts.inserted, again.upserts.changed, again.upserts.removed) == (0, 0, 0)
    assert again.upserts.unchanged == 288
    assert station.rows() == before
    assert (station.data_root / first.netcdf_path).stat().st_mtime_ns == file.st_mtime_ns


def test_what_is_read_back_is_what_was_made(station):
    world = WeatherWorld()
    station.deliver(world, lead_in=True)
    station.register()
    station.make()
    bins, record = read(station)
    truth = world.truth_bins(DAY)
    assert list(bins.start_s) == list(truth["start_s"])
    assert abs(np.nanmean(bins.variables[v.AIR_TEMPERATURE].value - truth[v.AIR_TEMPERATURE])) < 0.01
    assert record.report["rows"] == 86_400
    assert bins.variables[v.AIR_TEMPERATURE].n_valid.max() == 300


def test_weakness_1_the_24th_file_makes_the_day_again_and_replaces_just_its_bins(station):
    world = WeatherWorld(faults=False, defects=[Defect("late file", DAY, 20)])
    station.deliver(world, lead_in=True)
    station.register()
    partial = station.make()
    assert (partial.state, partial.rows) == ("partial", 86_400 - 3600)
    before = {row[2]: row for row in station.rows()}
    station.deliver(world, late=True)
    station.register()
    ((item,), _) = (station.plan().work.items, None)
    assert item.reason == "source changed"
    whole = station.make()
    assert (whole.state, whole.rows, whole.bins) == ("stored", 86_400, 288)
    assert (whole.upserts.inserted, whole.upserts.changed, whole.upserts.unchanged) == (11, 2, 275)
    after = {row[2]: row for row in station.rows()}
    assert sum(after[key] != row for key, row in before.items()) == 2


def test_weakness_2_a_day_is_a_calendar_day_whatever_folder_its_rows_came_in(station):
    """Folders begin at 00:06:24: the first 384 s of a day lie in the folder of the day before."""
    station.deliver(WeatherWorld(faults=False), lead_in=False)
    station.register()
    made = station.make()
    assert made.rows == 86_400 - 384
    bins, _ = read(station)
    assert (bins.start_s % 300 == 0).all()
    assert bins.coverage[0] == pytest.approx(0.72)


def test_a_day_waits_for_its_files_until_the_grace_is_over(station):
    world = WeatherWorld(faults=False, defects=[Defect("missing hour", DAY, 12)])
    station.deliver(world, lead_in=True)
    early, late = station.after(DAY, 5), station.after(DAY, 7)
    station.register(now=late)
    plan = station.plan(now=early)
    assert (len(plan.work.items), [entry.day for entry in plan.waiting]) == (0, [str(DAY)])
    assert station.make(now=early).state == "waiting"
    assert station.rows() == []
    made = station.make(now=late)
    assert made.state == "partial"
    state, message = station.ledger()
    assert "coverage 0.958333; 1 gaps of 3600 rows" in message
    assert state == "partial"


def test_a_complete_day_is_made_as_soon_as_a_later_row_has_been_seen(station):
    station.deliver(WeatherWorld(faults=False), lead_in=True)
    soon = station.after(DAY, 0.2)
    station.register(now=soon)
    assert station.make(now=soon).state == "stored"


def test_a_day_that_is_going_on_waits(station):
    noon = station.after(DAY, -12)
    for path in station.deliver(WeatherWorld(faults=False), lead_in=True):
        if path.stat().st_mtime > noon.timestamp():
            path.unlink()  # its hour has not come
    station.register(now=noon)
    assert station.make(now=noon).state == "waiting"
    assert station.rows() == []


def test_without_files_there_is_nothing_to_expect(station):
    assert station.plan(date(2016, 1, 1), DAY).work.expected == 0


def test_a_day_without_files_between_others_is_empty(station):
    world = WeatherWorld(faults=False)
    station.deliver(world, DAY - timedelta(days=3), DAY - timedelta(days=3))
    station.deliver(world)
    station.register()
    gap = DAY - timedelta(days=1)
    assert station.make(gap).state == "empty"
    assert station.ledger(gap)[0] == "empty"


def test_a_file_delivered_twice_under_two_names_counts_once(station):
    world = WeatherWorld(faults=False, defects=[Defect("second name", DAY, 8)])
    station.deliver(world, lead_in=True)
    station.register()
    made = station.make()
    assert (made.state, made.rows) == ("stored", 86_400)


def test_weakness_3_a_copy_that_comes_after_the_day_was_made_changes_nothing(station):
    world = WeatherWorld(faults=False)
    paths = station.deliver(world, lead_in=True)
    station.register()
    station.make()
    before = station.rows()
    copy = paths[5].with_name(paths[5].name.replace("SecData", "SecData_copy"))
    copy.write_bytes(paths[5].read_bytes())
    os.utime(copy, (1655300000, 1655300000))
    station.register()
    assert station.make().upserts.changed == 0
    assert station.rows() == before


def test_rejected_lines_are_kept_with_file_line_and_reason(station):
    world = WeatherWorld(faults=False, defects=[Defect("ragged line", DAY, 8), Defect("bad line", DAY, 9)])
    station.deliver(world, lead_in=True)
    station.register()
    made = station.make()
    kept = station.query("SELECT source, reason, raw FROM rejected_record WHERE partition_key = %s", str(DAY))
    assert len(kept) == made.rejected == world.expected(DAY).rejected
    assert all("WeatherStation_SecData" in source and reason and raw for source, reason, raw in kept)
    assert made.rows + made.rejected == sum(
        station.query("SELECT rows_read FROM ledger WHERE partition_key = %s", str(DAY))[0]
    )


def test_a_file_of_another_kind_costs_its_hour_and_not_the_day(station):
    world = WeatherWorld(
        faults=False, defects=[Defect("wrong type", DAY, 8), Defect("another table", DAY, 9)]
    )
    station.deliver(world, lead_in=True)
    assert station.register().quarantined == 1
    made = station.make()
    assert (made.state, made.rows) == ("partial", 86_400 - 3600)


def test_a_removed_bin_is_put_back(station):
    station.deliver(WeatherWorld(faults=False), lead_in=True)
    station.register()
    station.make()
    before = station.rows()
    station.execute("DELETE FROM observation ORDER BY time_start_utc LIMIT 3")
    (item,) = station.plan().work.items
    assert item.reason == "destination changed"
    assert station.make().upserts.inserted == 3
    assert station.rows() == before


def test_a_new_configuration_is_used_when_asked_for(station):
    station.deliver(WeatherWorld(), lead_in=True)
    station.register()
    station.make()
    product = station.station.products["bins_300s"].model_copy(update={"use_suspect": True})
    station.station = station.station.model_copy(update={"products": {"bins_300s": product}})
    assert station.plan().work.outdated == 1
    assert station.make().state == "nothing to do"
    assert station.make(mode=Mode.STALE).upserts.changed > 0


def test_the_24_file_rule_counts_distinct_names(station):
    station.station = station.station.model_copy(
        update={"completeness": Completeness(rule="file_count", expected_files=24)}
    )
    world = WeatherWorld(faults=False, defects=[Defect("late file", DAY, 20)])
    station.deliver(world, lead_in=True)
    soon = station.after(DAY, 1)
    station.register(now=soon)
    assert station.make(now=soon).state == "waiting"
    station.deliver(world, late=True)
    station.register(now=soon)
    assert station.make(now=soon).state == "stored"


def test_a_changed_header_at_noon_makes_one_day_of_two_segments(station):
    world = WeatherWorld(faults=False, defects=[Defect("header change", DAY, 12)])
    station.deliver(world, lead_in=True)
    station.register()
    made = station.make()
    assert (made.state, made.rows, made.bins) == ("stored", 86_400, 288)
    bins, record = read(station)
    assert len(record.report["segments"]) == 2
    truth = world.truth_bins(DAY)
    assert np.abs(bins.variables[v.AIR_TEMPERATURE].value - truth[v.AIR_TEMPERATURE]).max() < 0.05


def test_every_record_can_be_a_product_of_its_own(station):
    from skyledger.weather.stations import Product

    products = {**station.station.products, "raw_1s": Product(width_s=1)}
    station.station = station.station.model_copy(update={"products": products})
    station.deliver(WeatherWorld(faults=False), lead_in=True)
    station.register()
    station.make()
    counts = dict(station.query("SELECT product, COUNT(*) FROM observation GROUP BY product"))
    assert counts["bins_300s"] == 288
    assert counts["raw_1s"] in (86_400, 86_401)


def test_energy_farm_files_grow_and_only_new_days_are_made(weather_db, tmp_path):
    station = WeatherStation(weather_db, tmp_path, "UIUC-CEN")
    farm = EnergyFarm(first_day=DAY)
    farm.append(station.inbox, station.after(DAY, 0))
    station.register()
    first = station.make()
    assert (first.state, first.bins) == ("stored", 96)
    farm.append(station.inbox, station.after(DAY + timedelta(days=1), 0))
    later = station.after(DAY + timedelta(days=1), 12)
    station.register(now=later)
    plan = station.plan(DAY, DAY + timedelta(days=1), now=later)
    assert [item.partition_key for item in plan.work.items] == [str(DAY + timedelta(days=1))]
    station.make(DAY + timedelta(days=1), now=later)
    bins, _ = read(station)
    truth = farm.truth("UIUC-CEN", bins.start_s + 900)
    assert bins.variables[v.AIR_TEMPERATURE].value == pytest.approx(
        truth[v.AIR_TEMPERATURE] + 273.15, abs=0.006
    )
    assert bins.variables[v.AIR_PRESSURE].value == pytest.approx(truth[v.AIR_PRESSURE] * 100, rel=1e-4)
    assert bins.variables[v.RAIN].value.sum() == pytest.approx(truth[v.RAIN].sum() / 1000, abs=1e-4)


def test_weakness_5_an_averaged_direction_is_published_as_suspect_and_never_as_a_product_of_direction_and_sine(
    weather_db, tmp_path
):
    station = WeatherStation(weather_db, tmp_path, "UIUC-CEN")
    EnergyFarm(first_day=DAY).append(station.inbox, station.after(DAY, 0))
    station.register()
    station.make()
    bins, _ = read(station)
    for name in (v.EASTWARD_WIND, v.NORTHWARD_WIND, v.WIND_DIRECTION):
        assert set(bins.variables[name].flag) <= {3, 9}
        assert (bins.variables[name].flag == 3).mean() > 0.9
    assert np.nanmax(np.abs(bins.variables[v.EASTWARD_WIND].value)) < 40


def test_irrigation_days_are_litres_by_area(weather_db, tmp_path):
    station = WeatherStation(weather_db, tmp_path, "UA-MAC-IRRIGATION")
    meter = Irrigation(first_day=DAY)
    days = [DAY + timedelta(days=n) for n in range(12)]
    later = station.after(days[-1], 48)
    meter.append(station.inbox, later)
    station.register(now=later)
    for day in days:
        station.make(day, now=later)
        gallons = meter.gallons(day)
        bins, _ = read(station, day)
        if gallons is None:
            assert np.isnan(bins.variables[v.IRRIGATION].value[0])
        else:
            litres = gallons * 3.785411784
            assert bins.variables[v.IRRIGATION].value[0] == pytest.approx(litres / 1000)
            assert bins.variables[v.IRRIGATION_FLUX].value[0] == pytest.approx(litres / 2000 / 86_400)


def test_a_total_of_a_whole_day_waits_for_no_later_row(weather_db, tmp_path):
    station = WeatherStation(weather_db, tmp_path, "UA-MAC-IRRIGATION")
    morning = station.after(DAY, 6)
    Irrigation(first_day=DAY).append(station.inbox, morning)
    station.register(now=morning)
    assert station.make(now=morning).state == "stored"


def test_the_product_file_states_what_the_configuration_adds(station):
    attributes = {"license": "CC BY 4.0", "project": "the project"}
    station.station = station.station.model_copy(update={"product_attributes": attributes})
    station.deliver(WeatherWorld(faults=False), lead_in=True)
    station.register()
    with netCDF4.Dataset(station.data_root / station.make().netcdf_path) as product:
        assert (product.license, product.project) == ("CC BY 4.0", "the project")


def test_a_utc_day_is_made_of_two_days_of_the_loggers_clock(weather_db, tmp_path):
    station = WeatherStation(weather_db, tmp_path, day="utc")
    world = WeatherWorld(faults=False)
    station.deliver(world, DAY - timedelta(days=1), DAY, lead_in=True)
    station.register()
    made = station.make()
    assert (made.state, made.rows, made.bins) == ("stored", 86_400, 288)
    bins, _ = read(station)
    start = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp())
    assert (bins.start_s[0], bins.start_s[-1]) == (start, start + 86_400 - 300)
    truth = world.truth_bins(start, start + 86_400)
    assert np.abs(bins.variables[v.AIR_TEMPERATURE].value - truth[v.AIR_TEMPERATURE]).max() < 0.01
