"""The tolerance delta of FAlg, and the bounds on group shares that follow from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

__all__ = ["check_delta", "share_bounds"]

Floats = NDArray[np.float64]


def check_delta(delta: object) -> None:
    """Refuse a `delta` that is not a number in [0, 1).

    Raises
    ------
    InvalidInputError
        If it is not.
    """
    if isinstance(delta, bool) or not isinstance(delta, int | float) or not 0 <= delta < 1:
        raise InvalidInputError(f"delta={delta!r} given; it takes a number in [0, 1), for example 0.2")


def share_bounds(groups: NDArray[np.int64], delta: float) -> tuple[Floats, Floats]:
    """Least and largest share of every group in a cluster: r_t (1 - delta) and r_t / (1 - delta), at most 1.

    Parameters
    ----------
    groups : ndarray of shape (n,), int64
        Group ids 0 .. T - 1; r_t is the share of group t among them.
    delta : float
        In [0, 1).

    Returns
    -------
    lower, upper : ndarray of shape (T,)
        Bounds on the shares.
    """
    share = np.bincount(groups) / len(groups)
    return share * (1 - delta), np.minimum(1.0, share / (1 - delta))
