import math

import numpy as np
import pytest
import torch
from bench.methods._deep.information import (
    cluster_entropy,
    conditional_entropy,
    contingency,
    fill_empty,
    group_information,
    information_terms,
    soft_assignment,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

LN2 = math.log(2)


def one_hot(ids, size):
    return torch.eye(size)[torch.as_tensor(ids)]


def table_of(labels, groups, n_clusters, n_groups):
    return contingency(one_hot(labels, n_clusters), one_hot(groups, n_groups))


def test_soft_assignment_by_hand():
    # Similarities 1 and 0 at temperature 0.5: e² / (e² + 1).
    soft = soft_assignment(torch.tensor([[1.0, 0.0]]), torch.eye(2), 0.5)
    near = math.exp(2) / (math.exp(2) + 1)
    assert soft[0].tolist() == pytest.approx([near, 1 - near])


def test_a_lower_temperature_makes_assignments_harder():
    embedding = torch.tensor([[0.8, 0.6]])
    hard, soft = (soft_assignment(embedding, torch.eye(2), tau)[0, 0].item() for tau in (0.05, 1.0))
    assert soft < 0.6 < 0.95 < hard


def test_gradients_flow_through_the_embedding_alone():
    embedding = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.3, 1.0]]), dim=1).requires_grad_()
    centres = torch.eye(2, requires_grad=True)
    conditional_entropy(soft_assignment(embedding, centres, 0.1)).backward()
    assert centres.grad is None
    assert embedding.grad is not None
    assert bool((embedding.grad != 0).any())


def test_contingency_sums_assignments_by_group():
    soft = torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
    table = contingency(soft, one_hot([0, 1, 0], 2))
    torch.testing.assert_close(table, torch.tensor([[1.2, 0.8], [0.2, 0.8]]))


def test_three_points_by_hand():
    # Two samples of group 0, one of group 1; soft enough for all cells to be positive.
    soft = torch.tensor([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])
    membership = one_hot([0, 0, 1], 2)
    table = contingency(soft, membership)
    assert cluster_entropy(table).item() == pytest.approx(LN2)
    assert group_information(table).item() == pytest.approx(0, abs=1e-7)
    quarter = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert conditional_entropy(soft).item() == pytest.approx((2 * quarter + LN2) / 3, abs=1e-6)
    terms = information_terms(soft, membership)
    assert terms["mi_xc_given_g"] == pytest.approx(LN2 - (2 * quarter + LN2) / 3, abs=1e-6)


def test_clusters_that_are_the_groups_hold_all_information_about_them():
    terms = information_terms(one_hot([0, 1], 2), one_hot([0, 1], 2))
    assert terms["mi_gc"] == pytest.approx(LN2)
    assert terms["h_c"] == pytest.approx(LN2)
    assert terms["mi_xc_given_g"] == pytest.approx(0, abs=1e-6)


def test_information_of_two_uneven_points_by_hand():
    # p = [[.4, .1], [.1, .4]]: I = 2·.4·ln(.4/.25) + 2·.1·ln(.1/.25).
    table = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
    assert group_information(table).item() == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4), abs=1e-6)


def test_a_single_group_knows_nothing():
    soft = torch.softmax(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    assert group_information(contingency(soft, torch.ones(50, 1))).item() == pytest.approx(0, abs=1e-6)


@given(st.data())
def test_hard_assignments_agree_with_a_contingency_computation(data):
    n = data.draw(st.integers(1, 40))
    labels = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    groups = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    terms = information_terms(one_hot(labels, 5), one_hot(groups, 3))
    shares = np.bincount(labels) / n
    assert terms["mi_gc"] == pytest.approx(mutual_info_score(labels, groups), abs=1e-6)
    assert terms["h_c"] == pytest.approx(-sum(p * math.log(p) for p in shares if p > 0), abs=1e-6)
    assert terms["h_c_given_x"] == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 4))
def test_information_terms_keep_their_ranges(seed, n_clusters, n_groups):
    generator = torch.Generator().manual_seed(seed)
    soft = torch.softmax(3 * torch.randn(30, n_clusters, generator=generator), dim=1)
    membership = one_hot(torch.randint(n_groups, (30,), generator=generator), n_groups)
    terms = information_terms(soft, membership)
    slack = 1e-6
    assert -slack <= terms["mi_gc"] <= min(terms["h_c"], math.log(n_groups)) + slack
    assert -slack <= terms["h_c_given_x"] <= terms["h_c"] + slack <= math.log(n_clusters) + 2 * slack


def test_absent_group_gets_a_tenth_of_the_smallest_entry():
    filled = fill_empty(torch.tensor([[0.5, 2.0], [0.0, 0.0]]))
    torch.testing.assert_close(filled, torch.tensor([[0.5, 2.0], [0.05, 0.05]]))


def test_absent_group_keeps_the_fairness_loss_and_its_gradient_finite():
    soft = torch.tensor([[0.9, 0.1], [0.2, 0.8]], requires_grad=True)
    loss = group_information(fill_empty(contingency(soft, one_hot([0, 0], 2))))
    loss.backward()
    assert math.isfinite(loss.item())
    assert bool(torch.isfinite(soft.grad).all())


def test_a_full_table_is_left_as_it_is():
    table = torch.tensor([[0.5, 2.0], [1e-6, 3.0]])
    assert torch.equal(fill_empty(table), table)


def test_conditional_entropy_of_an_underflowed_assignment_is_finite():
    soft = torch.tensor([[1.0, 0.0]], requires_grad=True)
    entropy = conditional_entropy(soft)
    entropy.backward()
    assert entropy.item() == pytest.approx(0, abs=1e-6)
    assert bool(torch.isfinite(soft.grad).all())
