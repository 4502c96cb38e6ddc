from itertools import product

import numpy as np
import pytest
from bench.methods._variational_fair.alternation import Limits, minimise
from bench.methods._variational_fair.bound import bound_value, descend, softmax, state_of
from bench.methods._variational_fair.cut import NormalisedCutCost
from bench.methods._variational_fair.fairness import FairnessTerm
from bench.methods._variational_fair.prototypes import KMeansCost, KMedianCost
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans

from bench.errors import InvalidInputError

WEIGHT = 2.0


class FixedCost:
    """Clustering cost of given distances."""

    def __init__(self, costs):
        self.given = costs

    def move(self, memberships):
        pass

    def costs(self, memberships):
        return self.given

    def value(self, memberships):
        return float((self.given * memberships).sum())


def six_points(seed=0):
    """Two clusters, two groups, costs, and a start that leans to one side."""
    rng = np.random.default_rng(seed)
    cost, term = FixedCost(rng.random((2, 6))), FairnessTerm(np.array([3, 3]))
    first = rng.uniform(0.1, 0.9, 6)
    soft = np.array([first, 1 - first])
    return cost, term, state_of(soft, np.log(soft), cost, term, WEIGHT)


def energy_of_six(costs, soft):
    """From the definition alone: sum of s a + lambda sum of KL(U || P)."""
    total = (costs * soft).sum()
    for j in range(2):
        for points in (slice(0, 3), slice(3, 6)):
            share = soft[j, points].sum() / soft[j].sum()
            total += WEIGHT * 0.5 * np.log(0.5 / share)
    return total


def lipschitz_constant(smallest):
    """Of lambda times the slope of the convex part, u_t n_t / mass², while no membership is below `smallest`."""
    return WEIGHT * 0.5 * 3 / (3 * smallest) ** 2


def all_soft_assignments():
    for first in product((0.1, 0.3, 0.5, 0.7, 0.9), repeat=6):
        yield np.array([first, 1 - np.array(first)])


def test_bound_lies_above_the_energy_of_every_soft_assignment_of_six_points():
    cost, term, state = six_points()
    at = {"weight": WEIGHT, "lipschitz": lipschitz_constant(0.1)}
    for soft in all_soft_assignments():
        assert bound_value(soft, state, cost.given, term, **at) >= energy_of_six(cost.given, soft) - 1e-9


def test_bound_with_a_small_constant_is_none():
    cost, term, state = six_points()
    at = {"weight": WEIGHT, "lipschitz": 0.05}
    assert any(
        bound_value(soft, state, cost.given, term, **at) < energy_of_six(cost.given, soft) - 0.1
        for soft in all_soft_assignments()
    )


@pytest.mark.parametrize("lipschitz", [0.01, 1, 100])
def test_bound_touches_the_energy_where_it_was_built(lipschitz):
    cost, term, state = six_points(seed=3)
    at = {"weight": WEIGHT, "lipschitz": lipschitz}
    value = bound_value(state.memberships, state, cost.given, term, **at)
    assert value == pytest.approx(energy_of_six(cost.given, state.memberships), rel=1e-12)
    assert state.energy == pytest.approx(value, rel=1e-12)


def test_step_is_the_minimum_of_the_bound():
    cost, term, state = six_points(seed=1)
    lipschitz = lipschitz_constant(0.1)
    at = {"weight": WEIGHT, "lipschitz": lipschitz}
    found, kept = descend(state, cost, term, weight=WEIGHT, lipschitz=lipschitz, max_steps=1, tol=1)
    assert kept == lipschitz
    lowest = bound_value(found.memberships, state, cost.given, term, **at)
    assert lowest < state.energy
    assert found.energy <= lowest
    assert all(bound_value(soft, state, cost.given, term, **at) >= lowest for soft in all_soft_assignments())
    slope = cost.given + WEIGHT * term.spread(term.gradient(state.masses))
    # The same value in closed form, which is what each step is checked against.
    *_, normaliser = softmax(state.logs - slope / lipschitz)
    assert lowest == pytest.approx(WEIGHT * state.fairness - lipschitz * normaliser.sum(), rel=1e-12)


def test_constant_is_raised_until_the_bound_is_one():
    cost, term, state = six_points(seed=2)
    found, lipschitz = descend(state, cost, term, weight=WEIGHT, lipschitz=1e-6, max_steps=1, tol=1)
    assert lipschitz > 1e-4
    at = {"weight": WEIGHT, "lipschitz": lipschitz}
    assert found.energy <= bound_value(found.memberships, state, cost.given, term, **at) + 1e-9
    assert found.energy < state.energy


def test_energy_that_is_not_a_number_is_an_error():
    _, term, state = six_points()
    with pytest.raises(InvalidInputError, match=r"energy became NaN at lambda = 2, L = 1"):
        descend(state, FixedCost(np.full((2, 6), np.nan)), term, weight=2, lipschitz=1, max_steps=3, tol=0)


def test_softmax_survives_any_logits():
    memberships, logs, normaliser = softmax(np.array([[1e6, 0.0, -1e9], [0.0, 0.0, 0.0]]))
    assert memberships.sum(axis=0) == pytest.approx(np.ones(3))
    assert (memberships > 0).all()
    assert logs == pytest.approx(np.log(memberships))
    assert normaliser == pytest.approx([1e6, np.log(2), 0])


def random_problem(seed, kind):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, size=rng.integers(1, 4))
    n, k = sizes.sum(), int(rng.integers(1, 4))
    points = rng.normal(size=(n, 3)).astype(np.float32)
    if kind == "ncut":
        half = np.triu(rng.random((n, n)) < 0.3, 1).astype(float)
        cost = NormalisedCutCost(csr_matrix(half + half.T), k)
    else:
        cost = {"kmeans": KMeansCost, "kmedian": KMedianCost}[kind](points, rng.normal(size=(k, 3)))
    return cost, FairnessTerm(sizes), cost.costs(rng.dirichlet(np.ones(k), n).T)


@pytest.mark.parametrize("kind", ["kmeans", "kmedian", "ncut"])
@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([0, 0.1, 10, 1e4]), st.sampled_from([1e-4, 2, 100]))
def test_energy_never_rises_at_any_step_or_move(kind, seed, weight, lipschitz):
    cost, term, start = random_problem(seed, kind)
    memberships, logs, _ = softmax(-start)
    state = state_of(memberships, logs, cost, term, weight)
    for _ in range(4):
        for _ in range(4):
            after, lipschitz = descend(state, cost, term, weight=weight, lipschitz=lipschitz, max_steps=1, tol=0)
            assert after.energy <= state.energy
            assert after.memberships.sum(axis=0) == pytest.approx(np.ones(len(start[0])))
            state = after
        cost.move(state.memberships)
        after = state_of(state.memberships, state.logs, cost, term, weight)
        assert after.energy <= state.energy
        state = after


@pytest.mark.parametrize("kind", ["kmeans", "kmedian", "ncut"])
def test_outer_loop_tells_falling_energies_and_ends(kind):
    cost, term, start = random_problem(7, kind)
    seen = []
    state = minimise(
        cost,
        term,
        start,
        weight=5,
        lipschitz=2,
        limits=Limits(50, 5),
        on_iteration=lambda state, lipschitz: seen.append(state.energy),
    )
    assert 2 <= len(seen) < 50
    assert (np.diff(seen) <= 0).all()
    assert seen[-1] == state.energy == pytest.approx(state.clustering + 5 * state.fairness)


def test_without_fairness_the_outer_loop_is_lloyds_algorithm():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(200, 2)).astype(np.float32)
    start = points[:4].astype(np.float64)
    cost = KMeansCost(points, start)
    costs = cost.costs(np.empty(0))
    state = minimise(cost, FairnessTerm(np.array([200])), costs, weight=0, lipschitz=2, limits=Limits(100, 30, 0, 0))
    lloyd = KMeans(4, init=start, n_init=1, algorithm="lloyd", tol=0).fit(points)
    assert state.energy == pytest.approx(lloyd.inertia_, rel=0.02)
    labels = state.memberships.argmax(axis=0)
    means = np.array([points[labels == j].mean(axis=0) for j in range(4)])
    assert cost.centres == pytest.approx(means, abs=1e-3)
    assert not np.allclose(cost.centres, start, atol=0.1)
