"""The outer loop: steps of bound optimisation and moves of the centres, by turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bound import ClusteringCost, State, descend, softmax, state_of
from .fairness import FairnessTerm

__all__ = ["Limits", "minimise"]

Floats = NDArray[np.float64]
Listener = Callable[[State, float], None]


class Limits(NamedTuple):
    """When loops end: numbers of iterations, and relative falls of the energy in one iteration."""

    outer: int
    inner: int
    outer_tol: float = 1e-4
    inner_tol: float = 1e-5


def minimise(
    cost: ClusteringCost,
    term: FairnessTerm,
    start: Floats,
    *,
    weight: float,
    lipschitz: float,
    limits: Limits,
    on_iteration: Listener | None = None,
) -> State:
    """Minimise clustering cost + lambda * fairness error over memberships and centres.

    Memberships are carried from one outer iteration to the next, as in the paper's Algorithm 1; so each of its two
    parts lowers the energy, and none can raise it.

    Parameters
    ----------
    cost : ClusteringCost
        With its first centres.
    term : FairnessTerm
        Fairness error.
    start : ndarray of shape (k, n)
        Costs whose softmin are the first memberships, exp(-a_ik) normalised.
    weight, lipschitz : float
        Lambda and the first L.
    limits : Limits
        When loops end.
    on_iteration : callable, optional
        Told state and L after every outer iteration.

    Returns
    -------
    State
        Of the lowest energy that was found.
    """
    memberships, logs, _ = softmax(-start)
    state = state_of(memberships, logs, cost, term, weight)
    for outer in range(limits.outer):
        before = state.energy
        if outer:
            cost.move(state.memberships)
            state = state_of(state.memberships, state.logs, cost, term, weight)
        state, lipschitz = descend(
            state,
            cost,
            term,
            weight=weight,
            lipschitz=lipschitz,
            max_steps=limits.inner,
            tol=limits.inner_tol,
        )
        if on_iteration is not None:
            on_iteration(state, lipschitz)
        if outer and before - state.energy <= limits.outer_tol * abs(state.energy):
            break
    return state
