"""What counts as a labelling: the check that every run and every conformance test applies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

__all__ = ["checked_labels", "clusters_of"]


def checked_labels(labels: Any, *, n: int, k: int) -> NDArray[np.int64]:
    """Return `labels` as an int64 array if they are one cluster id in 0 .. k - 1 for each of n samples.

    Raises
    ------
    InvalidInputError
        With what is wrong, in one line.
    """
    if labels is None:
        raise InvalidInputError("fit set no labels_; it must set an integer array, one cluster a sample")
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InvalidInputError(f"labels_ has shape {array.shape} for {n} samples; it must be ({n},)")
    if array.dtype.kind not in "iu":
        holes = int(np.count_nonzero(np.isnan(array))) if array.dtype.kind == "f" else 0
        nan = f" and holds {holes} NaN" if holes else ""
        raise InvalidInputError(f"labels_ has dtype {array.dtype}{nan}; it must be an integer type")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= k:
        raise InvalidInputError(
            f"labels_ has values from {low} to {high}; with {k} clusters they must lie in 0 .. {k - 1}"
        )
    return array.astype(np.int64)


def clusters_of(method: Any, k: int) -> int:
    """Return how many clusters the labels of a fitted method may name.

    Parameters
    ----------
    method : Method
        Fitted. Its ``n_clusters_``, if it sets one, is the number that it has found itself; else its ``n_clusters``.
    k : int
        Number of clusters that the data ask for, where it has neither.
    """
    found: Any = getattr(method, "n_clusters_", getattr(method, "n_clusters", k))
    return int(found)
