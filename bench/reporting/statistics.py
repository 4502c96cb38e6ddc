"""Is a difference more than luck? Paired differences over seeds, and average ranks over data sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.errors import InvalidInputError
from bench.metrics.evaluation import Direction

__all__ = [
    "FEWEST_DATASETS",
    "FEWEST_METHODS",
    "FEWEST_PAIRS",
    "LEVEL",
    "Difference",
    "Outcome",
    "Ranks",
    "outcome_of",
    "paired_difference",
    "rank_methods",
]

# Confidence of all intervals; the tests' level is what is left of 1.
LEVEL = 0.95
# Two pairs give an interval, but one of 12.7 standard errors to each side that tells nothing.
FEWEST_PAIRS = 3
FEWEST_METHODS = 3
FEWEST_DATASETS = 5

Outcome = Literal["win", "tie", "loss", "open"]


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences.

    Parameters
    ----------
    seeds : tuple of int
        Those that both have, ascending.
    mean_a, mean_b, mean : float or None
        Means over these seeds, and of the differences a - b; None without any.
    low, high : float or None
        Ends of the confidence interval; both the mean where all differences are equal, None for fewer than
        :data:`FEWEST_PAIRS` pairs.
    """

    seeds: tuple[int, ...]
    mean_a: float | None
    mean_b: float | None
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Ranks:
    """Average ranks of methods over data sets, and what the tests say of them.

    Parameters
    ----------
    average : tuple of float
        Average rank of each method; 1 is best, ties share the mean of their places.
    statistic, p_value : float or None
        Of Friedman's test, with its correction for ties; None where every data set ranks all methods equal.
    critical_difference : float
        Average ranks that are further apart differ at the 5 percent level, by Nemenyi's test.
    cliques : tuple of tuple of int
        Largest sets of methods whose average ranks are no further apart, as positions from best to worst.
    """

    average: tuple[float, ...]
    statistic: float | None
    p_value: float | None
    critical_difference: float
    cliques: tuple[tuple[int, ...], ...]


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """Mean difference a - b over the seeds that both have, with its t interval.

    Runs with the same seed share what the seed decides outside the method, such as the order of samples, so that
    their differences vary less than the values. The interval is ``mean ± t s / sqrt(n)`` with the sample standard
    deviation s of the differences and the quantile t of Student's distribution with n - 1 degrees of freedom.

    Parameters
    ----------
    a, b : mapping of int to float
        Finite values by seed.

    Examples
    --------
    >>> paired_difference({0: 3.0, 1: 4.0, 2: 5.0, 7: 9.0}, {0: 1.0, 1: 2.0, 2: 3.0})
    Difference(seeds=(0, 1, 2), mean_a=4.0, mean_b=2.0, mean=2.0, low=2.0, high=2.0)
    """
    seeds = tuple(sorted(a.keys() & b.keys()))
    if not seeds:
        return Difference(seeds, None, None, None, None, None)
    differences = [a[seed] - b[seed] for seed in seeds]
    mean_a, mean_b, mean = (
        math.fsum(values) / len(seeds)
        for values in ([a[seed] for seed in seeds], [b[seed] for seed in seeds], differences)
    )
    low, high = _interval(differences, mean)
    return Difference(seeds, mean_a, mean_b, mean, low, high)


def outcome_of(difference: Difference, direction: Direction) -> Outcome:
    """What `difference` means for the first of the two.

    Parameters
    ----------
    difference : Difference
        Of two methods on one data set.
    direction : {"higher", "lower"}
        Which values are better.

    Returns
    -------
    {"win", "tie", "loss", "open"}
        A tie where the interval contains 0, open where there is none.
    """
    if difference.low is None or difference.high is None:
        return "open"
    if difference.low <= 0.0 <= difference.high:
        return "tie"
    return "win" if (difference.low > 0.0) == (direction == "higher") else "loss"


def rank_methods(scores: Sequence[Sequence[float]], direction: Direction) -> Ranks:
    """Friedman's test of `scores`, and the critical difference of Nemenyi's test after it.

    Parameters
    ----------
    scores : sequence of shape (n_datasets, n_methods), float
        One value for every data set and method, finite.
    direction : {"higher", "lower"}
        Which values are better.

    Raises
    ------
    InvalidInputError
        For fewer than :data:`FEWEST_METHODS` methods or :data:`FEWEST_DATASETS` data sets.

    References
    ----------
    J. Demsar. Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, Section 3.2:
    ``CD = q sqrt(k (k + 1) / (6 N))`` for k methods and N data sets, with q the quantile of the studentized range
    over the square root of 2. https://www.jmlr.org/papers/v7/demsar06a.html
    """
    import numpy as np
    from scipy import stats

    values = np.asarray(scores, dtype=np.float64)
    n, k = values.shape if values.ndim == 2 else (0, 0)
    if n < FEWEST_DATASETS or k < FEWEST_METHODS:
        raise InvalidInputError(
            f"scores of {k} methods on {n} data sets given; ranks are tested from {FEWEST_METHODS} methods and "
            f"{FEWEST_DATASETS} data sets on"
        )
    ranks = stats.rankdata(-values if direction == "higher" else values, axis=1)
    statistic = p_value = None
    # Friedman's statistic is 0 / 0 where every data set ranks all methods equal.
    if np.ptp(ranks, axis=1).any():
        tested = stats.friedmanchisquare(*ranks.T)
        statistic, p_value = float(tested.statistic), float(tested.pvalue)
    quantile = float(stats.studentized_range.ppf(LEVEL, k, np.inf)) / math.sqrt(2.0)
    critical = quantile * math.sqrt(k * (k + 1) / (6.0 * n))
    average = tuple(float(rank) for rank in ranks.mean(axis=0))
    return Ranks(average, statistic, p_value, critical, _cliques(average, critical))


def _interval(differences: Sequence[float], mean: float) -> tuple[float | None, float | None]:
    n = len(differences)
    if n < FEWEST_PAIRS:
        return None, None
    if min(differences) == max(differences):
        return mean, mean
    from scipy import stats

    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in differences) / (n - 1))
    half = float(stats.t.ppf((1.0 + LEVEL) / 2.0, n - 1)) * spread / math.sqrt(n)
    return mean - half, mean + half


def _cliques(average: Sequence[float], critical: float) -> tuple[tuple[int, ...], ...]:
    order = sorted(range(len(average)), key=lambda method: average[method])
    cliques: list[tuple[int, ...]] = []
    for start, first in enumerate(order):
        within = tuple(method for method in order[start:] if average[method] - average[first] <= critical)
        # A set that ends where an earlier one does is part of it.
        if len(within) > 1 and not (cliques and cliques[-1][-1] == within[-1]):
            cliques.append(within)
    return tuple(cliques)
