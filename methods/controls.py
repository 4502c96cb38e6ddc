"""Controls: labels that ignore the samples and show what each metric means."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bench.adapters import Method
from bench.metadata import MethodInfo

__all__ = ["ByGroup", "OneCluster", "Random"]


class Random(Method):
    """Every sample in a cluster drawn uniformly: fair by chance, and worthless.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    random_state : int, optional
        Seed of the draw.
    """

    info = MethodInfo(name="random", title="Random", family="control", inputs=("vector", "image"))

    def __init__(self, n_clusters: int = 8, *, random_state: int | None = None) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Draw the labels; see :meth:`Method.fit`."""
        samples, _ = self.check_input(X, sensitive_features)
        self.labels_ = np.random.default_rng(self.random_state).integers(self.n_clusters, size=len(samples))
        return self


class OneCluster(Method):
    """All samples in one cluster: as fair as can be, and worthless.

    Parameters
    ----------
    n_clusters : int
        Number of clusters asked for; one is used.
    """

    info = MethodInfo(
        name="one_cluster",
        title="One cluster",
        family="control",
        inputs=("vector", "image"),
        needs_k=False,
        stochastic=False,
    )

    def __init__(self, n_clusters: int = 8) -> None:
        self.n_clusters = n_clusters

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Set all labels to 0; see :meth:`Method.fit`."""
        samples, _ = self.check_input(X, sensitive_features)
        self.labels_ = np.zeros(len(samples), dtype=np.int64)
        return self


class ByGroup(Method):
    """Every group a cluster: as unfair as can be.

    With more groups than clusters, group t goes to cluster t modulo ``n_clusters``.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    """

    info = MethodInfo(
        name="by_group",
        title="By group",
        family="control",
        inputs=("vector", "image"),
        uses_sensitive=True,
        stochastic=False,
    )

    def __init__(self, n_clusters: int = 8) -> None:
        self.n_clusters = n_clusters

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Take the group ids for labels; see :meth:`Method.fit`."""
        _, groups = self.check_input(X, sensitive_features)
        self.labels_ = groups % self.n_clusters
        return self
