"""How well clusters match the true classes: ACC, NMI, ARI.

Each metric comes twice: ``NAME(y_true, labels)``, and ``NAME_of(counts)`` for a contingency array that exists.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.contingency import contingency
from bench.metrics.entropy import entropy_of_counts

__all__ = ["accuracy", "accuracy_of", "ari", "ari_of", "nmi", "nmi_of"]


def accuracy(y_true: ArrayLike, labels: ArrayLike) -> float:
    """Clustering accuracy (ACC): the share of samples that the best matching of clusters to classes gets right.

    ``ACC = max_m (1 / n) sum_i [y_i = m(c_i)]`` over all one-to-one maps m of clusters to classes, found by the
    Hungarian method [1]_. A cluster or class left without a partner counts as errors.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True classes, any values.
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.

    Returns
    -------
    float
        In (0, 1]; higher is better. Independent of how clusters and classes are numbered.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] H. W. Kuhn. The Hungarian method for the assignment problem. Naval Research Logistics Quarterly 2
       (1955). DOI 10.1002/nav.3800020109.

    Examples
    --------
    Splitting a class costs accuracy, unlike purity, which would be 1 here.

    >>> from bench.metrics import accuracy
    >>> accuracy([0, 0, 1, 1], [0, 0, 1, 2])
    0.75
    """
    return accuracy_of(contingency(y_true, labels, None))


def accuracy_of(counts: NDArray[np.int64]) -> float:
    """ACC of a contingency array; see :func:`accuracy`."""
    # SciPy's optimisers take a third of a second to import, which table headers need not wait for.
    from scipy.optimize import linear_sum_assignment

    overlap = _classes_by_clusters(counts)
    # The matching of a rectangular table leaves the surplus side unmatched: padding with zeros in effect.
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return float(overlap[rows, columns].sum() / overlap.sum())


def nmi(y_true: ArrayLike, labels: ArrayLike) -> float:
    """Mutual information of classes and clusters, normalised by the arithmetic mean of their entropies (NMI).

    ``NMI = I(Y; C) / ((H(Y) + H(C)) / 2)`` [1]_, as the official codes of FCMI and DFC compute it. The geometric
    mean of older code bases scores higher by several points where a method collapses to few clusters.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True classes, any values.
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.

    Returns
    -------
    float
        In [0, 1]; higher is better. 0 where all samples share one class or one cluster.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] N. X. Vinh, J. Epps, J. Bailey. Information theoretic measures for clusterings comparison. JMLR 11
       (2010) 2837-2854, Table 2: NMI_sum.

    Examples
    --------
    Two trivial partitions agree, but tell nothing: 0, where scikit-learn returns 1.

    >>> from bench.metrics import nmi
    >>> nmi([7, 7, 7], [0, 0, 0])
    0.0
    >>> nmi(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    return nmi_of(contingency(y_true, labels, None))


def nmi_of(counts: NDArray[np.int64]) -> float:
    """NMI of a contingency array; see :func:`nmi`."""
    overlap = _classes_by_clusters(counts)
    n, class_sizes, cluster_sizes = overlap.sum(), overlap.sum(axis=1), overlap.sum(axis=0)
    class_entropy, cluster_entropy = float(entropy_of_counts(class_sizes)), float(entropy_of_counts(cluster_sizes))
    if class_entropy == 0 or cluster_entropy == 0:
        return 0.0
    y, k = np.nonzero(overlap)
    # Whole numbers up to the division: the ratio, so the information, is exact for independent partitions.
    ratios = (n * overlap[y, k]) / (class_sizes[y] * cluster_sizes[k])
    information = float((overlap[y, k] / n * np.log(ratios)).sum())
    return min(max(information / ((class_entropy + cluster_entropy) / 2), 0.0), 1.0)


def ari(y_true: ArrayLike, labels: ArrayLike) -> float:
    """Adjusted Rand index (ARI): agreement on pairs of samples, corrected for chance.

    ``ARI = (R - E[R]) / (max R - E[R])`` with R the number of pairs that share both class and cluster, and E[R]
    its mean over random partitions with the same sizes [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True classes, any values.
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.

    Returns
    -------
    float
        In [-0.5, 1]; higher is better, 0 is chance. 1 for equal partitions, trivial ones included.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] L. Hubert, P. Arabie. Comparing partitions. Journal of Classification 2 (1985) 193-218.
       DOI 10.1007/BF01908075.

    Examples
    --------
    Worse than chance is below zero.

    >>> from bench.metrics import ari
    >>> ari([0, 0, 1, 1], [0, 1, 0, 1])
    -0.5
    """
    return ari_of(contingency(y_true, labels, None))


def ari_of(counts: NDArray[np.int64]) -> float:
    """ARI of a contingency array; see :func:`ari`."""
    overlap = _classes_by_clusters(counts)
    # Python's integers: products of pair counts leave 64 bits from some 80,000 samples on.
    together = _pairs(overlap)
    in_class, in_cluster = _pairs(overlap.sum(axis=1)), _pairs(overlap.sum(axis=0))
    every = _pairs(overlap.sum(keepdims=True))
    span = (in_class + in_cluster) * every - 2 * in_class * in_cluster
    return 1.0 if span == 0 else 2 * (together * every - in_class * in_cluster) / span


def _classes_by_clusters(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    overlap: NDArray[np.int64] = counts.sum(axis=2)
    return overlap[:, overlap.any(axis=0)]


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())
