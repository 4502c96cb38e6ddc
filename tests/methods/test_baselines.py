import numpy as np
import pytest
from bench.methods import agglomerative, spectral
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.agglomerative import Agglomerative
from bench.methods.gaussian_mixture import GaussianMixtures
from bench.methods.hdbscan import Hdbscan
from bench.methods.spectral import Spectral
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.mixture import GaussianMixture

from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metrics import ari

ALL = (GaussianMixtures, Spectral, Agglomerative, Hdbscan)


def blobs(n=150, d=6, k=3):
    rng = np.random.default_rng(0)
    y = np.arange(n) % k
    X = (3 * rng.normal(size=(k, d))[y] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
    return X, y, rng.integers(2, size=n)


def rings(n=200):
    """Two rings, one within the other: no cut by distances to centres tells them apart."""
    angle = np.linspace(0, 20 * np.pi, n)
    y = np.arange(n) % 2
    return (np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 2 * y)[:, None]).astype(np.float32), y


@pytest.mark.parametrize("method", ALL)
def test_separate_blobs_are_found(method):
    X, y, groups = blobs()
    assert ari(y, method(3, random_state=0).fit(X, sensitive_features=groups).labels_) == 1.0


@pytest.mark.parametrize("method", ALL)
def test_principal_components_are_what_is_clustered(method):
    X, y, groups = blobs(d=40)
    model = method(3, n_components=2, random_state=0).fit(X, sensitive_features=groups)
    assert model.embedding_.shape == (150, 2)
    assert ari(y, model.labels_) == 1.0
    assert method(3, n_components=None, random_state=0).fit(X, sensitive_features=groups).embedding_.shape == (150, 40)


@pytest.mark.parametrize("method", ALL)
def test_samples_that_are_all_the_same(method):
    labels = method(3, n_components=2, random_state=0).fit(np.ones((30, 5)), sensitive_features=np.zeros(30)).labels_
    assert labels.shape == (30,)


@pytest.mark.parametrize("method", ALL)
def test_as_many_clusters_as_samples(method):
    X, _, groups = blobs(n=6)
    labels = method(6, random_state=0).fit(X, sensitive_features=groups).labels_
    assert set(labels) <= set(range(6))


def test_the_mixture_is_scikit_learns():
    X, _, groups = blobs()
    model = GaussianMixtures(3, n_components=None, n_init=1, random_state=0).fit(X, sensitive_features=groups)
    expected = GaussianMixture(3, random_state=0).fit(X.astype(np.float64))
    assert model.history_[-1]["log_likelihood"] == pytest.approx(expected.lower_bound_, abs=1e-3)
    assert model.soft_labels_.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(model.soft_labels_.argmax(axis=1), model.labels_)


def test_a_mixture_that_runs_out_of_iterations_says_so_in_its_history():
    X, _, groups = blobs()
    X = X + np.random.default_rng(1).normal(scale=5, size=X.shape)
    model = GaussianMixtures(3, max_iter=1, n_init=1, random_state=0).fit(X, sensitive_features=groups)
    assert model.history_[-1]["converged"] == 0


@pytest.mark.parametrize("most", [5000, 10])
def test_spectral_follows_the_graph_with_either_solver(most, monkeypatch):
    monkeypatch.setattr(spectral, "MOST_FACTORISED", most)
    X, y = rings()
    model = Spectral(2, n_neighbors=10, random_state=0).fit(X, sensitive_features=y)
    assert ari(y, model.labels_) > 0.95
    assert model.history_[-1]["edges"] >= 200


def test_agglomeration_without_a_graph_is_scikit_learns():
    X, _, groups = blobs()
    X = X + np.random.default_rng(1).normal(scale=2, size=X.shape).astype(np.float32)
    model = Agglomerative(4, n_neighbors=None).fit(X, sensitive_features=groups)
    assert np.array_equal(model.labels_, AgglomerativeClustering(4).fit(X).labels_)
    assert model.history_[-1]["edges"] == 0


def test_single_linkage_along_the_graph_follows_the_rings():
    X, y = rings()
    labels = Agglomerative(2, linkage="single", n_neighbors=3).fit(X, sensitive_features=y).labels_
    assert ari(y, labels) == 1.0


def test_more_samples_than_fit_into_memory_without_a_graph(monkeypatch):
    monkeypatch.setattr(agglomerative, "MOST_WITHOUT_GRAPH", 149)
    X, _, groups = blobs()
    with pytest.raises(UnsupportedInputError, match="150 samples without a graph would need"):
        Agglomerative(3, n_neighbors=None).fit(X, sensitive_features=groups)
    Agglomerative(3).fit(X, sensitive_features=groups)


def test_noise_is_the_last_cluster():
    X, _, groups = blobs()
    X[:4] = [[100 * i] * 6 for i in range(1, 5)]
    model = Hdbscan(min_cluster_size=10).fit(X, sensitive_features=groups)
    expected = HDBSCAN(min_cluster_size=10, copy=True).fit(X).labels_
    assert set(expected[:4]) == {-1}
    assert np.array_equal(model.labels_, np.where(expected < 0, 3, expected))
    assert model.n_clusters_ == 4
    assert model.history_[-1] == {"epoch": 0, "clusters": 3, "noise": np.mean(expected < 0)}


def test_nothing_but_noise_is_one_cluster():
    X = np.random.default_rng(0).uniform(size=(40, 6))
    model = Hdbscan(3, min_cluster_size=30).fit(X, sensitive_features=np.zeros(40))
    assert set(model.labels_) == {0}
    assert model.n_clusters_ == 1
    assert model.history_[-1]["noise"] == 1


@pytest.mark.parametrize("method", ALL)
def test_on_the_embedding_of_the_auto_encoder(method):
    X, _, groups = blobs(n=80)
    X = np.tanh(X)
    budget = {"random_state": 3, "device": "cpu"}
    expected = AEKMeans(3, epochs=2, batch_size=40, **budget).fit(X, sensitive_features=groups)
    model = method(3, features="ae", ae_epochs=2, ae_batch_size=40, **budget).fit(X, sensitive_features=groups)
    assert np.array_equal(model.embedding_, expected.embedding_)
    assert [row["epoch"] for row in model.history_] == [0, 1, 2]


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        (GaussianMixtures, {"covariance_type": "round"}),
        (GaussianMixtures, {"n_init": 0}),
        (GaussianMixtures, {"reg_covar": 0}),
        (Spectral, {"n_neighbors": 0}),
        (Spectral, {"n_init": 0}),
        (Agglomerative, {"linkage": "centroid"}),
        (Agglomerative, {"n_neighbors": 0}),
        (Hdbscan, {"min_cluster_size": 1}),
        (Hdbscan, {"min_samples": 0}),
        *[(method, {"features": "both"}) for method in ALL],
        *[(method, {"n_components": 0}) for method in ALL],
    ],
)
def test_parameters_out_of_range(method, wrong):
    X, _, groups = blobs()
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        method(3, **wrong).fit(X, sensitive_features=groups)
