"""DFC's joint stage: clusters that a critic cannot tell the group from, and that keep each group's own structure.

Li, Zhao and Liu, "Deep Fair Clustering for Visual Learning", CVPR 2020; losses and reductions are those of the
official code, equation numbers those of Teule et al., ReScience C 7(2), 2021, doi:10.5281/zenodo.4833547.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Adam

from .adversary import GroupCritic, critic_loss, reversal_ramp, reverse_gradient
from .divergences import DIVERGENCES
from .evidence import draw_latent
from .hardware import seeded_weights
from .self_training import StudentClusters
from .student import log_assignment, target_distribution
from .training import Batch, ResidentData, train_pass
from .variational import GaussianEncoder

__all__ = ["JointSettings", "JointTraining", "balanced_batches", "rate_decay", "structure_loss"]

# Samples a group and step in the official code: its sums over a batch are scaled to this many.
REFERENCE_BATCH = 512
CRITIC_RATE = 10


@dataclass(frozen=True)
class JointSettings:
    """Parameters of the joint stage.

    Parameters
    ----------
    divergence : {"kl", "js", "cs"}
        Of L_c.
    fairness_weight, structure_weight : float
        α_f and α_s of Eq. 6.
    iterations, batch_size : int
        Steps, and samples of each group a step.
    learning_rate, weight_decay : float
        Of Adam; the critic's learning rate is ten times that.
    """

    divergence: str
    fairness_weight: float
    structure_weight: float
    iterations: int
    batch_size: int
    learning_rate: float
    weight_decay: float


class JointTraining:
    """Train encoder and centres against a critic.

    Parameters
    ----------
    model : StudentClusters
        Its encoder is a :class:`GaussianEncoder`, trained on draws from the latent space; on the device of `data`.
    critic : GroupCritic
        On the device of `data`.
    golden : Tensor of shape (n, K)
        Soft assignments of every sample by the frozen model of its own group.
    data : ResidentData
        Samples of two groups.
    settings : JointSettings
        Parameters.
    generator : torch.Generator
        Source of the draws.
    """

    def __init__(
        self,
        model: StudentClusters,
        critic: GroupCritic,
        golden: Tensor,
        data: ResidentData,
        settings: JointSettings,
        generator: torch.Generator,
    ) -> None:
        self.model = model
        self.encoder = cast("GaussianEncoder", model.encoder)
        self.critic = critic
        self.golden = golden
        self.data = data
        self.settings = settings
        self.generator = generator
        self.reversal = 0.0

    @classmethod
    def start(
        cls,
        model: StudentClusters,
        golden: Tensor,
        data: ResidentData,
        settings: JointSettings,
        *,
        seeds: tuple[int, int],
    ) -> Self:
        """With a new critic.

        Parameters
        ----------
        model, golden, data, settings
            As of the class.
        seeds : (int, int)
            Of the critic's weights, and of draws and dropout.
        """
        weights, draws = seeds
        generator = torch.Generator(data.hardware.device).manual_seed(draws)
        with seeded_weights(weights):
            critic = GroupCritic(len(model.centres), generator)
        return cls(model, critic.to(data.hardware.device), golden, data, settings, generator)

    def run(self, rng: np.random.Generator, interval: int, log: Callable[..., None]) -> None:
        """Make all iterations.

        Parameters
        ----------
        rng : numpy Generator
            Order of the samples.
        interval : int
            Iterations between two calls of `log`.
        log : callable
            Told ``(iteration, loss=..., clustering=..., structure=..., fairness=..., reversal=...)``: means since
            the call before, and the coefficient of the gradient reversal.
        """
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        parts = [
            {"params": list(self.model.parameters()), "lr": rate},
            {"params": list(self.critic.parameters()), "lr": CRITIC_RATE * rate},
        ]
        optimiser = Adam(parts, weight_decay=decay, fused=True)
        steps = self._scheduled(balanced_batches(self.data, self.settings.batch_size, rng), optimiser)
        self.model.train()
        self.critic.train()
        done = 0
        while done < self.settings.iterations:
            chunk = min(interval, self.settings.iterations - done)
            terms = train_pass(islice(steps, chunk), optimiser, self.terms)
            done += chunk
            log(done, **terms, reversal=self.reversal)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Loss and its parts on a batch of as many samples of one group as of the other.

        The critic descends on L_f and everything before it ascends (Eqs. 6 and 7), which is one step on the sum of
        all losses since the gradient is reversed in between.

        Returns
        -------
        dict of str to Tensor
            Scalars ``loss``, ``clustering`` (L_c), ``structure`` (L_s) and ``fairness`` (L_f, unweighted).
        """
        samples = self.data.samples[batch.index]
        with self.data.hardware.autocast():
            mean, log_variance = self.encoder.moments(samples)
        latent = draw_latent(mean, log_variance, self.generator)
        soft = log_assignment(latent, self.model.centres, self.model.alpha).exp()
        clustering, structure = self._group_losses(soft, batch)
        first = self.data.membership[batch.index, 0]
        fairness = critic_loss(self.critic(reverse_gradient(soft, self.reversal)), first)
        loss = clustering + self.settings.structure_weight * structure + self.settings.fairness_weight * fairness
        return {"loss": loss, "clustering": clustering, "structure": structure, "fairness": fairness}

    def _group_losses(self, soft: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """L_c and L_s: sums over a group's samples, averaged over the groups, as if it were 512 samples each."""
        divergence = DIVERGENCES[self.settings.divergence]
        scale = REFERENCE_BATCH / self.settings.batch_size
        parts = zip(torch.split(soft, batch.sizes), torch.split(self.golden[batch.index], batch.sizes), strict=True)
        clustering = structure = soft.new_zeros(())
        for assigned, golden in parts:
            clustering = clustering + scale * divergence(target_distribution(assigned), assigned).sum()
            structure = structure + scale**2 * structure_loss(assigned, golden)
        return clustering / len(batch.sizes), structure / len(batch.sizes)

    def _scheduled(self, batches: Iterable[Batch], optimiser: torch.optim.Optimizer) -> Iterator[Batch]:
        """The batches of all iterations; learning rates and reversal are set for each as it is handed out."""
        initial = [group["lr"] for group in optimiser.param_groups]
        for step, batch in enumerate(islice(batches, self.settings.iterations)):
            progress = step / self.settings.iterations
            self.reversal = reversal_ramp(progress)
            for group, rate in zip(optimiser.param_groups, initial, strict=True):
                group["lr"] = rate * rate_decay(progress)
            yield batch


def structure_loss(soft: Tensor, golden: Tensor) -> Tensor:
    """Squared Frobenius norm of P Pᵀ - P̂ P̂ᵀ for one group, a summand of Eq. 2.

    Parameters
    ----------
    soft : Tensor of shape (B, K)
        Soft assignments P of the samples of a group.
    golden : Tensor of shape (B, K')
        Those of the group clustered alone, P̂; the order of clusters makes no difference.

    Returns
    -------
    Tensor, scalar
        In [0, B²]: the sum over all pairs of samples.
    """
    return (soft @ soft.T - golden @ golden.T).square().sum()


def rate_decay(progress: float) -> float:
    """Factor (1 + 10 p)^-0.75 of the learning rate, p in [0, 1] the share of the training that is over."""
    return float((1 + 10 * progress) ** -0.75)


def balanced_batches(data: ResidentData, batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end that hold `batch_size` samples of every group, sorted by group.

    Parameters
    ----------
    data : ResidentData
        Its groups all have samples.
    batch_size : int
        Samples a group. A group with fewer than that is repeated within a batch.
    rng : numpy Generator
        Decides the order. Every group is gone through in shuffled rounds, and no sample is left out of a round.

    Yields
    ------
    Batch
    """
    streams = [_rounds(np.flatnonzero(data.groups == group), batch_size, rng) for group in range(data.n_groups)]
    sizes = [batch_size] * data.n_groups
    for parts in zip(*streams, strict=True):
        yield Batch(torch.from_numpy(np.concatenate(parts)).to(data.hardware.device), sizes)


def _rounds(members: NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    waiting = members[:0]
    while True:
        while len(waiting) < size:
            waiting = np.concatenate([waiting, rng.permutation(members)])
        yield waiting[:size]
        waiting = waiting[size:]
