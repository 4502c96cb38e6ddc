"""How evenly groups share the clusters: Balance, share, MNCE, entropy.

Each metric comes twice: ``NAME(labels, sensitive)``, and ``NAME_of(counts)`` for a contingency array that exists.
Empty clusters are left out, and counts are used as they are: the small constants that the official codes add to
counts of zero only keep their divisions and logarithms defined.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.metrics.contingency import contingency
from bench.metrics.entropy import entropy_of_counts

__all__ = [
    "balance",
    "balance_of",
    "group_entropy",
    "group_entropy_nats",
    "group_entropy_nats_of",
    "group_entropy_of",
    "mnce",
    "mnce_of",
    "share",
    "share_of",
]


def balance(labels: ArrayLike, sensitive: ArrayLike) -> float:
    """Balance (Bal): the ratio of the smallest group to the largest in the least balanced cluster.

    ``Bal = min_k (min_t n_kt / max_t n_kt)``, with n_kt samples of group t in cluster k, over non-empty clusters
    and all groups of the data: the definition of [1]_ for two groups, and its extension to any number that the
    FCMI paper [2]_ uses. It cannot exceed the ratio of the smallest group of the data to the largest.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.

    Returns
    -------
    float
        In [0, 1]; higher is fairer. 0 where a cluster lacks a group, 1 for data with one group only.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] F. Chierichetti, R. Kumar, S. Lattanzi, S. Vassilvitskii. Fair clustering through fairlets.
       NeurIPS 2017. arXiv:1802.05733.
    .. [2] P. Zeng et al. Deep fair clustering via maximizing and minimizing mutual information. CVPR 2023,
       Section 3.4. DOI 10.48550/arXiv.2209.12396.

    Examples
    --------
    Cluster 0 is empty and does not count. Only the extremes do: the paper's 3, 4, 18, 20 gives 3 / 20.

    >>> from bench.metrics import balance
    >>> balance([1] * 45, [0] * 3 + [1] * 4 + [2] * 18 + [3] * 20)
    0.15
    """
    return balance_of(contingency(None, labels, sensitive))


def balance_of(counts: NDArray[np.int64]) -> float:
    """Balance of a contingency array; see :func:`balance`."""
    table = _clusters_by_groups(counts)
    return float((table.min(axis=1) / table.max(axis=1)).min())


def share(labels: ArrayLike, sensitive: ArrayLike) -> float:
    """Smallest share that any group has in any cluster: a diagnostic, not the Balance of the tables.

    ``share = min_k min_t n_kt / n_k`` over non-empty clusters: Equation 12 of the DFC reproducibility report
    [1]_, which prints it as Balance. The numbers of its tables, as DFC's own, are the ratios of :func:`balance`:
    several exceed 1/2, which a share cannot with two groups.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.

    Returns
    -------
    float
        In [0, 1/T] for T groups; higher is fairer. With two groups b / (1 + b), b the Balance.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] T. Teule, N. Reints, C. Al Gerges, P. Baanders. [Re] Deep fair clustering for visual learning.
       ReScience C (2021). DOI 10.5281/zenodo.4833547.

    Examples
    --------
    As fair as it gets with two groups:

    >>> from bench.metrics import balance, share
    >>> share([0, 0, 1, 1], ["f", "m", "f", "m"]), balance([0, 0, 1, 1], ["f", "m", "f", "m"])
    (0.5, 1.0)
    """
    return share_of(contingency(None, labels, sensitive))


def share_of(counts: NDArray[np.int64]) -> float:
    """Smallest share in a contingency array; see :func:`share`."""
    table = _clusters_by_groups(counts)
    return float((table.min(axis=1) / table.sum(axis=1)).min())


def mnce(labels: ArrayLike, sensitive: ArrayLike) -> float:
    """Minimal normalised conditional entropy (MNCE): the group entropy of the least mixed cluster.

    ``MNCE = min_k H(G | C = k) / H(G)`` over non-empty clusters: Equation 13 of the FCMI paper [1]_, without the
    1e-6 that the official code adds to every count.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.

    Returns
    -------
    float
        In [0, 1]; higher is fairer. 1 if and only if every cluster holds the groups in the proportions of the
        data, 0 if and only if a cluster holds one group alone. NaN for data with one group only.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] P. Zeng et al. Deep fair clustering via maximizing and minimizing mutual information. CVPR 2023,
       Definition 2. DOI 10.48550/arXiv.2209.12396.

    Examples
    --------
    One cluster for everything is perfectly fair. With one group there is nothing to be fair to.

    >>> from bench.metrics import mnce
    >>> mnce([0, 0, 0], ["f", "m", "m"])
    1.0
    >>> mnce([0, 0, 1], ["m", "m", "m"])
    nan
    """
    return mnce_of(contingency(None, labels, sensitive))


def mnce_of(counts: NDArray[np.int64]) -> float:
    """MNCE of a contingency array; see :func:`mnce`."""
    table = _clusters_by_groups(counts)
    overall = float(entropy_of_counts(table.sum(axis=0)))
    if overall == 0:
        return math.nan
    return min(float(entropy_of_counts(table).min()) / overall, 1.0)


def group_entropy(labels: ArrayLike, sensitive: ArrayLike, *, n_clusters: int | None = None) -> float:
    """Mean over groups of the entropy of the group's spread over the clusters, as a fraction of ln K.

    ``entropy = (1 / T) sum_t E_t / ln K``, with E_t of :func:`group_entropy_nats` and K the number of clusters
    that were asked for. DFC and its report print the E_t themselves, in nats.

    It measures spread more than fairness: 1 means that every group is spread evenly over all K clusters, yet a
    group absent from one of ten clusters costs it little, and true classes of unequal size score below 1.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.
    n_clusters : int, optional
        K. Defaults to the largest label + 1; the number of clusters in use where that is more.

    Returns
    -------
    float
        In [0, 1]; higher is more even. 0 where there is only one cluster.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    Examples
    --------
    Group "b" is missing from the last of ten clusters: Balance and MNCE are 0, the entropy hardly moves.

    >>> from bench.metrics import balance, group_entropy
    >>> labels, sensitive = [*range(10), *range(9)], ["a"] * 10 + ["b"] * 9
    >>> round(group_entropy(labels, sensitive), 3), balance(labels, sensitive)
    (0.977, 0.0)
    """
    counts = contingency(None, labels, sensitive, n_clusters=n_clusters)
    return group_entropy_of(counts, counts.shape[1] if n_clusters is None else n_clusters)


def group_entropy_of(counts: NDArray[np.int64], n_clusters: int) -> float:
    """Entropy of a contingency array as a fraction of ln `n_clusters`; see :func:`group_entropy`."""
    k = max(n_clusters, len(_clusters_by_groups(counts)))
    return 0.0 if k == 1 else min(float(group_entropy_nats_of(counts).mean()) / math.log(k), 1.0)


def group_entropy_nats(labels: ArrayLike, sensitive: ArrayLike) -> NDArray[np.float64]:
    """Entropy, in nats, of each group's spread over the clusters: the pair that DFC's tables print.

    ``E_t = -sum_k q_kt ln q_kt`` with q_kt = n_kt / N_t, the share of group t that is in cluster k. The official
    code adds 1e-5 inside the logarithm, which moves it by at most K times 1e-5. Equation 13 of the report
    [1]_ prints the shares n_kt / n_k instead; its tables hold what is computed here.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.

    Returns
    -------
    ndarray of shape (T,), float64
        By group, in sorted order of the groups; in [0, ln K] for K clusters.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    References
    ----------
    .. [1] T. Teule, N. Reints, C. Al Gerges, P. Baanders. [Re] Deep fair clustering for visual learning.
       ReScience C (2021). DOI 10.5281/zenodo.4833547.

    Examples
    --------
    Group "a" sits in one cluster, group "b" is spread over two: ln 2.

    >>> from bench.metrics import group_entropy_nats
    >>> group_entropy_nats([0, 0, 0, 1], ["a", "a", "b", "b"]).round(4)
    array([0.    , 0.6931])
    """
    return group_entropy_nats_of(contingency(None, labels, sensitive))


def group_entropy_nats_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each group in a contingency array; see :func:`group_entropy_nats`."""
    return entropy_of_counts(_clusters_by_groups(counts).T)


def _clusters_by_groups(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    table: NDArray[np.int64] = counts.sum(axis=0)
    return table[table.any(axis=1)]
