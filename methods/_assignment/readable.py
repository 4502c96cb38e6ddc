"""The fair assignment LP as its paper writes it, in PuLP: slow, easy to read, and independent of the other routes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import UnsupportedInputError

from .problem import Problem

__all__ = ["solve_readable"]

Floats = NDArray[np.float64]


def solve_readable(problem: Problem) -> tuple[Floats, Floats]:
    """Optimal assignment (n, k) by CBC, and prices (k, T) from the multipliers of its fairness rows.

    Raises
    ------
    UnsupportedInputError
        If PuLP finds no CBC.
    RuntimeError
        If CBC ends without an optimum.
    """
    import pulp

    n, k = problem.cost.shape
    with pulp_without_migration_notices():
        solver = cbc(pulp)
        model = pulp.LpProblem("fair_assignment", pulp.LpMinimize)
        x = [[variable(pulp, model, f"x_{i}_{j}") for j in range(k)] for i in range(n)]
        model += pulp.lpSum(float(problem.cost[i, j]) * x[i][j] for i in range(n) for j in range(k))
        for i in range(n):
            model += pulp.lpSum(x[i]) == 1
        above, below = {}, {}
        for j in range(k):
            size = pulp.lpSum(x[i][j] for i in range(n))
            for t in range(problem.n_groups):
                mass = pulp.lpSum(x[i][j] for i in range(n) if problem.patterns[problem.pattern[i], t])
                above[j, t] = mass - float(problem.upper[t]) * size <= 0
                below[j, t] = mass - float(problem.lower[t]) * size >= 0
                model += above[j, t]
                model += below[j, t]
        status = model.solve(solver)
        if status != pulp.LpStatusOptimal:
            raise RuntimeError(f"CBC ended without an optimum of the fair assignment LP: {pulp.LpStatus[status]}")
        fractional = np.array([[x[i][j].value() for j in range(k)] for i in range(n)])
        prices = np.zeros((k, problem.n_groups))
        for at in above:
            prices[at] = -multiplier(above[at]) - multiplier(below[at])
    return fractional, prices


@contextmanager
def pulp_without_migration_notices() -> Iterator[None]:
    """Silence what PuLP 3.3 says about PuLP 4, and nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*PuLP 4.0.*", category=DeprecationWarning)
        yield


def cbc(pulp: Any) -> Any:
    """PuLP's own CBC, or one on the search path: version 4 ships none."""
    for name in ("PULP_CBC_CMD", "COIN_CMD"):
        if hasattr(pulp, name):
            solver = getattr(pulp, name)(msg=False)
            if solver.available():
                return solver
    raise UnsupportedInputError("solver='pulp' finds no CBC; run pip install 'pulp[cbc]', or take solver='auto'")


def variable(pulp: Any, model: Any, name: str) -> Any:
    """A variable x >= 0, as PuLP 3.3 and later or as earlier versions make it."""
    if hasattr(model, "add_variable"):
        return model.add_variable(name, lowBound=0)
    return pulp.LpVariable(name, lowBound=0)


def multiplier(row: Any) -> float:
    """Multiplier of a row; CBC's file leaves out rows that have none."""
    return float(row.pi or 0.0)
