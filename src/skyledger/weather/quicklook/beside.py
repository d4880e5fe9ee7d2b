"""The column beside the curves of the quick look: wind rose, and the day in numbers."""

from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.projections.polar import PolarAxes

from skyledger.drawing import FAINT, INK, QUIET
from skyledger.weather.quicklook.day import DayView
from skyledger.weather.quicklook.style import LABELS, SIDE_LEFT, SIDE_RIGHT, TOP
from skyledger.weather.variables import GUST, PHOTONS, RAIN, SHORTWAVE, WIND_DIRECTION, WIND_SPEED

CALM_M_S = 0.5
SECTORS = 16
CLASSES_M_S = (CALM_M_S, 2.0, 4.0, 6.0, 8.0, np.inf)
_CLASS_COLOURS = ("#c7dcec", "#7fb5d8", "#3f86bd", "#1d5593", "#0c2650")
_DOSES = {SHORTWAVE: "MJ m⁻²", PHOTONS: "mol m⁻²"}
_LINE = 0.0245
_MIDDLE = (SIDE_LEFT + SIDE_RIGHT) / 2


def draw_rose(picture: Figure, shown: DayView) -> float:
    """Share of the bins by direction and speed, calm apart. Returns the height below it, of the picture."""
    speed, direction = shown.series[WIND_SPEED].value, shown.series[WIND_DIRECTION].value
    known = int(np.count_nonzero(np.isfinite(speed)))
    calm = int(np.count_nonzero(speed < CALM_M_S))
    turning = (speed >= CALM_M_S) & np.isfinite(direction)
    sector = np.rint(direction[turning] * SECTORS / 360).astype(np.int64) % SECTORS
    edges = (np.arange(SECTORS + 1) - 0.5, np.array(CLASSES_M_S))
    share = 100 / max(1, known) * np.histogram2d(sector, speed[turning], bins=edges)[0]

    axes = picture.add_axes(
        (_MIDDLE - 0.0825, TOP - 0.287, 0.165, 0.264), projection="polar", label="wind rose"
    )
    assert isinstance(axes, PolarAxes)  # noqa: S101 - what the projection means, for the type checker
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.spines[:].set_color(FAINT)
    axes.set_xticks(np.arange(4) * np.pi / 2, ["N", "E", "S", "W"], size=10)
    axes.tick_params(pad=-1)
    inner = np.zeros(SECTORS)
    step = 2 * np.pi / SECTORS
    for speeds, colour in zip(share.T, _CLASS_COLOURS, strict=True):
        axes.bar(np.arange(SECTORS) * step, speeds, width=0.9 * step, bottom=inner, color=colour, edgecolor="white",
                 linewidth=0.4)  # fmt: skip
        inner += speeds
    top = max(10.0, 10.0 * np.ceil(inner.max() / 10.0))
    axes.set_ylim(0, top)
    axes.set_yticks([top / 2, top], [f"{top / 2:g} %", f"{top:g} %"], size=8, color=QUIET)
    axes.set_rlabel_position(
        360 / SECTORS * (1 + 2 * int(np.argmin(inner[1::2])))
    )  # hides neither bars nor letters
    if not turning.any():
        axes.set_yticks([])
        word = "calm all day" if known and calm == known else "no wind direction"
        axes.text(0, 0, word, size=12, color=QUIET, ha="center", va="center",
                  bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip

    names = [
        f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
        for low, high in pairwise(CLASSES_M_S)
    ]
    picture.legend(
        handles=[Patch(color=colour, label=name) for colour, name in zip(_CLASS_COLOURS, names, strict=True)], ncols=5,
        loc="center", bbox_to_anchor=(_MIDDLE, TOP - 0.318), frameon=False, fontsize=8.5, handlelength=0.9,
        handletextpad=0.4, columnspacing=1.0,
    )  # fmt: skip
    said = f"calm (< {CALM_M_S:g}): {_percent(calm, known)}"
    if lost := known - calm - int(np.count_nonzero(turning)):
        said += f"; wind without direction: {_percent(lost, known)}"
    for y, text in ((TOP - 0.338, "where the wind came from, by speed in m s⁻¹"), (TOP - 0.356, said)):
        picture.text(_MIDDLE, y, text, size=8.5, color=QUIET, ha="center", va="center")
    return TOP - 0.376


def write_numbers(picture: Figure, shown: DayView, names: list[str], top: float) -> None:
    """The day in numbers, below `top`."""
    lines = [(LABELS[name], text) for name in names if (text := _in_words(shown, name))]
    for i, (label, text) in enumerate(lines):
        y = top - (i + 0.5) * _LINE
        picture.text(SIDE_LEFT - 0.014, y, label, size=9.5, color=QUIET, va="center")
        picture.text(SIDE_RIGHT, y, text, size=9.5, color=INK, ha="right", va="center")


def _in_words(shown: DayView, name: str) -> str:
    """What there is to say of a variable's day."""
    series = shown.series[name]
    if name == WIND_DIRECTION:
        return ""  # the rose says it
    if not series.has_values:
        return "no values"
    unit = series.unit
    total = float(np.nansum(series.value))
    at_least = "at least " if np.isnan(series.value).any() else ""
    mean = series.text(float(np.nanmean(series.value)))
    largest = int(np.nanargmax(series.value))
    if name == RAIN:
        wet = int(np.count_nonzero(series.value > 0))
        return (
            f"{at_least}{series.text(total)} {unit} in {wet} bins"
            if wet
            else f"none{' seen' if at_least else ''}"
        )
    if name in _DOSES:
        dose = total * shown.width_h * 3600e-6  # J or umol, in millions
        return f"{at_least}{dose:.1f} {_DOSES[name]}, up to {series.value[largest]:.0f} {unit}"
    if name == GUST:
        return f"{series.text(series.value[largest])} {unit} at {shown.clock(shown.edges_h[largest])}"
    if name == WIND_SPEED:
        return f"mean {mean} {unit}"
    return (
        f"{series.text(np.nanmin(series.low))} to {series.text(np.nanmax(series.high))} {unit}, mean {mean}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.0f} %"
