"""VFC: variational fair clustering by bound optimisation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.errors import InvalidInputError
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_not_negative, check_positive, seeds
from ._tracks import TRACKS, track_features
from ._variational_fair.alternation import Limits, minimise
from ._variational_fair.cut import NormalisedCutCost
from ._variational_fair.fairness import FairnessTerm
from ._variational_fair.prototypes import KMeansCost, KMedianCost, on_the_sphere
from ._variational_fair.selection import Trial, choose, trial_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ._variational_fair.bound import ClusteringCost, State

__all__ = ["VFC"]


class VFC(Method):
    """Clustering cost plus lambda times the KL divergence of every cluster's group proportions from the data's.

    Soft memberships go from one closed-form minimum of an upper bound to the next. Each step is checked against its
    bound, and L, which makes it a bound, is raised until the step passes; so the energy never rises. Features are
    standardised and scaled to length 1 first, as the official code does.

    Lambda weighs a sum over clusters against a sum over points, so it has to grow with n / k. The official default
    of 50 leaves little but k-means at 10,000 points and more. Here multiples of n / k are tried, and the smallest
    that reaches a share of the data's own Balance is kept. No true label takes part.

    Parameters
    ----------
    n_clusters : int
        Number of clusters.
    objective : {"kmeans", "kmedian", "ncut"}
        Squared distances to means, distances to geometric medians, or the normalised cut of a graph of neighbours.
    features : {"raw", "ae"}
        Cluster the samples as they are, or their embedding by the auto-encoder of ``ae_kmeans`` with the same seed.
    fairness_weight : float, optional
        Lambda itself, at least 0; chosen by the rule when None.
    grid : sequence of float
        Multiples of n / k to try, each at least 0, from the smallest to the first that reaches the target.
    balance_target : float
        In (0, 1]: share of the data's Balance that the rule asks for. Where no lambda reaches it, the one of the
        highest Balance is kept.
    lipschitz : float
        First L, above 0. It is doubled where a step fails its bound, and halved after a step.
    n_init : int
        Restarts of the k-means that gives the first centres.
    max_iter : int
        Most outer iterations for one lambda. They end at a relative fall of the energy below 1e-4.
    inner_steps : int
        Most bound steps between two moves of the centres. They end at a relative fall below 1e-5.
    n_neighbors : int
        Neighbours in the graph of ``objective="ncut"``.
    ae_epochs : int
        Epochs of the auto-encoder.
    ae_batch_size : int, optional
        Its batch size; the recipe's when None.
    device : str
        Where the auto-encoder is trained.
    random_state : int, optional
        Seed of the restarts and of the auto-encoder.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Most likely clusters. Balance is not guaranteed, and a cluster may be empty.
    soft_labels_ : ndarray of shape (n, n_clusters), float64
        Memberships.
    fairness_weight_ : float
        Lambda that was kept.
    trials_ : list of Trial
        What every lambda that was tried led to.
    embedding_ : ndarray of shape (n, e), float32
        Only with ``features="ae"``.
    history_ : list of dict
        The auto-encoder's epochs, if any. Then one row an outer iteration: ``fairness_weight`` (lambda), ``energy``,
        ``clustering_cost``, ``fairness_error`` in nats, ``lipschitz``. After every lambda a row with its ``balance``,
        ``used_clusters`` and ``smallest_cluster``; the last row tells the same of the lambda that was kept.

    References
    ----------
    Ziko, Yuan, Granger, Ben Ayed, "Variational Fair Clustering", AAAI 2021, arXiv:1906.08207.
    """

    info = MethodInfo(
        name="vfc",
        title="VFC",
        reference="Ziko, Yuan, Granger, Ben Ayed, Variational Fair Clustering, AAAI 2021",
        doi="arXiv:1906.08207",
        inputs=("vector", "image"),
        uses_sensitive=True,
        published_as="VFC",
        notes=(
            "VFC: lambda is the smallest of {0.1, 0.3, 1, 3, 10} n / k whose Balance reaches 90 % of the data's (our "
            "rule, without labels), else the one of highest Balance; the published lambda is not known.",
            "VFC starts from converged k-means and carries memberships and L along (our choice); features are "
            "standardised and scaled to length 1, as in the official code.",
        ),
        quick={"n_init": 1, "max_iter": 5, "ae_epochs": 3, "ae_batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        objective: str = "kmeans",
        features: str = "raw",
        fairness_weight: float | None = None,
        grid: tuple[float, ...] = (0.1, 0.3, 1, 3, 10),
        balance_target: float = 0.9,
        lipschitz: float = 2.0,
        n_init: int = 10,
        max_iter: int = 100,
        inner_steps: int = 10,
        n_neighbors: int = 20,
        ae_epochs: int = 300,
        ae_batch_size: int | None = None,
        device: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.objective = objective
        self.features = features
        self.fairness_weight = fairness_weight
        self.grid = grid
        self.balance_target = balance_target
        self.lipschitz = lipschitz
        self.n_init = n_init
        self.max_iter = max_iter
        self.inner_steps = inner_steps
        self.n_neighbors = n_neighbors
        self.ae_epochs = ae_epochs
        self.ae_batch_size = ae_batch_size
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cluster for every lambda in turn and keep one. See :meth:`Method.fit`."""
        samples, groups = self.check_input(X, sensitive_features)
        weights = self._checked_weights(len(samples))
        (seed,) = seeds(self.random_state, 1)
        features = track_features(self, samples, groups, random_state=self.random_state)
        sizes = np.bincount(groups)
        target = self.balance_target * sizes.min() / sizes.max()
        self.trials_: list[Trial] = []
        order = np.argsort(groups, kind="stable")
        # In one expression, so that only one of the copies is held while lambdas are tried.
        ordered = on_the_sphere(features)[order]
        for trial in self._trials(ordered, order, groups, weights, seed):
            self.trials_.append(trial)
            self._log_trial(trial)
            if trial.balance >= target and trial.used_clusters == self.n_clusters:
                break
        self._keep(choose(self.trials_, target=target))
        return self

    def _checked_weights(self, n: int) -> list[float]:
        """Refuse bad parameters; the lambdas to try, in rising order."""
        check_choice("objective", self.objective, ("kmeans", "kmedian", "ncut"))
        check_choice("features", self.features, TRACKS)
        check_at_least(
            1, n_init=self.n_init, max_iter=self.max_iter, inner_steps=self.inner_steps, n_neighbors=self.n_neighbors
        )
        check_positive(lipschitz=self.lipschitz, balance_target=self.balance_target)
        if self.balance_target > 1:
            raise InvalidInputError(f"balance_target={self.balance_target} given; it takes a share in (0, 1]")
        if self.fairness_weight is not None:
            check_not_negative(fairness_weight=self.fairness_weight)
            return [float(self.fairness_weight)]
        if not isinstance(self.grid, list | tuple) or not self.grid:
            raise InvalidInputError(f"grid={self.grid!r} given; it takes a list of numbers, for example (0.3, 1, 3)")
        check_not_negative(**{f"grid[{i}]": multiple for i, multiple in enumerate(self.grid)})
        return [multiple * n / self.n_clusters for multiple in sorted(self.grid)]

    def _trials(
        self,
        ordered: NDArray[np.float32],
        order: NDArray[np.int64],
        groups: NDArray[np.int64],
        weights: list[float],
        seed: int,
    ) -> Iterator[Trial]:
        """Minimise for one lambda after the other, each from the same start, on points sorted by group."""
        from ._deep.centres import fit_kmeans

        term = FairnessTerm(np.bincount(groups))
        first = fit_kmeans(ordered, self.n_clusters, n_init=self.n_init, seed=seed)
        graph = self._graph(ordered) if self.objective == "ncut" else None
        # Not quite 0 and 1, so that the cut's slope is defined where k-means found fewer clusters.
        soft = 0.99 * (first.labels_ == np.arange(self.n_clusters)[:, None]) + 0.01 / self.n_clusters
        for weight in weights:
            cost: ClusteringCost
            if graph is not None:
                cost = NormalisedCutCost(graph, self.n_clusters)
            else:
                cost = (KMeansCost if self.objective == "kmeans" else KMedianCost)(ordered, first.cluster_centers_)
            state = minimise(
                cost,
                term,
                cost.costs(soft),
                weight=weight,
                lipschitz=self.lipschitz,
                limits=Limits(self.max_iter, self.inner_steps),
                on_iteration=partial(self._log_iteration, weight),
            )
            yield trial_of(state, groups, order, weight)

    def _graph(self, points: NDArray[np.float32]) -> csr_matrix:
        from ._graphs import knn_graph

        return knn_graph(points, self.n_neighbors)

    def _log_iteration(self, weight: float, state: State, lipschitz: float) -> None:
        self._log_row(
            fairness_weight=weight,
            energy=state.energy,
            clustering_cost=state.clustering,
            fairness_error=state.fairness,
            lipschitz=lipschitz,
        )

    def _log_trial(self, trial: Trial) -> None:
        self._log_row(
            fairness_weight=trial.weight,
            energy=trial.energy,
            clustering_cost=trial.clustering_cost,
            fairness_error=trial.fairness_error,
            balance=trial.balance,
            used_clusters=trial.used_clusters,
            smallest_cluster=trial.smallest_cluster,
        )

    def _log_row(self, **values: float) -> None:
        epoch = len(self.history_)
        n_weights = len(self.grid) if self.fairness_weight is None else 1
        self.log_epoch(epoch, max(epoch, n_weights * (self.max_iter + 1)) + 1, **values)

    def _keep(self, trial: Trial) -> None:
        self.labels_ = trial.labels
        self.soft_labels_: NDArray[np.float64] = trial.memberships
        self.fairness_weight_ = trial.weight
        self._log_trial(trial)
