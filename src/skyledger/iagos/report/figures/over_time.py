"""One variable over the flight: values by flag, uncertainty, and a strip with the flag of every value."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from skyledger.drawing import FAINT, QUIET, bars, spans, thousands
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlightData, Series
from skyledger.iagos.report.figures.style import (
    BAND,
    FLAGS,
    HEIGHT_SHADE,
    LINE,
    FloatArray,
    envelope,
    new_figure,
    quiet,
    svg,
    time_axis,
)
from skyledger.iagos.report.view import altitude_m
from skyledger.iagos.variables import variables

_WIDTH, _HEIGHT = 9.4, 1.75  # inches
_LEFT, _RIGHT = 0.066, 0.995
_BUCKETS = 700  # of lines; a marker needs more room
_MARKERS = 350
_LOGARITHMIC_FROM = 100.0  # ratio of the largest to the smallest of most values


def over_time(data: FlightData, name: str) -> str:
    """SVG of one variable over the flight."""
    series, known = data.series[name], variables()[name]
    figure = new_figure(_WIDTH, _HEIGHT)
    axes = quiet(figure.add_axes((_LEFT, 0.24, _RIGHT - _LEFT, 0.73)))
    strip = figure.add_axes((_LEFT, 0.155, _RIGHT - _LEFT, 0.075))
    low, high = _limits(series)
    _draw_height(axes, data)
    _draw_values(axes, data.time_s, series, low, high)
    axes.set_ylim(low, high)
    axes.set_ylabel(known.label if known.label != "1" else "", color=QUIET, fontsize=8, labelpad=3)
    first, last = float(data.time_s[0]), float(data.time_s[-1])
    time_axis(axes, first, last, labels=False)
    axes.tick_params(axis="x", length=0)
    _draw_strip(strip, data.time_s, data.interval_s, series.validity)
    time_axis(strip, first, last)
    return svg(figure, name, f"{known.long_name} over the flight, coloured by flag")


def _limits(series: Series) -> tuple[float, float]:
    """Of the axis: all that is not erroneous; where there is no such value, most of the rest."""
    drawn = series.value[
        np.isfinite(series.value) & ~np.isin(series.validity, (Validity.ERRONEOUS, Validity.MISSING))
    ]
    if not drawn.size:
        found = series.value[np.isfinite(series.value)]
        drawn = np.percentile(found, [2, 98]) if found.size else np.array([0.0, 1.0])
    low, high = float(drawn.min()), float(drawn.max())
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _draw_height(axes: Axes, data: FlightData) -> None:
    """The flight's height as a shade, so that climb, cruise and descent are seen in every figure."""
    height = altitude_m(data)
    if height is None or not np.isfinite(height).any():
        return
    x, y = envelope(data.time_s, height, 150)
    behind = axes.twinx()
    behind.set_zorder(axes.get_zorder() - 1)
    axes.patch.set_visible(False)
    behind.fill_between(x, np.nan_to_num(y, nan=0.0), color=HEIGHT_SHADE, linewidth=0)
    behind.set_ylim(0, 1.15 * max(1.0, float(np.nanmax(y))))
    behind.set_axis_off()


def _draw_values(axes: Axes, time_s: FloatArray, series: Series, low: float, high: float) -> None:
    """Line, band and marks."""
    flag = series.validity

    def only(*wanted: Validity) -> FloatArray:
        return np.where(np.isin(flag, wanted), series.value, np.nan)

    usable = only(Validity.GOOD, Validity.LIMITED)
    if series.uncertainty is not None and np.isfinite(usable).any():
        x, upper = envelope(time_s, usable + series.uncertainty, 250)
        x_low, lower = envelope(time_s, usable - series.uncertainty, 250)
        axes.fill_between(x, upper, np.interp(x, x_low, lower), color=BAND, linewidth=0, alpha=0.8, zorder=1)
    for values, colour in (
        (only(Validity.NOT_VALIDATED), FLAGS[Validity.NOT_VALIDATED].colour),
        (usable, LINE),
    ):
        if np.isfinite(values).any():
            axes.plot(*envelope(time_s, values, _BUCKETS), color=colour, linewidth=0.9, zorder=2)
    for validity in (Validity.LIMITED, Validity.ERRONEOUS):
        look = FLAGS[validity]
        x, y = _marks(time_s, only(validity))
        off = (y < low) | (y > high)
        axes.plot(x, np.clip(y, low, high), look.marker, color=look.colour, markersize=3.2, markeredgewidth=0.9,
                  clip_on=False, linestyle="none", zorder=3)  # fmt: skip
        if off.any():
            beyond = int(np.count_nonzero((only(validity) < low) | (only(validity) > high)))
            axes.text(0.997, 0.955, f"{thousands(beyond)} {look.word} off scale", transform=axes.transAxes, size=7.5,
                      color=look.colour, ha="right", va="top")  # fmt: skip


def _marks(time_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    x, y = envelope(time_s, values, _MARKERS)
    return x[np.isfinite(y)], y[np.isfinite(y)]


def _draw_strip(strip: Axes, time_s: FloatArray, interval_s: float, validity: NDArray[np.int8]) -> None:
    """The flag of every value by height and colour."""
    strip.set_ylim(0, 1)
    strip.set_yticks([])
    strip.tick_params(length=2, width=0.6, color=QUIET, labelsize=8, pad=1.5)
    strip.spines[:].set_color(FAINT)
    place = np.rint((time_s - time_s[0]) / interval_s).astype(np.int64)
    whole = np.full(place[-1] + 1, Validity.MISSING, dtype=np.int8)
    whole[place] = validity
    for flag, look in FLAGS.items():
        edge = QUIET if flag == Validity.MISSING else look.colour
        found = [
            (time_s[0] + begin, max(length, interval_s))
            for begin, length in bars(spans(whole == flag, interval_s))
        ]
        strip.broken_barh(found, (0, look.height), facecolor=look.colour, edgecolor=edge, linewidth=0.3)
