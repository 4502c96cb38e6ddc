"""K-median: centres that minimise the sum of distances, not of their squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["k_median"]

# Restarts are compared on that many points a cluster; the best goes on with all points.
POINTS_PER_CENTRE = 1000

Floats = NDArray[np.float32]


class Run(NamedTuple):
    """Where one restart ended."""

    cost: float
    labels: NDArray[np.int64]
    centres: Floats


def k_median(
    points: Floats, n_clusters: int, *, n_init: int, max_iter: int, seed: int, tol: float = 1e-4
) -> tuple[NDArray[np.int64], float]:
    """Cluster `points` around geometric medians.

    Seeds are drawn with probability proportional to the distance to the nearest one so far; the means of the points
    nearest to each are the first centres. Then every iteration
    assigns points to the nearest centre and moves each centre by one step of Weiszfeld's algorithm towards the
    median of its points. Neither can raise the cost.

    Parameters
    ----------
    points : ndarray of shape (m, d), float32
        Points.
    n_clusters : int
        Centres; as many as there are points if that is less.
    n_init : int
        Restarts; the one of lowest cost wins. Beyond 1000 points a cluster they see a random part of the points of
        that size, and the best is carried on with all.
    max_iter : int
        Most iterations of a restart.
    seed : int
        Decides all draws.
    tol : float
        A restart ends when an iteration lowers the cost by less than this share.

    Returns
    -------
    labels : ndarray of shape (m,), int64
        Nearest centre of every point.
    cost : float
        Sum of the distances to them.
    """
    rng = np.random.default_rng(seed)
    # Centred, so that squared norms do not swamp the distances.
    centred = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    norms = np.einsum("md,md->m", centred, centred)
    k = min(n_clusters, len(points))
    limit = POINTS_PER_CENTRE * k
    part = np.sort(rng.choice(len(points), limit, replace=False)) if len(points) > limit else slice(None)
    seen, seen_norms = centred[part], norms[part]
    starts = (_seeds(seen, seen_norms, k, rng) for _ in range(n_init))
    best = min((_one_run(seen, seen_norms, start, max_iter, tol) for start in starts), key=lambda run: run.cost)
    if len(seen) < len(points):
        best = _one_run(centred, norms, best.centres, max_iter, tol)
    return best.labels, best.cost


def _one_run(points: Floats, norms: Floats, centres: Floats, max_iter: int, tol: float) -> Run:
    labels, distances = _nearest(points, norms, centres)
    cost = float(distances.sum(dtype=np.float64))
    for _ in range(max_iter):
        moved = _weiszfeld_step(points, labels, distances, centres)
        new_labels, new_distances = _nearest(points, norms, moved)
        new_cost = float(new_distances.sum(dtype=np.float64))
        if new_cost >= cost:
            break
        done = cost - new_cost <= tol * cost
        centres, labels, distances, cost = moved, new_labels, new_distances, new_cost
        if done:
            break
    return Run(cost, labels, centres)


def _seeds(points: Floats, norms: Floats, k: int, rng: np.random.Generator) -> Floats:
    chosen = [int(rng.integers(len(points)))]
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    while len(chosen) < k:
        nearest = np.minimum(nearest, _distances(points, norms, points[chosen[-1:]])[:, 0])
        nearest[chosen[-1]] = 0
        reach = np.cumsum(nearest, dtype=np.float64)
        # Where all points coincide with a seed, any other one does.
        drawn = np.searchsorted(reach, rng.uniform(0, reach[-1]), side="right") if reach[-1] > 0 else len(chosen)
        chosen.append(min(int(drawn), len(points) - 1))
    labels, _ = _nearest(points, norms, points[chosen])
    # Equal weights give means. Weiszfeld's steps hardly leave a centre that is a point itself.
    return _weiszfeld_step(points, labels, np.ones(len(points), dtype=np.float32), points[chosen])


def _weiszfeld_step(points: Floats, labels: NDArray[np.int64], distances: Floats, centres: Floats) -> Floats:
    # A point at its centre would have infinite weight.
    weights = np.zeros((len(points), len(centres)), dtype=np.float32)
    floor = max(1e-4 * float(distances.mean()), 1e-12)
    weights[np.arange(len(points)), labels] = 1 / np.maximum(distances, floor)
    total = weights.sum(axis=0)[:, None]
    moved: Floats = np.where(total > 0, (weights.T @ points) / np.where(total > 0, total, 1), centres)
    return moved.astype(np.float32, copy=False)


def _nearest(points: Floats, norms: Floats, centres: Floats) -> tuple[NDArray[np.int64], Floats]:
    distances = _distances(points, norms, centres)
    labels = distances.argmin(axis=1)
    return labels, distances[np.arange(len(points)), labels]


def _distances(points: Floats, norms: Floats, centres: Floats) -> Floats:
    squared = points @ centres.T
    squared *= -2
    squared += norms[:, None]
    squared += np.einsum("kd,kd->k", centres, centres)
    distances: Floats = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
    return distances
