"""Centres for k-median: the geometric medians of Lloyd's alternation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

__all__ = ["kmedian_centres"]

Floats = NDArray[np.float64]
# Distances below this share of the mean count as this much, since Weiszfeld's weights have a pole at a sample.
NEAREST = 1e-6


def kmedian_centres(samples: NDArray[np.float32], start: Floats, *, max_iter: int = 100, tol: float = 1e-4) -> Floats:
    """Lower the sum of distances to the nearest centre, from `start`.

    Each round assigns samples to their nearest centre, then moves every centre by one step of Weiszfeld's iteration,
    the mean weighted by inverse distance. Neither raises the sum.

    Parameters
    ----------
    samples : ndarray of shape (n, d)
        Samples.
    start : ndarray of shape (k, d)
        First centres, for example those of k-means.
    max_iter : int
        Most rounds.
    tol : float
        Relative fall of the sum below which it ends.

    Returns
    -------
    ndarray of shape (k, d), float64
        A local optimum, or what `max_iter` rounds reached.

    References
    ----------
    Weiszfeld, "Sur le point pour lequel la somme des distances de n points donnés est minimum", Tohoku Mathematical
    Journal 43, 1937.
    """
    centres = start.astype(np.float64)
    before = np.inf
    for _ in range(max_iter):
        distance = euclidean_distances(samples, centres)
        nearest = distance.argmin(axis=1)
        closest = distance[np.arange(len(samples)), nearest].astype(np.float64)
        total = float(closest.sum())
        if total == 0 or total >= before * (1 - tol):
            break
        before = total
        weight = 1 / np.maximum(closest, NEAREST * total / len(samples))
        for j in range(len(centres)):
            mine = nearest == j
            if mine.any():
                centres[j] = weight[mine] @ samples[mine] / weight[mine].sum()
    return centres
