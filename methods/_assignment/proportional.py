"""The most probable clusters among those that hold the same shares of all groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .quotas import fair_quotas
from .transport import transport

__all__ = ["ProportionalAssignment", "proportional_assignment"]


@dataclass(frozen=True, eq=False)
class ProportionalAssignment:
    """Result of :func:`proportional_assignment`.

    Attributes
    ----------
    labels : ndarray of shape (n,), int64
        Clusters.
    quotas : ndarray of shape (K, T), int64
        Samples of every group in every cluster.
    objective : float
        Σ_i y_i,labels[i], the probability kept.
    """

    labels: NDArray[np.int64]
    quotas: NDArray[np.int64]
    objective: float


def proportional_assignment(soft: NDArray[np.float64], groups: NDArray[np.int64]) -> ProportionalAssignment:
    """Maximise Σ_i Σ_k ŷ_ik y_ik over hard assignments ŷ whose clusters have the sizes and shares that y asks for.

    Cluster k keeps n_k, the number of samples whose largest entry it is, and takes N_t / N of them from group t: the
    integer program of Zhang and Davidson 2021. The paper leaves open how n_k N_t / N becomes a whole number; here
    :func:`fair_quotas` decides. Given these counts the groups do not touch, and each is a transportation problem.

    Parameters
    ----------
    soft : ndarray of shape (n, K), float64
        Soft assignments y. Doubles tell apart the samples that are almost certain.
    groups : ndarray of shape (n,), int64
        Group ids 0 .. T - 1, each at least once.

    Returns
    -------
    ProportionalAssignment

    References
    ----------
    Zhang and Davidson, "Deep Fair Discriminative Clustering", 2021, arXiv:2105.14146.
    """
    sizes = np.bincount(soft.argmax(axis=1), minlength=soft.shape[1])
    quotas = fair_quotas(sizes, np.bincount(groups))
    labels = np.empty(len(soft), dtype=np.int64)
    for t, counts in enumerate(quotas.T):
        rows = np.flatnonzero(groups == t)
        labels[rows] = transport(-soft[rows], counts).labels
    return ProportionalAssignment(labels, quotas, float(soft[np.arange(len(soft)), labels].sum()))
