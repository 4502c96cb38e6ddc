import numpy as np
import pytest
import torch
from bench.methods._deep.adversary import GroupCritic, critic_loss, reversal_ramp, reverse_gradient


def critic(n_clusters=4, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return GroupCritic(n_clusters, torch.Generator().manual_seed(seed))


def test_reversal_by_hand():
    # y = 3 x and dy/dx = 3, which comes back as -0.5 · 3 from behind the reversal.
    x = torch.tensor(2.0, requires_grad=True)
    y = 3 * reverse_gradient(x, 0.5)
    y.backward()
    assert y.item() == 6.0
    assert x.grad.item() == -1.5


def test_one_step_lowers_the_loss_for_the_critic_and_raises_it_for_the_encoder():
    torch_rng = torch.Generator().manual_seed(0)
    samples = torch.randn(64, 4, generator=torch_rng)
    first = (samples[:, 0] > 0).float()
    judge = critic().eval()
    encoder = torch.full((4,), 0.3).requires_grad_()

    def loss(coefficient=1.0):
        return critic_loss(judge(reverse_gradient(samples * encoder, coefficient)), first)

    before = loss()
    before.backward()
    rate = 1e-2
    with torch.no_grad():
        encoder -= rate * encoder.grad
        after_encoder = loss()
        encoder += rate * encoder.grad
        for weight in judge.parameters():
            weight -= rate * weight.grad
        after_critic = loss()
    assert after_encoder > before
    assert after_critic < before


def test_ramp_by_hand():
    assert reversal_ramp(0) == 0
    assert reversal_ramp(0.1) == pytest.approx(2 / (1 + np.exp(-1)) - 1)
    assert reversal_ramp(1) == pytest.approx(1, abs=1e-4)


def test_loss_by_hand():
    logit = torch.tensor([0.0, np.log(3)])
    # Guesses 1/2 for a sample of group 0, 3/4 for one of group 1.
    assert critic_loss(logit, torch.tensor([1.0, 0.0])).item() == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_dropout_halves_the_network_in_training_keeps_the_mean_and_follows_its_own_seed():
    rows = torch.ones(2000, 4)
    state = torch.random.get_rng_state()
    first, again, other = (critic(seed=seed)._drop(rows) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert first.mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(critic().eval()._drop(rows), rows)


def test_critic_has_the_layers_of_the_official_code():
    shapes = [tuple(weight.shape) for weight in critic(10).parameters()]
    assert shapes == [(32, 10), (32,), (32, 32), (32,), (1, 32), (1,)]
    assert critic(10)(torch.full((5, 10), 0.1)).shape == (5,)
