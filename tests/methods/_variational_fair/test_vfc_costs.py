import numpy as np
import pytest
from bench.methods._variational_fair.cut import NormalisedCutCost
from bench.methods._variational_fair.prototypes import KMeansCost, KMedianCost, on_the_sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix


def test_sphere_standardises_then_scales_to_length_one():
    samples = np.array([[1, 0, 7], [3, 0, 7], [5, 6, 7], [3, 4, 7]], dtype=np.float32)
    before = samples.copy()
    points = on_the_sphere(samples)
    standard = (samples[:, :2] - samples[:, :2].mean(axis=0)) / samples[:, :2].std(axis=0)
    assert points[:, 2].tolist() == [0, 0, 0, 0]
    assert points[:, :2] == pytest.approx(standard / np.linalg.norm(standard, axis=1, keepdims=True), abs=1e-6)
    assert points.dtype == np.float32
    assert np.array_equal(samples, before)


def test_constant_data_lie_at_the_origin():
    assert not on_the_sphere(np.ones((3, 2), dtype=np.float32)).any()


@pytest.mark.parametrize(("kind", "power"), [(KMeansCost, 2), (KMedianCost, 1)])
def test_costs_are_powers_of_distances(kind, power):
    rng = np.random.default_rng(0)
    points, centres = rng.normal(size=(20, 3)).astype(np.float32), rng.normal(size=(4, 3))
    soft = rng.dirichlet(np.ones(4), 20).T
    cost = kind(points, centres)
    expected = np.linalg.norm(points[None] - centres[:, None], axis=2) ** power
    assert cost.costs(soft) == pytest.approx(expected, rel=1e-4)
    assert cost.value(soft) == pytest.approx((expected * soft).sum(), rel=1e-5)


def test_centres_of_k_means_move_to_weighted_means():
    points = np.array([[0, 0], [2, 0], [0, 4]], dtype=np.float32)
    cost = KMeansCost(points, np.array([[5.0, 5.0], [-5.0, 0.0]]))
    cost.move(np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]]))
    assert cost.centres == pytest.approx(np.array([[2 / 3, 0], [2 / 3, 8 / 3]]), rel=1e-6)


def test_centre_of_k_median_approaches_the_geometric_median():
    # Three corners of a triangle with an angle above 120 degrees: the median is that corner.
    points = np.array([[0, 0], [-3, 0.5], [3, 0.5]], dtype=np.float32)
    cost = KMedianCost(points, np.array([[0.0, 3.0]]))
    values = []
    for _ in range(200):
        cost.move(np.ones((1, 3)))
        values.append(cost.value(np.ones((1, 3))))
    assert (np.diff(values) <= 0).all()
    assert values[-1] == pytest.approx(2 * np.hypot(3, 0.5), rel=1e-3)


def test_centre_of_a_cluster_that_nobody_is_in_stays_finite():
    points = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    soft = np.array([np.ones(8), np.full(8, 1e-200)])
    for kind in (KMeansCost, KMedianCost):
        cost = kind(points, np.ones((2, 2)))
        cost.move(soft)
        assert np.isfinite(cost.centres).all()


def weights(n, seed):
    half = np.triu(np.random.default_rng(seed).random((n, n)), 1)
    return half + half.T


def test_cut_of_a_graph_worked_by_hand():
    # A path of four points, cut in the middle: volumes 3 and 3, one edge cut on either side.
    path = np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)
    cost = NormalisedCutCost(csr_matrix(path), 2)
    assert cost.value(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])) == pytest.approx(4 / 2 * (1 / 3 + 1 / 3))


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 10**6))
def test_cut_and_slope_follow_their_definitions(n, k, seed):
    rng = np.random.default_rng(seed)
    graph, soft = weights(n, seed), rng.dirichlet(np.ones(k), n).T
    cost = NormalisedCutCost(csr_matrix(graph), k)
    degrees = graph.sum(axis=1)
    value = n / k * (k - sum(row @ graph @ row / (degrees @ row) for row in soft))
    assert cost.value(soft) == pytest.approx(value, abs=1e-9)
    slope = cost.costs(soft)
    assert (slope * soft).sum() == pytest.approx(value, abs=1e-9)
    # Along a direction that keeps memberships summing to 1 the constant a point plays no part.
    direction = rng.dirichlet(np.ones(k), n).T - soft
    numeric = (cost.value(soft + 1e-6 * direction) - cost.value(soft - 1e-6 * direction)) / 2e-6
    assert (slope * direction).sum() == pytest.approx(numeric, abs=1e-5)


@settings(max_examples=30)
@given(st.integers(2, 10), st.integers(1, 4), st.integers(0, 10**6))
def test_slope_bounds_the_cut_of_a_positive_semi_definite_graph(n, k, seed):
    rng = np.random.default_rng(seed)
    features = rng.random((n, 3))
    cost = NormalisedCutCost(csr_matrix(features @ features.T), k)
    slope = cost.costs(rng.dirichlet(np.ones(k), n).T)
    for _ in range(10):
        soft = rng.dirichlet(np.ones(k), n).T
        assert cost.value(soft) <= (slope * soft).sum() + 1e-9


def test_points_without_edges_and_empty_clusters_leave_the_cut_finite():
    graph = csr_matrix(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]]))
    cost = NormalisedCutCost(graph, 2)
    soft = np.array([np.ones(3), np.full(3, 1e-200)])
    assert np.isfinite(cost.costs(soft)).all()
    assert np.isfinite(cost.value(soft))
    # A lone point is joined to itself: nothing is cut.
    assert cost.value(np.array([[1.0, 1, 0], [0, 0, 1]])) == pytest.approx(0)
