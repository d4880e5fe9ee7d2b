"""The panels over the day: rates, topologies, efficiencies, purity and files."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from skyledger.drawing import GAP, INK, QUIET
from skyledger.minitrasgo.detector import TRACK_TOPOLOGIES, FloatArray, IntArray
from skyledger.minitrasgo.quicklook.day import (
    MEAN_MIN,
    REDUCED,
    WAITING,
    DayView,
    efficiency,
    rate,
    summed,
)
from skyledger.minitrasgo.quicklook.style import (
    CAPTION,
    GOOD_COLOUR,
    KINDS,
    N_PLANES,
    PLANES,
    PURITY_COLOUR,
    REJECTED_COLOUR,
    TRIGGER_COLOUR,
    caption,
    day_axes,
    say,
)

_EDGES_H = np.arange(0, 24 * 60 + 1, MEAN_MIN) / 60
_HOLLOW_S = 30.0  # dots of minutes with less live time
_FAR = 2.0  # means differing from the median by more than this factor do not widen the scale
_SPREAD = 5.0  # nor single minutes that differ by more than so many errors
_HEIGHTS = {"rate": 190, "good rate": 130, "topology": 110, "efficiency": 146, "purity": 85, "files": 46}


def draw_over_time(picture: Figure, view: DayView, top: float) -> float:
    """All panels below `top`. Returns where they end."""
    panels = {}
    for label, height in _HEIGHTS.items():
        panels[label] = day_axes(picture, view, label, top + CAPTION, height)
        top += CAPTION + height
    _rate(panels["rate"], view, view.minutes.triggers, TRIGGER_COLOUR, "coincidences")
    _rate(panels["good rate"], view, view.minutes.good, GOOD_COLOUR, "good tracks")
    _topologies(panels["topology"], view)
    _efficiencies(panels["efficiency"], view)
    _purity(panels["purity"], view)
    _files(panels["files"], view)
    panels["files"].set_xticklabels([f"{hour:02d}:00" for hour in range(0, 25, 3)])
    panels["files"].set_xlabel("UTC", size=9, color=QUIET, labelpad=1)
    return top + 36


def _rate(axes: Axes, view: DayView, counts: IntArray, colour: str, word: str) -> None:
    """A dot per minute; means with a band of one error; marks at the edges for what lies outside the scale."""
    minutes = view.minutes
    value, error = rate(counts, minutes.live_s)
    mean, mean_error = rate(summed(minutes, counts).astype(np.int64), summed(minutes, minutes.live_s))
    axes.set_ylabel("Hz", size=9, color=colour)
    caption(
        axes,
        [
            Line2D([], [], color=colour, linewidth=2, label=f"{word}: mean of {MEAN_MIN} minutes"),
            Patch(color=colour, alpha=0.3, label="± 1 statistical error"),
            Line2D([], [], color=colour, linestyle="none", marker="o", markersize=3, alpha=0.5, label="minute"),
            Line2D([], [], markerfacecolor="white", markeredgecolor=colour, markeredgewidth=0.7, linestyle="none",
                   marker="o", markersize=3.5, label=f"minute with less than {_HOLLOW_S:g} s"),
        ],
    )  # fmt: skip
    if not np.isfinite(value).any():
        axes.set_yticks([])
        say(axes, f"no rate of {word}")
        return
    hour = (minutes.minute + 0.5) / 60
    low, high = _scale(value, error, mean)
    axes.set_ylim(low, high)
    short = minutes.live_s < _HOLLOW_S
    filled: dict[str, Any] = {"color": colour, "alpha": 0.35, "markeredgewidth": 0}
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.7}
    for chosen, look in ((~short, filled), (short, hollow)):
        axes.plot(hour[chosen], value[chosen], linestyle="none", marker="o", markersize=3.4, **look)
    axes.stairs(
        mean + mean_error,
        _EDGES_H,
        baseline=mean - mean_error,
        fill=True,
        color=colour,
        alpha=0.3,
        linewidth=0,
    )
    axes.stairs(mean, _EDGES_H, baseline=None, color=colour, linewidth=1.6)
    _mark_outside(axes, hour, value, colour)
    _name_gaps(axes, view)


def _scale(value: FloatArray, error: FloatArray, mean: FloatArray) -> tuple[float, float]:
    """What the scale reaches: usual minutes and means, so that a few wild ones do not flatten the day."""
    middle = float(np.nanmedian(value))
    usual = value[np.abs(value - middle) <= _SPREAD * float(np.nanmedian(error))]
    near = mean[(mean >= middle / _FAR) & (mean <= middle * _FAR)]
    shown = np.concatenate([usual, near, [middle]])
    low, high = float(shown.min()), float(shown.max())
    pad = max(0.08 * (high - low), 0.02 * middle)
    top = high + pad or 1.0  # nothing was counted all day
    return max(low - max(pad, 0.03 * top), -0.03 * top), top  # a line at zero is seen


def _mark_outside(axes: Axes, hour: FloatArray, value: FloatArray, colour: str) -> None:
    """Triangles where minutes lie outside the scale, and the furthest in words."""
    low, high = axes.get_ylim()
    for outside, height, marker, extreme, word in (
        (value > high, 0.955, "^", np.nanargmax, "up to"),
        (value < low, 0.045, "v", np.nanargmin, "down to"),
    ):
        if not outside.any():
            continue
        axes.plot(
            hour[outside], np.full(np.count_nonzero(outside), height), transform=axes.get_xaxis_transform(),
            linestyle="none", marker=marker, markersize=6, markerfacecolor=colour, markeredgecolor="white",
            markeredgewidth=0.5,
        )  # fmt: skip
        at = int(extreme(np.where(outside, value, np.nan)))
        side = "right" if hour[at] > 12 else "left"
        axes.annotate(
            f"{word} {value[at]:.3g} Hz", (hour[at], height), xycoords=axes.get_xaxis_transform(),
            xytext=(-9 if side == "right" else 9, 0), textcoords="offset points", size=8.5, color=INK, ha=side,
            va="center", bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "boxstyle": "round,pad=0.1"},
        )  # fmt: skip


def _name_gaps(axes: Axes, view: DayView) -> None:
    """Say what the hatching means where there is room for it."""
    for first, last in view.gaps():
        if last - first >= 1.5:
            axes.text(
                (first + last) / 2, 0.5, "no data", transform=axes.get_xaxis_transform(), size=9, color=INK,
                ha="center", va="center", bbox={"facecolor": "white", "edgecolor": GAP, "boxstyle": "round,pad=0.3"},
            )  # fmt: skip


def _topologies(axes: Axes, view: DayView) -> None:
    """Shares of tracks by the number of planes, on top of each other."""
    counts = summed(view.minutes, view.minutes.topologies)
    n_planes = np.array([len(str(code)) for code in TRACK_TOPOLOGIES])
    total = counts.sum(axis=1)
    base = np.where(total > 0, 0.0, np.nan)
    for planes, colour in N_PLANES.items():
        part = 100 * counts[:, n_planes == planes].sum(axis=1) / np.maximum(total, 1)
        axes.stairs(base + part, _EDGES_H, baseline=base, fill=True, color=colour, linewidth=0)
        base = base + part
    axes.set_ylim(0, 100)
    axes.set_yticks([0, 50, 100])
    axes.set_ylabel("% of tracks", size=9, color=QUIET)
    caption(axes, [Patch(color=colour, label=f"tracks of {n} planes") for n, colour in N_PLANES.items()])
    if not total.any():
        say(axes, "no tracks")


def _efficiencies(axes: Axes, view: DayView) -> None:
    """A point with its error per plane and file (short ones together), and the day's value as a line across."""
    middle_h, fired, crossed = view.files.by_half_hour()
    value, error = efficiency(fired, crossed)
    of_day, _ = efficiency(view.planes.fired, view.planes.crossed)
    handles = []
    for plane, (colour, marker) in enumerate(PLANES):
        known = np.isfinite(value[:, plane])
        if np.isfinite(of_day[plane]):
            axes.axhline(of_day[plane], color=colour, linewidth=1, linestyle=(0, (5, 3)), alpha=0.7)
        axes.errorbar(
            middle_h[known] + 0.07 * (plane - 1.5), value[known, plane], error[known, plane], linestyle="none",
            color=colour, marker=marker, markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, elinewidth=1.1,
            label=f"plane {plane + 1}",
        )  # fmt: skip
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                marker=marker,
                markersize=5,
                linestyle="none",
                label=f"plane {plane + 1}",
            )
        )
    handles.append(Line2D([], [], color=QUIET, linewidth=1, linestyle=(0, (5, 3)), label="the day's value"))
    caption(axes, handles)
    axes.set_ylabel("efficiency", size=9, color=QUIET)
    if np.isfinite(value).any():
        axes.set_ylim(min(0.85, float(np.nanmin(value)) - 0.03), 1.01)
    else:
        axes.set_yticks([])
        say(axes, "no efficiencies")


def _purity(axes: Axes, view: DayView) -> None:
    """Purity of each file as a line, its rejected lines as a bar from below."""
    files = view.files
    side = axes.twinx()
    side.set_label("rejected lines")
    side.spines[:].set_visible(False)
    side.tick_params(length=2, color=QUIET, labelsize=9, labelcolor=INK)
    purity, rejected = 100 * files.purity, 100 * files.rejected_share
    known = np.isfinite(rejected)
    width_h = np.maximum(files.end_h - files.start_h, 1 / 60)
    side.bar(
        files.start_h[known], rejected[known], width_h[known], align="edge", color=REJECTED_COLOUR, alpha=0.55,
        edgecolor="white", linewidth=0.5,
    )  # fmt: skip
    side.set_ylim(0, 2.2 * max(0.05, float(rejected[known].max(initial=0.0))))
    side.set_ylabel("% rejected", size=9, color=REJECTED_COLOUR)
    known = np.isfinite(purity)
    axes.hlines(
        purity[known],
        files.start_h[known],
        (files.start_h + width_h)[known],
        color=PURITY_COLOUR,
        linewidth=2.4,
    )
    lowest = float(purity[known].min(initial=100.0))
    axes.set_ylim(min(90.0, lowest - 5), 101.5)
    axes.set_ylabel("% pure", size=9, color=PURITY_COLOUR)
    caption(
        axes,
        [
            Line2D(
                [],
                [],
                color=PURITY_COLOUR,
                linewidth=2.4,
                label="purity: events with a charge left after cleaning",
            ),
            Patch(color=REJECTED_COLOUR, alpha=0.55, label="lines that could not be read"),
        ],
    )


def _files(axes: Axes, view: DayView) -> None:
    """A bar from the first to the last event of each file, marked by what became of it; reduced ones above."""
    files = view.files
    axes.set_ylim(0, 2)
    axes.set_yticks([0.5, 1.5], ["not used", "reduced"])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    handles: list[Line2D] = []
    for kind, (word, colour, marker) in KINDS.items():
        chosen = files.of_kind(kind)
        bottom = 1.0 if kind in REDUCED else 0.0
        look: dict[str, Any] = {
            "marker": marker,
            "markersize": 7,
            "markerfacecolor": colour,
            "markeredgecolor": QUIET if kind == WAITING else "white",
            "markeredgewidth": 0.7,
            "linestyle": "none",
        }
        spans = list(zip(files.start_h[chosen], (files.end_h - files.start_h)[chosen], strict=True))
        axes.broken_barh(
            spans, (bottom + 0.06, 0.88), facecolor=colour, alpha=0.45, edgecolor=QUIET, linewidth=0.5
        )
        axes.plot(files.middle_h[chosen], np.full(len(spans), bottom + 0.5), clip_on=False, **look)
        if spans:
            handles.append(Line2D([], [], label=f"{word}: {len(spans)}", **look))
    caption(axes, handles or [Line2D([], [], linestyle="none", label="no files")])
