import math

import numpy as np
import pytest
import torch
from bench.methods._deep.pairs import MovingThresholds, pair_loss, select_pairs, similarity
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from torch.nn import Parameter

# Samples 0 and 1 are surely alike, 2 is surely neither, 3 is undecided about all.
FOUR = torch.tensor(
    [
        [1.00, 0.97, 0.10, 0.70],
        [0.97, 1.00, 0.40, 0.95],
        [0.10, 0.40, 1.00, 0.455],
        [0.70, 0.95, 0.455, 1.00],
    ]
)
USUAL = MovingThresholds(upper=0.95, lower=0.455, eta=0.009)


def rows(seed, n, k):
    features = np.random.default_rng(seed).random((n, k)) + 1e-3
    return torch.from_numpy(features / np.linalg.norm(features, axis=1, keepdims=True))


def test_selection_on_four_samples_by_hand():
    pairs = select_pairs(FOUR, 0.95, 0.455)
    assert pairs.same.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert pairs.different.int().tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_loss_on_four_samples_by_hand():
    # Twice each: pair 0-1 as same, pairs 0-2 and 1-2 as different; the diagonal costs nothing; 16 pairs in all.
    by_hand = 2 * (-math.log(0.97) - math.log(1 - 0.10) - math.log(1 - 0.40)) / 16
    assert pair_loss(FOUR, select_pairs(FOUR, 0.95, 0.455)).item() == pytest.approx(by_hand, rel=1e-6)


def test_thresholds_that_met_leave_no_pair_out():
    pairs = select_pairs(FOUR, 0.5, 0.5)
    assert (pairs.same ^ pairs.different).all()


def test_gradient_on_four_samples_by_hand():
    similarities = Parameter(FOUR.clone())
    pair_loss(similarities, select_pairs(similarities.detach(), 0.95, 0.455)).backward()
    # -1 / s where same, 1 / (1 - s) where different, 0 for the pairs left out.
    expected = torch.zeros(4, 4)
    expected[0, 1] = expected[1, 0] = -1 / 0.97
    expected[range(4), range(4)] = -1.0
    expected[0, 2] = expected[2, 0] = 1 / 0.9
    expected[1, 2] = expected[2, 1] = 1 / 0.6
    torch.testing.assert_close(similarities.grad, expected / 16)


def test_a_selection_from_other_similarities_is_learnt():
    # The samples say that 0 and 1 are alike; their copies are not yet.
    pairs = select_pairs(torch.tensor([[1.0, 0.99], [0.99, 1.0]]), 0.95, 0.4)
    copies = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    assert pair_loss(copies, pairs).item() == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize("rounded", [0.0, -1e-7])
def test_logarithms_are_clipped(rounded):
    certain = torch.tensor([[1 - rounded, rounded], [rounded, 1 - rounded]], requires_grad=True)
    opposite = select_pairs(1 - certain.detach(), 0.95, 0.4)
    loss = pair_loss(certain, opposite)
    assert loss.item() == pytest.approx(-math.log(1e-10))
    loss.backward()
    assert torch.isfinite(certain.grad).all()
    agreed = pair_loss(certain.detach(), select_pairs(certain.detach(), 0.95, 0.4))
    assert agreed.item() == pytest.approx(0, abs=1e-6)


def test_nothing_selected_costs_nothing():
    similarities = torch.full((3, 3), 0.7, requires_grad=True)
    loss = pair_loss(similarities, select_pairs(similarities.detach(), 0.95, 0.4))
    loss.backward()
    assert loss.item() == 0
    assert not similarities.grad.any()


@given(seed=st.integers(0, 2**31), n=st.integers(2, 20), k=st.integers(1, 6), mid=st.floats(0.1, 0.9))
@settings(max_examples=40)
def test_similarity_selection_and_loss_against_numpy(seed, n, k, mid):
    features = rows(seed, n, k)
    similarities = similarity(features)
    cosine = cosine_similarity(features.numpy())
    np.testing.assert_allclose(similarities.numpy(), cosine, atol=1e-12)
    upper, lower = mid + 0.1, mid
    pairs = select_pairs(similarities, upper, lower)
    assert not (pairs.same & pairs.different).any()
    inner = similarities.numpy()
    total = sum(
        -math.log(max(s, 1e-10)) if s > upper else -math.log(max(1 - s, 1e-10)) if s < lower else 0.0
        for s in inner.ravel()
    )
    assert pair_loss(similarities, pairs).item() == pytest.approx(total / n**2, abs=1e-9)


def test_the_usual_thresholds_take_46_epochs_to_meet():
    assert USUAL.epochs == 46
    assert USUAL.at(0) == (0.95, 0.455)
    # λ = 1.1 · 0.009 = 0.0099 after one epoch, 45 times that in the last.
    assert USUAL.at(1) == pytest.approx((0.9401, 0.45599))
    assert USUAL.at(45) == pytest.approx((0.5045, 0.49955))
    upper, lower = USUAL.at(46)
    assert upper < lower


@pytest.mark.parametrize(("eta", "epochs"), [(0.09, 5), (0.045, 10), (0.45 / 1.1, 1), (0.45 / 1.1 / 3, 3), (100.0, 1)])
def test_step_size_decides_the_number_of_epochs(eta, epochs):
    assert MovingThresholds(0.95, 0.455, eta).epochs == epochs


@given(lower=st.floats(0, 0.9), gap=st.floats(0.01, 0.1), eta=st.floats(1e-3, 1.0), after=st.integers(0, 3))
@settings(max_examples=50)
def test_thresholds_approach_until_they_meet(lower, gap, eta, after):
    schedule = MovingThresholds(lower + gap, lower, eta)
    last = schedule.epochs - 1
    assert all(upper > low for upper, low in map(schedule.at, range(schedule.epochs)))
    upper, low = schedule.at(last + 1 + after)
    assert upper <= low + 1e-8
    steps = np.diff([schedule.at(epoch) for epoch in range(schedule.epochs + 1)], axis=0)
    np.testing.assert_allclose(steps[:, 0], -1.1 * eta, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(steps[:, 1], 0.11 * eta, rtol=1e-6, atol=1e-12)
