"""The dual of the fair assignment LP: every price on the group masses proves a lower bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .problem import Problem

__all__ = ["dual_value", "feasible_prices", "priced_costs"]

Floats = NDArray[np.float64]


def priced_costs(problem: Problem, prices: Floats) -> Floats:
    """Costs plus the prices of the groups that a point brings: c_ij + sum_t [i in t] mu_jt, shape (n, k)."""
    by_pattern = problem.patterns @ prices.T
    priced: Floats = problem.cost + by_pattern[problem.pattern]
    return priced


def feasible_prices(problem: Problem, prices: Floats) -> Floats:
    """`prices` of shape (k, T), shifted until they prove a bound.

    Prices mu prove the bound of :func:`dual_value` if no cluster whose shares are within bounds earns anything:
    sum_t mu_jt p_t <= 0 for every admissible p. The most that a cluster earns is the value of a fractional knapsack
    where the groups partition the points, and a sum over groups where they overlap; it is taken off the price of the
    cluster's size.
    """
    if not problem.partition:
        shifted = prices.copy()
        group = prices[:, :-1]
        earned = np.maximum(group * problem.lower[:-1], group * problem.upper[:-1]).sum(axis=1)
        shifted[:, -1] = -earned
        return shifted
    order = np.argsort(-prices, axis=1, kind="stable")
    room = (problem.upper - problem.lower)[order]
    before = np.cumsum(room, axis=1) - room
    filled = np.clip(1 - problem.lower.sum() - before, 0, room)
    earned = prices @ problem.lower + (filled * np.take_along_axis(prices, order, axis=1)).sum(axis=1)
    result: Floats = prices - earned[:, None]
    return result


def dual_value(problem: Problem, prices: Floats) -> float:
    """Lower bound on the LP's optimum that feasible `prices` prove: sum_i min_j (c_ij + sum_t [i in t] mu_jt)."""
    return float(priced_costs(problem, prices).min(axis=1).sum())
