"""NASA Ames files with file format index 1001: one independent variable, scalar dependent ones.

`read` takes what the network's partners write (three dialects), `write_flight` writes a product.
"""

from skyledger.iagos.formats.nasa_ames.header import Header
from skyledger.iagos.formats.nasa_ames.reader import NasaAmesFile, RejectedRow, read
from skyledger.iagos.formats.nasa_ames.writer import Column, format_file, write_flight

__all__ = ["Column", "Header", "NasaAmesFile", "RejectedRow", "format_file", "read", "write_flight"]
