"""Spectral clustering on a graph of nearest neighbours."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bench.metadata import MethodInfo

from ._baseline import Baseline
from ._deep.parameters import check_at_least

__all__ = ["Spectral"]

# Beyond this the factors of a graph's Laplacian, which ARPACK needs, grow out of bounds.
MOST_FACTORISED = 5_000


class Spectral(Baseline):
    """Normalised cuts of a graph of nearest neighbours, as scikit-learn's ``SpectralClustering``.

    The graph joins a sample with its nearest neighbours, with weight 1, and each separate component with the nearest
    sample outside it; it takes O(n (d + n_neighbors)) memory. Up to 5,000 samples its eigenvectors are ARPACK's; the
    factors that it needs would not fit into memory for more, whose eigenvectors are those that LOBPCG reaches in the 20
    iterations that scikit-learn grants it.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    n_neighbors : int
        Neighbours a sample looks for, itself not counted.
    n_init : int
        Restarts of k-means on the eigenvectors.
    features, n_components, ae_epochs, ae_batch_size, device, random_state
        As for :class:`GaussianMixtures`.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters.
    embedding_ : ndarray of shape (n, e), float32
        What the graph was made of.
    history_ : list of dict
        The auto-encoder's epochs, if any, then one row: ``edges`` of the graph.

    References
    ----------
    Shi and Malik, "Normalized Cuts and Image Segmentation", IEEE Transactions on Pattern Analysis and Machine
    Intelligence 22, 2000, doi:10.1109/34.868688.
    """

    info = MethodInfo(
        name="spectral",
        title="Spectral clustering",
        reference="Shi and Malik, Normalized Cuts and Image Segmentation, IEEE Transactions on Pattern Analysis and "
        "Machine Intelligence 22, 2000",
        doi="10.1109/34.868688",
        inputs=("vector", "image"),
        notes=("Spectral clustering: the graph joins 20 nearest neighbours in at most 64 principal components.",),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_neighbors: int = 20,
        n_init: int = 10,
        features: str = "raw",
        n_components: int | None = 64,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.n_init = n_init
        self.features = features
        self.n_components = n_components
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cut the graph; the sensitive attribute is not used. See :meth:`Method.fit`."""
        from sklearn.cluster import SpectralClustering

        from ._graphs import knn_graph

        check_at_least(1, n_neighbors=self.n_neighbors, n_init=self.n_init)
        points, seed = self.clustered(X, sensitive_features)
        graph = knn_graph(points, self.n_neighbors)
        # For hardly more samples than clusters scikit-learn's LOBPCG takes a dense solver, ARPACK gives up.
        small = 5 * self.n_clusters < len(points) <= MOST_FACTORISED
        model = SpectralClustering(
            self.n_clusters,
            affinity="precomputed",
            eigen_solver="arpack" if small else "lobpcg",
            n_init=self.n_init,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # That its iterations did not reach the tolerance; the class docstring says so.
            warnings.filterwarnings("ignore", "(?s).*not reaching the requested tolerance")
            self.labels_ = model.fit(graph).labels_.astype(np.int64)
        self.log_result(edges=graph.nnz // 2)
        return self
