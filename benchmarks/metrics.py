"""The metrics against a loop over samples."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.metrics import evaluate
from benchmarks.timing import median_seconds, row

__all__ = ["measure"]


def measure() -> list[dict[str, object]]:
    """Time all metrics of 120,000 labels, 10 clusters, 2 groups."""
    rng = np.random.default_rng(0)
    n = 120_000
    y, labels, groups = rng.integers(10, size=n), rng.integers(10, size=n), rng.integers(2, size=n)
    ours = median_seconds(lambda: evaluate(y, labels, groups))
    lists = y.tolist(), labels.tolist(), groups.tolist()
    loop = median_seconds(lambda: looped(*lists), repeats=3)
    return [row("metrics", n, ours, loop, "a loop over samples for each of ACC, NMI, Bal, MNCE")]


def looped(y: list[int], labels: list[int], groups: list[int]) -> tuple[float, ...]:
    """ACC, NMI, Balance and MNCE, each with its own pass over the samples."""
    n = len(y)
    match = np.zeros((10, 10))
    for a, b in zip(y, labels, strict=True):
        match[a, b] += 1
    acc = match[linear_sum_assignment(-match)].sum() / n

    joint: dict[tuple[int, int], int] = {}
    for pair in zip(y, labels, strict=True):
        joint[pair] = joint.get(pair, 0) + 1
    of_y, of_c = match.sum(1), match.sum(0)
    information = sum(c / n * np.log(n * c / (of_y[a] * of_c[b])) for (a, b), c in joint.items())
    entropies = [-sum(c / n * np.log(c / n) for c in counts) for counts in (of_y, of_c)]
    nmi = 2 * information / sum(entropies)

    table = np.zeros((10, 2))
    for b, g in zip(labels, groups, strict=True):
        table[b, g] += 1
    balance = (table.min(1) / table.max(1)).min()

    shares = np.zeros((10, 2))
    for b, g in zip(labels, groups, strict=True):
        shares[b, g] += 1 / n
    within = shares / shares.sum(1, keepdims=True)
    total = shares.sum(0)
    mnce = (-(within * np.log(within)).sum(1)).min() / -(total * np.log(total)).sum()
    return acc, nmi, balance, mnce
