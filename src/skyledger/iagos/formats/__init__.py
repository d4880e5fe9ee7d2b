"""File formats: NASA Ames, NetCDF, raw files of the aircraft."""
