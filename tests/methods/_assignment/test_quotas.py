import numpy as np
import pytest
from bench.methods._assignment.quotas import fair_quotas
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InvalidInputError


def sizes_of(n, parts):
    """Sizes of `parts` sets that n samples can fall into."""
    return st.lists(st.integers(0, parts - 1), min_size=n, max_size=n).map(
        lambda ids: np.bincount(ids, minlength=parts)
    )


@st.composite
def marginals(draw):
    n = draw(st.integers(1, 300))
    return draw(sizes_of(n, draw(st.integers(1, 8)))), draw(sizes_of(n, draw(st.integers(1, 6))))


def test_whole_counts_are_left_as_they_are():
    assert fair_quotas([10, 20], [24, 6]).tolist() == [[8, 2], [16, 4]]


def test_remainders_go_where_most_was_cut_off():
    # Exact: 2.8 1.2 / 4.2 1.8. Cut: 2 1 / 4 1, which leaves one unit to each row, one to each column.
    assert fair_quotas([4, 6], [7, 3]).tolist() == [[3, 1], [4, 2]]


def test_a_greedy_rounding_would_miss_the_sums():
    # Every exact count is 2/3: rows and columns take two units each, in different cells.
    quotas = fair_quotas([2, 2, 2], [2, 2, 2])
    assert quotas.sum(0).tolist() == quotas.sum(1).tolist() == [2, 2, 2]
    assert sorted(quotas.ravel().tolist()) == [0, 0, 0, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("clusters", "groups"),
    [([7], [3, 4]), ([0, 7, 0], [3, 4]), ([5, 2], [7]), ([1], [1]), ([3, 0], [1, 1, 1])],
)
def test_one_cluster_one_group_and_empty_clusters(clusters, groups):
    quotas = fair_quotas(clusters, groups)
    assert quotas.sum(1).tolist() == clusters
    assert quotas.sum(0).tolist() == groups


@settings(max_examples=30)
@given(marginals())
def test_rows_and_columns_sum_and_every_count_is_within_one(sizes):
    clusters, groups = sizes
    quotas = fair_quotas(clusters, groups)
    assert quotas.dtype == np.int64
    assert (quotas >= 0).all()
    assert np.array_equal(quotas.sum(1), clusters)
    assert np.array_equal(quotas.sum(0), groups)
    # In whole numbers: |q - n_k N_t / N| < 1.
    assert (np.abs(quotas * clusters.sum() - np.outer(clusters, groups)) < clusters.sum()).all()


def test_counts_of_a_hundred_thousand_samples_stay_exact():
    clusters = np.full(10, 12000) + np.arange(-5, 5)
    quotas = fair_quotas(clusters, [60000, 59995])
    assert np.array_equal(quotas.sum(1), clusters)
    assert quotas.sum(0).tolist() == [60000, 59995]


@pytest.mark.parametrize(
    ("clusters", "groups", "message"),
    [
        ([1, 2], [4], "sum to 3 and group_sizes to 4"),
        ([0, 0], [0], "at least 1"),
        ([-1, 2], [1], "cluster_sizes=.*whole numbers"),
        ([0.5, 0.5], [1], "cluster_sizes=.*whole numbers"),
        ([1], [], "group_sizes=.*whole numbers"),
        ([[1]], [1], "cluster_sizes=.*whole numbers"),
    ],
)
def test_sizes_that_fit_nothing_are_named(clusters, groups, message):
    with pytest.raises(InvalidInputError, match=message):
        fair_quotas(clusters, groups)
