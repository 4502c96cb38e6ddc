"""Which points leave the cells below a node (Backurs et al., ICML 2019, Section 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ratio import Ratio
from .segments import running_total

__all__ = ["removed_counts"]

Counts = NDArray[np.int64]


def removed_counts(counts: Counts, parent: Counts, ratio: Ratio) -> Counts:
    """Points of each colour that leave each child, so that what stays and what leaves a node are both balanced.

    Parameters
    ----------
    counts : ndarray of shape (c, 2), int64
        Points of each colour in each child. Together the children of a node are balanced.
    parent : ndarray of shape (c,), int64
        Node of each child: 0 .. m - 1, sorted, every one present.
    ratio : Ratio
        p:q.

    Returns
    -------
    ndarray of shape (c, 2), int64
        Few, though not always the fewest possible.
    """
    removed = counts - np.minimum(counts, ratio.most(counts[:, ::-1]))
    totals = _totals(removed, parent)
    lacking = ratio.least(totals[:, ::-1]) - totals
    if (lacking <= 0).all():
        return removed
    rows, colour = np.arange(len(counts)), lacking.argmax(axis=1)[parent]
    kept = counts - removed
    lent = _spare_points(kept[rows, colour], kept[rows, 1 - colour], lacking.max(axis=1), parent, ratio)
    removed[rows, colour] += lent
    kept[rows, colour] -= lent
    totals = _totals(removed, parent)
    nodes = np.arange(len(totals))
    short = lacking.argmax(axis=1)
    wanted = ratio.p * totals[nodes, 1 - short] - ratio.q * totals[nodes, short]
    broken = _broken_fairlets(kept[rows, colour], kept[rows, 1 - colour], wanted, parent, ratio)
    removed[rows, colour] += broken[0]
    removed[rows, 1 - colour] += broken[1]
    return removed


def _spare_points(own: Counts, other: Counts, lacking: Counts, parent: Counts, ratio: Ratio) -> Counts:
    """Points of the colour that the node lacks which children can give away alone."""
    spare = own - ratio.least(other)
    lent: Counts = np.clip(lacking[parent] - running_total(spare, parent), 0, spare)
    return lent


def _broken_fairlets(own: Counts, other: Counts, wanted: Counts, parent: Counts, ratio: Ratio) -> tuple[Counts, Counts]:
    """Last resort: what children hold beyond whole p:q fairlets, best gain a point first, until nothing is wanted.

    A node that still wants something has taken all spare points, so each of its children holds
    own = ceil(other p / q). Without its remainder q own - p other is 0, which is why this always suffices.
    """
    rest_other = np.where(wanted[parent] > 0, other % ratio.q, 0)
    rest_own = ratio.least(rest_other)
    gain = ratio.q * rest_own - ratio.p * rest_other
    order = np.lexsort((-gain / np.maximum(rest_own + rest_other, 1), parent))
    taken = np.empty(len(own), dtype=bool)
    taken[order] = running_total(gain[order], parent) < wanted[parent]
    return np.where(taken, rest_own, 0), np.where(taken, rest_other, 0)


def _totals(counts: Counts, parent: Counts) -> Counts:
    return np.stack([np.bincount(parent, counts[:, colour]) for colour in (0, 1)], axis=1).astype(np.int64)
