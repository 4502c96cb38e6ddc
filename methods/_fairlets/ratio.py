"""The ratio p:q that bounds Balance from below, compared in integers only."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError, UnsupportedInputError

from .._deep.parameters import check_at_least

__all__ = ["Ratio", "group_sizes", "largest_ratio"]

LARGEST_Q = 10


class Ratio(NamedTuple):
    """Coprime integers p <= q: a set is balanced if q times its smaller count is at least p times its larger one."""

    p: int
    q: int

    @classmethod
    def checked(cls, p: int, q: int, sizes: NDArray[np.int64]) -> Self:
        """Ratio in lowest terms, refused where two groups of these `sizes` cannot keep it.

        Raises
        ------
        InvalidInputError
            If p, q are no whole numbers with 1 <= p <= q, or p/q is above the balance of the data.
        """
        check_at_least(1, p=p)
        check_at_least(p, q=q)
        ratio = cls(int(p) // gcd(p, q), int(q) // gcd(p, q))
        if not ratio.holds(sizes):
            best = largest_ratio(sizes)
            raise InvalidInputError(
                f"p={p}, q={q} given, but the groups have {sizes[0]} and {sizes[1]} samples: p/q may be at most "
                f"{sizes.min() / sizes.max():.4f}; take p={best.p}, q={best.q}"
            )
        return ratio

    def most(self, count: NDArray[np.int64]) -> NDArray[np.int64]:
        """Largest number of the other colour that is balanced beside `count` of one: floor(count q / p)."""
        return count * self.q // self.p

    def least(self, count: NDArray[np.int64]) -> NDArray[np.int64]:
        """Smallest number of the other colour that is balanced beside `count` of one: ceil(count p / q)."""
        return -(-count * self.p // self.q)

    def holds(self, counts: NDArray[np.int64]) -> bool:
        """Whether every set, a row of (..., 2) `counts`, is balanced."""
        return bool((self.q * counts.min(axis=-1) >= self.p * counts.max(axis=-1)).all())


def largest_ratio(sizes: NDArray[np.int64]) -> Ratio:
    """Largest p/q that groups of these sizes allow, among q <= 10.

    Parameters
    ----------
    sizes : ndarray of shape (2,), int
        Samples in each group, at least 1.

    Returns
    -------
    Ratio
        In lowest terms. Where the smaller group has less than a tenth of the larger one's samples, 1:q with the
        smallest q that is possible.
    """
    small, large = int(sizes.min()), int(sizes.max())
    best = Ratio(1, -(-large // small))
    for q in range(1, LARGEST_Q + 1):
        p = q * small // large
        if p * best.q > best.p * q:
            best = Ratio(p, q)
    return best


def group_sizes(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Samples in each of the two groups.

    Raises
    ------
    UnsupportedInputError
        If there are not exactly two groups.
    """
    sizes = np.bincount(groups).astype(np.int64)
    if len(sizes) != 2:
        raise UnsupportedInputError(
            f"the sensitive attribute has {len(sizes)} groups; fairlets are defined for exactly two, merge or drop some"
        )
    return sizes
