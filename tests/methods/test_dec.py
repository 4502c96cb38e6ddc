import numpy as np
import pytest
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.dec import DEC
from scipy.optimize import linear_sum_assignment

from bench.errors import InvalidInputError, UnsupportedInputError

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


def blobs(n=200, d=8, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    X = 0.4 * rng.normal(size=(k, d))[y] + 0.05 * rng.normal(size=(n, d))
    return np.clip(X, -1, 1).astype(np.float32), y


def fit(X=None, n_clusters=3, groups=None, **parameters):
    X = blobs()[0] if X is None else X
    groups = np.arange(len(X)) % 2 if groups is None else groups
    return DEC(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


def small_images(channels=1):
    return np.clip(np.random.default_rng(0).normal(size=(60, channels, 8, 8)), -1, 1).astype(np.float32)


@pytest.mark.parametrize("backbone", ["matched", "original"])
@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_both_recipes_take_images_and_vectors(backbone, kind):
    X = blobs()[0] if kind == "vectors" else small_images(channels=3)
    method = fit(X, backbone=backbone, max_iter=10)
    assert method.embedding_.shape == (len(X), 3 if backbone == "matched" else 10)
    assert method.soft_labels_.shape == (len(X), 3)
    assert method.centres_.shape == (3, method.embedding_.shape[1])
    np.testing.assert_allclose(method.soft_labels_.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, 4.0])
def test_results_belong_together(alpha):
    method = fit(alpha=alpha)
    assert method.embedding_.dtype == method.soft_labels_.dtype == method.centres_.dtype == np.float32
    distance = ((method.embedding_[:, None] - method.centres_) ** 2).sum(2)
    weight = (1 + distance / alpha) ** (-(alpha + 1) / 2)
    np.testing.assert_allclose(method.soft_labels_, weight / weight.sum(1, keepdims=True), rtol=1e-4)
    assert np.array_equal(method.labels_, method.soft_labels_.argmax(1))
    assert method.labels_.dtype == np.int64


@pytest.mark.parametrize("backbone", ["matched", "original"])
def test_without_iterations_it_is_the_auto_encoder_baseline(backbone):
    X, _ = blobs()
    method = fit(backbone=backbone, max_iter=0)
    baseline = AEKMeans(
        3, backbone=backbone, epochs=4, batch_size=50, device="cpu", precision="float32", random_state=0
    ).fit(X, sensitive_features=np.zeros(len(X)))
    assert np.array_equal(method.embedding_, baseline.embedding_)
    assert np.array_equal(method.labels_, baseline.labels_)
    assert (method.n_iter_, method.stopped_) == (0, "max_iter")


def test_iterations_train_encoder_and_centres():
    start, end = fit(max_iter=0), fit(tol=1e-9, max_iter=20, learning_rate=0.1)
    assert end.n_iter_ >= 5
    assert not np.allclose(start.embedding_, end.embedding_, atol=1e-4)
    assert not np.allclose(start.centres_, end.centres_, atol=1e-4)


def test_assignments_become_more_certain_and_find_well_separated_classes():
    _, y = blobs()
    start, end = (
        fit(pretrain_epochs=15, max_iter=iterations, learning_rate=0.1, tol=1e-9, update_interval=30)
        for iterations in (0, 120)
    )
    assert end.soft_labels_.max(1).mean() > start.soft_labels_.max(1).mean() + 0.05
    table = np.zeros((3, 3))
    np.add.at(table, (end.labels_, y), 1)
    rows, columns = linear_sum_assignment(-table)
    assert table[rows, columns].sum() == len(y)


def test_history_tells_pretraining_then_targets():
    history = fit(tol=1e-9, update_interval=8, max_iter=20, learning_rate=0.5).history_
    first = [row for row in history if row["phase"] == 0]
    second = [row for row in history if row["phase"] == 1]
    assert history == first + second
    assert [row["epoch"] for row in history] == list(range(len(history)))
    assert len(first) == 4
    assert all(set(row) == {"epoch", "phase", "loss", "reconstruction"} for row in first)
    assert second
    assert all(set(row) == {"epoch", "phase", "loss", "kl", "changed", "iteration"} for row in second)
    assert all(row["loss"] == row["kl"] >= 0 and 0 <= row["changed"] <= 1 for row in second)
    assert [row["iteration"] for row in second] == [8, 16, 20][: len(second)]


def test_a_listener_is_told_how_many_rows_there_can_be():
    method = DEC(3, **{**QUICK, "update_interval": 8, "max_iter": 20})
    told = []
    method.on_epoch = lambda row, rows: told.append(rows)
    method.fit(blobs()[0], sensitive_features=np.zeros(200))
    assert set(told) == {4 + 3}


def test_a_large_tolerance_stops_at_the_first_refresh_and_a_small_one_at_the_cap():
    early = fit(tol=2.0)
    assert (early.n_iter_, early.stopped_) == (5, "tol")
    settled = fit(learning_rate=1e-9)
    assert (settled.n_iter_, settled.stopped_) == (5, "tol")
    # Too few iterations for a second refresh with nothing changed in between.
    X = np.clip(np.random.default_rng(1).normal(size=(200, 8)), -1, 1)
    capped = fit(X, tol=1e-9, update_interval=5, max_iter=7, learning_rate=1.0)
    assert (capped.n_iter_, capped.stopped_) == (7, "max_iter")


def test_the_seed_decides_everything():
    X, _ = blobs()
    first, again, other = (fit(X, learning_rate=0.1, random_state=seed) for seed in (1, 1, 2))
    for name in ("labels_", "soft_labels_", "embedding_", "centres_"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.history_ == again.history_
    assert not np.array_equal(first.embedding_, other.embedding_)


def test_groups_make_no_difference():
    results = [fit(groups=groups, learning_rate=0.1) for groups in (np.zeros(200), np.arange(200) % 5)]
    assert np.array_equal(results[0].soft_labels_, results[1].soft_labels_)


def test_fewer_samples_than_a_batch_and_samples_all_alike_are_no_trouble():
    assert fit(blobs(n=20)[0], batch_size=256).labels_.shape == (20,)
    alike = fit(np.zeros((30, 8), dtype=np.float32))
    assert np.isfinite(alike.soft_labels_).all()
    assert len(np.unique(alike.labels_)) == 1


def test_bfloat16_works_and_is_reported():
    method = fit(precision="bfloat16")
    assert method.precision_ == "bfloat16"
    assert method.soft_labels_.dtype == np.float32
    assert np.isfinite(method.soft_labels_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"backbone": "resnet"},
        {"embedding_dim": 0},
        {"pretrain_epochs": 0},
        {"pretrain_batch_size": 0},
        {"pretrain_learning_rate": 0},
        {"n_init": 0},
        {"alpha": 0},
        {"update_interval": 0},
        {"tol": 0},
        {"tol": -0.1},
        {"max_iter": -1},
        {"batch_size": 0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"momentum": "much"},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        fit(**parameters)


def test_divergence_is_named():
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(learning_rate=1e30, update_interval=20)


def test_images_that_the_matched_network_does_not_take_pass_as_vectors():
    odd = small_images()[:, :, :7]
    with pytest.raises(UnsupportedInputError, match="square"):
        fit(odd)
    assert fit(odd, backbone="original").labels_.shape == (60,)
