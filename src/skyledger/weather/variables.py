"""What a weather station measures: one table from which database, NetCDF and GeoStreams take their names.

Names and canonical units are those of the CF Standard Name Table, version 93. Limits, quality tests and statistics
work in `working_unit`, the unit in which people state limits; products carry `unit`. Both are names in
`include/config/weather/units.yaml`.
"""

from dataclasses import dataclass
from typing import Literal

Statistic = Literal["mean", "maximum", "sum", "derived"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One quantity, from the file to the dashboard."""

    name: str  # in NetCDF, GeoStreams and reports
    column: str  # in table `observation`
    unit: str  # canonical unit, of all products
    long_name: str
    working_unit: str
    standard_name: str | None = None  # None: CF has none
    statistic: Statistic = "mean"  # how a bin's value is made; derived: from other variables
    shown_places: int = 2  # decimals in working unit that a person wants to see
    derived_method: str = "mean"  # CF cell method of a derived variable

    @property
    def cell_methods(self) -> str:
        """CF cell methods of a bin's value."""
        return f"time: {self.derived_method if self.statistic == 'derived' else self.statistic}"


AIR_TEMPERATURE = "air_temperature"
RELATIVE_HUMIDITY = "relative_humidity"
SHORTWAVE = "surface_downwelling_shortwave_flux_in_air"
PHOTONS = "surface_downwelling_photosynthetic_photon_flux_in_air"
WIND_SPEED = "wind_speed"
WIND_DIRECTION = "wind_from_direction"
GUST = "wind_speed_of_gust"
RAIN = "thickness_of_rainfall_amount"
AIR_PRESSURE = "air_pressure"
BATTERY = "battery_voltage"
LOGGER_TEMPERATURE = "logger_temperature"
IRRIGATION = "irrigation_volume"

EASTWARD_WIND = "eastward_wind"
NORTHWARD_WIND = "northward_wind"
RESULTANT_SPEED = "resultant_wind_speed"
STEADINESS = "wind_steadiness"
DIRECTION_SIGMA = "wind_from_direction_sigma"
RAIN_RATE = "rainfall_rate"
IRRIGATION_FLUX = "surface_downward_mass_flux_of_water_due_to_irrigation"

_TABLE = (
    Variable(AIR_TEMPERATURE, "air_temperature_k", "K", "air temperature", "degC", AIR_TEMPERATURE),
    Variable(RELATIVE_HUMIDITY, "relative_humidity", "1", "relative humidity", "%", RELATIVE_HUMIDITY, shown_places=1),
    Variable(
        SHORTWAVE, "shortwave_w_m2", "W m-2", "global shortwave radiation on a horizontal plane", "W m-2",
        SHORTWAVE, shown_places=1,
    ),
    Variable(
        PHOTONS, "photon_flux_mol_m2_s", "mol m-2 s-1", "photosynthetic photon flux, 400 to 700 nm",
        "umol m-2 s-1", PHOTONS, shown_places=1,
    ),
    Variable(WIND_SPEED, "wind_speed_m_s", "m s-1", "wind speed, mean of the speeds", "m s-1", WIND_SPEED),
    Variable(
        WIND_DIRECTION, "wind_from_direction_deg", "degree", "direction the mean wind vector comes from",
        "degree", WIND_DIRECTION, shown_places=0,
    ),
    Variable(GUST, "wind_gust_m_s", "m s-1", "largest wind speed", "m s-1", GUST, "maximum"),
    Variable(
        EASTWARD_WIND, "eastward_wind_m_s", "m s-1", "eastward wind", "m s-1", EASTWARD_WIND, "derived",
    ),
    Variable(
        NORTHWARD_WIND, "northward_wind_m_s", "m s-1", "northward wind", "m s-1", NORTHWARD_WIND, "derived",
    ),
    Variable(
        RESULTANT_SPEED, "resultant_wind_speed_m_s", "m s-1", "length of the mean wind vector", "m s-1",
        statistic="derived",
    ),
    Variable(
        STEADINESS, "wind_steadiness", "1", "length of the mean wind vector by mean wind speed", "1",
        statistic="derived",
    ),
    Variable(
        DIRECTION_SIGMA, "wind_direction_sigma_deg", "degree",
        "standard deviation of the wind direction (Yamartino)", "degree", statistic="derived", shown_places=0,
        derived_method="standard_deviation",
    ),
    Variable(RAIN, "rainfall_amount_m", "m", "rainfall", "mm", RAIN, "sum"),
    Variable(RAIN_RATE, "rainfall_rate_m_s", "m s-1", "rainfall rate", "mm h-1", RAIN_RATE, "derived"),
    Variable(AIR_PRESSURE, "air_pressure_pa", "Pa", "air pressure at the station", "hPa", AIR_PRESSURE),
    Variable(BATTERY, "battery_voltage_v", "V", "supply voltage of the logger", "V"),
    Variable(LOGGER_TEMPERATURE, "logger_temperature_k", "K", "temperature of the logger panel", "degC"),
    Variable(IRRIGATION, "irrigation_volume_m3", "m3", "irrigation water", "m3", statistic="sum"),
    Variable(
        IRRIGATION_FLUX, "irrigation_flux_kg_m2_s", "kg m-2 s-1", "irrigation water by area and time",
        "kg m-2 s-1", IRRIGATION_FLUX, "derived",
    ),
)  # fmt: skip

VARIABLES = {variable.name: variable for variable in _TABLE}
MEASURED = frozenset(v.name for v in _TABLE if v.statistic != "derived")
WIND_OUTPUTS = (EASTWARD_WIND, NORTHWARD_WIND, WIND_SPEED, WIND_DIRECTION, RESULTANT_SPEED, STEADINESS,
                DIRECTION_SIGMA, GUST)  # fmt: skip
