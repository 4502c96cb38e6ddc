import numpy as np
import pytest
import torch
from bench.methods._deep.evidence import draw_latent, latent_divergence, reconstruction_cost, train_variational
from bench.methods._deep.hardware import Hardware, seeded_weights
from bench.methods._deep.training import ResidentData
from bench.methods._deep.variational import as_network_input, build_variational
from torch.distributions import Normal, kl_divergence
from torch.optim import Adam

CPU = Hardware(torch.device("cpu"), "float32")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(shape, latent_dim=4):
    with seeded_weights(0):
        return build_variational(shape, latent_dim)


def test_the_image_encoder_is_the_official_one():
    # 610,256 is the number of parameters of the published encoder.
    encoder = network((1, 32, 32), 64).encoder
    assert sum(weight.numel() for weight in encoder.parameters()) == 610_256
    assert encoder.trunk[0].weight.shape == (16, 1, 3, 3)
    assert encoder.trunk[0].bias is None
    assert torch.all(encoder.mean.bias == 0.1)


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 8, 8), (3, 16, 16), (7,)])
def test_shapes(shape):
    built = network(shape)
    samples = torch.zeros(5, *shape)
    mean, log_variance = built.encoder.moments(samples)
    assert mean.shape == log_variance.shape == (5, 4)
    assert built.decoder(mean).shape == samples.shape
    built.eval()
    torch.testing.assert_close(built.encoder(samples), built.encoder.moments(samples)[0])


@pytest.mark.parametrize("shape", [(1, 8, 8), (7,)])
def test_one_sample_can_be_trained_on(shape):
    built = network(shape).train()
    mean, _ = built.encoder.moments(torch.zeros(1, *shape))
    assert torch.isfinite(built.decoder(mean)).all()


@pytest.mark.parametrize(("side", "padded"), [(28, 32), (8, 8), (32, 32), (9, 16)])
def test_images_are_scaled_and_padded_by_their_border(side, padded):
    dark = np.full((1, 1, side, side), -1, dtype=np.float32)
    dark[0, 0, side // 2, side // 2] = 1
    images = as_network_input(np.concatenate([dark, -dark]))
    assert images.shape == (2, 1, padded, padded)
    assert images.dtype == np.float32
    # One lit pixel on black and its negative: no frame of another colour around either.
    assert images[0].sum() == 1
    assert (1 - images[1]).sum() == 1


def test_28_pixels_get_two_at_each_side():
    image = np.random.default_rng(0).uniform(-1, 1, size=(1, 1, 28, 28)).astype(np.float32)
    np.testing.assert_array_equal(as_network_input(image)[:, :, 2:30, 2:30], (image + 1) / 2)


def test_odd_images_become_square_and_vectors_stay():
    assert as_network_input(np.zeros((2, 3, 7, 12), dtype=np.float32)).shape == (2, 3, 16, 16)
    vectors = np.full((2, 5), -3, dtype=np.float32)
    assert np.array_equal(as_network_input(vectors), vectors)


def test_the_second_head_is_a_log_variance_in_the_divergence_and_in_the_draw():
    mean, log_variance = torch.tensor([[0.5, -2.0]]), torch.tensor([[2 * np.log(2), 0.0]], dtype=torch.float32)
    latent = Normal(mean, torch.tensor([[2.0, 1.0]]))
    expected = kl_divergence(latent, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(latent_divergence(mean, log_variance), expected)
    draws = draw_latent(mean.expand(20_000, 2), log_variance.expand(20_000, 2), generator())
    np.testing.assert_allclose(draws.mean(0), [0.5, -2.0], atol=0.05)
    np.testing.assert_allclose(draws.std(0), [2.0, 1.0], rtol=0.03)


def test_divergence_by_hand():
    assert latent_divergence(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0
    # ½ (1² + 4 - 1 - ln 4).
    value = latent_divergence(torch.ones(1, 1), torch.full((1, 1), np.log(4.0)))
    assert value.item() == pytest.approx((4 - np.log(4)) / 2)


def test_cost_of_pixels_is_a_sum_over_them_and_a_mean_over_images():
    samples = torch.tensor([0.0, 1.0, 1.0, 1.0]).view(1, 1, 2, 2)
    logits = torch.full_like(samples, np.log(3.0))
    cost = 3 * np.log(4 / 3) + np.log(4)
    assert reconstruction_cost(logits, samples).item() == pytest.approx(cost, rel=1e-6)
    doubled = reconstruction_cost(logits.repeat(2, 1, 1, 1), samples.repeat(2, 1, 1, 1))
    assert doubled.item() == pytest.approx(cost, rel=1e-6)


def test_cost_of_vectors_is_the_normal_likelihood_at_its_best_variance():
    torch_rng = generator()
    samples, output = torch.randn(6, 5, generator=torch_rng), torch.randn(6, 5, generator=torch_rng)
    variance = (samples - output).square().mean()
    nats = -Normal(output, variance.sqrt()).log_prob(samples).sum(1).mean()
    constant = 5 / 2 * (1 + np.log(2 * np.pi))
    assert reconstruction_cost(output, samples).item() == pytest.approx(nats.item() - constant, rel=1e-5)
    # Scaling the data shifts the cost, and leaves what is left to gain as it is.
    shift = reconstruction_cost(3 * output, 3 * samples) - reconstruction_cost(output, samples)
    assert shift.item() == pytest.approx(5 * np.log(3), rel=1e-5)
    assert torch.isfinite(reconstruction_cost(samples, samples))


@pytest.mark.parametrize("kind", ["images", "vectors"])
def test_training_lowers_the_bound_and_repeats_itself(kind):
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 1, size=(3, 64)).astype(np.float32)
    samples = (centres[rng.integers(3, size=60)] > 0.5).astype(np.float32)
    samples = samples.reshape(60, 1, 8, 8) if kind == "images" else samples
    data = ResidentData(samples, np.zeros(60, dtype=np.int64), 1, CPU)

    def run():
        built, rows = network(samples.shape[1:]), []
        train_variational(
            built,
            data,
            Adam(built.parameters(), 5e-3),
            epochs=12,
            batch_size=20,
            rng=np.random.default_rng(0),
            generator=generator(),
            log=lambda epoch, **values: rows.append({"epoch": epoch, **values}),
        )
        return rows

    rows = run()
    assert [row["epoch"] for row in rows] == list(range(12))
    assert all(row["loss"] == pytest.approx(row["reconstruction"] + row["latent"], rel=1e-4) for row in rows)
    assert rows[-1]["loss"] < rows[0]["loss"] - 5
    assert rows == run()
