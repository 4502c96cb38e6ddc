import math

import numpy as np
import pytest
import torch
from bench.methods._deep.student import clustering_loss, log_assignment, student_assignment, target_distribution
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from torch.nn import Parameter

CENTRES = torch.tensor([[0.0], [2.0]])
POINTS = torch.tensor([[0.0], [1.0], [3.0]])
# 1 / (1 + distance²) is (1, 1/5), (1/2, 1/2) and (1/10, 1/2).
SOFT = [[5 / 6, 1 / 6], [1 / 2, 1 / 2], [1 / 6, 5 / 6]]


def simplex(seed, n, k):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(k), size=n))


def test_assignment_of_three_points_by_hand():
    torch.testing.assert_close(student_assignment(POINTS, CENTRES), torch.tensor(SOFT))


def test_degrees_of_freedom_by_hand():
    # alpha = 3: (1 + distance² / 3)^-2, with squared distances 0 and 4 from the first point.
    soft = student_assignment(POINTS[:1], CENTRES, alpha=3.0)
    far = (1 + 4 / 3) ** -2
    assert soft[0].tolist() == pytest.approx([1 / (1 + far), far / (1 + far)])


def test_many_degrees_of_freedom_approach_a_gaussian():
    soft = student_assignment(POINTS[:1], CENTRES, alpha=1e5)
    assert soft[0, 1].item() == pytest.approx(math.exp(-2) / (1 + math.exp(-2)), rel=1e-3)


def test_distance_counts_all_dimensions():
    soft = student_assignment(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
    assert soft[0].tolist() == pytest.approx([6 / 7, 1 / 7])


def test_target_of_three_points_by_hand():
    # f = (5/6 + 1/2 + 1/6, ...) = (3/2, 3/2) cancels: squares 25 : 1, 1 : 1 and 1 : 25.
    torch.testing.assert_close(
        target_distribution(torch.tensor(SOFT)), torch.tensor([[25 / 26, 1 / 26], [0.5, 0.5], [1 / 26, 25 / 26]])
    )


def test_target_favours_the_smaller_cluster_by_hand():
    # f = (7/4, 5/4): row weights (9/16) / (7/4) : (1/16) / (5/4) = 45 : 7 and (1/4) / (7/4) : (1/4) / (5/4) = 5 : 7.
    soft = torch.tensor([[3 / 4, 1 / 4], [1 / 2, 1 / 2], [1 / 2, 1 / 2]])
    expected = torch.tensor([[45 / 52, 7 / 52], [5 / 12, 7 / 12], [5 / 12, 7 / 12]])
    torch.testing.assert_close(target_distribution(soft), expected)


def test_target_is_a_constant_for_the_optimiser():
    centres = CENTRES.clone().requires_grad_()
    assert not target_distribution(student_assignment(POINTS, centres)).requires_grad


def test_an_empty_cluster_has_target_zero_and_no_nan():
    soft = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert target_distribution(soft).tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_a_centre_too_far_for_single_precision_keeps_loss_and_gradient_finite():
    centres = Parameter(torch.tensor([[0.0], [1e4]]))
    log_soft = log_assignment(POINTS, centres, alpha=100.0)
    assert (log_soft.exp()[:, 1] == 0).all()
    loss = clustering_loss(target_distribution(log_soft.exp()), log_soft)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(centres.grad).all()
    # A target that still wants the far centre pulls it in instead of blowing up.
    pull = clustering_loss(torch.full((3, 2), 0.5), log_assignment(POINTS, centres, alpha=100.0))
    assert torch.isfinite(pull)


def test_loss_by_hand():
    target, soft = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    assert clustering_loss(target, soft.log()).item() == pytest.approx(math.log(4) / 2)


@given(seed=st.integers(0, 2**31), n=st.integers(1, 30), k=st.integers(1, 6))
@settings(max_examples=40)
def test_loss_is_the_mean_divergence_of_scipy(seed, n, k):
    target, soft = simplex(seed, n, k), simplex(seed + 1, n, k)
    expected = np.mean(entropy(target.numpy(), soft.numpy(), axis=1))
    assert clustering_loss(target, soft.log()).item() == pytest.approx(expected, abs=1e-12)


@given(seed=st.integers(0, 2**31), n=st.integers(1, 30), k=st.integers(1, 6), alpha=st.floats(0.1, 50))
@settings(max_examples=40)
def test_assignments_and_targets_are_distributions(seed, n, k, alpha):
    rng = np.random.default_rng(seed)
    points, centres = (torch.from_numpy(rng.normal(scale=5, size=(size, 3))) for size in (n, k))
    soft = student_assignment(points, centres, alpha)
    target = target_distribution(soft)
    for rows in (soft, target):
        assert (rows >= 0).all()
        torch.testing.assert_close(rows.sum(1), torch.ones(n, dtype=torch.float64))
    nearest = torch.cdist(points, centres).argmin(1)
    assert torch.equal(soft.argmax(1), nearest)


@given(seed=st.integers(0, 2**31), n=st.integers(1, 20), k=st.integers(2, 5))
@settings(max_examples=30)
def test_targets_of_equally_frequent_clusters_are_sharper(seed, n, k):
    one = simplex(seed, n, k)
    # All rotations of every row: each cluster gets the same frequency.
    soft = torch.cat([one.roll(shift, dims=1) for shift in range(k)])
    assert (entropy(target_distribution(soft).T) <= entropy(soft.T) + 1e-12).all()


def test_gradient_is_that_of_the_papers_equations_4_and_5():
    # alpha = 1: dL/dh_i = 2 Σ_k (p_ik - q_ik)(h_i - μ_k) / (1 + ‖h_i - μ_k‖²), centres opposite.
    rng = np.random.default_rng(3)
    points = Parameter(torch.from_numpy(rng.normal(size=(6, 2))))
    centres = Parameter(torch.from_numpy(rng.normal(size=(3, 2))))
    log_soft = log_assignment(points, centres)
    target = target_distribution(log_soft.exp())
    clustering_loss(target, log_soft).backward()
    difference = (points[:, None] - centres).detach()
    weight = 2 * (target - log_soft.detach().exp()) / (1 + difference.square().sum(2)) / len(points)
    by_paper = weight[:, :, None] * difference
    torch.testing.assert_close(points.grad, by_paper.sum(1))
    torch.testing.assert_close(centres.grad, -by_paper.sum(0))
