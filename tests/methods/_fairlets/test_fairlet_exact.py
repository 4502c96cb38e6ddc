"""The exact decomposition against enumeration, and the tree against the exact one."""

import numpy as np
import pytest
from bench.methods._fairlets import exact_fairlets, fairlet_decomposition, star_cost
from bench.methods._fairlets.exact import _without_bridges
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InvalidInputError, UnsupportedInputError


def partitions(items):
    if not items:
        yield []
        return
    first, *rest = items
    for parts in partitions(rest):
        yield [[first], *parts]
        for i in range(len(parts)):
            yield [*parts[:i], [first, *parts[i]], *parts[i + 1 :]]


def enumerated(X, groups, q):
    """Least star cost and least medoid cost over all partitions into (1, q)-fairlets with a lone point."""
    gaps = np.linalg.norm(X[:, None] - X[None], axis=2)
    best_star = best_medoid = np.inf
    for parts in partitions(list(range(len(X)))):
        counts = [np.bincount(groups[part], minlength=2) for part in parts]
        if any(count.min() < 1 or q * count.min() < count.max() or count.sum() > q + 1 for count in counts):
            continue
        best_medoid = min(best_medoid, sum(gaps[np.ix_(part, part)].sum(axis=1).min() for part in parts))
        if all(count.min() == 1 for count in counts):
            stars = (
                gaps[np.ix_([i for i in part if groups[i] == count.argmin()], part)].sum(axis=1).min()
                for part, count in zip(parts, counts, strict=True)
            )
            best_star = min(best_star, sum(stars))
    return best_star, best_medoid


@st.composite
def small(draw):
    q = draw(st.integers(1, 3))
    few = draw(st.integers(1, 3))
    many = draw(st.integers(few, min(few * q, 7 - few)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n = few + many
    X = rng.integers(0, 4, size=(n, 2)).astype(float) if draw(st.booleans()) else rng.normal(size=(n, 2))
    return X.astype(np.float32), rng.permutation(np.repeat(draw(st.permutations([0, 1])), [few, many])), q


@settings(max_examples=80)
@given(small())
def test_exact_is_the_least_of_all_and_the_tree_is_never_below(instance):
    X, groups, q = instance
    least_star, least_medoid = enumerated(X, groups, q)
    exact = exact_fairlets(X, groups, 1, q)
    counts = np.bincount(2 * exact.ids + groups, minlength=2 * len(exact.medoids)).reshape(-1, 2)
    assert counts.min() == 1 or q == 1
    assert (counts.min(axis=1) == 1).all()
    assert counts.max() <= q
    assert star_cost(X, groups, exact.ids) == pytest.approx(least_star, abs=1e-4)
    assert least_medoid - 1e-4 <= exact.cost <= q * least_medoid + 1e-4
    tree = fairlet_decomposition(X, groups, 1, q, random_state=0)
    assert tree.cost >= least_medoid - 1e-4
    assert star_cost(X, groups, tree.ids) >= least_star - 1e-4


def test_exact_by_hand():
    # One red between blues at 1 and 2, another beside the blue at 10.
    X = np.array([[0.0], [1.0], [-2.0], [9.0], [10.0]])
    exact = exact_fairlets(X, ["r", "b", "b", "r", "b"], 1, 2)
    assert exact.ids.tolist() == [0, 0, 0, 1, 1]
    assert exact.medoids[0] == 0
    assert exact.cost == pytest.approx(1 + 2 + 1)
    assert exact.root_children is None
    assert exact.tree_health is None


def test_lone_points_may_be_of_either_group():
    # Two reds about one blue, two blues about one red.
    X = np.array([[0.0], [1.0], [2.0], [100.0], [101.0], [102.0]])
    exact = exact_fairlets(X, [0, 1, 0, 1, 0, 1], 1, 2)
    assert exact.ids.tolist() == [0, 0, 0, 1, 1, 1]
    assert exact.cost == pytest.approx(4)


def test_equal_points_still_make_stars():
    exact = exact_fairlets(np.zeros((9, 1)), [0, 0, 0, 1, 1, 1, 1, 1, 1], 1, 3)
    counts = np.bincount(exact.ids)
    assert counts.max() <= 4
    assert star_cost(np.zeros((9, 1)), [0, 0, 0, 1, 1, 1, 1, 1, 1], exact.ids) == 0


def test_an_edge_between_two_stars_is_dropped():
    i, j = _without_bridges(np.array([0, 0, 1]), np.array([0, 1, 1]))
    assert (i.tolist(), j.tolist()) == ([0, 1], [0, 1])


@pytest.mark.parametrize(("d", "q"), [(2, 1), (5, 1), (2, 3)])
def test_tree_stays_near_the_optimum(d, q):
    ratios = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        groups = np.repeat([0, 1], [50, 50 * q])
        X = rng.normal(size=(len(groups), d))
        exact = star_cost(X, groups, exact_fairlets(X, groups, 1, q).ids)
        tree = star_cost(X, groups, fairlet_decomposition(X, groups, 1, q, random_state=seed).ids)
        ratios.append(tree / exact)
    assert min(ratios) >= 1
    # The theorem's factor grows as d log n; on random points it is a small constant.
    assert np.mean(ratios) < 3


def test_what_the_exact_decomposition_cannot_do_is_refused():
    groups = np.repeat([0, 1], [5, 8])
    with pytest.raises(UnsupportedInputError, match="ratio is 5:8; give p=1, q=2"):
        exact_fairlets(np.zeros((13, 1)), groups, 5, 8)
    many = np.repeat([0, 1], [2000, 4000])
    with pytest.raises(UnsupportedInputError, match="8,000,000 distances"):
        exact_fairlets(np.zeros((6000, 1)), many, 1, 2)


def test_star_cost_wants_a_lone_point():
    with pytest.raises(InvalidInputError, match="exactly one point"):
        star_cost(np.zeros((4, 1)), [0, 0, 1, 1], [0, 0, 0, 0])
    assert star_cost([[0.0], [3.0]], [0, 1], [7, 7]) == 3
