"""The NetCDF product of a flight: read back what was written, by the conventions it names. Section 6.3."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from xml.etree import ElementTree

import cf_units
import compliance_checker
import netCDF4
import numpy as np
import pytest
import xarray
from compliance_checker.suite import CheckSuite

from skyledger.errors import FormatError, StorageError
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import Series, Stop
from skyledger.iagos.formats.netcdf import read_flight, write_flight
from skyledger.iagos.formats.statements import VOCABULARY
from skyledger.iagos.names import Level
from skyledger.iagos.variables import variables
from tests.support.iagos_products import CREATED, PROVENANCE, product

FLOAT32 = 2.0**-24  # relative rounding
INSTRUMENT = [name for name, known in variables().items() if known.kind == "instrument"]
WITHOUT_STANDARD_NAME = {"air_stag_temp_AC", "RHI_P1"}
LOCAL = timezone(timedelta(hours=-7))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("products") / "IAGOS_timeseries_2024030512345602_L1_1.2.0.nc4"
    write_flight(product(), path, created=CREATED)
    return path


@pytest.fixture
def file(path) -> Iterator[netCDF4.Dataset]:
    with netCDF4.Dataset(path) as file:
        yield file


@pytest.mark.parametrize("level", [Level.NRT, Level.L1, Level.L2])
def test_what_is_written_is_read_back(tmp_path, level):
    data = product(level=level)
    write_flight(data, tmp_path / "a.nc4", created=CREATED)
    found = read_flight(tmp_path / "a.nc4")
    for name in (
        "key",
        "level",
        "aircraft",
        "departure",
        "arrival",
        "interval_s",
        "version",
        "process",
        "provenance",
    ):
        assert getattr(found, name) == getattr(data, name), name
    np.testing.assert_array_equal(found.time_s, data.time_s)
    assert list(found.series) == list(data.series)
    for name, series in data.series.items():
        again = found.series[name]
        np.testing.assert_allclose(again.value, series.value, rtol=FLOAT32, err_msg=name)
        np.testing.assert_array_equal(again.validity, series.validity, err_msg=name)
        if series.uncertainty is None:
            assert again.uncertainty is None
        else:
            np.testing.assert_allclose(again.uncertainty, series.uncertainty, rtol=FLOAT32)
    assert found.time_s.dtype == found.series["O3_P1"].value.dtype == np.float64


def test_reading_and_writing_again_changes_nothing(path, tmp_path):
    once = read_flight(path)
    write_flight(once, tmp_path / "again.nc4", created=CREATED)
    assert (tmp_path / "again.nc4").read_bytes() == path.read_bytes()
    assert read_flight(tmp_path / "again.nc4").digest() == once.digest()


def test_the_same_arguments_give_the_same_bytes_and_the_digest_is_theirs(path, tmp_path):
    digest = write_flight(product(), tmp_path / "again.nc4", created=CREATED.astimezone(LOCAL))
    assert (tmp_path / "again.nc4").read_bytes() == path.read_bytes()
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_coordinates_are_those_of_a_trajectory(file):
    time = file["UTC_time"]
    assert (time.dtype, time.dimensions, time.axis, time.calendar) == (
        np.float64,
        ("UTC_time",),
        "T",
        "standard",
    )
    assert time.units == "seconds since 2024-03-05T00:00:00Z"
    assert time[0] == 45296
    assert file["flight_id"].cf_role == "trajectory_id"
    assert file["flight_id"].dtype == "S1"
    assert netCDF4.chartostring(file["flight_id"][:]) == "2024030512345602"
    assert file.featureType == "trajectory"
    assert {name: file[name].units for name in ("lon", "lat", "baro_alt_AC")} == {
        "lon": "degrees_east",
        "lat": "degrees_north",
        "baro_alt_AC": "m",
    }
    assert file["baro_alt_AC"].positive == "up"


@pytest.mark.parametrize("name", INSTRUMENT)
def test_a_variable_of_the_instrument_has_its_error_and_two_flags(file, name):
    variable, known = file[name], variables()[name]
    named = {"standard_name": known.standard_name} if known.standard_name else {}
    assert {key: variable.getncattr(key) for key in variable.ncattrs() if key != "availability"} == {
        "_FillValue": np.float32(-9999),
        **named,
        "long_name": known.long_name,
        "units": known.unit,
        "coordinates": "UTC_time lat lon baro_alt_AC",
        "cell_methods": "UTC_time: mean (interval: 4 s)",
        "ancillary_variables": f"{name}_error {name}_validity_flag {name}_process_flag",
        "coverage_content_type": "physicalMeasurement",
    }
    error, validity, process = (file[f"{name}_{part}"] for part in ("error", "validity_flag", "process_flag"))
    assert variable.dtype == error.dtype == np.float32
    assert error.units == known.unit
    if named:
        assert error.standard_name == f"{known.standard_name} standard_error"
    assert (validity.dtype, validity.standard_name) == (np.int8, "aggregate_quality_flag")
    assert (validity.flag_values.tolist(), validity.flag_values.dtype) == ([0, 2, 3, 4, 7], np.int8)
    assert validity.flag_meanings == "good limited erroneous not_validated missing"
    assert (process.dtype, process.standard_name) == (np.int8, "status_flag")
    assert (process.flag_values.tolist(), process.flag_meanings) == ([0, 1, 2], "raw intermediate final")


def test_variables_of_the_aircraft_and_coordinates_have_a_validity_flag_only(file):
    for name in set(variables()) - set(INSTRUMENT):
        assert f"{name}_validity_flag" in file.variables
        assert f"{name}_error" not in file.variables
        assert f"{name}_process_flag" not in file.variables


def test_a_missing_value_is_the_fill_value_with_flag_7(file):
    file.set_auto_mask(False)
    missing = np.isnan(product().series["CO_P1"].value)
    np.testing.assert_array_equal(file["CO_P1"][:] == -9999, missing)
    assert set(file["CO_P1_validity_flag"][:][missing]) == {Validity.MISSING}
    assert set(file["CO_P1_error"][:][missing]) == {-9999}


def test_availability_is_the_percentage_of_usable_values(file):
    """Vector 24: (good + limited) / n."""
    flags = np.repeat([0, 2, 3, 7], [1080, 36, 24, 60]).astype(np.int8)
    value = np.where(flags == 7, np.nan, 40.0)
    data = product(1200)
    data = replace(data, series={**data.series, "O3_P1": Series(value, flags, value)})
    for name in ("O3_P1", "CO_P1"):
        flags_found = file[f"{name}_validity_flag"][:]
        assert file[name].availability == pytest.approx(100 * np.isin(flags_found, (0, 2)).mean())
    target = Path(file.filepath()).with_name("availability.nc4")
    write_flight(data, target, created=CREATED)
    with netCDF4.Dataset(target) as other:
        assert other["O3_P1"].availability == pytest.approx(93.0, rel=5e-6)


def test_the_file_says_what_it_is(file):
    stated = {name: file.getncattr(name) for name in file.ncattrs()}
    expected = {
        "Conventions": "CF-1.10, ACDD-1.3",
        "title": "IAGOS flight 2024030512345602, P1, L1",
        "id": "2024030512345602_P1_L1",
        "processing_level": "L1",
        "product_version": "1.2.0",
        "departure_airport": "FRA",
        "arrival_airport": "JFK",
        "departure_UTC_time": "2024-03-05T12:34:56Z",
        "arrival_UTC_time": "2024-03-05T20:34:56Z",
        "time_coverage_start": "2024-03-05T12:34:56Z",
        "time_coverage_end": "2024-03-05T12:42:52Z",
        "time_coverage_duration": "PT476S",
        "time_coverage_resolution": "PT4S",
        "date_created": "2024-03-12T06:07:08Z",
        "calibration_ids": "3, 14",
        "qc_config_version": "P1-default 7",
        "input_sha256": "ab" * 32,
        "standard_name_vocabulary": VOCABULARY,
    }
    assert {name: stated[name] for name in expected} == expected
    assert stated["platform"].split(",")[3].strip() == "2024030512345602"


def test_the_file_says_where_it_comes_from(file):
    assert file.history.splitlines() == [
        f"skyledger 0.1.0: L0 from {'ab' * 32}",
        f"2024-03-12T06:07:08Z skyledger {file.prov_wasGeneratedBy.split('skyledger ')[-1].split(':')[0]}: "
        "written as 2024030512345602_P1_L1_1.2.0",
    ]
    assert file.prov_wasDerivedFrom == f"IAGOS_P1_2024030512345602_L0A_r1.csv.gz sha256:{'ab' * 32}"
    assert file.prov_entity == "2024030512345602_P1_L1_1.2.0"
    assert json.loads(file.provenance) == PROVENANCE


def test_a_flight_of_which_little_is_known_is_written_too(tmp_path):
    data = product(1)
    nowhere = {name: Series.unchecked(np.full(1, np.nan)) for name in data.series}
    data = replace(data, series=nowhere, provenance={}, version=None, process=Process.RAW, level=Level.NRT)
    write_flight(data, tmp_path / "a.nc4", created=CREATED)
    found = read_flight(tmp_path / "a.nc4")
    assert (len(found), found.version, found.level) == (1, None, Level.NRT)
    with netCDF4.Dataset(tmp_path / "a.nc4") as file:
        assert not [
            name for name in file.ncattrs() if name.startswith(("geospatial", "input", "calibration"))
        ]
        assert "near real time" in file.summary
        assert file["O3_P1"].availability == 0


def test_a_flight_without_rows_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"a\.nc4: flight 2024030512345602 P1 r1 has no rows"):
        write_flight(product(0), tmp_path / "a.nc4", created=CREATED)


def over_the_date_line(n: int = 120):
    """Tokyo to San Francisco, in the hour around midnight UTC."""
    departure = datetime(2024, 3, 5, 23, 57, tzinfo=UTC)
    data = product(n, departure=departure)
    lon = (179.5 + np.linspace(0, 2, n) + 180) % 360 - 180
    series = {**data.series, "lon": Series(lon, np.zeros(n, dtype=np.int8))}
    return replace(data, series=series, departure=Stop("NRT", departure))


def test_a_flight_over_midnight_and_the_date_line_keeps_time_and_place(tmp_path):
    """Weakness 11. A box over the date line has its western end above its eastern one, as ACDD says."""
    data = over_the_date_line()
    write_flight(data, tmp_path / "a.nc4", created=CREATED)
    found = read_flight(tmp_path / "a.nc4")
    np.testing.assert_array_equal(found.time_s, data.time_s)
    np.testing.assert_array_equal(found.series["lon"].value, data.series["lon"].value)
    with netCDF4.Dataset(tmp_path / "a.nc4") as file:
        assert file.time_coverage_end == "2024-03-06T00:04:56Z"
        assert (file.geospatial_lon_min, file.geospatial_lon_max) == pytest.approx((179.5, -178.5))
        assert file.geospatial_bounds.startswith("MULTIPOLYGON (((")
        assert file.geospatial_bounds.count("180.0") == 5
        assert file["UTC_time"][-1] > 86400


def test_xarray_opens_it_with_times_masks_and_names_of_flags(path):
    with xarray.open_dataset(path) as data:
        assert data["UTC_time"].values[0] == np.datetime64("2024-03-05T12:34:56")
        assert set(data["O3_P1"].coords) == {"UTC_time", "lat", "lon", "baro_alt_AC"}
        np.testing.assert_allclose(data["O3_P1"], product().series["O3_P1"].value, rtol=FLOAT32)
        flags = data["O3_P1_validity_flag"]
        names = dict(zip(flags.flag_values.tolist(), flags.flag_meanings.split(), strict=True))
        assert names == {one.value: one.name.lower() for one in Validity}
        assert data["flight_id"].values.item() == b"2024030512345602"


@pytest.mark.parametrize("content", [b"", b"not a file of this kind", None])
def test_another_file_is_no_product(tmp_path, content):
    other = tmp_path / "a.nc4"
    if content is None:
        with netCDF4.Dataset(other, "w") as file:
            file.createDimension("time", 1)
    else:
        other.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.nc4: not a (NetCDF file|product)"):
        read_flight(other)


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path, monkeypatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("NetCDF: HDF error")  # what the library makes of a full disk

    target = tmp_path / "a.nc4"
    write_flight(product(), target, created=CREATED)
    old = target.read_bytes()
    monkeypatch.setattr(netCDF4.Dataset, "createVariable", full)
    with pytest.raises(StorageError, match=r"a\.nc4: cannot write it: NetCDF: HDF error"):
        write_flight(product(), target, created=CREATED)
    assert target.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nc4"]


# --- conventions ---


def objections(path: Path, suite: str) -> dict[str, list[str]]:
    """Checks of compliance-checker that are not passed, and what they object to; optional ones left out."""
    checks = CheckSuite()
    checks.load_all_available_checkers()
    with checks.load_dataset(str(path)) as file:
        groups, errors = checks.run_all(file, [suite])[suite]
    assert errors == {}
    assert len(groups) > 15
    return {
        group.name: group.msgs
        for group in groups
        if group.weight > 1
        and group.msgs
        and (isinstance(group.value, bool) or group.value[0] < group.value[1])
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning:compliance_checker|typing_extensions")
@pytest.mark.parametrize("make", [product, over_the_date_line])
def test_the_product_passes_every_check_of_cf_1_10(tmp_path, make):
    """Under .nc, the ending that CF asks for; the network's is .nc4, and the checker objects to nothing else."""
    write_flight(make(), tmp_path / "a.nc", created=CREATED)
    assert objections(tmp_path / "a.nc", "cf:1.10") == {}
    shutil.copy(tmp_path / "a.nc", tmp_path / "a.nc4")
    assert list(objections(tmp_path / "a.nc4", "cf:1.10")) == ["§2.1 Filename"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:compliance_checker|typing_extensions")
def test_the_product_has_all_that_acdd_1_3_asks_but_names_that_cf_does_not_have(path):
    lacking = {"air_stag_temp_AC", "RHI_P1", "RHI_P1_error"}
    assert objections(path, "acdd:1.3") == {
        "Global Attributes": ["geospatial_bounds_vertical_crs not present"]  # none for barometric heights
    } | {f'variable "{name}" missing the following attributes:': ["standard_name"] for name in lacking}


def test_every_name_is_in_the_cf_table_and_every_unit_fits_it():
    """Weakness 10: no gps_altitude, no `no cm-3`."""
    table = ElementTree.parse(  # noqa: S314 - a file of an installed package
        Path(compliance_checker.__file__).parent / "data" / "cf-standard-name-table.xml"
    )
    assert f"CF Standard Name Table v{table.findtext('version_number')}" == VOCABULARY
    canonical = {entry.get("id"): entry.findtext("canonical_units") for entry in table.iter("entry")}
    for name, known in variables().items():
        unit = cf_units.Unit(known.unit)
        assert not unit.is_unknown(), name
        if known.standard_name:
            assert unit.is_convertible(canonical[known.standard_name]), name
    assert {name for name, known in variables().items() if not known.standard_name} == WITHOUT_STANDARD_NAME
