import numpy as np
import pytest
import torch
from bench.methods._deep.autoencoder import reconstruction_error
from bench.methods._deep.decoding import decode_by_group
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.networks import build_autoencoder
from bench.methods._deep.training import ResidentData, train_pass
from hypothesis import given
from hypothesis import strategies as st

CPU = Hardware.choose("cpu", "float32")


def resident(groups, n_groups, samples=None):
    groups = np.asarray(groups)
    samples = np.arange(len(groups), dtype=np.float32)[:, None] if samples is None else samples
    return ResidentData(samples, groups, n_groups, CPU)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 99))
def test_batches_are_full_distinct_and_sorted_by_group(groups, batch_size, seed):
    data = resident(groups, 4)
    batches = data.batches(batch_size, np.random.default_rng(seed))
    size = min(batch_size, len(groups))
    assert len(batches) == len(groups) // size
    seen = torch.cat([batch.index for batch in batches]).tolist()
    assert len(set(seen)) == len(seen) == len(batches) * size
    for batch in batches:
        by_group = np.asarray(groups)[batch.index.numpy()]
        assert by_group.tolist() == sorted(by_group)
        assert batch.sizes == np.bincount(by_group, minlength=4).tolist()


def test_the_last_partial_batch_is_dropped():
    assert len(resident([0] * 25, 1).batches(10, np.random.default_rng(0))) == 2


def test_fewer_samples_than_a_batch_make_one_batch_of_all():
    (batch,) = resident([0, 1, 0], 2).batches(512, np.random.default_rng(0))
    assert sorted(batch.index.tolist()) == [0, 1, 2]
    assert batch.sizes == [2, 1]


def test_epochs_differ_in_order():
    data, rng = resident([0] * 50, 1), np.random.default_rng(0)
    first, second = (torch.cat([b.index for b in data.batches(10, rng)]).tolist() for _ in range(2))
    assert first != second


def test_membership_marks_the_group():
    assert resident([1, 0, 2], 3).membership.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_read_only_and_strided_samples_are_taken_without_a_warning():
    samples = np.ones((8, 6), dtype=np.float32)[::2, ::2]
    samples.flags.writeable = False
    assert resident([0] * 4, 1, samples).samples.shape == (4, 3)


def test_embed_keeps_the_order_over_chunks_and_uses_running_statistics():
    samples = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    network = build_autoencoder((3,), 2)
    network.train()
    embedding = resident([0] * 600, 1, samples).embed(network.encoder)
    assert not network.encoder.training
    assert not embedding.requires_grad
    torch.testing.assert_close(embedding[550:551], network.encoder(torch.from_numpy(samples[550:551])).detach())


def test_train_pass_steps_once_a_batch_and_averages_the_terms():
    data = resident([0] * 4, 1)
    weight = torch.nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    batches = data.batches(2, np.random.default_rng(0))
    sums = [data.samples[batch.index].sum().item() for batch in batches]

    def terms_of(batch):
        total = data.samples[batch.index].sum()
        return {"loss": weight * total, "total": total}

    means = train_pass(batches, optimiser, terms_of)
    assert weight.item() == pytest.approx(-sum(sums))
    assert means["total"] == pytest.approx(np.mean(sums))
    # The weight is 0 at the first step and -sums[0] at the second.
    assert means["loss"] == pytest.approx(-sums[0] * sums[1] / 2)


def test_reconstruction_error_as_coded_and_as_printed():
    samples, output = torch.zeros(2, 4), torch.tensor([[1.0, 1, 1, 1], [2, 0, 0, 0]])
    assert reconstruction_error(output, samples).item() == pytest.approx(1.0)
    assert reconstruction_error(output, samples, squared_norm=True).item() == pytest.approx(4.0)


def test_decoding_follows_the_order_of_the_samples():
    samples = np.random.default_rng(0).uniform(-1, 1, size=(5, 6)).astype(np.float32)
    network = build_autoencoder((6,), 2, 2).eval()
    groups = np.array([1, 0, 1, 0, 0])
    decoded = decode_by_group(network, samples, groups, 2)
    for row, group in enumerate(groups):
        sizes = [1, 0] if group == 0 else [0, 1]
        _, expected = network(torch.from_numpy(samples[row : row + 1]), sizes)
        np.testing.assert_allclose(decoded[row], expected.detach().numpy()[0], atol=1e-6)
