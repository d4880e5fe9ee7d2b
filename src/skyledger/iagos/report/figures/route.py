"""The flight on a map, and its height over time.

The map is centred on the middle of the route (Lambert's azimuthal equal-area projection), so neither the date line
nor a pole is special. Land: Natural Earth, 1:110 000 000, public domain, in tenths of a degree (land.json: rings of
longitude and latitude in turn).
"""

import json
from functools import cache
from pathlib import Path as FilePath

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from skyledger.drawing import FAINT, INK, QUIET
from skyledger.iagos.flight import FlightData, FloatArray
from skyledger.iagos.report.figures.style import (
    ASCENT,
    DESCENT,
    LAND,
    LINE,
    envelope,
    new_figure,
    quiet,
    svg,
    text_box,
    time_axis,
)
from skyledger.iagos.report.times import iso_of
from skyledger.iagos.report.view import altitude_m, legs, seen

_WIDTH, _HEIGHT = 5.6, 3.5  # inches
_FAR_DEG = 120.0  # land beyond is never on the map; before, it is drawn undistorted enough
_LEAST_DEG = 2.5  # half the height of the map
_SEA = "#f6f9fb"


def route_map(data: FlightData) -> str | None:
    """SVG of the route; None where no position is known."""
    if not {"lon", "lat"} <= set(data.series):
        return None
    lon, lat = (seen(data.series[name]) for name in ("lon", "lat"))
    known = np.isfinite(lon) & np.isfinite(lat)
    if np.count_nonzero(known) < 2:
        return None
    lon, lat, time_s = lon[known], lat[known], data.time_s[known]
    points = _vectors(lon, lat)
    centre = points[0] + points[-1]
    if np.linalg.norm(centre) < 0.1 or len(points) < 3:
        centre = points[len(points) // 2]  # there and back again, or to the other side of the earth
    view = _View(centre)
    x, y = view.project(lon, lat)
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = figure.add_axes((0.002, 0.002, 0.996, 0.996))
    _frame(axes, x, y)
    axes.add_patch(PathPatch(view.land(), facecolor=LAND, edgecolor="#b9b29c", linewidth=0.5, zorder=1))
    _graticule(axes, view)
    axes.plot(*view.project(*_great_circle(points[0], points[-1])), color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)),
              zorder=3)  # fmt: skip
    step = max(1, len(x) // 600)
    axes.plot(np.append(x[::step], x[-1]), np.append(y[::step], y[-1]), color=LINE, linewidth=2.0, zorder=4)
    hours = np.arange(np.ceil(time_s[0] / 3600) * 3600, time_s[-1], 3600)
    rows = np.minimum(np.searchsorted(time_s, hours), len(x) - 1)
    axes.plot(x[rows], y[rows], "o", color="white", markeredgecolor=LINE, markersize=3.6, zorder=5)
    out = np.array([x[-1] - x[0], y[-1] - y[0]])
    out = 15 * out / max(float(np.hypot(*out)), 1e-9)
    for row, marker, airport, (right, up) in (
        (0, "^", data.departure.airport, -out),
        (-1, "v", data.arrival.airport, out),
    ):
        axes.plot(x[row], y[row], marker, color=INK, markersize=6.5, zorder=6)
        side = "center" if abs(right) < 5 else "left" if right > 0 else "right"
        axes.annotate(airport, (x[row], y[row]), (0.6 * right, up), textcoords="offset points", weight="bold",
                      fontsize=9.5, ha=side, va="center", bbox=text_box(), zorder=6)  # fmt: skip
    route = f"{data.departure.airport} to {data.arrival.airport}"
    return svg(figure, "map", f"Map of the flight from {route}")


def height_over_time(data: FlightData) -> str | None:
    """SVG of the height over time with climb and descent marked; None where it is not known."""
    height = altitude_m(data)
    if height is None or not np.isfinite(height).any():
        return None
    figure = new_figure(_WIDTH, 1.7)
    axes = quiet(figure.add_axes((0.085, 0.2, 0.905, 0.76)))
    axes.plot(*envelope(data.time_s, height / 1000, 400), color=LINE, linewidth=1.1)
    for leg, colour in (("ascent", ASCENT), ("descent", DESCENT)):
        rows = legs(data).get(leg)
        if rows is not None and rows.any():
            axes.axvspan(data.time_s[rows][0], data.time_s[rows][-1], color=colour, alpha=0.13, linewidth=0)
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(height)) / 1000))
    axes.set_ylabel("height (km)", color=QUIET, fontsize=8)
    time_axis(axes, float(data.time_s[0]), float(data.time_s[-1]))
    return svg(figure, "height", f"Height from {iso_of(data.time_s[0])} to {iso_of(data.time_s[-1])}")


class _View:
    """The sphere seen from above a point."""

    def __init__(self, centre: FloatArray) -> None:
        self.up = centre / np.linalg.norm(centre)
        east = np.cross([0.0, 0.0, 1.0], self.up)
        if np.linalg.norm(east) < 1e-9:  # above a pole any direction will do
            east = np.array([0.0, 1.0, 0.0])
        self.east = east / np.linalg.norm(east)
        self.north = np.cross(self.up, self.east)

    def project(self, lon: ArrayLike, lat: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Places on the map, in radii of the earth; what is too far lies on a circle around."""
        vectors = _vectors(lon, lat)
        height = vectors @ self.up
        east, north = vectors @ self.east, vectors @ self.north
        length = np.maximum(np.hypot(east, north), 1e-12)
        radius = np.minimum(np.sqrt(2 * np.maximum(1 - height, 0.0)), 2 * np.sin(np.deg2rad(_FAR_DEG / 2)))
        return east / length * radius, north / length * radius

    def land(self) -> Path:
        """All land near enough, as one shape."""
        corners, codes = [], []
        nearest = np.cos(np.deg2rad(_FAR_DEG))
        for ring in _land():
            if (_vectors(*ring) @ self.up).max() < nearest:
                continue
            corners.append(np.column_stack(self.project(*ring)))
            codes += [Path.MOVETO, *[Path.LINETO] * (ring.shape[1] - 2), Path.CLOSEPOLY]
        return Path(np.concatenate(corners), codes) if corners else Path(np.zeros((0, 2)))


@cache
def _land() -> tuple[FloatArray, ...]:
    """Rings of land and of the one inland sea, each (2, k) degrees."""
    rings = json.loads(FilePath(__file__).with_name("land.json").read_text(encoding="utf-8"))
    return tuple(np.array(ring, dtype=np.float64).reshape(-1, 2).T / 10 for ring in rings)


def _vectors(lon_deg: ArrayLike, lat_deg: ArrayLike) -> FloatArray:
    """Unit vectors, (n, 3)."""
    lon, lat = np.deg2rad(lon_deg), np.deg2rad(lat_deg)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _great_circle(first: FloatArray, last: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude along the shortest way, degrees."""
    part = np.linspace(0, 1, 100)[:, None]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if angle < 1e-6:
        part = part[:1]
    way = (np.sin((1 - part) * angle) * first + np.sin(part * angle) * last) / max(
        float(np.sin(angle)), 1e-12
    )
    return np.rad2deg(np.arctan2(way[:, 1], way[:, 0])), np.rad2deg(
        np.arctan2(way[:, 2], np.hypot(way[:, 0], way[:, 1]))
    )


def _frame(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    """Room for the whole route, in the shape of the figure."""
    middle_x, middle_y = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    half = max(0.58 * np.ptp(y), 0.58 * np.ptp(x) * _HEIGHT / _WIDTH, float(np.deg2rad(_LEAST_DEG)))
    half *= 1.15
    axes.set_xlim(middle_x - half * _WIDTH / _HEIGHT, middle_x + half * _WIDTH / _HEIGHT)
    axes.set_ylim(middle_y - half, middle_y + half)
    axes.set(xticks=[], yticks=[], facecolor=_SEA)
    axes.spines[:].set_color(FAINT)


def _graticule(axes: Axes, view: _View) -> None:
    """Meridians and parallels with their degrees; the date line is heavier."""
    half_deg = np.rad2deg(np.diff(axes.get_ylim())[0]) / 2
    step = next(step for step in (1, 2, 5, 10, 20, 30) if step * 2.2 >= half_deg or step == 30)
    along = np.linspace(-90, 90, 181)
    for lon in range(-180, 180, step):
        x, y = view.project(np.full_like(along, lon), np.clip(along, -90 + step, 90 - step))
        date_line = lon == -180
        _line(axes, x, y, "180°" if date_line else f"{abs(lon)}°{'E' if lon > 0 else 'W' if lon else ''}", top=False,
              heavy=date_line)  # fmt: skip
    for lat in range(-90 + step, 90, step):
        x, y = view.project(2 * along, np.full_like(along, lat))
        _line(axes, x, y, f"{abs(lat)}°{'N' if lat > 0 else 'S' if lat else ''}", top=True)


def _line(axes: Axes, x: FloatArray, y: FloatArray, text: str, *, top: bool, heavy: bool = False) -> None:
    """A line of the graticule, with its name where it enters the map at the left (`top`) or from below."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    far = np.hypot(x, y) >= 2 * np.sin(np.deg2rad(_FAR_DEG / 2)) - 1e-9
    x, y = np.where(far, np.nan, x), np.where(far, np.nan, y)
    inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
    if not inside.any():
        return
    axes.plot(x, y, color=QUIET if heavy else "#c8ccd0", linewidth=1.0 if heavy else 0.5, zorder=2)
    rows = np.flatnonzero(inside)
    row = rows[np.argmin(x[rows] if top else y[rows])]
    at_x = float(x[row])
    if at_x > right - 0.07 * (right - left) or (not top and at_x < left + 0.07 * (right - left)):
        return
    axes.annotate(text, (at_x, float(y[row])), (2, 2), textcoords="offset points", fontsize=6.5,
                  color=INK if heavy else QUIET, annotation_clip=True, zorder=2)  # fmt: skip
