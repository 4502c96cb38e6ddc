"""Bound optimisation: one closed-form step a time, each checked to lie below its bound."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

from .fairness import FairnessTerm

__all__ = ["ClusteringCost", "State", "bound_value", "descend", "softmax", "state_of"]

Floats = NDArray[np.float64]
# Memberships never fall below, so that no group's mass in a cluster, a divisor, becomes 0.
SMALLEST = 1e-200
# With L as large as this a step moves nothing: the state is a fixed point up to rounding.
LARGEST_LIPSCHITZ = 1e12
SMALLEST_LIPSCHITZ = 1e-6
ROUNDING = 1e-12


class ClusteringCost(Protocol):
    """Clustering part of the energy.

    Memberships are (k, n), one row a cluster, so that whatever is summed or divided point by point runs along memory.
    """

    def move(self, memberships: Floats) -> None:
        """Move the centres, if there are any, to where they cost least."""

    def costs(self, memberships: Floats) -> Floats:
        """Costs a of every cluster and point (k, n): a . S bounds the cost and touches it at `memberships`."""

    def value(self, memberships: Floats) -> float:
        """Cost of `memberships`."""


class State(NamedTuple):
    """Memberships and what they cost."""

    memberships: Floats
    logs: Floats
    masses: Floats
    clustering: float
    fairness: float
    energy: float


def softmax(logits: Floats) -> tuple[Floats, Floats, Floats]:
    """Memberships of (k, n) `logits`, which are overwritten; their logarithms, and the log normaliser of each point."""
    top = logits.max(axis=0)
    logits -= top
    memberships = np.exp(logits)
    total = memberships.sum(axis=0)
    memberships /= total
    np.log(total, out=total)
    logits -= total
    np.maximum(memberships, SMALLEST, out=memberships)
    np.maximum(logits, np.log(SMALLEST), out=logits)
    return memberships, logits, top + total


def state_of(memberships: Floats, logs: Floats, cost: ClusteringCost, term: FairnessTerm, weight: float) -> State:
    """Energy of `memberships`: clustering cost + lambda * fairness error."""
    masses = term.masses(memberships)
    clustering, fairness = cost.value(memberships), term.error(masses)
    return State(memberships, logs, masses, clustering, fairness, clustering + weight * fairness)


def bound_value(
    memberships: Floats, at: State, costs: Floats, term: FairnessTerm, *, weight: float, lipschitz: float
) -> float:
    """Bound on the energy of `memberships`, built at the state `at` (Ziko et al. 2021, auxiliary function).

    The logarithm of a cluster's size is concave and lies below its tangent. The rest of the fairness term is convex;
    where L is a Lipschitz constant of lambda times its gradient, it lies below its tangent plus L KL(S || S_at), by
    Pinsker's inequality. The bound equals the energy at `at`. No L serves everywhere, since the gradient grows without
    limit as a group's mass in a cluster vanishes: hence the check of every step.
    """
    slope = term.spread(term.gradient(at.masses))
    divergence = (memberships * (np.log(memberships) - at.logs)).sum()
    tangent = at.fairness + (slope * (memberships - at.memberships)).sum()
    return float((costs * memberships).sum() + weight * tangent + lipschitz * divergence)


def descend(
    state: State,
    cost: ClusteringCost,
    term: FairnessTerm,
    *,
    weight: float,
    lipschitz: float,
    max_steps: int,
    tol: float,
) -> tuple[State, float]:
    """Lower the energy with fixed centres, by at most `max_steps` steps to minima of bounds.

    L is doubled until the energy at the minimum lies below the bound there, and halved after a step that succeeds:
    the smaller L, the longer the steps. So the energy never rises, whatever L is at first.

    Parameters
    ----------
    state : State
        Start, with the energy of the cost's present centres.
    cost, term : ClusteringCost, FairnessTerm
        The two parts of the energy.
    weight : float
        Lambda, at least 0.
    lipschitz : float
        First L, above 0.
    max_steps : int
        Most steps.
    tol : float
        Relative fall of the energy in one step below which it ends.

    Returns
    -------
    state : State
        Never of higher energy.
    lipschitz : float
        L for the next step.

    Raises
    ------
    InvalidInputError
        If the energy is not a number.
    """
    for _ in range(max_steps):
        costs = cost.costs(state.memberships)
        step = _step(state, costs, cost, term, weight, lipschitz)
        if step is None:
            return state, lipschitz
        found, lipschitz = step
        fall = state.energy - found.energy
        state = found
        if fall <= tol * abs(state.energy):
            return state, lipschitz
        lipschitz = max(lipschitz / 2, SMALLEST_LIPSCHITZ)
    return state, lipschitz


def _step(
    state: State, costs: Floats, cost: ClusteringCost, term: FairnessTerm, weight: float, lipschitz: float
) -> tuple[State, float] | None:
    """Minimum of the first bound that holds there, and its L; None where L would have to be too large to move."""
    slope = term.spread(weight * term.gradient(state.masses))
    slope += costs
    while lipschitz <= LARGEST_LIPSCHITZ:
        # s_ik exp(-(a_ik + lambda b_ik) / L), normalised over clusters.
        memberships, logs, normaliser = softmax(state.logs - slope / lipschitz)
        found = state_of(memberships, logs, cost, term, weight)
        if np.isnan(found.energy):
            raise InvalidInputError(
                f"the energy became NaN at lambda = {weight:g}, L = {lipschitz:g}; lower lambda or raise lipschitz"
            )
        # The bound at its own minimum, since b . S = 0 at the state where b is taken.
        bound = weight * state.fairness - lipschitz * float(normaliser.sum())
        if found.energy <= min(bound + ROUNDING * abs(bound), state.energy):
            return found, lipschitz
        lipschitz *= 2
    return None
