import numpy as np
import pytest
from bench.methods import clustergan
from bench.methods.clustergan import ClusterGAN
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from bench.errors import InvalidInputError, UnsupportedInputError

QUICK = {
    "steps": 6,
    "n_critic": 2,
    "batch_size": 16,
    "channels": 4,
    "latent_dim": 5,
    "device": "cpu",
    "random_state": 0,
}


def blobs(n=120, d=6, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    X = 0.3 * rng.normal(size=(k, d))[y] + 0.03 * rng.normal(size=(n, d))
    return np.clip(X, -1, 1).astype(np.float32), y


def small_images(channels=1, n=60):
    return np.clip(np.random.default_rng(0).normal(size=(n, channels, 8, 8)), -1, 1).astype(np.float32)


def fit(X=None, n_clusters=3, groups=None, **parameters):
    X = blobs()[0] if X is None else X
    groups = np.arange(len(X)) % 2 if groups is None else groups
    return ClusterGAN(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


@pytest.mark.parametrize("X", [blobs()[0], small_images(), small_images(channels=3)], ids=["vectors", "grey", "colour"])
def test_results_have_their_shapes_and_types(X):
    method = fit(X)
    assert method.embedding_.shape == (len(X), 5 + 3)
    assert method.soft_labels_.shape == (len(X), 3)
    assert method.embedding_.dtype == method.soft_labels_.dtype == np.float32
    assert method.labels_.shape == method.argmax_labels_.shape == (len(X),)
    assert method.labels_.dtype == method.argmax_labels_.dtype == np.int64


def test_the_code_ends_in_the_soft_labels_and_argmax_reads_them():
    method = fit(learning_rate=0.01)
    assert np.array_equal(method.embedding_[:, 5:], method.soft_labels_)
    np.testing.assert_allclose(method.soft_labels_.sum(1), 1, rtol=1e-5)
    assert np.array_equal(method.argmax_labels_, method.soft_labels_.argmax(1))


@pytest.mark.parametrize("beta_n", [10.0, 0.0])
def test_labels_are_those_of_k_means_on_the_code(beta_n):
    method = fit(beta_n=beta_n, learning_rate=0.01)
    assert method.embedding_.shape[1] == (8 if beta_n else 3)
    centres = np.stack([method.embedding_[method.labels_ == k].mean(0) for k in range(3)])
    distance = cdist(method.embedding_, centres)
    assert (distance[np.arange(120), method.labels_] <= distance.min(1) + 1e-4 * distance.max()).all()


def test_without_the_continuous_part_the_soft_labels_alone_are_clustered():
    method = fit(beta_n=0.0)
    assert np.array_equal(method.embedding_, method.soft_labels_)


def test_training_finds_well_separated_classes():
    X, y = blobs()
    method = fit(X, steps=250, n_critic=3, batch_size=32, channels=16, learning_rate=2e-3)
    errors = [row["cluster_error"] for row in method.history_[:-1]]
    assert errors[0] == pytest.approx(np.log(3), rel=0.02)
    assert errors[-1] < 0.1
    for labels in (method.labels_, method.argmax_labels_):
        table = np.zeros((3, 3))
        np.add.at(table, (labels, y), 1)
        rows, columns = linear_sum_assignment(-table)
        assert table[rows, columns].sum() > 0.95 * len(y)


def test_images_are_mapped_to_the_unit_interval_and_vectors_are_not():
    images = small_images()
    full, half = fit(images), fit((images + 1) / np.float32(2))
    assert np.array_equal(full.embedding_, half.embedding_)
    vectors = images.reshape(60, -1)
    assert not np.allclose(fit(vectors).embedding_, fit((vectors + 1) / 2).embedding_, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "image", "expected", "bounded"),
    [
        ([0.0, 1.0], True, [0.0, 1.0], True),
        ([0.0, 1.0], False, [0.0, 1.0], True),
        ([-1.0, 0.5], True, [0.0, 0.75], True),
        ([-1.0, 0.5], False, [-1.0, 0.5], False),
        ([0.0, 1.5], True, [0.0, 1.5], False),
        ([0.0, 1.5], False, [0.0, 1.5], False),
        ([-1.5, 0.0], True, [-1.5, 0.0], False),
    ],
)
def test_values_decide_the_generators_range(values, image, expected, bounded):
    X = np.resize(np.array(values, dtype=np.float32), (2, 1, 4, 4) if image else (2, 16))
    mapped, sigmoid = clustergan._in_generator_range(X)
    assert mapped.dtype == np.float32
    assert (sigmoid, mapped.ravel()[:2].tolist()) == (bounded, expected)


@pytest.mark.parametrize(("X", "expected"), [(small_images(), 3), (blobs()[0], 2)], ids=["images", "vectors"])
def test_a_budget_is_a_number_of_steps_by_kind_and_steps_override_it(monkeypatch, X, expected):
    monkeypatch.setitem(clustergan.BUDGETS, "short", (3, 2))
    assert fit(X, steps=None).n_iter_ == expected
    assert fit(X, steps=4).n_iter_ == 4


def test_the_papers_budget_is_that_of_its_code():
    assert clustergan.BUDGETS["paper"] == (500_000, 100_000)
    assert ClusterGAN().budget == "short"


def test_history_tells_training_then_the_clusters_used():
    method = fit()
    *training, last = method.history_
    assert [row["epoch"] for row in method.history_] == list(range(7))
    assert [row["step"] for row in training] == [1, 2, 3, 4, 5, 6]
    terms = {"loss", "noise_error", "cluster_error", "wasserstein", "penalty"}
    assert all(set(row) == {"epoch", "step", *terms} for row in training)
    assert last == {
        "epoch": 6,
        "used_clusters": len(set(method.labels_)),
        "argmax_clusters": len(set(method.argmax_labels_)),
    }


def test_a_long_training_has_a_hundred_rows_and_a_listener_knows():
    method = ClusterGAN(3, **{**QUICK, "steps": 130, "n_critic": 1, "batch_size": 2})
    told = []
    method.on_epoch = lambda row, rows: told.append((row["epoch"], rows))
    method.fit(blobs()[0], sensitive_features=np.zeros(120))
    assert told == [(epoch, 101) for epoch in range(101)]
    assert method.history_[99]["step"] == 130


@pytest.mark.parametrize("X", [blobs()[0], small_images()], ids=["vectors", "images"])
def test_the_seed_decides_everything(X):
    first, again, other = (fit(X, random_state=seed) for seed in (1, 1, 2))
    for name in ("labels_", "argmax_labels_", "soft_labels_", "embedding_"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.history_ == again.history_
    assert not np.array_equal(first.embedding_, other.embedding_)


def test_groups_make_no_difference():
    results = [fit(groups=groups) for groups in (np.zeros(120), np.arange(120) % 30)]
    assert np.array_equal(results[0].embedding_, results[1].embedding_)


def test_small_and_degenerate_inputs_are_no_trouble():
    assert fit(blobs(n=1)[0], n_clusters=1).labels_.tolist() == [0]
    assert sorted(fit(blobs(n=4)[0], n_clusters=4).labels_) == [0, 1, 2, 3]
    assert fit(n_clusters=1, beta_n=0.0).soft_labels_.min() == 1
    alike = fit(np.zeros((30, 6), dtype=np.float32))
    assert len(np.unique(alike.labels_)) == 1
    assert alike.history_[-1]["used_clusters"] == 1


def test_bfloat16_works_and_is_reported():
    method = fit(small_images(), precision="bfloat16")
    assert (method.precision_, fit().precision_) == ("bfloat16", "float32")
    assert method.embedding_.dtype == np.float32
    assert np.isfinite(method.embedding_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"budget": "long"},
        {"steps": 0},
        {"n_critic": 0},
        {"batch_size": 1},
        {"latent_dim": 0},
        {"beta_n": -1},
        {"beta_c": float("nan")},
        {"gradient_penalty": "much"},
        {"learning_rate": 0},
        {"channels": 0},
        {"n_init": 0},
        {"precision": "float16"},
        {"random_state": -1},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        fit(**parameters)


@pytest.mark.parametrize("X", [blobs()[0], small_images()], ids=["vectors", "images"])
def test_divergence_is_named(X):
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(X, learning_rate=1e30)


def test_images_that_the_networks_do_not_take_are_refused():
    with pytest.raises(UnsupportedInputError, match="square"):
        fit(small_images()[:, :, :7])
