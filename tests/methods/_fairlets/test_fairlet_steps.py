"""Ratio, greedy rule and removal: the counts behind the tree, by hand and by property."""

from math import gcd

import numpy as np
import pytest
from bench.methods._fairlets.greedy import greedy_fairlets, plan_fairlets
from bench.methods._fairlets.ratio import Ratio, group_sizes, largest_ratio
from bench.methods._fairlets.removal import removed_counts
from bench.methods._fairlets.segments import rank_within, running_total
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InvalidInputError, UnsupportedInputError

RATIOS = st.tuples(st.integers(1, 7), st.integers(1, 12)).map(lambda pair: Ratio(min(pair), max(pair)))
COPRIME = RATIOS.map(lambda r: Ratio(r.p // gcd(r.p, r.q), r.q // gcd(r.p, r.q)))


@st.composite
def balanced_sets(draw, ratio, *, largest):
    """Counts of two colours that keep the ratio, at least one point of each."""
    fewer = draw(st.integers(1, largest))
    more = draw(st.integers(fewer, max(fewer, fewer * ratio.q // ratio.p)))
    return (fewer, more) if draw(st.booleans()) else (more, fewer)


@st.composite
def balanced_nodes(draw, ratio):
    """Counts of a node's children, each as unbalanced as it likes, that together keep the ratio."""
    children = draw(st.integers(1, 6))
    columns = []
    for total in draw(balanced_sets(ratio, largest=30)):
        cuts = sorted(draw(st.lists(st.integers(0, total), min_size=children - 1, max_size=children - 1)))
        columns.append(np.diff([0, *cuts, total]))
    return np.column_stack(columns)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((60000, 7291), (1, 9)),
        ((60000, 60000), (1, 1)),
        ((2817, 795), (1, 4)),
        ((2715, 4239), (5, 8)),
        ((281, 409), (2, 3)),
        ((9, 10), (9, 10)),
        ((1, 25), (1, 25)),
        ((2, 25), (1, 13)),
    ],
)
def test_largest_ratio_among_q_to_ten(sizes, expected):
    assert largest_ratio(np.array(sizes)) == expected


@given(st.integers(1, 500), st.integers(1, 500))
def test_no_ratio_with_q_to_ten_is_larger(a, b):
    small, large = min(a, b), max(a, b)
    p, q = largest_ratio(np.array([a, b]))
    assert q * small >= p * large
    assert gcd(p, q) == 1
    better = [(i, j) for j in range(1, 11) for i in range(1, j + 1) if j * small >= i * large and i * q > p * j]
    assert not better


def test_ratio_is_taken_in_lowest_terms_and_compared_in_integers():
    assert Ratio.checked(2, 6, np.array([1, 3])) == (1, 3)
    # 7291 / 60000 as a float ratio may fall on either side; as integers it is exact.
    assert Ratio.checked(7291, 60000, np.array([60000, 7291])) == (7291, 60000)


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        (1, 8, "take p=1, q=9"),
        (0, 1, "p=0 given"),
        (3, 2, "q=2 given"),
        (1.0, 2, "p=1.0 given"),
    ],
)
def test_bad_ratios_are_refused(p, q, words):
    with pytest.raises(InvalidInputError, match=words):
        Ratio.checked(p, q, np.array([60000, 7291]))


def test_other_than_two_groups_are_refused():
    with pytest.raises(UnsupportedInputError, match="3 groups"):
        group_sizes(np.array([0, 1, 2]))


def test_ranks_and_running_totals():
    assert rank_within(np.array([5, 2, 5, 5, 2])).tolist() == [0, 0, 1, 2, 1]
    assert running_total(np.array([3, 1, 4, 1, 5]), np.array([0, 0, 1, 1, 1])).tolist() == [0, 3, 0, 4, 5]
    assert rank_within(np.zeros(0, dtype=int)).size == 0


def test_greedy_rule_by_hand():
    # 7 and 4 at 1:3: one fairlet of 3 + 1; the surplus of 1 left makes one of 2 + 1; then two pairs.
    plan = plan_fairlets(np.array([[7, 4], [8, 4], [4, 4]]), Ratio(1, 3))
    assert [part.tolist() for part in plan] == [[1, 2, 0], [2, 0, 0], [1, 0, 0], [2, 2, 4]]
    assert plan.total.tolist() == [4, 4, 4]


def test_greedy_ids_follow_the_order_given():
    colours = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    ids, count = greedy_fairlets(np.zeros(11, dtype=int), colours, Ratio(1, 3))
    assert ids.tolist() == [0, 0, 0, 1, 1, 2, 3, 0, 1, 2, 3]
    assert count == 4


@given(COPRIME, st.data(), st.integers(0, 99))
def test_greedy_fairlets_keep_every_promise(ratio, data, seed):
    counts = data.draw(
        st.lists(balanced_sets(ratio, largest=40) | st.just((0, 0)), min_size=1, max_size=5).filter(np.any)
    )
    points = [(s, c) for s, pair in enumerate(counts) for c in (0, 1) for _ in range(pair[c])]
    sets, colours = np.random.default_rng(seed).permutation(points).T
    ids, count = greedy_fairlets(sets, colours, ratio)
    found = np.bincount(2 * ids + colours, minlength=2 * count).reshape(-1, 2)
    assert len(found) == count
    assert ratio.holds(found)
    assert found.min() > 0
    assert found.sum(axis=1).max() <= sum(ratio)
    assert len(set(zip(ids.tolist(), sets.tolist(), strict=True))) == count


def test_spare_points_of_one_child_match_the_surplus_of_another():
    # At 1:2 the first child must lose 3 reds; they need 2 blues; the second can spare 3.
    removed = removed_counts(np.array([[5, 1], [2, 4]]), np.array([0, 0]), Ratio(1, 2))
    assert removed.tolist() == [[3, 0], [0, 2]]


def test_fairlets_are_broken_as_the_last_resort():
    # 3 reds need 2 blues. The third child spares 1, then only the second holds more than whole 1:2 fairlets.
    removed = removed_counts(np.array([[3, 0], [3, 2], [4, 3]]), np.array([0, 0, 0]), Ratio(1, 2))
    assert removed.tolist() == [[3, 0], [1, 1], [0, 1]]


def test_the_child_that_gains_most_a_point_is_broken_first():
    # At 1:3, the 2 reds need a gain of 2: the third child offers it for 2 points, the second only 1 for 3.
    removed = removed_counts(np.array([[2, 0], [5, 2], [4, 2]]), np.array([0, 0, 0]), Ratio(1, 3))
    assert removed.tolist() == [[2, 0], [0, 0], [1, 1]]


@given(COPRIME, st.data())
def test_what_stays_and_what_leaves_is_balanced(ratio, data):
    nodes = data.draw(st.lists(balanced_nodes(ratio), min_size=1, max_size=4))
    counts = np.concatenate(nodes)
    parent = np.repeat(np.arange(len(nodes)), [len(node) for node in nodes])
    removed = removed_counts(counts, parent, ratio)
    assert (removed >= 0).all()
    assert (removed <= counts).all()
    assert ratio.holds(counts - removed)
    for node in range(len(nodes)):
        assert ratio.holds(removed[parent == node].sum(axis=0))
    unbalanced = np.maximum(counts - ratio.most(counts[:, ::-1]), 0)
    if not unbalanced.any():
        assert not removed.any()
