"""K-median on fairlet centres."""

import numpy as np
from bench.methods._fairlets.kmedian import k_median
from hypothesis import given, settings
from hypothesis import strategies as st


def fit(points, k, **given):
    return k_median(np.asarray(points, dtype=np.float32), k, **{"n_init": 5, "max_iter": 100, "seed": 0, **given})


def test_finds_separated_clusters():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 30)
    labels, _ = fit(np.array([[0, 0], [20, 0], [0, 20]])[y] + rng.normal(size=(90, 2)), 3)
    assert len(set(zip(labels.tolist(), y.tolist(), strict=True))) == 3


def test_one_cluster_ends_at_the_geometric_median():
    # In one dimension that is the median, far from the mean of 202.2: cost 1 + 1 + 2 + 997 with centre 3.
    _, cost = fit([[1.0], [2.0], [3.0], [5.0], [1000.0]], 1, tol=1e-9, max_iter=1000)
    assert abs(cost - 1002) < 1


def test_a_median_that_is_neither_a_point_nor_the_mean():
    # The Fermat point of this triangle is (1, 1 / sqrt 3): cost 10 + sqrt 3.
    _, cost = fit([[0.0, 0.0], [2.0, 0.0], [1.0, 10.0]], 1, tol=1e-9, max_iter=1000)
    assert abs(cost - (10 + 3**0.5)) < 1e-3


def test_an_outlier_does_not_pull_as_it_does_k_means():
    # Squares would give the outlier a centre of its own and join the other two groups.
    points = np.r_[np.zeros(50), np.full(50, 1.0), 30.0][:, None]
    labels, _ = fit(points, 2, n_init=20)
    assert labels[0] != labels[50]


@settings(max_examples=60)
@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 1000))
def test_any_points_get_valid_labels_and_equal_points_equal_ones(n, k, seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 3, size=(n, 2)).astype(np.float32)
    labels, cost = fit(points, k, seed=seed)
    assert labels.shape == (n,)
    assert labels.min() >= 0
    assert labels.max() < min(k, n)
    assert np.isfinite(cost)
    distinct, inverse = np.unique(points, axis=0, return_inverse=True)
    assert len(set(zip(inverse.ravel().tolist(), labels.tolist(), strict=True))) == len(distinct)


def test_more_clusters_than_points():
    labels, cost = fit([[0.0], [5.0]], 4)
    assert sorted(labels.tolist()) == [0, 1]
    assert cost < 1e-3


def test_seed_decides():
    points = np.random.default_rng(0).normal(size=(100, 3))
    assert np.array_equal(fit(points, 6)[0], fit(points, 6)[0])
    assert not np.array_equal(fit(points, 6, n_init=1)[0], fit(points, 6, n_init=1, seed=1)[0])


def test_many_points_start_from_a_part_and_end_with_all():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=5000)
    points = 20.0 * y[:, None] + rng.normal(size=(5000, 2))
    labels, cost = fit(points, 2)
    assert labels.shape == (5000,)
    assert len(set(zip(labels.tolist(), y.tolist(), strict=True))) == 2
    medians = np.stack([np.median(points[y == group], axis=0) for group in (0, 1)])
    assert abs(cost / np.linalg.norm(points - medians[y], axis=1).sum() - 1) < 0.01
