import math

import numpy as np
import pytest
import torch
from bench.methods._deep.virtual_adversarial import (
    adversarial_direction,
    divergence,
    frozen_statistics,
    neighbour_distance,
    virtual_adversarial_loss,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from torch import nn


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fisher(weight, sample):
    """Hessian of KL(y || y(x + d)) at d = 0 for logits W x: W^T (diag(y) - y y^T) W."""
    soft = torch.softmax(weight @ sample, dim=0)
    return weight.T @ (torch.diag(soft) - torch.outer(soft, soft)) @ weight


def wavy(samples):
    """A network of two inputs that is not linear."""
    first, second = samples[:, 0], samples[:, 1]
    return torch.stack([torch.sin(2 * first) + second, first * second, torch.cos(first - 3 * second)], dim=1)


def test_divergence_by_hand():
    # KL((1/2, 1/2) || (1/4, 3/4)) = ln(2 / sqrt 3); the second row agrees.
    logits = torch.log(torch.tensor([[0.5, 0.5], [0.2, 0.8]]))
    other = torch.log(torch.tensor([[0.25, 0.75], [0.2, 0.8]])) + 7
    assert divergence(logits, other).item() == pytest.approx(math.log(2 / math.sqrt(3)) / 2, abs=1e-6)


def test_one_iteration_multiplies_by_the_hessian():
    weight, samples, start = (random(*shape, seed=seed).double() for seed, shape in enumerate([(3, 5), (4, 5), (4, 5)]))
    found = adversarial_direction(lambda x: x @ weight.T, samples, samples @ weight.T, start, xi=1e-5)
    for sample, first, direction in zip(samples, start, found, strict=True):
        expected = fisher(weight, sample) @ first
        torch.testing.assert_close(direction, expected / expected.norm(), rtol=1e-3, atol=1e-4)


def test_many_iterations_end_at_the_direction_of_largest_change():
    weight, samples, start = (random(*shape, seed=seed).double() for seed, shape in enumerate([(3, 5), (4, 5), (4, 5)]))
    found = adversarial_direction(lambda x: x @ weight.T, samples, samples @ weight.T, start, xi=1e-5, iterations=60)
    for sample, direction in zip(samples, found, strict=True):
        leading = torch.linalg.eigh(fisher(weight, sample)).eigenvectors[:, -1]
        assert abs(float(direction @ leading)) == pytest.approx(1, abs=1e-3)


def test_no_direction_on_a_circle_changes_a_curved_network_more():
    samples = random(3, 2).double()
    logits = wavy(samples)
    found = adversarial_direction(wavy, samples, logits, random(3, 2, seed=1).double(), xi=1e-4, iterations=20)
    radius = 1e-2
    angles = torch.linspace(0, 2 * math.pi, 361, dtype=torch.float64)
    circle = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    for i in range(3):
        around = [divergence(logits[i : i + 1], wavy(samples[i : i + 1] + step)).item() for step in circle]
        reached = divergence(logits[i : i + 1], wavy(samples[i : i + 1] + radius * found[i])).item()
        # Of the two signs, the power iteration cannot tell the better.
        assert reached > 0.95 * max(around)
        assert reached > 1.5 * np.median(around)


def test_each_sample_has_a_direction_of_length_one_and_its_own_radius():
    weight = random(3, 2 * 4 * 4)
    moved = []

    def forward(images):
        moved.append(images.detach().clone())
        return images.flatten(1) @ weight.T

    images, start = random(5, 2, 4, 4, seed=1), random(5, 2, 4, 4, seed=2)
    radius = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0])
    virtual_adversarial_loss(forward, images, forward(images), radius, start, xi=10.0)
    _, probed, perturbed = moved
    torch.testing.assert_close((probed - images).flatten(1).norm(dim=1), torch.full((5,), 10.0))
    torch.testing.assert_close((perturbed - images).flatten(1).norm(dim=1), radius)


def test_the_loss_trains_the_perturbed_prediction_alone():
    weight = random(3, 4).requires_grad_()
    samples = random(6, 4, seed=1)
    logits = samples @ weight.T
    loss = virtual_adversarial_loss(
        lambda x: x @ weight.T, samples, logits, torch.ones(6), random(6, 4, seed=2), xi=1.0
    )
    (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True)
    assert loss.item() > 0
    assert bool((gradient != 0).any())
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(loss, logits)


def test_predictions_that_nothing_changes_give_no_direction_and_no_loss():
    certain = torch.tensor([[80.0, -80.0]]).repeat(3, 1)

    def forward(samples):
        return certain + 0 * samples[:, :2]

    samples = random(3, 4)
    direction = adversarial_direction(forward, samples, certain, random(3, 4, seed=1), xi=1.0)
    assert torch.equal(direction, torch.zeros(3, 4))
    loss = virtual_adversarial_loss(forward, samples, certain, torch.ones(3), random(3, 4, seed=1), xi=1.0)
    assert loss.item() == 0


def test_a_gradient_whose_square_rounds_to_zero_still_has_a_direction():
    # y_2 is about 1e-30, and so is the gradient.
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    bias = torch.tensor([0.0, -70.0])
    samples = torch.zeros(1, 2)
    direction = adversarial_direction(
        lambda x: x @ weight.T + bias, samples, bias[None], torch.tensor([[1.0, 1.0]]), xi=1.0
    )
    torch.testing.assert_close(direction.abs(), torch.tensor([[1.0, 0.0]]))


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 12), st.integers(1, 7))
def test_neighbour_distance_against_scikit_learn(seed, n, neighbours, block):
    rows = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32) + 50
    expected = NearestNeighbors(n_neighbors=min(neighbours, n - 1)).fit(rows).kneighbors()[0][:, -1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.methods._deep.virtual_adversarial.BLOCK_ENTRIES", n * block)
        found = neighbour_distance(torch.from_numpy(rows), neighbours)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=3e-3)


def test_neighbours_of_images_of_copies_and_of_a_single_sample():
    images = torch.zeros(4, 1, 2, 2)
    images[3] = 1.0
    assert neighbour_distance(images, 1).tolist() == pytest.approx([0, 0, 0, 2], abs=1e-3)
    assert neighbour_distance(images, 3).tolist() == pytest.approx([2, 2, 2, 2], rel=1e-5)
    assert neighbour_distance(images[:1], 10).tolist() == [0]


def test_frozen_statistics_normalise_by_the_batch_and_remember_nothing():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Unflatten(1, (4, 1, 1)), nn.BatchNorm2d(4))
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    samples = random(8, 3) + 5
    with frozen_statistics(network):
        frozen = network(samples)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    torch.testing.assert_close(network(samples), frozen)
    assert not torch.equal(network[1].running_mean, before["1.running_mean"])


def test_statistics_are_kept_again_after_an_error():
    network = nn.BatchNorm1d(2)
    with pytest.raises(ZeroDivisionError), frozen_statistics(network):
        1 / 0  # noqa: B018
    assert network.track_running_stats
