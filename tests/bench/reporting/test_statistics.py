"""Paired differences and average ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InvalidInputError
from bench.reporting.statistics import Difference, outcome_of, paired_difference, rank_methods

# Seconds to first base of 22 players rounding it in three ways: Hollander and Wolfe, Nonparametric Statistical
# Methods, 1973, Table 7.1; in R's manual page of friedman.test, which prints chi-squared 11.143 and p 0.003805.
ROUNDING_TIMES = np.array(
    [
        [5.40, 5.50, 5.55], [5.85, 5.70, 5.75], [5.20, 5.60, 5.50], [5.55, 5.50, 5.40], [5.90, 5.85, 5.70],
        [5.45, 5.55, 5.60], [5.40, 5.40, 5.35], [5.45, 5.50, 5.35], [5.25, 5.15, 5.00], [5.85, 5.80, 5.70],
        [5.25, 5.20, 5.10], [5.65, 5.55, 5.45], [5.60, 5.35, 5.45], [5.05, 5.00, 4.95], [5.50, 5.50, 5.40],
        [5.45, 5.55, 5.50], [5.55, 5.55, 5.35], [5.45, 5.50, 5.55], [5.50, 5.45, 5.25], [5.65, 5.60, 5.40],
        [5.70, 5.65, 5.55], [6.30, 6.30, 6.25],
    ]
)  # fmt: skip


def test_four_seeds_by_hand() -> None:
    found = paired_difference({0: 80.0, 1: 84.0, 2: 82.0, 3: 90.0}, {0: 78.0, 1: 80.0, 2: 81.0, 3: 85.0})
    # Differences 2, 4, 1, 5: mean 3, variance 10 / 3; t(0.975, 3) = 3.18245.
    half = 3.18245 * math.sqrt(10 / 3) / 2
    assert (found.seeds, found.mean_a, found.mean_b, found.mean) == ((0, 1, 2, 3), 84.0, 81.0, 3.0)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-4)
    assert (outcome_of(found, "higher"), outcome_of(found, "lower")) == ("win", "loss")


def test_only_common_seeds_count() -> None:
    found = paired_difference({0: 1.0, 1: 2.0, 5: 100.0}, {1: 1.0, 0: 1.0, 7: -100.0})
    assert (found.seeds, found.mean) == ((0, 1), 0.5)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_pairs_have_no_interval(n: int) -> None:
    found = paired_difference({seed: 2.0 + seed for seed in range(n)}, dict.fromkeys(range(5), 1.0))
    assert (found.low, found.high) == (None, None)
    assert outcome_of(found, "higher") == "open"


def test_equal_differences_are_exact() -> None:
    found = paired_difference({0: 0.3, 1: 0.3, 2: 0.3}, {0: 0.1, 1: 0.1, 2: 0.1})
    assert found.low == found.mean == found.high
    assert outcome_of(found, "higher") == "win"
    same = paired_difference({0: 0.3, 1: 0.4, 2: 0.5}, {0: 0.3, 1: 0.4, 2: 0.5})
    assert (same.mean, outcome_of(same, "higher")) == (0.0, "tie")


values = st.dictionaries(st.integers(0, 9), st.floats(0, 100), max_size=8)


@given(values, values)
def test_the_other_way_round_everything_is_reversed(a: dict[int, float], b: dict[int, float]) -> None:
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert (there.seeds, there.mean_a, there.mean_b) == (back.seeds, back.mean_b, back.mean_a)
    if there.mean is not None and back.mean is not None:
        assert there.mean == pytest.approx(-back.mean)
    if there.low is not None and there.high is not None:
        assert (there.low, there.high) == pytest.approx((-(back.high or 0.0), -(back.low or 0.0)))
    swapped = {"win": "loss", "loss": "win", "tie": "tie", "open": "open"}
    assert outcome_of(back, "higher") == swapped[outcome_of(there, "higher")] == outcome_of(there, "lower")


def test_a_tie_is_an_interval_that_touches_zero() -> None:
    assert outcome_of(Difference((0, 1, 2), 1.0, 0.5, 0.5, 0.0, 1.0), "higher") == "tie"
    assert outcome_of(Difference((0, 1, 2), 1.0, 0.5, 0.5, 0.1, 0.9), "higher") == "win"


def test_friedman_of_the_textbook() -> None:
    found = rank_methods(ROUNDING_TIMES.tolist(), "lower")
    assert found.statistic == pytest.approx(11.143, abs=5e-4)
    assert found.p_value == pytest.approx(0.003805, abs=5e-7)


def test_friedman_by_hand() -> None:
    # Ranks 1 2 3 three times, 2 1 3 and 1 3 2: sums 6, 10, 14, so 12 / (5 * 3 * 4) * 332 - 3 * 5 * 4 = 6.4.
    found = rank_methods([[3, 2, 1], [9, 5, 4], [3, 2, 0], [2, 3, 1], [8, 6, 7]], "higher")
    assert found.average == pytest.approx((1.2, 2.0, 2.8))
    assert found.statistic == pytest.approx(6.4)


@pytest.mark.parametrize(("k", "quantile"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_of_demsars_table_5(k: int, quantile: float) -> None:
    n = 14
    found = rank_methods(np.arange(n * k, dtype=float).reshape(n, k).tolist(), "higher")
    assert found.critical_difference == pytest.approx(quantile * math.sqrt(k * (k + 1) / (6 * n)), abs=1e-3)


def test_critical_difference_of_demsars_example() -> None:
    # Four methods on 14 data sets: 1.25.
    found = rank_methods(np.arange(56.0).reshape(14, 4).tolist(), "higher")
    assert round(found.critical_difference, 2) == 1.25


def test_cliques_are_the_largest_sets_within_the_critical_difference() -> None:
    # The same order on 10 data sets: average ranks 1 to 5, critical difference 1.93.
    found = rank_methods([[5.0, 4.0, 3.0, 2.0, 1.0]] * 10, "higher")
    assert found.average == (1, 2, 3, 4, 5)
    assert found.cliques == ((0, 1), (1, 2), (2, 3), (3, 4))
    # On 5 it is 2.73, so that sets of three hold together, and no set lies in another.
    assert rank_methods([[5.0, 4.0, 3.0, 2.0, 1.0]] * 5, "lower").cliques == ((4, 3, 2), (3, 2, 1), (2, 1, 0))


def test_equal_methods_leave_nothing_to_test() -> None:
    found = rank_methods([[7.0, 7.0, 7.0]] * 6, "higher")
    assert (found.average, found.statistic, found.p_value) == ((2.0, 2.0, 2.0), None, None)
    assert found.cliques == ((0, 1, 2),)


@pytest.mark.parametrize("scores", [[[1.0, 2.0]] * 9, [[1.0, 2.0, 3.0]] * 4, []])
def test_too_few_are_refused(scores: list[list[float]]) -> None:
    with pytest.raises(InvalidInputError, match="from 3 methods and 5 data sets"):
        rank_methods(scores, "higher")


@pytest.mark.filterwarnings("ignore")
def test_pairs_that_differ_are_those_of_scikit_posthocs() -> None:
    posthocs = pytest.importorskip("scikit_posthocs", reason="the extra `stats` is not installed")
    scores = np.random.default_rng(1).normal(size=(20, 5)) + np.arange(5) * 0.5
    found = rank_methods(scores.tolist(), "higher")
    average = np.array(found.average)
    apart = np.abs(average[:, None] - average) > found.critical_difference
    expected = np.asarray(posthocs.posthoc_nemenyi_friedman(scores)) < 0.05
    assert apart.any()
    assert not apart.all()
    assert np.array_equal(apart, expected)
