"""Nested grids with one random shift: the cells of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["ShiftedGrid"]

# A block of rows as float64 stays in the processor's cache.
BLOCK_ENTRIES = 1 << 18


@dataclass(frozen=True)
class ShiftedGrid:
    """A cube that is halved along every axis, level by level.

    Parameters
    ----------
    origin : ndarray of shape (d,), float64
        Lowest corner of the root cell.
    side : float
        Side of the root cell; 0 if all points are equal.
    weights : ndarray of shape (d, 2), float64
        Random whole numbers that hash the 2^d children of a cell. Sums of them stay below 2^53, so they are exact in
        any order. Two children share a hash with a chance of 2^-64 or less for d up to 2^20; they would then be one
        cell, which costs quality and never balance.
    """

    origin: NDArray[np.float64]
    side: float
    weights: NDArray[np.float64]

    @classmethod
    def around(cls, X: NDArray[np.float32], rng: np.random.Generator) -> Self:
        """Cube of twice the largest extent of `X`, shifted along every axis by a uniform share of that extent."""
        low = X.min(axis=0).astype(np.float64)
        extent = float((X.max(axis=0) - low).max())
        origin = low - rng.uniform(0, extent, size=X.shape[1])
        return cls(origin, 2 * extent, cls.draw_weights(X.shape[1], rng))

    @staticmethod
    def draw_weights(n_dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Hash weights for that many dimensions."""
        return rng.integers(0, 2**53 // n_dims, size=(n_dims, 2)).astype(np.float64)

    def children(self, X: NDArray[np.float32], rows: NDArray[np.int64], level: int) -> NDArray[np.uint64]:
        """Hash of the child that each of `rows` of `X` lies in, within its cell of the level above.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Points.
        rows : ndarray of shape (m,), int64
            Which of them.
        level : int
            Level of the children, 1 below the root.

        Returns
        -------
        ndarray of shape (m,), uint64
        """
        keys = np.empty(len(rows), dtype=np.uint64)
        block = max(1, BLOCK_ENTRIES // X.shape[1])
        # In units of the parent's side, the upper half is what has a fraction of at least 1/2.
        scale = 2.0 ** (level - 1) / self.side
        for start in range(0, len(rows), block):
            place = X[rows[start : start + block]] - self.origin
            place *= scale
            place -= np.floor(place)
            sums = (place >= 0.5).astype(np.float64) @ self.weights
            high, low = sums.astype(np.uint64).T
            keys[start : start + block] = high * np.uint64(0x9E3779B97F4A7C15) + low
        return keys
