"""Shannon entropy of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["entropy_of_counts"]


def entropy_of_counts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy, in nats, of the distribution along the last axis.

    Parameters
    ----------
    counts : ndarray of shape (..., m), int
        Counts, not all zero along the last axis.

    Returns
    -------
    ndarray of shape (...), float64
        Between 0, exactly, where one entry holds everything, and ln m.
    """
    shares: NDArray[Any] = counts / counts.sum(axis=-1, keepdims=True)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    # A difference from zero, as a plain minus sign would print -0.0.
    return np.asarray(0.0 - (shares * logarithms).sum(axis=-1), dtype=np.float64)
