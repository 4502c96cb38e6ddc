"""Clustering costs with centres: k-means and k-median with soft memberships."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KMeansCost", "KMedianCost", "on_the_sphere"]

Floats = NDArray[np.float64]
# Distances below this share of the mean count as this much, since Weiszfeld's weights have a pole at a sample.
NEAREST = 1e-6


def on_the_sphere(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Columns of `samples` (n, d) standardised, then rows of length 1, as the official code does.

    Squared distances then lie in [0, 4], which is what makes one scale of lambda serve all data. Constant columns and
    rows without deviation become 0.
    """
    mean = samples.mean(axis=0, dtype=np.float64).astype(np.float32)
    points: NDArray[np.float32] = samples - mean
    deviation = np.sqrt(np.einsum("nd,nd->d", points, points, dtype=np.float64) / len(points))
    points /= np.where(deviation > 0, deviation, 1).astype(np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", points, points))
    points /= np.where(length > 0, length, 1)[:, None]
    return points


class KMeansCost:
    """Sum of s_ik ||x_i - c_k||².

    Parameters
    ----------
    points : ndarray of shape (n, d), float32
        Points.
    centres : ndarray of shape (k, d)
        First centres.

    Attributes
    ----------
    centres : ndarray of shape (k, d), float32
        Present centres.
    """

    def __init__(self, points: NDArray[np.float32], centres: NDArray[np.floating]) -> None:
        self._points = points
        self._lengths = np.einsum("nd,nd->n", points, points)
        self.centres: NDArray[np.float32] = centres.astype(np.float32)
        self._costs: Floats = self._costs_at(self.centres)

    def move(self, memberships: Floats) -> None:
        """Weighted means, which cost least. Rounding cannot raise the cost: then centres stay."""
        centres = self._better(memberships)
        costs = self._costs_at(centres)
        if np.vdot(costs, memberships) < self.value(memberships):
            self.centres, self._costs = centres, costs

    def costs(self, memberships: Floats) -> Floats:
        """Costs a of every cluster and point (k, n): the same for all memberships until centres move."""
        return self._costs

    def value(self, memberships: Floats) -> float:
        """Sum of memberships times costs."""
        return float(np.vdot(self._costs, memberships))

    def _better(self, memberships: Floats) -> NDArray[np.float32]:
        return _weighted_means(self._points, memberships)

    def _costs_at(self, centres: NDArray[np.float32]) -> Floats:
        squared = (-2 * centres) @ self._points.T
        squared += self._lengths
        squared += np.einsum("kd,kd->k", centres, centres)[:, None]
        return self._of(np.maximum(squared, 0, out=squared).astype(np.float64))

    @staticmethod
    def _of(squared: Floats) -> Floats:
        return squared


class KMedianCost(KMeansCost):
    """Sum of s_ik ||x_i - c_k||, with geometric medians in place of the paper's medoids.

    Centres move by one step of Weiszfeld's iteration, the mean weighted by membership over distance, which does not
    raise the cost. A medoid would need all distances within a cluster.
    """

    def _better(self, memberships: Floats) -> NDArray[np.float32]:
        floor = max(NEAREST * float(self._costs.mean()), 1e-12)
        return _weighted_means(self._points, memberships / np.maximum(self._costs, floor))

    @staticmethod
    def _of(squared: Floats) -> Floats:
        return np.sqrt(squared)


def _weighted_means(points: NDArray[np.float32], weights: Floats) -> NDArray[np.float32]:
    # Shares rather than weights, since those of a cluster that nobody is in are too small for float32.
    shares = weights / weights.sum(axis=1, keepdims=True)
    means: NDArray[np.float32] = shares.astype(np.float32) @ points
    return means
