"""Whole numbers of every group in every cluster, as near to equal shares as whole numbers can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from bench.errors import InvalidInputError

from .simplex import simplex

__all__ = ["fair_quotas"]

Ints = NDArray[np.int64]


def fair_quotas(cluster_sizes: ArrayLike, group_sizes: ArrayLike) -> Ints:
    """Counts of every group in every cluster that give all clusters the shares of the data, up to rounding.

    The exact counts n_k N_t / N are rarely whole. They are cut to whole numbers, and what rows and columns then lack
    is placed one by one into cells that were cut, at most one a cell, where most was cut off: a flow between
    clusters and groups. What was cut off is itself a fractional flow, so a whole one exists.

    Parameters
    ----------
    cluster_sizes : array-like of shape (K,), int
        Samples n_k that every cluster is to hold; zeros are allowed.
    group_sizes : array-like of shape (T,), int
        Samples N_t of every group, with the same sum N.

    Returns
    -------
    ndarray of shape (K, T), int64
        Rows sum to n_k and columns to N_t; every entry is less than 1 away from n_k N_t / N.

    Raises
    ------
    InvalidInputError
        For sizes that are not whole numbers of at least 0, or sums that differ or are 0.
    RuntimeError
        If HiGHS fails.
    """
    rows, columns = checked_sizes("cluster_sizes", cluster_sizes), checked_sizes("group_sizes", group_sizes)
    n = int(rows.sum())
    if n == 0 or n != columns.sum():
        raise InvalidInputError(
            f"cluster_sizes sum to {n} and group_sizes to {columns.sum()}; both take the number of samples, at least 1"
        )
    # Whole numbers throughout, so that a count that is whole is never taken for a fraction.
    whole, rest = np.divmod(np.outer(rows, columns), n)
    quotas: Ints = whole + placed_units(rest / n, rows - whole.sum(axis=1), columns - whole.sum(axis=0))
    if (quotas.sum(axis=1) != rows).any() or (quotas.sum(axis=0) != columns).any():
        raise RuntimeError("HiGHS placed the remainders of the quotas so that rows or columns miss their sums")
    return quotas


def placed_units(fraction: NDArray[np.float64], row_needs: Ints, column_needs: Ints) -> Ints:
    """Zeros and ones in the cells of positive `fraction`, with these row and column sums and the largest total."""
    units = np.zeros(fraction.shape, dtype=np.int64)
    row, column = np.nonzero(fraction)
    if row.size == 0:
        return units
    cells = np.arange(len(row))
    in_row = sparse.csr_array((np.ones(len(row)), (row, cells)), shape=(len(row_needs), len(row)))
    in_column = sparse.csr_array((np.ones(len(row)), (column, cells)), shape=(len(column_needs), len(row)))
    # A transportation polytope: its vertices are whole.
    entries, _ = simplex(
        -fraction[row, column],
        (sparse.csr_array(sparse.eye_array(len(row))), np.ones(len(row))),
        (sparse.csr_array(sparse.vstack([in_row, in_column])), np.concatenate([row_needs, column_needs]).astype(float)),
    )
    units[row, column] = np.rint(entries).astype(np.int64)
    return units


def checked_sizes(name: str, sizes: ArrayLike) -> Ints:
    """`sizes` as whole numbers of at least 0, one or more of them."""
    values = np.asarray(sizes)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iu" or (values < 0).any():
        raise InvalidInputError(f"{name}={values.tolist()} given; it takes whole numbers of at least 0, in one row")
    return values.astype(np.int64)
