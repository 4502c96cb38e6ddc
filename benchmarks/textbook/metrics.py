"""The metrics as loops over samples: each counts for itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["accuracy", "all_metrics", "balance", "mnce", "nmi"]

Ids = NDArray[np.int64]


def accuracy(y: Ids, labels: Ids) -> float:
    """Share of samples in the class that the best matching gives their cluster."""
    size = max(labels.max(), y.max()) + 1
    matches = np.zeros((size, size), dtype=np.int64)
    for i in range(len(labels)):
        matches[labels[i], y[i]] += 1
    rows, columns = linear_sum_assignment(-matches)
    return sum(matches[i, j] for i, j in zip(rows, columns, strict=True)) / len(labels)


def nmi(y: Ids, labels: Ids) -> float:
    """Mutual information over the mean of the two entropies."""
    n = len(y)
    joint: dict[tuple[int, int], int] = {}
    of_class: dict[int, int] = {}
    of_cluster: dict[int, int] = {}
    for i in range(n):
        joint[y[i], labels[i]] = joint.get((y[i], labels[i]), 0) + 1
        of_class[y[i]] = of_class.get(y[i], 0) + 1
        of_cluster[labels[i]] = of_cluster.get(labels[i], 0) + 1
    shared = sum(c / n * np.log(n * c / (of_class[a] * of_cluster[b])) for (a, b), c in joint.items())
    entropies = [-sum(c / n * np.log(c / n) for c in counts.values()) for counts in (of_class, of_cluster)]
    return float(2 * shared / sum(entropies))


def balance(labels: Ids, groups: Ids) -> float:
    """Smallest ratio of two groups in a cluster."""
    table = np.zeros((labels.max() + 1, groups.max() + 1))
    for i in range(len(labels)):
        table[labels[i], groups[i]] += 1
    return float(min(cluster.min() / cluster.max() for cluster in table))


def mnce(labels: Ids, groups: Ids) -> float:
    """Smallest entropy of the groups in a cluster over that in all samples."""
    table = np.zeros((labels.max() + 1, groups.max() + 1))
    total = np.zeros(groups.max() + 1)
    for i in range(len(labels)):
        table[labels[i], groups[i]] += 1
        total[groups[i]] += 1
    entropies = [-(p * np.log(p)).sum() for p in [*(c / c.sum() for c in table), total / total.sum()]]
    return float(min(entropies[:-1]) / entropies[-1])


def all_metrics(y: Ids, labels: Ids, groups: Ids) -> dict[str, float]:
    """The four, one after the other."""
    return {
        "acc": accuracy(y, labels),
        "nmi": nmi(y, labels),
        "balance": balance(labels, groups),
        "mnce": mnce(labels, groups),
    }
