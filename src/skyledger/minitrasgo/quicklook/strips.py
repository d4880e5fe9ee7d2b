"""The strips of the day: charges and time differences, four planes by four strips."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from skyledger.drawing import FAINT, INK, QUIET, thousands
from skyledger.minitrasgo.detector import PLANES, STRIP_TRANSIT_NS, STRIPS, FloatArray, IntArray, channel
from skyledger.minitrasgo.histograms import CHARGE_EDGES_NS, T_DIF_EDGES_NS
from skyledger.minitrasgo.quicklook.day import BORROWED, DayView, share
from skyledger.minitrasgo.quicklook.style import (
    CHARGE_COLOUR,
    DEAD_COLOUR,
    DEAD_FACE,
    KINDS,
    STREAMER_COLOUR,
    T_DIF_COLOUR,
    place,
    write,
)

GRID_WIDTH = 712
_CELL, _GAP = 106, 5  # height of a cell; between cells
_HEAD = 26  # above the first row
_LINES_TOP = 0.78  # of a cell: below its words


def draw_charges(picture: Figure, view: DayView, left: float, top: float) -> None:
    """Calibrated charges of each strip, all on one logarithmic scale; streamers apart."""
    counts = view.histograms.charge
    grid = _grid(
        picture, view, "charge", left, top, CHARGE_EDGES_NS, counts, CHARGE_COLOUR, view.borrowed_charge
    )
    write(picture, left, top + 9, "strip charge [ns], hits per bin", size=10.5, weight="bold")
    limit_ns = view.streamer_q_min_ns
    write(
        picture, left + GRID_WIDTH, top + 9, f"above {limit_ns:g} ns: streamers, with their share of the hits",
        ha="right", size=9, color=STREAMER_COLOUR,
    )  # fmt: skip
    beyond = CHARGE_EDGES_NS[:-1] >= limit_ns
    shares = share(counts[:, beyond].sum(axis=1), counts.sum(axis=1))
    dead = view.dead_strips()
    top_count = max(10.0, float(counts.max()))
    ticks = 10.0 ** np.arange(0, np.log10(top_count) + 1e-9, 2 if top_count >= 100 else 1)
    for index, axes in enumerate(grid):
        axes.set_ylim(0.7, 30 * top_count)
        axes.set_yscale("log")
        axes.set_yticks(ticks)
        axes.yaxis.set_minor_locator(NullLocator())
        _histogram(axes, np.where(beyond, counts[index], 0), CHARGE_EDGES_NS, STREAMER_COLOUR)
        axes.axvline(limit_ns, ymax=_LINES_TOP, color=STREAMER_COLOUR, linewidth=0.8, linestyle=(0, (3, 2)))
        if np.isfinite(shares[index]) and not dead[index]:
            _corner(axes, f"{100 * shares[index]:.1f} %", STREAMER_COLOUR, line=1)


def draw_t_dif(picture: Figure, view: DayView, left: float, top: float) -> None:
    """Calibrated time differences of each strip, with the box that its length allows."""
    counts = view.histograms.t_dif
    grid = _grid(picture, view, "T_dif", left, top, T_DIF_EDGES_NS, counts, T_DIF_COLOUR, view.borrowed_t_dif)
    write(
        picture,
        left,
        top + 9,
        "strip time difference T_dif [ns], each to its own height",
        size=10.5,
        weight="bold",
    )
    write(
        picture, left + GRID_WIDTH, top + 9, f"dashed: ends of the strip, ± {STRIP_TRANSIT_NS:.2f} ns",
        ha="right", size=9, color=QUIET,
    )  # fmt: skip
    for index, axes in enumerate(grid):
        axes.set_ylim(0, 1.55 * max(1, counts[index].max()))
        axes.set_yticks([])
        for end_ns in (-STRIP_TRANSIT_NS, STRIP_TRANSIT_NS):
            axes.axvline(end_ns, ymax=_LINES_TOP, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))


def _grid(
    picture: Figure,
    view: DayView,
    name: str,
    left: float,
    top: float,
    edges: FloatArray,
    counts: IntArray,
    colour: str,
    borrowed: IntArray,
) -> list[Axes]:
    """One histogram per channel, with its number of hits; dead strips and borrowed calibrations are marked."""
    dead = view.dead_strips()
    width = (GRID_WIDTH - (STRIPS - 1) * _GAP) / STRIPS
    cells = []
    for plane in range(PLANES):
        for strip in range(STRIPS):
            index = channel(plane + 1, strip + 1)
            x, y = left + strip * (width + _GAP), top + _HEAD + plane * (_CELL + _GAP)
            axes = place(picture, f"{name} P{plane + 1}s{strip + 1}", x, y, width, _CELL)
            axes.set_xlim(edges[0], edges[-1])
            axes.tick_params(labelbottom=plane == PLANES - 1, labelleft=strip == 0, labelsize=8.5)
            axes.grid(color=FAINT, linewidth=0.5)
            _histogram(axes, counts[index], edges, colour)
            _corner(axes, thousands(counts[index].sum()), INK, line=0)
            axes.text(0.025, 0.95, f"P{plane + 1} s{strip + 1}", transform=axes.transAxes, size=8.5, color=INK,
                      weight="bold", va="top")  # fmt: skip
            if dead[index]:
                _mark_dead(axes)
            elif borrowed[index]:
                _mark_borrowed(axes, borrowed[index])
            cells.append(axes)
    return cells


def _histogram(axes: Axes, counts: IntArray, edges: FloatArray, colour: str) -> None:
    axes.stairs(counts, edges, fill=True, color=colour, linewidth=0)


def _corner(axes: Axes, text: str, colour: str, line: int) -> None:
    axes.text(
        0.985,
        0.95 - 0.16 * line,
        text,
        transform=axes.transAxes,
        size=8.5,
        color=colour,
        ha="right",
        va="top",
    )


def _mark_dead(axes: Axes) -> None:
    axes.set_facecolor(DEAD_FACE)
    axes.spines[:].set_color(DEAD_COLOUR)
    axes.plot(0.4, 0.42, transform=axes.transAxes, marker="X", markersize=9, markerfacecolor=DEAD_COLOUR,
              markeredgecolor="white", linestyle="none")  # fmt: skip
    axes.text(
        0.46, 0.41, "dead", transform=axes.transAxes, size=10, color=DEAD_COLOUR, weight="bold", va="center"
    )


def _mark_borrowed(axes: Axes, files: int) -> None:
    """The marker of a borrowed calibration, with the number of files."""
    _, face, marker = KINDS[BORROWED]
    axes.plot(0.31, 0.89, transform=axes.transAxes, marker=marker, markersize=7, markerfacecolor=face,
              markeredgecolor="white", markeredgewidth=0.7, linestyle="none")  # fmt: skip
    axes.text(0.36, 0.95, str(files), transform=axes.transAxes, size=8.5, color=INK, va="top")
