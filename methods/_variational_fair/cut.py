"""Clustering cost of a graph: the normalised cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["NormalisedCutCost"]

Floats = NDArray[np.float64]


class NormalisedCutCost:
    """(n / k) times the normalised cut, k - sum_k S_k^T W S_k / d^T S_k, with d the degrees.

    The factor, our choice, makes costs per point as large as those of k-means on the sphere, so that the same scale
    of lambda and L serves both. Where W is positive semi-definite the cost lies below its tangent (kernel cut bound
    of Ziko et al. 2021); a graph of neighbours is not, and then a larger L has to make up for it.

    Parameters
    ----------
    graph : csr_matrix of shape (n, n)
        Symmetric weights, at least 0. A point without an edge gets one to itself.
    n_clusters : int
        k.
    """

    def __init__(self, graph: csr_matrix, n_clusters: int) -> None:
        self._graph = graph
        self._scale = graph.shape[0] / n_clusters
        degrees: Floats = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
        self._loops = np.where(degrees > 0, 0.0, 1.0)
        self._degrees: Floats = degrees + self._loops
        self._last: tuple[Floats, Floats] | None = None

    def move(self, memberships: Floats) -> None:
        """A graph has no centres."""

    def costs(self, memberships: Floats) -> Floats:
        """Slope of the cost at `memberships` (k, n), up to a constant.

        d_i z_k - 2 (W S_k)_i / d^T S_k, with z_k = S_k^T W S_k / (d^T S_k)².
        """
        inside, volumes, associations = self._sums(memberships)
        slope = inside * (-2 / volumes)[:, None]
        # Not over the square of a volume, which underflows for a cluster that nobody is in.
        slope += (associations / volumes / volumes)[:, None] * self._degrees
        # Now a . S is minus the associations over volumes: k / n a point makes it the cut.
        slope += len(volumes) / memberships.shape[1]
        slope *= self._scale
        return slope

    def value(self, memberships: Floats) -> float:
        """(n / k) times the normalised cut."""
        _, volumes, associations = self._sums(memberships)
        return self._scale * float(len(volumes) - (associations / volumes).sum())

    def _sums(self, memberships: Floats) -> tuple[Floats, Floats, Floats]:
        """W S, d^T S and S^T W S of every cluster."""
        inside = self._inside(memberships)
        return inside, memberships @ self._degrees, np.einsum("kn,kn->k", inside, memberships)

    def _inside(self, memberships: Floats) -> Floats:
        # A state is asked for its value, then for its slope: one product serves both.
        if self._last is None or self._last[0] is not memberships:
            product = self._graph @ np.ascontiguousarray(memberships.T)
            inside: Floats = np.ascontiguousarray(product.T)
            self._last = memberships, inside + self._loops * memberships
        return self._last[1]
