from __future__ import annotations

import numpy as np
import pytest
from bench.methods._spectral import Laplacian
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import laplacian as scipy_laplacian


def random_graph(n, seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.3), 1)
    return csr_matrix(upper + upper.T)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_product_is_that_of_scipys_laplacian_and_the_bound_holds(normalised, seed):
    graph = random_graph(25, seed)
    full = scipy_laplacian(graph.toarray(), normed=normalised)
    operator = Laplacian(graph, normalised=normalised)
    vectors = np.random.default_rng(seed).normal(size=(25, 3))
    assert operator @ vectors == pytest.approx(full @ vectors)
    assert np.linalg.eigvalsh(full).max() <= operator.bound + 1e-12
    if not normalised:
        assert operator.dense() == pytest.approx(full)


def test_bound_is_reached_by_one_edge():
    edge = csr_matrix(np.array([[0.0, 3.0], [3.0, 0.0]]))
    assert Laplacian(edge, normalised=False).bound == np.linalg.eigvalsh(Laplacian(edge, normalised=False).dense())[-1]
    assert Laplacian(edge, normalised=True).bound == 2


@pytest.mark.parametrize("normalised", [False, True])
def test_isolated_vertices_are_in_the_kernel(normalised):
    graph = csr_matrix(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    operator = Laplacian(graph, normalised=normalised)
    assert operator.degrees.tolist() == [1, 1, 1]
    assert (operator @ np.array([[0.0], [0.0], [1.0]])).tolist() == [[0], [0], [0]]


def test_no_edges():
    operator = Laplacian(csr_matrix((3, 3)), normalised=False)
    assert operator.bound > 0
    assert not (operator @ np.eye(3)).any()
