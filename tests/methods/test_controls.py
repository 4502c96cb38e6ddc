import numpy as np
import pytest
from bench.methods.controls import ByGroup, OneCluster, Random

X = np.zeros((900, 2))
GROUPS = np.repeat(["c", "a", "b"], 300)


def test_random_labels_are_uniform_and_follow_the_seed():
    labels = Random(3, random_state=0).fit(X, sensitive_features=GROUPS).labels_
    counts = np.bincount(labels, minlength=3)
    # Three standard deviations of a binomial count with p = 1/3.
    assert np.all(np.abs(counts - 300) < 3 * np.sqrt(200))
    assert np.array_equal(labels, Random(3, random_state=0).fit(X, sensitive_features=GROUPS).labels_)
    assert not np.array_equal(labels, Random(3, random_state=1).fit(X, sensitive_features=GROUPS).labels_)


def test_one_cluster_uses_one():
    assert set(OneCluster(4).fit(X, sensitive_features=GROUPS).labels_) == {0}


def test_by_group_repeats_the_sensitive_attribute():
    labels = ByGroup(3).fit(X, sensitive_features=GROUPS).labels_
    assert labels[[0, 300, 600]].tolist() == [2, 0, 1]
    assert len(set(zip(labels.tolist(), GROUPS.tolist(), strict=True))) == 3


def test_by_group_wraps_around_when_there_are_more_groups_than_clusters():
    labels = ByGroup(2).fit(np.zeros((4, 1)), sensitive_features=[0, 1, 2, 3]).labels_
    assert labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("control", [Random(2), OneCluster(2), ByGroup(2)])
def test_controls_take_images(control):
    assert len(control.fit(np.zeros((4, 1, 8, 8)), sensitive_features=[0, 1, 0, 1]).labels_) == 4
