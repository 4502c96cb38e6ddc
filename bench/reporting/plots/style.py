"""What tells methods, values and groups apart on paper that has no colour."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from bench.reporting.canvas import plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PERCENT", "bar_style", "legend_beside", "line_style", "marker_style", "set_head", "tidy_axes"]

PERCENT = 100.0

# Dark to light and back, so that neighbours differ in grey.
_COLOURS = ("#0b3c8c", "#e07b00", "#7a0f3d", "#3aa58f", "#5c5c5c", "#9a7fc9", "#1f6e2e", "#c43b3b", "#8a6d3b")
_MARKERS = "os^DvPX<>p*h"
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
_BARS = ("#0b3c8c", "#f5a11c", "#c9b6e4", "#5c5c5c", "#58c7b0", "#ffffff")
_LETTERS_AN_INCH = 13


def marker_style(index: int) -> dict[str, Any]:
    """Keywords of ``Axes.plot`` for the points of method number `index`; 24 of them differ without colour."""
    colour = _COLOURS[index % len(_COLOURS)]
    hollow = index // len(_MARKERS) % 2
    return {
        "marker": _MARKERS[index % len(_MARKERS)],
        "color": colour,
        "markerfacecolor": "white" if hollow else colour,
        "markersize": 6,
    }


def line_style(index: int) -> dict[str, Any]:
    """Keywords of ``Axes.plot`` for a line with markers, number `index`."""
    return {**marker_style(index), "linestyle": _DASHES[index % len(_DASHES)], "linewidth": 1.5, "markersize": 5}


def bar_style(index: int) -> dict[str, Any]:
    """Keywords of ``Axes.bar`` for bars number `index`."""
    return {"color": _BARS[index % len(_BARS)], "hatch": _HATCHES[index % len(_HATCHES)], "edgecolor": "black"}


def set_head(figure: Figure, subject: str, budget: str) -> None:
    """Say above `figure` what it shows, and below that, in the lines of `budget`, how it was run."""
    width = int(figure.get_figwidth() * _LETTERS_AN_INCH)
    lines = [line for text in (subject, *budget.splitlines()) for line in wrap(text, width)]
    figure.suptitle(plain_text("\n".join(lines)), fontsize=10)


def legend_beside(figure: Figure, handles: Sequence[Any], labels: Sequence[str], **more: Any) -> None:
    """A legend right of all panels, at half the height, where no head of any length meets it."""
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9, **more)


def tidy_axes(axes: Axes) -> None:
    """Light grid, open frame, text that can be read in print."""
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
