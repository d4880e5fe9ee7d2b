"""How the quick look looks: size, places, words and colours, each in one place."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skyledger.drawing import FAINT, GAP, INK, QUIET
from skyledger.weather.quicklook.day import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, DayView
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    BATTERY,
    GUST,
    IRRIGATION,
    LOGGER_TEMPERATURE,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)

WIDTH_PX, HEIGHT_PX, DPI = 1600, 1000, 100

# Fractions of the picture
LEFT, RIGHT = 0.084, 0.714  # of all panels over time
SIDE_LEFT, SIDE_RIGHT = 0.776, 0.985  # of the column beside them
TOP, BOTTOM = 0.913, 0.056
CAPTION, CLOCK, STRIP = 0.029, 0.052, 0.0165

NIGHT = "#eceff6"

# What is shown of a station, in this order. The colours stay apart without red or green (after Okabe and Ito)
LABELS = {
    AIR_TEMPERATURE: "air temperature",
    RELATIVE_HUMIDITY: "relative humidity",
    WIND_SPEED: "wind speed",
    GUST: "gust",
    WIND_DIRECTION: "wind direction",
    SHORTWAVE: "shortwave",
    PHOTONS: "PAR",
    RAIN: "rain",
    AIR_PRESSURE: "air pressure",
    BATTERY: "battery",
    LOGGER_TEMPERATURE: "logger temperature",
    IRRIGATION: "irrigation",
}
COLOURS = {
    AIR_TEMPERATURE: "#d55e00",
    RELATIVE_HUMIDITY: "#0072b2",
    WIND_SPEED: "#00634b",
    GUST: "#5cc2a5",
    WIND_DIRECTION: "#4d4d4d",
    SHORTWAVE: "#d99000",
    PHOTONS: "#7b3a91",
    RAIN: "#3f94cf",
    AIR_PRESSURE: "#4d4d4d",
    BATTERY: "#b3588e",
    LOGGER_TEMPERATURE: "#8c6239",
    IRRIGATION: "#0072b2",
}
RAIN_SUM_COLOUR, COVERAGE_COLOUR = "#0b3c6f", "#5d8296"

# Word, height in the strip (of 1) and colour of a bin: the worse, the taller and the darker; without a value, hollow
FLAGS = {
    GOOD: ("good", 0.30, "#a9c6d4"),
    NOT_EVALUATED: ("not eval.", 0.12, "#8a8a8a"),
    SUSPECT: ("suspect", 0.62, "#e69f00"),
    FAIL: ("fail", 0.95, "#8b1a4a"),
    MISSING: ("missing", 0.62, "#ffffff"),
}


def day_axes(picture: Figure, shown: DayView, label: str, bottom: float, height: float) -> Axes:
    """Axes over the whole day, with night shaded and hours without records hatched."""
    axes = picture.add_axes((LEFT, bottom, RIGHT - LEFT, height), label=label)
    axes.set_xlim(0, shown.hours)
    axes.set_xticks(shown.ticks(), labels=[])
    axes.tick_params(length=2, color=QUIET, labelsize=9, labelcolor=INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(FAINT)
    for first, last in shown.nights:
        axes.axvspan(first, last, color=NIGHT, linewidth=0, zorder=0)
    for first, last in shown.gaps():
        axes.axvspan(first, last, facecolor="white", edgecolor=GAP, hatch="////", linewidth=0, zorder=0.1)
    return axes


def span(seconds: float) -> str:
    """A length of time."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
