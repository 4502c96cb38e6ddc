import numpy as np
import pytest
import torch
from bench.methods._deep.wasserstein import critic_gap, gradient_penalty, interpolate
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def linear_critic(weight):
    critic = nn.Linear(len(weight), 1).double()
    with torch.no_grad():
        critic.weight.copy_(torch.as_tensor(weight, dtype=torch.float64))
    return critic


def test_gap_by_hand():
    # Real scores of mean 2, fake ones of mean 6: low on real is what the critic wants.
    gap = critic_gap(torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]]))
    assert gap.item() == -4


def test_every_pair_has_a_mix_of_its_own():
    real, fake = torch.full((3, 1, 2, 2), 8.0), torch.zeros(3, 1, 2, 2)
    points = interpolate(real, fake, torch.tensor([1.0, 0.0, 0.25]))
    assert points.shape == (3, 1, 2, 2)
    assert points.flatten(1).tolist() == [[8.0] * 4, [0.0] * 4, [2.0] * 4]


@given(seed=st.integers(0, 2**31), n=st.integers(1, 8), d=st.integers(1, 6), scale=st.floats(0.01, 10))
@settings(max_examples=40)
def test_penalty_of_a_linear_critic_and_its_gradient_in_closed_form(seed, n, d, scale):
    # The slope is w everywhere: (‖w‖ - 1)², with gradient 2 (‖w‖ - 1) w / ‖w‖.
    rng = np.random.default_rng(seed)
    critic = linear_critic(scale * rng.normal(size=d))
    weight = critic.weight.detach()[0]
    penalty = gradient_penalty(critic, torch.from_numpy(rng.normal(size=(n, d))))
    penalty.backward()
    norm = weight.norm()
    torch.testing.assert_close(penalty.detach(), (norm - 1).square())
    torch.testing.assert_close(critic.weight.grad[0], 2 * (norm - 1) * weight / norm)
    assert critic.bias.grad is None or critic.bias.grad.item() == 0


def test_norms_are_taken_sample_by_sample():
    # ‖x‖² / 2 has slope x, of lengths 5 and 2: the mean of 16 and 1.
    points = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    penalty = gradient_penalty(lambda x: x.square().sum(1, keepdim=True) / 2, points)
    assert penalty.item() == pytest.approx(8.5)


def test_all_pixels_of_an_image_make_one_norm():
    # The slope is 2 at each of 4 pixels: norm 4.
    penalty = gradient_penalty(lambda x: 2 * x.flatten(1).sum(1, keepdim=True), torch.zeros(3, 1, 2, 2))
    assert penalty.item() == pytest.approx(9)


def test_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    first, second = torch.randn(4, 3, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    points = torch.randn(5, 3, dtype=torch.float64)

    def penalty(first, second):
        return gradient_penalty(lambda x: torch.tanh(x @ first.T) @ second.T, points)

    assert torch.autograd.gradcheck(penalty, (first.requires_grad_(), second.requires_grad_()))


def test_a_flat_critic_has_penalty_one_and_a_finite_gradient():
    critic = linear_critic([0.0, 0.0])
    penalty = gradient_penalty(critic, torch.ones(2, 2, dtype=torch.float64))
    penalty.backward()
    assert penalty.item() == 1
    assert torch.isfinite(critic.weight.grad).all()


def test_points_are_constants():
    source = torch.ones(2, 2, requires_grad=True)
    gradient_penalty(lambda x: x.square().sum(1, keepdim=True), 3 * source).requires_grad_().backward()
    assert source.grad is None
