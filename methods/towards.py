"""Towards fair deep clustering: DEC whose centroids are kept equally far from the centres of all groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from bench.metadata import MethodInfo

from ._deep.parameters import check_not_negative, check_positive
from .dec import DEC

if TYPE_CHECKING:
    from ._deep.fairoids import FairoidClusters
    from ._deep.networks import AutoEncoder
    from ._deep.pretraining import Recipe
    from ._deep.self_training import StudentClusters
    from ._deep.training import ResidentData

__all__ = ["Towards"]


class Towards(DEC):
    """Deep clustering with centroids equidistant from all fairoids, the centres of the groups; reconstructed.

    Neither the code nor, when this was written, the full text of the paper could be read. From its abstract and from
    how later papers describe it is known: any number of groups T; a fairoid π_t is the centre of all embeddings of
    group t; the embedding is trained until every cluster centroid is equidistant from all fairoids; the loss adds such
    a fairness part to a clustering part; samples are assigned by a function that also takes new ones.

    The rest is a choice:

    * Clustering part: DEC from its pretraining to its stopping rule, so that ``gamma=0`` is ``dec``. Labels too: the
      cluster of the largest soft assignment Q.
    * Centroids M of embeddings H and target P: ``(PᵀP + ridge · I)⁻¹ (PᵀH + ridge · mean(H))``, least squares as in a
      third-party implementation, with a ridge for clusters that few samples belong to.
    * Equidistance: ``φ_kt ∝ 1 / (1 + ‖m_k - π_t‖²)`` over t, and L_fair is the mean over k of ``KL(1/T ‖ φ_k)``, which
      is 0 if and only if every centroid is equidistant from all fairoids.
    * Loss: ``KL(P‖Q) + gamma · L_fair``. L_fair trains the encoder alone, through centroids and fairoids.
    * Centroids and fairoids follow the encoder: they are taken from all samples whenever the target is, and in between
      move as the samples of the batch do. The third-party implementation trains fairoids as free parameters, which can
      satisfy the loss without moving a sample. Fairoids that stand still between two targets are no way either:
      moving all samples away from them looks like progress, and can let the embedding grow without end.

    Equal distance to the means of the groups does not force clusters to hold equal shares of them.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    gamma : float
        Weight γ of the fairness part, at least 0. A third-party implementation tried 0, 1 and 10: our choice is 1, the
        largest of these that left all clusters in use on images of digits. More weight gives more balanced clusters,
        and fewer of them.
    ridge : float
        Pull of the mean embedding on every centroid, in samples; above 0, and 1 is our choice.
    backbone : {"matched", "original"}
        Network and recipe of the pretraining, as of :class:`DEC`.
    embedding_dim : int, optional
        Size d of the embedding; K for ``"matched"``, 10 for ``"original"`` when None.
    pretrain_epochs : int
        Passes over the data by the auto-encoder.
    pretrain_batch_size : int, optional
        Samples a step of the auto-encoder; 512 for ``"matched"``, 256 for ``"original"`` when None.
    pretrain_learning_rate : float, optional
        Step size of the auto-encoder; 5e-4 for ``"matched"``, D / 784 for ``"original"`` when None.
    n_init : int
        Restarts of k-means.
    alpha : float
        Degrees of freedom α of the soft assignments.
    update_interval : int
        Iterations between two targets, and two takes of the fairoids.
    tol : float
        Training ends when less than this share of the labels changed between two targets.
    max_iter : int
        Most iterations after the pretraining.
    batch_size : int
        Samples an iteration.
    learning_rate, momentum : float
        Of the SGD after the pretraining.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network; ``"auto"`` takes bfloat16 where the device has instructions for it.
    random_state : int, optional
        Seed of weights, order of samples and restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Cluster of the largest soft assignment.
    soft_labels_ : ndarray of shape (n, K), float32
        Soft assignments q_ik.
    embedding_ : ndarray of shape (n, d), float32
        Embeddings h_i.
    centres_ : ndarray of shape (K, d), float32
        Trained centres μ_k of the soft assignments.
    fairoids_ : ndarray of shape (T, d), float32
        Mean of ``embedding_`` in every group, in the order of ``groups_``.
    n_iter_ : int
        Iterations after the pretraining.
    stopped_ : {"tol", "max_iter"}
        Why training ended: labels settled, or iterations ran out.
    history_ : list of dict
        ``phase`` 0, the pretraining: ``loss`` and ``reconstruction`` by epoch. ``phase`` 1, a row for every target:
        ``loss``, ``kl`` and ``fairness``, the unweighted L_fair, in nats and means over its batches, ``changed``, the
        share of labels that changed by its end, and ``iteration``. ``phase`` 2, one row of the end:
        ``used_clusters``, and ``fairness`` with the centroids of all samples.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Wang and Davidson, "Towards Fair Deep Clustering With Multi-State Protected Variables", 2019,
    doi:10.48550/arXiv.1901.10053.
    """

    info = MethodInfo(
        name="towards",
        title="Towards (reconstructed)",
        reference="Wang and Davidson, Towards Fair Deep Clustering With Multi-State Protected Variables, 2019",
        doi="10.48550/arXiv.1901.10053",
        family="deep",
        inputs=("vector", "image"),
        uses_sensitive=True,
        status="reconstructed",
        published_as="Towards",
        notes=(
            "Known of Towards are its fairoids, centroids equidistant from all of them, and a clustering part beside "
            "that. Our choice are DEC as the clustering part, least-squares centroids, the form of the fairness part "
            "and its weight of 1, fairoids that follow the encoder, network, optimiser and stopping rule.",
            "The published row of Towards is identical to the one that the DFDC paper prints; with which settings it "
            "was made is not public.",
        ),
        requires=("torch",),
        quick={"pretrain_epochs": 3, "pretrain_batch_size": 64, "update_interval": 3, "max_iter": 9},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        gamma: float = 1.0,
        ridge: float = 1.0,
        backbone: str = "matched",
        embedding_dim: int | None = None,
        pretrain_epochs: int = 300,
        pretrain_batch_size: int | None = None,
        pretrain_learning_rate: float | None = None,
        n_init: int = 20,
        alpha: float = 1.0,
        update_interval: int = 140,
        tol: float = 1e-3,
        max_iter: int = 20000,
        batch_size: int = 256,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        super().__init__(
            n_clusters,
            backbone=backbone,
            embedding_dim=embedding_dim,
            pretrain_epochs=pretrain_epochs,
            pretrain_batch_size=pretrain_batch_size,
            pretrain_learning_rate=pretrain_learning_rate,
            n_init=n_init,
            alpha=alpha,
            update_interval=update_interval,
            tol=tol,
            max_iter=max_iter,
            batch_size=batch_size,
            learning_rate=learning_rate,
            momentum=momentum,
            device=device,
            precision=precision,
            random_state=random_state,
        )
        self.gamma = gamma
        self.ridge = ridge

    def _check_parameters(self, recipe: Recipe) -> None:
        super()._check_parameters(recipe)
        check_positive(ridge=self.ridge)
        check_not_negative(gamma=self.gamma)

    def _rows(self) -> int:
        return super()._rows() + 1

    def _clusters(
        self, network: AutoEncoder, data: ResidentData, groups: NDArray[np.int64], seed: int
    ) -> FairoidClusters:
        """DEC's encoder and centres, with the fairoids of the groups."""
        import torch

        from ._deep.fairoids import FairoidClusters

        start = super()._clusters(network, data, groups, seed)
        membership = torch.from_numpy(np.eye(len(self.groups_), dtype=np.float32)[groups]).to(start.centres.device)
        return FairoidClusters(start, membership, gamma=float(self.gamma), ridge=float(self.ridge))

    def _read_out(self, model: StudentClusters, data: ResidentData) -> None:
        super()._read_out(model, data)
        fairoids = cast("FairoidClusters", model)
        self.fairoids_: NDArray[np.float32] = fairoids.layout.fairoids.float().cpu().numpy()
        used = len(np.unique(self.labels_))
        self.log_epoch(len(self.history_), self._rows(), phase=2, fairness=fairoids.unfairness(), used_clusters=used)
