from __future__ import annotations

import numpy as np
import pytest
from bench.methods import _graphs
from bench.methods._graphs import knn_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from bench.errors import InvalidInputError


def edges(graph):
    return {(int(i), int(j)) for i, j in zip(*graph.nonzero(), strict=True) if i < j}


def reference(points, count):
    """Edges of the union graph by sorting all distances in float64."""
    distance = cdist(points.astype(np.float64), points.astype(np.float64))
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :count]
    return {(min(i, j), max(i, j)) for i, row in enumerate(nearest.tolist()) for j in row}


def line(*places):
    return np.array(places, dtype=np.float32)[:, None]


def test_points_on_a_line_by_hand():
    # Nearest: 0 -> 1, 1 -> 0, 3 -> 1, 7 -> 3.
    graph = knn_graph(line(0, 1, 3, 7), 1)
    assert np.array_equal(graph.toarray(), [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
    assert graph.dtype == np.float64


def test_gaussian_weights_by_hand():
    # Distances to the nearest: 1, 1, 2, 4; squares 1, 1, 4, 16 with median 2.5.
    graph = knn_graph(line(0, 1, 3, 7), 1, weights="gaussian").toarray()
    assert graph[0, 1] == pytest.approx(np.exp(-1 / 5))
    assert graph[1, 2] == pytest.approx(np.exp(-4 / 5))
    assert graph[2, 3] == pytest.approx(np.exp(-16 / 5))
    assert np.count_nonzero(graph) == 6


def test_far_neighbours_keep_a_small_weight():
    graph = knn_graph(line(0, 1, 3, 1000), 1, weights="gaussian").toarray()
    assert graph[2, 3] == graph[3, 2] == 1e-3


@settings(max_examples=40)
@given(st.integers(2, 400), st.integers(1, 5), st.integers(1, 12), st.integers(0, 10**6))
def test_equals_sorting_all_distances(n, d, count, seed):
    points = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    graph = knn_graph(points, count, connect=False)
    # Two distances may differ by less than float32 tells apart.
    assert len(edges(graph) ^ reference(points, min(count, n - 1))) <= 2
    assert abs(graph - graph.T).max() == 0
    assert not graph.diagonal().any()
    assert graph.has_sorted_indices


def test_blocks_and_folds_change_nothing(monkeypatch):
    points = np.random.default_rng(0).normal(size=(1500, 3)).astype(np.float32)
    whole = knn_graph(points, 4)
    assert edges(whole) == reference(points, 4)
    monkeypatch.setattr(_graphs, "BLOCK_BYTES", 100_000)
    assert edges(knn_graph(points, 4)) == edges(whole)


def test_tight_clusters_far_apart_are_not_lost_to_rounding():
    # Squared distances of about 0.01 beside squared lengths of 1e7: float32 products alone see noise.
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(300, 2)) + np.where(np.arange(300) % 2, 3000, -3000)[:, None]).astype(np.float32)
    assert len(edges(knn_graph(points, 5, connect=False)) ^ reference(points, 5)) <= 4


def test_an_outlier_does_not_hide_the_others():
    points = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    points[7] = 1e12
    alone = np.delete(points, 7, axis=0)
    found = {pair for pair in edges(knn_graph(points, 5, connect=False)) if 7 not in pair}
    wanted = {(int(i) + (i >= 7), int(j) + (j >= 7)) for i, j in reference(alone, 5)}
    assert found == wanted


def test_components_are_joined_at_their_nearest_points():
    # Pairs {0, 1}, {10, 11}, {15, 16}.
    points = line(0, 1, 10, 11, 15, 16)
    assert connected_components(knn_graph(points, 1, connect=False))[0] == 3
    assert edges(knn_graph(points, 1)) == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)}


@pytest.mark.parametrize("weights", ["binary", "gaussian"])
def test_many_components_become_one(weights):
    points = np.random.default_rng(0).normal(size=(800, 2)).astype(np.float32)
    loose = knn_graph(points, 1, weights=weights, connect=False)
    joined = knn_graph(points, 1, weights=weights)
    count = connected_components(loose)[0]
    assert count > 100
    assert connected_components(joined)[0] == 1
    # Borůvka's algorithm builds a tree of the components, but two may choose different edges to each other.
    added = len(edges(joined) - edges(loose))
    assert count - 1 <= added < 1.5 * count
    assert edges(loose) <= edges(joined)
    assert joined.data.min() >= 1e-3
    assert joined.data.max() <= 1


@pytest.mark.parametrize("weights", ["binary", "gaussian"])
def test_duplicates(weights):
    graph = knn_graph(np.ones((300, 3), dtype=np.float32), 5, weights=weights)
    assert connected_components(graph)[0] == 1
    assert set(graph.data) == {1.0}
    mixed = np.repeat(np.random.default_rng(0).normal(size=(20, 3)), 15, axis=0).astype(np.float32)
    assert connected_components(knn_graph(mixed, 5, weights=weights))[0] == 1


def test_few_points():
    assert knn_graph(np.ones((1, 2), dtype=np.float32), 5).toarray().tolist() == [[0.0]]
    assert edges(knn_graph(line(0, 1, 5), 20)) == {(0, 1), (0, 2), (1, 2)}


def test_same_points_same_bits():
    points = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    first, second = (knn_graph(points, 7, weights="gaussian") for _ in range(2))
    assert np.array_equal(first.indices, second.indices)
    assert np.array_equal(first.data, second.data)


@pytest.mark.parametrize(
    ("points", "count", "weights", "message"),
    [
        (np.zeros((3, 2)), 0, "binary", "n_neighbors=0 given"),
        (np.zeros((3, 2)), 2, "heat", "weights='heat' given; it takes 'binary' or 'gaussian'"),
        (np.zeros(3), 2, "binary", r"points of shape \(3,\) given"),
        (np.full((3, 2), np.nan), 2, "binary", "finite"),
    ],
)
def test_refusals(points, count, weights, message):
    with pytest.raises(InvalidInputError, match=message):
        knn_graph(points.astype(np.float32), count, weights=weights)
