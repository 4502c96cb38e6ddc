import numpy as np
import pytest
from bench.methods._variational_fair.bound import state_of
from bench.methods._variational_fair.fairness import FairnessTerm
from bench.methods._variational_fair.prototypes import KMeansCost
from bench.methods._variational_fair.selection import Trial, choose, trial_of


def trial(weight, balance, used=3):
    none = np.empty(0)
    return Trial(weight, none.astype(np.int64), none, balance, used, 1, 0.0, 0.0, 0.0)


def test_smallest_lambda_that_reaches_the_target_is_kept():
    trials = [trial(10, 0.6), trial(1, 0.2), trial(3, 0.5), trial(100, 0.9)]
    assert choose(trials, target=0.5).weight == 3


def test_most_balanced_one_is_kept_where_none_reaches_the_target():
    trials = [trial(1, 0.2), trial(3, 0.4), trial(10, 0.4), trial(30, 0.1)]
    assert choose(trials, target=0.5).weight == 3


def test_losing_a_cluster_does_not_pay():
    assert choose([trial(1, 0.9, used=1), trial(3, 0.1), trial(10, 0.6)], target=0.5).weight == 10
    assert choose([trial(1, 0.9, used=1), trial(3, 0.1)], target=0.5).weight == 3


def test_trial_puts_points_back_into_their_order():
    groups = np.array([1, 0, 1, 0])
    order = np.argsort(groups, kind="stable")
    soft = np.array([[0.9, 0.8, 0.3, 0.1], [0.1, 0.2, 0.7, 0.9]])
    cost = KMeansCost(np.ones((4, 1), dtype=np.float32), np.zeros((2, 1)))
    state = state_of(soft, np.log(soft), cost, FairnessTerm(np.array([2, 2])), 2.0)
    result = trial_of(state, groups, order, 2.0)
    assert result.memberships[:, 0].tolist() == [0.3, 0.9, 0.1, 0.8]
    assert result.labels.tolist() == [1, 0, 1, 0]
    assert (result.balance, result.used_clusters, result.smallest_cluster) == (0, 2, 2)
    assert result.energy == pytest.approx(result.clustering_cost + 2 * result.fairness_error)
