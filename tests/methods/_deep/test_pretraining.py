import numpy as np
import pytest
import torch
from bench.methods import ae_kmeans
from bench.methods._deep import pretraining
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.parameters import seeds
from bench.methods._deep.pretraining import Recipe, pretrain

from bench.errors import InvalidInputError


def images(n=40):
    return np.clip(np.random.default_rng(0).normal(size=(n, 1, 8, 8)), -1, 1).astype(np.float32)


def embedding_of(samples, recipe, epochs=2):
    weights, order, _ = seeds(3, 3)
    hardware = Hardware(torch.device("cpu"), "float32")
    rows = []
    network, data = pretrain(
        samples, recipe, hardware, epochs=epochs, seeds=(weights, order), log=lambda *where, **row: rows.append(where)
    )
    assert rows == [(epoch, epochs) for epoch in range(epochs)]
    return data.embed(network.encoder).numpy()


@pytest.mark.parametrize("backbone", ["matched", "original"])
@pytest.mark.parametrize("shape", [(40, 1, 8, 8), (40, 64)])
def test_the_auto_encoder_is_that_of_the_baseline(backbone, shape):
    samples = images().reshape(shape)
    recipe = Recipe.choose(backbone, entries=64, n_clusters=4, batch_size=16)
    baseline = ae_kmeans.AEKMeans(
        4, backbone=backbone, epochs=2, batch_size=16, device="cpu", precision="float32", random_state=3
    )
    expected = baseline.fit(samples, sensitive_features=np.zeros(40)).embedding_
    assert np.array_equal(embedding_of(samples, recipe), expected)


def test_defaults_are_those_of_the_baseline():
    assert pretraining.DEFAULTS == {"matched": (512, 5e-4), "original": (256, 1.0)}
    assert pretraining.ORIGINAL_DIM == 10
    assert pretraining.ORIGINAL_ENTRIES == 784


def test_a_recipe_fills_in_what_is_not_given():
    assert Recipe.choose("matched", entries=784, n_clusters=6) == Recipe("matched", 6, 512, 5e-4)
    assert Recipe.choose("original", entries=392, n_clusters=6) == Recipe("original", 10, 256, 0.5)
    given = Recipe.choose("original", entries=392, n_clusters=6, embedding_dim=3, batch_size=8, learning_rate=0.1)
    assert given == Recipe("original", 3, 8, 0.1)


def test_an_unknown_recipe_is_named():
    with pytest.raises(InvalidInputError, match=r"^backbone='resnet' given; it takes 'matched' or 'original'"):
        Recipe.choose("resnet", entries=64, n_clusters=4)
