"""Fairlets from a hierarchically well-separated tree (Backurs et al., ICML 2019, Algorithm 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import encode, finite_samples

from .._deep.parameters import check_choice, seeds
from .fairlets import Fairlets, medoids_of
from .greedy import greedy_fairlets
from .grid import ShiftedGrid
from .ratio import Ratio, group_sizes
from .removal import removed_counts
from .segments import rank_within, starts_of

__all__ = ["ROW_ORDERS", "fairlet_decomposition", "tree_fairlets"]

ROW_ORDERS = ("shuffled", "given")
# Cells of the last level are 2^-24 of the root cell wide: what still shares one differs by float32's rounding at most.
LEVELS = 24

Ids = NDArray[np.int64]


def fairlet_decomposition(
    X: ArrayLike,
    sensitive: ArrayLike,
    p: int,
    q: int,
    *,
    random_state: int | None,
    row_order: str = "shuffled",
) -> Fairlets:
    """Decompose points of two groups into (p, q)-fairlets of small cost, in time near linear in n.

    A grid with a random shift is halved from level to level. At each node of this tree a few points leave the cells
    below it, so that what stays in every cell is balanced; those that left form fairlets with each other.

    Parameters
    ----------
    X : array-like of shape (n, d), or more axes, which are flattened
        Finite points.
    sensitive : array-like of shape (n,)
        Two distinct values.
    p, q : int
        1 <= p <= q; p/q at most the Balance of the data.
    random_state : int or None
        Seed of the grid's shift and of the order of rows.
    row_order : {"shuffled", "given"}
        Order in which the points of a cell are taken. In many dimensions nearly every point is alone in its cell
        below the root, and this order alone decides who meets whom. ``"given"`` keeps the order of `X`: sound only
        if that order means nothing.

    Returns
    -------
    Fairlets
        Every point is in one fairlet; every fairlet has Balance at least p/q and at most p + q points, where p/q is
        taken in lowest terms.

    Raises
    ------
    InvalidInputError
        Bad arrays, or a ratio that the data do not allow.
    UnsupportedInputError
        Other than two groups.

    References
    ----------
    Backurs, Indyk, Onak, Schieber, Vakilian and Wagner, "Scalable Fair Clustering", ICML 2019, arXiv:1902.03519.
    """
    points = finite_samples(X)
    points = points.reshape(len(points), -1)
    groups, _ = encode(sensitive, len(points), "sensitive")
    ratio = Ratio.checked(p, q, group_sizes(groups))
    check_choice("row_order", row_order, ROW_ORDERS)
    shift, order = (np.random.default_rng(seed) for seed in seeds(random_state, 2))
    rows = np.arange(len(points)) if row_order == "given" else order.permutation(len(points))
    grid = ShiftedGrid.around(points, shift)
    ids, root_children = tree_fairlets(points, groups, ratio, grid, rows)
    medoids, cost = medoids_of(points, ids, groups, rows)
    return Fairlets(ids, medoids, cost, ratio, root_children)


def tree_fairlets(X: NDArray[np.float32], groups: Ids, ratio: Ratio, grid: ShiftedGrid, rows: Ids) -> tuple[Ids, int]:
    """Fairlet ids, and the number of the root's children, for one given grid and order of rows.

    All nodes of a level are worked on at once. `rows` keeps the order in which points are taken.
    """
    ids = np.empty(len(rows), dtype=np.int64)
    made = 0
    root_children = 1
    nodes = np.zeros(len(rows), dtype=np.int64)
    for level in range(1, LEVELS + 1):
        children, parent = _split(nodes, grid.children(X, rows, level)) if grid.side > 0 else (nodes, nodes[:1])
        if level == 1:
            root_children = len(parent)
        counts = np.bincount(2 * children + groups[rows], minlength=2 * len(parent)).reshape(-1, 2)
        leaving = removed_counts(counts, parent, ratio)
        stays = rank_within(2 * children + groups[rows]) >= leaving[children, groups[rows]]
        # One point of a colour is a fairlet's worth: nothing below can be split.
        open_ = stays & ((counts - leaving).min(axis=1) > 1)[children] & (level < LEVELS) & (grid.side > 0)
        # Sets that end here: what leaves a node, and children that stay whole.
        ends = np.where(stays, len(parent) + children, parent[children])[~open_]
        found, count = greedy_fairlets(ends, groups[rows[~open_]], ratio)
        ids[rows[~open_]] = made + found
        made += count
        rows = rows[open_]
        nodes = _renumber(children[open_])
        if not len(rows):
            break
    return ids, root_children


def _split(nodes: Ids, keys: NDArray[np.uint64]) -> tuple[Ids, Ids]:
    """Child of every point, numbered so that those of one node follow each other, and the node of every child."""
    order = np.lexsort((keys, nodes))
    first = starts_of(nodes[order]) | np.r_[True, keys[order][1:] != keys[order][:-1]]
    children = np.empty(len(nodes), dtype=np.int64)
    children[order] = np.cumsum(first) - 1
    return children, nodes[order][first]


def _renumber(nodes: Ids) -> Ids:
    """Ids 0 .. m - 1 in the same order."""
    renumbered: Ids = np.unique(nodes, return_inverse=True)[1].astype(np.int64)
    return renumbered
