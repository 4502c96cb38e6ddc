from __future__ import annotations

import numpy as np
import pytest
from bench.methods._graphs import knn_graph
from bench.methods._spectral import Laplacian, constraint_matrix, fair_embedding
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space, sqrtm, subspace_angles
from scipy.sparse import csr_matrix, kron
from scipy.sparse.csgraph import connected_components

from bench.errors import InvalidInputError


def points_of(n, seed, d=4):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 3 * rng.integers(3, size=(n, 1))).astype(np.float32)


def groups_of(n, n_groups, seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([np.arange(n_groups), rng.integers(n_groups, size=n - n_groups)])


def square():
    """A ring of four points: 0-1 and 2-3 close, 1-2 and 3-0 loosely joined."""
    return csr_matrix(np.array([[0, 1, 0, 0.1], [1, 0, 0.1, 0], [0, 0.1, 0, 1], [0.1, 0, 1, 0]]))


@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize(("normalised", "unit"), [(False, 1), (True, 1.1)])
def test_square_by_hand(solver, normalised, unit):
    # Eigenvectors of L: (1, 1, 1, 1), (1, 1, -1, -1), (1, -1, -1, 1), (1, -1, 1, -1) at 0, 0.2, 2, 2.2.
    plain = fair_embedding(square(), np.zeros(4, dtype=np.int64), 2, normalised=normalised, solver=solver)
    assert plain.values == pytest.approx([0, 0.2 / unit], abs=1e-12)
    assert np.abs(plain.vectors.T @ [1, 1, -1, -1]) == pytest.approx([0, 2 / np.sqrt(unit)], abs=1e-9)
    # The cheap cut parts the groups {0, 1} and {2, 3}: parity leaves the dear one.
    fair = fair_embedding(square(), np.array([0, 0, 1, 1]), 2, normalised=normalised, solver=solver)
    assert fair.values == pytest.approx([0, 2 / unit], abs=1e-12)
    assert np.abs(fair.vectors.T @ [1, -1, -1, 1]) == pytest.approx([0, 2 / np.sqrt(unit)], abs=1e-9)


@settings(max_examples=25)
@given(st.integers(20, 120), st.integers(1, 6), st.booleans(), st.integers(0, 10**6))
def test_parity_holds_and_vectors_are_orthonormal(n, n_groups, normalised, seed):
    graph = knn_graph(points_of(n, seed), 5)
    groups = groups_of(n, n_groups, seed)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    for solver in ("exact", "iterative"):
        found = fair_embedding(graph, groups, 4, normalised=normalised, solver=solver)
        vectors = found.vectors
        assert np.abs(constraint_matrix(groups).T @ vectors).max(initial=0) < 1e-8
        assert found.constraint_error < 1e-8
        means = [vectors[groups == t].mean(axis=0) for t in range(n_groups)]
        assert np.ptp(means, axis=0).max() < 1e-8
        metric = degrees[:, None] if normalised else 1
        assert vectors.T @ (metric * vectors) == pytest.approx(np.eye(4), abs=1e-8)
        assert found.residual <= 1e-6


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize(("n_groups", "n_vectors"), [(1, 3), (2, 5), (7, 4), (30, 6)])
@pytest.mark.parametrize("connect", [False, True])
def test_both_solvers_span_the_same_space(normalised, n_groups, n_vectors, connect):
    graph = knn_graph(points_of(300, 1), 8, weights="gaussian", connect=connect)
    groups = groups_of(300, n_groups, 1)
    exact = fair_embedding(graph, groups, n_vectors, normalised=normalised, solver="exact")
    found = fair_embedding(graph, groups, n_vectors, normalised=normalised, solver="iterative", tol=1e-11)
    assert subspace_angles(exact.vectors, found.vectors).max() < 1e-6
    assert found.values == pytest.approx(exact.values, abs=1e-9)
    assert exact.residual < 1e-12
    assert exact.n_products == 0 < found.n_products


@pytest.mark.parametrize("normalised", [False, True])
def test_exact_form_is_the_algorithm_as_printed(normalised):
    graph, groups = knn_graph(points_of(90, 3), 6), groups_of(90, 3, 3)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    basis = null_space(constraint_matrix(groups).T)
    inner = basis.T @ (np.diag(degrees) - graph.toarray()) @ basis
    root = np.linalg.inv(sqrtm(basis.T @ (degrees[:, None] * basis))) if normalised else np.eye(88)
    values, vectors = np.linalg.eigh(root @ inner @ root)
    found = fair_embedding(graph, groups, 4, normalised=normalised, solver="exact")
    assert found.values == pytest.approx(values[:4], abs=1e-10)
    assert subspace_angles(found.vectors, basis @ root @ vectors[:, :4]).max() < 1e-6


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("solver", ["exact", "iterative"])
def test_perfectly_mixed_groups_leave_plain_spectral_clustering(normalised, solver):
    # Every point once in each of three groups, twins joined alike: the smooth vectors are equal on twins.
    one = knn_graph(points_of(60, 5), 6)
    graph = csr_matrix(kron(one, np.ones((3, 3))))
    groups = np.tile(np.arange(3), 60)
    fair = fair_embedding(graph, groups, 4, normalised=normalised, solver=solver, tol=1e-11)
    laplacian = Laplacian(graph, normalised=normalised)
    values, vectors = np.linalg.eigh(laplacian @ np.eye(180))
    assert values[4] - values[3] > 1e-3
    assert fair.values == pytest.approx(values[:4], abs=1e-9)
    assert subspace_angles(fair.vectors, laplacian.scale[:, None] * vectors[:, :4]).max() < 1e-6


def test_components_that_are_groups_cannot_be_told_apart():
    # Two components, one group each: the indicator of a component is what parity forbids.
    block = knn_graph(points_of(30, 0), 4).toarray()
    graph = csr_matrix(np.block([[block, np.zeros((30, 30))], [np.zeros((30, 30)), block]]))
    assert connected_components(graph)[0] == 2
    groups = np.repeat([0, 1], 30)
    for solver in ("exact", "iterative"):
        plain = fair_embedding(graph, np.zeros(60, dtype=np.int64), 2, solver=solver)
        fair = fair_embedding(graph, groups, 2, solver=solver)
        assert plain.values == pytest.approx([0, 0], abs=1e-12)
        assert fair.values[1] > 1e-3


def test_isolated_points_are_embedded():
    graph = csr_matrix(np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float))
    groups = np.array([0, 1, 0, 1])
    for solver in ("exact", "iterative"):
        found = fair_embedding(graph, groups, 3, solver=solver)
        assert np.isfinite(found.vectors).all()
        assert found.constraint_error < 1e-12
        assert found.values == pytest.approx([0, 0, 1], abs=1e-12)


@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize(("n_groups", "left"), [(1, 5), (3, 3), (5, 1)])
def test_no_more_vectors_than_the_fair_space_has(solver, n_groups, left):
    found = fair_embedding(knn_graph(points_of(5, 0), 2), groups_of(5, n_groups, 0), 5, solver=solver)
    assert found.vectors.shape == (5, left)


def test_a_single_point():
    found = fair_embedding(csr_matrix((1, 1)), np.zeros(1, dtype=np.int64), 1)
    assert np.abs(found.vectors) == pytest.approx(1)


def test_lack_of_convergence_is_an_error():
    graph, groups = knn_graph(points_of(400, 0, d=1), 3), groups_of(400, 2, 0)
    with pytest.raises(InvalidInputError, match=r"found \d of 8 eigenvectors within max_iter=1; raise max_iter or tol"):
        fair_embedding(graph, groups, 8, solver="iterative", tol=1e-9, max_iter=1)


def test_auto_takes_the_dense_form_for_few_points():
    for n, products in ((1000, False), (1001, True)):
        found = fair_embedding(knn_graph(points_of(n, 0), 10), groups_of(n, 2, 0), 3)
        assert bool(found.n_products) == products


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "arpack"}, "solver='arpack' given; it takes 'auto' or 'exact' or 'iterative'"),
        ({"tol": 0}, "tol=0 given"),
        ({"max_iter": 0}, "max_iter=0 given"),
        ({"n_vectors": 0}, "n_vectors=0 given"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(InvalidInputError, match=message):
        fair_embedding(square(), np.array([0, 0, 1, 1]), **{"n_vectors": 2, **parameters})


def test_exact_form_refuses_what_would_fill_the_memory():
    with pytest.raises(InvalidInputError, match="solver='exact' given for 10001 points"):
        fair_embedding(csr_matrix((10_001, 10_001)), np.zeros(10_001, dtype=np.int64), 2, solver="exact")
