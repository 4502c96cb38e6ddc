"""Made-up data with clusters and groups, in the sizes of the real sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["images", "points", "vectors"]

Samples = tuple[NDArray[np.float32], NDArray[np.int64]]


def images(group_sizes: Sequence[int], n_clusters: int = 10, side: int = 28) -> Samples:
    """Blurred prototypes with noise, (n, 1, side, side) in [-1, 1]; every group is brighter than the one before."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(n_clusters, 1, side // 4, side // 4))
    prototypes = coarse.repeat(4, axis=2).repeat(4, axis=3).astype(np.float32)
    groups = rng.permutation(np.repeat(np.arange(len(group_sizes)), group_sizes))
    made = 0.5 * prototypes[rng.integers(n_clusters, size=len(groups))]
    made += 0.5 * rng.normal(size=made.shape).astype(np.float32)
    made += (0.3 * groups)[:, None, None, None].astype(np.float32)
    return np.clip(made, -1, 1, out=made), groups


def vectors(n: int, n_features: int, n_groups: int, n_clusters: int) -> Samples:
    """Clusters in [-1, 1], (n, d), with a shift for every group."""
    made, groups = points(n, n_features, n_groups, n_clusters)
    return np.tanh(made / 4), groups


def points(n: int, n_features: int = 10, n_groups: int = 2, n_clusters: int = 10) -> Samples:
    """Gaussian clusters, (n, d), with a shift for every group."""
    rng = np.random.default_rng(0)
    centres, shifts = 3 * rng.normal(size=(n_clusters, n_features)), rng.normal(size=(n_groups, n_features))
    groups = rng.integers(n_groups, size=n)
    made = rng.normal(size=(n, n_features))
    made += centres[rng.integers(n_clusters, size=n)] + shifts[groups]
    return made.astype(np.float32), groups
