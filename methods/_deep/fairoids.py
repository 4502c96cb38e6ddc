"""Fairoids, and the loss that asks every cluster centroid to be equally far from all of them.

A fairoid is the centre of a group's embeddings: Wang and Davidson, "Towards Fair Deep Clustering With Multi-State
Protected Variables", arXiv:1901.10053. That centroids have to be equidistant from the fairoids is the paper's; the
form of the loss is a reconstruction, and so are least-squares centroids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .self_training import StudentClusters
from .student import log_assignment, target_distribution
from .training import Batch, ResidentData

__all__ = ["FairoidClusters", "equidistance_loss", "least_squares_centroids", "log_closeness"]


def least_squares_centroids(memberships: Tensor, points: Tensor, ridge: float) -> Tensor:
    """Centroids M that explain points H by memberships P: least ‖H - P M‖² + ridge · ‖M - mean(H)‖².

    M = (PᵀP + ridge · I)⁻¹ (PᵀH + ridge · mean(H)). Points that each belong to one cluster make its mean, of these and
    `ridge` samples at the mean of all; the latter is where a cluster lies that no point belongs to.

    Parameters
    ----------
    memberships : Tensor of shape (n, K)
        P, in [0, 1]; rows sum to 1.
    points : Tensor of shape (n, d)
        H. Gradients flow through them.
    ridge : float
        Pull of the mean of all points, in samples; above 0.

    Returns
    -------
    Tensor of shape (K, d)
        M. Moves with the points when they all move by the same.
    """
    size = memberships.shape[1]
    gram = memberships.T @ memberships + ridge * torch.eye(size, dtype=points.dtype, device=points.device)
    # The checked variant would make the host wait for a GPU; the ridge makes the matrix positive definite.
    factor = torch.linalg.cholesky_ex(gram).L
    return torch.cholesky_solve(memberships.T @ points + ridge * points.mean(0), factor)


def log_closeness(centroids: Tensor, fairoids: Tensor) -> Tensor:
    """Logarithm of φ_kt, proportional to 1 / (1 + ‖m_k - π_t‖²) over t.

    Parameters
    ----------
    centroids : Tensor of shape (K, d)
        Cluster centroids m_k.
    fairoids : Tensor of shape (T, d)
        Fairoids π_t.

    Returns
    -------
    Tensor of shape (K, T)
        At most 0; every row is the logarithm of a distribution over the groups.
    """
    return log_assignment(centroids, fairoids, alpha=1.0)


def equidistance_loss(centroids: Tensor, fairoids: Tensor) -> Tensor:
    """L_fair = mean over k of KL(1/T ‖ φ_k): how far centroids are from being equidistant from all fairoids.

    Parameters
    ----------
    centroids : Tensor of shape (K, d)
        Cluster centroids m_k.
    fairoids : Tensor of shape (T, d)
        Fairoids π_t.

    Returns
    -------
    Tensor, scalar
        In nats, at least 0 but for rounding; 0 if and only if every centroid is equally far from all fairoids, as it
        always is from a single one.
    """
    return -(math.log(len(fairoids)) + log_closeness(centroids, fairoids).mean())


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything lay when the target was refreshed.

    Parameters
    ----------
    embedding : Tensor of shape (n, d), float32
        Embeddings of all samples.
    centroids : Tensor of shape (K, d), float64
        Their least-squares centroids.
    fairoids : Tensor of shape (T, d), float64
        The means of their groups.
    """

    embedding: Tensor
    centroids: Tensor
    fairoids: Tensor


class FairoidClusters(StudentClusters):
    """An encoder and cluster centres that minimise KL(P‖Q) + γ · L_fair.

    Centroids and fairoids are no parameters but functions of the encoder: their places at the last refresh of the
    target, over all samples, moved by what the samples of the batch have moved since. The gradient flows through both.
    With fairoids that stand still, moving all samples far away would make every centroid look equidistant, until the
    next refresh finds the fairoids there too: the embedding could grow without end.

    Parameters
    ----------
    start : StudentClusters
        Encoder and centres to train.
    membership : Tensor of shape (n, T), float32
        1 where the sample belongs to the group, else 0, on the device; no group is empty.
    gamma : float
        Weight γ of L_fair, at least 0.
    ridge : float
        As of :func:`least_squares_centroids`.

    Attributes
    ----------
    layout : Layout
        As of the last call of :meth:`assign`, which has to come before the first batch.
    """

    layout: Layout

    def __init__(self, start: StudentClusters, membership: Tensor, *, gamma: float, ridge: float) -> None:
        super().__init__(start.encoder, start.centres.detach(), start.alpha)
        self.membership = membership
        self.gamma = gamma
        self.ridge = ridge

    def assign(self, data: ResidentData) -> Tensor:
        """Soft assignments (n, K) of all samples; renews the layout.

        Raises
        ------
        InvalidInputError
            If they are no numbers.
        """
        embedding = data.embed(self.encoder)
        soft = self.assign_embedded(embedding)
        points = embedding.double()
        membership = self.membership.double()
        centroids = least_squares_centroids(target_distribution(soft).double(), points, self.ridge)
        self.layout = Layout(embedding, centroids, membership.T @ points / membership.sum(0)[:, None])
        return soft

    def terms(self, embedding: Tensor, target: Tensor, batch: Batch) -> dict[str, Tensor]:
        """``loss``, its part KL(P‖Q) as ``kl`` and L_fair as ``fairness``, of a batch."""
        divergence = super().terms(embedding, target, batch)["kl"]
        # Few numbers, of which small differences count.
        moved = (embedding - self.layout.embedding[batch.index]).double()
        groups = self.membership[batch.index].double()
        centroids = self.layout.centroids + least_squares_centroids(target.double(), moved, self.ridge)
        fairoids = self.layout.fairoids + least_squares_centroids(groups, moved, self.ridge)
        fairness = equidistance_loss(centroids, fairoids).float()
        return {"loss": divergence + self.gamma * fairness, "kl": divergence, "fairness": fairness}

    def unfairness(self) -> float:
        """L_fair of all samples at the last call of :meth:`assign`."""
        return equidistance_loss(self.layout.centroids, self.layout.fairoids).item()
