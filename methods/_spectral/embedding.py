"""Fair spectral embeddings, small or large, with the figures that say whether to believe them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bench.errors import InvalidInputError

from .._deep.parameters import check_at_least, check_choice, check_positive
from .constraint import FairSpace, constraint_matrix
from .exact import null_space_embedding
from .iterative import FairOperator, projected_embedding
from .laplacian import Laplacian

__all__ = ["FairEmbedding", "fair_embedding"]

EXACT_BY_DEFAULT = 1000
EXACT_LIMIT = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FairEmbedding:
    """Embedding H under F^T H = 0.

    Parameters
    ----------
    vectors : ndarray of shape (n, count)
        H. H^T H = I, or H^T D H = I in the normalised form.
    values : ndarray of shape (count,)
        Eigenvalues, ascending.
    residual : float
        Largest residual of an eigenpair within the fair space, over the bound on the spectrum: 0 is exact.
    constraint_error : float
        Largest absolute entry of F^T H.
    n_products : int
        Products of the Laplacian with a vector; 0 of the exact solver.
    """

    vectors: Floats
    values: Floats
    residual: float
    constraint_error: float
    n_products: int


def fair_embedding(
    graph: csr_matrix,
    groups: NDArray[np.int64],
    n_vectors: int,
    *,
    normalised: bool = True,
    solver: str = "auto",
    tol: float = 1e-6,
    max_iter: int = 1000,
    seed: int = 0,
) -> FairEmbedding:
    """Relaxed RatioCut, or NCut, under group parity.

    Parameters
    ----------
    graph : csr_matrix of shape (n, n)
        W: symmetric, not negative, any number of components.
    groups : ndarray of shape (n,), int64
        Group ids 0 .. T - 1, none of them empty. With one group this is the plain spectral embedding.
    n_vectors : int
        Columns wanted; fewer come where the fair space has only n - T + 1 dimensions.
    normalised : bool
        NCut in place of RatioCut.
    solver : {"auto", "exact", "iterative"}
        The dense form, O(n³) and for at most 10,000 points, or the projected operator, O(nnz + n T) a product.
        ``"auto"`` takes the first up to 1000 points; and so does ``"iterative"`` where there are hardly more points
        than vectors.
    tol : float
        Relative accuracy of the iterative solver's eigenvalues.
    max_iter : int
        Most restarts of the iterative solver.
    seed : int
        Its start vector.

    Raises
    ------
    InvalidInputError
        If a parameter is not allowed, the graph is too large for the exact solver, or the iterative one does not
        converge.

    References
    ----------
    Kleindessner, Samadi, Awasthi and Morgenstern, "Guarantees for Spectral Clustering with Fairness Constraints",
    ICML 2019, arXiv:1901.08668. Wang, Lu, Davidson and Bai, "Scalable Spectral Clustering with Group Fairness
    Constraints", AISTATS 2023, arXiv:2210.16435.
    """
    check_choice("solver", solver, ("auto", "exact", "iterative"))
    check_at_least(1, n_vectors=n_vectors, max_iter=max_iter)
    check_positive(tol=tol)
    laplacian = Laplacian(graph, normalised=normalised)
    constraint = constraint_matrix(groups)
    # With X = D^1/2 H the constraint F^T H = 0 reads C^T X = 0, C = D^-1/2 F (Wang et al. 2023, Section 4).
    space = FairSpace(laplacian.scale[:, None] * constraint)
    count = min(n_vectors, space.dimension)
    if solver == "auto":
        solver = "exact" if len(groups) <= EXACT_BY_DEFAULT else "iterative"
    operator = FairOperator(laplacian, space)
    if solver == "exact" or count >= len(groups) - 1:
        values, vectors = _exact(laplacian, constraint, count)
    else:
        values, vectors = projected_embedding(operator, count, tol=tol, max_iter=max_iter, seed=seed)
    n_products = operator.n_products
    embedding = laplacian.scale[:, None] * space.project(vectors)
    return FairEmbedding(
        vectors=embedding,
        values=values,
        residual=float(np.linalg.norm(operator @ vectors - vectors * values, axis=0).max()) / laplacian.bound,
        constraint_error=float(np.abs(constraint.T @ embedding).max(initial=0)),
        n_products=n_products,
    )


def _exact(laplacian: Laplacian, constraint: Floats, count: int) -> tuple[Floats, Floats]:
    """Null-space form, in the coordinates X = D^1/2 H of the iterative one."""
    n = len(constraint)
    if n > EXACT_LIMIT:
        raise InvalidInputError(f"solver='exact' given for {n} points; above {EXACT_LIMIT} take solver='iterative'")
    values, embedding = null_space_embedding(laplacian, constraint, count)
    return values, embedding / laplacian.scale[:, None]
