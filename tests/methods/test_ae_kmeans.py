import numpy as np
import pytest
from bench.methods.ae_kmeans import AEKMeans
from sklearn.cluster import KMeans

from bench.errors import InvalidInputError


def blobs(n=200, d=8, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    X = 0.4 * rng.normal(size=(k, d))[y] + 0.05 * rng.normal(size=(n, d))
    return np.clip(X, -1, 1).astype(np.float32), y


def fit(**parameters):
    X, _ = blobs()
    defaults = {"epochs": 6, "batch_size": 50, "device": "cpu", "random_state": 0}
    return AEKMeans(3, **{**defaults, **parameters}).fit(X, sensitive_features=np.arange(len(X)) % 2)


@pytest.mark.parametrize(("backbone", "dim", "epochs"), [("matched", 3, 6), ("original", 10, 40)])
def test_both_recipes_learn_to_reconstruct_and_cluster_the_embedding(backbone, dim, epochs):
    method = fit(backbone=backbone, epochs=epochs)
    assert method.embedding_.shape == (200, dim)
    assert method.embedding_.dtype == np.float32
    history = [row["reconstruction"] for row in method.history_]
    assert len(history) == epochs
    assert history[-1] < 0.8 * history[0]
    assert [row["loss"] for row in method.history_] == history
    # The labels are those of the nearest centre of their own means.
    means = np.stack([method.embedding_[method.labels_ == k].mean(0) for k in range(3)])
    again = KMeans(3, init=means, n_init=1).fit(method.embedding_).labels_
    assert np.array_equal(again, method.labels_)


def test_finds_well_separated_classes():
    _, y = blobs()
    labels = fit(epochs=15).labels_
    assert len({(a, b) for a, b in zip(labels.tolist(), y.tolist(), strict=True)}) == 3


def test_matched_network_takes_images_and_original_flattens_them():
    images = np.clip(np.random.default_rng(0).normal(size=(40, 3, 8, 8)), -1, 1)
    groups = np.zeros(40)
    for backbone in ("matched", "original"):
        method = AEKMeans(4, backbone=backbone, epochs=1, random_state=0, device="cpu")
        assert method.fit(images, sensitive_features=groups).labels_.shape == (40,)


def test_groups_make_no_difference():
    X, _ = blobs()
    results = [
        AEKMeans(3, epochs=2, batch_size=50, random_state=0, device="cpu").fit(X, sensitive_features=groups)
        for groups in (np.zeros(200), np.arange(200) % 5)
    ]
    assert np.array_equal(results[0].embedding_, results[1].embedding_)


def test_embedding_dim_overrides_the_recipe():
    assert fit(embedding_dim=2, epochs=1).embedding_.shape == (200, 2)


def test_precision_is_reported_and_bfloat16_works():
    assert fit(precision="float32", epochs=1).precision_ == "float32"
    method = fit(precision="bfloat16", epochs=1)
    assert method.precision_ == "bfloat16"
    assert np.isfinite(method.embedding_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"backbone": "resnet"},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"n_init": 0},
        {"embedding_dim": 0},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        fit(**parameters)


def test_divergence_is_named():
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(backbone="original", learning_rate=1e6)
