"""Fair assignment to given centres: the LP of Bera et al. 2019, solved with a proof and rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import InvalidInputError

from .column_generation import solve_by_columns
from .dual import dual_value, feasible_prices
from .model import solve_model
from .problem import Problem
from .readable import solve_readable
from .rounding import round_assignment, tidied, violation_bound

__all__ = ["SOLVERS", "FairAssignment", "fair_assignment"]

Floats = NDArray[np.float64]
# Points by which a solver's answer may miss a bound of the LP, and the rounding its guarantee.
FEASIBILITY = 1e-5


@dataclass(frozen=True, eq=False)
class FairAssignment:
    """Result of :func:`fair_assignment`.

    Attributes
    ----------
    labels : ndarray of shape (n,), int64
        Clusters after rounding. A cluster may be empty: it meets every bound.
    fractional : ndarray of shape (n, k), float64
        Optimum of the LP, a vertex: rows sum to 1, and few points are split.
    objective : float
        Cost of `fractional`.
    dual_bound : float
        Lower bound on every fair assignment's cost, proved by prices apart from the solver's own claim.
    violation : float
        Largest amount, in points, by which `labels` miss a bound: max of m_jt - upper_t s_j and lower_t s_j - m_jt,
        at least 0.
    violation_bound : float
        What theory allows: 1 + max upper share for disjoint groups, 4 Delta + 3 where points are in up to Delta groups.
    rounded_objective : float
        Cost of `labels`. Never above `objective`, and below it at most by what the violation buys.
    """

    labels: NDArray[np.int64]
    fractional: Floats
    objective: float
    dual_bound: float
    violation: float
    violation_bound: float
    rounded_objective: float

    @property
    def duality_gap(self) -> float:
        """(objective - dual_bound) / abs(objective): 0 proves the optimum, up to rounding errors of either sign."""
        return (self.objective - self.dual_bound) / max(abs(self.objective), np.finfo(float).tiny)

    @property
    def n_split(self) -> int:
        """Number of points that the LP's optimum splits over clusters."""
        return int(np.count_nonzero(self.fractional.max(axis=1) < 1))

    def figures(self) -> dict[str, float]:
        """What a method's history says of the assignment."""
        return {
            "lp_cost": self.objective,
            "assigned_cost": self.rounded_objective,
            "duality_gap": self.duality_gap,
            "violation": self.violation,
            "violation_bound": self.violation_bound,
            "split_points": self.n_split,
        }


def fair_assignment(
    cost: ArrayLike, sensitive: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, solver: str = "auto"
) -> FairAssignment:
    """Assign points to clusters at least cost, every cluster's group shares within bounds.

    Minimises sum_ij c_ij x_ij with sum_j x_ij = 1 and lower_t s_j <= m_jt <= upper_t s_j, where cluster j holds s_j
    points, m_jt of them of group t; then rounds.

    Parameters
    ----------
    cost : array-like of shape (n, k)
        Cost of every point in every cluster, finite: squared distances for k-means, distances for k-median.
    sensitive : array-like of shape (n,), or of shape (n, T) with values 0 and 1
        Groups: any values, each distinct value a group, ordered as ``np.unique`` does; or a membership matrix, where a
        point may be in several groups or in none.
    lower, upper : float or array-like of shape (T,)
        Bounds on every group's share of a cluster, in the order of the groups.
    solver : {"auto", "highs", "pulp"}
        ``"auto"`` generates columns of the LP at prices on the k T group masses, the only thing that couples the
        points; ``"highs"`` gives HiGHS the whole sparse LP; ``"pulp"`` writes it out in PuLP for CBC, for small n.
        All three end at the same optimum.

    Returns
    -------
    FairAssignment

    Raises
    ------
    InvalidInputError
        Wrong shapes or values, an unknown solver, or bounds that no assignment meets, naming group and shares.
    UnsupportedInputError
        ``solver="pulp"`` without a CBC.
    RuntimeError
        If a solver fails, or its answer or the rounding misses what is guaranteed.

    References
    ----------
    Bera, Chakrabarty, Flores, Negahbani, "Fair Algorithms for Clustering", NeurIPS 2019, arXiv:1901.02393.

    Examples
    --------
    Two points of each group, each group at its own centre. A cluster has to mix them half and half:

    >>> result = fair_assignment([[0, 2], [0, 3], [2, 0], [3, 0]], ["a", "a", "b", "b"], 0.5, 0.5)
    >>> result.objective, result.labels.tolist()
    (4.0, [1, 0, 0, 1])
    """
    if solver not in SOLVERS:
        raise InvalidInputError(f"solver={solver!r} given; it takes {' or '.join(map(repr, SOLVERS))}")
    problem = Problem.from_arrays(cost, sensitive, lower, upper)
    scaled, offset, scale = problem.scaled()
    solution, prices = SOLVERS[solver](scaled)
    fractional = tidied(solution)
    labels = round_assignment(scaled, fractional)
    result = FairAssignment(
        labels=labels,
        fractional=fractional,
        objective=float((fractional * problem.cost).sum()),
        dual_bound=float(offset.sum() + scale * dual_value(scaled, feasible_prices(scaled, prices))),
        violation=problem.violation(problem.masses(np.eye(problem.n_clusters)[labels])),
        violation_bound=violation_bound(problem),
        rounded_objective=float(problem.cost[np.arange(len(labels)), labels].sum()),
    )
    checked(result, problem.violation(problem.masses(fractional)))
    return result


def checked(result: FairAssignment, lp_violation: float) -> None:
    """Refuse an answer that is not what the theory promises."""
    if lp_violation > FEASIBILITY:
        raise RuntimeError(f"the solver's assignment misses a share bound by {lp_violation:g} points")
    if result.violation > result.violation_bound + FEASIBILITY:
        raise RuntimeError(
            f"the rounding misses a share bound by {result.violation:g} points, more than {result.violation_bound:g}"
        )


def solve_whole(problem: Problem) -> tuple[Floats, Floats]:
    """Optimal assignment and prices from one model that holds every column."""
    solution = solve_model(problem, np.ones(problem.cost.shape, dtype=bool))
    return solution.fractional, solution.prices


SOLVERS: dict[str, Callable[[Problem], tuple[Floats, Floats]]] = {
    "auto": solve_by_columns,
    "highs": solve_whole,
    "pulp": solve_readable,
}
