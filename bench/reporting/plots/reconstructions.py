"""Samples decoded as of their own group and as of another: Figure 4 of the FCMI paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError
from bench.reporting.canvas import new_figure, write_figure
from bench.reporting.cards import image_tile, short_name
from bench.reporting.plots.style import set_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["one_of_each", "reconstructions_figure"]

# Images (n, channels, side, side) and the group to decode each as, to images.
Decoder = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float32]]

_MOST_ROWS, _MOST_GROUPS = 10, 4
_INCH_AN_IMAGE = 0.55


def reconstructions_figure(
    images: NDArray[np.float32],
    groups: NDArray[np.int64],
    decode: Decoder,
    out: Path,
    *,
    group_names: Sequence[str],
    subject: str,
    budget: str,
) -> tuple[Path, ...]:
    """Draw images beside their reconstructions by the decoder of their own group and by that of the next one.

    A panel a group, at most four; a row a sample, at most ten a group.

    Parameters
    ----------
    images : ndarray of shape (n, channels, height, width), float32
        Samples in [-1, 1].
    groups : ndarray of shape (n,), int
        Their groups, positions in `group_names`.
    decode : callable
        Encodes images and decodes each by the branch of a group.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    group_names : sequence of str
        Names of the groups, at least two.
    subject, budget : str
        Head of the figure: what it shows, and how it was run.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InvalidInputError
        For samples that are no images, for one group, or for another ending.
    """
    if images.ndim != 4:
        raise InvalidInputError(f"samples of shape {images.shape[1:]} are no images; reconstructions are of images")
    if len(group_names) < 2:
        raise InvalidInputError("the data have one group; there is no other decoder to switch to")
    shown = range(min(len(group_names), _MOST_GROUPS))
    names = [short_name(name) for name in group_names]
    figure = new_figure(3 * _INCH_AN_IMAGE * len(shown) + 2.2, _INCH_AN_IMAGE * _MOST_ROWS + 1.5)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for group, panel in zip(shown, panels, strict=True):
        other = (group + 1) % len(group_names)
        chosen = images[groups == group][:_MOST_ROWS]
        versions = [chosen, *(decode(chosen, np.full(len(chosen), as_of)) for as_of in (group, other))]
        _draw(panel, versions, ["original", f"as {names[group]}", f"as {names[other]}"])
        panel.set_title(names[group], fontsize=10)
    set_head(figure, subject, budget)
    return write_figure(figure, out)


def one_of_each(classes: NDArray[np.int64] | None, groups: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.int64]:
    """Positions of ten samples of every group, drawn once: one of each class as far as ten go, any without classes.

    Parameters
    ----------
    classes : ndarray of shape (n,), int, or None
        Class ids.
    groups : ndarray of shape (n,), int
        Group ids.
    seed : int
        Decides the draw.

    Returns
    -------
    ndarray, int64
        Sorted by group, then by class.
    """
    order = np.random.default_rng(seed).permutation(len(groups))
    chosen: list[int] = []
    for group in np.unique(groups):
        members = order[groups[order] == group]
        if classes is None:
            chosen += members[:_MOST_ROWS].tolist()
            continue
        _, first = np.unique(classes[members], return_index=True)
        chosen += members[first[:_MOST_ROWS]].tolist()
    return np.array(chosen, dtype=np.int64)


def _draw(panel: Axes, versions: Sequence[NDArray[np.float32]], names: Sequence[str]) -> None:
    rows = range(len(versions[0]))
    mosaic = np.vstack([np.hstack([image_tile(images, np.array([row])) for images in versions]) for row in rows])
    panel.imshow(mosaic, interpolation="nearest")
    width = mosaic.shape[1] / len(versions)
    panel.set_xticks([width * (i + 0.5) for i in range(len(names))], names, fontsize=9, rotation=30, ha="left")
    panel.xaxis.tick_top()
    panel.set_yticks([])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
