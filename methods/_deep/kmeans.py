"""K-means where the points lie, all restarts at once: for embeddings on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from bench.errors import InvalidInputError

from . import centres

__all__ = ["Clustering", "kmeans", "resident_centres", "seed_centres", "unit_centres"]

MAX_ITERATIONS = 300
TOLERANCE = 1e-4
# Iterations between two looks at whether all restarts have converged, each of which makes the host wait.
CHECK_EVERY = 5


@dataclass(frozen=True)
class Clustering:
    """Result of k-means.

    Parameters
    ----------
    centres : Tensor of shape (K, d), float32
        Means of the clusters.
    labels : Tensor of shape (n,), int64
        Nearest centre of every point.
    inertia : Tensor, scalar, float64
        Sum of squared distances to the nearest centre; the least of all restarts.
    """

    centres: Tensor
    labels: Tensor
    inertia: Tensor


def kmeans(points: Tensor, n_clusters: int, *, n_init: int, seed: int, start: Tensor | None = None) -> Clustering:
    """K-means by Lloyd's iterations on the device of the points, started by greedy k-means++.

    Stops as scikit-learn does: a restart rests when its centres have moved, in sum of squares, by no more than 1e-4
    of the mean variance of a feature, or after 300 iterations. Empty clusters move to the points farthest from their
    centres. Needs memory for n_init·K·n numbers.

    Parameters
    ----------
    points : Tensor of shape (n, d), float32
        Points, n at least K.
    n_clusters, n_init : int
        Clusters K, and restarts R.
    seed : int
        Decides the seeding; the same on every device, up to rounding.
    start : Tensor of shape (K, d) or (R, K, d), optional
        Initial centres (warm start) instead of seeding; `n_init` and `seed` have no part then.

    Returns
    -------
    Clustering
        Of the restart with the least inertia.

    Raises
    ------
    InvalidInputError
        If the points hold NaN or infinite values.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
    """
    if not torch.isfinite(points).all():
        raise InvalidInputError(centres.DIVERGED)
    # Products of small numbers lose fewer digits.
    offset = points.mean(0)
    shifted = points - offset
    if start is None:
        first = seed_centres(shifted, n_clusters, n_init=n_init, seed=seed)
    else:
        first = (start - offset).reshape(-1, n_clusters, points.shape[1])
    found = _lloyd(shifted, first)
    labels, _ = _nearest(shifted, found)
    inertia = torch.stack(
        [(shifted - c[own]).square().sum(dtype=torch.float64) for c, own in zip(found, labels, strict=True)]
    )
    best = inertia.argmin()
    return Clustering(found[best] + offset, labels[best], inertia[best])


def seed_centres(points: Tensor, n_clusters: int, *, n_init: int, seed: int) -> Tensor:
    """Greedy k-means++: every centre is the best of 2 + ln K candidates, drawn by squared distance to those before.

    Parameters
    ----------
    points : Tensor of shape (n, d), float32
        Points.
    n_clusters, n_init : int
        Centres K of each restart, and restarts R.
    seed : int
        Decides the draws, which are made on the CPU.

    Returns
    -------
    Tensor of shape (R, K, d)
        Points, as initial centres.
    """
    trials = 2 + int(math.log(n_clusters))
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(n_clusters, n_init, trials, generator=generator, dtype=torch.float64).to(points.device)
    chosen = (draws[0, :, 0] * len(points)).long()
    indices = [chosen]
    closest = _squared_distances(points, points[chosen][:, None])[:, 0]
    for draw in draws[1:]:
        # Single precision is too coarse for sums over many points.
        mass = closest.cumsum(1, dtype=torch.float64)
        candidates = torch.searchsorted(mass, draw * mass[:, -1:]).clamp(max=len(points) - 1)
        distances = torch.minimum(_squared_distances(points, points[candidates]), closest[:, None])
        best = distances.sum(2).argmin(1, keepdim=True)
        closest = distances.take_along_dim(best[..., None], 1)[:, 0]
        indices.append(candidates.take_along_dim(best, 1)[:, 0])
    return points[torch.stack(indices, 1)]


def unit_centres(embedding: Tensor, n_clusters: int, *, seed: int, start: Tensor | None = None) -> Tensor:
    """Centres of unit length of embeddings on any device: scikit-learn's k-means on the CPU, else :func:`kmeans`.

    Both are :func:`centres.spherical_centres`; the random draws of their restarts differ.

    Parameters
    ----------
    embedding : Tensor of shape (n, d), float32
        Embeddings of length 1.
    n_clusters : int
        K.
    seed : int
        Decides subsample and restarts.
    start : Tensor of shape (K, d), optional
        Initial centres (warm start) instead of 10 restarts.

    Returns
    -------
    Tensor of shape (K, d), float32
        Rows of length 1, on the device of the embeddings.

    Raises
    ------
    InvalidInputError
        If the embeddings hold NaN or infinite values.
    """
    if embedding.device.type == "cpu":
        given = None if start is None else start.numpy()
        return torch.from_numpy(centres.spherical_centres(embedding.numpy(), n_clusters, seed=seed, start=given))
    return resident_centres(embedding, n_clusters, seed=seed, start=start)


def resident_centres(embedding: Tensor, n_clusters: int, *, seed: int, start: Tensor | None = None) -> Tensor:
    """:func:`unit_centres` by :func:`kmeans`, whatever the device."""
    sample = centres.subsample(len(embedding), n_clusters, seed)
    if sample is not None:
        embedding = embedding[torch.from_numpy(sample).to(embedding.device)]
    return normalize(kmeans(embedding, n_clusters, n_init=centres.RESTARTS, seed=seed, start=start).centres)


def _lloyd(points: Tensor, first: Tensor) -> Tensor:
    """Centres (R, K, d) after iterations from the first ones; no iteration waits for the device."""
    found, limit = first, TOLERANCE * points.var(0, correction=0).mean()
    moving = torch.ones(len(first), dtype=torch.bool, device=points.device)
    for iteration in range(1, MAX_ITERATIONS + 1):
        means = _means(points, found)
        shift = (means - found).square().sum((1, 2))
        found = torch.where(moving[:, None, None], means, found)
        moving &= shift > limit
        if iteration % CHECK_EVERY == 0 and not moving.any():
            break
    return found


def _means(points: Tensor, found: Tensor) -> Tensor:
    """Means (R, K, d) of the points nearest to each centre."""
    restarts, n_clusters, _ = found.shape
    labels = _fill_empty(*_nearest(points, found), n_clusters)
    members = _members(labels, n_clusters).to(points.dtype)
    counts = members.sum(2, keepdim=True)
    # A product adds up in the same order every time; atomic additions do not.
    sums = (members.flatten(0, 1) @ points).view(restarts, n_clusters, -1)
    return torch.where(counts > 0, sums / counts.clamp(min=1), found)


def _nearest(points: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest centre (R, n) of every point, and the squared distance to it."""
    distances, labels = _squared_distances(points, found).min(1)
    return labels, distances


def _fill_empty(labels: Tensor, distances: Tensor, n_clusters: int) -> Tensor:
    """Labels (R, n) with the points farthest from their centres moved into clusters that have none."""
    filled = _members(labels, n_clusters).any(2)
    farthest = distances.topk(n_clusters, dim=1).indices
    empty_first = filled.to(torch.int8).argsort(dim=1, stable=True)
    is_empty = ~filled.take_along_dim(empty_first, 1)
    # Every restart writes to K places, to most of them what they hold: asking how many are empty would make it wait.
    return labels.scatter(1, farthest, torch.where(is_empty, empty_first, labels.take_along_dim(farthest, 1)))


def _members(labels: Tensor, n_clusters: int) -> Tensor:
    """(R, K, n): whether a point is in a cluster."""
    return labels[:, None] == torch.arange(n_clusters, device=labels.device)[:, None]


def _squared_distances(points: Tensor, others: Tensor) -> Tensor:
    """(R, L, n) between points (n, d) and others (R, L, d), as one product."""
    rows = others.flatten(0, 1)
    squares = rows.square().sum(1, keepdim=True) + points.square().sum(1)
    return torch.addmm(squares, rows, points.t(), alpha=-2).clamp_(min=0).view(*others.shape[:2], len(points))
