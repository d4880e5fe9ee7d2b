"""How the quick look looks: size, places, words and colours, each in one place. Places are pixels from the top left."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from skyledger.drawing import FAINT, GAP, INK, QUIET
from skyledger.minitrasgo.quicklook.day import (
    BORROWED,
    DUPLICATE,
    INCOMPLETE,
    OWN,
    UNUSABLE,
    WAITING,
    DayView,
)

WIDTH, HEIGHT, DPI = 1600, 1600, 100
LEFT, RIGHT = 84, 1085  # of all panels over time
SIDE_LEFT, SIDE_RIGHT = 1150, 1576  # of the column beside them
CAPTION = 25  # height of the line above each panel

# Colours stay apart without red or green (after Okabe and Ito); where they carry meaning, shapes do as well
TRIGGER_COLOUR, GOOD_COLOUR = "#0072b2", "#b3500a"
PURITY_COLOUR, REJECTED_COLOUR = "#00634b", "#8b1a4a"
CHARGE_COLOUR, STREAMER_COLOUR, T_DIF_COLOUR = "#5b9bc8", "#b3500a", "#5d8f80"
DEAD_COLOUR, DEAD_FACE = "#8b1a4a", "#f7e4ec"
PLANES = (("#0072b2", "o"), ("#d99000", "s"), ("#00634b", "^"), ("#8b1a4a", "D"))  # colour and marker
N_PLANES = {4: "#14406b", 3: "#5b9bc8", 2: "#cfe0ec"}  # tracks by the number of planes hit

# Word, colour and marker of what became of a file
KINDS = {
    OWN: ("own calibration", "#8fb3c7", "o"),
    BORROWED: ("borrowed calibration", "#e69f00", "^"),
    INCOMPLETE: ("calibration incomplete", "#b3500a", "D"),
    WAITING: ("not reduced", "#ffffff", "s"),
    DUPLICATE: ("duplicate", "#7b3a91", "P"),
    UNUSABLE: ("unusable", "#8b1a4a", "X"),
}


def place(
    picture: Figure, label: str, left: float, top: float, width: float, height: float, **kind: Any
) -> Axes:
    """Axes with quiet lines. The label says what they show."""
    box = (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
    axes = picture.add_axes(box, label=label, **kind)
    axes.tick_params(length=2, color=QUIET, labelsize=9, labelcolor=INK)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(FAINT)
    return axes


def write(picture: Figure, x: float, y: float, text: str, size: float = 9.5, **look: Any) -> Text:
    """Text, in the middle of its line."""
    return picture.text(
        x / WIDTH, 1 - y / HEIGHT, text, **{"size": size, "color": INK, "va": "center", **look}
    )


def day_axes(picture: Figure, view: DayView, label: str, top: float, height: float) -> Axes:
    """Axes over the whole day, with the time hatched in which nothing was measured."""
    axes = place(picture, label, LEFT, top, RIGHT - LEFT, height)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), labels=[])
    axes.grid(color=FAINT, linewidth=0.6)
    for first, last in view.gaps():
        axes.axvspan(first, last, facecolor="white", edgecolor=GAP, hatch="////", linewidth=0, zorder=0.1)
    return axes


def caption(axes: Axes, handles: list[Any]) -> None:
    """What is drawn, above the panel, with a sample of each."""
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles), frameon=False, fontsize=9.5,
        borderpad=0.15, borderaxespad=0.1, handlelength=1.4, handletextpad=0.5, columnspacing=1.8,
    )  # fmt: skip


def say(axes: Axes, text: str, size: float = 11) -> None:
    """Words instead of what is not there."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, size=size, color=QUIET, ha="center", va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "round,pad=0.2"},
    )  # fmt: skip
