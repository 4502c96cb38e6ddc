import numpy as np
import pytest
from bench.datasets.mnist_optdigits import MnistOptdigits
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.falg import FAlg
from bench.methods.kmeans import KMeansOnInput

from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metrics import evaluate


def blobs(n=300, k=3, n_groups=2):
    """Blobs that hold mostly one group each."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % k
    groups = np.where(rng.random(n) < 0.8, y % n_groups, rng.integers(n_groups, size=n))
    X = (0.4 * rng.normal(size=(k, 5))[y] + 0.05 * rng.normal(size=(n, 5))).astype(np.float32)
    return np.clip(X, -1, 1), groups


def cluster_shares(labels, groups, k):
    counts = np.stack([np.bincount(groups[labels == j], minlength=groups.max() + 1) for j in range(k)])
    return counts / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("objective", ["kmeans", "kmedian"])
@pytest.mark.parametrize("delta", [0, 0.2, 0.5])
def test_every_cluster_holds_the_groups_within_delta(objective, delta):
    X, groups = blobs()
    method = FAlg(3, delta=delta, objective=objective, random_state=0).fit(X, sensitive_features=groups)
    share = np.bincount(groups) / 300
    assert method.lower_ == pytest.approx(share * (1 - delta))
    assert method.upper_ == pytest.approx(np.minimum(1, share / (1 - delta)))
    counts = np.bincount(method.labels_, minlength=3)[:, None]
    shares = cluster_shares(method.labels_, groups, 3)
    # Fewer than two points off, whatever the size of the cluster.
    assert (shares * counts < method.upper_ * counts + 2).all()
    assert (shares * counts > method.lower_ * counts - 2).all()
    assert np.array_equal(method.labels_, method.assignment_.labels)


def test_k_means_alone_would_break_the_bounds_that_falg_keeps():
    X, groups = blobs()
    unfair = KMeansOnInput(3, random_state=0).fit(X, sensitive_features=groups).labels_
    fair = FAlg(3, random_state=0).fit(X, sensitive_features=groups)
    share = np.bincount(groups) / 300
    assert np.abs(cluster_shares(unfair, groups, 3) - share).max() > 0.25
    assert np.abs(cluster_shares(fair.labels_, groups, 3) - share).max() < 0.2


def test_one_group_gives_the_labels_of_k_means():
    X, _ = blobs()
    groups = np.zeros(300)
    expected = KMeansOnInput(3, random_state=4).fit(X, sensitive_features=groups).labels_
    assert np.array_equal(FAlg(3, random_state=4).fit(X, sensitive_features=groups).labels_, expected)


def test_history_reports_cost_gap_and_violation():
    X, groups = blobs()
    seen = []
    method = FAlg(3, random_state=0)
    method.on_epoch = lambda row, n: seen.append((row, n))
    method.fit(X, sensitive_features=groups)
    (row,) = method.history_
    assert seen == [(row, 1)]
    result = method.assignment_
    distance = ((X[:, None] - method.cluster_centers_) ** 2).sum(axis=2)
    assert row["vanilla_cost"] == pytest.approx(distance.min(axis=1).sum(), rel=1e-4)
    assert row["assigned_cost"] == pytest.approx(distance[np.arange(300), method.labels_].sum(), rel=1e-4)
    assert row["vanilla_cost"] < row["lp_cost"] == result.objective
    assert abs(row["duality_gap"]) < 1e-9
    assert row["violation"] < row["violation_bound"] < 2
    assert row["split_points"] == result.n_split
    assert row["smallest_cluster"] == np.bincount(method.labels_, minlength=3).min()


def test_k_median_minds_distances_instead_of_squares():
    X, groups = blobs()
    method = FAlg(3, objective="kmedian", random_state=0).fit(X, sensitive_features=groups)
    distance = np.linalg.norm(X[:, None] - method.cluster_centers_, axis=2)
    assert method.history_[0]["vanilla_cost"] == pytest.approx(distance.min(axis=1).sum(), rel=1e-4)
    means = FAlg(3, random_state=0).fit(X, sensitive_features=groups).cluster_centers_
    assert distance.min(axis=1).sum() <= np.linalg.norm(X[:, None] - means, axis=2).min(axis=1).sum() * (1 + 1e-6)


@pytest.mark.parametrize("solver", ["highs", "pulp"])
def test_solvers_end_at_the_same_cost(solver):
    X, groups = blobs(n=90)
    costs = [
        FAlg(3, solver=name, random_state=0).fit(X, sensitive_features=groups).assignment_.objective
        for name in (solver, "auto")
    ]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)


@pytest.mark.parametrize("image", [False, True])
def test_ae_track_clusters_the_embedding_of_the_ae_row(image):
    X, groups = blobs(n=120)
    if image:
        X = np.clip(np.random.default_rng(0).normal(size=(120, 1, 8, 8)), -1, 1).astype(np.float32)
    method = FAlg(3, features="ae", ae_epochs=2, ae_batch_size=40, device="cpu", random_state=3)
    method.fit(X, sensitive_features=groups)
    row = AEKMeans(3, epochs=2, batch_size=40, device="cpu", random_state=3).fit(X, sensitive_features=groups)
    assert np.array_equal(method.embedding_, row.embedding_)
    assert method.cluster_centers_.shape == (3, method.embedding_.shape[1])
    assert [entry["epoch"] for entry in method.history_] == [0, 1, 2]
    assert [entry["loss"] for entry in method.history_[:2]] == [entry["loss"] for entry in row.history_]
    assert "duality_gap" in method.history_[2]
    assert method.assignment_.violation < 2


def test_raw_images_are_rows_of_pixels():
    images = np.random.default_rng(0).normal(size=(60, 1, 4, 4)).astype(np.float32)
    groups = np.arange(60) % 2
    labels = FAlg(3, random_state=0).fit(images, sensitive_features=groups).labels_
    flat = FAlg(3, random_state=0).fit(images.reshape(60, 16), sensitive_features=groups).labels_
    assert np.array_equal(labels, flat)


def test_thirty_groups():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 4)).astype(np.float32)
    groups = rng.integers(30, size=900)
    method = FAlg(4, random_state=0).fit(X + 0.1 * groups[:, None], sensitive_features=groups)
    assert method.assignment_.violation < method.assignment_.violation_bound < 2
    assert abs(method.assignment_.duality_gap) < 1e-9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": 1}, r"delta=1 given; it takes a number in \[0, 1\)"),
        ({"delta": -0.1}, "delta=-0.1 given"),
        ({"delta": True}, "delta=True given"),
        ({"delta": float("nan")}, "delta=nan given"),
        ({"objective": "kcenter"}, "objective='kcenter' given; it takes 'kmeans' or 'kmedian'"),
        ({"features": "pca"}, "features='pca' given; it takes 'raw' or 'ae'"),
        ({"solver": "cplex"}, "solver='cplex' given"),
        ({"n_init": 0}, "n_init=0 given"),
        ({"random_state": -1}, "random_state=-1 given"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(parameters, message):
    X, groups = blobs(n=30)
    with pytest.raises(InvalidInputError, match=message):
        FAlg(3, **parameters).fit(X, sensitive_features=groups)


def test_fairness_of_a_real_data_set_is_what_delta_asks_for():
    data = MnistOptdigits().load(Store(()))
    method = FAlg(data.k, random_state=0).fit(data.X, sensitive_features=data.sensitive)
    unfair = KMeansOnInput(data.k, random_state=0).fit(data.X, sensitive_features=data.sensitive)
    ours = evaluate(data.y, method.labels_, data.sensitive)
    theirs = evaluate(data.y, unfair.labels_, data.sensitive)
    assert ours["mnce"] > 0.6 > theirs["mnce"]
    assert ours["acc"] > theirs["acc"] - 0.1
    assert ours["empty_clusters"] == 0
    # At its bound a cluster holds 0.8 of the smaller group's share.
    small = 0.8 * min(np.bincount(data.sensitive)) / data.n
    assert ours["balance"] == pytest.approx(small / (1 - small), rel=0.1)
