"""A picture of one station's day, for people: what the weather was, and how far the record can be trusted.

Panels over the station's own time with the night shaded, a wind rose, the day in numbers, and below a strip for each
variable that shows the flag of every bin by height and colour. Drawn by matplotlib's Agg, without pyplot and its global
state. Loads matplotlib: import this package inside a task.
"""

from collections.abc import Mapping
from datetime import date
from io import BytesIO
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from skyledger.drawing import FAINT, INK, QUIET, bars, spans, thousands
from skyledger.weather.bins import Bins
from skyledger.weather.quicklook.beside import draw_rose, write_numbers
from skyledger.weather.quicklook.curves import PANELS, legend_of_marks, name_gaps
from skyledger.weather.quicklook.day import MISSING, DayView, view
from skyledger.weather.quicklook.style import (
    BOTTOM,
    CAPTION,
    CLOCK,
    COLOURS,
    COVERAGE_COLOUR,
    DPI,
    FLAGS,
    HEIGHT_PX,
    LABELS,
    LEFT,
    SIDE_LEFT,
    SIDE_RIGHT,
    STRIP,
    TOP,
    WIDTH_PX,
    day_axes,
    span,
)
from skyledger.weather.stations import SECONDS_PER_DAY, Period, Station
from skyledger.weather.variables import IRRIGATION, VARIABLES, WIND_DIRECTION, WIND_SPEED

_FOOTER_LINE, _FOOTER_LINES = 260, 2  # characters of its size that fit


def draw_quicklook(
    bins: Bins, station: Station, period: Period, day: date, *, facts: Mapping[str, object]
) -> bytes:
    """The picture as PNG. `facts`: what the footer says of the run, such as rows read, files and digests.

    The same arguments give the same bytes.
    """
    content = BytesIO()
    canvas = FigureCanvasAgg(figure(bins, station, period, day, facts=facts))
    canvas.print_png(content, metadata={"Title": f"{station.station} {day}"})  # type: ignore[no-untyped-call]
    return content.getvalue()


def figure(bins: Bins, station: Station, period: Period, day: date, *, facts: Mapping[str, object]) -> Figure:
    """The picture before it is rendered. The label of each axes says what it shows."""
    picture = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, facecolor="white")
    shown = view(bins, station, period, day)
    _frame(picture, bins, shown, station, day, facts)
    if not len(bins):
        _placeholder(picture)
    elif bins.width_s == SECONDS_PER_DAY:
        _cards(picture, shown, period)
    else:
        _day(picture, shown)
    return picture


def _frame(
    picture: Figure, bins: Bins, shown: DayView, station: Station, day: date, facts: Mapping[str, object]
) -> None:
    """Title, coverage and footer."""
    n_bins = len(shown.rows_share)
    n_rows, expected = int(bins.n_rows.sum()), n_bins * bins.n_expected
    share = np.floor(1000 * n_rows / expected) / 10  # cut off: with a row missing it never reads 100 %
    parts = [f"{day:%A}, {day.day} {day:%B %Y}", station.station, f"bins of {span(bins.width_s)}"]
    parts += [f"{word} {shown.clock(hour)}" for word, hour in shown.sun_times()]
    counts = [
        f"{thousands(found)} of {thousands(possible)} {word}"
        for found, possible, word in ((n_rows, expected, "rows"), (len(bins), n_bins, "bins"))
    ]
    for x, side, large, small in (
        (LEFT, "left", station.title, parts),
        (SIDE_RIGHT, "right", f"{share:.1f} %", counts),
    ):
        picture.text(x, 0.970, large, size=19, weight="bold", color=INK, ha=side, va="center")
        picture.text(x, 0.938, "   ·   ".join(small), size=11.5, color=QUIET, ha=side, va="center")
    footer = wrap("   ·   ".join(f"{name}: {value}" for name, value in facts.items()), _FOOTER_LINE)
    picture.text(LEFT, 0.008, "\n".join(footer[:_FOOTER_LINES]), size=7.5, color=QUIET, va="bottom")


def _placeholder(picture: Figure) -> None:
    axes = picture.add_axes((LEFT, 0.1, SIDE_RIGHT - LEFT, 0.78), label="placeholder")
    axes.set(xticks=[], yticks=[], facecolor="#f7f7f7")
    axes.spines[:].set_color(FAINT)
    axes.text(0.5, 0.56, "no data", size=44, color="#9a9a9a", weight="bold", ha="center", va="center")
    axes.text(0.5, 0.45, "No row of this day could be used.", size=15, color=QUIET, ha="center", va="center")


def _cards(picture: Figure, shown: DayView, period: Period) -> None:
    """Numbers in large letters, for a product with one bin a day: a curve of one point says nothing."""
    names = [name for name in LABELS if name in shown.series]
    width = (SIDE_RIGHT - LEFT) / max(1, len(names))
    for i, name in enumerate(names):
        series = shown.series[name]
        axes = picture.add_axes((LEFT + i * width, 0.1, 0.98 * width, 0.78), label=name)
        axes.set(xticks=[], yticks=[], facecolor="#f7f7f7")
        axes.spines[:].set_color(FAINT)
        value = float(series.value[0])
        lines = [
            (
                0.62,
                54,
                COLOURS[name],
                f"{series.text(value)} {series.unit}" if series.has_values else "no value",
            ),
            (0.49, 18, INK, VARIABLES[name].long_name),
            (0.30, 13, QUIET, f"flag: {FLAGS[int(series.flag[0])][0]}"),
        ]
        if name == IRRIGATION and period.irrigated_area_m2 and series.has_values:
            area_m2 = period.irrigated_area_m2
            lines.append((0.42, 15, QUIET, f"{1000 * value / area_m2:.2f} mm on {thousands(area_m2)} m²"))
        for y, size, colour, text in lines:
            axes.text(0.5, y, text, size=size, color=colour, ha="center", va="center")


def _day(picture: Figure, shown: DayView) -> None:
    """Curves, strips, and the column beside them."""
    names = [name for name in LABELS if name in shown.series]
    panels = [panel for panel in PANELS if any(name in shown.series for name in panel.names)]
    strips_top = BOTTOM + (len(names) + 2) * STRIP
    room = TOP - strips_top - CLOCK - len(panels) * CAPTION
    bottom = TOP
    for panel in panels:
        height = room * panel.weight / sum(other.weight for other in panels)
        bottom -= CAPTION + height
        axes = day_axes(picture, shown, panel.title, bottom, height)
        panel.draw(axes, shown)
        if panel is panels[0]:
            name_gaps(axes, shown)
        if panel is panels[-1]:
            axes.set_xticklabels([shown.clock(hour) for hour in shown.ticks()], size=9)
            axes.set_xlabel(f"station time ({shown.offset()})", size=9, color=QUIET, labelpad=2)
    _strips(picture, shown, names, strips_top)
    has_rose = WIND_SPEED in shown.series and WIND_DIRECTION in shown.series
    write_numbers(picture, shown, names, draw_rose(picture, shown) if has_rose else TOP)
    picture.legend(
        handles=legend_of_marks(), loc="lower left", bbox_to_anchor=(LEFT, 0.026), ncols=5, frameon=False, fontsize=8.5,
        borderpad=0, borderaxespad=0, handlelength=1.4, handletextpad=0.5, columnspacing=2.0,
    )  # fmt: skip


def _strips(picture: Figure, shown: DayView, names: list[str], top: float) -> None:
    """Rows found, and the flag of every variable in every bin, with the numbers of bins beside them."""
    rows = day_axes(picture, shown, "coverage", top - 1.7 * STRIP, 1.7 * STRIP)
    rows.fill_between(
        shown.edges_h, np.append(shown.rows_share, 0.0), step="post", color=COVERAGE_COLOUR, linewidth=0
    )
    rows.set_ylim(0, 1.02)
    rows.set_yticks([0.5], ["rows found"])
    flags = day_axes(picture, shown, "flags", BOTTOM, len(names) * STRIP)
    flags.set_ylim(len(names), 0)
    flags.set_yticks(np.arange(len(names)) + 0.5, [LABELS[name] for name in names])
    flags.grid(visible=False, axis="y")
    for axes in (rows, flags):
        axes.tick_params(axis="both", length=0, labelsize=8.5)
    for i in range(1, len(names)):
        flags.axhline(i, color=FAINT, linewidth=0.6)
    columns = np.linspace(SIDE_LEFT + 0.018, SIDE_RIGHT, len(FLAGS))
    for x, (flag, (word, height, colour)) in zip(columns, FLAGS.items(), strict=True):
        edge = QUIET if flag == MISSING else "none"
        look: dict[str, Any] = {"facecolor": colour, "edgecolor": edge, "linewidth": 0.6}
        sample = (x - 0.010, top - 1.7 * STRIP), 0.010
        picture.add_artist(Rectangle(*sample, 0.95 * STRIP, facecolor="none", edgecolor=FAINT, linewidth=0.6))
        picture.add_artist(Rectangle(*sample, height * 0.95 * STRIP, **look))
        picture.text(x, top - 0.2 * STRIP, word, size=8.5, color=QUIET, ha="right", va="center")
        for i, name in enumerate(names):
            found = shown.series[name].flag == flag
            drawn = bars(spans(found & (shown.rows_share > 0), shown.width_h))
            flags.broken_barh(drawn, (i + 1 - height, height), **look)
            count = int(np.count_nonzero(found))
            picture.text(
                x, BOTTOM + (len(names) - i - 0.5) * STRIP, thousands(count), size=8.5,
                color=INK if count else "#c4c4c4", ha="right", va="center",
            )  # fmt: skip
