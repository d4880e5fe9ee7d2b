"""The column beside the panels: where tracks point, which planes they have, and the planes in numbers."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from skyledger.drawing import FAINT, INK, QUIET, thousands
from skyledger.minitrasgo.detector import TRACK_TOPOLOGIES, FloatArray, IntArray
from skyledger.minitrasgo.histograms import PHI_EDGES_DEG, THETA_EDGES_DEG
from skyledger.minitrasgo.quicklook.day import DayView, efficiency, share
from skyledger.minitrasgo.quicklook.style import N_PLANES, PLANES, SIDE_LEFT, SIDE_RIGHT, place, say, write

_MAP_SIZE = 330
_MIDDLE = (SIDE_LEFT + SIDE_RIGHT) / 2
_SMALLEST_CELL_DEG = 3.0


def draw_directions(picture: Figure, view: DayView, top: float) -> None:
    """Tracks per solid angle and time, as seen from above, north on top."""
    write(picture, SIDE_LEFT, top, "directions of tracks", size=10.5, weight="bold")
    axes = place(
        picture,
        "directions",
        _MIDDLE - _MAP_SIZE / 2 - 30,
        top + 38,
        _MAP_SIZE,
        _MAP_SIZE,
        projection="polar",
    )
    assert isinstance(axes, PolarAxes)  # noqa: S101 - what the projection means, for the type checker
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)  # z points down: seen from above, phi turns clockwise like a compass
    axes.set_xticks(np.arange(8) * np.pi / 4, ["N", "45°", "E", "135°", "S", "225°", "W", "315°"], size=9)
    axes.tick_params(pad=1)
    axes.set_axisbelow(False)
    axes.set_ylim(0, THETA_EDGES_DEG[-1])
    axes.set_yticks([15, 30, 45], ["15°", "30°", "45°"], size=8)
    axes.set_rlabel_position(view.phi_north_deg + 157.5)  # away from the mark of the x axis
    counts = view.histograms.directions
    live_s = float(view.files.live_s.sum())
    if not counts.any() or live_s <= 0:
        axes.grid(color=FAINT, linewidth=0.6)
        say(axes, "no tracks")
        return
    density = per_steradian(counts) / live_s
    azimuth = np.radians(PHI_EDGES_DEG + view.phi_north_deg)
    mesh = axes.pcolormesh(azimuth, THETA_EDGES_DEG, density, cmap="cividis", vmin=0, rasterized=True)
    axes.grid(color="white", linewidth=0.5, alpha=0.45)
    axes.tick_params(axis="y", labelcolor="white")
    x_axis = np.radians(view.phi_north_deg)
    axes.plot([x_axis, x_axis], [0.86 * 60, 60], color="#d55e00", linewidth=2.5)
    axes.text(x_axis, 0.78 * 60, "x", color="white", size=10, weight="bold", ha="center", va="center")
    bar = place(picture, "density", SIDE_RIGHT - 58, top + 60, 12, _MAP_SIZE - 44)
    picture.colorbar(mesh, cax=bar)
    bar.tick_params(length=2, labelsize=8.5)
    bar.set_title("Hz sr⁻¹", size=8.5, color=QUIET, pad=6)


def per_steradian(counts: IntArray) -> FloatArray:
    """Counts by solid angle. Around the zenith, where cells are small, neighbours on a ring share their counts."""
    theta, phi = np.radians(THETA_EDGES_DEG), np.radians(PHI_EDGES_DEG)
    cells = counts.shape[1]
    shared = np.empty(counts.shape)
    for ring, middle in enumerate((theta[:-1] + theta[1:]) / 2):
        wanted = 360 * np.sin(middle) / _SMALLEST_CELL_DEG
        n = max(d for d in range(1, cells + 1) if cells % d == 0 and d <= max(1.0, wanted))
        shared[ring] = counts[ring].reshape(n, -1).mean(axis=1).repeat(cells // n)
    steradian: FloatArray = -np.diff(np.cos(theta))[:, None] * np.diff(phi)
    return shared / steradian


def draw_topologies(picture: Figure, view: DayView, top: float, height: float) -> None:
    """The day's tracks by the planes they have."""
    write(picture, SIDE_LEFT, top, "planes of tracks, % of the day", size=10.5, weight="bold")
    axes = place(picture, "topologies", SIDE_LEFT + 40, top + 16, SIDE_RIGHT - SIDE_LEFT - 110, height)
    counts = view.minutes.topologies.sum(axis=0)
    order = sorted(
        range(len(TRACK_TOPOLOGIES)), key=lambda i: (-len(str(TRACK_TOPOLOGIES[i])), TRACK_TOPOLOGIES[i])
    )
    percent = 100 * counts / max(1, int(counts.sum()))
    rows = np.arange(len(order))
    colours = [N_PLANES[len(str(TRACK_TOPOLOGIES[i]))] for i in order]
    axes.barh(rows, percent[order], height=0.78, color=colours)
    axes.set_yticks(rows, [str(TRACK_TOPOLOGIES[i]) for i in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, max(10.0, 1.02 * float(percent.max())))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    for row, i in enumerate(order):
        axes.annotate(
            f"{percent[i]:.1f}", (percent[i], row), xytext=(4, 0), textcoords="offset points", size=8.5, va="center",
            color=INK if counts[i] else "#c4c4c4",
        )  # fmt: skip
    if not counts.any():
        say(axes, "no tracks")


def write_planes(picture: Figure, view: DayView, top: float) -> None:
    """Efficiency, streamers and hits of each plane."""
    value, error = efficiency(view.planes.fired, view.planes.crossed)
    streamers = share(view.planes.streamers, view.planes.hits)
    columns = (SIDE_LEFT + 222, SIDE_LEFT + 322, SIDE_RIGHT)
    for x, word in zip(columns, ("efficiency", "streamers", "hits"), strict=True):
        write(picture, x, top, word, size=9, color=QUIET, ha="right")
    write(picture, SIDE_LEFT, top, "the day by plane", size=10.5, weight="bold")
    for plane, (colour, marker) in enumerate(PLANES):
        y = top + 24 * (plane + 1)
        sample = place(picture, f"sample {plane + 1}", SIDE_LEFT, y - 7, 14, 14)
        sample.set_axis_off()
        sample.plot(0, 0, marker=marker, markersize=6, color=colour, linestyle="none")
        write(picture, SIDE_LEFT + 22, y, f"plane {plane + 1}")
        cells = (
            f"{100 * value[plane]:.2f} ± {100 * error[plane]:.2f} %"
            if np.isfinite(value[plane])
            else "not known",
            f"{100 * streamers[plane]:.2f} %" if np.isfinite(streamers[plane]) else "not known",
            thousands(view.planes.hits[plane]),
        )
        for x, text in zip(columns, cells, strict=True):
            write(picture, x, y, text, ha="right", color=INK if text != "not known" else "#a0a0a0")
