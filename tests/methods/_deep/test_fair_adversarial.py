import copy
from itertools import islice

import numpy as np
import pytest
import torch
from bench.methods._deep.adversary import GroupCritic
from bench.methods._deep.evidence import draw_latent
from bench.methods._deep.fair_adversarial import (
    JointSettings,
    JointTraining,
    balanced_batches,
    rate_decay,
    structure_loss,
)
from bench.methods._deep.hardware import Hardware, seeded_weights
from bench.methods._deep.self_training import StudentClusters
from bench.methods._deep.training import Batch, ResidentData
from bench.methods._deep.variational import build_variational

N = 30


def toy_data():
    samples = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
    groups = (np.arange(N) % 3 == 0).astype(np.int64)
    return ResidentData(samples, groups, 2, Hardware(torch.device("cpu"), "float32"))


def joint(divergence="kl", fairness=1.0, structure=1.0, iterations=20, batch_size=8, rate=1e-3):
    data = toy_data()
    with seeded_weights(0):
        encoder = build_variational((5,), 3).encoder
        model = StudentClusters(encoder, torch.randn(4, 3))
        critic = GroupCritic(4, torch.Generator().manual_seed(0))
        golden = torch.randn(N, 4).softmax(1)
    settings = JointSettings(divergence, fairness, structure, iterations, batch_size, rate, 5e-4)
    return JointTraining(model, critic, golden, data, settings, torch.Generator().manual_seed(0))


def batch_of(training, size):
    return next(balanced_batches(training.data, size, np.random.default_rng(0)))


def test_batches_by_hand_hold_equally_many_of_both_groups():
    # Group 0 has samples 1, 2, 4; group 1 has 0 and 3.
    data = ResidentData(np.zeros((5, 1), dtype=np.float32), np.array([1, 0, 0, 1, 0]), 2, toy_data().hardware)
    batches = list(islice(balanced_batches(data, 2, np.random.default_rng(0)), 6))
    assert all(batch.sizes == [2, 2] for batch in batches)
    first = np.concatenate([batch.index[:2].numpy() for batch in batches])
    second = np.concatenate([batch.index[2:].numpy() for batch in batches])
    # Twelve places are four rounds of three and six rounds of two: nobody is left out of a round.
    assert all(sorted(chunk) == [1, 2, 4] for chunk in first.reshape(4, 3).tolist())
    assert all(sorted(chunk) == [0, 3] for chunk in second.reshape(6, 2).tolist())
    assert len({tuple(chunk) for chunk in first.reshape(4, 3).tolist()}) > 1


def test_a_group_smaller_than_the_batch_is_repeated():
    data = ResidentData(np.zeros((4, 1), dtype=np.float32), np.array([0, 0, 0, 1]), 2, toy_data().hardware)
    batch = next(balanced_batches(data, 3, np.random.default_rng(0)))
    assert sorted(batch.index[:3].tolist()) == [0, 1, 2]
    assert batch.index[3:].tolist() == [3, 3, 3]


def test_structure_loss_by_hand():
    together, apart = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # The two samples share a cluster here and not there: two entries of the 2 x 2 matrices differ by 1.
    assert structure_loss(together, apart).item() == 2
    assert structure_loss(together, together[:, [1, 0]]).item() == 0
    assert structure_loss(torch.full((2, 2), 0.5), apart).item() == pytest.approx(4 * 0.25)


def soft_assignment(training, batch):
    encoder = training.encoder
    mean, log_variance = encoder.moments(training.data.samples[batch.index])
    latent = draw_latent(mean, log_variance, torch.Generator().manual_seed(0))
    kernel = 1 / (1 + torch.cdist(latent, training.model.centres) ** 2)
    return (kernel / kernel.sum(1, keepdim=True)).detach().numpy()


def test_terms_are_the_official_losses_scaled_to_512_samples_a_group():
    training = joint(fairness=0.5, structure=2.0)
    training.critic.eval()
    batch = batch_of(training, 8)
    soft = soft_assignment(training, batch)
    golden = training.golden[batch.index].numpy()
    clustering = structure = 0.0
    for half in (slice(0, 8), slice(8, 16)):
        p, g = soft[half], golden[half]
        q = p**2 / p.sum(0)
        q /= q.sum(1, keepdims=True)
        clustering += 0.5 * (q * np.log(q / p)).sum() * 512 / 8
        structure += 0.5 * ((p @ p.T - g @ g.T) ** 2).sum() * (512 / 8) ** 2
    logit = training.critic(torch.from_numpy(soft)).detach().numpy()
    guess = 1 / (1 + np.exp(-logit))
    first = np.repeat([1.0, 0.0], 8)
    fairness = -(first * np.log(guess) + (1 - first) * np.log(1 - guess)).mean()
    terms = {name: value.item() for name, value in training.terms(batch).items()}
    expected = {"clustering": clustering, "structure": structure, "fairness": fairness}
    for name, value in expected.items():
        assert terms[name] == pytest.approx(value, rel=1e-3), name
    assert terms["loss"] == pytest.approx(clustering + 2 * structure + 0.5 * fairness, rel=1e-3)


def test_repeating_a_batch_leaves_clustering_and_structure_as_they_are():
    values = []
    for repeats in (1, 3):
        training = joint(batch_size=4 * repeats)
        # Draws would differ between the copies.
        training.encoder.log_variance.weight.data.zero_()
        training.encoder.log_variance.bias.data.fill_(-80)
        batch = batch_of(training, 4)
        index = torch.cat([batch.index[:4].repeat(repeats), batch.index[4:].repeat(repeats)])
        terms = training.terms(Batch(index, [4 * repeats] * 2))
        values.append((terms["clustering"].item(), terms["structure"].item()))
    np.testing.assert_allclose(values[0], values[1], rtol=1e-3)


def test_encoder_gets_the_reversed_gradient_of_the_critic_and_the_critic_its_own():
    training = joint()
    training.critic.eval()
    batch = batch_of(training, 8)
    gradients = []
    for reversal in (0.0, 0.25, 1.0):
        training.reversal = reversal
        training.generator.manual_seed(0)
        training.model.zero_grad()
        training.critic.zero_grad()
        training.terms(batch)["fairness"].backward()
        gradients.append((training.model.centres.grad.clone(), training.critic.layers[0].weight.grad.clone()))
    (none, critic), (quarter, same), (whole, same_again) = gradients
    assert none.abs().max() == 0
    torch.testing.assert_close(4 * quarter, whole)
    assert whole.abs().max() > 0
    torch.testing.assert_close(critic, same)
    torch.testing.assert_close(critic, same_again)
    # Against the plain gradient: the sign is turned.
    training.generator.manual_seed(0)
    training.model.zero_grad()
    training.reversal = -1.0
    training.terms(batch)["fairness"].backward()
    torch.testing.assert_close(training.model.centres.grad, -whole)


@pytest.mark.parametrize("divergence", ["kl", "js", "cs"])
def test_training_brings_structure_close_to_the_golden_one(divergence):
    training = joint(divergence, iterations=60, rate=1e-2)
    rows = []
    training.run(np.random.default_rng(0), 20, lambda iteration, **values: rows.append(values))
    assert rows[-1]["structure"] < rows[0]["structure"]


def test_ramp_and_learning_rates_count_steps(monkeypatch):
    training, rows, rates = joint(iterations=10, rate=1e-3), [], []
    step = torch.optim.Adam.step

    def spy(optimiser, *args, **kwargs):
        # A call of the critic for its own sake, as for logging, must not count.
        training.critic(torch.zeros(2, 4))
        rates.append([group["lr"] for group in optimiser.param_groups])
        return step(optimiser, *args, **kwargs)

    monkeypatch.setattr("bench.methods._deep.fair_adversarial.Adam.step", spy)
    training.run(np.random.default_rng(0), 4, lambda iteration, **values: rows.append({"at": iteration, **values}))
    assert [row["at"] for row in rows] == [4, 8, 10]
    expected = [2 / (1 + np.exp(-done)) - 1 for done in (3, 7, 9)]
    np.testing.assert_allclose([row["reversal"] for row in rows], expected)
    decay = np.array([(1 + step) ** -0.75 for step in range(10)])
    np.testing.assert_allclose(rates, np.outer(decay, [1e-3, 1e-2]))
    assert rate_decay(1) == pytest.approx(11**-0.75)


def test_golden_assignments_are_constants():
    training = joint(iterations=5)
    before = copy.deepcopy(training.golden)
    centres = training.model.centres.detach().clone()
    training.run(np.random.default_rng(0), 5, lambda iteration, **values: None)
    assert torch.equal(training.golden, before)
    assert not torch.equal(training.model.centres, centres)
