import numpy as np
import pytest
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.dec import DEC
from bench.methods.towards import Towards

from bench.errors import InvalidInputError

QUICK = {
    "pretrain_epochs": 4,
    "pretrain_batch_size": 50,
    "update_interval": 5,
    "max_iter": 20,
    "batch_size": 64,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


def blobs(n=120, d=8, k=3, n_groups=2):
    """Well separated classes, and groups that are shifted against each other."""
    rng = np.random.default_rng(0)
    y, groups = np.arange(n) % k, rng.integers(n_groups, size=n)
    groups[:n_groups] = np.arange(n_groups)
    X = 0.4 * rng.normal(size=(k, d))[y] + 0.25 * rng.normal(size=(n_groups, d))[groups]
    return np.clip(X + 0.03 * rng.normal(size=(n, d)), -1, 1).astype(np.float32), groups


def fit(X=None, groups=None, n_clusters=3, **parameters):
    if X is None:
        X, groups = blobs()
    return Towards(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


@pytest.mark.parametrize("backbone", ["matched", "original"])
def test_results_belong_together(backbone):
    X, groups = blobs(n_groups=3)
    method = fit(X, groups, backbone=backbone)
    d = 3 if backbone == "matched" else 10
    assert method.embedding_.shape == (120, d)
    assert method.centres_.shape == (3, d)
    assert method.fairoids_.shape == (3, d)
    assert method.fairoids_.dtype == method.embedding_.dtype == np.float32
    means = np.stack([method.embedding_[groups == t].mean(0) for t in range(3)])
    np.testing.assert_allclose(method.fairoids_, means, atol=1e-5)
    distance = ((method.embedding_[:, None] - method.centres_) ** 2).sum(2)
    weight = 1 / (1 + distance)
    np.testing.assert_allclose(method.soft_labels_, weight / weight.sum(1, keepdims=True), rtol=1e-4)
    assert np.array_equal(method.labels_, method.soft_labels_.argmax(1))


@pytest.mark.parametrize("parameters", [{"gamma": 0.0}, {"gamma": 5.0, "groups": np.zeros(120)}])
def test_without_weight_or_with_one_group_it_is_dec(parameters):
    X, groups = blobs()
    groups = parameters.pop("groups", groups)
    method = fit(X, groups, learning_rate=0.1, tol=1e-9, **parameters)
    plain = DEC(3, **{**QUICK, "learning_rate": 0.1, "tol": 1e-9}).fit(X, sensitive_features=groups)
    for name in ("labels_", "soft_labels_", "embedding_", "centres_"):
        assert np.array_equal(getattr(method, name), getattr(plain, name))
    assert (method.n_iter_, method.stopped_) == (plain.n_iter_, plain.stopped_)


def test_one_group_has_no_fairness_to_lose():
    X, _ = blobs()
    method = fit(X, np.zeros(120))
    assert all(row["fairness"] == 0 for row in method.history_ if row["phase"] > 0)


def test_without_iterations_it_starts_where_the_auto_encoder_baseline_ends():
    X, groups = blobs()
    method = fit(max_iter=0)
    baseline = AEKMeans(3, epochs=4, batch_size=50, device="cpu", precision="float32", random_state=0)
    assert np.array_equal(method.labels_, baseline.fit(X, sensitive_features=groups).labels_)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_centroids_become_equidistant_and_all_clusters_stay_in_use(n_groups):
    X, groups = blobs(n_groups=n_groups)
    free, fair = (
        fit(X, groups, gamma=gamma, pretrain_epochs=10, max_iter=60, update_interval=10, tol=1e-9)
        for gamma in (0.0, 10.0)
    )
    assert fair.history_[-1]["fairness"] < 0.2 * free.history_[-1]["fairness"]
    assert len(np.unique(fair.labels_)) == 3
    # Distances as such, from the centres: the spread over fairoids shrinks beside the distance.
    spread = [
        np.ptp(distance, axis=1).mean() / distance.mean()
        for distance in (np.linalg.norm(method.centres_[:, None] - method.fairoids_, axis=2) for method in (free, fair))
    ]
    assert spread[1] < 0.7 * spread[0]


def test_thirty_groups_and_groups_of_one():
    X, _ = blobs()
    assert fit(X, np.arange(120) % 30).fairoids_.shape == (30, 3)
    lone = np.zeros(120, dtype=int)
    lone[7] = 1
    method = fit(X, lone, gamma=10.0, max_iter=40)
    assert np.isfinite(method.embedding_).all()
    np.testing.assert_allclose(method.fairoids_[1], method.embedding_[7], atol=1e-5)


def test_history_tells_pretraining_targets_and_the_end():
    told = []
    method = Towards(3, **{**QUICK, "tol": 1e-9, "update_interval": 8, "learning_rate": 0.5})
    method.on_epoch = lambda row, rows: told.append((row, rows))
    X, groups = blobs()
    history = method.fit(X, sensitive_features=groups).history_
    assert [row["phase"] for row in history] == [0] * 4 + [1] * (len(history) - 5) + [2]
    assert [row["epoch"] for row in history] == list(range(len(history)))
    targets, end = history[4:-1], history[-1]
    assert targets
    assert all(set(row) == {"epoch", "phase", "loss", "kl", "fairness", "changed", "iteration"} for row in targets)
    assert all(row["loss"] == pytest.approx(row["kl"] + method.gamma * row["fairness"], rel=1e-4) for row in targets)
    assert set(end) == {"epoch", "phase", "fairness", "used_clusters"}
    assert end["used_clusters"] == len(np.unique(method.labels_))
    assert told == [(row, 4 + 3 + 1) for row in history]


def test_the_seed_decides_everything():
    first, again, other = (fit(learning_rate=0.1, random_state=seed) for seed in (1, 1, 2))
    for name in ("labels_", "soft_labels_", "embedding_", "centres_", "fairoids_"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.history_ == again.history_
    assert not np.array_equal(first.embedding_, other.embedding_)


def test_one_cluster_few_samples_and_samples_all_alike_are_no_trouble():
    X, groups = blobs()
    assert not fit(X, groups, n_clusters=1).labels_.any()
    assert len(fit(X[:4], groups[:4]).labels_) == 4
    alike = fit(np.zeros((30, 8), dtype=np.float32), np.arange(30) % 2)
    assert np.isfinite(alike.soft_labels_).all()
    assert alike.history_[-1]["used_clusters"] == 1


def test_images_and_bfloat16():
    X = np.clip(np.random.default_rng(0).normal(size=(60, 1, 8, 8)), -1, 1).astype(np.float32)
    method = fit(X, np.arange(60) % 3, precision="bfloat16")
    assert method.precision_ == "bfloat16"
    assert np.isfinite(method.fairoids_).all()
    assert method.history_[-1]["fairness"] >= 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"gamma": -1.0},
        {"gamma": float("nan")},
        {"gamma": float("inf")},
        {"gamma": True},
        {"gamma": "much"},
        {"ridge": 0},
        {"ridge": -1},
        {"backbone": "resnet"},
        {"tol": 0},
        {"momentum": 1.0},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        fit(**parameters)


def test_divergence_is_named():
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(learning_rate=1e30, update_interval=20)
