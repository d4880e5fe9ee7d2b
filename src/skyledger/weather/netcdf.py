"""The daily NetCDF product: one file per station, product and day, by CF-1.10 and ACDD-1.3.

A time is the end of its bin, with both ends in `time_bnds`; bins without rows are not in the file. Values are float32
in canonical units, missing is -9999 with flag 9. Loads netCDF4: import this module inside a task.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from skyledger import __version__
from skyledger.errors import StorageError
from skyledger.files import atomic
from skyledger.weather.bins import BinnedVariable, Bins
from skyledger.weather.stations import SECONDS_PER_DAY, Period, Station
from skyledger.weather.variables import VARIABLES

FILL_VALUE = np.float32(-9999.0)
FLAGS = {1: "good", 2: "not_evaluated", 3: "suspect", 4: "fail", 9: "missing"}
VOCABULARY = "CF Standard Name Table v93"
_COMPRESSION_LEVEL: Final = 2  # higher ones take longer and save little on noise


def write_netcdf(
    path: Path,
    bins: Bins,
    station: Station,
    period: Period,
    day: date,
    *,
    created: datetime,
    attributes: Mapping[str, str | int | float],
) -> str:
    """Write one day of a product in one step and return the file's SHA-256. The same arguments give the same bytes.

    `created`: aware. `attributes`: further global attributes (digests, configuration, licence, contacts); they
    replace those made here. Raises StorageError when the file cannot be written; the old one then stays.
    """
    stated = _global_attributes(bins, station, period, day, created) | dict(attributes)
    with atomic(path) as temporary:
        try:
            with netCDF4.Dataset(temporary, "w", format="NETCDF4") as file:
                file.setncatts(stated)
                _write_coordinates(file, bins, station, period)
                for name, variable in bins.variables.items():
                    _write_variable(file, bins, name, variable)
        except (OSError, RuntimeError) as error:  # the library says either
            raise StorageError(f"{path}: cannot write it: {error}") from error
        with temporary.open("rb") as written:
            return hashlib.file_digest(written, "sha256").hexdigest()


def _global_attributes(
    bins: Bins, station: Station, period: Period, day: date, created: datetime
) -> dict[str, str | int | float]:
    position = period.position
    begin, end = station.bounds(day)
    if len(bins):
        begin = datetime.fromtimestamp(int(bins.start_s[0]), UTC)
        end = datetime.fromtimestamp(int(bins.start_s[-1]) + bins.width_s, UTC)
    made = _iso(created)
    names = [VARIABLES[name].standard_name for name in bins.variables]
    return {
        "Conventions": "CF-1.10, ACDD-1.3",
        "featureType": "timeSeries",
        "title": f"{station.title}, {day}, bins of {bins.width_s} s",
        "summary": (
            f"Quality-checked observations of one weather station on one day ({station.day} time), as means, sums and "
            f"extremes over bins of {bins.width_s} s. Each variable has a quality flag per bin."
        ),
        "keywords": ", ".join(name for name in names if name),
        "keywords_vocabulary": VOCABULARY,
        "standard_name_vocabulary": VOCABULARY,
        "id": f"{station.station}_{bins.product}_{day}",
        "institution": station.institution,
        "creator_name": station.institution,
        "creator_institution": station.institution,
        "creator_type": "institution",
        "source": station.source,
        "platform": station.station,
        "instrument": station.source,
        "history": f"{made} skyledger {__version__}: made from the logger's files",
        "license": f"ask {station.institution} for the terms of use",
        "processing_level": f"quality-checked, canonical units, bins of {bins.width_s} s",
        "product_version": __version__,
        "comment": (
            "A bin holds what was observed from its begin (included) to its end (excluded). Bins without rows are left "
            "out; a value is missing when too few rows passed the quality tests."
        ),
        "date_created": made,
        "date_modified": made,
        "time_coverage_start": _iso(begin),
        "time_coverage_end": _iso(end),
        "time_coverage_duration": _duration(end - begin),
        "time_coverage_resolution": _duration(timedelta(seconds=bins.width_s)),
        # EPSG:4326 states the latitude first
        "geospatial_bounds": f"POINT ({position.latitude_deg} {position.longitude_deg})",
        "geospatial_bounds_crs": "EPSG:4326",
        "geospatial_bounds_vertical_crs": "EPSG:5714",  # height above mean sea level
        "geospatial_lat_min": position.latitude_deg,
        "geospatial_lat_max": position.latitude_deg,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": position.longitude_deg,
        "geospatial_lon_max": position.longitude_deg,
        "geospatial_lon_units": "degrees_east",
        "geospatial_vertical_min": position.altitude_m,
        "geospatial_vertical_max": position.altitude_m,
        "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "up",
    }


def _write_coordinates(file: netCDF4.Dataset, bins: Bins, station: Station, period: Period) -> None:
    file.createDimension("time", None)
    file.createDimension("nv", 2)
    file.createDimension("strlen", len(station.station))
    position = period.position
    for name, value, attributes in (
        ("lat", position.latitude_deg, {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}),
        ("lon", position.longitude_deg, {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}),
        ("alt", position.altitude_m,
         {"standard_name": "altitude", "units": "m", "positive": "up", "axis": "Z"}),
    ):  # fmt: skip
        variable = file.createVariable(name, "f8")
        variable.setncatts({"long_name": f"station {attributes['standard_name']}"} | attributes)
        variable[...] = value
    identity = file.createVariable("station", "S1", ("strlen",))
    identity.setncatts({"long_name": "station", "cf_role": "timeseries_id"})
    identity[:] = netCDF4.stringtochar(np.array(station.station, dtype=f"S{len(station.station)}"))
    end_s = bins.start_s + bins.width_s
    time = _column(file, bins, "time", end_s)
    time.setncatts({
        "standard_name": "time",
        "long_name": "end of the bin",
        "units": "seconds since 1970-01-01T00:00:00Z",
        "calendar": "standard",
        "axis": "T",
        "bounds": "time_bnds",
    })  # fmt: skip
    _column(file, bins, "time_bnds", np.column_stack([bins.start_s, end_s]))
    if bins.n_expected > 1:
        _column(file, bins, "coverage", bins.coverage.astype(np.float32)).setncatts({
            "long_name": "rows found by rows expected",
            "units": "1",
            "rows_expected": np.int32(bins.n_expected),
            "coordinates": "lat lon alt",
            "coverage_content_type": "qualityInformation",
        })  # fmt: skip


def _write_variable(file: netCDF4.Dataset, bins: Bins, name: str, binned: BinnedVariable) -> None:
    variable = VARIABLES[name]
    ancillary = [f"{name}_qc"]
    shared = {"coordinates": "lat lon alt", "coverage_content_type": "qualityInformation"}
    value = np.where(np.isnan(binned.value), FILL_VALUE, binned.value).astype(np.float32)
    data = _column(file, bins, name, value, fill_value=FILL_VALUE)
    flags = _column(file, bins, f"{name}_qc", binned.flag)
    flags.setncatts({
        "standard_name": "aggregate_quality_flag",
        "long_name": f"quality flag of {variable.long_name}",
        "flag_values": np.array(list(FLAGS), dtype=np.int8),
        "flag_meanings": " ".join(FLAGS.values()),
    } | shared)  # fmt: skip
    if bins.n_expected > 1:  # else the flag says it all
        ancillary.append(f"{name}_n_valid")
        _column(file, bins, f"{name}_n_valid", binned.n_valid.astype(np.int32)).setncatts({
            "standard_name": "number_of_observations",
            "long_name": f"rows that entered {variable.long_name}",
            "units": "1",
        } | shared)  # fmt: skip
    data.setncatts({
        **({"standard_name": variable.standard_name} if variable.standard_name else {}),
        "long_name": variable.long_name,
        "units": variable.unit,
        "cell_methods": variable.cell_methods,
        "coordinates": "lat lon alt",
        "ancillary_variables": " ".join(ancillary),
        "coverage_content_type": "physicalMeasurement",
    })  # fmt: skip


def _column(
    file: netCDF4.Dataset,
    bins: Bins,
    name: str,
    values: NDArray[np.generic],
    fill_value: np.float32 | None = None,
) -> "netCDF4.Variable[Any]":
    """A variable along time, compressed; one chunk holds a day, which is how the file is read."""
    further = ("nv",) * (values.ndim - 1)
    variable = file.createVariable(
        name,
        values.dtype.str[1:],
        ("time", *further),
        compression="zlib",
        complevel=_COMPRESSION_LEVEL,
        shuffle=True,
        chunksizes=(SECONDS_PER_DAY // bins.width_s, *values.shape[1:]),
        fill_value=fill_value,
    )
    variable[:] = values
    return variable


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _duration(span: timedelta) -> str:
    """ISO 8601, in seconds only: exact, and the same form for every width."""
    return f"PT{span // timedelta(seconds=1)}S"
