"""The steps from counts to samples, each against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from bench.datasets._cells_steps import (
    bounded,
    dispersion_rank,
    library_size,
    most_variable,
    principal_components,
    z_scores,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array


def test_library_sizes_bring_a_cell_to_ten_thousand() -> None:
    counts = csr_array(np.array([[1.0, 3.0, 0.0], [0.0, 5.0, 5.0]], dtype=np.float32))
    out_of = library_size(counts, np.array([4.0, 20.0])).toarray()
    assert out_of.tolist() == [[2500, 7500, 0], [0, 2500, 2500]]
    assert out_of.dtype == np.float32
    assert counts.toarray().tolist() == [[1, 3, 0], [0, 5, 5]]


def test_the_gene_that_varies_more_than_its_bin_comes_first() -> None:
    # Means 2, 2, 2 and 40: the last is alone in its bin. Variances 4, 2, 1 (n - 1 in the denominator).
    by_gene = [
        [0, 2, 4, 2 + 0, 2],
        [1, 2, 3, 0.5858, 3.4142],
        [1, 3, 2, 1, 3],
        [39, 41, 40, 38, 42],
        [0, 0, 0, 0, 0],
        [7, 7, 7, 7, 7],
    ]
    expression = csr_array(np.array(by_gene, dtype=np.float32).T)
    log_ratio = [np.log(np.var(gene, ddof=1) / np.mean(gene)) for gene in by_gene[:3]]
    z = (np.array(log_ratio) - np.mean(log_ratio)) / np.std(log_ratio, ddof=1)
    # Alone in its bin: 1; beaten only by what lies more than one standard deviation above its bin.
    order = sorted({0: z[0], 1: z[1], 2: z[2], 3: 1.0}.items(), key=lambda item: -item[1])
    expected = [gene for gene, _ in order] + [4, 5]
    assert np.argsort(dispersion_rank(expression)).tolist() == expected


def test_bins_compare_genes_of_like_expression_only() -> None:
    rng = np.random.default_rng(0)
    # Highly expressed genes have the larger variance over mean throughout; one low gene stands out among the low.
    low, high = rng.poisson(0.5, size=(200, 30)), rng.negative_binomial(2, 0.02, size=(200, 30))
    low[:, 7] = np.where(rng.random(200) < 0.1, 5, 0)
    rank = dispersion_rank(csr_array(np.hstack([low, high]).astype(np.float32)))
    assert rank[7] < 5
    assert set(rank.tolist()) == set(range(60))


def test_genes_without_any_counts_come_last() -> None:
    expression = csr_array(np.array([[0, 1, 3], [0, 3, 1]], dtype=np.float32))
    assert dispersion_rank(expression)[0] == 2


def test_chosen_genes_keep_their_order() -> None:
    rank = np.array([3, 0, 4, 1, 2])
    assert most_variable(rank, 3).tolist() == [1, 3, 4]
    assert most_variable(rank, 99).tolist() == [0, 1, 2, 3, 4]


def test_z_scores_are_clipped_and_constant_genes_are_zero() -> None:
    X = np.zeros((200, 2), dtype=np.float32)
    X[0, 0] = 1.0
    X[:, 1] = 7.0
    scaled = z_scores(X)
    assert scaled[0, 0] == 10.0
    assert scaled[1, 0] == pytest.approx(-np.mean(X[:, 0]) / np.std(X[:, 0], ddof=1), rel=1e-5)
    assert (scaled[:, 1] == 0).all()


def test_principal_components_repeat_and_keep_the_variance() -> None:
    X = np.random.default_rng(0).normal(size=(60, 20)).astype(np.float32)
    first, again = principal_components(X, 20), principal_components(X, 20)
    assert np.array_equal(first, again)
    assert first.var(axis=0).sum() == pytest.approx(X.var(axis=0).sum(), rel=1e-4)
    assert (np.diff(first.var(axis=0)) <= 1e-4).all()


def test_bounds_by_hand() -> None:
    X = np.array([[0.0, 2.0], [4.0, 2.0]], dtype=np.float32)
    assert bounded(X.copy(), "minmax").tolist() == [[-1, 0], [1, 0]]
    expected = np.tanh((X - 2) / np.sqrt(2))
    assert bounded(X.copy(), "tanh") == pytest.approx(expected, abs=1e-6)


@given(
    arrays(np.float32, (7, 3), elements=st.floats(0, 100, width=32)).filter(lambda X: np.ptp(X) > 1e-3),
    st.sampled_from(["tanh", "minmax"]),
)
def test_bounds_hold_and_keep_the_order(X: np.ndarray, how: str) -> None:
    out = bounded(X.copy(), how)
    assert out.min() >= -1
    assert out.max() <= 1
    assert (np.diff(out.ravel()[np.argsort(X.ravel(), kind="stable")]) >= 0).all()
