"""Fair spectral embedding in a dense basis of the null space: the published algorithms, O(n³)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr

from .laplacian import Laplacian

__all__ = ["null_space_embedding"]

Floats = NDArray[np.float64]


def null_space_embedding(laplacian: Laplacian, constraint: Floats, n_vectors: int) -> tuple[Floats, Floats]:
    """Minimise Tr(H^T L H) subject to F^T H = 0 and H^T H = I, or H^T D H = I (Kleindessner et al. 2019, Alg. 2 and 3).

    With Z an orthonormal basis of the null space of F^T, H = Z Y, where Y has the eigenvectors of Z^T L Z. The
    normalised form solves Z^T L Z y = value Z^T D Z y, which gives the paper's Z Q^-1 Y, Q = (Z^T D Z)^1/2, without
    the square root.

    Parameters
    ----------
    laplacian : Laplacian
        Normalised or not, which decides the constraint on H.
    constraint : ndarray of shape (n, m)
        F, of full column rank.
    n_vectors : int
        Columns of H, at most n - m.

    Returns
    -------
    values : ndarray of shape (n_vectors,)
        Eigenvalues, ascending.
    embedding : ndarray of shape (n, n_vectors)
        H.
    """
    basis = qr(constraint)[0][:, constraint.shape[1] :] if constraint.shape[1] else np.eye(len(constraint))
    inner = basis.T @ laplacian.dense() @ basis
    metric = basis.T @ (laplacian.degrees[:, None] * basis) if laplacian.normalised else None
    values, coordinates = eigh(inner, metric, subset_by_index=(0, n_vectors - 1))
    return values, basis @ coordinates
