import numpy as np
import pulp
import pytest
from bench.methods._assignment import transport as module
from bench.methods._assignment.proportional import proportional_assignment
from bench.methods._assignment.readable import cbc, pulp_without_migration_notices, variable
from bench.methods._assignment.transport import transport
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from bench.errors import InvalidInputError


def by_matching(cost, quotas):
    """Optimum by an assignment problem that has every cluster as often as its quota says."""
    slots = np.repeat(np.arange(len(quotas)), quotas)
    rows, columns = linear_sum_assignment(cost[:, slots])
    return cost[:, slots][rows, columns].sum()


def by_integer_program(soft, groups, counts):
    """The integer program as the paper writes it: all groups at once, binary variables."""
    n, k = soft.shape
    with pulp_without_migration_notices():
        model = pulp.LpProblem("fair", pulp.LpMaximize)
        y = [[variable(pulp, model, f"y_{i}_{j}") for j in range(k)] for i in range(n)]
        for entry in (entry for row in y for entry in row):
            entry.upBound, entry.cat = 1, pulp.LpInteger
        model += pulp.lpSum(float(soft[i, j]) * y[i][j] for i in range(n) for j in range(k))
        for i in range(n):
            model += pulp.lpSum(y[i]) == 1
        for j in range(k):
            for t in range(counts.shape[1]):
                model += pulp.lpSum(y[i][j] for i in np.flatnonzero(groups == t)) == int(counts[j, t])
        assert model.solve(cbc(pulp)) == pulp.LpStatusOptimal
        return pulp.value(model.objective)


@st.composite
def predictions(draw):
    n, k = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    groups = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    soft = rng.dirichlet(np.full(k, draw(st.sampled_from([0.05, 0.5, 3.0]))), size=n)
    if draw(st.booleans()):
        # Many equal entries.
        soft = np.round(soft, 1)
    return soft, np.unique(groups, return_inverse=True)[1]


@settings(max_examples=25)
@given(predictions())
def test_the_assignment_is_that_of_the_integer_program(case):
    soft, groups = case
    result = proportional_assignment(soft, groups)
    counts = np.zeros_like(result.quotas)
    np.add.at(counts, (result.labels, groups), 1)
    assert np.array_equal(counts, result.quotas)
    assert np.array_equal(result.quotas.sum(1), np.bincount(soft.argmax(1), minlength=soft.shape[1]))
    assert result.objective == pytest.approx(soft[np.arange(len(soft)), result.labels].sum())
    assert result.objective == pytest.approx(by_integer_program(soft, groups, counts), abs=1e-6)


def test_four_samples_by_hand():
    # All prefer cluster 0 but one; with two groups of two, each cluster has to take one of each.
    soft = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    result = proportional_assignment(soft, np.array([0, 0, 1, 1]))
    assert result.quotas.tolist() == [[1, 1], [1, 1]]
    assert result.labels.tolist() == [0, 1, 1, 0]
    assert result.objective == pytest.approx(0.9 + 0.4 + 0.8 + 0.3)


def test_predictions_that_are_fair_stay():
    soft = np.eye(3)[np.tile([0, 1, 2], 4)] * 0.7 + 0.1
    groups = np.repeat([0, 1], 6)
    assert np.array_equal(proportional_assignment(soft, groups).labels, soft.argmax(1))


def test_a_cheaper_way_through_a_third_cluster_is_taken():
    # Moving sample 0 to 2 costs 5; moving it to 1 and sample 1 to 2 costs 1 + 1.
    cost = np.array([[0, 1, 5], [9, 0, 1], [0, 9, 9]])
    result = transport(cost, [1, 1, 1])
    assert result.labels.tolist() == [1, 2, 0]
    assert result.objective == result.dual_bound == 2


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 6), st.booleans())
def test_costs_of_any_sign_and_scale_against_a_matching(seed, n, k, ties):
    rng = np.random.default_rng(seed)
    cost = (
        rng.integers(-3, 4, size=(n, k)).astype(float)
        if ties
        else rng.normal(size=(n, k)) * 10.0 ** rng.integers(-9, 9)
    )
    quotas = np.bincount(rng.integers(k, size=n), minlength=k)
    result = transport(cost, quotas)
    scale = np.abs(cost).max() * n + 1e-300
    assert np.array_equal(np.bincount(result.labels, minlength=k), quotas)
    assert abs(result.objective - by_matching(cost, quotas)) <= 1e-12 * scale
    assert abs(result.objective - result.dual_bound) <= 1e-12 * scale


@pytest.mark.parametrize("certain", [1.0, 30.0, 2000.0])
def test_many_samples_are_proved_optimal_by_the_prices(certain, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_ABOVE", 100)
    rng = np.random.default_rng(0)
    logits = certain * rng.normal(size=(3000, 6))
    soft = np.exp(logits - logits.max(1, keepdims=True))
    soft /= soft.sum(1, keepdims=True)
    quotas = np.array([1500, 0, 700, 500, 299, 1])
    result = transport(-soft, quotas)
    assert np.array_equal(np.bincount(result.labels, minlength=6), quotas)
    assert result.objective == pytest.approx(result.dual_bound, rel=1e-12)
    own = np.take_along_axis(-soft - result.prices, result.labels[:, None], axis=1)[:, 0]
    assert (own <= (-soft - result.prices).min(1) + 1e-12).all()


def test_the_start_from_a_sample_saves_steps_and_changes_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    cost, quotas = rng.random((900, 5)), np.array([500, 100, 100, 200, 0])
    steps, push = [], module.Moves.push

    def counted(moves, path):
        steps[-1] += len(moves.labels) == len(cost)
        push(moves, path)

    monkeypatch.setattr(module.Moves, "push", counted)
    labels = []
    for above in (10**6, 10):
        monkeypatch.setattr(module, "SAMPLE_ABOVE", above)
        steps.append(0)
        labels.append(transport(cost, quotas).labels)
    assert np.array_equal(*labels)
    assert 0 < steps[1] < steps[0] / 3


@pytest.mark.parametrize(
    ("cost", "quotas", "message"),
    [
        ([[0.0, 1.0]], [1], "1 quotas"),
        ([[0.0, 1.0]], [1, 1], "sum to 1"),
        ([[0.0, 1.0]], [2, -1], "quotas=.*at least 0"),
        ([[0.0, np.nan]], [1, 0], "NaN"),
        ([0.0, 1.0], [1, 0], "shape"),
    ],
)
def test_input_that_does_not_fit_is_named(cost, quotas, message):
    with pytest.raises(InvalidInputError, match=message):
        transport(cost, quotas)
