"""The exact LP optimum in seconds: few points decide the prices, and one pass over the others proves it.

Only the k T prices on group masses couple the points. At given prices every point goes to its cheapest cluster, so
the LP is solved on a small model that holds the points whose choice is open; then all n k columns are priced, those
that were missed are added, and so on until the model's value equals the bound that its prices prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dual import dual_value, feasible_prices, priced_costs
from .model import Box, solve_model
from .problem import Problem

__all__ = ["solve_by_columns"]

Floats = NDArray[np.float64]
FIRST_SAMPLE = 400
SAMPLE_GROWTH = 8
# Relative gaps at which a sample's prices are good enough to start from, and at which the optimum is taken as reached.
SAMPLE_GAP, FULL_GAP = 1e-4, 1e-12
SAMPLE_ROUNDS, FULL_ROUNDS = 4, 100
# Mass of unused slack, relative to the number of points.
NO_SLACK = 1e-12
STEPS = (1.0, 0.5, 0.25, 0.125, 0.0625)


class Start(NamedTuple):
    """What a smaller sample leaves to the next level: prices, trusted radius around them, and its size."""

    prices: Floats
    radius: float
    size: int


@dataclass
class Level:
    """The state of one level: best prices and bound so far, open columns, best feasible assignment."""

    prices: Floats
    bound: float
    open_columns: NDArray[np.bool_]
    radius: float
    fractional: Floats | None = None
    value: float = np.inf


def solve_by_columns(problem: Problem) -> tuple[Floats, Floats]:
    """Optimal assignment (n, k), a vertex, and prices (k, T) that prove it.

    Parameters
    ----------
    problem : Problem
        Scaled, see :meth:`Problem.scaled`.
    """
    n = len(problem.cost)
    sizes = sample_sizes(n, problem.n_clusters, problem.n_groups)
    # Which points are drawn decides the time only, never the optimum.
    order = np.random.default_rng(0).permutation(n)
    first = problem if sizes[0] == n else problem.sample(order[: sizes[0]])
    solution = solve_model(first, np.ones(first.cost.shape, dtype=bool))
    if len(sizes) == 1:
        return solution.fractional, solution.prices
    prices = feasible_prices(first, solution.prices)
    two = np.partition(first.cost, 1, axis=1)
    start = Start(prices, float(np.median(two[:, 1] - two[:, 0])) / 4, sizes[0])
    for size in sizes[1:-1]:
        level = refine(problem.sample(order[:size]), start, SAMPLE_GAP, SAMPLE_ROUNDS)
        moved = float(np.abs(level.prices - start.prices).max())
        start = Start(level.prices, moved / 2, size)
    level = refine(problem, start, FULL_GAP, FULL_ROUNDS)
    if level.fractional is None:
        everything = solve_model(problem, np.ones(problem.cost.shape, dtype=bool))
        return everything.fractional, everything.prices
    return level.fractional, level.prices


def sample_sizes(n: int, n_clusters: int, n_groups: int) -> list[int]:
    """Sizes of the nested samples, the last being n; that one alone where a sample would not help."""
    if n_clusters == 1:
        return [n]
    sizes = [max(FIRST_SAMPLE, 20 * n_groups)]
    while sizes[-1] * SAMPLE_GROWTH < n / 2:
        sizes.append(sizes[-1] * SAMPLE_GROWTH)
    return [size for size in sizes if size < n] + [n]


def refine(problem: Problem, start: Start, gap: float, rounds: int) -> Level:
    """Alternate between the small model and pricing until its value meets its bound."""
    prices = feasible_prices(problem, start.prices)
    radius = max(start.radius, 1e-9)
    level = Level(prices, dual_value(problem, prices), opening(problem, prices, start.size), radius)
    for _ in range(rounds):
        known = int(level.open_columns.sum())
        improved, slack = improve(problem, level)
        if level.fractional is not None and level.value - level.bound <= gap * abs(level.value):
            break
        if slack:
            level.radius *= 2
        elif not improved:
            if int(level.open_columns.sum()) == known:
                break
            level.radius /= 2
    return level


def opening(problem: Problem, prices: Floats, previous: int) -> NDArray[np.bool_]:
    """Every point's cheapest cluster, and all near ties of as many points as a sample's error can move."""
    n, k = problem.cost.shape
    reduced = priced_costs(problem, prices)
    reduced -= reduced.min(axis=1, keepdims=True)
    second = np.partition(reduced, 1, axis=1)[:, 1]
    count = min(n, max(150, 2 * k * problem.n_groups, int(4 * n / np.sqrt(previous))))
    near = np.partition(second, count - 1)[count - 1]
    opened: NDArray[np.bool_] = reduced <= near
    # Where that many ties are exact, a small model is lost unless they are cut to the same number.
    surplus = np.flatnonzero(second <= near)[count:]
    opened[surplus] = False
    opened[np.arange(n), reduced.argmin(axis=1)] = True
    return opened


def improve(problem: Problem, level: Level) -> tuple[bool, bool]:
    """One round: solve the model, price all columns, open those that were missed.

    Returns
    -------
    improved, slack : bool
        Whether the bound rose, and whether the model missed its link rows.
    """
    solution = solve_model(problem, level.open_columns, Box(level.prices, level.radius))
    slack = solution.slack > NO_SLACK * len(problem.cost)
    if not slack:
        value = float((solution.fractional * problem.cost).sum())
        if value < level.value:
            level.fractional, level.value = solution.fractional, value
    prices = feasible_prices(problem, solution.prices)
    # A model that misses its link rows drives prices to corners of the box, where many columns look cheap that never
    # will be: then columns are opened at the first of some points on the way there that raises the bound.
    for step in STEPS if slack else STEPS[:1]:
        reduced = priced_costs(problem, level.prices + step * (prices - level.prices))
        cheapest = reduced.argmin(axis=1)
        bound = float(np.take_along_axis(reduced, cheapest[:, None], axis=1).sum())
        improved = bound > level.bound
        if improved:
            break
    level.open_columns[np.arange(len(cheapest)), cheapest] = True
    if improved:
        level.prices, level.bound = level.prices + step * (prices - level.prices), bound
    return improved, slack
