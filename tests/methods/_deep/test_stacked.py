import copy

import numpy as np
import pytest
import torch
from bench.methods._deep import kmeans, networks
from bench.methods._deep.decoding import decode_by_group
from bench.methods._deep.hardware import Hardware, seeded_weights
from bench.methods._deep.networks import GroupDecoder, PairedBatchNorm, build_autoencoder
from bench.methods._deep.stacked import Padding, StackedBatchNorm, StackedBranches
from bench.methods.fcmi import FCMI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

SIZES = st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any)
IN, WIDTH, OUT = 6, 9, 5


def branch():
    # With the usual eps two rows that lie close together are told apart by their rounding.
    return nn.Sequential(
        nn.Linear(IN, WIDTH), PairedBatchNorm(WIDTH, eps=1e-2), nn.ReLU(inplace=True), nn.Linear(WIDTH, OUT), nn.Tanh()
    )


def pair(n_groups, seed=0):
    """Separate branches with scales and running statistics of their own, and the same ones stacked."""
    with seeded_weights(seed):
        decoder = GroupDecoder(nn.Identity(), [branch() for _ in range(n_groups)])
        for module in decoder.modules():
            if isinstance(module, PairedBatchNorm):
                for values in (module.weight, module.running_var):
                    nn.init.uniform_(values, 0.5, 1.5)
                for values in (module.bias, module.running_mean):
                    nn.init.uniform_(values, -0.5, 0.5)
    stacked = copy.deepcopy(decoder)
    stacked.stack()
    return decoder, stacked


def rows(n, seed=0):
    return torch.randn(n, IN, generator=torch.Generator().manual_seed(seed))


def run(decoder, samples, sizes, precision="float32"):
    """Output, and gradients of the rows and of all parameters in the form of separate branches."""
    samples = samples.clone().requires_grad_()
    with Hardware.choose("cpu", precision).autocast():
        output = decoder(samples, sizes)
    # Not the sum of squares: after batch normalisation that has hardly any gradient.
    (output.float() * torch.linspace(-1, 2, output.numel()).view_as(output)).sum().backward()
    return output.detach(), samples.grad


def gradients(decoder):
    if isinstance(decoder.branches, StackedBranches):
        named = decoder.branches.named_parameters()
        return {name.removeprefix("layers."): values.grad for name, values in named}
    names = [name for name, _ in decoder.branches[0].named_parameters()]
    return {
        name: torch.stack([
            torch.zeros_like(values) if values.grad is None else values.grad
            for values in (one.get_parameter(name) for one in decoder.branches)
        ])
        for name in names
    }  # fmt: skip


def statistics(decoder):
    decoder = copy.deepcopy(decoder)
    decoder.separate()
    return dict(decoder.named_buffers())


@settings(max_examples=60)
@example(sizes=[1], train=True, seed=0)
@example(sizes=[0, 1, 0], train=True, seed=0)
@example(sizes=[0, 9, 1, 2], train=True, seed=0)
@given(sizes=SIZES, train=st.booleans(), seed=st.integers(0, 5))
def test_stacked_branches_compute_what_separate_ones_do(sizes, train, seed):
    separate, stacked = pair(len(sizes), seed)
    separate.train(train), stacked.train(train)
    for step in range(2):
        samples = rows(sum(sizes), seed + step)
        separate.zero_grad(), stacked.zero_grad()
        results = zip(run(separate, samples, sizes), run(stacked, samples, sizes), strict=True)
        for expected, result in results:
            torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradients(stacked), gradients(separate), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(statistics(stacked), statistics(separate), rtol=1e-5, atol=1e-6)


def test_in_bfloat16_the_two_forms_agree_within_its_rounding():
    sizes = [12, 0, 1, 7]
    separate, stacked = pair(4)
    samples = rows(20)
    (expected, expected_grad), (output, grad) = (run(form, samples, sizes, "bfloat16") for form in (separate, stacked))
    assert output.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(output, expected, rtol=0.02, atol=0.05)
    torch.testing.assert_close(grad, expected_grad, rtol=0.05, atol=0.1)
    torch.testing.assert_close(statistics(stacked), statistics(separate), rtol=0.01, atol=0.01)
    assert all(values.dtype == torch.float32 for values in gradients(stacked).values())


def test_an_absent_group_keeps_its_statistics_and_has_a_gradient_of_zero():
    _, stacked = pair(3)
    before = {name: values.clone() for name, values in stacked.named_buffers()}
    run(stacked, rows(4), [2, 0, 2])
    for name, values in stacked.named_buffers():
        assert torch.equal(values[1], before[name][1])
        assert not torch.equal(values[0], before[name][0])
    assert all(not values[1].any() for values in gradients(stacked).values())
    assert all(values[0].any() for values in gradients(stacked).values())


def test_adam_moves_an_absent_group_by_its_momentum():
    # The documented difference: separate branches of an absent group rest.
    for form, moves in zip(pair(2), (False, True), strict=True):
        optimiser = torch.optim.Adam(form.parameters(), 0.1)
        for sizes in ([2, 2], [4, 0]):
            before = copy.deepcopy(form)
            optimiser.zero_grad()
            run(form, rows(4), sizes)
            optimiser.step()
        before.separate(), form.separate()
        assert torch.equal(before.branches[1][0].weight, form.branches[1][0].weight) != moves
        assert not torch.equal(before.branches[0][0].weight, form.branches[0][0].weight)


def test_initial_weights_are_those_of_separate_branches():
    states = []
    for stacked in (False, True):
        with seeded_weights(7):
            network = build_autoencoder((13,), 3, 4, unit_norm=True, stacked=stacked)
        assert isinstance(network.decoder.branches, StackedBranches) == stacked
        assert len(network.decoder.branches) == 4
        network.decoder.separate()
        states.append(network.state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_stacked_and_separated_again_is_the_same_decoder():
    separate, stacked = pair(3)
    stacked.eval()
    stacked.separate()
    assert not any(module.training for module in stacked.branches.modules() if module is not stacked.branches)
    assert isinstance(stacked.branches[0][1], PairedBatchNorm)
    assert stacked.branches[0][1].eps == 1e-2
    assert stacked.branches[0][1].num_batches_tracked.dtype == torch.int64
    values, expected = stacked.state_dict(), separate.state_dict()
    assert all(torch.equal(values[name], expected[name]) for name in expected)
    stacked.branches[0][0].weight.data.zero_()
    assert stacked.branches[1][0].weight.any()


def test_branches_for_images_stay_separate():
    assert isinstance(build_autoencoder((1, 8, 8), 3, 2, stacked=True).decoder.branches, nn.ModuleList)
    with pytest.raises(TypeError, match="ConvTranspose2d is not stacked"):
        build_autoencoder((1, 8, 8), 3, 2).decoder.stack()


def test_cumulative_statistics_are_refused():
    with pytest.raises(TypeError, match="not cumulative ones"):
        StackedBatchNorm([nn.BatchNorm1d(3, momentum=None)])


def test_samples_are_decoded_by_group_from_either_form():
    samples = np.random.default_rng(0).uniform(-1, 1, size=(9, 13)).astype(np.float32)
    groups = np.array([2, 0, 2, 0, 0, 2, 2, 0, 0])
    with seeded_weights(0):
        network = build_autoencoder((13,), 3, 3, stacked=True)
    stacked = decode_by_group(network, samples, groups, 3)
    network.decoder.separate()
    np.testing.assert_allclose(stacked, decode_by_group(network, samples, groups, 3), atol=1e-6)


def test_padding_by_hand():
    padding = Padding.of([2, 0, 1], torch.device("cpu"))
    # Eight places a group, for tensor cores.
    assert padding.slots.tolist() == [0, 1, 16]
    block = padding.pad(torch.tensor([[1.0], [2.0], [3.0]]))
    assert block.shape == (3, 8, 1)
    assert block[..., 0].sum(1).tolist() == [3, 0, 3]
    assert padding.share[..., 0].sum(1).tolist() == [1, 0, 1]
    assert padding.share[0, :3, 0].tolist() == [0.5, 0.5, 0]


@given(SIZES)
def test_rows_come_back_from_their_places(sizes):
    padding, values = Padding.of(sizes, torch.device("cpu")), rows(sum(sizes))
    assert torch.equal(padding.rows(padding.pad(values)), values)


class NoReading(TorchDispatchMode):
    """Fails where the host reads a value, for which it would wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in {torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero}
        return func(*args, **(kwargs or {}))


def test_the_host_reads_nothing_back_in_a_step():
    _, stacked = pair(3)
    with NoReading():
        run(stacked, rows(5), [2, 0, 3])
    with NoReading(), pytest.raises(AssertionError):
        torch.ones(()).item()


def test_fcmi_as_on_a_gpu_ends_in_the_form_and_close_to_the_figures_of_the_cpu(monkeypatch):
    rng = np.random.default_rng(0)
    y, groups = rng.integers(3, size=90), rng.integers(3, size=90)
    X = (rng.normal(size=(3, 6))[y] + 0.1 * rng.normal(size=(90, 6))).clip(-2, 2).astype(np.float32) / 2
    # Small steps: at the usual rate even another order of the rows within a group shows in the loss after a few.
    method = FCMI(
        3,
        epochs=4,
        warmup_epochs=1,
        batch_size=45,
        learning_rate=1e-5,
        device="cpu",
        precision="float32",
        random_state=0,
    )
    usual = copy.copy(method).fit(X, sensitive_features=groups)
    forms = []
    build = networks.build_autoencoder
    monkeypatch.setattr(
        networks,
        "build_autoencoder",
        lambda *args, **options: forms.append(build(*args, **{**options, "stacked": True})) or forms[-1],
    )
    monkeypatch.setattr(kmeans, "unit_centres", kmeans.resident_centres)
    method.fit(X, sensitive_features=groups)
    assert len(forms) == 1
    for row, expected in zip(method.history_, usual.history_, strict=True):
        assert row == pytest.approx(expected, rel=1e-3, abs=1e-5)
    # The same clusters, perhaps numbered differently.
    assert len(set(zip(method.labels_.tolist(), usual.labels_.tolist(), strict=True))) == 3
    assert isinstance(method.network_.decoder.branches, nn.ModuleList)
    assert method.network_.state_dict().keys() == usual.network_.state_dict().keys()
    ours, theirs = (fitted.reconstruct(X, sensitive_features=groups) for fitted in (method, usual))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_a_step_is_that_of_the_cpu_and_waits_for_nothing():
    sizes = [4, 0, 1, 7]
    _, stacked = pair(4)
    there, samples = copy.deepcopy(stacked).cuda(), rows(12).cuda()
    expected, _ = run(stacked, rows(12), sizes)
    torch.cuda.set_sync_debug_mode("error")
    try:
        output = there(samples, sizes)
        output.square().sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(output.detach().cpu(), expected, rtol=1e-4, atol=1e-5)
