"""Agglomerative clustering along a graph of nearest neighbours."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bench.errors import UnsupportedInputError
from bench.metadata import MethodInfo

from ._baseline import Baseline
from ._deep.parameters import check_at_least, check_choice

__all__ = ["Agglomerative"]

# Without a graph, agglomeration keeps n² / 2 distances: 1.6 GB at this size.
MOST_WITHOUT_GRAPH = 20_000


class Agglomerative(Baseline):
    """Clusters joined two at a time along a graph of nearest neighbours, as ``AgglomerativeClustering``.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    linkage : {"ward", "average", "complete", "single"}
        What is smallest for the two clusters that are joined next; ``"ward"``: by how much the variance grows.
    n_neighbors : int or None
        Only clusters with samples among each other's nearest neighbours are joined. None: any two, which takes memory
        O(n²) and at most 20,000 samples.
    features, n_components, ae_epochs, ae_batch_size, device, random_state
        As for :class:`GaussianMixtures`.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters.
    embedding_ : ndarray of shape (n, e), float32
        What was clustered.
    history_ : list of dict
        The auto-encoder's epochs, if any, then one row: ``edges`` of the graph, 0 without one.

    References
    ----------
    Ward, "Hierarchical Grouping to Optimize an Objective Function", Journal of the American Statistical Association 58,
    1963, doi:10.1080/01621459.1963.10500845.
    """

    info = MethodInfo(
        name="agglomerative",
        title="Agglomerative",
        reference="Ward, Hierarchical Grouping to Optimize an Objective Function, Journal of the American Statistical "
        "Association 58, 1963",
        doi="10.1080/01621459.1963.10500845",
        inputs=("vector", "image"),
        notes=(
            "Agglomerative: Ward's linkage between clusters that are joined in a graph of 20 nearest neighbours in at "
            "most 64 principal components, unless given.",
        ),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        linkage: str = "ward",
        n_neighbors: int | None = 20,
        features: str = "raw",
        n_components: int | None = 64,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage
        self.n_neighbors = n_neighbors
        self.features = features
        self.n_components = n_components
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Join clusters; the sensitive attribute is not used. See :meth:`Method.fit`.

        Raises
        ------
        UnsupportedInputError
            For more than 20,000 samples without a graph.
        """
        from sklearn.cluster import AgglomerativeClustering

        from ._graphs import knn_graph

        check_choice("linkage", self.linkage, ("ward", "average", "complete", "single"))
        if self.n_neighbors is not None:
            check_at_least(1, n_neighbors=self.n_neighbors)
        elif (n := len(np.asarray(X))) > MOST_WITHOUT_GRAPH:
            raise UnsupportedInputError(
                f"{n} samples without a graph would need {n * n * 4 / 1e9:.0f} GB; leave out n_neighbors=None, or give "
                f"at most {MOST_WITHOUT_GRAPH} samples"
            )
        points, _ = self.clustered(X, sensitive_features)
        graph = None if self.n_neighbors is None else knn_graph(points, self.n_neighbors)
        model = AgglomerativeClustering(self.n_clusters, linkage=self.linkage, connectivity=graph)
        self.labels_ = model.fit(points).labels_.astype(np.int64)
        self.log_result(edges=0 if graph is None else graph.nnz // 2)
        return self
