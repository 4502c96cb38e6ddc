"""HiGHS's dual simplex, as scipy has it: vertices, and multipliers of the equality rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

__all__ = ["simplex"]

Floats = NDArray[np.float64]
# The tightest tolerance that HiGHS takes; costs are scaled to differences of about 1. Where upper and lower bounds
# nearly meet, presolve can call a feasible LP infeasible, so it is switched off in a second attempt, and the third
# has HiGHS's own tolerance. What comes out is checked by the caller whichever it was.
ATTEMPTS = ((1e-10, True), (1e-10, False), (1e-7, False))


def simplex(
    cost: Floats, at_most: tuple[sparse.csr_array, Floats], equal: tuple[sparse.csr_array, Floats]
) -> tuple[Floats, Floats]:
    """Minimise ``cost @ x`` over x >= 0.

    Parameters
    ----------
    cost : ndarray of shape (m,)
        Costs.
    at_most, equal : tuple of csr_array of shape (rows, m) and ndarray of shape (rows,)
        Rows and right sides of A x <= b and A x = b.

    Returns
    -------
    x : ndarray of shape (m,)
        An optimal vertex.
    multipliers : ndarray of shape (rows of equal,)
        What a unit more of every right side in `equal` adds to the optimum.

    Raises
    ------
    RuntimeError
        If HiGHS ends without an optimum.
    """
    # scipy-stubs know of no sparse rows.
    rows: Any = {"A_ub": at_most[0], "b_ub": at_most[1], "A_eq": equal[0], "b_eq": equal[1]}
    result: Any = None
    for tolerance, presolve in ATTEMPTS:
        options: Any = {
            "primal_feasibility_tolerance": tolerance,
            "dual_feasibility_tolerance": tolerance,
            "presolve": presolve,
        }
        result = linprog(cost, **rows, method="highs-ds", options=options)
        if result.status == 0:
            return result.x, result.eqlin.marginals
    raise RuntimeError(f"HiGHS ended without an optimum of the fair assignment LP: {result.message}")
