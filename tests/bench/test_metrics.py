"""Hand-worked tables and published reference points of the metrics."""

from __future__ import annotations

import doctest
import importlib
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from bench import metrics
from bench.metrics import (
    METRICS,
    accuracy,
    ari,
    balance,
    ceilings,
    contingency,
    empty_clusters,
    evaluate,
    f_measure,
    group_entropy,
    group_entropy_nats,
    mnce,
    nmi,
    share,
)

KEYS = ["acc", "nmi", "balance", "mnce", "f_beta", "ari", "entropy", "empty_clusters"]
LN2, LN3 = math.log(2), math.log(3)
H_QUARTER = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))  # nats

# Class by group counts of the true labels, and what they score in percent: Balance ceiling, Bal, MNCE, F1.
# MNIST-USPS and Reverse MNIST: Table 1 of the DFC reproducibility report (DOI 10.5281/zenodo.4833547).
MNIST = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
USPS = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
# Saenko et al., ECCV 2010.
AMAZON = [92, 82, 72, 82, 36, 94, 91, 97, 97, 81, 99, 100, 100, 98, 100, 99]
AMAZON += [100, 94, 96, 95, 93, 100, 98, 98, 90, 75, 100, 99, 99, 96, 64]
WEBCAM = [29, 21, 28, 12, 16, 31, 40, 18, 21, 19, 27, 27, 30, 19, 30, 43]
WEBCAM += [30, 27, 28, 32, 16, 20, 30, 27, 40, 11, 25, 30, 24, 23, 21]
# Tran et al., Genome Biology 21:12 (2020), data set 2.
MICROWELL = [325, 202, 432, 355, 425, 386, 36, 311, 97, 701, 969]
SMARTSEQ = [781, 18, 702, 35, 44, 94, 49, 143, 66, 331, 452]
REFERENCE = {
    "MNIST-USPS": ([MNIST, USPS], (12.15, 9.26, 84.62, 91.7)),
    "Reverse MNIST": ([MNIST, MNIST], (100, 100, 100, 100)),
    "Office-31": ([AMAZON, WEBCAM], (28.22, 14.63, 72.46, 84.0)),
    "MTFL": ([[346, 654], [346, 654]], (100, 100, 100, 100)),
    "Mouse Atlas": ([MICROWELL, SMARTSEQ], (64.05, 8.91, 42.33, 59.5)),
}


def samples(*cells):
    """One sample after another from (class, cluster, group, count) cells."""
    rows = [cell[:3] for cell in cells for _ in range(cell[3])]
    y, labels, sensitive = zip(*rows, strict=True)
    return list(y), list(labels), list(sensitive)


# Eight samples, two groups: classes 3:1 and 1:3 over the clusters, groups likewise.
EIGHT = (list("aaaabbbb"), [0, 0, 0, 1, 1, 1, 1, 0], list("fffmmmfm"))

# Twelve samples, three groups of four; group "a" is missing from cluster 2.
TWELVE = samples(
    (0, 0, "a", 3), (0, 0, "b", 1), (1, 1, "a", 1), (1, 1, "b", 1), (1, 1, "c", 1),
    (1, 2, "b", 1), (2, 2, "c", 2), (2, 0, "b", 1), (2, 0, "c", 1),
)  # fmt: skip


@pytest.mark.parametrize("module", ["evaluation", "contingency", "quality", "fairness"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"bench.metrics.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_contingency_counts_by_class_cluster_and_group():
    counts = contingency(*TWELVE)
    assert counts.dtype == np.int64
    assert counts.tolist() == [
        [[3, 1, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [1, 1, 1], [0, 1, 0]],
        [[0, 1, 1], [0, 0, 0], [0, 0, 2]],
    ]


def test_eight_samples_two_groups():
    scores = evaluate(*EIGHT)
    u, v = 1 - H_QUARTER / LN2, H_QUARTER / LN2
    expected = dict(zip(KEYS, (0.75, u, 1 / 3, v, 2 * u * v, 0.125, v, 0), strict=True))
    assert scores == pytest.approx(expected, abs=1e-12)
    assert share(EIGHT[1], EIGHT[2]) == 0.25


def test_twelve_samples_three_groups():
    scores = evaluate(*TWELVE, beta=2)
    u = (LN2 + LN3 / 2) / (LN3 + 1.5 * LN2)
    v = 1 - (2 / 3) * LN2 / LN3
    nats = [H_QUARTER, 1.5 * LN2, 1.5 * LN2]
    expected = (0.75, u, 0, v, 5 * u * v / (4 * u + v), 348 / 909, sum(nats) / 3 / LN3, 0)
    assert list(scores) == KEYS
    assert scores == pytest.approx(dict(zip(KEYS, expected, strict=True)), abs=1e-12)
    assert group_entropy_nats(*TWELVE[1:]) == pytest.approx(nats, abs=1e-12)
    assert share(*TWELVE[1:]) == 0


@pytest.mark.parametrize("table", [EIGHT, TWELVE])
def test_public_functions_agree_with_evaluate(table):
    y, labels, sensitive = table
    assert evaluate(y, labels, sensitive) == {
        "acc": accuracy(y, labels),
        "nmi": nmi(y, labels),
        "balance": balance(labels, sensitive),
        "mnce": mnce(labels, sensitive),
        "f_beta": f_measure(nmi(y, labels), mnce(labels, sensitive)),
        "ari": ari(y, labels),
        "entropy": group_entropy(labels, sensitive),
        "empty_clusters": empty_clusters(labels),
    }


def test_nmi_is_arithmetic_not_geometric():
    # Four classes in two clusters: 2 bits against the entropy of (1/4, 3/4), all of it shared.
    y, labels = [0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 1, 1, 1, 1]
    shared = H_QUARTER / LN2
    assert nmi(y, labels) == pytest.approx(2 * shared / (2 + shared), abs=1e-12)
    assert nmi(y, labels) == pytest.approx(0.577159, abs=1e-6)
    assert math.sqrt(shared / 2) == pytest.approx(0.636898, abs=1e-6)


def test_accuracy_with_more_and_with_fewer_clusters_than_classes():
    assert accuracy([0, 0, 0, 1, 1, 1], [0, 0, 3, 1, 2, 2]) == pytest.approx(4 / 6)
    assert accuracy([0, 1, 2, 2], [0, 0, 1, 1]) == pytest.approx(3 / 4)


def test_accuracy_with_cluster_0_empty():
    assert accuracy([0, 0, 1, 1, 2, 2], [2, 2, 1, 1, 1, 3]) == pytest.approx(5 / 6)


def test_accuracy_is_the_best_matching_not_each_cluster_s_majority():
    # Class 0 leads in both clusters; taking the largest count first would reach 5 + 1.
    y, labels, _ = samples((0, 0, 0, 5), (1, 0, 0, 4), (0, 1, 0, 4), (1, 1, 0, 1))
    assert accuracy(y, labels) == pytest.approx(8 / 14)


def test_all_in_one_cluster():
    y, sensitive = list("aabbbbcc"), list("fmfmfmmm")
    scores = evaluate(y, [0] * 8, sensitive)
    assert scores == {
        "acc": 0.5,
        "nmi": 0.0,
        "balance": 0.6,
        "mnce": 1.0,
        "f_beta": 0.0,
        "ari": 0.0,
        "entropy": 0.0,
        "empty_clusters": 2.0,
    }
    assert scores["balance"] == ceilings(y, sensitive)["balance_ceiling"]


def test_one_cluster_and_one_class():
    scores = evaluate([0, 0], [0, 0], [0, 1])
    assert (scores["acc"], scores["nmi"], scores["ari"], scores["entropy"]) == (1.0, 0.0, 1.0, 0.0)


def test_clusters_that_are_the_groups():
    scores = evaluate([0, 1, 0, 1], [0, 0, 1, 1], [5, 5, 9, 9])
    assert (scores["balance"], scores["mnce"], scores["f_beta"], scores["entropy"]) == (0.0, 0.0, 0.0, 0.0)


def test_one_group():
    scores = evaluate([0, 0, 1, 1], [0, 0, 1, 2], ["all"] * 4)
    assert scores["balance"] == 1.0
    assert math.isnan(scores["mnce"])
    assert math.isnan(scores["f_beta"])
    assert scores["acc"] == 0.75


def test_thirty_tiny_groups():
    # Each group has one sample in each of two clusters, but group 29 has both in cluster 0.
    labels = np.tile([0, 1], 30)
    sensitive = np.repeat(np.arange(30), 2)
    assert balance(labels, sensitive) == 1.0
    assert mnce(labels, sensitive) == 1.0
    labels[-1] = 0
    assert balance(labels, sensitive) == 0.0
    assert share(labels, sensitive) == 0.0
    assert mnce(labels, sensitive) == pytest.approx(math.log(29) / math.log(30))
    assert group_entropy_nats(labels, sensitive).tolist() == pytest.approx([LN2] * 29 + [0])


def test_group_missing_from_a_cluster_counts_even_when_its_id_is_the_last():
    assert balance([0, 0, 1, 1, 1], [0, 1, 0, 1, 2]) == 0.0


def test_cluster_with_two_of_three_groups_has_balance_0_but_not_mnce_0():
    labels, sensitive = [0, 0, 1, 1, 1], [0, 1, 0, 1, 2]
    assert mnce(labels, sensitive) == pytest.approx(LN2 / (0.8 * math.log(2.5) + 0.2 * math.log(5)))


def test_no_ground_truth():
    scores = evaluate(None, EIGHT[1], EIGHT[2], n_clusters=4)
    truth = evaluate(*EIGHT, n_clusters=4)
    for key in KEYS:
        if key in {"acc", "nmi", "f_beta", "ari"}:
            assert math.isnan(scores[key])
        else:
            assert scores[key] == truth[key]
    assert scores["empty_clusters"] == 2.0


def test_empty_clusters_refer_to_what_was_asked_for():
    assert evaluate([0, 1, 2, 3], [1, 1, 3, 3], [0, 1, 0, 1])["empty_clusters"] == 2
    assert evaluate([0, 1, 2, 3], [1, 1, 3, 3], [0, 1, 0, 1], n_clusters=6)["empty_clusters"] == 4
    assert evaluate(None, [1, 1, 3, 3], [0, 1, 0, 1])["empty_clusters"] == 2
    assert evaluate([0, 0, 0, 1, 1, 1], [0, 1, 2, 4, 4, 4], [0, 1] * 3)["empty_clusters"] == 0


def test_entropy_refers_to_the_clusters_asked_for():
    labels, sensitive = [0, 0, 1, 1], [0, 1, 0, 1]
    assert group_entropy(labels, sensitive) == 1.0
    assert group_entropy(labels, sensitive, n_clusters=4) == 0.5
    # More in use than asked for: the clusters in use are what a group can spread over.
    assert group_entropy([0, 1, 2, 3, 0, 1], [0] * 4 + [1] * 2, n_clusters=2) == pytest.approx(0.75)
    assert group_entropy([0, 1, 2, 3, 0, 1], [0] * 4 + [1] * 2, n_clusters=1) == pytest.approx(0.75)


def test_ari_of_more_pairs_than_64_bits_can_multiply():
    y, labels = np.repeat([0, 1], 100_000), np.tile([0, 1], 100_000)
    labels[:1000] = 0
    cells = contingency(y, labels, None)[:, :, 0]

    def pairs(sizes):
        return sum(int(size) * (int(size) - 1) // 2 for size in np.ravel(sizes))

    expected = Fraction(pairs(cells.sum(1)) * pairs(cells.sum(0)), pairs(200_000))
    span = Fraction(pairs(cells.sum(1)) + pairs(cells.sum(0)), 2) - expected
    assert ari(y, labels) == pytest.approx(float((pairs(cells) - expected) / span), rel=1e-12)


@pytest.mark.parametrize("name", REFERENCE)
def test_true_labels_score_the_published_reference_points(name):
    columns, expected = REFERENCE[name]
    cells = [(y, y, t, size) for t, column in enumerate(columns) for y, size in enumerate(column)]
    y, _, sensitive = samples(*cells)
    scores = ceilings(y, sensitive)
    found = [100 * scores[key] for key in ("balance_ceiling", "balance", "mnce")]
    assert found == pytest.approx(expected[:3], abs=0.005)
    assert 100 * scores["f_beta"] == pytest.approx(expected[3], abs=0.05)
    assert (scores["acc"], scores["empty_clusters"]) == (1.0, 0.0)
    assert scores["nmi"] == pytest.approx(1)
    assert scores["ari"] == 1.0


def test_ceilings_without_ground_truth():
    scores = ceilings(None, ["f", "m", "m", "m"])
    assert list(scores) == [*KEYS, "balance_ceiling"]
    assert scores.pop("balance_ceiling") == pytest.approx(1 / 3)
    assert all(math.isnan(score) for score in scores.values())


def test_f_measure_weighs_fairness_by_beta():
    assert f_measure(0.5, 1.0) == pytest.approx(2 / 3)
    assert f_measure(0.2, 0.8, beta=2) == pytest.approx(5 * 0.16 / 1.6)
    assert f_measure(20, 80, beta=2) == pytest.approx(50)
    assert f_measure(0.2, 0.8, beta=1e300) == pytest.approx(0.8)
    assert f_measure(0.2, 0.8, beta=1e-300) == pytest.approx(0.2)
    assert f_measure(0.0, 0.0) == f_measure(0.0, 1.0) == f_measure(1.0, 0.0, beta=1e300) == 0.0
    assert math.isnan(f_measure(0.0, math.nan))


def test_evaluate_counts_the_samples_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        metrics.evaluation, "contingency", lambda *args, **kw: calls.append(1) or contingency(*args, **kw)
    )
    evaluate(*TWELVE)
    assert len(calls) == 1


def test_metrics_table_describes_what_evaluate_returns():
    assert list(METRICS) == list(evaluate(*EIGHT)) == KEYS
    assert [name for name, metric in METRICS.items() if metric.paper] == KEYS[:5]
    assert [name for name, metric in METRICS.items() if metric.unit == "count"] == ["empty_clusters"]
    with pytest.raises(TypeError):
        METRICS["acc"] = None


def test_table_headers_need_no_heavy_import():
    code = "import sys, bench.metrics; print(*{'scipy', 'sklearn', 'pandas', 'torch'} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
