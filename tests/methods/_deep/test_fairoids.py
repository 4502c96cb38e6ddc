import math

import numpy as np
import pytest
import torch
from bench.methods._deep.fairoids import (
    FairoidClusters,
    equidistance_loss,
    least_squares_centroids,
    log_closeness,
)
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.self_training import Schedule, StudentClusters, self_train
from bench.methods._deep.student import target_distribution
from bench.methods._deep.training import ResidentData
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import nn
from torch.optim import SGD

N = 40
seeds = st.integers(0, 2**31)


def normal(seed, *shape, scale=1.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=scale, size=shape))


def equidistant_from(points, seed, k, scale=1.0):
    """Points with the same distance to all of `points`: any offset at right angles to their span, from its centre."""
    t, d = points.shape
    differences = (points[1:] - points[0]).double()
    middle = torch.linalg.lstsq(2 * differences, (differences * (points[1:] + points[0])).sum(1, keepdim=True)).solution
    free = torch.linalg.svd(differences, full_matrices=True).Vh[t - 1 :]
    return middle.T + normal(seed, k, d - t + 1, scale=scale) @ free


def test_closeness_by_hand():
    # Squared distances from the origin 0, 1 and 4, so 1, 1/2 and 1/5 of 17/10; from (0, 2) they are 4, 5 and 0.
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    closeness = log_closeness(points[[0, 2]], points).exp()
    by_hand = [[10 / 17, 5 / 17, 2 / 17], [6 / 41, 5 / 41, 30 / 41]]
    torch.testing.assert_close(closeness, torch.tensor(by_hand, dtype=torch.float64))


def test_loss_by_hand():
    # φ = (2/3, 1/3) for the first centroid, (1/2, 1/2) for the second: only the first adds to the mean.
    pair = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    centroids = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    expected = (0.5 * math.log(0.5 / (2 / 3)) + 0.5 * math.log(0.5 / (1 / 3))) / 2
    assert equidistance_loss(centroids, pair).item() == pytest.approx(expected)


@given(seed=seeds, k=st.integers(1, 6), t=st.integers(1, 8))
@settings(max_examples=40)
def test_loss_is_the_mean_divergence_of_scipy(seed, k, t):
    centroids, points = normal(seed, k, 3), normal(seed + 1, t, 3)
    closeness = 1 / (1 + np.square(centroids.numpy()[:, None] - points.numpy()).sum(2))
    expected = np.mean([entropy(np.full(t, 1 / t), row) for row in closeness])
    assert equidistance_loss(centroids, points).item() == pytest.approx(expected, abs=1e-12)


@given(seed=seeds, k=st.integers(1, 6), t=st.integers(2, 5), scale=st.floats(0.01, 100))
@settings(max_examples=60)
def test_loss_is_zero_exactly_for_equidistant_centroids(seed, k, t, scale):
    points = normal(seed, t, 6, scale=scale)
    centroids = equidistant_from(points, seed + 1, k, scale)
    assert equidistance_loss(centroids, points).item() == pytest.approx(0, abs=1e-10)
    # A step of any one of them towards any fairoid breaks the tie.
    moved = centroids.clone()
    moved[seed % k] += 0.1 * (points[seed % t] - moved[seed % k])
    distances = torch.cdist(moved[seed % k][None], points, compute_mode="donot_use_mm_for_euclid_dist")[0].square()
    assume(distances.max() - distances.min() > 1e-3 * (1 + distances.max()))
    assert equidistance_loss(moved, points).item() > 1e-8


@given(seed=seeds, t=st.integers(1, 30))
@settings(max_examples=30)
def test_loss_does_not_depend_on_the_order_of_clusters_or_groups(seed, t):
    centroids, points = normal(seed, 4, 3), normal(seed + 1, t, 3)
    expected = equidistance_loss(centroids, points)
    torch.testing.assert_close(equidistance_loss(centroids.flip(0), points.flip(0)), expected)
    assert expected.item() >= -1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_group_has_no_loss(dtype):
    centroids = normal(0, 4, 3, scale=50).to(dtype).requires_grad_()
    loss = equidistance_loss(centroids, normal(1, 1, 3).to(dtype))
    loss.backward()
    assert loss.item() == 0
    assert not centroids.grad.any()


def test_centroids_by_hand():
    # Two samples with mean (2, 1), one at (3, 5), and one more for each cluster at the mean of all, (7/3, 7/3).
    hard = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    points = torch.tensor([[0.0, 2.0], [4.0, 0.0], [3.0, 5.0]], dtype=torch.float64)
    means = torch.tensor([[2.0, 1.0], [3.0, 5.0]], dtype=torch.float64)
    torch.testing.assert_close(least_squares_centroids(hard, points, 1e-12), means)
    drawn = torch.tensor([[19 / 9, 13 / 9], [8 / 3, 11 / 3]], dtype=torch.float64)
    torch.testing.assert_close(least_squares_centroids(hard, points, 1.0), drawn)


def test_a_cluster_that_nobody_wants_lies_at_the_mean():
    nobody = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    points = torch.tensor([[3.0], [6.0]], dtype=torch.float64)
    assert least_squares_centroids(nobody, points, 1e-3)[1].item() == pytest.approx(4.5)


@given(seed=seeds, n=st.integers(1, 30), k=st.integers(1, 5), ridge=st.floats(1e-3, 10))
@settings(max_examples=40)
def test_centroids_are_those_of_an_independent_solver_and_move_with_the_points(seed, n, k, ridge):
    rng = np.random.default_rng(seed)
    soft, points = rng.dirichlet(np.ones(k), size=n), rng.normal(size=(n, 3))
    rows = np.vstack([soft, math.sqrt(ridge) * np.eye(k)])
    wanted = np.vstack([points, math.sqrt(ridge) * np.tile(points.mean(0), (k, 1))])
    found = least_squares_centroids(torch.from_numpy(soft), torch.from_numpy(points), ridge).numpy()
    np.testing.assert_allclose(found, np.linalg.lstsq(rows, wanted, rcond=None)[0], rtol=1e-6, atol=1e-9)
    step = np.array([5.0, 1.0, -2.0])
    there = least_squares_centroids(torch.from_numpy(soft), torch.from_numpy(points + step), ridge).numpy()
    np.testing.assert_allclose(there - found, np.tile(step, (k, 1)), rtol=1e-6)


def toy(n_groups=2, gamma=1.0, ridge=1.0):
    rng = np.random.default_rng(0)
    groups = np.arange(N) % n_groups
    samples = (rng.normal(size=(N, 3)) + rng.normal(size=(n_groups, 3))[groups]).astype(np.float32)
    data = ResidentData(samples, groups, n_groups, Hardware(torch.device("cpu"), "float32"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        start = StudentClusters(nn.Linear(3, 2), torch.randn(4, 2))
    return FairoidClusters(start, data.membership, gamma=gamma, ridge=ridge), data


def train(model, data, *, rate=0.1, max_iter=15, batch_size=N, tol=1e-9):
    optimiser = SGD(model.parameters(), rate)
    schedule = Schedule(5, tol, max_iter, batch_size)
    return self_train(model, data, optimiser, schedule, rng=np.random.default_rng(0), log=lambda *_, **__: None)


def refreshed(model, data, batch_size=N):
    target = target_distribution(model.assign(data))
    return target, data.batches(batch_size, np.random.default_rng(0))[0]


def direct_fairness(model, data, target, ridge):
    """L_fair of all samples as a plain function of the encoder."""
    embedding = model.encoder(data.samples).double()
    means = torch.stack([embedding[data.groups == t].mean(0) for t in range(data.n_groups)])
    return equidistance_loss(least_squares_centroids(target.double(), embedding, ridge), means)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_fairness_by_hand(n_groups):
    model, data = toy(n_groups=n_groups, gamma=10.0, ridge=0.5)
    target, batch = refreshed(model, data, batch_size=8)
    terms = model.terms(model.encoder(data.samples[batch.index]), target[batch.index], batch)
    H, P = data.embed(model.encoder).double().numpy(), target.double().numpy()
    M = np.linalg.inv(P.T @ P + 0.5 * np.eye(4)) @ (P.T @ H + 0.5 * H.mean(0))
    points = np.stack([H[data.groups == t].mean(0) for t in range(n_groups)])
    closeness = 1 / (1 + np.square(M[:, None] - points).sum(2))
    expected = np.mean([entropy(np.full(n_groups, 1 / n_groups), row) for row in closeness])
    # Nothing has moved since the refresh: whatever the batch, it is the loss of all samples.
    assert terms["fairness"].item() == pytest.approx(expected, rel=1e-5)
    assert model.unfairness() == pytest.approx(expected, rel=1e-5)
    assert terms["loss"].item() == pytest.approx(terms["kl"].item() + 10 * expected, rel=1e-5)
    assert terms["loss"].dtype == torch.float32


def test_between_refreshes_centroids_and_fairoids_follow_the_encoder():
    model, data = toy(ridge=1e-9)
    target, batch = refreshed(model, data)
    with torch.no_grad():
        model.encoder.weight.mul_(1.5).add_(0.2)
        expected = direct_fairness(model, data, target, 1e-9).item()
        found = model.batch_terms(data, target, batch)["fairness"].item()
    assert found == pytest.approx(expected, rel=1e-4)
    assert abs(found - model.unfairness()) > 1e-3


def test_gradient_of_the_encoder_is_that_of_the_loss_as_a_plain_function_of_it():
    model, data = toy(ridge=1e-9)
    target, batch = refreshed(model, data)
    (found,) = torch.autograd.grad(model.batch_terms(data, target, batch)["fairness"], model.encoder.weight)
    (expected,) = torch.autograd.grad(direct_fairness(model, data, target, 1e-9), model.encoder.weight)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
    assert expected.abs().max() > 1e-3


def test_gradient_reaches_the_encoder_through_the_centroids():
    model, data = toy()
    target, batch = refreshed(model, data)
    # All samples alike weigh the same in every group's mean; what is left is their weight in the centroids.
    model.membership = torch.full_like(model.membership, 0.5)
    model.batch_terms(data, target, batch)["fairness"].backward()
    assert model.encoder.weight.grad.abs().max() > 1e-4
    assert model.centres.grad is None


@pytest.mark.parametrize("batch_size", [N, 8])
def test_moving_all_samples_alike_gains_nothing(batch_size):
    model, data = toy(n_groups=5)
    target, batch = refreshed(model, data, batch_size)
    model.batch_terms(data, target, batch)["fairness"].backward()
    assert model.encoder.bias.grad.abs().max() < 1e-6 < 1e-3 < model.encoder.weight.grad.abs().max()


def test_fairoids_are_no_parameters_and_are_the_groups_means_at_every_refresh():
    model, data = toy()
    model.assign(data)
    before = model.layout.fairoids
    assert [name for name, _ in model.named_parameters()] == ["centres", "encoder.weight", "encoder.bias"]
    assert not before.requires_grad
    train(model, data)
    embedding = data.embed(model.encoder).numpy()
    means = np.stack([embedding[data.groups == t].mean(0) for t in range(2)])
    np.testing.assert_allclose(model.layout.fairoids.numpy(), means, atol=1e-6)
    assert not torch.allclose(before, model.layout.fairoids, atol=1e-3)


def test_the_layout_is_renewed_with_every_target_and_held_in_between(monkeypatch):
    model, data = toy()
    held, terms = [], model.terms

    def spy(*given):
        held.append(model.layout)
        return terms(*given)

    monkeypatch.setattr(model, "terms", spy)
    train(model, data)
    assert [held.index(layout) for layout in held] == [0] * 5 + [5] * 5 + [10] * 5


def test_weight_zero_is_dec_to_the_last_bit():
    fair, data = toy(gamma=0.0)
    plain = StudentClusters(nn.Linear(3, 2), torch.zeros(4, 2))
    plain.load_state_dict(fair.state_dict())
    for model in (fair, plain):
        train(model, data, batch_size=16)
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in fair.state_dict().items())


@pytest.mark.parametrize("n_groups", [2, 3])
def test_training_makes_centroids_equidistant_and_the_embedding_stays_where_it_is(n_groups):
    ends, sizes = [], []
    for gamma in (0.0, 10.0):
        model, data = toy(n_groups=n_groups, gamma=gamma)
        train(model, data, max_iter=200, batch_size=16, tol=-1.0)
        ends.append(model.unfairness())
        sizes.append(data.embed(model.encoder).norm(dim=1).max().item())
    assert ends[1] < 0.1 * ends[0]
    assert sizes[1] < 5 * sizes[0]


def test_collapsed_embeddings_far_centres_and_groups_of_one_stay_finite():
    model, data = toy(n_groups=N)
    with torch.no_grad():
        model.encoder.weight.zero_()
        model.centres[0] = 1e4
    target, batch = refreshed(model, data, batch_size=8)
    terms = model.batch_terms(data, target, batch)
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
