"""K-means on the input: the simplest baseline."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bench.adapters import Method
from bench.metadata import MethodInfo

__all__ = ["KMeansOnInput"]


class KMeansOnInput(Method):
    """Lloyd's k-means on the samples as they are, images as rows of pixels.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_init : int
        Restarts with k-means++ seeding; the one with the lowest inertia wins.
    max_iter : int
        Most iterations of a restart.
    random_state : int, optional
        Seed of the restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n,)
        Nearest centre of every sample.
    """

    info = MethodInfo(
        name="kmeans",
        title="k-means",
        reference="Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982",
        doi="10.1109/TIT.1982.1056489",
    )

    def __init__(
        self, n_clusters: int = 8, *, n_init: int = 10, max_iter: int = 300, random_state: int | None = None
    ) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cluster `X`; the sensitive attribute is not used. See :meth:`Method.fit`."""
        from sklearn.cluster import KMeans

        samples, _ = self.check_input(X, sensitive_features)
        # Without a seed scikit-learn would draw from NumPy's global random state.
        generator = np.random.RandomState(self.random_state)
        model = KMeans(self.n_clusters, n_init=self.n_init, max_iter=self.max_iter, random_state=generator)
        self.labels_ = model.fit(samples).labels_.astype(np.int64)
        return self
