"""The weather stations of the sandbox: a true weather, instruments that fail, logger files, and the truth."""

from sandbox.weather.delivery import Defect, SimulatedFile
from sandbox.weather.faults import Fault
from sandbox.weather.world import Expected, WeatherWorld

__all__ = ["Defect", "Expected", "Fault", "SimulatedFile", "WeatherWorld"]
