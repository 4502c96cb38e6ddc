"""The KL fairness term: how far every cluster's group proportions are from the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FairnessTerm"]

Floats = NDArray[np.float64]


class FairnessTerm:
    """Sum over clusters of KL(U || P_k), for points in order of their groups.

    U are the target proportions, here those of the data; P_k(t) = (V_t . S_k) / (1 . S_k) is the proportion of group
    t in cluster k (Ziko et al. 2021).

    Parameters
    ----------
    sizes : ndarray of shape (T,), int64
        Points of every group, each at least 1. Columns of memberships hold group 0 first, then group 1, and so on, so
        that sums over groups are sums over slices.

    Attributes
    ----------
    target : ndarray of shape (T,)
        U.
    """

    def __init__(self, sizes: NDArray[np.int64]) -> None:
        self.sizes = sizes
        self.target: Floats = sizes / sizes.sum()
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def masses(self, memberships: Floats) -> Floats:
        """V_t . S_k of every cluster and group (k, T), for `memberships` (k, n)."""
        sums: Floats = np.add.reduceat(memberships, self._starts, axis=1)
        return sums

    def error(self, masses: Floats) -> float:
        """Sum over clusters of KL(U || P_k), in nats, at least 0; 0 where every cluster has the target proportions."""
        proportions = masses / masses.sum(axis=1, keepdims=True)
        return float((self.target * np.log(self.target / proportions)).sum())

    def gradient(self, masses: Floats) -> Floats:
        """Slope b of every cluster and group (k, T): sum_t u_t / |S_k| - u_g / (V_g . S_k).

        It is the same for all points of a group, so k T numbers stand for the n k of the paper.
        """
        slope: Floats = 1 / masses.sum(axis=1, keepdims=True) - self.target / masses
        return slope

    def spread(self, per_group: Floats) -> Floats:
        """Entries (k, T) repeated for the points of each group (k, n)."""
        return np.repeat(per_group, self.sizes, axis=1)
