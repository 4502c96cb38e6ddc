import math

import pytest
import torch
from bench.methods._deep.hardware import seeded_weights
from bench.methods._deep.label_features import build_label_network, identity_layer, label_features
from torch import nn

from bench.errors import UnsupportedInputError


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def network_for(shape, k=10, backbone="original", seed=0):
    with seeded_weights(seed):
        return build_label_network(shape, k, backbone)


def map_sizes(network, samples):
    """Height and width after every convolution and pooling."""
    sizes = []
    for module in network.trunk:
        samples = module(samples)
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AdaptiveAvgPool2d):
            sizes.append(tuple(samples.shape[2:]))
    return sizes


def test_label_features_by_hand():
    # Probabilities (1/2, 1/4, 1/4) have length sqrt(6) / 4.
    features = label_features(torch.tensor([[math.log(2), 0.0, 0.0]]))
    torch.testing.assert_close(features, torch.tensor([[2.0, 1.0, 1.0]]) / math.sqrt(6))


def test_label_features_are_those_of_the_paper():
    logits = 5 * noise(20, 6)
    features = torch.exp(logits - logits.amax(1, keepdim=True))
    torch.testing.assert_close(label_features(logits), features / features.norm(dim=1, keepdim=True))
    assert (label_features(logits) >= 0).all()


def test_label_features_of_half_precision_and_of_huge_logits_are_exact_units():
    for logits in (noise(8, 4).bfloat16(), torch.tensor([[1e30, 0.0], [1e4, 1e4]])):
        features = label_features(logits)
        assert features.dtype == torch.float32
        torch.testing.assert_close(features.norm(dim=1), torch.ones(len(logits)))


def test_identity_layer_starts_as_the_identity():
    layer = identity_layer(4)
    layer.eval()
    # Running mean 0 and variance 1 leave the values as they are, but for the 1e-5 that the variance is raised by.
    values = noise(5, 4)
    torch.testing.assert_close(layer(values), values.clamp(min=0), rtol=1e-4, atol=0)
    assert torch.equal(layer[0].weight, torch.eye(4))
    assert layer[0].bias is None


def test_identity_layer_normalises_by_hand():
    # Column means (2, 0), deviations (1, 3): the second column stays within its own.
    layer = identity_layer(2)
    values = torch.tensor([[1.0, 3.0], [3.0, -3.0]])
    torch.testing.assert_close(layer(values), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("backbone", ["original", "matched"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (17,)])
def test_every_network_ends_in_two_identity_layers(shape, backbone):
    network = network_for(shape, 6, backbone)
    assert len(network.head) == 2
    for layer in network.head:
        assert torch.equal(layer[0].weight, torch.eye(6))
    logits = network(noise(5, *shape))
    assert logits.shape == (5, 6)
    assert (logits >= 0).all()


def test_maps_of_the_official_network_at_28x28():
    network = network_for((1, 28, 28))
    sides = [height for height, _ in map_sizes(network, noise(2, 1, 28, 28))]
    assert sides == [26, 24, 22, 11, 9, 7, 5, 2, 2, 1]


def test_padded_maps_at_8x8():
    network = network_for((1, 8, 8))
    sides = [height for height, _ in map_sizes(network, noise(2, 1, 8, 8))]
    assert sides == [8, 8, 8, 4, 4, 4, 4, 2, 2, 1]


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 8, 8), (1, 21, 21), (1, 22, 22), (3, 32, 32), (2, 9, 30)])
def test_other_sizes_of_images_work(shape):
    network = network_for(shape, 5)
    assert network(noise(4, *shape)).shape == (4, 5)


def test_sizes_of_the_image_network():
    network = network_for((1, 28, 28))
    kernels = 9 * (64 + 2 * 64 * 64 + 64 * 128 + 2 * 128 * 128) + 128 * 10
    normalisations = 2 * (4 * 64 + 4 * 128 + 2 * 10)
    assert sum(parameter.numel() for parameter in network.trunk.parameters()) == kernels + normalisations


def test_widths_of_the_vector_network():
    network = network_for((17,), 6)
    layers = [module for module in network.trunk if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (17, 1024),
        (1024, 512),
        (512, 256),
        (256, 6),
    ]


def test_weights_start_with_the_deviation_of_he():
    convolution = network_for((1, 28, 28)).trunk[3]
    assert convolution.weight.shape == (64, 64, 3, 3)
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)


def test_the_seed_decides_the_weights():
    first, again, other = (network_for((1, 8, 8), seed=seed).trunk[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_logits_are_single_precision_under_autocast():
    network = network_for((9,), 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network.trunk(noise(6, 9)).dtype == torch.bfloat16
        assert network(noise(6, 9)).dtype == torch.float32


def test_too_small_images_are_refused():
    with pytest.raises(UnsupportedInputError, match="images are 3x8"):
        network_for((1, 3, 8))
    with pytest.raises(UnsupportedInputError, match="square"):
        network_for((1, 28, 30), backbone="matched")
