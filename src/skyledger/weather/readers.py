"""Which reader reads which kind of file."""

from skyledger.weather import flowmeter, toa5
from skyledger.weather.stations import ColumnMap
from skyledger.weather.toa5 import LoggerFile


def read_file(columns: ColumnMap, data: bytes, name: str) -> LoggerFile:
    """Read the bytes of a file as the column map says. Raises FormatError when it is no such file."""
    if columns.format == "flowmeter":
        return flowmeter.read(data, name)
    return toa5.read(data, name, missing_codes=columns.missing_codes)
