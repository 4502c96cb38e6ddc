import pytest
import torch
from bench.methods._deep import networks
from bench.methods._deep.hardware import seeded_weights
from bench.methods._deep.networks import (
    AutoEncoder,
    GroupDecoder,
    PairedBatchNorm,
    PixelsToRow,
    RowToPixels,
    build_autoencoder,
    plain_autoencoder,
)

from bench.errors import UnsupportedInputError


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_sizes_of_the_convolutional_network():
    network = build_autoencoder((1, 28, 28), 10, 2, unit_norm=True)
    assert size(network.encoder) == 222_202
    assert size(network.decoder.shared) == 204_304
    assert [size(branch) for branch in network.decoder.branches] == [18_657, 18_657]


def test_sizes_of_the_fully_connected_network():
    # HAR: 561 features, 6 clusters.
    network = build_autoencoder((561,), 6, 1, unit_norm=True)
    assert size(network.encoder) == 2_287_878
    assert size(network.decoder.branches[0]) == 2_154_033


def test_plain_network_is_symmetric_and_starts_without_biases():
    network = plain_autoencoder(64, 10)
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    widths = [layer.in_features for layer in layers] + [layers[-1].out_features]
    assert widths == [64, 500, 500, 2000, 10, 2000, 500, 500, 64]
    for layer in layers:
        assert not layer.bias.any()
        assert layer.weight.abs().max() <= layer.in_features**-0.5


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 16, 16), (2, 4, 4), (17,)])
def test_embedding_has_unit_length_and_output_the_shape_and_range_of_the_input(shape):
    network = build_autoencoder(shape, 5, 2, unit_norm=True)
    hidden, output = network(noise(6, *shape), [4, 2])
    assert hidden.shape == (6, 5)
    torch.testing.assert_close(hidden.norm(dim=1), torch.ones(6))
    assert output.shape == (6, *shape)
    assert output.abs().max() <= 1


@pytest.mark.parametrize("shape", [(1, 28, 24), (1, 30, 30)])
def test_other_image_sizes_are_refused(shape):
    with pytest.raises(UnsupportedInputError, match=f"{shape[1]}x{shape[2]}.*divisible by 4"):
        build_autoencoder(shape, 5)


def test_every_row_is_decoded_by_the_branch_of_its_group():
    decoder = GroupDecoder(torch.nn.Identity(), [torch.nn.Linear(1, 1) for _ in range(3)])
    for value, branch in enumerate(decoder.branches):
        torch.nn.init.zeros_(branch.weight)
        torch.nn.init.constant_(branch.bias, value)
    assert decoder(torch.zeros(5, 1), [2, 0, 3]).flatten().tolist() == [0, 0, 2, 2, 2]


def test_a_group_of_one_sample_trains_through_batch_normalisation():
    network = build_autoencoder((7,), 3, 3, unit_norm=True).train()
    _, output = network(noise(6, 7), [5, 1, 0])
    output.square().mean().backward()
    assert output.shape == (6, 7)
    # Group 1 learned something, the absent group 2 nothing.
    assert network.decoder.branches[1][-2].bias.grad.abs().sum() > 0
    assert network.decoder.branches[2][-2].bias.grad is None


def test_a_single_row_is_normalised_as_if_it_were_there_twice():
    row = noise(1, 4)
    paired, plain = PairedBatchNorm(4), torch.nn.BatchNorm1d(4)
    torch.testing.assert_close(paired(row), plain(row.repeat(2, 1))[:1])
    torch.testing.assert_close(paired.running_mean, plain.running_mean)
    torch.testing.assert_close(paired.eval()(row), plain.eval()(row))


def test_pixels_to_row_and_back():
    maps = noise(3, 4, 2, 2)
    assert torch.equal(RowToPixels(4, 2)(PixelsToRow()(maps)), maps)


def test_pixels_to_row_copies_nothing_in_channels_last_memory():
    maps = noise(3, 4, 2, 2).contiguous(memory_format=torch.channels_last)
    assert PixelsToRow()(maps).data_ptr() == maps.data_ptr()


def test_convolutions_lie_in_channels_last_memory():
    network = build_autoencoder((3, 8, 8), 4, 1)
    weights = [parameter for parameter in network.parameters() if parameter.ndim == 4]
    assert len(weights) == 8
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_weights_depend_on_the_seed_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()

    def weights(seed):
        with seeded_weights(seed):
            return torch.cat([p.detach().flatten() for p in build_autoencoder((1, 8, 8), 4).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_global_generator_is_restored_when_building_fails():
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="invalid shape"), seeded_weights(0):
        torch.rand(1).uniform_(0, 1).view(-5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_autoencoder_returns_embedding_and_reconstruction():
    network = AutoEncoder(torch.nn.Linear(4, 2), GroupDecoder(torch.nn.Identity(), [torch.nn.Linear(2, 4)]))
    samples = noise(3, 4)
    hidden, output = network(samples, [3])
    assert torch.equal(hidden, network.encoder(samples))
    assert torch.equal(output, network.decoder.branches[0](hidden))


@pytest.mark.parametrize("autocast", [False, True])
def test_a_batch_in_pieces_gives_what_the_whole_gives(monkeypatch, autocast):
    network = build_autoencoder((1, 8, 8), 3, 2)
    samples = noise(41, 1, 8, 8)

    def values_and_gradients(piece):
        monkeypatch.setattr(networks, "PIECE", piece)
        monkeypatch.setattr(networks, "PIECE_BFLOAT16", piece)
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            hidden, output = network(samples, [30, 11])
        (hidden.float().square().sum() + output.float().square().sum()).backward()
        return [hidden, output, *(parameter.grad for parameter in network.parameters())]

    whole, pieces = values_and_gradients(1000), values_and_gradients(7)
    # Sums in another order.
    tolerance = {"rtol": 0.1, "atol": 0.05} if autocast else {"rtol": 1e-4, "atol": 1e-4}
    for left, right in zip(whole, pieces, strict=True):
        torch.testing.assert_close(left, right, **tolerance)
