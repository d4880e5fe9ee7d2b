"""The daily NetCDF product: read back what was written, by the conventions it names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import cf_units
import compliance_checker
import netCDF4
import numpy as np
import pytest
from compliance_checker.suite import CheckSuite

from skyledger.errors import StorageError
from skyledger.weather.bins import Bins
from skyledger.weather.netcdf import FLAGS, VOCABULARY, write_netcdf
from skyledger.weather.variables import (
    AIR_TEMPERATURE,
    DIRECTION_SIGMA,
    GUST,
    IRRIGATION,
    IRRIGATION_FLUX,
    PHOTONS,
    RAIN,
    RAIN_RATE,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    VARIABLES,
    WIND_DIRECTION,
    WIND_SPEED,
)
from tests.support.weather import DAY, GALLONS_M3, day_of_bins, flagged, hours, only, station

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FLOAT32 = 2.0**-24  # relative rounding
STATIONS = ("UA-MAC", "UIUC-CEN", "UA-MAC-IRRIGATION")

# What an operator has to state, for nothing in a station's configuration says it
CONTACTS = {
    "acknowledgement": "those who paid",
    "naming_authority": "org.example",
    "project": "a project",
    "creator_url": "https://example.org",
    "creator_email": "station@example.org",
    "publisher_name": "a publisher",
    "publisher_url": "https://example.org",
    "publisher_email": "data@example.org",
}
# CF has no standard name for them; section 15 of the reference asks for one "where one exists"
WITHOUT_STANDARD_NAME = {
    "UA-MAC": {
        "battery_voltage", "coverage", "logger_temperature",
        "resultant_wind_speed", "wind_from_direction_sigma", "wind_steadiness",
    },
    "UIUC-CEN": {"resultant_wind_speed", "wind_from_direction_sigma", "wind_steadiness"},
    "UA-MAC-IRRIGATION": {"irrigation_volume"},
}  # fmt: skip


def write(path: Path, bins: Bins, name: str = "UA-MAC", **attributes: str) -> str:
    where = station(name)
    period = where.on(DAY)
    assert period is not None
    return write_netcdf(path, bins, where, period, DAY, created=CREATED, attributes=attributes)


def awkward_day() -> Bins:
    """Every flag, a gap, and a bin with few rows."""
    bins = day_of_bins(rain_mm_h={16: 4.0})
    for at, flag in ((2, 2), (4, 3), (6, 4), (8, 9)):
        bins = flagged(bins, AIR_TEMPERATURE, hours(bins, at, at + 1), flag)
    coverage = np.where(hours(bins, 10, 10.5), 0.72, 1.0)
    bins = replace(bins, coverage=coverage, n_rows=np.rint(coverage * 300).astype(np.int64))
    return only(bins, ~hours(bins, 12, 15))


@pytest.fixture(scope="module")
def bins() -> Bins:
    return awkward_day()


@pytest.fixture(scope="module")
def path(tmp_path_factory, bins) -> Path:
    path = tmp_path_factory.mktemp("netcdf") / "UA-MAC" / "day.nc"
    write(path, bins, input_digest="0123")
    return path


@pytest.fixture
def file(path) -> Iterator[netCDF4.Dataset]:
    with netCDF4.Dataset(path) as file:
        yield file


def test_every_value_flag_and_number_of_rows_is_read_back(file, bins):
    assert len(bins) == 252
    for name, expected in bins.variables.items():
        value = file[name][:].filled(np.nan)
        np.testing.assert_allclose(value, expected.value, rtol=FLOAT32, err_msg=name)
        np.testing.assert_array_equal(file[f"{name}_qc"][:], expected.flag, err_msg=name)
        np.testing.assert_array_equal(file[f"{name}_n_valid"][:], expected.n_valid, err_msg=name)
    np.testing.assert_allclose(file["coverage"][:], bins.coverage, rtol=FLOAT32)
    assert set(np.unique(file[f"{AIR_TEMPERATURE}_qc"][:])) == set(FLAGS)


def test_a_missing_value_is_the_fill_value_and_has_a_flag_that_says_why(file, bins):
    file.set_auto_mask(False)
    missing = np.isnan(bins.variables[AIR_TEMPERATURE].value)
    assert np.count_nonzero(missing) == 24
    assert file[AIR_TEMPERATURE]._FillValue == np.float32(-9999)
    np.testing.assert_array_equal(file[AIR_TEMPERATURE][:] == -9999, missing)
    assert set(file[f"{AIR_TEMPERATURE}_qc"][:][missing]) == {4, 9}


def test_time_is_the_end_of_the_bin_in_utc_with_both_ends_as_bounds(file, bins):
    """Weakness 19: a station's clock is in its configuration; the file knows UTC only."""
    time, bounds = file["time"], file["time_bnds"]
    np.testing.assert_array_equal(time[:], bins.start_s + 300)
    np.testing.assert_array_equal(bounds[:], np.column_stack([bins.start_s, bins.start_s + 300]))
    assert time.dtype == bounds.dtype == np.int64
    assert {name: time.getncattr(name) for name in time.ncattrs()} == {
        "standard_name": "time",
        "long_name": "end of the bin",
        "units": "seconds since 1970-01-01T00:00:00Z",
        "calendar": "standard",
        "axis": "T",
        "bounds": "time_bnds",
    }
    first = netCDF4.num2date(bounds[0, 0], time.units, time.calendar)
    assert first.isoformat() == "2016-08-30T07:00:00"  # midnight of a clock seven hours behind
    assert file.dimensions["time"].isunlimited()
    assert file.dimensions["nv"].size == 2
    assert file.dimensions["strlen"].size == len("UA-MAC")


def test_the_station_is_where_it_is(file):
    """Weakness 8: latitude and longitude are not exchanged, in variables, extents and bounds."""
    position = station().periods[0].position
    for name, expected, units in (
        ("lat", position.latitude_deg, "degrees_north"),
        ("lon", position.longitude_deg, "degrees_east"),
        ("alt", position.altitude_m, "m"),
    ):
        assert file[name].shape == ()
        assert file[name][...] == expected
        assert file[name].units == units
    assert file["alt"].positive == "up"
    assert (file["lat"][...], file["lon"][...]) == (33.075576, -111.974304)
    assert file.geospatial_lat_min == file.geospatial_lat_max == 33.075576
    assert file.geospatial_lon_min == file.geospatial_lon_max == -111.974304
    assert (file.geospatial_bounds, file.geospatial_bounds_crs) == (
        "POINT (33.075576 -111.974304)",  # in the order of the system it names
        "EPSG:4326",
    )
    assert netCDF4.chartostring(file["station"][:]) == "UA-MAC"
    assert file["station"].cf_role == "timeseries_id"


@pytest.mark.parametrize(
    ("name", "standard_name", "units", "cell_methods"),
    [
        (AIR_TEMPERATURE, "air_temperature", "K", "time: mean"),
        (RELATIVE_HUMIDITY, "relative_humidity", "1", "time: mean"),
        (SHORTWAVE, "surface_downwelling_shortwave_flux_in_air", "W m-2", "time: mean"),
        (PHOTONS, "surface_downwelling_photosynthetic_photon_flux_in_air", "mol m-2 s-1", "time: mean"),
        (WIND_SPEED, "wind_speed", "m s-1", "time: mean"),
        (WIND_DIRECTION, "wind_from_direction", "degree", "time: mean"),
        (DIRECTION_SIGMA, None, "degree", "time: standard_deviation"),
        (GUST, "wind_speed_of_gust", "m s-1", "time: maximum"),
        (RAIN, "thickness_of_rainfall_amount", "m", "time: sum"),
        (RAIN_RATE, "rainfall_rate", "m s-1", "time: mean"),
    ],
)
def test_a_value_states_name_unit_and_how_it_was_made(file, name, standard_name, units, cell_methods):
    """Rain under its CF name and as the sum it is, no value without its unit; direction, gust and sigma are there.

    Weaknesses 6, 7 and 20.
    """
    variable = file[name]
    assert variable.dtype == np.float32
    assert variable.dimensions == ("time",)
    assert {attribute: variable.getncattr(attribute) for attribute in variable.ncattrs()} == {
        "_FillValue": np.float32(-9999),
        **({"standard_name": standard_name} if standard_name else {}),
        "long_name": VARIABLES[name].long_name,
        "units": units,
        "cell_methods": cell_methods,
        "coordinates": "lat lon alt",
        "ancillary_variables": f"{name}_qc {name}_n_valid",
        "coverage_content_type": "physicalMeasurement",
    }


def test_every_value_has_flags_that_explain_themselves(file, bins):
    """Weakness 16: no value goes out without a quality flag."""
    for name in bins.variables:
        flags = file[f"{name}_qc"]
        assert flags.dtype == np.int8
        assert flags.standard_name == "aggregate_quality_flag"
        assert flags.flag_values.dtype == np.int8
        assert flags.flag_values.tolist() == [1, 2, 3, 4, 9]
        assert flags.flag_meanings == "good not_evaluated suspect fail missing"


def test_what_cf_has_no_name_for_has_a_long_name_and_a_unit_only(file):
    for name in ("battery_voltage", "logger_temperature"):
        assert "standard_name" not in file[name].ncattrs()
        assert file[name].long_name
        assert file[name].units in {"V", "K"}


def test_the_file_says_what_it_is(file):
    stated = {name: file.getncattr(name) for name in file.ncattrs()}
    expected = {
        "Conventions": "CF-1.10, ACDD-1.3",
        "featureType": "timeSeries",
        "title": "Maricopa Agricultural Center, AZMET weather station, 2016-08-30, bins of 300 s",
        "id": "UA-MAC_bins_300s_2016-08-30",
        "institution": "University of Arizona, Maricopa Agricultural Center",
        "date_created": "2026-01-02T03:04:05Z",
        "time_coverage_start": "2016-08-30T07:00:00Z",
        "time_coverage_end": "2016-08-31T07:00:00Z",
        "time_coverage_resolution": "PT300S",
        "input_digest": "0123",
    }
    assert {name: stated[name] for name in expected} == expected
    assert "CR1000 (serial 39656)" in stated["source"]
    assert stated["history"].startswith("2026-01-02T03:04:05Z skyledger ")
    assert all(stated[name] for name in ("summary", "license", "processing_level"))


def test_what_the_operator_states_replaces_what_is_made_here(tmp_path, bins):
    write(tmp_path / "day.nc", bins, license="CC0-1.0")
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        assert file.license == "CC0-1.0"


def test_a_time_of_creation_in_another_zone_is_stated_in_utc(tmp_path, bins):
    local = CREATED.astimezone(timezone(timedelta(hours=-7)))
    write_netcdf(
        tmp_path / "day.nc", bins, station(), station().periods[0], DAY, created=local, attributes={}
    )
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        assert file.date_created == "2026-01-02T03:04:05Z"


def test_the_same_day_gives_the_same_bytes_and_the_digest_is_theirs(tmp_path, path, bins):
    digest = write(tmp_path / "again.nc", bins, input_digest="0123")
    assert (tmp_path / "again.nc").read_bytes() == path.read_bytes()
    assert digest == sha256(path.read_bytes()).hexdigest()


def test_means_of_the_logger_go_out_without_numbers_of_rows(tmp_path):
    bins = day_of_bins("UIUC-CEN")
    write(tmp_path / "day.nc", bins, "UIUC-CEN")
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        assert set(file.variables) == {
            "lat", "lon", "alt", "station", "time", "time_bnds",
            *bins.variables, *(f"{name}_qc" for name in bins.variables),
        }  # fmt: skip
        assert file[AIR_TEMPERATURE].ancillary_variables == f"{AIR_TEMPERATURE}_qc"
        assert (file["time"].size, file["air_pressure"].units) == (96, "Pa")


def test_irrigation_is_one_bin_of_a_day(tmp_path):
    write(tmp_path / "day.nc", day_of_bins("UA-MAC-IRRIGATION"), "UA-MAC-IRRIGATION")
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        assert np.diff(file["time_bnds"][:]).tolist() == [[86_400]]
        assert file[IRRIGATION][0] == pytest.approx(GALLONS_M3, rel=FLOAT32)
        assert (file[IRRIGATION].units, file[IRRIGATION].cell_methods) == ("m3", "time: sum")
        assert file[IRRIGATION_FLUX][0] == pytest.approx(2.73829e-5, rel=5e-6)  # vector 22


def test_every_record_of_a_day_is_written_compressed_in_one_chunk(tmp_path):
    bins = day_of_bins(product="raw_1s", width_s=1)
    write(tmp_path / "day.nc", bins)
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        temperature = file[AIR_TEMPERATURE]
        assert temperature.size == 86_400
        assert temperature.chunking() == [86_400]
        assert temperature.filters()["zlib"]
        assert temperature.filters()["shuffle"]
        np.testing.assert_allclose(temperature[:], bins.variables[AIR_TEMPERATURE].value, rtol=FLOAT32)
        assert file["time_bnds"][-1].tolist() == [bins.start_s[-1], bins.start_s[-1] + 1]


def test_a_day_without_bins_is_a_valid_file_that_covers_the_day(tmp_path, bins):
    write(tmp_path / "day.nc", only(bins, slice(0, 0)))
    with netCDF4.Dataset(tmp_path / "day.nc") as file:
        assert file["time"].size == file[AIR_TEMPERATURE].size == 0
        assert file.time_coverage_duration == "PT86400S"


def test_a_folder_that_cannot_be_written_is_a_storage_error_that_names_the_file(tmp_path, bins, monkeypatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("NetCDF: HDF error")  # what the library makes of a full disk

    write(tmp_path / "day.nc", bins)
    old = (tmp_path / "day.nc").read_bytes()
    monkeypatch.setattr(netCDF4.Dataset, "createVariable", full)
    with pytest.raises(StorageError, match=r"day\.nc: cannot write it: NetCDF: HDF error"):
        write(tmp_path / "day.nc", bins)
    assert (tmp_path / "day.nc").read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["day.nc"]


# --- conventions ---


def checked(path: Path, suite: str) -> dict[str, tuple[int, list[str]]]:
    """Checks of compliance-checker by name: the priority (3 is the highest) and what it objects to."""
    checks = CheckSuite()
    checks.load_all_available_checkers()
    with checks.load_dataset(str(path)) as file:
        groups, errors = checks.run_all(file, [suite])[suite]
    assert errors == {}
    return {
        f"{group.name} ({group.weight})": (
            group.weight,
            group.msgs if isinstance(group.value, bool) or group.value[0] < group.value[1] else [],
        )
        for group in groups
    }


CF_CHECKS = {
    "§2.2 Data Types (3)", "§2.3 Naming Conventions (2)", "§2.4 Dimensions (3)", "§2.6 Attributes (2)",
    "§3.1 Units (3)", "§3.3 Standard Name (3)", "§3.4 Ancillary Data (3)", "§3.5 Flags (3)",
    "§4.1 Latitude Coordinate (3)", "§4.2 Longitude Coordinate (3)", "§4.3 Vertical Coordinate (3)",
    "§4.4 Time Coordinate (3)", "§5 Coordinate Systems (3)", "§7.1 Cell Boundaries (2)", "§7.3 Cell Methods (3)",
    "§9.1 Dataset contains a valid featureType (3)", "§9.1 Features and feature types (3)",
    "§9.5 Coordinates and metadata (3)",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning:compliance_checker|typing_extensions")
@pytest.mark.parametrize("name", STATIONS)
def test_the_product_passes_every_check_of_cf_1_10(tmp_path, name):
    bins = awkward_day() if name == "UA-MAC" else day_of_bins(name)
    write(tmp_path / "day.nc", bins, name)
    results = checked(tmp_path / "day.nc", "cf:1.10")
    assert set(results) >= CF_CHECKS
    assert {check: messages for check, (_, messages) in results.items() if messages} == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:compliance_checker|typing_extensions")
@pytest.mark.parametrize("name", STATIONS)
def test_the_product_leaves_out_only_what_acdd_1_3_asks_and_nobody_can_know(tmp_path, name):
    """With contacts stated by the operator, nothing is left but names that CF does not have."""
    bins = awkward_day() if name == "UA-MAC" else day_of_bins(name)
    write(tmp_path / "day.nc", bins, name)
    bare = checked(tmp_path / "day.nc", "acdd:1.3")
    missing = {m.split()[0].split("/")[-1] for m in bare["Global Attributes (2)"][1]}
    assert missing == set(CONTACTS)
    write(tmp_path / "day.nc", bins, name, **CONTACTS)
    results = checked(tmp_path / "day.nc", "acdd:1.3")
    assert {"high (3)", "Global Attributes (3)", "Global Attributes (2)", "date_created_is_iso (2)",
            "geospatial_lat_extents_match (2)", "time_coverage_extents_match (2)"} <= set(results)  # fmt: skip
    objections = {check: messages for check, (weight, messages) in results.items() if messages and weight > 1}
    expected = {
        f'variable "{variable}" missing the following attributes: (3)': ["standard_name"]
        for variable in WITHOUT_STANDARD_NAME[name]
    }
    if name == "UA-MAC-IRRIGATION":
        # The checker compares with times; ours are ends of bins, and this bin is a day long
        (late,) = objections.pop("time_coverage_extents_match (2)")
        assert "2016-08-30T07:00:00" in late
        assert "2016-08-31T07:00:00+00:00 (time[0])" in late
    assert objections == expected


def test_every_name_is_in_the_cf_table_and_every_unit_is_the_canonical_one():
    """Section 18 of the reference; weaknesses 6 and 7."""
    table = ElementTree.parse(  # noqa: S314 - a file of an installed package
        Path(compliance_checker.__file__).parent / "data" / "cf-standard-name-table.xml"
    )
    assert f"CF Standard Name Table v{table.findtext('version_number')}" == VOCABULARY
    canonical = {entry.get("id"): entry.findtext("canonical_units") for entry in table.iter("entry")}
    named = [variable for variable in VARIABLES.values() if variable.standard_name]
    assert len(named) >= 12
    for variable in named:
        ours, theirs = cf_units.Unit(variable.unit), cf_units.Unit(canonical[variable.standard_name])
        assert ours.convert(1.25, theirs) == 1.25, variable
    for variable in VARIABLES.values():  # the others have at least a unit that exists
        assert not cf_units.Unit(variable.unit).is_unknown(), variable
