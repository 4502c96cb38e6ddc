"""The transportation problem of many samples and few clusters, solved exactly.

Samples start where they are cheapest at some prices of the clusters, which is optimal for the cluster sizes that this
makes. Then one unit after the other is pushed from a cluster with too many samples to one with too few, along the
cheapest path in a graph with one node a cluster: the edge a -> b costs what the cheapest move of a sample from a to b
adds (successive shortest paths). Good prices to start from leave few units, and a sample of the samples gives them.
Costs are rounded to integers first, so that equal means equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import InvalidInputError

from .problem import checked_cost
from .quotas import checked_sizes

__all__ = ["Transport", "transport"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# No edge. Sums of two of them, and of costs along any path, fit into 64 bits.
FAR = 1 << 61
LARGEST_SUM_BITS = 59
# Near the 53 bits of a double; coarser only where paths through very many clusters would overflow.
COST_BITS = 50
# Above so many samples, one of every SAMPLE_STEP is solved first, for its prices.
SAMPLE_ABOVE = 2000
SAMPLE_STEP = 8


@dataclass(frozen=True, eq=False)
class Transport:
    """Result of :func:`transport`.

    Attributes
    ----------
    labels : ndarray of shape (n,), int64
        Clusters, with the counts that were asked for.
    prices : ndarray of shape (K,), float64
        Prices p_k: every sample has the cluster of its lowest c_ik - p_k.
    objective : float
        Cost of `labels`.
    dual_bound : float
        Lower bound on every assignment with these counts that the prices prove: Σ_i min_k (c_ik - p_k) + Σ_k q_k p_k.
        Equal to `objective` up to rounding.
    """

    labels: Ints
    prices: Floats
    objective: float
    dual_bound: float


def transport(cost: ArrayLike, quotas: ArrayLike) -> Transport:
    """Assign every sample to one cluster at least total cost, so many to each as its quota says.

    Parameters
    ----------
    cost : array-like of shape (n, K)
        Cost of sample i in cluster k, finite. Differences are resolved to about 2**-50 of the largest difference
        between two costs of one sample.
    quotas : array-like of shape (K,), int
        Samples that every cluster takes; they sum to n.

    Returns
    -------
    Transport

    Raises
    ------
    InvalidInputError
        For costs that are not finite, or quotas that do not fit them.

    Examples
    --------
    All prefer cluster 0, which takes one; the last loses most by leaving:

    >>> transport([[0, 1], [0, 2], [0, 3]], [1, 2]).labels.tolist()
    [1, 1, 0]
    """
    costs, counts = checked_cost(cost), checked_sizes("quotas", quotas)
    n, k = costs.shape
    if len(counts) != k or counts.sum() != n:
        raise InvalidInputError(
            f"{len(counts)} quotas with the sum {counts.sum()} given; cost of shape {costs.shape} takes {k} that sum "
            f"to {n}"
        )
    # A constant a sample changes no choice, and leaves the bits to what does.
    rest = costs - costs.min(axis=1, keepdims=True)
    bits = min(COST_BITS, LARGEST_SUM_BITS - k.bit_length())
    # A power of 2, so that only digits too small to count are lost.
    unit = math.ldexp(1.0, math.frexp(rest.max())[1] - bits)
    labels, whole_prices = solve(np.rint(rest / unit).astype(np.int64), counts)
    prices: Floats = whole_prices * np.float64(unit)
    return Transport(
        labels=labels,
        prices=prices,
        objective=float(costs[np.arange(n), labels].sum()),
        dual_bound=float((costs - prices).min(axis=1).sum() + counts @ prices),
    )


def solve(cost: Ints, quotas: Ints) -> tuple[Ints, Ints]:
    """Optimal labels (n,) and prices (K,) for integer costs."""
    n = len(cost)
    labels = cost.argmin(axis=1)
    if n > SAMPLE_ABOVE:
        # Which samples are drawn decides the time only, never the optimum.
        drawn = np.random.default_rng(0).choice(n, n // SAMPLE_STEP, replace=False)
        shrunk = np.diff(quotas.cumsum() * len(drawn) // n, prepend=0)
        labels = (cost - solve(cost[drawn], shrunk)[1]).argmin(axis=1)
    moves = Moves(cost, labels)
    surplus = np.bincount(labels, minlength=len(quotas)) - quotas
    while surplus.any():
        distance, before = cheapest_paths(moves.edges, np.where(surplus > 0, 0, FAR))
        end = int(np.where(surplus < 0, distance, 2 * FAR).argmin())
        path = path_to(end, before)
        moves.push(path)
        surplus[path[0]] -= 1
        surplus[end] += 1
    prices, _ = cheapest_paths(moves.edges, np.zeros(len(quotas), dtype=np.int64))
    return np.array(moves.labels, dtype=np.int64), prices


def cheapest_paths(edges: Ints, start: Ints) -> tuple[Ints, list[int]]:
    """Lowest cost of reaching every node, by Bellman and Ford, and the node before it, -1 where a path begins.

    Parameters
    ----------
    edges : ndarray of shape (K, K), int64
        Costs, of either sign, without cycles below 0; FAR where there is no edge.
    start : ndarray of shape (K,), int64
        Cost of beginning at a node.
    """
    distance = start
    before = np.full(len(start), -1)
    nodes = np.arange(len(start))
    while True:
        through = distance[:, None] + edges
        nearest = through.argmin(axis=0)
        reached = through[nearest, nodes]
        shorter = reached < distance
        if not shorter.any():
            return distance, before.tolist()
        distance = np.where(shorter, reached, distance)
        before[shorter] = nearest[shorter]


def path_to(end: int, before: list[int]) -> list[int]:
    """Nodes from where the cheapest path begins to its `end`."""
    path = [end]
    while before[path[-1]] >= 0:
        path.append(before[path[-1]])
    return path[::-1]


class Moves:
    """The cheapest move of one sample from every cluster to every other.

    For every pair there is the sorted list of the samples that were there at the start, read from the front, and a
    heap of those that came later. Samples that left are skipped when they come to the front.

    Parameters
    ----------
    cost : ndarray of shape (n, K), int64
        Costs.
    labels : ndarray of shape (n,), int64
        Clusters at the start.

    Attributes
    ----------
    edges : ndarray of shape (K, K), int64
        Cost that the cheapest move from a to b adds; FAR on the diagonal and from empty clusters.
    labels : list of int
        Clusters now.
    """

    def __init__(self, cost: Ints, labels: Ints) -> None:
        self.cost = cost
        self.labels: list[int] = labels.tolist()
        k = cost.shape[1]
        self.edges = np.full((k, k), FAR, dtype=np.int64)
        self._sample = [[-1] * k for _ in range(k)]
        self._late: list[list[list[tuple[int, int]]]] = [[[] for _ in range(k)] for _ in range(k)]
        self._sorted = [self._sorted_moves(np.flatnonzero(labels == a), a) for a in range(k)]
        self._front = [[0] * k for _ in range(k)]
        for a in range(k):
            self._refresh(a)

    def push(self, path: list[int]) -> None:
        """Move one sample along every edge of `path`, the cheapest each."""
        for sample, to in [(self._sample[a][b], b) for a, b in pairwise(path)]:
            self.labels[sample] = to
            row = self.cost[sample].tolist()
            for other, heap in enumerate(self._late[to]):
                if other != to:
                    heappush(heap, (row[other] - row[to], sample))
        for cluster in path:
            self._refresh(cluster)

    def _sorted_moves(self, members: Ints, a: int) -> list[tuple[list[int], list[int]]]:
        """For every b, what moving each of `members` from a adds, ascending, and the samples in that order."""
        added = self.cost[members] - self.cost[members, a][:, None]
        order = np.argsort(added, axis=0, kind="stable")
        ascending = np.take_along_axis(added, order, axis=0)
        return [(ascending[:, b].tolist(), members[order[:, b]].tolist()) for b in range(added.shape[1])]

    def _refresh(self, a: int) -> None:
        """Find the cheapest move from `a` to every other cluster anew."""
        for b in range(len(self.edges)):
            if b != a:
                self.edges[a, b], self._sample[a][b] = self._cheapest(a, b)

    def _cheapest(self, a: int, b: int) -> tuple[int, int]:
        labels = self.labels
        added, samples = self._sorted[a][b]
        front = self._front[a][b]
        while front < len(samples) and labels[samples[front]] != a:
            front += 1
        self._front[a][b] = front
        late = self._late[a][b]
        while late and labels[late[0][1]] != a:
            heappop(late)
        best = (added[front], samples[front]) if front < len(samples) else (FAR, -1)
        return min(best, late[0]) if late else best
