"""The steps from counts of molecules to what a network or k-means takes, each a function of its own.

Counts stay sparse until the genes are chosen. No step looks at the classes or at the sensitive attribute: choosing
genes within each batch, for example, would already correct for the batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = [
    "TARGET_SUM",
    "bounded",
    "dispersion_rank",
    "library_size",
    "most_variable",
    "principal_components",
    "with_data",
    "z_scores",
]

TARGET_SUM = 10_000.0
N_BINS = 20
Z_LIMIT = 10.0
_BLOCK = 4096


def library_size(counts: csr_array, totals: NDArray[np.float64]) -> csr_array:
    """Counts out of 10,000: ``1e4 * x / total`` of the cell.

    Parameters
    ----------
    counts : csr_array of shape (n, genes)
        Counts, cells by genes.
    totals : ndarray of shape (n,), float64
        Counts of each cell over all genes that were measured, positive.

    Returns
    -------
    csr_array of shape (n, genes), float32
    """
    factors = np.repeat(TARGET_SUM / totals, np.diff(counts.indptr))
    return with_data(counts, counts.data * factors)


def with_data(values: csr_array, data: NDArray[np.floating]) -> csr_array:
    """`values` with other numbers at the same places, as float32."""
    return csr_array((data.astype(np.float32), values.indices, values.indptr), shape=values.shape)


def dispersion_rank(expression: csr_array) -> NDArray[np.int64]:
    """Rank genes by how much they vary for their mean, all cells pooled.

    The normalised dispersion of Satija et al., "Spatial reconstruction of single-cell gene expression data", Nature
    Biotechnology 33, 2015, doi:10.1038/nbt.3192 (the "seurat" flavour of later tools): ``ln(variance / mean)`` of
    each gene, as a z-score among the genes of its bin; 20 bins of equal width over ``ln(1 + mean)``. A gene alone in
    its bin scores 1. Genes that do not vary come last.

    Parameters
    ----------
    expression : csr_array of shape (n, genes)
        Expression on its natural scale (no logarithm taken), not negative; at least 2 cells.

    Returns
    -------
    ndarray of shape (genes,), int64
        0 for the most variable gene; ties in the order of the genes.
    """
    n = expression.shape[0]
    first = np.asarray(expression.sum(axis=0, dtype=np.float64)).ravel() / n
    second = _column_squares(expression) / n
    variance = np.maximum(second - first**2, 0.0) * n / (n - 1)
    varies = (first > 0) & (variance > 0)
    dispersion = np.log(variance[varies] / first[varies])
    scores = np.full(first.shape, -np.inf)
    scores[varies] = _scores_in_bins(dispersion, _bins(np.log1p(first))[varies])
    rank = np.empty(scores.shape, dtype=np.int64)
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(rank))
    return rank


def most_variable(rank: NDArray[np.integer], n_genes: int) -> NDArray[np.int64]:
    """Positions of the `n_genes` genes of lowest rank, in the order of the file; all genes where there are fewer."""
    return np.sort(np.argsort(rank, kind="stable")[:n_genes])


def z_scores(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each gene minus its mean, over its standard deviation, clipped to [-10, 10]; genes that do not vary become 0."""
    mean = X.mean(axis=0, dtype=np.float64)
    deviation = X.std(axis=0, dtype=np.float64, ddof=1)
    deviation[deviation == 0] = 1.0
    scaled: NDArray[np.float32] = np.clip((X - mean) / deviation, -Z_LIMIT, Z_LIMIT).astype(np.float32)
    return scaled


def principal_components(X: NDArray[np.float32], n_components: int) -> NDArray[np.float32]:
    """The first principal components; signs fixed, and the seed of the randomised decomposition too."""
    from sklearn.decomposition import PCA

    components: NDArray[np.float32] = PCA(n_components, random_state=0).fit_transform(X)
    return components


def bounded(X: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    """Bring all entries into [-1, 1] by one function of one number, the same for every gene.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
        Samples; overwritten. Not all entries are equal.
    how : {"tanh", "minmax"}
        ``tanh((x - m) / s)`` with m and s the mean and standard deviation of all entries, or
        ``2 (x - min) / (max - min) - 1`` over all entries, which leaves k-means as it was.

    Returns
    -------
    ndarray of shape (n, d), float32
        `X` itself.
    """
    if how == "tanh":
        centre, width = X.mean(dtype=np.float64), X.std(dtype=np.float64)
    else:
        low, high = np.float64(X.min()), np.float64(X.max())
        centre, width = (low + high) / 2, (high - low) / 2
    # Sums differ in their last bits between machines, these two numbers and hence the data's hash do not.
    centre, width = np.float64(np.float32(centre)), np.float64(np.float32(width))
    for start in range(0, len(X), _BLOCK):
        block = (X[start : start + _BLOCK] - centre) / width
        X[start : start + _BLOCK] = np.tanh(block) if how == "tanh" else np.clip(block, -1.0, 1.0)
    return X


def _column_squares(values: csr_array) -> NDArray[np.float64]:
    squares = csr_array((values.data.astype(np.float64) ** 2, values.indices, values.indptr), shape=values.shape)
    return np.asarray(squares.sum(axis=0)).ravel()


def _bins(means: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.linspace(means.min(), means.max(), N_BINS + 1)
    return np.clip(np.searchsorted(edges, means, side="left") - 1, 0, N_BINS - 1)


def _scores_in_bins(dispersion: NDArray[np.float64], bins: NDArray[np.int64]) -> NDArray[np.float64]:
    scores = np.zeros(dispersion.shape)
    for index in np.unique(bins):
        inside = bins == index
        found = dispersion[inside]
        deviation = found.std(ddof=1) if len(found) > 1 else 0.0
        if len(found) == 1:
            scores[inside] = 1.0
        elif deviation > 0:
            scores[inside] = (found - found.mean()) / deviation
    return scores
