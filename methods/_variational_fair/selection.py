"""The choice of lambda, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics import balance

from .bound import State

__all__ = ["Trial", "choose", "trial_of"]


@dataclass(frozen=True, eq=False)
class Trial:
    """What one lambda led to.

    Attributes
    ----------
    weight : float
        Lambda.
    labels : ndarray of shape (n,), int64
        Most likely cluster of every point.
    memberships : ndarray of shape (n, k)
        Soft assignment.
    balance : float
        Balance of `labels`, in [0, 1].
    used_clusters, smallest_cluster : int
        Clusters that have points, and the points of the smallest of them.
    energy, clustering_cost, fairness_error : float
        Of the soft assignment.
    """

    weight: float
    labels: NDArray[np.int64]
    memberships: NDArray[np.float64]
    balance: float
    used_clusters: int
    smallest_cluster: int
    energy: float
    clustering_cost: float
    fairness_error: float


def trial_of(state: State, groups: NDArray[np.int64], order: NDArray[np.int64], weight: float) -> Trial:
    """Where `state` ended, its points put back: column j is the point `order[j]` of `groups`."""
    memberships = np.empty(state.memberships.shape[::-1])
    memberships[order] = state.memberships.T
    labels = memberships.argmax(axis=1).astype(np.int64)
    sizes = np.bincount(labels)
    return Trial(
        weight=weight,
        labels=labels,
        memberships=memberships,
        balance=balance(labels, groups),
        used_clusters=int((sizes > 0).sum()),
        smallest_cluster=int(sizes[sizes > 0].min()),
        energy=state.energy,
        clustering_cost=state.clustering,
        fairness_error=state.fairness,
    )


def choose(trials: Sequence[Trial], *, target: float) -> Trial:
    """Of `trials`, at least one, that of the smallest lambda that reaches `target`, or else the most balanced one.

    Balance leaves out empty clusters, so losing a cluster can raise it. Trials that use fewer clusters than another
    one are therefore left out.

    Parameters
    ----------
    trials : sequence of Trial
        In any order.
    target : float
        Balance to reach, in [0, 1].
    """
    most = max(trial.used_clusters for trial in trials)
    full = sorted((trial for trial in trials if trial.used_clusters == most), key=lambda trial: trial.weight)
    # max returns the first of equals: the smallest lambda.
    return next((trial for trial in full if trial.balance >= target), max(full, key=lambda trial: trial.balance))
