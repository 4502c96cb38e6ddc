"""Fair spectral embedding by ARPACK on a projected operator: nothing dense but a few vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from bench.errors import InvalidInputError

from .constraint import FairSpace
from .laplacian import Laplacian

__all__ = ["FairOperator", "projected_embedding"]

Floats = NDArray[np.float64]


class FairOperator(LinearOperator):
    """P L P + bound (I - P) with P the projection on the fair space (Wang et al. 2023, Section 4).

    Within the space it is P L P. Outside it is the largest eigenvalue: with P L P alone rounding errors would meet
    an eigenvalue of 0 there, and grow.

    Parameters
    ----------
    laplacian : Laplacian
        L.
    space : FairSpace
        Range of P.

    Attributes
    ----------
    n_products : int
        Products with a vector that were taken.
    """

    def __init__(self, laplacian: Laplacian, space: FairSpace) -> None:
        n = len(laplacian.sums)
        super().__init__(np.dtype(np.float64), (n, n))  # type: ignore[call-arg]
        self.laplacian = laplacian
        self.space = space
        self.n_products = 0

    def _matmat(self, vectors: Floats) -> Floats:
        self.n_products += vectors.shape[1]
        inside = self.space.project(vectors)
        image: Floats = self.space.project(self.laplacian @ inside) + self.laplacian.bound * (vectors - inside)
        return image


def projected_embedding(
    operator: FairOperator, n_vectors: int, *, tol: float, max_iter: int, seed: int
) -> tuple[Floats, Floats]:
    """Eigenvectors of the smallest eigenvalues within the fair space, in the coordinates X = D^1/2 H.

    Parameters
    ----------
    operator : FairOperator
        Of n points.
    n_vectors : int
        Columns of X, below n and at most the dimension of the fair space.
    tol : float
        Relative accuracy of the eigenvalues.
    max_iter : int
        Most restarts of the Lanczos iteration.
    seed : int
        Of the start vector.

    Returns
    -------
    values : ndarray of shape (n_vectors,)
        Eigenvalues, ascending.
    vectors : ndarray of shape (n, n_vectors)
        X.

    Raises
    ------
    InvalidInputError
        If the iteration does not converge.
    """
    n = operator.shape[0]
    start = operator.space.project(np.random.default_rng(seed).normal(size=(n, 1)))
    try:
        values, vectors = eigsh(
            operator,
            n_vectors,
            which="SA",
            v0=start.ravel(),
            ncv=min(n, max(4 * n_vectors, 20)),
            tol=tol,
            maxiter=max_iter,
        )
    except ArpackNoConvergence as error:
        raise InvalidInputError(
            f"the eigensolver found {len(error.eigenvalues)} of {n_vectors} eigenvectors within max_iter={max_iter}; "
            "raise max_iter or tol, or join more neighbours"
        ) from None
    order = np.argsort(values)
    return values[order], vectors[:, order]
