"""Laplacians of a weighted graph as operators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["Laplacian"]

Floats = NDArray[np.float64]


class Laplacian:
    """L = D - W, or D^-1/2 L D^-1/2, on a symmetric graph.

    An isolated vertex has degree 1, as with an edge to itself: L stays as it is, and D can be inverted.

    Parameters
    ----------
    graph : csr_matrix of shape (n, n)
        W: symmetric, not negative.
    normalised : bool
        Which of the two.

    Attributes
    ----------
    degrees : ndarray of shape (n,)
        Diagonal of D.
    bound : float
        No eigenvalue is above it.
    """

    def __init__(self, graph: csr_matrix, *, normalised: bool) -> None:
        self.graph = graph
        self.normalised = normalised
        self.sums: Floats = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
        self.degrees: Floats = np.where(self.sums > 0, self.sums, 1.0)
        self.scale: Floats = 1 / np.sqrt(self.degrees) if normalised else np.ones(len(self.sums))
        self.bound = 2.0 if normalised else self._largest_pair()

    def __matmul__(self, vectors: Floats) -> Floats:
        """Product with (n, b) vectors."""
        scaled = self.scale[:, None] * vectors
        product: Floats = self.scale[:, None] * (self.sums[:, None] * scaled - self.graph @ scaled)
        return product

    def dense(self) -> Floats:
        """L itself, not normalised, as an (n, n) array."""
        full: Floats = np.diag(self.sums) - self.graph.toarray()
        return full

    def _largest_pair(self) -> float:
        """Largest sum of the degrees of two neighbours (Anderson and Morley 1985)."""
        start = np.repeat(self.sums, np.diff(self.graph.indptr))
        return float((start + self.sums[self.graph.indices]).max(initial=1.0))
