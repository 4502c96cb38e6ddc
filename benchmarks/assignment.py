"""The fair assignment LP: against PuLP with CBC, and exact at the size of the largest data sets."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from bench.methods._assignment import FairAssignment, fair_assignment

from benchmarks.ceiling import least_seconds
from benchmarks.rows import Row, compared, row
from benchmarks.setting import Setting
from benchmarks.synthetic import points
from benchmarks.timing import in_turn, seconds

__all__ = ["measure"]

CLUSTERS = 10
DELTA = 0.2
AGAINST = "the LP written out in PuLP, solved by CBC, rounded alike"


def measure(setting: Setting) -> list[Row]:
    """Time 20,000 x 10 x 2 against CBC, 67,291 and 120,000 alone."""
    return [against_cbc(setting.size(20_000, 100), setting)] + [
        alone(n, setting) for n in (setting.size(67_291, 200), setting.size(120_000, 300))
    ]


def against_cbc(n: int, setting: Setting) -> Row:
    """Both solvers, and the relative difference of their optima."""
    problem = program(n)
    found: dict[str, FairAssignment] = {}

    def solve(solver: str) -> None:
        found[solver] = fair_assignment(**problem, solver=solver)

    times = in_turn(lambda: solve("auto"), lambda: solve("pulp"), setting)
    ours, theirs = found["auto"].objective, found["pulp"].objective
    more = {"gap": abs(found["auto"].duality_gap), "objective_difference": abs(ours - theirs) / abs(theirs)}
    return compared(name(n), n, times, AGAINST, floor=floor(problem, setting), **more)


def alone(n: int, setting: Setting) -> Row:
    """Ours, with the gap between its cost and the bound that its prices prove."""
    problem = program(n)
    gap = abs(fair_assignment(**problem).duality_gap)
    repeats = setting.size(5, 1)
    taken = statistics.median(seconds(lambda: fair_assignment(**problem)) for _ in range(repeats))
    return row(name(n), n, taken, floor=floor(problem, setting), repeats=repeats, gap=gap)


def name(n: int) -> str:
    """What is solved."""
    return f"fair LP, {n:,} x {CLUSTERS} x 2"


def program(n: int) -> dict[str, Any]:
    """Squared distances to ten centres, shares of two groups within a fifth of those of the data."""
    samples, groups = points(n)
    centres = samples[np.random.default_rng(1).choice(n, CLUSTERS, replace=False)]
    share = np.bincount(groups) / n
    return {
        "cost": ((samples[:, None] - centres) ** 2).sum(2),
        "sensitive": groups,
        "lower": share * (1 - DELTA),
        "upper": np.minimum(1, share / (1 - DELTA)),
    }


def floor(problem: dict[str, Any], setting: Setting) -> float:
    """Least seconds: the costs in doubles are read once."""
    return least_seconds(setting, moved=8 * problem["cost"].size)
