import math

import numpy as np
import pytest
import torch
from bench.methods._deep.fairoids import (
    FairoidClusters,
    equidistance_loss,
    fairoids,
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


def test_fairoids_by_hand():
    embedding = torch.tensor([[0.0, 2.0], [4.0, 0.0], [2.0, 4.0], [1.0, 1.0]])
    membership = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(fairoids(embedding, membership), torch.tensor([[1.0, 7 / 3], [4.0, 0.0]]))


def test_closeness_by_hand():
    # Squared distances from the origin 0, 1 and 4, so 1, 1/2 and 1/5 of 17/10; from (0, 2) they are 4, 5 and 0.
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    closeness = log_closeness(points[[0, 2]], points).exp()
    by_hand = [[10 / 17, 5 / 17, 2 / 17], [6 / 41, 5 / 41, 30 / 41]]
    torch.testing.assert_close(closeness, torch.tensor(by_hand, dtype=torch.float64))


def test_loss_by_hand():
    # φ = (2/3, 1/3) for the first centroid, (1/2, 1/2) for the second: only the first adds anything.
    pair = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    centroids = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    expected = 0.5 * math.log(0.5 / (2 / 3)) + 0.5 * math.log(0.5 / (1 / 3))
    assert equidistance_loss(centroids, pair).item() == pytest.approx(expected)


@given(seed=seeds, k=st.integers(1, 6), t=st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_loss_is_the_divergence_of_scipy_summed_over_clusters(seed, k, t):
    centroids, points = normal(seed, k, 3), normal(seed + 1, t, 3)
    closeness = 1 / (1 + np.square(centroids.numpy()[:, None] - points.numpy()).sum(2))
    expected = sum(entropy(np.full(t, 1 / t), row) for row in closeness)
    assert equidistance_loss(centroids, points).item() == pytest.approx(expected, abs=1e-12)


@given(seed=seeds, k=st.integers(1, 6), t=st.integers(2, 5), scale=st.floats(0.01, 100))
@settings(deadline=None, max_examples=60)
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
@settings(deadline=None, max_examples=30)
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


def test_descent_on_the_loss_makes_centroids_equidistant():
    centroids, points = normal(0, 3, 4).requires_grad_(), normal(1, 3, 4)
    optimiser = SGD([centroids], 0.5)
    for _ in range(500):
        optimiser.zero_grad()
        equidistance_loss(centroids, points).backward()
        optimiser.step()
    distances = torch.cdist(centroids.detach(), points)
    torch.testing.assert_close(distances, distances.mean(1, keepdim=True).expand(-1, 3), atol=1e-3, rtol=0)


def test_hard_memberships_make_the_means_of_the_clusters():
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    embedding = torch.tensor([[0.0, 2.0], [4.0, 0.0], [3.0, 5.0]], dtype=torch.float64)
    centroids = least_squares_centroids(target, embedding, torch.zeros(2, 2, dtype=torch.float64), 1e-12)
    torch.testing.assert_close(centroids, torch.tensor([[2.0, 1.0], [3.0, 5.0]], dtype=torch.float64))


def test_ridge_counts_as_samples_at_the_prior_and_fills_clusters_that_nobody_wants():
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    embedding = torch.tensor([[3.0], [6.0]], dtype=torch.float64)
    prior = torch.tensor([[0.0], [7.0]], dtype=torch.float64)
    # (3 + 6 + 0) / 3 by one sample at 0; the other has no samples at all.
    assert least_squares_centroids(target, embedding, prior, 1.0).tolist() == [[3.0], [pytest.approx(7.0)]]


@given(seed=seeds, n=st.integers(1, 30), k=st.integers(1, 5), ridge=st.floats(1e-3, 10))
@settings(deadline=None, max_examples=40)
def test_centroids_are_those_of_an_independent_least_squares_solver(seed, n, k, ridge):
    rng = np.random.default_rng(seed)
    target, embedding, prior = rng.dirichlet(np.ones(k), size=n), rng.normal(size=(n, 3)), rng.normal(size=(k, 3))
    rows = np.vstack([target, math.sqrt(ridge) * np.eye(k)])
    expected = np.linalg.lstsq(rows, np.vstack([embedding, math.sqrt(ridge) * prior]), rcond=None)[0]
    found = least_squares_centroids(*(torch.from_numpy(part) for part in (target, embedding, prior)), ridge)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


def toy(n_groups=2, gamma=1.0, ridge=1.0):
    rng = np.random.default_rng(0)
    groups = np.arange(N) % n_groups
    samples = (rng.normal(size=(N, 3)) + 0.5 * rng.normal(size=(n_groups, 3))[groups]).astype(np.float32)
    data = ResidentData(samples, groups, n_groups, Hardware(torch.device("cpu"), "float32"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        start = StudentClusters(nn.Linear(3, 2), torch.randn(4, 2))
    return FairoidClusters(start, data.membership, gamma=gamma, ridge=ridge), data


def train(model, data, *, rate=0.1, max_iter=15, log=lambda *_, **__: None):
    optimiser = SGD(model.parameters(), rate)
    return self_train(model, data, optimiser, Schedule(5, 1e-9, max_iter, N), rng=np.random.default_rng(0), log=log)


def batch_loss(model, data):
    target = target_distribution(model.assign(data))
    batch = data.batches(N, np.random.default_rng(0))[0]
    return target, batch, model.batch_terms(data, target, batch)


def test_fairoids_are_no_parameters_and_follow_the_encoder():
    model, data = toy()
    model.assign(data)
    before = model.fairoids
    assert [name for name, _ in model.named_parameters()] == ["centres", "encoder.weight", "encoder.bias"]
    assert not before.requires_grad
    train(model, data)
    embedding = data.embed(model.encoder).numpy()
    means = np.stack([embedding[data.groups == t].mean(0) for t in range(2)])
    np.testing.assert_allclose(model.fairoids.numpy(), means, atol=1e-6)
    assert not torch.allclose(before, model.fairoids, atol=1e-3)


def test_fairoids_are_taken_with_every_target_and_held_in_between():
    model, data = toy()
    held = []
    terms = model.terms

    def spy(*given):
        held.append(model.fairoids)
        return terms(*given)

    model.terms = spy
    train(model, data)
    assert len(held) == 15
    assert [all(first is other for other in held[i : i + 5]) for i, first in enumerate(held) if i % 5 == 0] == [True] * 3
    assert len({id(points) for points in held}) == 3


def test_fairness_by_hand_on_a_batch():
    model, data = toy(n_groups=3, gamma=10.0, ridge=0.5)
    target, batch, terms = batch_loss(model, data)
    H, P = data.embed(model.encoder)[batch.index].double().numpy(), target[batch.index].double().numpy()
    prior = model.centres.detach().double().numpy()
    M = np.linalg.inv(P.T @ P + 0.5 * np.eye(4)) @ (P.T @ H + 0.5 * prior)
    closeness = 1 / (1 + np.square(M[:, None] - model.fairoids.numpy()).sum(2))
    expected = sum(entropy(np.full(3, 1 / 3), row) for row in closeness)
    assert terms["fairness"].item() == pytest.approx(expected, rel=1e-4)
    assert terms["loss"].item() == pytest.approx(terms["kl"].item() + 10 * expected, rel=1e-4)
    assert terms["loss"].dtype == torch.float32


def test_fairness_reaches_the_encoder_through_the_centroids_and_not_the_centres():
    model, data = toy()
    *_, terms = batch_loss(model, data)
    terms["fairness"].backward()
    assert model.encoder.weight.grad.abs().max() > 1e-4
    assert model.centres.grad is None


def test_one_step_of_the_encoder_lowers_the_fairness_part():
    model, data = toy()
    target, batch, terms = batch_loss(model, data)
    terms["fairness"].backward()
    SGD(model.encoder.parameters(), 0.1).step()
    assert model.batch_terms(data, target, batch)["fairness"].item() < terms["fairness"].item() - 1e-4


def test_weight_zero_is_dec_to_the_last_bit():
    fair, data = toy(gamma=0.0)
    plain = StudentClusters(nn.Linear(3, 2), torch.zeros(4, 2))
    plain.load_state_dict(fair.state_dict())
    for model in (fair, plain):
        train(model, data)
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in fair.state_dict().items())


def test_weight_moves_centroids_towards_equal_distances():
    ends = []
    for gamma in (0.0, 10.0):
        model, data = toy(gamma=gamma)
        train(model, data, max_iter=100)
        soft = model.assign(data)
        ends.append(model.unfairness(data.embed(model.encoder), target_distribution(soft)).item())
    assert ends[1] < 0.1 * ends[0]


def test_collapsed_embeddings_and_clusters_without_samples_stay_finite():
    model, data = toy()
    with torch.no_grad():
        model.encoder.weight.zero_()
        model.centres[0] = 1e4
    _, _, terms = batch_loss(model, data)
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
