"""The panels of the quick look: curves over the station's day, with marks where a value is not to be trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from skyledger.drawing import GAP, INK, QUIET, bars, spans
from skyledger.weather.quicklook.day import FAIL, MISSING, SUSPECT, DayView
from skyledger.weather.quicklook.style import (
    COLOURS,
    FLAGS,
    LABELS,
    NIGHT,
    RAIN_SUM_COLOUR,
    span,
)
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    BATTERY,
    GUST,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)

_PAR_PER_SHORTWAVE = 2.5  # of the two scales; daylight has 2.04 umol/J, so the curves lie close but apart
_SUM_DASHES = (0, (5, 2))


def _temperature(axes: Axes, shown: DayView) -> None:
    for name, side, row in _sides(axes, shown, AIR_TEMPERATURE, RELATIVE_HUMIDITY):
        _curve(side, shown, name, row)
        series = shown.series[name]
        if (series.high > series.low).any():
            side.fill_between(
                shown.middles_h, series.low, series.high, color=COLOURS[name], alpha=0.2, linewidth=0
            )
        if name == RELATIVE_HUMIDITY:
            side.set_ylim(0, 105)
            side.set_yticks([0, 50, 100])


def _wind(axes: Axes, shown: DayView) -> None:
    speeds = [name for name in (WIND_SPEED, GUST) if name in shown.series]
    for row, name in reversed(list(enumerate(speeds))):  # the mean above the gust
        _curve(axes, shown, name, row, width=1.6 if name == WIND_SPEED else 1.1)
    axes.set_ylim(0, max(1.0, 1.1 * axes.dataLim.ymax))
    _label(axes, shown, speeds[0])
    _caption(axes, speeds)


def _direction(axes: Axes, shown: DayView) -> None:
    series, colour = shown.series[WIND_DIRECTION], COLOURS[WIND_DIRECTION]
    suspect = series.flag == SUSPECT
    for chosen, face in ((~suspect, colour), (suspect, "white")):
        axes.plot(
            shown.middles_h[chosen], series.value[chosen], linestyle="none", marker="o", markersize=2.8,
            markerfacecolor=face, markeredgecolor=colour, markeredgewidth=0.7,
        )  # fmt: skip
    _mark_no_value(axes, shown, WIND_DIRECTION, 0)
    axes.set_ylim(0, 360)
    axes.set_yticks([0, 90, 180, 270, 360], ["N", "E", "S", "W", "N"])
    hollow = ", hollow: suspect" if suspect.any() else ""
    _legend(axes, [Line2D([], [], color=colour, linestyle="none", marker="o", markersize=3.5,
                          label=LABELS[WIND_DIRECTION] + hollow)])  # fmt: skip


def _radiation(axes: Axes, shown: DayView) -> None:
    sides = _sides(axes, shown, SHORTWAVE, PHOTONS)
    scales = {SHORTWAVE: 1.0, PHOTONS: _PAR_PER_SHORTWAVE}
    largest = 10.0
    for name, side, row in sides:
        _curve(side, shown, name, row)
        series = shown.series[name]
        if name == sides[0][0]:
            side.fill_between(shown.middles_h, series.value, color=COLOURS[name], alpha=0.18, linewidth=0)
        if series.has_values:
            largest = max(largest, float(np.nanmax(series.value)) / scales[name])
    for name, side, _ in sides:
        side.set_ylim(-0.03 * largest * scales[name], 1.1 * largest * scales[name])


def _rain(axes: Axes, shown: DayView) -> None:
    series, colour = shown.series[RAIN], COLOURS[RAIN]
    wet = series.value > 0
    amounts, total = series.value[wet], float(np.nansum(series.value))
    # A collection, for a day may have thousands of bars; with an edge, for a bin is 3 pixels wide
    corners = [
        [(x, 0), (x, y), (x + shown.width_h, y), (x + shown.width_h, 0)]
        for x, y in zip(shown.edges_h[:-1][wet], amounts, strict=True)
    ]
    axes.add_collection(PolyCollection(corners, facecolor=colour, edgecolor=colour, linewidth=1.0))
    axes.set_ylim(0, 1.15 * amounts.max() if total else 1.0)
    _label(axes, shown, RAIN)
    handles: list[Line2D | Patch] = [
        Patch(color=colour, label=f"rain in {span(round(shown.width_h * 3600))}")
    ]
    if total:
        side = _twin(axes, "rain since the day's begin")
        (line,) = side.plot(
            shown.middles_h, np.nancumsum(series.value), color=RAIN_SUM_COLOUR, linewidth=1.4, linestyle=_SUM_DASHES,
            label=f"sum: {series.text(total)} {series.unit}",
        )  # fmt: skip
        side.set_ylim(0, 1.15 * total)
        side.set_ylabel(series.unit, size=9, color=RAIN_SUM_COLOUR)
        handles.append(line)
    else:
        axes.set_yticks([0, 1])
        complete = np.isfinite(series.value).all()
        _say(
            axes,
            "no rain" if complete else "no rain seen" if series.has_values else "no values of rain",
            QUIET,
        )
    _mark_suspect(axes, shown, RAIN)
    _mark_no_value(axes, shown, RAIN, 0)
    _legend(axes, handles)


def _supply(axes: Axes, shown: DayView) -> None:
    for name, side, row in _sides(axes, shown, AIR_PRESSURE, BATTERY):
        _curve(side, shown, name, row)
        side.margins(y=0.2)


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: drawn when the station has one of the variables."""

    title: str
    names: tuple[str, ...]
    weight: float  # share of the height
    draw: Callable[[Axes, DayView], None]


PANELS = (
    Panel("temperature and humidity", (AIR_TEMPERATURE, RELATIVE_HUMIDITY), 2.8, _temperature),
    Panel("wind speed", (WIND_SPEED, GUST), 2.3, _wind),
    Panel("wind direction", (WIND_DIRECTION,), 1.6, _direction),
    Panel("radiation", (SHORTWAVE, PHOTONS), 2.3, _radiation),
    Panel("rain", (RAIN,), 1.6, _rain),
    Panel("pressure and supply", (AIR_PRESSURE, BATTERY), 1.1, _supply),
)


def name_gaps(axes: Axes, shown: DayView) -> None:
    """Say what the hatching means where there is room for it."""
    for first, last in shown.gaps():
        if last - first >= 1.5:
            axes.text(
                (first + last) / 2, 0.5, "no records", transform=axes.get_xaxis_transform(), size=9, color=INK,
                ha="center", va="center", bbox={"facecolor": "white", "edgecolor": GAP, "boxstyle": "round,pad=0.3"},
            )  # fmt: skip


def legend_of_marks() -> list[Line2D | Patch]:
    """Samples of the marks in the panels."""
    suspect, fail = FLAGS[SUSPECT][2], FLAGS[FAIL][2]
    return [
        Line2D([], [], linestyle="none", marker="^", markersize=6, markerfacecolor=suspect, markeredgecolor=INK,
               markeredgewidth=0.7, label="suspect"),
        Line2D([], [], linestyle="none", marker="X", markersize=8, markerfacecolor=fail, markeredgecolor="white",
               label="refused by the tests, no value"),
        Patch(facecolor="white", edgecolor=QUIET, label="no value"),
        Patch(facecolor="white", edgecolor=GAP, hatch="////", linewidth=0, label="no records"),
        Patch(color=NIGHT, label="night"),
    ]  # fmt: skip


def _sides(axes: Axes, shown: DayView, *names: str) -> list[tuple[str, Axes, int]]:
    """The variables that exist with their labelled axes, left then right, and the row of their marks."""
    present = [name for name in names if name in shown.series]
    sides = [(name, _twin(axes, name) if row else axes, row) for row, name in enumerate(present)]
    for name, side, _ in sides:
        _label(side, shown, name)
    _caption(axes, present)
    return sides


def _twin(axes: Axes, label: str) -> Axes:
    side = axes.twinx()
    side.set_label(label)
    side.spines[:].set_visible(False)
    side.tick_params(length=2, color=QUIET, labelsize=9, labelcolor=INK)
    return side


def _label(axes: Axes, shown: DayView, name: str) -> None:
    axes.set_ylabel(shown.series[name].unit, size=9, color=COLOURS[name])


def _caption(axes: Axes, names: Sequence[str]) -> None:
    """Names of the curves above the panel, with a sample of each."""
    _legend(axes, [Line2D([], [], color=COLOURS[name], linewidth=2, label=LABELS[name]) for name in names])


def _legend(axes: Axes, handles: Sequence[Line2D | Patch]) -> None:
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles), frameon=False, fontsize=9.5,
        borderpad=0.15, borderaxespad=0.1, handlelength=1.4, handletextpad=0.5, columnspacing=1.8,
    )  # fmt: skip


def _say(axes: Axes, text: str, colour: str, row: int = 0) -> None:
    axes.text(
        0.5, 0.5 - 0.25 * row, text, transform=axes.transAxes, size=11, color=colour, ha="center", va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "round,pad=0.2"},
    )  # fmt: skip


def _curve(axes: Axes, shown: DayView, name: str, row: int, width: float = 1.6) -> None:
    """A line, and the marks of flagged bins."""
    series, colour = shown.series[name], COLOURS[name]
    has = np.isfinite(series.value)
    if not has.any():
        axes.set_yticks([])
        _say(axes, f"no values of {LABELS[name]}", colour, row)
    axes.plot(shown.middles_h, series.value, color=colour, linewidth=width, solid_joinstyle="round")
    alone = has & ~np.append(has[1:], False) & ~np.append(False, has[:-1])  # a line of one point is invisible
    axes.plot(
        shown.middles_h[alone], series.value[alone], linestyle="none", marker="o", markersize=4, color=colour
    )
    _mark_suspect(axes, shown, name)
    _mark_no_value(axes, shown, name, row)


def _mark_suspect(axes: Axes, shown: DayView, name: str) -> None:
    series = shown.series[name]
    suspect = series.flag == SUSPECT
    axes.plot(
        shown.middles_h[suspect], series.value[suspect], linestyle="none", marker="^", markersize=5.5,
        markerfacecolor=FLAGS[SUSPECT][2], markeredgecolor=INK, markeredgewidth=0.7,
    )  # fmt: skip


def _mark_no_value(axes: Axes, shown: DayView, name: str, row: int) -> None:
    """Bars at the bottom of the panel where rows came but gave no value, with a cross where the tests refused them."""
    series, colour = shown.series[name], COLOURS[name]
    across, base = axes.get_xaxis_transform(), 0.03 + 0.1 * row
    refused = spans(series.flag == FAIL, shown.width_h)
    silent = spans((series.flag == MISSING) & (shown.rows_share > 0), shown.width_h)
    axes.broken_barh(bars(refused), (base, 0.07), transform=across, color=colour)
    axes.broken_barh(bars(silent), (base, 0.07), transform=across, facecolor="white", edgecolor=colour)
    axes.plot(
        [(first + last) / 2 for first, last in refused], [base + 0.035] * len(refused), transform=across,
        linestyle="none", marker="X", markersize=8, markerfacecolor=FLAGS[FAIL][2], markeredgecolor="white",
    )  # fmt: skip
