"""One variable over the flight: values by flag, uncertainty, and a strip with the flag of every value."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from skyledger.drawing import FAINT, QUIET, bars, spans, thousands
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FlagArray, FlightData, FloatArray, Series
from skyledger.iagos.report.figures.style import (
    BAND,
    FLAGS,
    HEIGHT_SHADE,
    LINE,
    PLAIN,
    PLANNED,
    envelope,
    new_figure,
    quiet,
    svg,
    text_box,
    time_axis,
)
from skyledger.iagos.report.view import BoolArray, altitude_m, logarithmic_from
from skyledger.iagos.variables import variables

_HEIGHT = 1.75  # inches, as the widths
_OWN_WIDTH, _OTHER_WIDTH = (
    9.4,
    6.2,
)  # the page has a wide place for variables of the instrument, a narrow one for others
_STRIP = (-0.125, -0.025)  # of the height of the axes: below them
_PLANNED = -1  # among the flags of the strip
_BUCKETS = 700  # of lines; a marker needs more room
_MARKERS = 350


def over_time(data: FlightData, name: str, planned: BoolArray) -> str:
    """SVG of one variable over the flight. `planned`: erroneous only because nothing was to be measured, (n,)."""
    series, known = data.series[name], variables()[name]
    width = _OWN_WIDTH if known.kind == "instrument" else _OTHER_WIDTH
    left = 0.62 / width
    figure = new_figure(width, _HEIGHT)
    axes = quiet(figure.add_axes((left, 0.30, 0.995 - left, 0.68)))
    low, high = _limits(series)
    floor = logarithmic_from(series) if known.kind == "instrument" else None
    if floor is not None:
        low = max(low, floor)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(PLAIN)
    axes.set_ylim(low, high)
    _draw_height(axes, data)
    _draw_values(axes, data.time_s, series, planned, _jumps(series.value, known.unit))
    axes.set_ylim(low, high)
    axes.set_ylabel(known.label if known.label != "1" else "", color=QUIET, fontsize=8, labelpad=3)
    _draw_strip(axes, data.time_s, data.interval_s, np.where(planned, _PLANNED, series.validity))
    time_axis(axes, float(data.time_s[0]), float(data.time_s[-1]))
    axes.tick_params(axis="x", length=0, pad=14)
    return svg(figure, name, f"{known.long_name} over the flight, coloured by flag")


def _jumps(value: FloatArray, unit: str) -> BoolArray:
    """Around which values a line would only go round a circle, (n,): the date line is no event."""
    jump = np.zeros(len(value), dtype=bool)
    if unit.startswith("degree"):
        width = -(-len(value) // _BUCKETS)
        for row in np.flatnonzero(np.abs(np.diff(value)) > 180):
            jump[max(0, row - width) : row + width + 1] = True
    return jump


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
    part = np.nan_to_num(np.clip(y / max(1.0, float(np.nanmax(y))), 0, 1)) * 0.88
    axes.fill_between(
        x, part, transform=axes.get_xaxis_transform(), color=HEIGHT_SHADE, linewidth=0, zorder=0.1
    )


def _draw_values(
    axes: Axes, time_s: FloatArray, series: Series, planned: BoolArray, hidden: BoolArray
) -> None:
    """Line, band and marks."""
    flag = series.validity
    low, high = axes.get_ylim()
    value = np.maximum(series.value, low) if axes.get_yscale() == "log" else series.value

    def only(*wanted: Validity) -> FloatArray:
        return np.where(np.isin(flag, wanted), value, np.nan)

    usable = only(Validity.GOOD, Validity.LIMITED)
    if series.uncertainty is not None and np.isfinite(usable).any():
        x, upper = envelope(time_s, usable + series.uncertainty, 250)
        x_low, lower = envelope(time_s, usable - series.uncertainty, 250)
        axes.fill_between(
            x,
            upper,
            np.maximum(np.interp(x, x_low, lower), low),
            color=BAND,
            linewidth=0,
            alpha=0.8,
            zorder=1,
        )
    for values, colour in (
        (only(Validity.NOT_VALIDATED), FLAGS[Validity.NOT_VALIDATED].colour),
        (usable, LINE),
    ):
        if np.isfinite(values).any():
            axes.plot(
                *envelope(time_s, np.where(hidden, np.nan, values), _BUCKETS),
                color=colour,
                linewidth=0.9,
                zorder=2,
            )
    wrong = only(Validity.ERRONEOUS)
    for look, values in (
        (PLANNED, np.where(planned, value, np.nan)),
        (FLAGS[Validity.LIMITED], only(Validity.LIMITED)),
        (FLAGS[Validity.ERRONEOUS], np.where(planned, np.nan, wrong)),
    ):
        x, y = _marks(time_s, values)
        axes.plot(x, np.clip(y, low, high), look.marker, color=look.colour, markersize=3.2, markeredgewidth=0.9,
                  clip_on=False, linestyle="none", zorder=3)  # fmt: skip
    beyond = int(np.count_nonzero(((wrong < low) | (wrong > high)) & ~planned))
    if beyond:
        axes.text(0.996, 0.95, f"{thousands(beyond)} erroneous off scale", transform=axes.transAxes, size=7.5,
                  ha="right", va="top", color=FLAGS[Validity.ERRONEOUS].colour, bbox=text_box(), zorder=4)  # fmt: skip


def _marks(time_s: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    x, y = envelope(time_s, values, _MARKERS)
    return x[np.isfinite(y)], y[np.isfinite(y)]


def _draw_strip(axes: Axes, time_s: FloatArray, interval_s: float, validity: FlagArray) -> None:
    """The flag of every value by height and colour, below the axes."""
    place = np.rint((time_s - time_s[0]) / interval_s).astype(np.int64)
    whole = np.full(place[-1] + 1, Validity.MISSING, dtype=np.int8)
    whole[place] = validity
    bottom, room = _STRIP[0], _STRIP[1] - _STRIP[0]
    look: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
    axes.broken_barh([(time_s[0], time_s[-1] - time_s[0])], (bottom, room), facecolor="none", edgecolor=FAINT,
                     linewidth=0.6, **look)  # fmt: skip
    for flag, (_, colour, height, _) in [*FLAGS.items(), (_PLANNED, PLANNED)]:
        found = [
            (time_s[0] + begin, max(length, interval_s))
            for begin, length in bars(spans(whole == flag, interval_s))
        ]
        if found:
            edge = QUIET if flag == Validity.MISSING else colour
            axes.broken_barh(
                found, (bottom, height * room), facecolor=colour, edgecolor=edge, linewidth=0.3, **look
            )
