"""FAlg on the clusters of another method: ``falg(dec)`` and the like."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.composition import PostProcessing
from bench.errors import UnsupportedInputError
from bench.metadata import MethodInfo

from ._assignment import FairAssignment, check_delta, fair_assignment, share_bounds
from ._deep.parameters import check_choice

__all__ = ["FAlgOf"]

# Below this a soft assignment costs no more than this one: about the smallest positive float32.
SMALLEST = 1e-38

Floats = NDArray[np.float64]


class FAlgOf(PostProcessing):
    """The clusters of another method, made fair by the assignment LP of Bera et al. 2019.

    The other method is fitted as it is. Its samples are then assigned to its clusters anew, at least cost, such that
    every cluster's share of group t lies between r_t (1 - delta) and r_t / (1 - delta), r_t being the share of the
    group in the data. What a cluster costs a sample comes from what the other method offers, the first of

    * ``embedding_``: distance to the cluster's centre in it, the mean of its samples, or their geometric median;
    * ``cluster_centers_`` in the space of the samples: distance to them;
    * ``soft_labels_``: minus their logarithm, so that the assignment is the likeliest of the fair ones.

    Clusters that the other method leaves empty stay empty where there are no centres of its own for them.

    Parameters
    ----------
    n_clusters : int
        Number of clusters, of the other method too.
    delta : float
        In [0, 1). 0 asks for the data's shares exactly; 0.2, the "80 % rule", is the paper's main setting.
    objective : {"kmeans", "kmedian"}
        Squared distances to centres, means in an embedding, or distances, to medians in an embedding.
    cost : {"auto", "centres", "soft_labels"}
        Where costs come from: distances to centres, or soft labels; ``"auto"`` takes the first there is.
    solver : {"auto", "highs", "pulp"}
        Route to the LP's optimum, see :func:`bench.methods._assignment.fair_assignment`.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters after rounding.
    base_labels_ : ndarray of shape (n,), int64
        Those of the other method.
    n_clusters_ : int
        How many there may be, where the other method finds that itself.
    embedding_ : ndarray of shape (n, e)
        That of the other method, if it has one.
    assignment_ : FairAssignment
        LP solution, its duality gap, and the violation after rounding.
    lower_, upper_ : ndarray of shape (T,)
        Bounds on the groups' shares.
    history_ : list of dict
        That of the other method, then one row: ``vanilla_cost`` of the cheapest assignment, fair or not, ``lp_cost``,
        ``assigned_cost`` after rounding; ``duality_gap``, ``violation`` and its ``violation_bound`` in points,
        ``split_points``, ``moved``, the share of samples whose cluster is another now, and ``smallest_cluster``.

    References
    ----------
    Bera, Chakrabarty, Flores, Negahbani, "Fair Algorithms for Clustering", NeurIPS 2019, arXiv:1901.02393.
    """

    info = MethodInfo(
        name="falg",
        title="FAlg",
        reference="Bera, Chakrabarty, Flores, Negahbani, Fair Algorithms for Clustering, NeurIPS 2019",
        doi="arXiv:1901.02393",
        inputs=("vector", "image"),
        uses_sensitive=True,
        stochastic=False,
        wraps=True,
        notes=(
            "FAlg (...): the method in brackets as it is, then the fair assignment LP with delta = 0.2 unless given; "
            "where a bound is active, Balance and MNCE follow from delta and the groups' sizes.",
        ),
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        delta: float = 0.2,
        objective: str = "kmeans",
        cost: str = "auto",
        solver: str = "auto",
    ) -> None:
        self.n_clusters = n_clusters
        self.delta = delta
        self.objective = objective
        self.cost = cost
        self.solver = solver

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Fit the other method and assign fairly. See :meth:`Method.fit`.

        Raises
        ------
        UnsupportedInputError
            If the other method offers nothing that costs could come from.
        """
        samples, groups = self.check_input(X, sensitive_features)
        self._check_parameters()
        base = self.fit_base(samples, groups)
        self.base_labels_ = np.asarray(base.labels_)
        # That of an earlier fit would be taken for this one's.
        self.__dict__.pop("embedding_", None)
        if getattr(base, "embedding_", None) is not None:
            self.embedding_: NDArray[np.floating] = np.asarray(base.embedding_)
        cost, clusters = self._costs(base, samples.reshape(len(samples), -1))
        self.lower_, self.upper_ = share_bounds(groups, self.delta)
        self.assignment_: FairAssignment = fair_assignment(cost, groups, self.lower_, self.upper_, solver=self.solver)
        self.labels_ = clusters[self.assignment_.labels]
        self.n_clusters_ = max(self.n_clusters, int(clusters.max()) + 1)
        self._report(float(cost.min(axis=1).sum()))
        return self

    def _check_parameters(self) -> None:
        check_delta(self.delta)
        check_choice("objective", self.objective, ("kmeans", "kmedian"))
        check_choice("cost", self.cost, ("auto", "centres", "soft_labels"))
        check_choice("solver", self.solver, ("auto", "highs", "pulp"))

    def _costs(self, base: Method, points: NDArray[np.float32]) -> tuple[Floats, NDArray[np.int64]]:
        """Cost of every sample in every cluster, (n, m), and the ids of these clusters, (m,)."""
        soft = getattr(base, "soft_labels_", None)
        if self.cost != "soft_labels":
            if hasattr(self, "embedding_"):
                clusters = np.unique(self.base_labels_).astype(np.int64)
                return self._distances(self.embedding_, self._centres(clusters)), clusters
            centres = np.asarray(getattr(base, "cluster_centers_", ()))
            if centres.ndim == 2 and centres.shape[1] == points.shape[1]:
                return self._distances(points, centres), np.arange(len(centres))
        if self.cost != "centres" and soft is not None:
            likelihood = np.maximum(np.asarray(soft, dtype=np.float64), SMALLEST)
            return -np.log(likelihood), np.arange(likelihood.shape[1])
        wanted = {"centres": "no embedding and no centres", "soft_labels": "no soft labels"}
        raise UnsupportedInputError(
            f"{base.info.title} has {wanted.get(self.cost, 'no embedding, no centres and no soft labels')} that a fair "
            "assignment could start from; `falg` alone starts from k-means on the samples"
        )

    def _centres(self, clusters: NDArray[np.int64]) -> Floats:
        """Centre of each of `clusters` in the embedding."""
        means = np.stack([self.embedding_[self.base_labels_ == cluster].mean(axis=0) for cluster in clusters])
        if self.objective == "kmeans":
            return means.astype(np.float64)
        from ._assignment.kmedian import kmedian_centres

        return kmedian_centres(self.embedding_.astype(np.float32), means.astype(np.float64))

    def _distances(self, points: NDArray[np.floating], centres: NDArray[np.floating]) -> Floats:
        from sklearn.metrics.pairwise import euclidean_distances

        distance: Floats = euclidean_distances(points, centres).astype(np.float64)
        return distance if self.objective == "kmedian" else distance**2

    def _report(self, vanilla_cost: float) -> None:
        result = self.assignment_
        epoch = int(self.history_[-1]["epoch"]) + 1 if self.history_ else 0
        self.log_epoch(
            epoch,
            epoch + 1,
            vanilla_cost=vanilla_cost,
            **result.figures(),
            moved=np.mean(self.labels_ != self.base_labels_),
            smallest_cluster=np.bincount(self.labels_, minlength=self.n_clusters).min(),
        )
