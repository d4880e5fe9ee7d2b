"""The NetCDF product of a flight: one trajectory by CF-1.10 and ACDD-1.3, written and read back.

Values and uncertainties are float32, positions and heights double, missing is -9999 with validity 7. Loads netCDF4:
import this module inside a task.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from skyledger import __version__
from skyledger.errors import FormatError, StorageError
from skyledger.files import atomic
from skyledger.iagos.flags import Process, Validity
from skyledger.iagos.flight import FlightData, Key, Series, Stop
from skyledger.iagos.formats.statements import global_attributes, iso
from skyledger.iagos.names import Level, Version, parse_flight_id
from skyledger.iagos.variables import Variable, variables

FILL_VALUE: Final = -9999.0
TIME: Final = "UTC_time"
PLACE: Final = ("lat", "lon", "baro_alt_AC")
ERROR, VALIDITY, PROCESS = "_error", "_validity_flag", "_process_flag"
_COMPRESSION_LEVEL: Final = 1  # higher ones take longer and save little on noise
_QUALITY: Final = {"coverage_content_type": "qualityInformation"}


def write_flight(
    data: FlightData, path: Path, *, created: datetime, software: str = f"skyledger {__version__}"
) -> str:
    """Write the product of a flight in one step and return the file's SHA-256. Equal arguments give equal bytes.

    `created`: aware. Raises FormatError for a flight without rows, StorageError when the file cannot be written.
    """
    if not len(data):
        raise FormatError(f"{path.name}: flight {data.key} has no rows to write")
    with atomic(path) as temporary:
        try:
            with netCDF4.Dataset(temporary, "w", format="NETCDF4") as file:
                file.setncatts(global_attributes(data, created, software))
                _write_coordinates(file, data)
                for name, series in data.series.items():
                    _write_series(file, data, name, series)
        except (OSError, RuntimeError) as error:  # the library says either
            raise StorageError(f"{path}: cannot write it: {error}") from error
        with temporary.open("rb") as written:
            return hashlib.file_digest(written, "sha256").hexdigest()


def _write_coordinates(file: netCDF4.Dataset, data: FlightData) -> None:
    file.createDimension(TIME, len(data))
    file.createDimension("flight_id_length", len(data.key.flight_id))
    midnight = data.departure.time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    _column(file, TIME, data.time_s - midnight.timestamp()).setncatts({
        "standard_name": "time",
        "long_name": "time of the observation",
        "units": f"seconds since {iso(midnight)}",
        "calendar": "standard",
        "axis": "T",
        "coverage_content_type": "coordinate",
    })  # fmt: skip
    identity = file.createVariable("flight_id", "S1", ("flight_id_length",))
    identity.setncatts(
        {"long_name": "departure (UTC) and number of the aircraft", "cf_role": "trajectory_id"}
    )
    identity[:] = np.frombuffer(data.key.flight_id.encode("ascii"), dtype="S1")


def _write_series(file: netCDF4.Dataset, data: FlightData, name: str, series: Series) -> None:
    known = variables()[name]
    coordinate = known.kind == "coordinate"
    place = {"coordinates": " ".join((TIME, *(one for one in PLACE if one in data.series)))}
    method = "mean" if known.kind == "instrument" else "point"
    attributes = {
        **({"standard_name": known.standard_name} if known.standard_name else {}),
        "long_name": known.long_name,
        "units": known.unit,
        **({"positive": "up"} if name == "baro_alt_AC" else {}),
        **({} if coordinate else place),
        **({} if coordinate else {"cell_methods": f"{TIME}: {method}" + _interval(method, data.interval_s)}),
        "ancillary_variables": " ".join(name + suffix for suffix in _suffixes(known, series)),
        "availability": np.float32(100 * usable_share(series)),
        "coverage_content_type": "coordinate" if coordinate else "physicalMeasurement",
    }
    kind = np.float64 if coordinate else np.float32
    _column(file, name, _filled(series.value, kind), FILL_VALUE).setncatts(attributes)
    if series.uncertainty is not None:
        _column(file, name + ERROR, _filled(series.uncertainty, kind), FILL_VALUE).setncatts({
            **({"standard_name": f"{known.standard_name} standard_error"} if known.standard_name else {}),
            "long_name": f"uncertainty of {known.long_name}",
            "units": known.unit,
            **place,
            **_QUALITY,
        })  # fmt: skip
    _column(file, name + VALIDITY, series.validity).setncatts({
        "standard_name": "aggregate_quality_flag",
        "long_name": f"validity flag of {known.long_name}",
        **_meanings(Validity),
        **({} if coordinate else place),
        **_QUALITY,
    })  # fmt: skip
    if known.kind == "instrument":
        process = np.full(len(data), data.process, dtype=np.int8)
        _column(file, name + PROCESS, process).setncatts({
            "standard_name": "status_flag",
            "long_name": f"process flag of {known.long_name}",
            **_meanings(Process),
            **place,
            **_QUALITY,
        })  # fmt: skip


def usable_share(series: Series) -> float:
    """Share of all points that are good or limited."""
    return float(np.isin(series.validity, (Validity.GOOD, Validity.LIMITED)).mean())


def _suffixes(known: Variable, series: Series) -> list[str]:
    return [
        *([ERROR] if series.uncertainty is not None else []),
        VALIDITY,
        *([PROCESS] if known.kind == "instrument" else []),
    ]


def _interval(method: str, interval_s: float) -> str:
    return f" (interval: {interval_s:g} s)" if method == "mean" else ""


def _meanings(kind: type[Validity] | type[Process]) -> dict[str, Any]:
    return {
        "flag_values": np.array(list(kind), dtype=np.int8),
        "flag_meanings": " ".join(one.name.lower() for one in kind),
    }


def _filled(values: NDArray[np.float64], kind: type[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return np.where(np.isnan(values), FILL_VALUE, values).astype(kind)


def _column(
    file: netCDF4.Dataset, name: str, values: NDArray[Any], fill_value: float | None = None
) -> "netCDF4.Variable[Any]":
    """A variable along time, compressed, in one chunk: that is how a flight is read."""
    variable = file.createVariable(
        name,
        values.dtype.str[1:],
        (TIME,),
        compression="zlib",
        complevel=_COMPRESSION_LEVEL,
        shuffle=True,
        chunksizes=values.shape,
        fill_value=fill_value,
    )
    variable.set_auto_mask(False)
    variable[:] = values
    return variable


def read_flight(path: Path) -> FlightData:
    """Read a product of ours. Raises FormatError when it is none, or lacks something."""
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            return _read(file)
    except OSError as error:
        raise FormatError(f"{path}: not a NetCDF file that can be read: {error}") from error
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise FormatError(f"{path}: not a product of this network: {error}") from error


def _read(file: netCDF4.Dataset) -> FlightData:
    flight = parse_flight_id(file["flight_id"][:].tobytes().decode("ascii"))
    series, process = {}, Process.RAW
    for name in (name for name in file.variables if name + VALIDITY in file.variables):
        uncertainty = _values(file, name + ERROR) if name + ERROR in file.variables else None
        series[name] = Series(_values(file, name), file[name + VALIDITY][:].astype(np.int8), uncertainty)
        if name + PROCESS in file.variables:
            process = Process(int(file[name + PROCESS][0]))
    time = file[TIME]
    since = datetime.fromisoformat(time.units.removeprefix("seconds since "))
    version = file.product_version
    return FlightData(
        key=Key(flight.text, file.instrument_type, int(file.source_revision)),
        level=Level(file.processing_level),
        aircraft=flight.aircraft,
        departure=_stop(file, "departure"),
        arrival=_stop(file, "arrival"),
        time_s=since.timestamp() + time[:],
        interval_s=float(file.sampling_interval_s),
        series=series,
        version=Version.parse(version) if version != "none" else None,
        process=process,
        provenance=json.loads(file.provenance),
    )


def _values(file: netCDF4.Dataset, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = file[name][:].astype(np.float64)
    values[values == FILL_VALUE] = np.nan
    return values


def _stop(file: netCDF4.Dataset, word: str) -> Stop:
    airport = file.getncattr(f"{word}_airport").partition(",")[0].strip()
    return Stop(airport, datetime.fromisoformat(file.getncattr(f"{word}_UTC_time")))
