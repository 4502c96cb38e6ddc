"""Laws that hold for every table, and agreement with other implementations of the same metric."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from bench.metrics import (
    METRICS,
    accuracy,
    ari,
    balance,
    ceilings,
    contingency,
    evaluate,
    f_measure,
    group_entropy,
    group_entropy_nats,
    mnce,
    nmi,
    share,
)

CLUSTERS = 5


def rows(groups, clusters=CLUSTERS):
    """Samples as (class, cluster, group) rows."""
    cell = st.tuples(st.integers(0, 3), st.integers(0, clusters - 1), st.integers(0, groups - 1))
    return st.lists(cell, min_size=1, max_size=40).map(lambda cells: np.array(cells).T)


def table_of(labels, sensitive):
    counts = contingency(None, labels, sensitive)[0]
    return counts[counts.sum(axis=1) > 0]


@given(rows(groups=3))
def test_contingency_holds_every_sample(data):
    y, labels, sensitive = data
    counts = contingency(y, labels, sensitive, n_clusters=CLUSTERS)
    for axes, ids in (((1, 2), y), ((0, 1), sensitive)):
        assert counts.sum(axis=axes).tolist() == np.unique(ids, return_counts=True)[1].tolist()
    if labels.max() < max(len(labels), CLUSTERS):
        assert counts.sum(axis=(0, 2)).tolist() == np.bincount(labels, minlength=CLUSTERS).tolist()


@given(rows(groups=3))
def test_every_value_is_in_its_range(data):
    for name, score in evaluate(*data, n_clusters=CLUSTERS).items():
        low, high = METRICS[name].range
        assert math.isnan(score) or low <= score <= high, name
    assert 0 <= share(*data[1:]) <= 1 / len(np.unique(data[2]))


@given(rows(groups=3), st.permutations(range(4)), st.permutations(range(CLUSTERS)), st.permutations(range(3)))
def test_numbering_of_classes_clusters_and_groups_does_not_matter(data, classes, clusters, groups):
    y, labels, sensitive = data
    renamed = evaluate(
        np.array(classes)[y], np.array(clusters)[labels], np.array(groups)[sensitive], n_clusters=CLUSTERS
    )
    assert renamed == pytest.approx(evaluate(y, labels, sensitive, n_clusters=CLUSTERS), abs=1e-12, nan_ok=True)


@given(rows(groups=3), st.randoms())
def test_order_and_names_of_samples_do_not_matter(data, random):
    order = list(range(data.shape[1]))
    random.shuffle(order)
    y, labels, sensitive = data[:, order]
    names = np.array(["zoë", "al", "m"], dtype=object)[sensitive]
    assert evaluate(y * 0.5, labels, names) == pytest.approx(evaluate(*data), abs=1e-12, nan_ok=True)


@given(rows(groups=3), st.integers(1, 4))
def test_leading_empty_clusters_change_nothing(data, shift):
    y, labels, sensitive = data
    asked = CLUSTERS + shift
    trailing = evaluate(y, labels, sensitive, n_clusters=asked)
    leading = evaluate(y, labels + shift, sensitive, n_clusters=asked)
    assert leading == pytest.approx(trailing, nan_ok=True)


@given(rows(groups=3), st.integers(1, 4))
def test_asking_for_more_clusters_changes_only_their_count_and_the_scale_of_entropy(data, more):
    few = evaluate(*data, n_clusters=CLUSTERS)
    many = evaluate(*data, n_clusters=CLUSTERS + more)
    assert many.pop("empty_clusters") == few.pop("empty_clusters") + more
    scale = math.log(CLUSTERS) / math.log(CLUSTERS + more)
    assert many.pop("entropy") == pytest.approx(few.pop("entropy") * scale)
    assert many == pytest.approx(few, nan_ok=True)


@given(rows(groups=2))
def test_two_groups_mnce_follows_from_balance(data):
    # Both minima fall on the same cluster: MNCE = h(b / (1 + b)) / H(G).
    _, labels, sensitive = data
    assume(len(np.unique(sensitive)) == 2)
    b = balance(labels, sensitive)
    p, q = b / (1 + b), np.mean(sensitive)
    h = 0 if p == 0 else -p * math.log(p) - (1 - p) * math.log(1 - p)
    overall = -q * math.log(q) - (1 - q) * math.log(1 - q)
    assert mnce(labels, sensitive) == pytest.approx(h / overall, abs=1e-12)
    assert share(labels, sensitive) == pytest.approx(p)


@given(rows(groups=2))
def test_two_groups_balance_is_that_of_dfc(data):
    # The official DFC code: the smaller of both directions of the ratio.
    _, labels, sensitive = data
    assume(len(np.unique(sensitive)) == 2)
    table = table_of(labels, sensitive)
    with np.errstate(divide="ignore"):
        dfc = min((table[:, 0] / table[:, 1]).min(), (table[:, 1] / table[:, 0]).min())
    assert balance(labels, sensitive) == dfc


@given(rows(groups=4))
def test_balance_and_mnce_are_zero_exactly_where_they_should_be(data):
    _, labels, sensitive = data
    table = table_of(labels, sensitive)
    assert (balance(labels, sensitive) == 0) == bool((table == 0).any())
    if table.shape[1] > 1:
        assert (mnce(labels, sensitive) == 0) == bool(((table > 0).sum(axis=1) == 1).any())


@given(rows(groups=3))
def test_no_clustering_exceeds_the_balance_ceiling(data):
    y, labels, sensitive = data
    assert balance(labels, sensitive) <= ceilings(y, sensitive)["balance_ceiling"] + 1e-15


@given(rows(groups=3))
def test_mnce_is_the_official_code_s_within_its_constant(data):
    # The official FCMI code adds 1e-6 to every count and scans empty clusters too.
    _, labels, sensitive = data
    assume(len(np.unique(sensitive)) > 1)
    smoothed = contingency(None, labels, sensitive, n_clusters=CLUSTERS)[0] + 1e-6
    shares = smoothed / smoothed.sum(axis=1, keepdims=True)
    overall = smoothed.sum(axis=0) / smoothed.sum()
    entropies = -(shares * np.log(shares)).sum(axis=1)
    official = entropies.min() / -(overall * np.log(overall)).sum()
    assert mnce(labels, sensitive) == pytest.approx(official, abs=5e-4)


@given(rows(groups=3))
def test_entropy_is_the_official_code_s_within_its_constant(data):
    _, labels, sensitive = data
    spread = table_of(labels, sensitive)
    shares = spread / spread.sum(axis=0)
    official = -(shares * np.log(shares + 1e-5)).sum(axis=0)
    nats = group_entropy_nats(labels, sensitive)
    assert np.all(np.abs(nats - official) <= CLUSTERS * 1e-5)
    expected = nats.mean() / math.log(CLUSTERS)
    assert group_entropy(labels, sensitive, n_clusters=CLUSTERS) == pytest.approx(expected)


@given(rows(groups=1))
def test_nmi_and_ari_agree_with_scikit_learn(data):
    y, labels, _ = data
    trivial = len(np.unique(y)) == 1 or len(np.unique(labels)) == 1
    expected = 0 if trivial else normalized_mutual_info_score(y, labels, average_method="arithmetic")
    assert nmi(y, labels) == pytest.approx(expected, abs=1e-9)
    assert ari(y, labels) == pytest.approx(adjusted_rand_score(y, labels), abs=1e-9)


@given(rows(groups=1))
@example(np.array([[0, 0, 1, 1], [1, 1, 2, 2], [0, 0, 0, 0]]))
def test_accuracy_agrees_with_trying_every_matching(data):
    y, labels, _ = data
    hits = [np.mean(np.array(matching)[labels] == y) for matching in permutations(range(CLUSTERS))]
    assert accuracy(y, labels) == pytest.approx(max(hits))


@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.floats(1e-3, 1e3))
def test_f_measure_is_equation_15_on_any_scale(u, v, beta):
    f = f_measure(u, v, beta)
    assert f == pytest.approx((1 + beta**2) * u * v / (beta**2 * u + v))
    assert min(u, v) <= f <= max(u, v)
    assert f_measure(100 * u, 100 * v, beta) == pytest.approx(100 * f)
    assert f_measure(u, v, 1 / beta) == pytest.approx(f_measure(v, u, beta))
