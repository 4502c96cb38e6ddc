import numpy as np
import pytest
import torch
from bench.methods.dfc import DFC

from bench.errors import InvalidInputError, UnsupportedInputError

QUICK = {
    "latent_dim": 4,
    "vae_epochs": 2,
    "vae_batch_size": 40,
    "n_init": 2,
    "golden_iterations": 6,
    "golden_batch_size": 32,
    "update_interval": 3,
    "tol": 1e-9,
    "iterations": 6,
    "batch_size": 16,
    "log_interval": 4,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


def blobs(n=80, d=6, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    return (0.5 * rng.normal(size=(k, d))[y] + 0.05 * rng.normal(size=(n, d))).astype(np.float32)


def fit(X=None, n_clusters=3, groups=None, **parameters):
    X = blobs() if X is None else X
    groups = np.arange(len(X)) % 3 // 2 if groups is None else groups
    return DFC(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


def test_results_belong_together():
    method = fit()
    for name, shape in {"soft_labels_": (80, 3), "embedding_": (80, 4), "centres_": (3, 4)}.items():
        assert getattr(method, name).shape == shape
        assert getattr(method, name).dtype == np.float32
    kernel = 1 / (1 + ((method.embedding_[:, None] - method.centres_) ** 2).sum(2))
    np.testing.assert_allclose(method.soft_labels_, kernel / kernel.sum(1, keepdims=True), rtol=1e-4)
    assert np.array_equal(method.labels_, method.soft_labels_.argmax(1))
    assert method.labels_.dtype == np.int64
    assert method.history_[-1]["used_clusters"] == len(np.unique(method.labels_))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 9)])
def test_images_of_any_side(shape):
    X = np.clip(np.random.default_rng(0).normal(size=(30, *shape)), -1, 1)
    assert fit(X, iterations=2, golden_iterations=0).labels_.shape == (30,)


@pytest.mark.parametrize("n_groups", [1, 3])
def test_other_numbers_of_groups_are_refused_with_the_reason(n_groups):
    with pytest.raises(UnsupportedInputError, match="2 groups"):
        fit(groups=np.arange(80) % n_groups)


def test_every_stage_is_in_the_history():
    history = fit(golden_learning_rate=0.1).history_
    assert [row["epoch"] for row in history] == list(range(len(history)))
    stages = [(row["phase"], row.get("group")) for row in history]
    golden = [(1, 0), (1, 0), *[(2, 0)] * 2, (1, 1), (1, 1), *[(2, 1)] * 2]
    assert stages == [(0, None), (0, None), *golden, (3, None), (3, None)]
    assert [row["iteration"] for row in history if row["phase"] == 3] == [4, 6]
    assert all(row["loss"] == pytest.approx(row["reconstruction"] + row["latent"], rel=1e-4) for row in history[:2])


def test_a_listener_is_told_how_many_rows_there_can_be():
    method, told = DFC(3, **{**QUICK, "golden_learning_rate": 0.1}), []
    method.on_epoch = lambda row, rows: told.append(rows)
    method.fit(blobs(), sensitive_features=np.arange(80) % 2)
    assert set(told) == {len(told)}


def test_golden_models_of_both_groups_are_their_own_and_guide_the_joint_stage(monkeypatch):
    seen = {}

    def spy(soft, golden):
        seen.setdefault(len(seen), golden.clone())
        return (soft @ soft.T - golden @ golden.T).square().sum()

    monkeypatch.setattr("bench.methods._deep.fair_adversarial.structure_loss", spy)
    groups = np.arange(80) % 3 // 2
    method = fit(groups=groups, iterations=1)
    np.testing.assert_allclose(method.golden_soft_labels_.sum(1), 1, rtol=1e-5)
    for group in (0, 1):
        own = {tuple(row) for row in method.golden_soft_labels_[groups == group].tolist()}
        assert {tuple(row) for row in seen[group].tolist()} <= own
        # Not the even assignments that centres in an unrelated place would give.
        assert len(set(method.golden_soft_labels_[groups == group].argmax(1))) > 1


def test_one_group_does_not_touch_the_golden_model_of_the_other():
    X, groups = blobs(), np.repeat([0, 1], 40)
    other = X.copy()
    other[40:] = np.random.default_rng(5).normal(size=other[40:].shape)
    first, second = (fit(data, groups=groups).golden_soft_labels_ for data in (X, other))
    assert np.array_equal(first[:40], second[:40])
    assert not np.allclose(first[40:], second[40:])


def test_centres_start_from_k_means_in_the_latent_space_or_at_random():
    still = {"vae_epochs": 5, "iterations": 1, "learning_rate": 1e-9, "weight_decay": 0}
    trained, random = (fit(pretrained_centers=choice, **still) for choice in (True, False))
    assert np.array_equal(trained.golden_soft_labels_, random.golden_soft_labels_)
    # K-means centres are the means of the samples nearest to them; batch statistics moved a little since.
    nearest = np.stack([trained.embedding_[trained.labels_ == k].mean(0) for k in np.unique(trained.labels_)])
    distance = np.linalg.norm(nearest[:, None] - trained.centres_, axis=2).min(1)
    spread = np.linalg.norm(trained.embedding_ - trained.embedding_.mean(0), axis=1).mean()
    assert (distance < 0.5 * spread).all()
    assert np.abs(random.centres_).max() <= np.sqrt(6 / (3 + 4)) + 1e-6


@pytest.mark.parametrize("divergence", ["js", "cs"])
def test_the_divergence_matters(divergence):
    assert not np.array_equal(fit(divergence=divergence).embedding_, fit().embedding_)


def test_the_seed_decides_everything_and_global_generators_are_left_alone():
    state = torch.random.get_rng_state()
    first, again, other = (fit(random_state=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name in ("labels_", "soft_labels_", "embedding_", "centres_", "golden_soft_labels_"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.history_ == again.history_
    assert not np.array_equal(first.embedding_, other.embedding_)


@pytest.mark.parametrize(("n", "k"), [(2, 1), (4, 3), (5, 5)])
def test_a_group_of_one_sample_and_as_many_clusters_as_samples(n, k):
    groups = np.zeros(n)
    groups[-1] = 1
    method = fit(blobs(n), k, groups)
    assert method.labels_.max() < k
    assert np.array_equal(method.golden_soft_labels_[-1], np.eye(k)[0])


def test_samples_all_alike_are_one_cluster():
    method = fit(np.zeros((30, 6)))
    assert np.isfinite(method.soft_labels_).all()
    assert method.history_[-1]["used_clusters"] == 1


def test_bfloat16_works_and_is_reported():
    method = fit(precision="bfloat16")
    assert method.precision_ == "bfloat16"
    assert method.soft_labels_.dtype == np.float32
    assert np.isfinite(method.soft_labels_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"divergence": "wasserstein"},
        {"pretrained_centers": "yes"},
        {"latent_dim": 0},
        {"alpha": 0},
        {"fairness_weight": -1},
        {"structure_weight": float("nan")},
        {"vae_epochs": 0},
        {"vae_batch_size": 0},
        {"vae_learning_rate": 0},
        {"n_init": 0},
        {"golden_iterations": -1},
        {"golden_batch_size": 0},
        {"golden_learning_rate": 0},
        {"update_interval": 0},
        {"tol": 0},
        {"iterations": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"weight_decay": -1e-3},
        {"log_interval": 0},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        fit(**parameters)


@pytest.mark.parametrize("name", ["vae_learning_rate", "golden_learning_rate", "learning_rate"])
def test_divergence_is_named(name):
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(**{name: 1e30})
