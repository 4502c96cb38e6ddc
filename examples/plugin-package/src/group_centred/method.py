"""K-means after every group's mean is taken out."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.cluster import KMeans

from bench.adapters import Method
from bench.metadata import MethodInfo

__all__ = ["GroupCentredKMeans"]


class GroupCentredKMeans(Method):
    """Move every group so that its mean is the origin, then cluster by k-means.

    Groups that differ by a shift alone are alike afterwards. No share is guaranteed.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_init : int
        Restarts of k-means.
    random_state : int, optional
        Seed of the restarts.

    Attributes
    ----------
    embedding_ : ndarray of shape (n, d), float32
        The samples without their group's mean.
    """

    info = MethodInfo(name="group_centred", title="Group-centred k-means", uses_sensitive=True)

    def __init__(self, n_clusters: int = 8, *, n_init: int = 10, random_state: int | None = None) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cluster `X`; see :meth:`Method.fit`."""
        samples, groups = self.check_input(X, sensitive_features)
        centred = samples.copy()
        for group in range(len(self.groups_)):
            centred[groups == group] -= samples[groups == group].mean(axis=0)
        # Without a seed scikit-learn would draw from NumPy's global random state.
        generator = np.random.RandomState(self.random_state)
        model = KMeans(self.n_clusters, n_init=self.n_init, random_state=generator)
        self.labels_ = model.fit(centred).labels_.astype(np.int64)
        self.embedding_ = centred
        return self
