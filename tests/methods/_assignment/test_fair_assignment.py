import warnings
from types import SimpleNamespace

import bench.methods._assignment.column_generation as columns
import bench.methods._assignment.fair as fair
import numpy as np
import pytest
from bench.methods._assignment import fair_assignment
from bench.methods._assignment.dual import dual_value, feasible_prices
from bench.methods._assignment.problem import Problem
from bench.methods._assignment.readable import cbc, pulp_without_migration_notices
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from bench.errors import InvalidInputError, UnsupportedInputError

SOLVERS = ("auto", "highs", "pulp")


def shares(member, delta):
    share = member.mean(axis=0)
    return share * (1 - delta), np.minimum(1, share / (1 - delta))


def instance(seed, n, k, n_groups, delta):
    """Clustered points whose groups lie apart, so that bounds bind."""
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), rng.integers(n_groups, size=n - n_groups)])
    centres, shift = 3 * rng.normal(size=(k, 2)), 2 * rng.normal(size=(n_groups, 2))
    points = centres[rng.integers(k, size=n)] + shift[groups] + rng.normal(size=(n, 2))
    cost = ((points[:, None] - centres) ** 2).sum(axis=2)
    return cost, groups, *shares(np.eye(n_groups)[groups], delta)


def overlapping(seed, n, k, n_groups, delta):
    cost, _, _, _ = instance(seed, n, k, 1, 0.0)
    member = (np.random.default_rng(seed).random((n, n_groups)) < 0.5).astype(int)
    member[0] = 1
    return cost, member, *shares(member, delta)


def published_form(cost, member, lower, upper):
    """Optimum of the LP as the paper writes it, dense, by an interior point method."""
    n, k = cost.shape
    rows = []
    for j in range(k):
        for t in range(member.shape[1]):
            for row in (member[:, t] - upper[t], lower[t] - member[:, t]):
                full = np.zeros((n, k))
                full[:, j] = row
                rows.append(full.ravel())
    each = np.kron(np.eye(n), np.ones(k))
    result = linprog(cost.ravel(), np.array(rows), np.zeros(len(rows)), each, np.ones(n), method="highs-ipm")
    assert result.status == 0
    return result.fun


def masses(member, labels, k):
    return np.stack([member[labels == j].sum(axis=0) for j in range(k)])


def miss(member, labels, k, lower, upper):
    mass, size = masses(member, labels, k), np.bincount(labels, minlength=k)[:, None]
    return max(0.0, (mass - upper * size).max(), (lower * size - mass).max())


small = {
    "seed": st.integers(0, 10_000),
    "k": st.integers(1, 5),
    "n_groups": st.integers(1, 4),
    "delta": st.floats(0, 0.5),
}


@pytest.mark.parametrize("solver", SOLVERS)
def test_four_points_by_hand(solver):
    # With mass m of each group in cluster 0, moving costs 2 + 3 at m = 0 or 2, and 2 + 2 at m = 1.
    cost = [[0, 2], [0, 3], [2, 0], [3, 0]]
    result = fair_assignment(cost, ["a", "a", "b", "b"], 0.5, 0.5, solver=solver)
    assert result.labels.tolist() == [1, 0, 0, 1]
    assert result.objective == pytest.approx(4)
    assert result.dual_bound == pytest.approx(4)
    assert result.fractional == pytest.approx(np.eye(2)[[1, 0, 0, 1]])
    assert result.violation == 0
    assert result.n_split == 0
    assert result.rounded_objective == pytest.approx(4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_three_points_by_hand_split_one_and_round_it_to_its_cheaper_side(solver):
    # Mass m of b in cluster 0 costs 5 m, and 2 (1 - m) of the a's have to follow the rest: 2 for the first, 4 for the
    # second. Lowest at m = 1/2: 2.5 + 2.
    cost = [[0, 2], [0, 4], [5, 0]]
    result = fair_assignment(cost, ["a", "a", "b"], [2 / 3, 1 / 3], [2 / 3, 1 / 3], solver=solver)
    assert result.objective == pytest.approx(4.5)
    assert result.dual_bound == pytest.approx(4.5)
    assert result.fractional == pytest.approx(np.array([[0, 1], [1, 0], [0.5, 0.5]]), abs=1e-7)
    assert result.n_split == 1
    assert result.labels.tolist() == [1, 0, 1]
    # Cluster 0 holds one a: 1 - 2/3. The violation pays for a cost below the LP's.
    assert result.violation == pytest.approx(1 / 3)
    assert result.rounded_objective == pytest.approx(2)


@settings(max_examples=40)
@given(n=st.integers(6, 60), **small)
@example(n=6, seed=0, k=2, n_groups=3, delta=1e-9)
def test_optimum_is_that_of_independent_solvers(n, seed, k, n_groups, delta):
    cost, groups, lower, upper = instance(seed, n, k, n_groups, delta)
    expected = published_form(cost, np.eye(n_groups)[groups], lower, upper)
    for solver in SOLVERS:
        result = fair_assignment(cost, groups, lower, upper, solver=solver)
        assert result.objective == pytest.approx(expected, rel=1e-6)
        assert abs(result.duality_gap) < (1e-6 if solver == "pulp" else 1e-9)


@settings(max_examples=40)
@given(n=st.integers(12, 60), first=st.integers(5, 11), **small)
def test_column_generation_is_exact_from_any_sample(n, first, seed, k, n_groups, delta):
    cost, groups, lower, upper = instance(seed, n, k, n_groups, delta)
    expected = fair_assignment(cost, groups, lower, upper, solver="highs").objective
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "sample_sizes", lambda *_: [first, n] if k > 1 else [n])
        result = fair_assignment(cost, groups, lower, upper)
    assert result.objective == pytest.approx(expected, rel=1e-9)
    assert abs(result.duality_gap) < 1e-9


@pytest.mark.parametrize("n_groups", [2, 3, 30])
def test_column_generation_solves_small_models_only(n_groups, monkeypatch):
    n, k = 6000, 6
    cost, groups, lower, upper = instance(1, n, k, n_groups, 0.2)
    opened = []
    whole = columns.solve_model

    def watched(problem, open_columns, box=None):
        opened.append(((open_columns.sum(axis=1) > 1).sum(), len(open_columns)))
        return whole(problem, open_columns, box)

    monkeypatch.setattr(columns, "solve_model", watched)
    result = fair_assignment(cost, groups, lower, upper)
    assert opened[-1][1] == n
    assert max(count for count, _ in opened) < n / 2
    assert len(opened) < 20
    assert abs(result.duality_gap) < 1e-9
    assert result.objective == pytest.approx(fair_assignment(cost, groups, lower, upper, solver="highs").objective)


@settings(max_examples=60)
@given(n=st.integers(6, 60), **small)
def test_rounding_keeps_its_promise_for_disjoint_groups(n, seed, k, n_groups, delta):
    cost, groups, lower, upper = instance(seed, n, k, n_groups, delta)
    member = np.eye(n_groups)[groups]
    result = fair_assignment(cost, groups, lower, upper)
    assert result.violation == pytest.approx(miss(member, result.labels, k, lower, upper), abs=1e-9)
    assert result.violation < 1 + upper.max() <= 2
    assert result.rounded_objective <= result.objective * (1 + 1e-7)
    if result.violation < 1e-9:
        assert result.rounded_objective >= result.objective * (1 - 1e-9)
    # Every total went to one of the whole numbers around it.
    assert np.abs(masses(member, result.labels, k) - result.fractional.T @ member).max() < 1 - 1e-9
    assert np.abs(np.bincount(result.labels, minlength=k) - result.fractional.sum(axis=0)).max() < 1 - 1e-9


@settings(max_examples=40)
@given(n=st.integers(6, 50), **{**small, "n_groups": st.integers(2, 4)})
def test_groups_may_overlap(n, seed, k, n_groups, delta):
    cost, member, lower, upper = overlapping(seed, n, k, n_groups, delta)
    result = fair_assignment(cost, member, lower, upper)
    assert result.objective == pytest.approx(published_form(cost, member, lower, upper), rel=1e-6)
    assert abs(result.duality_gap) < 1e-9
    assert result.violation == pytest.approx(miss(member, result.labels, k, lower, upper), abs=1e-9)
    assert result.violation <= result.violation_bound == 4 * member.sum(axis=1).max() + 3
    assert result.rounded_objective <= result.objective * (1 + 1e-7)


def test_overlapping_groups_through_column_generation_and_pulp():
    cost, member, lower, upper = overlapping(3, 2500, 4, 3, 0.1)
    result = fair_assignment(cost, member, lower, upper)
    whole = fair_assignment(cost, member, lower, upper, solver="highs")
    assert result.objective == pytest.approx(whole.objective, rel=1e-9)
    assert abs(result.duality_gap) < 1e-9
    rows = (cost[:80], member[:80], *shares(member[:80], 0.1))
    assert fair_assignment(*rows, solver="pulp").objective == pytest.approx(fair_assignment(*rows).objective)


@settings(max_examples=40)
@given(n=st.integers(6, 40), overlap=st.booleans(), **{**small, "n_groups": st.integers(2, 4)})
def test_any_prices_prove_a_lower_bound(n, overlap, seed, k, n_groups, delta):
    cost, groups, lower, upper = (overlapping if overlap else instance)(seed, n, k, n_groups, delta)
    problem = Problem.from_arrays(cost, groups, lower, upper)
    prices = 5 * np.random.default_rng(seed).normal(size=(k, problem.n_groups))
    best = fair_assignment(cost, groups, lower, upper).objective
    assert dual_value(problem, feasible_prices(problem, prices)) <= best + 1e-9 * abs(best)


def test_prices_are_shifted_by_the_fractional_knapsack():
    # Shares between 1/4 and 3/4: at prices 2 and -1, a cluster earns most at 3/4 of the first, 1.5 - 0.25.
    problem = Problem.from_arrays(np.zeros((4, 1)), [0, 0, 1, 1], 0.25, 0.75)
    assert feasible_prices(problem, np.array([[2.0, -1.0]])) == pytest.approx(np.array([[0.75, -2.25]]))


def test_two_equal_groups_at_exact_balance_are_a_matching():
    # At 1:1 the optimum pairs the groups, every pair at its cheapest centre.
    cost = instance(5, 60, 4, 2, 0.0)[0]
    groups = np.arange(60) % 2
    pair = (cost[groups == 0][:, None] + cost[groups == 1][None]).min(axis=2)
    expected = pair[linear_sum_assignment(pair)].sum()
    result = fair_assignment(cost, groups, 0.5, 0.5)
    assert result.objective == pytest.approx(expected)
    assert result.violation == pytest.approx(0)


def test_one_group_leaves_everyone_at_the_nearest_centre():
    cost, _, _, _ = instance(0, 900, 4, 2, 0.2)
    result = fair_assignment(cost, np.zeros(900), 0.8, 1.0)
    assert np.array_equal(result.labels, cost.argmin(axis=1))
    assert result.violation == 0
    assert result.duality_gap == pytest.approx(0, abs=1e-12)


def test_one_cluster_takes_all():
    for n in (3, 2000):
        result = fair_assignment(np.ones((n, 1)), np.arange(n) % 3, 0.1, 0.9)
        assert result.labels.tolist() == [0] * n
        assert result.objective == pytest.approx(n)


def test_loose_bounds_change_nothing():
    cost, groups, _, _ = instance(2, 700, 5, 3, 0.2)
    result = fair_assignment(cost, groups, 0, 1)
    assert result.objective == pytest.approx(cost.min(axis=1).sum())
    assert np.array_equal(result.labels, cost.argmin(axis=1))


def test_points_outside_all_groups_are_free():
    # One of four is in the group, which may be at most half of a cluster; the others go where they like.
    cost = np.array([[0.0, 9], [0, 1], [5, 0], [5, 0]])
    result = fair_assignment(cost, np.array([[1], [0], [0], [0]]), 0, 0.5)
    assert result.labels.tolist() == [0, 0, 1, 1]
    assert result.objective == 0


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_size_of_costs_does_not_matter(factor):
    cost, groups, lower, upper = instance(4, 1500, 4, 2, 0.2)
    expected = fair_assignment(cost, groups, lower, upper).objective
    result = fair_assignment(cost * factor, groups, lower, upper)
    assert result.objective / factor == pytest.approx(expected, rel=1e-9)
    assert abs(result.duality_gap) < 1e-9


@pytest.mark.parametrize("cost", ["equal", "two values", "negative"])
def test_ties_and_signs(cost):
    rng = np.random.default_rng(0)
    values = {
        "equal": np.full((1000, 3), 7.0),
        "two values": rng.integers(2, size=(1000, 3)).astype(float),
        "negative": rng.normal(size=(1000, 3)) - 5,
    }[cost]
    groups = np.arange(1000) % 4
    result = fair_assignment(values, groups, 0.2, 0.3)
    assert result.objective == pytest.approx(fair_assignment(values, groups, 0.2, 0.3, solver="highs").objective)
    assert abs(result.duality_gap) < 1e-9


def test_infeasible_bounds_name_the_group_and_its_share():
    groups = ["men"] * 3 + ["women"]
    message = "group women is 0.25 of the data, outside its bounds 0.4 to 1: no assignment"
    with pytest.raises(InvalidInputError, match=message):
        fair_assignment(np.zeros((4, 2)), groups, [0, 0.4], 1)
    with pytest.raises(InvalidInputError, match=r"group men is 0\.75 of the data"):
        fair_assignment(np.zeros((4, 2)), groups, 0, [0.7, 0.5])
    with pytest.raises(InvalidInputError, match=r"group 1 is 0\.5 of the data"):
        fair_assignment(np.zeros((4, 2)), np.array([[1, 0], [1, 1], [0, 1], [0, 0]]), 0, [0.6, 0.4])


@pytest.mark.parametrize(
    ("cost", "groups", "bounds", "message"),
    [
        (np.zeros(4), [0, 1, 0, 1], (0, 1), r"cost has shape \(4,\)"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], (0, 1), "NaN or infinite"),
        (np.zeros((4, 2)), [0, 1, 0], (0, 1), "one value for each of the 4 samples"),
        (np.zeros((4, 2)), np.full((4, 2), 3), (0, 1), "as a matrix it takes 0 and 1"),
        (np.zeros((4, 2)), [0, 1, 0, 1], ([0, 0, 0], 1), r"lower has shape \(3,\)"),
        (np.zeros((4, 2)), [0, 1, 0, 1], (0, np.nan), "upper"),
    ],
)
def test_bad_input_is_refused(cost, groups, bounds, message):
    with pytest.raises(InvalidInputError, match=message):
        fair_assignment(cost, groups, *bounds)


def test_unknown_solver_is_refused():
    with pytest.raises(InvalidInputError, match="solver='cplex' given; it takes 'auto' or 'highs' or 'pulp'"):
        fair_assignment(np.zeros((2, 2)), [0, 1], 0, 1, solver="cplex")


def test_a_wrong_solution_never_gets_out(monkeypatch):
    cost = instance(0, 50, 3, 2, 0.1)[0]
    nearest = np.eye(3)[cost.argmin(axis=1)]
    groups = cost.argmin(axis=1) > 0
    monkeypatch.setitem(fair.SOLVERS, "highs", lambda problem: (nearest, np.zeros((3, 2))))
    with pytest.raises(RuntimeError, match="the solver's assignment misses a share bound by"):
        fair_assignment(cost, groups, *shares(np.eye(2)[groups * 1], 0.1), solver="highs")


def test_a_wrong_rounding_never_gets_out(monkeypatch):
    cost = instance(0, 50, 3, 2, 0.1)[0]
    groups = cost.argmin(axis=1) > 0
    monkeypatch.setattr(fair, "round_assignment", lambda problem, x: problem.cost.argmin(axis=1))
    with pytest.raises(RuntimeError, match="the rounding misses a share bound by"):
        fair_assignment(cost, groups, *shares(np.eye(2)[groups * 1], 0.1))


def test_pulp_without_cbc_says_what_to_do():
    missing = SimpleNamespace(COIN_CMD=lambda msg: SimpleNamespace(available=lambda: False))
    with pytest.raises(UnsupportedInputError, match="pip install 'pulp\\[cbc\\]'"):
        cbc(missing)


def test_other_warnings_still_pass():
    with pulp_without_migration_notices(), pytest.warns(DeprecationWarning, match="elsewhere"):
        warnings.warn("elsewhere", DeprecationWarning, stacklevel=1)


def test_thirty_groups():
    cost, groups, lower, upper = instance(7, 1500, 6, 30, 0.2)
    result = fair_assignment(cost, groups, lower, upper)
    assert abs(result.duality_gap) < 1e-9
    assert result.violation < 1 + upper.max()
    assert result.n_split > 0
