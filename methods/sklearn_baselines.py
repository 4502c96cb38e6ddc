"""Scikit-learn's clusterers as baselines, on the samples or on the embedding of an auto-encoder.

They know nothing of groups. K-means is in ``kmeans.py``, and any other class of scikit-learn runs by its path, see
:mod:`bench.estimators`. These four have a file because they need more than their class: principal components, graphs
of neighbours in place of all n² distances, so that 67,000 samples fit into memory, and a cluster for what HDBSCAN
calls noise.
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.errors import UnsupportedInputError
from bench.estimators import ranked
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_positive, seeds
from ._tracks import TRACKS, track_features

__all__ = ["Agglomerative", "GaussianMixtures", "Hdbscan", "Spectral"]

# Without a graph, agglomeration keeps n² / 2 distances: 1.6 GB at this size.
MOST_WITHOUT_GRAPH = 20_000
# Beyond this the factors of a graph's Laplacian, which ARPACK needs, grow out of bounds.
MOST_FACTORISED = 5_000


class _Baseline(Method):
    """What the four share: the features that they cluster."""

    features: str
    n_components: int | None
    ae_epochs: int
    ae_batch_size: int | None
    device: str
    random_state: int | None
    embedding_: NDArray[np.float32]

    def _clustered(self, X: ArrayLike, sensitive_features: ArrayLike) -> tuple[NDArray[np.float32], int]:
        """What is to be clustered, (n, e), kept as ``embedding_``; and a seed."""
        samples, groups = self.check_input(X, sensitive_features)
        check_choice("features", self.features, TRACKS)
        if self.n_components is not None:
            check_at_least(1, n_components=self.n_components)
        reduction, seed = seeds(self.random_state, 2)
        points = track_features(self, samples, groups, random_state=self.random_state)
        if self.n_components is not None and self.n_components < min(points.shape):
            from sklearn.decomposition import PCA

            # Samples that are all the same have no variance to be explained, and need none.
            with np.errstate(invalid="ignore"):
                points = PCA(self.n_components, random_state=reduction).fit_transform(points)
        self.embedding_ = points
        return points, seed

    def _log(self, **values: float) -> None:
        epoch = len(self.history_)
        self.log_epoch(epoch, epoch + 1, **values)


class GaussianMixtures(_Baseline):
    """A mixture of Gaussian distributions fitted by expectation-maximisation, as scikit-learn's ``GaussianMixture``.

    Parameters
    ----------
    n_clusters : int
        Number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Shape of the distributions.
    n_init : int
        Restarts, each from k-means.
    max_iter : int
        Most iterations of a restart.
    reg_covar : float
        Added to the variances, above 0.
    features : {"raw", "ae"}
        Cluster the samples as they are, or their embedding by the auto-encoder of ``ae_kmeans`` with the same seed.
    n_components : int, optional
        Principal components to reduce the features to first; all features when None.
    ae_epochs : int
        Epochs of the auto-encoder.
    ae_batch_size : int, optional
        Its batch size; the recipe's when None.
    device : str
        Where the auto-encoder is trained: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    random_state : int, optional
        Seed of restarts, principal components and auto-encoder.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Likeliest component of every sample.
    soft_labels_ : ndarray of shape (n, n_clusters), float64
        Probabilities of the components.
    embedding_ : ndarray of shape (n, e), float32
        What was clustered.
    history_ : list of dict
        The auto-encoder's epochs, if any, then one row: ``log_likelihood`` a sample, ``iterations``, ``converged``.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", Journal of the Royal
    Statistical Society B 39, 1977, doi:10.1111/j.2517-6161.1977.tb01600.x.
    """

    info = MethodInfo(
        name="gaussian_mixture",
        title="Gaussian mixture",
        reference="Dempster, Laird and Rubin, Maximum Likelihood from Incomplete Data via the EM Algorithm, Journal of "
        "the Royal Statistical Society B 39, 1977",
        doi="10.1111/j.2517-6161.1977.tb01600.x",
        inputs=("vector", "image"),
        notes=("Clusters at most 64 principal components of its features unless given, our choice.",),
        quick={"ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        covariance_type: str = "full",
        n_init: int = 3,
        max_iter: int = 200,
        reg_covar: float = 1e-6,
        features: str = "raw",
        n_components: int | None = 64,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.features = features
        self.n_components = n_components
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Fit the mixture; the sensitive attribute is not used. See :meth:`Method.fit`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        check_choice("covariance_type", self.covariance_type, ("full", "tied", "diag", "spherical"))
        check_at_least(1, n_init=self.n_init, max_iter=self.max_iter)
        check_positive(reg_covar=self.reg_covar)
        points, seed = self._clustered(X, sensitive_features)
        model = GaussianMixture(
            self.n_clusters,
            covariance_type=self.covariance_type,
            n_init=self.n_init,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=seed,
        )
        # In double precision, since reg_covar is far below what single precision leaves of a variance.
        exact = points.astype(np.float64)
        with warnings.catch_warnings():
            # Out of iterations, or fewer distinct samples than components: the history and the labels say it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(exact)
        self.soft_labels_: NDArray[np.float64] = model.predict_proba(exact)
        self.labels_ = self.soft_labels_.argmax(axis=1)
        self._log(log_likelihood=model.lower_bound_, iterations=model.n_iter_, converged=model.converged_)
        return self


class Spectral(_Baseline):
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
        points, seed = self._clustered(X, sensitive_features)
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
        self._log(edges=graph.nnz // 2)
        return self


class Agglomerative(_Baseline):
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
        points, _ = self._clustered(X, sensitive_features)
        graph = None if self.n_neighbors is None else knn_graph(points, self.n_neighbors)
        model = AgglomerativeClustering(self.n_clusters, linkage=self.linkage, connectivity=graph)
        self.labels_ = model.fit(points).labels_.astype(np.int64)
        self._log(edges=0 if graph is None else graph.nnz // 2)
        return self


class Hdbscan(_Baseline):
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
        points, _ = self._clustered(X, sensitive_features)
        smallest = self.min_cluster_size or max(5, len(points) // 100)
        neighbours = min(self.min_samples or smallest, len(points))
        found = HDBSCAN(min_cluster_size=smallest, min_samples=neighbours, copy=True).fit(points).labels_
        self.labels_ = ranked(found)
        self.n_clusters_ = int(self.labels_.max()) + 1
        noise = found < 0
        self._log(clusters=self.n_clusters_ - noise.any(), noise=noise.mean())
        return self
