"""Which groups the samples of every cluster belong to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError
from bench.reporting.canvas import GROUP_COLOURS, new_figure, plain_text, write_figure
from bench.reporting.cards import draw_map, draw_shares, short_name
from bench.reporting.plots.style import set_head

__all__ = ["Clustering", "composition_figure"]

_WIDTH, _INCH_A_BAR, _INCH_AROUND = 5.2, 0.27, 1.7
_INCH_A_GROUP = 0.24
# Points.
_ABOVE_LEGEND = 24


class Clustering(NamedTuple):
    """One panel of :func:`composition_figure`.

    Parameters
    ----------
    title : str
        Head of the panel, such as the method's title.
    labels : ndarray of shape (n,), int
        Clusters.
    """

    title: str
    labels: NDArray[np.int64]


def composition_figure(
    panels: Sequence[Clustering],
    sensitive: NDArray[np.int64],
    out: Path,
    *,
    group_names: Sequence[str],
    subject: str,
    budget: str,
) -> tuple[Path, ...]:
    """Draw the groups of every cluster, a panel for every clustering of the same samples.

    Up to six groups are drawn as shares of every cluster beside their shares of the data, which is what a fair cluster
    has; more as a map of counts. Clusters are in the order of their sizes, empty ones are left out.

    Parameters
    ----------
    panels : sequence of Clustering
        What to draw.
    sensitive : ndarray of shape (n,), int
        Group of every sample, positions in `group_names`.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    group_names : sequence of str
        Names of the groups.
    subject, budget : str
        Head of the figure: what it shows, and how it was run.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InvalidInputError
        Without panels, or for arrays that do not fit together or another ending.
    """
    if not panels:
        raise InvalidInputError("no clusterings to draw; give at least one")
    tables = [_table(panel.labels, sensitive, len(group_names)) for panel in panels]
    tallest = max(len(counts) for counts, _ in tables)
    mapped = len(group_names) > len(GROUP_COLOURS)
    width = max(_WIDTH, _INCH_A_GROUP * len(group_names)) if mapped else _WIDTH
    figure = new_figure(width * len(panels), _INCH_A_BAR * (tallest + 1) + _INCH_AROUND)
    draw_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    names = [short_name(name) for name in group_names]
    for axes, panel, (counts, clusters) in zip(draw_axes, panels, tables, strict=True):
        rows = [f"cluster {cluster}" for cluster in clusters]
        if mapped:
            draw_map(axes, counts, rows, names)
        else:
            draw_shares(axes, counts, rows, names, of="cluster")
        axes.set_title(plain_text(panel.title), fontsize=10, pad=None if mapped else _ABOVE_LEGEND)
    set_head(figure, subject, budget)
    return write_figure(figure, out)


def _table(
    labels: NDArray[np.int64], sensitive: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.int64], list[int]]:
    """Samples (clusters, groups) of the clusters in use, largest first, and their ids."""
    if labels.shape != sensitive.shape or sensitive.min() < 0 or sensitive.max() >= n_groups:
        raise InvalidInputError(
            f"labels {labels.shape} and groups {sensitive.shape} do not fit together, or a group has no name"
        )
    counts = np.zeros((int(labels.max()) + 1, n_groups), dtype=np.int64)
    np.add.at(counts, (labels, sensitive), 1)
    sizes = counts.sum(axis=1)
    used = [int(i) for i in np.argsort(-sizes, kind="stable") if sizes[i]]
    return counts[used], used
