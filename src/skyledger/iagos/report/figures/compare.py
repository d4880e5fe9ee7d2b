"""Vertical profiles, measurements of the same against each other, and this version against the one before."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from skyledger.drawing import FAINT, INK, QUIET
from skyledger.iagos.flight import FlightData, FloatArray
from skyledger.iagos.report.figures.style import (
    ASCENT,
    DESCENT,
    LINE,
    PLAIN,
    envelope,
    new_figure,
    quiet,
    svg,
    text_box,
    time_axis,
)
from skyledger.iagos.report.view import Pair, altitude_m, difference, legs, logarithmic_from, usable
from skyledger.iagos.variables import variables

_MOST_PROFILES = 8
_PER_ROW = 4
_LEG_LOOKS: dict[str, tuple[str, Any, str]] = {
    "ascent": (ASCENT, "-", "up"),
    "descent": (DESCENT, (0, (4, 1.5)), "down"),
}


def profiles(data: FlightData, names: list[str]) -> str | None:
    """SVG of the variables over height, up and down; None where there is no climb and no descent to show."""
    height, parts = altitude_m(data), legs(data)
    shown = [name for name in names if np.isfinite(usable(data.series[name])).any()][:_MOST_PROFILES]
    if height is None or not parts or not shown:
        return None
    rows = -(-len(shown) // _PER_ROW)
    figure = new_figure(11.4, 3.1 * rows)
    for i, name in enumerate(shown):
        row, column = divmod(i, _PER_ROW)
        left, bottom = 0.04 + 0.243 * column, 1 - (row + 0.86) / rows
        axes = quiet(figure.add_axes((left, bottom, 0.215, 0.78 / rows)))
        values = usable(data.series[name])
        for leg, mask in parts.items():
            colour, line, _ = _LEG_LOOKS[leg]
            found = mask & np.isfinite(values) & np.isfinite(height)
            if found.any():
                x = np.where(np.isfinite(values[mask]), values[mask], np.nan)
                axes.plot(x, height[mask] / 1000, color=colour, linestyle=line, linewidth=1.1)
        if logarithmic_from(data.series[name]) is not None:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(PLAIN)
        _unit(axes, name)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("height (km)" if column == 0 else "", color=QUIET, fontsize=8)
        if i == 0:
            samples = [
                Line2D([], [], color=colour, linestyle=line, linewidth=1.1, label=word)
                for colour, line, word in _LEG_LOOKS.values()
            ]
            axes.legend(handles=samples, loc="best", fontsize=8, frameon=False, handlelength=2.2)
    return svg(figure, "profiles", "Vertical profiles, up and down")


def agreement(data: FlightData, pair: Pair) -> str | None:
    """SVG of the difference of two measurements over time and how often it occurs; None without common values."""
    apart, limit = difference(data, pair), pair.limit
    known = apart[np.isfinite(apart)]
    if not known.size:
        return None
    figure = new_figure(11.4, 2.1)
    reach = 1.15 * max(np.percentile(np.abs(known), 99.5), limit or 0.0) or 1.0
    axes = quiet(figure.add_axes((0.05, 0.19, 0.70, 0.75)))
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.plot(*envelope(data.time_s, np.clip(apart, -reach, reach), 700), color=LINE, linewidth=0.8)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel(f"difference ({_label(pair.variable)})", color=QUIET, fontsize=8)
    time_axis(axes, float(data.time_s[0]), float(data.time_s[-1]))
    beside = quiet(figure.add_axes((0.80, 0.19, 0.195, 0.75)))
    beside.hist(
        np.clip(known, -reach, reach), bins=41, range=(-reach, reach), orientation="horizontal", color=LINE
    )
    beside.set_ylim(-reach, reach)
    beside.set_xlabel("values", color=QUIET, fontsize=8, labelpad=1)
    if limit:
        for one in (axes, beside):
            for edge in (-limit, limit):
                one.axhline(edge, color=DESCENT, linewidth=0.9, linestyle=(0, (5, 3)))
    return svg(figure, f"{pair.first}-{pair.second}", f"{pair.first} less {pair.second}")


def differences(time_s: FloatArray, changes: dict[str, FloatArray]) -> str:
    """SVG of what a version changed: this one less the one before, a row for each variable."""
    figure = new_figure(11.4, 0.35 + 0.95 * len(changes))
    room = 1 - 0.3 / (0.35 + 0.95 * len(changes))
    for i, (name, change) in enumerate(changes.items()):
        height = room / len(changes)
        bottom = 1 - (i + 1) * height
        axes = quiet(figure.add_axes((0.05, bottom + 0.12 * height, 0.945, 0.8 * height)))
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.plot(*envelope(time_s, change, 700), color=LINE, linewidth=0.8)
        axes.margins(y=0.2)
        axes.text(0.004, 0.93, f"{name} ({_label(name)})", transform=axes.transAxes, va="top", fontsize=8,
                  bbox=text_box())  # fmt: skip
        time_axis(axes, float(time_s[0]), float(time_s[-1]), labels=i == len(changes) - 1)
    return svg(figure, "differences", "This version less the one before")


def _unit(axes: Axes, name: str) -> None:
    axes.set_title(f"{name} ({_label(name)})", fontsize=8.5, color=INK, pad=3, loc="left")
    axes.grid(color=FAINT, linewidth=0.5)


def _label(name: str) -> str:
    label = variables()[name].label
    return "ratio" if label == "1" else label
