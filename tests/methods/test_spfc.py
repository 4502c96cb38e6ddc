from __future__ import annotations

import numpy as np
import pytest
from bench.datasets.mnist_optdigits import MnistOptdigits
from bench.methods._graphs import knn_graph
from bench.methods._spectral import constraint_matrix
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.spfc import SpFC
from scipy.linalg import subspace_angles
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from bench.data.store import Store
from bench.errors import InvalidInputError


def blobs(n=300, k=3, n_groups=2, d=5):
    """Overlapping blobs that hold mostly one group each."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % k
    groups = np.where(rng.random(n) < 0.6, y % n_groups, rng.integers(n_groups, size=n))
    return (rng.normal(size=(k, d))[y] + 0.4 * rng.normal(size=(n, d))).astype(np.float32), groups


def fit(X, groups, k=3, **parameters):
    return SpFC(k, **{"random_state": 0, "n_neighbors": 10, **parameters}).fit(X, sensitive_features=groups)


@pytest.mark.parametrize("objective", ["ncut", "ratiocut"])
@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize("n_groups", [1, 2, 3, 30])
def test_every_group_has_the_same_mean_embedding(objective, solver, n_groups):
    X, groups = blobs(n_groups=n_groups)
    method = fit(X, groups, objective=objective, solver=solver)
    assert np.abs(constraint_matrix(groups).T @ method.embedding_).max(initial=0) < 1e-8
    last = method.history_[-1]
    assert last["constraint"] < 1e-8
    assert last["residual"] <= 1e-6
    assert last["used_clusters"] == len(np.unique(method.labels_)) == 3
    assert last["smallest_cluster"] == np.bincount(method.labels_).min()


@pytest.mark.parametrize("objective", ["ncut", "ratiocut"])
def test_both_solvers_give_the_same_clusters(objective):
    X, groups = blobs(n=600)
    exact = fit(X, groups, objective=objective, solver="exact")
    large = fit(X, groups, objective=objective, solver="iterative", tol=1e-10)
    assert subspace_angles(exact.embedding_, large.embedding_).max() < 1e-6
    assert adjusted_rand_score(exact.labels_, large.labels_) > 0.99


def test_one_group_is_spectral_clustering():
    X, _ = blobs()
    ours = fit(X, np.zeros(300), objective="ncut")
    graph = knn_graph(X, 10)
    theirs = SpectralClustering(3, affinity="precomputed", random_state=0).fit(graph)
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.99


def test_perfectly_mixed_groups_change_nothing():
    # Every point once in each group, and an odd number of neighbours: its twin, then twins in pairs.
    X = np.random.default_rng(0).normal(size=(150, 2)) * [4, 1]
    X, groups = np.repeat(X, 2, axis=0).astype(np.float32), np.tile([0, 1], 150)
    fair = fit(X, groups, n_neighbors=11)
    plain = fit(X, np.zeros(300), n_neighbors=11)
    assert plain.history_[-1]["largest_eigenvalue"] > 1e-3
    assert subspace_angles(fair.embedding_, plain.embedding_).max() < 1e-6
    assert adjusted_rand_score(fair.labels_, plain.labels_) == 1


def test_parity_turns_the_cut_away_from_the_groups():
    # Four clouds on the corners of a rectangle, a group at each of its ends: the cheap cut is between the groups.
    rng = np.random.default_rng(0)
    corner = np.arange(400) % 4
    X = np.array([[0, 0], [0, 3], [5, 0], [5, 3]])[corner] + rng.normal(size=(400, 2))
    groups = corner // 2
    plain = fit(X, np.zeros(400), k=2, n_neighbors=40)
    fair = fit(X, groups, k=2, n_neighbors=40)
    assert adjusted_rand_score(plain.labels_, groups) > 0.95
    assert adjusted_rand_score(fair.labels_, corner % 2) > 0.6
    counts = np.stack([np.bincount(groups[fair.labels_ == j], minlength=2) for j in range(2)])
    assert (counts.min(axis=1) / counts.max(axis=1)).min() > 0.8


def test_history():
    X, groups = blobs(n=600)
    (row,) = SpFC(3, solver="iterative", random_state=0).fit(X, sensitive_features=groups).history_
    graph = knn_graph(X, 20)
    assert row["edges"] == graph.nnz / 2
    start, end = graph.nonzero()
    assert row["mixed_edges"] == pytest.approx(np.mean(groups[start] != groups[end]))
    assert row["products"] > 0


def test_lack_of_convergence_is_an_error():
    X = np.linspace(0, 1, 1200, dtype=np.float32)[:, None]
    method = SpFC(6, n_neighbors=2, max_iter=1, random_state=0)
    with pytest.raises(InvalidInputError, match="of 6 eigenvectors within max_iter=1"):
        method.fit(X, sensitive_features=np.arange(1200) % 2)


@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize("objective", ["ncut", "ratiocut"])
def test_odd_data(solver, objective):
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(40, 3))
    far = np.concatenate([cloud, [[1e6, 0, 0]]])
    cases = {
        "one sample": (cloud[:1], np.zeros(1), 1),
        "as many clusters as samples": (cloud[:5], np.arange(5) % 2, 5),
        "every sample a group": (cloud[:6], np.arange(6), 4),
        "one cluster": (cloud, np.arange(40) % 3, 1),
        "a group of one": (cloud, np.arange(40) == 7, 4),
        "all the same": (np.ones((50, 3)), np.arange(50) % 2, 3),
        "two places": (np.repeat(cloud[:2], 25, axis=0), np.arange(50) % 2, 4),
        "an isolated sample": (far, np.arange(41) % 2, 3),
        "components that are groups": (np.concatenate([cloud, cloud + 1e4]), np.repeat([0, 1], 40), 2),
    }
    for name, (X, groups, k) in cases.items():
        method = fit(X.astype(np.float32), groups, k=k, solver=solver, objective=objective, n_neighbors=5)
        assert method.labels_.shape == (len(X),), name
        assert 0 <= method.labels_.min() <= method.labels_.max() < k, name
        assert method.history_[-1]["used_clusters"] == len(np.unique(method.labels_)), name
        assert np.isfinite(method.embedding_).all(), name


def test_many_features_are_reduced_and_few_are_not():
    X, groups = blobs(d=100)
    graph = {c: fit(X, groups, n_components=c).history_[-1]["edges"] for c in (None, 100, 2)}
    assert graph[None] == graph[100] == knn_graph(X, 10).nnz / 2 != graph[2]
    # A rotation keeps distances, so that as many components as there is variance in keep the graph.
    flat = np.concatenate([X[:, :20], np.zeros((300, 80), dtype=np.float32)], axis=1)
    assert fit(flat, groups, n_components=25).history_[-1]["edges"] == knn_graph(flat, 10).nnz / 2
    assert fit(np.ones((80, 70)), np.arange(80) % 2).labels_.shape == (80,)


def test_images_are_rows_of_pixels():
    images = np.random.default_rng(0).normal(size=(90, 1, 4, 4)).astype(np.float32)
    groups = np.arange(90) % 2
    assert np.array_equal(fit(images, groups).labels_, fit(images.reshape(90, 16), groups).labels_)


def test_ae_track_uses_the_embedding_of_the_ae_row():
    X, groups = blobs(n=120)
    X = np.clip(X, -1, 1)
    ae = {"ae_epochs": 2, "ae_batch_size": 40, "device": "cpu"}
    method = fit(X, groups, features="ae", random_state=3, **ae)
    row = AEKMeans(3, epochs=2, batch_size=40, device="cpu", random_state=3).fit(X, sensitive_features=groups)
    graph = knn_graph(row.embedding_, 10)
    assert method.history_[-1]["edges"] == graph.nnz / 2
    assert [entry["epoch"] for entry in method.history_] == [0, 1, 2]
    assert [entry["loss"] for entry in method.history_[:2]] == [entry["loss"] for entry in row.history_]


def test_same_seed_same_bits():
    X, groups = blobs(n=1100, d=80)
    first, second = (fit(X, groups, random_state=5) for _ in range(2))
    assert np.array_equal(first.embedding_, second.embedding_)
    assert np.array_equal(first.labels_, second.labels_)
    assert fit(X, groups, random_state=None).labels_.shape == (1100,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objective": "cut"}, "objective='cut' given; it takes 'ncut' or 'ratiocut'"),
        ({"weights": "heat"}, "weights='heat' given"),
        ({"features": "pca"}, "features='pca' given"),
        ({"solver": "arpack"}, "solver='arpack' given"),
        ({"n_neighbors": 0}, "n_neighbors=0 given"),
        ({"n_components": 0}, "n_components=0 given"),
        ({"max_iter": 0}, "max_iter=0 given"),
        ({"n_init": 0}, "n_init=0 given"),
        ({"tol": -1}, "tol=-1 given"),
        ({"random_state": -1}, "random_state=-1 given"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(parameters, message):
    X, groups = blobs(n=30)
    with pytest.raises(InvalidInputError, match=message):
        fit(X, groups, **parameters)


def test_real_images_keep_parity_in_the_embedding():
    data = MnistOptdigits().load(Store(()))
    method = SpFC(data.k, random_state=0).fit(data.X[::4], sensitive_features=data.sensitive[::4])
    last = method.history_[-1]
    assert last["constraint"] < 1e-8
    assert last["used_clusters"] == data.k
    # Digits of the two sources are hardly joined, which is why clusters need not be fair.
    assert last["mixed_edges"] < 0.01
