import math

import numpy as np
import pytest
import torch
from bench.methods._deep.discriminative import DiscriminativeLoss, discriminative_network, mutual_information_terms
from bench.methods._deep.hardware import Hardware, seeded_weights
from bench.methods._deep.training import ResidentData
from torch import nn

from bench.errors import UnsupportedInputError

LN2 = math.log(2)
PLAIN = {"alpha": 0.0, "beta": 1.0, "gamma": 0.0, "balance_weight": 1.0, "xi": 1.0}


def terms_on(samples, *, network=None, radius=0.0, fair=None, seed=0, **weights):
    """Terms on one batch of all `samples`; the network is the identity unless given."""
    samples = np.asarray(samples, dtype=np.float32)
    data = ResidentData(samples, np.zeros(len(samples), dtype=np.int64), 1, Hardware.choose("cpu", "float32"))
    (batch,) = data.batches(len(samples), np.random.default_rng(0))
    loss = DiscriminativeLoss(**{**PLAIN, **weights})
    fair = None if fair is None else torch.as_tensor(fair)
    generator = torch.Generator().manual_seed(seed)
    network = nn.Identity() if network is None else network.train()
    return loss.terms(network, data, batch, torch.full((len(samples),), radius), generator, fair)


def test_information_of_two_certain_samples_is_ln_2():
    certainty, balance = mutual_information_terms(torch.tensor([[50.0, 0.0], [0.0, 50.0]]))
    assert certainty.item() == pytest.approx(0, abs=1e-6)
    assert balance.item() == pytest.approx(LN2)


def test_information_of_two_uncertain_samples_by_hand():
    # Predictions (3/4, 1/4) and (1/4, 3/4): their mean is even.
    certainty, balance = mutual_information_terms(torch.log(torch.tensor([[0.75, 0.25], [0.25, 0.75]])))
    assert certainty.item() == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4), abs=1e-6)
    assert balance.item() == pytest.approx(LN2)


def test_a_single_cluster_has_no_balance():
    certainty, balance = mutual_information_terms(torch.tensor([[50.0, 0.0], [60.0, 0.0]]))
    assert certainty.item() == pytest.approx(0, abs=1e-6)
    assert balance.item() == pytest.approx(0, abs=1e-6)


def test_the_loss_rewards_certain_balanced_and_fair_predictions():
    logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    terms = terms_on(logits, fair=[0, 1, 0], beta=3.0, balance_weight=4.0)
    certainty, balance = terms["h_c_given_x"].item(), terms["h_c"].item()
    # Signs: the cross-entropy is positive, and -H(Y) makes the loss smaller.
    assert terms["fairness"].item() == pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.5)) / 3, rel=1e-5)
    assert terms["loss"].item() == pytest.approx(certainty - 4 * balance + 3 * terms["fairness"].item(), rel=1e-5)


def test_a_step_on_the_fair_loss_moves_predictions_to_the_fair_labels():
    network = nn.Linear(2, 2)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    samples = np.eye(2)
    terms_on(samples, network=network, fair=[1, 0])["loss"].backward()
    with torch.no_grad():
        after = torch.eye(2) @ (network.weight - network.weight.grad).T + network.bias - network.bias.grad
    assert after.argmax(1).tolist() == [1, 0]


def test_without_fair_labels_there_is_no_fair_term():
    terms = terms_on(np.eye(2), beta=100.0)
    assert set(terms) == {"loss", "h_c_given_x", "h_c", "augmentation"}
    assert terms["loss"].item() == pytest.approx((terms["h_c_given_x"] - terms["h_c"]).item())


def test_perturbation_and_decay_are_weighted():
    network = nn.Linear(2, 2, bias=False)
    nn.init.constant_(network.weight, 0.5)
    with torch.no_grad():
        network.weight[0, 0] = 1.5
    plain, weighted = (
        terms_on(np.eye(2), network=network, radius=0.3, **w) for w in ({}, {"gamma": 5.0, "alpha": 2.0})
    )
    assert plain["augmentation"].item() > 0
    assert plain["augmentation"].item() == weighted["augmentation"].item()
    expected = plain["loss"].item() + 5 * plain["augmentation"].item() + 2 * (1.5**2 + 3 * 0.5**2)
    assert weighted["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_running_statistics_are_those_of_the_samples_not_of_their_perturbations():
    networks = []
    for radius in (0.0, 50.0):
        with seeded_weights(0):
            networks.append(discriminative_network((3,), 2))
        terms_on(np.random.default_rng(0).normal(size=(20, 3)), network=networks[-1], radius=radius, gamma=1.0)
    torch.testing.assert_close(networks[0][1].running_mean, networks[1][1].running_mean)
    assert networks[0][1].num_batches_tracked.item() == 1


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 28, 28), (2, 4, 7)])
def test_shapes_and_nearly_even_predictions_at_the_start(shape):
    with seeded_weights(0):
        network = discriminative_network(shape, 6, channels=4)
    logits = network(torch.randn(9, *shape, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (9, 6)
    assert logits.abs().max().item() < 0.1
    assert bool((logits != 0).any())


def test_channels_are_those_of_the_first_convolution():
    kernels = [
        layer.weight.shape[:2]
        for layer in discriminative_network((1, 8, 8), 2, channels=5)
        if hasattr(layer, "stride") and hasattr(layer, "weight")
    ]
    assert [tuple(kernel) for kernel in kernels] == [(5, 1), (10, 5)]


@pytest.mark.parametrize("shape", [(4,), (1, 4, 4)])
def test_a_single_sample_can_be_trained_on(shape):
    network = discriminative_network(shape, 2, channels=2).train()
    logits = network(torch.ones(1, *shape))
    assert logits.shape == (1, 2)
    assert torch.isfinite(logits).all()


def test_images_that_two_poolings_would_use_up_are_refused():
    with pytest.raises(UnsupportedInputError, match="3x8"):
        discriminative_network((1, 3, 8), 2)
