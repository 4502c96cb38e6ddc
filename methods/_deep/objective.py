"""FCMI's loss on one batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .autoencoder import reconstruction_error
from .information import (
    cluster_entropy,
    conditional_entropy,
    contingency,
    fill_empty,
    group_information,
    soft_assignment,
)
from .networks import AutoEncoder
from .training import Batch, ResidentData

__all__ = ["FairObjective"]


@dataclass(frozen=True)
class FairObjective:
    """The loss L = L_rec + α·L_clu + β·L_fair, Eq. 12 of Zeng et al., CVPR 2023, estimated on a batch.

    Parameters
    ----------
    alpha, beta : float
        Weights of L_clu = -H(C) + H(C|X) (Eq. 7) and L_fair = I(G;C) (Eq. 8).
    balance_weight : float
        Weight of -H(C) inside L_clu; 1 in the paper.
    tau : float
        Temperature of the soft assignments.
    squared_norm : bool
        Whether L_rec is the squared norm of Eq. 11 or its mean over entries.
    """

    alpha: float
    beta: float
    balance_weight: float
    tau: float
    squared_norm: bool

    def terms(
        self, network: AutoEncoder, data: ResidentData, batch: Batch, centres: Tensor, *, warm: bool
    ) -> dict[str, Tensor]:
        """Loss and its parts.

        Parameters
        ----------
        network : AutoEncoder
            With unit embeddings and a branch a group.
        data : ResidentData
            Samples and groups.
        batch : Batch
            Which of them.
        centres : Tensor of shape (K, d)
            Cluster centres of length 1.
        warm : bool
            Whether this is a warm-up epoch, in which the loss is L_rec alone.

        Returns
        -------
        dict of str to Tensor
            Scalars ``loss``, ``reconstruction``, ``clustering`` and ``fairness``.
        """
        samples = data.samples[batch.index]
        with data.hardware.autocast():
            embedding, output = network(samples, batch.sizes)
        error = reconstruction_error(output, samples, squared_norm=self.squared_norm)
        soft = soft_assignment(embedding, centres, self.tau)
        table = fill_empty(contingency(soft, data.membership[batch.index]))
        clustering = conditional_entropy(soft) - self.balance_weight * cluster_entropy(table)
        fairness = group_information(table)
        loss = error if warm else error + self.alpha * clustering + self.beta * fairness
        return {"loss": loss, "reconstruction": error, "clustering": clustering, "fairness": fairness}
