"""The tree's decomposition: by hand, and what it guarantees."""

import numpy as np
import pytest
from bench.methods._fairlets import fairlet_decomposition, largest_ratio
from bench.methods._fairlets.fairlets import medoids_of
from bench.methods._fairlets.greedy import greedy_fairlets
from bench.methods._fairlets.grid import ShiftedGrid
from bench.methods._fairlets.ratio import Ratio
from bench.methods._fairlets.tree import tree_fairlets
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InvalidInputError, UnsupportedInputError


def sets_of(ids):
    return {frozenset(np.flatnonzero(ids == fairlet).tolist()) for fairlet in np.unique(ids)}


def line_grid(side=8.0):
    return ShiftedGrid(np.zeros(1), side, ShiftedGrid.draw_weights(1, np.random.default_rng(0)))


# Cells below the root: [0, 4) with two reds and a blue, [4, 8) with a red and two blues.
LINE = np.array([[3.0], [0.5], [0.6], [4.5], [7.0], [7.1]], dtype=np.float32)
COLOURS = np.array([0, 0, 1, 1, 0, 1])


def test_one_tree_by_hand():
    # One red leaves the left cell and one blue the right one; the first in order go, and meet.
    ids, root_children = tree_fairlets(LINE, COLOURS, Ratio(1, 1), line_grid(), np.arange(6))
    assert root_children == 2
    assert sets_of(ids) == {frozenset({0, 3}), frozenset({1, 2}), frozenset({4, 5})}
    medoids, cost = medoids_of(LINE, ids, COLOURS, np.arange(6))
    assert cost == pytest.approx(1.5 + 0.1 + 0.1, abs=1e-6)
    # Both members of a pair are medoids; the lower group's is taken.
    assert sorted(medoids.tolist()) == [0, 1, 4]


def test_order_of_rows_decides_who_leaves():
    ids, _ = tree_fairlets(LINE, COLOURS, Ratio(1, 1), line_grid(), np.arange(6)[::-1])
    assert sets_of(ids) == {frozenset({1, 5}), frozenset({0, 2}), frozenset({4, 3})}


def test_second_level_by_hand():
    # All in [0, 4): [0, 2) and [2, 4) part at level 2, each balanced, so each stays whole down to its pairs.
    X = np.array([[0.1], [2.6], [0.2], [2.7], [1.5], [1.6]], dtype=np.float32)
    ids, root_children = tree_fairlets(X, np.array([0, 0, 1, 1, 0, 1]), Ratio(1, 1), line_grid(), np.arange(6))
    assert root_children == 1
    assert sets_of(ids) == {frozenset({0, 2}), frozenset({1, 3}), frozenset({4, 5})}


def test_cells_of_a_grid_in_two_dimensions():
    rng = np.random.default_rng(0)
    grid = ShiftedGrid(np.zeros(2), 4.0, ShiftedGrid.draw_weights(2, rng))
    X = np.array([[0, 0], [1, 1], [3, 0], [0, 3], [3, 3], [2, 2]], dtype=np.float32)
    keys = grid.children(X, np.arange(6), 1)
    assert keys[0] == keys[1]
    assert keys[4] == keys[5]
    assert len(set(keys.tolist())) == 4
    # At level 2 only the place within the parent counts: (0, 0) and (2, 2) lie in the lowest quarter of theirs.
    deeper = grid.children(X, np.arange(6), 2)
    assert deeper[0] == deeper[5]
    assert deeper[1] == deeper[4]
    assert deeper[0] != deeper[1]


def test_grid_holds_all_points_and_is_shifted_by_the_seed():
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32) + 1000
    grids = [ShiftedGrid.around(X, np.random.default_rng(seed)) for seed in range(20)]
    for grid in grids:
        assert (grid.origin <= X.min(axis=0)).all()
        assert (grid.origin + grid.side >= X.max(axis=0)).all()
    assert len({float(grid.origin[0]) for grid in grids}) == 20


def test_medoids_by_hand():
    X = np.array([[0.0], [1.0], [5.0], [10.0], [10.0], [10.0]], dtype=np.float32)
    medoids, cost = medoids_of(X, np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1]), np.arange(6))
    assert medoids.tolist() == [1, 4]
    assert cost == pytest.approx(1 + 4)


def check_promises(result, groups, n):
    counts = np.bincount(2 * result.ids + groups, minlength=2 * len(result.medoids)).reshape(-1, 2)
    p, q = result.ratio
    assert result.ids.shape == (n,)
    assert counts.sum() == n
    assert len(counts) == len(result.medoids)
    assert (q * counts.min(axis=1) >= p * counts.max(axis=1)).all()
    assert counts.sum(axis=1).max() <= p + q
    assert (result.ids[result.medoids] == np.arange(len(counts))).all()


@st.composite
def instances(draw):
    sizes = draw(st.tuples(st.integers(1, 25), st.integers(1, 25)))
    d = draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["normal", "duplicates", "equal", "far"]))
    n = sum(sizes)
    X = {
        "normal": rng.normal(size=(n, d)),
        "duplicates": rng.integers(0, 3, size=(n, d)).astype(float),
        "equal": np.full((n, d), 0.3),
        "far": 1e6 + rng.choice([0, 1e-3, 1, 1e4], size=(n, d)),
    }[kind]
    groups = rng.permutation(np.repeat([0, 1], sizes))
    return X, groups, seed


@settings(max_examples=300)
@given(instances(), st.integers(1, 12), st.sampled_from(["policy", "exact balance", "looser"]))
def test_promises_hold_on_any_instance(instance, loosen, choice):
    X, groups, seed = instance
    sizes = np.bincount(groups)
    p, q = (int(sizes.min()), int(sizes.max())) if choice == "exact balance" else largest_ratio(sizes)
    if choice == "looser":
        q += loosen
    result = fairlet_decomposition(X, groups, p, q, random_state=seed)
    check_promises(result, groups, len(X))
    assert 0 < result.tree_health <= 1
    near = X - X[result.medoids[result.ids]].astype(np.float32)
    assert result.cost == pytest.approx(np.linalg.norm(near, axis=1).sum(), rel=1e-3, abs=2.0)


@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 3), (5, 8), (1, 9)])
def test_promises_hold_on_thousands_of_points(p, q):
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], [p * 300, q * 300])
    X = rng.normal(size=(len(groups), 3)) + groups[:, None]
    check_promises(fairlet_decomposition(X, groups, p, q, random_state=0), groups, len(X))


def test_cost_is_far_below_that_of_any_order():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(2000, 2)).astype(np.float32)
    groups = np.arange(2000) % 2
    ids, _ = greedy_fairlets(np.zeros(2000, dtype=int), groups, Ratio(1, 1))
    arbitrary = medoids_of(X, ids, groups, np.arange(2000))[1]
    assert fairlet_decomposition(X, groups, 1, 1, random_state=0).cost < arbitrary / 5


def test_near_pairs_find_each_other_whatever_the_shift():
    X = np.repeat(np.arange(40.0)[:, None] * 100, 2, axis=0) + np.tile([[0.0], [0.01]], (40, 1))
    shared = [
        sum(len(pair) == 2 and max(pair) - min(pair) == 1 for pair in sets_of(result.ids))
        for result in (fairlet_decomposition(X, np.arange(80) % 2, 1, 1, random_state=seed) for seed in range(10))
    ]
    assert min(shared) >= 38


def test_seed_decides():
    X = np.random.default_rng(0).normal(size=(200, 4))
    groups = np.arange(200) % 2
    first, again, other = (fairlet_decomposition(X, groups, 1, 1, random_state=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, other.ids)


def test_in_many_dimensions_order_alone_decides():
    X = np.random.default_rng(0).normal(size=(100, 300))
    groups = np.repeat([0, 1], 50)
    result = fairlet_decomposition(X, groups, 1, 1, random_state=0, row_order="given")
    assert result.tree_health == 1
    assert sets_of(result.ids) == {frozenset({i, 50 + i}) for i in range(50)}
    shuffled = fairlet_decomposition(X, groups, 1, 1, random_state=0)
    assert sets_of(shuffled.ids) != sets_of(result.ids)


def test_equal_points_need_no_tree():
    result = fairlet_decomposition(np.ones((6, 2)), [0, 0, 0, 0, 1, 1], 1, 2, random_state=0)
    assert result.cost == 0
    assert result.root_children == 1


def test_images_are_flattened_and_groups_may_have_names():
    X = np.random.default_rng(0).normal(size=(12, 1, 2, 2))
    named = fairlet_decomposition(X, ["b", "a"] * 6, 1, 1, random_state=0)
    plain = fairlet_decomposition(X.reshape(12, 4), [1, 0] * 6, 1, 1, random_state=0)
    assert np.array_equal(named.ids, plain.ids)


def test_bad_input_is_refused():
    X = np.zeros((6, 1))
    with pytest.raises(UnsupportedInputError, match="3 groups"):
        fairlet_decomposition(X, [0, 1, 2] * 2, 1, 1, random_state=0)
    with pytest.raises(InvalidInputError, match="p=1, q=1 given, but the groups have 4 and 2"):
        fairlet_decomposition(X, [0, 0, 0, 0, 1, 1], 1, 1, random_state=0)
    with pytest.raises(InvalidInputError, match="row_order='sorted'"):
        fairlet_decomposition(X, [0, 1] * 3, 1, 1, random_state=0, row_order="sorted")
    with pytest.raises(InvalidInputError, match="random_state=-1"):
        fairlet_decomposition(X, [0, 1] * 3, 1, 1, random_state=-1)
