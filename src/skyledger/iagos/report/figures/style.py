"""How the figures of the report look: sizes, colours, words, and how a figure becomes a part of the page.

Colours stay apart without red or green (after Okabe and Ito) and in grey: where a colour carries meaning, a shape or a
height does as well.
"""

import re
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import StringIO
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from skyledger.drawing import FAINT, INK, QUIET
from skyledger.iagos.flags import Validity
from skyledger.iagos.flight import FloatArray

LINE, BAND, HEIGHT_SHADE, LAND = "#14507a", "#c9dfee", "#eeeeee", "#e6e2d6"
ASCENT, DESCENT = "#0072b2", "#b3500a"


class Look(NamedTuple):
    """Of a flag."""

    word: str
    colour: str
    height: float  # in the strip, of 1: the worse, the taller
    marker: str


FLAGS = {
    Validity.GOOD: Look("good", "#a9c6d4", 0.30, ""),
    Validity.NOT_VALIDATED: Look("not validated", "#8a8a8a", 0.15, ""),
    Validity.LIMITED: Look("limited", "#e69f00", 0.62, "^"),
    Validity.ERRONEOUS: Look("erroneous", "#8b1a4a", 0.95, "x"),
    Validity.MISSING: Look("missing", "#ffffff", 0.62, ""),
}

PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # for logarithmic axes: 100, not a formula
PLANNED = Look("not to be measured", "#c6cbcf", 0.30, ".")  # on ground, zero, calibration: erroneous by plan
_HOUR_STEPS = (0.25, 0.5, 1, 2, 3, 6)
_MOST_TICKS = 10
_FINE = re.compile(r"(\.\d\d)\d+")  # digits of a place beyond what an eye sees: half of a page without them


def settings() -> AbstractContextManager[None]:
    """Settings of matplotlib under which figures are made: text stays text and is never read as a formula."""
    fonts = ["Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"]
    return mpl.rc_context(
        {
            "font.family": ["sans-serif"],
            "font.sans-serif": fonts,
            "font.size": 8.5,
            "svg.fonttype": "none",
            "text.parse_math": False,
        }
    )


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches; the page scales it."""
    return Figure(figsize=(width, height), dpi=100, facecolor="none")


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an SVG element for a page. `name` is unique on the page, `title` says what is seen."""
    text = StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):  # names inside the figure do not meet those of another
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(text, metadata=nothing)  # type: ignore[no-untyped-call]
    drawn = text.getvalue()
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn[drawn.index("<svg") :])
    drawn = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _FINE.sub(r"\1", found[0]), drawn)
    size = re.match(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', drawn)
    assert size  # noqa: S101 - what the library always writes
    head = f'<svg role="img" viewBox="{size[1]}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return f"{head}<title>{_escaped(title)}</title>{drawn[size.end() :]}".strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quiet(axes: Axes) -> Axes:
    """Axes with thin lines."""
    axes.set_facecolor("none")
    axes.tick_params(length=2, width=0.6, color=QUIET, labelsize=8, labelcolor=INK, pad=2)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(FAINT)
    axes.spines[:].set_linewidth(0.6)
    return axes


def time_axis(axes: Axes, first_s: float, last_s: float, *, labels: bool = True) -> None:
    """Hours of UTC from first to last, with the date where the day begins. Unix seconds."""
    last_s = max(last_s, first_s + 1)
    axes.set_xlim(first_s, last_s)
    hours = (last_s - first_s) / 3600
    step_h = next((step for step in _HOUR_STEPS if hours / step <= _MOST_TICKS), 12)
    step_s = step_h * 3600
    ticks = np.arange(np.ceil(first_s / step_s) * step_s, last_s + 1, step_s)
    axes.set_xticks(ticks, [_clock(tick, first_s) if labels else "" for tick in ticks])
    for midnight in np.arange(np.ceil(first_s / 86400) * 86400, last_s, 86400):
        axes.axvline(midnight, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0.5)


def _clock(unix_s: float, first_s: float) -> str:
    moment = datetime.fromtimestamp(unix_s, UTC)
    starts_day = moment.hour == moment.minute == 0 and unix_s > first_s
    return f"{moment:%H:%M}" + (f"\n{moment.day} {moment:%b}" if starts_day else "")


def envelope(x: FloatArray, y: FloatArray, buckets: int) -> tuple[FloatArray, FloatArray]:
    """As few points as show the same line: the smallest and the largest of each of so many parts. (n,) to (m,).

    A part without any value gives one NaN, which interrupts the line.
    """
    width = -(-len(x) // buckets)
    if width <= 2:
        return x, y
    padding = -len(y) % width
    parts = np.append(y, np.full(padding, np.nan)).reshape(-1, width)
    empty = np.isnan(parts).all(axis=1)
    low = np.where(np.isnan(parts), np.inf, parts).argmin(axis=1)
    high = np.where(np.isnan(parts), -np.inf, parts).argmax(axis=1)
    starts = np.arange(len(parts)) * width
    chosen = np.sort(np.concatenate([starts + low, (starts + high)[~empty]]))
    chosen = np.unique(np.minimum(chosen, len(y) - 1))
    return x[chosen], y[chosen]


def text_box() -> dict[str, Any]:
    """A white ground for text on a picture."""
    return {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
