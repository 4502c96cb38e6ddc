"""The fair assignment LP as one sparse model, on the columns that are open, solved by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .problem import Problem
from .simplex import simplex

__all__ = ["Box", "ModelSolution", "solve_model"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Prices are kept within `radius` of `centre`, of shape (k, T)."""

    centre: Floats
    radius: float


@dataclass(frozen=True)
class ModelSolution:
    """A vertex of the model.

    Parameters
    ----------
    fractional : ndarray of shape (n, k)
        Assignment.
    prices : ndarray of shape (k, T)
        Multipliers of the rows that link x with the group masses.
    slack : float
        Mass by which these rows are missed: 0 where the assignment is feasible.
    """

    fractional: Floats
    prices: Floats
    slack: float


def solve_model(problem: Problem, open_columns: NDArray[np.bool_], box: Box | None = None) -> ModelSolution:
    """Solve the LP with the assignments that are open.

    The group masses m_jt and sizes s_j are variables of their own, so that fairness rows do not grow with n. Points
    with one open column are constants.

    Parameters
    ----------
    problem : Problem
        Scaled.
    open_columns : ndarray of shape (n, k), bool
        Assignments that x may use, at least one a point.
    box : Box, optional
        Lets the link rows be missed at a price that bounds their multipliers, which keeps the model feasible whatever
        is open.

    Raises
    ------
    RuntimeError
        If HiGHS ends without an optimum.
    """
    k, groups = problem.n_clusters, problem.n_groups
    free = np.flatnonzero(open_columns.sum(axis=1) > 1)
    fractional = open_columns.astype(np.float64)
    fractional[free] = 0
    at, cluster = np.nonzero(open_columns[free])
    rows = free[at]
    prices = np.zeros(0) if box is None else np.concatenate([-box.centre.ravel(), box.centre.ravel()]) + box.radius
    masses = k * groups
    equal = equality_rows(problem, rows, at, cluster, len(free), boxed=box is not None)
    x, multipliers = simplex(
        np.concatenate([problem.cost[rows, cluster], np.zeros(masses + k), prices]),
        (share_rows(problem, len(rows), len(prices)), np.zeros(2 * masses)),
        (equal, np.concatenate([np.ones(len(free)), -problem.masses(fractional).ravel(), np.zeros(k)])),
    )
    fractional[rows, cluster] = x[: len(rows)]
    link = -multipliers[len(free) : len(free) + masses]
    return ModelSolution(fractional, link.reshape(k, groups), slack=float(x[len(rows) + masses + k :].sum()))


def equality_rows(
    problem: Problem,
    rows: NDArray[np.int64],
    at: NDArray[np.int64],
    cluster: NDArray[np.int64],
    n_free: int,
    *,
    boxed: bool,
) -> sparse.csr_array:
    """Rows sum_j x_ij = 1, then sum_(i in t) x_ij - m_jt = 0, then sum_t e_t m_jt - s_j = 0."""
    k, groups = problem.n_clusters, problem.n_groups
    columns = np.arange(len(rows))
    once = sparse.csr_array((np.ones(len(rows)), (at, columns)), shape=(n_free, len(rows)))
    column, group = np.nonzero(problem.patterns[problem.pattern[rows]])
    link = sparse.csr_array(
        (np.ones(len(column)), (cluster[column] * groups + group, column)), shape=(k * groups, len(rows))
    )
    mass = sparse.eye_array(k * groups)
    size = sparse.kron(sparse.eye_array(k), problem.size_weights[None, :])
    slack = [mass, -mass] if boxed else []
    blank = [None] * len(slack)
    blocks: Any = [
        [once, None, None, *blank],
        [link, -mass, None, *slack],
        [None, size, -sparse.eye_array(k), *blank],
    ]
    return sparse.csr_array(sparse.block_array(blocks))


def share_rows(problem: Problem, before: int, after: int) -> sparse.csr_array:
    """Rows m_jt - upper_t s_j <= 0, then lower_t s_j - m_jt <= 0, with so many columns before m and s, and after."""
    k, masses = problem.n_clusters, problem.n_clusters * problem.n_groups
    mass = sparse.eye_array(masses)
    upper = sparse.kron(sparse.eye_array(k), problem.upper[:, None])
    lower = sparse.kron(sparse.eye_array(k), problem.lower[:, None])
    left, right = sparse.csr_array((masses, before)), sparse.csr_array((masses, after))
    blocks: Any = [[left, mass, -upper, right], [left, -mass, lower, right]]
    return sparse.csr_array(sparse.block_array(blocks))
