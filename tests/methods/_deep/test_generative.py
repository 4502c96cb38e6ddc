import math

import numpy as np
import pytest
import torch
from bench.methods._deep.generative import Latent, build_networks, draw_latents, encoder_errors, latent_code
from scipy.stats import chisquare, kstest
from torch import nn

from bench.errors import UnsupportedInputError


def draw(shape=(50, 40), latent_dim=3, n_clusters=4, seed=0):
    return draw_latents(shape, latent_dim, n_clusters, torch.Generator().manual_seed(seed))


def networks(shape, latent_size=7, channels=4, bounded=True):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_networks(shape, latent_size, channels=channels, bounded=bounded)


def test_the_continuous_part_is_gaussian_of_scale_a_tenth():
    noise = draw().noise
    assert noise.shape == (50, 40, 3)
    assert kstest(noise.flatten().numpy(), "norm", args=(0, 0.1)).pvalue > 0.01
    covariance = np.cov(noise.flatten(0, 1).T.numpy())
    np.testing.assert_allclose(covariance, 0.01 * np.eye(3), atol=1e-3)


def test_the_discrete_part_is_one_hot_and_uniform():
    cluster = draw().cluster
    assert cluster.shape == (50, 40, 4)
    assert set(cluster.unique().tolist()) == {0.0, 1.0}
    assert (cluster.sum(-1) == 1).all()
    assert chisquare(cluster.flatten(0, 1).sum(0).numpy()).pvalue > 0.01


def test_the_parts_are_independent():
    latent = draw(shape=(4000,))
    correlation = np.corrcoef(latent.noise.T.numpy(), latent.cluster.T.numpy())[:3, 3:]
    assert np.abs(correlation).max() < 4 / math.sqrt(4000)


def test_the_generator_decides_the_draw():
    first, again, other = draw(seed=1), draw(seed=1), draw(seed=2)
    assert torch.equal(first.joined(), again.joined())
    assert not torch.equal(first.noise, other.noise)
    assert not torch.equal(first.cluster, other.cluster)


def test_a_latent_is_indexed_and_joined_noise_first():
    latent = Latent(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert latent.joined().tolist() == [[1, 2, 0, 1], [3, 4, 1, 0]]
    assert latent[1].joined().tolist() == [3, 4, 1, 0]


def test_encoder_errors_by_hand():
    # Squared errors 0, 0.04, 0.01, 0.01; softmax (3/4, 1/4) and (1/2, 1/2).
    outputs = torch.tensor([[0.1, 0.3, math.log(3), 0.0], [0.0, 0.1, 2.0, 2.0]])
    latent = Latent(torch.tensor([[0.1, 0.1], [0.1, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    noise_error, cluster_error = encoder_errors(outputs, latent)
    assert noise_error.item() == pytest.approx(0.06 / 4)
    assert cluster_error.item() == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_encoder_errors_vanish_at_the_target():
    latent = draw(shape=(6,))
    noise_error, cluster_error = encoder_errors(torch.cat([latent.noise, 100 * latent.cluster], 1), latent)
    assert noise_error.item() == 0
    assert cluster_error.item() == pytest.approx(0, abs=1e-6)


def test_code_by_hand():
    code = latent_code(torch.tensor([[5.0, -7.0, math.log(3), 0.0]]), 2)
    assert code[0].tolist() == pytest.approx([5, -7, 0.75, 0.25])


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 12, 12), (1, 4, 4), (1,), (5,)])
def test_networks_fit_together_at_any_size(shape):
    made = networks(shape)
    fake = made.generator(torch.randn(6, 7))
    assert fake.shape == (6, *shape)
    assert made.encoder(fake).shape == (6, 7)
    assert made.critic(fake).shape == (6, 1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (5,)])
def test_only_a_bounded_generator_stays_in_the_unit_interval(shape):
    far = 1000 * torch.randn(50, 7)
    inside, free = (networks(shape, bounded=bounded).generator[-1] for bounded in (True, False))
    assert isinstance(inside, nn.Sigmoid)
    assert not isinstance(free, nn.Sigmoid)
    fake = networks(shape).generator(far)
    assert ((fake >= 0) & (fake <= 1)).all()


def test_sizes_are_those_of_the_official_code():
    def layers(network):
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
        return [tuple(module.weight.shape) for module in network.modules() if isinstance(module, kinds)]

    images = networks((1, 28, 28), 40, channels=64)
    assert layers(images.generator) == [(1024, 40), (6272, 1024), (128, 64, 4, 4), (64, 1, 4, 4)]
    reader = [(64, 1, 4, 4), (128, 64, 4, 4), (1024, 6272)]
    assert layers(images.encoder) == [*reader, (40, 1024)]
    assert layers(images.critic) == [*reader, (1, 1024)]
    vectors = networks((720,), 38, channels=64)
    assert layers(vectors.generator) == [(256, 38), (256, 256), (720, 256)]
    assert layers(vectors.encoder) == [(256, 720), (256, 256), (38, 256)]
    assert layers(vectors.critic) == [(256, 720), (256, 256), (1, 256)]


def test_initial_weights_are_small_and_biases_zero():
    made = networks((1, 28, 28), 40, channels=32)
    for network in (made.generator, made.encoder, made.critic):
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                assert (value == 0).all()
    weights = [module.weight for module in made.critic.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for weight in weights[:-1]:
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    # The last layer of the readers: uniform within ±sqrt(6 / (fan-in + fan-out)).
    assert weights[-1].abs().max().item() == pytest.approx(math.sqrt(6 / 513), rel=0.05)


@pytest.mark.parametrize("shape", [(1, 8, 8), (5,)])
def test_encoder_and_critic_read_a_sample_the_same_in_any_batch(shape):
    made = networks(shape)
    batch = torch.rand(6, *shape)
    for reader in (made.encoder, made.critic):
        torch.testing.assert_close(reader(batch)[:2], reader(batch[:2]))


def test_the_generator_always_normalises_by_its_batch_and_learns_no_scale():
    generator = networks((1, 8, 8)).generator
    latent = torch.randn(5, 7)
    torch.testing.assert_close(generator.train()(latent), generator.eval()(latent))
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 3
    assert all(norm.bias.requires_grad and not norm.weight.requires_grad for norm in norms)


def test_images_of_odd_shape_are_refused():
    with pytest.raises(UnsupportedInputError, match="square"):
        networks((1, 8, 7))
