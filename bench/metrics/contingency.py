"""The one array that every metric is a function of: samples counted by class, cluster and group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import InvalidInputError

__all__ = ["contingency", "ids_of"]

# 64 Mi cells are 512 MiB: more means that a measurement was given where ids were expected.
MAX_CELLS = 2**26

# Whole numbers closer together than this, or than there are samples, are ranked without sorting.
SMALL_SPAN = 1024


def contingency(
    y_true: ArrayLike | None, labels: ArrayLike, sensitive: ArrayLike | None, *, n_clusters: int | None = None
) -> NDArray[np.int64]:
    """Count samples by true class, cluster and group.

    Parameters
    ----------
    y_true : array-like of shape (n,) or None
        True classes: any values, each distinct one is a class. None: no ground truth, all samples in one class.
    labels : array-like of shape (n,), int
        Cluster ids, at least 0; an id that does not occur is an empty cluster.
    sensitive : array-like of shape (n,) or None
        Sensitive attribute: any values, each distinct one is a group. None: all samples in one group.
    n_clusters : int, optional
        Number of clusters that were asked for. Defaults to the number of classes.

    Returns
    -------
    ndarray of shape (classes, clusters, groups), int64
        Entry (y, k, t): samples of class y and group t in cluster k. Classes and groups are in sorted order and
        none is empty. The clusters are the ids 0 .. max(largest label, ``n_clusters`` - 1). Ids that cannot be
        positions, because the largest reaches both the number of samples and `n_clusters`, are ranked first.

    Raises
    ------
    InvalidInputError
        Empty arrays, different lengths, missing values, labels that are not whole numbers from 0, or so many
        distinct values that they cannot be ids.

    Examples
    --------
    Cluster 0 is empty, and no sample of class "b" has the sensitive attribute "f".

    >>> from bench.metrics import contingency
    >>> contingency(["a", "a", "b"], [1, 1, 1], ["f", "m", "m"])
    array([[[0, 0],
            [1, 1]],
    <BLANKLINE>
           [[0, 0],
            [0, 1]]])
    """
    clusters = _cluster_ids(labels, n_clusters)
    classes, n_classes = _ids(y_true, len(clusters), "y_true")
    groups, n_groups = _ids(sensitive, len(clusters), "sensitive")
    width = max(int(clusters.max()) + 1, n_classes if n_clusters is None else n_clusters)
    cells = n_classes * width * n_groups
    if cells > MAX_CELLS:
        raise InvalidInputError(
            f"{n_classes} classes x {width} clusters x {n_groups} groups are more cells than {MAX_CELLS}; "
            "give ids, not measurements"
        )
    codes = (classes * width + clusters) * n_groups + groups
    return np.bincount(codes, minlength=cells).reshape(n_classes, width, n_groups).astype(np.int64, copy=False)


def ids_of(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Ids 0 .. m - 1 of the m distinct `values`, in sorted order; `name` is what errors call them.

    Raises
    ------
    InvalidInputError
        An empty array, more than one dimension, or missing values.
    """
    array = _vector(values, name)
    return _ids(array, len(array), name)[0]


def _cluster_ids(labels: ArrayLike, n_clusters: int | None) -> NDArray[np.int64]:
    array = _vector(labels, "labels")
    if array.dtype.kind not in "iu":
        raise InvalidInputError(f"labels are of type {array.dtype}; they take whole numbers (int) from 0, one a sample")
    if n_clusters is not None and (
        isinstance(n_clusters, bool) or not isinstance(n_clusters, int | np.integer) or n_clusters < 1
    ):
        raise InvalidInputError(f"n_clusters={n_clusters!r} given; it takes a whole number of at least 1")
    if array.min() < 0:
        raise InvalidInputError(
            f"labels hold {np.count_nonzero(array < 0)} negative ids; cluster ids start at 0: "
            "give samples without a cluster one of their own"
        )
    if int(array.max()) >= max(len(array), n_clusters or 0):
        return np.unique(array, return_inverse=True)[1].astype(np.int64, copy=False)
    return array.astype(np.int64, copy=False)


def _ids(values: ArrayLike | None, n: int, name: str) -> tuple[NDArray[np.int64], int]:
    """Ids of the distinct `values`, and how many there are; one id for all where there are no values."""
    if values is None:
        return np.zeros(n, dtype=np.int64), 1
    array = _vector(values, name)
    if len(array) != n:
        raise InvalidInputError(f"{name} has {len(array)} values for {n} samples; give one for each")
    if array.dtype.kind in "biu":
        low, high = int(array.min()), int(array.max())
        if high - low < max(n, SMALL_SPAN) and high < 2**63:
            return _rank(array.astype(np.int64) - low)
    try:
        missing = _count_missing(array)
        if missing:
            raise InvalidInputError(f"{name} lacks a value for {missing} of {n} samples; drop or name them")
        distinct, ids = np.unique(array, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(value).__name__ for value in array.tolist()}))
        raise InvalidInputError(
            f"{name} mixes values that cannot be compared ({kinds}); give one type, with none missing"
        ) from None
    return ids.astype(np.int64, copy=False), len(distinct)


def _rank(positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Close the gaps between small numbers: np.unique without its sort."""
    present = np.bincount(positions) > 0
    if present.all():
        return positions, len(present)
    return (np.cumsum(present) - 1)[positions], int(np.count_nonzero(present))


def _count_missing(array: NDArray[Any]) -> int:
    # NaN and NaT are the values that differ from themselves.
    missing = array != array
    if array.dtype.kind == "O":
        missing = missing | (array == np.array(None))
    return int(np.count_nonzero(missing))


def _vector(values: ArrayLike, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        # NumPy writes a NaN among strings as the string "nan": only the objects tell them apart.
        if array.dtype.kind in "SU" and not isinstance(values, np.ndarray):
            array = np.asarray(values, dtype=object)
    except ValueError:
        raise InvalidInputError(f"{name} is nested; it takes one value for each sample, shape (n,)") from None
    if array.ndim != 1:
        raise InvalidInputError(f"{name} has shape {array.shape}; it takes one value for each sample, shape (n,)")
    if array.size == 0:
        raise InvalidInputError(f"{name} is empty; metrics take at least one sample")
    return array
