import math

import numpy as np
import pytest
import torch
from bench.methods._deep.clustergan_training import BLOCK, Adversaries, Draw, Weights, draw_steps, train
from bench.methods._deep.generative import Latent, Networks
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.training import ResidentData
from torch import nn

from bench.errors import InvalidInputError

CPU = Hardware(torch.device("cpu"), "float32")
REAL = np.array([[1, 0], [0, 1]], dtype=np.float32)
# One noise dimension, two clusters.
LATENT = Latent(torch.tensor([[0.1], [0.3]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
BOTH, MIX = torch.tensor([0, 1]), torch.tensor([0.5, 0.5])
RATE = 0.01


def layer(weight, bias):
    weight, bias = torch.tensor(weight), torch.tensor(bias)
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    return linear


def adversaries(beta_n=0.0, beta_c=0.0, penalty=0.0):
    networks = Networks(
        # G(z) = (1, 1), whatever z is.
        generator=layer([[0.0] * 3] * 2, [1.0, 1.0]),
        # E_n = 0.5 and softmax(E_c) = (3/4, 1/4), whatever x is.
        encoder=layer([[0.0] * 2] * 3, [0.5, math.log(3), 0.0]),
        critic=layer([[3.0, 4.0]], [0.0]),
    )
    data = ResidentData(REAL, np.zeros(2, dtype=np.int64), 1, CPU)
    return Adversaries(networks, data, Weights(beta_n, beta_c, penalty), RATE)


def state(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_critic_terms_by_hand():
    # Scores 3 and 4 on real, 7 on generated samples; the slope is 5 long.
    wasserstein, penalty = adversaries().critic_step(BOTH, MIX, LATENT).tolist()
    assert wasserstein == pytest.approx(7 - 3.5)
    assert penalty == pytest.approx(16)


def test_the_critic_lowers_its_score_on_real_samples_against_generated_ones():
    pair = adversaries()
    before = state(pair.networks.critic)
    pair.critic_step(BOTH, MIX, LATENT)
    # Gradient E x - E G(z) = (-1/2, -1/2); Adam's first step has the size of the learning rate.
    torch.testing.assert_close(state(pair.networks.critic) - before, torch.tensor([RATE, RATE, 0.0]))


def test_the_penalty_pulls_the_slope_towards_one_with_its_weight():
    pair = adversaries(penalty=1.0)
    before = state(pair.networks.critic)
    pair.critic_step(BOTH, MIX, LATENT)
    # 2 (5 - 1) (3, 4) / 5 outweighs the gap's -1/2.
    torch.testing.assert_close(state(pair.networks.critic) - before, torch.tensor([-RATE, -RATE, 0.0]))


def test_loss_of_generator_and_encoder_by_hand():
    loss, noise_error, cluster_error = adversaries(beta_n=2.0, beta_c=3.0).generator_step(LATENT).tolist()
    assert noise_error == pytest.approx((0.16 + 0.04) / 2)
    assert cluster_error == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert loss == pytest.approx(7 + 2 * noise_error + 3 * cluster_error)


def test_the_generator_makes_samples_that_the_critic_takes_for_real():
    pair = adversaries()
    before = state(pair.networks.generator)
    pair.generator_step(LATENT)
    change = (state(pair.networks.generator) - before)[-2:]
    torch.testing.assert_close(change, torch.tensor([-RATE, -RATE]))


def test_the_encoder_follows_the_latent_variables():
    pair = adversaries(beta_n=1.0, beta_c=1.0)
    before = state(pair.networks.encoder)
    pair.generator_step(LATENT)
    # E_n = 0.5 is above both z_n; cluster 0 has 3/4 where half of the z_c are.
    change = (state(pair.networks.encoder) - before)[-3:]
    torch.testing.assert_close(change, torch.tensor([-RATE, -RATE, RATE]))


def test_weights_of_zero_leave_the_encoder_alone():
    pair = adversaries()
    before = state(pair.networks.encoder)
    pair.generator_step(LATENT)
    assert torch.equal(state(pair.networks.encoder), before)


def test_a_step_moves_its_own_networks_only():
    pair = adversaries(1.0, 1.0, 1.0)
    networks = pair.networks
    others, critic = (state(networks.generator), state(networks.encoder)), state(networks.critic)
    pair.critic_step(BOTH, MIX, LATENT)
    assert torch.equal(state(networks.generator), others[0])
    assert torch.equal(state(networks.encoder), others[1])
    critic = state(networks.critic)
    pair.generator_step(LATENT)
    assert torch.equal(state(networks.critic), critic)


def draws(seed=0, n=7):
    return draw_steps(n, (3, 4), (2, 5), torch.Generator().manual_seed(seed))


def test_draws_have_a_batch_for_every_step_and_never_end():
    stream = draws()
    seen = [next(stream) for _ in range(2 * BLOCK + 1)]
    for one in seen:
        assert one.index.shape == one.mix.shape == (3, 4)
        assert one.latent.noise.shape == (4, 4, 2)
        assert one.latent.cluster.shape == (4, 4, 5)
    index, mix = torch.stack([one.index for one in seen]), torch.stack([one.mix for one in seen])
    assert index.unique().tolist() == list(range(7))
    assert ((mix >= 0) & (mix < 1)).all()
    # Blocks differ from each other, and so do the steps of one.
    assert len(mix.unique()) > 0.99 * mix.numel()


def test_the_seed_decides_the_draws():
    first, again, other = (next(draws(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.index, again.index)
    assert torch.equal(first.mix, again.mix)
    assert torch.equal(first.latent.joined(), again.latent.joined())
    assert not torch.equal(first.mix, other.mix)


class Counter:
    """Stands for the adversaries: the n-th call of a kind returns terms of n."""

    def __init__(self):
        self.critic_calls, self.generator_calls, self.order = 0, 0, ""

    def critic_step(self, index, mix, latent):
        self.critic_calls += 1
        self.order += "c"
        return torch.tensor([1.0, 10.0]) * self.critic_calls

    def generator_step(self, latent):
        self.generator_calls += 1
        self.order += "m"
        return torch.tensor([1.0, 2.0, 3.0]) * self.generator_calls


def test_rows_cover_all_steps_and_hold_means_since_the_row_before():
    counter, told = Counter(), []
    train(counter, draws(), steps=5, rows=2, log=lambda row, **values: told.append((row, values)))
    assert counter.order == "cccm" * 5
    assert [row for row, _ in told] == [0, 1]
    first, second = (values for _, values in told)
    # Generator calls 1, 2 then 3, 4, 5; critic calls 1 to 6 then 7 to 15.
    assert first == {
        "step": 2,
        "loss": 1.5,
        "noise_error": 3.0,
        "cluster_error": 4.5,
        "wasserstein": 3.5,
        "penalty": 35.0,
    }
    assert (second["step"], second["loss"], second["wasserstein"]) == (5, 4.0, 11.0)


def test_every_critic_step_has_latents_of_its_own():
    seen = []

    class Recorder(Counter):
        def critic_step(self, index, mix, latent):
            seen.append(latent.noise)
            return super().critic_step(index, mix, latent)

        def generator_step(self, latent):
            seen.append(latent.noise)
            return super().generator_step(latent)

    one: Draw = next(draws())
    train(Recorder(), iter([one]), steps=1, rows=1, log=lambda row, **values: None)
    assert torch.equal(torch.stack(seen), one.latent.noise)


def test_a_loss_that_is_no_number_ends_training_at_once():
    class Diverging(Counter):
        def critic_step(self, index, mix, latent):
            return super().critic_step(index, mix, latent) * (float("nan") if self.generator_calls == 2 else 1)

    counter, told = Diverging(), []
    with pytest.raises(InvalidInputError, match="by step 4: training diverged"):
        train(counter, draws(), steps=8, rows=4, log=lambda row, **values: told.append(row))
    assert told == [0]
    assert counter.generator_calls == 4
