"""Deep embedded clustering: encoder and centres follow a target that their own soft assignments set.

Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016; where the paper leaves a
step open the official code decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import InvalidInputError

from .student import clustering_loss, log_assignment, target_distribution
from .training import Batch, ResidentData, train_pass

__all__ = ["Outcome", "Schedule", "StudentClusters", "self_train"]

# Rows whose distances to all centres are held at once.
ASSIGN_CHUNK = 4096


@dataclass(frozen=True)
class Schedule:
    """When the target is refreshed and when training ends.

    Parameters
    ----------
    update_interval : int
        Iterations between two refreshes of the target.
    tol : float
        Training ends when less than this share of the labels changed between two refreshes.
    max_iter : int
        Most iterations; 0 leaves encoder and centres as they are.
    batch_size : int
        Samples an iteration.
    """

    update_interval: int
    tol: float
    max_iter: int
    batch_size: int


@dataclass(frozen=True)
class Outcome:
    """How a self-training ended.

    Parameters
    ----------
    n_iter : int
        Iterations that were made.
    stopped : {"tol", "max_iter"}
        Whether labels settled, or iterations ran out.
    """

    n_iter: int
    stopped: Literal["tol", "max_iter"]


class StudentClusters(nn.Module):
    """An encoder and cluster centres, both trained.

    Parameters
    ----------
    encoder : Module
        (B, ...) to (B, d).
    centres : Tensor of shape (K, d)
        Initial centres.
    alpha : float
        Degrees of freedom of the soft assignment.
    """

    def __init__(self, encoder: nn.Module, centres: Tensor, alpha: float = 1.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.centres = nn.Parameter(centres.clone())
        self.alpha = alpha

    def batch_terms(self, data: ResidentData, target: Tensor, batch: Batch) -> dict[str, Tensor]:
        """:meth:`terms` of a batch; `target` holds the rows of all samples."""
        with data.hardware.autocast():
            embedding = self.encoder(data.samples[batch.index])
        return self.terms(embedding.float(), target[batch.index], batch)

    def terms(self, embedding: Tensor, target: Tensor, batch: Batch) -> dict[str, Tensor]:
        """KL(P‖Q) of Eq. 2, as ``loss`` and ``kl``, on the embeddings (B, d) of a batch and their target (B, K)."""
        divergence = clustering_loss(target, log_assignment(embedding, self.centres, self.alpha))
        return {"loss": divergence, "kl": divergence}

    def assign(self, data: ResidentData) -> Tensor:
        """Soft assignments (n, K) of all samples in their order; leaves the encoder in evaluation mode.

        Called whenever the target is refreshed.

        Raises
        ------
        InvalidInputError
            If they are no numbers.
        """
        return self.assign_embedded(data.embed(self.encoder))

    def assign_embedded(self, embedding: Tensor) -> Tensor:
        """Soft assignments (n, K) of the embeddings (n, d) of all samples.

        Raises
        ------
        InvalidInputError
            If they are no numbers.
        """
        with torch.no_grad():
            parts = [log_assignment(chunk, self.centres, self.alpha) for chunk in torch.split(embedding, ASSIGN_CHUNK)]
        soft = torch.cat(parts).exp()
        if not torch.isfinite(soft).all():
            raise InvalidInputError("the soft assignments became NaN: training diverged; lower learning_rate")
        return soft


def self_train(
    model: StudentClusters,
    data: ResidentData,
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    *,
    rng: np.random.Generator,
    log: Callable[..., None],
) -> Outcome:
    """Minimise KL(P‖Q) against a target P over all samples that stays fixed between two refreshes.

    The encoder trains in evaluation mode: with batch statistics, the assignment of a sample would depend on its
    batch and differ from the one its target was made of.

    Parameters
    ----------
    model : StudentClusters
        On the device of `data`.
    data : ResidentData
        Samples.
    optimiser : Optimizer
        Holds the parameters of `model`.
    schedule : Schedule
        Refreshes and end.
    rng : numpy Generator
        Order of the samples.
    log : callable
        Told ``(round, loss=..., kl=..., changed=..., iteration=...)`` at every refresh after the first target: means
        of the loss since the one before, and the share of the labels that changed since.

    Returns
    -------
    Outcome

    Raises
    ------
    InvalidInputError
        If training diverges.
    """
    batches = _endless_batches(data, schedule.batch_size, rng)
    soft = model.assign(data)
    labels = soft.argmax(1)
    done = completed = 0
    while done < schedule.max_iter:
        terms_of = partial(model.batch_terms, data, target_distribution(soft))
        steps = min(schedule.update_interval, schedule.max_iter - done)
        terms = train_pass(islice(batches, steps), optimiser, terms_of)
        done += steps
        soft = model.assign(data)
        previous, labels = labels, soft.argmax(1)
        changed = (labels != previous).double().mean().item()
        log(completed, **terms, changed=changed, iteration=done)
        completed += 1
        if changed < schedule.tol:
            return Outcome(done, "tol")
    return Outcome(done, "max_iter")


def _endless_batches(data: ResidentData, batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    while True:
        yield from data.batches(batch_size, rng)
