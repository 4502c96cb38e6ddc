"""DFC's start: a variational auto-encoder, centres in its latent space, and DEC on the samples of each group alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from .centres import fit_kmeans
from .evidence import train_variational
from .hardware import seeded_weights
from .self_training import Schedule, StudentClusters, self_train
from .training import ResidentData
from .variational import GaussianEncoder, build_variational

__all__ = ["GoldenModels", "Pretraining", "kmeans_clusters", "pretrained_encoder", "random_clusters"]


@dataclass(frozen=True)
class Pretraining:
    """How a variational auto-encoder is trained.

    Parameters
    ----------
    latent_dim, epochs, batch_size : int
        Size of the latent space, passes over the data, and samples a step.
    learning_rate : float
        Of Adam.
    """

    latent_dim: int
    epochs: int
    batch_size: int
    learning_rate: float


def pretrained_encoder(
    data: ResidentData, recipe: Pretraining, *, seeds: Sequence[int], log: Callable[..., None]
) -> GaussianEncoder:
    """Encoder of a variational auto-encoder trained on `data`.

    Parameters
    ----------
    data : ResidentData
        Samples as :func:`as_network_input` returns them.
    recipe : Pretraining
        Sizes and optimiser.
    seeds : sequence of 3 int
        Of initial weights, order of samples and draws.
    log : callable
        As of :func:`train_variational`.

    Returns
    -------
    GaussianEncoder
        On the device of `data`.
    """
    weights, order, draws = seeds
    with seeded_weights(weights):
        network = build_variational(data.samples.shape[1:], recipe.latent_dim)
    network = network.to(data.hardware.device)
    train_variational(
        network,
        data,
        Adam(network.parameters(), recipe.learning_rate, fused=True),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        rng=np.random.default_rng(order),
        generator=torch.Generator(data.hardware.device).manual_seed(draws),
        log=log,
    )
    return network.encoder


def kmeans_clusters(
    encoder: GaussianEncoder, data: ResidentData, n_clusters: int, *, alpha: float, n_init: int, seed: int
) -> StudentClusters:
    """The encoder with the centres of k-means on the latent means of `data`.

    Parameters
    ----------
    encoder : GaussianEncoder
        On the device of `data`.
    data : ResidentData
        Samples.
    n_clusters, n_init, seed : int
        Of k-means.
    alpha : float
        Degrees of freedom of the soft assignment.

    Raises
    ------
    InvalidInputError
        If the means are no numbers.
    """
    embedding = data.embed(encoder).cpu().numpy()
    centres = fit_kmeans(embedding, n_clusters, n_init=n_init, seed=seed).cluster_centers_
    start = torch.from_numpy(centres.astype(np.float32)).to(data.hardware.device)
    return StudentClusters(encoder, start, alpha)


def random_clusters(
    encoder: GaussianEncoder, data: ResidentData, n_clusters: int, *, alpha: float, seed: int
) -> StudentClusters:
    """The encoder with Xavier-uniform random centres.

    Parameters
    ----------
    encoder : GaussianEncoder
        On the device of `data`.
    data : ResidentData
        Samples.
    n_clusters, seed : int
        Number of centres, and seed of their numbers.
    alpha : float
        Degrees of freedom of the soft assignment.
    """
    centres = torch.empty(n_clusters, encoder.mean.out_features)
    nn.init.xavier_uniform_(centres, generator=torch.Generator().manual_seed(seed))
    return StudentClusters(encoder, centres.to(data.hardware.device), alpha)


@dataclass(frozen=True)
class GoldenModels:
    """One clustering model a group, that knows nothing of the other groups.

    Parameters
    ----------
    n_clusters : int
        K; a group of fewer samples gets as many clusters as it has samples.
    alpha : float
        Degrees of freedom of the soft assignment.
    n_init : int
        Restarts of k-means.
    recipe : Pretraining
        Of each group's variational auto-encoder.
    schedule : Schedule
        Refreshes of DEC's target, and end.
    learning_rate : float
        Of Adam, in DEC.
    """

    n_clusters: int
    alpha: float
    n_init: int
    recipe: Pretraining
    schedule: Schedule
    learning_rate: float

    def assign(self, data: ResidentData, seeds: Sequence[Sequence[int]], log: Callable[..., None]) -> Tensor:
        """Train the models and assign every sample by that of its own group.

        Parameters
        ----------
        data : ResidentData
            All samples.
        seeds : sequence of T sequences of 5 int
            For every group: initial weights, order of samples, draws, restarts of k-means, order of samples in DEC.
        log : callable
            Told ``(1, epoch, group=..., **terms)`` by the auto-encoders, and ``(2, target, group=..., **terms)`` by
            DEC.

        Returns
        -------
        Tensor of shape (n, K)
            Soft assignments, constants: the models are trained no further.
        """
        golden = data.membership.new_zeros(len(data.groups), self.n_clusters)
        for group in range(data.n_groups):
            members = np.flatnonzero(data.groups == group)
            alone = ResidentData.ungrouped(data.samples[members].cpu().numpy(), data.hardware)
            soft = self._alone(alone, seeds[group], partial(log, group=group))
            golden[members, : soft.shape[1]] = soft
        return golden

    def _alone(self, data: ResidentData, seeds: Sequence[int], log: Callable[..., None]) -> Tensor:
        *first, restarts, refinement = seeds
        encoder = pretrained_encoder(data, self.recipe, seeds=first, log=partial(log, 1))
        k = min(self.n_clusters, len(data.groups))
        model = kmeans_clusters(encoder, data, k, alpha=self.alpha, n_init=self.n_init, seed=restarts)
        optimiser = Adam(model.parameters(), self.learning_rate, fused=True)
        self_train(model, data, optimiser, self.schedule, rng=np.random.default_rng(refinement), log=partial(log, 2))
        return model.assign(data)
