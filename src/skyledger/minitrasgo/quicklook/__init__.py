"""A picture of one station's day, for people: rates, and how far detector and files can be trusted.

Panels over the day with the time hatched in which nothing was measured, directions and planes of the tracks, and the
charges and time differences of all sixteen strips. Drawn by matplotlib's Agg, without pyplot and its global state.
Loads matplotlib: import this package inside a task.
"""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from skyledger.drawing import INK, QUIET, thousands
from skyledger.minitrasgo.quicklook.beside import draw_directions, draw_topologies, write_planes
from skyledger.minitrasgo.quicklook.day import DayView, rate, short
from skyledger.minitrasgo.quicklook.over_time import draw_over_time
from skyledger.minitrasgo.quicklook.strips import GRID_WIDTH, draw_charges, draw_t_dif
from skyledger.minitrasgo.quicklook.style import (
    DEAD_COLOUR,
    DPI,
    HEIGHT,
    LEFT,
    SIDE_RIGHT,
    WIDTH,
    write,
)
from skyledger.minitrasgo.quicklook.style import (
    SIDE_LEFT as SIDE_LEFT,
)

_CARDS_TOP, _PANELS_TOP = 100, 160


def draw_quicklook(view: DayView) -> bytes:
    """The picture as PNG. The same view gives the same bytes."""
    content = BytesIO()
    canvas = FigureCanvasAgg(figure(view))
    canvas.print_png(content, metadata={"Title": f"{view.station} {view.day}"})  # type: ignore[no-untyped-call]
    return content.getvalue()


def figure(view: DayView) -> Figure:
    """The picture before it is rendered. The label of each axes says what it shows."""
    picture = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    _head(picture, view)
    bottom = draw_over_time(picture, view, _PANELS_TOP)
    draw_directions(picture, view, _PANELS_TOP + 14)
    draw_topologies(picture, view, _PANELS_TOP + 446, 216)
    write_planes(picture, view, _PANELS_TOP + 730)
    draw_charges(picture, view, LEFT, bottom + 12)
    draw_t_dif(picture, view, SIDE_RIGHT - GRID_WIDTH, bottom + 12)
    foot = "   ·   ".join(
        f"{name}: {value}" for name, value in (view.provenance | {"input": short(view.input_digest)}).items()
    )
    write(picture, LEFT, HEIGHT - 16, foot, size=8, color=QUIET)
    return picture


def _head(picture: Figure, view: DayView) -> None:
    """Who and when, how the detector stood, and the figures that matter."""
    write(picture, LEFT, 32, view.title, size=19, weight="bold")
    date = f"{view.day:%A}, {view.day.day} {view.day:%B %Y} (UTC)"
    write(picture, LEFT, 64, f"{date}   ·   {view.station}", size=11.5, color=QUIET)
    write(picture, SIDE_RIGHT, 64, view.run, size=10.5, ha="right", color=QUIET)
    if not view.run_in_force:
        write(
            picture, SIDE_RIGHT, 32, "NOT IN FORCE on this day, the nearest row:", size=12, ha="right", weight="bold",
            color=DEAD_COLOUR,
        )  # fmt: skip
    x = LEFT
    for number, word, width in _cards(view):
        write(picture, x, _CARDS_TOP, number, size=15, weight="bold", color=INK)
        write(picture, x, _CARDS_TOP + 23, word, size=9, color=QUIET)
        x += width


def _cards(view: DayView) -> Iterator[tuple[str, str, int]]:
    """Figures, what they are, and the width that they take."""
    files, live = view.files, np.array([view.live_s])
    for word, counts in (("coincidences", view.minutes.triggers), ("good tracks", view.minutes.good)):
        (value,), (error,) = rate(np.array([counts.sum()]), live)
        text = f"{value:.3f} ± {error:.3f} Hz" if np.isfinite(value) else "no rate"
        yield text, f"rate of {word}", 235
    yield f"{view.live_s / 3600:.2f} h", f"live, {100 * view.live_s / 86400:.1f} % of the day", 190
    yield f"{np.count_nonzero(files.accepted)} of {len(files)}", "files reduced", 150
    yield thousands(files.events.sum()), "coincidences in them", 178
    rejected, lines = int(files.rejected.sum()), int((files.accepted + files.rejected).sum())
    yield thousands(rejected), f"lines rejected: {100 * rejected / max(1, lines):.2f} %", 178
    kept, events = int(files.kept.sum()), int(files.events.sum())
    yield (f"{100 * kept / events:.2f} %" if events else "not known"), "purity", 136
    yield (f"{view.crt_ps:.0f} ps" if np.isfinite(view.crt_ps) else "not known"), "time resolution (CRT)", 160
