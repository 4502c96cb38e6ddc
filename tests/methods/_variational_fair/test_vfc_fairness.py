import numpy as np
import pytest
from bench.methods._variational_fair.fairness import FairnessTerm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy


def memberships(k, n, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(k), n).T


def test_error_of_a_case_worked_by_hand():
    term = FairnessTerm(np.array([2, 2]))
    # One cluster holds three quarters of group 0 and one quarter of group 1, the other the rest.
    soft = np.array([[0.5, 1.0, 0.5, 0.0], [0.5, 0.0, 0.5, 1.0]])
    assert term.masses(soft).tolist() == [[1.5, 0.5], [0.5, 1.5]]
    one = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    assert term.error(term.masses(soft)) == pytest.approx(2 * one)


def test_target_proportions_have_no_error_and_no_slope():
    term = FairnessTerm(np.array([1, 3]))
    masses = np.array([[0.25, 0.75], [0.75, 2.25]])
    assert term.error(masses) == pytest.approx(0, abs=1e-15)
    assert term.gradient(masses) == pytest.approx(np.zeros((2, 2)), abs=1e-12)


@settings(max_examples=50)
@given(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 10**6))
def test_error_and_slope_are_those_of_the_definition(k, sizes, seed):
    term = FairnessTerm(np.array(sizes))
    soft = memberships(k, sum(sizes), seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    indicators = (groups == np.arange(len(sizes))[:, None]).astype(float)
    masses = soft @ indicators.T
    assert term.masses(soft) == pytest.approx(masses)
    shares = masses / masses.sum(axis=1, keepdims=True)
    assert term.error(masses) == pytest.approx(sum(entropy(term.target, row) for row in shares), abs=1e-12)
    slope = term.spread(term.gradient(masses))
    # The paper's b, one entry a point and cluster.
    for j in range(k):
        for i, group in enumerate(groups):
            expected = (term.target / soft[j].sum()).sum() - term.target[group] / masses[j, group]
            assert slope[j, i] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert (slope * soft).sum() == pytest.approx(0, abs=1e-9)


def test_slope_is_the_derivative_of_the_error():
    term = FairnessTerm(np.array([3, 2, 4]))
    masses = np.random.default_rng(0).random((3, 3)) + 0.2
    for at in np.ndindex(3, 3):
        shift = np.zeros((3, 3))
        shift[at] = 1e-6
        numeric = (term.error(masses + shift) - term.error(masses - shift)) / 2e-6
        assert term.gradient(masses)[at] == pytest.approx(numeric, abs=1e-6)
