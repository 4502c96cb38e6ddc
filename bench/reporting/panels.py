"""How samples in the plane are drawn: readable in colour, with colour-vision deficiencies and in grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.reporting.canvas import GROUP_COLOURS, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Points", "draw_panels"]

# Petroff (2021), arXiv:2107.02270: ten colours tested for colour-vision deficiencies.
_CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
_MARKERS = "o^sDvP"

# Share of the panel's width from which a class is named a second time.
_APART = 0.12
_MOST_NAMES = 3


class Points(NamedTuple):
    """Projected samples of one panel: `xy` of shape (n, 2) within a square of side 1 around the origin."""

    title: str
    xy: NDArray[np.float64]
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    class_names: Sequence[str]
    group_names: Sequence[str]


def draw_panels(figure: Figure, panels: Sequence[Points], seed: int) -> None:
    """Draw every panel twice, by class above and by group below; `seed` decides which samples lie on top."""
    axes = figure.subplots(2, len(panels), squeeze=False)
    for column, points in enumerate(panels):
        class_colours = _colours(len(points.class_names), _CLASS_COLOURS)
        group_colours = _colours(len(points.group_names), GROUP_COLOURS)
        _scatter(axes[0, column], points, class_colours[points.classes], seed)
        _scatter(axes[1, column], points, group_colours[points.groups], seed)
        _name_classes(axes[0, column], points)
        axes[0, column].set_title(plain_text(points.title), fontsize=11)
    for row, label in enumerate(("by class", "by group")):
        axes[row, 0].set_ylabel(label, fontsize=11)
    _legends(axes[0, -1], axes[1, -1], panels[-1])


def _colours(count: int, palette: Sequence[str]) -> NDArray[np.float64]:
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba_array

    if count <= len(palette):
        return np.asarray(to_rgba_array(list(palette)))
    return np.asarray(colormaps["cividis"](np.linspace(0, 1, count)))


def _scatter(axes: Axes, points: Points, colours: NDArray[np.float64], seed: int) -> None:
    # One marker a call, in many small shuffled portions: no group lies on top of the others.
    for portion in np.array_split(np.random.default_rng(seed).permutation(len(points.xy)), 20):
        for group in range(len(points.group_names)):
            chosen = portion[points.groups[portion] == group]
            axes.scatter(
                points.xy[chosen, 0],
                points.xy[chosen, 1],
                c=colours[chosen],
                marker=_marker(group),
                s=12,
                linewidths=0,
                alpha=0.85,
            )
    axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-0.54, 0.54), ylim=(-0.54, 0.54))
    axes.spines[:].set_color("#bbbbbb")


def _name_classes(axes: Axes, points: Points) -> None:
    """Write every class where it lies, so that the row can be read without colour."""
    from matplotlib.patheffects import withStroke

    short = _are_short(points.class_names)
    for label in np.unique(points.classes):
        for x, y in _middles(points, label):
            axes.annotate(
                plain_text(points.class_names[label]) if short else str(label),
                (x, y),
                ha="center",
                va="center",
                fontsize=10,
                fontweight="bold",
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )


def _middles(points: Points, label: int) -> list[tuple[float, float]]:
    """Where to name a class: once for every group, or once for groups that lie together."""
    middles: list[NDArray[np.float64]] = []
    for group in np.unique(points.groups):
        members = points.xy[(points.classes == label) & (points.groups == group)]
        if not len(members):
            continue
        # The sample nearest to the median lies inside the class even where the median does not.
        middle = members[np.argmin(np.sum((members - np.median(members, axis=0)) ** 2, axis=1))]
        if all(np.linalg.norm(middle - other) > _APART for other in middles):
            middles.append(middle)
    return [(float(x), float(y)) for x, y in middles[:_MOST_NAMES]]


def _are_short(names: Sequence[str]) -> bool:
    """Whether class names can stand in the picture itself; otherwise their ids do."""
    return max(map(len, names)) <= 3


def _legends(by_class: Axes, by_group: Axes, points: Points) -> None:
    from matplotlib.lines import Line2D

    class_colours = _colours(len(points.class_names), _CLASS_COLOURS)
    group_colours = _colours(len(points.group_names), GROUP_COLOURS)

    def dots(names: Sequence[str], colours: NDArray[np.float64], markers: Sequence[str]) -> list[Line2D]:
        return [
            Line2D([], [], linestyle="", marker=marker, color=colour, label=plain_text(name), markersize=6)
            for name, colour, marker in zip(names, colours, markers, strict=False)
        ]

    names = (
        points.class_names
        if _are_short(points.class_names)
        else [f"{i} {name}" for i, name in enumerate(points.class_names)]
    )
    for axes, title, handles in (
        (by_class, "class", dots(names, class_colours, "o" * len(names))),
        (by_group, "group", dots(points.group_names, group_colours, _markers(len(points.group_names)))),
    ):
        axes.legend(
            handles=handles,
            ncols=1 + len(handles) // 16,
            title=title,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize=9,
        )


def _marker(group: int) -> str:
    return _MARKERS[group % len(_MARKERS)]


def _markers(count: int) -> list[str]:
    return [_marker(group) for group in range(count)]
