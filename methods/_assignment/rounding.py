"""From a fractional fair assignment to one cluster a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .problem import Problem
from .simplex import simplex

__all__ = ["round_assignment", "tidied", "violation_bound"]

Floats = NDArray[np.float64]
# Below this an entry of x is a solver's dust.
DUST = 1e-9
# Totals this near to a whole number are that number.
WHOLE = 1e-9


def tidied(fractional: Floats) -> Floats:
    """`fractional` without dust, rows summing to 1."""
    clean = np.where(fractional < DUST, 0.0, fractional)
    clean /= clean.sum(axis=1, keepdims=True)
    clean[clean > 1 - DUST] = 1.0
    result: Floats = np.where(clean.max(axis=1, keepdims=True) == 1.0, clean == 1.0, clean)
    return result


def violation_bound(problem: Problem) -> float:
    """What the rounding guarantees: no bound is missed by more points.

    Where the groups partition the points, masses and sizes each move by less than 1, so m_jt - upper_t s_j stays below
    1 + upper_t. Where a point is in up to Delta groups, it is 4 Delta + 3 (Bera et al. 2019, Theorem 4).
    """
    return float(1 + problem.upper.max()) if problem.partition else 4.0 * problem.overlap + 3


def round_assignment(problem: Problem, fractional: Floats) -> NDArray[np.int64]:
    """Labels that keep every group mass and cluster size between the whole numbers around it, at no higher cost.

    An LP over the points that are split, with these whole numbers as bounds. Where groups partition the points its
    rows form a tree of flows (point, group in cluster, cluster), so every vertex is integral and one LP is enough.
    Where they overlap, what became integral is fixed, rows with at most 2 (Delta + 1) split entries are dropped, and
    the LP is solved again (Bera et al. 2019, Section 3).

    Parameters
    ----------
    problem : Problem
        What was solved.
    fractional : ndarray of shape (n, k)
        Tidied solution; rows sum to 1.

    Returns
    -------
    ndarray of shape (n,), int64
        Clusters.
    """
    x = fractional.copy()
    kept = np.ones((problem.n_clusters, problem.n_groups + problem.partition), dtype=bool)
    few = 0 if problem.partition else 2 * (problem.overlap + 1)
    split = np.flatnonzero(x.max(axis=1) < 1)
    while split.size:
        x[split] = tidied(next_vertex(problem, x, split, kept))
        left = np.flatnonzero(x.max(axis=1) < 1)
        entries = split_entries(problem, x, left)
        droppable = kept & (entries <= few)
        if left.size == split.size and not droppable.any():
            # In theory a vertex never stalls; if tolerances make it, the shortest row gives way.
            droppable = kept & (entries == entries[kept].min()) if kept.any() else kept
        kept &= ~droppable
        split = left
    labels: NDArray[np.int64] = x.argmax(axis=1).astype(np.int64)
    return labels


def next_vertex(problem: Problem, x: Floats, split: NDArray[np.int64], kept: NDArray[np.bool_]) -> Floats:
    """A cheapest vertex of the LP over the `split` points, within whole numbers around all totals that are `kept`."""
    at, cluster = np.nonzero(x[split])
    columns = np.arange(len(at))
    once = sparse.csr_array((np.ones(len(at)), (at, columns)), shape=(len(split), len(at)))
    member = attributes(problem, split)
    column, attribute = np.nonzero(member[at])
    totals = sparse.csr_array(
        (np.ones(len(column)), (cluster[column] * member.shape[1] + attribute, column)), shape=(kept.size, len(at))
    )
    totals = totals[np.flatnonzero(kept.ravel())]
    now = totals @ x[split][at, cluster]
    bounds = np.concatenate([np.ceil(now - WHOLE), -np.floor(now + WHOLE)])
    entries, _ = simplex(
        problem.cost[split][at, cluster],
        (sparse.csr_array(sparse.vstack([totals, -totals])), bounds),
        (once, np.ones(len(split))),
    )
    vertex = np.zeros((len(split), problem.n_clusters))
    vertex[at, cluster] = entries
    return vertex


def split_entries(problem: Problem, x: Floats, split: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many split entries every total (cluster, attribute) still holds."""
    count: NDArray[np.int64] = ((x[split] > 0).T.astype(np.int64)) @ attributes(problem, split).astype(np.int64)
    return count


def attributes(problem: Problem, rows: NDArray[np.int64]) -> Floats:
    """Groups of the points in `rows`, then a column for all: what has a total in every cluster."""
    member = problem.patterns[problem.pattern[rows]]
    return np.column_stack([member, np.ones(len(rows))]) if problem.partition else member
