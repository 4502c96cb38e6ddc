"""The picture of a data set's card: classes by groups, and samples where they are images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.data.card import class_by_group
from bench.data.prepared import Prepared
from bench.reporting.canvas import GROUP_COLOURS, new_figure, plain_text, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["card_figure", "draw_map", "draw_shares", "image_tile", "short_name"]

_WIDTH = 7.5
_INCH_A_BAR, _INCH_AROUND = 0.27, 1.5
# More of them would be a grey field.
_MOST_CLASSES, _MOST_COLUMNS, _MOST_ROWS = 60, 12, 4
_MOST_NAMED, _MOST_DIGITS = 40, 100
_LONGEST_LEGEND = 60
_LONGEST_NAME = 24


def card_figure(data: Prepared, path: Path, *, title: str) -> Path:
    """Draw classes by groups, and below them samples where they are images.

    Up to six groups are drawn as shares of every class, more as a map of the counts. Of images, one or two of every
    class and group are shown, drawn once; no more than twelve classes and four groups.

    Parameters
    ----------
    data : Prepared
        What to draw.
    path : Path
        Where to; the ending, ``.png`` or ``.pdf``, decides the format.
    title : str
        Head of the figure.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InvalidInputError
        For another ending.
    BenchError
        If matplotlib is not installed or the file cannot be written.
    """
    counts = class_by_group(data)[:_MOST_CLASSES]
    names = [short_name(name) for name in data.facts["class_names"][:_MOST_CLASSES]] or ["all"]
    groups = [short_name(name) for name in data.facts["group_names"]]
    images = _sample(data) if data.facts["shape"][2:] else None
    heights = [_INCH_A_BAR * (len(counts) + 1) + _INCH_AROUND]
    if images is not None:
        heights.append(_WIDTH * images.shape[0] / images.shape[1] + 0.3)
    figure = new_figure(_WIDTH, sum(heights))
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    draw = draw_shares if len(groups) <= len(GROUP_COLOURS) else draw_map
    draw(axes[0], counts, names, groups)
    figure.suptitle(f"{plain_text(title)}{_left_out(data)}", fontsize=12)
    figure.supxlabel(plain_text(fill(data.note, 110)), fontsize=7, color="#555555")
    if images is not None:
        _draw_images(axes[1], images, names[:_MOST_COLUMNS], groups[:_MOST_ROWS])
    return save_figure(figure, path)


def draw_shares(
    axes: Axes, counts: NDArray[np.int64], names: Sequence[str], groups: Sequence[str], *, of: str = "class"
) -> None:
    """One bar a row of `counts` (rows, groups), and one for all samples, whose shares go on as lines through the rest.

    For up to six groups; `of` says what a row is.
    """
    rows = np.vstack([counts.sum(axis=0), counts]) if len(counts) > 1 else counts
    labels = ["all", *names] if len(counts) > 1 else list(names)
    shares = 100 * rows / rows.sum(axis=1, keepdims=True)
    places = np.arange(len(rows), dtype=float)
    places[1:] += 0.4
    starts = np.cumsum(shares, axis=1) - shares
    for t, group in enumerate(groups):
        axes.barh(places, shares[:, t], left=starts[:, t], height=0.8, color=GROUP_COLOURS[t], label=group)
    for edge in starts[0, 1:] if len(rows) > 1 else ():
        axes.axvline(edge, color="white", linewidth=2.2)
        axes.axvline(edge, color="black", linewidth=0.9, linestyle="--")
    for place, row in zip(places, rows, strict=True):
        axes.annotate(f"{row.sum():,}", (101, place), va="center", fontsize=8, annotation_clip=False)
    axes.set_yticks(places, labels, fontsize=8)
    axes.set(xlim=(0, 100), ylim=(places[-1] + 0.6, -0.6), xlabel=f"share of every {of}, in percent; right: samples")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    columns = len(groups) if sum(map(len, groups)) <= _LONGEST_LEGEND else 2
    axes.legend(ncols=columns, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=9)


def draw_map(axes: Axes, counts: NDArray[np.int64], names: Sequence[str], groups: Sequence[str]) -> None:
    """One field a class and group, with the count in it where there is room."""
    image = axes.imshow(counts, aspect="auto", cmap="Blues", vmin=0)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    nameable = len(groups) <= _MOST_NAMED
    axes.set_xticks(range(len(groups)) if nameable else [], groups if nameable else [], fontsize=8)
    if max(map(len, groups)) > 2:
        axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel(f"{len(groups)} groups; colour: samples")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(groups) * len(f"{counts.max():,}") > _MOST_DIGITS:
        axes.figure.colorbar(image, ax=axes, pad=0.02)
        return
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > 0.6 * counts.max() else "black"
        axes.annotate(f"{count:,}", (column, row), ha="center", va="center", fontsize=6, color=colour)


def _draw_images(axes: Axes, mosaic: NDArray[np.float32], names: Sequence[str], groups: Sequence[str]) -> None:
    axes.imshow(mosaic, interpolation="nearest")
    height, width = mosaic.shape[0] / len(groups), mosaic.shape[1] / len(names)
    axes.set_yticks([height * (t + 0.5) for t in range(len(groups))], groups, fontsize=9)
    turned = max(map(len, names)) > 8
    axes.set_xticks([width * (c + 0.5) for c in range(len(names))], names, fontsize=8, rotation=90 if turned else 0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _sample(data: Prepared) -> NDArray[np.float32]:
    """Images of every class and group as one picture (height, width, 3) in [0, 1], white where there are none."""
    X, groups, y = data.X(), data.sensitive(), data.y()
    classes = np.zeros_like(groups) if y is None else y
    columns, rows = min(int(classes.max()) + 1, _MOST_COLUMNS), min(data.n_groups, _MOST_ROWS)
    each = 2 if rows <= 2 else 1
    rng = np.random.default_rng(0)
    bands: list[NDArray[Any]] = []
    for t in range(rows):
        cells = [rng.permutation(np.flatnonzero((groups == t) & (classes == c)))[:each] for c in range(columns)]
        bands += [np.hstack([image_tile(X, cell[i : i + 1]) for cell in cells]) for i in range(each)]
    return np.vstack(bands)


def image_tile(X: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """One image in a white frame with a grey line around it, as (height, width, 3)."""
    _, channels, height, width = X.shape
    edge = max(height // 14, 2)
    tile = np.ones((height + 2 * edge, width + 2 * edge, 3), dtype=np.float32)
    if len(chosen):
        tile[edge - 1 : 1 - edge, edge - 1 : 1 - edge] = 0.75
        image = np.clip((X[chosen[0]] + 1) / 2, 0, 1)
        # One channel is grey; of more than three the first three are shown.
        tile[edge:-edge, edge:-edge] = np.moveaxis(image[:3] if channels >= 3 else image[[0, 0, 0]], 0, -1)
    return tile


def _left_out(data: Prepared) -> str:
    hidden = len(data.facts["class_names"]) - _MOST_CLASSES
    return f" (first {_MOST_CLASSES} classes)" if hidden > 0 else ""


def short_name(name: str) -> str:
    """`name` with at most 24 letters, for the edge of a figure."""
    return plain_text(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")
