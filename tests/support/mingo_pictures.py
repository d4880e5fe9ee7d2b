"""Pictures of made-up days, drawn once, and what is found in them."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from skyledger.minitrasgo.detector import channel
from skyledger.minitrasgo.quicklook import figure
from skyledger.minitrasgo.quicklook.day import BORROWED, DUPLICATE, INCOMPLETE, UNUSABLE, WAITING, DayView
from tests.support.mingo_days import day_view, empty_day, with_dead_strip, with_kinds, without_tracks

GAP, NOISY = range(400, 560), range(1000, 1060)
DEAD = channel(2, 3)


@cache
def normal() -> DayView:
    return day_view()


@cache
def awkward() -> DayView:
    """Files of half an hour, a gap, a noisy hour, a dead strip, a file of each kind, no row in the run dictionary."""
    view = replace(with_dead_strip(day_view(gap=GAP, noisy=NOISY, file_min=30), DEAD), run_in_force=False)
    return with_kinds(view, {5: BORROWED, 7: INCOMPLETE, 20: DUPLICATE, 30: UNUSABLE, 31: WAITING})


@cache
def many() -> DayView:
    """A file every five minutes."""
    return day_view(file_min=5)


@cache
def short() -> DayView:
    return day_view(minutes=range(605, 617))


@cache
def trackless() -> DayView:
    return without_tracks(day_view(minutes=range(700)))


@cache
def drawn(name: str) -> Figure:
    """The picture of one of the days above; a warning of any library is an error."""
    views = {
        "normal": normal,
        "awkward": awkward,
        "many": many,
        "short": short,
        "trackless": trackless,
        "empty": empty_day,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = figure(views[name]())
        FigureCanvasAgg(picture).draw()
    return picture


def axes_of(picture: Figure, label: str) -> Axes:
    (found,) = [axes for axes in picture.axes if axes.get_label() == label]
    return found


def words(picture: Figure) -> str:
    """All that is written, legends included."""
    texts = [text.get_text() for text in picture.texts]
    for axes in picture.axes:
        texts += [text.get_text() for text in axes.texts]
        legend = axes.get_legend()
        texts += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(texts)


def points(axes: Axes, marker: str, *, face: str | None = None) -> np.ndarray:
    """Places of marks of a kind, (n, 2)."""
    found = [
        line.get_xydata()
        for line in axes.lines
        if line.get_marker() == marker and (face is None or to_hex(line.get_markerfacecolor()) == face)
    ]
    return np.concatenate(found) if found else np.empty((0, 2))


def steps(axes: Axes) -> list[StepPatch]:
    return [patch for patch in axes.patches if isinstance(patch, StepPatch)]


def hatched(axes: Axes) -> list[tuple[float, float]]:
    """Hours that are hatched."""
    boxes = [
        patch.get_extents().transformed(axes.transData.inverted())
        for patch in axes.patches
        if patch.get_hatch()
    ]
    return [(round(box.x0, 6), round(box.x1, 6)) for box in boxes]


def cells(picture: Figure, grid: str) -> Iterator[tuple[int, Axes]]:
    for plane in range(1, 5):
        for strip in range(1, 5):
            yield channel(plane, strip), axes_of(picture, f"{grid} P{plane}s{strip}")
