"""Group parity as a linear constraint on an embedding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FairSpace", "constraint_matrix"]

Floats = NDArray[np.float64]


def constraint_matrix(groups: NDArray[np.int64]) -> Floats:
    """F with a column 1[i in group t] - n_t / n for every group but the last (Kleindessner et al. 2019, Lemma 1).

    A partition gives every cluster the data's group shares if and only if its indicators H satisfy F^T H = 0.

    Parameters
    ----------
    groups : ndarray of shape (n,), int64
        Group ids 0 .. T - 1, none of them empty.

    Returns
    -------
    ndarray of shape (n, T - 1), float64
        Of full column rank; columns sum to 0.
    """
    n_groups = int(groups.max()) + 1
    member = groups[:, None] == np.arange(n_groups - 1)
    matrix: Floats = member - member.mean(axis=0)
    return matrix


class FairSpace:
    """Orthogonal complement of the columns of a matrix.

    Parameters
    ----------
    columns : ndarray of shape (n, m)
        Of full column rank, m < n; m = 0 leaves the whole space.
    """

    def __init__(self, columns: Floats) -> None:
        # Q of the factorisation in place of columns (columns^T columns)^-1 columns^T: no inverse in any product.
        self.outside: Floats = np.linalg.qr(columns)[0]
        self.dimension = columns.shape[0] - columns.shape[1]

    def project(self, vectors: Floats) -> Floats:
        """Nearest vectors of the space, (n, b)."""
        nearest: Floats = vectors - self.outside @ (self.outside.T @ vectors)
        return nearest
