"""What a decomposition is, and the medoids of its fairlets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ratio import Ratio

__all__ = ["Fairlets", "medoids_of"]

BLOCK_ENTRIES = 1 << 20


@dataclass(frozen=True)
class Fairlets:
    """A partition of all points into fairlets.

    Parameters
    ----------
    ids : ndarray of shape (n,), int64
        Fairlet of every point, 0 .. m - 1.
    medoids : ndarray of shape (m,), int64
        Row of each fairlet's medoid: the member with the smallest sum of distances to the others. Equal sums go to
        the member of the lower group, then to the earlier one in the order that the rows were taken in.
    cost : float
        Sum of the distances of all points to their medoids.
    ratio : Ratio
        p:q in lowest terms. Every fairlet has Balance at least p/q and at most p + q points.
    root_children : int or None
        Cells below the root of the tree that hold points; None where no tree was used.
    """

    ids: NDArray[np.int64]
    medoids: NDArray[np.int64]
    cost: float
    ratio: Ratio
    root_children: int | None = None

    @property
    def tree_health(self) -> float | None:
        """Root children over points, in (0, 1]: above about 0.5 there is no tree, and order alone decides."""
        return None if self.root_children is None else self.root_children / len(self.ids)


def medoids_of(
    X: NDArray[np.float32], ids: NDArray[np.int64], groups: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], float]:
    """Medoid rows of all fairlets, and the sum of all distances to them.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Points.
    ids, groups : ndarray of shape (n,), int64
        Fairlet and group of every point.
    rows : ndarray of shape (n,), int64
        All rows, in the order that settles equal sums within a group.

    Returns
    -------
    medoids : ndarray of shape (m,), int64
    cost : float
    """
    members = rows[np.lexsort((groups[rows], ids[rows]))]
    sizes = np.bincount(ids)
    firsts = np.cumsum(sizes) - sizes
    medoids = np.empty(len(sizes), dtype=np.int64)
    cost = 0.0
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes == size)
        block = max(1, BLOCK_ENTRIES // (int(size) * X.shape[1]))
        for start in range(0, len(which), block):
            part = which[start : start + block]
            table = members[firsts[part, None] + np.arange(size)]
            sums = _distance_sums(X[table])
            best = sums.argmin(axis=1)
            medoids[part] = table[np.arange(len(part)), best]
            cost += float(sums.min(axis=1).sum())
    return medoids, cost


def _distance_sums(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of distances to the other members, (m, s), for `points` of shape (m, s, d)."""
    size = points.shape[1]
    distances = np.zeros((len(points), size, size))
    for i in range(size - 1):
        gaps = points[:, i + 1 :] - points[:, i, None]
        lengths = np.sqrt(np.einsum("msd,msd->ms", gaps, gaps, dtype=np.float64))
        distances[:, i, i + 1 :] = distances[:, i + 1 :, i] = lengths
    sums: NDArray[np.float64] = distances.sum(axis=2)
    return sums
