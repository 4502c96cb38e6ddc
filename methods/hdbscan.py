"""HDBSCAN, with its noise as a cluster."""

from __future__ import annotations

from typing import Self

from numpy.typing import ArrayLike

from bench.estimators import ranked
from bench.metadata import MethodInfo

from ._baseline import Baseline
from ._deep.parameters import check_at_least

__all__ = ["Hdbscan"]


class Hdbscan(Baseline):
    """Dense regions at all densities, as scikit-learn's ``HDBSCAN``, which finds the number of clusters itself.

    Samples that belong to none form one more cluster, so that every sample counts in every metric. O(n²) time, some
    minutes for 20,000 samples, in O(n) memory.

    Parameters
    ----------
    n_clusters : int
        Set by the harness for every method; here it is the size of the auto-encoder's embedding, and nothing else.
    min_cluster_size : int, optional
        Fewest samples of a cluster; a hundredth of the samples, at least 5, when None (our choice).
    min_samples : int, optional
        Neighbours that decide how dense it is around a sample; `min_cluster_size` when None.
    features, n_components, ae_epochs, ae_batch_size, device, random_state
        As for :class:`GaussianMixtures`.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters; the last one is the noise, if there is any.
    n_clusters_ : int
        How many there are, with the noise.
    embedding_ : ndarray of shape (n, e), float32
        What was clustered.
    history_ : list of dict
        The auto-encoder's epochs, if any, then one row: ``clusters`` without the noise, ``noise``, its share of the
        samples.

    References
    ----------
    Campello, Moulavi and Sander, "Density-Based Clustering Based on Hierarchical Density Estimates", PAKDD 2013,
    doi:10.1007/978-3-642-37456-2_14.
    """

    info = MethodInfo(
        name="hdbscan",
        title="HDBSCAN",
        reference="Campello, Moulavi and Sander, Density-Based Clustering Based on Hierarchical Density Estimates, "
        "PAKDD 2013",
        doi="10.1007/978-3-642-37456-2_14",
        inputs=("vector", "image"),
        needs_k=False,
        notes=(
            "HDBSCAN finds the number of clusters itself; what it calls noise is one more cluster. A cluster has at "
            "least a hundredth of the samples unless given, in at most 64 principal components.",
        ),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        min_cluster_size: int | None = None,
        min_samples: int | None = None,
        features: str = "raw",
        n_components: int | None = 64,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.features = features
        self.n_components = n_components
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Find the clusters; the sensitive attribute is not used. See :meth:`Method.fit`."""
        from sklearn.cluster import HDBSCAN

        if self.min_cluster_size is not None:
            check_at_least(2, min_cluster_size=self.min_cluster_size)
        if self.min_samples is not None:
            check_at_least(1, min_samples=self.min_samples)
        points, _ = self.clustered(X, sensitive_features)
        smallest = self.min_cluster_size or max(5, len(points) // 100)
        neighbours = min(self.min_samples or smallest, len(points))
        found = HDBSCAN(min_cluster_size=smallest, min_samples=neighbours, copy=True).fit(points).labels_
        self.labels_ = ranked(found)
        self.n_clusters_ = int(self.labels_.max()) + 1
        noise = found < 0
        self.log_result(clusters=self.n_clusters_ - noise.any(), noise=noise.mean())
        return self
