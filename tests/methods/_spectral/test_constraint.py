from __future__ import annotations

import numpy as np
import pytest
from bench.methods._spectral import FairSpace, constraint_matrix
from hypothesis import given
from hypothesis import strategies as st


def test_constraint_by_hand():
    groups = np.array([0, 0, 1, 2])
    assert np.array_equal(constraint_matrix(groups), [[0.5, -0.25], [0.5, -0.25], [-0.5, 0.75], [-0.5, -0.25]])


def test_one_group_is_no_constraint():
    constraint = constraint_matrix(np.zeros(4, dtype=np.int64))
    assert constraint.shape == (4, 0)
    space = FairSpace(constraint)
    vectors = np.random.default_rng(0).normal(size=(4, 2))
    assert space.dimension == 4
    assert np.array_equal(space.project(vectors), vectors)


@given(st.lists(st.integers(0, 2), min_size=3, max_size=30), st.integers(0, 2**30))
def test_zero_exactly_for_partitions_with_the_shares_of_the_data(ids, bits):
    groups = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    inside = np.array([bits >> i & 1 for i in range(len(groups))], dtype=bool)
    product = constraint_matrix(groups).T @ inside
    shares = np.bincount(groups)
    counts = np.bincount(groups[inside], minlength=len(shares))
    fair = np.array_equal(counts * len(groups), shares * inside.sum())
    assert np.allclose(product, 0, atol=1e-12) == fair


def test_projection_is_the_nearest_point_of_the_null_space():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(12, 3)) * 1e6
    space = FairSpace(columns)
    vectors = rng.normal(size=(12, 2))
    projected = space.project(vectors)
    assert columns.T @ projected / 1e6 == pytest.approx(0, abs=1e-12)
    residual = vectors - projected
    assert columns @ np.linalg.lstsq(columns, residual)[0] == pytest.approx(residual, abs=1e-9)
    assert space.dimension == 9
