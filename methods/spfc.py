"""SpFC: spectral clustering under group-parity constraints."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from bench.adapters import Method
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_positive, seeds
from ._graphs import knn_graph
from ._spectral import FairEmbedding, fair_embedding
from ._tracks import TRACKS, track_features

__all__ = ["SpFC"]


class SpFC(Method):
    """Fair spectral clustering: an embedding of the neighbour graph in which every group has the same mean.

    Relaxed NCut, or RatioCut, of a symmetric graph of nearest neighbours, under F^T H = 0: the constraint that the
    indicators of a partition fulfil if every cluster has the data's shares of groups. K-means on the rows of H then
    gives the clusters, and nothing keeps these fair: Balance may well be 0.

    Parameters
    ----------
    n_clusters : int
        Number of clusters, and of columns of H.
    objective : {"ncut", "ratiocut"}
        What is relaxed: the normalised form (Algorithm 3 of the paper), or the unnormalised one (Algorithm 2).
    n_neighbors : int
        Neighbours each point is joined with.
    weights : {"binary", "gaussian"}
        Edges of weight 1, or Gaussian in the distance over the median distance to a neighbour.
    features : {"raw", "ae"}
        What the graph joins: the samples as they are, or their embedding by the auto-encoder of ``ae_kmeans`` with
        the same seed.
    n_components : int, optional
        Principal components that neighbours are searched in, where there are more features; all features when None.
    solver : {"auto", "exact", "iterative"}
        ``"exact"`` works in a dense basis of the null space of F^T, for small n; ``"iterative"`` projects a sparse
        operator; ``"auto"`` takes the first up to 1000 samples. Both span the same space.
    tol : float
        Relative accuracy of the eigenvalues, of the iterative solver (ARPACK).
    max_iter : int
        Its most restarts. If they do not suffice the run fails: half an embedding would be no result.
    n_init : int
        Restarts of k-means.
    ae_epochs : int
        Epochs of the auto-encoder.
    ae_batch_size : int, optional
        Its batch size; the recipe's when None.
    device : str
        Where the auto-encoder is trained.
    random_state : int, optional
        Seed of the solver's start, k-means, the auto-encoder and, in high dimensions, the principal components.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters.
    embedding_ : ndarray of shape (n, min(n_clusters, n - T + 1)), float64
        H.
    history_ : list of dict
        The auto-encoder's epochs, if any; then one row: ``edges``, ``mixed_edges`` (share of edges between groups),
        ``largest_eigenvalue`` (of those used), ``residual`` (largest one of an eigenpair, over the bound on the
        spectrum), ``constraint`` (largest entry of F^T H), ``products`` (with the Laplacian), ``used_clusters``,
        ``smallest_cluster`` (of the used ones).

    References
    ----------
    Kleindessner, Samadi, Awasthi and Morgenstern, "Guarantees for Spectral Clustering with Fairness Constraints",
    ICML 2019, arXiv:1901.08668. The scalable form is that of Wang, Lu, Davidson and Bai, AISTATS 2023,
    arXiv:2210.16435.
    """

    info = MethodInfo(
        name="spfc",
        title="SpFC",
        reference="Kleindessner, Samadi, Awasthi and Morgenstern, Guarantees for Spectral Clustering with Fairness "
        "Constraints, ICML 2019",
        doi="arXiv:1901.08668",
        inputs=("vector", "image"),
        uses_sensitive=True,
        published_as="SpFC",
        notes=(
            "SpFC: the paper names no graph. Ours joins 20 nearest neighbours in at most 64 principal components, "
            "with weight 1 and one edge from each separate component to its nearest point outside.",
            "The graph, sample and form (normalised or not) behind the published SpFC row are not known; ours is "
            "normalised, on all samples.",
        ),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        objective: str = "ncut",
        n_neighbors: int = 20,
        weights: str = "binary",
        features: str = "raw",
        n_components: int | None = 64,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 10,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.objective = objective
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.features = features
        self.n_components = n_components
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Embed the neighbour graph of `X` fairly and cluster the embedding. See :meth:`Method.fit`."""
        from ._deep.centres import fit_kmeans

        samples, groups = self.check_input(X, sensitive_features)
        self._check_parameters()
        reduction, start, restarts = seeds(self.random_state, 3)
        points = self._reduced(track_features(self, samples, groups, random_state=self.random_state), reduction)
        graph = knn_graph(points, self.n_neighbors, weights=self.weights)
        found = fair_embedding(
            graph,
            groups,
            self.n_clusters,
            normalised=self.objective == "ncut",
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            seed=start,
        )
        self.embedding_: NDArray[np.float64] = found.vectors
        rows = found.vectors.astype(np.float32)
        model = fit_kmeans(rows, self.n_clusters, n_init=self.n_init, seed=restarts)
        self.labels_ = model.labels_.astype(np.int64)
        self._report(graph, groups, found)
        return self

    def _check_parameters(self) -> None:
        check_choice("objective", self.objective, ("ncut", "ratiocut"))
        check_choice("weights", self.weights, ("binary", "gaussian"))
        check_choice("features", self.features, TRACKS)
        check_choice("solver", self.solver, ("auto", "exact", "iterative"))
        check_at_least(1, n_neighbors=self.n_neighbors, max_iter=self.max_iter, n_init=self.n_init)
        check_positive(tol=self.tol)
        if self.n_components is not None:
            check_at_least(1, n_components=self.n_components)

    def _reduced(self, points: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        if self.n_components is None or self.n_components >= min(points.shape):
            return points
        from sklearn.decomposition import PCA

        # Samples that are all the same have no variance to be explained, and need none.
        with np.errstate(invalid="ignore"):
            reduced: NDArray[np.float32] = PCA(self.n_components, random_state=seed).fit_transform(points)
        return reduced

    def _report(self, graph: csr_matrix, groups: NDArray[np.int64], found: FairEmbedding) -> None:
        sizes = np.bincount(self.labels_)
        start, end = graph.nonzero()
        epoch = len(self.history_)
        self.log_epoch(
            epoch,
            epoch + 1,
            edges=graph.nnz // 2,
            mixed_edges=np.count_nonzero(groups[start] != groups[end]) / max(graph.nnz, 1),
            largest_eigenvalue=found.values[-1],
            residual=found.residual,
            constraint=found.constraint_error,
            products=found.n_products,
            used_clusters=int(np.count_nonzero(sizes)),
            smallest_cluster=sizes[sizes > 0].min(),
        )
