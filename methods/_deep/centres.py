"""K-means on embeddings: cluster centres for the deep methods."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench.errors import InvalidInputError

__all__ = ["DIVERGED", "RESTARTS", "fit_kmeans", "spherical_centres", "subsample"]

DIVERGED = "the embedding became NaN or infinite: training diverged; lower learning_rate, or scale X to [-1, 1]"
POINTS_PER_CENTRE = 1000
RESTARTS = 10


def fit_kmeans(
    points: NDArray[np.float32],
    n_clusters: int,
    *,
    n_init: int,
    seed: int,
    start: NDArray[np.float32] | None = None,
) -> KMeans:
    """K-means on embeddings, the same on every machine for the same points and seed.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Embeddings.
    n_clusters, n_init : int
        Clusters, and restarts with k-means++.
    seed : int
        Random state.
    start : ndarray of shape (K, d), optional
        Initial centres (warm start) instead of restarts.

    Returns
    -------
    KMeans
        Fitted.

    Raises
    ------
    InvalidInputError
        If the embeddings hold NaN or infinite values.
    """
    if not np.isfinite(points).all():
        raise InvalidInputError(DIVERGED)
    if start is None:
        model = KMeans(n_clusters, n_init=n_init, max_iter=300, random_state=seed)
    else:
        model = KMeans(n_clusters, init=start, n_init=1, max_iter=300, random_state=seed)
    # Several threads would add up the centres in an order that varies from run to run.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):
        # A collapsed embedding is a result, seen in the labels.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(points)


def spherical_centres(
    embedding: NDArray[np.float32], n_clusters: int, *, seed: int, start: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Centres of unit length by Euclidean k-means with 10 restarts, on at most 1000 points a cluster.

    Parameters
    ----------
    embedding : ndarray of shape (n, d)
        Embeddings of length 1.
    n_clusters : int
        K.
    seed : int
        Decides subsample and restarts.
    start : ndarray of shape (K, d), optional
        Initial centres (warm start) instead of restarts.

    Returns
    -------
    ndarray of shape (K, d), float32
        Rows of length 1.
    """
    sample = subsample(len(embedding), n_clusters, seed)
    points = embedding if sample is None else embedding[sample]
    centres = fit_kmeans(points, n_clusters, n_init=RESTARTS, seed=seed, start=start).cluster_centers_
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (centres / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


def subsample(n: int, n_clusters: int, seed: int) -> NDArray[np.int64] | None:
    """Positions of 1000 points a cluster out of n, drawn from `seed`; None where there are no more than that."""
    limit = POINTS_PER_CENTRE * n_clusters
    return np.random.default_rng(seed).choice(n, limit, replace=False) if n > limit else None
